//! What a search asks for, and its check against what the searched things know.

use mlctl_filter::{Compare, Entity, Expr, Facts, Field, OrderBy, Test, Value, Vocabulary};
use mlctl_search::Order;

use super::order::{RowKey, by_attribute, without_ties};
use super::vocabulary::{MODELS, VERSIONS};
use super::{PROMPT_TAG, is_prompt};
use crate::entity::{Page, PageSize, Tags};
use crate::error::{Error, Result};

/// Which registered models to find.
#[derive(Clone, Debug, Default)]
pub struct ModelQuery {
    /// A filter such as `name LIKE 'ch%' AND tags.team = 'growth'`; empty finds all.
    ///
    /// Prompts are found when the filter asks for them: `` tags.`mlflow.prompt.is_prompt` = 'true' ``.
    pub filter: String,
    /// Clauses such as `last_updated_timestamp DESC`; then by name.
    pub order_by: Vec<String>,
    /// How many at most.
    pub size: PageSize,
    /// Where to go on, from the page before.
    pub page_token: Option<String>,
}

/// Which model versions to find.
#[derive(Clone, Debug, Default)]
pub struct VersionQuery {
    /// A filter such as `name = 'churn' AND version_number > 2`; empty finds all but those of
    /// prompts.
    pub filter: String,
    /// Clauses such as `version_number DESC`; then by name, and by number with the newest first.
    /// Without any, what changed last comes first.
    pub order_by: Vec<String>,
    /// How many at most.
    pub size: PageSize,
    /// Where to go on, from the page before.
    pub page_token: Option<String>,
}

impl VersionQuery {
    /// Asks for the versions of one model, the newest first.
    pub fn of(model: &crate::ModelName) -> Self {
        // MLflow knows no way to write the quote that a text stands in.
        let quote = if model.as_str().contains('\'') { '"' } else { '\'' };
        let text = model.as_str().replace(quote, &format!("{quote}{quote}"));
        Self {
            filter: format!("name = {quote}{text}{quote}"),
            order_by: vec!["version_number DESC".to_owned()],
            ..Self::default()
        }
    }
}

/// A search of models or versions that was checked, with the place where its page starts.
#[derive(Debug)]
pub struct Compiled {
    search: mlctl_search::Compiled,
    /// How many rows the page holds at most.
    pub size: PageSize,
    /// The page starts after the row that stands here.
    pub after: Option<RowKey>,
    shows_prompts: bool,
}

impl ModelQuery {
    /// Checks the search.
    ///
    /// # Errors
    /// What is wrong with the filter, the order or the page token.
    pub fn compile(&self) -> Result<Compiled> {
        let ties = vec![by_attribute("name", true)];
        compile(&MODELS, &self.filter, &self.order_by, Vec::new(), ties)?
            .paged(self.size, self.page_token.as_deref())
    }
}

impl VersionQuery {
    /// Checks the search.
    ///
    /// # Errors
    /// What is wrong with the filter, the order or the page token.
    pub fn compile(&self) -> Result<Compiled> {
        let otherwise = vec![by_attribute("last_updated_timestamp", false)];
        let ties = vec![by_attribute("name", true), by_attribute("version_number", false)];
        compile(&VERSIONS, &self.filter, &self.order_by, otherwise, ties)?
            .paged(self.size, self.page_token.as_deref())
    }
}

fn compile(
    vocabulary: &Vocabulary,
    filter: &str,
    order_by: &[String],
    otherwise: Vec<OrderBy>,
    ties: Vec<OrderBy>,
) -> Result<Compiled> {
    let expr = mlctl_filter::parse(filter, vocabulary)?;
    let asked = mlctl_filter::parse_order(order_by, vocabulary)?;
    let asked = asked.into_iter().map(|clause| match clause.field.entity {
        Entity::Attribute if is_sortable(&clause.field) => Ok(clause),
        entity => {
            let field = clause.field.to_string();
            let words = match (vocabulary.what, entity) {
                ("registered model", _) => format!("Invalid order by key '{field}' specified"),
                (_, Entity::Attribute) => format!("Invalid attribute key '{field}' specified"),
                _ => format!("Invalid order by key '{}' specified", clause.field.key),
            };
            let words = format!("{words}: {SORTABLE}");
            Err(Error::invalid("order_by", &field, SORTABLE).in_words(words))
        }
    });
    let order = without_ties(asked.collect::<Result<_>>()?, otherwise, ties);
    let shows_prompts = expr.as_ref().is_some_and(asks_for_prompts);
    let filter = match shows_prompts {
        true => expr,
        false => expr.and_then(without_prompt_tests),
    };
    let scope = format!("{} {filter:?} {order:?} {shows_prompts}", vocabulary.what);
    let search = mlctl_search::Compiled::new(filter, order, scope);
    Ok(Compiled { search, size: PageSize::default(), after: None, shows_prompts })
}

const SORTABLE: &str =
    "it must be name, version_number, creation_timestamp or last_updated_timestamp";

fn is_sortable(field: &Field) -> bool {
    ["name", "version_number", "creation_timestamp", "last_updated_timestamp"]
        .contains(&field.key.as_str())
}

