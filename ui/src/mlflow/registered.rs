//! Searches of the registry, in MLflow's filter language, over the trait of its store.
//!
//! The trait lists models and versions but does not search, so each search here reads the whole
//! registry: right, and quick enough for the pages of a person, but not for a program's calls.

use super::Sources;
use mlctl_filter::{Attribute, Entity, Expr, Facts, Field, Scalar, Values, Vocabulary};
use mlctl_registry::{ModelVersion, PageSize, RegisteredModel, RegistryStore, Tags};
use mlctl_wire::ErrorCode;
use mlctl_wire::page;
use mlctl_wire::rest::Failure;
use std::cmp::Ordering;

/// Marks a model or version as a prompt, which searches leave out unless they ask for it.
const IS_PROMPT: &str = "mlflow.prompt.is_prompt";

const PREFIXES: &[(&str, Entity)] = &[
    ("tags", Entity::Tag),
    ("tag", Entity::Tag),
    ("attributes", Entity::Attribute),
    ("attribute", Entity::Attribute),
    ("attr", Entity::Attribute),
];

/// What a search of registered models knows.
static MODELS: Vocabulary = Vocabulary {
    what: "registered model",
    prefixes: PREFIXES,
    attributes: &[
        Attribute::text("name"),
        Attribute::number("creation_timestamp"),
        Attribute::number("last_updated_timestamp").aliases(&["timestamp"]),
    ],
};

/// What a search of model versions knows.
static VERSIONS: Vocabulary = Vocabulary {
    what: "model version",
    prefixes: PREFIXES,
    attributes: &[
        Attribute::text("name"),
        Attribute::number("version_number"),
        Attribute::text("run_id"),
        Attribute::text("source_path"),
        Attribute::number("creation_timestamp"),
        Attribute::number("last_updated_timestamp"),
    ],
};

/// What to search for.
#[derive(Clone, Debug)]
pub(super) struct Search {
    pub(super) filter: String,
    pub(super) order_by: Vec<String>,
    pub(super) max_results: usize,
    pub(super) page_token: Option<String>,
}

impl Search {
    /// How many versions a page may hold, and holds when nothing is said.
    pub(super) const VERSIONS_MAX: usize = 200_000;
    /// How many models a page may hold.
    pub(super) const MODELS_MAX: usize = 1_000;
    /// How many models a page holds when nothing is said.
    pub(super) const MODELS_DEFAULT: usize = 100;

    /// Asks for everything that `filter` lets through, in MLflow's order.
    pub(super) fn all(filter: String) -> Self {
        let max_results = Self::VERSIONS_MAX;
        Self { filter, order_by: Vec::new(), max_results, page_token: None }
    }

    /// Limits the page to a number of rows from 1 to `max`, given as text.
    pub(super) fn at_most(mut self, rows: &str, max: usize) -> Result<Self, Failure> {
        self.max_results =
            rows.parse().ok().filter(|rows| (1..=max).contains(rows)).ok_or_else(|| {
                invalid(format!("invalid max_results `{rows}`: it must be from 1 to {max}"))
            })?;
        Ok(self)
    }
}

/// A page of what was found.
#[derive(Debug)]
pub(super) struct Found<T> {
    pub(super) items: Vec<T>,
    pub(super) next_page_token: Option<String>,
}

/// Finds versions: by default the last changed first.
pub(super) fn versions(sources: &Sources, search: &Search) -> Result<Found<ModelVersion>, Failure> {
    let default = ["last_updated_timestamp DESC", "name ASC", "version_number DESC"];
    find(search, &VERSIONS, &default, || every_version(sources))
}

/// Finds models: by default by name.
pub(super) fn models(
    sources: &Sources,
    search: &Search,
) -> Result<Found<RegisteredModel>, Failure> {
    find(search, &MODELS, &["name ASC"], || every_model(sources))
}

fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(ErrorCode::InvalidParameterValue, message)
}

/// Spells a failure of the registry; what broke inside is logged and answered plainly.
fn failure(error: &mlctl_registry::Error) -> Failure {
    let code = error.code();
    if code != ErrorCode::InternalError {
        return Failure::new(code, error.to_string());
    }
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    tracing::error!(%error, cause, "a request failed");
    Failure::new(code, "internal error: the server's log says more")
}

fn every_model(sources: &Sources) -> Result<Vec<RegisteredModel>, Failure> {
    let Some(registry) = &sources.registry else { return Ok(Vec::new()) };
    let mut models = Vec::new();
    let mut after = None;
    loop {
        let page =
            registry.list_models(after.as_ref(), PageSize::MAX).map_err(|error| failure(&error))?;
        models.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(models),
        }
    }
}

fn every_version(sources: &Sources) -> Result<Vec<ModelVersion>, Failure> {
    let Some(registry) = &sources.registry else { return Ok(Vec::new()) };
    let mut versions = Vec::new();
    for model in every_model(sources)? {
        versions.extend(versions_of(registry.as_ref(), &model)?);
    }
    Ok(versions)
}

fn versions_of(
    registry: &dyn RegistryStore,
    model: &RegisteredModel,
) -> Result<Vec<ModelVersion>, Failure> {
    let mut versions = Vec::new();
    let mut before = None;
    loop {
        let page = match registry.list_versions(&model.name, before, PageSize::MAX) {
            Ok(page) => page,
            // It was deleted since it was listed.
            Err(mlctl_registry::Error::ModelNotFound(_)) => return Ok(versions),
            Err(error) => return Err(failure(&error)),
        };
        versions.extend(page.items);
        match page.next {
            Some(next) => before = Some(next),
            None => return Ok(versions),
        }
    }
}

