//! Where `mlctl models serve` finds its models.

use super::open;
use crate::cli::{EnvManagerChoice, ModelUri, WhichModel};
use crate::command::Context;
use crate::stores::{self, Missing};
use anyhow::{Context as _, Result};
use mlctl_models::SavedExample;
use mlctl_models::serving::{Found, Source, SourceError};
use mlctl_registry::{ModelUri as RegistryUri, RegistryStore, VersionRef};
use std::error::Error;
use std::fmt;
use std::path::{self, Path};
use std::sync::{Arc, OnceLock};

/// A model that is given by its URI.
#[derive(Debug)]
pub(super) struct ServedUri {
    context: Context,
    uri: String,
    /// What the URI says when it names a version in the registry.
    registered: Option<RegistryUri>,
    /// Opened once, because aliases are looked at often.
    registry: OnceLock<Arc<dyn RegistryStore>>,
    python: bool,
    env_manager: Option<EnvManagerChoice>,
}

impl ServedUri {
    pub(super) fn new(
        context: Context,
        uri: &str,
        python: bool,
        env_manager: Option<EnvManagerChoice>,
    ) -> Result<Self> {
        let logged = |rest: &str| rest.starts_with("m-") && !rest.contains(['/', '@']);
        let registered = match uri.strip_prefix("models:/") {
            Some(rest) if !logged(rest) => Some(RegistryUri::parse(uri)?),
            _ => None,
        };
        let uri = uri.to_owned();
        Ok(Self { context, uri, registered, registry: OnceLock::new(), python, env_manager })
    }

    fn registry(&self) -> Result<&Arc<dyn RegistryStore>> {
        match self.registry.get() {
            Some(registry) => Ok(registry),
            None => {
                let registry = stores::registry(&self.context.config, Missing::Refuse)?;
                Ok(self.registry.get_or_init(|| registry))
            }
        }
    }

    fn current(&self) -> Result<String> {
        let Some(uri) = &self.registered else { return Ok("1".to_owned()) };
        if let VersionRef::Number(number) = &uri.version {
            return Ok(number.to_string());
        }
        let version = mlctl_registry::resolve(self.registry()?.as_ref(), uri)?;
        Ok(version.version.to_string())
    }

    fn found(&self, version: &str) -> Result<Found> {
        let uri = match &self.registered {
            Some(uri) => format!("models:/{}/{version}", uri.model),
            None => self.uri.clone(),
        };
        let asked = ModelUri {
            which: WhichModel::new(uri),
            python: self.python,
            env_manager: self.env_manager,
        };
        let (folder, model) = open(&self.context, &asked)?;
        let example = SavedExample::read(&folder.path, &model.info)
            .with_context(|| format!("cannot read the input example of `{}`", asked.uri()))?;
        Ok(Found { model: Arc::new(model), example, kept: Some(Box::new(folder)) })
    }
}

impl Source for ServedUri {
    fn version(&self) -> Result<String, SourceError> {
        self.current().map_err(|error| Reason(error).into())
    }

    fn load(&self, version: &str) -> Result<Found, SourceError> {
        self.found(version).map_err(|error| Reason(error).into())
    }

    fn may_change(&self) -> bool {
        let version = self.registered.as_ref().map(|uri| &uri.version);
        version.is_some_and(|version| !matches!(version, VersionRef::Number(_)))
    }
}

/// An error that comes out of a repository as it went in, with its hint.
#[derive(Debug)]
pub(super) struct Reason(pub(super) anyhow::Error);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Reason {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// Parts `NAME=URI`; a URI alone gets a name from what it says.
pub(super) fn named(text: &str) -> (String, &str) {
    let is_name = |name: &str| {
        let fits = |letter: char| letter.is_alphanumeric() || "_.-".contains(letter);
        !name.is_empty() && name.chars().all(fits)
    };
    if let Some((name, uri)) = text.split_once('=')
        && is_name(name)
        && !uri.is_empty()
        && !Path::new(text).exists()
    {
        return (name.to_owned(), uri);
    }
    (name_of(text), text)
}

fn name_of(uri: &str) -> String {
    if let Some(rest) = uri.strip_prefix("models:/") {
        let end = rest.find(['/', '@']).unwrap_or(rest.len());
        return rest[..end].to_owned();
    }
    let place =
        if uri.contains(":/") { uri.into() } else { path::absolute(uri).unwrap_or_default() };
    let name = place.file_name().and_then(|name| name.to_str());
    name.map_or_else(|| "model".to_owned(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, name: &str, uri: &str) {
        assert_eq!(named(text), (name.to_owned(), uri));
    }

    #[test]
    fn models_are_named_by_their_uris_or_by_hand() {
        check("models:/churn@champion", "churn", "models:/churn@champion");
        check("models:/churn/3", "churn", "models:/churn/3");
        check("models:/m-0123", "m-0123", "models:/m-0123");
        check("runs:/0123/spam", "spam", "runs:/0123/spam");
        check("some/where/model_dir/", "model_dir", "some/where/model_dir/");
        check("b=models:/churn@b", "b", "models:/churn@b");
        check("spam=./a=b", "spam", "./a=b");
        check("./a=b", "a=b", "./a=b");
    }
}
