//! Gates, and the requests and approvals that some of them want.

use super::stages::set_tag;
use super::*;
use crate::approval::Candidate;
use crate::gate::RunMetrics;
use crate::store::{gates, set_gates};

/// Runs that are called what they measured: `rmse=0.8`, and a second time `rmse=0.8;auc=1`.
#[derive(Debug)]
pub struct NamedRuns;

impl RunMetrics for NamedRuns {
    fn metrics(&self, run_id: &str) -> crate::Result<Option<BTreeMap<String, f64>>> {
        let metric = |text: &str| {
            let (key, value) = text.split_once('=')?;
            Some((key.to_owned(), value.parse().ok()?))
        };
        Ok(run_id.split(';').map(metric).collect())
    }
}

fn production(version: u32) -> Transition {
    to(version, Stage::PRODUCTION, true)
}

fn candidate(version: u32) -> Candidate {
    production(version).candidate()
}

fn by(who: &str, at_ms: i64) -> Stamp {
    Stamp::new(who, at_ms).because("as agreed")
}

#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: crate::Result<T>, code: &str, want: &str) {
    let error = outcome.unwrap_err();
    assert_eq!((error.code().as_str(), error.to_string().as_str()), (code, want));
}

const DENIED: &str = "PERMISSION_DENIED";

/// Tells a version's history from a time on: when, who, what and why.
fn history_lines(store: &dyn RegistryStore, version: u32, from_ms: i64) -> Vec<String> {
    let events = store.events(&churn(), Some(number(version)), None, PageSize::MAX).unwrap().items;
    let line = |event: Event| {
        let change = serde_json::json!(event.change);
        format!("{} {} {change} {}", event.at_ms, event.who, event.why.unwrap_or_default())
    };
    events.into_iter().filter(|event| event.at_ms >= from_ms).map(line).collect()
}

/// A refusal says what is not met, and nothing has happened; then all is noted that was found.
pub fn a_closed_gate_lets_nothing_through(store: &dyn RegistryStore) {
    register(store, 2);
    set_tag(store, "mlctl.gates", "Production: tag reviewed; tag risk = low").unwrap();
    let before = (all_versions(store), all_events(store));

    refused(
        store.transition(&production(2), &stamp(10)),
        DENIED,
        "version 2 of `churn` may not enter Production: \
         tag `reviewed` is missing; tag `risk` is missing, not `low`",
    );

    let report = store.check_transition(&candidate(2)).unwrap();
    assert_eq!((report.passed, report.is_reachable(), report.holder), (false, true, None));
    assert_eq!((all_versions(store), all_events(store)), before);
    store.transition(&to(2, Stage::STAGING, true), &stamp(11)).unwrap();
    for (key, value) in [("reviewed", ""), ("risk", "low")] {
        let (key, value) = (TagKey::parse(key).unwrap(), TagValue::parse(value).unwrap());
        store.set_version_tag(&churn(), number(2), &key, &value, &stamp(12)).unwrap();
    }
    assert!(store.check_transition(&candidate(2)).unwrap().passed);
    store.transition(&production(2), &stamp(13)).unwrap();
    assert_eq!(
        history_lines(store, 2, 13),
        [
            r#"13 ada {"kind":"gate_passed","met":["tag `reviewed` is ``","tag `risk` is `low`"],"to":"Production"} "#,
            r#"13 ada {"from":"Staging","kind":"stage_changed","to":"Production"} "#,
        ]
    );
    let read = gates(store, &churn()).unwrap();
    assert_eq!(read.to_string(), "Production: tag reviewed; tag risk = low");
    set_gates(store, &churn(), &Default::default(), &stamp(14)).unwrap();
    assert!(gates(store, &churn()).unwrap().is_empty());
    store.transition(&production(1), &stamp(15)).unwrap();
    assert_eq!(stages(store), "Production Archived");
}

