//! What the preparation of a run tells whoever watches it.

use std::fmt;

/// Watches the preparation of a run; the methods that are left out do nothing.
pub trait Progress: Send + Sync {
    /// A step begins; the one before it is over.
    fn step(&self, step: &Step) {
        let _ = step;
    }

    /// A tool printed a line during the current step.
    fn line(&self, line: &str) {
        let _ = line;
    }

    /// The current step is over and none follows at once.
    fn done(&self) {}
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {}

/// A step of the preparation that can take long.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// The project is fetched.
    FetchProject {
        /// From where, without credentials.
        uri: String,
    },
    /// Another process prepares the same thing.
    WaitForOther {
        /// What both want.
        what: &'static str,
    },
    /// An environment is created.
    CreateEnvironment {
        /// With which tool.
        tool: String,
    },
    /// Packages are installed.
    InstallPackages {
        /// How many are asked for by name.
        count: usize,
    },
    /// The value of a `path` parameter is downloaded.
    DownloadParameter {
        /// The parameter's name.
        name: String,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FetchProject { uri } => write!(f, "fetch {uri}"),
            Self::WaitForOther { what } => {
                write!(f, "wait for another process to prepare the {what}")
            }
            Self::CreateEnvironment { tool } => write!(f, "create environment with {tool}"),
            Self::InstallPackages { count: 1 } => f.write_str("install 1 package"),
            Self::InstallPackages { count } => write!(f, "install {count} packages"),
            Self::DownloadParameter { name } => write!(f, "download parameter {name}"),
        }
    }
}
