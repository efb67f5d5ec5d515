//! Requests for transitions, and who may decide them.
//!
//! A request is for one version and one stage. Another user approves it, anybody may reject it,
//! and it is gone once the version enters the stage. The history keeps all of that.

use std::fmt;

use mlctl_wire::ErrorCode;
use serde::{Deserialize, Serialize};

use crate::entity::Stamp;
use crate::error::{Error, Result};
use crate::id::{ModelName, Stage, VersionNumber};

/// A version, and the stage that it is to enter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The model.
    pub model: ModelName,
    /// The version.
    pub version: VersionNumber,
    /// The stage.
    pub stage: Stage,
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} for version {} of `{}`", self.stage, self.version, self.model)
    }
}

/// A request that is not done with: nobody has rejected it and the version has not moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// The model.
    pub model: ModelName,
    /// The version that is to move.
    pub version: VersionNumber,
    /// The stage that it is to enter.
    pub stage: Stage,
    /// Who requested it, when and why.
    pub requested: Stamp,
    /// Who approved it, when and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<Stamp>,
}

impl Request {
    /// Makes the request of a candidate, which is not there yet and has no other.
    pub fn new(
        candidate: &Candidate,
        from: &Stage,
        other: Option<Self>,
        stamp: &Stamp,
    ) -> Result<Self> {
        if *from == candidate.stage {
            return Err(RequestRefusal::Needless(candidate.clone()).into());
        }
        if let Some(other) = other {
            return Err(RequestRefusal::Exists(other).into());
        }
        Ok(Self {
            model: candidate.model.clone(),
            version: candidate.version,
            stage: candidate.stage.clone(),
            requested: stamp.clone(),
            approved: None,
        })
    }

    /// Approves it, which takes another user than the one who made it.
    pub fn approve(mut self, stamp: &Stamp) -> Result<Self> {
        if self.approved.is_some() {
            return Err(RequestRefusal::Exists(self).into());
        }
        if self.requested.who == stamp.who {
            return Err(RequestRefusal::Own(self).into());
        }
        self.approved = Some(stamp.clone());
        Ok(self)
    }

    /// Returns what it is for.
    pub fn candidate(&self) -> Candidate {
        Candidate { model: self.model.clone(), version: self.version, stage: self.stage.clone() }
    }
}

/// Why a request cannot be made or decided.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestRefusal {
    /// The version is in the stage already.
    Needless(Candidate),
    /// It is made, or approved, already.
    Exists(Request),
    /// Nobody has made it.
    Missing(Candidate),
    /// Whoever made it cannot approve it.
    Own(Request),
}

impl RequestRefusal {
    /// Returns the code that clients know it by.
    pub(crate) fn code(&self) -> ErrorCode {
        match self {
            Self::Needless(_) => ErrorCode::InvalidParameterValue,
            Self::Exists(_) => ErrorCode::ResourceAlreadyExists,
            Self::Missing(_) => ErrorCode::ResourceDoesNotExist,
            Self::Own(_) => ErrorCode::PermissionDenied,
        }
    }
}

impl fmt::Display for RequestRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Needless(candidate) => {
                let Candidate { model, version, stage } = candidate;
                write!(f, "version {version} of `{model}` is already in {stage}")
            }
            Self::Exists(request) => {
                let candidate = request.candidate();
                match &request.approved {
                    None => {
                        write!(f, "{} has already requested {candidate}", request.requested.who)
                    }
                    Some(approved) => {
                        write!(f, "{} has already approved {candidate}", approved.who)
                    }
                }
            }
            Self::Missing(candidate) => write!(f, "nobody has requested {candidate}"),
            Self::Own(request) => {
                let (who, candidate) = (&request.requested.who, request.candidate());
                write!(f, "{who} requested {candidate}, so somebody else must approve it")
            }
        }
    }
}

impl From<RequestRefusal> for Error {
    fn from(refusal: RequestRefusal) -> Self {
        Self::Request(Box::new(refusal))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn production() -> Candidate {
        let (model, version) = ("churn".parse().unwrap(), "3".parse().unwrap());
        Candidate { model, version, stage: Stage::PRODUCTION }
    }

    fn request() -> Request {
        Request::new(&production(), &Stage::NONE, None, &Stamp::new("ada", 1)).unwrap()
    }

    #[track_caller]
    fn check(outcome: Result<Request>, code: ErrorCode, want: &str) {
        let error = outcome.unwrap_err();
        assert_eq!((error.code(), error.to_string().as_str()), (code, want));
    }

    #[test]
    fn a_request_is_made_once_and_for_something() {
        let again = |from, other| Request::new(&production(), &from, other, &Stamp::new("bob", 2));
        check(
            again(Stage::PRODUCTION, None),
            ErrorCode::InvalidParameterValue,
            "version 3 of `churn` is already in Production",
        );
        check(
            again(Stage::NONE, Some(request())),
            ErrorCode::ResourceAlreadyExists,
            "ada has already requested Production for version 3 of `churn`",
        );
    }

    #[test]
    fn somebody_else_approves_it_once() {
        check(
            request().approve(&Stamp::new("ada", 2)),
            ErrorCode::PermissionDenied,
            "ada requested Production for version 3 of `churn`, so somebody else must approve it",
        );
        let approved = request().approve(&Stamp::new("bob", 2)).unwrap();
        assert_eq!(approved.approved.as_ref().map(|stamp| stamp.who.as_str()), Some("bob"));
        check(
            approved.approve(&Stamp::new("eve", 3)),
            ErrorCode::ResourceAlreadyExists,
            "bob has already approved Production for version 3 of `churn`",
        );
    }
}
