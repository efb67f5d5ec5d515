//! Schemas: the types of columns and tensors, as MLflow's signatures declare them. Pure.
//!
//! The format is MLflow's: a JSON list. Checking an input against a schema is in
//! [`Schema::enforce`].

mod cast;
mod check;
mod element;
mod lookup;

pub use element::Element;
pub use lookup::{Declared, Lookup};

use crate::{Input, Tensor};
use serde::de::value::{self, StrDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

/// So many columns may a table have, and so many tensors a request.
pub const COLUMNS_MAX: usize = 1 << 17;

/// The types of one side of a model: named or unnamed columns, or tensors; never both.
#[derive(Clone, Debug, PartialEq)]
pub enum Schema {
    /// Columns of a table.
    Columns(Vec<ColumnSpec>),
    /// Tensors: several with names, or one without.
    Tensors(Vec<TensorSpec>),
}

/// A column's name and type.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnSpec {
    /// The name; `None` in a schema that goes by position.
    pub name: Option<String>,
    /// Whether an input without it is refused.
    pub required: bool,
    /// `type`, and what belongs to it when it is an array, object or map.
    pub kind: Map<String, Value>,
}

/// The type of a single value, by MLflow's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DataType {
    /// True or false.
    Boolean,
    /// 32-bit integer.
    Integer,
    /// 64-bit integer.
    Long,
    /// 32-bit float.
    Float,
    /// 64-bit float.
    Double,
    /// Text.
    String,
    /// Bytes; base64 in JSON.
    Binary,
    /// A point in time, in nanoseconds.
    Datetime,
}

/// A tensor's name, type and shape.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorSpec {
    /// The name; `None` for a single input.
    pub name: Option<String>,
    /// The type by numpy's name, as in `float32`.
    pub dtype: String,
    /// The dimensions; -1 where any size will do.
    pub shape: Vec<i64>,
}

impl ColumnSpec {
    /// Returns the type, when it is a single value's.
    pub fn data_type(&self) -> Option<DataType> {
        let name = self.kind.get("type")?.as_str()?;
        DataType::deserialize(StrDeserializer::<value::Error>::new(name)).ok()
    }
}

impl TensorSpec {
    /// Describes a tensor whose first dimension counts rows.
    pub fn of(name: Option<&str>, tensor: &Tensor) -> Self {
        let sizes = tensor.shape().iter().skip(1).map(|size| *size as i64);
        let rows = tensor.shape().first().map(|_| -1);
        Self {
            name: name.map(str::to_owned),
            dtype: tensor.values().data_type().numpy_name().to_owned(),
            shape: rows.into_iter().chain(sizes).collect(),
        }
    }

    /// Returns the type that elements are held in, when they can be held here: small integers and
    /// 16-bit floats in the next larger type that there is.
    pub fn data_type(&self) -> Option<DataType> {
        self.element().map(|element| element.data_type)
    }

    /// Returns the type of one element, when values of it can be held here.
    pub fn element(&self) -> Option<Element> {
        Element::of_numpy(&self.dtype)
    }
}

impl DataType {
    /// Returns numpy's name for the type, which messages use as MLflow's do.
    pub fn numpy_name(self) -> &'static str {
        match self {
            Self::Boolean => "bool",
            Self::Integer => "int32",
            Self::Long => "int64",
            Self::Float => "float32",
            Self::Double => "float64",
            Self::String => "str",
            Self::Binary => "bytes",
            Self::Datetime => "datetime64[ns]",
        }
    }
}

impl Schema {
    /// Describes an input: the columns of a table, or tensors whose first dimension counts rows.
    pub fn of(input: &Input) -> Self {
        let column = |(name, tensor): &(String, Tensor)| {
            let kind = serde_json::to_value(tensor.values().data_type()).unwrap_or_default();
            ColumnSpec {
                name: Some(name.clone()),
                required: true,
                kind: Map::from_iter([("type".to_owned(), kind)]),
            }
        };
        match input {
            Input::Table(table) => Self::Columns(table.columns().iter().map(column).collect()),
            Input::Tensor(tensor) => Self::Tensors(vec![TensorSpec::of(None, tensor)]),
            Input::Named(tensors) => {
                let spec = |(name, tensor): &(String, Tensor)| TensorSpec::of(Some(name), tensor);
                Self::Tensors(tensors.iter().map(spec).collect())
            }
        }
    }

    /// Tells whether the inputs go by name; otherwise they go by position.
    pub fn is_named(&self) -> bool {
        match self {
            Self::Columns(columns) => columns.iter().any(|column| column.name.is_some()),
            Self::Tensors(tensors) => tensors.iter().any(|tensor| tensor.name.is_some()),
        }
    }

