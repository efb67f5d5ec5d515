//! What every store must do, as one suite that each store runs.
//!
//! With the feature `conformance`, [`conformance_tests!`](crate::conformance_tests) writes the
//! tests of a store outside this crate. Each case gets an empty registry.

#![expect(clippy::unwrap_used, reason = "a case fails by panicking, as tests do")]

mod changes;
mod gates;
mod searches;
mod stages;

pub use changes::*;
pub use gates::*;
pub use searches::*;
pub use stages::*;

use std::collections::BTreeMap;
use std::thread;

use crate::entity::{ModelVersion, NewModel, NewVersion, PageSize, RegisteredModel, Stamp};
use crate::error::Error;
use crate::event::{Change, Event};
use crate::id::{Alias, ModelName, Stage, TagKey, TagValue, VersionNumber};
use crate::lifecycle::Transition;
use crate::search::{ModelQuery, VersionQuery};
use crate::store::{RegistryStore, resolve};
use crate::uri::{ModelUri, VersionRef};

/// Writes one test per conformance case.
///
/// It takes an expression that makes an empty registry, or a closure that makes one in an empty
/// folder; the latter needs `tempfile` among the dev-dependencies.
#[macro_export]
macro_rules! conformance_tests {
    (@each $make:tt: $($case:ident)*) => {$(
        #[test]
        fn $case() {
            $crate::conformance_tests!(@run $make $case);
        }
    )*};
    (@run (|$folder:ident| $store:expr) $case:ident) => {
        let directory = ::tempfile::tempdir().unwrap();
        let $folder = directory.path();
        $crate::store::conformance::$case(&$store);
    };
    (@run ($store:expr) $case:ident) => {
        $crate::store::conformance::$case(&$store);
    };
    ($($make:tt)*) => {
        $crate::conformance_tests!(@each ($($make)*):
            a_created_model_reads_back
            a_name_in_another_spelling_is_taken
            a_second_model_of_the_same_name_is_refused
            a_created_version_reads_back
            versions_count_from_one_per_model
            a_missing_model_is_refused_unless_asked_for
            a_version_needs_a_source
            a_version_of_a_version_knows_where_the_files_lie
            a_missing_version_is_named_with_the_newest
            a_transition_moves_the_stage_and_the_times
            archiving_leaves_one_holder
            without_archiving_a_stage_has_several_holders
            a_refused_transition_changes_nothing
            aliases_move_and_vanish
            every_reference_finds_its_version
            latest_versions_are_one_per_stage
            a_model_is_described_tagged_and_deleted
            a_renamed_model_takes_everything_along
            a_name_that_is_taken_is_not_given_again
            a_version_is_described_tagged_and_deleted
            a_deleted_version_leaves_its_number_and_no_alias
            a_model_made_again_starts_anew
            changes_of_what_is_not_there_are_refused
            models_are_found_and_ordered
            versions_are_found_and_ordered
            prompts_are_found_by_those_who_ask
            odd_text_is_kept_and_found
            models_page_by_name
            versions_page_newest_first
            a_page_goes_on_where_the_last_row_stood
            a_bad_search_is_refused
            every_change_leaves_its_event
            a_history_goes_along_with_a_new_name
            events_page_and_narrow_to_a_version
            a_model_has_the_four_stages_and_its_own
            arrows_are_the_ways_between_stages
            stages_of_its_own_serve
            rules_that_cannot_be_read_are_refused
            a_closed_gate_lets_nothing_through
            force_takes_a_reason_and_is_told
            an_approval_is_anothers_and_used_up
            a_request_is_made_once_and_can_be_rejected
            requests_go_along_and_end_with_their_version
            requests_at_once_are_one
            transitions_at_once_make_one_history
            registrations_at_once_number_without_gaps
        );
    };
}

fn churn() -> ModelName {
    ModelName::parse("churn").unwrap()
}

fn number(number: u32) -> VersionNumber {
    VersionNumber::from_u32(number).unwrap()
}

fn stamp(at_ms: i64) -> Stamp {
    Stamp::new("ada", at_ms)
}

/// Registers `count` versions of churn, at the times 1, 2, ….
fn register(store: &dyn RegistryStore, count: u32) {
    for at in 1..=count {
        let mut new = NewVersion::of(churn(), format!("/models/churn/{at}"));
        new.create_model_if_missing = true;
        store.create_version(&new, &stamp(at.into())).unwrap();
    }
}

