//! Where the files of a version may lie: checked when a version is written, and again when its
//! files are asked for.
//!
//! The rules are MLflow 3.17's (`_validate_source_run` and `_validate_source_model` in its
//! server): a local path must lie in the artifact folder of the run or the logged model that the
//! version names, and so must what its own proxy serves; nothing may climb with `..`; and a
//! version may not make the server talk to a host of the client's choice. A version of a prompt
//! has a placeholder for a source and no other. No tag turns a rule off.

mod place;
mod refusal;
mod uri;

pub use place::{ArtifactPlace, NoTracking, Sources};
pub use refusal::SourceRefusal;

use mlctl_filter::Pattern;

use crate::entity::ModelVersion;
use crate::error::Result;
use crate::store::RegistryStore;
use crate::uri::ModelUri;
use place::{Owner, holds_any};
use uri::Kind;

/// What MLflow's clients send as the source of a prompt, which has no files.
const PROMPT_SOURCES: [&str; 2] = ["dummy-source", "prompt-template"];
/// Schemes that name a host which the server would connect to.
const HOST_SCHEMES: [&str; 10] =
    ["ftp", "sftp", "hdfs", "viewfs", "http", "https", "mlflow-artifacts", "r2", "b2", "abfss"];
/// How many versions may point to one another in a row.
const HOPS_MAX: usize = 8;

/// What an administrator decides about sources.
#[derive(Clone, Debug, Default)]
pub struct SourceRules {
    /// What every new source must contain (`MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX`).
    pub pattern: Option<Pattern>,
    /// Schemes that may name any host (`MLFLOW_ALLOWED_HOST_ADDRESSED_ARTIFACT_SCHEMES`), in
    /// lower case.
    pub allowed_schemes: Vec<String>,
    /// Folders and URIs below which any version's files may lie.
    pub allowed_roots: Vec<String>,
    /// Folders and URIs of the store's own artifacts: versions that lie below are handed out also
    /// when their run is gone.
    pub store_roots: Vec<String>,
}

/// What a new version says about where it comes from.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The URI of the model's folder.
    pub source: &'a str,
    /// The run that made it; empty for none.
    pub run_id: &'a str,
    /// The logged model that it is; empty for none.
    pub model_id: &'a str,
}

/// What is known of a source that was checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Where the files lie, when the source alone does not say.
    pub location: Option<String>,
    /// The run that made it, when the version does not say.
    pub run_id: Option<String>,
}

impl SourceRules {
    /// Checks the source of a new version.
    ///
    /// # Errors
    /// [`Error::Source`](crate::Error::Source), and those of `sources`.
    pub fn check_new(&self, sources: &dyn Sources, claim: Claim<'_>) -> Result<Origin> {
        let Claim { source, run_id, model_id } = claim;
        self.check_text(source)?;
        let owner = Owner::of(run_id, model_id);
        let allowed = !uri::climbs(source) && holds_any(&self.allowed_roots, source);
        match Kind::of(source)? {
            _ if allowed => {}
            Kind::Local(_) => {
                let inside = owner.place(sources)?.is_some_and(|place| place.holds(source));
                inside.then_some(()).ok_or_else(|| SourceRefusal::local(source, owner.word()))?;
            }
            kind => {
                uri::check_absolute(source)?;
                self.check_remote(sources, source, &kind, owner)?;
            }
        }
        self.origin(sources, claim)
    }

    /// Checks the source of a new version of a prompt, which is one of MLflow's placeholders.
    ///
    /// # Errors
    /// [`Error::Source`](crate::Error::Source).
    pub fn check_prompt(&self, source: &str) -> Result<()> {
        self.check_text(source)?;
        match PROMPT_SOURCES.contains(&source) {
            true => Ok(()),
            false => Err(SourceRefusal::Prompt(source.to_owned()).into()),
        }
    }

