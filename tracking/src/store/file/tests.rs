//! The shared suite on folders, and what only folders can suffer.

use super::*;
use crate::entity::{Param, RunStatus};
use crate::facts::{KeyKind, KeyQuery, RunFacts};
use crate::store::agreement;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::time::Duration;
use tempfile::TempDir;

const NOW: Millis = 1_700_000_000_000;

fn store() -> (FileStore, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { clock: Clock::fixed(NOW), ..Options::default() };
    let store = FileStore::open_with(folder.path().join("mlruns"), &options).unwrap();
    (store, folder)
}

/// A store whose index believes a stamp at once, so that tests need not wait for files to settle.
fn trusting_store() -> (FileStore, TempDir) {
    let (mut store, folder) = store();
    store.index = Index::trusting_after(Duration::ZERO);
    (store, folder)
}

crate::conformance_tests!(store());
crate::purge_conformance_tests!(store());

fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

fn new_run(name: &str) -> NewRun {
    NewRun {
        experiment_id: ExperimentId::default_experiment(),
        user_id: "ada".to_owned(),
        run_name: Some(name.to_owned()),
        start_time: NOW,
        tags: Vec::new(),
    }
}

fn start(store: &dyn TrackingStore, name: &str) -> RunId {
    store.create_run(&new_run(name)).unwrap().info.run_id
}

fn metric(name: &str, value: f64, step: i64) -> Batch {
    Batch { metrics: vec![Metric::new(key(name), value, NOW, step)], ..Batch::default() }
}

fn found(store: &dyn TrackingStore, filter: &str) -> Vec<String> {
    let query = RunQuery {
        filter: filter.to_owned(),
        ..RunQuery::of(vec![ExperimentId::default_experiment()])
    };
    let mut names: Vec<String> =
        store.search_runs(&query).unwrap().items.into_iter().map(|run| run.info.run_name).collect();
    names.sort();
    names
}

fn run_folder(store: &FileStore, id: &RunId) -> PathBuf {
    store.root().join("0").join(id.as_str())
}

/// Writes as other programs do: in place, keeping the inode.
fn overwrite(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
}

fn append(path: &Path, text: &str) {
    OpenOptions::new().append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
}

#[test]
fn what_other_programs_change_shows_in_the_next_search() {
    let (store, _folder) = trusting_store();
    let id = start(&store, "one");
    store.log_batch(&id, &metric("train/loss", 0.5, 0)).unwrap();
    let folder = run_folder(&store, &id);
    overwrite(&folder.join("tags/kind"), "a");
    overwrite(&folder.join("params/depth"), "3");
    assert_eq!(found(&store, "metrics.`train/loss` = 0.5 AND tags.kind = 'a'"), ["one"]);

    append(&folder.join("metrics/train/loss"), "1700000000001 0.25 1\n");
    assert_eq!(found(&store, "metrics.`train/loss` = 0.25"), ["one"]);

    overwrite(&folder.join("tags/kind"), "bb");
    assert_eq!(found(&store, "tags.kind = 'bb'"), ["one"]);
    assert!(found(&store, "tags.kind = 'a'").is_empty());

    overwrite(&folder.join("metrics/new"), "1700000000001 7 0\n");
    assert_eq!(found(&store, "metrics.new = 7"), ["one"]);

    fs::remove_file(folder.join("params/depth")).unwrap();
    assert!(found(&store, "params.depth = '3'").is_empty());

    let meta = fs::read_to_string(folder.join("meta.yaml")).unwrap();
    overwrite(&folder.join("meta.yaml"), &meta.replace("status: 1", "status: 3 "));
    assert_eq!(found(&store, "status = 'FINISHED'"), ["one"]);

    fs::remove_dir_all(&folder).unwrap();
    assert!(found(&store, "").is_empty());
}