fn to(version: u32, stage: Stage, archive_existing_versions: bool) -> Transition {
    Transition { model: churn(), version: number(version), stage, archive_existing_versions }
}

fn all_versions(store: &dyn RegistryStore) -> Vec<ModelVersion> {
    versions_of(store, &churn())
}

fn versions_of(store: &dyn RegistryStore, model: &ModelName) -> Vec<ModelVersion> {
    let query = VersionQuery { size: PageSize::MAX, ..VersionQuery::of(model) };
    store.search_versions(&query).unwrap().items
}

fn all_events(store: &dyn RegistryStore) -> Vec<Event> {
    store.events(&churn(), None, None, PageSize::MAX).unwrap().items
}

fn stages(store: &dyn RegistryStore) -> String {
    let stages = all_versions(store).into_iter().rev().map(|v| v.current_stage.to_string());
    stages.collect::<Vec<_>>().join(" ")
}

/// Checks that the history alone explains where every version is: no update was lost.
#[track_caller]
pub fn history_explains_the_stages(store: &dyn RegistryStore) {
    let mut replayed = BTreeMap::new();
    for event in all_events(store) {
        match event.change {
            Change::VersionCreated { .. } => {
                replayed.insert(event.version.unwrap(), Stage::NONE);
            }
            Change::StageChanged { from, to, .. } => {
                let before = replayed.insert(event.version.unwrap(), to);
                assert_eq!(before, Some(from), "event {}", event.id);
            }
            _ => {}
        }
    }
    let stored = all_versions(store).into_iter().map(|v| (v.version, v.current_stage)).collect();
    assert_eq!(replayed, stored);
}

/// A model comes back as it was given.
pub fn a_created_model_reads_back(store: &dyn RegistryStore) {
    let new = NewModel {
        name: churn(),
        description: Some("who leaves — 'soon'".to_owned()),
        tags: [(TagKey::parse("team").unwrap(), TagValue::parse("ü").unwrap())].into(),
    };
    let created = store.create_model(&new, &stamp(7)).unwrap();

    let read = store.get_model(&churn()).unwrap();

    assert_eq!(read, created);
    assert_eq!((read.name, read.description, read.tags), (new.name, new.description, new.tags));
    assert_eq!((read.creation_timestamp_ms, read.last_updated_timestamp_ms), (7, 7));
    assert!(read.aliases.is_empty() && read.latest_versions.is_empty());
}

/// A name is the same in whatever way Unicode spells it.
pub fn a_name_in_another_spelling_is_taken(store: &dyn RegistryStore) {
    let name = |text| NewModel::named(ModelName::parse(text).unwrap());
    store.create_model(&name("\u{fc}ber"), &stamp(1)).unwrap();
    store.create_model(&name("churn"), &stamp(1)).unwrap();

    let second = store.create_model(&name("u\u{308}ber"), &stamp(2));
    let to = ModelName::parse("u\u{308}ber").unwrap();
    let renamed = store.rename_model(&churn(), &to, &stamp(3));

    assert!(matches!(second, Err(Error::ModelExists(_))), "{second:?}");
    assert!(matches!(renamed, Err(Error::ModelExists(_))), "{renamed:?}");
}

/// A name is taken once; case makes another name.
pub fn a_second_model_of_the_same_name_is_refused(store: &dyn RegistryStore) {
    store.create_model(&NewModel::named(churn()), &stamp(1)).unwrap();

    let second = store.create_model(&NewModel::named(churn()), &stamp(2));

    assert!(matches!(second, Err(Error::ModelExists(name)) if name == churn()));
    assert_eq!(store.get_model(&churn()).unwrap().creation_timestamp_ms, 1);
    let other = NewModel::named(ModelName::parse("Churn").unwrap());
    store.create_model(&other, &stamp(3)).unwrap();
}

