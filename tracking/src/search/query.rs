//! What a search asks for, and its check against what the searched things know.

use super::vocabulary::{EXPERIMENTS, LOGGED_MODELS, RUNS};
use crate::entity::{LoggedModel, Metric, Run, ViewType};
use crate::{Error, ExperimentId, Result};
use mlctl_filter::{Entity, Expr, Field, OrderBy};
use mlctl_search::{Compiled, Order};
use mlctl_wire::limits;

/// Which runs to find.
#[derive(Clone, Debug)]
pub struct RunQuery {
    /// In which experiments; none finds nothing.
    pub experiment_ids: Vec<ExperimentId>,
    /// A filter such as `metrics.rmse < 1`; empty finds all.
    pub filter: String,
    /// Whether deleted runs are shown.
    pub view: ViewType,
    /// Clauses such as `metrics.rmse DESC`; then by start time, newest first, and id.
    pub order_by: Vec<String>,
    /// How many runs at most.
    pub max_results: usize,
    /// Where to go on, from the page before.
    pub page_token: Option<String>,
}

impl RunQuery {
    /// Asks for the active runs of some experiments, the newest first.
    pub fn of(experiment_ids: Vec<ExperimentId>) -> Self {
        Self {
            experiment_ids,
            filter: String::new(),
            view: ViewType::ActiveOnly,
            order_by: Vec::new(),
            max_results: limits::PAGE_ROWS_DEFAULT,
            page_token: None,
        }
    }
}

/// Which experiments to find.
#[derive(Clone, Debug)]
pub struct ExperimentQuery {
    /// A filter such as `name LIKE 'a%'`; empty finds all.
    pub filter: String,
    /// Whether deleted experiments are shown.
    pub view: ViewType,
    /// Clauses such as `name ASC`; then by creation time, newest first, and id.
    pub order_by: Vec<String>,
    /// How many experiments at most.
    pub max_results: usize,
    /// Where to go on, from the page before.
    pub page_token: Option<String>,
}

impl Default for ExperimentQuery {
    /// Asks for the active experiments, the newest first.
    fn default() -> Self {
        Self {
            filter: String::new(),
            view: ViewType::ActiveOnly,
            order_by: Vec::new(),
            max_results: limits::PAGE_ROWS_DEFAULT,
            page_token: None,
        }
    }
}

/// Which logged models to find.
#[derive(Clone, Debug)]
pub struct LoggedModelQuery {
    /// In which experiments.
    pub experiment_ids: Vec<ExperimentId>,
    /// A filter such as `name = 'm' AND metrics.rmse < 1`; empty finds all.
    pub filter: String,
    /// The datasets whose metrics the filter looks at; none means any metric.
    pub datasets: Vec<DatasetScope>,
    /// How to order; then by creation time, newest first, and id.
    pub order_by: Vec<LoggedModelOrder>,
    /// How many models at most.
    pub max_results: usize,
    /// Where to go on, from the page before.
    pub page_token: Option<String>,
}

/// A dataset by name and, when given, digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetScope {
    /// The dataset's name.
    pub dataset_name: String,
    /// The dataset's digest.
    pub dataset_digest: Option<String>,
}

/// One clause of the order of logged models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedModelOrder {
    /// An attribute, or `metrics.KEY`.
    pub field_name: String,
    /// Whether small comes first.
    pub ascending: bool,
    /// Looks only at metrics on this dataset.
    pub dataset: Option<DatasetScope>,
}

impl RunQuery {
    /// Checks the search.
    ///
    /// # Errors
    /// What is wrong with the filter, the order or the number of rows.
    pub fn compile(&self) -> Result<Compiled> {
        check_max_results(self.max_results)?;
        check_experiments(&self.experiment_ids)?;
        let Self { experiment_ids, filter, view, order_by, .. } = self;
        let scope = format!("runs {experiment_ids:?} {filter:?} {view:?} {order_by:?}");
        Ok(Compiled::parse(filter, order_by, &RUNS, scope)?)
    }

    /// Checks the search like [`Self::compile`], for pages of roots: tokens of the one are refused
    /// by the other.
    ///
    /// # Errors
    /// Those of [`Self::compile`].
    pub fn compile_roots(&self) -> Result<Compiled> {
        let compiled = self.compile()?;
        let Self { experiment_ids, filter, view, order_by, .. } = self;
        let scope = format!("roots {experiment_ids:?} {filter:?} {view:?} {order_by:?}");
        Ok(Compiled::new(compiled.filter, compiled.order, scope))
    }