#[test]
fn a_shown_run_is_compared_in_whole() {
    let (store, _folder) = trusting_store();
    let id = start(&store, "one");
    store.log_batch(&id, &metric("loss", 0.5, 0)).unwrap();
    let query = RunQuery::of(vec![ExperimentId::default_experiment()]);
    store.search_runs(&query).unwrap();

    let folder = run_folder(&store, &id);
    append(&folder.join("metrics/loss"), "1700000000001 0.25 1\n");
    overwrite(&folder.join("tags/late"), "x");
    fs::remove_file(folder.join("tags/mlflow.runName")).unwrap();

    let run = &store.search_runs(&query).unwrap().items[0];
    assert_eq!(run, &store.run(&id).unwrap());
    assert_eq!(run.data.metrics[0].value, 0.25);
    assert_eq!(run.data.tags, [Tag::new(key("late"), "x")]);
}

#[test]
fn a_copied_run_and_a_second_store_are_seen() {
    let (store, _folder) = trusting_store();
    start(&store, "one");
    assert_eq!(found(&store, ""), ["one"]);

    let other = FileStore::open(store.root()).unwrap();
    let id = start(&other, "two");
    other.log_batch(&id, &metric("loss", 0.5, 0)).unwrap();

    assert_eq!(found(&store, ""), ["one", "two"]);
    assert_eq!(found(&store, "metrics.loss < 1"), ["two"]);
    other.delete_run(&id, NOW).unwrap();
    assert_eq!(found(&store, ""), ["one"]);
}

#[test]
fn deleting_or_breaking_the_index_loses_nothing() {
    let (store, _folder) = trusting_store();
    let id = start(&store, "one");
    store.log_batch(&id, &metric("loss", 0.5, 0)).unwrap();
    let index = store.root().join(index::FILE);
    assert_eq!(found(&store, "metrics.loss = 0.5"), ["one"]);

    fs::remove_file(&index).unwrap();
    assert_eq!(found(&store, "metrics.loss = 0.5"), ["one"]);

    overwrite(&index, "this is no database, but it is long enough to be taken for one at first");
    let again = FileStore::open(store.root()).unwrap();
    assert_eq!(found(&again, "metrics.loss = 0.5"), ["one"]);

    let of_the_future = rusqlite::Connection::open(&index).unwrap();
    of_the_future.pragma_update(None, "user_version", 99).unwrap();
    drop(of_the_future);
    let again = FileStore::open(store.root()).unwrap();
    assert_eq!(found(&again, "metrics.loss = 0.5"), ["one"]);
}

#[test]
fn an_unchanged_store_is_searched_without_reading_runs() {
    let (store, _folder) = trusting_store();
    let id = start(&store, "one");
    store.log_batch(&id, &metric("loss", 0.5, 0)).unwrap();
    assert_eq!(found(&store, "metrics.loss = 0.5"), ["one"]);
    // What the index says shows that nothing else was read: the file still says 0.5.
    let index = rusqlite::Connection::open(store.root().join(index::FILE)).unwrap();
    let changed =
        index.execute("UPDATE part SET text = '1 0.125 0\n' WHERE key = 'loss'", []).unwrap();
    assert_eq!(changed, 1);
    assert_eq!(found(&store, "metrics.loss = 0.125"), ["one"]);
}

