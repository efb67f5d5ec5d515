//! `mlctl models serve` under load, beside hostile clients, and while its models change.

use crate::harness::{Place, until};
use crate::http::{Server, answer, http};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// Two models that answer the same columns with other numbers.
const FOLDERS: [&str; 2] = ["first", "second"];
const COLUMNS: [&str; 10] = ["age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"];

fn body() -> Value {
    json!({ "dataframe_split": { "columns": COLUMNS, "data": [vec![0.0; 10]] } })
}

/// Makes `first`, an elastic net, and `second`, the same one with another intercept.
fn models(place: &Place) {
    for name in FOLDERS {
        place.copy("models/tests/fixtures/elasticnet", name);
    }
    // The intercept is the only 32-bit float of this value in the graph.
    let graph = place.path("second/model.onnx");
    let bytes = fs::read(&graph).unwrap();
    let old = intercept(place).to_le_bytes();
    let at: Vec<usize> = (0..bytes.len() - 3).filter(|at| bytes[*at..*at + 4] == old).collect();
    let [at] = at[..] else { panic!("the intercept is at {at:?}") };
    let new = 1000.0_f32.to_le_bytes();
    fs::write(graph, [&bytes[..at], &new, &bytes[at + 4..]].concat()).unwrap();
}

/// What the elastic net answers to zeros.
fn intercept(place: &Place) -> f32 {
    place.write("zeros.json", &body().to_string());
    let told = place.ok(&["models", "predict", "first", "-i", "zeros.json"]);
    serde_json::from_str::<Value>(&told).unwrap()["predictions"][0]["variable"].as_f64().unwrap()
        as f32
}

fn serve(place: &Place, args: &[&str]) -> Server {
    let begin = ["models", "serve", "--port", "0", "--follow-every", "0.05"];
    Server::launch(place, &mut place.command(&[&begin, args].concat()))
}

/// Asks for the answer to zeros.
#[track_caller]
fn score(server: &Server) -> f64 {
    let told = server.post_json("/invocations", &body());
    told["predictions"][0]["variable"].as_f64().unwrap()
}

fn register(place: &Place, folders: &[&str]) {
    for folder in folders {
        place.ok(&["registry", "register", folder, "net"]);
    }
    place.ok(&["registry", "alias", "set", "net", "champion", "1"]);
}

#[test]
fn an_alias_moves_under_load_and_no_request_fails() {
    const CLIENTS: usize = 4;
    let place = Place::new();
    models(&place);
    register(&place, &FOLDERS);
    let server = serve(&place, &["models:/net@champion"]);
    let old = score(&server);
    let is_over = AtomicBool::new(false);
    let asked = AtomicUsize::new(0);
    let seen = Mutex::new(Vec::new());

    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let client = http();
                let url = format!("{}/invocations", server.url);
                while !is_over.load(Ordering::Relaxed) {
                    let (status, text) = answer(client.post(&url).json(&body()));
                    asked.fetch_add(1, Ordering::Relaxed);
                    seen.lock().unwrap().push((status, text));
                }
            });
        }
        let count = || asked.load(Ordering::Relaxed);
        for version in ["2", "1", "2"] {
            let before = count();
            until("some were asked", || count() > before + 50);
            place.ok(&["registry", "alias", "set", "net", "champion", version]);
            let now = || server.get_json("/v2/models/net")["versions"][0] == version;
            until("the version is served", now);
        }
        let before = count();
        until("some were asked of the last one", || count() > before + 50);
        is_over.store(true, Ordering::Relaxed);
    });

    let new = score(&server);
    assert!((new - 1000.0).abs() < 1e-3 && (old - new).abs() > 100.0, "{old} and {new}");
    let mut counts = [0; 2];
    for (status, text) in seen.into_inner().unwrap() {
        assert_eq!(status, 200, "{text}");
        let told: Value = serde_json::from_str(&text).unwrap();
        let rows = told["predictions"].as_array().unwrap();
        let [row] = &rows[..] else { panic!("{text}") };
        let value = row["variable"].as_f64().unwrap();
        let which = [old, new].iter().position(|want| *want == value);
        counts[which.unwrap_or_else(|| panic!("{value} is neither {old} nor {new}"))] += 1;
    }
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
}

