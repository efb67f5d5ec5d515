//! The memory store is the easiest to read; the SQLite store answers the same to anything.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use mlctl_registry::{
    Alias, MemoryStore, ModelName, NewModel, NewVersion, PageSize, RegistryStore, SqliteStore,
    Stage, Stamp, Transition, VersionNumber, VersionRef,
};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Act {
    CreateModel(ModelName),
    CreateVersion { model: ModelName, source: &'static str, create_model_if_missing: bool },
    Transition(Transition),
    SetAlias(ModelName, Alias, VersionNumber),
    DeleteAlias(ModelName, Alias),
    Find(ModelName, VersionRef),
}

fn model() -> impl Strategy<Value = ModelName> {
    prop::sample::select(vec!["churn", "Churn", "a@b"]).prop_map(|name| name.parse().unwrap())
}

fn alias() -> impl Strategy<Value = Alias> {
    prop::sample::select(vec!["champion", "Champion"]).prop_map(|name| name.parse().unwrap())
}

fn number() -> impl Strategy<Value = VersionNumber> {
    (1..6u32).prop_map(|number| VersionNumber::from_u32(number).unwrap())
}

fn stage() -> impl Strategy<Value = Stage> {
    prop::sample::select(Stage::ALL.to_vec())
}

fn which() -> impl Strategy<Value = VersionRef> {
    prop_oneof![
        number().prop_map(VersionRef::Number),
        alias().prop_map(VersionRef::Alias),
        stage().prop_map(VersionRef::Stage),
        Just(VersionRef::Latest),
    ]
}

fn act() -> impl Strategy<Value = Act> {
    let source = prop::sample::select(vec!["/models/1", "", "models:/churn/1", "models:/churn@x"]);
    prop_oneof![
        1 => model().prop_map(Act::CreateModel),
        4 => (model(), source, any::<bool>()).prop_map(|(model, source, create)| {
            Act::CreateVersion { model, source, create_model_if_missing: create }
        }),
        4 => (model(), number(), stage(), any::<bool>()).prop_map(|(model, version, stage, archive)| {
            Act::Transition(Transition { model, version, stage, archive_existing_versions: archive })
        }),
        2 => (model(), alias(), number()).prop_map(|(m, alias, number)| Act::SetAlias(m, alias, number)),
        1 => (model(), alias()).prop_map(|(model, alias)| Act::DeleteAlias(model, alias)),
        2 => (model(), which()).prop_map(|(model, which)| Act::Find(model, which)),
    ]
}

/// Does it, and tells the answer as text, errors included.
fn answer(store: &dyn RegistryStore, act: &Act, stamp: &Stamp) -> String {
    match act.clone() {
        Act::CreateModel(name) => {
            format!("{:?}", store.create_model(&NewModel::named(name), stamp))
        }
        Act::CreateVersion { model, source, create_model_if_missing } => {
            let new = NewVersion { create_model_if_missing, ..NewVersion::of(model, source) };
            format!("{:?}", store.create_version(&new, stamp))
        }
        Act::Transition(asked) => format!("{:?}", store.transition(&asked, stamp)),
        Act::SetAlias(model, alias, number) => {
            format!("{:?}", store.set_alias(&model, &alias, number, stamp))
        }
        Act::DeleteAlias(model, alias) => {
            format!("{:?}", store.delete_alias(&model, &alias, stamp))
        }
        Act::Find(model, which) => format!("{:?}", store.get_version(&model, &which)),
    }
}

/// Tells everything that a store holds.
fn contents(store: &dyn RegistryStore) -> String {
    let models = store.list_models(None, PageSize::MAX).unwrap().items;
    let per_model = models.iter().map(|model| {
        let versions = store.list_versions(&model.name, None, PageSize::MAX).unwrap();
        let events = store.events(&model.name, None, None, PageSize::MAX).unwrap();
        format!("{model:?}\n{versions:?}\n{events:?}\n")
    });
    per_model.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn memory_and_sqlite_agree(acts in prop::collection::vec(act(), 1..40)) {
        let (memory, sqlite) = (MemoryStore::new(), SqliteStore::in_memory().unwrap());

        for (at, act) in acts.iter().enumerate() {
            let stamp = Stamp::new("ada", at as i64);
            prop_assert_eq!(answer(&memory, act, &stamp), answer(&sqlite, act, &stamp), "{:?}", act);
        }

        prop_assert_eq!(contents(&memory), contents(&sqlite));
    }
}
