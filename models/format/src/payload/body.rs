//! A whole body, and its forms `instances` and `inputs`.

use super::block::{Block, Filling};
use super::cell::Cell;
use super::columns::{Columns, Record};
use super::frame::{self, Records, Split};
use super::place::{At, Few, PARAMS_MAX, Place, Reading, Shown};
use super::{RULE, Request, placed};
use crate::{Error, Result};
use mlctl_table::schema::COLUMNS_MAX;
use mlctl_table::schema::{Declared, Schema};
use mlctl_table::{Input, Table};
use serde::de::{IgnoredAny, MapAccess, SeqAccess};
use std::cell;
use std::collections::HashSet;

const FORMS: [&str; 4] = ["dataframe_split", "dataframe_records", "instances", "inputs"];

/// The place of a body: an object of which one field holds the data.
pub(super) struct Body<'r, 'a>(pub(super) &'r Reading<'a>);

impl<'de> Place<'de> for Body<'_, '_> {
    type Value = Request;

    fn refuse<E: serde::de::Error>(self, kind: &str) -> E {
        self.0.fail(Error::bad_request(match kind {
            "list" => format!("{RULE}. Received a list."),
            other => format!("{RULE}. Received unexpected input type '{other}'."),
        }))
    }

    fn object<A: MapAccess<'de>>(self, mut map: A) -> Result<Request, A::Error> {
        let reading = self.0;
        let (mut names, mut forms) = (Shown::default(), 0);
        let (mut input, mut params) = (None, None);
        while let Some(name) = map.next_key::<String>()? {
            names.add(&name);
            if name == "params" && params.is_none() {
                let left = cell::Cell::new(PARAMS_MAX);
                let read = map.next_value_seed(Few(&left));
                params = Some(read.map_err(|error| match left.get() {
                    0 => reading.fail(Error::bad_request(format!(
                        "`params` has more than {PARAMS_MAX} values"
                    ))),
                    _ => error,
                })?);
                continue;
            }
            let form = FORMS.into_iter().find(|form| *form == name);
            forms += usize::from(form.is_some());
            let Some(form) = form.filter(|_| forms == 1) else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            input = Some(match form {
                "dataframe_split" => Input::Table(map.next_value_seed(At(Split(reading)))?),
                "dataframe_records" => Input::Table(map.next_value_seed(At(Records(reading)))?),
                "instances" => map.next_value_seed(At(Items { reading, rule: &INSTANCES }))?,
                _ => map.next_value_seed(At(Items { reading, rule: &INPUTS }))?,
            });
        }
        match input.filter(|_| forms == 1) {
            Some(input) => Ok(Request { input, params }),
            None => Err(reading.fail(Error::BadRequest(format!(
                "{RULE}. Received dictionary with input fields: [{}]",
                names.list()
            )))),
        }
    }
}

/// What is done with a list of objects.
struct Rule {
    /// Whether each object must have the same keys, and they become tensors instead of columns.
    are_tensors: bool,
    failed: fn(&str, Declared, &str) -> Error,
    invalid: fn(&str) -> Error,
}

const INSTANCES: Rule = Rule {
    are_tensors: true,
    failed: |name, _, problem| Error::bad_request(format!("{name}: {problem}")),
    invalid: |problem| Error::bad_request(format!("`instances`: {problem}")),
};

const INPUTS: Rule = Rule { are_tensors: false, failed: frame::failed, invalid: frame::invalid };

/// The place of `instances` or `inputs`: tensors by name, rows of objects, or one tensor.
struct Items<'r, 'a> {
    reading: &'r Reading<'a>,
    rule: &'static Rule,
}

impl Items<'_, '_> {
    /// Returns the type of a tensor without a name.
    fn declared(&self) -> Declared {
        let first = self.reading.types.schema().and_then(Schema::first_element);
        first.map_or(Declared::Free, Declared::As)
    }

    fn fail<E: serde::de::Error>(&self, problem: &str) -> E {
        self.reading.fail(Error::bad_request(problem))
    }
}

impl<'de> Place<'de> for Items<'_, '_> {
    type Value = Input;

    fn refuse<E: serde::de::Error>(self, kind: &str) -> E {
        self.fail(kind)
    }

