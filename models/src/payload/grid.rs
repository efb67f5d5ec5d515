//! Bodies of nothing but numbers in a block, as most large ones are: read at once.
//!
//! What has another form, or is broken, is left to the reader of all JSON, which can say why.

use super::cell::Number;
use memchr::memmem;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A body of `dataframe_split` without what its `data` is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SplitBody {
    dataframe_split: Split,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Split {
    columns: Vec<String>,
    #[serde(rename = "data")]
    _data: (),
}

/// A body of nested lists, without them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListsBody {
    #[serde(rename = "inputs", alias = "instances")]
    _inputs: (),
}

/// Numbers in the order of nested lists, which all have the same lengths.
#[derive(Debug, PartialEq)]
pub(super) struct Grid {
    pub(super) shape: Vec<usize>,
    pub(super) numbers: Vec<Number>,
}

impl Grid {
    /// Reads a body that is nothing but `dataframe_split`, with the names of its columns.
    pub(super) fn of_split(body: &[u8]) -> Option<(Vec<String>, Self)> {
        let (rest, grid) = Self::of_field::<SplitBody>(body, b"\"data\"")?;
        let columns = rest.dataframe_split.columns;
        (grid.shape.len() == 2 && grid.shape[1] == columns.len()).then_some((columns, grid))
    }

    /// Reads a body that is nothing but `inputs` or `instances`.
    pub(super) fn of_lists(body: &[u8]) -> Option<Self> {
        let read = |field| Self::of_field::<ListsBody>(body, field);
        let (_, grid) = read(b"\"inputs\"").or_else(|| read(b"\"instances\""))?;
        Some(grid)
    }

    /// Reads the lists of a field, and then the body with null in their place: only where they are
    /// the field's value, that is a body of the form that is asked for.
    fn of_field<B: DeserializeOwned>(body: &[u8], field: &[u8]) -> Option<(B, Self)> {
        let at = memmem::find(body, field)? + field.len();
        let lists = body[at..].trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
        let (grid, after) = Self::read(lists)?;
        let before = &body[..body.len() - lists.len()];
        let rest = serde_json::from_slice(&[before, b"null", after].concat()).ok()?;
        Some((rest, grid))
    }

    /// Reads nested lists, and returns what follows them; `None` when they hold anything but
    /// numbers, form no block, or are no JSON.
    fn read(mut bytes: &[u8]) -> Option<(Self, &[u8])> {
        /// Networks take fewer dimensions, and what is hostile has more.
        const DEPTH_MAX: usize = 16;
        let mut lengths: Vec<Option<usize>> = Vec::new();
        let mut open: Vec<usize> = Vec::new();
        let mut numbers = Vec::new();
        let mut wants_value = true;
        while let [byte, rest @ ..] = bytes {
            let token = std::mem::replace(&mut bytes, rest);
            match byte {
                b' ' | b'\n' | b'\r' | b'\t' => {}
                b',' if !wants_value => wants_value = true,
                b'[' if wants_value => {
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
                }
                b']' if !wants_value => {
                    let count = open.pop()?;
                    if *lengths[open.len()].get_or_insert(count) != count {
                        return None;
                    }
                    if open.is_empty() {
                        let shape = lengths.into_iter().collect::<Option<_>>()?;
                        return Some((Self { shape, numbers }, bytes));
                    }
                }
                _ if wants_value && open.len() == lengths.len() => {
                    *open.last_mut()? += 1;
                    let (number, size) = number(token)?;
                    numbers.push(number);
                    bytes = &token[size..];
                    wants_value = false;
                }
                _ => return None,
            }
        }
        None
    }

    /// Returns the columns of rows.
    pub(super) fn columns(&self) -> impl Iterator<Item = Vec<Number>> {
        let width = self.shape.last().copied().unwrap_or(0);
        (0..width).map(move |at| self.numbers.iter().skip(at).step_by(width).copied().collect())
    }
}

/// Reads the number at the beginning, and tells how long it is.
fn number(bytes: &[u8]) -> Option<(Number, usize)> {
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
    // JSON has no leading zeros, and digits on both sides of a point.
    match digits {
        [b'0', b'0'..=b'9', ..] => return None,
        [b'0'..=b'9', ..] => {}
        _ => return None,
    }
    let (value, size) = fast_float2::parse_partial::<f64, _>(bytes).ok()?;
    let text = &bytes[..size];
    let number = match text.iter().position(|byte| !matches!(byte, b'-' | b'0'..=b'9')) {
        Some(point) if text[point] == b'.' && !text.get(point + 1)?.is_ascii_digit() => {
            return None;
        }
        Some(_) => Number::Float(value),
        None if text == b"0" => Number::Integer(0),
        // Minus zero is a float, and so is what is too large.
        None => match str::from_utf8(text).ok()?.parse() {
            Ok(integer) if integer != 0 => Number::Integer(integer),
            _ => Number::Float(value),
        },
    };
    value.is_finite().then_some((number, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, want: Option<(&[usize], &[Number])>) {
        let got = Grid::read(json.as_bytes()).map(|(grid, _)| grid);
        let want =
            want.map(|(shape, numbers)| Grid { shape: shape.to_vec(), numbers: numbers.to_vec() });
        assert_eq!(got, want, "for {json}");
    }

    #[test]
    fn blocks_of_numbers_are_read_and_nothing_else_is() {
        use Number::{Float, Integer};
        check("[1, 2.5]", Some((&[2], &[Integer(1), Float(2.5)])));
        check("[[1], [2]]", Some((&[2, 1], &[Integer(1), Integer(2)])));
        check("[[[1e3, -0]]]", Some((&[1, 1, 2], &[Float(1000.0), Float(-0.0)])));
        check(" [ [ 1 ]\n,\t[2] ]", Some((&[2, 1], &[Integer(1), Integer(2)])));
        check("[0, 9223372036854775808]", Some((&[2], &[Integer(0), Float(2f64.powi(63))])));
        assert_eq!(Grid::read(b"[1], 2").map(|(_, after)| after), Some(&b", 2"[..]));
        let others = "1 [] [[]] [[1],[]] [[1],[2,3]] [1,[2]] [[1],2] [null] [true] [\"1\"] {} [{}] \
            [[1],{}] [[[1]],[2]] [1e400]";
        let broken = "[ [1 [,1] [1,] [1:2] [01] [-01] [1.] [1.e5] [.5] [+1] [1e] [-] [inf] [-nan] \
            [[1] [[1],,[1]] [[1][1]] ]";
        for other in [others, broken].into_iter().flat_map(str::split_whitespace) {
            check(other, None);
        }
    }
}
