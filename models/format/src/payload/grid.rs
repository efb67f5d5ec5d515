//! Bodies of nothing but numbers in a block, as most large ones are: read at once.
//!
//! What has another form, or is broken, is left to the reader of all JSON, which can say why.

use super::cell::Number;
use super::typed;
use memchr::memmem;
use mlctl_table::schema::COLUMNS_MAX;
use mlctl_table::schema::{Declared, Element, Lookup};
use mlctl_table::{Table, Tensor, Values};
use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use std::collections::HashSet;
use std::fmt;

/// A body of `dataframe_split` up to its `data`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SplitBody {
    dataframe_split: Split,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Split {
    columns: Names,
    #[serde(rename = "data")]
    _data: (),
}

/// The names of columns, none of them twice.
struct Names(Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;

        impl<'de> Visitor<'de> for List {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("names of columns")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Names, A::Error> {
                let (mut names, mut known) = (Vec::new(), HashSet::new());
                while let Some(name) = list.next_element::<String>()? {
                    if names.len() == COLUMNS_MAX || !known.insert(name.clone()) {
                        return Err(A::Error::custom("too many names, or one twice"));
                    }
                    names.push(name);
                }
                Ok(Names(names))
            }
        }

        deserializer.deserialize_seq(List)
    }
}

/// Numbers in the order of nested lists, which all have the same lengths.
#[derive(Debug, PartialEq)]
pub(super) struct Grid {
    shape: Vec<usize>,
    numbers: Vec<Number>,
}

impl Grid {
    /// Reads a body that is nothing but `dataframe_split`, with the names of its columns first.
    pub(super) fn of_split(body: &[u8]) -> Option<(Vec<String>, Self)> {
        const FIELD: &[u8] = b"\"data\"";
        let at = memmem::find(body, FIELD)? + FIELD.len();
        let rows = body[at..].trim_ascii_start().strip_prefix(b":")?;
        // What stands before the rows is looked at before them: they are many.
        let before = &body[..body.len() - rows.len()];
        let front: SplitBody = serde_json::from_slice(&[before, b"null}}"].concat()).ok()?;
        let names = front.dataframe_split.columns.0;
        let (grid, after) = Self::read(rows, Some(names.len()))?;
        let ends = after.iter().filter(|byte| !byte.is_ascii_whitespace()).eq(b"}}");
        (ends && grid.shape.len() == 2).then_some((names, grid))
    }

    /// Reads a body that is nothing but `inputs` or `instances`.
    pub(super) fn of_lists(body: &[u8]) -> Option<Self> {
        let object = body.trim_ascii_start().strip_prefix(b"{")?.trim_ascii_start();
        let field = object.strip_prefix(b"\"inputs\"");
        let field = field.or_else(|| object.strip_prefix(b"\"instances\""))?;
        let lists = field.trim_ascii_start().strip_prefix(b":")?;
        let (grid, after) = Self::read(lists, None)?;
        let ends = after.iter().filter(|byte| !byte.is_ascii_whitespace()).eq(b"}");
        ends.then_some(grid)
    }

    /// Makes columns of the rows; `None` when a value does not fit its column's type.
    pub(super) fn into_table(self, names: Vec<String>, types: &Lookup<'_>) -> Option<Table> {
        let width = names.len();
        let rows = self.shape.first().copied().unwrap_or_default();
        let columns = names.into_iter().enumerate().map(|(at, name)| {
            let values = match types.of_column(&name, at) {
                // The schema does not know the column, which will be dropped.
                Declared::Unknown => Values::String(vec![None; rows]),
                Declared::Free => {
                    let column = self.column(at, width);
                    let data_type = typed::infer_numbers(column.clone());
                    typed::numbers(column, data_type.into(), &[rows]).ok()?
                }
                Declared::As(element) => {
                    typed::numbers(self.column(at, width), element, &[rows]).ok()?
                }
            };
            Some((name, Tensor::vector(values)))
        });
        Table::new(columns.collect::<Option<_>>()?).ok()
    }

    fn column(
        &self,
        at: usize,
        width: usize,
    ) -> impl ExactSizeIterator<Item = Number> + Clone + '_ {
        self.numbers.iter().skip(at).step_by(width).copied()
    }

    /// Makes a tensor of the numbers; `None` when one does not fit the type.
    pub(super) fn into_tensor(self, declared: Option<Element>) -> Option<Tensor> {
        let numbers = self.numbers.iter().copied();
        let element = declared.unwrap_or_else(|| typed::infer_numbers(numbers.clone()).into());
        let values = typed::numbers(numbers, element, &self.shape).ok()?;
        Tensor::new(self.shape, values).ok()
    }

    /// Reads nested lists, and returns what follows them; `None` when they hold anything but
    /// numbers, form no block, or are no JSON. With a width, they are rows of so many numbers.
    fn read(mut bytes: &[u8], width: Option<usize>) -> Option<(Self, &[u8])> {
        /// Networks take fewer dimensions, and what is hostile has more.
        const DEPTH_MAX: usize = 16;
        let depth_max = if width.is_some() { 2 } else { DEPTH_MAX };
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
                        if !numbers.is_empty() || open.len() == depth_max {
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
                    let count = open.last_mut()?;
                    *count += 1;
                    if let Some(width) = width
                        && (*count > width || lengths.len() < 2)
                    {
                        return None;
                    }
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
        let got = Grid::read(json.as_bytes(), None).map(|(grid, _)| grid);
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
        assert_eq!(Grid::read(b"[1], 2", None).map(|(_, after)| after), Some(&b", 2"[..]));
        let others = "1 [] [[]] [[1],[]] [[1],[2,3]] [1,[2]] [[1],2] [null] [true] [\"1\"] {} [{}] \
            [[1],{}] [[[1]],[2]] [1e400]";
        let broken = "[ [1 [,1] [1,] [1:2] [01] [-01] [1.] [1.e5] [.5] [+1] [1e] [-] [inf] [-nan] \
            [[1] [[1],,[1]] [[1][1]] ]";
        for other in [others, broken].into_iter().flat_map(str::split_whitespace) {
            check(other, None);
        }
    }
}
