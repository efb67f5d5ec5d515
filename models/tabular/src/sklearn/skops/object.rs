//! An object of the schema, and its attributes by name.

use super::json::{Map, Value};
use super::{Document, Item, Load, Refusal, refuse};
use ndarray::Array2;

/// An object: its class, and what its attributes hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Object<'a> {
    document: &'a Document<'a>,
    node: &'a Map<'a>,
    module: &'a str,
    class: &'a str,
    attributes: Option<&'a Map<'a>>,
}

impl<'a> Object<'a> {
    pub(super) fn new(document: &'a Document<'a>, node: &'a Map<'a>) -> Option<Self> {
        let text = |key| node.get(key).and_then(Value::as_str);
        if !matches!(text("__loader__")?, "ObjectNode" | "TreeNode" | "LossNode") {
            return None;
        }
        let content = node.get("content").and_then(Value::as_object);
        let attributes = content.and_then(|dict| dict.get("content")).and_then(Value::as_object);
        Some(Self {
            document,
            node,
            module: text("__module__")?,
            class: text("__class__")?,
            attributes,
        })
    }

    /// Returns the class without its module.
    pub(crate) fn class(&self) -> &'a str {
        self.class
    }

    pub(crate) fn module(&self) -> &'a str {
        self.module
    }

    /// Returns module and class, with a dot between.
    pub(crate) fn full_name(&self) -> String {
        format!("{}.{}", self.module, self.class)
    }

    /// Refuses the object for a reason.
    pub(crate) fn wrong<T>(&self, problem: impl std::fmt::Display) -> Load<T> {
        refuse!("`{}`: {problem}", self.full_name())
    }

    /// Refuses the object for the value of one of its attributes.
    pub(crate) fn unsupported<T>(&self, name: &str) -> Load<T> {
        let value = self.find(name).map_or_else(|| "missing".to_owned(), |item| item.describe());
        self.wrong(format!("`{name}` = {value} is not supported"))
    }

    /// Finds an attribute, whatever it holds.
    pub(crate) fn find(&self, name: &str) -> Option<Item<'a>> {
        let (name, value) = self.attributes?.entry(name)?;
        Some(Item::new(self.document, value.as_object()?, self.class, name))
    }

    /// Finds an attribute that holds something.
    pub(crate) fn some(&self, name: &str) -> Option<Item<'a>> {
        self.find(name).filter(|item| !item.is_none())
    }

    /// Returns an attribute that must be there.
    pub(crate) fn get(&self, name: &str) -> Load<Item<'a>> {
        self.find(name).map_or_else(
            || self.wrong(format!("it has no `{name}`; was it fitted before it was saved?")),
            Ok,
        )
    }

    /// Returns the arguments that an object is made with again, as extension types have them.
    pub(crate) fn arguments(&self) -> Load<Vec<Item<'a>>> {
        let reduce = self.node.get("__reduce__").and_then(Value::as_object);
        let args = reduce.and_then(|reduce| reduce.get("args")).and_then(Value::as_object);
        match args {
            Some(args) => Item::new(self.document, args, self.class, "__reduce__").list(),
            None => self.wrong("it has no `__reduce__`"),
        }
    }

    pub(crate) fn number(&self, name: &str) -> Load<f64> {
        self.get(name)?.number()
    }

    pub(crate) fn count(&self, name: &str) -> Load<usize> {
        self.get(name)?.count()
    }

    pub(crate) fn flag(&self, name: &str) -> Load<bool> {
        self.get(name)?.flag()
    }

    pub(crate) fn text(&self, name: &str) -> Load<String> {
        self.get(name)?.text()
    }

    pub(crate) fn list(&self, name: &str) -> Load<Vec<Item<'a>>> {
        self.get(name)?.list()
    }

    pub(crate) fn object(&self, name: &str) -> Load<Self> {
        self.get(name)?.object()
    }

    /// Reads numbers; a single one is a list of one.
    pub(crate) fn vector(&self, name: &str) -> Load<Vec<f64>> {
        let item = self.get(name)?;
        if item.is_array() || item.is_list() { item.floats() } else { Ok(vec![item.number()?]) }
    }

    /// Reads as many numbers as are asked for.
    pub(crate) fn vector_of(&self, name: &str, size: usize) -> Load<Vec<f64>> {
        let list = self.vector(name)?;
        if list.len() != size {
            return self.wrong(format!("`{name}` has {} values, not {size}", list.len()));
        }
        Ok(list)
    }

    pub(crate) fn matrix(&self, name: &str) -> Load<Array2<f64>> {
        self.get(name)?.matrix()
    }

    /// Reads a matrix of a given shape.
    pub(crate) fn matrix_of(&self, name: &str, shape: (usize, usize)) -> Load<Array2<f64>> {
        let matrix = self.matrix(name)?;
        if matrix.dim() != shape {
            return self.wrong(format!("`{name}` has shape {:?}, not {shape:?}", matrix.dim()));
        }
        Ok(matrix)
    }

    /// Tells whether the object was fitted with a version of scikit-learn, or a newer one.
    pub(crate) fn is_since(&self, major: u32, minor: u32) -> bool {
        let version = self.text("_sklearn_version").unwrap_or_default();
        let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
        (parts.next(), parts.next()) >= (Some(major), Some(minor))
    }

    pub(crate) fn features(&self) -> Load<usize> {
        self.count("n_features_in_")
    }

    /// Refuses unless a parameter, if it is there, has one of the given texts.
    pub(crate) fn require_text(&self, name: &str, allowed: &[&str]) -> Load<()> {
        match self.some(name) {
            None => Ok(()),
            Some(item) if item.as_text().is_some_and(|text| allowed.contains(&text.as_str())) => {
                Ok(())
            }
            Some(_) => self.unsupported(name),
        }
    }

    /// Puts this object's name before a refusal of one of its parts.
    pub(crate) fn within<T>(&self, part: &str, result: Load<T>) -> Load<T> {
        result.map_err(|Refusal(why)| Refusal(format!("{}.{part}: {why}", self.class)))
    }
}
