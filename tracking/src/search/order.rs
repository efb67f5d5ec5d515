//! The order of what this crate searches, and pages cut by it.

use super::{Compiled, Page};
use crate::{Error, Result};
use mlctl_filter::{Entity, Facts, Field};
use mlctl_search::SortKey;
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;

/// What decides between runs, experiments or logged models that are equal by all clauses: the
/// newest comes first, then the smallest id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NewestFirst<Id = String> {
    /// When it was made, in milliseconds since 1970.
    pub time: Reverse<i64>,
    /// Its id.
    pub id: Id,
}

/// Where a run, experiment or logged model stands in an order.
pub type RowKey = mlctl_search::RowKey<NewestFirst>;

impl<Id> NewestFirst<Id> {
    /// Makes it of when something was made, and its id.
    pub fn new(time: i64, id: Id) -> Self {
        Self { time: Reverse(time), id }
    }
}

/// Returns the place of what was made at `time` and has the id `id`.
pub fn row_key(compiled: &Compiled, facts: &(impl Facts + ?Sized), time: i64, id: &str) -> RowKey {
    let tie = NewestFirst::new(time, id.to_owned());
    compiled.order.key_by(|_, field| sort_key(field, facts), tie)
}

/// Returns a place like [`row_key`], where each clause, by its number, sees facts of its own.
pub(super) fn row_key_by<F: Facts>(
    compiled: &Compiled,
    facts: impl Fn(usize) -> F,
    time: i64,
    id: &str,
) -> RowKey {
    let tie = NewestFirst::new(time, id.to_owned());
    compiled.order.key_by(|clause, field| sort_key(field, &facts(clause)), tie)
}

fn sort_key(field: &Field, facts: &(impl Facts + ?Sized)) -> SortKey<String> {
    match SortKey::of(facts.values(field)) {
        // An experiment's id is a number in databases, of up to 64 digits in folders.
        SortKey::Text(id) if is_experiment_id(field) => SortKey::Text(format!("{id:0>64}")),
        key => key.into_owned(),
    }
}

/// Tells whether a field is an experiment's id, which is ordered as a number.
pub(crate) fn is_experiment_id(field: &Field) -> bool {
    field.entity == Entity::Attribute && field.key == "experiment_id"
}

/// Orders `rows` and cuts the page that `page_token` asks for.
///
/// # Errors
/// [`Error::PageToken`] when the token is not of this search.
pub fn page<T>(
    rows: Vec<(RowKey, T)>,
    compiled: &Compiled,
    max_results: usize,
    page_token: Option<&str>,
) -> Result<Page<T>> {
    compiled.page(rows, max_results, page_token).map_err(|_| Error::PageToken)
}
