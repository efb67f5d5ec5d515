//! Names that check themselves: models, versions, stages, aliases and tags.
//!
//! The rules are those of MLflow 3.17 (`mlflow/utils/validation.py`). Text that a store already
//! holds is taken over without asking: what is there must stay readable.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use mlctl_wire::phrase;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What text types share: the way out, and the ways in that all lead through `parse`.
macro_rules! checked_text {
    ($name:ident) => {
        impl $name {
            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Takes over text that a store holds, whatever today's rule says of it.
            #[cfg(any(feature = "sqlite", feature = "client"))]
            pub(crate) fn stored(text: String) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                Self::parse(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(text: String) -> Result<Self> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.into()
            }
        }
    };
}

/// Names a registered model: 1 to 256 characters, no `/`, `:` or control characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModelName(String);

checked_text!(ModelName);

impl ModelName {
    /// The most characters a name may have: what MLflow's column holds.
    pub const CHARS_MAX: usize = 256;

    /// Checks a name; it may not be blank, and not read as a path to elsewhere (`.`, `..x`).
    pub fn parse(text: &str) -> Result<Self> {
        let invalid = |rule| Err(Error::invalid("model name", text, rule));
        if text.trim().is_empty() {
            return invalid("a name must not be empty");
        }
        if text.contains(['/', ':']) {
            let words = format!("Invalid model name '{text}'. Names cannot contain '/' or ':'.");
            return invalid("names must not contain `/` or `:`")
                .map_err(|error| error.in_words(words));
        }
        if text.chars().any(char::is_control) {
            return invalid("names must not contain control characters");
        }
        if text == "." || text.starts_with("..") {
            return invalid("names must not be `.` or start with `..`")
                .map_err(|error| error.in_words(phrase::name_resolves("name", text)));
        }
        if text.chars().count() > Self::CHARS_MAX {
            return invalid("a name can have at most 256 characters");
        }
        Ok(Self(text.to_owned()))
    }
}

/// Numbers a version of a model, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VersionNumber(u32);

impl VersionNumber {
    /// The number of a model's first version.
    pub const FIRST: Self = Self(1);
    /// The largest number that MLflow's column holds in every database.
    pub const MAX: Self = Self(i32::MAX as u32);

    /// Checks the text of a number; leading zeros are fine.
    pub fn parse(text: &str) -> Result<Self> {
        let number = match text.bytes().all(|byte| byte.is_ascii_digit()) {
            true => text.parse().ok(),
            false => None,
        };
        number.and_then(Self::from_u32).ok_or_else(|| {
            Error::invalid(
                "version",
                text,
                "a version must be a whole number \
                                                            from 1 on",
            )
        })
    }

    /// Returns the number, or `None` when no version can have it.
    pub fn from_u32(number: u32) -> Option<Self> {
        (Self::FIRST.0..=Self::MAX.0).contains(&number).then_some(Self(number))
    }

    /// Returns the plain number.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for VersionNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for VersionNumber {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl TryFrom<String> for VersionNumber {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::parse(&text)
    }
}

impl From<VersionNumber> for String {
    fn from(number: VersionNumber) -> Self {
        number.to_string()
    }
}

/// Says how far a version has come: `None`, `Staging`, `Production`, `Archived`, or a stage that
/// its model names itself: a letter, then letters, digits, `_` and `-`, at most 20.
///
/// Whether a model has a stage is known to its [`StageRules`](crate::StageRules) only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Stage(Cow<'static, str>);

checked_text!(Stage);

impl Stage {
    /// Where a version starts.
    pub const NONE: Self = Self(Cow::Borrowed("None"));
    /// Being tried out.
    pub const STAGING: Self = Self(Cow::Borrowed("Staging"));
    /// Serving.
    pub const PRODUCTION: Self = Self(Cow::Borrowed("Production"));
    /// Out of service.
    pub const ARCHIVED: Self = Self(Cow::Borrowed("Archived"));
    /// The stages that every model has, in the order of a version's life.
    pub const ALL: [Self; 4] = [Self::NONE, Self::STAGING, Self::PRODUCTION, Self::ARCHIVED];
    /// The most characters a stage may have: what MLflow's column holds.
    pub const CHARS_MAX: usize = 20;