/// A version comes back as it was given, ready and in no stage.
pub fn a_created_version_reads_back(store: &dyn RegistryStore) {
    store.create_model(&NewModel::named(churn()), &stamp(1)).unwrap();
    let new = NewVersion {
        run_id: Some("3f2a".to_owned()),
        run_link: Some("https://example.org/3f2a".to_owned()),
        description: Some("a \"fine\" one".to_owned()),
        tags: [(TagKey::parse("a/b").unwrap(), TagValue::parse("").unwrap())].into(),
        ..NewVersion::of(churn(), "/models/churn")
    };
    let created = store.create_version(&new, &stamp(5)).unwrap();

    let read = store.get_version(&churn(), &VersionNumber::FIRST.into()).unwrap();

    assert_eq!(read, created);
    assert_eq!((read.version, read.status.as_str()), (VersionNumber::FIRST, "READY"));
    assert_eq!((&read.source, read.download_uri()), (&new.source, "/models/churn"));
    assert_eq!((&read.run_id, &read.run_link), (&new.run_id, &new.run_link));
    assert_eq!((&read.description, &read.tags), (&new.description, &new.tags));
    assert_eq!((read.creation_timestamp_ms, read.last_updated_timestamp_ms), (5, 5));
    assert_eq!(read.current_stage, Stage::NONE);
    assert_eq!(store.get_model(&churn()).unwrap().last_updated_timestamp_ms, 5);
}

/// Each model counts for itself.
pub fn versions_count_from_one_per_model(store: &dyn RegistryStore) {
    register(store, 3);
    let mut other = NewVersion::of(ModelName::parse("fraud").unwrap(), "/models/fraud");
    other.create_model_if_missing = true;

    let first = store.create_version(&other, &stamp(9)).unwrap();

    assert_eq!(first.version, VersionNumber::FIRST);
    let numbers: Vec<_> = all_versions(store).iter().map(|v| v.version.get()).collect();
    assert_eq!(numbers, [3, 2, 1]);
}

/// A version never makes a model by accident, and makes one in the same change when asked.
pub fn a_missing_model_is_refused_unless_asked_for(store: &dyn RegistryStore) {
    let mut new = NewVersion::of(churn(), "/models/churn");

    let refused = store.create_version(&new, &stamp(1));

    assert!(matches!(refused, Err(Error::ModelNotFound(name)) if name == churn()));
    assert!(matches!(store.get_model(&churn()), Err(Error::ModelNotFound(_))));
    assert!(all_events(store).is_empty());
    new.create_model_if_missing = true;
    store.create_version(&new, &stamp(2)).unwrap();
    assert_eq!(store.get_model(&churn()).unwrap().creation_timestamp_ms, 2);
    store.create_version(&new, &stamp(3)).unwrap();
    assert_eq!(store.get_model(&churn()).unwrap().creation_timestamp_ms, 2);
}

/// A version without a source is refused, and takes no model along.
pub fn a_version_needs_a_source(store: &dyn RegistryStore) {
    let mut new = NewVersion::of(churn(), "");
    new.create_model_if_missing = true;

    assert!(matches!(store.create_version(&new, &stamp(1)), Err(Error::Invalid { .. })));

    assert!(matches!(store.get_model(&churn()), Err(Error::ModelNotFound(_))));
}

/// A `models:/` source keeps its text, and its files are the other version's.
pub fn a_version_of_a_version_knows_where_the_files_lie(store: &dyn RegistryStore) {
    register(store, 2);
    let copy = NewVersion::of(churn(), "models:/churn/2");
    let copied = store.create_version(&copy, &stamp(3)).unwrap();

    let again = NewVersion::of(churn(), format!("models:/churn/{}", copied.version));
    let again = store.create_version(&again, &stamp(4)).unwrap();

    assert_eq!(
        (copied.source.as_str(), copied.download_uri()),
        ("models:/churn/2", "/models/churn/2")
    );
    assert_eq!(again.download_uri(), "/models/churn/2");
    let missing = store.create_version(&NewVersion::of(churn(), "models:/churn/9"), &stamp(5));
    assert!(matches!(missing, Err(Error::VersionNotFound { .. })));
    let logged = NewVersion::of(churn(), "models:/m-12ab");
    assert!(matches!(store.create_version(&logged, &stamp(6)), Err(Error::Invalid { .. })));
}

/// What only another component can tell about a source is noted beside it.
pub fn a_location_of_another_component_is_kept(store: &dyn RegistryStore) {
    register(store, 1);
    let new = NewVersion {
        storage_location: Some("/runs/m-12ab".to_owned()),
        ..NewVersion::of(churn(), "models:/m-12ab")
    };

    let version = store.create_version(&new, &stamp(2)).unwrap();

    assert_eq!(version.download_uri(), "/runs/m-12ab");
    assert_eq!(store.get_version(&churn(), &version.version.into()).unwrap(), version);
}

