//! Bodies of nothing but numbers in a block, as most large ones are: read at once.
//!
//! What has another form, or is broken, is left to the reader of all JSON, which can say why.

use super::cell::Number;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A body that holds one block of numbers.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Body<'a> {
    #[serde(borrow)]
    pub(super) dataframe_split: Option<Split<'a>>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(super) inputs: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(super) instances: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Split<'a> {
    pub(super) columns: Vec<String>,
    #[serde(borrow)]
    pub(super) data: &'a RawValue,
}

/// Takes a field that is null for one that is there, too.
fn present<'de, D: Deserializer<'de>>(field: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(field).map(Some)
}

/// Numbers in the order of nested lists, which all have the same lengths.
#[derive(Debug, PartialEq)]
pub(super) struct Grid {
    pub(super) shape: Vec<usize>,
    pub(super) numbers: Vec<Number>,
}

impl Grid {
    /// Reads nested lists; `None` when they hold anything but numbers, or form no block.
    pub(super) fn read(json: &RawValue) -> Option<Self> {
        /// Networks take fewer dimensions, and what is hostile has more.
        const DEPTH_MAX: usize = 16;
        // It is JSON already: commas and spaces need no second look.
        let mut bytes = json.get().as_bytes();
        let mut lengths: Vec<Option<usize>> = Vec::new();
        let mut open: Vec<usize> = Vec::new();
        let mut numbers = Vec::new();
        while let [byte, rest @ ..] = bytes {
            match byte {
                b'[' => {
                    if let Some(count) = open.last_mut() {
                        *count += 1;
                    }
                    // Numbers stand at one depth only.
                    if open.len() == lengths.len() {
                        if !numbers.is_empty() || open.len() == DEPTH_MAX {
                            return None;
                        }
                        lengths.push(None);
                    }
                    open.push(0);
                    bytes = rest;
                }
                b']' => {
                    let count = open.pop()?;
                    let length = lengths.get_mut(open.len())?;
                    if *length.get_or_insert(count) != count || count == 0 {
                        return None;
                    }
                    bytes = rest;
                }
                b'-' | b'0'..=b'9' => {
                    let is_deepest = open.len() == lengths.len();
                    *open.last_mut().filter(|_| is_deepest)? += 1;
                    let (number, size) = number(bytes)?;
                    numbers.push(number);
                    bytes = &bytes[size..];
                }
                b',' | b' ' | b'\n' | b'\r' | b'\t' => bytes = rest,
                _ => return None,
            }
        }
        let shape = lengths.into_iter().collect::<Option<_>>()?;
        (!numbers.is_empty()).then_some(Self { shape, numbers })
    }

    /// Returns the columns of rows.
    pub(super) fn columns(&self) -> Option<impl Iterator<Item = Vec<Number>>> {
        let [_, width] = *self.shape else { return None };
        let column = move |at| self.numbers.iter().skip(at).step_by(width).copied().collect();
        Some((0..width).map(column))
    }
}

/// Reads the number at the beginning, and tells how long it is.
fn number(bytes: &[u8]) -> Option<(Number, usize)> {
    let (value, size) = fast_float2::parse_partial::<f64, _>(bytes).ok()?;
    let text = &bytes[..size];
    let is_integer = !text.iter().any(|byte| matches!(byte, b'.' | b'e' | b'E'));
    // Minus zero is a float, and so is what is too large.
    let integer = || str::from_utf8(text).ok()?.parse().ok().filter(|value| *value != 0i64);
    let number = match is_integer {
        true if text == b"0" => Number::Integer(0),
        true => integer().map_or(Number::Float(value), Number::Integer),
        false => Number::Float(value),
    };
    value.is_finite().then_some((number, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, want: Option<(&[usize], &[Number])>) {
        let grid = Grid::read(serde_json::from_str(json).unwrap());
        let want =
            want.map(|(shape, numbers)| Grid { shape: shape.to_vec(), numbers: numbers.to_vec() });
        assert_eq!(grid, want, "for {json}");
    }

    #[test]
    fn blocks_of_numbers_are_read_and_nothing_else_is() {
        use Number::{Float, Integer};
        check("[1, 2.5]", Some((&[2], &[Integer(1), Float(2.5)])));
        check("[[1], [2]]", Some((&[2, 1], &[Integer(1), Integer(2)])));
        check("[[[1e3, -0]]]", Some((&[1, 1, 2], &[Float(1000.0), Float(-0.0)])));
        check("[0, 9223372036854775808]", Some((&[2], &[Integer(0), Float(2f64.powi(63))])));
        for other in [
            "1",
            "[]",
            "[[]]",
            "[[1], []]",
            "[[1], [2, 3]]",
            "[1, [2]]",
            "[[1], 2]",
            "[null]",
            "[true]",
            "[\"1\"]",
            "{}",
            "[{}]",
            "[[1], {}]",
            "[[[1]], [2]]",
            "[1e400]",
        ] {
            check(other, None);
        }
    }
}
