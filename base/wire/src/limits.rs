//! How large a request may be.
//!
//! Source: `mlflow/utils/validation.py` of 3.17.2, where a name there is given.

/// Metrics in one `log-batch` (`MAX_METRICS_PER_BATCH`).
pub const METRICS_PER_BATCH_MAX: usize = 1000;
/// Params, and tags, in one `log-batch` (`MAX_PARAMS_TAGS_PER_BATCH`).
pub const PARAMS_TAGS_PER_BATCH_MAX: usize = 100;
/// Metrics, params and tags together in one `log-batch` (`MAX_ENTITIES_PER_BATCH`).
pub const ENTITIES_PER_BATCH_MAX: usize = 1000;
/// Datasets in one `log-inputs` (`MAX_DATASETS_PER_BATCH`).
pub const DATASETS_PER_BATCH_MAX: usize = 1000;
/// Characters of a metric's, param's or tag's key (`MAX_ENTITY_KEY_LENGTH`).
pub const KEY_CHARS_MAX: usize = 250;
/// Bytes of the key of a logged model's param, for which MLflow has no limit.
pub const MODEL_PARAM_KEY_BYTES_MAX: usize = 10_000;
/// Characters of a param's value; a longer one is cut (`MAX_PARAM_VAL_LENGTH`).
pub const PARAM_VALUE_CHARS_MAX: usize = 6000;
/// Characters of a run tag's value; a longer one is cut (`MAX_TAG_VAL_LENGTH`).
pub const TAG_VALUE_CHARS_MAX: usize = 8000;
/// Characters of an experiment tag's value (`MAX_EXPERIMENT_TAG_VAL_LENGTH`).
pub const EXPERIMENT_TAG_VALUE_CHARS_MAX: usize = 20_000;
/// Characters of an experiment's name (`MAX_EXPERIMENT_NAME_LENGTH`).
pub const EXPERIMENT_NAME_CHARS_MAX: usize = 500;
/// Characters of a dataset's name (`MAX_DATASET_NAME_SIZE`).
pub const DATASET_NAME_CHARS_MAX: usize = 500;
/// Characters of a dataset's digest (`MAX_DATASET_DIGEST_SIZE`).
pub const DATASET_DIGEST_CHARS_MAX: usize = 36;
/// Characters of a dataset's source (`MAX_DATASET_SOURCE_SIZE`).
pub const DATASET_SOURCE_CHARS_MAX: usize = 65_535;
/// Characters of a dataset's schema (`MAX_DATASET_SCHEMA_SIZE`).
pub const DATASET_SCHEMA_CHARS_MAX: usize = 1_048_575;
/// Characters of a dataset's profile (`MAX_DATASET_PROFILE_SIZE`).
pub const DATASET_PROFILE_CHARS_MAX: usize = 16_777_215;
/// Characters of the value of a dataset's tag (`MAX_INPUT_TAG_VALUE_SIZE`).
pub const INPUT_TAG_VALUE_CHARS_MAX: usize = 500;
/// Datasets that one search for them shows (`MAX_DATASET_SUMMARIES_RESULTS`).
pub const DATASET_SUMMARIES_MAX: usize = 1000;
/// Experiments in one search for datasets.
pub const DATASET_EXPERIMENTS_MAX: usize = 20;
/// Runs in one request for the history of a metric of several.
pub const HISTORY_RUNS_MAX: usize = 100;
/// Points in the answer to one for all of them.
pub const HISTORY_POINTS_MAX: usize = 25_000;
/// Points of each run in the answer to one for a sample (`MAX_RESULTS_PER_RUN`).
pub const HISTORY_SAMPLE_MAX: usize = 2500;
/// Experiments in one search for runs or logged models: as many as MLflow's statement can name in
/// SQLite.
pub const SEARCH_EXPERIMENTS_MAX: usize = 32_766;
/// Params, and tags, in one request about a logged model; MLflow's client sends 100.
pub const MODEL_PAIRS_MAX: usize = 1000;
/// Rows of one page of a search (`SEARCH_MAX_RESULTS_THRESHOLD`).
pub const PAGE_ROWS_MAX: usize = 50_000;
/// Rows of a page of runs when the request does not say.
pub const PAGE_ROWS_DEFAULT: usize = 1000;
/// Bytes of a JSON body: more than any request of MLflow's own client needs.
pub const JSON_BODY_BYTES_MAX: usize = 64 * 1024 * 1024;
