//! The order of rows, and where a row stands in it.

use std::cmp::Ordering;

use mlctl_filter::{Facts, Field, OrderBy, Scalar, Values};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// One field of an order and its direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) field: Field,
    pub(crate) ascending: bool,
}

impl Column {
    pub(super) fn new(name: &str, ascending: bool) -> Self {
        Self { field: Field::new(mlctl_filter::Entity::Attribute, name), ascending }
    }
}

/// Completes what was asked for to an order without ties.
pub(super) fn complete(
    asked: Vec<OrderBy>,
    otherwise: Vec<Column>,
    ties: Vec<Column>,
) -> Vec<Column> {
    let asked = asked
        .into_iter()
        .map(|clause| Column { field: clause.field, ascending: clause.ascending })
        .collect::<Vec<_>>();
    let wanted = if asked.is_empty() { otherwise } else { asked };
    let mut order: Vec<Column> = Vec::new();
    for column in wanted.into_iter().chain(ties) {
        // A field that comes again decides nothing.
        if order.iter().all(|known| known.field != column.field) {
            order.push(column);
        }
    }
    order
}

/// Where a row stands by one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum SortKey {
    Number(i64),
    Text(String),
}

impl SortKey {
    fn of(values: &Values<'_>) -> Self {
        match values {
            Values::One(Scalar::Number(value)) => Self::Number(*value as i64),
            Values::One(Scalar::Text(text)) => Self::Text((*text).to_owned()),
            _ => Self::Text(String::new()),
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            // One field has one kind of key.
            (Self::Number(_), Self::Text(_)) => Ordering::Less,
            (Self::Text(_), Self::Number(_)) => Ordering::Greater,
        }
    }
}

/// Takes the place of a row from what is known about it.
pub(super) fn key(order: &[Column], facts: &impl Facts) -> Vec<SortKey> {
    order.iter().map(|column| SortKey::of(&facts.values(&column.field))).collect()
}

pub(super) fn compare(order: &[Column], a: &[SortKey], b: &[SortKey]) -> Ordering {
    let by_fields =
        order.iter().zip(a.iter().zip(b)).map(|(column, (a, b))| match column.ascending {
            true => a.compare(b),
            false => a.compare(b).reverse(),
        });
    by_fields.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// Reads the place where a page starts.
pub(super) fn open(scope: &str, token: &str) -> Result<Vec<SortKey>> {
    mlctl_wire::page::open(scope, token).map_err(|_| Error::PageToken)
}
