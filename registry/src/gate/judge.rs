//! Whether a version meets the conditions of a stage, with the numbers that say so.

use std::collections::BTreeMap;

use mlctl_filter::{Scalar, Test, Value};
use serde::{Deserialize, Serialize};

use super::{Condition, Direction, RunMetrics};
use crate::approval::Request;
use crate::entity::ModelVersion;
use crate::error::{Error, Result};
use crate::event::Change;
use crate::id::{ModelName, Stage, TagKey, TagValue, VersionNumber};
use crate::policy::Policy;

/// What stands between a version and a stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateReport {
    /// The model.
    pub model: ModelName,
    /// The version.
    pub version: VersionNumber,
    /// The stage that it is in.
    pub from: Stage,
    /// The stage that it is to enter.
    pub stage: Stage,
    /// Whether it may enter, conditions and ways considered.
    pub passed: bool,
    /// The other stages that the model's rules let it go to.
    pub reachable: Vec<Stage>,
    /// The version that holds the stage now: the newest one there.
    pub holder: Option<VersionNumber>,
    /// Each condition of the stage. There are none where the version is already.
    pub findings: Vec<Finding>,
}

/// One condition, and whether it is met.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The condition.
    pub condition: Condition,
    /// Whether it is met.
    pub passed: bool,
    /// The version's number, where the condition has to do with one that is known.
    pub value: Option<f64>,
    /// The number that it is compared with, where there is one.
    pub bound: Option<f64>,
    /// What was found, for a person.
    pub says: String,
}

impl GateReport {
    /// Judges a candidate whose stage is one of the policy's.
    ///
    /// # Errors
    /// The runs whose metrics are needed besides those that are known.
    pub fn judge(
        case: &Case<'_>,
        policy: &Policy,
        known: &Measured,
    ) -> std::result::Result<Self, Vec<String>> {
        let (version, stage) = (case.version, case.stage);
        let from = &version.current_stage;
        let conditions: Vec<_> = match from == stage {
            true => Vec::new(),
            false => policy.gates.conditions(stage).collect(),
        };
        let missing = case.runs(&conditions).filter(|run| !known.contains_key(*run));
        let missing: Vec<_> = missing.map(str::to_owned).collect();
        if !missing.is_empty() {
            return Err(missing);
        }
        let findings = conditions.into_iter().map(|condition| case.evaluate(condition, known));
        let findings: Vec<_> = findings.collect();
        Ok(Self {
            model: version.name.clone(),
            version: version.version,
            from: from.clone(),
            stage: stage.clone(),
            passed: policy.stages.may_go(from, stage) && findings.iter().all(|one| one.passed),
            reachable: policy.stages.reachable(from),
            holder: case.holder.map(|holder| holder.version),
            findings,
        })
    }

    /// Tells whether the rules of the model's stages lead there.
    pub fn is_reachable(&self) -> bool {
        self.from == self.stage || self.reachable.contains(&self.stage)
    }

    /// Tells what is not met.
    pub fn failures(&self) -> String {
        texts(self.findings.iter().filter(|finding| !finding.passed)).join("; ")
    }

    /// Refuses a version that may not enter, or says what is noted of it when it does.
    pub fn admit(&self, force: bool) -> Result<Option<Change>> {
        let to = self.stage.clone();
        if self.passed {
            let met = texts(self.findings.iter());
            return Ok((!met.is_empty()).then_some(Change::GatePassed { to, met }));
        }
        let refusal = match self.is_reachable() {
            false => Error::MoveNotAllowed(Box::new(self.clone())),
            true => Error::GateClosed(Box::new(self.clone())),
        };
        if !force {
            return Err(refusal);
        }
        let mut failed = texts(self.findings.iter().filter(|finding| !finding.passed));
        if let Error::MoveNotAllowed(_) = refusal {
            failed.insert(0, refusal.to_string());
        }
        Ok(Some(Change::GateForced { to, failed }))
    }
}

fn texts<'f>(findings: impl Iterator<Item = &'f Finding>) -> Vec<String> {
    findings.map(|finding| finding.says.clone()).collect()
}

/// The latest metrics of runs; nothing for runs that do not exist.
pub type Measured = BTreeMap<String, Option<BTreeMap<String, f64>>>;

/// What became of a try to do something for which the metrics of runs may be needed.
#[derive(Debug)]
pub enum Attempt<T> {
    /// It is done.
    Done(T),
    /// Nothing was done: these runs are needed.
    Needs(Vec<String>),
}

/// Tries until all runs that are needed are known.
///
/// Runs are asked for between the tries, for a store holds its lock while it tries. What holds a
/// stage may change meanwhile, and with it what is needed.
pub fn attempt_with_metrics<T>(
    metrics: &dyn RunMetrics,
    mut attempt: impl FnMut(Measured) -> Result<Attempt<T>>,
) -> Result<T> {
    let mut known = Measured::new();
    loop {
        match attempt(known.clone())? {
            Attempt::Done(done) => return Ok(done),
            Attempt::Needs(runs) => {
                for run in runs {
                    let found = metrics.metrics(&run)?;
                    known.insert(run, found);
                }
            }
        }
    }
}

/// What the registry knows of a version that is to enter a stage.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The version.
    pub version: &'a ModelVersion,
    /// The stage, one of the model's.
    pub stage: &'a Stage,
    /// The newest other version in the stage.
    pub holder: Option<&'a ModelVersion>,
    /// The request for this version and stage, when there is one.
    pub request: Option<&'a Request>,
}

