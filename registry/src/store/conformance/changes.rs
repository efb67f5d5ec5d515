//! Descriptions, tags, names, and the end of models and versions.

use super::*;

fn key(text: &str) -> TagKey {
    TagKey::parse(text).unwrap()
}

fn value(text: &str) -> TagValue {
    TagValue::parse(text).unwrap()
}

fn fraud() -> ModelName {
    ModelName::parse("fraud").unwrap()
}

fn champion() -> Alias {
    Alias::parse("champion").unwrap()
}

/// Tells a history in short lines.
pub(super) fn history_lines(store: &dyn RegistryStore, model: &ModelName) -> Vec<String> {
    let events = store.events(model, None, None, PageSize::MAX).unwrap().items;
    let line = |event: &Event| {
        let version = event.version.map_or("-".to_owned(), |version| version.to_string());
        let change = serde_json::json!(event.change);
        format!("{} {} {version} {change}", event.at_ms, event.model)
    };
    events.iter().map(line).collect()
}

/// A model's texts change one by one, and it is gone with all that hangs on it.
pub fn a_model_is_described_tagged_and_deleted(store: &dyn RegistryStore) {
    register(store, 2);
    let described = store.describe_model(&churn(), Some("who leaves"), &stamp(10)).unwrap();
    assert_eq!(described.description.as_deref(), Some("who leaves"));
    assert_eq!((described.creation_timestamp_ms, described.last_updated_timestamp_ms), (1, 10));
    store.set_model_tag(&churn(), &key("team"), &value("growth"), &stamp(11)).unwrap();
    store.set_model_tag(&churn(), &key("team"), &value("ü"), &stamp(12)).unwrap();
    store.set_model_tag(&churn(), &key("gone"), &value(""), &stamp(13)).unwrap();
    store.delete_model_tag(&churn(), &key("gone"), &stamp(14)).unwrap();
    store.delete_model_tag(&churn(), &key("never"), &stamp(15)).unwrap();
    store.set_version_tag(&churn(), number(1), &key("k"), &value("v"), &stamp(16)).unwrap();
    store.set_alias(&churn(), &champion(), number(1), &stamp(17)).unwrap();

    let read = store.get_model(&churn()).unwrap();
    assert_eq!(read.tags, [(key("team"), value("ü"))].into());
    // Tags touch no times, as in MLflow.
    assert_eq!(read.last_updated_timestamp_ms, 10);
    let plain = store.describe_model(&churn(), None, &stamp(18)).unwrap();
    assert_eq!(plain.description, None);

    store.delete_model(&churn(), &stamp(20)).unwrap();
    assert!(matches!(store.get_model(&churn()), Err(Error::ModelNotFound(_))));
    let version = store.get_version(&churn(), &number(1).into());
    assert!(matches!(version, Err(Error::ModelNotFound(_))));
    assert!(all_versions(store).is_empty());
    let events = history_lines(store, &churn());
    assert_eq!(events.last().unwrap(), r#"20 churn - {"kind":"model_deleted"}"#);
    assert_eq!(
        events[3..8],
        [
            r#"10 churn - {"kind":"description_changed","to":"who leaves"}"#,
            r#"11 churn - {"key":"team","kind":"tag_set","to":"growth"}"#,
            r#"12 churn - {"from":"growth","key":"team","kind":"tag_set","to":"ü"}"#,
            r#"13 churn - {"key":"gone","kind":"tag_set","to":""}"#,
            r#"14 churn - {"from":"","key":"gone","kind":"tag_deleted"}"#,
        ]
    );
}

/// Versions, tags, aliases and times: only the name is new.
pub fn a_renamed_model_takes_everything_along(store: &dyn RegistryStore) {
    register(store, 2);
    store.set_model_tag(&churn(), &key("team"), &value("growth"), &stamp(10)).unwrap();
    store.set_version_tag(&churn(), number(1), &key("k"), &value("v"), &stamp(11)).unwrap();
    store.set_alias(&churn(), &champion(), number(1), &stamp(12)).unwrap();
    store.transition(&to(2, Stage::PRODUCTION, true), &stamp(13)).unwrap();
    let before = (store.get_model(&churn()).unwrap(), all_versions(store));

    let renamed = store.rename_model(&churn(), &fraud(), &stamp(20)).unwrap();

    assert!(matches!(store.get_model(&churn()), Err(Error::ModelNotFound(_))));
    assert_eq!(store.get_model(&fraud()).unwrap(), renamed);
    let as_before = |mut version: ModelVersion| {
        assert_eq!(version.last_updated_timestamp_ms, 20);
        let old = before.1.iter().find(|old| old.version == version.version).unwrap();
        version.name = churn();
        version.last_updated_timestamp_ms = old.last_updated_timestamp_ms;
        version
    };
    let versions: Vec<_> = versions_of(store, &fraud()).into_iter().map(as_before).collect();
    assert_eq!(versions, before.1);
    let restored = RegisteredModel {
        name: churn(),
        last_updated_timestamp_ms: before.0.last_updated_timestamp_ms,
        latest_versions: renamed.latest_versions.iter().cloned().map(as_before).collect(),
        ..renamed
    };
    assert_eq!(restored, before.0);
    let next = store.create_version(&NewVersion::of(fraud(), "/models/churn/3"), &stamp(21));
    assert_eq!(next.unwrap().version, number(3));
}

/// A name in use stays with its model; a model's own name is no conflict.
pub fn a_name_that_is_taken_is_not_given_again(store: &dyn RegistryStore) {
    register(store, 1);
    store.create_model(&NewModel::named(fraud()), &stamp(5)).unwrap();

    let taken = store.rename_model(&churn(), &fraud(), &stamp(6));
    let missing = store.rename_model(&ModelName::parse("x").unwrap(), &fraud(), &stamp(6));
    let own = store.rename_model(&churn(), &churn(), &stamp(7)).unwrap();

    assert!(matches!(taken, Err(Error::ModelExists(name)) if name == fraud()));
    assert!(matches!(missing, Err(Error::ModelNotFound(_))));
    assert_eq!((own.last_updated_timestamp_ms, own.latest_versions.len()), (7, 1));
}

/// A version's texts change one by one; tags touch no times.
pub fn a_version_is_described_tagged_and_deleted(store: &dyn RegistryStore) {
    register(store, 2);
    let one = number(1);
    let described = store.describe_version(&churn(), one, Some("good"), &stamp(10)).unwrap();
    assert_eq!(described.description.as_deref(), Some("good"));
    assert_eq!((described.creation_timestamp_ms, described.last_updated_timestamp_ms), (1, 10));
    store.set_version_tag(&churn(), one, &key("k"), &value("v"), &stamp(11)).unwrap();
    store.set_version_tag(&churn(), one, &key("k"), &value("w"), &stamp(12)).unwrap();
    store.set_version_tag(&churn(), one, &key("l"), &value(""), &stamp(13)).unwrap();
    store.delete_version_tag(&churn(), one, &key("l"), &stamp(14)).unwrap();
    store.delete_version_tag(&churn(), one, &key("l"), &stamp(15)).unwrap();

    let read = store.get_version(&churn(), &one.into()).unwrap();
    assert_eq!(read.tags, [(key("k"), value("w"))].into());
    assert_eq!(read.last_updated_timestamp_ms, 10);
    assert_eq!(store.get_model(&churn()).unwrap().last_updated_timestamp_ms, 2);
    let plain = store.describe_version(&churn(), one, None, &stamp(16)).unwrap();
    assert_eq!(plain.description, None);
    store.delete_version(&churn(), one, &stamp(20)).unwrap();
    assert!(matches!(
        store.get_version(&churn(), &one.into()),
        Err(Error::VersionNotFound { newest, .. }) if newest == Some(number(2))
    ));
    assert_eq!(store.get_model(&churn()).unwrap().last_updated_timestamp_ms, 20);
    let events = history_lines(store, &churn());
    assert_eq!(
        events[3..],
        [
            r#"10 churn 1 {"kind":"description_changed","to":"good"}"#,
            r#"11 churn 1 {"key":"k","kind":"tag_set","to":"v"}"#,
            r#"12 churn 1 {"from":"v","key":"k","kind":"tag_set","to":"w"}"#,
            r#"13 churn 1 {"key":"l","kind":"tag_set","to":""}"#,
            r#"14 churn 1 {"from":"","key":"l","kind":"tag_deleted"}"#,
            r#"16 churn 1 {"from":"good","kind":"description_changed"}"#,
            r#"20 churn 1 {"from":"None","kind":"version_deleted"}"#,
        ]
    );
}

/// The newest number stays taken even when its version is gone.
pub fn a_deleted_version_leaves_its_number_and_no_alias(store: &dyn RegistryStore) {
    register(store, 3);
    store.set_alias(&churn(), &champion(), number(3), &stamp(10)).unwrap();
    store.transition(&to(3, Stage::PRODUCTION, true), &stamp(11)).unwrap();

    store.delete_version(&churn(), number(3), &stamp(12)).unwrap();

    let model = store.get_model(&churn()).unwrap();
    assert!(model.aliases.is_empty());
    let latest: Vec<_> = model.latest_versions.iter().map(|version| version.version).collect();
    assert_eq!(latest, [number(2)]);
    let by_alias = store.get_version(&churn(), &VersionRef::Alias(champion()));
    assert!(matches!(by_alias, Err(Error::AliasNotFound { .. })));
    let by_stage = store.get_version(&churn(), &VersionRef::Stage(Stage::PRODUCTION));
    assert!(matches!(by_stage, Err(Error::StageEmpty { .. })));
    let events = history_lines(store, &churn());
    assert_eq!(
        events[events.len() - 2..],
        [
            r#"12 churn 3 {"alias":"champion","from":"3","kind":"alias_deleted"}"#,
            r#"12 churn 3 {"from":"Production","kind":"version_deleted"}"#,
        ]
    );
    let next = store.create_version(&NewVersion::of(churn(), "/models/churn/4"), &stamp(13));
    assert_eq!(next.unwrap().version, number(4));
    let again = store.delete_version(&churn(), number(3), &stamp(14));
    assert!(matches!(again, Err(Error::VersionNotFound { .. })));
}

/// A deleted model's name is free, and its past stays told.
pub fn a_model_made_again_starts_anew(store: &dyn RegistryStore) {
    register(store, 2);
    store.set_version_tag(&churn(), number(1), &key("k"), &value("v"), &stamp(3)).unwrap();
    store.delete_model(&churn(), &stamp(10)).unwrap();
    let mut new = NewVersion::of(churn(), "/models/churn/new");
    new.create_model_if_missing = true;

    let version = store.create_version(&new, &stamp(20)).unwrap();

    assert_eq!((version.version, version.tags.len()), (VersionNumber::FIRST, 0));
    let kinds: Vec<_> =
        all_events(store).iter().map(|event| event.change.kind().to_owned()).collect();
    assert_eq!(
        kinds,
        [
            "model_created",
            "version_created",
            "version_created",
            "tag_set",
            "model_deleted",
            "model_created",
            "version_created"
        ]
    );
}

/// Every change names what it cannot find, and leaves no event.
pub fn changes_of_what_is_not_there_are_refused(store: &dyn RegistryStore) {
    register(store, 1);
    let (none, nine) = (fraud(), number(9));
    let of_model = [
        store.describe_model(&none, Some("x"), &stamp(5)).map(drop),
        store.delete_model(&none, &stamp(5)),
        store.set_model_tag(&none, &key("k"), &value("v"), &stamp(5)),
        store.delete_model_tag(&none, &key("k"), &stamp(5)),
        store.describe_version(&none, nine, Some("x"), &stamp(5)).map(drop),
        store.delete_version(&none, nine, &stamp(5)),
        store.set_version_tag(&none, nine, &key("k"), &value("v"), &stamp(5)),
        store.delete_version_tag(&none, nine, &key("k"), &stamp(5)),
        store.delete_alias(&none, &champion(), &stamp(5)),
        store.set_alias(&none, &champion(), nine, &stamp(5)),
    ];
    let of_version = [
        store.describe_version(&churn(), nine, Some("x"), &stamp(5)).map(drop),
        store.delete_version(&churn(), nine, &stamp(5)),
        store.set_version_tag(&churn(), nine, &key("k"), &value("v"), &stamp(5)),
        store.delete_version_tag(&churn(), nine, &key("k"), &stamp(5)),
    ];

    for (at, outcome) in of_model.iter().enumerate() {
        assert!(matches!(outcome, Err(Error::ModelNotFound(name)) if *name == none), "{at}");
    }
    for outcome in of_version {
        assert!(matches!(outcome, Err(Error::VersionNotFound { version, .. }) if version == nine));
    }
    assert_eq!(all_events(store).len(), 2);
}

/// A renamed model's past is told under the names of its time; the old name's own goes on.
pub fn a_history_goes_along_with_a_new_name(store: &dyn RegistryStore) {
    register(store, 1);
    store.rename_model(&churn(), &fraud(), &stamp(5)).unwrap();
    store
        .transition(
            &Transition {
                model: fraud(),
                version: number(1),
                stage: Stage::STAGING,
                archive_existing_versions: false,
            },
            &stamp(6),
        )
        .unwrap();
    store.create_model(&NewModel::named(churn()), &stamp(7)).unwrap();

    assert_eq!(
        history_lines(store, &fraud()),
        [
            r#"1 churn - {"kind":"model_created"}"#,
            r#"1 churn 1 {"kind":"version_created","source":"/models/churn/1"}"#,
            r#"5 churn - {"kind":"renamed_to","to":"fraud"}"#,
            r#"5 fraud - {"from":"churn","kind":"renamed_from"}"#,
            r#"6 fraud 1 {"from":"None","kind":"stage_changed","to":"Staging"}"#,
        ]
    );
    let own = history_lines(store, &churn());
    assert_eq!((own.len(), own[3].as_str()), (4, r#"7 churn - {"kind":"model_created"}"#));
    let size = PageSize::new(2).unwrap();
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = store.events(&fraud(), None, after, size).unwrap();
        seen.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, store.events(&fraud(), None, None, PageSize::MAX).unwrap().items);
    let of_version = store.events(&fraud(), Some(number(1)), None, size).unwrap().items;
    assert_eq!(of_version.len(), 2);
}
