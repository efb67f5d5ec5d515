//! Which artifacts clients reach through the proxy, and under what names.

use crate::{Error, Result};
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

    /// Spells a location as clients are to use it.
    pub(super) fn outward(&self, location: &str) -> String {
        let below = self.root.as_ref().and_then(|root| location.strip_prefix(root.as_str()));
        match below.and_then(|rest| rest.strip_prefix('/')) {
            Some(rest) => format!("{SCHEME}{rest}"),
            None => location.to_owned(),
        }
    }

    /// Finds where a proxied path lies: the location of a run's or model's artifacts, and the path
    /// below it.
    pub(super) fn inward(&self, path: &str) -> Result<(String, ArtifactPath)> {
        let root = self
            .root
            .as_ref()
            .ok_or_else(|| Error::Unsupported("this server does not serve artifacts".to_owned()))?;
        let whole = ArtifactPath::parse(path)?;
        let parts: Vec<&str> = whole.as_str().split('/').collect();
        let trash = usize::from(parts.first() == Some(&".trash"));
        let place = match parts.get(trash + 1) {
            Some(&"models") => trash + 3,
            _ => trash + 2,
        };
        if parts.get(place) != Some(&"artifacts") {
            return Err(mlctl_artifacts::Error::NotFound { path: whole }.into());
        }
        let home = parts[..=place].join("/");
        let below = ArtifactPath::parse(&parts[place + 1..].join("/"))?;
        Ok((format!("{root}/{home}"), below))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, want: Option<(&str, &str)>) {
        let served = ServedArtifacts::below("file:///s/");
        let got = served.inward(path).ok();
        let got = got.as_ref().map(|(home, below)| (home.as_str(), below.as_str()));
        assert_eq!(got, want, "for {path}");
    }

    #[test]
    fn only_artifacts_of_runs_and_models_are_served() {
        check("0/r1/artifacts/a/b", Some(("file:///s/0/r1/artifacts", "a/b")));
        check("0/r1/artifacts", Some(("file:///s/0/r1/artifacts", "")));
        check("0/models/m1/artifacts/x", Some(("file:///s/0/models/m1/artifacts", "x")));
        check(".trash/0/r1/artifacts/x", Some(("file:///s/.trash/0/r1/artifacts", "x")));
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
        assert_eq!(served.outward("file:///sx/0"), "file:///sx/0");
        assert_eq!(served.outward("s3://b/0"), "s3://b/0");
        assert_eq!(ServedArtifacts::nothing().outward("file:///s/0"), "file:///s/0");
    }
}