    /// Checks a name; those of MLflow's stages may be in any case: `production` is
    /// [`Stage::PRODUCTION`].
    pub fn parse(text: &str) -> Result<Self> {
        if let Some(stage) = Self::ALL.into_iter().find(|stage| stage.is_called(text)) {
            return Ok(stage);
        }
        let invalid = |rule: &'static str| Err(Error::invalid("stage", text, rule));
        if !text.starts_with(char::is_alphabetic)
            || !text.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
        {
            return invalid("a stage must be a letter, then letters, digits, `_` and `-`");
        }
        if text.chars().count() > Self::CHARS_MAX {
            return invalid("a stage can have at most 20 characters");
        }
        if Alias::is_reserved(text) || text.eq_ignore_ascii_case("Deleted_Internal") {
            return invalid("the name is reserved");
        }
        Ok(Self(Cow::Owned(text.to_owned())))
    }

    /// Tells whether a name means this stage, in any case.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.0.eq_ignore_ascii_case(name)
    }
}

impl Default for Stage {
    fn default() -> Self {
        Self::NONE
    }
}

/// Names a version of a model in a way that can move: letters, digits, `_` and `-`.
///
/// Upper and lower case differ. `latest` in any case and forms such as `v3` are reserved, for
/// they would say something about the number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Alias(String);

checked_text!(Alias);

impl Alias {
    /// The most characters an alias may have.
    pub const CHARS_MAX: usize = 255;

    /// Checks an alias.
    pub fn parse(text: &str) -> Result<Self> {
        let invalid = |rule: &'static str, words: String| {
            Err(Error::invalid("alias", text, rule).in_words(words))
        };
        if text.is_empty() {
            let words = "Registered model alias name cannot be empty.".to_owned();
            return invalid("an alias must not be empty", words);
        }
        if !text.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-') {
            let words = format!(
                "Invalid alias name: '{text}'. Names may only contain alphanumerics, underscores \
                 (_), and dashes (-)."
            );
            return invalid("aliases may only contain letters, digits, `_` and `-`", words);
        }
        if text.chars().count() > Self::CHARS_MAX {
            let words = phrase::too_long("Registered model alias name", Self::CHARS_MAX);
            return invalid("an alias can have at most 255 characters", words);
        }
        if text.eq_ignore_ascii_case("latest") {
            let words = "'latest' alias name (case insensitive) is reserved.".to_owned();
            return invalid("`latest` is reserved", words);
        }
        if Self::is_reserved(text) {
            let words = format!("Version alias name '{text}' is reserved.");
            return invalid("`v` followed by a number is reserved", words);
        }
        Ok(Self(text.to_owned()))
    }

    /// Tells whether a text looks like an alias that nothing may have: `latest`, `v3`.
    pub fn is_reserved(text: &str) -> bool {
        let number = text.strip_prefix(['v', 'V']).unwrap_or_default();
        text.eq_ignore_ascii_case("latest")
            || (!number.is_empty() && number.chars().all(char::is_numeric))
    }
}

/// Names a tag: letters, digits, `_`, `-`, `.`, `:`, space and `/`, 1 to 250 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TagKey(String);

checked_text!(TagKey);

impl TagKey {
    /// The most characters a key may have.
    pub const CHARS_MAX: usize = 250;

    /// Checks a key; read as a path it must be a plain one (no `..`, no `//`, not absolute).
    pub fn parse(text: &str) -> Result<Self> {
        let invalid = |rule: &'static str, words: String| {
            Err(Error::invalid("tag key", text, rule).in_words(words))
        };
        if !text.chars().all(|c| c.is_alphanumeric() || "_-. :/".contains(c)) {
            let rule = "keys may only contain letters, digits, `_`, `-`, `.`, `:`, spaces and `/`";
            return invalid(rule, phrase::key_characters("key", text));
        }
        let is_plain_path = text.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if !is_plain_path || text.starts_with("..") {
            let rule = "a key must be a plain path, without empty parts, `.` and `..`";
            return invalid(rule, phrase::name_resolves("key", text));
        }
        if text.chars().count() > Self::CHARS_MAX {
            let words = phrase::too_long("key", Self::CHARS_MAX);
            return invalid("a key can have at most 250 characters", words);
        }
        Ok(Self(text.to_owned()))
    }
}

/// The text of a tag, at most 100,000 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TagValue(String);

checked_text!(TagValue);

impl TagValue {
    /// The most characters a value may have.
    pub const CHARS_MAX: usize = 100_000;

