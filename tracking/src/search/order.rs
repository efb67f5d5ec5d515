//! The order of rows, and pages cut by it.

use super::{Compiled, Page};
use crate::{Error, Result};
use mlctl_filter::{Entity, Facts, Field, OrderBy, Scalar, Values};
use mlctl_wire::page as token;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// By which fields rows are ordered.
#[derive(Debug)]
pub(crate) struct Order(Vec<OrderBy>);

/// Where a row stands in an order.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RowKey {
    fields: Vec<SortKey<String>>,
    /// Newest first among equals.
    time: i64,
    /// Smallest first among these.
    id: String,
}

/// A value in an order: numbers and text first, then `NaN`, then what is missing. `NaN` and missing
/// come last in both directions, as in MLflow.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum SortKey<T> {
    /// The bits of a float, since JSON has no infinity.
    Number(u64),
    Text(T),
    Nan,
    Missing,
}

impl<'a> SortKey<&'a str> {
    pub(crate) fn of(values: Values<'a>) -> Self {
        let first = match values {
            Values::None => None,
            Values::One(scalar) => Some(scalar),
            Values::Many(all) => all.into_iter().next(),
        };
        match first {
            None => Self::Missing,
            Some(Scalar::Number(value)) if value.is_nan() => Self::Nan,
            Some(Scalar::Number(value)) => Self::Number(value.to_bits()),
            Some(Scalar::Text(text)) => Self::Text(text),
        }
    }

    fn owned(self) -> SortKey<String> {
        match self {
            Self::Number(bits) => SortKey::Number(bits),
            Self::Text(text) => SortKey::Text(text.to_owned()),
            Self::Nan => SortKey::Nan,
            Self::Missing => SortKey::Missing,
        }
    }
}

impl SortKey<String> {
    fn of_field(field: &Field, facts: &impl Facts) -> Self {
        match SortKey::of(facts.values(field)) {
            // An experiment's id is a number in databases, of up to 64 digits in folders.
            SortKey::Text(id) if is_experiment_id(field) => Self::Text(format!("{id:0>64}")),
            key => key.owned(),
        }
    }
}

impl<T: AsRef<str>> SortKey<T> {
    fn compare<U: AsRef<str>>(&self, other: &SortKey<U>, ascending: bool) -> Ordering {
        let natural = match (self, other) {
            (Self::Number(a), SortKey::Number(b)) => {
                f64::from_bits(*a).partial_cmp(&f64::from_bits(*b)).unwrap_or(Ordering::Equal)
            }
            (Self::Text(a), SortKey::Text(b)) => a.as_ref().cmp(b.as_ref()),
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

/// Tells whether a field is an experiment's id, which is ordered as a number.
pub(crate) fn is_experiment_id(field: &Field) -> bool {
    field.entity == Entity::Attribute && field.key == "experiment_id"
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
        let fields = self.fields().map(|field| SortKey::of_field(field, facts)).collect();
        RowKey { fields, time, id: id.to_owned() }
    }

    /// Like [`Self::key`], where each clause, by its number, sees facts of its own.
    pub(crate) fn key_by<F: Facts>(
        &self,
        facts: impl Fn(usize) -> F,
        time: i64,
        id: &str,
    ) -> RowKey {
        let fields = self.fields().enumerate();
        let fields = fields.map(|(at, field)| SortKey::of_field(field, &facts(at))).collect();
        RowKey { fields, time, id: id.to_owned() }
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

/// Rows that are told apart by a number, and what an order asks of them.
#[cfg(feature = "sqlite")]
pub(crate) trait Rows {
    /// Returns what a row has for the clause at `clause` of the order.
    fn value(&self, row: u32, clause: usize) -> SortKey<&str>;

    /// Returns the time and the id of a row, for rows that are equal by all clauses.
    fn tie(&self, row: u32) -> (i64, u128);
}

#[cfg(feature = "sqlite")]
impl Order {
    /// Chooses the first `max_results` of `found`, in order, and tells whether there are more.
    ///
    /// Nothing of a row is copied, so that a hundred thousand of them take milliseconds.
    pub(crate) fn first(
        &self,
        rows: &impl Rows,
        found: impl Iterator<Item = u32>,
        after: Option<&After>,
        max_results: usize,
    ) -> (Vec<u32>, bool) {
        let leading = |row| match self.0.is_empty() {
            true => SortKey::Missing,
            false => rows.value(row, 0),
        };
        let mut keyed: Vec<(SortKey<&str>, u32)> = found.map(|row| (leading(row), row)).collect();
        if let Some(after) = after {
            keyed.retain(|(leading, row)| self.is_after(rows, leading, *row, after));
        }
        let compare = |(key_a, a): &(SortKey<&str>, u32), (key_b, b): &(SortKey<&str>, u32)| {
            let by_clause = |(at, clause): (usize, &OrderBy)| match at {
                0 => key_a.compare(key_b, clause.ascending),
                _ => rows.value(*a, at).compare(&rows.value(*b, at), clause.ascending),
            };
            let order = self.0.iter().enumerate().map(by_clause).find(|order| order.is_ne());
            order.unwrap_or_else(|| {
                let ((time_a, id_a), (time_b, id_b)) = (rows.tie(*a), rows.tie(*b));
                time_b.cmp(&time_a).then(id_a.cmp(&id_b))
            })
        };
        let more = keyed.len() > max_results;
        if more {
            keyed.select_nth_unstable_by(max_results - 1, compare);
            keyed.truncate(max_results);
        }
        keyed.sort_unstable_by(compare);
        (keyed.into_iter().map(|(_, row)| row).collect(), more)
    }

    fn is_after(&self, rows: &impl Rows, leading: &SortKey<&str>, row: u32, after: &After) -> bool {
        let mut clauses = self.0.iter().zip(&after.key.fields).enumerate();
        let order = clauses.find_map(|(at, (clause, last))| {
            let order = match at {
                0 => leading.compare(last, clause.ascending),
                _ => rows.value(row, at).compare(last, clause.ascending),
            };
            order.is_ne().then_some(order)
        });
        let order = order.unwrap_or_else(|| {
            let (time, id) = rows.tie(row);
            after.key.time.cmp(&time).then(id.cmp(&after.id))
        });
        order.is_gt()
    }

    /// Tells whether a row comes before another.
    pub(crate) fn is_before(&self, a: &RowKey, b: &RowKey) -> bool {
        self.compare(a, b).is_lt()
    }
}

/// The last row of the page before.
#[cfg(feature = "sqlite")]
#[derive(Debug)]
pub(crate) struct After {
    key: RowKey,
    id: u128,
}

#[cfg(feature = "sqlite")]
impl After {
    /// Reads a page token; `number` reads an id. `None` inside when an id is no number.
    pub(crate) fn open(
        compiled: &Compiled,
        page_token: &str,
        number: impl Fn(&str) -> Option<u128>,
    ) -> Result<Option<Self>> {
        let key: RowKey = token::open(&compiled.scope, page_token).map_err(|_| Error::PageToken)?;
        Ok(number(&key.id).map(|id| Self { key, id }))
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