/// Who forces says why, and the history keeps what was not met.
pub fn force_takes_a_reason_and_is_told(store: &dyn RegistryStore) {
    register(store, 1);
    set_tag(store, "mlctl.stages", "Staging -> Production").unwrap();
    set_tag(store, "mlctl.gates", "Production: tag reviewed").unwrap();
    let events = all_events(store);

    let reasonless = store.force_transition(&production(1), &stamp(10));

    let needed = "invalid reason ``: a forced transition needs a reason";
    refused(reasonless, "INVALID_PARAMETER_VALUE", needed);
    assert_eq!(all_events(store), events);
    store.force_transition(&production(1), &by("bob", 11)).unwrap();
    assert_eq!(
        history_lines(store, 1, 11),
        [
            r#"11 bob {"failed":["version 1 of `churn` may not go from None to Production: from None it may go to Staging and Archived","tag `reviewed` is missing"],"kind":"gate_forced","to":"Production"} as agreed"#,
            r#"11 bob {"from":"None","kind":"stage_changed","to":"Production"} as agreed"#,
        ]
    );
    // Where nothing stands in the way there is nothing to force.
    store.force_transition(&to(1, Stage::ARCHIVED, false), &by("bob", 12)).unwrap();
    let plain = r#"12 bob {"from":"Production","kind":"stage_changed","to":"Archived"} as agreed"#;
    assert_eq!(history_lines(store, 1, 12), [plain]);
    let unknown = to(1, Stage::parse("Prod").unwrap(), false);
    assert!(store.force_transition(&unknown, &by("bob", 13)).is_err());
}

/// One user requests, another approves, and the next time it takes both again.
pub fn an_approval_is_anothers_and_used_up(store: &dyn RegistryStore) {
    register(store, 2);
    set_tag(store, "mlctl.gates", "Production: approval").unwrap();
    let closed = "version 1 of `churn` may not enter Production: an approval is required";
    let nobody = format!("{closed}, and nobody has requested one");
    refused(store.transition(&production(1), &stamp(10)), DENIED, &nobody);
    let request = store.request_transition(&candidate(1), &by("ada", 11)).unwrap();
    assert_eq!((request.requested.clone(), request.approved), (by("ada", 11), None));
    let open = format!("{closed}: ada requested it, and nobody has approved it");
    refused(store.transition(&production(1), &stamp(12)), DENIED, &open);
    refused(
        store.approve_transition(&candidate(1), &by("ada", 13)),
        DENIED,
        "ada requested Production for version 1 of `churn`, so somebody else must approve it",
    );

    let approved = store.approve_transition(&candidate(1), &by("bob", 14)).unwrap();

    assert_eq!(approved.approved, Some(by("bob", 14)));
    assert_eq!(store.requests(&churn()).unwrap(), [approved]);
    // It is for this version and this stage.
    let other = store.transition(&production(2), &stamp(15));
    refused(other, DENIED, &nobody.replace("version 1", "version 2"));
    store.transition(&to(1, Stage::STAGING, true), &stamp(16)).unwrap();
    store.transition(&production(1), &by("ada", 17)).unwrap();
    assert_eq!(
        history_lines(store, 1, 11),
        [
            r#"11 ada {"kind":"transition_requested","to":"Production"} as agreed"#,
            r#"14 bob {"kind":"transition_approved","requested_by":"ada","to":"Production"} as agreed"#,
            r#"16 ada {"from":"None","kind":"stage_changed","to":"Staging"} "#,
            r#"17 ada {"kind":"gate_passed","met":["ada requested it, bob approved it"],"to":"Production"} as agreed"#,
            r#"17 ada {"from":"Staging","kind":"stage_changed","to":"Production"} as agreed"#,
        ]
    );
    assert!(store.requests(&churn()).unwrap().is_empty());
    store.transition(&to(1, Stage::ARCHIVED, false), &stamp(18)).unwrap();
    refused(store.transition(&production(1), &stamp(19)), DENIED, &nobody);
}

