//! One node of the schema: a value of an attribute, not yet interpreted.

use super::json::{Map, Value};
use super::{Array, Data, Document, Load, Object, Refusal, refuse};
use ndarray::Array2;
use serde_json::Value as Plain;
use std::sync::Arc;

/// A value of an attribute; remembers whose, for what its errors say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item<'a> {
    document: &'a Document<'a>,
    node: &'a Map<'a>,
    owner: &'a str,
    name: &'a str,
}

/// A single plain value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scalar {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
}

impl<'a> Item<'a> {
    pub(super) fn new(
        document: &'a Document<'a>,
        node: &'a Map<'a>,
        owner: &'a str,
        name: &'a str,
    ) -> Self {
        Self { document, node, owner, name }
    }

    /// Names the value in a refusal.
    pub(crate) fn wrong<T>(&self, problem: impl std::fmt::Display) -> Load<T> {
        refuse!("`{}`: `{}`: {problem}", self.owner, self.name)
    }

    fn expected<T>(&self, what: &str) -> Load<T> {
        self.wrong(format!("expected {what}, found {}", self.describe()))
    }

    /// Describes the value: its class, or a plain value itself.
    pub(crate) fn describe(&self) -> String {
        match self.scalar() {
            Ok(Scalar::None) => "None".to_owned(),
            Ok(Scalar::Bool(value)) => if value { "True" } else { "False" }.to_owned(),
            Ok(Scalar::Int(value)) => value.to_string(),
            Ok(Scalar::Float(value)) => value.to_string(),
            Ok(Scalar::Text(value)) => {
                format!("'{}'", value.chars().take(60).collect::<String>())
            }
            Err(_) => format!("`{}`", self.class()),
        }
    }

    /// Returns module and class, with a dot between.
    pub(crate) fn class(&self) -> String {
        let part = |key| self.node.get(key).and_then(Value::as_str).unwrap_or("?");
        format!("{}.{}", part("__module__"), part("__class__"))
    }

