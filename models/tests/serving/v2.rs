//! The Open Inference Protocol, version 2.

#![expect(clippy::needless_pass_by_value, reason = "tables of cases read better")]

use crate::support::{Echo, Reply, Server, bare, model, request};
use axum::body::Body;
use axum::http::Request;
use mlctl_models::serving::Settings;
use serde_json::{Value, json};

const PATH: &str = "/v2/models/m/infer";
const LENGTH: &str = "inference-header-content-length";

/// Answers named tensors with themselves.
fn tensors() -> Server {
    let spec = |name, dtype| json!({"type": "tensor", "name": name, "tensor-spec": {"dtype": dtype, "shape": [-1, 2]}});
    let schema = json!([spec("x", "int64"), spec("y", "float32")]);
    Server::of(Settings::default(), model(Echo::default(), schema.clone(), schema))
}

/// Answers one tensor of any type with itself.
fn anything() -> Server {
    Server::of(Settings::default(), bare(Echo::default()))
}

fn tensor(datatype: &str, shape: Value, data: Value) -> Value {
    json!({ "inputs": [{ "name": "x", "datatype": datatype, "shape": shape, "data": data }] })
}

fn with_bytes(json: &Value, bytes: &[u8]) -> Request<Body> {
    let json = json.to_string();
    let body = [json.as_bytes(), bytes].concat();
    let mut request = request(PATH, "application/octet-stream", body);
    request.headers_mut().insert(LENGTH, json.len().to_string().parse().unwrap());
    request
}

/// Parts an answer into its JSON and the bytes behind it.
fn parts(reply: &Reply) -> (Value, Vec<u8>) {
    let length = reply.header(LENGTH).unwrap_or_else(|| panic!("{reply:?}")).parse().unwrap();
    let (json, bytes) = reply.body.split_at(length);
    (serde_json::from_slice(json).unwrap(), bytes.to_vec())
}

#[test]
fn it_says_what_it_is_and_that_it_is_ready() {
    let server = tensors();
    let version = env!("CARGO_PKG_VERSION");
    let want = json!({"name": "mlctl", "version": version, "extensions": ["model_repository", "binary_tensor_data"]});
    assert_eq!(server.get("/v2").json(), want);
    assert_eq!(server.get("/v2/health/live").json(), json!({ "live": true }));
    assert_eq!(server.get("/v2/health/ready").json(), json!({ "ready": true }));
    for path in ["/v2/models/m/ready", "/v2/models/m/versions/1/ready"] {
        assert_eq!(server.get(path).json(), json!({ "name": "m", "ready": true }));
    }
    assert_eq!(server.get("/v2/models/m/versions/2/ready").status, 404);
    assert_eq!(server.get("/v2/models/m/versions/2").status, 404);
}

#[track_caller]
fn check_metadata(inputs: Value, want: &Value) {
    let server = Server::of(Settings::default(), model(Echo::default(), inputs.clone(), inputs));
    let told = server.get("/v2/models/m").json();
    assert_eq!(told, server.get("/v2/models/m/versions/1").json());
    assert_eq!((&told["name"], &told["versions"]), (&json!("m"), &json!(["1"])));
    assert_eq!(told["platform"], "mlflow_custom");
    assert_eq!(&told["inputs"], want);
    let outputs = want.to_string().replace("input-", "output-");
    assert_eq!(told["outputs"].to_string(), outputs);
}

#[test]
fn metadata_names_types_and_shapes() {
    check_metadata(
        json!([{"type": "double", "name": "a"}, {"type": "long", "name": "b"}, {"type": "string", "name": "c"}]),
        &json!([
            {"name": "a", "datatype": "FP64", "shape": [-1, 1]},
            {"name": "b", "datatype": "INT64", "shape": [-1, 1]},
            {"name": "c", "datatype": "BYTES", "shape": [-1, 1]},
        ]),
    );
    check_metadata(
        json!([{"type": "boolean"}, {"type": "integer"}]),
        &json!([
            {"name": "input-1", "datatype": "BOOL", "shape": [-1, 1]},
            {"name": "input-2", "datatype": "INT32", "shape": [-1, 1]},
        ]),
    );
    check_metadata(
        json!([{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 28, 28]}}]),
        &json!([{"name": "input-1", "datatype": "FP32", "shape": [-1, 28, 28]}]),
    );
    assert_eq!(anything().get("/v2/models/m").json()["inputs"], json!([]));
}

/// The answer's only tensor.
#[track_caller]
fn check_echo(datatype: &str, shape: Value, data: Value, want: Value) {
    let reply = anything().post(PATH, &tensor(datatype, shape, data));
    let told = reply.json();
    assert_eq!(reply.status, 200, "{told}");
    assert_eq!(told["outputs"], json!([want]), "{datatype}");
}

