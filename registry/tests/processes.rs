//! Several processes on one file, and processes that are killed: one history, all or nothing.
//!
//! The children are this test program, started again with one ignored test and the file's path
//! in an environment variable.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::ops::Range;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use mlctl_registry::{
    Change, ModelName, NewVersion, PageSize, RegistryStore, SqliteStore, Stage, Stamp, Transition,
    VersionNumber, VersionQuery,
};

const FILE: &str = "REGISTRY_UNDER_TEST";
const STAMPS: &str = "STAMPS_UNDER_TEST";
const VERSIONS: u32 = 4;

fn churn() -> ModelName {
    ModelName::parse("churn").unwrap()
}

fn prepare(path: &Path) -> SqliteStore {
    let store = SqliteStore::open(path).unwrap();
    let mut new = NewVersion::of(churn(), "/models/churn");
    new.create_model_if_missing = true;
    for _ in 0..VERSIONS {
        store.create_version(&new, &Stamp::new("parent", 0)).unwrap();
    }
    store
}

/// Wants one version after the other in production, and there alone.
fn promotion(at_ms: i64) -> Transition {
    Transition {
        model: churn(),
        version: VersionNumber::from_u32(at_ms as u32 % VERSIONS + 1).unwrap(),
        stage: Stage::PRODUCTION,
        archive_existing_versions: true,
    }
}

/// Promotes one version after the other and prints each stamp once its move is acknowledged.
#[test]
#[ignore = "a child of the tests below"]
fn child_that_promotes() {
    let path = std::env::var(FILE).unwrap();
    let stamps = std::env::var(STAMPS).unwrap();
    let (first, end) = stamps.split_once("..").unwrap();
    let store = SqliteStore::open(path).unwrap();
    for at_ms in first.parse::<i64>().unwrap()..end.parse().unwrap() {
        store.transition(&promotion(at_ms), &Stamp::new("child", at_ms)).unwrap();
        println!("\nmoved {at_ms}");
        std::io::stdout().flush().unwrap();
    }
}

fn spawn(path: &Path, stamps: Range<i64>) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "child_that_promotes", "--nocapture"])
        .env(FILE, path)
        .env(STAMPS, format!("{stamps:?}"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Reads the stamps that a child was told are kept, at most `count` of them.
fn acknowledged(child: &mut Child, count: usize) -> Vec<i64> {
    let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let stamps = lines.filter_map(|line| line.unwrap().strip_prefix("moved ")?.parse().ok());
    stamps.take(count).collect()
}

/// Checks that the history explains every stage and that one version is in production.
#[track_caller]
fn check_history(store: &SqliteStore) -> Vec<i64> {
    let events = store.events(&churn(), None, None, PageSize::MAX).unwrap().items;
    let (mut stages, mut stamps) = (BTreeMap::new(), Vec::new());
    for event in events {
        match event.change {
            Change::VersionCreated { .. } => {
                stages.insert(event.version.unwrap(), Stage::NONE);
            }
            Change::StageChanged { from, to, displaced_by } => {
                let before = stages.insert(event.version.unwrap(), to);
                assert_eq!(before, Some(from), "event {}", event.id);
                stamps.extend(displaced_by.is_none().then_some(event.at_ms));
            }
            _ => {}
        }
        let held = |stages: &BTreeMap<_, Stage>| {
            stages.values().filter(|stage| **stage == Stage::PRODUCTION).count()
        };
        assert!(held(&stages) <= 1, "event {}", event.id);
    }
    let versions = store.search_versions(&VersionQuery::of(&churn())).unwrap().items;
    assert_eq!(stages, versions.into_iter().map(|v| (v.version, v.current_stage)).collect());
    stamps
}

#[test]
fn two_processes_and_32_threads_make_one_history() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.db");
    let store = prepare(&path);

    let mut children = [spawn(&path, 1_000..1_050), spawn(&path, 2_000..2_050)];
    thread::scope(|scope| {
        for thread in 0..32 {
            let store = &store;
            scope.spawn(move || {
                for round in 0..3 {
                    let at_ms = 10_000 + thread * 10 + round;
                    store.transition(&promotion(at_ms), &Stamp::new("parent", at_ms)).unwrap();
                }
            });
        }
    });
    let told = children.each_mut().map(|child| acknowledged(child, usize::MAX).len());
    let ended = children.each_mut().map(|child| child.wait().unwrap().success());

    assert_eq!((told, ended), ([50, 50], [true, true]));
    assert_eq!(check_history(&store).len(), 100 + 32 * 3);
}

#[test]
fn a_killed_process_leaves_all_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.db");
    drop(prepare(&path));
    let mut random: u64 = 0x2545_F491_4F6C_DD1D;
    let mut next = |end: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) % end
    };

    for round in 0..200 {
        // More moves than a child lives to make.
        let mut child = spawn(&path, round * 1_000_000..(round + 1) * 1_000_000);
        let moves = next(4) as usize;
        let told = acknowledged(&mut child, moves);
        // The moment after an answer is not the only one: it dies anywhere in a move.
        thread::sleep(Duration::from_micros(next(3_000)));
        child.kill().unwrap();
        child.wait().unwrap();

        let kept = check_history(&SqliteStore::open(&path).unwrap());
        assert_eq!(told.len(), moves);
        assert!(told.iter().all(|stamp| kept.contains(stamp)), "round {round}: {told:?}");
    }
}
