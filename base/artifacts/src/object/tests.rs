//! Against a real S3 server.

use super::*;
use crate::{Locations, RemoteOptions, UploadedPart};
use s3::S3;
use std::io::{Seek, SeekFrom};
use std::time::Duration;

#[path = "../../../../tests/support/s3/mod.rs"]
mod s3;

fn open(s3: &S3, location: &str) -> Arc<dyn ArtifactStore> {
    let options: RemoteOptions = s3.variables().into_iter().collect();
    Locations::new(options).open(location).unwrap()
}

fn path(text: &str) -> ArtifactPath {
    ArtifactPath::parse(text).unwrap()
}

mod in_a_prefix {
    use super::*;

    crate::conformance_tests!(|check| {
        let s3 = S3::start();
        open(&s3, "s3://bucket/other/x").write(&path("kept"), &mut "x".as_bytes()).unwrap();
        check(open(&s3, "s3://bucket/ml/flow/").as_ref());
        assert_eq!(open(&s3, "s3://bucket/other/x").open(&path("kept")).unwrap().size, 1);
    });
}

mod in_a_whole_bucket {
    use super::*;

    crate::conformance_tests!(|check| {
        let s3 = S3::start();
        check(open(&s3, "s3://bucket").as_ref());
    });
}

/// Gives bytes that depend on their position, and may fail in the end.
struct Pattern {
    position: u64,
    end: u64,
    breaks: bool,
}

impl Read for Pattern {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.position).unwrap();
        if left == 0 && self.breaks {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let count = buffer.len().min(left).min(100_000);
        for (at, byte) in buffer[..count].iter_mut().enumerate() {
            *byte = pattern(self.position + at as u64);
        }
        self.position += count as u64;
        Ok(count)
    }
}

fn pattern(position: u64) -> u8 {
    (position % 251) as u8
}

fn content(end: u64) -> Pattern {
    Pattern { position: 0, end, breaks: false }
}

#[test]
fn a_file_of_many_parts_comes_back_whole() {
    let s3 = S3::start();
    let store = open(&s3, "s3://bucket/a");
    // The second size ends with a part exactly.
    for size in [12_345_678, 10 * 1024 * 1024] {
        assert_eq!(store.write(&path("large"), &mut content(size)).unwrap(), size);

        let mut artifact = store.open(&path("large")).unwrap();
        assert_eq!(artifact.size, size);
        let mut got = Vec::new();
        artifact.content.read_to_end(&mut got).unwrap();
        assert!(got.iter().zip(0..).all(|(byte, at)| *byte == pattern(at)), "for {size}");
        assert_eq!(got.len() as u64, size);
    }
    assert_eq!(s3.unfinished(), 0);
}

#[test]
fn a_source_that_breaks_in_a_later_part_leaves_nothing() {
    let s3 = S3::start();
    let store = open(&s3, "s3://bucket/a");
    let mut broken = Pattern { breaks: true, ..content(14 * 1024 * 1024) };

    let written = store.write(&path("large"), &mut broken);

    assert!(matches!(written, Err(Error::Io { .. })), "{written:?}");
    assert!(store.list(&ArtifactPath::root()).unwrap().is_empty());
    assert_eq!(s3.unfinished(), 0);
}

#[test]
fn a_range_is_read_without_the_rest() {
    let s3 = S3::start();
    let store = open(&s3, "s3://bucket/a");
    store.write(&path("large"), &mut content(7_000_000)).unwrap();
    let mut artifact = store.open(&path("large")).unwrap();
    let mut four = [0; 4];

    for position in [6_000_000, 0, 3_333_333, 6_999_996] {
        artifact.content.seek(SeekFrom::Start(position)).unwrap();
        artifact.content.read_exact(&mut four).unwrap();
        assert!(four.iter().zip(position..).all(|(byte, at)| *byte == pattern(at)));
    }
    assert_eq!(artifact.content.read(&mut four).unwrap(), 0);
    assert!(artifact.etag.is_some() && artifact.modified.is_some());
}

#[test]
fn wrong_credentials_are_told_from_missing_files() {
    let s3 = S3::start();
    let mut variables = s3.variables();
    variables[2].1 = "wrong".to_owned();
    let store = Locations::new(variables.into_iter().collect()).open("s3://bucket/a").unwrap();

    let text = store.open(&path("x")).unwrap_err();
    assert!(matches!(text, Error::Denied { .. }), "{text:?}");
    assert_eq!(text.to_string(), "the object store refused permission to read `x`");
}

