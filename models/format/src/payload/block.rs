//! Nested JSON lists to tensors of one type, value by value.

use super::cell::{Cell, Number};
use super::place::{At, Place, Reading};
use super::typed::{self, infer};
use crate::{Error, Result};
use mlctl_table::schema::{Declared, Element};
use mlctl_table::{Tensor, Values};
use serde::de::{IgnoredAny, MapAccess, SeqAccess};

const RAGGED: &str = "the lists differ in length or depth";

/// A tensor while it is read. The reason of a failure is text for the client, with the place.
#[derive(Debug)]
pub(super) struct Block {
    /// The lengths of the lists at each depth; `None` until the first one ends.
    lengths: Vec<Option<usize>>,
    /// How many elements of each open list were read.
    path: Vec<usize>,
    flat: Flat,
}

/// The values so far.
#[derive(Debug)]
enum Flat {
    /// In the type that is declared.
    Typed(Element, Values),
    /// Nothing but numbers of an undeclared type, as most bodies hold.
    Numbers(Vec<Number>),
    Cells(Vec<Cell>),
    /// Values that nobody asks for, counted.
    Skipped(usize),
}

impl Block {
    pub(super) fn new(declared: Declared) -> Self {
        let flat = match declared {
            Declared::Free => Flat::Numbers(Vec::new()),
            Declared::Unknown => Flat::Skipped(0),
            Declared::As(element) => match typed::none_of(element.data_type) {
                Some(values) => Flat::Typed(element, values),
                // It is refused with its first value.
                None => Flat::Typed(element, Values::Boolean(Vec::new())),
            },
        };
        Self { lengths: Vec::new(), path: Vec::new(), flat }
    }

    /// Makes a block whose outermost list is open, and is filled by others.
    pub(super) fn column(declared: Declared) -> Self {
        let mut block = Self::new(declared);
        block.lengths.push(None);
        block.path.push(0);
        block
    }

    /// Returns how many elements the outermost list has.
    pub(super) fn len(&self) -> usize {
        self.path.first().copied().unwrap_or_default()
    }

    /// Fills the outermost list with null, up to so many elements.
    pub(super) fn pad(&mut self, len: usize) -> Result<(), String> {
        (self.len()..len).try_for_each(|_| self.push(Cell::Null))
    }

    fn begin(&mut self) -> Result<(), String> {
        let depth = self.path.len();
        if depth == self.lengths.len() {
            // Values stand at one depth only.
            if !self.is_empty() {
                return Err(self.ragged());
            }
            self.lengths.push(None);
        }
        self.path.push(0);
        Ok(())
    }

    fn end(&mut self) -> Result<(), String> {
        let Some(len) = self.path.pop() else { return Err(RAGGED.to_owned()) };
        if *self.lengths[self.path.len()].get_or_insert(len) != len {
            return Err(self.ragged());
        }
        self.count();
        Ok(())
    }

    fn count(&mut self) {
        if let Some(last) = self.path.last_mut() {
            *last += 1;
        }
    }

    fn is_empty(&self) -> bool {
        match &self.flat {
            Flat::Typed(_, values) => values.is_empty(),
            Flat::Numbers(list) => list.is_empty(),
            Flat::Cells(list) => list.is_empty(),
            Flat::Skipped(count) => *count == 0,
        }
    }

    pub(super) fn push(&mut self, cell: Cell) -> Result<(), String> {
        if self.path.len() != self.lengths.len() {
            return Err(self.ragged());
        }
        match &mut self.flat {
            Flat::Typed(element, values) => {
                let pushed = typed::push(values, cell, *element);
                pushed.map_err(|problem| self.placed(&problem))?;
            }
            Flat::Cells(list) => list.push(cell),
            Flat::Skipped(count) => *count += 1,
            Flat::Numbers(list) => match cell {
                Cell::Integer(value) => list.push(Number::Integer(value)),
                Cell::Number(value) => list.push(Number::Float(value)),
                other => {
                    let numbers = std::mem::take(list).into_iter().map(Cell::from);
                    self.flat = Flat::Cells(numbers.chain([other]).collect());
                }
            },
        }
        self.count();
        Ok(())
    }

    fn ragged(&self) -> String {
        self.placed(RAGGED)
    }

    /// Adds where in the lists it is.
    fn placed(&self, problem: &str) -> String {
        let place: String = self.path.iter().map(|at| format!("[{at}]")).collect();
        if place.is_empty() { problem.to_owned() } else { format!("{problem} at {place}") }
    }

    /// Ends a column of so many rows.
    pub(super) fn finish_column(
        mut self,
        rows: usize,
        declared: Declared,
    ) -> Result<Tensor, String> {
        self.pad(rows)?;
        self.end()?;
        self.finish(declared)
    }

    /// Makes the tensor; values whose type was not known until now take the declared one.
    pub(super) fn finish(self, declared: Declared) -> Result<Tensor, String> {
        let lengths = self.lengths.into_iter().map(Option::unwrap_or_default);
        let shape: Vec<usize> = lengths.collect();
        let values = match (self.flat, declared) {
            (Flat::Typed(_, values), _) => values,
            (Flat::Skipped(_), _) | (_, Declared::Unknown) => {
                let rows = shape.first().copied().unwrap_or_default();
                return Ok(Tensor::vector(Values::String(vec![None; rows])));
            }
            (Flat::Numbers(list), Declared::As(element)) => {
                typed::numbers(list.into_iter(), element, &shape)?
            }
            (Flat::Cells(list), Declared::As(element)) => typed::cells(list, element, &shape)?,
            (Flat::Numbers(list), Declared::Free) => {
                let data_type = typed::infer_numbers(list.iter().copied());
                typed::numbers(list.into_iter(), data_type.into(), &shape)?
            }
            (Flat::Cells(list), Declared::Free) => {
                let data_type = infer(&list)?;
                typed::cells(list, data_type.into(), &shape)?
            }
        };
        Tensor::new(shape, values).map_err(|error| error.to_string())
    }
}

/// A place of a value, or of lists of them, that go into a block.
pub(super) struct Filling<'r, 'a> {
    pub(super) reading: &'r Reading<'a>,
    pub(super) block: &'r mut Block,
}

impl<'r, 'a> Filling<'r, 'a> {
    fn fail<E: serde::de::Error>(&self, problem: String) -> E {
        self.reading.fail(Error::BadRequest(problem))
    }
}

impl<'de> Place<'de> for Filling<'_, '_> {
    type Value = ();

    fn refuse<E: serde::de::Error>(self, _: &str) -> E {
        let problem = self.block.placed("an object instead of a value");
        self.fail(problem)
    }

    fn object<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        if let Flat::Skipped(_) = self.block.flat {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return self.single(Cell::Null);
        }
        Err(self.refuse("object"))
    }

    fn list<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        if let Flat::Skipped(_) = self.block.flat
            && !self.block.path.is_empty()
        {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            return self.single(Cell::Null);
        }
        let Self { reading, block } = self;
        let fail = |problem| reading.fail(Error::BadRequest(problem));
        block.begin().map_err(fail)?;
        while list.next_element_seed(At(Filling { reading, block: &mut *block }))?.is_some() {}
        block.end().map_err(fail)
    }

    fn single<E: serde::de::Error>(self, cell: Cell) -> Result<(), E> {
        self.block.push(cell).map_err(|problem| self.reading.fail(Error::BadRequest(problem)))
    }
}
