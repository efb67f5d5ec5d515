//! What a filter, an order and a page mean for runs, experiments and logged models.
//!
//! Pure: every backend searches through here, so they agree. A backend that holds its rows as
//! values hands them to [`select_runs`], [`select_experiments`] and [`select_logged_models`]. One
//! that can narrow a search by itself compiles the query ([`RunQuery::compile`]), reads what the
//! [`Compiled`] search asks for, and leaves the rest to [`Compiled::admits`], [`row_key`] and
//! [`page`].

mod facts;
mod order;
mod query;
mod vocabulary;

pub use facts::{dataset_values, run_attribute};
pub use mlctl_search::{Compiled, Page};
#[cfg(feature = "sqlite")]
pub(crate) use order::is_experiment_id;
pub use order::{NewestFirst, RowKey, page, row_key};
pub use query::{DatasetScope, ExperimentQuery, LoggedModelOrder, LoggedModelQuery, RunQuery};
pub use vocabulary::{EXPERIMENTS, LOGGED_MODELS, RUNS};

use crate::Result;
use crate::entity::{Experiment, LoggedModel, Run};
use facts::ScopedModel;
use order::row_key_by;

/// Filters, orders and cuts runs that are held in memory, all of them of the experiments that the
/// query names.
///
/// # Errors
/// Those of [`RunQuery::compile`], and [`Error::PageToken`](crate::Error::PageToken).
pub fn select_runs(query: &RunQuery, runs: impl Iterator<Item = Run>) -> Result<Page<Run>> {
    let compiled = query.compile()?;
    let rows = runs
        .filter(|run| query.view.shows(run.info.lifecycle_stage) && compiled.admits(run))
        .map(|run| (row_key(&compiled, &run, run.info.start_time, run.info.run_id.as_str()), run))
        .collect();
    page(rows, &compiled, query.max_results, query.page_token.as_deref())
}

/// Filters, orders and cuts experiments that are held in memory.
///
/// # Errors
/// Those of [`ExperimentQuery::compile`], and [`Error::PageToken`](crate::Error::PageToken).
pub fn select_experiments(
    query: &ExperimentQuery,
    experiments: impl Iterator<Item = Experiment>,
) -> Result<Page<Experiment>> {
    let compiled = query.compile()?;
    let rows = experiments
        .filter(|one| query.view.shows(one.lifecycle_stage) && compiled.admits(one))
        .map(|one| (row_key(&compiled, &one, one.creation_time, one.experiment_id.as_str()), one))
        .collect();
    page(rows, &compiled, query.max_results, query.page_token.as_deref())
}

/// Filters, orders and cuts logged models that are held in memory, all of them of the experiments
/// that the query names.
///
/// # Errors
/// Those of [`LoggedModelQuery::compile`], and [`Error::PageToken`](crate::Error::PageToken).
pub fn select_logged_models(
    query: &LoggedModelQuery,
    models: impl Iterator<Item = LoggedModel>,
) -> Result<Page<LoggedModel>> {
    let compiled = query.compile()?;
    let rows = models
        .filter(|model| {
            let scoped = ScopedModel { model, datasets: &query.datasets };
            query.admits_datasets(model, &compiled) && compiled.admits(&scoped)
        })
        .map(|model| {
            let scoped = |clause: usize| ScopedModel {
                model: &model,
                datasets: query.order_by[clause].dataset.as_slice(),
            };
            let (time, id) = (model.creation_timestamp, model.model_id.as_str());
            (row_key_by(&compiled, scoped, time, id), model)
        })
        .collect();
    page(rows, &compiled, query.max_results, query.page_token.as_deref())
}
