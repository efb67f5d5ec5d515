//! Projects in git repositories; the user's own stay as they are.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use mlctl_projects::Request;

use crate::fixture::{Fixture, main};

fn repository() -> Fixture {
    let fixture = Fixture::new();
    fixture.repository("repo");
    fixture
}

fn file_uri(fixture: &Fixture, folder: &str) -> String {
    format!("file://{}", fixture.path(folder).canonicalize().unwrap().display())
}

#[test]
fn every_kind_of_version_is_found_and_the_repository_stays_as_it_was() {
    let fixture = repository();
    fixture.write("repo/MLproject", &main("echo dirty"));
    fixture.write("repo/untracked", "x");
    let commit = fixture.git("repo", &["rev-parse", "v1"]);
    let before = fixture.snapshot("repo");
    let uri = file_uri(&fixture, "repo");

    for (version, want) in [
        ("v1", "v1\n"),
        ("main", "v2\n"),
        ("other", "other\n"),
        (&commit, "v1\n"),
        (&commit[..8], "v1\n"),
    ] {
        let (stdout, record) = fixture.output(&uri, Some(version));
        assert_eq!(stdout, want, "for {version}");
        assert_eq!(record.tag("mlflow.source.git.dirty"), Some("false"));
        let branch = ["main", "other"].contains(&version).then_some(version);
        assert_eq!(record.tag("mlflow.source.git.branch"), branch);
        assert_eq!(record.tag("mlflow.source.name"), Some(uri.as_str()));
    }
    let (stdout, record) = fixture.output("repo/sub", Some("v1"));
    assert_eq!(stdout, "sub v1\n");
    assert_eq!(record.tag("mlflow.source.git.commit"), Some(commit.as_str()));
    assert_eq!(record.tag("mlflow.source.name"), Some(format!("{uri}#sub").as_str()));

    assert_eq!(fixture.snapshot("repo"), before);
}

#[test]
fn a_working_tree_runs_in_place_and_its_changes_are_recorded() {
    let fixture = repository();
    let commit = fixture.git("repo", &["rev-parse", "HEAD"]);
    fixture.git("repo", &["remote", "add", "zeta", "https://me:secret@example.org/z.git"]);
    fixture.git("repo", &["remote", "add", "alpha", "https://example.org/a.git"]);
    fixture.write("repo/sub/MLproject", &main("echo dirty"));
    fixture.write("repo/new file", "new\n");
    fs::write(fixture.path("repo/new.bin"), [0, 1, 2, 255, 0]).unwrap();
    fs::write(fixture.path("repo/huge.bin"), vec![7; 2 << 20]).unwrap();
    fixture.write("repo/ignored", "never");
    let before = fixture.snapshot("repo");

    let (stdout, record) = fixture.output(&format!("{}#sub", file_uri(&fixture, "repo")), None);

    assert_eq!(fixture.snapshot("repo"), before);
    assert_eq!(stdout, "dirty\n");
    assert_eq!(record.tag("mlflow.source.git.commit"), Some(commit.as_str()));
    assert_eq!(record.tag("mlflow.source.git.repoURL"), Some("https://example.org/z.git"));
    assert_eq!(record.tag("mlflow.gitRepoURL"), Some("https://example.org/z.git"));
    assert_eq!(record.tag("mlflow.source.git.branch"), Some("main"));
    assert_eq!(record.tag("mlflow.source.git.dirty"), Some("true"));
    assert_eq!(record.warnings, ["uncommitted changes too large to be recorded: huge.bin"]);
    let name = format!("{}#sub", file_uri(&fixture, "repo"));
    assert_eq!(record.tag("mlflow.source.name"), Some(name.as_str()));

    let (_, patch) = record.artifacts.iter().find(|(n, _)| n == "mlctl/source.patch").unwrap();
    fs::write(fixture.path("patch"), patch).unwrap();
    fixture.git(".", &["clone", "-q", "repo", "copy"]);
    let patch = fixture.path("patch").display().to_string();
    fixture.git("copy", &["apply", &patch]);
    for name in ["sub/MLproject", "new file", "new.bin", "MLproject"] {
        let read = |folder: &str| fs::read(fixture.path(folder).join(name)).unwrap();
        assert_eq!(read("copy"), read("repo"), "{name}");
    }
    assert!(!fixture.path("copy/ignored").exists());
}

