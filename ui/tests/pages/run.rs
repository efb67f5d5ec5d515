//! The page of a run, its charts and its artifacts.

use crate::browser::Browser;
use crate::hostile::{HOSTILE, check_page};
use crate::seed::{NOW, NewOne, crops, experiment, key, run, site};
use axum::http::StatusCode;
use mlctl_artifacts::ArtifactPath;
use mlctl_tracking::TrackingStore;
use mlctl_tracking::entity::Metric;
use mlctl_tracking::store::Batch;
use mlctl_tracking::store::memory::MemoryStore;
use std::sync::Arc;

fn place(id: &mlctl_tracking::RunId) -> String {
    format!("/runs/{}", id.as_str())
}

/// Stores a file among the artifacts of a run.
fn put(store: &MemoryStore, id: &mlctl_tracking::RunId, path: &str, content: &[u8]) {
    let uri = store.run(id).unwrap().info.artifact_uri;
    let path = ArtifactPath::parse(path).unwrap();
    store.artifacts(&uri).unwrap().write(&path, &mut &content[..]).unwrap();
}

#[test]
fn the_overview_has_metrics_with_extremes_params_and_tags() {
    let (browser, store, _, runs) = crops();
    let point = |value, step| Metric::new(key("loss"), value, NOW + step, step);
    let metrics = vec![point(9.0, 3), point(0.5, 7)];
    store.log_batch(&runs[1], &Batch { metrics, ..Batch::default() }).unwrap();

    let page = browser.page(&place(&runs[1]));

    assert!(page.contains("<title>wheat · mlctl</title>"), "{page}");
    assert!(page.contains(">0.5<"), "the last value");
    assert!(page.contains(">9<") && page.contains(" @3<"), "the greatest, and its step");
    assert!(page.contains(">0.01<") && page.contains(">nightly<"), "{page}");
    assert!(page.contains("class=\"spark\""), "{page}");
}

#[test]
fn a_run_is_set_against_another() {
    let (browser, _, _, runs) = crops();

    let page = browser.page(&format!("{}?against={}", place(&runs[0]), runs[1].as_str()));

    assert!(page.contains("Set against") && page.contains(">wheat<"), "{page}");
    assert!(page.contains("class=\"marked\"") && page.contains(">equal<"), "{page}");
    assert!(page.contains(">0.1265<"), "0.25 - 0.123456: {page}");
}

#[test]
fn a_run_that_does_not_exist_is_named() {
    let (browser, ..) = crops();
    let id = "f".repeat(32);

    let answer = browser.get(&format!("/runs/{id}"));

    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(answer.text().contains(&format!("Run `{id}` does not exist.")), "{}", answer.text());
}

#[test]
fn tags_and_notes_are_changed_by_forms() {
    let (browser, store, _, runs) = crops();
    let here = place(&runs[0]);
    let tag = |name: &str| {
        let tags = store.run(&runs[0]).unwrap().data.tags;
        tags.into_iter().find(|tag| tag.key.as_str() == name).map(|tag| tag.value)
    };

    browser.send(&here, &format!("{here}/tag"), &[("key", "soil"), ("value", "dry")]);
    assert_eq!(tag("soil").as_deref(), Some("dry"));
    browser.send(&here, &format!("{here}/untag"), &[("key", "soil")]);
    assert_eq!(tag("soil"), None);
    browser.send(&here, &format!("{here}/rename"), &[("name", "oats")]);
    assert_eq!(store.run(&runs[0]).unwrap().info.run_name, "oats");

    let note = |before: &str, text: &str| {
        browser.send(&here, &format!("{here}/note"), &[("before", before), ("note", text)])
    };
    assert_eq!(note("", "# Dry\r\nsoil").status, StatusCode::SEE_OTHER);
    let late = note("", "wet");
    assert_eq!(late.status, StatusCode::CONFLICT);
    assert!(late.text().contains("# Dry") && late.text().contains("wet"), "{}", late.text());
    assert!(browser.page(&here).contains("<h1>Dry</h1>"));
}