/// A request names who made it; it can be rejected, also when it was approved.
pub fn a_request_is_made_once_and_can_be_rejected(store: &dyn RegistryStore) {
    register(store, 1);
    let exists = "RESOURCE_ALREADY_EXISTS";
    let missing = "RESOURCE_DOES_NOT_EXIST";
    let nobody = "nobody has requested Production for version 1 of `churn`";
    refused(store.approve_transition(&candidate(1), &by("bob", 10)), missing, nobody);
    refused(store.reject_transition(&candidate(1), &by("bob", 10)), missing, nobody);
    store.request_transition(&candidate(1), &by("ada", 11)).unwrap();
    let twice = "ada has already requested Production for version 1 of `churn`";
    refused(store.request_transition(&candidate(1), &by("eve", 12)), exists, twice);
    store.approve_transition(&candidate(1), &by("bob", 13)).unwrap();
    let approved = "bob has already approved Production for version 1 of `churn`";
    refused(store.approve_transition(&candidate(1), &by("eve", 14)), exists, approved);

    store.reject_transition(&candidate(1), &by("eve", 15)).unwrap();

    assert!(store.requests(&churn()).unwrap().is_empty());
    let rejected =
        r#"15 eve {"kind":"transition_rejected","requested_by":"ada","to":"Production"} as agreed"#;
    assert_eq!(history_lines(store, 1, 15), [rejected]);
    store.request_transition(&candidate(1), &by("ada", 16)).unwrap();
    store.reject_transition(&candidate(1), &by("ada", 17)).unwrap();
    store.transition(&production(1), &stamp(18)).unwrap();
    refused(
        store.request_transition(&candidate(1), &by("ada", 19)),
        "INVALID_PARAMETER_VALUE",
        "version 1 of `churn` is already in Production",
    );
    let gone = store.request_transition(&candidate(7), &by("ada", 20));
    assert!(matches!(gone, Err(Error::VersionNotFound { .. })), "{gone:?}");
    let nothing = store.requests(&ModelName::parse("fraud").unwrap());
    assert!(matches!(nothing, Err(Error::ModelNotFound(_))));
}

/// A model's new name is its requests' too, and what is deleted has none.
pub fn requests_go_along_and_end_with_their_version(store: &dyn RegistryStore) {
    register(store, 2);
    let fraud = ModelName::parse("fraud").unwrap();
    for version in 1..=2 {
        store.request_transition(&candidate(version), &by("ada", 10)).unwrap();
        let staging = to(version, Stage::STAGING, false).candidate();
        store.request_transition(&staging, &by("ada", 10)).unwrap();
    }
    let named = |model: &ModelName| {
        let requests = store.requests(model).unwrap();
        requests.iter().map(|r| format!("{}{}{}", r.model, r.version, r.stage)).collect::<Vec<_>>()
    };
    assert_eq!(
        named(&churn()),
        ["churn1Production", "churn1Staging", "churn2Production", "churn2Staging"]
    );

    store.rename_model(&churn(), &fraud, &stamp(11)).unwrap();

    let names = ["fraud1Production", "fraud1Staging", "fraud2Production", "fraud2Staging"];
    assert_eq!(named(&fraud), names);
    let renamed = Candidate { model: fraud.clone(), ..candidate(2) };
    store.approve_transition(&renamed, &by("bob", 12)).unwrap();
    store.delete_version(&fraud, number(1), &stamp(13)).unwrap();
    assert_eq!(named(&fraud), names[2..]);
    store.delete_model(&fraud, &stamp(14)).unwrap();
    store.create_model(&NewModel::named(fraud.clone()), &stamp(15)).unwrap();
    store.create_version(&NewVersion::of(fraud.clone(), "/models/a"), &stamp(16)).unwrap();
    store.create_version(&NewVersion::of(fraud.clone(), "/models/b"), &stamp(17)).unwrap();
    assert!(named(&fraud).is_empty());
}

/// Eight clients that request and eight that decide: one request, one decision each time.
pub fn requests_at_once_are_one(store: &dyn RegistryStore) {
    register(store, 1);
    let at_once = |act: &(dyn Fn(u32) -> bool + Sync)| {
        thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|client| scope.spawn(move || act(client))).collect();
            threads.into_iter().filter_map(|t| t.join().unwrap().then_some(())).count()
        })
    };

    let made = at_once(&|client| {
        store.request_transition(&candidate(1), &by(&format!("ada{client}"), 10)).is_ok()
    });
    let approved = at_once(&|client| {
        store.approve_transition(&candidate(1), &by(&format!("bob{client}"), 11)).is_ok()
    });
    let rejected = at_once(&|client| {
        store.reject_transition(&candidate(1), &by(&format!("eve{client}"), 12)).is_ok()
    });

    assert_eq!((made, approved, rejected), (1, 1, 1));
    assert_eq!(history_lines(store, 1, 10).len(), 3);
}