/// The error has what a hint needs.
pub fn a_missing_version_is_named_with_the_newest(store: &dyn RegistryStore) {
    register(store, 2);

    let missing = store.get_version(&churn(), &number(7).into()).unwrap_err();

    assert_eq!(missing.to_string(), "model `churn` has no version 7");
    assert!(matches!(missing, Error::VersionNotFound { newest, .. } if newest == Some(number(2))));
    let other = ModelName::parse("fraud").unwrap();
    let missing = store.get_version(&other, &number(7).into());
    assert!(matches!(missing, Err(Error::ModelNotFound(name)) if name == other));
}

/// The version and its model learn when it moved.
pub fn a_transition_moves_the_stage_and_the_times(store: &dyn RegistryStore) {
    register(store, 2);

    let moved = store.transition(&to(1, Stage::STAGING, false), &stamp(50)).unwrap();

    assert_eq!(moved.current_stage, Stage::STAGING);
    assert_eq!((moved.creation_timestamp_ms, moved.last_updated_timestamp_ms), (1, 50));
    assert_eq!(store.get_version(&churn(), &number(1).into()).unwrap(), moved);
    let other = store.get_version(&churn(), &number(2).into()).unwrap();
    assert_eq!(other.last_updated_timestamp_ms, 2);
    assert_eq!(store.get_model(&churn()).unwrap().last_updated_timestamp_ms, 50);
}

/// Who held the stage goes to the archive, in the same change.
pub fn archiving_leaves_one_holder(store: &dyn RegistryStore) {
    register(store, 3);
    store.transition(&to(1, Stage::PRODUCTION, false), &stamp(10)).unwrap();
    store.transition(&to(2, Stage::PRODUCTION, false), &stamp(11)).unwrap();

    store.transition(&to(3, Stage::PRODUCTION, true), &stamp(12)).unwrap();

    assert_eq!(stages(store), "Archived Archived Production");
    assert!(all_versions(store).iter().all(|v| v.last_updated_timestamp_ms == 12));
    store.transition(&to(3, Stage::PRODUCTION, true), &stamp(13)).unwrap();
    assert_eq!(stages(store), "Archived Archived Production");
    history_explains_the_stages(store);
}

/// A stage may be shared when nobody asks for room.
pub fn without_archiving_a_stage_has_several_holders(store: &dyn RegistryStore) {
    register(store, 2);

    store.transition(&to(1, Stage::PRODUCTION, false), &stamp(10)).unwrap();
    store.transition(&to(2, Stage::PRODUCTION, false), &stamp(11)).unwrap();

    assert_eq!(stages(store), "Production Production");
}

/// Nobody makes room for a version that does not come.
pub fn a_refused_transition_changes_nothing(store: &dyn RegistryStore) {
    register(store, 2);
    store.transition(&to(1, Stage::PRODUCTION, false), &stamp(10)).unwrap();
    let before = (all_versions(store), all_events(store), store.get_model(&churn()).unwrap());

    let missing = store.transition(&to(9, Stage::PRODUCTION, true), &stamp(20));
    let inactive = store.transition(&to(2, Stage::ARCHIVED, true), &stamp(21));

    assert!(matches!(missing, Err(Error::VersionNotFound { .. })));
    assert!(matches!(
        inactive,
        Err(Error::CannotArchive { stage, serving })
            if stage == Stage::ARCHIVED && serving == [Stage::STAGING, Stage::PRODUCTION]
    ));
    let after = (all_versions(store), all_events(store), store.get_model(&churn()).unwrap());
    assert_eq!(before, after);
}

/// An alias names one version at a time, and touches no times.
pub fn aliases_move_and_vanish(store: &dyn RegistryStore) {
    register(store, 2);
    let (champion, upper) = (Alias::parse("champion").unwrap(), Alias::parse("Champion").unwrap());
    store.set_alias(&churn(), &champion, number(1), &stamp(10)).unwrap();
    store.set_alias(&churn(), &upper, number(1), &stamp(11)).unwrap();

    store.set_alias(&churn(), &champion, number(2), &stamp(12)).unwrap();

    let model = store.get_model(&churn()).unwrap();
    assert_eq!(model.aliases, [(upper.clone(), number(1)), (champion.clone(), number(2))].into());
    assert_eq!(model.last_updated_timestamp_ms, 2);
    assert_eq!(store.get_version(&churn(), &number(1).into()).unwrap().aliases, [upper]);
    let missing = store.set_alias(&churn(), &champion, number(9), &stamp(13));
    assert!(matches!(missing, Err(Error::VersionNotFound { .. })));
    store.delete_alias(&churn(), &champion, &stamp(14)).unwrap();
    let events = all_events(store).len();
    store.delete_alias(&churn(), &champion, &stamp(15)).unwrap();
    assert_eq!(all_events(store).len(), events);
    assert!(store.get_version(&churn(), &number(2).into()).unwrap().aliases.is_empty());
}

