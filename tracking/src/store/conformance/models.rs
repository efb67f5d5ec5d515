//! Logged models, and artifacts.

use super::*;
use crate::entity::LoggedModelStatus;
use crate::search::{DatasetScope, LoggedModelOrder, LoggedModelQuery};
use crate::store::NewLoggedModel;
use crate::{ModelId, RunId};
use mlctl_artifacts::ArtifactPath;
use serde_json::Value;
use std::collections::BTreeSet;
use std::thread;

fn new_model(name: &str, run: Option<RunId>) -> NewLoggedModel {
    NewLoggedModel {
        experiment_id: default_experiment(),
        name: Some(name.to_owned()),
        model_type: Some("onnx".to_owned()),
        source_run_id: run,
        tags: vec![tag("t", "1")],
        params: vec![param("p", "2")],
        time: 1_700_000_000_000,
    }
}

fn query(filter: &str) -> LoggedModelQuery {
    LoggedModelQuery {
        experiment_ids: vec![default_experiment()],
        filter: filter.to_owned(),
        datasets: Vec::new(),
        order_by: Vec::new(),
        max_results: 100,
        page_token: None,
    }
}

/// A model is pending until its files are there.
pub fn a_model_is_made_finished_and_read_back(store: &dyn TrackingStore) {
    let run = start(store).info.run_id;
    let made = store.create_logged_model(&new_model("m", Some(run.clone()))).unwrap();
    assert_eq!(made.status, LoggedModelStatus::Pending);
    assert_eq!(made.source_run_id, Some(run));
    assert_eq!(made.model_type.as_deref(), Some("onnx"));
    assert!(!made.artifact_uri.is_empty());

    let status = LoggedModelStatus::Ready;
    let ready = store.finalize_logged_model(&made.model_id, status, 1_700_000_000_500).unwrap();

    assert_eq!(ready.status, LoggedModelStatus::Ready);
    assert_eq!(store.logged_model(&made.model_id).unwrap(), ready);
    let bad = store.create_logged_model(&new_model("a/b", None));
    refused(bad, "INVALID_PARAMETER_VALUE", "a/b");
}

/// Params and tags of a model are kept, tags can go.
pub fn model_params_and_tags_are_kept(store: &dyn TrackingStore) {
    let id = store.create_logged_model(&new_model("m", None)).unwrap().model_id;
    store.log_model_params(&id, &[param("depth/x", "3")]).unwrap();
    let other = store.log_model_params(&id, &[param("new", "1"), param("depth/x", "4")]);
    refused(other, "INVALID_PARAMETER_VALUE", "depth/x");
    store.log_model_params(&id, &[param("depth/x", "3")]).unwrap();
    store.set_model_tags(&id, &[tag("t", "9"), tag("u", "")]).unwrap();
    store.delete_model_tag(&id, &key("u")).unwrap();

    let model = store.logged_model(&id).unwrap();

    assert_eq!(model.params, [param("depth/x", "3"), param("p", "2")]);
    assert_eq!(model.tags, [tag("t", "9")]);
    refused(store.delete_model_tag(&id, &key("u")), "RESOURCE_DOES_NOT_EXIST", "u");
}

/// Estimators have params with long names, which MLflow takes here and refuses of a run.
pub fn a_model_param_may_have_a_long_name(store: &dyn TrackingStore) {
    let long = Param::new(Key::parse_model_param("k".repeat(251)).unwrap(), "1");
    let new = NewLoggedModel { params: vec![long.clone()], ..new_model("m", None) };
    let id = store.create_logged_model(&new).unwrap().model_id;
    let longer = Param::new(Key::parse_model_param("l".repeat(255)).unwrap(), "2");
    store.log_model_params(&id, std::slice::from_ref(&longer)).unwrap();

    assert_eq!(store.logged_model(&id).unwrap().params, [long, longer]);
    assert!(Key::parse("k".repeat(251)).is_err());
}

