//! Whatever a client sends is an answer or an error: never a panic, never a flood of memory.

use crate::bodies::{file, parquet, sample, stream};
use crate::support::{Echo, Server, bare, model, request};
use axum::http::Request;
use mlctl_models::serving::Settings;
use proptest::prelude::*;
use serde_json::json;
use std::sync::LazyLock;

const LENGTH: &str = "inference-header-content-length";
const INVOCATIONS: &str = "/invocations";
const INFER: &str = "/v2/models/m/infer";

/// So much more memory, in kB, may a mutated body of a few kB ask for.
const FLOOD: u64 = 1 << 20;

/// Returns how much memory this process has ever had, in kB: what is asked for and not used is none.
fn peak() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

static SERVERS: LazyLock<[Server; 3]> = LazyLock::new(|| {
    let columns = json!([
        {"type": "long", "name": "n"},
        {"type": "double", "name": "x", "required": false},
        {"type": "string", "name": "s", "required": false},
    ]);
    let tensor = json!([{"type": "tensor", "name": "n", "tensor-spec": {"dtype": "int64", "shape": [-1, 2]}}]);
    [
        bare(Echo::default()),
        model(Echo::default(), columns, json!(null)),
        model(Echo::default(), tensor, json!(null)),
    ]
    .map(|model| Server::of(Settings::default(), model))
});

/// Sends a body to models of every kind; none may be at a loss.
#[track_caller]
fn check(path: &str, content_type: &str, length: Option<usize>, body: &[u8]) -> Vec<u16> {
    let answers = SERVERS.iter().map(|server| {
        let mut request = request(path, content_type, body.to_vec());
        if let Some(length) = length {
            request.headers_mut().insert(LENGTH, length.into());
        }
        let request: Request<_> = request;
        let reply = server.send(request);
        // 500 is what a panic becomes.
        let is_known = matches!(reply.status, 200 | 400);
        assert!(is_known, "{}: {:?}", reply.status, String::from_utf8_lossy(&reply.body));
        reply.status
    });
    answers.collect()
}

/// What is done to a body: some bytes are others, some are away, some come twice.
#[derive(Clone, Debug)]
struct Harm {
    bytes: Vec<(prop::sample::Index, u8)>,
    cut: Option<(prop::sample::Index, prop::sample::Index)>,
    repeated: Option<(prop::sample::Index, prop::sample::Index)>,
}

impl Harm {
    fn any() -> impl Strategy<Value = Self> {
        let index = any::<prop::sample::Index>;
        // Numbers at the edges do the most.
        let byte = prop_oneof![any::<u8>(), Just(0), Just(0xff), Just(0x7f), Just(0x80)];
        let range = || prop::option::weighted(0.2, (index(), index()));
        (prop::collection::vec((index(), byte), 0..6), range(), range())
            .prop_map(|(bytes, cut, repeated)| Self { bytes, cut, repeated })
    }

    fn done_to(&self, body: &[u8]) -> Vec<u8> {
        let mut body = body.to_vec();
        for (at, byte) in &self.bytes {
            if !body.is_empty() {
                let at = at.index(body.len());
                body[at] = *byte;
            }
        }
        let range = |(a, b): &(prop::sample::Index, prop::sample::Index), length: usize| {
            let (a, b) = (a.index(length + 1), b.index(length + 1));
            a.min(b)..a.max(b)
        };
        if let Some(part) = &self.repeated {
            let part = range(part, body.len());
            let more = body[part.clone()].to_vec();
            body.splice(part.end..part.end, more);
        }
        if let Some(part) = &self.cut {
            let part = range(part, body.len());
            body.drain(part);
        }
        body
    }
}

fn jsons() -> Vec<String> {
    [
        json!({"dataframe_split": {"columns": ["n", "x", "s"], "data": [[1, 0.5, "a"], [2, null, "ü"]]}}),
        json!({"dataframe_records": [{"n": 1, "x": 0.5, "s": "a"}, {"n": 2}], "params": {"k": [1]}}),
        json!({"instances": [{"n": [1, 2], "s": "a"}, {"n": [3, 4], "s": "b"}]}),
        json!({"inputs": {"n": [[1, 2], [3, 4]]}}),
    ]
    .map(|value| value.to_string())
    .to_vec()
}

