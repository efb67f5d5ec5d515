//! One connection: how long its client may be silent, and how it ends.

use super::pace::Paced;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use tower::ServiceExt;

/// How much of a request or an answer is held at a time; the header of a request must fit in. A
/// connection that was used for something large keeps this much while it is idle.
const BUFFER_BYTES_MAX: usize = 48 * 1024;

/// How much of a body that nobody reads is taken from a client.
const LINGER_BYTES_MAX: usize = 256 * 1024 * 1024;

/// How long a client may be silent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Until the header of its next request is complete; the wait between two requests counts.
    pub(super) header: Duration,
    /// Until a fair piece of a body has arrived.
    pub(super) body: Duration,
    /// Until it has sent the rest of a body that nobody reads.
    pub(super) linger: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        // Proxies keep their connections for a minute, and must be the first to close them.
        let header = Duration::from_secs(75);
        Self { header, body: Duration::from_secs(60), linger: Duration::from_secs(5) }
    }
}

/// Answers the requests of one client until it goes or is silent for too long. When `stop` is
/// ready, the request that is under way is the last one.
pub(super) async fn answer(
    stream: TcpStream,
    app: Router,
    patience: Patience,
    stop: impl Future<Output = ()>,
) {
    let is_unread = Arc::new(AtomicBool::new(false));
    let stream = Lingering::new(stream, is_unread.clone(), patience.linger);
    let service = service_fn(move |request: Request<Incoming>| {
        is_unread.store(false, Ordering::Relaxed);
        let paced = |body| Body::new(Paced::new(body, patience.body, is_unread.clone()));
        app.clone().oneshot(request.map(paced))
    });
    // Without HTTP/2, whose requests name their host elsewhere than in a header.
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(patience.header);
    builder.max_buf_size(BUFFER_BYTES_MAX);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = stop => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// A stream that is closed without losing the answer to a request that was not read to its end.
///
/// Closing a socket whose buffer is not empty resets the connection, and a reset drops what the
/// client has not read yet. So the rest is read and dropped, within limits.
#[derive(Debug)]
struct Lingering {
    stream: TcpStream,
    is_unread: Arc<AtomicBool>,
    patience: Duration,
    bytes_left: usize,
    /// Runs from the moment at which the client sees the end of the answer.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Lingering {
    fn new(stream: TcpStream, is_unread: Arc<AtomicBool>, patience: Duration) -> Self {
        Self { stream, is_unread, patience, bytes_left: LINGER_BYTES_MAX, deadline: None }
    }

    fn poll_drop_rest(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut space = [0; 8192];
        while self.bytes_left > 0 {
            let mut buffer = ReadBuf::new(&mut space);
            match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.bytes_left = self.bytes_left.saturating_sub(buffer.filled().len());
                }
                Poll::Ready(_) => break,
                Poll::Pending => {
                    return self
                        .deadline
                        .as_mut()
                        .map_or(Poll::Ready(()), |it| it.as_mut().poll(cx));
                }
            }
        }
        Poll::Ready(())
    }
}

impl AsyncRead for Lingering {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Lingering {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.deadline.is_none() {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            if !self.is_unread.load(Ordering::Relaxed) {
                return Poll::Ready(Ok(()));
            }
            self.deadline = Some(Box::pin(sleep(self.patience)));
        }
        self.poll_drop_rest(cx).map(Ok)
    }
}
