//! How every connection is made: one TLS for the process, and how long to wait.

use std::error::Error;
use std::time::Duration;

use reqwest::blocking::ClientBuilder;

/// How long to wait for a connection.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait for an answer, as MLflow's client does.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);

/// Lets rustls encrypt with ring, in this whole process, unless the program has chosen otherwise.
///
/// A client of `reqwest` cannot be built before: its feature `rustls-no-provider` leaves the choice
/// to the program, so that no second implementation is linked in.
pub fn install_tls() {
    // A second installation is refused, and changes nothing.
    drop(rustls::crypto::ring::default_provider().install_default());
}

/// Prepares a client whose calls block, with the usual timeouts.
pub fn blocking_client() -> ClientBuilder {
    install_tls();
    reqwest::blocking::Client::builder().connect_timeout(CONNECT_TIMEOUT).timeout(ANSWER_TIMEOUT)
}

/// Returns the innermost cause of a failure, which says most; the outer ones only repeat the URL.
pub fn innermost_cause<'e>(error: &'e (dyn Error + 'static)) -> &'e (dyn Error + 'static) {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause
}
