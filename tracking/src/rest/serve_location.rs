//! Which artifacts clients reach through the proxy, and under what names.

use crate::store::location::{ArtifactHome, location_path};
use crate::{Error, ModelId, Result, RunId};
use mlctl_artifacts::{ArtifactPath, ArtifactStore};
use std::borrow::Cow;
use std::sync::Arc;

/// What clients reach as `mlflow-artifacts:/…`.
///
/// Two things can be served, both at once too. Of a store's own *root* only the `artifacts` folders
/// of its runs and logged models are, because the rest of a file store is not for clients to write;
/// locations inside the root are told as `mlflow-artifacts:/…`. A *destination* is served whole, as
/// MLflow's `--artifacts-destination` is: it holds what is recorded as `mlflow-artifacts:/…`.
#[derive(Clone, Debug)]
pub struct ServedArtifacts {
    root: Option<Root>,
    destination: Option<Arc<dyn ArtifactStore>>,
}

#[derive(Clone, Debug)]
struct Root {
    /// Without a slash at its end.
    location: String,
    /// The same, where it is a folder.
    home: Option<ArtifactHome>,
}

const SCHEME: &str = "mlflow-artifacts:/";

/// What the path of a proxy's own URL begins with.
const PROXY_PATH: &str = "/api/2.0/mlflow-artifacts/artifacts/";

/// Where a file store keeps deleted experiments.
const TRASH: &str = ".trash/";

impl ServedArtifacts {
    /// Serves the artifacts of runs and models inside `root`, a location such as
    /// `file:///data/mlruns`, and all of `destination`. With neither, the proxy answers that it is
    /// off.
    pub fn new(root: Option<String>, destination: Option<Arc<dyn ArtifactStore>>) -> Self {
        let root = root.map(|root| {
            let location = root.trim_end_matches('/').to_owned();
            Root { home: location_path(&location).map(ArtifactHome::new), location }
        });
        Self { root, destination }
    }

    /// Serves what lies below `root` only.
    pub fn below(root: impl Into<String>) -> Self {
        Self::new(Some(root.into()), None)
    }

    /// Serves nothing: clients reach artifacts where they are.
    pub fn nothing() -> Self {
        Self::new(None, None)
    }

    /// Tells whether clients of the proxy can be sent to the storage itself, which server-info
    /// calls `multipart_uploads_enabled` and `multipart_downloads_enabled`.
    pub fn has_direct_transfers(&self) -> bool {
        self.destination.as_ref().is_some_and(|store| store.direct().is_some())
    }

    pub(super) fn is_on(&self) -> bool {
        self.root.is_some() || self.destination.is_some()
    }

    pub(super) fn destination(&self) -> Option<&Arc<dyn ArtifactStore>> {
        self.destination.as_ref()
    }

    /// Spells a location as clients are to use it. Deleted experiments keep their place.
    pub fn outward(&self, location: &str) -> String {
        let Some(root) = &self.root else { return location.to_owned() };
        let settled = match &root.home {
            Some(home) => home.settle(location),
            None => Cow::Borrowed(location),
        };
        let inside = settled.strip_prefix(root.location.as_str());
        match inside.and_then(|inside| inside.strip_prefix('/')) {
            Some(inside) => format!("{SCHEME}{}", inside.strip_prefix(TRASH).unwrap_or(inside)),
            None => location.to_owned(),
        }
    }

    /// Tells whether a location lies inside the root.
    pub(super) fn holds(&self, location: &str) -> bool {
        self.outward(location).starts_with(SCHEME)
    }

    /// Returns the location inside the root of a path that clients use.
    pub(super) fn in_root(&self, path: &ArtifactPath) -> Option<String> {
        self.root.as_ref().map(|root| format!("{}/{path}", root.location))
    }

    /// Reads whose artifacts a proxied path is about, and what of them; none when it is no run's
    /// or model's.
    pub(super) fn owner(path: &ArtifactPath) -> Option<Place> {
        let parts: Vec<&str> = path.as_str().split('/').collect();
        let (owner, home) = match parts.as_slice() {
            [_, "models", model, "artifacts", ..] => {
                (Owner::Model(ModelId::parse(*model).ok()?), 4)
            }
            [_, run, "artifacts", ..] => (Owner::Run(RunId::parse(*run).ok()?), 3),
            _ => return None,
        };
        Some(Place {
            owner,
            location: format!("{SCHEME}{}", parts[..home].join("/")),
            below: ArtifactPath::parse(&parts[home..].join("/")).ok()?,
        })
    }
}

/// Reads the path of a location behind a proxy: `mlflow-artifacts:/PATH`,
/// `mlflow-artifacts://HOST:PORT/PATH`, or the URL that a proxy answers it at; none for any other.
///
/// As in MLflow, the host is taken to be this server.
pub(super) fn proxied_path(location: &str) -> Result<Option<ArtifactPath>> {
    let path = if let Some(rest) = location.strip_prefix("mlflow-artifacts:") {
        match rest.strip_prefix("//") {
            Some(with_host) => with_host.split_once('/').map_or("", |(_, path)| path),
            None => rest,
        }
    } else if location.starts_with("http://") || location.starts_with("https://") {
        match location.split_once(PROXY_PATH) {
            Some((_, path)) => path,
            None => return Ok(None),
        }
    } else {
        return Ok(None);
    };
    let plain = path.split(['?', '#']).next().unwrap_or_default();
    ArtifactPath::parse(plain.trim_start_matches('/')).map(Some).map_err(Error::from)
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
        let place = ServedArtifacts::owner(&ArtifactPath::parse(path).unwrap());
        let got = place.as_ref().map(|place| (place.location.as_str(), place.below.as_str()));
        assert_eq!(got, want, "for {path}");
    }

    #[test]
    fn only_artifacts_of_runs_and_models_are_owned() {
        check("0/r1/artifacts/a/b", Some(("mlflow-artifacts:/0/r1/artifacts", "a/b")));
        check("0/r1/artifacts", Some(("mlflow-artifacts:/0/r1/artifacts", "")));
        check("0/models/m1/artifacts/x", Some(("mlflow-artifacts:/0/models/m1/artifacts", "x")));
        check(".trash/0/r1/artifacts/x", None);
        check("0/r1/meta.yaml", None);
        check("0/r1/tags/artifacts", None);
        check("0/meta.yaml", None);
        check("", None);
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

    #[test]
    fn a_location_behind_a_proxy_has_a_path() {
        let check = |location: &str, want: Option<&str>| {
            let got = proxied_path(location).unwrap();
            assert_eq!(got.as_ref().map(ArtifactPath::as_str), want, "for {location}");
        };
        check("mlflow-artifacts:/1/r/artifacts", Some("1/r/artifacts"));
        check("mlflow-artifacts:///1/r", Some("1/r"));
        check("mlflow-artifacts://host:5000/1/r", Some("1/r"));
        check("mlflow-artifacts:/", Some(""));
        check("https://h/x/api/2.0/mlflow-artifacts/artifacts/1/r", Some("1/r"));
        check("https://h/1/r", None);
        check("s3://b/1", None);
        assert!(proxied_path("mlflow-artifacts:/../x").is_err());
    }
}
