//! MLflow's own words for what can be wrong with a filter or an order.
//!
//! Programs match on them, so an answer of the server begins with them; what is wrong, and where,
//! follows. MLflow's searches each have words of their own for some mistakes.

use crate::error::{Clause, Error, Place};
use crate::token::{self, TokenKind};
use crate::vocabulary::{Entity, Field};

/// Searches that share their words in MLflow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// Of runs and experiments.
    Tracking,
    /// Of registered models and model versions.
    Registry,
    LoggedModels,
}

impl Dialect {
    fn of(search: &str) -> Self {
        match search {
            "registered model" | "model version" => Self::Registry,
            "logged model" => Self::LoggedModels,
            _ => Self::Tracking,
        }
    }
}

impl Error {
    /// Says it to MLflow's clients: in MLflow's words, where it has some, and then in ours.
    ///
    /// ```
    /// # use mlctl_filter::{Vocabulary, parse};
    /// # static RUNS: Vocabulary = Vocabulary { what: "run", prefixes: &[], attributes: &[] };
    /// let error = parse("nope = 'a'", &RUNS).unwrap_err();
    ///
    /// let message = error.mlflow_message();
    /// assert!(message.starts_with("Invalid attribute key 'nope' specified. filter: unknown run"));
    /// ```
    pub fn mlflow_message(&self) -> String {
        match self.mlflow_phrase() {
            None => self.to_string(),
            Some(phrase) if phrase.ends_with(':') => format!("{phrase} {self}"),
            Some(phrase) => format!("{phrase}. {self}"),
        }
    }

    fn mlflow_phrase(&self) -> Option<String> {
        match self {
            Self::Expected { place, .. } => Some(match place.clause {
                Clause::Filter => clause(place),
                Clause::OrderBy => order(place),
            }),
            Self::Value { field, place, .. } => value(field, place),
            Self::UnknownPrefix { prefix, place, .. } => Some(match Dialect::of(place.search) {
                Dialect::LoggedModels => format!("Invalid entity type: '{prefix}'"),
                _ => format!("Invalid entity type '{prefix}'"),
            }),
            Self::UnknownAttribute { what, key, place, .. } => Some(match (*what, place.clause) {
                ("dataset", _) => format!("Invalid dataset key '{key}' specified"),
                ("registered model", Clause::OrderBy) => {
                    format!("Invalid order by key '{key}' specified")
                }
                _ => format!("Invalid attribute key '{key}' specified"),
            }),
            Self::Operator { operator, field, place, .. } => {
                Some(comparator(operator, field, place))
            }
            Self::Pattern { .. } | Self::TooMany { .. } => None,
        }
    }
}

/// Of a text that is no comparison.
fn clause(place: &Place) -> String {
    match (token_at(place), Dialect::of(place.search)) {
        ((TokenKind::Operator, token), Dialect::Tracking) if place.column > 1 => {
            format!("Invalid comparator '{token}' not one of")
        }
        ((TokenKind::Operator, token), Dialect::Registry) if place.column > 1 => {
            format!("Invalid comparator for attribute: {token}")
        }
        (_, Dialect::LoggedModels) => "Invalid filter string:".to_owned(),
        ((TokenKind::Number(_) | TokenKind::Quoted(_), token), Dialect::Tracking)
            if place.column == 1 =>
        {
            format!("Invalid comparison clause. Expected 'Identifier' found '{token}'")
        }
        ((TokenKind::Other, ";"), _) => "Search filter contained multiple expression".to_owned(),
        _ => "Invalid clause(s) in filter string:".to_owned(),
    }
}

/// Of a text that is no order.
fn order(place: &Place) -> String {
    let text = &place.text;
    let (kind, token) = token_at(place);
    // A single word that stands where the direction should.
    if kind == TokenKind::Word && place.column > 1 && text.trim_end().ends_with(token) {
        let before = text.chars().take(place.column - 1).collect::<String>();
        if before.split_whitespace().count() == 1 {
            return format!("Invalid ordering key in order_by clause '{text}'");
        }
    }
    if text.trim_start().starts_with("dataset") && place.column == 1 {
        return "Invalid identifier type 'dataset'".to_owned();
    }
    format!("Invalid order_by clause '{text}'. Could not be parsed")
}

