//! Everything that can be wrong with a filter or an order, each on one line with its column.

use crate::vocabulary::Field;
use std::fmt;

/// What this crate's functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The reason why a text is not a filter or not an order.
///
/// The text of each is one line, however many lines the filter has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The grammar asks for something else at this place.
    #[error("{}: expected {expected} {place}", place.clause)]
    Expected {
        /// What could stand there.
        expected: String,
        /// Where something else stands.
        place: Place,
    },
    /// A field is compared with something that its values are not.
    #[error("{}: expected {expected} {place}", place.clause)]
    Value {
        /// What could stand there.
        expected: &'static str,
        /// The field that is compared.
        field: Field,
        /// Where something else stands.
        place: Place,
    },
    /// This search has no such prefix.
    #[error(
        "{}: unknown {what} prefix `{}`, expected one of {} {place}",
        place.clause, Line(prefix), known.join(", ")
    )]
    UnknownPrefix {
        /// The search: [`Vocabulary::what`](crate::Vocabulary::what).
        what: &'static str,
        /// The prefix as it was written.
        prefix: String,
        /// The prefixes that this search has.
        known: Box<[&'static str]>,
        /// Where it stands.
        place: Place,
    },
    /// This search has no such attribute, or datasets have no such field.
    #[error(
        "{}: unknown {what} attribute `{}`, expected one of {} {place}",
        place.clause, Line(key), known.join(", ")
    )]
    UnknownAttribute {
        /// `dataset`, or the search: [`Vocabulary::what`](crate::Vocabulary::what).
        what: &'static str,
        /// The key as it was written.
        key: String,
        /// The attributes that exist, by their canonical names.
        known: Box<[&'static str]>,
        /// Where it stands.
        place: Place,
    },
    /// The operator exists, but not for this field.
    #[error(
        "{}: `{operator}` does not apply to {}, expected {} {place}",
        place.clause, Line(&field.to_string()), one_of(known)
    )]
    Operator {
        /// The operator, in capitals.
        operator: &'static str,
        /// The field.
        field: Field,
        /// The operators that apply to the field; none if it is there to order by only.
        known: Box<[&'static str]>,
        /// Where the operator stands.
        place: Place,
    },
    /// A regular expression cannot be used.
    #[error(
        "filter: invalid regular expression `{}`: {}{}",
        Line(pattern), Line(reason), place.as_ref().map(|place| format!(" {place}")).unwrap_or_default()
    )]
    Pattern {
        /// The regular expression.
        pattern: String,
        /// What is wrong with it.
        reason: String,
        /// Where it stands, when it was read from a filter.
        place: Option<Place>,
    },
    /// The filter asks for more work than one filter may.
    #[error("{}: more than {max} {what} {place}", place.clause)]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How many there may be.
        max: usize,
        /// Where the first one too many stands.
        place: Place,
    },
}

impl Error {
    /// Returns where in the text the search goes wrong, if it is at one place.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Expected { place, .. }
            | Self::Value { place, .. }
            | Self::UnknownPrefix { place, .. }
            | Self::UnknownAttribute { place, .. }
            | Self::Operator { place, .. }
            | Self::TooMany { place, .. } => Some(place),
            Self::Pattern { place, .. } => place.as_ref(),
        }
    }
}

fn one_of(known: &[&str]) -> String {
    match known {
        [] => "only an order by it".to_owned(),
        _ => format!("one of {}", known.join(", ")),
    }
}

/// Which text an error is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clause {
    /// A filter.
    Filter,
    /// An order.
    OrderBy,
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Filter => "filter",
            Self::OrderBy => "order_by",
        })
    }
}

/// A place in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which text.
    pub clause: Clause,
    /// What is searched: [`Vocabulary::what`](crate::Vocabulary::what).
    pub search: &'static str,
    /// The column in characters, from 1; one past the text for its end.
    pub column: usize,
    /// The whole text.
    pub text: Box<str>,
}

/// Shows the column and the text around it.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at column {}: ", self.column)?;
        window(f, &self.text, self.column - 1)
    }
}

/// A text from outside, made fit for one line.
struct Line<'a>(&'a str);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        window(f, self.0, 0)
    }
}

const WINDOW: usize = 120;

/// Writes at most `WINDOW` characters of `text` around the character `focus`, on one line.
fn window(f: &mut fmt::Formatter<'_>, text: &str, focus: usize) -> fmt::Result {
    let length = text.chars().count();
    let start = if length <= WINDOW { 0 } else { focus.saturating_sub(WINDOW / 2) };
    if start > 0 {
        f.write_str("…")?;
    }
    for char in text.chars().skip(start).take(WINDOW) {
        // A line break would end the message, and an escape sequence would run in a terminal.
        let plain = if char.is_control() || char.is_whitespace() { ' ' } else { char };
        write!(f, "{plain}")?;
    }
    if length > start + WINDOW {
        f.write_str("…")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, column: usize) -> String {
        Place { clause: Clause::Filter, search: "run", column, text: text.into() }.to_string()
    }

    #[test]
    fn a_place_is_one_line() {
        assert_eq!(shown("a\n\x1b[1m\u{2028}b", 1), "at column 1: a  [1m b");
    }

    #[test]
    fn a_place_in_a_long_text_shows_its_surroundings() {
        let text = format!("{}X{}", "a".repeat(1000), "b".repeat(1000));

        let shown = shown(&text, 1001);

        assert_eq!(
            shown,
            format!("at column 1001: …{}X{}…", "a".repeat(60), "b".repeat(59)),
            "the column is in the middle"
        );
    }
}
