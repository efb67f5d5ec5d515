//! What can go wrong with images, named by what the caller can do about it.

use std::error;
use std::io;
use std::path::PathBuf;

use crate::Digest;

/// The result of every fallible function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure to make, read or push an image.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A text is not what it should be.
    #[error("invalid {what} `{}`: {rule}", value.escape_debug())]
    Invalid {
        /// What the text should have been.
        what: &'static str,
        /// The text as it was given.
        value: String,
        /// What it has to be.
        rule: &'static str,
    },
    /// The operating system or a reader refused.
    #[error("cannot {doing}")]
    Io {
        /// What was attempted.
        doing: String,
        /// The answer of the operating system or the reader.
        source: io::Error,
    },
    /// An archive is no image, or not one that can be a base.
    #[error("cannot use the base image: {why}")]
    Base {
        /// What is wrong with it.
        why: String,
    },
    /// Content is not what its name says.
    #[error("{what} has the digest {got}, not {want}")]
    DigestMismatch {
        /// What was read.
        what: String,
        /// The digest that it should have.
        want: Digest,
        /// The digest that it has.
        got: Digest,
    },
    /// A file is no program or library.
    #[error("cannot find out which libraries `{}` needs: {why}", path.display())]
    Program {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A library that a program needs is not on this machine.
    #[error("cannot find the library `{name}`, which `{}` needs", by.display())]
    MissingLibrary {
        /// Its name.
        name: String,
        /// What needs it.
        by: PathBuf,
    },
    /// Nothing answers where the registry should be, or the connection broke.
    #[error("cannot reach the registry `{registry}`")]
    Unreachable {
        /// Its host.
        registry: String,
        /// What happened.
        source: Box<dyn error::Error + Send + Sync>,
    },
    /// The registry does not know or not allow who pushes.
    #[error("the registry `{registry}` does not allow pushing to `{repository}`: {why}")]
    Denied {
        /// Its host.
        registry: String,
        /// The name without host and tag.
        repository: String,
        /// The registry's words.
        why: String,
    },
    /// The registry asks for a pause.
    #[error("the registry `{registry}` received too many requests: {wait}")]
    TooManyRequests {
        /// Its host.
        registry: String,
        /// How long it asks to wait, in words.
        wait: String,
    },
    /// The registry refused, or answered what no registry answers.
    #[error("the registry `{registry}` did not {doing}: {why}")]
    Registry {
        /// Its host.
        registry: String,
        /// What it was asked for.
        doing: String,
        /// Its words, or what is wrong with its answer.
        why: String,
    },
}

impl Error {
    pub(crate) fn io(doing: impl Into<String>, source: io::Error) -> Self {
        Self::Io { doing: doing.into(), source }
    }

    pub(crate) fn base(why: impl Into<String>) -> Self {
        Self::Base { why: why.into() }
    }
}
