//! The YAML documents of MLflow's folders: `meta.yaml` of experiments, runs, models, datasets,
//! inputs and outputs.
//!
//! Source: what MLflow 3.17.2 writes with `MLFLOW_ALLOW_FILE_STORE=true`. Fields that later
//! versions add survive a rewrite, because they are kept in `rest`.

use super::beneath::Folder;
use super::folder::is_missing;
use crate::entity::{
    Dataset, Experiment, LifecycleStage, LoggedModel, LoggedModelStatus, RunInfo, RunStatus,
};
use crate::{Error, ExperimentId, ModelId, Result, RunId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// The name of each document.
pub(super) const META: &str = "meta.yaml";

/// The most bytes of a document: those of datasets hold a schema and a profile, of 16 MB at most.
const BYTES_MAX: u64 = 20 << 20;

/// Fields that we do not know.
type Rest = BTreeMap<String, Value>;

/// An experiment's `meta.yaml`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ExperimentDocument {
    pub(super) artifact_location: Option<String>,
    pub(super) creation_time: Option<i64>,
    pub(super) experiment_id: String,
    pub(super) last_update_time: Option<i64>,
    pub(super) lifecycle_stage: Option<String>,
    pub(super) name: String,
    #[serde(skip_deserializing, flatten)]
    rest: Rest,
}

/// A run's `meta.yaml`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct RunDocument {
    pub(super) artifact_uri: Option<String>,
    pub(super) deleted_time: Option<i64>,
    pub(super) end_time: Option<i64>,
    #[serde(default)]
    entry_point_name: String,
    pub(super) experiment_id: String,
    pub(super) lifecycle_stage: Option<String>,
    pub(super) run_id: Option<String>,
    pub(super) run_name: Option<String>,
    pub(super) run_uuid: Option<String>,
    #[serde(default)]
    source_name: String,
    source_type: Option<i64>,
    #[serde(default)]
    source_version: String,
    pub(super) start_time: Option<i64>,
    pub(super) status: Option<i64>,
    #[serde(skip_deserializing)]
    tags: [String; 0],
    pub(super) user_id: Option<String>,
    #[serde(skip_deserializing, flatten)]
    rest: Rest,
}

/// A logged model's `meta.yaml`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ModelDocument {
    artifact_location: Option<String>,
    creation_timestamp: Option<i64>,
    experiment_id: String,
    last_updated_timestamp: Option<i64>,
    lifecycle_stage: Option<String>,
    model_id: String,
    model_type: Option<String>,
    name: Option<String>,
    source_run_id: Option<String>,
    status: Option<i64>,
    status_message: Option<String>,
    #[serde(skip_deserializing, flatten)]
    rest: Rest,
}

/// A dataset's `meta.yaml`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct DatasetDocument {
    digest: String,
    name: String,
    profile: Option<String>,
    schema: Option<String>,
    source: Option<String>,
    source_type: Option<String>,
}

/// The `meta.yaml` of an input or an output of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct LinkDocument {
    pub(super) destination_id: String,
    pub(super) destination_type: String,
    pub(super) source_id: String,
    pub(super) source_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) step: Option<i64>,
    #[serde(default)]
    pub(super) tags: BTreeMap<String, String>,
}

/// A document that keeps the fields it does not know.
pub(super) trait Document: Serialize + DeserializeOwned {
    /// The fields that are whole numbers.
    const NUMBERS: &[&str] = &[];

    /// Where unknown fields go.
    fn rest(&mut self) -> Option<&mut Rest> {
        None
    }
}

impl Document for ExperimentDocument {
    const NUMBERS: &[&str] = &["creation_time", "last_update_time"];

    fn rest(&mut self) -> Option<&mut Rest> {
        Some(&mut self.rest)
    }
}

impl Document for RunDocument {
    const NUMBERS: &[&str] = &["deleted_time", "end_time", "source_type", "start_time", "status"];

    fn rest(&mut self) -> Option<&mut Rest> {
        Some(&mut self.rest)
    }
}

impl Document for ModelDocument {
    const NUMBERS: &[&str] = &["creation_timestamp", "last_updated_timestamp", "status"];

