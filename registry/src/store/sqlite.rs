//! A registry in MLflow's own tables in one SQLite file, with its history beside them.
//!
//! The file may be MLflow's (tried with 2.22.5 and 3.17.2) and in use by MLflow and other
//! programs meanwhile. Of MLflow's tables only the registry's five are touched.

use std::path::Path;
use std::sync::Arc;

use mlctl_sqlite::{Database, Options, Tables};

use crate::approval::{Candidate, Request};
use crate::entity::{ModelVersion, NewModel, NewVersion, Page, PageSize, RegisteredModel, Stamp};
use crate::error::{Error, Result};
use crate::event::{Event, EventId};
use crate::gate::{GateReport, RunMetrics, attempt_with_metrics};
use crate::id::{Alias, ModelName, Stage, TagKey, TagValue, VersionNumber};
use crate::lifecycle::Transition;
use crate::policy;
use crate::search::{ModelQuery, VersionQuery};
use crate::stages::StageRules;
use crate::store::{RegistryStore, Settings};
use crate::uri::VersionRef;
#[cfg(feature = "webhooks")]
use crate::webhook::{Notice, WebhookStore};
pub use mlctl_sqlite::Durability;
use schema::Layout;

mod aliases;
mod condition;
mod events;
mod functions;
mod load;
mod models;
#[cfg(feature = "webhooks")]
mod outbox;
mod requests;
mod schema;
mod search;
mod tags;
mod transitions;
mod versions;
#[cfg(feature = "webhooks")]
mod webhooks;

/// A connection inside a transaction.
type Session<'c> = mlctl_sqlite::Session<'c, Layout>;
/// A reason to roll back.
type Failure = mlctl_sqlite::Failure<Error>;

impl mlctl_sqlite::Rule for Error {}

/// Keeps a registry in a SQLite file.
///
/// It can be shared between threads, and the file between processes. A lock of another program
/// is waited for, up to a minute. Many callers' changes are committed at once.
#[derive(Debug)]
pub struct SqliteStore {
    database: Tables<Layout>,
    settings: Settings,
}

