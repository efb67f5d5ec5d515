//! Puts the routers together into one server, and runs it.

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, extract};
use futures_util::FutureExt;
use mlctl_tracking::rest::{ServedArtifacts, Service, artifact_proxy, router};
use mlctl_wire::ErrorCode;
use mlctl_wire::rest::Failure;
use serde_json::json;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::stores::Tracking;

/// Threads that serve connections; what blocks runs on others.
const THREADS: usize = 2;

/// How long requests that are under way may take after a signal.
const FAREWELL: Duration = Duration::from_secs(10);

/// Who may use a server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Access {
    /// What a caller has to send as a bearer token; everyone may when there is none.
    pub(crate) token: Option<String>,
}

/// Builds the whole tracking server.
pub(crate) fn tracking_app(tracking: &Tracking, access: Access) -> Router {
    let served =
        tracking.served.clone().map_or_else(ServedArtifacts::nothing, ServedArtifacts::below);
    let service = Service::new(tracking.store.clone(), served);
    let api = Router::new()
        .nest("/2.0/mlflow", router(service.clone()))
        .nest("/2.0/mlflow-artifacts", artifact_proxy(service))
        .route("/3.0/mlflow/server-info", get(server_info));
    let app = Router::new()
        .nest("/api", api.clone())
        .nest("/ajax-api", api)
        .route("/health", get(async || "OK"))
        .route("/version", get(async || env!("CARGO_PKG_VERSION")));
    guarded(app, access)
}

/// Adds what every server of ours has: the check of who asks, and an answer for unknown paths.
pub(crate) fn guarded(app: Router, access: Access) -> Router {
    app.fallback(unknown_path)
        .method_not_allowed_fallback(unknown_path)
        .layer(middleware::from_fn_with_state(Arc::new(access), guard))
}

async fn server_info() -> Json<serde_json::Value> {
    Json(json!({
        "store_type": "FileStore",
        "workspaces_enabled": false,
        "trace_archival_enabled": false,
        "multipart_uploads_enabled": false,
        "multipart_downloads_enabled": false,
    }))
}

async fn unknown_path(request: extract::Request) -> Failure {
    let message = format!("nothing answers {} {}", request.method(), request.uri().path());
    Failure::new(ErrorCode::EndpointNotFound, message)
}

/// The one place where a request is let in or turned away.
async fn guard(State(access): State<Arc<Access>>, request: Request, next: Next) -> Response {
    if let Err(refusal) = check(&access, &request) {
        return refusal;
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"));
    response
}

#[expect(clippy::result_large_err, reason = "the refusal is the answer, made once")]
fn check(access: &Access, request: &Request) -> Result<(), Response> {
    let header = |name| {
        let mut values = request.headers().get_all(name).iter();
        // A repeated or unreadable header is nobody's honest one: it is no local name.
        let value = values.next().map(|value: &HeaderValue| value.to_str().unwrap_or(""));
        if values.next().is_some() { Some("") } else { value }
    };
    if !header(header::HOST).is_none_or(is_local) {
        let text = "Invalid Host header - possible DNS rebinding attack detected";
        return Err((StatusCode::FORBIDDEN, text).into_response());
    }
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let origin = header(header::ORIGIN).map(|origin| origin.split("://").nth(1).unwrap_or(origin));
    if changes && !origin.is_none_or(is_local) {
        return Err((StatusCode::FORBIDDEN, "Cross-origin request blocked").into_response());
    }
    let token = header(header::AUTHORIZATION).and_then(|text| text.strip_prefix("Bearer "));
    match &access.token {
        Some(wanted) if token != Some(wanted) => {
            let message = "this server is for one run only: a token is needed";
            Err(Failure::new(ErrorCode::Unauthenticated, message).into_response())
        }
        _ => Ok(()),
    }
}

/// Tells whether `host`, with or without a port, is this machine or its private network, which
/// MLflow allows too.
fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    if name == "localhost" {
        return true;
    }
    match name.parse() {
        Ok(std::net::IpAddr::V4(address)) => address.is_loopback() || address.is_private(),
        Ok(std::net::IpAddr::V6(address)) => address.is_loopback(),
        Err(_) => false,
    }
}

/// Binds a port before anything is promised about it.
pub(crate) fn bind(host: &str, port: u16) -> Result<TcpListener> {
    let listener = TcpListener::bind((host, port))
        .with_context(|| format!("cannot listen on {host}:{port}"))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves until SIGINT or SIGTERM, then lets what is under way finish, but not for ever: a client
/// that hangs does not keep the server. It calls `announce` once signals are heeded.
pub(crate) fn serve(
    listener: TcpListener,
    app: Router,
    announce: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let runtime = runtime()?;
    let (stop, stopped) = oneshot::channel();
    stop_on_signal(stop)?;
    announce()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let stopped = stopped.shared();
        let asked = stopped.clone();
        let server = axum::serve(listener, app).with_graceful_shutdown(async { drop(asked.await) });
        let late = async {
            drop(stopped.await);
            tokio::time::sleep(FAREWELL).await;
        };
        tokio::select! {
            ended = server => ended.map_err(anyhow::Error::from),
            () = late => Ok(()),
        }
    })
}

fn stop_on_signal(stop: oneshot::Sender<()>) -> Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
    thread::spawn(move || {
        signals.forever().next();
        let _ = stop.send(());
        // The second one does not wait for anybody.
        signals.forever().next();
        std::process::exit(1);
    });
    Ok(())
}

/// A server that runs beside other work, until it is dropped.
#[derive(Debug)]
pub(crate) struct Background {
    url: String,
    runtime: Option<Runtime>,
}

impl Background {
    /// Starts serving on a free loopback port.
    pub(crate) fn start(app: Router) -> Result<Self> {
        let listener = bind("127.0.0.1", 0)?;
        let url = format!("http://{}", listener.local_addr()?);
        let runtime = runtime()?;
        let guard = runtime.enter();
        let listener = tokio::net::TcpListener::from_std(listener)?;
        drop(guard);
        runtime.spawn(async move { axum::serve(listener, app).await });
        Ok(Self { url, runtime: Some(runtime) })
    }

    /// Returns where it is.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn runtime() -> Result<Runtime> {
    Ok(Builder::new_multi_thread().worker_threads(THREADS).enable_all().build()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_host(host: &str, local: bool) {
        assert_eq!(is_local(host), local, "for {host}");
    }

    #[test]
    fn only_local_names_are_hosts() {
        check_host("127.0.0.1:5000", true);
        check_host("localhost", true);
        check_host("[::1]:5000", true);
        check_host("192.168.1.7:80", true);
        check_host("evil.example:5000", false);
        check_host("127.0.0.1.evil.example", false);
        check_host("", false);
    }
}
