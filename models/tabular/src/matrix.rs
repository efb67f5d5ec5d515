//! An input as the matrix of numbers that trees take.

use mlctl_models_format::{Error, Result};
use mlctl_models_trees::Float;
use mlctl_table::limit::volume;
use mlctl_table::show_shape;
use mlctl_table::{Input, Table, Tensor, Values};

/// What columns a model takes.
pub(super) trait Columns<T> {
    /// Returns how many there are.
    fn count(&self) -> usize;

    /// Returns where in a table each of the model's columns stands.
    fn places(&self, table: &Table) -> Result<Vec<usize>>;

    /// Turns a cell of text into a number; `None` when the column takes none such.
    fn number(&self, column: usize, text: &str) -> Option<T>;

    /// Tells whether a table's numbers in a column are not what the model takes, but names of
    /// categories, for which [`code`](Self::code) is asked.
    fn is_coded(&self, column: usize) -> bool {
        let _ = column;
        false
    }

    /// Returns the code of the category that a table has as a number; `None` when the column takes
    /// no numbers.
    fn code(&self, column: usize, number: T) -> Option<T> {
        let _ = column;
        Some(number)
    }
}

/// Row-major numbers.
#[derive(Debug)]
pub(super) struct Matrix<T> {
    pub(super) values: Vec<T>,
    pub(super) rows: usize,
}

impl<T: Float> Matrix<T> {
    /// Makes the matrix of an input; NaN stands for what is missing.
    pub(super) fn of(input: &Input, columns: &impl Columns<T>) -> Result<Self> {
        match input {
            Input::Table(table) => Self::of_table(table, columns),
            Input::Tensor(tensor) => Self::of_tensor(tensor, columns),
            Input::Named(tensors) => match tensors.as_slice() {
                [(_, only)] if only.shape().len() > 1 => Self::of_tensor(only, columns),
                _ => Self::of_table(&Table::new(tensors.clone())?, columns),
            },
        }
    }

    /// Checks that there is room for so many answers for each row.
    pub(super) fn room(&self, answers: usize) -> Result<()> {
        volume(&[self.rows, answers]).map(drop).map_err(refuse)
    }

    fn of_tensor(tensor: &Tensor, columns: &impl Columns<T>) -> Result<Self> {
        let count = columns.count();
        let rows = match tensor.shape() {
            [rows, width] if *width == count => *rows,
            shape => {
                return Err(refuse(format!(
                    "the model expects a matrix with {count} columns, got the shape {}",
                    show_shape(shape)
                )));
            }
        };
        let mut values = vec![T::NAN; volume(&[rows, count]).map_err(refuse)?];
        let cell = |at: usize, text: &str| columns.number(at % count.max(1), text);
        spread(tensor.values(), &mut values, 0, 1, &cell)?;
        Ok(Self { values, rows })
    }

    fn of_table(table: &Table, columns: &impl Columns<T>) -> Result<Self> {
        let count = columns.count();
        let (rows, places) = (table.rows(), columns.places(table)?);
        let mut values = vec![T::NAN; volume(&[rows, count]).map_err(refuse)?];
        for (column, place) in places.into_iter().enumerate() {
            let (name, tensor) = &table.columns()[place];
            if tensor.values().len() != rows {
                let shape = show_shape(tensor.shape());
                return Err(refuse(format!("column `{name}` has the shape {shape}")));
            }
            let cell = |_: usize, text: &str| columns.number(column, text);
            let in_column = |error| refuse(format!("column `{name}`: {}", problem(error)));
            spread(tensor.values(), &mut values, column, count, &cell).map_err(in_column)?;
            if columns.is_coded(column) && !matches!(tensor.values(), Values::String(_)) {
                let cells = values.iter_mut().skip(column).step_by(count);
                encode(columns, column, cells).map_err(in_column)?;
            }
        }
        Ok(Self { values, rows })
    }
}

fn encode<'a, T: Float>(
    columns: &impl Columns<T>,
    column: usize,
    cells: impl Iterator<Item = &'a mut T>,
) -> Result<()> {
    for cell in cells.filter(|cell| !cell.is_nan()) {
        let code = columns.code(column, *cell);
        *cell = code.ok_or_else(|| refuse("its categories are texts, not numbers".to_owned()))?;
    }
    Ok(())
}

/// Writes values to every `step`-th place from `first` on.
fn spread<T: Float>(
    values: &Values,
    out: &mut [T],
    first: usize,
    step: usize,
    number: &dyn Fn(usize, &str) -> Option<T>,
) -> Result<()> {
    // An empty matrix has no place to begin at.
    let Some(out) = out.get_mut(first..) else { return Ok(()) };
    let out = out.iter_mut().step_by(step.max(1));
    match values {
        Values::Boolean(list) => fill(out, list.iter().map(|value| f64::from(u8::from(*value)))),
        Values::Integer(list) => fill(out, list.iter().copied().map(f64::from)),
        Values::Long(list) => fill(out, list.iter().map(|value| *value as f64)),
        Values::Float(list) => fill(out, list.iter().copied().map(f64::from)),
        Values::Double(list) => fill(out, list.iter().copied()),
        Values::String(list) => {
            let texts = list.iter().enumerate();
            for (out, (at, text)) in out.zip(texts) {
                let Some(text) = text else { continue };
                *out = number(at, text)
                    .ok_or_else(|| refuse(format!("the text `{text}` is not one of its values")))?;
            }
        }
    }
    Ok(())
}

fn fill<'a, T: Float>(out: impl Iterator<Item = &'a mut T>, list: impl Iterator<Item = f64>) {
    out.zip(list).for_each(|(out, value)| *out = T::nearest(value));
}

/// Finds columns by their names; `None` for those that are not there.
pub(super) fn by_name<'a>(
    names: impl Iterator<Item = &'a str>,
    table: &Table,
) -> Vec<Option<usize>> {
    let columns = table.columns();
    let find = |(at, name): (usize, &str)| match columns.get(at) {
        // The usual case: the table has the model's order.
        Some((found, _)) if found == name => Some(at),
        _ => columns.iter().position(|(found, _)| found == name),
    };
    names.enumerate().map(find).collect()
}

/// Takes columns as they stand, when they are as many as the model's.
pub(super) fn in_order(count: usize, table: &Table) -> Result<Vec<usize>> {
    let given = table.columns().len();
    if given != count {
        return Err(refuse(format!("the model expects {count} columns, got {given}")));
    }
    Ok((0..count).collect())
}

pub(super) fn refuse(problem: String) -> Error {
    Error::Evaluation { problem }
}

fn problem(error: Error) -> String {
    match error {
        Error::Evaluation { problem } => problem,
        other => other.to_string(),
    }
}
