//! Keeps artifacts in memory: the reference that other stores are compared with.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Cursor, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Artifact, ArtifactInfo, ArtifactPath, ArtifactStore, Error, Result};

type Files = BTreeMap<ArtifactPath, Arc<[u8]>>;

/// An artifact store that lives as long as the value.
#[derive(Default)]
pub struct MemoryArtifacts {
    files: Mutex<Files>,
}

impl fmt::Debug for MemoryArtifacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.files().keys()).finish()
    }
}

impl MemoryArtifacts {
    // Every change under the lock is a single call on the map, so a panic leaves it whole.
    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ArtifactStore for MemoryArtifacts {
    fn list(&self, path: &ArtifactPath) -> Result<Vec<ArtifactInfo>> {
        let files = self.files();
        let mut children = BTreeMap::new();
        for (file, bytes) in files.iter() {
            let Some(below) = file.strip_prefix(path) else { continue };
            let mut names = below.components();
            let Some(child) = names.next() else { continue };
            let child = path.join(&ArtifactPath::parse(child)?);
            let info = match names.next() {
                Some(_) => ArtifactInfo::folder(child),
                None => ArtifactInfo::file(child, bytes.len() as u64),
            };
            children.insert(info.path.clone(), info);
        }
        Ok(children.into_values().collect())
    }

    fn info(&self, path: &ArtifactPath) -> Result<ArtifactInfo> {
        let files = self.files();
        if let Some(bytes) = files.get(path) {
            return Ok(ArtifactInfo::file(path.clone(), bytes.len() as u64));
        }
        if path.is_root() || is_folder(&files, path) {
            return Ok(ArtifactInfo::folder(path.clone()));
        }
        Err(Error::NotFound { path: path.clone() })
    }

    fn open(&self, path: &ArtifactPath) -> Result<Artifact> {
        if self.info(path)?.is_dir {
            return Err(Error::NotAFile { path: path.to_string(), found: "a folder" });
        }
        let Some(bytes) = self.files().get(path).cloned() else {
            return Err(Error::NotFound { path: path.clone() });
        };
        let size = bytes.len() as u64;
        Ok(Artifact { content: Box::new(Cursor::new(bytes)), size, modified: None, etag: None })
    }

    fn write(&self, path: &ArtifactPath, content: &mut dyn Read) -> Result<u64> {
        // Read before the lock is taken: the source may be slow, or fail.
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes).map_err(|source| Error::Io {
            doing: format!("read the content of `{path}`"),
            source,
        })?;
        let mut files = self.files();
        if path.is_root() || is_folder(&files, path) {
            return Err(Error::NotAFile { path: path.to_string(), found: "a folder" });
        }
        let mut folder = path.parent();
        while let Some(path) = folder {
            folder = path.parent();
            if files.contains_key(&path) {
                return Err(Error::NotAFolder { path });
            }
        }
        let size = bytes.len() as u64;
        files.insert(path.clone(), bytes.into());
        Ok(size)
    }

    fn delete(&self, path: &ArtifactPath) -> Result<()> {
        let mut files = self.files();
        let before = files.len();
        files.retain(|file, _| !file.starts_with(path));
        if files.len() == before && !path.is_root() {
            return Err(Error::NotFound { path: path.clone() });
        }
        Ok(())
    }
}

fn is_folder(files: &Files, path: &ArtifactPath) -> bool {
    files.keys().any(|file| file != path && file.starts_with(path))
}

#[cfg(test)]
mod tests {
    use super::MemoryArtifacts;

    crate::conformance_tests!(|check| check(&MemoryArtifacts::default()));
}
