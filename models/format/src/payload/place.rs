//! Places of a body: what may stand there, and what is refused at its first token.
//!
//! No tree of a body is ever made: each place reads its own part straight into columns and
//! tensors, so that what stands where it does not belong costs nothing.

use super::cell::Cell;
use crate::{Error, Result};
use mlctl_table::schema::Lookup;
use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use std::cell;
use std::fmt;

/// What all places of a body share.
pub(super) struct Reading<'a> {
    pub(super) types: Lookup<'a>,
    /// So many cells may be missing before a table counts as too sparse.
    pub(super) missing_max: usize,
    /// Why reading has ended, unless the body is no JSON.
    problem: cell::Cell<Option<Error>>,
    /// Whether more was asked for than `missing_max`.
    is_sparse: cell::Cell<bool>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(types: Lookup<'a>, missing_max: usize) -> Self {
        Self {
            types,
            missing_max,
            problem: cell::Cell::default(),
            is_sparse: cell::Cell::default(),
        }
    }

    /// Ends the reading; the error that serde carries on has no content of its own.
    pub(super) fn fail<E: serde::de::Error>(&self, error: Error) -> E {
        self.problem.set(Some(error));
        E::custom("")
    }

    /// Ends the reading of a table that would have too many cells.
    pub(super) fn fail_as_sparse<E: serde::de::Error>(&self, error: Error) -> E {
        self.is_sparse.set(true);
        self.fail(error)
    }

    /// Says more about the failure of a part, if it was not the JSON that failed.
    pub(super) fn explain(&self, more: impl FnOnce(String) -> Error) {
        match self.problem.take() {
            Some(Error::BadRequest(problem)) => self.problem.set(Some(more(problem))),
            other => self.problem.set(other),
        }
    }

    pub(super) fn take_problem(&self) -> Option<Error> {
        self.problem.take()
    }

    pub(super) fn is_sparse(&self) -> bool {
        self.is_sparse.get()
    }
}

/// What may stand at a place. A kind of value that is not read is refused at its first token.
pub(super) trait Place<'de>: Sized {
    type Value;

    /// Ends the reading because a value of this kind stands here.
    fn refuse<E: serde::de::Error>(self, kind: &str) -> E;

    fn list<A: SeqAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(self.refuse("list"))
    }

    fn object<A: MapAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(self.refuse("object"))
    }

    fn single<E: serde::de::Error>(self, cell: Cell) -> Result<Self::Value, E> {
        Err(self.refuse(cell.kind()))
    }
}

/// Reads what stands at a place.
pub(super) struct At<P>(pub(super) P);

impl<'de, P: Place<'de>> DeserializeSeed<'de> for At<P> {
    type Value = P::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<P::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, P: Place<'de>> Visitor<'de> for At<P> {
    type Value = P::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<P::Value, E> {
        self.0.single(Cell::Null)
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<P::Value, E> {
        self.0.single(Cell::Boolean(value))
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<P::Value, E> {
        self.0.single(Cell::Integer(value))
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<P::Value, E> {
        // Beyond 64 bits with a sign only a float column can hold it, rounded as any other.
        self.0.single(i64::try_from(value).map_or(Cell::Number(value as f64), Cell::Integer))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<P::Value, E> {
        self.0.single(Cell::Number(value))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<P::Value, E> {
        self.0.single(Cell::Text(value.to_owned()))
    }

    fn visit_string<E: serde::de::Error>(self, value: String) -> Result<P::Value, E> {
        self.0.single(Cell::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<P::Value, A::Error> {
        self.0.list(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<P::Value, A::Error> {
        self.0.object(map)
    }
}

/// Skips what is left of a list, and counts it.
pub(super) fn count_rest<'de, A: SeqAccess<'de>>(mut list: A) -> Result<usize, A::Error> {
    let mut count = 0;
    while list.next_element::<IgnoredAny>()?.is_some() {
        count += 1;
    }
    Ok(count)
}

/// The names that a message shows of those that a client sent.
#[derive(Debug, Default)]
pub(super) struct Shown(Vec<String>);

impl Shown {
    pub(super) fn add(&mut self, name: &str) {
        const NAMES_MAX: usize = 20;
        const CHARS_MAX: usize = 100;
        match self.0.len() {
            0..NAMES_MAX => {
                self.0.push(format!("'{}'", name.chars().take(CHARS_MAX).collect::<String>()));
            }
            NAMES_MAX => self.0.push("…".to_owned()),
            _ => {}
        }
    }

    pub(super) fn list(&self) -> String {
        self.0.join(", ")
    }
}

/// JSON that is kept as it stands, of so many values at most: params are few.
pub(super) struct Few<'a>(pub &'a cell::Cell<usize>);

/// So many values may params have.
pub(super) const PARAMS_MAX: usize = 100_000;

impl<'de> DeserializeSeed<'de> for Few<'_> {
    type Value = serde_json::Value;

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<serde_json::Value, D::Error> {
        let left = self.0.get();
        if left == 0 {
            return Err(D::Error::custom(format!("params have more than {PARAMS_MAX} values")));
        }
        self.0.set(left - 1);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Few<'_> {
    type Value = serde_json::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<serde_json::Value, E> {
        Ok(serde_json::Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<serde_json::Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<serde_json::Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<serde_json::Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<serde_json::Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<serde_json::Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<serde_json::Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(Few(self.0))? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<serde_json::Value, A::Error> {
        let mut fields = serde_json::Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = map.next_value_seed(Few(self.0))?;
            fields.insert(name, value);
        }
        Ok(fields.into())
    }
}
