//! The artifacts of a server: its proxy, its destination, and what pages ask for.

use crate::harness::{PATIENCE, Place, skip, text, until};
use crate::http::{Server, answer, http};
use crate::s3::S3;
use reqwest::blocking::{Body, Client, Response};
use serde_json::{Value, json};
use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;

const PROXY: &str = "/api/2.0/mlflow-artifacts";

/// What a large transfer may add to the server's memory.
const GROWTH_KB_MAX: u64 = 20 * 1024;
/// The same with a bucket, whose parts under way are held whole: two of 5 MiB. On a machine under
/// load 22 MiB were seen, of which the rest is not explained.
const GROWTH_KB_MAX_BUCKET: u64 = 32 * 1024;

fn start(place: &Place, args: &[&str]) -> Server {
    Server::launch(place, &mut place.command(&[&["server", "--port", "0"], args].concat()))
}

/// Starts a server whose artifacts are in a bucket.
fn start_on_s3(place: &Place, s3: &S3) -> Server {
    let args = ["server", "--port", "0", "--artifacts-destination", "s3://bucket/ml"];
    let mut command = place.command(&args);
    command.envs(s3.variables());
    Server::launch(place, &mut command)
}

impl Server {
    #[track_caller]
    fn put(&self, path: &str, body: impl Into<Body>) {
        let (status, text) = answer(http().put(format!("{}{path}", self.url)).body(body));
        assert_eq!((status, text.as_str()), (200, ""), "{path}");
    }

