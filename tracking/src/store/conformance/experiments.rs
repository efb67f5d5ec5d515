//! Experiments: names, tags, lifecycle.

use super::*;
use crate::entity::{LifecycleStage, ViewType};
use crate::search::RunQuery;
use crate::store::NewExperiment;

/// An experiment is found both ways, with what it was made of.
pub fn experiments_are_found_by_id_and_name(store: &dyn TrackingStore) {
    let new = NewExperiment {
        name: ExperimentName::parse("weird: name #1 é").unwrap(),
        artifact_location: None,
        tags: vec![tag("team", "x y"), tag("a", "")],
        time: 1_700_000_000_123,
    };
    let id = store.create_experiment(&new).unwrap();

    let found = store.experiment(&id).unwrap();

    assert_eq!(found, store.experiment_by_name("weird: name #1 é").unwrap());
    assert_eq!(found.lifecycle_stage, LifecycleStage::Active);
    assert_eq!(found.tags, [tag("a", ""), tag("team", "x y")]);
    assert!(!found.artifact_location.is_empty());
    assert_eq!(store.experiment(&default_experiment()).unwrap().name, "Default");
}

/// No file system and no URL can have such a place.
pub fn a_location_with_control_characters_or_of_any_length_is_refused(store: &dyn TrackingStore) {
    for location in ["/a\0b", "file:///a%00b", "/a\nb", "s3://b/\u{7f}", &"/a".repeat(4096)] {
        let new = NewExperiment {
            name: ExperimentName::parse("odd").unwrap(),
            artifact_location: Some(location.to_owned()),
            tags: Vec::new(),
            time: 0,
        };
        refused(store.create_experiment(&new), "INVALID_PARAMETER_VALUE", "artifact location");
    }
    experiment(store, "odd");
}

/// A deleted experiment can be restored, so its name stays taken.
pub fn a_name_is_taken_once_even_by_a_deleted_experiment(store: &dyn TrackingStore) {
    let id = experiment(store, "one");
    let again = NewExperiment {
        name: ExperimentName::parse("one").unwrap(),
        artifact_location: None,
        tags: Vec::new(),
        time: 0,
    };
    refused(store.create_experiment(&again), "RESOURCE_ALREADY_EXISTS", "already exists");
    store.delete_experiment(&id, 1).unwrap();
    refused(store.create_experiment(&again), "RESOURCE_ALREADY_EXISTS", "deleted");
}

/// A name is the same in whatever way Unicode spells it.
pub fn a_name_in_another_spelling_is_the_same(store: &dyn TrackingStore) {
    let id = experiment(store, "\u{fc}ber");
    let decomposed = "u\u{308}ber";

    assert_eq!(store.experiment_by_name(decomposed).unwrap().experiment_id, id);

    let new = NewExperiment {
        name: ExperimentName::parse(decomposed).unwrap(),
        artifact_location: None,
        tags: Vec::new(),
        time: 1,
    };
    refused(store.create_experiment(&new), "RESOURCE_ALREADY_EXISTS", "\u{fc}ber");
    // Case makes another name, of which only a warning says that it looks alike.
    experiment(store, "\u{dc}ber");
}

/// The old name is free again.
pub fn a_renamed_experiment_has_only_the_new_name(store: &dyn TrackingStore) {
    let id = experiment(store, "old");
    experiment(store, "taken");

    store
        .rename_experiment(&id, &ExperimentName::parse("new").unwrap(), 1_700_000_000_999)
        .unwrap();

    assert_eq!(store.experiment(&id).unwrap().name, "new");
    assert_eq!(store.experiment_by_name("new").unwrap().experiment_id, id);
    refused(store.experiment_by_name("old"), "RESOURCE_DOES_NOT_EXIST", "old");
    let taken = ExperimentName::parse("taken").unwrap();
    refused(store.rename_experiment(&id, &taken, 3), "RESOURCE_ALREADY_EXISTS", "taken");
}