/// Numbers, aliases, stages and `latest` lead to versions, or to an error that says what lacks.
pub fn every_reference_finds_its_version(store: &dyn RegistryStore) {
    store.create_model(&NewModel::named(churn()), &stamp(0)).unwrap();
    let find = |suffix: &str| {
        let uri = ModelUri::parse(&format!("models:/churn{suffix}")).unwrap();
        resolve(store, &uri).map(|found| found.version.get())
    };
    assert!(matches!(find("/latest"), Err(Error::NoVersions(name)) if name == churn()));
    register(store, 4);
    store.transition(&to(1, Stage::PRODUCTION, false), &stamp(10)).unwrap();
    store.transition(&to(2, Stage::PRODUCTION, false), &stamp(11)).unwrap();
    store.set_alias(&churn(), &Alias::parse("champion").unwrap(), number(1), &stamp(12)).unwrap();

    assert_eq!(find("/3").unwrap(), 3);
    assert_eq!(find("@champion").unwrap(), 1);
    assert_eq!(find("/production").unwrap(), 2);
    assert_eq!(find("/latest").unwrap(), 4);
    assert!(
        matches!(find("/Staging"), Err(Error::StageEmpty { stage, .. }) if stage == Stage::STAGING)
    );
    assert!(matches!(find("@Champion"), Err(Error::AliasNotFound { .. })));
    assert!(matches!(find("/5"), Err(Error::VersionNotFound { .. })));
    let other = store.get_version(&ModelName::parse("fraud").unwrap(), &VersionRef::Latest);
    assert!(matches!(other, Err(Error::ModelNotFound(_))));
}

/// Of each stage the highest number counts, not the latest move.
pub fn latest_versions_are_one_per_stage(store: &dyn RegistryStore) {
    register(store, 4);
    store.transition(&to(2, Stage::STAGING, false), &stamp(10)).unwrap();
    store.transition(&to(1, Stage::STAGING, false), &stamp(11)).unwrap();
    let champion = Alias::parse("champion").unwrap();
    store.set_alias(&churn(), &champion, number(2), &stamp(12)).unwrap();

    let numbers = |stages: &[Stage]| {
        let latest = store.latest_versions(&churn(), stages).unwrap();
        latest.iter().map(|v| v.version.get()).collect::<Vec<_>>()
    };

    assert_eq!(numbers(&[]), [2, 4]);
    assert_eq!(numbers(&[Stage::STAGING, Stage::PRODUCTION]), [2]);
    assert!(numbers(&[Stage::ARCHIVED]).is_empty());
    let latest = store.get_model(&churn()).unwrap().latest_versions;
    assert_eq!(latest, store.latest_versions(&churn(), &[]).unwrap());
    assert_eq!(latest[0].aliases, [champion]);
    let missing = store.latest_versions(&ModelName::parse("fraud").unwrap(), &[]);
    assert!(matches!(missing, Err(Error::ModelNotFound(_))));
}

