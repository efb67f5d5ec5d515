//! What a filter, an order and a page mean for runs, experiments and logged models.
//!
//! Pure: every backend that holds its rows as values searches through here, so they agree.

mod order;
mod vocabulary;

pub(crate) use order::{Order, page};
pub use vocabulary::{EXPERIMENTS, LOGGED_MODELS, RUNS};

use crate::entity::{Experiment, LoggedModel, Metric, Run, RunInfo, Tag, ViewType};
use crate::{Error, ExperimentId, Result};
use mlctl_filter::{Entity, Expr, Facts, Field, OrderBy, Scalar, Values};
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

    /// Lists what the filter and the order look at.
    #[cfg(feature = "file")]
    pub(crate) fn fields(&self) -> impl Iterator<Item = &Field> {
        self.filter.iter().flat_map(Expr::fields).chain(self.order.fields())
    }
}

impl RunQuery {
    pub(crate) fn compile(&self) -> Result<Compiled> {
        check_max_results(self.max_results)?;
        Ok(Compiled {
            filter: mlctl_filter::parse(&self.filter, &RUNS)?,
            order: Order::new(parse_order(&self.order_by, &RUNS)?),
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
            order: Order::new(parse_order(&self.order_by, &EXPERIMENTS)?),
            scope: format!("experiments {:?} {:?} {:?}", self.filter, self.view, self.order_by),
        })
    }
}

impl LoggedModelQuery {
    pub(crate) fn compile(&self) -> Result<Compiled> {
        check_max_results(self.max_results)?;
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
                    return Err(Error::invalid("order_by field_name", &self.field_name, rule));
                }
            },
        };
        Ok(OrderBy { field, ascending: self.ascending })
    }
}

impl DatasetScope {
    fn has(&self, metric: &Metric) -> bool {
        metric.dataset_name.as_deref() == Some(&self.dataset_name)
            && (self.dataset_digest.is_none() || self.dataset_digest == metric.dataset_digest)
    }
}

fn parse_order(clauses: &[String], vocabulary: &mlctl_filter::Vocabulary) -> Result<Vec<OrderBy>> {
    clauses
        .iter()
        .map(|clause| mlctl_filter::parse_order_by(clause, vocabulary).map_err(Error::from))
        .collect()
}

pub(crate) fn check_max_results(rows: usize) -> Result<()> {
    if (1..=limits::PAGE_ROWS_MAX).contains(&rows) {
        return Ok(());
    }
    Err(Error::invalid("max_results", &rows.to_string(), "it must be from 1 to 50000"))
}

/// Looks up a run's attribute.
pub(crate) fn run_attribute<'a>(info: &'a RunInfo, key: &str) -> Values<'a> {
    match key {
        "run_id" => one(info.run_id.as_str()),
        "run_name" => one(&info.run_name),
        "experiment_id" => one(info.experiment_id.as_str()),
        "status" => one(info.status.as_str()),
        "artifact_uri" => one(&info.artifact_uri),
        "user_id" => one(&info.user_id),
        "start_time" => Values::One(Scalar::Number(info.start_time as f64)),
        "end_time" => info.end_time.map_or(Values::None, |t| Values::One(Scalar::Number(t as f64))),
        _ => Values::None,
    }
}

fn one(text: &str) -> Values<'_> {
    Values::One(Scalar::Text(text))
}

fn maybe(text: Option<&str>) -> Values<'_> {
    text.map_or(Values::None, one)
}

fn tag<'a>(tags: &'a [Tag], key: &str) -> Values<'a> {
    maybe(tags.iter().find(|tag| tag.key.as_str() == key).map(|tag| tag.value.as_str()))
}

