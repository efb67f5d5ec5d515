//! What a search asks for, and its check against what the searched things know.

use super::order::Order;
use super::vocabulary::{EXPERIMENTS, LOGGED_MODELS, RUNS};
use crate::entity::{LoggedModel, Metric, ViewType};
use crate::{Error, ExperimentId, Result};
use mlctl_filter::{Entity, Expr, Facts, Field, OrderBy};
use mlctl_wire::limits;

/// A part of a result, and where the next part starts.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// What to ask for the next rows with; `None` at the end.
    pub next_page_token: Option<String>,
}

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

/// A filter and an order, checked.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) filter: Option<Expr>,
    pub(crate) order: Order,
    /// What a page token is bound to.
    pub(crate) scope: String,
}

impl Compiled {
    /// Tells whether the filter lets `facts` pass.
    pub(crate) fn admits(&self, facts: &impl Facts) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.matches(facts))
    }

    /// Parts the filter into tests that must all hold.
    #[cfg(feature = "file")]
    pub(crate) fn conjuncts(&self) -> Vec<&Expr> {
        match &self.filter {
            Some(Expr::And(tests)) => tests.iter().collect(),
            other => other.iter().collect(),
        }
    }

    /// Lists what the filter and the order look at.
    #[cfg(any(feature = "file", feature = "sqlite"))]
    pub(crate) fn fields(&self) -> impl Iterator<Item = &Field> {
        self.filter.iter().flat_map(Expr::fields).chain(self.order.fields())
    }
}

impl RunQuery {
    pub(crate) fn compile(&self) -> Result<Compiled> {
        check_max_results(self.max_results)?;
        check_experiments(&self.experiment_ids)?;
        Ok(Compiled {
            filter: mlctl_filter::parse(&self.filter, &RUNS)?,
            order: Order::new(mlctl_filter::parse_order(&self.order_by, &RUNS)?),
            scope: format!(
                "runs {:?} {:?} {:?} {:?}",
                self.experiment_ids, self.filter, self.view, self.order_by
            ),
        })
    }
}

impl ExperimentQuery {
    pub(crate) fn compile(&self) -> Result<Compiled> {
        check_max_results(self.max_results)?;
        Ok(Compiled {
            filter: mlctl_filter::parse(&self.filter, &EXPERIMENTS)?,
            order: Order::new(mlctl_filter::parse_order(&self.order_by, &EXPERIMENTS)?),
            scope: format!("experiments {:?} {:?} {:?}", self.filter, self.view, self.order_by),
        })
    }
}

impl LoggedModelQuery {
    pub(crate) fn compile(&self) -> Result<Compiled> {
        check_max_results(self.max_results)?;
        check_experiments(&self.experiment_ids)?;
        check_clauses("order_by", self.order_by.len())?;
        check_clauses("datasets", self.datasets.len())?;
        let clauses = self.order_by.iter().map(LoggedModelOrder::clause).collect::<Result<_>>()?;
        Ok(Compiled {
            filter: mlctl_filter::parse(&self.filter, &LOGGED_MODELS)?,
            order: Order::new(clauses),
            scope: format!(
                "models {:?} {:?} {:?} {:?}",
                self.experiment_ids, self.filter, self.datasets, self.order_by
            ),
        })
    }

    /// Tells whether a model has a metric that the named datasets ask for.
    ///
    /// As in MLflow, naming datasets without filtering by a metric finds the models that were
    /// measured on one of them.
    pub(crate) fn admits_datasets(&self, model: &LoggedModel, compiled: &Compiled) -> bool {
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
    Err(Error::invalid(what, &format!("{count} entries"), "one search takes 100 at most"))
}

fn check_experiments(ids: &[ExperimentId]) -> Result<()> {
    if ids.len() <= limits::SEARCH_EXPERIMENTS_MAX {
        return Ok(());
    }
    let count = format!("{} experiments", ids.len());
    Err(Error::invalid("experiment_ids", &count, "one search takes 32766 experiments at most"))
}

pub(crate) fn check_max_results(rows: usize) -> Result<()> {
    if (1..=limits::PAGE_ROWS_MAX).contains(&rows) {
        return Ok(());
    }
    Err(Error::PageRows {
        rows: i64::try_from(rows).unwrap_or(i64::MAX),
        max: limits::PAGE_ROWS_MAX,
    })
}
