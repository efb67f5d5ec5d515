//! A registry in MLflow's own tables in one SQLite file, with its history beside them.
//!
//! The file may be MLflow's (tried with 2.22.5 and 3.17.2) and in use by MLflow and other
//! programs meanwhile. Of MLflow's tables only the registry's five are touched.

use std::path::Path;

use crate::entity::{ModelVersion, NewModel, NewVersion, Page, PageSize, RegisteredModel, Stamp};
use crate::error::Result;
use crate::event::{Event, EventId};
use crate::id::{Alias, ModelName, Stage, VersionNumber};
use crate::lifecycle::Transition;
use crate::store::RegistryStore;
use crate::uri::VersionRef;
use database::Database;

mod aliases;
mod database;
mod events;
mod failure;
mod models;
mod schema;
mod versions;

/// Keeps a registry in a SQLite file.
///
/// It can be shared between threads, and the file between processes. A lock of another program
/// is waited for, up to a minute.
#[derive(Debug)]
pub struct SqliteStore {
    database: Database,
}

impl SqliteStore {
    /// Opens a file in place; a missing file is made in a folder that must exist.
    ///
    /// MLflow's registry tables are made when the file has none of them, and refused when it has
    /// only some or ones that are too old. They are never migrated.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Database::open(path.as_ref()).map(|database| Self { database })
    }

    /// Makes an empty registry that is gone with this value.
    pub fn in_memory() -> Result<Self> {
        Database::in_memory().map(|database| Self { database })
    }
}

impl RegistryStore for SqliteStore {
    fn create_model(&self, new: &NewModel, stamp: &Stamp) -> Result<RegisteredModel> {
        self.database.write("creating a model", |db| {
            models::create(db, new, stamp)?;
            models::get(db, &new.name)
        })
    }

    fn get_model(&self, name: &ModelName) -> Result<RegisteredModel> {
        self.database.read("reading a model", |db| models::get(db, name))
    }

    fn list_models(
        &self,
        after: Option<&ModelName>,
        size: PageSize,
    ) -> Result<Page<RegisteredModel, ModelName>> {
        let models = self.database.read("listing models", |db| models::list(db, after, size))?;
        Ok(Page::cut(models, size, |model| model.name.clone()))
    }

    fn create_version(&self, new: &NewVersion, stamp: &Stamp) -> Result<ModelVersion> {
        self.database.write("creating a version", |db| versions::create(db, new, stamp))
    }

    fn get_version(&self, model: &ModelName, which: &VersionRef) -> Result<ModelVersion> {
        self.database.read("reading a version", |db| versions::find(db, model, which))
    }

    fn list_versions(
        &self,
        model: &ModelName,
        before: Option<VersionNumber>,
        size: PageSize,
    ) -> Result<Page<ModelVersion, VersionNumber>> {
        let versions =
            self.database.read("listing versions", |db| versions::list(db, model, before, size))?;
        Ok(Page::cut(versions, size, |version| version.version))
    }

    fn latest_versions(&self, model: &ModelName, stages: &[Stage]) -> Result<Vec<ModelVersion>> {
        self.database.read("reading latest versions", |db| versions::latest(db, model, stages))
    }

    fn transition(&self, asked: &Transition, stamp: &Stamp) -> Result<ModelVersion> {
        self.database.write("moving a version", |db| versions::transition(db, asked, stamp))
    }

    fn set_alias(
        &self,
        model: &ModelName,
        alias: &Alias,
        version: VersionNumber,
        stamp: &Stamp,
    ) -> Result<()> {
        self.database.write("setting an alias", |db| aliases::set(db, model, alias, version, stamp))
    }

    fn delete_alias(&self, model: &ModelName, alias: &Alias, stamp: &Stamp) -> Result<()> {
        self.database.write("deleting an alias", |db| aliases::delete(db, model, alias, stamp))
    }

    fn events(
        &self,
        model: &ModelName,
        version: Option<VersionNumber>,
        after: Option<EventId>,
        size: PageSize,
    ) -> Result<Page<Event, EventId>> {
        let events = self
            .database
            .read("reading events", |db| events::list(db, model, version, after, size))?;
        Ok(Page::cut(events, size, |event| event.id))
    }
}

#[cfg(test)]
mod tests {
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
}
