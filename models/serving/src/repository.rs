//! The models of a server by their names.

use super::meter::Meters;
use super::source::Fixed;
use super::{Deployed, Found, Settings, Source, SourceError};
use arc_swap::ArcSwapOption;
use mlctl_models_format::Model;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// How long a version that failed is left alone.
const PATIENCE: Duration = Duration::from_secs(60);

/// Models by name, each replaced as its source has a new version.
#[derive(Debug)]
pub struct Repository {
    entries: BTreeMap<String, Entry>,
    settings: Arc<Settings>,
    slots: Arc<Semaphore>,
    meters: Meters,
}

/// A name, and what is deployed under it.
#[derive(Debug)]
pub struct Entry {
    source: Arc<dyn Source>,
    deployed: ArcSwapOption<Deployed>,
    /// Held while a version is loaded: one after the other.
    change: Mutex<Change>,
}

#[derive(Debug, Default)]
struct Change {
    /// What was tried last and is not served.
    failed: Option<Failed>,
    /// Whether somebody asked that nothing be served.
    is_unloaded: bool,
}

#[derive(Debug)]
struct Failed {
    /// The version; `None` when even that could not be found out.
    version: Option<String>,
    problem: String,
    at: Instant,
}

/// How a name stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The name.
    pub name: String,
    /// The version that answers, if one does.
    pub version: Option<String>,
    /// Why a newer one, or none, does not.
    pub problem: Option<String>,
}

/// Why nothing answers under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Nobody knows the name.
    Name,
    /// The name has another version.
    Version(String),
    /// The model was unloaded.
    Unloaded,
}

impl Failed {
    /// Tells whether this version failed a short time ago.
    fn is_recent(&self, version: &str) -> bool {
        self.version.as_deref() == Some(version) && self.at.elapsed() < PATIENCE
    }
}

impl Change {
    /// Keeps the reason of a failure; a version that loads puts an end to it.
    fn noted<T>(
        &mut self,
        version: Option<&str>,
        result: Result<T, SourceError>,
    ) -> Result<T, SourceError> {
        match &result {
            Ok(_) if version.is_some() => self.failed = None,
            Ok(_) => {}
            Err(error) => {
                let (version, problem) = (version.map(str::to_owned), told(error.as_ref()));
                self.failed = Some(Failed { version, problem, at: Instant::now() });
            }
        }
        result
    }
}

