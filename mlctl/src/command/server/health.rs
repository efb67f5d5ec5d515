//! `mlctl server health`: the health check of containers, in which there is no other program.

use crate::Outcome;
use crate::cli::HealthArgs;
use crate::command::Context;
use crate::failure::Hinted;
use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

/// How long a server may take to connect, and to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// What an answer of interest has at most.
const ANSWER_BYTES_MAX: u64 = 4096;

pub(super) fn check(context: &Context, args: &HealthArgs) -> Outcome {
    let url = format!("http://127.0.0.1:{}{}/health", args.port, args.static_prefix);
    ask(args).map_err(|error| {
        let hint = "--port, or MLFLOW_PORT, is the port of the server";
        Hinted::error(format!("no healthy server answers at {url}: {error:#}"), hint)
    })?;
    context
        .output
        .show(&json!({ "url": url, "healthy": true }), |_| format!("healthy: {url}\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// Asks in HTTP as plain as it gets: a client for one request would be most of this program.
fn ask(args: &HealthArgs) -> Result<()> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let request = format!(
        "GET {}/health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n",
        args.static_prefix
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).context("no answer in time")?;
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.lines().next().unwrap_or("nothing");
    ensure!(status.split(' ').nth(1) == Some("200"), "it answers `{status}`");
    Ok(())
}
