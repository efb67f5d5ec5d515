//! What a filter, an order and a page mean for runs, experiments and logged models.
//!
//! Pure: every backend that holds its rows as values searches through here, so they agree.

mod facts;
mod order;
mod query;
mod vocabulary;

#[cfg(feature = "file")]
pub(crate) use facts::{dataset_values, run_attribute};
pub(crate) use order::page;
#[cfg(feature = "sqlite")]
pub(crate) use order::{After, RowKey, Rows, SortKey, is_experiment_id};
pub(crate) use query::Compiled;
pub use query::{
    DatasetScope, ExperimentQuery, LoggedModelOrder, LoggedModelQuery, Page, RunQuery,
};
pub use vocabulary::{EXPERIMENTS, LOGGED_MODELS, RUNS};

use crate::Result;
use crate::entity::{Experiment, LoggedModel, Run};
use facts::ScopedModel;

/// Filters, orders and cuts runs that are held in memory.
pub(crate) fn select_runs(query: &RunQuery, runs: impl Iterator<Item = Run>) -> Result<Page<Run>> {
    let compiled = query.compile()?;
    let rows = runs
        .filter(|run| query.view.shows(run.info.lifecycle_stage) && compiled.admits(run))
        .map(|run| (compiled.order.key(&run, run.info.start_time, run.info.run_id.as_str()), run))
        .collect();
    page(rows, &compiled, query.max_results, query.page_token.as_deref())
}

/// Filters, orders and cuts experiments that are held in memory.
pub(crate) fn select_experiments(
    query: &ExperimentQuery,
    experiments: impl Iterator<Item = Experiment>,
) -> Result<Page<Experiment>> {
    let compiled = query.compile()?;
    let rows = experiments
        .filter(|one| query.view.shows(one.lifecycle_stage) && compiled.admits(one))
        .map(|one| (compiled.order.key(&one, one.creation_time, one.experiment_id.as_str()), one))
        .collect();
    page(rows, &compiled, query.max_results, query.page_token.as_deref())
}

/// Filters, orders and cuts logged models that are held in memory.
pub(crate) fn select_models(
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
            (compiled.order.key_by(scoped, time, id), model)
        })
        .collect();
    page(rows, &compiled, query.max_results, query.page_token.as_deref())
}
