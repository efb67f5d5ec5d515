//! `runs/log-model`, by which clients before MLflow 3 note a model of a run.

use super::{Answer, Empty, Service, run_id};
use crate::message::LogModel;
use axum::Router;
use axum::extract::State;
use axum::routing::post;
use mlctl_wire::ErrorCode;
use mlctl_wire::rest::{Failure, Payload, required};
use serde_json::{Map, Value};

pub(super) fn routes() -> Router<Service> {
    Router::new().route("/runs/log-model", post(log_model))
}

async fn log_model(
    State(service): State<Service>,
    Payload(request): Payload<LogModel>,
) -> Answer<Empty> {
    let id = run_id(request.run_id, None)?;
    let model = noted(&required(request.model_json, "model_json")?)?;
    service.act(move |store| store.log_model_history(&id, &model)).await
}

/// Takes out of an `MLmodel` in JSON what MLflow notes of it.
fn noted(text: &str) -> Result<Value, Failure> {
    let refuse = |message| Failure::new(ErrorCode::InvalidParameterValue, message);
    let Ok(Value::Object(mut model)) = serde_json::from_str(text) else {
        return Err(refuse("Malformed model info. It is not a JSON object.".to_owned()));
    };
    let wanted = ["artifact_path", "flavors", "run_id", "utc_time_created"];
    let missing: Vec<&str> = wanted.into_iter().filter(|key| !model.contains_key(*key)).collect();
    if !missing.is_empty() {
        let missing = missing.join(", ");
        return Err(refuse(format!("Model json is missing mandatory fields: {missing}")));
    }
    let mut take = |key: &str| (key.to_owned(), model.remove(key).unwrap_or_default());
    let kept = ["run_id", "artifact_path", "utc_time_created", "model_uuid"];
    let mut kept: Map<String, Value> = kept.into_iter().map(&mut take).collect();
    let (key, mut flavors) = take("flavors");
    for flavor in flavors.as_object_mut().into_iter().flat_map(Map::values_mut) {
        // It may be as large as the model.
        flavor.as_object_mut().map(|flavor| flavor.remove("config"));
    }
    kept.insert(key, flavors);
    Ok(Value::Object(kept))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_noted_of_a_model_is_small() {
        let model = json!({
            "run_id": "r", "artifact_path": "m", "utc_time_created": "2026", "signature": {"a": 1},
            "flavors": {"x": {"config": "long", "b": 2}, "y": "z"},
        });
        let want = json!({
            "run_id": "r", "artifact_path": "m", "utc_time_created": "2026", "model_uuid": null,
            "flavors": {"x": {"b": 2}, "y": "z"},
        });
        assert_eq!(noted(&model.to_string()).unwrap(), want);
    }

    #[test]
    fn what_is_missing_is_named() {
        let failure = noted(r#"{"run_id": "r", "flavors": {}}"#).unwrap_err();
        let message = failure.0.message;
        assert!(
            message.ends_with("mandatory fields: artifact_path, utc_time_created"),
            "{message}"
        );
        assert!(noted("[]").is_err());
    }
}