    fn loader(&self) -> &'a str {
        self.node.get("__loader__").and_then(Value::as_str).unwrap_or_default()
    }

    fn content(&self) -> Load<&'a Value<'a>> {
        self.document.visit()?;
        self.node.get("content").map_or_else(|| self.wrong("it has no content"), Ok)
    }

    fn child(&self, value: &'a Value<'a>) -> Load<Self> {
        match value.as_object() {
            Some(node) => Ok(Self { node, ..*self }),
            None => self.wrong("it holds something that is not a node"),
        }
    }

    /// Reads a plain value: JSON, or a number of numpy.
    pub(crate) fn scalar(&self) -> Load<Scalar> {
        match self.loader() {
            "JsonNode" => {}
            "NdArrayNode" => return self.number_of_numpy(),
            other => return self.wrong(format!("expected a plain value, found a {other}")),
        }
        let Some(text) = self.content()?.as_str() else {
            return self.wrong("its content is not text");
        };
        match text {
            // What Python's json module writes, though JSON has no such words.
            "NaN" => return Ok(Scalar::Float(f64::NAN)),
            "Infinity" => return Ok(Scalar::Float(f64::INFINITY)),
            "-Infinity" => return Ok(Scalar::Float(f64::NEG_INFINITY)),
            _ => {}
        }
        Ok(match serde_json::from_str(text) {
            Ok(Plain::Null) => Scalar::None,
            Ok(Plain::Bool(value)) => Scalar::Bool(value),
            Ok(Plain::Number(number)) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => Scalar::Int(whole),
                (None, Some(float)) => Scalar::Float(float),
                (None, None) => return self.wrong("its number is too large"),
            },
            Ok(Plain::String(text)) => Scalar::Text(text),
            _ => return self.wrong("its content is not a plain value"),
        })
    }

    fn number_of_numpy(&self) -> Load<Scalar> {
        if self.node.get("type").and_then(Value::as_str) != Some("numpy") {
            return self.wrong("expected a plain value, found an array of objects");
        }
        // A refusal that describes the value would ask for it again, without end.
        if self.node.get("file").and_then(Value::as_str).is_none() {
            return self.wrong("expected a plain value, found an array without a file");
        }
        let array = self.array()?;
        if array.shape.iter().product::<usize>() != 1 || array.shape.len() > 1 {
            return self.wrong("expected a plain value, found an array");
        }
        match &array.data {
            Data::Bool(list) => Ok(Scalar::Bool(list[0])),
            Data::Int(list) => Ok(Scalar::Int(list[0])),
            Data::Float(list) => Ok(Scalar::Float(list[0])),
            Data::Text(list) => Ok(Scalar::Text(list[0].clone())),
            Data::Record(_) => self.wrong("expected a plain value, found a record"),
        }
    }

    pub(crate) fn is_none(&self) -> bool {
        self.loader() == "JsonNode"
            && self.node.get("content").and_then(Value::as_str) == Some("null")
    }

    pub(crate) fn number(&self) -> Load<f64> {
        match self.scalar() {
            Ok(Scalar::Float(value)) => Ok(value),
            Ok(Scalar::Int(value)) => Ok(value as f64),
            Ok(Scalar::Bool(value)) => Ok(f64::from(u8::from(value))),
            _ => self.expected("a number"),
        }
    }

    pub(crate) fn integer(&self) -> Load<i64> {
        match self.scalar() {
            Ok(Scalar::Int(value)) => Ok(value),
            Ok(Scalar::Bool(value)) => Ok(i64::from(value)),
            _ => self.expected("an integer"),
        }
    }

    pub(crate) fn count(&self) -> Load<usize> {
        match usize::try_from(self.integer()?) {
            Ok(count) => Ok(count),
            Err(_) => self.expected("a count"),
        }
    }

    pub(crate) fn flag(&self) -> Load<bool> {
        match self.scalar() {
            Ok(Scalar::Bool(value)) => Ok(value),
            Ok(Scalar::Int(value @ (0 | 1))) => Ok(value == 1),
            _ => self.expected("a boolean"),
        }
    }

    pub(crate) fn text(&self) -> Load<String> {
        match self.scalar() {
            Ok(Scalar::Text(value)) => Ok(value),
            _ => self.expected("text"),
        }
    }

    /// Returns the text, if it is any.
    pub(crate) fn as_text(&self) -> Option<String> {
        self.text().ok()
    }

    /// Reads the items of a list, tuple or set, or of an array of objects with one dimension.
    pub(crate) fn list(&self) -> Load<Vec<Self>> {
        let is_list = matches!(self.loader(), "ListNode" | "TupleNode" | "SetNode");
        let is_objects = self.loader() == "NdArrayNode" && self.node.get("file").is_none();
        let content = self.content().ok().filter(|_| is_list || is_objects);
        let Some(items) = content.and_then(Value::as_list) else {
            return self.expected("a list");
        };
        items.iter().map(|item| self.child(item)).collect()
    }

    /// Reads the items of a list of lists, or of a matrix of objects, row by row.
    pub(crate) fn rows(&self) -> Load<Vec<Vec<Self>>> {
        self.list()?.iter().map(Self::list).collect()
    }

    /// Tells whether this is a list, a tuple, a set or an array of objects.
    pub(crate) fn is_list(&self) -> bool {
        match self.loader() {
            "ListNode" | "TupleNode" | "SetNode" => true,
            "NdArrayNode" => self.node.get("file").is_none(),
            _ => false,
        }
    }

    /// Tells whether this is an array of values (not of objects).
    pub(crate) fn is_array(&self) -> bool {
        self.loader() == "NdArrayNode" && self.node.get("file").is_some()
    }

    pub(crate) fn is_object(&self) -> bool {
        matches!(self.loader(), "ObjectNode" | "TreeNode" | "LossNode")
    }

    /// Returns the full name of a function or a type.
    pub(crate) fn function(&self) -> Option<String> {
        if !matches!(self.loader(), "FunctionNode" | "TypeNode") {
            return None;
        }
        // Protocol 0 kept a function's name in its content.
        let old = self.node.get("content").and_then(Value::as_object);
        let old = old.and_then(|old| {
            Some((old.get("module_path")?.as_str()?, old.get("function")?.as_str()?))
        });
        Some(old.map_or_else(|| self.class(), |(module, name)| format!("{module}.{name}")))
    }

    /// Returns the full name of the function that a `functools.partial` calls.
    pub(crate) fn partial(&self) -> Option<String> {
        if self.loader() != "PartialNode" {
            return None;
        }
        let function = self.node.get("content")?.get("func")?.as_object()?;
        Self { node: function, ..*self }.function()
    }

    pub(crate) fn array(&self) -> Load<Arc<Array>> {
        let file = self.node.get("file").and_then(Value::as_str);
        let Some(file) = file.filter(|_| self.loader() == "NdArrayNode") else {
            return self.expected("an array");
        };
        self.document.visit()?;
        self.document.array(file).or_else(|Refusal(why)| self.wrong(why))
    }

    /// Reads numbers of any shape in row-major order.
    pub(crate) fn floats(&self) -> Load<Vec<f64>> {
        if self.is_list() {
            return self.list()?.iter().map(Self::number).collect();
        }
        let array = self.array()?;
        array.data.to_floats().or_else(|Refusal(why)| self.wrong(why))
    }

    /// Reads whole numbers of any shape in row-major order.
    pub(crate) fn integers(&self) -> Load<Vec<i64>> {
        if self.is_list() {
            return self.list()?.iter().map(Self::integer).collect();
        }
        let array = self.array()?;
        array.data.to_integers().or_else(|Refusal(why)| self.wrong(why))
    }

    pub(crate) fn indices(&self) -> Load<Vec<usize>> {
        let index = |value: i64| usize::try_from(value).ok();
        let list: Option<Vec<_>> = self.integers()?.into_iter().map(index).collect();
        list.map_or_else(|| self.expected("indices"), Ok)
    }

    pub(crate) fn flags(&self) -> Load<Vec<bool>> {
        if self.is_list() {
            return self.list()?.iter().map(Self::flag).collect();
        }
        match &self.array()?.data {
            Data::Bool(list) => Ok(list.clone()),
            _ => self.expected("booleans"),
        }
    }

    /// Reads text: an array of it, or of objects that are text.
    pub(crate) fn texts(&self) -> Load<Vec<String>> {
        if self.is_list() {
            return self.list()?.iter().map(Self::text).collect();
        }
        match &self.array()?.data {
            Data::Text(list) => Ok(list.clone()),
            _ => self.expected("text"),
        }
    }

    /// Reads a matrix; a vector is one row.
    pub(crate) fn matrix(&self) -> Load<Array2<f64>> {
        if self.loader() == "SparseMatrixNode" {
            return self.sparse();
        }
        let array = self.array()?;
        let shape = match array.shape.as_slice() {
            [columns] => (1, *columns),
            [rows, columns] => (*rows, *columns),
            _ => return self.expected("a matrix"),
        };
        let list = array.data.to_floats().or_else(|Refusal(why)| self.wrong(why))?;
        Array2::from_shape_vec(shape, list).or_else(|_| self.expected("a matrix"))
    }

    /// Reads a sparse matrix of scipy, compressed by rows, into a dense one.
    fn sparse(&self) -> Load<Array2<f64>> {
        let file = self.node.get("file").and_then(Value::as_str).unwrap_or_default();
        let names = ["shape", "data", "indices", "indptr"];
        let parts = self.document.arrays_of(file, &names);
        let parts = parts.or_else(|Refusal(why)| self.wrong(format!("`{file}`: {why}")))?;
        let whole = |at: usize| {
            let list: Option<Vec<_>> = parts[at]
                .data
                .to_integers()?
                .into_iter()
                .map(|value| usize::try_from(value).ok())
                .collect();
            list.ok_or_else(|| Refusal("negative".to_owned()))
        };
        let (shape, indices, starts) = (whole(0)?, whole(2)?, whole(3)?);
        let data = parts[1].data.to_floats()?;
        let [rows, columns] = shape[..] else { return self.expected("a matrix") };
        // A dense matrix of this many cells is what an estimator holds in the end.
        let cells = rows.checked_mul(columns).filter(|cells| *cells <= 1 << 28);
        if cells.is_none() || starts.len() != rows + 1 || data.len() != indices.len() {
            return self.wrong("the sparse matrix is too large, or not by rows");
        }
        let mut dense = Array2::zeros((rows, columns));
        for row in 0..rows {
            for at in starts[row]..starts[row + 1] {
                match (indices.get(at), data.get(at)) {
                    (Some(column), Some(value)) if *column < columns => {
                        dense[[row, *column]] += *value;
                    }
                    _ => return self.wrong("the sparse matrix is corrupt"),
                }
            }
        }
        Ok(dense)
    }

    pub(crate) fn object(&self) -> Load<Object<'a>> {
        self.document.visit()?;
        Object::new(self.document, self.node).map_or_else(
            || self.wrong(format!("expected an object, found {}", self.describe())),
            Ok,
        )
    }

    /// Reads a dict with text as keys.
    pub(crate) fn dict(&self) -> Load<Vec<(&'a str, Self)>> {
        let content = match self.loader() {
            "DictNode" => self.content()?.as_object(),
            "DefaultDictNode" => {
                let main = self.content()?.get("main").and_then(Value::as_object);
                main.and_then(|main| main.get("content")).and_then(Value::as_object)
            }
            _ => None,
        };
        let Some(content) = content else { return self.expected("a dict") };
        content.iter().map(|(key, value)| Ok((key, self.child(value)?))).collect()
    }
}
