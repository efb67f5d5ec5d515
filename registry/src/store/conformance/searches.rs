//! Searches: filters, orders and pages.

use super::*;
use crate::search::PROMPT_TAG;

fn add(store: &dyn RegistryStore, name: &str, tags: &[(&str, &str)], at: i64) {
    let tags = tags
        .iter()
        .map(|(key, value)| (TagKey::parse(key).unwrap(), TagValue::parse(value).unwrap()));
    let new =
        NewModel { name: ModelName::parse(name).unwrap(), description: None, tags: tags.collect() };
    store.create_model(&new, &stamp(at)).unwrap();
}

fn add_version(store: &dyn RegistryStore, name: &str, run: &str, tags: &[(&str, &str)], at: i64) {
    let is_prompt = tags.iter().any(|(key, _)| *key == PROMPT_TAG);
    // A prompt has no files, so MLflow's clients send this.
    let source = if is_prompt { "dummy-source".to_owned() } else { format!("/models/{name}/{at}") };
    let mut new = NewVersion::of(ModelName::parse(name).unwrap(), source);
    new.run_id = Some(run.to_owned());
    new.create_model_if_missing = true;
    for (key, value) in tags {
        new.tags.insert(TagKey::parse(key).unwrap(), TagValue::parse(value).unwrap());
    }
    store.create_version(&new, &stamp(at)).unwrap();
}

fn models(store: &dyn RegistryStore, filter: &str, order_by: &[&str]) -> String {
    let query = ModelQuery {
        filter: filter.to_owned(),
        order_by: order_by.iter().map(ToString::to_string).collect(),
        ..ModelQuery::default()
    };
    let page = store.search_models(&query).unwrap();
    assert_eq!(page.next, None);
    let names: Vec<_> = page.items.iter().map(|model| model.name.to_string()).collect();
    names.join(" ")
}

fn versions(store: &dyn RegistryStore, filter: &str, order_by: &[&str]) -> String {
    let query = VersionQuery {
        filter: filter.to_owned(),
        order_by: order_by.iter().map(ToString::to_string).collect(),
        ..VersionQuery::default()
    };
    let page = store.search_versions(&query).unwrap();
    let told: Vec<_> = page.items.iter().map(|v| format!("{}{}", v.name, v.version)).collect();
    told.join(" ")
}

/// By name, by tag, by time, and in the order that was asked for.
pub fn models_are_found_and_ordered(store: &dyn RegistryStore) {
    add(store, "b", &[("team", "x"), ("a b", "1")], 30);
    add(store, "a", &[("team", "y")], 20);
    add(store, "Ab", &[("team", "X")], 10);
    add(store, "c_", &[], 20);

    assert_eq!(models(store, "", &[]), "Ab a b c_");
    assert_eq!(models(store, "name = 'a'", &[]), "a");
    assert_eq!(models(store, "name != 'a'", &[]), "Ab b c_");
    assert_eq!(models(store, "name LIKE 'a%'", &[]), "a");
    assert_eq!(models(store, "name ILIKE 'a%'", &[]), "Ab a");
    assert_eq!(models(store, "name LIKE '__'", &[]), "Ab c_");
    assert_eq!(models(store, "name IN ('a', 'c_', 'z')", &[]), "a c_");
    assert_eq!(models(store, "name NOT IN ('a', 'c_')", &[]), "Ab b");
    assert_eq!(models(store, "name =~ '^[ab]$'", &[]), "a b");
    assert_eq!(models(store, "tags.team = 'x'", &[]), "b");
    assert_eq!(models(store, "tags.team ILIKE 'x'", &[]), "Ab b");
    // A model without the tag has nothing that could differ, as in MLflow.
    assert_eq!(models(store, "tags.team != 'x'", &[]), "Ab a");
    assert_eq!(models(store, "NOT tags.team = 'x'", &[]), "Ab a c_");
    assert_eq!(models(store, "tags.team IS NULL", &[]), "c_");
    assert_eq!(models(store, "tags.`a b` IS NOT NULL AND tags.team = 'x'", &[]), "b");
    assert_eq!(models(store, "name = 'a' OR (tags.team = 'X' AND name != 'b')", &[]), "Ab a");
    assert_eq!(models(store, "last_updated_timestamp > 10 AND name != 'b'", &[]), "a c_");
    assert_eq!(models(store, "", &["name DESC"]), "c_ b a Ab");
    assert_eq!(models(store, "", &["timestamp"]), "Ab a c_ b");
    assert_eq!(models(store, "", &["last_updated_timestamp DESC", "name DESC"]), "b c_ a Ab");
    assert_eq!(models(store, "", &["creation_timestamp ASC"]), "Ab a c_ b");
}

