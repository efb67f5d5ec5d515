//! One clause of an order.

use crate::cursor::Cursor;
use crate::error::{Clause, Error, Result};
use crate::name;
use crate::token::TokenKind;
use crate::vocabulary::{Entity, Field, Vocabulary};

/// By which field things are ordered, and which way.
///
/// Its text is canonical and parses back to the same order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OrderBy {
    /// The field.
    pub field: Field,
    /// Whether the smallest comes first.
    pub ascending: bool,
}

/// How many clauses one order may have.
pub const ORDER_CLAUSES_MAX: usize = 100;

/// Parses the clauses of an order, of which there are [`ORDER_CLAUSES_MAX`] at most.
///
/// # Errors
///
/// Those of [`parse_order_by`], and [`Error::TooMany`].
pub fn parse_order(clauses: &[String], vocabulary: &Vocabulary) -> Result<Vec<OrderBy>> {
    if let Some(text) = clauses.get(ORDER_CLAUSES_MAX) {
        let place = Cursor::new(Clause::OrderBy, vocabulary.what, text)?.place();
        return Err(Error::TooMany { what: "clauses", max: ORDER_CLAUSES_MAX, place });
    }
    clauses.iter().map(|clause| parse_order_by(clause, vocabulary)).collect()
}

/// Parses one clause of an order: `metrics.rmse DESC`, `start_time`, `` `Created` asc ``.
///
/// ```
/// use mlctl_filter::{Attribute, Entity, Vocabulary, parse_order_by};
///
/// static RUNS: Vocabulary = Vocabulary {
///     what: "run",
///     prefixes: &[("metrics", Entity::Metric)],
///     attributes: &[Attribute::number("start_time").aliases(&["Created"])],
/// };
/// let order = parse_order_by("Created desc", &RUNS)?;
/// assert_eq!((order.field.key.as_str(), order.ascending), ("start_time", false));
/// # Ok::<(), mlctl_filter::Error>(())
/// ```
///
/// # Errors
///
/// An [`Error`] that points at the column where the text stops being an order of this search.
/// Things cannot be ordered by their datasets, of which they may have several.
pub fn parse_order_by(text: &str, vocabulary: &Vocabulary) -> Result<OrderBy> {
    let mut cursor = Cursor::new(Clause::OrderBy, vocabulary.what, text)?;
    let start = cursor.start();
    let field = name::read(&mut cursor, vocabulary, "a field to order by")?;
    if field.entity == Entity::Dataset {
        let expected = format!("a field with one value, which {field} is not,");
        return Err(Error::Expected { expected, place: cursor.place_of(start) });
    }
    let descending = cursor.take_keyword("DESC");
    if !descending {
        cursor.take_keyword("ASC");
    }
    match cursor.kind() {
        TokenKind::End => Ok(OrderBy { field, ascending: !descending }),
        _ => Err(cursor.expected("`ASC`, `DESC` or the end")),
    }
}
