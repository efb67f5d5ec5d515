//! Stages of a model's own, and the ways between stages.

use super::*;

/// What a host configures where [`configured_stages_give_way`] is run.
pub const CONFIGURED: &str = "Staging -> Canary -> Production";

pub(super) fn set_tag(store: &dyn RegistryStore, key: &str, value: &str) -> crate::Result<()> {
    let (key, value) = (TagKey::parse(key).unwrap(), TagValue::parse(value).unwrap());
    store.set_model_tag(&churn(), &key, &value, &stamp(5))
}

fn stage(name: &str) -> Stage {
    Stage::parse(name).unwrap()
}

#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: crate::Result<T>, want: &str) {
    let error = outcome.unwrap_err();
    assert_eq!(error.code().as_str(), "INVALID_PARAMETER_VALUE");
    assert_eq!(error.to_string(), want);
}

/// Wants a refusal of a stage; a server says it in MLflow's words.
#[track_caller]
fn refused_stage<T: std::fmt::Debug>(outcome: crate::Result<T>, name: &str, known: &str) {
    let error = outcome.unwrap_err();
    assert_eq!(error.code().as_str(), "INVALID_PARAMETER_VALUE");
    let text = error.to_string();
    assert!(text.contains(name), "{text}");
    let list = text.trim_end_matches('.').replace(" and ", ", ");
    assert!(list.ends_with(known), "{text}");
}

/// Whoever asks for another stage learns which there are.
pub fn a_model_has_the_four_stages_and_its_own(store: &dyn RegistryStore) {
    register(store, 1);
    let four = " None, Staging, Production, Archived";
    let five = " None, Staging, Shadow, Production, Archived";
    let ask_all = |want: &str| {
        refused_stage(store.transition(&to(1, stage("Prod"), true), &stamp(6)), "Prod", want);
        refused_stage(
            store.latest_versions(&churn(), &[Stage::STAGING, stage("Prod")]),
            "Prod",
            want,
        );
        refused_stage(store.get_version(&churn(), &VersionRef::Stage(stage("Prod"))), "Prod", want);
        let candidate = to(1, stage("Prod"), false).candidate();
        refused_stage(store.check_transition(&candidate), "Prod", want);
        refused_stage(store.request_transition(&candidate, &stamp(6)), "Prod", want);
        refused_stage(store.approve_transition(&candidate, &stamp(6)), "Prod", want);
    };

    ask_all(four);
    set_tag(store, "mlctl.stages", "Shadow").unwrap();
    ask_all(five);

    let moved = store.transition(&to(1, stage("SHADOW"), false), &stamp(7)).unwrap();
    assert_eq!(moved.current_stage.as_str(), "Shadow");
    let missing =
        Transition { model: ModelName::parse("fraud").unwrap(), ..to(1, stage("Prod"), false) };
    refused_stage(store.transition(&missing, &stamp(8)), "Prod", four);
    let latest = store.latest_versions(&missing.model, &[stage("Prod")]);
    assert!(matches!(latest, Err(Error::ModelNotFound(_))));
}

/// A move that no arrow leads along is refused with those that are there.
pub fn arrows_are_the_ways_between_stages(store: &dyn RegistryStore) {
    register(store, 1);
    set_tag(store, "mlctl.stages", "Staging -> Shadow -> Production").unwrap();
    let before = (all_versions(store), all_events(store));

    refused(
        store.transition(&to(1, Stage::PRODUCTION, true), &stamp(6)),
        "version 1 of `churn` may not go from None to Production: \
         from None it may go to Staging and Archived",
    );

    assert_eq!((all_versions(store), all_events(store)), before);
    let report = store.check_transition(&to(1, Stage::PRODUCTION, true).candidate()).unwrap();
    assert!(!report.passed && !report.is_reachable() && report.findings.is_empty());
    assert_eq!(report.reachable, [Stage::STAGING, Stage::ARCHIVED]);
    for name in ["Staging", "Shadow", "Shadow", "Production"] {
        store.transition(&to(1, stage(name), true), &stamp(7)).unwrap();
    }
    assert_eq!(stages(store), "Production");
    history_explains_the_stages(store);
}

