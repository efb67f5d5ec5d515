//! Single values of JSON to values of one type: nothing changes on the way, or it is refused.

use super::cell::{Cell, Number};
use crate::Result;
use mlctl_table::Values;
use mlctl_table::schema::{DataType, Element};

/// Doubles hold every integer up to here; beyond, a float may not be the integer that it shows.
const EXACT_END: f64 = 9_007_199_254_740_992.0;

/// Makes room for values of a type; `None` for one that does not run here.
pub(super) fn none_of(data_type: DataType) -> Option<Values> {
    Some(match data_type {
        DataType::Boolean => Values::Boolean(Vec::new()),
        DataType::Integer => Values::Integer(Vec::new()),
        DataType::Long => Values::Long(Vec::new()),
        DataType::Float => Values::Float(Vec::new()),
        DataType::Double => Values::Double(Vec::new()),
        DataType::String => Values::String(Vec::new()),
        DataType::Binary | DataType::Datetime => return None,
    })
}

/// Adds a value.
pub(super) fn push(values: &mut Values, cell: Cell, element: Element) -> Result<(), String> {
    match values {
        // A type that does not run here has no values of its own.
        Values::Boolean(_) if element.data_type != DataType::Boolean => {
            return Err(format!("values of type {} are not supported", element.name()));
        }
        Values::Boolean(list) => list.push(boolean(&cell)?),
        Values::Integer(list) => list.push(integer(&cell, element)?),
        Values::Long(list) => list.push(integer(&cell, element)?),
        Values::Float(list) => list.push(float(&cell, element)?),
        Values::Double(list) => list.push(double(&cell)?),
        Values::String(list) => list.push(text(cell)),
    }
    Ok(())
}

/// Gives numbers a type; the reason of a failure says where in the shape it is.
pub(super) fn numbers(
    list: impl ExactSizeIterator<Item = Number>,
    element: Element,
    shape: &[usize],
) -> Result<Values, String> {
    all(list.map(Cell::from), element, shape)
}

/// Does the same with values of any kind.
pub(super) fn cells(list: Vec<Cell>, element: Element, shape: &[usize]) -> Result<Values, String> {
    all(list.into_iter(), element, shape)
}

fn all(
    cells: impl ExactSizeIterator<Item = Cell>,
    element: Element,
    shape: &[usize],
) -> Result<Values, String> {
    let mut values = none_of(element.data_type)
        .ok_or_else(|| format!("values of type {} are not supported", element.name()))?;
    reserve(&mut values, cells.len());
    for (at, cell) in cells.enumerate() {
        push(&mut values, cell, element).map_err(|problem| {
            let place = mlctl_table::show_place(at, shape);
            if place.is_empty() { problem } else { format!("{problem} at {place}") }
        })?;
    }
    Ok(values)
}

fn reserve(values: &mut Values, count: usize) {
    match values {
        Values::Boolean(list) => list.reserve_exact(count),
        Values::Integer(list) => list.reserve_exact(count),
        Values::Long(list) => list.reserve_exact(count),
        Values::Float(list) => list.reserve_exact(count),
        Values::Double(list) => list.reserve_exact(count),
        Values::String(list) => list.reserve_exact(count),
    }
}

/// Guesses the type of numbers: floats when there is one.
pub(super) fn infer_numbers(mut list: impl ExactSizeIterator<Item = Number>) -> DataType {
    match list.len() > 0 && list.all(|number| matches!(number, Number::Integer(_))) {
        true => DataType::Long,
        false => DataType::Double,
    }
}

/// Guesses the type as pandas does: text, floats when there is one or a null, integers, booleans.
pub(super) fn infer(cells: &[Cell]) -> Result<DataType, String> {
    let has = |is: fn(&Cell) -> bool| cells.iter().any(is);
    let has_number = has(|cell| matches!(cell, Cell::Number(_) | Cell::Integer(_)));
    if has(|cell| matches!(cell, Cell::Text(_))) {
        let is_number = |cell: &Cell| !matches!(cell, Cell::Text(text) if !is_infinity(text));
        if !has_number {
            return Ok(DataType::String);
        }
        if !cells.iter().all(is_number) {
            return Err("numbers and text do not mix".to_owned());
        }
        return Ok(DataType::Double);
    }
    if cells.is_empty() || has(|cell| matches!(cell, Cell::Number(_) | Cell::Null)) {
        return Ok(DataType::Double);
    }
    Ok(if has_number { DataType::Long } else { DataType::Boolean })
}