impl Compiled {
    fn paged(self, size: PageSize, token: Option<&str>) -> Result<Self> {
        let after = self.search.open_token(token).map_err(|_| Error::PageToken)?;
        Ok(Self { size, after, ..self })
    }

    /// Returns the filter; `None` lets everything pass that [`Self::shows`] does.
    pub fn filter(&self) -> Option<&Expr> {
        self.search.filter.as_ref()
    }

    /// Returns the order, whose clauses decide between any two rows.
    pub fn order(&self) -> &Order {
        &self.search.order
    }

    /// Tells whether prompts are among what is found.
    pub fn shows_prompts(&self) -> bool {
        self.shows_prompts
    }

    /// Tells whether a model with these tags, or a version with them, may be shown.
    pub fn shows(&self, tags: &Tags) -> bool {
        self.shows_prompts || !is_prompt(tags)
    }

    /// Tells whether the filter lets `facts` pass.
    pub fn admits(&self, facts: &impl Facts) -> bool {
        self.search.admits(facts)
    }

    /// Returns the place of a model or version in the order.
    pub fn key(&self, facts: &impl Facts) -> RowKey {
        self.search.order.key(facts, ())
    }

    /// Makes the token of the page after a row.
    pub fn token_after(&self, last: &RowKey) -> String {
        self.search.token_after(last)
    }

    /// Orders rows and cuts the page that is asked for.
    pub fn page<T>(&self, rows: Vec<(RowKey, T)>) -> Page<T, String> {
        let page = self.search.page_after(rows, self.size.get(), self.after.as_ref());
        Page { items: page.items, next: page.next_page_token }
    }
}

/// Tells whether some condition looks for prompts, as MLflow reads it.
fn asks_for_prompts(filter: &Expr) -> bool {
    match filter {
        Expr::Test(field, Test::Compare(compare, Value::Text(value))) if is_prompt_field(field) => {
            let value = value.to_lowercase();
            matches!((compare, value.as_str()), (Compare::Eq, "true") | (Compare::Ne, "false"))
        }
        Expr::Test(..) => false,
        Expr::And(parts) | Expr::Or(parts) => parts.iter().any(asks_for_prompts),
        Expr::Not(part) => asks_for_prompts(part),
    }
}

fn is_prompt_field(field: &Field) -> bool {
    field.entity == Entity::Tag && field.key == PROMPT_TAG
}

/// Leaves out what only says that no prompts are wanted: ordinary models lack that tag.
fn without_prompt_tests(filter: Expr) -> Option<Expr> {
    match filter {
        Expr::Test(field, _) if is_prompt_field(&field) => None,
        Expr::And(parts) => {
            let mut left: Vec<Expr> = parts.into_iter().filter_map(without_prompt_tests).collect();
            match left.len() {
                0 | 1 => left.pop(),
                _ => Some(Expr::And(left)),
            }
        }
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlctl_search::SortKey;

    #[track_caller]
    fn check(filter: &str, shows_prompts: bool, left: Option<&str>) {
        let query = ModelQuery { filter: filter.to_owned(), ..ModelQuery::default() };
        let compiled = query.compile().unwrap();
        let got = compiled.filter().map(ToString::to_string);
        assert_eq!((compiled.shows_prompts, got.as_deref()), (shows_prompts, left), "{filter}");
    }

    #[test]
    fn prompts_are_shown_to_those_who_ask() {
        let tag = "tags.`mlflow.prompt.is_prompt`";
        check("", false, None);
        check("name = 'a'", false, Some("name = 'a'"));
        check(&format!("{tag} = 'false'"), false, None);
        check(&format!("{tag} != 'true' AND name = 'a'"), false, Some("name = 'a'"));
        check(&format!("{tag} = 'true'"), true, Some("tags.mlflow.prompt.is_prompt = 'true'"));
        check(&format!("{tag} != 'false'"), true, Some("tags.mlflow.prompt.is_prompt != 'false'"));
    }

    #[test]
    fn an_order_ends_without_ties() {
        let told = |clauses: &[&str]| {
            let order_by = clauses.iter().map(ToString::to_string).collect();
            let query = VersionQuery { order_by, ..VersionQuery::default() };
            let compiled = query.compile().unwrap();
            let columns = compiled
                .order()
                .clauses()
                .iter()
                .map(|c| format!("{}{}", ["-", "+"][usize::from(c.ascending)], c.field));
            columns.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(told(&[]), "-last_updated_timestamp +name -version_number");
        assert_eq!(told(&["name DESC"]), "-name -version_number");
        assert_eq!(told(&["version_number", "version_number DESC"]), "+version_number +name");
        let by_tag =
            VersionQuery { order_by: vec!["tags.a".to_owned()], ..VersionQuery::default() };
        assert!(matches!(by_tag.compile(), Err(Error::Invalid { .. })));
    }

    #[test]
    fn a_token_of_another_search_is_refused() {
        let query = ModelQuery::default();
        let last = RowKey { values: vec![SortKey::Text("a".to_owned())], tie: () };
        let token = query.compile().unwrap().token_after(&last);
        let again = ModelQuery { page_token: Some(token.clone()), ..query };
        assert!(again.compile().unwrap().after.is_some());
        let other = ModelQuery { filter: "name = 'a'".to_owned(), ..again };
        assert!(matches!(other.compile(), Err(Error::PageToken)));
    }
}