fn run_of(version: &ModelVersion) -> Option<&str> {
    version.run_id.as_deref().filter(|run| !run.is_empty())
}

impl<'a> Case<'a> {
    /// Returns the runs whose metrics some conditions are about.
    fn runs(self, conditions: &[&Condition]) -> impl Iterator<Item = &'a str> {
        let better = |one: &&Condition| matches!(one, Condition::Better { .. });
        let compares = conditions.iter().any(better);
        let measures =
            compares || conditions.iter().any(|one| matches!(one, Condition::Metric { .. }));
        let own = run_of(self.version).filter(|_| measures);
        own.into_iter().chain(self.holder.and_then(run_of).filter(|_| compares))
    }

    fn evaluate(self, condition: &Condition, known: &Measured) -> Finding {
        let plain = |(passed, says)| (passed, None, None, says);
        let (passed, value, bound, says) = match condition {
            Condition::Metric { key, compare, bound } => match metric(self.version, key, known) {
                Ok(value) => {
                    let test = Test::Compare(*compare, Value::Number(*bound));
                    let passed = test.accepts(Scalar::Number(value));
                    let not = if passed { "" } else { "not " };
                    let says = format!("{key} is {value}, {not}{} {bound}", compare.as_str());
                    (passed, Some(value), Some(*bound), says)
                }
                Err(why) => (false, None, Some(*bound), why),
            },
            Condition::Better { key, direction, percent } => {
                self.better(key, *direction, *percent, known)
            }
            Condition::Tag { key, value } => plain(self.tagged(key, value.as_ref())),
            Condition::Approval => plain(self.approved()),
        };
        Finding { condition: condition.clone(), passed, value, bound, says }
    }

    fn better(
        self,
        key: &str,
        direction: Direction,
        percent: f64,
        known: &Measured,
    ) -> (bool, Option<f64>, Option<f64>, String) {
        let own = metric(self.version, key, known);
        let Some(holder) = self.holder else {
            let says = format!("{key} cannot be compared: no version is in {}", self.stage);
            return (true, own.ok(), None, says);
        };
        let (value, held) = match (own, metric(holder, key, known)) {
            (Ok(value), Ok(held)) => (value, held),
            (own, Err(why)) => {
                return (false, own.ok(), None, format!("{why} (it is in {})", self.stage));
            }
            (Err(why), Ok(_)) => return (false, None, None, why),
        };
        let bound = bound(held, direction, percent);
        let passed = is_better(value, held, bound, direction, percent);
        let way = match direction {
            Direction::Lower => "at most",
            Direction::Higher => "at least",
        };
        let not = if passed { "" } else { "not " };
        let says = format!(
            "{key} is {value}, {not}{way} {bound}: {percent}% {} than {held} of version {}",
            direction.as_str(),
            holder.version
        );
        (passed, Some(value), Some(bound), says)
    }

    fn tagged(self, key: &TagKey, wanted: Option<&TagValue>) -> (bool, String) {
        match (self.version.tags.get(key), wanted) {
            (None, None) => (false, format!("tag `{key}` is missing")),
            (None, Some(wanted)) => (false, format!("tag `{key}` is missing, not `{wanted}`")),
            (Some(value), Some(wanted)) if value != wanted => {
                (false, format!("tag `{key}` is `{value}`, not `{wanted}`"))
            }
            (Some(value), _) => (true, format!("tag `{key}` is `{value}`")),
        }
    }

    fn approved(self) -> (bool, String) {
        let Some(request) = self.request else {
            return (false, "an approval is required, and nobody has requested one".to_owned());
        };
        let by = &request.requested.who;
        match &request.approved {
            None => (
                false,
                format!(
                    "an approval is required: {by} requested it, and nobody has \
                                 approved it"
                ),
            ),
            Some(approved) => (true, format!("{by} requested it, {} approved it", approved.who)),
        }
    }
}

/// Finds a metric of a version's run, or says why there is none.
fn metric(version: &ModelVersion, key: &str, known: &Measured) -> std::result::Result<f64, String> {
    let number = version.version;
    let Some(run) = run_of(version) else {
        return Err(format!("version {number} has no run, so there is no metric `{key}`"));
    };
    let Some(Some(metrics)) = known.get(run) else {
        return Err(format!(
            "run `{run}` of version {number} does not exist in this store, so there is no metric \
             `{key}`"
        ));
    };
    let value = metrics.get(key).copied();
    value.ok_or_else(|| format!("run `{run}` of version {number} has no metric `{key}`"))
}

/// Says what value is better than `held` by some percent of its size.
fn bound(held: f64, direction: Direction, percent: f64) -> f64 {
    let margin = held.abs() * percent / 100.0;
    match direction {
        Direction::Lower => held - margin,
        Direction::Higher => held + margin,
    }
}

fn is_better(value: f64, held: f64, bound: f64, direction: Direction, percent: f64) -> bool {
    // A value that was meant to be just at the bound must not fail for its last binary digit.
    let slack = held.abs() * 1e-12;
    let (within, strictly) = match direction {
        Direction::Lower => (value <= bound + slack, value < held),
        Direction::Higher => (value >= bound - slack, value > held),
    };
    // Of nothing every percentage is nothing.
    within && (strictly || percent == 0.0)
}

#[cfg(test)]
mod tests;