fn is_infinity(text: &str) -> bool {
    matches!(text, "Infinity" | "-Infinity")
}

fn boolean(cell: &Cell) -> Result<bool, String> {
    match cell {
        Cell::Boolean(value) => Ok(*value),
        Cell::Integer(0) => Ok(false),
        Cell::Integer(1) => Ok(true),
        other => Err(refuse(other, "a boolean")),
    }
}

fn integer<T: TryFrom<i64>>(cell: &Cell, element: Element) -> Result<T, String> {
    let value = match cell {
        Cell::Boolean(value) => Some(i64::from(*value)),
        Cell::Integer(value) => Some(*value),
        Cell::Number(value) if value.fract() == 0.0 && value.abs() < EXACT_END => {
            Some(*value as i64)
        }
        Cell::Text(text) => text.trim().parse().ok(),
        _ => None,
    };
    let holder = || match element.name() {
        "int32" => "a 32-bit integer",
        "int64" => "a 64-bit integer",
        narrow => narrow,
    };
    match value {
        Some(value) if element.refuses_integer(value).is_none() => {
            T::try_from(value).map_err(|_| refuse(cell, holder()))
        }
        _ => Err(refuse(cell, holder())),
    }
}

fn double(cell: &Cell) -> Result<f64, String> {
    match cell {
        Cell::Null => Ok(f64::NAN),
        Cell::Boolean(value) => Ok(f64::from(u8::from(*value))),
        Cell::Integer(value) => Ok(*value as f64),
        Cell::Number(value) => Ok(*value),
        Cell::Text(text) => text.trim().parse().map_err(|_| refuse(cell, "float")),
    }
}

fn float(cell: &Cell, element: Element) -> Result<f32, String> {
    let value = double(cell)?;
    if let Some(narrow) = element.refuses_float(value) {
        return Err(refuse(cell, narrow));
    }
    let narrow = value as f32;
    if narrow.is_infinite() && value.is_finite() {
        return Err(refuse(cell, "a 32-bit float"));
    }
    Ok(narrow)
}

fn text(cell: Cell) -> Option<String> {
    match cell {
        Cell::Null => None,
        Cell::Text(text) => Some(text),
        // Python's spelling, as numpy would have it.
        Cell::Boolean(value) => Some(if value { "True" } else { "False" }.to_owned()),
        Cell::Integer(value) => Some(value.to_string()),
        Cell::Number(value) => Some(format!("{value:?}")),
    }
}

fn refuse(cell: &Cell, wanted: &str) -> String {
    match cell {
        Cell::Text(text) => {
            format!("could not convert string to {wanted}: '{}'", shortened(text))
        }
        Cell::Integer(value) => format!("could not convert {value} to {wanted}"),
        Cell::Number(value) => format!("could not convert {value:?} to {wanted}"),
        other => format!("could not convert {} to {wanted}", other.kind()),
    }
}