#[test]
fn a_broken_run_is_skipped_and_the_rest_works() {
    let (store, _folder) = store();
    let broken = start(&store, "broken");
    start(&store, "whole");
    overwrite(&run_folder(&store, &broken).join("meta.yaml"), "run_id: [\n");

    assert_eq!(found(&store, ""), ["whole"]);
    let error = FileStore::open(store.root()).unwrap().run(&broken).unwrap_err();
    assert!(matches!(error, Error::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("meta.yaml"), "{error}");
}

#[test]
fn a_torn_last_line_is_skipped_and_then_cut_off() {
    let (store, _folder) = store();
    let id = start(&store, "one");
    store.log_batch(&id, &metric("loss", 0.5, 0)).unwrap();
    let file = run_folder(&store, &id).join("metrics/loss");
    append(&file, "1700000000001 0.2");
    let values = |store: &FileStore| -> Vec<f64> {
        let history = store.metric_history(&id, &key("loss"), &HistoryPage::default()).unwrap();
        history.items.iter().map(|point| point.value).collect()
    };
    assert_eq!(values(&store), [0.5]);

    store.log_batch(&id, &metric("loss", 0.125, 1)).unwrap();

    assert_eq!(values(&store), [0.5, 0.125]);
    assert!(!fs::read_to_string(&file).unwrap().contains("0.2"));
}

#[test]
fn a_batch_that_fails_half_way_is_taken_back() {
    let (store, _folder) = store();
    let id = start(&store, "one");
    store.log_batch(&id, &metric("a", 1.0, 0)).unwrap();
    let before = store.run(&id).unwrap();
    // `a` is a file, so that `a/b` has no folder to go to.
    let batch = Batch {
        metrics: vec![Metric::new(key("a"), 2.0, NOW, 1), Metric::new(key("a/b"), 1.0, NOW, 0)],
        params: vec![Param::new(key("p"), "1")],
        tags: vec![Tag::new(key("t"), "1")],
    };

    let error = store.log_batch(&id, &batch).unwrap_err();

    assert!(matches!(error, Error::Invalid { .. }), "{error}");
    assert!(error.to_string().contains(
        "another key is stored as a file where this one needs a \
                                        folder"
    ));
    assert_eq!(store.run(&id).unwrap(), before);
    let history = store.metric_history(&id, &key("a"), &HistoryPage::default()).unwrap();
    assert_eq!(history.items.len(), 1);
}

/// Logs until the file is held open: the run's document must have settled.
fn log_the_short_way(store: &FileStore, id: &RunId, name: &str) {
    std::thread::sleep(Duration::from_millis(150));
    store.log_batch(id, &metric(name, 0.0, 0)).unwrap();
    let point = Metric::new(key(name), 0.0, NOW, 1);
    assert!(store.open.append(id, &point).unwrap(), "the file is not held open");
}

#[test]
fn an_open_file_that_changes_is_opened_anew() {
    let (store, _folder) = store();
    let id = start(&store, "one");
    log_the_short_way(&store, &id, "loss");
    let file = run_folder(&store, &id).join("metrics/loss");
    let steps = |store: &FileStore| -> Vec<i64> {
        let history = store.metric_history(&id, &key("loss"), &HistoryPage::default()).unwrap();
        history.items.iter().map(|point| point.step).collect()
    };

    append(&file, "1700000000001 0.2");
    store.log_batch(&id, &metric("loss", 0.5, 2)).unwrap();
    assert_eq!(steps(&store), [0, 1, 2]);

    log_the_short_way(&store, &id, "loss");
    fs::remove_file(&file).unwrap();
    store.log_batch(&id, &metric("loss", 0.5, 3)).unwrap();
    assert_eq!(steps(&store), [3]);

    log_the_short_way(&store, &id, "loss");
    FileStore::open(store.root()).unwrap().delete_run(&id, NOW).unwrap();
    let error = store.log_batch(&id, &metric("loss", 0.5, 4)).unwrap_err();
    assert!(matches!(error, Error::NotActive { .. }), "{error}");
}

#[test]
fn two_stores_that_hold_a_file_open_lose_nothing() {
    let (store, _folder) = store();
    let id = start(&store, "one");
    let other = FileStore::open(store.root()).unwrap();
    log_the_short_way(&store, &id, "loss");
    log_the_short_way(&other, &id, "loss");
    std::thread::scope(|scope| {
        for store in [&store, &other, &store, &other] {
            let id = &id;
            scope.spawn(move || {
                for step in 0..500 {
                    store.log_batch(id, &metric("loss", 0.5, step)).unwrap();
                }
            });
        }
    });
    let history = store.metric_history(&id, &key("loss"), &HistoryPage::default()).unwrap();
    assert_eq!(history.items.len(), 4 + 4 * 500);
}

#[test]
fn links_and_pipes_among_the_values_are_not_followed() {
    let (store, folder) = store();
    let id = start(&store, "one");
    let params = run_folder(&store, &id).join("params");
    let secret = folder.path().join("secret");
    overwrite(&secret, "x");
    std::os::unix::fs::symlink(&secret, params.join("link")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(params.join("pipe")).status().unwrap();
    assert!(made.success());
    assert!(store.run(&id).unwrap().data.params.is_empty());
    assert_eq!(found(&store, ""), ["one"]);
}

#[test]
fn folders_that_are_links_are_neither_read_nor_written_through() {
    for part in ["params", "metrics", "tags"] {
        let (store, folder) = store();
        let id = start(&store, "one");
        let outside = folder.path().join("outside");
        fs::create_dir(&outside).unwrap();
        overwrite(&outside.join("secret"), "1 2 3\n");
        let place = run_folder(&store, &id).join(part);
        fs::remove_dir_all(&place).unwrap();
        std::os::unix::fs::symlink(&outside, &place).unwrap();

        let run = store.run(&id).unwrap();
        assert!(!format!("{run:?}").contains("secret"), "{part}: {run:?}");
        found(&store, "params.secret LIKE '%'");
        assert!(store.metric_history(&id, &key("secret"), &HistoryPage::default()).is_ok());
        let mut batch = metric("loss", 0.5, 0);
        batch.params.push(Param { key: key("p"), value: "v".to_owned() });
        batch.tags.push(Tag { key: key("t"), value: "v".to_owned() });
        assert!(store.log_batch(&id, &batch).is_err(), "{part}");
        let left: Vec<_> = fs::read_dir(&outside).unwrap().collect();
        assert_eq!(left.len(), 1, "{part}");
    }
}

#[test]
fn a_metric_that_is_a_link_takes_no_points() {
    let (store, folder) = store();
    let id = start(&store, "one");
    let outside = folder.path().join("outside");
    overwrite(&outside, "1 2 3\n");
    let metrics = run_folder(&store, &id).join("metrics");
    std::os::unix::fs::symlink(&outside, metrics.join("loss")).unwrap();

    assert!(store.log_batch(&id, &metric("loss", 0.5, 0)).is_err());

    assert_eq!(fs::read_to_string(&outside).unwrap(), "1 2 3\n");
}

#[test]
fn runs_and_experiments_behind_a_link_out_of_the_store_are_not_there() {
    let (store, folder) = store();
    let other = FileStore::open(folder.path().join("other")).unwrap();
    let theirs = start(&other, "theirs");
    let linked = store.root().join("0").join(theirs.as_str());
    std::os::unix::fs::symlink(run_folder(&other, &theirs), &linked).unwrap();
    std::os::unix::fs::symlink(other.root().join("0"), store.root().join("7")).unwrap();

    assert!(matches!(store.run(&theirs), Err(Error::RunNotFound(_))));
    assert_eq!(found(&store, ""), Vec::<String>::new());
    let seventh = ExperimentId::parse("7").unwrap();
    assert!(matches!(store.experiment(&seventh), Err(Error::ExperimentNotFound(_))));
    assert_eq!(store.all_experiments().unwrap().len(), 1);
}

#[test]
fn a_document_that_is_a_pipe_or_huge_hides_its_run_only() {
    let (store, _folder) = store();
    let [fine, pipe, huge, link] = ["fine", "pipe", "huge", "link"].map(|name| start(&store, name));
    let meta = |id: &RunId| run_folder(&store, id).join("meta.yaml");
    fs::remove_file(meta(&pipe)).unwrap();
    let made = std::process::Command::new("mkfifo").arg(meta(&pipe)).status().unwrap();
    assert!(made.success());
    let file = OpenOptions::new().append(true).open(meta(&huge)).unwrap();
    file.set_len(1 << 40).unwrap();
    fs::remove_file(meta(&link)).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", meta(&link)).unwrap();

    assert_eq!(found(&store, ""), ["fine"]);
    assert!(store.run(&fine).is_ok());
    assert!(matches!(store.run(&pipe), Err(Error::RunNotFound(_))));
    assert!(matches!(store.run(&link), Err(Error::RunNotFound(_))));
    let error = store.run(&huge).unwrap_err().to_string();
    assert!(error.contains("it has more than"), "{error}");
}

#[test]
fn a_huge_value_hides_itself_only() {
    let (store, _folder) = store();
    let id = start(&store, "one");
    for part in ["params/p", "metrics/m"] {
        let path = run_folder(&store, &id).join(part);
        let file = fs::File::create(path).unwrap();
        file.set_len(1 << 40).unwrap();
    }

    let run = store.run(&id).unwrap();

    assert!(run.data.params.is_empty() && run.data.metrics.is_empty());
    let history = store.metric_history(&id, &key("m"), &HistoryPage::default());
    assert!(matches!(history, Err(Error::Corrupt { .. })));
}

#[test]
fn artifacts_of_a_run_are_not_read_through_a_link_out_of_the_store() {
    let (store, _folder) = store();
    let id = start(&store, "one");
    let artifacts = run_folder(&store, &id).join("artifacts");
    fs::remove_dir(&artifacts).unwrap();
    std::os::unix::fs::symlink("/etc", &artifacts).unwrap();

    let location = store.run(&id).unwrap().info.artifact_uri;
    let opened = store.artifacts(&location).unwrap();

    assert!(opened.list(&mlctl_artifacts::ArtifactPath::root()).is_err());
    let path = mlctl_artifacts::ArtifactPath::parse("hostname").unwrap();
    assert!(opened.open(&path).is_err());
}

/// The expected is what MLflow 3.17.2 lists, and more: it fails on a run without `end_time`.
#[test]
fn a_field_that_nobody_needs_hides_no_run() {
    let fields = [
        "artifact_uri",
        "deleted_time",
        "end_time",
        "entry_point_name",
        "lifecycle_stage",
        "run_name",
        "run_uuid",
        "source_name",
        "source_type",
        "source_version",
        "start_time",
        "tags",
        "user_id",
    ];
    let values = ["", "null", "1538000000000.5", "'text'", "7", "[a, {b: 1}]", "true"];
    let (store, _folder) = trusting_store();
    let id = start(&store, "one");
    let meta = run_folder(&store, &id).join("meta.yaml");
    let whole = fs::read_to_string(&meta).unwrap();
    for field in fields {
        for value in values {
            let kept = whole.lines().filter(|line| !line.starts_with(&format!("{field}:")));
            let mut text = kept.map(|line| format!("{line}\n")).collect::<String>();
            if !value.is_empty() {
                text.push_str(&format!("{field}: {value}\n"));
            }
            overwrite(&meta, &text);

            let run = store.run(&id).unwrap_or_else(|error| panic!("{field}: {value}: {error}"));
            assert_eq!(found(&store, "").len(), 1, "{field}: {value}");
            if (field, value) == ("start_time", "1538000000000.5") {
                assert_eq!(run.info.start_time, 1_538_000_000_000);
            }
            let change = RunChange { status: Some(RunStatus::Finished), ..RunChange::default() };
            store.update_run(&id, &change).unwrap();
            overwrite(&meta, &whole);
        }
    }
}

#[test]
fn a_run_in_a_folder_of_another_name_is_in_no_list_and_no_command_finds_it() {
    let (store, _folder) = store();
    let id = start(&store, "one");
    let copy = "0123456789abcdef0123456789abcde4";
    fs::rename(run_folder(&store, &id), store.root().join("0").join(copy)).unwrap();

    assert_eq!(found(&store, ""), Vec::<String>::new());
    assert!(matches!(store.run(&id), Err(Error::RunNotFound(_))));
    let error = store.run(&RunId::parse(copy).unwrap()).unwrap_err().to_string();
    assert!(error.contains(&format!("its run_id is `{id}`")), "{error}");
}

#[test]
fn artifacts_that_are_kept_apart_stay_there() {
    let (store, folder) = store();
    let apart = folder.path().join("arts");
    let run = store.create_run(&new_run("one")).unwrap().info.run_id;
    // As MLflow's server writes it with another folder for artifacts.
    let recorded = format!("file://{}/0/{run}/artifacts", apart.display());
    let meta = run_folder(&store, &run).join("meta.yaml");
    let text = fs::read_to_string(&meta).unwrap();
    let here = store.run(&run).unwrap().info.artifact_uri;
    overwrite(&meta, &text.replace(&here, &recorded));
    fs::create_dir_all(apart.join("0").join(run.as_str()).join("artifacts")).unwrap();

    let info = FileStore::open(store.root()).unwrap().run(&run).unwrap().info;

    assert_eq!(info.artifact_uri, recorded);
}

#[test]
fn a_copy_of_a_run_in_another_experiment_is_not_the_run() {
    let (store, _folder) = store();
    let id = start(&store, "one");
    let other = store
        .create_experiment(&NewExperiment {
            name: ExperimentName::parse("other").unwrap(),
            artifact_location: None,
            tags: Vec::new(),
            time: NOW,
        })
        .unwrap();
    let copy = store.root().join(other.as_str()).join(id.as_str());
    fs::create_dir_all(&copy).unwrap();
    fs::copy(run_folder(&store, &id).join("meta.yaml"), copy.join("meta.yaml")).unwrap();

    FileStore::open(store.root()).unwrap().delete_run(&id, NOW).unwrap();

    assert!(found(&store, "").is_empty());
}

#[test]
fn changes_of_one_run_at_the_same_time_are_all_kept() {
    let (store, _folder) = store();
    for round in 0..30 {
        let id = start(&store, "one");
        let other = FileStore::open(store.root()).unwrap();
        let ended = RunChange {
            status: Some(RunStatus::Finished),
            end_time: Some(NOW + 1),
            ..RunChange::default()
        };
        let tags = vec![Tag::new(key("mlflow.runName"), "renamed")];
        let renamed = Batch { tags, ..Batch::default() };
        std::thread::scope(|scope| {
            let (store, other, id) = (&store, &other, &id);
            scope.spawn(move || store.update_run(id, &ended).unwrap());
            scope.spawn(move || other.log_batch(id, &renamed).unwrap());
        });
        let info = FileStore::open(store.root()).unwrap().run(&id).unwrap().info;
        assert_eq!(info.status, RunStatus::Finished, "round {round}");
        assert_eq!(info.run_name, "renamed", "round {round}");
    }
}

#[test]
fn an_experiment_that_is_deleted_while_others_write_is_restored_whole() {
    let (store, _folder) = store();
    for round in 0..20 {
        let new = NewExperiment {
            name: ExperimentName::parse(format!("e{round}")).unwrap(),
            artifact_location: None,
            tags: Vec::new(),
            time: NOW,
        };
        let experiment = store.create_experiment(&new).unwrap();
        let new = NewRun { experiment_id: experiment.clone(), ..new_run("one") };
        let id = store.create_run(&new).unwrap().info.run_id;
        let logged = std::thread::scope(|scope| {
            let (store, id, new) = (&store, &id, &new);
            let writer = scope.spawn(move || {
                let logged =
                    (0..20).map(|step| store.log_batch(id, &metric("m", 0.5, step)).is_ok());
                let logged = logged.filter(|accepted| *accepted).count();
                let _ = store.create_run(new);
                logged
            });
            store.delete_experiment(&new.experiment_id, NOW).unwrap();
            writer.join().unwrap()
        });
        assert!(!store.root().join(experiment.as_str()).exists(), "round {round}");
        store.restore_experiment(&experiment, NOW).unwrap();
        let page = HistoryPage::default();
        assert_eq!(store.metric_history(&id, &key("m"), &page).unwrap().items.len(), logged);
    }
}

#[test]
fn a_moved_store_still_finds_its_artifacts() {
    let (store, folder) = store();
    let run = store.create_run(&new_run("one")).unwrap();
    let path = mlctl_artifacts::ArtifactPath::parse("a.txt").unwrap();
    store.artifacts(&run.info.artifact_uri).unwrap().write(&path, &mut "x".as_bytes()).unwrap();
    let moved = folder.path().join("elsewhere");
    fs::rename(store.root(), &moved).unwrap();

    let store = FileStore::open(&moved).unwrap();

    let query = RunQuery::of(vec![ExperimentId::default_experiment()]);
    let found = store.search_runs(&query).unwrap().items.remove(0).info;
    assert_eq!(found, store.run(&run.info.run_id).unwrap().info);
    assert!(found.artifact_uri.contains("elsewhere"), "{}", found.artifact_uri);
    assert_eq!(store.artifacts(&found.artifact_uri).unwrap().open(&path).unwrap().size, 1);
}

#[test]
fn of_many_writers_of_one_param_only_one_value_stays() {
    let (store, _folder) = store();
    let id = start(&store, "one");
    let accepted: Vec<bool> = std::thread::scope(|scope| {
        let (store, id) = (&store, &id);
        let write = |at: usize| {
            let params = vec![Param::new(key("p"), at.to_string())];
            store.log_batch(id, &Batch { params, ..Batch::default() }).is_ok()
        };
        let threads: Vec<_> = (0..8).map(|at| scope.spawn(move || write(at))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(accepted.iter().filter(|accepted| **accepted).count(), 1);
    let winner = accepted.iter().position(|accepted| *accepted).unwrap();
    assert_eq!(store.run(&id).unwrap().data.params[0].value, winner.to_string());
}

#[test]
fn an_ended_run_that_another_program_deletes_takes_no_more_metrics() {
    let (store, _folder) = store();
    let id = start(&store, "one");
    let ended = RunChange { status: Some(RunStatus::Finished), ..RunChange::default() };
    store.update_run(&id, &ended).unwrap();
    store.log_batch(&id, &metric("loss", 0.5, 0)).unwrap();
    FileStore::open(store.root()).unwrap().delete_run(&id, NOW).unwrap();
    let error = store.log_batch(&id, &metric("loss", 0.5, 1)).unwrap_err();
    assert!(matches!(error, Error::NotActive { .. }), "{error}");
}

#[test]
fn no_temporary_file_stays_behind() {
    let (store, _folder) = store();
    let id = start(&store, "one");
    let tags = vec![Tag::new(key("a/b"), "1")];
    store.log_batch(&id, &Batch { tags, ..metric("loss", 0.5, 0) }).unwrap();
    let names: BTreeSet<String> = fs::read_dir(run_folder(&store, &id))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let want = ["artifacts", "meta.yaml", "metrics", "params", "tags"].map(str::to_owned);
    assert_eq!(names, BTreeSet::from(want));
}

/// Passes the time until the clock of the file system has moved on since `folder` changed.
fn tick(folder: &Path) {
    let changed = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let probe = elsewhere.path().join("probe");
    while !probe.exists() || changed(&probe) <= changed(folder) {
        fs::write(&probe, "").unwrap();
    }
}

#[test]
fn keys_that_another_program_logs_are_found() {
    let (store, _folder) = trusting_store();
    let query = RunQuery::of(vec![ExperimentId::default_experiment()]);
    let runs = ["a", "b"].map(|name| start(&store, name));
    for id in &runs {
        store.log_batch(id, &metric("train/loss", 1.0, 0)).unwrap();
    }
    let place =
        |at: usize, name: &str| run_folder(&store, &runs[at]).join("metrics/train").join(name);
    let keys = || {
        let list = store.run_keys(&query, &KeyQuery::of(KeyKind::Metric, 10)).unwrap();
        list.keys.into_iter().map(|fact| (fact.key.to_string(), fact.runs, fact.differs)).collect()
    };
    let fact = |name: &str, runs: u64, differs: bool| (name.to_owned(), runs, differs);
    let before: Vec<_> = keys();

    tick(place(0, "loss").parent().unwrap());
    fs::write(place(0, "acc"), "1 0.5 0\n").unwrap();
    let more: Vec<_> = keys();
    append(&place(1, "loss"), "1700000000001 2.0 5\n");
    let changed: Vec<_> = keys();
    tick(place(0, "loss").parent().unwrap());
    fs::remove_file(place(0, "acc")).unwrap();
    let fewer: Vec<_> = keys();

    assert_eq!(before, [fact("train/loss", 2, false)]);
    assert_eq!(more, [fact("train/loss", 2, false), fact("train/acc", 1, true)]);
    assert_eq!(changed, [fact("train/loss", 2, true), fact("train/acc", 1, true)]);
    assert_eq!(fewer, [fact("train/loss", 2, true)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn folders_and_memory_agree_on_random_filters(case in agreement::cases()) {
        let (store, _folder) = trusting_store();
        agreement::check(&store, &case)?;
    }

    #[test]
    fn folders_and_memory_agree_on_random_facts(case in agreement::facts::cases()) {
        let (store, _folder) = trusting_store();
        agreement::facts::check(&store, &case)?;
    }
}