/// An experiment takes its runs along, both ways.
pub fn deleting_an_experiment_deletes_its_runs_and_restoring_brings_them_back(
    store: &dyn TrackingStore,
) {
    let id = experiment(store, "one");
    let run = store.create_run(&new_run(id.clone(), 5)).unwrap().info.run_id;

    store.delete_experiment(&id, 1_700_000_000_999).unwrap();

    assert_eq!(store.experiment(&id).unwrap().lifecycle_stage, LifecycleStage::Deleted);
    assert_eq!(store.run(&run).unwrap().info.lifecycle_stage, LifecycleStage::Deleted);
    assert!(store.search_runs(&RunQuery::of(vec![id.clone()])).unwrap().items.is_empty());
    let deleted = RunQuery { view: ViewType::DeletedOnly, ..RunQuery::of(vec![id.clone()]) };
    assert_eq!(store.search_runs(&deleted).unwrap().items.len(), 1);

    store.restore_experiment(&id, 1_700_000_001_000).unwrap();

    assert_eq!(store.experiment(&id).unwrap().lifecycle_stage, LifecycleStage::Active);
    assert_eq!(store.run(&run).unwrap().info.lifecycle_stage, LifecycleStage::Active);
    assert_eq!(store.search_runs(&RunQuery::of(vec![id])).unwrap().items.len(), 1);
}

/// Doing it twice is refused, as MLflow refuses it: there is no such experiment in that stage.
pub fn an_experiment_is_deleted_once_and_restored_once(store: &dyn TrackingStore) {
    let id = experiment(store, "one");
    refused(store.restore_experiment(&id, 1), "RESOURCE_DOES_NOT_EXIST", "already active");
    store.delete_experiment(&id, 2).unwrap();
    refused(store.delete_experiment(&id, 3), "RESOURCE_DOES_NOT_EXIST", "already deleted");
    store.restore_experiment(&id, 4).unwrap();
    assert_eq!(store.experiment(&id).unwrap().lifecycle_stage, LifecycleStage::Active);
}

/// It keeps its name, too, so that nobody makes a second one.
pub fn the_default_experiment_is_deleted_like_any_other(store: &dyn TrackingStore) {
    store.delete_experiment(&default_experiment(), 1).unwrap();
    let again = NewExperiment {
        name: ExperimentName::parse("Default").unwrap(),
        artifact_location: None,
        tags: Vec::new(),
        time: 2,
    };
    refused(store.create_experiment(&again), "RESOURCE_ALREADY_EXISTS", "deleted");
    store.restore_experiment(&default_experiment(), 3).unwrap();
    start(store);
}

/// Tags of an experiment can change.
pub fn experiment_tags_are_set_changed_and_removed(store: &dyn TrackingStore) {
    let id = experiment(store, "one");
    store.set_experiment_tag(&id, &tag("a/b", "1")).unwrap();
    store.set_experiment_tag(&id, &tag("a/b", "2")).unwrap();
    assert_eq!(store.experiment(&id).unwrap().tags, [tag("a/b", "2")]);

    store.delete_experiment_tag(&id, &key("a/b")).unwrap();

    assert!(store.experiment(&id).unwrap().tags.is_empty());
    refused(store.delete_experiment_tag(&id, &key("a/b")), "RESOURCE_DOES_NOT_EXIST", "a/b");
    let long = tag("long", &"x".repeat(20_001));
    refused(store.set_experiment_tag(&id, &long), "INVALID_PARAMETER_VALUE", "20000");
}

/// What is deleted is not written to.
pub fn a_deleted_experiment_takes_no_run_and_no_tag(store: &dyn TrackingStore) {
    let id = experiment(store, "one");
    store.delete_experiment(&id, 1).unwrap();

    let run = store.create_run(&new_run(id.clone(), 5));
    refused(run, "INVALID_PARAMETER_VALUE", "must be in the 'active' state");
    refused(store.set_experiment_tag(&id, &tag("a", "1")), "INVALID_PARAMETER_VALUE", "active");
    let name = ExperimentName::parse("other").unwrap();
    refused(store.rename_experiment(&id, &name, 3), "INVALID_PARAMETER_VALUE", "active");
}

/// The message says which experiment is missing.
pub fn unknown_experiments_are_named(store: &dyn TrackingStore) {
    let id = ExperimentId::parse("404").unwrap();
    refused(store.experiment(&id), "RESOURCE_DOES_NOT_EXIST", "404");
    refused(store.create_run(&new_run(id.clone(), 1)), "RESOURCE_DOES_NOT_EXIST", "404");
    refused(store.delete_experiment(&id, 1), "RESOURCE_DOES_NOT_EXIST", "404");
    refused(store.restore_experiment(&id, 1), "RESOURCE_DOES_NOT_EXIST", "404");
    refused(store.set_experiment_tag(&id, &tag("a", "b")), "RESOURCE_DOES_NOT_EXIST", "404");
    refused(store.experiment_by_name("nobody"), "RESOURCE_DOES_NOT_EXIST", "nobody");
}
