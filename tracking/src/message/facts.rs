//! Requests and answers about facts of many runs, which only mlctl's servers know.

use super::is_absent;
use crate::facts::RunCounts;
use crate::field::{self, EnumValue};
use crate::{ExperimentId, Key};
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
}

/// Numbers of runs.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct CountsAnswer {
    pub(crate) total: u64,
    pub(crate) counts: RunCounts,
}
