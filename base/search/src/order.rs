//! The order of rows.

use std::cmp::Ordering;

use mlctl_filter::{Facts, Field, OrderBy};

use crate::key::{RowKey, SortKey};

/// By which fields rows are ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order(Vec<OrderBy>);

impl Order {
    /// Orders by these clauses, the first of which decides before the others.
    pub fn new(clauses: Vec<OrderBy>) -> Self {
        Self(clauses)
    }

    /// Returns the clauses.
    pub fn clauses(&self) -> &[OrderBy] {
        &self.0
    }

    /// Lists the fields of the clauses.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.0.iter().map(|clause| &clause.field)
    }

    /// Returns the place of a row.
    pub fn key<T>(&self, facts: &impl Facts, tie: T) -> RowKey<T> {
        self.key_by(|_, field| SortKey::of(facts.values(field)).into_owned(), tie)
    }

    /// Returns the place of a row whose value for each clause, given by its number and field,
    /// `value` tells.
    pub fn key_by<T>(&self, value: impl Fn(usize, &Field) -> SortKey<String>, tie: T) -> RowKey<T> {
        let fields = self.fields().enumerate();
        RowKey { values: fields.map(|(at, field)| value(at, field)).collect(), tie }
    }

    /// Compares the places of two rows.
    pub fn compare<T: Ord>(&self, a: &RowKey<T>, b: &RowKey<T>) -> Ordering {
        let values = a.values.iter().zip(&b.values);
        let by_values = self
            .0
            .iter()
            .zip(values)
            .map(|(clause, (a, b))| a.compare(b, clause.ascending))
            .find(|order| order.is_ne());
        by_values.unwrap_or_else(|| a.tie.cmp(&b.tie))
    }

    /// Chooses the first `max_results` of `found`, in order, and tells whether there are more.
    ///
    /// With `after`, only rows that come after that place count. Nothing of a row is copied, so
    /// that choosing among a hundred thousand rows takes milliseconds.
    pub fn first<R: Rows>(
        &self,
        rows: &R,
        found: impl Iterator<Item = u32>,
        after: Option<&RowKey<R::Tie>>,
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
            order.unwrap_or_else(|| rows.tie(*a).cmp(&rows.tie(*b)))
        };
        let more = keyed.len() > max_results;
        if more {
            keyed.select_nth_unstable_by(max_results.saturating_sub(1), compare);
            keyed.truncate(max_results);
        }
        keyed.sort_unstable_by(compare);
        (keyed.into_iter().map(|(_, row)| row).collect(), more)
    }

    fn is_after<R: Rows>(
        &self,
        rows: &R,
        leading: &SortKey<&str>,
        row: u32,
        after: &RowKey<R::Tie>,
    ) -> bool {
        let mut clauses = self.0.iter().zip(&after.values).enumerate();
        let order = clauses.find_map(|(at, (clause, last))| {
            let order = match at {
                0 => leading.compare(last, clause.ascending),
                _ => rows.value(row, at).compare(last, clause.ascending),
            };
            order.is_ne().then_some(order)
        });
        order.unwrap_or_else(|| rows.tie(row).cmp(&after.tie)).is_gt()
    }
}

/// Rows that are known by a number, and what an order asks of them: for [`Order::first`].
pub trait Rows {
    /// What decides among rows that are equal by all clauses.
    type Tie: Ord;

    /// Returns what a row has for the clause at `clause` of the order.
    fn value(&self, row: u32, clause: usize) -> SortKey<&str>;

    /// Returns what decides between a row and its equals.
    fn tie(&self, row: u32) -> Self::Tie;
}