    /// Tells whether a run is one that the search finds; `compiled` is this query's.
    pub fn admits(&self, run: &Run, compiled: &Compiled) -> bool {
        self.experiment_ids.contains(&run.info.experiment_id)
            && self.view.shows(run.info.lifecycle_stage)
            && compiled.admits(run)
    }
}

impl ExperimentQuery {
    /// Checks the search.
    ///
    /// # Errors
    /// What is wrong with the filter, the order or the number of rows.
    pub fn compile(&self) -> Result<Compiled> {
        check_max_results(self.max_results)?;
        let Self { filter, view, order_by, .. } = self;
        let scope = format!("experiments {filter:?} {view:?} {order_by:?}");
        Ok(Compiled::parse(filter, order_by, &EXPERIMENTS, scope)?)
    }
}

impl LoggedModelQuery {
    /// Checks the search.
    ///
    /// # Errors
    /// What is wrong with the filter, the order, the datasets or the number of rows.
    pub fn compile(&self) -> Result<Compiled> {
        check_max_results(self.max_results)?;
        check_experiments(&self.experiment_ids)?;
        check_clauses("order_by", self.order_by.len())?;
        check_clauses("datasets", self.datasets.len())?;
        let clauses = self.order_by.iter().map(LoggedModelOrder::clause).collect::<Result<_>>()?;
        let Self { experiment_ids, filter, datasets, order_by, .. } = self;
        let scope = format!("models {experiment_ids:?} {filter:?} {datasets:?} {order_by:?}");
        let filter = mlctl_filter::parse(filter, &LOGGED_MODELS)?;
        Ok(Compiled::new(filter, Order::new(clauses), scope))
    }

    /// Tells whether a model has a metric that the named datasets ask for.
    ///
    /// As in MLflow, naming datasets without filtering by a metric finds the models that were
    /// measured on one of them.
    pub(super) fn admits_datasets(&self, model: &LoggedModel, compiled: &Compiled) -> bool {
        let filters_metrics =
            compiled.filter.iter().flat_map(Expr::fields).any(|f| f.entity == Entity::Metric);
        self.datasets.is_empty()
            || filters_metrics
            || model.metrics.iter().any(|metric| self.datasets.iter().any(|set| set.has(metric)))
    }
}

impl LoggedModelOrder {
    /// Reads the field: `metrics.KEY` with the key as it stands, or an attribute.
    fn clause(&self) -> Result<OrderBy> {
        let field = match self.field_name.split_once('.') {
            Some(("metrics", key)) => Field::new(Entity::Metric, key),
            _ => match LOGGED_MODELS.attribute(self.field_name.trim()) {
                Some(attribute) => Field::new(Entity::Attribute, attribute.name),
                None => {
                    let rule = "it must be an attribute such as name, or metrics.KEY";
                    let phrase =
                        format!("Invalid order by field name: {}. {rule}", self.field_name);
                    let what = "order_by field_name";
                    return Err(Error::invalid_as(phrase, what, &self.field_name, rule));
                }
            },
        };
        Ok(OrderBy { field, ascending: self.ascending })
    }
}

impl DatasetScope {
    pub(super) fn has(&self, metric: &Metric) -> bool {
        metric.dataset_name.as_deref() == Some(&self.dataset_name)
            && (self.dataset_digest.is_none() || self.dataset_digest == metric.dataset_digest)
    }
}

/// Each clause, and each dataset, is looked at for every model.
fn check_clauses(what: &'static str, count: usize) -> Result<()> {
    if count <= mlctl_filter::ORDER_CLAUSES_MAX {
        return Ok(());
    }
    Err(Error::invalid(what, &format!("{count} entries"), "a search can have at most 100"))
}

fn check_experiments(ids: &[ExperimentId]) -> Result<()> {
    if ids.len() <= limits::SEARCH_EXPERIMENTS_MAX {
        return Ok(());
    }
    let count = format!("{} experiments", ids.len());
    Err(Error::invalid("experiment_ids", &count, "a search can have at most 32766 experiments"))
}

fn check_max_results(rows: usize) -> Result<()> {
    if (1..=limits::PAGE_ROWS_MAX).contains(&rows) {
        return Ok(());
    }
    Err(Error::PageRows {
        rows: i64::try_from(rows).unwrap_or(i64::MAX),
        max: limits::PAGE_ROWS_MAX,
    })
}