#[test]
fn a_clean_tree_is_not_dirty() {
    let (_, record) = repository().output("repo", None);

    assert_eq!(record.tag("mlflow.source.git.dirty"), Some("false"));
    assert_eq!(record.tag("mlflow.source.git.diff"), None);
    assert_eq!(record.artifact("mlctl/source.patch"), None);
}

#[test]
fn a_bare_repository_is_cloned_and_not_written_to() {
    let fixture = repository();
    fixture.git(".", &["clone", "-q", "--bare", "repo", "bare.git"]);
    let before = fixture.snapshot("bare.git");

    let (stdout, record) = fixture.output(&file_uri(&fixture, "bare.git"), None);
    assert_eq!(stdout, "v2\n");
    assert_eq!(record.tag("mlflow.source.git.branch"), Some("main"));
    assert_eq!(fixture.output("bare.git#sub", Some("v1")).0, "sub v1\n");

    assert_eq!(fixture.snapshot("bare.git"), before);
}

#[test]
fn a_shallow_repository_is_cloned_with_the_git_program() {
    let fixture = repository();
    let uri = file_uri(&fixture, "repo");
    fixture.git(".", &["clone", "-q", "--depth=1", &uri, "shallow"]);
    let before = fixture.snapshot("shallow");

    assert_eq!(fixture.output("shallow", Some("main")).0, "v2\n");

    assert_eq!(fixture.snapshot("shallow"), before);
}

#[test]
fn new_commits_are_seen_and_deleted_branches_are_gone() {
    let fixture = repository();
    assert_eq!(fixture.output("repo", Some("other")).0, "other\n");

    fixture.git("repo", &["branch", "-q", "-D", "other"]);
    fixture.git("repo", &["tag", "-f", "v1", "v2"]);

    assert_eq!(fixture.output("repo", Some("v1")).0, "v2\n");
    let request = Request { version: Some("other".to_owned()), ..fixture.request("repo") };
    assert!(fixture.problem(request).contains("no branch, tag or commit `other`"));
}

#[test]
fn a_version_that_does_not_exist_names_those_near_it() {
    let fixture = repository();
    let request = |version: &str| Request {
        version: Some(version.to_owned()),
        ..fixture.request(&file_uri(&fixture, "repo"))
    };

    let problem = fixture.problem(request("mian"));
    assert!(problem.ends_with("has no branch, tag or commit `mian`; similar: `main`"), "{problem}");
    let problem = fixture.problem(request("zzz"));
    assert!(problem.ends_with("has no branch, tag or commit `zzz`"), "{problem}");
}

#[test]
fn a_mirror_left_by_a_killed_process_is_repaired() {
    let fixture = repository();
    fixture.output("repo", Some("v1"));
    let mirrors = || fs::read_dir(fixture.path("cache/git")).unwrap().flatten().map(|e| e.path());
    let mirror = mirrors().find(|path| path.is_dir()).unwrap();
    fs::write(mirror.join("packed-refs.lock"), "").unwrap();
    fs::write(mirror.join("refs/heads/main.lock"), "").unwrap();
    fixture.git("repo", &["commit", "-q", "--allow-empty", "-m", "next"]);
    assert_eq!(fixture.output("repo", Some("main")).0, "v2\n");

    fs::remove_file(mirror.join("HEAD")).unwrap();
    assert_eq!(fixture.output("repo", Some("main")).0, "v2\n");
}

#[test]
fn submodules_are_fetched() {
    let fixture = repository();
    fixture.repository("library");
    let library = fixture.path("library").display().to_string();
    fixture.git("repo", &["submodule", "--quiet", "add", &library, "lib"]);
    fixture.write("repo/MLproject", &main("cat lib/MLproject"));
    fixture.git("repo", &["add", "."]);
    fixture.git("repo", &["commit", "-q", "-m", "with library"]);

    assert_eq!(fixture.output("repo", Some("main")).0, main("echo v2"));
}

#[test]
fn a_subfolder_that_leaves_the_repository_is_refused() {
    let fixture = repository();
    std::os::unix::fs::symlink("/", fixture.path("repo/out")).unwrap();
    fixture.git("repo", &["add", "out"]);
    fixture.git("repo", &["commit", "-q", "-m", "link"]);
    let version = Some("main".to_owned());

    let problem = fixture.problem(Request { version, ..fixture.request("repo#out") });

    assert_eq!(problem, "project `repo#out` not found: there is no out");
}

