//! Deleting for good.

use super::*;
use crate::search::{LoggedModelQuery, RunQuery};
use crate::store::{HistoryPage, NewLoggedModel};
use crate::{ModelId, RunId};

const EARLY: i64 = 1_700_000_000_100;
const LATE: i64 = 1_700_000_000_200;

fn model(store: &dyn TrackingStore, experiment_id: ExperimentId) -> ModelId {
    let new = NewLoggedModel {
        experiment_id,
        name: Some("m".to_owned()),
        model_type: None,
        source_run_id: None,
        tags: vec![tag("t", "1")],
        params: vec![param("p", "2")],
        time: 1_700_000_000_000,
    };
    store.create_logged_model(&new).unwrap().model_id
}

fn run_in(store: &dyn TrackingStore, experiment: &ExperimentId) -> RunId {
    store.create_run(&new_run(experiment.clone(), 1_700_000_000_000)).unwrap().info.run_id
}

/// Only what is deleted is listed, and only what was deleted long enough ago.
pub fn what_is_deleted_is_listed_by_age(store: &dyn TrackingStore) {
    let [early, late, active] = [(); 3].map(|()| start(store).info);
    store.delete_run(&early.run_id, EARLY).unwrap();
    store.delete_run(&late.run_id, LATE).unwrap();
    let gone = experiment(store, "gone");
    store.delete_experiment(&gone, LATE).unwrap();
    let deleted_model = model(store, default_experiment());
    store.delete_logged_model(&deleted_model, EARLY).unwrap();
    model(store, default_experiment());

    let before_early = store.deleted(Some(EARLY - 1)).unwrap();
    let before_late = store.deleted(Some(LATE - 1)).unwrap();
    let all = store.deleted(None).unwrap();

    assert_eq!(before_early, Default::default());
    assert_eq!(before_late.runs.iter().map(|run| &run.run_id).collect::<Vec<_>>(), [&early.run_id]);
    assert_eq!(before_late.models[0].model_id, deleted_model);
    assert!(before_late.models[0].artifact_uri.contains(deleted_model.as_str()));
    assert_eq!(before_late.experiments, []);
    assert_eq!((all.runs.len(), all.models.len(), all.experiments.len()), (2, 1, 1));
    assert_eq!(all.experiments[0].experiment_id, gone);
    let listed = all.runs.iter().find(|run| run.run_id == early.run_id).unwrap();
    assert_eq!(listed.artifact_uri, early.artifact_uri);
    assert!(!all.runs.iter().any(|run| run.run_id == active.run_id));
}

/// What is active is not deleted for good by mistake.
pub fn what_is_active_is_not_purged(store: &dyn TrackingStore) {
    let run = start(store).info.run_id;
    let id = model(store, default_experiment());

    refused(store.purge_run(&run), "INVALID_PARAMETER_VALUE", run.as_str());
    refused(store.purge_logged_model(&id), "INVALID_PARAMETER_VALUE", id.as_str());
    refused(store.purge_experiment(&default_experiment()), "INVALID_PARAMETER_VALUE", "`0`");

    store.run(&run).unwrap();
    store.logged_model(&id).unwrap();
    store.delete_run(&run, EARLY).unwrap();
    store.restore_run(&run).unwrap();
    refused(store.purge_run(&run), "INVALID_PARAMETER_VALUE", "deleted");
}

/// Of a purged run nothing is left, and its neighbours keep everything.
pub fn a_purged_run_is_gone_with_what_it_logged(store: &dyn TrackingStore) {
    let [gone, kept] = [(); 2].map(|()| start(store).info.run_id);
    for run in [&gone, &kept] {
        store.log_batch(run, &metrics(&[("loss", 0.5)])).unwrap();
        store.log_batch(run, &params(&[("lr", "0.1")])).unwrap();
    }
    let before = store.run(&kept).unwrap();
    store.delete_run(&gone, EARLY).unwrap();

    store.purge_run(&gone).unwrap();

    refused(store.run(&gone), "RESOURCE_DOES_NOT_EXIST", gone.as_str());
    refused(store.purge_run(&gone), "RESOURCE_DOES_NOT_EXIST", gone.as_str());
    let history = store.metric_history(&gone, &key("loss"), &HistoryPage::default());
    refused(history, "RESOURCE_DOES_NOT_EXIST", gone.as_str());
    assert_eq!(store.deleted(None).unwrap().runs, []);
    let all =
        RunQuery { view: crate::entity::ViewType::All, ..RunQuery::of(vec![default_experiment()]) };
    assert_eq!(store.search_runs(&all).unwrap().items, [before]);
}

/// A purged model is gone; a deleted one that is purged twice is not there.
pub fn a_purged_model_is_gone(store: &dyn TrackingStore) {
    let id = model(store, default_experiment());
    let kept = model(store, default_experiment());
    store.delete_logged_model(&id, EARLY).unwrap();

    store.purge_logged_model(&id).unwrap();

    assert_eq!(store.deleted(None).unwrap().models, []);
    refused(store.purge_logged_model(&id), "RESOURCE_DOES_NOT_EXIST", id.as_str());
    assert_eq!(store.logged_model(&kept).unwrap().params, [param("p", "2")]);
}

/// Everything in a purged experiment goes with it, and its name is free again.
pub fn a_purged_experiment_takes_everything_along(store: &dyn TrackingStore) {
    let gone = experiment(store, "gone");
    store.set_experiment_tag(&gone, &tag("a", "b")).unwrap();
    let (run, restored) = (run_in(store, &gone), run_in(store, &gone));
    let id = model(store, gone.clone());
    let on_model = Metric { model_id: Some(id.clone()), ..point("rmse", 0.5, 1) };
    store.log_batch(&run, &Batch { metrics: vec![on_model], ..Batch::default() }).unwrap();
    let kept = start(store).info.run_id;
    store.delete_experiment(&gone, EARLY).unwrap();
    store.restore_run(&restored).unwrap();

    store.purge_experiment(&gone).unwrap();

    refused(store.experiment(&gone), "RESOURCE_DOES_NOT_EXIST", gone.as_str());
    for run in [&run, &restored] {
        refused(store.run(run), "RESOURCE_DOES_NOT_EXIST", run.as_str());
    }
    refused(store.logged_model(&id), "RESOURCE_DOES_NOT_EXIST", id.as_str());
    assert_eq!(store.deleted(None).unwrap(), Default::default());
    let again = experiment(store, "gone");
    assert_eq!(store.experiment(&again).unwrap().tags, []);
    assert_eq!(store.search_runs(&RunQuery::of(vec![again.clone()])).unwrap().items, []);
    let query = LoggedModelQuery {
        experiment_ids: vec![again],
        filter: String::new(),
        datasets: Vec::new(),
        order_by: Vec::new(),
        max_results: 10,
        page_token: None,
    };
    assert_eq!(store.search_logged_models(&query).unwrap().items, []);
    store.run(&kept).unwrap();
}