#[test]
fn values_come_flat_or_nested_and_go_flat() {
    let output = |datatype: &str, shape: Value, data: Value| json!({"name": "output-1", "datatype": datatype, "shape": shape, "data": data});
    let want = output("INT64", json!([2, 2]), json!([1, 2, 3, 4]));
    check_echo("INT64", json!([2, 2]), json!([1, 2, 3, 4]), want.clone());
    check_echo("INT64", json!([2, 2]), json!([[1, 2], [3, 4]]), want);
    check_echo(
        "BOOL",
        json!([2]),
        json!([true, false]),
        output("BOOL", json!([2]), json!([true, false])),
    );
    for small in ["INT8", "UINT8", "INT16", "UINT16", "INT32"] {
        check_echo(
            small,
            json!([2]),
            json!([0, 127]),
            output("INT32", json!([2]), json!([0, 127])),
        );
    }
    for wide in ["UINT32", "UINT64"] {
        check_echo(
            wide,
            json!([1]),
            json!([4_294_967_295_u32]),
            output("INT64", json!([1]), json!([4_294_967_295_u32])),
        );
    }
    for float in ["FP16", "FP32"] {
        check_echo(
            float,
            json!([2]),
            json!([0.5, 2]),
            output("FP32", json!([2]), json!([0.5, 2.0])),
        );
    }
    check_echo(
        "FP64",
        json!([1, 1, 1]),
        json!([0.1]),
        output("FP64", json!([1, 1, 1]), json!([0.1])),
    );
    check_echo(
        "BYTES",
        json!([2]),
        json!(["a", "ü"]),
        output("BYTES", json!([2]), json!(["a", "ü"])),
    );
    check_echo("INT64", json!([0, 2]), json!([]), output("INT64", json!([0, 2]), json!([])));
}

#[test]
fn what_is_no_number_is_null() {
    let body = r#"{"inputs": [{"name": "x", "datatype": "FP32", "shape": [2], "parameters": {"binary_data_size": 8}}]}"#;
    let bytes = [f32::NAN.to_le_bytes(), f32::INFINITY.to_le_bytes()].concat();

    let reply = anything().send(with_bytes(&serde_json::from_str(body).unwrap(), &bytes));

    assert_eq!(reply.json()["outputs"][0]["data"], json!([null, null]));
}

#[test]
fn tensors_are_known_by_name_and_the_answer_says_whose_it_is() {
    let body = json!({
        "id": "ask-7",
        "inputs": [
            {"name": "y", "datatype": "FP32", "shape": [1, 2], "data": [0.5, 1.5]},
            {"name": "x", "datatype": "INT64", "shape": [1, 2], "data": [3, 4]},
        ],
        "outputs": [{"name": "y"}],
    });

    let told = tensors().post(PATH, &body).json();

    let want = json!({
        "model_name": "m",
        "model_version": "1",
        "id": "ask-7",
        "outputs": [{"name": "y", "datatype": "FP32", "shape": [1, 2], "data": [0.5, 1.5]}],
    });
    assert_eq!(told, want);
    let same = tensors().post("/v2/models/m/versions/1/infer", &body);
    assert_eq!(same.json(), want);
}

#[test]
fn columns_become_a_table() {
    let schema = json!([{"type": "double", "name": "a"}, {"type": "string", "name": "b"}]);
    let server = Server::of(Settings::default(), model(Echo::default(), schema, json!(null)));
    let body = json!({ "inputs": [
        {"name": "b", "datatype": "BYTES", "shape": [2], "data": ["x", "y"]},
        {"name": "a", "datatype": "FP64", "shape": [2, 1], "data": [[0.5], [1.5]]},
    ]});

    let told = server.post(PATH, &body).json();

    let want = json!([
        {"name": "a", "datatype": "FP64", "shape": [2], "data": [0.5, 1.5]},
        {"name": "b", "datatype": "BYTES", "shape": [2], "data": ["x", "y"]},
    ]);
    assert_eq!(told["outputs"], want);
}

#[test]
fn names_of_metadata_are_taken_where_the_schema_has_none() {
    let schema = json!([{"type": "long"}, {"type": "double"}]);
    let server = Server::of(Settings::default(), model(Echo::default(), schema, json!(null)));
    let body = json!({ "inputs": [
        {"name": "input-1", "datatype": "INT64", "shape": [1], "data": [3]},
        {"name": "input-2", "datatype": "FP64", "shape": [1], "data": [0.5]},
    ]});

    let reply = server.post(PATH, &body);

    assert_eq!(reply.status, 200, "{}", reply.text());
    let data: Vec<Value> =
        reply.json()["outputs"].as_array().unwrap().iter().map(|one| one["data"].clone()).collect();
    assert_eq!(data, [json!([3]), json!([0.5])]);
}

