use super::*;
use crate::ExperimentName;
use crate::entity::LifecycleStage;
use crate::store::memory::MemoryStore;
use crate::store::{LoggedModelStore, NewExperiment, NewLoggedModel, NewRun};

fn run(store: &dyn TrackingStore, experiment: &ExperimentId) -> RunInfo {
    let new = NewRun {
        experiment_id: experiment.clone(),
        user_id: "ada".to_owned(),
        run_name: None,
        start_time: 1,
        tags: Vec::new(),
    };
    let info = store.create_run(&new).unwrap().info;
    let path = ArtifactPath::parse("a/b.txt").unwrap();
    store.artifacts(&info.artifact_uri).unwrap().write(&path, &mut "12345".as_bytes()).unwrap();
    info
}

fn experiment(store: &dyn TrackingStore, name: &str) -> ExperimentId {
    let new = NewExperiment {
        name: ExperimentName::parse(name).unwrap(),
        artifact_location: None,
        tags: Vec::new(),
        time: 1,
    };
    store.create_experiment(&new).unwrap()
}

fn model(store: &dyn TrackingStore, experiment_id: &ExperimentId) -> ModelId {
    let new = NewLoggedModel {
        experiment_id: experiment_id.clone(),
        name: None,
        model_type: None,
        source_run_id: None,
        tags: Vec::new(),
        params: Vec::new(),
        time: 1,
    };
    store.create_logged_model(&new).unwrap().model_id
}

fn ids(selected: &Selected) -> Vec<&RunId> {
    selected.runs.iter().map(|run| &run.run_id).collect()
}

#[test]
fn naming_something_leaves_everything_else_alone() {
    let store = MemoryStore::new();
    let default = ExperimentId::default_experiment();
    let [a, b] = [(); 2].map(|()| run(&store, &default));
    let gone = experiment(&store, "gone");
    store.delete_experiment(&gone, 5).unwrap();
    for info in [&a, &b] {
        store.delete_run(&info.run_id, 5).unwrap();
    }

    let named = Wanted { runs: vec![a.run_id.clone()], ..Wanted::default() };
    let named = named.select(&store).unwrap();

    assert_eq!(ids(&named), [&a.run_id]);
    assert_eq!((named.models.len(), named.experiments.len()), (0, 0));
    let all = Wanted::default().select(&store).unwrap();
    assert_eq!((all.runs.len(), all.experiments.len()), (2, 1));
}

#[test]
fn an_experiment_brings_all_that_is_in_it() {
    let store = MemoryStore::new();
    let gone = experiment(&store, "gone");
    let (restored, old) = (run(&store, &gone), run(&store, &gone));
    let (active, deleted) = (model(&store, &gone), model(&store, &gone));
    store.delete_logged_model(&deleted, 900).unwrap();
    store.delete_experiment(&gone, 5).unwrap();
    store.restore_run(&restored.run_id).unwrap();

    let wanted = Wanted { before: Some(10), experiments: vec![gone], ..Wanted::default() };
    let selected = wanted.select(&store).unwrap();

    let mut want = [&restored.run_id, &old.run_id];
    want.sort();
    assert_eq!(ids(&selected), want);
    let mut want = [active, deleted];
    want.sort();
    assert!(selected.models.iter().map(|model| &model.model_id).eq(&want));
    let stage = selected.runs.iter().find(|run| run.run_id == restored.run_id).unwrap();
    assert_eq!(stage.lifecycle_stage, LifecycleStage::Active);
}

#[track_caller]
fn refused(store: &MemoryStore, wanted: &Wanted, part: &str) {
    let error = wanted.select(store).expect_err("this must be refused").to_string();
    assert!(error.contains(part), "{error}");
}

#[test]
fn what_is_active_young_or_unknown_is_refused_by_name() {
    let store = MemoryStore::new();
    let info = run(&store, &ExperimentId::default_experiment());
    let of = |id: &RunId, before| Wanted { before, runs: vec![id.clone()], ..Wanted::default() };
    refused(&store, &of(&info.run_id, None), "is not deleted");
    refused(&store, &of(&RunId::random(), None), "does not exist");
    store.delete_run(&info.run_id, 50).unwrap();
    refused(&store, &of(&info.run_id, Some(49)), "not deleted long enough ago");
    assert_eq!(of(&info.run_id, Some(50)).select(&store).unwrap().runs.len(), 1);
}

#[test]
fn artifacts_that_may_be_others_too_are_left() {
    let store = MemoryStore::new();
    let info = run(&store, &ExperimentId::default_experiment());
    let open = |location: &str| store.artifacts(location);
    let bytes = || {
        let artifacts = store.artifacts(&info.artifact_uri).unwrap();
        bytes_below(artifacts.as_ref(), &ArtifactPath::root()).unwrap()
    };
    assert_eq!(bytes(), 5);

    let refused = delete_artifacts(&info.artifact_uri, "somebody", &open).unwrap_err();
    assert!(refused.to_string().contains("may contain other files"), "{refused}");
    assert_eq!(bytes(), 5);

    delete_artifacts(&info.artifact_uri, info.run_id.as_str(), &open).unwrap();
    assert_eq!(bytes(), 0);
}