/// A logged model knows all versions that were made of it, in MLflow's spelling.
pub fn versions_that_are_noted_at_once_are_all_kept(store: &dyn TrackingStore) {
    const VERSIONS: u32 = 24;
    let id = store.create_logged_model(&new_model("m", None)).unwrap().model_id;
    let noted = || {
        let tags = store.logged_model(&id).unwrap().tags;
        let list = tags.into_iter().find(|tag| tag.key.as_str() == "mlflow.modelVersions");
        list.map(|tag| tag.value).unwrap()
    };
    store.add_model_version(&id, "é", 1).unwrap();
    store.add_model_version(&id, "é", 1).unwrap();
    assert_eq!(noted(), r#"[{"name": "\u00e9", "version": 1}]"#);
    thread::scope(|scope| {
        for version in 2..=VERSIONS {
            let id = &id;
            scope.spawn(move || store.add_model_version(id, "é", version).unwrap());
        }
    });

    let versions: Vec<Value> = serde_json::from_str(&noted()).unwrap();

    let numbers = versions.iter().filter_map(|version| version["version"].as_u64());
    let numbers: BTreeSet<u64> = numbers.collect();
    assert_eq!((versions.len(), numbers.len()), (VERSIONS as usize, VERSIONS as usize));
    store.set_model_tags(&id, &[tag("mlflow.modelVersions", "no list")]).unwrap();
    refused(store.add_model_version(&id, "m", 25), "INVALID_PARAMETER_VALUE", "JSON list");
    let unknown = ModelId::parse("m-404").unwrap();
    refused(store.add_model_version(&unknown, "m", 1), "RESOURCE_DOES_NOT_EXIST", "m-404");
}

/// A measurement of a model is the run's and the model's.
pub fn a_metric_with_a_model_belongs_to_both(store: &dyn TrackingStore) {
    let run = start(store).info.run_id;
    let id = store.create_logged_model(&new_model("m", Some(run.clone()))).unwrap().model_id;
    let on = |set: &str, value, step| Metric {
        model_id: Some(id.clone()),
        dataset_name: Some(set.to_owned()),
        dataset_digest: Some("d1".to_owned()),
        ..point("rmse", value, step)
    };
    let points = vec![on("train", 0.5, 1), on("train", 0.25, 2), on("test", 0.75, 2)];
    store.log_batch(&run, &Batch { metrics: points, ..Batch::default() }).unwrap();

    let mut measured = store.logged_model(&id).unwrap().metrics;

    measured.sort_by(|a, b| (&a.dataset_name, a.step).cmp(&(&b.dataset_name, b.step)));
    let of_both = |m: &Metric| m.model_id.as_ref() == Some(&id) && m.run_id.as_ref() == Some(&run);
    assert!(measured.iter().all(of_both), "{measured:?}");
    let shown: Vec<_> =
        measured.iter().map(|m| (m.dataset_name.as_deref(), m.value, m.step)).collect();
    assert_eq!(shown, [(Some("test"), 0.75, 2), (Some("train"), 0.5, 1), (Some("train"), 0.25, 2)]);
    assert_eq!(store.run(&run).unwrap().data.metrics[0].step, 2);
    let scoped = LoggedModelQuery {
        datasets: vec![DatasetScope { dataset_name: "test".to_owned(), dataset_digest: None }],
        ..query("metrics.rmse > 0.5")
    };
    assert_eq!(store.search_logged_models(&scoped).unwrap().items.len(), 1);
    for (filter, count) in [("metrics.rmse = 0.5", 1), ("metrics.rmse > 0.75", 0)] {
        assert_eq!(store.search_logged_models(&query(filter)).unwrap().items.len(), count);
    }
}

/// A model without a type or a run is found as one whose type and run are empty.
pub fn models_without_a_type_are_found_by_what_they_are_not(store: &dyn TrackingStore) {
    let plain = NewLoggedModel { model_type: None, ..new_model("plain", None) };
    store.create_logged_model(&plain).unwrap();
    store.create_logged_model(&new_model("typed", None)).unwrap();
    let find = |filter: &str| -> Vec<String> {
        let page = store.search_logged_models(&query(filter)).unwrap();
        page.items.into_iter().map(|model| model.name).collect()
    };
    assert_eq!(find("model_type != 'onnx'"), ["plain"]);
    assert_eq!(find("source_run_id = 'r' OR model_type = 'onnx'"), ["typed"]);
    assert_eq!(find("source_run_id != 'r'").len(), 2);
}

/// Each clause of an order looks at the dataset that it names, and at no other.
pub fn models_are_ordered_by_a_metric_on_each_dataset(store: &dyn TrackingStore) {
    let run = start(store).info.run_id;
    for (name, train, test) in [("a", 1.0, 5.0), ("b", 1.0, 4.0), ("c", 0.0, 9.0)] {
        let id = store.create_logged_model(&new_model(name, None)).unwrap().model_id;
        let on = |set: &str, value, step| Metric {
            model_id: Some(id.clone()),
            dataset_name: Some(set.to_owned()),
            dataset_digest: Some("d1".to_owned()),
            ..point("rmse", value, step)
        };
        let metrics = vec![on("train", train, 1), on("test", test, 2)];
        store.log_batch(&run, &Batch { metrics, ..Batch::default() }).unwrap();
    }
    let by = |set: Option<&str>| LoggedModelOrder {
        field_name: "metrics.rmse".to_owned(),
        ascending: true,
        dataset: set
            .map(|name| DatasetScope { dataset_name: name.to_owned(), dataset_digest: None }),
    };
    let names = |order_by: Vec<LoggedModelOrder>| -> Vec<String> {
        let page = store.search_logged_models(&LoggedModelQuery { order_by, ..query("") }).unwrap();
        page.items.into_iter().map(|model| model.name).collect()
    };
    assert_eq!(names(vec![by(Some("train")), by(Some("test"))]), ["c", "b", "a"]);
    assert_eq!(names(vec![by(Some("test")), by(Some("train"))]), ["b", "a", "c"]);
    assert_eq!(names(vec![by(None)]), ["b", "a", "c"]);
}

/// A model that is found has all that was logged to it, also what the search does not look at.
pub fn a_model_that_is_found_is_whole(store: &dyn TrackingStore) {
    let run = start(store).info.run_id;
    let id = store.create_logged_model(&new_model("whole", None)).unwrap().model_id;
    let of_model = |key: &str| Metric { model_id: Some(id.clone()), ..point(key, 0.5, 1) };
    let metrics = vec![of_model("rmse"), of_model("mae")];
    store.log_batch(&run, &Batch { metrics, ..Batch::default() }).unwrap();
    store.log_model_params(&id, &[param("q", "3")]).unwrap();
    store.set_model_tags(&id, &[tag("u", "4")]).unwrap();
    for filter in ["metrics.rmse < 1", "params.q = '3'", "tags.u = '4'", "name = 'whole'"] {
        let page = store.search_logged_models(&query(filter)).unwrap();

        assert_eq!(page.items, [store.logged_model(&id).unwrap()], "for {filter}");
    }
}

/// Models are ordered by the latest point of a metric, not by its best.
pub fn models_are_ordered_by_the_latest_point(store: &dyn TrackingStore) {
    let run = start(store).info.run_id;
    for (name, values) in [("a", [9.0, 1.0]), ("b", [0.0, 2.0])] {
        let id = store.create_logged_model(&new_model(name, None)).unwrap().model_id;
        let points = values.into_iter().zip(1..).map(|(value, step)| Metric {
            model_id: Some(id.clone()),
            ..point("rmse", value, step)
        });
        store.log_batch(&run, &Batch { metrics: points.collect(), ..Batch::default() }).unwrap();
    }
    let field_name = "metrics.rmse".to_owned();
    let order = LoggedModelOrder { field_name, ascending: true, dataset: None };

    let ordered = LoggedModelQuery { order_by: vec![order], ..query("") };

    let found = store.search_logged_models(&ordered).unwrap().items;
    assert_eq!(found.iter().map(|model| model.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
}

/// Nobody finds a deleted model.
pub fn a_deleted_model_is_gone(store: &dyn TrackingStore) {
    let id = store.create_logged_model(&new_model("m", None)).unwrap().model_id;
    store.delete_logged_model(&id, 1_700_000_000_500).unwrap();
    refused(store.logged_model(&id), "RESOURCE_DOES_NOT_EXIST", id.as_str());
    assert!(store.search_logged_models(&query("")).unwrap().items.is_empty());
}

/// Loading `runs:/ID/name` looks models up this way.
pub fn models_are_found_by_run_and_name(store: &dyn TrackingStore) {
    let run = start(store).info.run_id;
    store.create_logged_model(&new_model("a", Some(run.clone()))).unwrap();
    store.create_logged_model(&new_model("b", Some(run.clone()))).unwrap();
    store.create_logged_model(&new_model("a", None)).unwrap();
    let find = |query: &LoggedModelQuery| -> Vec<String> {
        let page = store.search_logged_models(query).unwrap();
        page.items.into_iter().map(|model| model.name).collect()
    };
    assert_eq!(find(&query(&format!("source_run_id = '{run}' AND name = 'a'"))), ["a"]);
    assert_eq!(find(&query("params.p = '2' AND tags.t = '1'")).len(), 3);
    let by_name =
        LoggedModelOrder { field_name: "name".to_owned(), ascending: false, dataset: None };
    let ordered = LoggedModelQuery { order_by: vec![by_name], max_results: 2, ..query("") };
    let first = store.search_logged_models(&ordered).unwrap();
    assert_eq!(first.items.iter().map(|m| m.name.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    let rest = LoggedModelQuery { page_token: first.next_page_token, ..ordered };
    assert_eq!(find(&rest), ["a"]);
}

/// The message says which model is missing.
pub fn unknown_models_are_named(store: &dyn TrackingStore) {
    let id = ModelId::parse("m-404").unwrap();
    refused(store.logged_model(&id), "RESOURCE_DOES_NOT_EXIST", "m-404");
    refused(store.log_model_params(&id, &[]), "RESOURCE_DOES_NOT_EXIST", "m-404");
    refused(store.delete_logged_model(&id, 1), "RESOURCE_DOES_NOT_EXIST", "m-404");
}

/// Artifacts go where the run says, and come back from there.
pub fn artifacts_of_a_run_are_written_and_read(store: &dyn TrackingStore) {
    let run = start(store);
    let path = ArtifactPath::parse("plots/a b #1.txt").unwrap();
    let artifacts = store.artifacts(&run.info.artifact_uri).unwrap();
    assert!(artifacts.list(&ArtifactPath::root()).unwrap().is_empty());

    artifacts.write(&path, &mut "hello".as_bytes()).unwrap();

    let again = store.artifacts(&run.info.artifact_uri).unwrap();
    let mut text = String::new();
    again.open(&path).unwrap().content.read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");
    let listed = again.list(&ArtifactPath::parse("plots").unwrap()).unwrap();
    assert_eq!((listed.len(), listed[0].file_size), (1, Some(5)));
    assert!(again.list(&ArtifactPath::root()).unwrap()[0].is_dir);
    again.delete(&path).unwrap();
    assert!(again.open(&path).is_err());
}