impl Facts for Run {
    fn values<'a>(&'a self, field: &Field) -> Values<'a> {
        let key = field.key.as_str();
        match field.entity {
            Entity::Attribute => run_attribute(&self.info, key),
            Entity::Tag => tag(&self.data.tags, key),
            Entity::Param => {
                let param = self.data.params.iter().find(|param| param.key.as_str() == key);
                maybe(param.map(|param| param.value.as_str()))
            }
            Entity::Metric => {
                let metric = self.data.metrics.iter().find(|metric| metric.key.as_str() == key);
                metric.map_or(Values::None, |metric| Values::One(Scalar::Number(metric.value)))
            }
            Entity::Dataset => dataset_values(&self.inputs, key),
        }
    }
}

/// Collects one attribute of all the datasets that a run used.
pub(crate) fn dataset_values<'a>(inputs: &'a crate::entity::RunInputs, key: &str) -> Values<'a> {
    let of_input = |input: &'a crate::entity::DatasetInput| match key {
        "name" => Some(input.dataset.name.as_str()),
        "digest" => Some(input.dataset.digest.as_str()),
        "context" => input
            .tags
            .iter()
            .find(|tag| tag.key.as_str() == "mlflow.data.context")
            .map(|tag| tag.value.as_str()),
        _ => None,
    };
    Values::Many(inputs.dataset_inputs.iter().filter_map(of_input).map(Scalar::Text).collect())
}

impl Facts for Experiment {
    fn values<'a>(&'a self, field: &Field) -> Values<'a> {
        let key = field.key.as_str();
        match (field.entity, key) {
            (Entity::Tag, _) => tag(&self.tags, key),
            (_, "name") => one(&self.name),
            (_, "experiment_id") => one(self.experiment_id.as_str()),
            (_, "creation_time") => Values::One(Scalar::Number(self.creation_time as f64)),
            (_, "last_update_time") => Values::One(Scalar::Number(self.last_update_time as f64)),
            _ => Values::None,
        }
    }
}

/// A logged model seen through the datasets that a search names.
pub(crate) struct ScopedModel<'a> {
    pub(crate) model: &'a LoggedModel,
    pub(crate) datasets: &'a [DatasetScope],
}

impl Facts for ScopedModel<'_> {
    fn values<'a>(&'a self, field: &Field) -> Values<'a> {
        let key = field.key.as_str();
        let model = self.model;
        match (field.entity, key) {
            (Entity::Tag, _) => tag(&model.tags, key),
            (Entity::Param, _) => {
                let param = model.params.iter().find(|param| param.key.as_str() == key);
                maybe(param.map(|param| param.value.as_str()))
            }
            (Entity::Metric, _) => {
                let metric = model.metrics.iter().find(|metric| {
                    let in_scope =
                        self.datasets.is_empty() || self.datasets.iter().any(|set| set.has(metric));
                    metric.key.as_str() == key && in_scope
                });
                metric.map_or(Values::None, |metric| Values::One(Scalar::Number(metric.value)))
            }
            (_, "name") => one(&model.name),
            (_, "model_id") => one(model.model_id.as_str()),
            (_, "model_type") => maybe(model.model_type.as_deref()),
            (_, "status") => one(model.status.as_str()),
            (_, "source_run_id") => maybe(model.source_run_id.as_ref().map(crate::RunId::as_str)),
            (_, "creation_timestamp") => {
                Values::One(Scalar::Number(model.creation_timestamp as f64))
            }
            (_, "last_updated_timestamp") => {
                Values::One(Scalar::Number(model.last_updated_timestamp as f64))
            }
            _ => Values::None,
        }
    }
}

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
    let order_scope: Vec<DatasetScope> =
        query.order_by.iter().filter_map(|clause| clause.dataset.clone()).collect();
    let rows = models
        .filter(|model| {
            let scoped = ScopedModel { model, datasets: &query.datasets };
            query.admits_datasets(model, &compiled) && compiled.admits(&scoped)
        })
        .map(|model| {
            let scoped = ScopedModel { model: &model, datasets: &order_scope };
            let key =
                compiled.order.key(&scoped, model.creation_timestamp, model.model_id.as_str());
            (key, model)
        })
        .collect();
    page(rows, &compiled, query.max_results, query.page_token.as_deref())
}