impl SqliteStore {
    /// Opens a file in place; a missing file is made in a folder that must exist.
    ///
    /// MLflow's registry tables are made when the file has none of them, and refused when it has
    /// only some or ones that are too old. They are never migrated. A file that cannot be written
    /// to, or whose newer MLflow asks for more than is known here, is opened for reading.
    ///
    /// # Errors
    /// [`Error::Schema`] for tables that cannot be used, [`Error::Backend`] when the file cannot
    /// be opened or is no database.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, Durability::Full)
    }

    /// Opens a file like [`Self::open`], with a durability of choice.
    ///
    /// # Errors
    /// Like [`Self::open`].
    pub fn open_with(path: impl AsRef<Path>, durability: Durability) -> Result<Self> {
        let options = Options { durability, ..Options::default() };
        Self::attach(&Database::new(path.as_ref(), options))
    }

    /// Keeps a registry in a database that other stores share.
    ///
    /// # Errors
    /// Like [`Self::open`].
    pub fn attach(database: &Database) -> Result<Self> {
        let path = database.path().unwrap_or(Path::new(MEMORY));
        let database = database
            .attach(|conn, access| schema::prepare(conn, path, access))
            .map_err(|failure| error(path, "opening the registry", failure))?;
        Ok(Self { database, settings: Settings::default() })
    }

    /// Makes an empty registry that is gone with this value.
    ///
    /// # Errors
    /// [`Error::Backend`] when SQLite has no memory for it.
    pub fn in_memory() -> Result<Self> {
        Self::attach(&Database::in_memory())
    }

    /// Sets the stages of models that have no rules of their own.
    #[must_use]
    pub fn with_stages(mut self, stages: StageRules) -> Self {
        self.settings.stages = Arc::new(stages);
        self
    }

    /// Sets who knows the metrics that gates ask for.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Arc<dyn RunMetrics>) -> Self {
        self.settings.metrics = metrics;
        self
    }

    fn write<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl Fn(&Session<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T> {
        self.database.write(work).map_err(|failure| error(self.path(), doing, failure))
    }

    fn read<T>(
        &self,
        doing: &'static str,
        work: impl FnMut(&Session<'_>) -> Result<T, Failure>,
    ) -> Result<T> {
        self.database.read(work).map_err(|failure| error(self.path(), doing, failure))
    }

    fn moved(&self, asked: &Transition, force: bool, stamp: &Stamp) -> Result<ModelVersion> {
        attempt_with_metrics(self.settings.metrics.as_ref(), |known| {
            let (asked, stamp, stages) =
                (asked.clone(), stamp.clone(), self.settings.stages.clone());
            self.write("moving a version", move |db| {
                transitions::transition(db, &asked, force, &known, &stages, &stamp)
            })
        })
    }

    fn path(&self) -> &Path {
        self.database.path().unwrap_or(Path::new(MEMORY))
    }
}

const MEMORY: &str = ":memory:";

fn error(path: &Path, doing: &str, failure: Failure) -> Error {
    let doing = || format!("{doing} in `{}`", path.display());
    match failure {
        Failure::Rule(error) => error,
        Failure::Busy(waited_ms) => Error::Busy { path: path.to_owned(), waited_ms },
        failure if failure.is_full() => Error::NoSpace { doing: doing() },
        Failure::Sql(source) => Error::backend(doing(), source),
        Failure::Lost(why) => Error::backend(doing(), why),
        Failure::Full => Error::NoSpace { doing: doing() },
        Failure::ReadOnly(why) => Error::ReadOnly { path: path.to_owned(), why },
    }
}

/// Spells a value of our own in JSON, for a column or for `json_each`.
fn json(value: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string(value)
        .map_err(|error| Failure::Sql(rusqlite::Error::ToSqlConversionFailure(error.into())))
}

impl RegistryStore for SqliteStore {
    fn create_model(&self, new: &NewModel, stamp: &Stamp) -> Result<RegisteredModel> {
        policy::Policy::of(&new.tags, &self.settings.stages)?;
        let (new, stamp) = (new.clone(), stamp.clone());
        self.write("creating a model", move |db| {
            models::create(db, &new, &stamp)?;
            load::model(db, &new.name)
        })
    }

    fn get_model(&self, name: &ModelName) -> Result<RegisteredModel> {
        self.read("reading a model", |db| load::model(db, name))
    }

    fn rename_model(
        &self,
        name: &ModelName,
        to: &ModelName,
        stamp: &Stamp,
    ) -> Result<RegisteredModel> {
        let (name, to, stamp) = (name.clone(), to.clone(), stamp.clone());
        self.write("renaming a model", move |db| {
            models::rename(db, &name, &to, &stamp)?;
            load::model(db, &to)
        })
    }

    fn describe_model(
        &self,
        name: &ModelName,
        description: Option<&str>,
        stamp: &Stamp,
    ) -> Result<RegisteredModel> {
        let (name, text, stamp) = (name.clone(), description.map(str::to_owned), stamp.clone());
        self.write("describing a model", move |db| {
            models::describe(db, &name, text.as_deref(), &stamp)?;
            load::model(db, &name)
        })
    }

    fn delete_model(&self, name: &ModelName, stamp: &Stamp) -> Result<()> {
        let (name, stamp) = (name.clone(), stamp.clone());
        self.write("deleting a model", move |db| models::delete(db, &name, &stamp))
    }

    fn set_model_tag(
        &self,
        name: &ModelName,
        key: &TagKey,
        value: &TagValue,
        stamp: &Stamp,
    ) -> Result<()> {
        let owner = tags::Owner::Model(name.clone());
        let (key, value, stamp) = (key.clone(), value.clone(), stamp.clone());
        let stages = self.settings.stages.clone();
        self.write("tagging a model", move |db| {
            transitions::check_change(db, owner.model(), &key, Some(&value), &stages)?;
            tags::set(db, &owner, &key, &value, &stamp)
        })
    }

    fn delete_model_tag(&self, name: &ModelName, key: &TagKey, stamp: &Stamp) -> Result<()> {
        let owner = tags::Owner::Model(name.clone());
        let (key, stamp) = (key.clone(), stamp.clone());
        let stages = self.settings.stages.clone();
        self.write("deleting a tag", move |db| {
            transitions::check_change(db, owner.model(), &key, None, &stages)?;
            tags::delete(db, &owner, &key, &stamp)
        })
    }

    fn search_models(&self, query: &ModelQuery) -> Result<Page<RegisteredModel, String>> {
        let compiled = query.compile()?;
        self.read("searching models", |db| search::models(db, &compiled))
    }

    fn create_version(&self, new: &NewVersion, stamp: &Stamp) -> Result<ModelVersion> {
        let (new, stamp, stages) = (new.clone(), stamp.clone(), self.settings.stages.clone());
        self.write("creating a version", move |db| versions::create(db, &new, &stages, &stamp))
    }

    fn get_version(&self, model: &ModelName, which: &VersionRef) -> Result<ModelVersion> {
        self.read("reading a version", |db| {
            transitions::version(db, model, which, &self.settings.stages)
        })
    }

    fn describe_version(
        &self,
        model: &ModelName,
        version: VersionNumber,
        description: Option<&str>,
        stamp: &Stamp,
    ) -> Result<ModelVersion> {
        let (model, text, stamp) = (model.clone(), description.map(str::to_owned), stamp.clone());
        self.write("describing a version", move |db| {
            versions::describe(db, &model, version, text.as_deref(), &stamp)?;
            load::version(db, &model, &version.into())
        })
    }

    fn delete_version(
        &self,
        model: &ModelName,
        version: VersionNumber,
        stamp: &Stamp,
    ) -> Result<()> {
        let (model, stamp) = (model.clone(), stamp.clone());
        self.write("deleting a version", move |db| versions::delete(db, &model, version, &stamp))
    }

    fn set_version_tag(
        &self,
        model: &ModelName,
        version: VersionNumber,
        key: &TagKey,
        value: &TagValue,
        stamp: &Stamp,
    ) -> Result<()> {
        let owner = tags::Owner::Version(model.clone(), version);
        let (key, value, stamp) = (key.clone(), value.clone(), stamp.clone());
        self.write("tagging a version", move |db| tags::set(db, &owner, &key, &value, &stamp))
    }

    fn delete_version_tag(
        &self,
        model: &ModelName,
        version: VersionNumber,
        key: &TagKey,
        stamp: &Stamp,
    ) -> Result<()> {
        let owner = tags::Owner::Version(model.clone(), version);
        let (key, stamp) = (key.clone(), stamp.clone());
        self.write("deleting a tag", move |db| tags::delete(db, &owner, &key, &stamp))
    }

    fn search_versions(&self, query: &VersionQuery) -> Result<Page<ModelVersion, String>> {
        let compiled = query.compile()?;
        self.read("searching versions", |db| search::versions(db, &compiled))
    }

    fn latest_versions(&self, model: &ModelName, stages: &[Stage]) -> Result<Vec<ModelVersion>> {
        self.read("reading latest versions", |db| {
            load::must_exist(db, model)?;
            let known = |stage| transitions::known(db, model, stage, &self.settings.stages);
            let stages = stages.iter().map(known).collect::<Result<Vec<_>, _>>()?;
            load::latest(db, model, &stages)
        })
    }

    fn transition(&self, asked: &Transition, stamp: &Stamp) -> Result<ModelVersion> {
        let moved = self.moved(asked, false, stamp);
        #[cfg(feature = "webhooks")]
        if let Err(Error::GateClosed(report)) = &moved {
            let notice = Notice::of_refusal(report, stamp);
            // The refusal is the answer, whether or not somebody can be told of it.
            if let Err(error) = self.queue_notice(&notice, stamp.at_ms) {
                tracing::warn!(%error, "cannot notify webhooks of a refused transition");
            }
        }
        moved
    }

    fn force_transition(&self, asked: &Transition, stamp: &Stamp) -> Result<ModelVersion> {
        policy::require_reason(stamp)?;
        self.moved(asked, true, stamp)
    }

    fn check_transition(&self, candidate: &Candidate) -> Result<GateReport> {
        attempt_with_metrics(self.settings.metrics.as_ref(), |known| {
            self.read("checking a version", |db| {
                transitions::check(db, candidate, &known, &self.settings.stages)
            })
        })
    }

    fn request_transition(&self, candidate: &Candidate, stamp: &Stamp) -> Result<Request> {
        let (candidate, stamp) = (candidate.clone(), stamp.clone());
        let stages = self.settings.stages.clone();
        self.write("requesting a transition", move |db| {
            requests::create(db, &candidate, &stages, &stamp)
        })
    }

    fn approve_transition(&self, candidate: &Candidate, stamp: &Stamp) -> Result<Request> {
        let (candidate, stamp) = (candidate.clone(), stamp.clone());
        let stages = self.settings.stages.clone();
        self.write("approving a transition", move |db| {
            requests::approve(db, &candidate, &stages, &stamp)
        })
    }

    fn reject_transition(&self, candidate: &Candidate, stamp: &Stamp) -> Result<Request> {
        let (candidate, stamp) = (candidate.clone(), stamp.clone());
        let stages = self.settings.stages.clone();
        self.write("rejecting a transition", move |db| {
            requests::reject(db, &candidate, &stages, &stamp)
        })
    }

    fn requests(&self, model: &ModelName) -> Result<Vec<Request>> {
        self.read("reading requests", |db| requests::list(db, model))
    }

    fn set_alias(
        &self,
        model: &ModelName,
        alias: &Alias,
        version: VersionNumber,
        stamp: &Stamp,
    ) -> Result<()> {
        let (model, alias, stamp) = (model.clone(), alias.clone(), stamp.clone());
        self.write("setting an alias", move |db| aliases::set(db, &model, &alias, version, &stamp))
    }

    fn delete_alias(&self, model: &ModelName, alias: &Alias, stamp: &Stamp) -> Result<()> {
        let (model, alias, stamp) = (model.clone(), alias.clone(), stamp.clone());
        self.write("deleting an alias", move |db| aliases::delete(db, &model, &alias, &stamp))
    }

    fn events(
        &self,
        model: &ModelName,
        version: Option<VersionNumber>,
        after: Option<EventId>,
        size: PageSize,
    ) -> Result<Page<Event, EventId>> {
        let events =
            self.read("reading events", |db| events::list(db, model, version, after, size))?;
        Ok(Page::cut(events, size, |event| event.id))
    }
}

#[cfg(test)]
mod tests;
