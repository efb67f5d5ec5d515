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
    crate::store::created_version(&new, number, "/models".to_owned(), &Stamp::new("ada", 1))
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
        GateReport::judge(&case, &policy, &self.measured).unwrap()
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
    known.check("rmse < 1", false, "version 3 has no run, so there is no metric `rmse`");
    known.version.run_id = Some("gone".to_owned());
    let unknown = "run `gone` of version 3 does not exist in this store, so there is no metric \
                   `rmse`";
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
    let first = "rmse cannot be compared: no version is in Production";
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
    let nobody = "an approval is required, and nobody has requested one";
    known.check("approval", false, nobody);
    let requested = Stamp::new("ada", 1);
    known.request = Some(Request {
        model: "churn".parse().unwrap(),
        version: known.version.version,
        stage: Stage::PRODUCTION,
        requested,
        approved: None,
    });
    let open = "an approval is required: ada requested it, and nobody has approved it";
    known.check("approval", false, open);
    known.request.as_mut().unwrap().approved = Some(Stamp::new("bob", 2));
    known.check("approval", true, "ada requested it, bob approved it");
}

#[test]
fn a_refusal_says_what_is_not_met_and_force_notes_it() {
    let report = Known::rmse(0.9, 0.8).report("rmse < 0.8; rmse > 0.1; tag ok", "");
    let refusal = "version 3 of `churn` may not enter Production: \
                   rmse is 0.9, not < 0.8; tag `ok` is missing";
    assert_eq!(report.admit(false).unwrap_err().to_string(), refusal);
    let forced = report.admit(true).unwrap().unwrap();
    let failed = ["rmse is 0.9, not < 0.8", "tag `ok` is missing"].map(str::to_owned).to_vec();
    assert_eq!(forced, Change::GateForced { to: Stage::PRODUCTION, failed });
}

#[test]
fn a_way_that_is_not_there_is_refused_with_those_that_are() {
    let report = Known::rmse(0.9, 0.8).report("rmse < 1", "Staging -> Production");
    let refusal = "version 3 of `churn` may not go from None to Production: \
                   from None it may go to Staging and Archived";
    assert_eq!(report.admit(false).unwrap_err().to_string(), refusal);
    let failed = vec![refusal.to_owned()];
    let forced = Change::GateForced { to: Stage::PRODUCTION, failed };
    assert_eq!(report.admit(true).unwrap(), Some(forced));
}

#[test]
fn where_a_version_is_nothing_is_asked() {
    let mut known = Known::rmse(0.9, 0.8);
    known.version.current_stage = Stage::PRODUCTION;
    let report = known.report("rmse < 0.8", "Staging -> Production");
    assert!(report.passed && report.findings.is_empty());
    assert_eq!(report.admit(false).unwrap(), None);
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
        GateReport::judge(&case, &policy, &known.measured).err().unwrap_or_default()
    };
    assert!(needed("tag a; approval").is_empty());
    assert_eq!(needed("tag a; rmse < 1"), ["new"]);
    assert_eq!(needed("rmse lower by 1%"), ["new", "old"]);
}
