//! Nested JSON lists to tensors of one type.

use super::cell::{Cell, Number};
use crate::signature::DataType;
use crate::{Tensor, Values};

/// Makes a tensor of nested lists; a single value gets no dimension.
///
/// The reason of a failure is text for the client: the caller knows where the value stood.
pub(crate) fn tensor(cell: Cell, declared: Option<DataType>) -> Result<Tensor, String> {
    let shape = shape(&cell);
    let mut flat = Vec::with_capacity(shape.iter().product());
    if flatten_numbers(&cell, &shape, &mut flat) {
        return numbers(shape, flat, declared);
    }
    let mut flat = Vec::with_capacity(flat.capacity());
    flatten(cell, &shape, &mut flat)?;
    let data_type = declared.map_or_else(|| infer(&flat), Ok)?;
    let values = values(flat.into_iter(), data_type)?;
    Tensor::new(shape, values).map_err(|error| error.to_string())
}

/// Makes a tensor of numbers that fill its shape.
///
/// The reason of a failure is text for the client, as that of [`tensor`].
pub(super) fn numbers(
    shape: Vec<usize>,
    numbers: Vec<Number>,
    declared: Option<DataType>,
) -> Result<Tensor, String> {
    let is_integer = |number: &Number| matches!(number, Number::Integer(_));
    let inferred = || match numbers.iter().all(is_integer) {
        true => DataType::Long,
        false => DataType::Double,
    };
    let data_type = declared.unwrap_or_else(inferred);
    let values = values(numbers.into_iter().map(Cell::from), data_type)?;
    Tensor::new(shape, values).map_err(|error| error.to_string())
}

/// Returns the lengths of a list, its first element, the first element of that and so on.
fn shape(mut cell: &Cell) -> Vec<usize> {
    let mut shape = Vec::new();
    loop {
        match cell {
            Cell::List(cells) => {
                shape.push(cells.len());
                match cells.first() {
                    Some(first) => cell = first,
                    None => return shape,
                }
            }
            Cell::Numbers(list) => {
                shape.push(list.len());
                return shape;
            }
            _ => return shape,
        }
    }
}

/// Appends all values of lists that fill the shape with numbers; tells whether they do.
fn flatten_numbers(cell: &Cell, shape: &[usize], flat: &mut Vec<Number>) -> bool {
    match (cell, shape) {
        (Cell::Numbers(list), [size]) if list.len() == *size => {
            flat.extend_from_slice(list);
            true
        }
        (Cell::List(cells), [size, inner @ ..]) if cells.len() == *size && !inner.is_empty() => {
            cells.iter().all(|cell| flatten_numbers(cell, inner, flat))
        }
        _ => false,
    }
}

fn flatten(cell: Cell, shape: &[usize], flat: &mut Vec<Cell>) -> Result<(), String> {
    match (cell, shape) {
        (Cell::List(cells), [size, inner @ ..]) if cells.len() == *size => {
            cells.into_iter().try_for_each(|cell| flatten(cell, inner, flat))
        }
        (Cell::Object(_), _) => Err("an object stands where a value should".to_owned()),
        (Cell::Numbers(list), [size]) if list.len() == *size => {
            flat.extend(list.into_iter().map(Cell::from));
            Ok(())
        }
        (Cell::List(_) | Cell::Numbers(_), _) => {
            Err("the lists differ in length or depth".to_owned())
        }
        (_, [_, ..]) => Err("the lists differ in length or depth".to_owned()),
        (cell, []) => {
            flat.push(cell);
            Ok(())
        }
    }
}

fn values(cells: impl Iterator<Item = Cell>, data_type: DataType) -> Result<Values, String> {
    match data_type {
        DataType::Boolean => {
            cells.map(|cell| boolean(&cell)).collect::<Result<_, _>>().map(Values::Boolean)
        }
        DataType::Integer => {
            cells.map(|cell| integer(&cell)).collect::<Result<_, _>>().map(Values::Integer)
        }
        DataType::Long => {
            cells.map(|cell| integer(&cell)).collect::<Result<_, _>>().map(Values::Long)
        }
        DataType::Float => {
            cells.map(|cell| float(&cell)).collect::<Result<_, _>>().map(Values::Float)
        }
        DataType::Double => {
            cells.map(|cell| double(&cell)).collect::<Result<_, _>>().map(Values::Double)
        }
        DataType::String => cells.map(text).collect::<Result<_, _>>().map(Values::String),
        other @ (DataType::Binary | DataType::Datetime) => {
            Err(format!("values of type {} do not run here", other.numpy_name()))
        }
    }
}