/// What changed last comes first; conditions may be about anything a version has.
pub fn versions_are_found_and_ordered(store: &dyn RegistryStore) {
    add_version(store, "a", "r1", &[("k", "v")], 10);
    add_version(store, "b", "r1", &[], 20);
    add_version(store, "a", "r2", &[("k", "w")], 30);
    add_version(store, "a", "", &[], 40);
    store.describe_version(&ModelName::parse("a").unwrap(), number(1), None, &stamp(50)).unwrap();
    let staging = Transition {
        model: ModelName::parse("b").unwrap(),
        version: number(1),
        stage: Stage::STAGING,
        archive_existing_versions: false,
    };
    store.transition(&staging, &stamp(45)).unwrap();

    assert_eq!(versions(store, "", &[]), "a1 b1 a3 a2");
    assert_eq!(versions(store, "name = 'a'", &[]), "a1 a3 a2");
    assert_eq!(versions(store, "name = 'a'", &["version_number"]), "a1 a2 a3");
    assert_eq!(versions(store, "", &["name"]), "a3 a2 a1 b1");
    assert_eq!(versions(store, "", &["creation_timestamp DESC"]), "a3 a2 b1 a1");
    assert_eq!(versions(store, "version_number > 1", &[]), "a3 a2");
    assert_eq!(versions(store, "version_number = '2'", &[]), "a2");
    assert_eq!(versions(store, "version_number <= 2 AND name != 'b'", &[]), "a1 a2");
    assert_eq!(versions(store, "run_id = 'r1'", &[]), "a1 b1");
    assert_eq!(versions(store, "run_id IN ('r2', 'r3')", &[]), "a2");
    assert_eq!(versions(store, "source_path LIKE '/models/b/%'", &[]), "b1");
    assert_eq!(versions(store, "current_stage = 'Staging'", &[]), "b1");
    assert_eq!(versions(store, "tags.k = 'v'", &[]), "a1");
    assert_eq!(versions(store, "tags.k != 'v'", &[]), "a2");
    assert_eq!(versions(store, "tags.k IS NULL AND name = 'a'", &[]), "a3");
    store.delete_version(&ModelName::parse("a").unwrap(), number(1), &stamp(60)).unwrap();
    assert_eq!(versions(store, "", &["name", "version_number"]), "a2 a3 b1");
}

/// Prompts are models with a tag; a version is hidden with its model or by its own tag.
pub fn prompts_are_found_by_those_who_ask(store: &dyn RegistryStore) {
    let tag = (PROMPT_TAG, "true");
    add(store, "hello", &[tag, ("team", "x")], 1);
    add(store, "model", &[("team", "x")], 2);
    add(store, "other", &[(PROMPT_TAG, "false")], 3);
    add_version(store, "hello", "", &[tag], 4);
    add_version(store, "model", "", &[], 5);
    add_version(store, "model", "", &[tag], 6);
    let asked = "tags.`mlflow.prompt.is_prompt`";

    assert_eq!(models(store, "", &[]), "model other");
    assert_eq!(models(store, "name = 'hello'", &[]), "");
    assert_eq!(models(store, &format!("{asked} = 'true'"), &[]), "hello");
    assert_eq!(models(store, &format!("{asked} = 'true' AND tags.team = 'x'"), &[]), "hello");
    assert_eq!(models(store, &format!("{asked} != 'false'"), &[]), "hello");
    assert_eq!(models(store, &format!("{asked} = 'false'"), &[]), "model other");
    assert_eq!(models(store, &format!("{asked} != 'true' AND tags.team = 'x'"), &[]), "model");
    assert_eq!(versions(store, "", &[]), "model1");
    assert_eq!(versions(store, &format!("{asked} = 'true'"), &[]), "model2 hello1");
    assert_eq!(versions(store, &format!("name = 'hello' AND {asked} = 'true'"), &[]), "hello1");
}

/// Quotes, wildcards, other scripts and long values are only text.
pub fn odd_text_is_kept_and_found(store: &dyn RegistryStore) {
    let long = "ü".repeat(5_000);
    add(store, "it's", &[("a: b/c", "50%_\\"), ("ü", "line\nbreak")], 1);
    add(store, "日本", &[("long", &long)], 2);
    add(store, "q\"q", &[("a: b/c", "50xx")], 3);

    assert_eq!(models(store, "name = 'it''s'", &[]), "it's");
    assert_eq!(models(store, "name = 'q\"q'", &[]), "q\"q");
    assert_eq!(models(store, "name LIKE '日_'", &[]), "日本");
    assert_eq!(models(store, "tags.`a: b/c` LIKE '50%'", &[]), "it's q\"q");
    assert_eq!(models(store, "tags.`a: b/c` = '50%_\\'", &[]), "it's");
    assert_eq!(models(store, "tags.`ü` LIKE 'line%'", &[]), "it's");
    assert_eq!(models(store, &format!("tags.long = '{long}'"), &[]), "日本");
    let kept = store.get_model(&ModelName::parse("日本").unwrap()).unwrap();
    assert_eq!(kept.tags.values().next().unwrap().as_str(), long);
}

