//! The files of a model folder: their sizes and digests.

use crate::folder::Folder;
use crate::{Error, MLMODEL_FILE, ModelInfo, Result};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The key of an `MLmodel` under which a folder written here states the digests of its files.
///
/// MLflow keeps keys that it does not know.
pub const DIGESTS: &str = "mlctl_digests";

/// How deep folders may lie in each other.
const DEPTH_MAX: usize = 32;

/// Read at once.
const PART_BYTES: usize = 256 << 10;

/// One file of a model folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFile {
    /// Its path in the folder, with `/` between the parts.
    pub path: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// SHA-256 of its content, in hexadecimal.
    pub sha256: String,
}

/// The files of a model folder, in the order of their paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The files.
    pub files: Vec<ModelFile>,
}

impl Manifest {
    /// Reads all files of a folder.
    ///
    /// # Errors
    /// [`Error::Io`] when one cannot be read.
    pub fn read(folder: &Path) -> Result<Self> {
        let mut files = Vec::new();
        collect(folder, Path::new(""), DEPTH_MAX, &mut files)?;
        files.sort_by(|a: &ModelFile, b| a.path.cmp(&b.path));
        Ok(Self { files })
    }

    /// Returns the size of all files, in bytes.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Returns one digest of all paths and contents: SHA-256 of lines of digest and path.
    pub fn digest(&self) -> String {
        let mut all = Sha256::new();
        for file in &self.files {
            all.update(format!("{}  {}\n", file.sha256, file.path));
        }
        hex(&all.finalize())
    }

    /// Lists the digests as an `MLmodel` states them: all but the `MLmodel` itself.
    pub fn stated(&self) -> Value {
        let files = self.files.iter().filter(|file| file.path != MLMODEL_FILE);
        let entry = |file: &ModelFile| (file.path.clone(), Value::from(file.sha256.as_str()));
        Value::Object(files.map(entry).collect::<Map<_, _>>())
    }
}

/// Checks the files of a folder against the digests that its `MLmodel` states, if it does.
///
/// # Errors
/// [`Error::NotAModel`] names the first file that is missing or has changed.
pub fn check(folder: &Path, info: &ModelInfo) -> Result<()> {
    let Some(stated) = info.other.get(DIGESTS) else { return Ok(()) };
    let broken = |problem: String| Error::NotAModel { path: folder.to_owned(), problem };
    let stated: BTreeMap<PathBuf, String> = serde_json::from_value(stated.clone())
        .map_err(|error| broken(format!("`{DIGESTS}` in its {MLMODEL_FILE}: {error}")))?;
    let files = Folder::new(folder);
    for (path, want) in stated {
        let is_inside =
            path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
        if !is_inside {
            return Err(broken(format!(
                "its {MLMODEL_FILE} refers to the file `{}`",
                path.display()
            )));
        }
        let (_, got) = digest(&files, &path)?;
        if got != want {
            let path = path.display();
            return Err(broken(format!(
                "`{path}` was changed after it was saved: its digest \
                                       differs"
            )));
        }
    }
    Ok(())
}

fn collect(folder: &Path, below: &Path, depth: usize, files: &mut Vec<ModelFile>) -> Result<()> {
    let here = folder.join(below);
    let failed = |error| Error::io(format!("reading `{}`", here.display()), error);
    if depth == 0 {
        return Err(failed(io::Error::other("folders are nested too deeply")));
    }
    for entry in fs::read_dir(&here).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = below.join(entry.file_name());
        // Links are not followed: what they lead to is not part of the model.
        match entry.file_type().map_err(failed)? {
            kind if kind.is_dir() => collect(folder, &path, depth - 1, files)?,
            kind if kind.is_file() => {
                let (bytes, sha256) = digest(&Folder::new(folder), &path)?;
                let path = path.to_string_lossy().into_owned();
                files.push(ModelFile { path, bytes, sha256 });
            }
            _ => {}
        }
    }
    Ok(())
}

fn digest(folder: &Folder, path: &Path) -> Result<(u64, String)> {
    let mut file = folder.open(&path.to_string_lossy())?;
    let (mut hash, mut total) = (Sha256::new(), 0);
    let mut part = vec![0; PART_BYTES];
    loop {
        let read = file.stream().read(&mut part);
        let size =
            read.map_err(|error| Error::io(format!("reading `{}`", path.display()), error))?;
        if size == 0 {
            return Ok((total, hex(&hash.finalize())));
        }
        hash.update(&part[..size]);
        total += size as u64;
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("data")).unwrap();
        fs::write(folder.path().join("data/weights"), "abc").unwrap();
        fs::write(folder.path().join("MLmodel"), "flavors: {}").unwrap();
        folder
    }

    #[test]
    fn files_are_listed_with_their_digests() {
        let manifest = Manifest::read(folder().path()).unwrap();

        let paths: Vec<&str> = manifest.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["MLmodel", "data/weights"]);
        assert_eq!(manifest.bytes(), 14);
        // From `printf abc | sha256sum`.
        let want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(manifest.files[1].sha256, want);
        assert_eq!(manifest.digest(), Manifest::read(folder().path()).unwrap().digest());
    }

    #[track_caller]
    fn refused(stated: &str, want: &str) {
        let folder = folder();
        let other = BTreeMap::from([(DIGESTS.to_owned(), serde_json::from_str(stated).unwrap())]);
        let info = ModelInfo { other, ..ModelInfo::default() };

        let refused = check(folder.path(), &info).unwrap_err().to_string();

        assert!(refused.ends_with(want), "{refused}");
    }

    #[test]
    fn a_file_that_changed_is_refused() {
        refused(
            r#"{"data/weights": "00"}"#,
            "`data/weights` was changed after it was saved: its digest differs",
        );
        refused(r#"{"gone": "00"}"#, "it has no file gone");
        refused(r#"{"../x": "00"}"#, "its MLmodel refers to the file `../x`");
    }
}