    /// Checks a value; it may be empty.
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > Self::CHARS_MAX && text.chars().count() > Self::CHARS_MAX {
            let rule = "a value can have at most 100000 characters";
            let words = phrase::too_long("value", Self::CHARS_MAX);
            return Err(Error::invalid("tag value", text, rule).in_words(words));
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check<T: fmt::Display>(parse: fn(&str) -> Result<T>, text: &str, want: Result<&str, &str>) {
        let got = parse(text).map(|value| value.to_string()).map_err(|err| err.to_string());
        assert_eq!(got.as_deref().map_err(String::as_str), want, "for {text:?}");
    }

    #[test]
    fn model_names_follow_mlflow() {
        for name in ["churn", "a b", "a\\b", " lead", "@a", "a@b", "ü", "a.b", ".a"] {
            check(ModelName::parse, name, Ok(name));
        }
        check(ModelName::parse, " ", Err("invalid model name ` `: a name must not be empty"));
        check(
            ModelName::parse,
            "a/b",
            Err("invalid model name `a/b`: names must not contain `/` or `:`"),
        );
        for name in ["", "a:b", ".", "..", "..a", "a\0", &"x".repeat(257)] {
            assert!(ModelName::parse(name).is_err(), "{name:?}");
        }
        assert!(ModelName::parse(&"ü".repeat(256)).is_ok());
    }

    #[test]
    fn versions_are_whole_numbers_from_one() {
        check(VersionNumber::parse, "3", Ok("3"));
        check(VersionNumber::parse, "03", Ok("3"));
        check(VersionNumber::parse, "2147483647", Ok("2147483647"));
        check(
            VersionNumber::parse,
            "x",
            Err("invalid version `x`: a version must be a whole number from 1 on"),
        );
        for text in ["", "0", "-1", "+1", "1.5", " 1", "2147483648", "99999999999", "٣"] {
            assert!(VersionNumber::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn stages_are_found_in_any_case() {
        check(Stage::parse, "production", Ok("Production"));
        check(Stage::parse, "ARCHIVED", Ok("Archived"));
        check(Stage::parse, "none", Ok("None"));
        check(Stage::parse, "Shadow", Ok("Shadow"));
        check(
            Stage::parse,
            "3rd",
            Err("invalid stage `3rd`: a stage must be a letter, then letters, digits, `_` and `-`"),
        );
        let reserved = ["Deleted_Internal", "latest", "v3"];
        for text in ["", " production", "a/b", "a: b", "*", "(x)", &"x".repeat(21)] {
            assert!(Stage::parse(text).is_err(), "{text:?}");
        }
        for text in reserved {
            assert!(Stage::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn aliases_follow_mlflow() {
        for alias in ["champion", "Champion", "v1a", "-", "ü", "1", "v", "_x"] {
            check(Alias::parse, alias, Ok(alias));
        }
        check(Alias::parse, "LATEST", Err("invalid alias `LATEST`: `latest` is reserved"));
        check(
            Alias::parse,
            "V22",
            Err("invalid alias `V22`: `v` followed by a number is reserved"),
        );
        for alias in ["", "a b", "a.b", "a/b", "a@b", "a\n", &"x".repeat(256)] {
            assert!(Alias::parse(alias).is_err(), "{alias:?}");
        }
    }

    #[test]
    fn tag_keys_follow_mlflow() {
        for key in ["mlflow.user", "a/b", "a: b", "ü", ".a"] {
            check(TagKey::parse, key, Ok(key));
        }
        for key in ["", ".", "..a", "/a", "a/", "a//b", "a/../b", "a,b", &"x".repeat(251)] {
            assert!(TagKey::parse(key).is_err(), "{key:?}");
        }
        assert!(TagValue::parse(&"x".repeat(100_001)).is_err());
        assert!(TagValue::parse(&"ü".repeat(100_000)).is_ok());
    }

    #[test]
    fn a_long_value_is_shortened_in_the_message() {
        let message = Stage::parse(&"ü".repeat(5_000)).unwrap_err().to_string();

        assert!(message.chars().count() < 250, "{message}");
        assert!(message.contains('…'));
    }

    #[test]
    fn json_goes_through_the_rules() {
        let stage: Stage = serde_json::from_str("\"staging\"").unwrap();

        assert_eq!(serde_json::to_string(&stage).unwrap(), "\"Staging\"");
        assert!(serde_json::from_str::<Alias>("\"latest\"").is_err());
        assert_eq!(serde_json::to_string(&VersionNumber::FIRST).unwrap(), "\"1\"");
    }
}
