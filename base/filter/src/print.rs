//! Trees as canonical text.

use std::fmt::{self, Display, Formatter};

use crate::expr::{Compare, Expr, Test, Value};
use crate::order::OrderBy;
use crate::token;
use crate::vocabulary::Field;

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Test(field, test) => write!(f, "{field} {test}"),
            Self::And(parts) => {
                joined(f, parts, " AND ", |part| matches!(part, Self::And(_) | Self::Or(_)))
            }
            Self::Or(parts) => joined(f, parts, " OR ", |part| matches!(part, Self::Or(_))),
            Self::Not(part) => {
                f.write_str("NOT ")?;
                nested(f, part, matches!(**part, Self::And(_) | Self::Or(_)))
            }
        }
    }
}

fn joined(
    f: &mut Formatter<'_>,
    parts: &[Expr],
    word: &str,
    needs_parentheses: impl Fn(&Expr) -> bool,
) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            f.write_str(word)?;
        }
        nested(f, part, needs_parentheses(part))?;
    }
    Ok(())
}

fn nested(f: &mut Formatter<'_>, part: &Expr, in_parentheses: bool) -> fmt::Result {
    if in_parentheses { write!(f, "({part})") } else { write!(f, "{part}") }
}

impl Display for Test {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compare(compare, value) => write!(f, "{compare} {value}"),
            Self::Like { pattern, ignore_case: false } => write!(f, "LIKE {}", Quoted(pattern)),
            Self::Like { pattern, ignore_case: true } => write!(f, "ILIKE {}", Quoted(pattern)),
            Self::In(list) => write!(f, "IN {}", List(list)),
            Self::NotIn(list) => write!(f, "NOT IN {}", List(list)),
            Self::IsNull => f.write_str("IS NULL"),
            Self::IsNotNull => f.write_str("IS NOT NULL"),
            Self::Matches(pattern) => write!(f, "=~ {}", Quoted(pattern.as_str())),
        }
    }
}

impl Display for Compare {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write_number(f, *number),
            Self::Text(text) => write!(f, "{}", Quoted(text)),
        }
    }
}

/// Writes a number so that it reads back exactly; infinity as a number too large for any other.
fn write_number(f: &mut Formatter<'_>, number: f64) -> fmt::Result {
    let size = number.abs();
    if size.is_infinite() {
        f.write_str(if number > 0.0 { "1e999" } else { "-1e999" })
    } else if size == 0.0 || (1e-5..1e16).contains(&size) {
        write!(f, "{number}")
    } else {
        write!(f, "{number:e}")
    }
}

impl Display for OrderBy {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, if self.ascending { "ASC" } else { "DESC" })
    }
}

impl Display for Field {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let prefix = self.entity.prefix();
        if let Some(prefix) = prefix {
            write!(f, "{prefix}.")?;
        }
        // Without a prefix, a dot would start one and a keyword would be one.
        let plain = match prefix {
            Some(_) => token::is_plain_key(&self.key),
            None => token::is_plain_name(&self.key),
        };
        if plain { f.write_str(&self.key) } else { write!(f, "`{}`", self.key.replace('`', "``")) }
    }
}

struct Quoted<'a>(&'a str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", self.0.replace('\'', "''"))
    }
}

struct List<'a>(&'a [String]);

impl Display for List<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for (index, item) in self.0.iter().enumerate() {
            write!(f, "{}{}", if index > 0 { ", " } else { "" }, Quoted(item))?;
        }
        f.write_str(")")
    }
}
