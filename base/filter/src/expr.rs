//! The syntax tree of a filter.

use std::iter;

use crate::pattern::Pattern;
use crate::vocabulary::Field;

/// A filter.
///
/// Its text is canonical and parses back to the same tree, provided that the tree is one that
/// [`parse`](crate::parse) could have made: `And` and `Or` hold at least two parts, a field's
/// operand is of its kind, no number is NaN, a list is not empty, and the limits of `parse` hold.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// Holds if the field passes the test.
    Test(Field, Test),
    /// Holds if all parts do.
    And(Vec<Self>),
    /// Holds if at least one part does.
    Or(Vec<Self>),
    /// Holds if the part does not.
    Not(Box<Self>),
}

impl Expr {
    /// Every field that the filter looks at, from left to right, repeated as often as it is named.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        let mut open = vec![self];
        iter::from_fn(move || {
            loop {
                match open.pop()? {
                    Self::Test(field, _) => return Some(field),
                    Self::And(parts) | Self::Or(parts) => open.extend(parts.iter().rev()),
                    Self::Not(part) => open.push(part),
                }
            }
        })
    }
}

/// What is asked of one field.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// The value compares so with the operand.
    Compare(Compare, Value),
    /// The whole value fits the pattern: `%` stands for any characters, `_` for exactly one, line
    /// breaks included. There is no escape character.
    Like {
        /// The pattern.
        pattern: String,
        /// Whether upper and lower case are the same (`ILIKE`).
        ignore_case: bool,
    },
    /// The value is one of these.
    In(Vec<String>),
    /// There is a value, and it is none of these.
    NotIn(Vec<String>),
    /// There is no value.
    IsNull,
    /// There is a value.
    IsNotNull,
    /// The regular expression is found in the value (`=~`).
    Matches(Pattern),
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compare {
    /// `=`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
}

impl Compare {
    /// The comparison as it is written, which is also its spelling in SQL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
        }
    }

    /// Compares two values. NaN differs from everything and has no order.
    pub(crate) fn holds<T: PartialOrd + ?Sized>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Eq => left == right,
            Self::Ne => left != right,
            Self::Lt => left < right,
            Self::Le => left <= right,
            Self::Gt => left > right,
            Self::Ge => left >= right,
        }
    }
}

/// What a value is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A number, never NaN when it was parsed.
    Number(f64),
    /// A text.
    Text(String),
}
