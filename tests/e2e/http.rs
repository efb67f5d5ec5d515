//! Servers of mlctl, and plain HTTP.

use crate::harness::{PATIENCE, Place, integer};
use crate::running::Running;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

/// A server of mlctl on a free port.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) process: Running,
    pub(crate) url: String,
}

impl Server {
    /// Starts `mlctl server` on the place's store.
    #[track_caller]
    pub(crate) fn start(place: &Place) -> Self {
        Self::launch(place, &mut place.command(&["server", "--port", "0"]))
    }

    /// Starts a command of mlctl that serves, and waits until it says where.
    #[track_caller]
    pub(crate) fn launch(place: &Place, command: &mut Command) -> Self {
        let mut process = Running::start(place, command);
        let line = process.line();
        let at = line.rfind("http://").unwrap_or_else(|| panic!("no address in `{line}`"));
        // Of a server of models it is the place of one of them; a prefix belongs to the address.
        let url = line[at..].trim_end_matches("/invocations");
        let url = url.split_once("/models/").map_or(url, |(url, _)| url).to_owned();
        Self { process, url }
    }

    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        answer(http().get(format!("{}{path}", self.url)))
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> (u16, String) {
        answer(http().post(format!("{}{path}", self.url)).json(body))
    }

    /// Sends a request as it stands, the last one of its connection, where `/H` stands for the
    /// server's host and port. Returns the status and the body.
    #[track_caller]
    pub(crate) fn raw(&self, request: &str) -> (u16, String) {
        let host = self.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(host).unwrap();
        let request = request.replace("/H", host).replacen("\r\n", "\r\nConnection: close\r\n", 1);
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        (status.unwrap_or_else(|| panic!("no answer: `{text}`")), body.to_owned())
    }

    /// Asks for JSON, which must come.
    #[track_caller]
    pub(crate) fn get_json(&self, path: &str) -> Value {
        let (status, text) = self.get(path);
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Sends JSON, which must be taken.
    #[track_caller]
    pub(crate) fn post_json(&self, path: &str, body: &Value) -> Value {
        let (status, text) = self.post(path, body);
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Returns the points of a metric as steps and values, by time, then step.
    #[track_caller]
    pub(crate) fn history(&self, run_id: &str, key: &str) -> Vec<(i64, Value)> {
        let path = format!("/api/2.0/mlflow/metrics/get-history?run_id={run_id}&metric_key={key}");
        let answer = self.get_json(&path);
        let points = answer["metrics"].as_array().cloned().unwrap_or_default();
        points.iter().map(|point| (integer(&point["step"]), point["value"].clone())).collect()
    }
}

/// Returns a client that talks plain HTTP.
pub(crate) fn http() -> reqwest::blocking::Client {
    // reqwest wants to know how to encrypt before it talks to anybody.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::blocking::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap()
}

/// Sends a request; returns the status and the body.
#[track_caller]
pub(crate) fn answer(request: reqwest::blocking::RequestBuilder) -> (u16, String) {
    let response = request.send().unwrap();
    (response.status().as_u16(), response.text().unwrap())
}