/// Guesses the type as pandas does: text, floats when there is one or a null, integers, booleans.
fn infer(cells: &[Cell]) -> Result<DataType, String> {
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

fn integer<T: TryFrom<i64>>(cell: &Cell) -> Result<T, String> {
    let value = match cell {
        Cell::Boolean(value) => Some(i64::from(*value)),
        Cell::Integer(value) => Some(*value),
        // Doubles hold integers exactly up to 2^53; beyond, a float is not the integer it shows.
        Cell::Number(value) if value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0 => {
            Some(*value as i64)
        }
        Cell::Text(text) => text.trim().parse().ok(),
        _ => None,
    };
    let what = || format!("a {}-bit integer", 8 * size_of::<T>());
    value.and_then(|value| T::try_from(value).ok()).ok_or_else(|| refuse(cell, &what()))
}

fn double(cell: &Cell) -> Result<f64, String> {
    match cell {
        Cell::Null => Ok(f64::NAN),
        Cell::Boolean(value) => Ok(f64::from(u8::from(*value))),
        Cell::Integer(value) => Ok(*value as f64),
        Cell::Number(value) => Ok(*value),
        Cell::Text(text) => text.trim().parse().map_err(|_| refuse(cell, "float")),
        Cell::List(_) | Cell::Numbers(_) | Cell::Object(_) => Err(refuse(cell, "float")),
    }
}

fn float(cell: &Cell) -> Result<f32, String> {
    let value = double(cell)?;
    let narrow = value as f32;
    if narrow.is_infinite() && value.is_finite() {
        return Err(refuse(cell, "a 32-bit float"));
    }
    Ok(narrow)
}

fn text(cell: Cell) -> Result<Option<String>, String> {
    match cell {
        Cell::Null => Ok(None),
        Cell::Text(text) => Ok(Some(text)),
        // Python's spelling, as numpy would have it.
        Cell::Boolean(value) => Ok(Some(if value { "True" } else { "False" }.to_owned())),
        Cell::Integer(value) => Ok(Some(value.to_string())),
        Cell::Number(value) => Ok(Some(format!("{value:?}"))),
        other @ (Cell::List(_) | Cell::Numbers(_) | Cell::Object(_)) => {
            Err(refuse(&other, "a string"))
        }
    }
}

fn refuse(cell: &Cell, wanted: &str) -> String {
    match cell {
        Cell::Text(text) => format!("could not convert string to {wanted}: '{text}'"),
        Cell::Integer(value) => format!("could not convert {value} to {wanted}"),
        Cell::Number(value) => format!("could not convert {value:?} to {wanted}"),
        other => format!("could not convert {} to {wanted}", other.kind()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::cell::parse;
    use super::*;

    #[track_caller]
    fn check(json: &str, declared: Option<DataType>, want: Result<(&[usize], Values), &str>) {
        let got = tensor(parse(json.as_bytes()).unwrap(), declared).map(Tensor::into_parts);
        let want = want.map(|(shape, values)| (shape.to_vec(), values)).map_err(str::to_owned);
        assert_eq!(got, want, "for {json}");
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
        check("[1, Infinity]", None, Ok((&[2], Values::Double(vec![1.0, f64::INFINITY]))));
        check("[1, \"a\"]", None, Err("numbers and text do not mix"));
        check("7", None, Ok((&[], Values::Long(vec![7]))));
        check("[]", None, Ok((&[0], Values::Double(vec![]))));
        check("[[], []]", None, Ok((&[2, 0], Values::Double(vec![]))));
    }

    #[test]
    fn lists_must_form_a_block() {
        let ragged = "the lists differ in length or depth";
        check("[[1, 2], [3]]", None, Err(ragged));
        check("[[1], 2]", None, Err(ragged));
        check("[1, [2]]", None, Err(ragged));
        check("[{\"a\": 1}]", None, Err("an object stands where a value should"));
    }

    #[test]
    fn a_value_that_would_change_is_refused() {
        let long = Some(DataType::Long);
        check("[3.0]", long, Ok((&[1], Values::Long(vec![3]))));
        check("[1.5]", long, Err("could not convert 1.5 to a 64-bit integer"));
        check("[1e300]", long, Err("could not convert 1e300 to a 64-bit integer"));
        check("[null]", long, Err("could not convert null to a 64-bit integer"));
        let large = "could not convert 2147483648 to a 32-bit integer";
        check("[2147483648]", Some(DataType::Integer), Err(large));
        check("[1e300]", Some(DataType::Float), Err("could not convert 1e300 to a 32-bit float"));
        check("[2]", Some(DataType::Boolean), Err("could not convert 2 to a boolean"));
    }
}
