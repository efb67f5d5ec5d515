//! Where something comes from: the logged model, the run that made it, and the data that it read.

use crate::entity::{DatasetInput, LoggedModel, Run};
use crate::{ModelId, Result, RunId, TrackingStore};
use mlctl_wire::ErrorCode;
use serde::Serialize;
use std::collections::BTreeMap;

/// The tag of a dataset that says what it was used for.
const CONTEXT_TAG: &str = "mlflow.data.context";

/// What led to a logged model or a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Lineage {
    /// The data sets that the run read.
    pub datasets: Vec<Source>,
    /// The run.
    pub run: Option<Origin>,
    /// The logged model.
    pub logged_model: Option<Model>,
}

/// A data set that the run read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// What tells its content from others.
    pub digest: String,
    /// The kind of its source.
    pub source_type: String,
    /// What it was used for, such as `training`.
    pub context: Option<String>,
}

/// The run that made the model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Origin {
    /// Identifies it.
    pub run_id: String,
    /// Its name for people.
    pub run_name: String,
    /// Who started it.
    pub user_id: String,
    /// When it began, in milliseconds since 1970.
    pub start_time: i64,
    /// The commit of the code.
    pub commit: Option<String>,
    /// The project or program.
    pub source_name: Option<String>,
    /// The entry point of the project.
    pub entry_point: Option<String>,
    /// Its params.
    pub params: BTreeMap<String, String>,
    /// The last value of each of its metrics.
    pub metrics: BTreeMap<String, f64>,
}

/// The logged model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Model {
    /// Identifies it.
    pub model_id: String,
    /// Its name for people.
    pub name: String,
    /// What kind of model the user says it is.
    pub model_type: Option<String>,
}

impl Lineage {
    /// Follows a logged model and a run to what led to them, as far as they are known here. Without
    /// a run it is the one that made the logged model. An id that is none, or names what is gone or
    /// what such a store does not keep, leaves a gap.
    ///
    /// # Errors
    /// When the store fails.
    pub fn trace(
        store: &dyn TrackingStore,
        model_id: Option<&str>,
        run_id: Option<&str>,
    ) -> Result<Self> {
        let model = match model_id.and_then(|id| ModelId::parse(id).ok()) {
            Some(id) => if_known(store.logged_model(&id))?,
            None => None,
        };
        let of_model = || model.as_ref().and_then(|model| model.source_run_id.clone());
        let run_id = match run_id {
            Some(id) => RunId::parse(id).ok(),
            None => of_model(),
        };
        let run = match run_id {
            Some(id) => if_known(store.run(&id))?,
            None => None,
        };
        Ok(Self {
            datasets: run.iter().flat_map(|run| &run.inputs.dataset_inputs).map(source).collect(),
            run: run.as_ref().map(origin),
            logged_model: model.map(named),
        })
    }
}

/// Takes what is not there, or cannot be on such a store, for none; a store that fails is an error.
fn if_known<T>(outcome: Result<T>) -> Result<Option<T>> {
    match outcome {
        Ok(it) => Ok(Some(it)),
        Err(error) => match error.code() {
            ErrorCode::ResourceDoesNotExist
            | ErrorCode::EndpointNotFound
            | ErrorCode::NotImplemented => Ok(None),
            _ => Err(error),
        },
    }
}

fn source(input: &DatasetInput) -> Source {
    let context = input.tags.iter().find(|tag| tag.key.as_str() == CONTEXT_TAG);
    Source {
        name: input.dataset.name.clone(),
        digest: input.dataset.digest.clone(),
        source_type: input.dataset.source_type.clone(),
        context: context.map(|tag| tag.value.clone()),
    }
}

fn origin(run: &Run) -> Origin {
    let tag = |key: &str| {
        let found = run.data.tags.iter().find(|tag| tag.key.as_str() == key);
        found.map(|tag| tag.value.clone()).filter(|value| !value.is_empty())
    };
    let params = run.data.params.iter();
    let metrics = run.data.metrics.iter();
    Origin {
        run_id: run.info.run_id.to_string(),
        run_name: run.info.run_name.clone(),
        user_id: run.info.user_id.clone(),
        start_time: run.info.start_time,
        commit: tag("mlflow.source.git.commit"),
        source_name: tag("mlflow.source.name"),
        entry_point: tag("mlflow.project.entryPoint"),
        params: params.map(|param| (param.key.to_string(), param.value.clone())).collect(),
        metrics: metrics.map(|metric| (metric.key.to_string(), metric.value)).collect(),
    }
}

fn named(model: LoggedModel) -> Model {
    Model { model_id: model.model_id.to_string(), name: model.name, model_type: model.model_type }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::Tag;
    use crate::store::memory::MemoryStore;
    use crate::store::{LoggedModelStore, NewLoggedModel, NewRun};
    use crate::{ExperimentId, Key};

    fn with_model() -> (MemoryStore, String, String) {
        let store = MemoryStore::new();
        let run = store
            .create_run(&NewRun {
                experiment_id: ExperimentId::default_experiment(),
                user_id: "ada".to_owned(),
                run_name: Some("nightly".to_owned()),
                start_time: 7,
                tags: vec![
                    Tag::new(Key::parse("mlflow.source.git.commit").unwrap(), "c0ffee"),
                    Tag::new(Key::parse("mlflow.source.name").unwrap(), ""),
                ],
            })
            .unwrap();
        let model = store
            .create_logged_model(&NewLoggedModel {
                experiment_id: ExperimentId::default_experiment(),
                name: Some("churn".to_owned()),
                model_type: Some("forest".to_owned()),
                source_run_id: Some(run.info.run_id.clone()),
                params: vec![],
                tags: vec![],
                time: 8,
            })
            .unwrap();
        (store, model.model_id.to_string(), run.info.run_id.to_string())
    }

    #[test]
    fn a_logged_model_leads_to_the_run_that_made_it() {
        let (store, model_id, run_id) = with_model();

        let found = Lineage::trace(&store, Some(&model_id), None).unwrap();

        let origin = found.run.unwrap();
        assert_eq!(origin.run_id, run_id);
        assert_eq!(origin.commit.as_deref(), Some("c0ffee"));
        assert_eq!(origin.source_name, None, "an empty tag says nothing");
        assert_eq!(found.logged_model.unwrap().model_type.as_deref(), Some("forest"));
    }

    #[test]
    fn what_is_not_known_is_a_gap() {
        let (store, _, run_id) = with_model();
        let unknown = "f".repeat(32);

        let gap = Lineage::trace(&store, Some("m-none"), Some(&unknown)).unwrap();
        let only_run = Lineage::trace(&store, Some("no id"), Some(&run_id)).unwrap();

        assert_eq!(gap, Lineage::default());
        assert!(only_run.run.is_some() && only_run.logged_model.is_none());
    }
}
