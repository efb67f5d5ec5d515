//! The memory store is the easiest to read; the SQLite store answers the same to anything.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use mlctl_registry::{
    Alias, Candidate, MemoryStore, ModelName, ModelQuery, NewModel, NewVersion, PageSize,
    RegistryStore, SqliteStore, Stage, Stamp, TagKey, TagValue, Transition, VersionNumber,
    VersionQuery, VersionRef,
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
    Rename(ModelName, ModelName),
    Describe(ModelName, Option<VersionNumber>, Option<&'static str>),
    Tag(ModelName, Option<VersionNumber>, TagKey, Option<TagValue>),
    DeleteModel(ModelName),
    DeleteVersion(ModelName, VersionNumber),
    Force(Transition, Option<&'static str>),
    Check(Candidate),
    Request(Candidate, &'static str),
    Approve(Candidate, &'static str),
    Reject(Candidate),
    SearchModels(&'static str, &'static str, u32),
    SearchVersions(&'static str, &'static str, u32),
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
    let names = vec!["None", "Staging", "Production", "Archived", "Shadow", "shadow"];
    prop::sample::select(names).prop_map(|name| name.parse().unwrap())
}

fn which() -> impl Strategy<Value = VersionRef> {
    prop_oneof![
        number().prop_map(VersionRef::Number),
        alias().prop_map(VersionRef::Alias),
        stage().prop_map(VersionRef::Stage),
        Just(VersionRef::Latest),
    ]
}

fn key() -> impl Strategy<Value = TagKey> {
    let keys = vec!["k", "k", "a b", "mlflow.prompt.is_prompt", "mlctl.stages", "mlctl.gates"];
    prop::sample::select(keys).prop_map(|key| key.parse().unwrap())
}

fn tag_value() -> impl Strategy<Value = TagValue> {
    prop::sample::select(vec!["true", "false", "", "x%", "X"]).prop_map(|v| v.parse().unwrap())
}

/// Rules of stages and gates, some of which need one another.
const RULES: [(&str, &str); 6] = [
    ("mlctl.stages", "Shadow"),
    ("mlctl.stages", "Staging -> Shadow -> Production; * -> (Rejected)"),
    ("mlctl.stages", "Staging ->"),
    ("mlctl.gates", "Shadow: tag k"),
    ("mlctl.gates", "Production: approval; Staging: tag k = true"),
    ("mlctl.gates", "Production: rmse lower by 1%"),
];

fn candidate() -> impl Strategy<Value = Candidate> {
    (model(), number(), stage()).prop_map(|(model, version, stage)| Candidate {
        model,
        version,
        stage,
    })
}

fn who() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["ada", "bob"])
}

/// Filters that both kinds of search know.
const FILTERS: [&str; 16] = [
    "",
    "name = 'churn'",
    "name ILIKE 'CH%'",
    "name LIKE '_hurn'",
    "name NOT IN ('a@b')",
    "name =~ '@'",
    "tags.k = 'true'",
    "tags.k != 'true'",
    "NOT tags.k = 'true'",
    "tags.k IS NULL",
    "tags.`a b` ILIKE 'X%' OR name = 'churn'",
    "tags.`mlflow.prompt.is_prompt` = 'true'",
    "tags.`mlflow.prompt.is_prompt` != 'true' AND name != 'churn'",
    "tags.`mlflow.prompt.is_prompt` != 'false'",
    "creation_timestamp > 3.5 AND NOT last_updated_timestamp >= 20",
    "tags.k IN ('X', '') OR NOT (name = 'churn' AND creation_timestamp <= 10)",
];
const VERSION_FILTERS: [&str; 6] = [
    "version_number > 1 AND version_number != 3",
    "version_number = 2.5",
    "run_id = 'r'",
    "NOT run_id = 'r'",
    "run_id IS NULL OR source_path LIKE '%2'",
    "current_stage IN ('Production', 'Archived')",
];
const ORDERS: [&str; 5] =
    ["", "name DESC", "creation_timestamp", "last_updated_timestamp DESC", "name ASC"];

fn act() -> impl Strategy<Value = Act> {
    let source = prop::sample::select(vec![
        "/models/1",
        "",
        "models:/churn/1",
        "models:/churn@x",
        "models:/churn/SHADOW",
    ]);
    prop_oneof![
        1 => model().prop_map(Act::CreateModel),
        4 => (model(), source, any::<bool>()).prop_map(|(model, source, create)| {
            Act::CreateVersion { model, source, create_model_if_missing: create }
        }),
        4 => (model(), number(), stage(), any::<bool>()).prop_map(|(model, version, stage, archive)| {
            Act::Transition(Transition { model, version, stage, archive_existing_versions: archive })
        }),
        3 => (model(), prop::sample::select(RULES.to_vec())).prop_map(|(model, (key, value))| {
            Act::Tag(model, None, key.parse().unwrap(), Some(value.parse().unwrap()))
        }),
        1 => (candidate(), any::<bool>(), prop::option::of(Just("it must be"))).prop_map(
            |(Candidate { model, version, stage }, archive_existing_versions, why)| {
                Act::Force(Transition { model, version, stage, archive_existing_versions }, why)
            }
        ),
        2 => candidate().prop_map(Act::Check),
        3 => (candidate(), who()).prop_map(|(candidate, who)| Act::Request(candidate, who)),
        3 => (candidate(), who()).prop_map(|(candidate, who)| Act::Approve(candidate, who)),
        1 => candidate().prop_map(Act::Reject),
        2 => (model(), alias(), number()).prop_map(|(m, alias, number)| Act::SetAlias(m, alias, number)),
        1 => (model(), alias()).prop_map(|(model, alias)| Act::DeleteAlias(model, alias)),
        2 => (model(), which()).prop_map(|(model, which)| Act::Find(model, which)),
        1 => (model(), model()).prop_map(|(from, to)| Act::Rename(from, to)),
        2 => (model(), prop::option::of(number()), prop::sample::select(vec![None, Some("x")]))
            .prop_map(|(model, version, text)| Act::Describe(model, version, text)),
        5 => (model(), prop::option::of(number()), key(), prop::option::of(tag_value()))
            .prop_map(|(model, version, key, value)| Act::Tag(model, version, key, value)),
        1 => model().prop_map(Act::DeleteModel),
        1 => (model(), number()).prop_map(|(model, number)| Act::DeleteVersion(model, number)),
        3 => (prop::sample::select(FILTERS.to_vec()), prop::sample::select(ORDERS.to_vec()), 1..4u32)
            .prop_map(|(filter, order, size)| Act::SearchModels(filter, order, size)),
        4 => (
            prop::sample::select([&FILTERS[..], &VERSION_FILTERS[..]].concat()),
            prop::sample::select([&ORDERS[..], &["version_number", "version_number DESC"]].concat()),
            1..4u32,
        )
            .prop_map(|(filter, order, size)| Act::SearchVersions(filter, order, size)),
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
        Act::Force(asked, why) => {
            let stamp = Stamp { why: why.map(str::to_owned), ..stamp.clone() };
            format!("{:?}", store.force_transition(&asked, &stamp))
        }
        Act::Check(candidate) => format!("{:?}", store.check_transition(&candidate)),
        Act::Request(candidate, who) => {
            let stamp = Stamp::new(who, stamp.at_ms);
            format!("{:?}", store.request_transition(&candidate, &stamp))
        }
        Act::Approve(candidate, who) => {
            let stamp = Stamp::new(who, stamp.at_ms);
            format!("{:?}", store.approve_transition(&candidate, &stamp))
        }
        Act::Reject(candidate) => format!("{:?}", store.reject_transition(&candidate, stamp)),
        Act::SetAlias(model, alias, number) => {
            format!("{:?}", store.set_alias(&model, &alias, number, stamp))
        }
        Act::DeleteAlias(model, alias) => {
            format!("{:?}", store.delete_alias(&model, &alias, stamp))
        }
        Act::Find(model, which) => format!("{:?}", store.get_version(&model, &which)),
        Act::Rename(from, to) => format!("{:?}", store.rename_model(&from, &to, stamp)),
        Act::Describe(model, None, text) => {
            format!("{:?}", store.describe_model(&model, text, stamp))
        }
        Act::Describe(model, Some(version), text) => {
            format!("{:?}", store.describe_version(&model, version, text, stamp))
        }
        Act::Tag(model, version, key, value) => {
            let outcome = match (version, value) {
                (None, None) => store.delete_model_tag(&model, &key, stamp),
                (None, Some(value)) => store.set_model_tag(&model, &key, &value, stamp),
                (Some(version), None) => store.delete_version_tag(&model, version, &key, stamp),
                (Some(version), Some(value)) => {
                    store.set_version_tag(&model, version, &key, &value, stamp)
                }
            };
            format!("{outcome:?}")
        }
        Act::DeleteModel(model) => format!("{:?}", store.delete_model(&model, stamp)),
        Act::DeleteVersion(model, number) => {
            format!("{:?}", store.delete_version(&model, number, stamp))
        }
        Act::SearchModels(filter, order, size) => pages(|page_token| {
            let query = ModelQuery {
                filter: filter.to_owned(),
                order_by: clauses(order),
                size: PageSize::new(size).unwrap(),
                page_token,
            };
            let page = store.search_models(&query).unwrap();
            (format!("{:?}", page.items), page.next)
        }),
        Act::SearchVersions(filter, order, size) => pages(|page_token| {
            let query = VersionQuery {
                filter: filter.to_owned(),
                order_by: clauses(order),
                size: PageSize::new(size).unwrap(),
                page_token,
            };
            let page = store.search_versions(&query).unwrap();
            (format!("{:?}", page.items), page.next)
        }),
    }
}

fn clauses(order: &str) -> Vec<String> {
    if order.is_empty() { Vec::new() } else { vec![order.to_owned()] }
}

/// Reads pages to the end.
fn pages(mut page: impl FnMut(Option<String>) -> (String, Option<String>)) -> String {
    let (mut told, mut token) = (String::new(), None);
    loop {
        let (items, next) = page(token);
        told.push_str(&items);
        if next.is_none() {
            return told;
        }
        token = next;
    }
}

/// Tells everything that a store holds.
fn contents(store: &dyn RegistryStore) -> String {
    let mut models = store.search_models(&ModelQuery::default()).unwrap().items;
    let filter = "tags.`mlflow.prompt.is_prompt` = 'true'".to_owned();
    let prompts = ModelQuery { filter, ..ModelQuery::default() };
    models.extend(store.search_models(&prompts).unwrap().items);
    let per_model = models.iter().map(|model| {
        let versions = store.search_versions(&VersionQuery::of(&model.name)).unwrap();
        let events = store.events(&model.name, None, None, PageSize::MAX).unwrap();
        let requests = store.requests(&model.name).unwrap();
        format!("{model:?}\n{versions:?}\n{events:?}\n{requests:?}\n")
    });
    per_model.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

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
