//! Reads `model.skops`: a zip of `schema.json`, a tree of typed nodes, and the arrays it points to.
//!
//! The format is what skops 0.10 to 0.16 write (protocols 0 to 2): a node has `__class__`,
//! `__module__`, `__loader__` and content of its loader's own form. Nothing here runs code or makes
//! an object of a named class; an estimator asks an [`Object`] for the attributes that it knows.

mod archive;
mod item;
mod json;
mod npy;
mod object;

pub(crate) use archive::Archive;
pub(crate) use item::{Item, Scalar};
pub(crate) use npy::{Array, Data};
pub(crate) use object::Object;

use json::{Map, Value};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// The newest protocol that is understood.
const PROTOCOL_MAX: u64 = 2;
/// How many nodes are visited at most, references counted each time.
const NODES_MAX: usize = 50_000_000;

/// Says in one line why a model is not loaded.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal(pub(crate) String);

/// What reading a model returns.
pub(crate) type Load<T> = Result<T, Refusal>;

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Refuses with a formatted reason.
macro_rules! refuse {
    ($($part:tt)*) => {
        Err($crate::sklearn::skops::Refusal(format!($($part)*)))
    };
}
pub(crate) use refuse;

/// A skops file: its schema, and the arrays that are read when they are asked for.
#[derive(Debug)]
pub(crate) struct Document<'t> {
    archive: RefCell<Archive>,
    arrays: RefCell<HashMap<String, Arc<Array>>>,
    schema: Map<'t>,
    visited: Cell<usize>,
}

/// Opens a file that lies in memory, and unpacks its schema.
pub(crate) fn unpack(bytes: Vec<u8>) -> Load<(Archive, String)> {
    let mut archive = Archive::open(bytes)?;
    let schema = String::from_utf8(archive.member("schema.json")?)
        .map_err(|_| Refusal("schema.json is not text".to_owned()))?;
    Ok((archive, schema))
}

impl<'t> Document<'t> {
    /// Reads the schema of an archive.
    pub(crate) fn read(archive: Archive, schema: &'t str) -> Load<Self> {
        let schema: Value<'_> = serde_json::from_str(schema)
            .map_err(|error| Refusal(format!("schema.json is not JSON: {error}")))?;
        let Value::Object(schema) = schema else {
            return refuse!("schema.json holds no node");
        };
        match schema.get("protocol").and_then(Value::as_u64) {
            Some(0..=PROTOCOL_MAX) => {}
            Some(newer) => {
                return refuse!("skops protocol {newer} is newer than {PROTOCOL_MAX}");
            }
            None => return refuse!("schema.json names no protocol"),
        }
        Ok(Self {
            archive: RefCell::new(archive),
            arrays: RefCell::default(),
            schema,
            visited: Cell::new(0),
        })
    }

    /// Returns the object that the file holds.
    pub(crate) fn root(&self) -> Load<Object<'_>> {
        self.item(&self.schema, "the file", "model").object()
    }

    fn item<'a>(&'a self, node: &'a Map<'a>, owner: &'a str, name: &'a str) -> Item<'a> {
        Item::new(self, node, owner, name)
    }

    /// Counts a visited node, so that no file can keep its reader busy for ever.
    fn visit(&self) -> Load<()> {
        let visited = self.visited.get() + 1;
        self.visited.set(visited);
        if visited > NODES_MAX {
            return refuse!("schema.json holds more than {NODES_MAX} nodes");
        }
        Ok(())
    }

    fn array(&self, member: &str) -> Load<Arc<Array>> {
        if let Some(array) = self.arrays.borrow().get(member) {
            return Ok(Arc::clone(array));
        }
        let bytes = self.archive.borrow_mut().member(member)?;
        let array =
            npy::read(&bytes).map_err(|Refusal(why)| Refusal(format!("`{member}`: {why}")))?;
        let array = Arc::new(array);
        self.arrays.borrow_mut().insert(member.to_owned(), Arc::clone(&array));
        Ok(array)
    }

    /// Reads the named arrays of an `.npz` member, as scipy writes sparse matrices.
    fn arrays_of(&self, member: &str, names: &[&str]) -> Load<Vec<Array>> {
        let bytes = self.archive.borrow_mut().member(member)?;
        let mut inner = Archive::open(bytes)?;
        names.iter().map(|name| npy::read(&inner.member(&format!("{name}.npy"))?)).collect()
    }
}

#[cfg(test)]
mod tests;