    fn fetch(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        let mut request = http().get(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().unwrap()
    }

    #[track_caller]
    fn new_run(&self) -> (String, String) {
        let answer = self.post_json("/api/2.0/mlflow/runs/create", &json!({"experiment_id": "0"}));
        let info = &answer["run"]["info"];
        (text(&info["run_id"]), text(&info["artifact_uri"]))
    }

    /// Returns the most memory that it ever had, in KiB.
    fn peak_kb(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

#[track_caller]
fn header(response: &Response, name: &str) -> String {
    response.headers().get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap().to_owned()
}

#[test]
fn a_destination_keeps_what_runs_log() {
    let place = Place::new();
    let server = start(&place, &["--artifacts-destination", "./kept"]);
    let (run, uri) = server.new_run();
    assert_eq!(uri, format!("mlflow-artifacts:/0/{run}/artifacts"));

    let kept = format!("kept/0/{run}/artifacts/d/a.txt");

    server.put(&format!("{PROXY}/artifacts/0/{run}/artifacts/d/a.txt"), "hello");

    assert_eq!(fs::read_to_string(place.path(&kept)).unwrap(), "hello");
    let list =
        |path: &str| server.get_json(&format!("{PROXY}/artifacts?path={path}"))["files"].clone();
    assert_eq!(list(""), json!([{"path": "0", "is_dir": true}]));
    assert_eq!(list("zzz"), Value::Null);
    let files = server.get_json(&format!("/api/2.0/mlflow/artifacts/list?run_id={run}&path=d"));
    assert_eq!(files["files"], json!([{"path": "d/a.txt", "is_dir": false, "file_size": 5}]));
    assert_eq!(files["root_uri"], uri);
    let fetched = server.get(&format!("/get-artifact?run_uuid={run}&path=d/a.txt"));
    assert_eq!(fetched, (200, "hello".to_owned()));
    let info = server.get_json("/api/3.0/mlflow/server-info");
    assert_eq!(info["multipart_uploads_enabled"], false);
}

#[test]
fn old_runs_of_a_folder_stay_reachable_beside_a_destination() {
    let place = Place::new();
    let (run, path) = {
        let server = start(&place, &[]);
        let (run, _) = server.new_run();
        let path = format!("{PROXY}/artifacts/0/{run}/artifacts/old.txt");
        server.put(&path, "old");
        (run, path)
    };
    let server = start(&place, &["--artifacts-destination", "./kept"]);

    assert_eq!(server.get(&path), (200, "old".to_owned()));
    let meta = format!("{PROXY}/artifacts/0/{run}/meta.yaml");
    assert_eq!(server.get(&meta).0, 404, "the store's own files are not served");
    assert!(place.path(&format!("mlruns/0/{run}/artifacts/old.txt")).exists());
}

#[test]
fn a_database_that_was_moved_finds_its_artifacts() {
    let place = Place::new();
    let store = |folder: &str| format!("sqlite:///{}", place.text(&format!("{folder}/ml.db")));
    fs::create_dir(place.path("then")).unwrap();
    let run = {
        let server = start(&place, &["--backend-store-uri", &store("then")]);
        let (run, _) = server.new_run();
        server.put(&format!("{PROXY}/artifacts/0/{run}/artifacts/a.txt"), "moved");
        run
    };
    fs::rename(place.path("then"), place.path("now")).unwrap();

    let listed = place.json(&["--store", &store("now"), "artifacts", "list", &run]);
    assert_eq!(listed[0]["path"], "a.txt");
    let server = start(&place, &["--backend-store-uri", &store("now")]);
    let answer = server.get_json(&format!("/api/2.0/mlflow/runs/get?run_id={run}"));
    let uri = text(&answer["run"]["info"]["artifact_uri"]);
    assert_eq!(uri, format!("mlflow-artifacts:/0/{run}/artifacts"));
    let path = format!("{PROXY}/artifacts/0/{run}/artifacts/a.txt");
    assert_eq!(server.get(&path), (200, "moved".to_owned()));
    assert!(!place.path("then").exists());
}

#[test]
fn a_server_that_serves_none_says_so() {
    let place = Place::new();
    let server = start(&place, &["--no-serve-artifacts"]);
    let (_, uri) = server.new_run();

    assert!(uri.starts_with("file://"), "{uri}");
    for path in ["/artifacts", "/artifacts/x", "/presigned/x"] {
        let (status, text) = server.get(&format!("{PROXY}{path}"));
        assert_eq!(status, 503, "{text}");
        assert!(text.contains("--no-serve-artifacts"), "{text}");
    }
}

#[test]
fn a_file_is_sent_whole_or_in_part_or_not_again() {
    let place = Place::new();
    let server = start(&place, &["--artifacts-destination", "./kept"]);
    let folder = format!("{PROXY}/artifacts/0/{}/artifacts/a", "a".repeat(32));
    let path = format!("{folder}/we%22ird%20%C3%BC.html");
    server.put(&path, "0123456789");

    let whole = server.fetch(&path, &[]);
    assert_eq!(header(&whole, "content-type"), "text/html");
    assert_eq!(header(&whole, "accept-ranges"), "bytes");
    assert_eq!(header(&whole, "x-content-type-options"), "nosniff");
    assert_eq!(
        header(&whole, "content-disposition"),
        r#"attachment; filename="we\"ird _.html"; filename*=UTF-8''we%22ird%20%C3%BC.html"#
    );
    let (etag, modified) = (header(&whole, "etag"), header(&whole, "last-modified"));
    assert_eq!(whole.text().unwrap(), "0123456789");

    let part = server.fetch(&path, &[("range", "bytes=2-4"), ("if-range", &etag)]);
    assert_eq!(
        (part.status().as_u16(), header(&part, "content-range").as_str()),
        (206, "bytes 2-4/10")
    );
    assert_eq!(part.text().unwrap(), "234");
    let beyond = server.fetch(&path, &[("range", "bytes=20-")]);
    assert_eq!(
        (beyond.status().as_u16(), header(&beyond, "content-range").as_str()),
        (416, "bytes */10")
    );
    let changed = server.fetch(&path, &[("range", "bytes=2-4"), ("if-range", "\"other\"")]);
    assert_eq!((changed.status().as_u16(), changed.text().unwrap().len()), (200, 10));
    for known in [("if-none-match", &etag), ("if-modified-since", &modified)] {
        let known = server.fetch(&path, &[(known.0, known.1)]);
        assert_eq!((known.status().as_u16(), header(&known, "etag")), (304, etag.clone()));
    }
    let head = http().head(format!("{}{path}", server.url)).send().unwrap();
    assert_eq!((head.status().as_u16(), header(&head, "content-length").as_str()), (200, "10"));

    let (status, text) = server.get(&folder);
    assert!(status == 400 && text.contains("is a folder"), "{status} {text}");
    assert_eq!(server.get(&format!("{PROXY}/artifacts/no")).0, 404);
    let delete = |path: &str| answer(http().delete(format!("{}{path}", server.url)));
    assert_eq!(delete(&path), (200, "{}".to_owned()));
    assert_eq!(delete(&path), (200, "{}".to_owned()));
}

#[test]
fn pages_upload_and_read_small_files() {
    let place = Place::new();
    let server = start(&place, &[]);
    let (run, _) = server.new_run();
    let upload = |query: &str, body: &[u8]| {
        let url = format!("{}/ajax-api/2.0/mlflow/upload-artifact?{query}", server.url);
        answer(http().post(url).body(body.to_vec()))
    };

    let query = format!("run_uuid={run}&path=d/u.html");
    assert_eq!(upload(&query, b"<script>"), (200, String::new()));
    let fetched = server.fetch(&format!("/get-artifact?run_id={run}&path=d/u.html"), &[]);
    assert!(header(&fetched, "content-disposition").starts_with("attachment"));
    assert_eq!(fetched.text().unwrap(), "<script>");
    for (query, body, want) in [
        ("path=u", &b"x"[..], "specify run_uuid"),
        (&format!("run_uuid={run}"), b"x", "specify path"),
        (&query, b"", "specify data"),
        (&format!("run_uuid={run}&path=../u"), b"x", "`..`"),
        (&query, &vec![0; 10 * 1024 * 1024 + 1], "Max size is 10MB"),
    ] {
        let (status, text) = upload(query, body);
        assert!(status == 400 && text.contains(want), "{query}: {status} {text}");
    }
    let api = format!("{}/api/2.0/mlflow/upload-artifact?{query}", server.url);
    assert_eq!(answer(http().post(api).body("x")).0, 404);
}

#[test]
fn the_files_of_a_logged_model_are_listed_and_read() {
    let place = Place::new();
    let server = start(&place, &["--artifacts-destination", "./kept"]);
    let made = server
        .post_json("/api/2.0/mlflow/logged-models", &json!({"experiment_id": "0", "name": "m"}));
    let id = text(&made["model"]["info"]["model_id"]);
    server.put(&format!("{PROXY}/artifacts/0/models/{id}/artifacts/sub/f.txt"), "hi");

    let models = format!("/ajax-api/2.0/mlflow/logged-models/{id}/artifacts");
    let listed = server.get_json(&format!("{models}/directories?artifact_directory_path=sub"));
    assert_eq!(listed["files"], json!([{"path": "sub/f.txt", "is_dir": false, "file_size": 2}]));
    assert_eq!(listed["root_uri"], format!("mlflow-artifacts:/0/models/{id}/artifacts"));
    let file = server.get(&format!("{models}/files?artifact_file_path=sub/f.txt"));
    assert_eq!(file, (200, "hi".to_owned()));
    assert_eq!(server.get(&format!("{models}/files")).0, 400);
}

#[test]
fn a_folder_sends_nobody_to_itself() {
    let place = Place::new();
    let server = start(&place, &["--artifacts-destination", "./kept"]);
    let (run, _) = server.new_run();
    let refused = |path: &str, body: &Value, status: u16, want: &str| {
        let (got, text) = server.post(path, body);
        assert!(got == status && text.contains(want), "{path}: {got} {text}");
    };
    let unsupported = "is not supported for the current artifact repository";

    refused(
        &format!("{PROXY}/mpu/create/a"),
        &json!({"path": "x", "num_parts": 2}),
        501,
        unsupported,
    );
    refused(&format!("{PROXY}/mpu/create/a"), &json!({}), 400, "'path'");
    assert_eq!(server.get(&format!("{PROXY}/presigned/a")).0, 501);
    let sign = "/api/2.0/mlflow/artifacts/presigned-download-url";
    refused(sign, &json!({"run_id": run, "path": "x"}), 400, "scheme: mlflow-artifacts");
    refused(sign, &json!({"run_id": run, "path": "x", "expiration": 0}), 400, "(got 0)");
    let sign = "/api/2.0/mlflow/artifacts/presigned-upload-url";
    refused(sign, &json!({"path": "x"}), 400, "Exactly one of run_id and model_id");
}

#[test]
fn a_bucket_takes_files_and_clients() {
    let (place, s3) = (Place::new(), S3::start());
    let server = start_on_s3(&place, &s3);
    let (run, _) = server.new_run();
    let folder = format!("0/{run}/artifacts");
    let info = server.get_json("/api/3.0/mlflow/server-info");
    assert_eq!(info["multipart_uploads_enabled"], true);

    server.put(&format!("{PROXY}/artifacts/{folder}/a.txt"), "through the server");
    assert_eq!(s3.keys(), [format!("ml/{folder}/a.txt")]);
    let part = server.fetch(&format!("{PROXY}/artifacts/{folder}/a.txt"), &[("range", "bytes=8-")]);
    assert_eq!(part.text().unwrap(), "the server");

    let begun = server.post_json(
        &format!("{PROXY}/mpu/create/{folder}"),
        &json!({"path": "/home/ann/b.txt", "num_parts": 1}),
    );
    let sent = http().put(text(&begun["credentials"][0]["url"])).body("to the bucket").send();
    let sent = sent.unwrap();
    assert_eq!(sent.status().as_u16(), 200);
    let part = json!({"part_number": 1, "etag": header(&sent, "etag"), "url": null});
    let done = json!({"path": "b.txt", "upload_id": begun["upload_id"], "parts": [part]});
    assert_eq!(server.post_json(&format!("{PROXY}/mpu/complete/{folder}"), &done), json!({}));
    let signed = server.get_json(&format!("{PROXY}/presigned/{folder}/b.txt"));
    assert_eq!(signed["file_size"], 13);
    let got = answer(http().get(text(&signed["url"])));
    assert_eq!(got, (200, "to the bucket".to_owned()));
    let dropped = json!({"path": "c", "upload_id": server.post_json(
        &format!("{PROXY}/mpu/create/{folder}"), &json!({"path": "c", "num_parts": 3}))["upload_id"]});
    assert_eq!(server.post_json(&format!("{PROXY}/mpu/abort/{folder}"), &dropped), json!({}));
    assert_eq!(s3.unfinished(), 0);
}

#[test]
fn runs_whose_artifacts_are_in_a_bucket_sign_requests_for_it() {
    let (place, s3) = (Place::new(), S3::start());
    let mut command = place.command(&["server", "--port", "0", "--no-serve-artifacts"]);
    let root = ["--default-artifact-root", "s3://bucket/direct"];
    let server = Server::launch(&place, command.args(root).envs(s3.variables()));
    let (run, uri) = server.new_run();
    assert_eq!(uri, format!("s3://bucket/direct/0/{run}/artifacts"));

    let api = "/api/2.0/mlflow/artifacts";
    let body = json!({"run_id": run, "path": "a.json"});
    let upload = server.post_json(&format!("{api}/presigned-upload-url"), &body);
    assert_eq!(upload["headers"]["Content-Type"], "text/plain");
    let put = http().put(text(&upload["presigned_url"])).header("Content-Type", "text/plain");
    assert_eq!(answer(put.body("{}")).0, 200);
    let download = server.post_json(&format!("{api}/presigned-download-url"), &body);
    assert_eq!(answer(http().get(text(&download["presigned_url"]))), (200, "{}".to_owned()));
    assert_eq!(download["file_size"], 2);
    let listed = server.get_json(&format!("{api}/list?run_id={run}"));
    assert_eq!(listed["files"][0]["path"], "a.json");
}

/// Gives many bytes, and may break off in the end as a client does that is killed.
struct Zeros {
    left: usize,
    breaks: bool,
}

impl Read for Zeros {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && self.breaks {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let count = buffer.len().min(self.left);
        buffer[..count].fill(0);
        self.left -= count;
        Ok(count)
    }
}

fn check_memory(server: &Server, bytes: usize, growth_kb_max: u64) {
    let path = format!("{PROXY}/artifacts/large.bin");
    // What the first request of its kind needs is not what the size adds.
    server.put(&format!("{PROXY}/artifacts/small.bin"), "x");
    assert_eq!(server.fetch(&format!("{PROXY}/artifacts/small.bin"), &[]).text().unwrap(), "x");
    let before = server.peak_kb();

    let client = Client::builder().no_proxy().timeout(None).build().unwrap();
    let url = format!("{}{path}", server.url);
    let zeros = Body::new(Zeros { left: bytes, breaks: false });
    assert_eq!(answer(client.put(&url).body(zeros)).0, 200);
    let uploaded = server.peak_kb();
    let copied = io::copy(&mut client.get(&url).send().unwrap(), &mut io::sink()).unwrap();
    let downloaded = server.peak_kb();

    assert_eq!(copied, bytes as u64);
    assert!(uploaded - before < growth_kb_max, "from {before} to {uploaded} KiB by an upload");
    assert!(downloaded - before < growth_kb_max, "from {before} to {downloaded} KiB");
}

#[test]
fn large_files_pass_through_little_memory_to_a_folder() {
    if !cfg!(target_os = "linux") {
        return skip("memory is read from /proc");
    }
    let place = Place::new();
    let server = start(&place, &["--artifacts-destination", "./kept"]);
    check_memory(&server, 1 << 30, GROWTH_KB_MAX);
}

#[test]
fn large_files_pass_through_little_memory_to_a_bucket() {
    if !cfg!(target_os = "linux") {
        return skip("memory is read from /proc");
    }
    let (place, s3) = (Place::new(), S3::start());
    // Less, because the bucket is as slow as a test is.
    check_memory(&start_on_s3(&place, &s3), 256 << 20, GROWTH_KB_MAX_BUCKET);
}

#[test]
fn an_upload_that_breaks_off_leaves_nothing() {
    let (place, s3) = (Place::new(), S3::start());
    let folder = start(&place, &["--artifacts-destination", "./kept"]);
    let other = Place::new();
    let bucket = start_on_s3(&other, &s3);

    for server in [&folder, &bucket] {
        let url = format!("{}{PROXY}/artifacts/d/half.bin", server.url);
        let body = Body::new(Zeros { left: 12 << 20, breaks: true });
        assert!(http().put(url).body(body).send().is_err());
        server.put(&format!("{PROXY}/artifacts/whole.bin"), "x");
    }

    until("the bucket has dropped the parts", || s3.unfinished() == 0);
    assert_eq!(s3.keys(), ["ml/whole.bin"]);
    let names = || {
        let entries = fs::read_dir(place.path("kept")).unwrap().flatten();
        entries.map(|entry| entry.file_name()).collect::<Vec<_>>()
    };
    until("the folder has dropped the file", || names() == ["whole.bin"]);
}

#[test]
fn clients_that_hang_hold_nobody_up() {
    const HANGING: usize = 100;
    let place = Place::new();
    let server = start(&place, &["--artifacts-destination", "./kept"]);
    server.put(&format!("{PROXY}/artifacts/large.bin"), vec![7; 16 << 20]);
    let address = server.url.strip_prefix("http://").unwrap();
    let say = |request: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        stream
    };

    let get = format!("GET {PROXY}/artifacts/large.bin HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let put = |n: usize| {
        let head = format!("PUT {PROXY}/artifacts/h{n} HTTP/1.1\r\nHost: localhost\r\n");
        format!("{head}Content-Length: 1000\r\n\r\nhalf")
    };
    let mut hanging: Vec<_> = (0..HANGING).map(|_| say(&get)).collect();
    for stream in &mut hanging {
        // It has begun to answer, and waits for a reader now.
        stream.read_exact(&mut [0; 16]).unwrap();
    }
    hanging.extend((0..HANGING).map(|n| say(&put(n))));

    server.put(&format!("{PROXY}/artifacts/b.txt"), "quick");
    assert_eq!(server.get(&format!("{PROXY}/artifacts/b.txt")), (200, "quick".to_owned()));
    let got = server.fetch(&format!("{PROXY}/artifacts/large.bin"), &[]).bytes().unwrap();
    assert!(got.len() == 16 << 20 && got.iter().all(|byte| *byte == 7));
}

/// Whoever can reach a server could else have it write and read anywhere on its disk.
#[test]
fn a_server_that_others_reach_opens_its_own_folders_and_those_named() {
    let place = Place::new();
    let outside = place.path("outside");
    let named = place.path("named");
    let allowed = named.display().to_string();
    let args = ["--host", "0.0.0.0", "--allow-artifact-root", &allowed];
    let server = start(&place, &args);
    let url = server.url.replace("0.0.0.0", "127.0.0.1");
    let send = |method: reqwest::Method, path: &str, body: String| {
        let request = http().request(method, format!("{url}{path}")).body(body);
        answer(request.header("content-type", "application/json"))
    };
    let post = |path: &str, body: &serde_json::Value| {
        let (status, text) = send(reqwest::Method::POST, path, body.to_string());
        assert_eq!(status, 200, "{text}");
        serde_json::from_str::<serde_json::Value>(&text).unwrap()
    };
    for (folder, want) in [(&outside, 403), (&named, 200)] {
        let body = json!({"name": folder, "artifact_location": folder});
        let id = post("/api/2.0/mlflow/experiments/create", &body)["experiment_id"].clone();
        let run = post("/api/2.0/mlflow/runs/create", &json!({"experiment_id": id}));
        let run = text(&run["run"]["info"]["run_id"]);

        let upload = format!("/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run}&path=a.txt");
        let (status, said) = send(reqwest::Method::POST, &upload, "x".to_owned());

        assert_eq!(status, want, "{said}");
        let list = format!("/api/2.0/mlflow/artifacts/list?run_id={run}");
        let (status, said) = send(reqwest::Method::GET, &list, String::new());
        assert_eq!(status, want, "{said}");
        assert!(want == 200 || said.contains("--allow-artifact-root DIR"), "{said}");
    }
    assert!(!outside.exists());
    let run = post("/api/2.0/mlflow/runs/create", &json!({"experiment_id": "0"}));
    let run = text(&run["run"]["info"]["run_id"]);
    let upload = format!("/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run}&path=a.txt");
    assert_eq!(send(reqwest::Method::POST, &upload, "x".to_owned()).0, 200);
}

#[test]
fn a_folder_that_a_database_names_for_a_run_is_served_only_under_the_name_of_the_run() {
    let place = Place::new();
    let args = ["--backend-store-uri", "sqlite:///mlflow.db"];
    let server = start(&place, &args);
    let (run, _) = server.new_run();
    let database = rusqlite::Connection::open(place.path("mlflow.db")).unwrap();
    for uri in ["/etc", "file:///etc", &format!("/x/{run}/../../etc")] {
        database.execute("UPDATE runs SET artifact_uri = ?1", [uri]).unwrap();

        let list = format!("/api/2.0/mlflow/artifacts/list?run_id={run}");
        let (status, said) = server.get(&list);
        assert_eq!(status, 403, "{uri}: {said}");
        let (status, said) = server.get(&format!("/get-artifact?run_id={run}&path=hostname"));
        assert_eq!(status, 403, "{uri}: {said}");
    }
}
