//! Pushing to a registry that behaves as some do: this one knows enough of the protocol to be
//! pushed to, and can be told to be difficult.

#![cfg(feature = "push")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use mlctl_oci::push::{Credentials, Options, Pushed, push};
use mlctl_oci::{Content, Digest, Entry, Image, Layer, Platform, Recipe, Reference, Settings};

/// What a registry is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Habit {
    /// Says places as paths.
    Plain,
    /// Says places as whole addresses with a query, on another path.
    Elsewhere,
    /// Wants a token, and tells where one is given.
    Token,
    /// As `Token`, and the first token ends when the first blob is on its way.
    TokenEnds,
    /// Wants a user name and a password with each request.
    Password,
    /// Says that blobs lie elsewhere when it is asked for them.
    Storage,
    /// Answers everything with this status.
    Status(u16),
    /// Says that it got other bytes.
    Garbled,
    /// Wants blobs without saying where.
    Nowhere,
    /// Points to another machine for everything.
    Moved,
}

struct Request {
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

#[derive(Default)]
struct Seen {
    lines: Vec<String>,
    blobs: BTreeMap<String, Vec<u8>>,
    manifests: BTreeMap<String, Vec<u8>>,
    tokens: usize,
}

struct Registry {
    host: String,
    seen: Arc<Mutex<Seen>>,
}

impl Registry {
    fn start(habit: Habit) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (own, there) = (seen.clone(), host.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (seen, host) = (own.clone(), there.clone());
                std::thread::spawn(move || serve(stream.unwrap(), habit, &seen, &host));
            }
        });
        Self { host, seen }
    }

    fn push(&self, options: &Options) -> Result<Pushed, String> {
        let to = Reference::parse(&format!("{}/team/model:1", self.host)).unwrap();
        push(&image(), &to, options).map_err(|error| {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            format!("{error}{}", cause.unwrap_or_default()).replace(&self.host, "HOST")
        })
    }

    fn lines(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().unwrap().lines)
    }
}

fn serve(stream: TcpStream, habit: Habit, seen: &Mutex<Seen>, host: &str) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    while let Some(request) = read(&mut reader) {
        let mut seen = seen.lock().unwrap();
        seen.lines.push(format!("{} {}", request.method, request.path));
        let (status, headers, body) = answer(&request, habit, &mut seen, host);
        let mut text = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n", body.len());
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        if request.method != "HEAD" {
            text.push_str(&body);
        }
        if stream.write_all(text.as_bytes()).is_err() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let length = headers.get("content-length").map_or(0, |text| text.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, path, headers, body })
}

