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
    pub(crate) fn of(
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
        let findings = conditions.into_iter().map(|condition| case.find(condition, known));
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
        said(self.findings.iter().filter(|finding| !finding.passed)).join("; ")
    }

    /// Refuses a version that may not enter, or says what is noted of it when it does.
    pub(crate) fn enter(&self, force: bool) -> Result<Option<Change>> {
        let to = self.stage.clone();
        if self.passed {
            let met = said(self.findings.iter());
            return Ok((!met.is_empty()).then_some(Change::GatePassed { to, met }));
        }
        let refusal = match self.is_reachable() {
            false => Error::MoveNotAllowed(Box::new(self.clone())),
            true => Error::GateClosed(Box::new(self.clone())),
        };
        if !force {
            return Err(refusal);
        }
        let mut failed = said(self.findings.iter().filter(|finding| !finding.passed));
        if let Error::MoveNotAllowed(_) = refusal {
            failed.insert(0, refusal.to_string());
        }
        Ok(Some(Change::GateForced { to, failed }))
    }
}

fn said<'f>(findings: impl Iterator<Item = &'f Finding>) -> Vec<String> {
    findings.map(|finding| finding.says.clone()).collect()
}

/// The latest metrics of runs; nothing for runs that do not exist.
pub(crate) type Measured = BTreeMap<String, Option<BTreeMap<String, f64>>>;

/// What became of a try to do something for which the metrics of runs may be needed.
#[derive(Debug)]
pub(crate) enum Attempt<T> {
    Done(T),
    /// Nothing was done: these runs are needed.
    Needs(Vec<String>),
}

/// Tries until all runs that are needed are known.
///
/// Runs are asked for between the tries, for a store holds its lock while it tries. What holds a
/// stage may change meanwhile, and with it what is needed.
pub(crate) fn with_metrics<T>(
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
pub(crate) struct Case<'a> {
    pub(crate) version: &'a ModelVersion,
    pub(crate) stage: &'a Stage,
    /// The newest other version in the stage.
    pub(crate) holder: Option<&'a ModelVersion>,
    pub(crate) request: Option<&'a Request>,
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

    fn find(self, condition: &Condition, known: &Measured) -> Finding {
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
            let says =
                format!("{key} has nothing to be better than: no version is in {}", self.stage);
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
            return (false, "an approval is needed, and nobody has requested one".to_owned());
        };
        let by = &request.requested.who;
        match &request.approved {
            None => {
                (false, format!("an approval is needed: {by} requested it, nobody approved it"))
            }
            Some(approved) => (true, format!("{by} requested it, {} approved it", approved.who)),
        }
    }
}

