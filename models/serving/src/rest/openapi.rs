//! A description of the server for programs, <https://spec.openapis.org/oas/v3.1.0>.

use super::page::url_escaped;
use crate::{Deployed, Repository};
use axum::Json;
use axum::extract::State;
use mlctl_table::schema::{DataType, Schema};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The routes that are the same whatever is served.
const PLAIN: [(&str, &str, &str); 16] = [
    ("get", "/ping", "Whether a model is ready"),
    ("get", "/health", "Whether a model is ready"),
    ("get", "/version", "The version of the server"),
    ("get", "/metrics", "Metrics for Prometheus"),
    ("get", "/v2", "Name, version and extensions of the server"),
    ("get", "/v2/health/live", "Whether the server is live"),
    ("get", "/v2/health/ready", "Whether all models are ready"),
    ("get", "/v2/models/{name}", "Inputs and outputs of a model"),
    ("get", "/v2/models/{name}/ready", "Whether a model is ready"),
    ("get", "/v2/models/{name}/versions/{version}", "Inputs and outputs of a version"),
    ("get", "/v2/models/{name}/versions/{version}/ready", "Whether a version is ready"),
    ("post", "/v2/models/{name}/versions/{version}/infer", "Score tensors with a version"),
    ("post", "/v2/repository/index", "All models and their states"),
    ("post", "/v2/repository/models/{name}/load", "Load a model"),
    ("post", "/v2/repository/models/{name}/unload", "Unload a model"),
    ("get", "/openapi.json", "This description"),
];

/// Answers the description.
pub(super) async fn document(State(repository): State<Arc<Repository>>) -> Json<Value> {
    let mut paths = Map::new();
    if let Some(Ok(deployed)) = repository.only() {
        paths.insert("/invocations".to_owned(), invocations(&deployed));
    }
    for name in repository.names() {
        if let Ok(deployed) = repository.get(name, None) {
            let name = url_escaped(name);
            paths.insert(format!("/models/{name}/invocations"), invocations(&deployed));
            paths.insert(format!("/v2/models/{name}/infer"), infer(&deployed));
        }
    }
    for (method, path, summary) in PLAIN {
        paths.insert(path.to_owned(), json!({ method: plain(path, summary) }));
    }
    Json(json!({
        "openapi": "3.1.0",
        "info": { "title": "Model server", "version": env!("CARGO_PKG_VERSION") },
        "paths": paths,
        "components": { "schemas": { "Failure": {
            "type": "object",
            "properties": {
                "error_code": { "type": "string" },
                "message": { "type": "string" },
            },
            "required": ["error_code", "message"],
        } } },
    }))
}

fn plain(path: &str, summary: &str) -> Value {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameters: Vec<Value> = names
        .map(|name| {
            let schema = json!({ "type": "string" });
            json!({ "name": name, "in": "path", "required": true, "schema": schema })
        })
        .collect();
    let answer = json!({ "200": { "description": "Yes" } });
    json!({ "summary": summary, "parameters": parameters, "responses": answer })
}

fn invocations(deployed: &Deployed) -> Value {
    let example = deployed.example();
    let example = example.and_then(|example| serde_json::from_str(&example.body).ok());
    let mut json_body = Map::from_iter([("schema".to_owned(), body(deployed))]);
    if let Some(example) = example {
        json_body.insert("example".to_owned(), example);
    }
    let failure = |description: &str| {
        let schema = json!({ "$ref": "#/components/schemas/Failure" });
        json!({
            "description": description,
            "content": { "application/json": { "schema": schema } },
        })
    };
    json!({ "post": {
        "summary": format!("Score rows with {}, version {}", deployed.name(), deployed.version()),
        "requestBody": { "required": true, "content": {
            "application/json": json_body,
            "text/csv": { "schema": { "type": "string" } },
            "application/vnd.apache.parquet": {},
            "application/vnd.apache.arrow.stream": {},
        } },
        "responses": {
            "200": { "description": "Predictions", "content": { "application/json": { "schema": {
                "type": "object",
                "properties": { "predictions": {} },
                "required": ["predictions"],
            } } } },
            "400": failure("The request does not fit the model"),
            "429": failure("Too many requests wait"),
        },
    } })
}

/// Describes the four forms of a body.
fn body(deployed: &Deployed) -> Value {
    let schema = deployed.model().input_schema();
    let record = schema.map_or_else(|| json!({ "type": "object" }), record);
    let one = |name: &str, schema: Value| json!({ "type": "object", "properties": { name: schema }, "required": [name] });
    let split = json!({
        "type": "object",
        "properties": {
            "columns": { "type": "array", "items": { "type": "string" } },
            "data": { "type": "array", "items": { "type": "array" } },
        },
        "required": ["data"],
    });
    json!({ "oneOf": [
        one("dataframe_records", json!({ "type": "array", "items": record })),
        one("dataframe_split", split),
        one("instances", json!({ "type": "array" })),
        one("inputs", json!({ "type": ["array", "object", "number", "string", "boolean"] })),
    ] })
}

/// Describes a row.
fn record(schema: &Schema) -> Value {
    let Schema::Columns(columns) = schema else { return json!({ "type": "object" }) };
    let named = || columns.iter().filter_map(|column| Some((column.name.as_ref()?, column)));
    let properties: Map<String, Value> = named()
        .map(|(name, column)| (name.clone(), json!({ "type": json_type(column.data_type()) })))
        .collect();
    let required: Vec<&String> =
        named().filter(|(_, column)| column.required).map(|(name, _)| name).collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

fn json_type(data_type: Option<DataType>) -> Value {
    match data_type {
        Some(DataType::Boolean) => json!("boolean"),
        Some(DataType::Integer | DataType::Long) => json!("integer"),
        // A missing one is null.
        Some(DataType::Float | DataType::Double) => json!(["number", "null"]),
        Some(DataType::String | DataType::Binary | DataType::Datetime) => json!("string"),
        None => json!(["array", "object"]),
    }
}

fn infer(deployed: &Deployed) -> Value {
    let tensor = json!({
        "type": "object",
        "properties": {
            "name": { "type": "string" },
            "shape": { "type": "array", "items": { "type": "integer" } },
            "datatype": { "type": "string" },
            "data": { "type": "array" },
        },
        "required": ["name", "shape", "datatype"],
    });
    let tensors = json!({ "type": "array", "items": tensor });
    let object =
        |key: &str| json!({ "type": "object", "properties": { key: tensors }, "required": [key] });
    json!({ "post": {
        "summary": format!("Score tensors with {} (Open Inference Protocol, version 2)", deployed.name()),
        "requestBody": { "required": true, "content": {
            "application/json": { "schema": object("inputs") },
        } },
        "responses": { "200": { "description": "Tensors", "content": {
            "application/json": { "schema": object("outputs") },
        } } },
    } })
}