#[test]
fn a_new_version_that_is_broken_leaves_the_old_one() {
    let place = Place::new();
    models(&place);
    place.copy("models/tests/fixtures/elasticnet", "broken");
    place.write("broken/model.onnx", "no graph");
    register(&place, &["first", "broken", "second"]);
    let server = serve(&place, &["models:/net@champion"]);
    let old = score(&server);
    let reason = || server.post_json("/v2/repository/index", &json!({}))[0]["reason"].take();

    place.ok(&["registry", "alias", "set", "net", "champion", "2"]);
    until("the failure is told", || reason() != "");

    let told = reason().to_string();
    assert!(told.contains("version 2: ") && told.contains("model.onnx"), "{told}");
    assert_eq!(score(&server).to_bits(), old.to_bits());
    assert!(
        server.process.said().contains("keeping the loaded version"),
        "{}",
        server.process.said()
    );
    place.ok(&["registry", "alias", "set", "net", "champion", "3"]);
    until("the next version is served", || (score(&server) - 1000.0).abs() < 1e-3);
    assert_eq!(reason(), "");
    place.ok(&["registry", "alias", "delete", "net", "champion"]);
    until("the missing alias is told", || reason() != "");
    assert_eq!(score(&server).to_bits(), 1000.0_f64.to_bits());
}

#[test]
fn a_new_version_that_asks_for_all_memory_leaves_the_old_one_and_the_server() {
    let place = Place::new();
    models(&place);
    place.copy("models/tests/fixtures/resized", "resized");
    place.copy("models/tests/fixtures/sized", "sized");
    place.copy("models/tests/fixtures/sized", "bare");
    let request = json!({ "inputs": [vec![1e11; 10]] });
    place.write("sized/example.json", &request.to_string());
    let described = fs::read_to_string(place.path("sized/MLmodel")).unwrap();
    let example = "saved_input_example_info: {serving_input_path: example.json}\n";
    place.write("sized/MLmodel", &(described + example));
    register(&place, &["first", "resized", "sized"]);
    let server = serve(&place, &["models:/net@champion"]);
    let old = score(&server);
    let reason = || server.post_json("/v2/repository/index", &json!({}))[0]["reason"].to_string();

    for (version, why) in [("2", "cannot load"), ("3", "its input example")] {
        place.ok(&["registry", "alias", "set", "net", "champion", version]);
        until("the failure is shown", || reason().contains(&format!("version {version}: ")));

        let shown = reason();
        assert!(shown.contains(why) && shown.contains("is too large"), "{shown}");
        assert_eq!(score(&server).to_bits(), old.to_bits());
    }
    // Without an example the version is served, and a request fails alone.
    let small = serve(&place, &["bare", "--max-elements", "1000"]);
    let (status, text) = small.post("/invocations", &request);
    assert!(status == 400 && text.contains("1000 elements are the limit"), "{status} {text}");
    assert_eq!(small.post("/invocations", &json!({ "inputs": [vec![2.0; 10]] })).0, 200);
}

#[test]
fn a_folder_that_changes_or_goes_away_is_still_served() {
    let place = Place::new();
    models(&place);
    let server = serve(&place, &["first"]);
    let before = score(&server);

    fs::copy(place.path("second/model.onnx"), place.path("first/model.onnx")).unwrap();
    let changed = score(&server);
    fs::remove_dir_all(place.path("first")).unwrap();
    let gone = score(&server);

    assert_eq!([changed, gone], [before; 2]);
    // Who asks for it by hand is turned away, unless clients may.
    let (status, text) = server.post("/v2/repository/models/first/load", &json!({}));
    assert_eq!(status, 403, "{text}");
    assert!(text.contains("--allow-repository-control"), "{text}");
    assert_eq!(score(&server).to_bits(), before.to_bits());
}

#[test]
fn a_server_that_others_reach_says_that_it_asks_for_no_password() {
    let place = Place::new();
    place.copy("models/tests/fixtures/elasticnet", "model");
    let start = |host: &str| {
        let args = ["models", "serve", "model", "--host", host, "--port", "0"];
        Server::launch(&place, &mut place.command(&args)).process.said()
    };

    let (open, closed) = (start("0.0.0.0"), start("127.0.0.1"));

    assert!(open.contains("there is no authentication"), "{open}");
    assert!(!closed.contains("authentication"), "{closed}");
}

fn address(server: &Server) -> String {
    server.url.strip_prefix("http://").unwrap().to_owned()
}

fn raw_request(body: &str) -> String {
    let length = body.len();
    format!(
        "POST /invocations HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

#[test]
fn a_thousand_connections_are_answered() {
    const CONNECTIONS: usize = 1000;
    let place = Place::new();
    models(&place);
    let server = serve(&place, &["first"]);
    let (address, request) = (address(&server), raw_request(&body().to_string()));
    let (head, tail) = request.split_at(request.len() / 2);

    let mut all: Vec<TcpStream> =
        (0..CONNECTIONS).map(|_| TcpStream::connect(&address).unwrap()).collect();
    for stream in &mut all {
        stream.write_all(head.as_bytes()).unwrap();
    }
    // All of them are open and half way when the first one ends.
    for stream in &mut all {
        stream.write_all(tail.as_bytes()).unwrap();
    }

    for mut stream in all {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        assert!(text.contains("{\"predictions\":[{\"variable\":"), "{text}");
    }
}

#[test]
fn slow_clients_hold_up_neither_others_nor_the_end() {
    let place = Place::new();
    models(&place);
    let server = serve(&place, &["first"]);
    let address = address(&server);
    let begin = |text: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        stream
    };
    let request = raw_request(&body().to_string());

    let half_header = begin("POST /invocations HTTP/1.1\r\nHost: loc");
    let half_body = begin(&request[..request.len() - 9]);
    let idle = begin("");
    for _ in 0..20 {
        score(&server);
    }
    server.process.signal(Signal::TERM);
    let finished = server.process.end();

    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""));
    drop((half_header, half_body, idle));
}