/// Registers a version of churn that a run of [`NamedRuns`] made.
fn register_run(store: &dyn RegistryStore, run: &str) {
    let new = NewVersion {
        run_id: Some(run.to_owned()),
        create_model_if_missing: true,
        ..NewVersion::of(churn(), "/models/churn")
    };
    store.create_version(&new, &stamp(1)).unwrap();
}

/// A store whose host knows [`NamedRuns`]: both numbers are in the refusal and in the report.
pub fn a_gate_looks_at_the_metrics_of_runs(store: &dyn RegistryStore) {
    for run in ["rmse=0.8", "rmse=0.9", "rmse=0.79", "rmse=0.7", "auc=1", "unknown", ""] {
        register_run(store, run);
    }
    set_tag(store, "mlctl.gates", "Production: rmse <= 0.8; rmse lower by 5%").unwrap();
    let closed = |version: u32, why: &str| {
        let want = format!("version {version} of `churn` may not enter Production: {why}");
        refused(store.transition(&production(version), &stamp(10)), DENIED, &want);
    };

    closed(2, "rmse is 0.9, not <= 0.8");
    store.transition(&production(1), &stamp(11)).unwrap();
    closed(3, "rmse is 0.79, not at most 0.76: 5% lower than 0.8 of version 1");
    closed(
        2,
        "rmse is 0.9, not <= 0.8; rmse is 0.9, not at most 0.76: 5% lower than 0.8 of version 1",
    );
    let none = "run `auc=1` of version 5 has no metric `rmse`";
    closed(5, &format!("{none}; {none}"));
    let unknown = "run `unknown` of version 6 does not exist in this store, so there is no \
                   metric `rmse`";
    closed(6, &format!("{unknown}; {unknown}"));
    let no_run = "version 7 has no run, so there is no metric `rmse`";
    closed(7, &format!("{no_run}; {no_run}"));

    let report = store.check_transition(&candidate(3)).unwrap();
    let numbers: Vec<_> = report.findings.iter().map(|f| (f.passed, f.value, f.bound)).collect();
    assert_eq!(numbers, [(true, Some(0.79), Some(0.8)), (false, Some(0.79), Some(0.76))]);
    assert_eq!(report.holder, Some(number(1)));
    store.transition(&production(4), &stamp(12)).unwrap();
    assert_eq!(
        store.get_version(&churn(), &VersionRef::Stage(Stage::PRODUCTION)).unwrap().version,
        number(4)
    );
    let met = r#"12 ada {"kind":"gate_passed","met":["rmse is 0.7, <= 0.8","rmse is 0.7, at most 0.76: 5% lower than 0.8 of version 1"],"to":"Production"} "#;
    assert_eq!(history_lines(store, 4, 12)[0], met);
}

/// A store whose host knows [`NamedRuns`]: the holder that a version is compared with is the one
/// that it displaces.
pub fn the_better_version_stays_whoever_comes_first(store: &dyn RegistryStore) {
    for run in ["rmse=0.80", "rmse=0.75", "rmse=0.70", "rmse=0.65", "rmse=0.60"] {
        register_run(store, run);
    }
    set_tag(store, "mlctl.gates", "Production: rmse lower by 1%").unwrap();
    for round in 0..10 {
        let at_ms = 100 + round;
        store.force_transition(&production(1), &by("ada", at_ms)).unwrap();

        thread::scope(|scope| {
            for version in 2..=5 {
                scope.spawn(move || {
                    let _ = store.transition(&production(version), &stamp(at_ms));
                });
            }
        });

        let versions = all_versions(store);
        let holders = versions.iter().filter(|version| version.current_stage == Stage::PRODUCTION);
        assert_eq!(holders.map(|version| version.version.get()).collect::<Vec<_>>(), [5]);
    }
    history_explains_the_stages(store);
}