    fn rest(&mut self) -> Option<&mut Rest> {
        Some(&mut self.rest)
    }
}

impl Document for DatasetDocument {}
impl Document for LinkDocument {
    const NUMBERS: &[&str] = &["step"];
}

/// Reads the document in `folder`; `None` when there is none.
///
/// Unknown fields are not read: enough to show, not to rewrite.
pub(super) fn read<T: Document>(folder: &Path) -> Result<Option<T>> {
    read_below(folder, "")
}

/// Reads the document in a folder below `folder`, like [`read`].
pub(super) fn read_below<T: Document>(folder: &Path, below: &str) -> Result<Option<T>> {
    match text(folder, below)? {
        Some(text) => parse_document(&folder.join(below), &text).map(Some),
        None => Ok(None),
    }
}

/// Reads the document in `folder` with all its fields, to rewrite it.
pub(super) fn read_whole<T: Document>(folder: &Path) -> Result<Option<T>> {
    let Some(text) = text(folder, "")? else { return Ok(None) };
    let mut document: T = parse_document(folder, &text)?;
    if document.rest().is_some() {
        let mut unknown: Rest = parse(folder, &text)?;
        let known = serde_json::to_value(&document).unwrap_or_default();
        unknown.retain(|key, _| known.get(key).is_none());
        if let Some(rest) = document.rest() {
            *rest = unknown;
        }
    }
    Ok(Some(document))
}

/// Writes a document's text.
pub(super) fn print<T: Serialize>(document: &T) -> Result<String> {
    serde_yaml::to_string(document).map_err(|error| Error::backend("cannot write YAML", error))
}

fn text(folder: &Path, below: &str) -> Result<Option<String>> {
    let path = Path::new(below).join(META);
    let read = Folder::open(folder).and_then(|open| open.read(&path, BYTES_MAX));
    let corrupt = |why: String| Err(Error::Corrupt { path: folder.join(&path), why });
    match read {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(error) => corrupt(error.to_string()),
        },
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => corrupt(error.to_string()),
        Err(error) => {
            let path = folder.join(path);
            Err(Error::backend(format!("cannot read `{}`", path.display()), error))
        }
    }
}

fn parse<T: DeserializeOwned>(folder: &Path, text: &str) -> Result<T> {
    serde_yaml::from_str(text).map_err(|error| Error::Corrupt {
        path: folder.join(META),
        // The rest of the message quotes the file over several lines.
        why: first_line(&error.to_string()),
    })
}

/// Reads a document whose fields may have been written by any version, program or hand.
fn parse_document<T: Document>(folder: &Path, text: &str) -> Result<T> {
    parse(folder, text).or_else(|error| {
        let Ok(fields) = parse::<Rest>(folder, text) else { return Err(error) };
        let settled = fields.into_iter().filter_map(|(key, value)| {
            let value = settle(value, T::NUMBERS.contains(&key.as_str()))?;
            Some((key, value))
        });
        serde_json::from_value(Value::Object(settled.collect())).map_err(|_| error)
    })
}

/// Makes a value what its field is, a number or a text; what cannot be that counts as missing, so
/// that only a field without which there is no run, experiment or model can hide it.
fn settle(value: Value, is_number: bool) -> Option<Value> {
    match value {
        Value::Null | Value::Array(_) => None,
        Value::Number(number) if is_number => {
            let whole = number.as_i64().or_else(|| number.as_f64().and_then(whole_number));
            whole.map(Value::from)
        }
        Value::String(text) if is_number => {
            let whole = text.parse().ok().or_else(|| text.parse().ok().and_then(whole_number));
            whole.map(Value::from)
        }
        Value::Bool(_) | Value::Object(_) if is_number => None,
        Value::Bool(_) | Value::Number(_) => Some(Value::String(value.to_string())),
        Value::String(_) | Value::Object(_) => Some(value),
    }
}

/// Cuts a number to a whole one, as times of a fraction of a millisecond are.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn whole_number(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (number.abs() <= EXACT).then_some(number as i64)
}

fn first_line(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}

fn stage(text: Option<&str>) -> LifecycleStage {
    match text {
        Some("deleted") => LifecycleStage::Deleted,
        _ => LifecycleStage::Active,
    }
}

