//! What clients hand to the fields of the query.

use super::scalar::Long;
use juniper::{GraphQLEnum, GraphQLInputObject};

/// Declares the inputs: everything may be left out.
macro_rules! inputs {
    ($($name:ident as $graphql:literal { $($field:ident: $type:ty,)* })*) => {
        $(
            #[derive(Clone, Debug, GraphQLInputObject)]
            #[graphql(name = $graphql)]
            pub(super) struct $name {
                $(pub(super) $field: Option<$type>,)*
            }
        )*
    };
}

inputs! {
    GetExperiment as "MlflowGetExperimentInput" { experiment_id: String, }
    GetRun as "MlflowGetRunInput" { run_id: String, run_uuid: String, }
    SearchRuns as "MlflowSearchRunsInput" {
        experiment_ids: Vec<Option<String>>,
        filter: String,
        run_view_type: ViewType,
        max_results: i32,
        order_by: Vec<Option<String>>,
        page_token: String,
    }
    MetricHistory as "MlflowGetMetricHistoryBulkIntervalInput" {
        run_ids: Vec<Option<String>>,
        metric_key: String,
        start_step: i32,
        end_step: i32,
        max_results: i32,
    }
    ListArtifacts as "MlflowListArtifactsInput" {
        run_id: String,
        run_uuid: String,
        path: String,
        page_token: String,
    }
    SearchModelVersions as "MlflowSearchModelVersionsInput" {
        filter: String,
        max_results: Long,
        order_by: Vec<Option<String>>,
        page_token: String,
    }
    SearchDatasets as "MlflowSearchDatasetsInput" { experiment_ids: Vec<Option<String>>, }
}

#[derive(Clone, Copy, Debug, GraphQLEnum)]
#[graphql(name = "MlflowViewType")]
pub(super) enum ViewType {
    ActiveOnly,
    DeletedOnly,
    All,
}
