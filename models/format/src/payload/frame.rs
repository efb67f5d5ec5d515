//! Data frames in JSON: `dataframe_split` and `dataframe_records`.

use super::block::Filling;
use super::cell::Cell;
use super::columns::{Columns, Record};
use super::place::{At, Place, Reading, Shown, count_rest};
use crate::{Error, Result};
use mlctl_table::Table;
use mlctl_table::schema::Declared;
use serde::de::{IgnoredAny, MapAccess, SeqAccess};

/// A place of `{"columns": [...], "data": [[...], ...]}`; an `index` is ignored.
pub(super) struct Split<'r, 'a>(pub(super) &'r Reading<'a>);

impl<'de> Place<'de> for Split<'_, '_> {
    type Value = Table;

    fn refuse<E: serde::de::Error>(self, kind: &str) -> E {
        self.0.fail(Error::bad_request(format!(
            "Dataframe split format must be a dictionary. Got {kind}."
        )))
    }

    fn object<A: MapAccess<'de>>(self, mut map: A) -> Result<Table, A::Error> {
        let reading = self.0;
        let (mut keys, mut is_strange) = (Shown::default(), false);
        let mut frame = Frame::default();
        while let Some(name) = map.next_key::<String>()? {
            keys.add(&name);
            match name.as_str() {
                "columns" if frame.names.is_none() => {
                    frame.names = map.next_value_seed(At(Names(reading)))?;
                    let columns = frame.add_names(reading);
                    columns.map_err(|problem| reading.fail(split_invalid(&problem)))?;
                }
                "data" if frame.rows.is_none() && !is_strange => {
                    let frame = &mut frame;
                    map.next_value_seed(At(Rows { reading, frame }))?;
                }
                "index" => drop(map.next_value::<IgnoredAny>()?),
                _ => {
                    is_strange = true;
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if is_strange || frame.rows.is_none() {
            return Err(reading.fail(Error::bad_request(format!(
                "Dataframe split format must have 'data' field and optionally 'columns' and \
                 'index' fields. Got {{{}}}.",
                keys.list()
            ))));
        }
        frame.finish(reading).map_err(|error| reading.fail(error))
    }
}

/// A table of rows while it is read.
#[derive(Debug, Default)]
struct Frame {
    names: Option<Vec<String>>,
    /// Once they are named, or the first row has told how many there are.
    columns: Columns,
    is_named: bool,
    /// How many values a row has; not known before names or a first row.
    width: Option<usize>,
    rows: Option<usize>,
}

impl Frame {
    /// Makes columns of the names, unless rows came before them.
    fn add_names(&mut self, reading: &Reading<'_>) -> Result<(), String> {
        let Some(names) = self.names.as_ref().filter(|_| self.rows.is_none()) else {
            return Ok(());
        };
        for name in names {
            self.columns.add(name, reading)?;
        }
        self.width = Some(names.len());
        self.is_named = true;
        Ok(())
    }

    fn finish(self, reading: &Reading<'_>) -> Result<Table> {
        let rows = self.rows.unwrap_or_default();
        if self.is_named {
            return Ok(Table::new(self.columns.finish(rows, failed)?)?);
        }
        // The rows came before any names: their columns have no types so far.
        let width = self.width.unwrap_or_default();
        let numbered = || (0..width).map(|at| at.to_string()).collect();
        let names: Vec<String> = self.names.unwrap_or_else(numbered);
        if rows > 0 && width != names.len() {
            return Err(other_width(names.len(), width));
        }
        let mut renamed = Columns::default();
        for name in &names {
            renamed.add(name, reading).map_err(|problem| split_invalid(&problem))?;
        }
        renamed.take_blocks(self.columns);
        Ok(Table::new(renamed.finish(rows, failed)?)?)
    }
}

fn other_width(passed: usize, given: usize) -> Error {
    split_invalid(&format!("{passed} columns passed, passed data had {given} columns"))
}

/// A place of the names of columns, which may be null.
struct Names<'r, 'a>(&'r Reading<'a>);

impl<'de> Place<'de> for Names<'_, '_> {
    type Value = Option<Vec<String>>;

    fn refuse<E: serde::de::Error>(self, kind: &str) -> E {
        self.0.fail(split_invalid(&format!("columns is {kind}, not a list")))
    }

    fn list<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut names = Vec::new();
        while let Some(name) = list.next_element_seed(At(Name(self.0)))? {
            if names.len() == mlctl_table::schema::COLUMNS_MAX {
                let problem = format!("it has more than {} columns", names.len());
                return Err(self.0.fail(split_invalid(&problem)));
            }
            names.push(name);
        }
        Ok(Some(names))
    }

    fn single<E: serde::de::Error>(self, cell: Cell) -> Result<Self::Value, E> {
        if cell == Cell::Null { Ok(None) } else { Err(self.refuse(cell.kind())) }
    }
}

/// A place of a column's name: text, or a number.
struct Name<'r, 'a>(&'r Reading<'a>);

impl<'de> Place<'de> for Name<'_, '_> {
    type Value = String;

    fn refuse<E: serde::de::Error>(self, kind: &str) -> E {
        self.0.fail(split_invalid(&format!("a column's name is {kind}")))
    }

