//! Names, tags and stages of experiments.

use super::fits;
use crate::entity::{Experiment, LifecycleStage, Tag};
use crate::{Error, ExperimentName, Result, Thing};
use mlctl_wire::limits;
use mlctl_wire::name::{NewName, Resemblance};

/// Refuses a name that an experiment has, in whatever spelling of Unicode, and warns of one that only
/// looks like the name of another.
pub fn reject_taken_name<'a>(
    name: &ExperimentName,
    experiments: impl Iterator<Item = &'a Experiment>,
) -> Result<()> {
    let new = NewName::of(name.as_str());
    for experiment in experiments {
        match new.compare(&experiment.name) {
            Resemblance::None => {}
            Resemblance::Alike => {
                tracing::warn!("the experiment `{name}` looks like `{}`", experiment.name);
            }
            Resemblance::Same => {
                return Err(Error::ExperimentExists {
                    name: experiment.name.clone(),
                    deleted: experiment.lifecycle_stage == LifecycleStage::Deleted,
                });
            }
        }
    }
    Ok(())
}

/// Finds the experiment of a name, as it was given before one that is spelled otherwise.
pub fn find_experiment_by_name(name: &str, mut experiments: Vec<Experiment>) -> Option<Experiment> {
    let wanted = NewName::of(name);
    let same = |one: &Experiment| wanted.compare(&one.name) == Resemblance::Same;
    let exact = experiments.iter().position(|one| one.name == name);
    let at = exact.or_else(|| experiments.iter().position(same))?;
    Some(experiments.swap_remove(at))
}

/// Refuses a change of an experiment that is deleted.
pub fn require_active_experiment(experiment: &Experiment) -> Result<()> {
    match experiment.lifecycle_stage {
        LifecycleStage::Active => Ok(()),
        LifecycleStage::Deleted => {
            Err(Error::NotActive { what: Thing::Experiment(experiment.experiment_id.clone()) })
        }
    }
}

/// Refuses to give an experiment the stage that it has.
pub fn require_other_stage(experiment: &Experiment, stage: LifecycleStage) -> Result<()> {
    if experiment.lifecycle_stage != stage {
        return Ok(());
    }
    Err(Error::ExperimentStage { id: experiment.experiment_id.clone(), stage })
}

/// Refuses the location of an experiment's artifacts that no file system and no URL can have.
pub fn reject_invalid_location(location: Option<&str>) -> Result<()> {
    /// What file systems take as a path; MLflow's columns hold less.
    const BYTES_MAX: usize = 4096;
    let Some(location) = location else { return Ok(()) };
    if location.contains(char::is_control) || location.contains("%00") {
        let rule = "it must not contain control characters such as NUL and line breaks";
        return Err(Error::invalid("artifact location", location, rule));
    }
    if location.len() > BYTES_MAX {
        let rule = "it can have at most 4096 bytes";
        return Err(Error::invalid("artifact location", location, rule));
    }
    Ok(())
}

/// Refuses an experiment's tag whose value is too long.
pub fn reject_long_experiment_tag(tag: &Tag) -> Result<()> {
    if fits(&tag.value, limits::EXPERIMENT_TAG_VALUE_CHARS_MAX) {
        return Ok(());
    }
    Err(Error::too_long("tag value", "value", &tag.value, limits::EXPERIMENT_TAG_VALUE_CHARS_MAX))
}
