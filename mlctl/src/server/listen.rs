//! Listening on a port, until somebody says stop: the one loop that accepts connections.

use super::connection::{self, Patience};
use anyhow::{Context, Result};
use axum::Router;
use futures_util::{FutureExt, future};
use rustix::process::{Resource, getrlimit, setrlimit};
#[cfg(target_os = "linux")]
use socket2::SockRef;
use std::fs::File;
use std::io;
use std::net::TcpListener;
use std::num::NonZero;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, oneshot};

/// Threads that serve connections, at most; what blocks runs on others.
const THREADS_MAX: usize = 8;

/// How long requests that are under way may take after a signal.
const FAREWELL: Duration = Duration::from_secs(10);

/// Connections at a time, at most, unless --max-connections says another number.
const CONNECTIONS_MAX: usize = 2048;

/// How long a client may leave an answer unread before its connection is given up.
#[cfg(target_os = "linux")]
const UNREAD_MAX: Duration = Duration::from_secs(120);

/// What clients may take of a server.
#[derive(Clone, Copy, Debug)]
struct Limits {
    connections: usize,
    patience: Patience,
}

impl Limits {
    /// Takes the wanted number of connections, but leaves half of the files that this process may
    /// open to what is not a connection.
    fn of_this_process(wanted: Option<NonZero<u32>>) -> Self {
        let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let limits = Self::within(wanted, files);
        if let Some(wanted) = wanted
            && limits.connections < number_of(wanted)
        {
            tracing::warn!(
                "this process may open {files} files: the server takes {} connections, not {wanted}; \
                 raise `ulimit -n`",
                limits.connections
            );
        }
        limits
    }

    fn within(wanted: Option<NonZero<u32>>, files: u64) -> Self {
        let half = usize::try_from(files / 2).unwrap_or(usize::MAX);
        let most = wanted.map_or(CONNECTIONS_MAX, number_of);
        Self { connections: half.clamp(1, most), patience: Patience::default() }
    }
}

fn number_of(connections: NonZero<u32>) -> usize {
    usize::try_from(connections.get()).unwrap_or(usize::MAX)
}

/// Takes as many open files as the system lets this process have, up to what is of use for the
/// wanted number of connections.
fn allow_many_files(wanted: Option<NonZero<u32>>) {
    let useful = 4 * wanted.map_or(CONNECTIONS_MAX, number_of).max(CONNECTIONS_MAX) as u64;
    let mut limit = getrlimit(Resource::Nofile);
    let raised = limit.maximum.map_or(useful, |maximum| maximum.min(useful));
    if limit.current.is_some_and(|current| current < raised) {
        limit.current = Some(raised);
        // Where it may not be raised, there are fewer connections.
        let _ = setrlimit(Resource::Nofile, limit);
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
    connections: Option<NonZero<u32>>,
    announce: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let runtime = runtime()?;
    let (stop, stopped) = oneshot::channel();
    stop_on_signal(stop)?;
    announce()?;
    allow_many_files(connections);
    let limits = Limits::of_this_process(connections);
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let stopped = stopped.map(drop).shared();
        let late = async {
            stopped.clone().await;
            tokio::time::sleep(FAREWELL).await;
        };
        tokio::select! {
            () = accept(listener, app, limits, stopped.clone()) => Ok(()),
            () = late => Ok(()),
        }
    })
}

/// Serves connections until `stop` is ready, and then what is under way to its end.
async fn accept(
    listener: tokio::net::TcpListener,
    app: Router,
    limits: Limits,
    stop: impl Future<Output = ()> + Clone + Send + 'static,
) {
    // Made ready once: each connection that did so would keep a copy of every route.
    let app = app.with_state(());
    let places = Arc::new(Semaphore::new(limits.connections));
    let mut is_warned = false;
    loop {
        if places.available_permits() == 0 && !is_warned {
            let number = limits.connections;
            tracing::warn!("the limit of {number} open connections is reached: new ones wait");
            is_warned = true;
        }
        let next = async { (places.clone().acquire_owned().await, next(&listener).await) };
        let (place, stream) = tokio::select! {
            next = next => next,
            () = stop.clone() => break,
        };
        let answers = connection::answer(stream, app.clone(), limits.patience, stop.clone());
        tokio::spawn(async move {
            answers.await;
            drop(place);
        });
    }
    drop(listener);
    // Who has a place is being served.
    let all = u32::try_from(limits.connections).unwrap_or(u32::MAX);
    drop(places.acquire_many(all).await);
}

