//! Names that check themselves. Each is parsed once, at the door, and trusted inside.
//!
//! Source of the rules: `mlflow/utils/validation.py` of 3.17.2.

use crate::{Error, Result};
use mlctl_wire::{limits, phrase};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks `text`.
            ///
            /// # Errors
            /// [`Error::Invalid`] with the rule that `text` breaks.
            pub fn parse(text: impl Into<String>) -> Result<Self> {
                let text = text.into();
                $check(&text)?;
                Ok(Self(text))
            }

            /// Returns the checked text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(text: String) -> Result<Self> {
                Self::parse(text)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }
    };
}

checked_text! {
    /// Identifies a run: a letter or digit, then up to 255 letters, digits, `_` or `-`.
    ///
    /// MLflow makes 32 hex digits, and so does [`RunId::random`].
    RunId,
    |text| check_word(text, 256, "run id", "it must be letters, digits, `_` and `-`, usually 32 hex digits")
}

checked_text! {
    /// Identifies an experiment: a letter or digit, then up to 63 letters, digits, `_` or `-`.
    ExperimentId,
    check_experiment_id
}

checked_text! {
    /// Identifies a logged model: `m-` and 32 hex digits.
    ModelId,
    |text| check_word(text, 256, "model id", "it must be letters, digits, `_` and `-`, usually `m-` and 32 hex digits")
}

checked_text! {
    /// Names a metric, a param or a tag.
    ///
    /// Up to 250 letters, digits, `_`, `-`, `.`, `:`, `/` and spaces, which read as a path neither
    /// leave their folder nor mean another path: `train/loss` is a key, `a//b` and `../a` are not.
    Key,
    check_key
}

checked_text! {
    /// Names an experiment: 1 to 500 characters.
    ExperimentName,
    check_experiment_name
}

impl Key {
    /// Checks the key of a param of a logged model, which MLflow takes at any length.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the rule that `text` breaks.
    pub fn parse_model_param(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        check_key_characters(&text)?;
        match text.len() <= limits::MODEL_PARAM_KEY_BYTES_MAX {
            true => Ok(Self(text)),
            false => {
                Err(Error::invalid("key", &text, "it exceeds the maximum length of 10000 bytes"))
            }
        }
    }
}

impl RunId {
    /// Makes a new id.
    pub fn random() -> Self {
        Self(Uuid::new_v4().simple().to_string())
    }
}

impl ModelId {
    /// Makes a new id.
    pub fn random() -> Self {
        Self(format!("m-{}", Uuid::new_v4().simple()))
    }
}

impl ExperimentId {
    /// The experiment that every store has from the start.
    pub const DEFAULT: &str = "0";

    /// Returns the id of the experiment that every store has from the start.
    pub fn default_experiment() -> Self {
        Self(Self::DEFAULT.to_owned())
    }

    /// Makes a new id: 18 digits without a leading zero, as MLflow's file store does.
    pub fn random() -> Self {
        Self(rand::rng().random_range(10u64.pow(17)..10u64.pow(18)).to_string())
    }
}

fn check_word(text: &str, bytes_max: usize, what: &'static str, rule: &'static str) -> Result<()> {
    let word = |c: u8| c.is_ascii_alphanumeric() || c == b'_' || c == b'-';
    let begins_well = text.bytes().next().is_some_and(|c| c.is_ascii_alphanumeric());
    if begins_well && text.len() <= bytes_max && text.bytes().all(word) {
        return Ok(());
    }
    Err(Error::invalid(what, text, rule))
}

fn check_experiment_id(text: &str) -> Result<()> {
    let rule = "it must be letters, digits, `_` and `-`, usually a number";
    check_word(text, 64, "experiment id", rule).map_err(|_| Error::no_experiment_id(text, rule))
}

fn check_key(text: &str) -> Result<()> {
    check_key_characters(text)?;
    if text.chars().count() > limits::KEY_CHARS_MAX {
        return Err(Error::too_long("key", "key", text, limits::KEY_CHARS_MAX));
    }
    Ok(())
}

fn check_key_characters(text: &str) -> Result<()> {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/' | ' ');
    if !text.chars().all(fits) {
        let rule = "names may only contain letters, digits, `_`, `-`, `.`, `:`, `/` and spaces";
        return Err(Error::invalid_as(phrase::key_characters("key", text), "key", text, rule));
    }
    if text.split('/').any(|part| matches!(part, "" | "." | "..")) {
        let rule = "as a path it must not resolve to another name";
        return Err(Error::invalid_as(phrase::name_resolves("key", text), "key", text, rule));
    }
    Ok(())
}

fn check_experiment_name(text: &str) -> Result<()> {
    if text.trim().is_empty() {
        let phrase = format!("Invalid experiment name: '{text}'");
        let rule = "it must not be empty or blank";
        return Err(Error::invalid_as(phrase, "experiment name", text, rule));
    }
    if text.contains(char::is_control) {
        let rule = "it must not contain control characters such as line breaks";
        return Err(Error::invalid("experiment name", text, rule));
    }
    if text.chars().count() > limits::EXPERIMENT_NAME_CHARS_MAX {
        let chars_max = limits::EXPERIMENT_NAME_CHARS_MAX;
        return Err(Error::too_long("experiment name", "name", text, chars_max));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(key: &str, accepted: bool) {
        assert_eq!(Key::parse(key).is_ok(), accepted, "for {key:?}");
    }

    #[test]
    fn keys_are_names_that_are_also_safe_paths() {
        for key in ["loss", "train/loss", "a b", "x:y", "α", "...", "a.b", " ", &"k".repeat(250)] {
            check(key, true);
        }
        for key in ["", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a\nb", "a\\b"] {
            check(key, false);
        }
        check(&"k".repeat(251), false);
    }

    #[test]
    fn an_experiment_name_is_one_line() {
        for name in ["a b", "ü", &"n".repeat(500)] {
            assert!(ExperimentName::parse(name).is_ok(), "{name:?}");
        }
        for name in ["", "a\0", "a\nb", "a\u{85}b", &"n".repeat(501)] {
            assert!(ExperimentName::parse(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn an_experiment_is_not_named_by_blanks() {
        for name in ["", " ", "\t \n", "\u{a0}"] {
            assert!(ExperimentName::parse(name).is_err(), "for {name:?}");
        }
        ExperimentName::parse(" churn ").unwrap();
    }

    #[test]
    fn a_wrong_run_id_says_what_would_be_right() {
        let error = RunId::parse("../etc").unwrap_err();
        assert_eq!(
            error.to_string(),
            "invalid run id `../etc`: it must be letters, digits, `_` and `-`, usually 32 hex digits"
        );
    }

    #[test]
    fn made_up_ids_pass_their_own_check() {
        RunId::parse(RunId::random().as_str()).unwrap();
        ModelId::parse(ModelId::random().as_str()).unwrap();
        assert_eq!(ExperimentId::random().as_str().len(), 18);
    }

    proptest! {
        #[test]
        fn an_accepted_key_stays_below_its_folder(text in "[./a-c :_-]{0,12}") {
            if let Ok(key) = Key::parse(text) {
                let path = std::path::Path::new("/root").join(key.as_str());
                prop_assert!(path.components().all(|part| part.as_os_str() != ".."));
                prop_assert!(path.starts_with("/root") && path != std::path::Path::new("/root"));
            }
        }
    }
}
