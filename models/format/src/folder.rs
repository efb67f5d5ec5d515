//! What lies in a model's folder, and nothing else.
//!
//! Folders come from registries, buckets and strangers. So every file is opened beneath the folder,
//! whatever its links say, must be a regular file, and is read up to a limit.

use crate::{Error, Result};
use mlctl_artifacts::{Artifact, ArtifactPath, ArtifactStore as _, LocalArtifacts};
use serde_json::{Map, Value};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::{Component, Path, PathBuf};

/// The most bytes of what describes a model: its `MLmodel`, an example of an input.
pub const TEXT_BYTES_MAX: u64 = 64 << 20;
/// The most bytes of a model's data.
const DATA_BYTES_MAX: u64 = 64 << 30;

/// A model's folder.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
    files: LocalArtifacts,
}

impl Folder {
    /// Takes a folder, which need not exist.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), files: LocalArtifacts::lazy(path.to_owned()) }
    }

    /// Reads a text.
    ///
    /// # Errors
    /// [`Error::NotAModel`] when there is no such file inside, or it is too large; [`Error::Io`]
    /// when it cannot be read.
    pub fn text(&self, name: &str) -> Result<String> {
        let bytes = self.open(name)?.read(TEXT_BYTES_MAX)?;
        String::from_utf8(bytes).map_err(|_| self.refuse(format!("`{name}` is not UTF-8")))
    }

    /// Opens a file.
    ///
    /// # Errors
    /// As [`text`](Self::text).
    pub fn open(&self, name: &str) -> Result<OpenFile> {
        let opened = ArtifactPath::parse(name).and_then(|path| self.files.open(&path));
        let path = self.path.join(name);
        opened.map(|artifact| OpenFile { artifact, path }).map_err(|error| self.told(name, error))
    }

    fn told(&self, name: &str, error: mlctl_artifacts::Error) -> Error {
        use mlctl_artifacts::Error as Cause;
        match error {
            Cause::NotFound { .. } => self.refuse(format!("it has no file {name}")),
            Cause::Io { source, .. } if source.kind() == ErrorKind::NotADirectory => {
                self.refuse(format!("it has no file {name}"))
            }
            Cause::Io { source, .. } => reading(&self.path.join(name), source),
            // It says what is there instead.
            other => self.refuse(format!("`{name}` is not a file inside the folder: {other}")),
        }
    }

    fn refuse(&self, problem: String) -> Error {
        Error::NotAModel { path: self.path.clone(), problem }
    }
}

/// A file that holds a model's data, or a part of it.
#[derive(Clone, Debug)]
pub struct DataFile {
    folder: Folder,
    name: String,
}

impl DataFile {
    /// Takes a file of a model's folder.
    ///
    /// # Errors
    /// [`Error::NotAModel`] when there is no such file inside.
    pub fn new(folder: &Path, name: &str) -> Result<Self> {
        let file = Self { folder: Folder::new(folder), name: name.to_owned() };
        file.open().map(|_| file)
    }

    /// Takes a file that is in no model's folder: what it refers to lies beside it.
    pub fn alone(path: &Path) -> Self {
        let real = path.canonicalize();
        let path = real.as_deref().unwrap_or(path);
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into());
        Self { folder: Folder::new(path.parent().unwrap_or(Path::new("."))), name }
    }

    /// Names a file in the same folder as this one.
    pub fn beside(&self, name: &str) -> Self {
        let name = match self.name.rsplit_once('/') {
            // Without a name it is the folder, which is no file.
            Some((below, _)) if !name.starts_with('/') => format!("{below}/{name}"),
            _ => name.to_owned(),
        };
        Self { folder: self.folder.clone(), name }
    }

    /// Returns where it lies.
    pub fn path(&self) -> PathBuf {
        self.folder.path.join(&self.name)
    }

    /// Opens it.
    ///
    /// # Errors
    /// [`Error::NotAModel`] when it is no file inside the folder, [`Error::Io`] when it cannot be
    /// opened.
    pub fn open(&self) -> Result<OpenFile> {
        self.folder.open(&self.name)
    }

    /// Reads all of it.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn read(&self) -> Result<Vec<u8>> {
        self.open()?.read(DATA_BYTES_MAX)
    }
}

/// A file that is being read.
#[derive(Debug)]
pub struct OpenFile {
    artifact: Artifact,
    path: PathBuf,
}

impl OpenFile {
    /// Returns the size in bytes.
    pub fn size(&self) -> u64 {
        self.artifact.size
    }

    /// Reads from the beginning to the end, which may lie `most` bytes further at most.
    pub fn read(mut self, most: u64) -> Result<Vec<u8>> {
        let size = self.artifact.size;
        if size > most {
            let problem = format!("it has {size} bytes; at most {most} are allowed");
            return Err(reading(&self.path, io::Error::new(ErrorKind::FileTooLarge, problem)));
        }
        let read = read_part(&mut self.artifact, 0, size);
        read.map_err(|error| reading(&self.path, error))
    }

    /// Reads a part, which must be there.
    pub fn part(&mut self, offset: u64, length: u64) -> io::Result<Vec<u8>> {
        if length > DATA_BYTES_MAX {
            return Err(ErrorKind::FileTooLarge.into());
        }
        read_part(&mut self.artifact, offset, length)
    }

    /// Reads it bit by bit.
    pub fn stream(&mut self) -> &mut dyn io::Read {
        &mut self.artifact.content
    }
}

fn read_part(artifact: &mut Artifact, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // A hole in a file is as long as somebody likes, and takes no room on the disk.
    let room = usize::try_from(length).map_err(|_| ErrorKind::FileTooLarge)?;
    bytes.try_reserve_exact(room)?;
    artifact.content.seek(SeekFrom::Start(offset))?;
    artifact.content.by_ref().take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn reading(path: &Path, error: io::Error) -> Error {
    Error::io(format!("reading `{}`", path.display()), error)
}

/// Returns a text of a flavor's settings.
pub fn setting<'a>(settings: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    settings.get(name).and_then(Value::as_str)
}

/// Finds the flavor's file, which must lie inside the model's folder.
///
/// # Errors
/// [`Error::NotAModel`] when it lies elsewhere, or is not there.
pub fn data_file(folder: &Path, data: &str) -> Result<DataFile> {
    let refuse = |problem: String| Error::NotAModel { path: folder.to_owned(), problem };
    let is_inside = Path::new(data).components().all(|part| matches!(part, Component::Normal(_)));
    if !is_inside || data.is_empty() {
        return Err(refuse(format!("its data path `{data}` leads out of the folder")));
    }
    DataFile::new(folder, data)
}
