//! What can go wrong with artifacts, named by what the caller can do about it.

use std::error;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use crate::ArtifactPath;

/// The result of every fallible function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure to name, store, find or unpack artifacts.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is no artifact path.
    #[error("invalid artifact path `{}`: {rule}", value.escape_debug())]
    InvalidPath {
        /// The text as it was given.
        value: String,
        /// What a path has to be.
        rule: &'static str,
    },
    /// Nothing is stored under this path.
    #[error("artifact `{path}` does not exist")]
    NotFound {
        /// The path that was asked for.
        path: ArtifactPath,
    },
    /// A file was needed, and something else is there.
    #[error("`{path}` is {found}, not a file")]
    NotAFile {
        /// The artifact path or the local path.
        path: String,
        /// What it is instead, with its article.
        found: &'static str,
    },
    /// A folder was needed to hold something, and a file is there.
    #[error("artifact `{path}` is a file, so nothing can be stored below it")]
    NotAFolder {
        /// The file in the way.
        path: ArtifactPath,
    },
    /// A link on the way to the artifact leaves the root.
    #[error("`{path}` contains a link that leads out of its folder; such links are not followed")]
    Escapes {
        /// The path that was asked for, relative to the root.
        path: ArtifactPath,
    },
    /// A link leads back to a folder that holds it.
    #[error("`{path}` is a link to a folder that contains it")]
    LinkLoop {
        /// The link, relative to the root.
        path: ArtifactPath,
    },
    /// The disk, the quota or the limit of the file size is exhausted.
    #[error("no space is left to {doing}")]
    NoSpace {
        /// What was attempted, as in "write `model/MLmodel`".
        doing: String,
        /// The answer of the operating system.
        source: io::Error,
    },
    /// The operating system or a reader refused.
    #[error("cannot {doing}")]
    Io {
        /// What was attempted, as in "write `model/MLmodel`".
        doing: String,
        /// The answer of the operating system or the reader.
        source: io::Error,
    },
    /// Nothing here can reach such a location.
    #[error("cannot reach artifacts at `{location}`: {why}")]
    Unsupported {
        /// The location as it was given.
        location: String,
        /// What is in the way.
        why: &'static str,
    },
    /// The location is on this machine, in none of the folders that may be opened.
    #[error("artifacts at `{location}` are not allowed: {rule}")]
    NotAllowed {
        /// The location as it was given.
        location: String,
        /// What may be opened.
        rule: &'static str,
    },
    /// An object store does not accept its credentials, or not for this.
    #[error("the object store refused permission to {doing}")]
    Denied {
        /// What was attempted, as in "write `model/MLmodel`".
        doing: String,
        /// The object store's answer.
        source: Box<dyn error::Error + Send + Sync>,
    },
    /// An object store cannot be set up with the options that were given.
    #[error("cannot open the object store at `{location}`")]
    Options {
        /// The location as it was given.
        location: String,
        /// What is missing or wrong.
        source: Box<dyn error::Error + Send + Sync>,
    },
    /// The parts of an upload do not make a file.
    #[error("invalid upload of `{path}`: {rule}")]
    InvalidParts {
        /// The file that was to be made.
        path: ArtifactPath,
        /// What the parts have to be.
        rule: &'static str,
    },
    /// An archive holds, or would hold, something that is never unpacked.
    #[error("refused archive entry `{}`: {rule}", entry.escape_debug())]
    Refused {
        /// The name of the entry as the archive spells it.
        entry: String,
        /// What an entry has to be.
        rule: &'static str,
    },
    /// An archive unpacks to more than the caller allowed.
    #[error("the archive exceeds the limit of {max} {what}")]
    TooLarge {
        /// What is counted.
        what: &'static str,
        /// The largest count allowed.
        max: u64,
    },
    /// An archive is damaged, cut off, or not of the expected format.
    #[error("cannot read the archive")]
    Unreadable {
        /// What its reader found.
        source: Box<dyn error::Error + Send + Sync>,
    },
    /// The place to unpack into is taken.
    #[error("`{}` already exists and is not an empty folder", path.display())]
    Exists {
        /// The place that was named.
        path: PathBuf,
    },
}

impl Error {
    /// Explains why `path` could not be reached.
    pub(crate) fn reaching(path: &ArtifactPath, source: io::Error) -> Self {
        let path = path.clone();
        if is_escape(&source) {
            return Self::Escapes { path };
        }
        match source.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Self::NotFound { path },
            _ => Self::Io { doing: format!("read `{path}`"), source },
        }
    }

    /// Explains why something could not be written.
    pub(crate) fn writing(doing: impl Into<String>, source: io::Error) -> Self {
        let doing = doing.into();
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                Self::NoSpace { doing, source }
            }
            _ => Self::Io { doing, source },
        }
    }

    /// Explains why an archive could not be read.
    #[cfg(feature = "archives")]
    pub(crate) fn unreadable(source: impl Into<Box<dyn error::Error + Send + Sync>>) -> Self {
        Self::Unreadable { source: source.into() }
    }
}

/// Tells cap-std's own refusal to leave a root from the operating system's refusals.
///
/// It has the kind of a missing permission, but unlike one it carries no number of the system.
pub(crate) fn is_escape(error: &io::Error) -> bool {
    error.kind() == ErrorKind::PermissionDenied && error.raw_os_error().is_none()
}
