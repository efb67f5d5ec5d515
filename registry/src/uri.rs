//! `models:/` URIs: how the rest of the world names a version.
//!
//! `models:/churn/3`, `models:/churn@champion`, `models:/churn/Production` and
//! `models:/churn/latest` name versions. `models:/m-12ab` names a logged model, which is
//! tracking's business, and is refused here.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::id::{Alias, ModelName, Stage, VersionNumber};

const SCHEME: &str = "models";
const LATEST: &str = "latest";

/// Names a version of a registered model.
///
/// ```
/// use mlctl_registry::{ModelUri, Stage, VersionRef};
///
/// let uri = ModelUri::parse("models:/churn/production")?;
///
/// assert_eq!(uri.version, VersionRef::Stage(Stage::PRODUCTION));
/// assert_eq!(uri.to_string(), "models:/churn/Production");
/// # Ok::<(), mlctl_registry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelUri {
    /// The model.
    pub model: ModelName,
    /// Which of its versions.
    pub version: VersionRef,
}

/// Says which version of a model is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionRef {
    /// The one of this number.
    Number(VersionNumber),
    /// The one that this alias names.
    Alias(Alias),
    /// The newest one in this stage.
    Stage(Stage),
    /// The newest one.
    Latest,
}

impl From<VersionNumber> for VersionRef {
    fn from(number: VersionNumber) -> Self {
        Self::Number(number)
    }
}

impl ModelUri {
    /// Reads a `models:/` URI as MLflow does: the stage and `latest` in any case.
    ///
    /// A host (`models://profile@databricks/…`) is refused: there is one registry.
    pub fn parse(text: &str) -> Result<Self> {
        let invalid = |rule| Error::invalid("models URI", text, rule);
        let path = path(text).ok_or_else(|| {
            invalid("write it as models:/churn/3, models:/churn/Production or models:/churn@alias")
        })?;
        let (model, version) = match path.split_once('/') {
            Some((model, suffix)) => (model, parse_suffix(suffix)?),
            None => {
                let (model, alias) = path.rsplit_once('@').ok_or_else(|| {
                    invalid("it has no version: add /3, /latest, a stage or @alias")
                })?;
                (model, parse_alias(alias)?)
            }
        };
        Ok(Self { model: ModelName::parse(model)?, version })
    }
}

/// Returns what follows the scheme and its slashes.
fn path(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once(':')?;
    let path = rest.trim_start_matches('/');
    // Two slashes, and no third, begin a host.
    let slashes = rest.len() - path.len();
    (scheme.eq_ignore_ascii_case(SCHEME) && slashes != 0 && slashes != 2 && !path.is_empty())
        .then_some(path)
}

fn parse_suffix(suffix: &str) -> Result<VersionRef> {
    if suffix.eq_ignore_ascii_case(LATEST) {
        return Ok(VersionRef::Latest);
    }
    if !suffix.is_empty() && suffix.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(VersionRef::Number(VersionNumber::parse(suffix)?));
    }
    Ok(VersionRef::Stage(Stage::parse(suffix)?))
}

fn parse_alias(alias: &str) -> Result<VersionRef> {
    if alias.eq_ignore_ascii_case(LATEST) {
        return Ok(VersionRef::Latest);
    }
    Ok(VersionRef::Alias(Alias::parse(alias)?))
}

impl fmt::Display for ModelUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let model = &self.model;
        match &self.version {
            VersionRef::Number(number) => write!(f, "{SCHEME}:/{model}/{number}"),
            VersionRef::Alias(alias) => write!(f, "{SCHEME}:/{model}@{alias}"),
            VersionRef::Stage(stage) => write!(f, "{SCHEME}:/{model}/{stage}"),
            VersionRef::Latest => write!(f, "{SCHEME}:/{model}/{LATEST}"),
        }
    }
}

/// Returns the id in `models:/m-…`, the URI of a logged model; `None` for any other text.
pub fn logged_model_of(source: &str) -> Option<&str> {
    let id = source.strip_prefix("models:/")?;
    (id.starts_with("m-") && !id.contains(['/', '@'])).then_some(id)
}

