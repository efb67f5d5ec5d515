//! Reads one object from any position, as a stream.

use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::path::Path as Key;
use object_store::{GetOptions, GetRange, ObjectMeta};

use super::Client;

type Chunks = BoxStream<'static, object_store::Result<Bytes>>;

/// The content of one object, as it was when it was opened.
pub(super) struct Content {
    client: Arc<Client>,
    key: Key,
    etag: Option<String>,
    size: u64,
    position: u64,
    /// What follows `chunk`; none until the next read asks for it.
    stream: Option<Chunks>,
    /// What begins at `position`.
    chunk: Bytes,
}

impl Content {
    /// Takes the stream of the whole object.
    pub(super) fn new(client: Arc<Client>, meta: &ObjectMeta, stream: Chunks) -> Self {
        Self {
            client,
            key: meta.location.clone(),
            etag: meta.e_tag.clone(),
            size: meta.size,
            position: 0,
            stream: Some(stream),
            chunk: Bytes::new(),
        }
    }

    /// Asks for what begins at the position; an object that was replaced meanwhile is refused.
    fn ask(&mut self) -> io::Result<()> {
        let options = GetOptions {
            if_match: self.etag.clone(),
            range: Some(GetRange::Bounded(self.position..self.size)),
            ..GetOptions::default()
        };
        let client = self.client.clone();
        let got = client.wait(client.bucket.get_opts(&self.key, options));
        self.stream = Some(got.map_err(io::Error::other)?.into_stream());
        Ok(())
    }

    /// Fills `chunk` with what begins at the position, which is before the end.
    fn fetch(&mut self) -> io::Result<()> {
        if self.stream.is_none() {
            self.ask()?;
        }
        while self.chunk.is_empty() {
            let Some(stream) = &mut self.stream else { return Ok(()) };
            self.chunk = match self.client.wait(stream.next()) {
                Some(chunk) => chunk.map_err(io::Error::other)?,
                None => {
                    let text = format!("the object ends {} bytes early", self.size - self.position);
                    return Err(io::Error::new(ErrorKind::UnexpectedEof, text));
                }
            };
        }
        Ok(())
    }

    fn forget(&mut self) {
        // Giving a connection back may need the runtime.
        let _inside = self.client.executor().map(tokio::runtime::Runtime::enter);
        self.stream = None;
        self.chunk = Bytes::new();
    }
}

impl Read for Content {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.size || buffer.is_empty() {
            return Ok(0);
        }
        if self.chunk.is_empty() {
            self.fetch()?;
        }
        let count = self.chunk.len().min(buffer.len());
        self.chunk.copy_to_slice(&mut buffer[..count]);
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for Content {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.size.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        let target = target.ok_or(ErrorKind::InvalidInput)?;
        if target != self.position {
            self.forget();
            self.position = target;
        }
        Ok(target)
    }
}

impl Drop for Content {
    fn drop(&mut self) {
        self.forget();
    }
}