fn corrupt<T>(folder: &Path, why: &str) -> Result<T> {
    Err(Error::Corrupt { path: folder.join(META), why: why.to_owned() })
}

/// Refuses what was copied or renamed: under two names, each command would find another half.
fn check_name(folder: &Path, field: &str, id: &str) -> Result<()> {
    if folder.file_name().is_some_and(|name| name == id) {
        return Ok(());
    }
    corrupt(folder, &format!("its {field} is `{id}`, and its folder has another name"))
}

impl ExperimentDocument {
    pub(super) fn from_entity(experiment: &Experiment) -> Self {
        Self {
            artifact_location: Some(experiment.artifact_location.clone()),
            creation_time: Some(experiment.creation_time),
            experiment_id: experiment.experiment_id.to_string(),
            last_update_time: Some(experiment.last_update_time),
            lifecycle_stage: Some(experiment.lifecycle_stage.as_str().to_owned()),
            name: experiment.name.clone(),
            rest: Rest::new(),
        }
    }

    /// Makes the entity, without its tags; `folder` is where the document lies.
    pub(super) fn entity(self, folder: &Path) -> Result<Experiment> {
        let Ok(experiment_id) = ExperimentId::parse(self.experiment_id) else {
            return corrupt(folder, "it has no valid experiment_id");
        };
        Ok(Experiment {
            experiment_id,
            name: self.name,
            artifact_location: self.artifact_location.unwrap_or_default(),
            lifecycle_stage: stage(self.lifecycle_stage.as_deref()),
            last_update_time: self.last_update_time.unwrap_or_default(),
            creation_time: self.creation_time.unwrap_or_default(),
            tags: Vec::new(),
        })
    }
}

impl RunDocument {
    pub(super) fn from_entity(info: &RunInfo) -> Self {
        /// `SourceType.LOCAL`, which old versions of MLflow expect.
        const LOCAL: i64 = 4;
        Self {
            artifact_uri: Some(info.artifact_uri.clone()),
            deleted_time: None,
            end_time: info.end_time,
            entry_point_name: String::new(),
            experiment_id: info.experiment_id.to_string(),
            lifecycle_stage: Some(info.lifecycle_stage.as_str().to_owned()),
            run_id: Some(info.run_id.to_string()),
            run_name: Some(info.run_name.clone()),
            run_uuid: Some(info.run_id.to_string()),
            source_name: String::new(),
            source_type: Some(LOCAL),
            source_version: String::new(),
            start_time: Some(info.start_time),
            status: Some(info.status.number()),
            tags: [],
            user_id: Some(info.user_id.clone()),
            rest: Rest::new(),
        }
    }

    /// Makes the entity; `folder` is where the document lies.
    pub(super) fn entity(self, folder: &Path) -> Result<RunInfo> {
        let id = self.run_id.or(self.run_uuid).unwrap_or_default();
        let Ok(run_id) = RunId::parse(id) else {
            return corrupt(folder, "it has no valid run_id");
        };
        check_name(folder, "run_id", run_id.as_str())?;
        let Ok(experiment_id) = ExperimentId::parse(self.experiment_id) else {
            return corrupt(folder, "it has no valid experiment_id");
        };
        let status = self.status.map_or(Some(RunStatus::Running), RunStatus::from_number);
        let Some(status) = status else {
            return corrupt(folder, "its status is not a number from 1 to 5");
        };
        Ok(RunInfo {
            run_id,
            run_name: self.run_name.unwrap_or_default(),
            experiment_id,
            user_id: self.user_id.unwrap_or_default(),
            status,
            start_time: self.start_time.unwrap_or_default(),
            end_time: self.end_time,
            artifact_uri: self.artifact_uri.unwrap_or_default(),
            lifecycle_stage: stage(self.lifecycle_stage.as_deref()),
        })
    }
}