/// Finds a metric of a version's run, or says why there is none.
fn metric(version: &ModelVersion, key: &str, known: &Measured) -> std::result::Result<f64, String> {
    let number = version.version;
    let Some(run) = run_of(version) else {
        return Err(format!("version {number} has no run, so no metric `{key}`"));
    };
    let Some(Some(metrics)) = known.get(run) else {
        return Err(format!(
            "run `{run}` of version {number} is not known here, so no metric `{key}`"
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
mod tests {
    use super::*;
    use crate::entity::{NewVersion, Stamp};
    use crate::gate::Gates;
    use crate::stages::StageRules;

    fn version(number: u32, run: &str) -> ModelVersion {
        let new = NewVersion {
            run_id: Some(run.to_owned()),
            ..NewVersion::of("churn".parse().unwrap(), "/models")
        };
        let number = VersionNumber::from_u32(number).unwrap();
        crate::store::created(&new, number, "/models".to_owned(), &Stamp::new("ada", 1))
    }

    /// What is known in these tests: version 3 of run `new`, version 1 of run `old` in Production.
    struct Known {
        version: ModelVersion,
        holder: Option<ModelVersion>,
        request: Option<Request>,
        measured: Measured,
    }

    impl Known {
        /// Logs `rmse` with both runs.
        fn rmse(new: f64, old: f64) -> Self {
            let of = |run: &str, rmse| (run.to_owned(), Some([("rmse".to_owned(), rmse)].into()));
            Self {
                version: version(3, "new"),
                holder: Some(version(1, "old")),
                request: None,
                measured: [of("new", new), of("old", old), ("gone".to_owned(), None)].into(),
            }
        }

        fn report(&self, condition: &str, stages: &str) -> GateReport {
            let policy = Policy {
                stages: StageRules::parse(stages).unwrap(),
                gates: Gates::parse(&format!("Production: {condition}")).unwrap(),
            };
            let case = Case {
                version: &self.version,
                stage: &Stage::PRODUCTION,
                holder: self.holder.as_ref(),
                request: self.request.as_ref(),
            };
            GateReport::of(&case, &policy, &self.measured).unwrap()
        }

        #[track_caller]
        fn check(&self, condition: &str, passed: bool, says: &str) -> Finding {
            let report = self.report(condition, "");
            let finding = report.findings.into_iter().next().unwrap();
            assert_eq!((finding.passed, finding.says.as_str()), (passed, says), "{condition}");
            assert_eq!(report.passed, passed);
            finding
        }
    }

    #[test]
    fn a_metric_is_within_its_bound() {
        let known = Known::rmse(0.9, 0.8);
        let finding = known.check("rmse <= 0.8", false, "rmse is 0.9, not <= 0.8");
        assert_eq!((finding.value, finding.bound), (Some(0.9), Some(0.8)));
        known.check("rmse > 0.8", true, "rmse is 0.9, > 0.8");
        known.check("rmse = 0.9", true, "rmse is 0.9, = 0.9");
        known.check("auc > 0.5", false, "run `new` of version 3 has no metric `auc`");
        Known::rmse(f64::NAN, 0.8).check("rmse < 1", false, "rmse is NaN, not < 1");
    }

    #[test]
    fn a_version_without_known_metrics_does_not_pass() {
        let mut known = Known::rmse(0.9, 0.8);
        known.version.run_id = None;
        known.check("rmse < 1", false, "version 3 has no run, so no metric `rmse`");
        known.version.run_id = Some("gone".to_owned());
        let unknown = "run `gone` of version 3 is not known here, so no metric `rmse`";
        known.check("rmse < 1", false, unknown);
        known.check("rmse lower by 1%", false, unknown);
    }

    #[test]
    fn a_version_is_better_than_the_holder() {
        let worse = "rmse is 0.9, not at most 0.792: 1% lower than 0.8 of version 1";
        let finding = Known::rmse(0.9, 0.8).check("rmse lower by 1%", false, worse);
        assert_eq!((finding.value, finding.bound), (Some(0.9), Some(0.792)));
        let just = "rmse is 0.792, at most 0.792: 1% lower than 0.8 of version 1";
        Known::rmse(0.792, 0.8).check("rmse lower by 1%", true, just);
        let higher = "rmse is 0.9, at least 0.88: 10% higher than 0.8 of version 1";
        Known::rmse(0.9, 0.8).check("rmse higher by 10%", true, higher);
        let negative = "rmse is -101, not at least -99: 1% higher than -100 of version 1";
        Known::rmse(-101.0, -100.0).check("rmse higher by 1%", false, negative);
        let same = "rmse is 0, not at least 0: 1% higher than 0 of version 1";
        Known::rmse(0.0, 0.0).check("rmse higher by 1%", false, same);
        let as_good = "rmse is 0.8, at most 0.8: 0% lower than 0.8 of version 1";
        Known::rmse(0.8, 0.8).check("rmse lower by 0%", true, as_good);
        let nan = "rmse is 0.8, not at most NaN: 1% lower than NaN of version 1";
        Known::rmse(0.8, f64::NAN).check("rmse lower by 1%", false, nan);
    }

    #[test]
    fn the_first_holder_has_nobody_to_be_better_than() {
        let mut known = Known::rmse(0.9, 0.8);
        let unmeasured = "run `old` of version 1 has no metric `auc` (it is in Production)";
        known.check("auc higher by 1%", false, unmeasured);
        known.holder = None;
        let first = "rmse has nothing to be better than: no version is in Production";
        known.check("rmse lower by 1%", true, first);
    }

    #[test]
    fn a_tag_is_there_with_its_value() {
        let mut known = Known::rmse(0.9, 0.8);
        known.check("tag risk", false, "tag `risk` is missing");
        known.check("tag risk = low", false, "tag `risk` is missing, not `low`");
        known.version.tags = [("risk".parse().unwrap(), "high".parse().unwrap())].into();
        known.check("tag risk", true, "tag `risk` is `high`");
        known.check("tag risk = low", false, "tag `risk` is `high`, not `low`");
        known.check("tag risk = high", true, "tag `risk` is `high`");
    }

    #[test]
    fn an_approval_has_been_given() {
        let mut known = Known::rmse(0.9, 0.8);
        let nobody = "an approval is needed, and nobody has requested one";
        known.check("approval", false, nobody);
        let requested = Stamp::new("ada", 1);
        known.request = Some(Request {
            model: "churn".parse().unwrap(),
            version: known.version.version,
            stage: Stage::PRODUCTION,
            requested,
            approved: None,
        });
        let open = "an approval is needed: ada requested it, nobody approved it";
        known.check("approval", false, open);
        known.request.as_mut().unwrap().approved = Some(Stamp::new("bob", 2));
        known.check("approval", true, "ada requested it, bob approved it");
    }

    #[test]
    fn a_refusal_says_what_is_not_met_and_force_notes_it() {
        let report = Known::rmse(0.9, 0.8).report("rmse < 0.8; rmse > 0.1; tag ok", "");
        let refusal = "version 3 of `churn` may not enter Production: \
                       rmse is 0.9, not < 0.8; tag `ok` is missing";
        assert_eq!(report.enter(false).unwrap_err().to_string(), refusal);
        let forced = report.enter(true).unwrap().unwrap();
        let failed = ["rmse is 0.9, not < 0.8", "tag `ok` is missing"].map(str::to_owned).to_vec();
        assert_eq!(forced, Change::GateForced { to: Stage::PRODUCTION, failed });
    }

    #[test]
    fn a_way_that_is_not_there_is_refused_with_those_that_are() {
        let report = Known::rmse(0.9, 0.8).report("rmse < 1", "Staging -> Production");
        let refusal = "version 3 of `churn` may not go from None to Production: \
                       from None it may go to Staging and Archived";
        assert_eq!(report.enter(false).unwrap_err().to_string(), refusal);
        let failed = vec![refusal.to_owned()];
        let forced = Change::GateForced { to: Stage::PRODUCTION, failed };
        assert_eq!(report.enter(true).unwrap(), Some(forced));
    }

    #[test]
    fn where_a_version_is_nothing_is_asked() {
        let mut known = Known::rmse(0.9, 0.8);
        known.version.current_stage = Stage::PRODUCTION;
        let report = known.report("rmse < 0.8", "Staging -> Production");
        assert!(report.passed && report.findings.is_empty());
        assert_eq!(report.enter(false).unwrap(), None);
    }

    #[test]
    fn only_the_runs_that_matter_are_asked_for() {
        let needed = |condition: &str| {
            let mut known = Known::rmse(0.9, 0.8);
            known.measured.clear();
            let policy = Policy {
                stages: StageRules::default(),
                gates: Gates::parse(&format!("Production: {condition}")).unwrap(),
            };
            let case = Case {
                version: &known.version,
                stage: &Stage::PRODUCTION,
                holder: known.holder.as_ref(),
                request: None,
            };
            GateReport::of(&case, &policy, &known.measured).err().unwrap_or_default()
        };
        assert!(needed("tag a; approval").is_empty());
        assert_eq!(needed("tag a; rmse < 1"), ["new"]);
        assert_eq!(needed("rmse lower by 1%"), ["new", "old"]);
    }
}
