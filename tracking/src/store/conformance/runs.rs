//! Runs: names, status, lifecycle, tags, inputs and outputs.

use super::*;
use crate::entity::{
    Dataset, DatasetInput, LifecycleStage, LoggedModelInput, LoggedModelOutput, RunStatus,
};
use crate::store::RunChange;
use crate::{ModelId, RunId};

fn run_name_tag(run: &Run) -> Option<&str> {
    let found = run.data.tags.iter().find(|tag| tag.key.as_str() == "mlflow.runName");
    found.map(|tag| tag.value.as_str())
}

/// MLflow makes a name up, and so do we.
pub fn a_new_run_has_a_name_and_the_tag_for_it(store: &dyn TrackingStore) {
    let run = start(store);
    assert_eq!(run.info.status, RunStatus::Running);
    assert_eq!(run.info.lifecycle_stage, LifecycleStage::Active);
    assert_eq!(run.info.start_time, 1_700_000_000_000);
    assert_eq!(run.info.end_time, None);
    assert_eq!(run.info.user_id, "ada");
    assert!(!run.info.run_name.is_empty());
    assert_eq!(run_name_tag(&run), Some(run.info.run_name.as_str()));
    assert_eq!(store.run(&run.info.run_id).unwrap(), run);

    let tagged = NewRun {
        tags: vec![tag("mlflow.runName", "by tag"), tag("x", "1")],
        ..new_run(default_experiment(), 1)
    };
    let run = store.create_run(&tagged).unwrap();
    assert_eq!(run.info.run_name, "by tag");
    assert_eq!(run.data.tags.len(), 2);
}

/// Two names for one run cannot both be right.
pub fn a_name_and_a_tag_that_differ_are_refused(store: &dyn TrackingStore) {
    let torn = NewRun {
        run_name: Some("a".to_owned()),
        tags: vec![tag("mlflow.runName", "b")],
        ..new_run(default_experiment(), 1)
    };
    refused(store.create_run(&torn), "INVALID_PARAMETER_VALUE", "mlflow.runName");
}

/// A change says what changes; the rest stays.
pub fn an_update_changes_only_what_it_names(store: &dyn TrackingStore) {
    let id = start(store).info.run_id;
    let ended = RunChange {
        status: Some(RunStatus::Finished),
        end_time: Some(1_700_000_009_000),
        run_name: None,
    };
    let info = store.update_run(&id, &ended).unwrap();
    assert_eq!((info.status, info.end_time), (RunStatus::Finished, Some(1_700_000_009_000)));

    let renamed = RunChange { run_name: Some("new".to_owned()), ..RunChange::default() };
    store.update_run(&id, &renamed).unwrap();

    let run = store.run(&id).unwrap();
    assert_eq!(run.info.status, RunStatus::Finished);
    assert_eq!(run.info.end_time, Some(1_700_000_009_000));
    assert_eq!(run.info.run_name, "new");
    assert_eq!(run_name_tag(&run), Some("new"));
}

/// The tag and the field are one name.
pub fn the_name_tag_renames_the_run(store: &dyn TrackingStore) {
    let id = start(store).info.run_id;
    store.log_batch(&id, &tags(&[("mlflow.runName", "by tag")])).unwrap();
    assert_eq!(store.run(&id).unwrap().info.run_name, "by tag");
    store.log_batch(&id, &tags(&[("mlflow.runName", "")])).unwrap();
    let run = store.run(&id).unwrap();
    assert_eq!(run.info.run_name, "by tag");
    assert!(run.data.tags.contains(&tag("mlflow.runName", "by tag")));
}

/// Deleting a run keeps all of it.
pub fn a_deleted_run_is_readable_but_not_writable(store: &dyn TrackingStore) {
    let id = start(store).info.run_id;
    store.log_batch(&id, &metrics(&[("loss", 0.5)])).unwrap();

    store.delete_run(&id, 1_700_000_009_000).unwrap();

    let run = store.run(&id).unwrap();
    assert_eq!(run.info.lifecycle_stage, LifecycleStage::Deleted);
    assert_eq!(run.data.metrics.len(), 1);
    let write = store.log_batch(&id, &metrics(&[("loss", 0.4)]));
    refused(write, "INVALID_PARAMETER_VALUE", "must be in the 'active' state");
    let change = store.update_run(&id, &RunChange::default());
    refused(change, "INVALID_PARAMETER_VALUE", "must be in the 'active' state");

    store.restore_run(&id).unwrap();

    store.log_batch(&id, &metrics(&[("loss", 0.4)])).unwrap();
    assert_eq!(store.run(&id).unwrap().info.lifecycle_stage, LifecycleStage::Active);
}