type Answered = (u16, Vec<(&'static str, String)>, String);

fn answer(request: &Request, habit: Habit, seen: &mut Seen, host: &str) -> Answered {
    let known = request.headers.get("authorization").map(String::as_str);
    let challenge = |text: &str| (401, vec![("www-authenticate", text.to_owned())], String::new());
    // "ann:secret" in base64.
    let basic = "Basic YW5uOnNlY3JldA==";
    if request.path.starts_with("/token?") {
        seen.tokens += 1;
        if known != Some(basic) {
            return (401, vec![], r#"{"errors": [{"message": "who are you?"}]}"#.to_owned());
        }
        return (200, vec![], format!(r#"{{"token": "t{}"}}"#, seen.tokens));
    }
    match habit {
        Habit::Status(429) => return (429, vec![("retry-after", "7".to_owned())], String::new()),
        Habit::Status(404) if request.method == "POST" => {
            let body = r#"{"errors": [{"code": "NAME_UNKNOWN", "message": "no such\u001b[2J"}]}"#;
            return (404, vec![], body.to_owned());
        }
        Habit::Status(status) => return (status, vec![], String::new()),
        Habit::Moved => {
            return (301, vec![("location", "https://127.0.0.1:1/v2/".to_owned())], String::new());
        }
        Habit::Password if known != Some(basic) => return challenge("Basic realm=\"r\""),
        Habit::Token | Habit::TokenEnds => {
            let wanted = format!("Bearer t{}", seen.tokens);
            let text = format!("Bearer realm=\"http://{host}/token\",service=\"s, t\"");
            let is_first_blob = request.method == "PUT" && seen.blobs.is_empty();
            let ends = habit == Habit::TokenEnds && seen.tokens == 1 && is_first_blob;
            if seen.tokens == 0 || known != Some(&wanted) || ends {
                return challenge(&text);
            }
        }
        _ => {}
    }
    content(request, habit, seen, host)
}

fn content(request: &Request, habit: Habit, seen: &mut Seen, host: &str) -> Answered {
    let path = request.path.as_str();
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let digest_in = |query: &str| {
        let digest = query.split('&').find_map(|pair| pair.strip_prefix("digest=")).unwrap();
        digest.replace("%3A", ":")
    };
    let found = |is_there: bool| (if is_there { 200 } else { 404 }, vec![], String::new());
    match request.method.as_str() {
        "HEAD" => {
            let name = path.rsplit('/').next().unwrap();
            if path.contains("/manifests/") {
                return match seen.manifests.get(name) {
                    Some(bytes) => {
                        let digest = Digest::of(bytes).to_string();
                        (200, vec![("docker-content-digest", digest)], String::new())
                    }
                    None => found(false),
                };
            }
            let is_there = seen.blobs.contains_key(name);
            if habit == Habit::Storage && is_there && path.starts_with("/v2/") {
                return (307, vec![("location", format!("/storage/{name}"))], String::new());
            }
            found(is_there)
        }
        "POST" if habit == Habit::Nowhere => (202, vec![], String::new()),
        "POST" => {
            let place = match habit {
                Habit::Elsewhere => format!("http://{host}/up/1?state=a%2Fb"),
                _ => "/v2/team/model/blobs/uploads/1".to_owned(),
            };
            (202, vec![("location", place)], String::new())
        }
        "PUT" if path.contains("/manifests/") => {
            let tag = path.rsplit('/').next().unwrap().to_owned();
            seen.manifests.insert(tag, request.body.clone());
            (201, vec![], String::new())
        }
        "PUT" => {
            let digest = digest_in(query);
            assert_eq!(Digest::of(&request.body).to_string(), digest);
            let is_elsewhere = query.contains("state=a%2Fb") && path == "/up/1";
            assert_eq!(habit == Habit::Elsewhere, is_elsewhere, "{path}?{query}");
            let said =
                if habit == Habit::Garbled { Digest::of(b"").to_string() } else { digest.clone() };
            seen.blobs.insert(digest, request.body.clone());
            (201, vec![("docker-content-digest", said)], String::new())
        }
        other => panic!("{other} {path}"),
    }
}

fn image() -> Image {
    let layer = |name: &str| {
        let entries = vec![Entry::file(name, Content::Bytes(name.repeat(50_000).into_bytes()))];
        (Layer::pack(entries, 0, &std::env::temp_dir()).unwrap(), name.to_owned())
    };
    let recipe = Recipe {
        platform: Platform::linux("amd64"),
        base: None,
        layers: vec![layer("one"), layer("two")],
        settings: Settings::default(),
        created: jiff::Timestamp::UNIX_EPOCH,
    };
    recipe.build().unwrap()
}

fn as_ann(password: &str) -> Options {
    let (username, password) = ("ann".to_owned(), password.to_owned());
    Options { credentials: Some(Credentials { username, password }), ..Options::default() }
}

#[track_caller]
fn check_pushed(habit: Habit, options: &Options) {
    let registry = Registry::start(habit);

    let first = registry.push(options).unwrap();
    let lines = registry.lines();
    let second = registry.push(options).unwrap();
    let again = registry.lines();

    let want = image();
    assert_eq!((first.digest, first.sent, first.present), (want.digest(), 3, 0), "{lines:?}");
    assert_eq!((second.sent, second.sent_bytes, second.present), (0, 0, 3), "{again:?}");
    assert!(!again.iter().any(|line| line.starts_with('P')), "sent again: {again:?}");
    let seen = registry.seen.lock().unwrap();
    assert_eq!(Digest::of(&seen.manifests["1"]), want.digest());
    assert_eq!(seen.blobs.len(), 3);
    let is_last = lines.iter().rposition(|line| line.starts_with("PUT"));
    assert_eq!(lines[is_last.unwrap()], "PUT /v2/team/model/manifests/1");
}

#[track_caller]
fn check_refused(habit: Habit, options: &Options, want: &str) {
    let registry = Registry::start(habit);
    assert_eq!(registry.push(options).unwrap_err(), want, "for {habit:?}");
    assert!(registry.seen.lock().unwrap().manifests.is_empty());
}

#[test]
fn every_kind_of_registry_gets_all_of_it_once() {
    check_pushed(Habit::Plain, &Options::default());
    check_pushed(Habit::Elsewhere, &Options::default());
    check_pushed(Habit::Token, &as_ann("secret"));
    check_pushed(Habit::TokenEnds, &as_ann("secret"));
    check_pushed(Habit::Password, &as_ann("secret"));
    check_pushed(Habit::Storage, &Options::default());
}

#[test]
fn one_token_is_enough() {
    let registry = Registry::start(Habit::Token);
    registry.push(&as_ann("secret")).unwrap();
    let asked: Vec<String> =
        registry.lines().into_iter().filter(|line| line.contains("/token")).collect();
    let want = "GET /token?service=s%2C+t&scope=repository%3Ateam%2Fmodel%3Apull%2Cpush";
    assert_eq!(asked, [want]);
}

#[test]
fn refusals_say_what_is_wrong() {
    let nobody = Options::default();
    check_refused(
        Habit::Password,
        &nobody,
        "the registry `HOST` does not allow pushing to `team/model`: it requires a user name and \
         a password",
    );
    let unauthorized =
        "the registry `HOST` does not allow pushing to `team/model`: 401 Unauthorized";
    check_refused(Habit::Password, &as_ann("wrong"), unauthorized);
    check_refused(
        Habit::Token,
        &as_ann("wrong"),
        "the registry `HOST` does not allow pushing to `team/model`: who are you? (401 \
         Unauthorized)",
    );
    check_refused(
        Habit::Status(403),
        &nobody,
        "the registry `HOST` does not allow pushing to `team/model`: 403 Forbidden",
    );
    check_refused(
        Habit::Status(429),
        &nobody,
        "the registry `HOST` received too many requests: try again in 7 s",
    );
}

#[test]
fn answers_that_no_registry_gives_are_told() {
    let nobody = Options::default();
    for (habit, why) in [
        (Habit::Status(404), "no such\\u{1b}[2J (404 Not Found)"),
        (Habit::Status(500), "500 Internal Server Error"),
        (Habit::Garbled, "it received other bytes"),
        (Habit::Nowhere, "it does not say where to upload it"),
    ] {
        let said = Registry::start(habit).push(&nobody).unwrap_err();
        let start = "the registry `HOST` did not accept sha256:";
        assert!(said.starts_with(start) && said.ends_with(why), "for {habit:?}: {said}");
    }
}

#[test]
fn a_registry_that_points_elsewhere_is_not_followed() {
    let registry = Registry::start(Habit::Moved);
    let said = registry.push(&Options::default()).unwrap_err();
    assert!(said.ends_with(": it redirects to https://127.0.0.1:1/v2/"), "{said}");
    assert!(registry.lines().iter().all(|line| !line.starts_with("PUT")));
}

#[test]
fn where_nothing_answers_is_named() {
    let host = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let to = Reference::parse(&format!("{host}/a:1")).unwrap();
    let said = push(&image(), &to, &Options::default()).unwrap_err().to_string();
    assert_eq!(said, format!("cannot reach the registry `{host}`"));
}