/// Pages end where the next begins, in the order of bytes.
pub fn models_page_by_name(store: &dyn RegistryStore) {
    for name in ["b", "a", "ü", "B", "a b"] {
        add_version(store, name, "", &[], 1);
    }
    let mut query = ModelQuery { size: PageSize::new(2).unwrap(), ..ModelQuery::default() };
    let mut pages = Vec::new();
    loop {
        let page = store.search_models(&query).unwrap();
        let names: Vec<_> = page.items.iter().map(|model| model.name.to_string()).collect();
        assert!(page.items.iter().all(|model| model.latest_versions.len() == 1));
        pages.push(names.join(","));
        query.page_token = page.next;
        if query.page_token.is_none() {
            break;
        }
    }

    assert_eq!(pages, ["B,a", "a b,b", "ü"]);
    let size = PageSize::new(5).unwrap();
    let exact = store.search_models(&ModelQuery { size, ..ModelQuery::default() }).unwrap();
    assert_eq!((exact.items.len(), exact.next), (5, None));
}

/// Pages go down from the newest; what is added meanwhile does not repeat anything.
pub fn versions_page_newest_first(store: &dyn RegistryStore) {
    register(store, 5);
    let size = PageSize::new(2).unwrap();
    let mut query = VersionQuery { size, ..VersionQuery::of(&churn()) };
    let first = store.search_versions(&query).unwrap();
    register(store, 1);

    query.page_token = first.next;
    let second = store.search_versions(&query).unwrap();

    let numbers =
        |items: &[ModelVersion]| items.iter().map(|v| v.version.get()).collect::<Vec<_>>();
    assert_eq!((numbers(&first.items), numbers(&second.items)), (vec![5, 4], vec![3, 2]));
    query.page_token = second.next;
    let last = store.search_versions(&query).unwrap();
    assert_eq!((numbers(&last.items), last.next), (vec![1], None));
}

/// Whatever the order, its pages together are all rows once.
pub fn a_page_goes_on_where_the_last_row_stood(store: &dyn RegistryStore) {
    for at in 0..12 {
        add_version(store, ["a", "b", "c"][at as usize % 3], "", &[], at / 4);
    }
    for order_by in [&[][..], &["creation_timestamp"], &["name DESC", "version_number"]] {
        let order_by: Vec<_> = order_by.iter().map(ToString::to_string).collect();
        let mut query = VersionQuery { order_by, ..VersionQuery::default() };
        let whole = store.search_versions(&query).unwrap().items;
        query.size = PageSize::new(5).unwrap();
        let mut seen = Vec::new();
        loop {
            let page = store.search_versions(&query).unwrap();
            seen.extend(page.items);
            query.page_token = page.next;
            if query.page_token.is_none() {
                break;
            }
        }
        assert_eq!((seen.len(), &seen), (12, &whole), "{:?}", query.order_by);
    }
}

/// A search that cannot be meant says where it is wrong.
pub fn a_bad_search_is_refused(store: &dyn RegistryStore) {
    let refused = |filter: &str, order_by: &[&str], token: Option<&str>| {
        let order_by: Vec<_> = order_by.iter().map(ToString::to_string).collect();
        let query = VersionQuery {
            filter: filter.to_owned(),
            order_by,
            page_token: token.map(str::to_owned),
            ..VersionQuery::default()
        };
        let error = store.search_versions(&query).unwrap_err();
        assert_eq!(error.code().as_str(), "INVALID_PARAMETER_VALUE");
        error.to_string()
    };

    let unknown = refused("colour = 'red'", &[], None);
    assert!(unknown.contains("unknown model version attribute `colour`"), "{unknown}");
    assert!(refused("name = ", &[], None).contains("column 8"));
    assert!(refused("name > 'a'", &[], None).contains("does not apply"));
    let by_tag = refused("", &["tags.k"], None);
    assert!(by_tag.contains("it must be name, version_number"), "{by_tag}");
    assert!(refused("", &["colour"], None).contains("colour"));
    assert_eq!(refused("", &[], Some("nonsense")), "Invalid page token");
}
