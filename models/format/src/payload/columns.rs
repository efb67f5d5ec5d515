//! Columns while rows are read into them.

use super::block::{Block, Filling};
use super::place::{At, Place, Reading};
use crate::{Error, Result};
use mlctl_table::Tensor;
use mlctl_table::schema::COLUMNS_MAX;
use mlctl_table::schema::Declared;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use std::collections::HashMap;
use std::fmt;

/// A table of records may have so many cells for each value that is given, beyond those that may
/// be missing anyway.
const CELLS_FOR_A_VALUE: usize = 4;

/// A column while it is read.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) declared: Declared,
    pub(super) block: Block,
}

/// Columns in the order in which they first appear. A row that lacks one has null there.
#[derive(Debug, Default)]
pub(super) struct Columns {
    list: Vec<Column>,
    positions: HashMap<String, usize>,
    /// How many values rows have given.
    given: usize,
}

impl Columns {
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// Adds a column; the text of a failure is for the client.
    pub(super) fn add(&mut self, name: &str, reading: &Reading<'_>) -> Result<usize, String> {
        let at = self.list.len();
        if at == COLUMNS_MAX {
            return Err(format!("it has more than {COLUMNS_MAX} columns"));
        }
        if self.positions.insert(name.to_owned(), at).is_some() {
            return Err(format!("it has the column `{name}` twice"));
        }
        let declared = reading.types.of_column(name, at);
        let block = Block::column(declared);
        self.list.push(Column { name: name.to_owned(), declared, block });
        Ok(at)
    }

    /// Adds a column that may get its name and its type later.
    pub(super) fn add_numbered(&mut self) -> Result<(), String> {
        let at = self.list.len();
        if at == COLUMNS_MAX {
            return Err(format!("it has more than {COLUMNS_MAX} columns"));
        }
        let declared = Declared::Free;
        let block = Block::column(declared);
        self.list.push(Column { name: at.to_string(), declared, block });
        Ok(())
    }

    /// Takes back the last column, which no row has.
    pub(super) fn drop_last(&mut self) {
        self.list.pop();
    }

    /// Fills these columns with the values of others.
    pub(super) fn take_blocks(&mut self, others: Self) {
        for (column, other) in self.list.iter_mut().zip(others.list) {
            column.block = other.block;
        }
    }

    pub(super) fn column(&mut self, at: usize) -> Option<&mut Column> {
        self.list.get_mut(at)
    }

    /// Most rows name the same columns in the same order, so the guess is nearly always right.
    fn position(&self, expected: usize, name: &str) -> Option<usize> {
        match self.list.get(expected) {
            Some(column) if column.name == name => Some(expected),
            _ => self.positions.get(name).copied(),
        }
    }

    /// Tells whether so many rows have far more cells than values.
    fn is_sparse(&self, rows: usize, missing_max: usize) -> bool {
        let cells = self.list.len().saturating_mul(rows);
        cells > missing_max.saturating_add(self.given.saturating_mul(CELLS_FOR_A_VALUE))
    }

    /// Finds a column that a row lacks.
    pub(super) fn lacking(&self, rows: usize) -> Option<&str> {
        let column = self.list.iter().find(|column| column.block.len() < rows)?;
        Some(&column.name)
    }

    /// Makes tensors of the columns, of so many rows.
    pub(super) fn finish(
        self,
        rows: usize,
        failed: fn(&str, Declared, &str) -> Error,
    ) -> Result<Vec<(String, Tensor)>> {
        let tensor = |Column { name, declared, block }| match block.finish_column(rows, declared) {
            Ok(tensor) => Ok((name, tensor)),
            Err(problem) => Err(failed(&name, declared, &problem)),
        };
        self.list.into_iter().map(tensor).collect()
    }
}

/// A place of a row: an object whose fields go into their columns.
pub(super) struct Record<'r, 'a> {
    pub(super) reading: &'r Reading<'a>,
    pub(super) columns: &'r mut Columns,
    pub(super) row: usize,
    /// Says of a column what is wrong in it.
    pub(super) failed: fn(&str, Declared, &str) -> Error,
    /// Says of the row what is wrong with it.
    pub(super) invalid: fn(&str) -> Error,
}

impl<'de> Place<'de> for Record<'_, '_> {
    type Value = ();

    fn refuse<E: serde::de::Error>(self, kind: &str) -> E {
        self.reading.fail((self.invalid)(&format!("row {} is {kind}", self.row)))
    }

    fn object<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { reading, columns, row, failed, invalid } = self;
        let mut expected = 0;
        while let Some(at) =
            map.next_key_seed(Key { columns: &mut *columns, expected, reading, invalid })?
        {
            let Some(column) = columns.column(at) else { break };
            if column.block.len() > row {
                let problem = format!("row {row} has the column `{}` twice", column.name);
                return Err(reading.fail(invalid(&problem)));
            }
            // Rows before this one that lack the column have null there.
            let padded = column.block.pad(row);
            padded
                .map_err(|problem| reading.fail(failed(&column.name, column.declared, &problem)))?;
            let block = &mut column.block;
            map.next_value_seed(At(Filling { reading, block })).inspect_err(|_| {
                reading.explain(|problem| failed(&column.name, column.declared, &problem));
            })?;
            columns.given += 1;
            expected = at + 1;
        }
        if columns.is_sparse(row + 1, reading.missing_max) {
            let problem = format!(
                "{} rows of {} columns have only {} values: send fewer rows at once, or rows \
                 with fewer columns",
                row + 1,
                columns.len(),
                columns.given
            );
            return Err(reading.fail_as_sparse(invalid(&problem)));
        }
        Ok(())
    }
}

/// The name of a field: where its column is, which is new when no row had it before.
struct Key<'c, 'r, 'a> {
    columns: &'c mut Columns,
    expected: usize,
    reading: &'r Reading<'a>,
    invalid: fn(&str) -> Error,
}

impl<'de> DeserializeSeed<'de> for Key<'_, '_, '_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_, '_, '_> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a column")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<usize, E> {
        if let Some(at) = self.columns.position(self.expected, name) {
            return Ok(at);
        }
        let added = self.columns.add(name, self.reading);
        added.map_err(|problem| self.reading.fail((self.invalid)(&problem)))
    }
}
