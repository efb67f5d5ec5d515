//! Single values of JSON as they arrive, before any type is known.

use memchr::memmem;
use std::borrow::Cow;

/// One JSON value that is neither list nor object.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Cell {
    Null,
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Text(String),
}

/// A number of a list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Integer(i64),
    Float(f64),
}

impl From<Number> for Cell {
    fn from(number: Number) -> Self {
        match number {
            Number::Integer(value) => Self::Integer(value),
            Number::Float(value) => Self::Number(value),
        }
    }
}

impl Cell {
    /// Returns JSON's word for the kind of value.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "boolean",
            Self::Integer(_) | Self::Number(_) => "number",
            Self::Text(_) => "string",
        }
    }
}

/// Replaces the three numbers that Python writes and JSON lacks: `NaN` by null, and the infinities
/// by text that reads as a number.
pub(super) fn without_python_numbers(body: &[u8]) -> Cow<'_, [u8]> {
    const SPELLINGS: [(&[u8], &[u8]); 3] =
        [(b"NaN", b"null"), (b"-Infinity", b"\"-Infinity\""), (b"Infinity", b"\"Infinity\"")];
    let has = |word: &[u8]| memmem::find(body, word).is_some();
    if !has(b"NaN") && !has(b"Infinity") {
        return Cow::Borrowed(body);
    }
    let mut out = Vec::with_capacity(body.len() + 64);
    let (mut at, mut in_text) = (0, false);
    while let Some(&byte) = body.get(at) {
        let found = SPELLINGS.iter().find(|(python, _)| !in_text && body[at..].starts_with(python));
        if let Some((python, json)) = found {
            out.extend_from_slice(json);
            at += python.len();
            continue;
        }
        match byte {
            b'\\' if in_text => {
                out.extend_from_slice(&body[at..body.len().min(at + 2)]);
                at += 2;
                continue;
            }
            b'"' => in_text = !in_text,
            _ => {}
        }
        out.push(byte);
        at += 1;
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_that_only_python_writes_are_read_outside_of_text() {
        let body = br#"["NaN", "a \" NaN \\", NaN, -Infinity, Infinity, {"NaN": 1}]"#;

        let json = without_python_numbers(body);

        let want = br#"["NaN", "a \" NaN \\", null, "-Infinity", "Infinity", {"NaN": 1}]"#;
        assert_eq!(String::from_utf8_lossy(&json), String::from_utf8_lossy(want));
    }
}