#[test]
fn an_ignored_folder_has_no_commit() {
    let fixture = repository();
    fixture.write("repo/ignored/MLproject", &main("echo ignored"));

    let (stdout, record) = fixture.output("repo/ignored", None);

    assert_eq!(stdout, "ignored\n");
    assert_eq!(record.tag("mlflow.source.git.commit"), None);
}

#[test]
fn a_url_that_nobody_answers_is_an_error_and_not_a_hang() {
    let fixture = Fixture::new();
    // It accepts connections, and says nothing for as long as the test runs.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut request =
        fixture.request(&format!("http://me:secret@{}/r.git", silent.local_addr().unwrap()));
    request.network_timeout = Duration::from_millis(300);

    let problem = fixture.problem(request);
    assert!(problem.contains("no answer within 0.3 s"), "{problem}");
    assert!(!problem.contains("secret"), "{problem}");
    let problem = fixture.problem(fixture.request(&format!("http://{closed}/r.git")));
    assert!(problem.contains("could not fetch") && problem.contains("onnect"), "{problem}");
}

/// Answers one request after the other with git's own CGI program.
fn serve(fixture: &Fixture) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/bare.git", listener.local_addr().unwrap());
    let (root, home) = (fixture.path(""), fixture.path("home"));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let mut head = Vec::new();
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) <= 2 {
                    break;
                }
                head.push(line.trim_end().to_owned());
            }
            let Some(first) = head.first() else { continue };
            let mut words = first.split(' ');
            let (method, target) = (words.next().unwrap(), words.next().unwrap());
            let (path, query) = target.split_once('?').unwrap_or((target, ""));
            let header = |name: &str| {
                let found = head.iter().find_map(|line| {
                    let (key, value) = line.split_once(": ")?;
                    key.eq_ignore_ascii_case(name).then(|| value.to_owned())
                });
                found.unwrap_or_default()
            };
            let length: usize = header("content-length").parse().unwrap_or(0);
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let mut cgi = Command::new("git")
                .arg("http-backend")
                .env("GIT_PROJECT_ROOT", &root)
                .env("GIT_HTTP_EXPORT_ALL", "1")
                .env("HOME", &home)
                .env("GIT_CONFIG_GLOBAL", "/dev/null")
                .env("REQUEST_METHOD", method)
                .env("PATH_INFO", path)
                .env("QUERY_STRING", query)
                .env("CONTENT_TYPE", header("content-type"))
                .env("CONTENT_LENGTH", length.to_string())
                .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
                .env("GIT_PROTOCOL", header("git-protocol"))
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            cgi.stdin.take().unwrap().write_all(&body).unwrap();
            let output = cgi.wait_with_output().unwrap().stdout;
            let text = String::from_utf8_lossy(&output);
            let status = text.lines().find_map(|line| line.strip_prefix("Status: "));
            let status = status.unwrap_or("200 OK");
            let head = output.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
            let length = output.len() - head;
            let mut stream = reader.into_inner();
            let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n");
            let _ = write!(stream, "Connection: close\r\n");
            let _ = stream.write_all(&output);
        }
    });
    url
}

#[test]
fn a_repository_behind_http_is_fetched_with_and_without_the_git_program() {
    let fixture = repository();
    fixture.git(".", &["clone", "-q", "--bare", "repo", "bare.git"]);
    let url = serve(&fixture);

    let (stdout, record) = fixture.output(&format!("{url}#sub"), None);
    assert_eq!(stdout, "sub v2\n");
    assert_eq!(record.tag("mlflow.source.git.repoURL"), Some(url.as_str()));
    assert_eq!(record.tag("mlflow.source.git.branch"), Some("main"));
    assert_eq!(record.tag("mlflow.source.name"), Some(format!("{url}#sub").as_str()));

    // A PATH with bash and nothing else.
    fs::create_dir(fixture.path("bin")).unwrap();
    let bash = fixture.environ().find("bash").unwrap();
    std::os::unix::fs::symlink(bash, fixture.path("bin/bash")).unwrap();
    let mut request = fixture.request(&url);
    request.version = Some("v1".to_owned());
    request.cache_dir = fixture.path("other cache");
    request.environ.set("PATH", fixture.path("bin"));
    let (result, record) = fixture.run(request);
    result.unwrap();
    assert_eq!(record.artifact("logs/stdout.txt").unwrap(), "v1\n");
}
