//! MLflow's registry of plain files (`mlruns/models`), to be read and taken over.
//!
//! Source: the folders that MLflow 3.17.2's `FileStore` of the model registry writes:
//! `MODEL/meta.yaml`, `MODEL/tags/KEY`, `MODEL/aliases/ALIAS`, `MODEL/version-N/meta.yaml` and
//! `MODEL/version-N/tags/KEY`. A deleted version stays, in the stage `Deleted_Internal`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::entity::{NewModel, NewVersion, Stamp, Tags};
use crate::error::{Error, Result};
use crate::id::{Alias, ModelName, Stage, TagKey, TagValue, VersionNumber};
use crate::lifecycle::Transition;
use crate::stages::StageRules;
use crate::store::RegistryStore;

const META: &str = "meta.yaml";
const DELETED: &str = "Deleted_Internal";

/// A model as its folder has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileModel {
    name: ModelName,
    created_ms: i64,
    description: Option<String>,
    tags: Tags,
    aliases: BTreeMap<Alias, VersionNumber>,
    /// None where a version was deleted.
    versions: BTreeMap<VersionNumber, Option<FileVersion>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct FileVersion {
    meta: VersionMeta,
    stage: Stage,
    tags: Tags,
}

#[derive(Debug, Deserialize)]
struct ModelMeta {
    name: String,
    #[serde(default)]
    creation_timestamp: i64,
    description: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct VersionMeta {
    version: u32,
    #[serde(default)]
    creation_timestamp: i64,
    #[serde(default)]
    last_updated_timestamp: i64,
    current_stage: Option<String>,
    description: Option<String>,
    user_id: Option<String>,
    source: Option<String>,
    storage_location: Option<String>,
    run_id: Option<String>,
    run_link: Option<String>,
    model_id: Option<String>,
}

/// Reads the models in a folder, by name.
///
/// # Errors
/// [`Error::Backend`] when a file cannot be read, and the rules of names, tags and stages; all
/// name the file.
pub fn read(folder: &Path) -> Result<Vec<FileModel>> {
    let mut models = Vec::new();
    for place in folders(folder)? {
        if place.join(META).is_file() && !is_experiment(&place)? {
            models.push(read_model(&place)?);
        }
    }
    models.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(models)
}

impl FileModel {
    /// Returns the name.
    pub fn name(&self) -> &ModelName {
        &self.name
    }

    /// Returns how many versions it has that are not deleted.
    pub fn versions(&self) -> usize {
        self.versions.values().flatten().count()
    }

    /// Makes the model in a store: numbers, times, stages, tags and aliases as they are here.
    ///
    /// Its history begins with what is known; each event says `why`. Deleted versions are made and
    /// deleted again, because their numbers stay taken.
    ///
    /// # Errors
    /// [`Error::ModelExists`], and those of the store; then what was made so far is deleted again.
    pub fn take_over(&self, store: &dyn RegistryStore, who: &str, why: &str) -> Result<()> {
        let stamp = |at_ms| Stamp::new(who, at_ms).because(why);
        let new = NewModel {
            name: self.name.clone(),
            description: self.description.clone(),
            tags: self.tags.clone(),
        };
        store.create_model(&new, &stamp(self.created_ms))?;
        let made = self.make_versions(store, &stamp);
        if made.is_err() {
            // It was not there before; what keeps it from being deleted keeps it anyway.
            let _ = store.delete_model(&self.name, &stamp(self.created_ms));
        }
        made
    }

