//! What a server's refusals mean: MLflow says which thing is missing in its message only.

use mlctl_wire::ErrorCode;

use crate::error::Error;
use crate::id::{Alias, ModelName, Stage, VersionNumber};

/// What a request was about.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct About<'a> {
    pub(super) model: Option<&'a ModelName>,
    pub(super) version: Option<VersionNumber>,
    pub(super) alias: Option<&'a Alias>,
    /// The name that something was to get.
    pub(super) new_name: Option<&'a ModelName>,
}

impl<'a> About<'a> {
    pub(super) fn model(model: &'a ModelName) -> Self {
        Self { model: Some(model), ..Self::default() }
    }

    pub(super) fn version(model: &'a ModelName, version: VersionNumber) -> Self {
        Self { version: Some(version), ..Self::model(model) }
    }

    /// Gives a refusal the form that a store of this process would have given it.
    pub(super) fn understand(self, error: Error) -> Error {
        let Error::Remote { code, message } = error else { return error };
        self.read(code, &message).unwrap_or(Error::Remote { code, message })
    }

    fn read(self, code: ErrorCode, message: &str) -> Option<Error> {
        match code {
            ErrorCode::ResourceDoesNotExist => self.missing(message),
            ErrorCode::ResourceAlreadyExists => {
                Some(Error::ModelExists(self.new_name.or(self.model)?.clone()))
            }
            ErrorCode::InvalidParameterValue if message == "Invalid page token" => {
                Some(Error::PageToken)
            }
            ErrorCode::InvalidParameterValue
                if message.starts_with("Registered model alias ")
                    && message.ends_with(" not found.") =>
            {
                let (model, alias) = (self.model?.clone(), self.alias?.clone());
                Some(Error::AliasNotFound { model, alias })
            }
            _ => {
                let start = "Model version transition cannot archive existing model versions \
                             because '";
                let (stage, rest) = message.strip_prefix(start)?.split_once('\'')?;
                let (_, serving) = rest.split_once("Valid stages are [")?;
                let serving = serving.trim_end_matches(']').split(", ");
                let serving = serving.map(|stage| Stage::parse(stage.trim_matches('\'')));
                let serving = serving.collect::<Result<_, _>>().ok()?;
                Some(Error::CannotArchive { stage: Stage::parse(stage).ok()?, serving })
            }
        }
    }

    fn missing(self, message: &str) -> Option<Error> {
        if let Some(name) = between(message, "Registered Model with name=", " not found") {
            return Some(Error::ModelNotFound(ModelName::parse(name).ok()?));
        }
        if let Some(what) = between(message, "Model Version (name=", ") not found") {
            let (name, version) = what.rsplit_once(", version=")?;
            let (model, version) = (ModelName::parse(name), VersionNumber::parse(version));
            return Some(Error::VersionNotFound {
                model: model.ok().or_else(|| self.model.cloned())?,
                version: version.ok().or(self.version)?,
                newest: None,
            });
        }
        message
            .starts_with("Latest version not found for model ")
            .then(|| self.model.cloned().map(Error::NoVersions))?
    }
}

fn between<'m>(message: &'m str, start: &str, end: &str) -> Option<&'m str> {
    message.strip_prefix(start)?.strip_suffix(end)
}
