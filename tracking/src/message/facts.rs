//! Requests and answers about facts of many runs, which only mlctl's servers know.

use super::is_absent;
use crate::facts::{ExperimentFacts, GroupKey, GroupMetric, GroupOrder, RunCounts};
use crate::field::{self, EnumValue};
use crate::{ExperimentId, Key, RunId};
use serde::{Deserialize, Serialize};

messages! {
    CountRuns {
        experiment_ids: Vec<ExperimentId>,
        filter: Option<String>,
        run_view_type: Option<EnumValue>,
    }
    RunKeys {
        experiment_ids: Vec<ExperimentId>,
        filter: Option<String>,
        run_view_type: Option<EnumValue>,
        kind: Option<String>,
        contains: Option<String>,
        max_results: Option<i64>,
    }
    KeyValues {
        experiment_ids: Vec<ExperimentId>,
        filter: Option<String>,
        run_view_type: Option<EnumValue>,
        kind: Option<String>,
        key: Option<Key>,
        prefix: Option<String>,
        max_results: Option<i64>,
    }
    GroupRuns {
        experiment_ids: Vec<ExperimentId>,
        filter: Option<String>,
        run_view_type: Option<EnumValue>,
        by: Vec<GroupKey>,
        metrics: Vec<GroupMetric>,
        order_by: Vec<GroupOrder>,
        max_results: Option<i64>,
        page_token: Option<String>,
    }
    ChildStates {
        experiment_ids: Vec<ExperimentId>,
        filter: Option<String>,
        run_view_type: Option<EnumValue>,
        parents: Vec<RunId>,
    }
    ChildStatesAnswer {
        children: Vec<Children>,
    }
    OfExperiments {
        experiment_ids: Vec<ExperimentId>,
        until: Option<i64>,
    }
    ExperimentFactsAnswer {
        experiments: Vec<ExperimentFacts>,
    }
}

/// The children of one run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Children {
    pub(crate) run_id: RunId,
    pub(crate) total: u64,
    pub(crate) counts: RunCounts,
}

/// Numbers of runs.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct CountsAnswer {
    pub(crate) total: u64,
    pub(crate) counts: RunCounts,
}