#[test]
fn bytes_go_in_and_come_out() {
    let body = json!({
        "id": "b",
        "inputs": [
            {"name": "x", "datatype": "INT64", "shape": [1, 2], "parameters": {"binary_data_size": 16}},
            {"name": "y", "datatype": "FP32", "shape": [1, 2], "parameters": {"binary_data_size": 8}},
        ],
        "outputs": [
            {"name": "y", "parameters": {"binary_data": true}},
            {"name": "x", "parameters": {"binary_data": false}},
        ],
    });
    let x: Vec<u8> = [3_i64, -4].iter().flat_map(|value| value.to_le_bytes()).collect();
    let y: Vec<u8> = [0.5_f32, 1.5].iter().flat_map(|value| value.to_le_bytes()).collect();
    let server = tensors();

    let reply = server.send(with_bytes(&body, &[x.clone(), y.clone()].concat()));

    assert_eq!(reply.header("content-type"), Some("application/octet-stream"));
    let (told, bytes) = parts(&reply);
    assert_eq!(told["id"], "b");
    let want = json!([
        {"name": "y", "datatype": "FP32", "shape": [1, 2], "parameters": {"binary_data_size": 8}},
        {"name": "x", "datatype": "INT64", "shape": [1, 2], "data": [3, -4]},
    ]);
    assert_eq!((&told["outputs"], &bytes), (&want, &y));

    // All of them, when the request says so once.
    let mut all = body;
    all["parameters"] = json!({ "binary_data_output": true });
    all.as_object_mut().unwrap().remove("outputs");
    let (told, bytes) = parts(&server.send(with_bytes(&all, &[x.clone(), y.clone()].concat())));
    assert_eq!(told["outputs"][0]["parameters"], json!({ "binary_data_size": 16 }));
    assert_eq!(bytes, [x, y].concat());
}

#[test]
fn texts_and_truths_are_bytes_too() {
    let server = anything();
    for (datatype, bytes) in [("BYTES", &b"\x02\0\0\0hi\0\0\0\0"[..]), ("BOOL", &[0, 1])] {
        let body = json!({
            "parameters": {"binary_data_output": true},
            "inputs": [{"name": "x", "datatype": datatype, "shape": [2], "parameters": {"binary_data_size": bytes.len()}}],
        });
        let (told, answered) = parts(&server.send(with_bytes(&body, bytes)));
        assert_eq!((&told["outputs"][0]["datatype"], &answered[..]), (&json!(datatype), bytes));
    }
}

#[test]
fn an_answer_of_empty_bytes_says_so() {
    let body = json!({
        "parameters": {"binary_data_output": true},
        "inputs": [{"name": "x", "datatype": "INT64", "shape": [0], "parameters": {"binary_data_size": 0}}],
    });

    let reply = anything().send(with_bytes(&body, &[]));

    assert_eq!(reply.status, 200, "{}", reply.text());
    let output = &reply.json()["outputs"][0];
    assert_eq!(output["parameters"], json!({ "binary_data_size": 0 }));
}

#[track_caller]
fn check_refused(server: &Server, body: Value, want: &str) {
    let reply = server.post(PATH, &body);
    let told = reply.json();
    let text = told["error"].as_str().unwrap_or_else(|| panic!("{told}"));
    assert_eq!(reply.status, 400, "{body}");
    assert!(text.starts_with(want), "{text}");
    assert_eq!(told.as_object().unwrap().len(), 1);
}