    fn object<A: MapAccess<'de>>(self, mut map: A) -> Result<Input, A::Error> {
        let reading = self.reading;
        if reading.types.schema().is_some_and(|schema| !schema.is_named()) {
            return Err(self.fail(
                "Failed to parse input data. This model contains an un-named model signature \
                 which expects a single n-dimensional array or a single value as input, however, \
                 an object was found.",
            ));
        }
        let (mut tensors, mut names) = (Vec::new(), HashSet::new());
        while let Some(name) = map.next_key::<String>()? {
            if tensors.len() == COLUMNS_MAX {
                return Err(self.fail(&format!("there are more than {COLUMNS_MAX} inputs")));
            }
            if !names.insert(name.clone()) {
                return Err(self.fail(&format!("the input `{name}` appears twice")));
            }
            let declared = reading.types.named(&name).map_or(Declared::Free, Declared::As);
            let mut block = Block::new(declared);
            let place = At(Filling { reading, block: &mut block });
            let wrong = |problem: &str| Error::bad_request(format!("{name}: {problem}"));
            map.next_value_seed(place).inspect_err(|_| {
                reading.explain(|problem| wrong(&problem));
            })?;
            let tensor = block.finish(declared);
            tensors.push((name.clone(), tensor.map_err(|problem| reading.fail(wrong(&problem)))?));
        }
        Ok(Input::Named(tensors))
    }

    fn list<A: SeqAccess<'de>>(self, mut list: A) -> Result<Input, A::Error> {
        let Self { reading, rule } = self;
        let declared = self.declared();
        let mut rows = ItemRows {
            kind: None,
            block: Block::column(declared),
            columns: Columns::default(),
            count: 0,
            width: 0,
        };
        loop {
            let item = Item { reading, rule, rows: &mut rows };
            if list.next_element_seed(At(item))?.is_none() {
                break;
            }
        }
        let input = rows.finish(rule, declared, reading.types.schema());
        input.map_err(|error| reading.fail(error))
    }

    fn single<E: serde::de::Error>(self, cell: Cell) -> Result<Input, E> {
        let declared = self.declared();
        let mut block = Block::new(declared);
        let tensor = block.push(cell).and_then(|()| block.finish(declared));
        let tensor = tensor.map_err(|problem| self.fail(&problem))?;
        Ok(placed(tensor, self.reading.types.schema()))
    }
}

/// What was read of a list.
struct ItemRows {
    /// Whether its elements are objects, once the first one was seen.
    kind: Option<Kind>,
    block: Block,
    columns: Columns,
    count: usize,
    /// How many keys the first object has.
    width: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Objects,
    Values,
}

impl ItemRows {
    fn finish(self, rule: &Rule, declared: Declared, schema: Option<&Schema>) -> Result<Input> {
        if self.kind != Some(Kind::Objects) {
            let rows = self.block.len();
            let tensor = self.block.finish_column(rows, declared);
            return tensor.map(|tensor| placed(tensor, schema)).map_err(Error::bad_request);
        }
        let columns = self.columns.finish(self.count, rule.failed)?;
        match rule.are_tensors {
            true => Ok(Input::Named(columns)),
            false => Ok(Input::Table(Table::new(columns)?)),
        }
    }
}

/// The place of one element of a list.
struct Item<'r, 'a> {
    reading: &'r Reading<'a>,
    rule: &'static Rule,
    rows: &'r mut ItemRows,
}

impl Item<'_, '_> {
    /// Wants the kind of the first element of all others.
    fn expect<E: serde::de::Error>(&mut self, kind: Kind, word: &str) -> Result<(), E> {
        let count = self.rows.count;
        if *self.rows.kind.get_or_insert(kind) == kind {
            return Ok(());
        }
        Err(self.reading.fail(match kind {
            Kind::Objects => Error::bad_request(format!(
                "an object instead of a value at [{}]",
                self.rows.block.len()
            )),
            Kind::Values => (self.rule.invalid)(&format!("row {count} is {word}")),
        }))
    }

    /// Refuses an object that has other keys than the first one.
    fn compare_keys(&mut self) -> Result<(), Error> {
        let rows = &mut *self.rows;
        if rows.count == 1 {
            rows.width = rows.columns.len();
        }
        if !self.rule.are_tensors {
            return Ok(());
        }
        let other = match rows.columns.column(rows.width) {
            Some(column) => Some(column.name.clone()),
            None => rows.columns.lacking(rows.count).map(str::to_owned),
        };
        match other {
            None => Ok(()),
            Some(name) => Err(Error::bad_request(format!(
                "The length of values for each input/column name are not the same: not all \
                 instances up to {} have `{name}`",
                rows.count - 1
            ))),
        }
    }
}

impl<'de> Place<'de> for Item<'_, '_> {
    type Value = ();

    fn refuse<E: serde::de::Error>(self, kind: &str) -> E {
        self.reading.fail(Error::bad_request(kind))
    }

    fn object<A: MapAccess<'de>>(mut self, map: A) -> Result<(), A::Error> {
        self.expect(Kind::Objects, "object")?;
        let Rule { failed, invalid, .. } = *self.rule;
        let (reading, row) = (self.reading, self.rows.count);
        let columns = &mut self.rows.columns;
        Record { reading, columns, row, failed, invalid }.object(map)?;
        self.rows.count += 1;
        self.compare_keys().map_err(|error| reading.fail(error))
    }

    fn list<A: SeqAccess<'de>>(mut self, list: A) -> Result<(), A::Error> {
        self.expect(Kind::Values, "list")?;
        let (reading, block) = (self.reading, &mut self.rows.block);
        let filled = Filling { reading, block }.list(list);
        filled.inspect_err(|_| reading.explain(Error::bad_request))
    }

    fn single<E: serde::de::Error>(mut self, cell: Cell) -> Result<(), E> {
        self.expect(Kind::Values, cell.kind())?;
        let (reading, block) = (self.reading, &mut self.rows.block);
        let filled = Filling { reading, block }.single(cell);
        filled.inspect_err(|_| reading.explain(Error::bad_request))
    }
}