/// A URI, the latest versions and making room mean a model's own stages too.
pub fn stages_of_its_own_serve(store: &dyn RegistryStore) {
    register(store, 3);
    set_tag(store, "mlctl.stages", "Shadow; * -> (Rejected)").unwrap();
    let uri = ModelUri::parse("models:/churn/shadow").unwrap();
    let empty = resolve(store, &uri);
    assert!(matches!(empty, Err(Error::StageEmpty { .. })), "{empty:?}");

    for version in 1..=3 {
        store.transition(&to(version, stage("Shadow"), true), &stamp(10)).unwrap();
    }
    store.transition(&to(1, stage("rejected"), false), &stamp(11)).unwrap();

    assert_eq!(stages(store), "Rejected Archived Shadow");
    assert_eq!(resolve(store, &uri).unwrap().version, number(3));
    let mut copy = NewVersion::of(ModelName::parse("copy").unwrap(), "models:/churn/shadow");
    copy.create_model_if_missing = true;
    let copy = store.create_version(&copy, &stamp(12)).unwrap();
    assert_eq!(copy.download_uri(), "/models/churn/3");
    let latest = store.latest_versions(&churn(), &[stage("SHADOW"), stage("Rejected")]).unwrap();
    assert_eq!(latest.iter().map(|version| version.version.get()).collect::<Vec<_>>(), [1, 3]);
    let cleared = store.transition(&to(2, stage("Rejected"), true), &stamp(12)).unwrap_err();
    assert_eq!(
        cleared.to_string(),
        "cannot archive the existing versions in stage Rejected: only Staging, Shadow and \
         Production"
    );
    // What is there can be read, also when the rules have changed.
    store.delete_model_tag(&churn(), &TagKey::parse("mlctl.stages").unwrap(), &stamp(13)).unwrap();
    let kept = store.get_version(&churn(), &VersionRef::Stage(stage("Shadow"))).unwrap();
    assert_eq!(kept.version, number(3));
    store.transition(&to(3, Stage::PRODUCTION, true), &stamp(14)).unwrap();
    history_explains_the_stages(store);
}

/// Nothing is set that would later hold up every transition.
pub fn rules_that_cannot_be_read_are_refused(store: &dyn RegistryStore) {
    register(store, 1);
    let events = all_events(store);

    let arrow = "invalid rule of stages `Staging ->`: a stage is missing";
    refused(set_tag(store, "mlctl.stages", "Staging ->"), arrow);
    let unknown = "invalid tag `mlctl.gates`: `Shadow` is not a stage; the stages are None, \
                   Staging, Production and Archived";
    refused(set_tag(store, "mlctl.gates", "Shadow: approval"), unknown);
    let mut new = NewModel::named(ModelName::parse("fraud").unwrap());
    let gates = TagValue::parse("Shadow: approval").unwrap();
    new.tags.insert(TagKey::parse("mlctl.gates").unwrap(), gates);
    refused(store.create_model(&new, &stamp(6)), unknown);
    assert!(matches!(store.get_model(&new.name), Err(Error::ModelNotFound(_))));

    assert_eq!(all_events(store), events);
    set_tag(store, "mlctl.stages", "Shadow").unwrap();
    set_tag(store, "mlctl.gates", "Shadow: approval").unwrap();
    let key = TagKey::parse("mlctl.stages").unwrap();
    refused(store.delete_model_tag(&churn(), &key, &stamp(7)), unknown);
    // On a version they are tags like others.
    let value = TagValue::parse("->").unwrap();
    store.set_version_tag(&churn(), number(1), &key, &value, &stamp(8)).unwrap();
}

/// A store whose host configures [`CONFIGURED`]: a model's own rules go before that.
pub fn configured_stages_give_way(store: &dyn RegistryStore) {
    register(store, 1);

    refused(
        store.transition(&to(1, Stage::PRODUCTION, true), &stamp(6)),
        "version 1 of `churn` may not go from None to Production: \
         from None it may go to Staging and Archived",
    );

    let uri = ModelUri::parse("models:/churn/canary").unwrap();
    assert!(matches!(resolve(store, &uri), Err(Error::StageEmpty { .. })));
    set_tag(store, "mlctl.stages", "").unwrap();
    store.transition(&to(1, Stage::PRODUCTION, true), &stamp(7)).unwrap();
    let left = " None, Staging, Production, Archived";
    refused_stage(resolve(store, &uri), "canary", left);
}