#[test]
fn charts_show_every_metric_and_say_what_cannot_be_drawn() {
    let (browser, store, _, runs) = crops();
    let metrics = (0..3_000).map(|step| {
        let value = if step == 1_234 { 50.0 } else { f64::from(step).sin() };
        Metric::new(key("train/acc"), value, NOW, i64::from(step))
    });
    let metrics: Vec<Metric> = metrics.collect();
    for part in metrics.chunks(1_000) {
        store.log_batch(&runs[0], &Batch { metrics: part.to_vec(), ..Batch::default() }).unwrap();
    }
    let here = place(&runs[0]);

    let page = browser.page(&format!("{here}/charts"));
    assert!(page.contains("<h2>") && page.contains("highest 50"), "{page}");
    assert!(page.contains("3,000 points as least and greatest of 400 columns"), "{page}");
    let found = browser.page(&format!("{here}/charts?q=ACC&smooth=ema:0.9&y=log&x=relative"));
    assert!(found.contains("train/acc") && !found.contains(">loss<"), "{found}");
    let zoomed = browser.page(&format!("{here}/charts?q=acc&from=1200&to=1300"));
    assert!(zoomed.contains("highest 50") && zoomed.contains("Whole range"), "{zoomed}");
    for wrong in ["x=mile", "smooth=box", "from=a", "from=9&to=1"] {
        let answer = browser.get(&format!("{here}/charts?{wrong}"));
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[test]
fn artifacts_are_shown_as_what_they_are() {
    let (browser, store, _, runs) = crops();
    for (path, content) in [
        ("d/readme.md", &b"# Soil\n<script>alert(1)</script>"[..]),
        ("d/t.csv", b"a,b\n1,\"x,y\"\n"),
        ("d/a.log", b"\x1b[31mred\x1b[0m <b>"),
        ("d/p.html", b"<script>alert(1)</script>"),
        ("d/s.svg", b"<svg onload='alert(1)'/>"),
        ("d/fake.png", b"<script>alert(1)</script>"),
        ("d/x.bin", b"\0\x01\x02"),
    ] {
        put(&store, &runs[0], path, content);
    }
    let here = format!("{}/artifacts", place(&runs[0]));
    let show = |name: &str| browser.page(&format!("{here}/d/{name}"));

    assert!(browser.page(&here).contains("▸"), "a folder");
    let folder = browser.page(&format!("{here}/d"));
    assert!(folder.contains(">readme.md<") && folder.contains("7 files"), "{folder}");
    assert!(show("readme.md").contains("<h1>Soil</h1>"));
    assert!(show("t.csv").contains(">x,y<"));
    assert!(show("a.log").contains("red &lt;b&gt;"));
    assert!(show("p.html").contains("<iframe class=\"preview\" sandbox=\"allow-scripts\""));
    assert!(show("fake.png").contains("&lt;script&gt;"), "its content is text");
    assert!(show("x.bin").contains("cannot be shown here"));
    for name in ["readme.md", "t.csv", "a.log", "p.html", "s.svg", "fake.png", "x.bin"] {
        check_page(&show(name).replace("<img class=\"preview\"", ""), name);
    }
    for name in ["p.html", "s.svg", "fake.png"] {
        let raw = browser.get(&format!("{}/raw/d/{name}", place(&runs[0])));
        let policy = raw.header("content-security-policy");
        assert!(policy.starts_with("sandbox") && !policy.contains("same-origin"), "{policy}");
        assert_eq!(raw.header("x-content-type-options"), "nosniff");
    }
    let raw = browser.get(&format!("{}/raw/d/x.bin", place(&runs[0])));
    assert!(raw.header("location").starts_with("/get-artifact?run_id="), "{}", raw.status);
    let missing = browser.get(&format!("{here}/d/none"));
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    let outside = browser.get(&format!("{here}/%2e%2e/%2e%2e/etc/passwd"));
    assert!(outside.status.is_client_error(), "{}", outside.status);
}

#[test]
fn hostile_texts_are_text_on_every_page_of_a_run() {
    for text in HOSTILE {
        let store = Arc::new(MemoryStore::new());
        let id = experiment(&store, "plain");
        let tags = [
            ("t", text),
            ("mlflow.note.content", text),
            ("mlflow.source.name", text),
            ("mlflow.source.type", "PROJECT"),
            ("mlflow.source.git.repoURL", text),
            ("mlflow.source.git.commit", text),
            ("mlflow.parentRunId", text),
        ];
        let new =
            NewOne { name: text, params: &[("p", text)], metrics: &[("m", 1.0)], tags: &tags };
        let id = run(&store, &id, &new);
        let browser = Browser::new(site(&store));

        for part in ["", "/charts", "/artifacts"] {
            let path = format!("{}{part}", place(&id));
            check_page(&browser.page(&path), &path);
        }
    }
}
