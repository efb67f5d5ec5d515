//! Projects in zip files.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    thread,
};

use crate::fixture::{Fixture, main};

fn zipped() -> Fixture {
    let fixture = Fixture::with_command("echo zipped");
    fixture.write("project/sub/MLproject", &main("echo sub"));
    let file = fs::File::create(fixture.path("p.zip")).unwrap();
    mlctl_artifacts::archive::pack_zip(&fixture.path("project"), file).unwrap();
    fixture
}

#[test]
fn a_zip_file_is_unpacked_and_run() {
    let fixture = zipped();

    let (stdout, record) = fixture.output("p.zip", None);
    assert_eq!(stdout, "zipped\n");
    let path = fixture.path("p.zip").canonicalize().unwrap().display().to_string();
    assert_eq!(record.tag("mlflow.source.name"), Some(path.as_str()));
    assert_eq!(fixture.output(&format!("file://{path}#sub"), None).0, "sub\n");
}

#[test]
fn a_zip_file_with_one_folder_is_the_project_in_it() {
    let fixture = Fixture::new();
    fixture.write("packed/only/MLproject", &main("echo inner"));
    let file = fs::File::create(fixture.path("p.zip")).unwrap();
    mlctl_artifacts::archive::pack_zip(&fixture.path("packed"), file).unwrap();

    assert_eq!(fixture.output("p.zip", None).0, "inner\n");
}

#[test]
fn broken_and_missing_zip_files_are_errors() {
    let fixture = Fixture::new();
    fixture.write("p.zip", "no zip");

    let problem = fixture.problem(fixture.request("p.zip"));
    assert!(problem.starts_with("could not fetch `p.zip`: "), "{problem}");
    assert_eq!(
        fixture.problem(fixture.request("q.zip")),
        "project `q.zip` not found: there is no /T/q.zip"
    );
}

#[cfg(feature = "http")]
#[test]
fn a_zip_file_is_downloaded() {
    let fixture = zipped();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let body = fs::read(fixture.path("p.zip")).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let (mut first, mut line) = (String::new(), String::new());
            reader.read_line(&mut first).unwrap();
            while reader.read_line(&mut line).unwrap() > 2 {
                line.clear();
            }
            let found = first.contains("/p.zip");
            let status = if found { "200 OK" } else { "404 Not Found" };
            let mut stream = reader.into_inner();
            write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            )
            .unwrap();
            stream.write_all(&body).unwrap();
        }
    });

    assert_eq!(fixture.output(&format!("{url}/p.zip"), None).0, "zipped\n");
    let problem = fixture.problem(fixture.request(&format!("{url}/q.zip")));
    assert_eq!(
        problem,
        format!("could not fetch `{url}/q.zip`: the server answered 404 Not Found")
    );
}