#[test]
fn options_that_do_not_fit_are_named() {
    let check = |name: &str, value: &str, location: &str, want: &str| {
        let error = Locations::new([(name, value)].into_iter().collect()).open(location);
        let Err(Error::Options { source, .. }) = error else { panic!("{error:?}") };
        assert!(source.to_string().contains(want), "{source}");
    };
    check("MLFLOW_S3_IGNORE_TLS", "maybe", "s3://b/x", "`maybe`");
    check("MLFLOW_S3_UPLOAD_EXTRA_ARGS", "{", "s3://b/x", "not a JSON");
    check("MLFLOW_S3_UPLOAD_EXTRA_ARGS", r#"{"ACL": "public"}"#, "s3://b/x", "`ACL`");
    check("AWS_X", "y", "abfss://c@evil.example/x", "evil.example");
}

#[test]
fn buckets_of_all_kinds_are_opened_without_asking_anybody() {
    let key = "a2V5";
    let options: RemoteOptions = [
        ("AZURE_STORAGE_CONNECTION_STRING", format!("AccountName=acc;AccountKey={key}")),
        ("GOOGLE_SKIP_SIGNATURE", "true".to_owned()),
    ]
    .into_iter()
    .collect();
    let locations = Locations::new(options);
    for (location, want) in [
        ("gs://b/x/y", "GoogleCloudStorage(b), \"x/y\""),
        ("az://c/x", "MicrosoftAzure"),
        ("wasbs://c@acc.blob.core.windows.net/x", "container: c"),
        ("abfss://c@acc.dfs.core.windows.net", "container: c"),
    ] {
        let store = locations.open(location).unwrap();
        assert!(format!("{store:?}").contains(want), "{location}: {store:?}");
        assert!(store.direct().is_none());
    }
    assert!(locations.open("s3:///x").is_err());
}

fn put(request: &crate::SignedRequest, body: &'static str) -> (u16, Option<String>) {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let mut sending = mlctl_client::reqwest::Client::new().put(&request.url).body(body);
        for (name, value) in &request.headers {
            sending = sending.header(name, value);
        }
        let answer = sending.send().await.unwrap();
        let etag = answer.headers().get("etag").map(|etag| etag.to_str().unwrap().to_owned());
        (answer.status().as_u16(), etag)
    })
}

fn get(url: &str) -> (u16, String) {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let answer = mlctl_client::reqwest::get(url).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    })
}

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn clients_upload_parts_that_become_one_file() {
    let s3 = S3::start();
    let store = open(&s3, "s3://bucket/a");
    let (direct, file) = (store.direct().unwrap(), path("run/ü b.bin"));

    let session = direct.begin(&file, 1, HOUR).unwrap();
    let (status, etag) = put(&session.parts[0], "all of it");
    assert_eq!(status, 200);
    assert!(store.list(&ArtifactPath::root()).unwrap().is_empty(), "it is not complete");
    let part = UploadedPart { number: 1, etag: etag.unwrap() };
    let gap = UploadedPart { number: 3, ..part.clone() };
    let refused = direct.complete(&file, &session.id, &[part.clone(), gap]);
    assert!(matches!(refused, Err(Error::InvalidParts { .. })), "{refused:?}");
    direct.complete(&file, &session.id, &[part]).unwrap();

    assert_eq!(store.open(&file).unwrap().size, 9);
    let aborted = direct.begin(&file, 2, HOUR).unwrap();
    direct.abort(&file, &aborted.id).unwrap();
    assert_eq!(s3.unfinished(), 0);
    assert!(direct.begin(&file, 0, HOUR).is_err());
}

#[test]
fn signed_requests_need_no_credentials_and_reach_one_file_only() {
    let s3 = S3::start();
    let store = open(&s3, "s3://bucket/a");
    let direct = store.direct().unwrap();
    let file = path("notes.txt");

    let missing = direct.sign_read(&file, HOUR);
    assert!(matches!(missing, Err(Error::NotFound { .. })), "{missing:?}");
    let upload = direct.sign_write(&file, "text/plain", HOUR).unwrap();
    assert_eq!(put(&upload, "hello").0, 200);
    assert_eq!(s3.keys(), ["a/notes.txt"]);
    let download = direct.sign_read(&file, HOUR).unwrap();
    assert_eq!(download.file_size, Some(5));
    assert_eq!(get(&download.url), (200, "hello".to_owned()));
    assert_eq!(get(&download.url.replace("notes", "other")).0, 403);
    assert!(!format!("{download:?}").contains("http"), "{download:?}");
}