#[test]
fn requests_that_cannot_be_understood_are_refused_with_the_reason() {
    let server = anything();
    let understood = "the request is not valid: ";
    check_refused(&server, json!({}), &format!("{understood}missing field `inputs`"));
    check_refused(&server, json!([1]), understood);
    check_refused(&server, json!({ "inputs": [] }), "the request has no inputs");
    check_refused(&server, json!({ "inputs": [{ "name": "x" }] }), understood);
    check_refused(&server, tensor("INT64", json!([-1]), json!([1])), understood);
    check_refused(&server, tensor("INT64", json!([1.5]), json!([1])), understood);
    check_refused(
        &server,
        tensor("INT7", json!([1]), json!([1])),
        "the input `x`: the datatype `INT7` is not known",
    );
    check_refused(
        &server,
        tensor("INT64", json!([2, 2]), json!([1, 2, 3])),
        "the input `x`: the shape is for 4 values, got 3",
    );
    let ragged = format!("{understood}the lists differ in length or depth at [1] at line 1 column");
    check_refused(&server, tensor("INT64", json!([3]), json!([[1, 2], [3]])), &ragged);
    check_refused(&server, tensor("INT64", json!([1]), json!({"a": 1})), understood);
    check_refused(
        &server,
        tensor("UINT8", json!([1]), json!([256])),
        "the input `x`: 256 is not of the datatype UINT8",
    );
    check_refused(
        &server,
        tensor("INT8", json!([1]), json!([-129])),
        "the input `x`: -129 is not of the datatype INT8",
    );
    check_refused(&server, tensor("INT64", json!([1]), json!([1.5])), "the input `x`: ");
    check_refused(&server, tensor("INT64", json!([1]), json!(["a"])), "the input `x`: ");
    check_refused(&server, tensor("BOOL", json!([1]), json!([2])), "the input `x`: ");
    check_refused(&server, tensor("UINT64", json!([1]), json!([u64::MAX])), "the input `x`: ");
    for shape in [
        json!([1_u64 << 40, 1_u64 << 40]),
        json!([1_u64 << 40]),
        json!([0, 1_u64 << 40, 1_u64 << 40]),
        json!([1_u64 << 60, 0]),
    ] {
        check_refused(
            &server,
            tensor("INT64", shape, json!([])),
            "the input `x`: the shape is too large",
        );
    }
    let mut other = tensor("INT64", json!([1]), json!([1]));
    other["outputs"] = json!([{ "name": "z" }]);
    check_refused(&server, other, "the model has no output `z`; it has output-1");
    let nothing = json!({ "inputs": [{ "name": "x", "datatype": "INT64", "shape": [1] }] });
    check_refused(&server, nothing, "the input `x`: it has no `data`");
    check_refused(
        &server,
        tensor("INT64", json!([1]), json!([13])),
        "the model cannot score this input: 13 has no luck",
    );
    let mut wrong = tensor("FP32", json!([1, 2]), json!([1, 2]));
    check_refused(&tensors(), wrong.clone(), "Model is missing inputs ['y']");
    wrong["inputs"][0]["name"] = json!("y");
    check_refused(&tensors(), wrong, "Model is missing inputs ['x']");
}

#[track_caller]
fn check_refused_bytes(parameters: Value, bytes: &[u8], want: &str) {
    let mut body = json!({ "inputs": [{ "name": "x", "datatype": "INT64", "shape": [1] }] });
    for (key, value) in parameters.as_object().unwrap() {
        body["inputs"][0][key] = value.clone();
    }
    let reply = anything().send(with_bytes(&body, bytes));
    assert_eq!((reply.status, reply.json()), (400, json!({ "error": want })));
}

#[test]
fn bytes_that_do_not_fit_are_refused() {
    let sized = |size: u64| json!({ "parameters": { "binary_data_size": size } });
    check_refused_bytes(sized(8), &[0; 7], "the input `x`: 8 bytes are missing");
    check_refused_bytes(
        sized(u64::MAX),
        &[0; 7],
        &format!("the input `x`: {} bytes are missing", u64::MAX),
    );
    check_refused_bytes(sized(7), &[0; 7], "the input `x`: 1 values are not 7 bytes");
    check_refused_bytes(sized(8), &[0; 11], "3 bytes belong to no input");
    let mut both = sized(8);
    both["data"] = json!([1]);
    check_refused_bytes(both, &[0; 8], "the input `x`: it has both `data` and `binary_data_size`");
}

#[test]
fn a_length_of_json_that_cannot_be_is_refused() {
    for (length, want) in [
        ("x", "the header inference-header-content-length is not a number"),
        ("-1", "the header inference-header-content-length is not a number"),
        ("100", "the header inference-header-content-length is 100, but the body is shorter"),
    ] {
        let mut request = request(PATH, "application/octet-stream", "{}");
        request.headers_mut().insert(LENGTH, length.parse().unwrap());
        let reply = anything().send(request);
        assert_eq!((reply.status, reply.json()), (400, json!({ "error": want })));
    }
}

#[test]
fn a_body_over_the_limit_is_413() {
    let server = anything();
    let body = || vec![b' '; (64 << 20) + 1];

    let v2 = server.send(request(PATH, "application/json", body()));
    let invocations = server.send(request("/invocations", "application/json", body()));

    let want = "the body is not complete or exceeds 67108864 bytes";
    assert_eq!((v2.status, v2.json()), (413, json!({ "error": want })));
    assert_eq!((invocations.status, &invocations.json()["message"]), (413, &json!(want)));
    assert_eq!(server.metric("mlctl_model_requests_total", "invalid"), 2.0);
}
