//! What every backend must do, as tests that a backend's own file runs with
//! [`conformance_tests!`](crate::conformance_tests).
//!
//! A case gets an empty store: only the experiment `Default` is there.

#![expect(clippy::unwrap_used, reason = "a case fails by its panic")]

mod datasets;
mod experiments;
mod facts;
mod groups;
mod metrics;
mod models;
mod purges;
mod runs;
mod searches;
mod series;
mod trees;

pub use datasets::*;
pub use experiments::*;
pub use facts::*;
pub use groups::*;
pub use metrics::*;
pub use models::*;
pub use purges::*;
pub use runs::*;
pub use searches::*;
pub use series::*;
pub use trees::*;

use super::{Batch, NewExperiment, NewRun, TrackingStore};
use crate::entity::{Metric, Param, Run, Tag};
use crate::{ExperimentId, ExperimentName, Key};

/// Runs the suite on a backend.
///
/// The expression makes a pair: an empty store, and whatever must live as long as it.
#[macro_export]
macro_rules! conformance_tests {
    ($make:expr) => {
        $crate::conformance_tests!($make;
            experiments_are_found_by_id_and_name,
            a_location_with_control_characters_or_of_any_length_is_refused,
            a_name_is_taken_once_even_by_a_deleted_experiment,
            a_name_in_another_spelling_is_the_same,
            a_renamed_experiment_has_only_the_new_name,
            deleting_an_experiment_deletes_its_runs_and_restoring_brings_them_back,
            an_experiment_is_deleted_once_and_restored_once,
            the_default_experiment_is_deleted_like_any_other,
            experiment_tags_are_set_changed_and_removed,
            a_deleted_experiment_takes_no_run_and_no_tag,
            unknown_experiments_are_named,
            a_new_run_has_a_name_and_the_tag_for_it,
            a_name_and_a_tag_that_differ_are_refused,
            an_update_changes_only_what_it_names,
            the_name_tag_renames_the_run,
            a_deleted_run_is_readable_but_not_writable,
            unknown_runs_are_named,
            tags_are_set_changed_and_removed,
            odd_names_and_values_come_back_unchanged,
            datasets_and_models_are_noted_once,
            datasets_are_found_by_experiment,
            a_dataset_has_limits,
            models_are_noted_in_a_tag,
            a_batch_is_logged_whole,
            a_batch_with_one_bad_part_logs_nothing,
            a_param_keeps_its_value,
            long_values_are_cut_as_in_mlflow,
            a_batch_over_the_limit_is_refused,
            nan_and_the_infinities_are_kept,
            the_latest_metric_is_the_one_of_the_highest_step,
            history_is_in_the_order_of_time,
            history_comes_in_pages,
            a_sample_of_the_history_is_even_and_keeps_the_ends,
            an_unknown_metric_has_no_history,
            runs_are_found_by_what_they_logged,
            runs_are_ordered_with_nan_and_missing_last,
            pages_cover_every_run_once,
            a_token_of_another_query_is_refused,
            the_view_hides_deleted_runs,
            a_bad_filter_points_at_the_column,
            experiments_are_found_and_ordered,
            what_is_found_is_whole,
            max_results_has_limits,
            what_a_search_may_ask_for_has_limits,
            runs_are_counted_by_state,
            keys_tell_whether_runs_differ,
            keys_are_searched_and_cut,
            values_of_a_key_are_counted,
            groups_sum_up_their_metrics,
            groups_are_ordered_and_paged,
            runs_are_grouped_by_what_they_are_and_used,
            odd_groupings_are_refused,
            children_are_counted_by_state,
            roots_have_no_parent_that_is_found,
            experiments_tell_what_goes_on_in_them,
            a_model_is_made_finished_and_read_back,
            model_params_and_tags_are_kept,
            versions_that_are_noted_at_once_are_all_kept,
            a_model_param_may_have_a_long_name,
            a_metric_with_a_model_belongs_to_both,
            models_without_a_type_are_found_by_what_they_are_not,
            models_are_ordered_by_a_metric_on_each_dataset,
            models_are_ordered_by_the_latest_point,
            a_deleted_model_is_gone,
            models_are_found_by_run_and_name,
            a_model_that_is_found_is_whole,
            unknown_models_are_named,
            artifacts_of_a_run_are_written_and_read,
            a_series_keeps_every_extreme,
            a_series_without_points_is_empty,
        );
    };
    ($make:expr; $($case:ident),* $(,)?) => {
        $(
            #[test]
            fn $case() {
                let (store, _guard) = $make;
                $crate::store::conformance::$case(&store);
            }
        )*
    };
}

/// Runs the part of the suite about deleting for good, which a store behind a server cannot do.
///
/// The expression is that of [`conformance_tests!`](crate::conformance_tests).
#[macro_export]
macro_rules! purge_conformance_tests {
    ($make:expr) => {
        $crate::conformance_tests!($make;
            what_is_deleted_is_listed_by_age,
            what_is_active_is_not_purged,
            a_purged_run_is_gone_with_what_it_logged,
            a_purged_model_is_gone,
            a_purged_experiment_takes_everything_along,
        );
    };
}

fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

fn tag(name: &str, value: &str) -> Tag {
    Tag::new(key(name), value)
}

fn param(name: &str, value: &str) -> Param {
    Param::new(key(name), value)
}

fn point(name: &str, value: f64, step: i64) -> Metric {
    Metric::new(key(name), value, 1_700_000_000_000 + step, step)
}

fn metrics(points: &[(&str, f64)]) -> Batch {
    Batch { metrics: points.iter().map(|(k, v)| point(k, *v, 0)).collect(), ..Batch::default() }
}

fn params(pairs: &[(&str, &str)]) -> Batch {
    Batch { params: pairs.iter().map(|(k, v)| param(k, v)).collect(), ..Batch::default() }
}

fn tags(pairs: &[(&str, &str)]) -> Batch {
    Batch { tags: pairs.iter().map(|(k, v)| tag(k, v)).collect(), ..Batch::default() }
}

fn default_experiment() -> ExperimentId {
    ExperimentId::default_experiment()
}

fn new_run(experiment_id: ExperimentId, start_time: i64) -> NewRun {
    NewRun {
        experiment_id,
        user_id: "ada".to_owned(),
        run_name: None,
        start_time,
        tags: Vec::new(),
    }
}

fn start(store: &dyn TrackingStore) -> Run {
    store.create_run(&new_run(default_experiment(), 1_700_000_000_000)).unwrap()
}

fn experiment(store: &dyn TrackingStore, name: &str) -> ExperimentId {
    let new = NewExperiment {
        name: ExperimentName::parse(name).unwrap(),
        artifact_location: None,
        tags: Vec::new(),
        time: 1_700_000_000_000,
    };
    store.create_experiment(&new).unwrap()
}

/// Checks what went wrong by the code that a client sees, which every backend must keep.
#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: crate::Result<T>, code: &str, part: &str) {
    let error = outcome.expect_err("this must be refused");
    assert_eq!(error.code().as_str(), code, "{error}");
    assert!(error.to_string().contains(part), "`{error}` does not say `{part}`");
}