    fn make_versions(&self, store: &dyn RegistryStore, stamp: &dyn Fn(i64) -> Stamp) -> Result<()> {
        let newest = self.versions.keys().last().map_or(0, |newest| newest.get());
        for number in (1..=newest).filter_map(VersionNumber::from_u32) {
            match self.versions.get(&number) {
                Some(Some(version)) => version.make(&self.name, store, stamp)?,
                _ => {
                    let new = NewVersion::of(self.name.clone(), "deleted");
                    let made = store.create_version(&new, &stamp(self.created_ms))?;
                    store.delete_version(&self.name, made.version, &stamp(self.created_ms))?;
                }
            }
        }
        for (alias, version) in &self.aliases {
            store.set_alias(&self.name, alias, *version, &stamp(self.created_ms))?;
        }
        Ok(())
    }
}

impl FileVersion {
    fn make(
        &self,
        model: &ModelName,
        store: &dyn RegistryStore,
        stamp: &dyn Fn(i64) -> Stamp,
    ) -> Result<()> {
        let meta = &self.meta;
        let new = NewVersion {
            model: model.clone(),
            source: meta.source.clone().unwrap_or_default(),
            storage_location: meta.storage_location.clone(),
            run_id: meta.run_id.clone(),
            model_id: meta.model_id.clone(),
            run_link: meta.run_link.clone(),
            description: meta.description.clone(),
            tags: self.tags.clone(),
            create_model_if_missing: false,
        };
        let mut by = stamp(meta.creation_timestamp);
        if let Some(user) = meta.user_id.clone().filter(|user| !user.is_empty()) {
            by.who = user;
        }
        let made = store.create_version(&new, &by)?;
        if self.stage != Stage::NONE {
            let asked = Transition {
                model: model.clone(),
                version: made.version,
                stage: self.stage.clone(),
                archive_existing_versions: false,
            };
            store.transition(&asked, &stamp(meta.last_updated_timestamp))?;
        }
        Ok(())
    }
}

/// Tells whether a folder is an experiment's, which lies beside `models` in a store of files.
fn is_experiment(folder: &Path) -> Result<bool> {
    #[derive(Deserialize)]
    struct Probe {
        experiment_id: Option<IgnoredAny>,
    }
    Ok(document::<Probe>(&folder.join(META))?.experiment_id.is_some())
}

fn read_model(folder: &Path) -> Result<FileModel> {
    let file = folder.join(META);
    let meta: ModelMeta = document(&file)?;
    let mut versions = BTreeMap::new();
    for place in folders(folder)? {
        let name = place.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with("version-") {
            let (number, version) = read_version(&place)?;
            versions.insert(number, version);
        }
    }
    let mut aliases = BTreeMap::new();
    for (alias, number) in texts(&folder.join("aliases"))? {
        let file = folder.join("aliases").join(&alias);
        let read = || Ok((Alias::parse(&alias)?, VersionNumber::parse(number.trim())?));
        let (alias, number) = read().map_err(|error: Error| in_file(&file, error))?;
        // MLflow deletes the alias of a deleted version, but not in all of its versions.
        if versions.get(&number).is_some_and(Option::is_some) {
            aliases.insert(alias, number);
        }
    }
    Ok(FileModel {
        name: ModelName::parse(&meta.name).map_err(|error| in_file(&file, error))?,
        created_ms: meta.creation_timestamp,
        description: meta.description,
        tags: tags(folder)?,
        aliases,
        versions,
    })
}

fn read_version(folder: &Path) -> Result<(VersionNumber, Option<FileVersion>)> {
    let file = folder.join(META);
    let meta: VersionMeta = document(&file)?;
    let number = VersionNumber::from_u32(meta.version)
        .ok_or_else(|| in_file(&file, "the number of a version must be 1 or more"))?;
    let stage = meta.current_stage.as_deref().unwrap_or("None");
    if stage == DELETED {
        return Ok((number, None));
    }
    let stage = StageRules::default().find(stage).map_err(|error| in_file(&file, error))?;
    Ok((number, Some(FileVersion { stage, tags: tags(folder)?, meta })))
}

fn tags(folder: &Path) -> Result<Tags> {
    let place = folder.join("tags");
    let tag = |(key, value): (String, String)| {
        let read = || Ok((TagKey::parse(&key)?, TagValue::parse(&value)?));
        read().map_err(|error: Error| in_file(&place.join(&key), error))
    };
    texts(&place)?.into_iter().map(tag).collect()
}

fn document<T: DeserializeOwned>(file: &Path) -> Result<T> {
    let text = fs::read_to_string(file).map_err(|error| in_file(file, error))?;
    serde_yaml::from_str(&text).map_err(|error| in_file(file, error))
}

/// Reads the files of a folder, and of folders below it, by their names with `/` between; none
/// when there is no such folder.
fn texts(folder: &Path) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    for place in entries(folder)? {
        let name = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if place.is_dir() {
            let below = texts(&place)?.into_iter();
            found.extend(below.map(|(key, text)| (format!("{name}/{key}"), text)));
        } else {
            let text = fs::read_to_string(&place).map_err(|error| in_file(&place, error))?;
            found.push((name, text));
        }
    }
    Ok(found)
}

fn folders(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut places = entries(folder)?;
    places.retain(|place| place.is_dir());
    Ok(places)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let list = match fs::read_dir(folder) {
        Ok(list) => list,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(in_file(folder, error)),
    };
    let paths = list.map(|entry| entry.map(|entry| entry.path()));
    let mut paths: Vec<PathBuf> =
        paths.collect::<io::Result<_>>().map_err(|error| in_file(folder, error))?;
    paths.sort();
    Ok(paths)
}

fn in_file(file: &Path, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::backend(format!("cannot read `{}`", file.display()), error)
}

#[cfg(test)]
mod tests;
