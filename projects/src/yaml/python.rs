//! Prints values as Python's `str` and `repr` do.

use std::fmt::{self, Display, Write as _};

use super::Value;

impl Display for Value {
    /// Prints what `str(value)` prints.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) | Self::Time(text, _) => f.write_str(text),
            _ => f.write_str(&self.repr()),
        }
    }
}

impl Value {
    /// Returns what `repr(value)` prints.
    pub(crate) fn repr(&self) -> String {
        match self {
            Self::Null => "None".to_owned(),
            Self::Bool(true) => "True".to_owned(),
            Self::Bool(false) => "False".to_owned(),
            Self::Int(digits) => digits.clone(),
            Self::Float(value) => repr_float(*value),
            Self::Text(text) => repr_text(text),
            Self::Time(_, repr) => repr.clone(),
            Self::List(items) => {
                format!("[{}]", items.iter().map(Self::repr).collect::<Vec<_>>().join(", "))
            }
            Self::Map(pairs) => {
                let pair = |(k, v): &(Self, Self)| format!("{}: {}", k.repr(), v.repr());
                format!("{{{}}}", pairs.iter().map(pair).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// Returns the shortest digits that read back as `value`, laid out as Python does.
fn repr_float(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    let plain = format!("{value}");
    if plain.contains('.') { plain } else { plain + ".0" }
}

/// Returns what Python's `repr` prints for text.
pub(crate) fn repr_text(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut repr = String::from(quote);
    for character in text.chars() {
        match character {
            '\\' => repr.push_str("\\\\"),
            '\n' => repr.push_str("\\n"),
            '\r' => repr.push_str("\\r"),
            '\t' => repr.push_str("\\t"),
            c if c == quote => {
                repr.push('\\');
                repr.push(c);
            }
            c if c.is_control() => {
                let code = c as u32;
                // A String takes every write.
                let _ = write!(repr, "\\x{code:02x}");
            }
            c => repr.push(c),
        }
    }
    repr.push(quote);
    repr
}
