//! Streams content to and from clients, in constant memory.

use axum::body::Body;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use mlctl_artifacts::ReadSeek;
use std::io::{self, ErrorKind, Read};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_util::io::{StreamReader, SyncIoBridge};

/// Bytes that travel at once in a download.
const CHUNK_BYTES: usize = 256 * 1024;

/// Chunks that may wait for a slow client.
const CHUNKS_AHEAD: usize = 2;

/// How long the other side may pause.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Sends the next `length` bytes of `content`; a client that pauses too long is left.
pub(super) fn outgoing(
    content: Box<dyn ReadSeek + Send>,
    length: u64,
    transfer: OwnedSemaphorePermit,
) -> Body {
    let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
    let mut source = Source { content, left: length, buffers: Buffers::default() };
    // No thread waits for the client: only reading a chunk takes one.
    tokio::spawn(async move {
        let _transfer = transfer;
        while source.left > 0 {
            let reading = spawn_blocking(move || {
                let chunk = source.next();
                (source, chunk)
            });
            let Ok((back, chunk)) = reading.await else { return };
            source = back;
            let is_broken = chunk.is_err();
            let sent = timeout(PAUSE_MAX, sender.send(chunk)).await;
            if is_broken || !matches!(sent, Ok(Ok(()))) {
                return;
            }
        }
    });
    Body::from_stream(futures_util::stream::unfold(receiver, async |mut receiver| {
        receiver.recv().await.map(|chunk| (chunk, receiver))
    }))
}

/// Content that is read in chunks.
struct Source {
    content: Box<dyn ReadSeek + Send>,
    left: u64,
    buffers: Buffers,
}

impl Source {
    fn next(&mut self) -> io::Result<Bytes> {
        let mut buffer = self.buffers.take();
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(CHUNK_BYTES);
        let mut filled = 0;
        while filled < wanted {
            match self.content.read(&mut buffer.bytes[filled..wanted]) {
                // The promised length cannot be kept, and the client must not think it was.
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.left -= filled as u64;
        buffer.filled = filled;
        Ok(Bytes::from_owner(buffer))
    }
}

/// Buffers that come back once they are sent: fresh memory for each costs more than the copying.
#[derive(Clone, Default)]
struct Buffers(Arc<Mutex<Vec<Vec<u8>>>>);

impl Buffers {
    fn take(&self) -> Buffer {
        let used = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let bytes = used.unwrap_or_else(|| vec![0; CHUNK_BYTES]);
        Buffer { bytes, filled: 0, home: self.clone() }
    }
}

struct Buffer {
    bytes: Vec<u8>,
    filled: usize,
    home: Buffers,
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        self.home.0.lock().unwrap_or_else(PoisonError::into_inner).push(bytes);
    }
}

/// Reads what a client sends, on a thread that may block; a client that pauses too long breaks off.
pub(super) fn incoming(body: Body) -> impl Read + Send {
    SyncIoBridge::new(StreamReader::new(patient(body)))
}

fn patient(body: Body) -> impl Stream<Item = io::Result<Bytes>> + Unpin + Send {
    let chunks = futures_util::stream::unfold(body.into_data_stream(), async |mut chunks| {
        match timeout(PAUSE_MAX, chunks.next()).await {
            Ok(chunk) => chunk.map(|chunk| (chunk.map_err(io::Error::other), chunks)),
            Err(_) => Some((Err(ErrorKind::TimedOut.into()), chunks)),
        }
    });
    Box::pin(chunks)
}
