//! Downloads a file over HTTP in constant memory.

use std::{
    error,
    fs::File,
    io::{self, Read, Write},
    path::Path,
    time::Duration,
};

use mlctl_client::reqwest::{self, blocking::Client};

use crate::Cancel;

/// When a download is given up.
pub(crate) struct Limits<'a> {
    /// Bytes it may have.
    pub(crate) bytes_max: u64,
    /// The longest time without an answer.
    pub(crate) timeout: Duration,
    /// What ends it early.
    pub(crate) cancel: &'a Cancel,
}

/// Why a download failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    /// It was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The server did not give the file.
    #[error("the server answered {0}")]
    Status(reqwest::StatusCode),
    /// The file is too large.
    #[error("it has more than {0} bytes")]
    TooLarge(u64),
    /// The connection failed.
    #[error("the request failed")]
    Http(#[source] Box<dyn error::Error + Send + Sync>),
    /// Reading or writing failed.
    #[error("the transfer failed")]
    Io(#[source] io::Error),
}

/// Downloads `url` into the new file `target`.
pub(crate) fn download(url: &str, target: &Path, limits: &Limits<'_>) -> Result<(), Problem> {
    let client = client(limits.timeout)?;
    let response = client.get(url).send().map_err(|err| Problem::Http(err.without_url().into()))?;
    if !response.status().is_success() {
        return Err(Problem::Status(response.status()));
    }
    if response.content_length().is_some_and(|length| length > limits.bytes_max) {
        return Err(Problem::TooLarge(limits.bytes_max));
    }
    let file = File::create_new(target).map_err(Problem::Io)?;
    copy(response, file, limits)
}

fn client(timeout: Duration) -> Result<Client, Problem> {
    // A blocking client's timeout holds for each read, not for the whole download.
    mlctl_client::blocking_client()
        .connect_timeout(timeout)
        .timeout(timeout)
        .build()
        .map_err(|err| Problem::Http(err.into()))
}

fn copy(mut from: impl Read, mut to: impl Write, limits: &Limits<'_>) -> Result<(), Problem> {
    let (mut buffer, mut total) = (vec![0; 128 * 1024], 0);
    loop {
        if limits.cancel.is_cancelled() {
            return Err(Problem::Cancelled);
        }
        let count = match from.read(&mut buffer) {
            Ok(0) => return to.flush().map_err(Problem::Io),
            Ok(count) => count,
            Err(err) if err.kind() == io::ErrorKind::Interrupted => continue,
            Err(err) => return Err(Problem::Io(err)),
        };
        total += count as u64;
        if total > limits.bytes_max {
            return Err(Problem::TooLarge(limits.bytes_max));
        }
        to.write_all(&buffer[..count]).map_err(Problem::Io)?;
    }
}
