//! How the fields of a message are read: as leniently as protobuf's JSON form is.
//!
//! `null` counts as absent everywhere, and empty text as an id that was not given, since MLflow
//! takes what its messages were not given for empty. Use as
//! `#[serde(default, deserialize_with = "field::read")]`.

use crate::{ExperimentId, Key, ModelId, RunId};
use mlctl_wire::{number, phrase};
use serde::de::{DeserializeOwned, Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// Reads a field in the way of its type.
pub(crate) fn read<'de, T: Field, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::read(deserializer)
}

/// A type of a message's field.
pub(crate) trait Field: Sized {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
}

impl<T: DeserializeOwned> Field for Vec<T> {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Option::unwrap_or_default)
    }
}

/// Where an empty list is not the same as none.
impl<T: DeserializeOwned> Field for Option<Vec<T>> {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(deserializer)
    }
}

impl Field for String {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Option::unwrap_or_default)
    }
}

impl Field for i64 {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        number::optional_int64::deserialize(deserializer).map(Option::unwrap_or_default)
    }
}

impl Field for Option<i64> {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        number::optional_int64::deserialize(deserializer)
    }
}

impl Field for Option<f64> {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        number::optional_double::deserialize(deserializer)
    }
}

/// Reads a key that must be there; an empty one counts as missing.
pub(crate) fn key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Key, D::Error> {
    Option::<Key>::read(deserializer)?.ok_or_else(|| D::Error::missing_field("key"))
}

/// The same for a metric's, of which MLflow's errors speak otherwise.
pub(crate) fn metric_key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Key, D::Error> {
    key_called(deserializer, "name", crate::Error::metric_message)
}

/// The same for a param's.
pub(crate) fn param_key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Key, D::Error> {
    key_called(deserializer, "key", crate::Error::param_message)
}

fn key_called<'de, D: Deserializer<'de>>(
    deserializer: D,
    parameter: &str,
    message: fn(&crate::Error) -> Option<String>,
) -> Result<Key, D::Error> {
    let text: Option<String> = Option::deserialize(deserializer)?;
    let text =
        text.filter(|text| !text.is_empty()).ok_or_else(|| D::Error::missing_field("key"))?;
    Key::parse(text).map_err(|error| match message(&error) {
        Some(message) => D::Error::custom(phrase::decoding_error(parameter, &message)),
        None => D::Error::custom(error),
    })
}

macro_rules! plain {
    ($($type:ty),* $(,)?) => {$(
        impl Field for Option<$type> {
            fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Option::deserialize(deserializer)
            }
        }
    )*};
}

plain!(
    String,
    bool,
    EnumValue,
    crate::entity::Experiment,
    crate::entity::Run,
    crate::entity::RunInfo,
    crate::entity::LoggedModel,
);

macro_rules! ids {
    ($($type:ty),*) => {$(
        impl Field for Option<$type> {
            fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text: Option<String> = Option::deserialize(deserializer)?;
                let text = text.filter(|text| !text.is_empty());
                text.map(<$type>::parse).transpose().map_err(|error| match error.message() {
                    Some((parameter, message)) => {
                        D::Error::custom(phrase::decoding_error(parameter, &message))
                    }
                    None => D::Error::custom(error),
                })
            }
        }
    )*};
}

ids!(ExperimentId, RunId, ModelId, Key);

/// A value of an enum, by its name or its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub(crate) struct EnumValue(pub(crate) String);

impl EnumValue {
    /// Reads the value: the number by `number`, anything else by `name`.
    #[cfg(feature = "rest")]
    pub(crate) fn resolve<T>(
        &self,
        number: impl FnOnce(i64) -> Option<T>,
        name: impl FnOnce(&str) -> crate::Result<T>,
    ) -> crate::Result<T> {
        match self.0.parse().ok().and_then(number) {
            Some(value) => Ok(value),
            None => name(&self.0),
        }
    }
}

impl<'de> Deserialize<'de> for EnumValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameOrNumber;

        impl Visitor<'_> for NameOrNumber {
            type Value = EnumValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name or the number of a value")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<EnumValue, E> {
                Ok(EnumValue(text.to_owned()))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<EnumValue, E> {
                Ok(EnumValue(number.to_string()))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<EnumValue, E> {
                Ok(EnumValue(number.to_string()))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<EnumValue, E> {
                Err(E::invalid_type(Unexpected::Float(number), &self))
            }
        }
        deserializer.deserialize_any(NameOrNumber)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct Message {
        #[serde(deserialize_with = "read")]
        run_id: Option<RunId>,
        #[serde(deserialize_with = "read")]
        status: Option<EnumValue>,
        #[serde(deserialize_with = "read")]
        tags: Vec<String>,
        #[serde(deserialize_with = "read")]
        step: i64,
    }

    #[test]
    fn null_and_empty_ids_count_as_absent() {
        let text = r#"{"run_id": "", "status": null, "tags": null, "step": null}"#;
        let message: Message = serde_json::from_str(text).unwrap();
        assert_eq!((message.run_id, message.status, message.step), (None, None, 0));
        assert!(message.tags.is_empty());
        assert!(serde_json::from_str::<Message>(r#"{"run_id": "../x"}"#).is_err());
        assert!(serde_json::from_str::<Message>(r#"{"run_id": 5}"#).is_err());
    }

    #[test]
    fn enums_come_as_names_or_numbers() {
        for (text, want) in [(r#""FAILED""#, "FAILED"), ("4", "4"), (r#""4""#, "4")] {
            let message: Message =
                serde_json::from_str(&format!(r#"{{"status": {text}}}"#)).unwrap();
            assert_eq!(message.status, Some(EnumValue(want.to_owned())));
        }
        assert!(serde_json::from_str::<Message>(r#"{"status": 1.5}"#).is_err());
    }
}
