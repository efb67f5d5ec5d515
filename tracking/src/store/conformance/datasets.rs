//! Datasets, and what older clients note of models.

use super::*;
use crate::entity::{Dataset, DatasetInput, DatasetSummary};
use serde_json::{Value, json};

fn input(name: &str, digest: &str, context: Option<&str>) -> DatasetInput {
    DatasetInput {
        tags: context.map(|context| tag("mlflow.data.context", context)).into_iter().collect(),
        dataset: Dataset {
            name: name.to_owned(),
            digest: digest.to_owned(),
            source_type: "local".to_owned(),
            source: "{}".to_owned(),
            schema: None,
            profile: None,
        },
    }
}

/// Each dataset is there once for each use, however many runs used it.
pub fn datasets_are_found_by_experiment(store: &dyn TrackingStore) {
    let other = experiment(store, "other");
    let (one, two) = (start(store).info.run_id, start(store).info.run_id);
    let away = store.create_run(&new_run(other.clone(), 1)).unwrap().info.run_id;
    store.log_inputs(&one, &[input("d", "1", Some("train")), input("d", "2", None)], &[]).unwrap();
    store.log_inputs(&two, &[input("d", "1", Some("train"))], &[]).unwrap();
    store.log_inputs(&two, &[input("d", "2", Some("eval"))], &[]).unwrap();
    store.log_inputs(&away, &[input("e", "1", None)], &[]).unwrap();
    store.delete_run(&two, 9).unwrap();
    let summary = |name: &str, digest: &str, context: Option<&str>| DatasetSummary {
        experiment_id: if name == "e" { other.clone() } else { default_experiment() },
        name: name.to_owned(),
        digest: digest.to_owned(),
        context: context.map(str::to_owned),
    };

    let found = store.search_datasets(&[default_experiment()]).unwrap();

    let want = [
        summary("d", "1", Some("train")),
        summary("d", "2", None),
        summary("d", "2", Some("eval")),
    ];
    assert_eq!(found, want);
    let unknown = ExperimentId::parse("404").unwrap();
    let both = store.search_datasets(&[other.clone(), unknown, default_experiment()]).unwrap();
    assert_eq!(both.len(), 4);
    assert!(both.contains(&summary("e", "1", None)), "{both:?}");
}

/// A description that is too long is refused whole.
pub fn a_dataset_has_limits(store: &dyn TrackingStore) {
    let id = start(store).info.run_id;
    let long = [input("d", "1", None), input("d", &"x".repeat(37), None)];
    refused(store.log_inputs(&id, &long, &[]), "INVALID_PARAMETER_VALUE", "36 characters");
    let long = [input(&"d".repeat(501), "1", None)];
    refused(store.log_inputs(&id, &long, &[]), "INVALID_PARAMETER_VALUE", "500 characters");
    assert!(store.run(&id).unwrap().inputs.dataset_inputs.is_empty());
    let whole = [input(&"d".repeat(500), &"x".repeat(36), None)];
    store.log_inputs(&id, &whole, &[]).unwrap();
}

/// Clients before MLflow 3 note their models in a tag.
pub fn models_are_noted_in_a_tag(store: &dyn TrackingStore) {
    let id = start(store).info.run_id;
    let model = |path: &str| {
        json!({
            "run_id": id.as_str(), "artifact_path": path, "utc_time_created": "2026-01-01",
            "flavors": {}, "model_uuid": "u",
        })
    };
    store.log_model_history(&id, &model("a")).unwrap();
    store.log_model_history(&id, &model("b")).unwrap();

    let tags = store.run(&id).unwrap().data.tags;

    let history = tags.iter().find(|tag| tag.key.as_str() == "mlflow.log-model.history").unwrap();
    let noted: Value = serde_json::from_str(&history.value).unwrap();
    assert_eq!(noted, json!([model("a"), model("b")]));
    // Clients compare the text with what MLflow writes.
    let spelled = |path: &str| {
        format!(
            r#"{{"run_id": "{id}", "artifact_path": "{path}", "utc_time_created": "2026-01-01", "#
        ) + r#""model_uuid": "u", "flavors": {}}"#
    };
    assert_eq!(history.value, format!("[{}, {}]", spelled("a"), spelled("b")));
    store.log_batch(&id, &super::tags(&[("mlflow.log-model.history", "no list")])).unwrap();
    let spoilt = store.log_model_history(&id, &model("c"));
    refused(spoilt, "INVALID_PARAMETER_VALUE", "JSON list");
    store.delete_run(&id, 1).unwrap();
    refused(store.log_model_history(&id, &model("c")), "INVALID_PARAMETER_VALUE", "active");
}