/// Of a value that the field cannot have.
fn value(field: &Field, place: &Place) -> Option<String> {
    let dialect = Dialect::of(place.search);
    let (kind, token) = token_at(place);
    if matches!(kind, TokenKind::End | TokenKind::Unclosed(_)) {
        return Some(clause(place));
    }
    if dialect == Dialect::LoggedModels {
        return None;
    }
    if matches!(field.entity, Entity::Metric) {
        return Some(format!("Expected numeric value type for metric. Found {token}"));
    }
    if matches!(kind, TokenKind::Quoted(_)) {
        let key = &field.key;
        return Some(match dialect {
            Dialect::Tracking => {
                format!("Expected numeric value type for numeric attribute: {key}. Found {token}")
            }
            _ => format!("Invalid value for numeric attribute '{key}': {token}"),
        });
    }
    if kind == TokenKind::Word && !token.eq_ignore_ascii_case("null") {
        return Some(format!(
            "Parameter value is either not quoted or unidentified quote types used for string \
             value {token}. Use either single or double quotes"
        ));
    }
    let wanted = match field.entity {
        Entity::Param => "parameter (e.g. 'my-value')",
        Entity::Tag => "tag (e.g. 'my-value')",
        Entity::Dataset => "dataset attributes",
        Entity::Attribute | Entity::Metric => "attributes",
    };
    Some(match is_in_list(place) {
        true => "While parsing a list in the query, expected".to_owned(),
        false => format!("Expected a quoted string value for {wanted}. Got value {token}"),
    })
}

/// Of an operator that the field does not have.
fn comparator(operator: &str, field: &Field, place: &Place) -> String {
    let key = &field.key;
    let kind = match field.entity {
        Entity::Attribute => "attribute",
        Entity::Metric => "metric",
        Entity::Param => "parameter",
        Entity::Tag => "tag",
        Entity::Dataset => "dataset",
    };
    match Dialect::of(place.search) {
        _ if operator.ends_with("NULL") => match place.search {
            "experiment" => {
                format!("IS NULL / IS NOT NULL is only supported for tags, not for {kind} '{key}'")
            }
            _ => format!(
                "IS NULL / IS NOT NULL is only supported for tags and params, not for '{kind}' \
                 '{key}'"
            ),
        },
        Dialect::LoggedModels => match field.entity {
            Entity::Attribute => {
                format!("Invalid comparison operator for attributes.{key}: '{operator}'")
            }
            _ => format!("Invalid comparison operator for {field}: '{operator}'"),
        },
        Dialect::Registry if field.entity == Entity::Attribute && key.contains("number") => {
            format!("Invalid comparator for attribute {key}: {operator}")
        }
        Dialect::Registry => format!("Invalid comparator for {kind}: {operator}"),
        Dialect::Tracking if field.entity == Entity::Tag && place.search == "experiment" => {
            format!("Invalid comparator for tag: {operator}")
        }
        Dialect::Tracking if matches!(operator, "LIKE" | "ILIKE" | "IN" | "NOT IN") => {
            match field.entity {
                Entity::Metric => "Expected numeric value type for metric".to_owned(),
                _ => format!("Expected numeric value type for numeric attribute: {key}"),
            }
        }
        Dialect::Tracking => format!("Invalid comparator '{operator}' not one of"),
    }
}

fn token_at(place: &Place) -> (TokenKind, &str) {
    let start =
        place.text.char_indices().nth(place.column - 1).map_or(place.text.len(), |(at, _)| at);
    let token = token::next(&place.text, start);
    (token.kind, &place.text[token.start..token.end])
}

/// Tells whether a value stands in parentheses that an `IN` has before it.
fn is_in_list(place: &Place) -> bool {
    let before: String = place.text.chars().take(place.column - 1).collect();
    before.rsplit_once('(').is_some_and(|(start, list)| {
        !list.contains(')') && start.trim_end().to_ascii_uppercase().ends_with("IN")
    })
}
