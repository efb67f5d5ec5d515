//! Which artifacts clients reach through the proxy, and under what names.

use crate::{Error, ModelId, Result, RunId};
use mlctl_artifacts::ArtifactPath;

/// A root whose artifacts are served as `mlflow-artifacts:/…`.
///
/// Only what lies in the `artifacts` folder of a run or logged model is served: the rest of a
/// file store's root is not for clients to write.
#[derive(Clone, Debug)]
pub struct ServedArtifacts {
    root: Option<String>,
}

const SCHEME: &str = "mlflow-artifacts:/";

/// Where a file store keeps deleted experiments.
const TRASH: &str = ".trash/";

impl ServedArtifacts {
    /// Serves what lies below `root`, a location such as `file:///data/mlruns`.
    pub fn below(root: impl Into<String>) -> Self {
        let root: String = root.into();
        Self { root: Some(root.trim_end_matches('/').to_owned()) }
    }

    /// Serves nothing: clients reach artifacts where they are.
    pub fn nothing() -> Self {
        Self { root: None }
    }

    /// Spells a location as clients are to use it. Deleted experiments keep their place.
    pub(super) fn outward(&self, location: &str) -> String {
        let below = self.root.as_ref().and_then(|root| location.strip_prefix(root.as_str()));
        match below.and_then(|rest| rest.strip_prefix('/')) {
            Some(rest) => format!("{SCHEME}{}", rest.strip_prefix(TRASH).unwrap_or(rest)),
            None => location.to_owned(),
        }
    }

    /// Reads a proxied path: whose artifacts it is about, and what of them.
    pub(super) fn inward(&self, path: &str) -> Result<Place> {
        if self.root.is_none() {
            return Err(Error::Unsupported("this server does not serve artifacts".to_owned()));
        }
        let whole = ArtifactPath::parse(path)?;
        let parts: Vec<&str> = whole.as_str().split('/').collect();
        let not_found = || Error::from(mlctl_artifacts::Error::NotFound { path: whole.clone() });
        let (owner, home) = match parts.as_slice() {
            [_, "models", model, "artifacts", ..] => (Owner::Model(ModelId::parse(*model)?), 4),
            [_, run, "artifacts", ..] => (Owner::Run(RunId::parse(*run)?), 3),
            _ => return Err(not_found()),
        };
        Ok(Place {
            owner,
            location: format!("{SCHEME}{}", parts[..home].join("/")),
            below: ArtifactPath::parse(&parts[home..].join("/"))?,
        })
    }
}

/// Where a proxied path leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) owner: Owner,
    /// The root of the owner's artifacts, as clients spell it.
    pub(super) location: String,
    pub(super) below: ArtifactPath,
}

/// Whose artifacts they are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Run(RunId),
    Model(ModelId),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, want: Option<(&str, &str)>) {
        let served = ServedArtifacts::below("file:///s/");
        let got = served.inward(path).ok();
        let got = got.as_ref().map(|place| (place.location.as_str(), place.below.as_str()));
        assert_eq!(got, want, "for {path}");
    }

    #[test]
    fn only_artifacts_of_runs_and_models_are_served() {
        check("0/r1/artifacts/a/b", Some(("mlflow-artifacts:/0/r1/artifacts", "a/b")));
        check("0/r1/artifacts", Some(("mlflow-artifacts:/0/r1/artifacts", "")));
        check("0/models/m1/artifacts/x", Some(("mlflow-artifacts:/0/models/m1/artifacts", "x")));
        check(".trash/0/r1/artifacts/x", None);
        check("0/r1/meta.yaml", None);
        check("0/r1/tags/artifacts", None);
        check("0/meta.yaml", None);
        check("", None);
        check("0/r1/artifacts/../meta.yaml", None);
    }

    #[test]
    fn locations_elsewhere_are_told_as_they_are() {
        let served = ServedArtifacts::below("file:///s");
        assert_eq!(served.outward("file:///s/0/r1/artifacts"), "mlflow-artifacts:/0/r1/artifacts");
        assert_eq!(
            served.outward("file:///s/.trash/0/r1/artifacts"),
            "mlflow-artifacts:/0/r1/artifacts"
        );
        assert_eq!(served.outward("file:///sx/0"), "file:///sx/0");
        assert_eq!(served.outward("s3://b/0"), "s3://b/0");
        assert_eq!(ServedArtifacts::nothing().outward("file:///s/0"), "file:///s/0");
    }
}
