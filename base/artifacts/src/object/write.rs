//! Writes an object so that nobody sees it before it is complete.
//!
//! What fits into one part is one request. More goes in parts, of which a few are in memory at a
//! time; the object appears when the last is there. A source that fails midway ends the upload and
//! drops its parts.

use std::collections::VecDeque;
use std::io::Read;

use bytes::Bytes;
use futures_util::future::try_join_all;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use tokio::task::JoinHandle;

use super::{ObjectArtifacts, failed};
use crate::{ArtifactPath, Error, Result};

/// The smallest part that S3 takes, unless it is the last.
const PART_BYTES: usize = 5 * 1024 * 1024;

/// Content up to which no memory for a whole part is taken.
const SMALL_BYTES: usize = 256 * 1024;

/// Parts of the smallest size, before they grow so that large files need no more than 10,000.
const SMALL_PARTS: usize = 2_500;

/// Parts after which their size doubles once more.
const DOUBLING_PARTS: usize = 1_250;

/// Parts that are on their way while the next one is filled.
const PARTS_AHEAD: usize = 1;

/// Stores `content` under `path` and returns its size in bytes.
pub(super) fn write(
    store: &ObjectArtifacts,
    path: &ArtifactPath,
    content: &mut dyn Read,
) -> Result<u64> {
    let folder = || Error::NotAFile { path: path.to_string(), found: "a folder" };
    if path.is_root() {
        return Err(folder());
    }
    let Some(runtime) = store.client.executor() else { return Err(folder()) };
    // Asked while the first part arrives.
    let checks = {
        let (store, path) = (store.clone(), path.clone());
        runtime.spawn(async move { check_target(&store, &path).await })
    };
    let first = fill(path, content, PART_BYTES)?;
    runtime.block_on(checks).map_err(|error| broken(path, error.into()))??;
    let key = store.key(path)?;
    if first.len() < PART_BYTES {
        let size = first.len() as u64;
        let put = runtime.block_on(store.client.bucket.put(&key, first.into()));
        return put.map(|_| size).map_err(|error| broken(path, error));
    }
    let upload = runtime.block_on(store.client.bucket.put_multipart(&key));
    let upload = upload.map_err(|error| broken(path, error))?;
    let mut parts = Parts { store, path, upload, under_way: VecDeque::new(), count: 0, bytes: 0 };
    let sent = parts.send_all(first, content);
    match sent.and_then(|()| parts.complete()) {
        Ok(()) => Ok(parts.bytes),
        Err(error) => {
            parts.abort();
            Err(error)
        }
    }
}

fn broken(path: &ArtifactPath, error: object_store::Error) -> Error {
    failed(format!("write `{path}`"), error)
}

/// Refuses a path that is a folder, or lies below a file.
async fn check_target(store: &ObjectArtifacts, path: &ArtifactPath) -> Result<()> {
    let above = std::iter::successors(path.parent(), ArtifactPath::parent);
    let above = try_join_all(above.filter(|path| !path.is_root()).map(async |path| {
        match store.head(&path).await? {
            // Some programs mark folders by objects without content.
            Some(meta) if meta.size > 0 => Err(Error::NotAFolder { path }),
            _ => Ok(()),
        }
    }));
    let (folder, above) = futures_util::join!(store.is_folder(path), above);
    above?;
    match folder? {
        true => Err(Error::NotAFile { path: path.to_string(), found: "a folder" }),
        false => Ok(()),
    }
}

/// Reads up to `size` bytes; fewer only at the end.
fn fill(path: &ArtifactPath, mut content: &mut dyn Read, size: usize) -> Result<Bytes> {
    let failed = |source| Error::Io { doing: format!("read the content of `{path}`"), source };
    let mut part = Vec::new();
    Read::by_ref(&mut content).take(SMALL_BYTES as u64).read_to_end(&mut part).map_err(failed)?;
    if part.len() == SMALL_BYTES {
        // Growing by doubling would end with far more than a part needs.
        part.reserve_exact(size - SMALL_BYTES);
        let rest = (size - SMALL_BYTES) as u64;
        content.take(rest).read_to_end(&mut part).map_err(failed)?;
    }
    Ok(part.into())
}

/// Returns the size of the part after `count` parts.
fn part_bytes(count: usize) -> usize {
    match count.checked_sub(SMALL_PARTS) {
        None => PART_BYTES,
        Some(beyond) => PART_BYTES << (1 + beyond / DOUBLING_PARTS).min(10),
    }
}

/// An upload in parts.
struct Parts<'a> {
    store: &'a ObjectArtifacts,
    path: &'a ArtifactPath,
    upload: Box<dyn MultipartUpload>,
    under_way: VecDeque<JoinHandle<object_store::Result<()>>>,
    count: usize,
    bytes: u64,
}

impl Parts<'_> {
    fn send_all(&mut self, first: Bytes, content: &mut dyn Read) -> Result<()> {
        let mut part = first;
        loop {
            let is_last = part.len() < part_bytes(self.count);
            self.send(part)?;
            if is_last {
                return self.settle(0);
            }
            part = fill(self.path, content, part_bytes(self.count))?;
            if part.is_empty() {
                return self.settle(0);
            }
        }
    }

    fn send(&mut self, part: Bytes) -> Result<()> {
        self.settle(PARTS_AHEAD - 1)?;
        self.count += 1;
        self.bytes += part.len() as u64;
        let sending = self.upload.put_part(PutPayload::from_bytes(part));
        if let Some(runtime) = self.store.client.executor() {
            self.under_way.push_back(runtime.spawn(sending));
        }
        Ok(())
    }

    /// Waits until no more than `left` parts are under way.
    fn settle(&mut self, left: usize) -> Result<()> {
        while self.under_way.len() > left {
            let Some(part) = self.under_way.pop_front() else { return Ok(()) };
            let sent = self.store.wait(part).map_err(object_store::Error::from);
            sent.and_then(|sent| sent).map_err(|error| broken(self.path, error))?;
        }
        Ok(())
    }

    fn complete(&mut self) -> Result<()> {
        let done = self.store.wait(self.upload.complete());
        done.map(drop).map_err(|error| broken(self.path, error))
    }

    fn abort(&mut self) {
        for part in &self.under_way {
            part.abort();
        }
        // What stays is invisible, and rules of the bucket's life cycle remove it.
        let _ = self.store.wait(self.upload.abort());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_grow_so_that_the_largest_object_fits() {
        assert_eq!(part_bytes(0), PART_BYTES);
        assert_eq!(part_bytes(SMALL_PARTS - 1), PART_BYTES);
        assert_eq!(part_bytes(SMALL_PARTS), 2 * PART_BYTES);
        let all: usize = (0..usize::from(crate::PARTS_MAX)).map(part_bytes).sum();
        assert!(all > 750 << 30, "{all}");
    }
}