    /// Returns the type that is declared for the first input.
    pub fn first_element(&self) -> Option<Element> {
        match self {
            Self::Columns(columns) => columns.first()?.data_type().map(Element::from),
            Self::Tensors(tensors) => tensors.first()?.element(),
        }
    }

    /// Returns the names in order; a schema that goes by position has none.
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::Columns(columns) => columns.iter().filter_map(|c| c.name.as_deref()).collect(),
            Self::Tensors(tensors) => tensors.iter().filter_map(|t| t.name.as_deref()).collect(),
        }
    }
}

/// One entry of the JSON list, as it is written.
#[derive(Serialize, Deserialize)]
struct Entry {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "tensor-spec")]
    tensor: Option<TensorInfo>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    required: Option<bool>,
    // Some releases before 2.10 wrote this in place of `required`.
    #[serde(default, skip_serializing)]
    optional: Option<bool>,
    #[serde(flatten)]
    kind: Map<String, Value>,
}

#[derive(Serialize, Deserialize)]
struct TensorInfo {
    dtype: String,
    shape: Vec<i64>,
}

impl Serialize for Schema {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Columns(columns) => serializer.collect_seq(columns.iter().map(|column| Entry {
                name: column.name.clone(),
                tensor: None,
                required: Some(column.required),
                optional: None,
                kind: column.kind.clone(),
            })),
            Self::Tensors(tensors) => serializer.collect_seq(tensors.iter().map(|tensor| Entry {
                name: tensor.name.clone(),
                tensor: Some(TensorInfo {
                    dtype: tensor.dtype.clone(),
                    shape: tensor.shape.clone(),
                }),
                required: None,
                optional: None,
                kind: Map::from_iter([("type".to_owned(), Value::from("tensor"))]),
            })),
        }
    }
}

impl<'de> Deserialize<'de> for Schema {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries = Vec::<Entry>::deserialize(deserializer)?;
        let tensors = entries.iter().filter(|entry| entry.tensor.is_some()).count();
        if tensors == 0 {
            return Ok(Self::Columns(entries.into_iter().map(ColumnSpec::from).collect()));
        }
        if tensors < entries.len() {
            return Err(serde::de::Error::custom("a signature mixes columns with tensors"));
        }
        Ok(Self::Tensors(entries.into_iter().filter_map(TensorSpec::from_entry).collect()))
    }
}

impl From<Entry> for ColumnSpec {
    fn from(entry: Entry) -> Self {
        let required = entry.required.unwrap_or(!entry.optional.unwrap_or(false));
        Self { name: entry.name, required, kind: entry.kind }
    }
}

impl TensorSpec {
    fn from_entry(entry: Entry) -> Option<Self> {
        let TensorInfo { dtype, shape } = entry.tensor?;
        Some(Self { name: entry.name, dtype, shape })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(text: &str) -> Schema {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn columns_are_required_unless_they_say_otherwise() {
        let text = r#"[{"type": "long", "name": "a"},
                       {"type": "long", "name": "b", "required": false},
                       {"type": "long", "name": "c", "optional": true}]"#;

        let Schema::Columns(columns) = schema(text) else { panic!("no columns") };

        let required: Vec<bool> = columns.iter().map(|column| column.required).collect();
        assert_eq!(required, [true, false, false]);
    }

    #[test]
    fn every_kind_of_schema_survives_a_round_trip() {
        for text in [
            r#"[{"type": "double", "name": "a", "required": true}]"#,
            r#"[{"type": "double", "required": true}]"#,
            r#"[{"type": "array", "items": {"type": "string"}, "name": "a", "required": false}]"#,
            r#"[{"type": "object", "properties": {"x": {"type": "long", "required": true}},
                 "name": "o", "required": true}]"#,
            r#"[{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 3]}}]"#,
            r#"[{"name": "a", "type": "tensor", "tensor-spec": {"dtype": "uint8", "shape": []}}]"#,
        ] {
            let want: Value = serde_json::from_str(text).unwrap();

            let got = serde_json::to_value(schema(text)).unwrap();

            assert_eq!(got, want, "for {text}");
        }
    }

    #[test]
    fn columns_and_tensors_do_not_mix() {
        let text = r#"[{"type": "double"},
                       {"type": "tensor", "tensor-spec": {"dtype": "bool", "shape": []}}]"#;

        let error = serde_json::from_str::<Schema>(text).unwrap_err().to_string();

        assert!(error.contains("mixes columns with tensors"), "{error}");
    }
}
