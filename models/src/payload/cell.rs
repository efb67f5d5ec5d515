//! JSON as it arrives, before any type is known.

use memchr::memmem;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;

/// One JSON value. Objects keep the order of their fields.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Null,
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Text(String),
    List(Vec<Self>),
    /// A list of nothing but numbers, and of one at least: most of what bodies hold.
    Numbers(Vec<Number>),
    Object(Vec<(String, Self)>),
}

/// A number of a list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
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
    /// Takes the elements out of a list; gives back what is none.
    pub(super) fn into_list(self) -> Result<Vec<Self>, Self> {
        match self {
            Self::List(list) => Ok(list),
            Self::Numbers(list) => Ok(list.into_iter().map(Self::from).collect()),
            other => Err(other),
        }
    }

    /// Counts the elements of a list.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::List(list) => list.len(),
            Self::Numbers(list) => list.len(),
            _ => 0,
        }
    }

    /// Makes the value that any JSON reader would have made.
    pub(super) fn into_value(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Boolean(value) => Value::Bool(value),
            Self::Integer(value) => Value::from(value),
            Self::Number(value) => Value::from(value),
            Self::Text(text) => Value::String(text),
            Self::List(list) => list.into_iter().map(Self::into_value).collect(),
            Self::Numbers(list) => {
                list.into_iter().map(|number| Self::from(number).into_value()).collect()
            }
            Self::Object(fields) => {
                fields.into_iter().map(|(name, value)| (name, value.into_value())).collect()
            }
        }
    }

    /// Returns JSON's word for the kind of value.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "boolean",
            Self::Integer(_) | Self::Number(_) => "number",
            Self::Text(_) => "string",
            Self::List(_) | Self::Numbers(_) => "list",
            Self::Object(_) => "object",
        }
    }
}

/// Reads JSON, with the three numbers that Python writes and JSON lacks.
pub(super) fn parse(body: &[u8]) -> Result<Cell, serde_json::Error> {
    serde_json::from_slice(&without_python_numbers(body))
}

/// Replaces `NaN` by null and the infinities by text that reads as a number.
fn without_python_numbers(body: &[u8]) -> Cow<'_, [u8]> {
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

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CellVisitor)
    }
}

struct CellVisitor;

impl<'de> Visitor<'de> for CellVisitor {
    type Value = Cell;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Cell, E> {
        Ok(Cell::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Cell, E> {
        Ok(Cell::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Cell, E> {
        Ok(Cell::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Cell, E> {
        // Beyond 64 bits with a sign only a float column can hold it, rounded as any other.
        Ok(i64::try_from(value).map_or(Cell::Number(value as f64), Cell::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Cell, E> {
        Ok(Cell::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Cell, E> {
        Ok(Cell::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Cell, E> {
        Ok(Cell::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Cell, A::Error> {
        let mut numbers = Vec::new();
        while let Some(cell) = list.next_element()? {
            match cell {
                Cell::Integer(value) => numbers.push(Number::Integer(value)),
                Cell::Number(value) => numbers.push(Number::Float(value)),
                other => {
                    let mut cells: Vec<Cell> = numbers.into_iter().map(Cell::from).collect();
                    cells.push(other);
                    while let Some(cell) = list.next_element()? {
                        cells.push(cell);
                    }
                    return Ok(Cell::List(cells));
                }
            }
        }
        Ok(if numbers.is_empty() { Cell::List(Vec::new()) } else { Cell::Numbers(numbers) })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Cell, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Cell::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_that_only_python_writes_are_read_outside_of_text() {
        let body = br#"["NaN", "a \" NaN \\", NaN, -Infinity, Infinity, {"NaN": 1}]"#;

        let Cell::List(cells) = parse(body).unwrap() else { panic!("no list") };

        let text = |value: &str| Cell::Text(value.to_owned());
        assert_eq!(cells[0], text("NaN"));
        assert_eq!(cells[1], text("a \" NaN \\"));
        assert_eq!(cells[2], Cell::Null);
        assert_eq!(cells[3], text("-Infinity"));
        assert_eq!(cells[4], text("Infinity"));
        assert_eq!(cells[5], Cell::Object(vec![("NaN".to_owned(), Cell::Integer(1))]));
    }

    #[test]
    fn broken_bodies_are_errors() {
        for body in [&b"{"[..], b"[NaN", b"\"\\", b"NaNa", b"\xff", b"", b"[1] 2"] {
            assert!(parse(body).is_err(), "{:?}", String::from_utf8_lossy(body));
        }
        let deep = "[".repeat(100_000);
        assert!(parse(deep.as_bytes()).is_err());
    }
}
