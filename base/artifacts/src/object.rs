//! Keeps artifacts as objects of a bucket: S3, Google Cloud Storage, Azure.
//!
//! A folder is a prefix that objects have. The keys are MLflow's: the location's path, a slash and
//! the artifact's path, with nothing encoded. The client below is asynchronous; a small runtime of
//! its own runs it, and the calls of this store wait for it.

mod clients;
mod direct;
mod read;
mod write;

use std::fmt;
use std::future::Future;
use std::io::{self, Read};
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt};
use object_store::path::Path as Key;
use object_store::{GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt};
use tokio::runtime::Runtime;

pub(crate) use clients::Clients;

use crate::{Artifact, ArtifactInfo, ArtifactPath, ArtifactStore, DirectTransfers, Error, Result};
use read::Content;

/// A connection to one bucket.
struct Client {
    /// Present until the client is dropped.
    runtime: Option<Arc<Executor>>,
    bucket: Arc<dyn ObjectStore>,
    /// The same bucket, where clients can be sent to it themselves.
    s3: Option<Arc<object_store::aws::AmazonS3>>,
}

/// The threads that all clients of one [`Clients`] share.
#[derive(Debug)]
struct Executor(Option<Runtime>);

impl Drop for Executor {
    fn drop(&mut self) {
        // Waiting for its threads is forbidden where the last owner may be asynchronous code.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// What lies below one prefix of a bucket.
#[derive(Clone)]
pub(crate) struct ObjectArtifacts {
    client: Arc<Client>,
    /// Without a slash at either end; empty for the whole bucket.
    prefix: String,
}

impl fmt::Debug for ObjectArtifacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectArtifacts({}, {:?})", self.client.bucket, self.prefix)
    }
}

impl ObjectArtifacts {
    fn key(&self, path: &ArtifactPath) -> Result<Key> {
        let text = match (self.prefix.is_empty(), path.is_root()) {
            (true, _) => path.to_string(),
            (false, true) => self.prefix.clone(),
            (false, false) => format!("{}/{path}", self.prefix),
        };
        Key::parse(&text).map_err(|_| Error::InvalidPath {
            value: path.to_string(),
            rule: "an object store cannot store this name",
        })
    }

    /// Reads the path out of a key; none for a key that is no artifact's.
    fn path(&self, key: &Key) -> Option<ArtifactPath> {
        let below = key.as_ref().strip_prefix(&self.prefix)?;
        let below = match self.prefix.is_empty() {
            true => below,
            false => below.strip_prefix('/')?,
        };
        let path = ArtifactPath::parse(below).ok()?;
        (path.as_str() == below && !path.is_root()).then_some(path)
    }

    fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.client.wait(work)
    }

    async fn head(&self, path: &ArtifactPath) -> Result<Option<ObjectMeta>> {
        match self.client.bucket.head(&self.key(path)?).await {
            Ok(meta) => Ok(Some(meta)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(format!("read `{path}`"), error)),
        }
    }

    async fn is_folder(&self, path: &ArtifactPath) -> Result<bool> {
        let key = self.key(path)?;
        let mut listing = self.client.bucket.list((!key.as_ref().is_empty()).then_some(&key));
        while let Some(meta) = listing.next().await {
            let meta = meta.map_err(|error| failed(format!("list `{path}`"), error))?;
            // The marker of an empty folder has the folder's own name here.
            if meta.location != key {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn children(&self, path: &ArtifactPath) -> Result<Vec<ArtifactInfo>> {
        let key = self.key(path)?;
        let prefix = (!key.as_ref().is_empty()).then_some(&key);
        let listed = self.client.bucket.list_with_delimiter(prefix).await;
        let listed = listed.map_err(|error| failed(format!("list `{path}`"), error))?;
        let file =
            |meta: &ObjectMeta| Some(ArtifactInfo::file(self.path(&meta.location)?, meta.size));
        let folder = |key: &Key| Some(ArtifactInfo::folder(self.path(key)?));
        let mut infos: Vec<_> = listed.objects.iter().filter_map(file).collect();
        infos.extend(listed.common_prefixes.iter().filter_map(folder));
        infos.retain(|info| info.path != *path && info.path.starts_with(path));
        // Of a file and a folder with one name, which other programs can make, both are told.
        infos.sort_unstable_by(|a, b| (&a.path, a.is_dir).cmp(&(&b.path, b.is_dir)));
        infos.dedup();
        Ok(infos)
    }

    async fn get(&self, path: &ArtifactPath) -> Result<Artifact> {
        let key = self.key(path)?;
        let got = match self.client.bucket.get_opts(&key, GetOptions::default()).await {
            Ok(got) => got,
            Err(object_store::Error::NotFound { .. }) => {
                return Err(match self.is_folder(path).await? {
                    true => Error::NotAFile { path: path.to_string(), found: "a folder" },
                    false => Error::NotFound { path: path.clone() },
                });
            }
            Err(error) => return Err(failed(format!("read `{path}`"), error)),
        };
        let meta = got.meta.clone();
        let content = Content::new(self.client.clone(), &meta, got.into_stream());
        Ok(Artifact {
            content: Box::new(content),
            size: meta.size,
            modified: Some(meta.last_modified.into()),
            etag: meta.e_tag,
        })
    }

    /// Deletes the object of this name and all below it; tells whether there was any.
    async fn sweep(&self, path: &ArtifactPath) -> Result<bool> {
        let failed = |error| failed(format!("delete `{path}`"), error);
        let key = self.key(path)?;
        let own = match path.is_root() {
            true => None,
            false => self.head(path).await?.map(|meta| meta.location),
        };
        let found = own.is_some();
        let prefix = (!key.as_ref().is_empty()).then_some(&key);
        // A marker of a folder cannot be told from a file here, and goes with its folder.
        let below = self.client.bucket.list(prefix).map_ok(|meta| meta.location);
        let keys = futures_util::stream::iter(own.map(Ok)).chain(below).boxed();
        let mut deleted = self.client.bucket.delete_stream(keys);
        let mut count = 0_u64;
        while let Some(key) = deleted.next().await {
            match key {
                Ok(_) => count += 1,
                // Somebody else was faster.
                Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(found || count > 0)
    }
}

impl Client {
    fn executor(&self) -> Option<&Runtime> {
        self.runtime.as_ref().and_then(|executor| executor.0.as_ref())
    }

    fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        match self.executor() {
            Some(runtime) => runtime.block_on(work),
            None => unreachable!("a client has its runtime until it is dropped"),
        }
    }
}

impl ArtifactStore for ObjectArtifacts {
    fn list(&self, path: &ArtifactPath) -> Result<Vec<ArtifactInfo>> {
        self.wait(self.children(path))
    }

    fn info(&self, path: &ArtifactPath) -> Result<ArtifactInfo> {
        if path.is_root() {
            return Ok(ArtifactInfo::folder(path.clone()));
        }
        self.wait(async {
            if let Some(meta) = self.head(path).await? {
                return Ok(ArtifactInfo::file(path.clone(), meta.size));
            }
            match self.is_folder(path).await? {
                true => Ok(ArtifactInfo::folder(path.clone())),
                false => Err(Error::NotFound { path: path.clone() }),
            }
        })
    }

    fn open(&self, path: &ArtifactPath) -> Result<Artifact> {
        if path.is_root() {
            return Err(Error::NotAFile { path: path.to_string(), found: "a folder" });
        }
        self.wait(self.get(path))
    }

    fn write(&self, path: &ArtifactPath, content: &mut dyn Read) -> Result<u64> {
        write::write(self, path, content)
    }

    fn delete(&self, path: &ArtifactPath) -> Result<()> {
        match self.wait(self.sweep(path))? || path.is_root() {
            true => Ok(()),
            false => Err(Error::NotFound { path: path.clone() }),
        }
    }

    fn direct(&self) -> Option<&dyn DirectTransfers> {
        self.client.s3.as_ref().map(|_| self as &dyn DirectTransfers)
    }
}

/// Explains why an object store could not do something.
fn failed(doing: String, error: object_store::Error) -> Error {
    use object_store::Error as Remote;
    match error {
        Remote::PermissionDenied { .. } | Remote::Unauthenticated { .. } => {
            Error::Denied { doing, source: Box::new(error) }
        }
        error => Error::Io { doing, source: io::Error::other(error) },
    }
}

#[cfg(test)]
mod tests;