/// Cuts what a client sent to what a message can hold.
fn shortened(text: &str) -> String {
    const CHARS_MAX: usize = 200;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::block::{Block, Filling};
    use super::super::place::{At, Reading};
    use super::*;
    use mlctl_table::Tensor;
    use mlctl_table::schema::{Declared, Lookup};
    use serde::de::DeserializeSeed;

    /// Reads lists as they come, and as they are when their type becomes known at the end.
    fn read(json: &str, at_once: Declared, at_the_end: Declared) -> Result<Tensor, String> {
        let reading = Reading::new(Lookup::new(None), 0);
        let mut block = Block::new(at_once);
        let place = At(Filling { reading: &reading, block: &mut block });
        let read = place.deserialize(&mut serde_json::Deserializer::from_str(json));
        match (read, reading.take_problem()) {
            (Err(_), Some(problem)) => Err(problem.to_string()),
            (Err(error), None) => Err(error.to_string()),
            (Ok(()), _) => block.finish(at_the_end),
        }
    }

    #[track_caller]
    fn check(json: &str, declared: Option<&str>, want: Result<(&[usize], Values), &str>) {
        let declared = declared
            .map_or(Declared::Free, |dtype| Declared::As(Element::of_numpy(dtype).unwrap()));
        let want = want.map(|(shape, values)| (shape.to_vec(), values)).map_err(str::to_owned);
        for at_once in [declared, Declared::Free] {
            let got = read(json, at_once, declared).map(Tensor::into_parts);
            assert_eq!(got, want, "for {json}");
        }
    }

    #[test]
    fn undeclared_types_are_inferred() {
        check("[1, 2]", None, Ok((&[2], Values::Long(vec![1, 2]))));
        check("[1, 2.5]", None, Ok((&[2], Values::Double(vec![1.0, 2.5]))));
        check("[true]", None, Ok((&[1], Values::Boolean(vec![true]))));
        check("[true, 3]", None, Ok((&[2], Values::Long(vec![1, 3]))));
        check(
            "[[\"a\"], [null]]",
            None,
            Ok((&[2, 1], Values::String(vec![Some("a".into()), None]))),
        );
        check("[1, \"Infinity\"]", None, Ok((&[2], Values::Double(vec![1.0, f64::INFINITY]))));
        check("[1, \"a\"]", None, Err("numbers and text do not mix"));
        check("7", None, Ok((&[], Values::Long(vec![7]))));
        check("[]", None, Ok((&[0], Values::Double(vec![]))));
        check("[[], []]", None, Ok((&[2, 0], Values::Double(vec![]))));
    }

    #[test]
    fn lists_must_form_a_block() {
        let ragged = |place: &str| format!("the lists differ in length or depth at {place}");
        check("[[1, 2], [3]]", None, Err(&ragged("[1]")));
        check("[[1], 2]", None, Err(&ragged("[1]")));
        check("[1, [2]]", None, Err(&ragged("[1]")));
        check("[[], [1]]", None, Err(&ragged("[1]")));
        check("[[], [[]]]", None, Err(&ragged("[1]")));
        check("[{\"a\": 1}]", None, Err("an object instead of a value at [0]"));
    }

    #[test]
    fn a_value_that_would_change_is_refused_with_its_place() {
        let long = Some("int64");
        check("[3.0]", long, Ok((&[1], Values::Long(vec![3]))));
        check("[1.5]", long, Err("could not convert 1.5 to a 64-bit integer at [0]"));
        check("[[0], [1e300]]", long, Err("could not convert 1e300 to a 64-bit integer at [1][0]"));
        check("[null]", long, Err("could not convert null to a 64-bit integer at [0]"));
        let doubtful = "could not convert 9007199254740992.0 to a 64-bit integer at [0]";
        check("[9007199254740993.0]", long, Err(doubtful));
        let large = "could not convert 2147483648 to a 32-bit integer at [0]";
        check("[2147483648]", Some("int32"), Err(large));
        check("[1e300]", Some("float32"), Err("could not convert 1e300 to a 32-bit float at [0]"));
        check("[2]", Some("bool"), Err("could not convert 2 to a boolean at [0]"));
    }

    #[test]
    fn numbers_take_the_narrow_type_that_is_declared() {
        let bytes = Values::Integer(vec![0, 255]);
        check("[[0, 255]]", Some("uint8"), Ok((&[1, 2], bytes)));
        check("[2.0]", Some("int16"), Ok((&[1], Values::Integer(vec![2]))));
        check("[4294967295]", Some("uint32"), Ok((&[1], Values::Long(vec![4_294_967_295]))));
        check("[1.5, null]", Some("str"), {
            let texts = vec![Some("1.5".to_owned()), None];
            Ok((&[2], Values::String(texts)))
        });
        check("[0.5]", Some("float16"), Ok((&[1], Values::Float(vec![0.5]))));
        check("[[0, 300]]", Some("uint8"), Err("could not convert 300 to uint8 at [0][1]"));
        check("[[0], [-1]]", Some("uint8"), Err("could not convert -1 to uint8 at [1][0]"));
        check("[1.5]", Some("uint8"), Err("could not convert 1.5 to uint8 at [0]"));
        check("[-1]", Some("uint64"), Err("could not convert -1 to uint64 at [0]"));
        check("[70000]", Some("float16"), Err("could not convert 70000 to float16 at [0]"));
    }
}
