//! Bodies of requests that must not trickle.

use axum::body::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Sleep, sleep};

/// What must arrive, or be the rest, each time that the client is waited for.
const BYTES_MIN: usize = 16 * 1024;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A body that fails when the client sends too slowly, and notes when nobody read it to its end.
///
/// Only the wait for the client is measured: a reader may take its time.
#[derive(Debug)]
pub(super) struct Paced<B: Body> {
    body: B,
    patience: Duration,
    deadline: Option<Pin<Box<Sleep>>>,
    bytes: usize,
    has_ended: bool,
    is_unread: Arc<AtomicBool>,
}

impl<B: Body> Paced<B> {
    /// Lets `body` take up to `patience` for each fair piece; `is_unread` is set when it is
    /// dropped before its end.
    pub(super) fn new(body: B, patience: Duration, is_unread: Arc<AtomicBool>) -> Self {
        Self { body, patience, deadline: None, bytes: 0, has_ended: false, is_unread }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Paced<B>
where
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        match Pin::new(&mut this.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                this.bytes += frame.data_ref().map_or(0, Bytes::len);
                if this.bytes >= BYTES_MIN {
                    (this.bytes, this.deadline) = (0, None);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => {
                this.has_ended = true;
                Poll::Ready(None)
            }
            Poll::Pending => {
                let patience = this.patience;
                let deadline = this.deadline.get_or_insert_with(|| Box::pin(sleep(patience)));
                ready!(deadline.as_mut().poll(cx));
                Poll::Ready(Some(Err("the client sends the body too slowly".into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B: Body> Drop for Paced<B> {
    fn drop(&mut self) {
        if !self.has_ended && !self.body.is_end_stream() {
            self.is_unread.store(true, Ordering::Relaxed);
        }
    }
}