    /// Checks where the files of a version lie, whoever wrote that down, and returns it.
    ///
    /// # Errors
    /// [`Error::Source`](crate::Error::Source), and those of the store and of `sources`.
    pub fn check_read(
        &self,
        store: &dyn RegistryStore,
        sources: &dyn Sources,
        version: &ModelVersion,
    ) -> Result<String> {
        let location = version.download_uri();
        if PROMPT_SOURCES.contains(&location) {
            return Ok(location.to_owned());
        }
        self.check_host(location, "the version's location")?;
        if let Kind::Local(_) = Kind::of(location)? {
            let known = !uri::climbs(location)
                && (holds_any(&self.allowed_roots, location)
                    || holds_any(&self.store_roots, location));
            if !known && !is_owned(store, sources, version, location)? {
                return Err(SourceRefusal::OutOfPlace(location.to_owned()).into());
            }
        } else {
            uri::check_absolute(location)?;
        }
        Ok(location.to_owned())
    }

    fn check_text(&self, source: &str) -> Result<()> {
        if source.contains(char::is_control) {
            return Err(crate::Error::invalid(
                "source",
                source,
                "it must not contain control characters",
            ));
        }
        if self.pattern.as_ref().is_some_and(|pattern| !pattern.is_match(source)) {
            return Err(SourceRefusal::Pattern(source.to_owned()).into());
        }
        self.check_host(source, "source")
    }

    fn check_host(&self, source: &str, what: &'static str) -> Result<()> {
        let (scheme, rest) = uri::split_scheme(source);
        let scheme = scheme.to_ascii_lowercase();
        // `mlflow-artifacts:/path` is the server itself.
        let names_host = scheme != "mlflow-artifacts" || !uri::authority(rest).is_empty();
        let refused = HOST_SCHEMES.contains(&scheme.as_str())
            && names_host
            && !self.allowed_schemes.contains(&scheme)
            && !holds_any(&self.allowed_roots, source);
        match refused {
            true => Err(SourceRefusal::Host { what, scheme }.into()),
            false => Ok(()),
        }
    }

    fn check_remote(
        &self,
        sources: &dyn Sources,
        source: &str,
        kind: &Kind,
        owner: Owner<'_>,
    ) -> Result<()> {
        let owned = match (kind, owner) {
            (Kind::Run(id), Owner::Run(run_id)) => id == run_id,
            (Kind::Run(_), _) => false,
            (Kind::LoggedModel(id), Owner::Model(model_id)) => id == model_id,
            (Kind::LoggedModel(_), _) => {
                return Err(SourceRefusal::unowned(source, "model_id").into());
            }
            (Kind::Proxied, _) => owner.place(sources)?.is_some_and(|place| place.holds(source)),
            (Kind::Version | Kind::Other | Kind::Local(_), _) => true,
        };
        match owned {
            true => Ok(()),
            false => Err(SourceRefusal::unowned(source, owner.word()).into()),
        }
    }

    /// Asks the logged model where its files lie and which run made it.
    fn origin(&self, sources: &dyn Sources, claim: Claim<'_>) -> Result<Origin> {
        if claim.model_id.is_empty() {
            return Ok(Origin::default());
        }
        let Some(model) = sources.logged_model(claim.model_id)? else {
            return Err(SourceRefusal::unowned(claim.source, "model_id").into());
        };
        let is_model = matches!(Kind::of(claim.source)?, Kind::LoggedModel(_));
        let run_id = model.run_id.filter(|_| claim.run_id.is_empty());
        Ok(Origin { location: is_model.then_some(model.uri), run_id })
    }
}

/// Tells whether a local folder belongs to the run or logged model that a version comes from.
fn is_owned(
    store: &dyn RegistryStore,
    sources: &dyn Sources,
    version: &ModelVersion,
    location: &str,
) -> Result<bool> {
    let mut version = version.clone();
    for _ in 0..HOPS_MAX {
        let run_id = version.run_id.as_deref().unwrap_or_default();
        if Owner::of(run_id, "").place(sources)?.is_some_and(|place| place.holds(location)) {
            return Ok(true);
        }
        match Kind::of(&version.source)? {
            Kind::LoggedModel(id) => {
                let place = Owner::Model(&id).place(sources)?;
                return Ok(place.is_some_and(|place| place.holds(location)));
            }
            // A copy lies where its original does.
            Kind::Version => match crate::store::resolve(store, &ModelUri::parse(&version.source)?)
            {
                Ok(original) => version = original,
                Err(_) => return Ok(false),
            },
            _ => return Ok(false),
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests;
