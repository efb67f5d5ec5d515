use super::*;
use crate::store::memory::MemoryStore;

fn churn() -> ModelName {
    ModelName::parse("churn").unwrap()
}

fn at(ms: i64) -> Stamp {
    Stamp::new("ada", ms)
}

fn number(number: u32) -> VersionNumber {
    VersionNumber::from_u32(number).unwrap()
}

fn with_versions(count: i64) -> MemoryStore {
    let store = MemoryStore::new();
    for ms in 0..count {
        let mut new = NewVersion::of(churn(), format!("s3://models/{ms}"));
        new.create_model_if_missing = true;
        new.description = Some(format!("number {}", ms + 1));
        store.create_version(&new, &at(ms)).unwrap();
    }
    store
}

fn promote(store: &MemoryStore, version: u32, ms: i64) {
    let asked = Transition {
        model: churn(),
        version: number(version),
        stage: Stage::PRODUCTION,
        archive_existing_versions: true,
    };
    store.transition(&asked, &at(ms)).unwrap();
}

fn plan(store: &MemoryStore, stage: &str, configured: &str) -> Result<Rollback> {
    let configured = StageRules::parse(configured).unwrap();
    plan_rollback(store, &churn(), &Stage::parse(stage).unwrap(), &configured)
}

#[test]
fn everything_is_listed_over_pages() {
    let store = with_versions(3);
    let other = NewVersion {
        create_model_if_missing: true,
        ..NewVersion::of("a'b".parse().unwrap(), "s3://x")
    };
    store.create_version(&other, &at(9)).unwrap();

    let names = |filter| {
        let models = all_models(&store, filter, &[]).unwrap();
        models.into_iter().map(|model| model.name.to_string()).collect::<Vec<_>>()
    };
    let numbers = |model: &ModelName, filter| {
        let versions = all_versions(&store, model, filter).unwrap();
        versions.into_iter().map(|version| version.version.get()).collect::<Vec<_>>()
    };

    assert_eq!(names(""), ["a'b", "churn"]);
    assert_eq!(names("name LIKE 'ch%'"), ["churn"]);
    assert_eq!(numbers(&churn(), ""), [3, 2, 1]);
    assert_eq!(numbers(&churn(), "version_number < 3"), [2, 1]);
    assert_eq!(numbers(&other.model, ""), [1]);
    assert_eq!(all_events(&store, &churn(), None).unwrap().len(), 4);
    assert_eq!(all_events(&store, &churn(), Some(number(2))).unwrap().len(), 1);
}

#[test]
fn a_copy_points_to_the_original() {
    let store = with_versions(2);
    let from = ModelUri::parse("models:/churn/latest").unwrap();

    let copy = copy_version(&store, &from, "prod".parse().unwrap(), &at(10)).unwrap();

    assert_eq!((copy.name.as_str(), copy.version.get()), ("prod", 1));
    assert_eq!(copy.source, "models:/churn/2");
    assert_eq!(copy.description.as_deref(), Some("number 2"));
}

#[test]
fn rules_of_stages_are_set_and_taken_away() {
    let store = with_versions(1);
    assert_eq!(own_stage_rules(&store, &churn()).unwrap(), None);

    set_stage_rules(&store, &churn(), " Staging -> Shadow ", &at(10)).unwrap();
    let own = own_stage_rules(&store, &churn()).unwrap();
    assert_eq!(own.as_deref(), Some("Staging -> Shadow"));
    assert!(set_stage_rules(&store, &churn(), "-> ->", &at(11)).is_err());

    set_stage_rules(&store, &churn(), " ", &at(12)).unwrap();
    assert_eq!(own_stage_rules(&store, &churn()).unwrap(), None);
}

#[test]
fn a_rollback_goes_to_the_version_before() {
    let store = with_versions(2);
    promote(&store, 1, 10);
    let none = Rollback::NoneBefore { stage: Stage::PRODUCTION };
    assert_eq!(plan(&store, "production", "").unwrap(), none);

    promote(&store, 2, 11);
    let Rollback::To(back) = plan(&store, "Production", "").unwrap() else { panic!("no way back") };
    assert_eq!((back.version, back.stage.as_str()), (number(1), "Production"));

    store.force_transition(&back, &at(12).because("rollback")).unwrap();
    assert_eq!(plan(&store, "Production", "").unwrap(), none);
}

#[test]
fn only_a_stage_that_serves_is_rolled_back() {
    let store = with_versions(1);
    let serving = vec![Stage::STAGING, Stage::PRODUCTION];
    let nothing = Rollback::NothingServes { stage: Stage::ARCHIVED, serving };
    assert_eq!(plan(&store, "archived", "").unwrap(), nothing);
    assert!(plan(&store, "Shadow", "").is_err());

    let shadow = plan(&store, "shadow", "Staging -> Shadow").unwrap();
    assert!(matches!(shadow, Rollback::NoneBefore { stage } if stage.as_str() == "Shadow"));

    set_stage_rules(&store, &churn(), "Rejected", &at(10)).unwrap();
    assert!(plan(&store, "Shadow", "Staging -> Shadow").is_err());
}