fn infer() -> (Vec<u8>, usize) {
    let json = json!({
        "id": "a",
        "parameters": {"binary_data_output": true},
        "inputs": [{"name": "n", "datatype": "INT64", "shape": [2, 2], "parameters": {"binary_data_size": 32}}],
        "outputs": [{"name": "n", "parameters": {"binary_data": true}}],
    })
    .to_string();
    let bytes = (0..4_i64).flat_map(i64::to_le_bytes);
    (json.bytes().chain(bytes).collect(), json.len())
}

/// The bodies that are harmed are good ones.
#[test]
fn what_is_not_harmed_is_answered() {
    for (at, body) in jsons().iter().enumerate() {
        let statuses = check(INVOCATIONS, "application/json", None, body.as_bytes());
        assert!(statuses.contains(&200), "{at}: {statuses:?}");
    }
    let (body, length) = infer();
    assert_eq!(check(INFER, "application/octet-stream", Some(length), &body)[2], 200);
    for (kind, body) in binaries() {
        assert_eq!(check(INVOCATIONS, kind, None, &body)[1], 200, "{kind}");
    }
}

fn binaries() -> [(&'static str, Vec<u8>); 3] {
    let batches = [sample(), sample()];
    [
        ("application/vnd.apache.parquet", parquet(&batches)),
        ("application/vnd.apache.arrow.stream", stream(&batches)),
        ("application/vnd.apache.arrow.file", file(&batches)),
    ]
}

proptest! {
    #[test]
    fn any_bytes_of_any_type_are_refused_or_answered(
        body in prop::collection::vec(any::<u8>(), 0..200),
        length in prop::option::of(0..250_usize),
    ) {
        for kind in ["application/json", "text/csv"] {
            check(INVOCATIONS, kind, None, &body);
        }
        for (kind, _) in binaries() {
            check(INVOCATIONS, kind, None, &body);
        }
        check(INFER, "application/octet-stream", length, &body);
    }

    #[test]
    fn harmed_json_is_refused_or_answered(at in 0..4_usize, harm in Harm::any()) {
        let body = harm.done_to(jsons()[at].as_bytes());
        check(INVOCATIONS, "application/json", None, &body);
    }

    #[test]
    fn harmed_csv_is_refused_or_answered(harm in Harm::any()) {
        let body = harm.done_to("n,x,s\n1,0.5,a\n2,,\"ü, \"\"q\"\"\"\n3,NaN,\n".as_bytes());
        check(INVOCATIONS, "text/csv", None, &body);
    }

    #[test]
    fn harmed_tensors_are_refused_or_answered(harm in Harm::any(), shift in -3..3_isize) {
        let (body, length) = infer();
        let body = harm.done_to(&body);
        check(INFER, "application/octet-stream", Some(length.saturating_add_signed(shift)), &body);
        check(INFER, "application/json", None, &body);
    }

    #[test]
    fn tensors_of_any_shape_and_type_are_refused_or_answered(
        shape in prop::collection::vec(prop_oneof![0..4_u64, any::<u64>()], 0..4),
        datatype in "(U?INT(8|16|32|64)|FP(16|32|64)|BOOL|BYTES)",
        bytes in prop::collection::vec(any::<u8>(), 0..40),
        numbers in prop::collection::vec(any::<i64>(), 0..9),
    ) {
        let tensor = |key: &str, value: serde_json::Value| {
            json!({"inputs": [{"name": "n", "datatype": datatype, "shape": shape, key: value}]}).to_string()
        };
        let json = tensor("parameters", json!({"binary_data_size": bytes.len()}));
        let body = [json.as_bytes(), &bytes].concat();
        check(INFER, "application/octet-stream", Some(json.len()), &body);
        check(INFER, "application/json", None, tensor("data", json!(numbers)).as_bytes());
    }

    #[test]
    fn harmed_columns_are_refused_or_answered(harm in Harm::any()) {
        for (kind, body) in binaries() {
            let before = peak();
            check(INVOCATIONS, kind, None, &harm.done_to(&body));
            prop_assert!(peak() < before + FLOOD, "{kind}: {before} kB became {} kB", peak());
        }
    }
}
