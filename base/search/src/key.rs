//! Where a row stands in an order.

use std::cmp::Ordering;

use mlctl_filter::{Scalar, Values};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What decides between rows that are equal by every clause of an order, such as a row's id.
///
/// The smaller one comes first; [`std::cmp::Reverse`] turns that round. It is written into page
/// tokens. A search whose clauses leave no ties takes `()`.
pub trait Tie: Ord + Serialize + DeserializeOwned {}

impl<T: Ord + Serialize + DeserializeOwned> Tie for T {}

/// Where a row stands in an order: its value for each clause, then what decides among equals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RowKey<T> {
    /// One value for each clause of the order.
    pub values: Vec<SortKey<String>>,
    /// What decides among rows with the same values.
    pub tie: T,
}

impl<T> RowKey<T> {
    /// The same place with what decides among equals in another form, which must not order rows
    /// differently.
    pub fn with_tie<U>(self, tie: impl FnOnce(T) -> U) -> RowKey<U> {
        RowKey { values: self.values, tie: tie(self.tie) }
    }
}

/// A value in an order: numbers and text first, then NaN, then what is missing.
///
/// NaN and missing values come last in both directions, as in MLflow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum SortKey<T> {
    /// The bits of a float, since JSON has no infinity.
    Number(u64),
    /// A text.
    Text(T),
    /// A number that is none.
    Nan,
    /// No value.
    Missing,
}

impl<'a> SortKey<&'a str> {
    /// Takes the value that a row is ordered by: of several, the first.
    pub fn of(values: Values<'a>) -> Self {
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

    /// Copies the text, so that the key outlives its row.
    pub fn into_owned(self) -> SortKey<String> {
        match self {
            Self::Number(bits) => SortKey::Number(bits),
            Self::Text(text) => SortKey::Text(text.to_owned()),
            Self::Nan => SortKey::Nan,
            Self::Missing => SortKey::Missing,
        }
    }
}

impl<T: AsRef<str>> SortKey<T> {
    /// Compares two values of one clause.
    pub(crate) fn compare<U: AsRef<str>>(&self, other: &SortKey<U>, ascending: bool) -> Ordering {
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
