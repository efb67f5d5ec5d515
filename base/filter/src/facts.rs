//! Asks a filter of one thing.

use crate::expr::{Expr, Test, Value};
use crate::like::like;
use crate::vocabulary::Field;

/// One thing that a search looks at.
pub trait Facts {
    /// The values of a field, which the vocabulary of the search knows.
    fn values<'a>(&'a self, field: &Field) -> Values<'a>;
}

/// The values that a field has.
#[derive(Clone, Debug, PartialEq)]
pub enum Values<'a> {
    /// The thing has no such value.
    None,
    /// The value.
    One(Scalar<'a>),
    /// Several at once, such as the names of a run's datasets; none at all counts as no value.
    Many(Vec<Scalar<'a>>),
}

impl<'a> From<Option<Scalar<'a>>> for Values<'a> {
    fn from(value: Option<Scalar<'a>>) -> Self {
        value.map_or(Self::None, Self::One)
    }
}

/// One value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// A number.
    Number(f64),
    /// A text.
    Text(&'a str),
}

impl Expr {
    /// Says whether the filter holds for `facts`.
    ///
    /// A field without a value passes `IS NULL` and no other test, `!=` and `NOT IN` included, as
    /// in MLflow. `NOT` is plain negation, so `NOT params.lr = '1'` also holds without an `lr`.
    /// With several values, a test holds if at least one value passes it.
    ///
    /// NaN passes `!=` and no other comparison, as in MLflow.
    pub fn matches(&self, facts: &impl Facts) -> bool {
        match self {
            Self::Test(field, test) => test.holds(&facts.values(field)),
            Self::And(parts) => parts.iter().all(|part| part.matches(facts)),
            Self::Or(parts) => parts.iter().any(|part| part.matches(facts)),
            Self::Not(part) => !part.matches(facts),
        }
    }
}

impl Test {
    /// Says whether `values` pass the test; see [`Expr::matches`].
    pub fn holds(&self, values: &Values<'_>) -> bool {
        match values {
            Values::None => *self == Self::IsNull,
            Values::One(value) => self.accepts(*value),
            Values::Many(values) if values.is_empty() => *self == Self::IsNull,
            Values::Many(values) => values.iter().any(|value| self.accepts(*value)),
        }
    }

    /// Says whether one value passes the test. A text never passes a test of numbers, nor the
    /// other way round.
    pub fn accepts(&self, value: Scalar<'_>) -> bool {
        match (self, value) {
            (Self::IsNull, _) => false,
            (Self::IsNotNull, _) => true,
            (Self::Compare(compare, Value::Number(right)), Scalar::Number(left)) => {
                compare.holds(&left, right)
            }
            (Self::Compare(compare, Value::Text(right)), Scalar::Text(left)) => {
                compare.holds(left, right.as_str())
            }
            (Self::Like { pattern, ignore_case }, Scalar::Text(text)) => {
                like(text, pattern, *ignore_case)
            }
            (Self::In(list), Scalar::Text(text)) => list.iter().any(|item| item == text),
            (Self::NotIn(list), Scalar::Text(text)) => list.iter().all(|item| item != text),
            (Self::Matches(pattern), Scalar::Text(text)) => pattern.is_match(text),
            _ => false,
        }
    }
}
