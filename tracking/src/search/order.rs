//! The order of rows, and pages cut by it.

use super::{Compiled, Page};
use crate::{Error, Result};
use mlctl_filter::{Facts, Field, OrderBy, Scalar, Values};
use mlctl_wire::page as token;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// By which fields rows are ordered.
#[derive(Debug)]
pub(crate) struct Order(Vec<OrderBy>);

/// Where a row stands in an order.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RowKey {
    fields: Vec<SortKey>,
    /// Newest first among equals.
    time: i64,
    /// Smallest first among these.
    id: String,
}

/// A value in an order: numbers and text first, then `NaN`, then what is missing. `NaN` and missing
/// come last in both directions, as in MLflow.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum SortKey {
    /// The bits of a float, since JSON has no infinity.
    Number(u64),
    Text(String),
    Nan,
    Missing,
}

impl SortKey {
    fn of(values: Values<'_>) -> Self {
        let first = match values {
            Values::None => None,
            Values::One(scalar) => Some(scalar),
            Values::Many(all) => all.into_iter().next(),
        };
        match first {
            None => Self::Missing,
            Some(Scalar::Number(value)) if value.is_nan() => Self::Nan,
            Some(Scalar::Number(value)) => Self::Number(value.to_bits()),
            Some(Scalar::Text(text)) => Self::Text(text.to_owned()),
        }
    }

    fn compare(&self, other: &Self, ascending: bool) -> Ordering {
        let natural = match (self, other) {
            (Self::Number(a), Self::Number(b)) => {
                f64::from_bits(*a).partial_cmp(&f64::from_bits(*b)).unwrap_or(Ordering::Equal)
            }
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => return self.rank().cmp(&other.rank()),
        };
        if ascending { natural } else { natural.reverse() }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Number(_) | Self::Text(_) => 0,
            Self::Nan => 1,
            Self::Missing => 2,
        }
    }
}

impl Order {
    pub(crate) fn new(clauses: Vec<OrderBy>) -> Self {
        Self(clauses)
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = &Field> {
        self.0.iter().map(|clause| &clause.field)
    }

    /// Takes the place of a row from what is known about it.
    pub(crate) fn key(&self, facts: &impl Facts, time: i64, id: &str) -> RowKey {
        RowKey {
            fields: self.fields().map(|field| SortKey::of(facts.values(field))).collect(),
            time,
            id: id.to_owned(),
        }
    }

    fn compare(&self, a: &RowKey, b: &RowKey) -> Ordering {
        let by_fields = self
            .0
            .iter()
            .zip(a.fields.iter().zip(&b.fields))
            .map(|(clause, (a, b))| a.compare(b, clause.ascending))
            .find(|order| order.is_ne());
        by_fields.unwrap_or_else(|| b.time.cmp(&a.time).then_with(|| a.id.cmp(&b.id)))
    }
}

/// Orders `rows` and cuts the page that `page_token` asks for.
pub(crate) fn page<T>(
    mut rows: Vec<(RowKey, T)>,
    compiled: &Compiled,
    max_results: usize,
    page_token: Option<&str>,
) -> Result<Page<T>> {
    let order = &compiled.order;
    if let Some(text) = page_token.filter(|text| !text.is_empty()) {
        let after: RowKey = token::open(&compiled.scope, text).map_err(|_| Error::PageToken)?;
        rows.retain(|(key, _)| order.compare(key, &after).is_gt());
    }
    let more = rows.len() > max_results;
    if more {
        rows.select_nth_unstable_by(max_results - 1, |(a, _), (b, _)| order.compare(a, b));
        rows.truncate(max_results);
    }
    rows.sort_unstable_by(|(a, _), (b, _)| order.compare(a, b));
    let next_page_token =
        rows.last().filter(|_| more).map(|(key, _)| token::seal(&compiled.scope, key));
    Ok(Page { items: rows.into_iter().map(|(_, item)| item).collect(), next_page_token })
}