impl ModelDocument {
    pub(super) fn from_entity(model: &LoggedModel) -> Self {
        Self {
            artifact_location: Some(model.artifact_uri.clone()),
            creation_timestamp: Some(model.creation_timestamp),
            experiment_id: model.experiment_id.to_string(),
            last_updated_timestamp: Some(model.last_updated_timestamp),
            lifecycle_stage: Some(LifecycleStage::Active.as_str().to_owned()),
            model_id: model.model_id.to_string(),
            model_type: model.model_type.clone(),
            name: Some(model.name.clone()),
            source_run_id: model.source_run_id.as_ref().map(ToString::to_string),
            status: Some(model.status.number()),
            status_message: model.status_message.clone(),
            rest: Rest::new(),
        }
    }

    pub(super) fn is_deleted(&self) -> bool {
        stage(self.lifecycle_stage.as_deref()) == LifecycleStage::Deleted
    }

    pub(super) fn change(&mut self, status: Option<LoggedModelStatus>, delete: bool, now: i64) {
        self.last_updated_timestamp = Some(now);
        if let Some(status) = status {
            self.status = Some(status.number());
        }
        if delete {
            self.lifecycle_stage = Some(LifecycleStage::Deleted.as_str().to_owned());
        }
    }

    /// Makes the entity, without tags, params and metrics.
    pub(super) fn entity(self, folder: &Path) -> Result<LoggedModel> {
        let Ok(model_id) = ModelId::parse(self.model_id) else {
            return corrupt(folder, "it has no valid model_id");
        };
        check_name(folder, "model_id", model_id.as_str())?;
        let Ok(experiment_id) = ExperimentId::parse(self.experiment_id) else {
            return corrupt(folder, "it has no valid experiment_id");
        };
        let status =
            self.status.map_or(Some(LoggedModelStatus::Pending), LoggedModelStatus::from_number);
        Ok(LoggedModel {
            model_id,
            experiment_id,
            name: self.name.unwrap_or_default(),
            creation_timestamp: self.creation_timestamp.unwrap_or_default(),
            last_updated_timestamp: self.last_updated_timestamp.unwrap_or_default(),
            artifact_uri: self.artifact_location.unwrap_or_default(),
            status: status.unwrap_or_default(),
            status_message: self.status_message,
            model_type: self.model_type,
            source_run_id: self.source_run_id.and_then(|id| RunId::parse(id).ok()),
            tags: Vec::new(),
            params: Vec::new(),
            metrics: Vec::new(),
        })
    }
}

impl DatasetDocument {
    pub(super) fn from_entity(dataset: &Dataset) -> Self {
        Self {
            digest: dataset.digest.clone(),
            name: dataset.name.clone(),
            profile: dataset.profile.clone(),
            schema: dataset.schema.clone(),
            source: Some(dataset.source.clone()),
            source_type: Some(dataset.source_type.clone()),
        }
    }

    pub(super) fn entity(self) -> Dataset {
        Dataset {
            name: self.name,
            digest: self.digest,
            source_type: self.source_type.unwrap_or_default(),
            source: self.source.unwrap_or_default(),
            schema: self.schema,
            profile: self.profile,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn folder_with(text: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(META), text).unwrap();
        folder
    }

    #[test]
    fn fields_of_later_versions_survive_a_rewrite() {
        let folder = folder_with(
            "experiment_id: 7\nname: 1e-3\nlifecycle_stage: active\nworkspace: default\n\
             trace_location: null\nlimits: {a: [1, 2]}\n",
        );
        let document: ExperimentDocument = read_whole(folder.path()).unwrap().unwrap();

        let text = print(&document).unwrap();

        let again = folder_with(&text);
        let rest: Rest = parse(again.path(), &text).unwrap();
        assert_eq!(rest["workspace"], "default");
        assert_eq!(rest["limits"]["a"][1], 2);
        assert!(rest["trace_location"].is_null());
        let entity = document.entity(folder.path()).unwrap();
        assert_eq!((entity.name.as_str(), entity.experiment_id.as_str()), ("1e-3", "7"));
    }

    #[test]
    fn a_broken_document_names_its_file_and_line() {
        let folder = folder_with("run_id: abc\nstatus: [\n");
        let error = read::<RunDocument>(folder.path()).unwrap_err().to_string();
        assert!(error.contains("meta.yaml") && error.contains("line"), "{error}");
        assert!(!error.contains('\n'), "{error}");
    }
}
