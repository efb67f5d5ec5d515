//! Listening on a port, until somebody says stop.

use anyhow::{Context, Result};
use axum::Router;
use futures_util::FutureExt;
use std::net::TcpListener;
use std::num::NonZero;
use std::thread;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

/// Threads that serve connections, at most; what blocks runs on others.
const THREADS_MAX: usize = 8;

/// How long requests that are under way may take after a signal.
const FAREWELL: Duration = Duration::from_secs(10);

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
    let cores = thread::available_parallelism().map_or(2, NonZero::get);
    let threads = cores.clamp(2, THREADS_MAX);
    Ok(Builder::new_multi_thread().worker_threads(threads).enable_all().build()?)
}
