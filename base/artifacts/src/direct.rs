//! How clients exchange content with the storage itself, past the server.

use std::fmt;
use std::time::Duration;

use crate::{ArtifactPath, Result};

/// A request that its holder may send without any other credential, until it expires.
///
/// Whoever has the URL has the right, so `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedRequest {
    /// Where to send it.
    pub url: String,
    /// Headers that have to be sent along, because they are signed.
    pub headers: Vec<(String, String)>,
    /// The size in bytes of what is read.
    pub file_size: Option<u64>,
}

impl fmt::Debug for SignedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedRequest").field("file_size", &self.file_size).finish_non_exhaustive()
    }
}

/// An upload in parts that has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadSession {
    /// What the storage calls it.
    pub id: String,
    /// Where the parts go, from the first to the last.
    pub parts: Vec<SignedRequest>,
}

/// A part that a client has uploaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadedPart {
    /// Its place, from 1.
    pub number: u32,
    /// What the storage answered for it.
    pub etag: String,
}

/// The largest number of parts of one upload, which is S3's.
pub const PARTS_MAX: u16 = 10_000;

/// A storage that clients can be sent to with a signed request.
///
/// What is uploaded this way is visible once it is complete, and not before. A request of a client
/// names its own part or file, so it can reach nothing else.
pub trait DirectTransfers: fmt::Debug + Send + Sync {
    /// Begins an upload of `parts` parts, each of which may be sent while `valid` lasts.
    ///
    /// # Errors
    /// [`Error::InvalidParts`](crate::Error::InvalidParts) for none or more than [`PARTS_MAX`],
    /// and whatever the storage reports.
    fn begin(&self, path: &ArtifactPath, parts: u16, valid: Duration) -> Result<UploadSession>;

    /// Makes one file of the parts.
    ///
    /// # Errors
    /// [`Error::InvalidParts`](crate::Error::InvalidParts) when the parts are not numbered from 1
    /// without a gap, and whatever the storage reports.
    fn complete(&self, path: &ArtifactPath, id: &str, parts: &[UploadedPart]) -> Result<()>;

    /// Drops an upload and the parts that it has.
    ///
    /// # Errors
    /// Whatever the storage reports.
    fn abort(&self, path: &ArtifactPath, id: &str) -> Result<()>;

    /// Signs a request that downloads a file.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) when nothing is there.
    fn sign_read(&self, path: &ArtifactPath, valid: Duration) -> Result<SignedRequest>;

    /// Signs a request that uploads a file of the given media type.
    ///
    /// # Errors
    /// Whatever the storage reports.
    fn sign_write(
        &self,
        path: &ArtifactPath,
        media_type: &str,
        valid: Duration,
    ) -> Result<SignedRequest>;
}
