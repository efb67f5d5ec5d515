//! What a body that is wrong costs before it is refused.

#![cfg(all(target_os = "linux", feature = "axum"))]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use axum::body::Body;
use axum::extract::FromRequest;
use axum::http::Request;
use mlctl_wire::rest::Payload;
use serde::Deserialize;
use std::fs;

const MIB: usize = 1 << 20;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Message {
    run_id: Option<String>,
    metrics: Vec<Metric>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only its decoding is looked at")]
struct Metric {
    key: String,
    value: f64,
}

/// Reads the most memory that was in use, in bytes.
fn peak() -> usize {
    let text = fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

/// One test, for the peak is that of the whole process.
#[test]
fn what_stands_where_it_does_not_belong_costs_next_to_nothing() {
    const BODY: usize = 4 * MIB;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for (start, part, end) in [
        ("[", "1", "]"),
        ("[", "{}", "]"),
        ("{\"run_id\":[", "1", "]}"),
        ("{\"run_id\":{", "\"a\":1", "}}"),
        ("{\"metrics\":[", "1", "]}"),
        ("{\"metrics\":[", "{}", "]}"),
        ("{\"metrics\":[{\"key\":[", "[]", "]}]}"),
        ("{\"other\":[", "1", "],\"run_id\":5}"),
    ] {
        let parts = vec![part; BODY / (part.len() + 1)].join(",");
        let body = axum::body::Bytes::from(format!("{start}{parts}{end}"));
        drop(parts);
        let request = Request::post("/").header("content-type", "application/json");
        let request = request.body(Body::from(body)).unwrap();
        // Sets the peak back to what is in use now.
        fs::write("/proc/self/clear_refs", "5").unwrap();
        let before = peak();

        let refused = runtime.block_on(Payload::<Message>::from_request(request, &()));

        // The kernel counts in steps, so that the later number may be the smaller one.
        let cost = peak().saturating_sub(before);
        assert!(refused.is_err(), "{start}{part}");
        assert!(cost < 8 * MIB, "{start}{part}{end} takes {} MiB", cost / MIB);
    }
}
