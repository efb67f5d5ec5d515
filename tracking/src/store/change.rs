//! What callers hand to a store: what makes experiments and runs, and what changes them.

use super::Millis;
use crate::entity::{Metric, Param, RunStatus, Tag};
use crate::{Error, ExperimentId, ExperimentName, Key, Result, name, rules};

/// What makes an experiment.
#[derive(Clone, Debug)]
pub struct NewExperiment {
    /// Its name, which no other experiment has, deleted ones included.
    pub name: ExperimentName,
    /// Where the artifacts of its runs go; the store's own place when not given.
    pub artifact_location: Option<String>,
    /// Its first tags.
    pub tags: Vec<Tag>,
    /// Now.
    pub time: Millis,
}

/// What makes a run.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// The experiment that it belongs to.
    pub experiment_id: ExperimentId,
    /// Who starts it.
    pub user_id: String,
    /// Its name; else the tag `mlflow.runName`, else one is made up.
    pub run_name: Option<String>,
    /// When it began.
    pub start_time: Millis,
    /// Its first tags.
    pub tags: Vec<Tag>,
}

/// What changes in a run. `None` leaves a field as it is.
#[derive(Clone, Debug, Default)]
pub struct RunChange {
    /// How it goes.
    pub status: Option<RunStatus>,
    /// When it ended.
    pub end_time: Option<Millis>,
    /// Its name; the tag `mlflow.runName` follows.
    pub run_name: Option<String>,
}

/// What a run logs at once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Points of metrics.
    pub metrics: Vec<Metric>,
    /// Params.
    pub params: Vec<Param>,
    /// Tags.
    pub tags: Vec<Tag>,
}

impl NewRun {
    /// Settles the name, by MLflow's rules, and puts the tag for it among the tags.
    ///
    /// # Errors
    /// [`Error::TwoRunNames`] when the name and the tag `mlflow.runName` differ.
    pub fn settle_name(&self) -> Result<(String, Vec<Tag>)> {
        let mut tags = self.tags.clone();
        let from_tag = tags.iter().find(|tag| tag.key.as_str() == rules::tag::RUN_NAME);
        let given = self.run_name.as_deref().filter(|name| !name.is_empty());
        if let (Some(name), Some(tag)) = (given, from_tag)
            && tag.value != name
        {
            return Err(Error::TwoRunNames { name: name.to_owned(), tag: tag.value.clone() });
        }
        let tagged = from_tag.map(|tag| tag.value.clone()).filter(|name| !name.is_empty());
        let name = given.map(str::to_owned).or(tagged).unwrap_or_else(name::make_up);
        tags.retain(|tag| tag.key.as_str() != rules::tag::RUN_NAME);
        tags.push(Tag::new(Key::parse(rules::tag::RUN_NAME)?, &name));
        Ok((name, tags))
    }
}

impl Batch {
    /// Returns the name that this batch gives to the run, if it does.
    pub fn run_name(&self) -> Option<&str> {
        let named = |tag: &&Tag| tag.key.as_str() == rules::tag::RUN_NAME;
        self.tags.iter().rfind(named).map(|tag| tag.value.as_str())
    }
}
