//! A server that notes what it is told, and answers as it is asked to.

use std::collections::VecDeque;
use std::net::TcpListener;
use std::sync::mpsc::{Receiver as Inbox, Sender, channel};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::runtime::Runtime;

/// A request that arrived.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// An answer to come: a status, and a header.
pub(crate) type Reply = (u16, Option<(&'static str, String)>);

/// A receiver on this host, gone with this value.
pub(crate) struct Receiver {
    pub(crate) url: String,
    inbox: Inbox<Request>,
    _runtime: Runtime,
}

#[derive(Clone)]
struct Shared {
    told: Sender<Request>,
    replies: Arc<Mutex<VecDeque<Reply>>>,
}

impl Receiver {
    /// Starts one that gives these answers, and then 200.
    pub(crate) fn answering(replies: impl IntoIterator<Item = Reply>) -> Self {
        let (told, inbox) = channel();
        let replies = Arc::new(Mutex::new(replies.into_iter().collect()));
        let app = Router::new().fallback(receive).with_state(Shared { told, replies });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let runtime = Runtime::new().unwrap();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, app).await.unwrap();
        });
        Self { url, inbox, _runtime: runtime }
    }

    pub(crate) fn start() -> Self {
        Self::answering([])
    }

    /// Waits for the next request.
    pub(crate) fn next(&self) -> Request {
        self.inbox.recv().unwrap()
    }

    /// Returns a request that has come already.
    pub(crate) fn arrived(&self) -> Option<Request> {
        self.inbox.try_recv().ok()
    }
}

async fn receive(
    State(shared): State<Shared>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let body = String::from_utf8(body.to_vec()).unwrap();
    let _ = shared.told.send(Request { path: uri.path().to_owned(), headers, body });
    let (status, header) = shared.replies.lock().unwrap().pop_front().unwrap_or((200, None));
    let mut response = (StatusCode::from_u16(status).unwrap(), "thanks").into_response();
    if let Some((name, value)) = header {
        response.headers_mut().insert(name, value.parse().unwrap());
    }
    response
}
