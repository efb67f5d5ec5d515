use super::*;
use crate::store::conformance;

crate::conformance_tests!(|folder| SqliteStore::open(folder.join("registry.db")).unwrap());

mod in_memory {
    use super::*;

    crate::conformance_tests!(SqliteStore::in_memory().unwrap());

    #[cfg(feature = "webhooks")]
    crate::webhook::suite::webhook_tests!(SqliteStore::in_memory().unwrap());
}

mod beside_mlflow_2 {
    use super::*;

    /// An `mlflow.db` of MLflow 2.22.5, emptied.
    pub(super) fn old_tables(path: &Path) -> SqliteStore {
        let conn = rusqlite::Connection::open(path).unwrap();
        conn.execute_batch(include_str!("../../../tests/fixtures/mlflow-2.22.5.sql")).unwrap();
        conn.execute_batch(
            "DELETE FROM registered_model_aliases; DELETE FROM model_version_tags;
             DELETE FROM model_versions; DELETE FROM registered_model_tags;
             DELETE FROM registered_models;",
        )
        .unwrap();
        SqliteStore::open(path).unwrap()
    }

    crate::conformance_tests!(|folder| old_tables(&folder.join("mlflow.db")));
}

#[test]
fn commits_are_as_durable_as_asked() {
    let folder = tempfile::tempdir().unwrap();
    for (durability, number) in [(Durability::Full, 2), (Durability::Normal, 1)] {
        let store = SqliteStore::open_with(folder.path().join("r.db"), durability).unwrap();

        let found: i64 = store
            .database
            .write(|db: &Session<'_>| -> std::result::Result<i64, Failure> {
                Ok(db.prepare("PRAGMA synchronous")?.query_row([], |row| row.get(0))?)
            })
            .unwrap();

        assert_eq!(found, number, "{durability:?}");
    }
}

#[test]
fn events_cannot_be_changed_or_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.db");
    let store = SqliteStore::open(&path).unwrap();
    let new = NewModel::named(ModelName::parse("churn").unwrap());
    store.create_model(&new, &Stamp::new("ada", 1)).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();

    let changed = other.execute("UPDATE mlctl_registry_events SET who = 'eve'", []);
    let deleted = other.execute("DELETE FROM mlctl_registry_events", []);

    assert!(changed.unwrap_err().to_string().contains("events are never changed"));
    assert!(deleted.unwrap_err().to_string().contains("events are never deleted"));
}

#[test]
fn gates_look_at_metrics() {
    let logged =
        || SqliteStore::in_memory().unwrap().with_metrics(Arc::new(conformance::NamedRuns));
    conformance::a_gate_looks_at_the_metrics_of_runs(&logged());
    conformance::the_better_version_stays_whoever_comes_first(&logged());
}

#[test]
fn stages_of_the_host_are_those_of_models_without_their_own() {
    let stages = StageRules::parse(conformance::CONFIGURED).unwrap();
    let store = SqliteStore::in_memory().unwrap().with_stages(stages);
    conformance::configured_stages_give_way(&store);
}

#[test]
fn an_approval_is_not_for_a_version_that_another_program_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.db");
    let store = SqliteStore::open(&path).unwrap();
    let model: ModelName = "churn".parse().unwrap();
    let mut new = NewVersion::of(model.clone(), "/models/churn");
    new.create_model_if_missing = true;
    let version = store.create_version(&new, &Stamp::new("ada", 1)).unwrap().version;
    let candidate = Candidate { model: model.clone(), version, stage: Stage::PRODUCTION };
    store.request_transition(&candidate, &Stamp::new("ada", 2)).unwrap();
    store.approve_transition(&candidate, &Stamp::new("bob", 3)).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other
        .execute_batch(
            "DELETE FROM model_versions;
             INSERT INTO model_versions (name, version, creation_time, current_stage)
             VALUES ('churn', 1, 9, 'None');",
        )
        .unwrap();

    assert!(store.requests(&model).unwrap().is_empty());
    let request = store.request_transition(&candidate, &Stamp::new("eve", 10)).unwrap();

    assert_eq!(store.requests(&model).unwrap(), [request]);
}

#[test]
fn rules_that_another_program_wrote_are_mended_before_a_move() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.db");
    let store = SqliteStore::open(&path).unwrap();
    let model: ModelName = "churn".parse().unwrap();
    let mut new = NewVersion::of(model.clone(), "/models/churn");
    new.create_model_if_missing = true;
    let version = store.create_version(&new, &Stamp::new("ada", 1)).unwrap().version;
    let other = rusqlite::Connection::open(&path).unwrap();
    let sql = "INSERT INTO registered_model_tags (key, value, name)
               VALUES ('mlctl.gates', 'Production', 'churn')";
    other.execute(sql, []).unwrap();
    let asked = Transition {
        model: model.clone(),
        version,
        stage: Stage::PRODUCTION,
        archive_existing_versions: true,
    };

    let refused = store.transition(&asked, &Stamp::new("ada", 2)).unwrap_err().to_string();

    assert!(refused.starts_with("invalid gate `Production`: "), "{refused}");
    store.delete_model_tag(&model, &"mlctl.gates".parse().unwrap(), &Stamp::new("ada", 3)).unwrap();
    store.transition(&asked, &Stamp::new("ada", 4)).unwrap();
}

#[test]
fn a_version_of_a_logged_model_keeps_where_its_files_lie() {
    conformance::a_location_of_another_component_is_kept(&SqliteStore::in_memory().unwrap());
}

#[test]
fn a_file_that_is_no_database_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.db");
    std::fs::write(&path, "not a database, but someone's notes about one").unwrap();

    let refused = SqliteStore::open(&path).unwrap_err().to_string();

    assert!(refused.starts_with("opening the registry in `"), "{refused}");
}

/// The tables of webhooks between MLflow 3.3, which has no workspaces yet, and 3.17.
#[cfg(feature = "webhooks")]
#[test]
fn webhooks_work_in_a_file_without_workspaces() {
    use crate::webhook::suite;

    let cases: [fn(&dyn suite::Both); 6] = [
        suite::a_created_webhook_reads_back,
        suite::webhooks_page_newest_first,
        suite::a_deleted_webhook_is_gone_with_its_messages,
        suite::what_mlflow_cannot_read_is_not_listed_for_it,
        suite::a_change_is_queued_for_who_listens,
        suite::a_prompt_is_no_model,
    ];
    let webhooks = include_str!("schema/mlflow_webhooks.sql")
        .replace("workspace VARCHAR(63) DEFAULT 'default' NOT NULL,", "")
        .replace("CREATE INDEX idx_webhooks_workspace ON webhooks (workspace);", "");
    for case in cases {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mlflow.db");
        beside_mlflow_2::old_tables(&path);
        rusqlite::Connection::open(&path).unwrap().execute_batch(&webhooks).unwrap();
        case(&SqliteStore::open(&path).unwrap());
    }
}