impl Entry {
    fn lock(&self) -> MutexGuard<'_, Change> {
        self.change.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Repository {
    /// Loads the model of each source. This blocks.
    ///
    /// # Errors
    /// The name of the first model that cannot be served, and the reason.
    pub fn open(
        settings: Settings,
        sources: Vec<(String, Arc<dyn Source>)>,
    ) -> Result<Self, (String, SourceError)> {
        let slots = Arc::new(Semaphore::new(settings.workers.max(1)));
        let (settings, meters) = (Arc::new(settings), Meters::new());
        let mut entries = BTreeMap::new();
        for (name, source) in sources {
            let change = Mutex::default();
            entries.insert(name, Entry { source, deployed: ArcSwapOption::empty(), change });
        }
        let repository = Self { entries, settings, slots, meters };
        for (name, entry) in &repository.entries {
            let source = entry.source.as_ref();
            let deployed =
                version_of(source).and_then(|version| repository.deploy(name, source, &version));
            entry.deployed.store(Some(deployed.map_err(|error| (name.clone(), error))?));
        }
        Ok(repository)
    }

    /// Serves one model that is there already, under the name `model`.
    pub fn of(model: Arc<Model>) -> Self {
        let settings = Arc::new(Settings::default());
        let slots = Arc::new(Semaphore::new(settings.workers));
        let (meters, name) = (Meters::new(), "model");
        let source = Arc::new(Fixed(Arc::clone(&model)));
        let found = Found { model, example: None, kept: None };
        let deployed = Deployed::new(
            name,
            "1".to_owned(),
            found,
            Arc::clone(&settings),
            Arc::clone(&slots),
            meters.of(name, "1"),
        );
        let deployed = ArcSwapOption::from_pointee(deployed);
        let entry = Entry { source, deployed, change: Mutex::default() };
        let entries = BTreeMap::from([(name.to_owned(), entry)]);
        Self { entries, settings, slots, meters }
    }

    /// Returns the settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns all names in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Returns what answers under a name now, if it is of the version that is asked for.
    ///
    /// # Errors
    /// [`Missing`] tells what is not there.
    pub fn get(&self, name: &str, version: Option<&str>) -> Result<Arc<Deployed>, Missing> {
        let entry = self.entries.get(name).ok_or(Missing::Name)?;
        let deployed = entry.deployed.load_full().ok_or(Missing::Unloaded)?;
        match version {
            Some(version) if version != deployed.version() => {
                Err(Missing::Version(deployed.version().to_owned()))
            }
            _ => Ok(deployed),
        }
    }

    /// Returns the only model; `None` when there are several.
    pub fn only(&self) -> Option<Result<Arc<Deployed>, Missing>> {
        let mut names = self.names();
        match (names.next(), names.next()) {
            (Some(name), None) => Some(self.get(name, None)),
            _ => None,
        }
    }

    /// Tells how each name stands.
    pub fn standings(&self) -> Vec<Standing> {
        let standing = |(name, entry): (&String, &Entry)| {
            let version =
                entry.deployed.load().as_ref().map(|deployed| deployed.version().to_owned());
            // While a version is being loaded nothing is known of it.
            let change = entry.change.try_lock().ok();
            let failed = change.as_ref().and_then(|change| change.failed.as_ref());
            let problem = failed.map(|failed| match &failed.version {
                Some(version) => format!("version {version}: {}", failed.problem),
                None => failed.problem.clone(),
            });
            Standing { name: name.clone(), version, problem }
        };
        self.entries.iter().map(standing).collect()
    }

    /// Loads a name again: the version that its source has now. This blocks.
    ///
    /// What answered before goes on until the new version is ready, and stays when that fails.
    ///
    /// # Errors
    /// `None` when nobody knows the name, else the reason.
    pub fn load(&self, name: &str) -> Result<(), Option<SourceError>> {
        let entry = self.entries.get(name).ok_or(None)?;
        let mut change = entry.lock();
        change.is_unloaded = false;
        let version = change.noted(None, version_of(entry.source.as_ref())).map_err(Some)?;
        self.replace(name, entry, &mut change, &version).map_err(Some)
    }

    /// Lets nothing answer under a name until it is loaded again.
    ///
    /// # Errors
    /// [`Missing::Name`].
    pub fn unload(&self, name: &str) -> Result<(), Missing> {
        let entry = self.entries.get(name).ok_or(Missing::Name)?;
        let mut change = entry.lock();
        *change = Change { failed: None, is_unloaded: true };
        entry.deployed.store(None);
        Ok(())
    }

    /// Tells whether any model may have a new version some time.
    pub fn may_change(&self) -> bool {
        self.entries.values().any(|entry| entry.source.may_change())
    }

    /// Replaces the models whose source has a new version. This blocks.
    ///
    /// A version that cannot be served is tried again after a while; the reason is logged and kept.
    pub fn refresh(&self) {
        for (name, entry) in &self.entries {
            if !entry.source.may_change() {
                continue;
            }
            let mut change = entry.lock();
            if change.is_unloaded {
                continue;
            }
            let before = change.failed.as_ref().map(|failed| failed.problem.clone());
            let replaced = self.follow(name, entry, &mut change);
            if let (Err(error), Some(failed)) = (replaced, &change.failed)
                && before.as_ref() != Some(&failed.problem)
            {
                tracing::warn!(model = %name, error = %told(error.as_ref()), "keeping the loaded version");
            }
        }
    }

    /// Brings a name to the version that its source has now; a version that failed a short time
    /// ago is left alone, and so is one that answers already.
    fn follow(&self, name: &str, entry: &Entry, change: &mut Change) -> Result<(), SourceError> {
        let version = change.noted(None, version_of(entry.source.as_ref()))?;
        let deployed = entry.deployed.load();
        if deployed.as_ref().is_some_and(|deployed| deployed.version() == version) {
            // What failed is not wanted any more, or could not be looked at for a while.
            change.failed = None;
            return Ok(());
        }
        if change.failed.as_ref().is_some_and(|failed| failed.is_recent(&version)) {
            return Ok(());
        }
        self.replace(name, entry, change, &version)
    }

    /// Replaces what is deployed.
    fn replace(
        &self,
        name: &str,
        entry: &Entry,
        change: &mut Change,
        version: &str,
    ) -> Result<(), SourceError> {
        let deployed = self.deploy(name, entry.source.as_ref(), version);
        let deployed = change.noted(Some(version), deployed)?;
        tracing::info!(model = %name, %version, "serving");
        entry.deployed.store(Some(deployed));
        Ok(())
    }

    /// Loads a version, and lets it answer its own example.
    fn deploy(
        &self,
        name: &str,
        source: &dyn Source,
        version: &str,
    ) -> Result<Arc<Deployed>, SourceError> {
        let found = unwound(|| source.load(version))?;
        let deployed = Deployed::new(
            name,
            version.to_owned(),
            found,
            Arc::clone(&self.settings),
            Arc::clone(&self.slots),
            self.meters.of(name, version),
        );
        let tried = unwound(|| deployed.try_out().map_err(SourceError::from));
        tried.map_err(|error| format!("it cannot score its input example: {error}"))?;
        Ok(Arc::new(deployed))
    }

    /// Returns all series of all models as OpenMetrics text.
    pub fn metrics(&self) -> String {
        self.meters.text()
    }
}

fn version_of(source: &dyn Source) -> Result<String, SourceError> {
    unwound(|| source.version())
}

/// Makes an error of a panic, which must not end the thread that follows the sources.
fn unwound<T>(work: impl FnOnce() -> Result<T, SourceError>) -> Result<T, SourceError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err("it panicked".into()))
}

/// Writes an error with its reasons in one line.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut reason = error.source();
    while let Some(error) = reason {
        text.push_str(": ");
        text.push_str(&error.to_string());
        reason = error.source();
    }
    text
}
