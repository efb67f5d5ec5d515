//! Signatures: the types of a model's inputs, outputs and parameters. Pure.
//!
//! The format is MLflow's: each of the three is a JSON list, and in an `MLmodel` file that list is
//! a string inside the YAML. Checking an input against a schema is in [`Schema::enforce`].

mod params;

pub use mlctl_table::schema::{ColumnSpec, DataType, Schema, TensorSpec};
pub use params::Params;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The types of what goes into a model and of what comes out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Signature {
    /// What the model takes.
    #[serde(default, with = "json_text")]
    pub inputs: Option<Schema>,
    /// What the model answers.
    #[serde(default, with = "json_text")]
    pub outputs: Option<Schema>,
    /// Parameters of a prediction, with their defaults; kept as they stand. [`Params`] reads them.
    #[serde(default, with = "json_text")]
    pub params: Option<Vec<Map<String, Value>>>,
}

/// JSON that is a string in the format around it, or null.
mod json_text {
    use serde::de::{DeserializeOwned, Error};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(
        value: &Option<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let Some(value) = value else { return serializer.serialize_none() };
        let text = serde_json::to_string(value).map_err(serde::ser::Error::custom)?;
        serializer.serialize_some(&text)
    }

    pub(super) fn deserialize<'de, T: DeserializeOwned, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<T>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
        serde_json::from_str(&text)
            .map(Some)
            .map_err(|error| D::Error::custom(format!("signature: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn params_are_kept() {
        let text = r#"{"inputs": null, "outputs": null, "params":
            "[{\"name\": \"t\", \"default\": 0.5, \"shape\": null, \"type\": \"double\"}]"}"#;

        let signature: Signature = serde_json::from_str(text).unwrap();

        assert_eq!(signature.params.as_ref().unwrap()[0]["default"], 0.5);
        let again = serde_json::to_value(&signature).unwrap();
        assert_eq!(serde_json::from_value::<Signature>(again).unwrap(), signature);
    }
}