#[test]
fn a_request_under_way_is_answered_before_the_end() {
    let place = Place::new();
    models(&place);
    let server = serve(&place, &["first"]);
    let request = raw_request(&body().to_string());
    let (head, tail) = request.split_at(request.len() - 9);
    let address = address(&server);
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    // The server has taken the connection when it answers a later one.
    score(&server);

    server.process.signal(Signal::TERM);
    until("nobody else is let in", || TcpStream::connect(&address).is_err());
    stream.write_all(tail.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();

    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    assert_eq!(server.process.end().code, Some(0));
}

#[test]
fn a_body_over_the_limit_is_413() {
    let place = Place::new();
    models(&place);
    let server = serve(&place, &["first"]);
    let post = |path: &str| {
        let request = http().post(format!("{}{path}", server.url));
        answer(request.header("content-type", "application/json").body(vec![b' '; (64 << 20) + 1]))
    };

    let (status, text) = post("/invocations");
    let (status_v2, text_v2) = post("/v2/models/first/infer");

    assert_eq!((status, status_v2), (413, 413), "{text} {text_v2}");
    assert!(text.contains("exceeds 67108864 bytes"), "{text}");
    assert!(score(&server).is_finite());
}

#[test]
fn transport_habits_are_those_of_the_tracking_server() {
    let place = Place::new();
    models(&place);
    let server = serve(&place, &["first"]);

    let request = http().post(format!("{}//invocations", server.url));
    let request = request.header("content-type", "application/json");
    let (status, text) = answer(request.body(format!("\u{feff}{}", body())));
    assert_eq!(status, 200, "{text}");
    assert_eq!(server.raw("GET /ping HTTP/1.1\r\nHost: [::1]evil.example\r\n\r\n").0, 400);
    assert_eq!(server.raw("GET /ping HTTP/1.1\r\n\r\n").0, 400);
    let request = http().post(format!("{}/invocations", server.url)).json(&body());
    assert_eq!(answer(request.header("origin", "http://[::1].evil.example")).0, 403);
}

#[test]
fn hosts_that_are_not_its_own_are_turned_away_unless_they_are_allowed() {
    let place = Place::new();
    models(&place);
    let ask = |server: &Server, host: &str| {
        let request = http().post(format!("{}/invocations", server.url)).json(&body());
        answer(request.header("host", host)).0
    };

    let server = serve(&place, &["first"]);
    assert_eq!(
        ["evil.example", "localhost", "10.1.2.3:80"].map(|host| ask(&server, host)),
        [403, 200, 200]
    );
    let server = serve(&place, &["first", "--allowed-hosts", "models.example,*.models.example"]);
    let hosts = ["models.example", "a.models.example", "evil.example", "localhost"];
    assert_eq!(hosts.map(|host| ask(&server, host)), [200, 200, 403, 403]);
}

#[test]
fn several_models_are_served_under_names_of_their_own() {
    let place = Place::new();
    models(&place);
    place.copy("models/tests/fixtures/elasticnet", "other/first");

    let server = serve(&place, &["first", "b=second"]);

    let told = |name: &str| {
        let told = server.post_json(&format!("/models/{name}/invocations"), &body());
        told["predictions"][0]["variable"].as_f64().unwrap()
    };
    assert!((told("b") - 1000.0).abs() < 1e-3 && told("first") < 999.0);
    place.check_failure(
        &["models", "serve", "first", "other/first"],
        2,
        "error: two models have the name `first`\n\
         hint: give one of them another name with NAME=URI, such as first-2=other/first",
    );
}

#[test]
fn what_cannot_be_served_is_said_at_once() {
    let place = Place::new();
    models(&place);
    for time in ["0", "-1", "NaN", "inf", "1e300"] {
        let flag = format!("--timeout={time}");
        let finished = place.run(&["models", "serve", "first", "--port", "0", &flag]);
        assert_eq!(finished.code, Some(2), "{time}: {finished:?}");
        let hint = "hint: use a number of seconds above 0, such as 1\n";
        assert!(finished.stderr.ends_with(hint), "{time}: {finished:?}");
    }
    place.check_failure(
        &["models", "serve", "gone", "--port", "0"],
        1,
        "error: cannot load the model `gone`: `/W/gone` is not a model folder: it has no file \
         MLmodel",
    );
}
