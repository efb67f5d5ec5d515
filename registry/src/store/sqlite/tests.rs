use super::*;

crate::conformance_tests!(|folder| SqliteStore::open(folder.join("registry.db")).unwrap());

mod in_memory {
    use super::*;

    crate::conformance_tests!(SqliteStore::in_memory().unwrap());
}

mod beside_mlflow_2 {
    use super::*;

    /// An `mlflow.db` of MLflow 2.22.5, emptied.
    fn old_tables(path: &Path) -> SqliteStore {
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
fn a_version_of_a_logged_model_keeps_where_its_files_lie() {
    crate::store::conformance::a_location_of_another_component_is_kept(
        &SqliteStore::in_memory().unwrap(),
    );
}

#[test]
fn a_file_that_is_no_database_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("r.db");
    std::fs::write(&path, "not a database, but someone's notes about one").unwrap();

    let refused = SqliteStore::open(&path).unwrap_err().to_string();

    assert!(refused.starts_with("opening the registry in `"), "{refused}");
}
