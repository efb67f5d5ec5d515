//! The operators of a test, and which of them a field accepts.

use crate::expr::Compare;
use crate::vocabulary::Kind;

/// A set of operators that a field accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operators(u8);

impl Operators {
    /// None: the field is there to order by only.
    pub const NONE: Self = Self(0);
    /// `=` and `!=`.
    pub const EQUAL: Self = Self(1);
    /// `<`, `<=`, `>` and `>=`.
    pub const ORDER: Self = Self(1 << 1);
    /// `LIKE` and `ILIKE`.
    pub const LIKE: Self = Self(1 << 2);
    /// `IN` and `NOT IN`.
    pub const LIST: Self = Self(1 << 3);
    /// `=~`.
    pub const PATTERN: Self = Self(1 << 4);
    /// `IS NULL` and `IS NOT NULL`.
    pub const NULL: Self = Self(1 << 5);
    /// All that apply to numbers.
    pub const NUMBER: Self = Self::EQUAL.and(Self::ORDER).and(Self::NULL);
    /// All that apply to text.
    pub const TEXT: Self =
        Self::EQUAL.and(Self::LIKE).and(Self::LIST).and(Self::PATTERN).and(Self::NULL);

    /// These and those.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These without those.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Says whether all of `other` are among these.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// All that apply to values of one kind.
    pub(crate) const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Number => Self::NUMBER,
            Kind::Text => Self::TEXT,
        }
    }

    /// The operators as they are written.
    pub(crate) fn names(self) -> Vec<&'static str> {
        let known = Operator::ALL.iter().filter(|operator| self.contains(operator.group()));
        known.map(|operator| operator.name()).collect()
    }
}

/// An operator as it was written, without its operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Compare(Compare),
    Like { ignore_case: bool },
    In,
    NotIn,
    Matches,
    IsNull,
    IsNotNull,
}

impl Operator {
    pub(crate) const ALL: [Self; 13] = [
        Self::Compare(Compare::Eq),
        Self::Compare(Compare::Ne),
        Self::Compare(Compare::Lt),
        Self::Compare(Compare::Le),
        Self::Compare(Compare::Gt),
        Self::Compare(Compare::Ge),
        Self::Like { ignore_case: false },
        Self::Like { ignore_case: true },
        Self::In,
        Self::NotIn,
        Self::Matches,
        Self::IsNull,
        Self::IsNotNull,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Compare(compare) => compare.as_str(),
            Self::Like { ignore_case: false } => "LIKE",
            Self::Like { ignore_case: true } => "ILIKE",
            Self::In => "IN",
            Self::NotIn => "NOT IN",
            Self::Matches => "=~",
            Self::IsNull => "IS NULL",
            Self::IsNotNull => "IS NOT NULL",
        }
    }

    pub(crate) fn group(self) -> Operators {
        match self {
            Self::Compare(Compare::Eq | Compare::Ne) => Operators::EQUAL,
            Self::Compare(_) => Operators::ORDER,
            Self::Like { .. } => Operators::LIKE,
            Self::In | Self::NotIn => Operators::LIST,
            Self::Matches => Operators::PATTERN,
            Self::IsNull | Self::IsNotNull => Operators::NULL,
        }
    }
}
