//! A folder of an artifact store, as a store of its own.

use std::io::Read;
use std::sync::Arc;

use crate::{
    Artifact, ArtifactInfo, ArtifactPath, ArtifactStore, DirectTransfers, Error, Result,
    SignedRequest, UploadSession, UploadedPart,
};
use std::time::Duration;

/// What lies below a folder of another store; nothing else can be reached through it.
///
/// ```
/// use mlctl_artifacts::{ArtifactPath, ArtifactStore, Below, MemoryArtifacts};
/// use std::sync::Arc;
///
/// let whole = Arc::new(MemoryArtifacts::default());
/// let run = Below::new(whole.clone(), ArtifactPath::parse("1/run/artifacts")?);
/// run.write(&ArtifactPath::parse("a.txt")?, &mut "x".as_bytes())?;
/// assert_eq!(whole.open(&ArtifactPath::parse("1/run/artifacts/a.txt")?)?.size, 1);
/// # Ok::<(), mlctl_artifacts::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Below {
    store: Arc<dyn ArtifactStore>,
    folder: ArtifactPath,
}

impl Below {
    /// Takes what lies below `folder` of `store`; the folder need not exist.
    #[must_use]
    pub fn new(store: Arc<dyn ArtifactStore>, folder: ArtifactPath) -> Self {
        Self { store, folder }
    }

    fn inside(&self, path: &ArtifactPath) -> Result<ArtifactPath> {
        // Parsed once more, for the limits of the whole path.
        ArtifactPath::parse(self.folder.join(path).as_str())
    }

    fn outside(&self, path: ArtifactPath) -> ArtifactPath {
        path.strip_prefix(&self.folder).unwrap_or(path)
    }

    fn info_outside(&self, info: ArtifactInfo) -> ArtifactInfo {
        ArtifactInfo { path: self.outside(info.path), ..info }
    }

    /// Names things as the caller does.
    fn told(&self, error: Error) -> Error {
        match error {
            Error::NotFound { path } => Error::NotFound { path: self.outside(path) },
            Error::NotAFolder { path } => Error::NotAFolder { path: self.outside(path) },
            Error::Escapes { path } => Error::Escapes { path: self.outside(path) },
            Error::LinkLoop { path } => Error::LinkLoop { path: self.outside(path) },
            Error::NotAFile { path, found } => match ArtifactPath::parse(&path) {
                Ok(inner) => Error::NotAFile { path: self.outside(inner).to_string(), found },
                Err(_) => Error::NotAFile { path, found },
            },
            other => other,
        }
    }

    fn directly(&self) -> Result<&dyn DirectTransfers> {
        self.store.direct().ok_or_else(|| Error::Unsupported {
            location: self.folder.to_string(),
            why: "its storage does not support direct uploads and downloads by clients",
        })
    }
}

impl ArtifactStore for Below {
    fn list(&self, path: &ArtifactPath) -> Result<Vec<ArtifactInfo>> {
        let infos = self.store.list(&self.inside(path)?).map_err(|error| self.told(error))?;
        Ok(infos.into_iter().map(|info| self.info_outside(info)).collect())
    }

    fn info(&self, path: &ArtifactPath) -> Result<ArtifactInfo> {
        if path.is_root() {
            return Ok(ArtifactInfo::folder(ArtifactPath::root()));
        }
        let info = self.store.info(&self.inside(path)?).map_err(|error| self.told(error))?;
        Ok(self.info_outside(info))
    }

    fn open(&self, path: &ArtifactPath) -> Result<Artifact> {
        if path.is_root() {
            return Err(Error::NotAFile { path: String::new(), found: "a folder" });
        }
        self.store.open(&self.inside(path)?).map_err(|error| self.told(error))
    }

    fn write(&self, path: &ArtifactPath, content: &mut dyn Read) -> Result<u64> {
        if path.is_root() {
            return Err(Error::NotAFile { path: String::new(), found: "a folder" });
        }
        self.store.write(&self.inside(path)?, content).map_err(|error| self.told(error))
    }

    fn delete(&self, path: &ArtifactPath) -> Result<()> {
        match self.store.delete(&self.inside(path)?) {
            // The root always exists.
            Err(Error::NotFound { .. }) if path.is_root() => Ok(()),
            done => done.map_err(|error| self.told(error)),
        }
    }

    fn direct(&self) -> Option<&dyn DirectTransfers> {
        self.store.direct().map(|_| self as &dyn DirectTransfers)
    }
}

impl DirectTransfers for Below {
    fn begin(&self, path: &ArtifactPath, parts: u16, valid: Duration) -> Result<UploadSession> {
        self.directly()?.begin(&self.inside(path)?, parts, valid)
    }

    fn complete(&self, path: &ArtifactPath, id: &str, parts: &[UploadedPart]) -> Result<()> {
        self.directly()?.complete(&self.inside(path)?, id, parts)
    }

    fn abort(&self, path: &ArtifactPath, id: &str) -> Result<()> {
        self.directly()?.abort(&self.inside(path)?, id)
    }

    fn sign_read(&self, path: &ArtifactPath, valid: Duration) -> Result<SignedRequest> {
        let signed = self.directly()?.sign_read(&self.inside(path)?, valid);
        signed.map_err(|error| self.told(error))
    }

    fn sign_write(
        &self,
        path: &ArtifactPath,
        media_type: &str,
        valid: Duration,
    ) -> Result<SignedRequest> {
        self.directly()?.sign_write(&self.inside(path)?, media_type, valid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryArtifacts;

    crate::conformance_tests!(|check| {
        let whole = Arc::new(MemoryArtifacts::default());
        let other = ArtifactPath::parse("1/run2/x").unwrap();
        whole.write(&other, &mut "kept".as_bytes()).unwrap();
        check(&Below::new(whole.clone(), ArtifactPath::parse("1/run").unwrap()));
        assert_eq!(whole.open(&other).unwrap().size, 4);
    });
}