/// Waits for a client.
async fn next(listener: &tokio::net::TcpListener) -> TcpStream {
    loop {
        match listener.accept().await.and_then(|(stream, _)| prepared(stream)) {
            Ok(stream) => return stream,
            Err(error) if is_of_the_client(&error) => {}
            Err(error) => {
                tracing::error!(%error, "cannot accept a connection");
                // What is missing, such as a free file, may be there when others are done.
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, InvalidInput};
    // The last one is what a socket answers whose client is gone.
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | InvalidInput)
}

fn prepared(stream: TcpStream) -> io::Result<TcpStream> {
    // The head of an answer and the first piece of its body are two writes: the second one would
    // wait for the client to acknowledge the first, which takes it 40 ms.
    stream.set_nodelay(true)?;
    #[cfg(target_os = "linux")]
    SockRef::from(&stream).set_tcp_user_timeout(Some(UNREAD_MAX))?;
    Ok(stream)
}

/// Stops this server, as SIGTERM does, as soon as no other process holds a lock on `file` any more,
/// in whatever way those processes ended. It holds the lock itself from then to its end.
pub(crate) fn stop_when_unlocked(file: File) -> Result<()> {
    let wait = move || {
        if let Err(error) = file.lock() {
            tracing::error!(%error, "cannot watch the lock file: this server stops only on a \
                                     signal");
            return;
        }
        let _ = signal_hook::low_level::raise(signal_hook::consts::SIGTERM);
        // A process that takes the lock next finds this server ended.
        std::mem::forget(file);
    };
    thread::Builder::new().name("lock".to_owned()).spawn(wait).context("cannot start a thread")?;
    Ok(())
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
        runtime.spawn(accept(listener, app, Limits::of_this_process(None), future::pending()));
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

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Body, to_bytes};
    use axum::http::StatusCode;
    use axum::routing::{get, post};
    use std::io::{Read, Write};
    use std::net;
    use std::sync::Mutex;

    const EVER: Duration = Duration::from_secs(3600);
    const PATIENT: Patience = Patience { header: EVER, body: EVER, linger: EVER };

    #[test]
    fn connections_are_as_many_as_wanted_as_far_as_the_files_of_the_process_go() {
        #[track_caller]
        fn check(wanted: Option<u32>, files: u64, want: usize) {
            let limits = Limits::within(wanted.and_then(NonZero::new), files);
            assert_eq!(limits.connections, want, "for {wanted:?} of {files} files");
        }

        check(None, 1 << 20, CONNECTIONS_MAX);
        check(None, 1024, 512);
        check(Some(5000), 1 << 20, 5000);
        check(Some(5000), 1024, 512);
        check(Some(3), 1024, 3);
        check(None, 1, 1);
    }

    /// A server whose loop ends when it is told to.
    struct Served {
        runtime: Runtime,
        address: net::SocketAddr,
        stop: Option<oneshot::Sender<()>>,
        ended: oneshot::Receiver<()>,
    }

    fn served(app: Router, connections: usize, patience: Patience) -> Served {
        let runtime = runtime().unwrap();
        let listener = bind("127.0.0.1", 0).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let (end, ended) = oneshot::channel();
        let limits = Limits { connections, patience };
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            accept(listener, app, limits, stopped.map(drop).shared()).await;
            end.send(()).unwrap();
        });
        Served { runtime, address, stop: Some(stop), ended }
    }

    fn sent(served: &Served, text: &str) -> net::TcpStream {
        let mut client = net::TcpStream::connect(served.address).unwrap();
        client.write_all(text.as_bytes()).unwrap();
        client
    }

    fn rest(mut client: net::TcpStream) -> String {
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        text
    }

    #[track_caller]
    fn has_answer(client: &mut net::TcpStream, body: &str) {
        let mut text = Vec::new();
        while !text.ends_with(body.as_bytes()) {
            let mut byte = [0];
            assert_eq!(client.read(&mut byte).unwrap(), 1, "only {text:?} came");
            text.push(byte[0]);
        }
    }

    #[test]
    fn a_client_that_sends_no_complete_header_is_let_go() {
        let hasty = Patience { header: Duration::from_millis(1), ..PATIENT };
        let served = served(Router::new(), 9, hasty);
        for text in ["", "GET / HT", "GET / HTTP/1.1\r\nHost: x\r\nSlow: "] {
            let client = sent(&served, text);
            // The end comes, as an end or as a reset.
            let _ = Read::read_to_end(&mut &client, &mut Vec::new());
        }
    }

    #[test]
    fn a_client_that_sends_a_body_too_slowly_is_answered_and_let_go() {
        let hasty = Patience { body: Duration::from_millis(1), ..PATIENT };
        let read = async |body: Body| match to_bytes(body, 99).await {
            Ok(_) => (StatusCode::OK, "all".to_owned()),
            Err(error) => (StatusCode::REQUEST_TIMEOUT, error.to_string()),
        };
        let served = served(Router::new().route("/", post(read)), 9, hasty);

        let mut client = sent(&served, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab");

        has_answer(&mut client, "the client sends the body too slowly");
        client.shutdown(net::Shutdown::Write).unwrap();
        assert_eq!(rest(client), "");
    }

    #[test]
    fn an_answer_reaches_a_client_that_is_still_sending() {
        let refuse = async || (StatusCode::PAYLOAD_TOO_LARGE, "too large");
        let served = served(Router::new().route("/", post(refuse)), 9, PATIENT);
        let mebibyte = vec![0; 1 << 20];
        let size = 64 * mebibyte.len();

        let head = format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n");
        let mut client = sent(&served, &head);
        for _ in 0..64 {
            client.write_all(&mebibyte).unwrap();
        }

        assert!(rest(client).ends_with("too large"));
    }

    #[test]
    fn connections_beyond_the_limit_wait_for_a_place() {
        let order: Arc<Mutex<Vec<&str>>> = Arc::default();
        let note = |name: &'static str| {
            let order = order.clone();
            get(async move || {
                order.lock().unwrap().push(name);
                name
            })
        };
        let app = Router::new().route("/first", note("first")).route("/second", note("second"));
        let served = served(app, 1, PATIENT);
        let request = |path| format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");

        let mut first = sent(&served, &request("/first"));
        has_answer(&mut first, "first");
        let mut second = sent(&served, &request("/second"));
        first.write_all(request("/first").as_bytes()).unwrap();
        has_answer(&mut first, "first");
        drop(first);
        has_answer(&mut second, "second");

        assert_eq!(*order.lock().unwrap(), ["first", "first", "second"]);
    }

    #[test]
    fn a_server_that_stops_ends_silent_connections_and_answers_what_is_under_way() {
        let (begun, begin) = std::sync::mpsc::channel();
        let (go, gone) = oneshot::channel::<()>();
        let gone = gone.map(drop).shared();
        let wait = get(async move || {
            begun.send(()).unwrap();
            gone.await;
            "done"
        });
        let mut served = served(Router::new().route("/", wait), 9, PATIENT);
        let silent = sent(&served, "");
        let busy = sent(&served, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        begin.recv().unwrap();

        served.stop.take().unwrap().send(()).unwrap();
        assert_eq!(rest(silent), "");
        go.send(()).unwrap();

        assert!(rest(busy).ends_with("done"));
        served.runtime.block_on(served.ended).unwrap();
    }

    #[test]
    fn http_2_is_not_spoken() {
        let served = served(Router::new().route("/", get(async || "")), 9, PATIENT);
        let client = sent(&served, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
        client.shutdown(net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _ = Read::read_to_end(&mut &client, &mut answer);
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{answer:?}");
    }

    #[test]
    fn accepted_sockets_send_at_once_and_give_up_clients_that_do_not_read() {
        let runtime = runtime().unwrap();
        let listener = bind("127.0.0.1", 0).unwrap();
        let _client = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let stream = runtime
            .block_on(async { next(&tokio::net::TcpListener::from_std(listener).unwrap()).await });
        assert!(stream.nodelay().unwrap());
        #[cfg(target_os = "linux")]
        assert_eq!(SockRef::from(&stream).tcp_user_timeout().unwrap(), Some(UNREAD_MAX));
    }
}