fn find<T: Row>(
    search: &Search,
    vocabulary: &Vocabulary,
    default_order: &[&str],
    rows: impl FnOnce() -> Result<Vec<T>, Failure>,
) -> Result<Found<T>, Failure> {
    let filter = mlctl_filter::parse(&search.filter, vocabulary)
        .map_err(|error| invalid(error.to_string()))?;
    let order = search.order_by.iter().map(String::as_str).chain(default_order.iter().copied());
    let order: Vec<_> = order
        .map(|clause| mlctl_filter::parse_order_by(clause, vocabulary))
        .collect::<Result<_, _>>()
        .map_err(|error| invalid(error.to_string()))?;
    let prompts = filter.as_ref().is_some_and(asks_for_prompts);
    let mut items = rows()?;
    items.retain(|item| {
        (prompts || !is_prompt(item))
            && filter.as_ref().is_none_or(|filter| filter.matches(&Seen(item)))
    });
    items.sort_by(|left, right| {
        let by_clause = order.iter().map(|clause| {
            let natural = compare(&left.value(&clause.field), &right.value(&clause.field));
            if clause.ascending { natural } else { natural.reverse() }
        });
        by_clause.fold(Ordering::Equal, Ordering::then)
    });
    cut(search, vocabulary, items)
}

fn cut<T>(
    search: &Search,
    vocabulary: &Vocabulary,
    mut items: Vec<T>,
) -> Result<Found<T>, Failure> {
    let scope = format!("{} {:?} {:?}", vocabulary.what, search.filter, search.order_by);
    let from: usize = match search.page_token.as_deref().filter(|token| !token.is_empty()) {
        None => 0,
        Some(token) => page::open(&scope, token).map_err(|error| invalid(error.to_string()))?,
    };
    let to = from.saturating_add(search.max_results);
    let next_page_token = (to < items.len()).then(|| page::seal(&scope, &to));
    items.truncate(to);
    let items = items.split_off(from.min(items.len()));
    Ok(Found { items, next_page_token })
}

fn compare(left: &Values<'_>, right: &Values<'_>) -> Ordering {
    match (left, right) {
        (Values::One(Scalar::Number(left)), Values::One(Scalar::Number(right))) => {
            left.total_cmp(right)
        }
        (Values::One(Scalar::Text(left)), Values::One(Scalar::Text(right))) => left.cmp(right),
        _ => Ordering::Equal,
    }
}

/// What a search looks at.
trait Row {
    /// The value of a field, which the vocabulary of the search knows.
    fn value<'a>(&'a self, field: &Field) -> Values<'a>;
}

/// A row as filters want it.
struct Seen<'r, T>(&'r T);

impl<T: Row> Facts for Seen<'_, T> {
    fn values<'a>(&'a self, field: &Field) -> Values<'a> {
        self.0.value(field)
    }
}

impl Row for RegisteredModel {
    fn value<'a>(&'a self, field: &Field) -> Values<'a> {
        match (field.entity, field.key.as_str()) {
            (Entity::Tag, key) => tag(&self.tags, key),
            (_, "name") => text(self.name.as_str()),
            (_, "creation_timestamp") => number(self.creation_timestamp_ms),
            (_, "last_updated_timestamp") => number(self.last_updated_timestamp_ms),
            _ => Values::None,
        }
    }
}

impl Row for ModelVersion {
    fn value<'a>(&'a self, field: &Field) -> Values<'a> {
        match (field.entity, field.key.as_str()) {
            (Entity::Tag, key) => tag(&self.tags, key),
            (_, "name") => text(self.name.as_str()),
            (_, "version_number") => number(i64::from(self.version.get())),
            (_, "run_id") => self.run_id.as_deref().map_or(Values::None, text),
            (_, "source_path") => text(&self.source),
            (_, "creation_timestamp") => number(self.creation_timestamp_ms),
            (_, "last_updated_timestamp") => number(self.last_updated_timestamp_ms),
            _ => Values::None,
        }
    }
}

fn prompt_field() -> Field {
    Field::new(Entity::Tag, IS_PROMPT)
}

fn is_prompt(item: &impl Row) -> bool {
    matches!(
        item.value(&prompt_field()),
        Values::One(Scalar::Text(text)) if text.eq_ignore_ascii_case("true")
    )
}

/// Tells whether a filter names the tag of prompts such that prompts pass.
fn asks_for_prompts(filter: &Expr) -> bool {
    match filter {
        Expr::Test(field, test) => *field == prompt_field() && test.accepts(Scalar::Text("true")),
        Expr::And(parts) | Expr::Or(parts) => parts.iter().any(asks_for_prompts),
        Expr::Not(_) => false,
    }
}

/// Looks up a tag. What is not marked as a prompt is none, as if it said so.
fn tag<'a>(tags: &'a Tags, key: &str) -> Values<'a> {
    let found = tags.iter().find(|(known, _)| known.as_str() == key);
    match found {
        Some((_, value)) => text(value.as_str()),
        None if key == IS_PROMPT => text("false"),
        None => Values::None,
    }
}

fn text(text: &str) -> Values<'_> {
    Values::One(Scalar::Text(text))
}

fn number(number: i64) -> Values<'static> {
    Values::One(Scalar::Number(number as f64))
}