/// What, who, when and why, from what to what.
pub fn every_change_leaves_its_event(store: &dyn RegistryStore) {
    register(store, 2);
    let champion = Alias::parse("champion").unwrap();
    store.transition(&to(1, Stage::PRODUCTION, true), &stamp(10)).unwrap();
    let why = Stamp::new("bob", 11).because("better rmse");
    store.transition(&to(2, Stage::PRODUCTION, true), &why).unwrap();
    store.set_alias(&churn(), &champion, number(1), &stamp(12)).unwrap();
    store.set_alias(&churn(), &champion, number(2), &stamp(13)).unwrap();
    store.delete_alias(&churn(), &champion, &stamp(14)).unwrap();

    let events = all_events(store);

    let told = |event: &Event| {
        let version = event.version.map_or("-".to_owned(), |version| version.to_string());
        format!("{} {} {version} {}", event.at_ms, event.who, serde_json::json!(event.change))
    };
    let told: Vec<_> = events.iter().map(told).collect();
    assert_eq!(
        told,
        [
            r#"1 ada - {"kind":"model_created"}"#,
            r#"1 ada 1 {"kind":"version_created","source":"/models/churn/1"}"#,
            r#"2 ada 2 {"kind":"version_created","source":"/models/churn/2"}"#,
            r#"10 ada 1 {"from":"None","kind":"stage_changed","to":"Production"}"#,
            r#"11 bob 1 {"displaced_by":"2","from":"Production","kind":"stage_changed","to":"Archived"}"#,
            r#"11 bob 2 {"from":"None","kind":"stage_changed","to":"Production"}"#,
            r#"12 ada 1 {"alias":"champion","kind":"alias_set","to":"1"}"#,
            r#"13 ada 1 {"alias":"champion","displaced_by":"2","from":"1","kind":"alias_deleted"}"#,
            r#"13 ada 2 {"alias":"champion","from":"1","kind":"alias_set","to":"2"}"#,
            r#"14 ada 2 {"alias":"champion","from":"2","kind":"alias_deleted"}"#,
        ]
    );
    let reasons: Vec<_> = events.iter().filter_map(|event| event.why.as_deref()).collect();
    assert_eq!(reasons, ["better rmse", "better rmse"]);
    assert!(events.is_sorted_by(|a, b| a.id < b.id));
}

/// A history is read in pages, of a model or of one version.
pub fn events_page_and_narrow_to_a_version(store: &dyn RegistryStore) {
    register(store, 2);
    store.transition(&to(1, Stage::STAGING, false), &stamp(10)).unwrap();
    let size = PageSize::new(3).unwrap();

    let first = store.events(&churn(), None, None, size).unwrap();
    let rest = store.events(&churn(), None, first.next, size).unwrap();

    assert_eq!((first.items.len(), rest.items.len(), rest.next), (3, 1, None));
    assert_eq!([first.items, rest.items].concat(), all_events(store));
    let own = store.events(&churn(), Some(number(1)), None, PageSize::MAX).unwrap().items;
    let kinds: Vec<_> = own.iter().map(|event| event.change.kind()).collect();
    assert_eq!(kinds, ["version_created", "stage_changed"]);
    let other = ModelName::parse("fraud").unwrap();
    assert!(store.events(&other, None, None, size).unwrap().items.is_empty());
}

/// Sixteen threads that promote: one history, one holder, no lost update.
pub fn transitions_at_once_make_one_history(store: &dyn RegistryStore) {
    register(store, 16);

    thread::scope(|scope| {
        for thread in 1..=16 {
            scope.spawn(move || {
                for round in 0..4 {
                    let version = (thread + round * 5) % 16 + 1;
                    let asked = to(version, Stage::PRODUCTION, true);
                    store.transition(&asked, &stamp(100 + i64::from(round))).unwrap();
                }
            });
        }
    });

    let versions = all_versions(store);
    let holders = versions.iter().filter(|v| v.current_stage == Stage::PRODUCTION).count();
    assert_eq!(holders, 1);
    let moves =
        |event: &Event| matches!(event.change, Change::StageChanged { displaced_by: None, .. });
    assert_eq!(all_events(store).iter().filter(|event| moves(event)).count(), 64);
    history_explains_the_stages(store);
}

/// Eight threads that register: every number once, none left out, one model.
pub fn registrations_at_once_number_without_gaps(store: &dyn RegistryStore) {
    let numbers = thread::scope(|scope| {
        let register = || {
            let mut new = NewVersion::of(churn(), "/models/churn");
            new.create_model_if_missing = true;
            let versions = (0..4).map(|_| store.create_version(&new, &stamp(1)).unwrap().version);
            versions.collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(register)).collect();
        let mut numbers: Vec<_> = threads.into_iter().flat_map(|t| t.join().unwrap()).collect();
        numbers.sort_unstable();
        numbers
    });

    assert!(numbers.into_iter().map(VersionNumber::get).eq(1..=32));
    let created = |event: &&Event| matches!(event.change, Change::ModelCreated { .. });
    assert_eq!(all_events(store).iter().filter(created).count(), 1);
}
