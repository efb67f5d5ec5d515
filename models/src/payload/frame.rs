//! Data frames in JSON: `dataframe_split` and `dataframe_records`.

use super::cell::Cell;
use super::gather;
use crate::signature::{DataType, Schema};
use crate::{Error, Result, Table, Tensor, Values};
use std::collections::HashMap;

/// Cells by column, in the order in which the columns first appear.
#[derive(Debug, Default)]
pub(super) struct Columns {
    columns: Vec<(String, Vec<Cell>)>,
    positions: HashMap<String, usize>,
}

impl Columns {
    /// Adds each field of a row to its column; rows before it that lack the column have null there.
    ///
    /// # Errors
    /// The name that the row gives twice.
    pub(super) fn push_row(
        &mut self,
        row: usize,
        fields: Vec<(String, Cell)>,
    ) -> Result<(), String> {
        for (expected, (name, cell)) in fields.into_iter().enumerate() {
            let at = self.position(expected, name);
            let (name, cells) = &mut self.columns[at];
            if cells.len() > row {
                return Err(format!("row {row} has the column `{name}` twice"));
            }
            cells.resize(row, Cell::Null);
            cells.push(cell);
        }
        Ok(())
    }

    /// Fills columns that lack a value with null, up to `rows` values.
    fn pad(&mut self, rows: usize) {
        for (_, cells) in &mut self.columns {
            cells.resize(rows, Cell::Null);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &(String, Vec<Cell>)> {
        self.columns.iter()
    }

    pub(super) fn into_iter(self) -> impl Iterator<Item = (String, Vec<Cell>)> {
        self.columns.into_iter()
    }

    /// Most rows name the same columns in the same order, so the guess is nearly always right.
    fn position(&mut self, expected: usize, name: String) -> usize {
        if self.columns.get(expected).is_some_and(|(known, _)| *known == name) {
            return expected;
        }
        if let Some(at) = self.positions.get(&name) {
            return *at;
        }
        self.positions.insert(name.clone(), self.columns.len());
        self.columns.push((name, Vec::new()));
        self.columns.len() - 1
    }
}

/// Decodes `{"columns": [...], "data": [[...], ...]}`; an `index` is ignored.
pub(super) fn split(value: Cell, schema: Option<&Schema>) -> Result<Table> {
    const FORM: &str = "split";
    let Cell::Object(fields) = value else {
        return Err(Error::bad_request(format!(
            "Dataframe split format must be a dictionary. Got {}.",
            value.kind()
        )));
    };
    let keys: Vec<String> = fields.iter().map(|(name, _)| format!("'{name}'")).collect();
    let (mut names, mut data, mut strange) = (None, None, false);
    for (name, value) in fields {
        match name.as_str() {
            "columns" => names = Some(value),
            "data" => data = Some(value),
            "index" => {}
            _ => strange = true,
        }
    }
    let Some(data) = data.filter(|_| !strange) else {
        return Err(Error::bad_request(format!(
            "Dataframe split format must have 'data' field and optionally 'columns' and 'index' \
             fields. Got {{{}}}.",
            keys.join(", ")
        )));
    };
    let rows = data
        .into_list()
        .map_err(|data| invalid(FORM, &format!("data is {}, not a list", data.kind())))?;
    let names = names.filter(|names| *names != Cell::Null).map(column_names).transpose()?;
    let width = |row: &Cell| if row.kind() == "list" { row.len() } else { 1 };
    let first = rows.first().map_or(0, width);
    let names = names.unwrap_or_else(|| (0..first).map(|at| at.to_string()).collect());
    if let Some(given) = rows.iter().map(width).find(|width| *width != names.len()) {
        let passed = names.len();
        let problem = format!("{passed} columns passed, passed data had {given} columns");
        return Err(invalid(FORM, &problem));
    }
    let columns = turned(rows, names.len());
    table(names.into_iter().zip(columns), schema)
}

/// Makes columns of rows.
fn turned(rows: Vec<Cell>, width: usize) -> Vec<Cell> {
    let is_numbers = |row: &Cell| matches!(row, Cell::Numbers(_));
    if !rows.is_empty() && rows.iter().all(is_numbers) {
        let mut columns = vec![Vec::with_capacity(rows.len()); width];
        for row in rows {
            let Cell::Numbers(row) = row else { continue };
            columns.iter_mut().zip(row).for_each(|(column, number)| column.push(number));
        }
        return columns.into_iter().map(Cell::Numbers).collect();
    }
    let mut columns = vec![Vec::with_capacity(rows.len()); width];
    for row in rows {
        let row = row.into_list().unwrap_or_else(|single| vec![single]);
        columns.iter_mut().zip(row).for_each(|(column, cell)| column.push(cell));
    }
    columns.into_iter().map(Cell::List).collect()
}

/// Decodes `[{"a": 1}, ...]`; a row that lacks a column has null there.
pub(super) fn records(value: Cell, schema: Option<&Schema>) -> Result<Table> {
    let rows = value.into_list().map_err(|value| {
        let kind = if matches!(value, Cell::Object(_)) { "dictionary" } else { value.kind() };
        Error::bad_request(format!(
            "Dataframe records format must be a list of records. Got {kind}."
        ))
    })?;
    let mut columns = Columns::default();
    let mut rows_read = 0;
    for (count, row) in rows.into_iter().enumerate() {
        let Cell::Object(fields) = row else {
            return Err(invalid("records", &format!("row {count} is {}", row.kind())));
        };
        columns.push_row(count, fields).map_err(|problem| invalid("records", &problem))?;
        rows_read = count + 1;
    }
    columns.pad(rows_read);
    table(columns.into_iter().map(|(name, cells)| (name, Cell::List(cells))), schema)
}

/// Gives every column the type that the schema declares for it.
pub(super) fn table(
    columns: impl Iterator<Item = (String, Cell)>,
    schema: Option<&Schema>,
) -> Result<Table> {
    let typed = columns.enumerate().map(|(at, (name, cells))| {
        let tensor = match column_type(schema, &name, at) {
            // The schema does not know the column, which will be dropped: its values may be anything.
            Declared::Unknown => Tensor::vector(Values::String(vec![None; cells.len()])),
            Declared::Free => gather::tensor(cells, None)
                .map_err(|problem| Error::bad_request(format!("column {name}: {problem}")))?,
            Declared::As(data_type) => gather::tensor(cells, Some(data_type))
                .map_err(|problem| incompatible(&name, data_type, &problem))?,
        };
        Ok((name, tensor))
    });
    Table::new(typed.collect::<Result<_>>()?)
}

enum Declared {
    /// There is a schema, and it lacks the column or declares a type that is not a single value's.
    Unknown,
    /// There is no schema.
    Free,
    As(DataType),
}

fn column_type(schema: Option<&Schema>, name: &str, at: usize) -> Declared {
    match schema {
        None => Declared::Free,
        Some(schema) => schema.type_of(name, at).map_or(Declared::Unknown, Declared::As),
    }
}

fn column_names(names: Cell) -> Result<Vec<String>> {
    let names = names
        .into_list()
        .map_err(|names| invalid("split", &format!("columns is {}, not a list", names.kind())))?;
    let text = names.into_iter().map(|name| match name {
        Cell::Text(text) => Ok(text),
        Cell::Integer(number) => Ok(number.to_string()),
        other => Err(invalid("split", &format!("a column's name is {}", other.kind()))),
    });
    text.collect()
}

fn invalid(form: &str, problem: &str) -> Error {
    Error::bad_request(format!(
        "Provided dataframe_{form} field is not a valid dataframe representation in '{form}' \
         format. Error: '{problem}'"
    ))
}

fn incompatible(column: &str, wanted: DataType, problem: &str) -> Error {
    Error::bad_request(format!(
        "Data is not compatible with model signature. Failed to convert column {column} to type \
         '{}'. Error: '{problem}'",
        wanted.numpy_name()
    ))
}