/// The message says which run is missing.
pub fn unknown_runs_are_named(store: &dyn TrackingStore) {
    let id = RunId::parse("f".repeat(32)).unwrap();
    refused(store.run(&id), "RESOURCE_DOES_NOT_EXIST", id.as_str());
    refused(store.log_batch(&id, &Batch::default()), "RESOURCE_DOES_NOT_EXIST", id.as_str());
    refused(store.delete_run(&id, 1), "RESOURCE_DOES_NOT_EXIST", id.as_str());
    refused(store.restore_run(&id), "RESOURCE_DOES_NOT_EXIST", id.as_str());
    refused(store.delete_tag(&id, &key("a")), "RESOURCE_DOES_NOT_EXIST", id.as_str());
}

/// Tags of a run can change.
pub fn tags_are_set_changed_and_removed(store: &dyn TrackingStore) {
    let id = start(store).info.run_id;
    store.log_batch(&id, &tags(&[("a", "1"), ("b/c", "2")])).unwrap();
    store.log_batch(&id, &tags(&[("a", "3")])).unwrap();
    store.delete_tag(&id, &key("b/c")).unwrap();

    let run = store.run(&id).unwrap();

    let kept: Vec<_> = run.data.tags.iter().filter(|t| !t.key.as_str().contains('.')).collect();
    assert_eq!(kept, [&tag("a", "3")]);
    refused(store.delete_tag(&id, &key("b/c")), "RESOURCE_DOES_NOT_EXIST", "b/c");
}

/// Text is data: no spelling of it may change on the way.
pub fn odd_names_and_values_come_back_unchanged(store: &dyn TrackingStore) {
    let id = start(store).info.run_id;
    let values =
        ["", " ", "a\nb", "line\n", "é 漢 🦦", "'; DROP TABLE runs; --", "\"x\": [1]", "\t"];
    let keys = ["train/loss", "a b", "x:y", "α", "...", "train/val/loss.v1"];
    let batch = Batch {
        params: keys.iter().zip(values).map(|(k, v)| param(k, v)).collect(),
        tags: keys.iter().zip(values.iter().rev()).map(|(k, v)| tag(k, v)).collect(),
        metrics: keys.iter().enumerate().map(|(i, k)| point(k, i as f64, 0)).collect(),
    };
    store.log_batch(&id, &batch).unwrap();

    let data = store.run(&id).unwrap().data;

    for param in &batch.params {
        assert!(data.params.contains(param), "{param:?} in {:?}", data.params);
    }
    for tag in &batch.tags {
        assert!(data.tags.contains(tag), "{tag:?} in {:?}", data.tags);
    }
    assert_eq!(data.metrics.len(), keys.len());
    assert!(data.params.is_sorted_by(|a, b| a.key < b.key));
}

/// Inputs and outputs are facts about a run, each noted once.
pub fn datasets_and_models_are_noted_once(store: &dyn TrackingStore) {
    let id = start(store).info.run_id;
    let input = DatasetInput {
        tags: vec![tag("mlflow.data.context", "training")],
        dataset: Dataset {
            name: "train: set".to_owned(),
            digest: "0123".to_owned(),
            source_type: "code".to_owned(),
            source: "{\"a\": \"b\"}".to_owned(),
            schema: Some("{\"c\": [1, 2]}".to_owned()),
            profile: None,
        },
    };
    let model_id = ModelId::parse("m-0123").unwrap();
    let used = LoggedModelInput { model_id: model_id.clone() };
    let made = LoggedModelOutput { model_id, step: 7 };
    for _ in 0..2 {
        store.log_inputs(&id, std::slice::from_ref(&input), std::slice::from_ref(&used)).unwrap();
        store.log_outputs(&id, std::slice::from_ref(&made)).unwrap();
    }

    let run = store.run(&id).unwrap();

    assert_eq!(run.inputs.dataset_inputs, [input]);
    assert_eq!(run.inputs.model_inputs, [used]);
    assert_eq!(run.outputs.model_outputs, [made]);
}
