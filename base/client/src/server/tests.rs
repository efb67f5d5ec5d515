//! What goes over the wire, and what comes back, by a server that gives one answer.

use super::*;
use serde_json::json;
use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

/// Gives one answer, and returns the head of the request.
fn serve_once(status: &str, body: &str) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let length = body.len();
    let answer =
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    let serving = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        stream.read_exact(&mut body).unwrap();
        stream.write_all(answer.as_bytes()).unwrap();
        head
    });
    (url, serving)
}

fn connect(url: &str, credentials: Credentials) -> Server {
    Server::new(url, "tracking", credentials).unwrap()
}

/// Asks a server that gives this answer.
fn ask(status: &str, body: &str) -> Result<Value, Failure> {
    let (url, serving) = serve_once(status, body);
    let answer = connect(&url, Credentials::None).get(Api::Mlflow, "x", &json!({}));
    serving.join().unwrap();
    answer
}

#[track_caller]
fn check_refused(status: &str, body: &str, want: ErrorCode, begin: &str) {
    match ask(status, body) {
        Err(Failure::Refused { code, message }) => {
            assert_eq!(code, want, "for {status}");
            assert!(message.starts_with(begin), "`{message}` does not begin with `{begin}`");
        }
        other => panic!("{status} is no refusal: {other:?}"),
    }
}

#[test]
fn a_refusal_keeps_the_code_and_the_words_of_the_server() {
    let body = r#"{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no run a1"}"#;
    check_refused("404 Not Found", body, ErrorCode::ResourceDoesNotExist, "no run a1");
}

#[test]
fn a_refusal_in_no_envelope_is_known_by_its_status() {
    let page = "<html>";
    check_refused("401 Unauthorized", page, ErrorCode::Unauthenticated, "`http://127.0.0.1");
    check_refused("403 Forbidden", page, ErrorCode::PermissionDenied, "`http://127.0.0.1");
    check_refused("404 Not Found", page, ErrorCode::EndpointNotFound, "`http://127.0.0.1");
    check_refused("502 Bad Gateway", page, ErrorCode::InternalError, "`http://127.0.0.1");
}

#[test]
fn an_answer_that_is_no_json_comes_from_no_mlflow_server() {
    let failure = ask("200 OK", "<html>").unwrap_err();

    assert!(failure.to_string().ends_with("does not answer like an MLflow server"), "{failure}");
    assert!(failure.source().is_some());
}

#[test]
fn a_server_that_is_not_there_is_named_by_its_role() {
    let unused = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", unused.local_addr().unwrap());
    drop(unused);
    let server = Server::new(&url, "registry", Credentials::None).unwrap();

    let answer: Result<Value, _> = server.get(Api::Mlflow, "runs/get", &json!({}));

    let want = format!("cannot reach the registry server `{url}/`: no server is listening there");
    assert_eq!(answer.unwrap_err().to_string(), want);
}

#[test]
fn only_http_has_addresses() {
    for url in ["ftp://host", "mlruns", ""] {
        let refused = Server::new(url, "tracking", Credentials::None).unwrap_err();
        assert!(matches!(refused, Failure::Address { url: named } if named == url));
    }
}

#[test]
fn a_request_says_who_asks_below_the_prefix_of_the_server() {
    let (url, serving) = serve_once("200 OK", "{}");
    let server = connect(&format!("{url}/prefix/"), Credentials::Token("t0ken".to_owned()));

    let query = json!({ "name": "a b", "stages": ["A", "B"], "rows": 7, "token": null });
    let _: Value = server.get(Api::Mlctl, "registry/events", &query).unwrap();

    let head = serving.join().unwrap();
    let line = "GET /prefix/api/2.0/mlctl/registry/events?name=a+b&rows=7&stages=A&stages=B ";
    assert!(head.starts_with(line), "{head}");
    assert!(head.contains("authorization: Bearer t0ken\r\n"), "{head}");
}

#[test]
fn a_user_and_a_password_travel_as_basic_authentication() {
    let (url, serving) = serve_once("200 OK", "{}");
    let basic = Credentials::Basic { username: "ada".to_owned(), password: "pw".to_owned() };

    let answer: Value =
        connect(&url, basic).send(Method::PATCH, Api::Mlflow, "x", &json!({ "a": 1 })).unwrap();

    assert_eq!(answer, json!({}));
    let head = serving.join().unwrap();
    assert!(head.starts_with("PATCH /api/2.0/mlflow/x "), "{head}");
    assert!(head.contains("authorization: Basic YWRhOnB3\r\n"), "{head}");
}