impl VersionRef {
    /// Reads what people call a version: a number, a stage, `@ALIAS` or `latest`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a text that is none of them.
    pub fn parse(text: &str) -> Result<Self> {
        match text.strip_prefix('@') {
            Some(alias) => Ok(Self::Alias(Alias::parse(alias)?)),
            None if text.starts_with(|first: char| first.is_ascii_digit()) => {
                Ok(Self::Number(VersionNumber::parse(text)?))
            }
            None if text.eq_ignore_ascii_case(LATEST) => Ok(Self::Latest),
            None => Ok(Self::Stage(Stage::parse(text)?)),
        }
    }
}

impl FromStr for ModelUri {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, want: Result<&str, &str>) {
        let got = ModelUri::parse(text).map(|uri| uri.to_string()).map_err(|err| err.to_string());
        let got = got.as_deref().map_err(String::as_str);
        match want {
            Ok(_) => assert_eq!(got, want, "for {text:?}"),
            Err(part) => assert!(got.is_err_and(|err| err.contains(part)), "{text:?}: {got:?}"),
        }
    }

    #[test]
    fn mlflows_forms_are_read() {
        check("models:/churn/3", Ok("models:/churn/3"));
        check("models:/churn/03", Ok("models:/churn/3"));
        check("models:///churn/3", Ok("models:/churn/3"));
        check("MODELS:/churn/3", Ok("models:/churn/3"));
        check("models:/churn@champion", Ok("models:/churn@champion"));
        check("models:/a@b@c", Ok("models:/a@b@c"));
        check("models:/a@b/3", Ok("models:/a@b/3"));
        check("models:/a b/STAGING", Ok("models:/a b/Staging"));
        check("models:/churn/LATEST", Ok("models:/churn/latest"));
        check("models:/churn@latest", Ok("models:/churn/latest"));
    }

    #[test]
    fn the_rest_is_refused_with_a_reason() {
        check("models:/churn", Err("has no version"));
        check("models:/m-123", Err("has no version"));
        for text in ["runs:/a/b", "models:churn/3", "models:/", "models://churn/3", "churn/3"] {
            check(text, Err("write it as models:/churn/3"));
        }
        for text in ["models:/churn/", "models:/a/b/c", "models:/churn/v3", "models:/churn/3?x=1"] {
            check(text, Err("invalid stage"));
        }
        check("models:/churn@", Err("alias must not be empty"));
        check("models:/@x", Err("name must not be empty"));
        check("models:/churn/0", Err("whole number from 1"));
    }

    #[test]
    fn people_name_a_version_by_number_stage_alias_or_latest() {
        let read = |text| VersionRef::parse(text).ok();
        assert_eq!(read("3"), Some(VersionRef::Number(VersionNumber::from_u32(3).unwrap())));
        assert_eq!(read("production"), Some(VersionRef::Stage(Stage::PRODUCTION)));
        assert_eq!(read("@best"), Some(VersionRef::Alias(Alias::parse("best").unwrap())));
        assert_eq!(read("LATEST"), Some(VersionRef::Latest));
        for none in ["", "0", "3x", "@", "@a b"] {
            assert_eq!(read(none), None, "for {none}");
        }
    }

    #[test]
    fn only_the_uri_of_a_logged_model_has_its_id() {
        assert_eq!(logged_model_of("models:/m-12"), Some("m-12"));
        for other in ["models:/m-12/3", "models:/m-12@best", "models:/churn", "runs:/m-12", ""] {
            assert_eq!(logged_model_of(other), None, "for {other}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(
            model in "[^/:\\p{C}]{1,20}",
            number in 1..=VersionNumber::MAX.get(),
            alias in "[a-zA-Z0-9_-]{1,9}",
            form in 0..4,
        ) {
            let (Ok(model), Ok(alias)) = (ModelName::parse(&model), Alias::parse(&alias)) else {
                return Ok(());
            };
            let version = match form {
                0 => VersionRef::Number(VersionNumber::from_u32(number).unwrap()),
                1 => VersionRef::Alias(alias),
                2 => VersionRef::Stage(Stage::ALL[number as usize % 4].clone()),
                _ => VersionRef::Latest,
            };
            let uri = ModelUri { model, version };

            prop_assert_eq!(ModelUri::parse(&uri.to_string()).unwrap(), uri);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "(models:/*)?\\PC{0,30}") {
            let _ = ModelUri::parse(&text);
        }
    }
}
