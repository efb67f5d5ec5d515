//! Single requests, for checks and for large bodies.

use anyhow::{Context, Result, ensure};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(120);

/// Sends a request and returns the body of the answer.
///
/// # Errors
/// When the answer is not 200.
pub(crate) fn send(port: u16, method: &str, path: &str, body: &[u8]) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\
         Content-Type: {}\r\nContent-Length: {}\r\n\r\n",
        if method == "PUT" { "application/octet-stream" } else { "application/json" },
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").context("no answer")?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let body = answer.split_off(end + 4);
    ensure!(
        head.split(' ').nth(1) == Some("200"),
        "{method} {path}: {} {}",
        head.lines().next().unwrap_or_default(),
        String::from_utf8_lossy(&body[..body.len().min(300)])
    );
    let is_chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    if is_chunked { joined(&body) } else { Ok(body) }
}

/// Sends a JSON body and reads the JSON of the answer.
pub(crate) fn ask(port: u16, method: &str, path: &str, body: &str) -> Result<serde_json::Value> {
    let answer = send(port, method, path, body.as_bytes())?;
    serde_json::from_slice(&answer).with_context(|| format!("{path} answers no JSON"))
}

/// Puts the chunks of a body together.
fn joined(mut rest: &[u8]) -> Result<Vec<u8>> {
    let mut whole = Vec::with_capacity(rest.len());
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n").context("a broken chunk")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end])?.trim(), 16)?;
        if size == 0 {
            return Ok(whole);
        }
        whole.extend_from_slice(rest.get(end + 2..end + 2 + size).context("a broken chunk")?);
        rest = rest.get(end + 4 + size..).context("a broken chunk")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined() {
        assert_eq!(joined(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").unwrap(), b"abcde");
    }
}