    fn single<E: serde::de::Error>(self, cell: Cell) -> Result<String, E> {
        match cell {
            Cell::Text(text) => Ok(text),
            Cell::Integer(number) => Ok(number.to_string()),
            other => Err(self.refuse(other.kind())),
        }
    }
}

/// A place of all rows.
struct Rows<'r, 'a> {
    reading: &'r Reading<'a>,
    frame: &'r mut Frame,
}

impl<'de> Place<'de> for Rows<'_, '_> {
    type Value = ();

    fn refuse<E: serde::de::Error>(self, kind: &str) -> E {
        self.reading.fail(split_invalid(&format!("data is {kind}, not a list")))
    }

    fn list<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { reading, frame } = self;
        let mut rows = 0;
        while list.next_element_seed(At(Row { reading, frame: &mut *frame }))?.is_some() {
            rows += 1;
        }
        frame.rows = Some(rows);
        Ok(())
    }
}

/// A place of one row: a list of values, or the only one.
struct Row<'r, 'a> {
    reading: &'r Reading<'a>,
    frame: &'r mut Frame,
}

impl Row<'_, '_> {
    /// Ends a row of so many values.
    fn end<E: serde::de::Error>(self, given: usize) -> Result<(), E> {
        let width = *self.frame.width.get_or_insert(given);
        if width == given { Ok(()) } else { Err(self.reading.fail(other_width(width, given))) }
    }

    /// Finds the column of the next value; the first row makes those that nobody named.
    fn column(&mut self, at: usize) -> Result<bool, String> {
        if self.frame.width.is_none() {
            self.frame.columns.add_numbered()?;
        }
        Ok(at < self.frame.columns.len())
    }
}

impl<'de> Place<'de> for Row<'_, '_> {
    type Value = ();

    fn refuse<E: serde::de::Error>(self, _: &str) -> E {
        self.reading.fail(split_invalid("an object instead of a value"))
    }

    fn list<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        let mut given = 0;
        loop {
            // Whether there is a further value is known only when it is read.
            if self.frame.width.is_some_and(|width| given == width) {
                given += count_rest(list)?;
                break;
            }
            let reading = self.reading;
            let next = match self.frame.columns.column(given) {
                Some(_) => true,
                None => {
                    let made = self.column(given);
                    made.map_err(|problem| reading.fail(split_invalid(&problem)))?
                }
            };
            let Some(column) = self.frame.columns.column(given).filter(|_| next) else { break };
            let block = &mut column.block;
            let read =
                list.next_element_seed(At(Filling { reading, block })).inspect_err(|_| {
                    reading.explain(|problem| failed(&column.name, column.declared, &problem));
                })?;
            if read.is_none() {
                if self.frame.width.is_none() {
                    self.frame.columns.drop_last();
                }
                break;
            }
            given += 1;
        }
        self.end(given)
    }

    fn single<E: serde::de::Error>(mut self, cell: Cell) -> Result<(), E> {
        let reading = self.reading;
        let made = self.column(0);
        if made.map_err(|problem| reading.fail(split_invalid(&problem)))?
            && let Some(column) = self.frame.columns.column(0)
        {
            let pushed = column.block.push(cell);
            pushed
                .map_err(|problem| reading.fail(failed(&column.name, column.declared, &problem)))?;
        }
        self.end(1)
    }
}

/// A place of `[{"a": 1}, ...]`; a row that lacks a column has null there.
pub(super) struct Records<'r, 'a>(pub(super) &'r Reading<'a>);

impl<'de> Place<'de> for Records<'_, '_> {
    type Value = Table;

    fn refuse<E: serde::de::Error>(self, kind: &str) -> E {
        let kind = if kind == "object" { "dictionary" } else { kind };
        self.0.fail(Error::bad_request(format!(
            "Dataframe records format must be a list of records. Got {kind}."
        )))
    }

    fn list<A: SeqAccess<'de>>(self, mut list: A) -> Result<Table, A::Error> {
        let reading = self.0;
        let (mut columns, mut row) = (Columns::default(), 0);
        loop {
            let record = Record { reading, columns: &mut columns, row, failed, invalid };
            if list.next_element_seed(At(record))?.is_none() {
                break;
            }
            row += 1;
        }
        let table = columns.finish(row, failed).and_then(|columns| Ok(Table::new(columns)?));
        table.map_err(|error| reading.fail(error))
    }
}

/// Says what is wrong in a column.
pub(super) fn failed(column: &str, declared: Declared, problem: &str) -> Error {
    match declared {
        Declared::As(element) => Error::bad_request(format!(
            "Data is not compatible with model signature. Failed to convert column {column} to \
             type '{}'. Error: '{problem}'",
            element.name()
        )),
        Declared::Free | Declared::Unknown => {
            Error::bad_request(format!("column {column}: {problem}"))
        }
    }
}

fn split_invalid(problem: &str) -> Error {
    Error::bad_request(format!(
        "Provided dataframe_split field is not a valid dataframe representation in 'split' \
         format. Error: '{problem}'"
    ))
}

/// Says what is wrong with records.
pub(super) fn invalid(problem: &str) -> Error {
    Error::bad_request(format!(
        "Provided dataframe_records field is not a valid dataframe representation in 'records' \
         format. Error: '{problem}'"
    ))
}
