//! The contract of every place that keeps artifacts.

use std::fmt;
use std::io::{Read, Seek};
use std::time::SystemTime;

use crate::{ArtifactPath, DirectTransfers, Result};

/// Content that can be read from any position.
pub trait ReadSeek: Read + Seek {}

impl<T: Read + Seek + ?Sized> ReadSeek for T {}

/// What a listing tells about one file or folder, as MLflow's `FileInfo` does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ArtifactInfo {
    /// Where it lies, relative to the store's root.
    pub path: ArtifactPath,
    /// Whether it is a folder.
    pub is_dir: bool,
    /// The size in bytes, or none for a folder.
    pub file_size: Option<u64>,
}

impl ArtifactInfo {
    /// Describes a file of `size` bytes.
    #[must_use]
    pub fn file(path: ArtifactPath, size: u64) -> Self {
        Self { path, is_dir: false, file_size: Some(size) }
    }

    /// Describes a folder.
    #[must_use]
    pub fn folder(path: ArtifactPath) -> Self {
        Self { path, is_dir: true, file_size: None }
    }
}

/// An artifact opened for reading.
pub struct Artifact {
    /// The content, read from its beginning.
    pub content: Box<dyn ReadSeek + Send>,
    /// The size in bytes at the time of opening.
    pub size: u64,
    /// When it was last written, where the store knows.
    pub modified: Option<SystemTime>,
    /// What the storage calls this very content, where it has a name for it.
    pub etag: Option<String>,
}

impl fmt::Debug for Artifact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Artifact")
            .field("size", &self.size)
            .field("modified", &self.modified)
            .finish_non_exhaustive()
    }
}

/// A place that keeps files below checked paths.
///
/// Folders exist as far as files lie in them; the root always exists. Names that are no
/// [`ArtifactPath`] and files that are still being written are invisible.
pub trait ArtifactStore: fmt::Debug + Send + Sync + 'static {
    /// Lists the children of a folder, sorted by path.
    ///
    /// Paths are relative to the store's root. A file or a missing path lists nothing, as in
    /// MLflow.
    ///
    /// # Errors
    /// [`Error::Escapes`](crate::Error::Escapes) when a link on the way leaves the root, and
    /// whatever the storage reports.
    fn list(&self, path: &ArtifactPath) -> Result<Vec<ArtifactInfo>>;

    /// Describes one file or folder.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) when nothing is there.
    fn info(&self, path: &ArtifactPath) -> Result<ArtifactInfo>;

    /// Opens a file for reading; the content is streamed.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) when nothing is there,
    /// [`Error::NotAFile`](crate::Error::NotAFile) for folders and devices.
    fn open(&self, path: &ArtifactPath) -> Result<Artifact>;

    /// Stores a file, making the folders it needs, and returns its size in bytes.
    ///
    /// Readers see the old file, or none, until the new one is complete. When `content` fails
    /// midway, nothing has changed.
    ///
    /// # Errors
    /// [`Error::NotAFile`](crate::Error::NotAFile) when the path is a folder,
    /// [`Error::NotAFolder`](crate::Error::NotAFolder) when a file is where a folder is needed,
    /// [`Error::NoSpace`](crate::Error::NoSpace) when the storage is full.
    fn write(&self, path: &ArtifactPath, content: &mut dyn Read) -> Result<u64>;

    /// Deletes a file, or a folder with all it holds. Deleting the root empties the store.
    ///
    /// # Errors
    /// [`Error::NotFound`](crate::Error::NotFound) when nothing is there.
    fn delete(&self, path: &ArtifactPath) -> Result<()>;

    /// Returns how clients reach the storage themselves, where they can.
    fn direct(&self) -> Option<&dyn DirectTransfers> {
        None
    }
}
