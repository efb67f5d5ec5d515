//! Runs in folders.

use super::FileStore;
use super::document::{self, DatasetDocument, LinkDocument, META, RunDocument};
use super::folder::{self, Kind};
use super::layout::{self, ARTIFACTS, DATASETS, MODELS};
use super::line;
use super::open::Stamp;
use super::write::{self, Changes};
use crate::entity::{
    DatasetInput, DatasetSummary, LifecycleStage, LoggedModelInput, LoggedModelOutput, Metric, Run,
    RunInfo, RunStatus, Tag,
};
use crate::store::location::path_uri;
use crate::store::{Batch, Millis, NewRun, RunChange};
use crate::{Error, ExperimentId, Key, ModelId, Result, RunId, Thing, rules};
use md5::{Digest, Md5};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// Where recently used runs are and what their documents said, so that logging a metric reads none.
#[derive(Debug, Default)]
pub(super) struct RunCache(Mutex<HashMap<RunId, CachedRun>>);

#[derive(Clone, Debug)]
struct CachedRun {
    folder: PathBuf,
    stamp: Stamp,
    info: RunInfo,
}

/// Runs that are remembered; beyond it the cache starts afresh.
const CACHED_MAX: usize = 4096;

/// A document younger than this may change again without a new time.
const SETTLED: Duration = Duration::from_millis(100);

impl RunCache {
    fn lookup(&self, id: &RunId) -> Option<CachedRun> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    fn remember(&self, id: &RunId, run: CachedRun) {
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if runs.len() >= CACHED_MAX {
            runs.clear();
        }
        runs.insert(id.clone(), run);
    }
}

fn is_settled(folder: &Path) -> bool {
    let changed = fs::metadata(folder.join(META)).and_then(|meta| meta.modified());
    changed.is_ok_and(|time| SystemTime::now().duration_since(time).is_ok_and(|age| age > SETTLED))
}

impl FileStore {
    /// Finds a run and reads its document, unless it is known and has not changed.
    pub(super) fn run_info(&self, id: &RunId) -> Result<(PathBuf, RunInfo)> {
        if let Some(cached) = self.cache.lookup(id)
            && Stamp::of_document(&cached.folder) == Some(cached.stamp)
        {
            return Ok((cached.folder, cached.info));
        }
        let folder = self.layout.find_run(id)?;
        let settled = is_settled(&folder);
        let before = Stamp::of_document(&folder);
        let document: Option<RunDocument> = document::read(&folder)?;
        let document = document.ok_or_else(|| Error::RunNotFound(id.clone()))?;
        let mut info = document.entity(&folder)?;
        info.artifact_uri = self.layout.settle(&folder, &info.artifact_uri);
        if info.run_name.is_empty() {
            // Versions before 1.30 had the tag only.
            info.run_name =
                folder::read_value(&folder, Kind::Tag, rules::tag::RUN_NAME)?.unwrap_or_default();
        }
        if let Some(stamp) = before.filter(|_| settled) {
            self.cache
                .remember(id, CachedRun { folder: folder.clone(), stamp, info: info.clone() });
        }
        Ok((folder, info))
    }

    /// Finds a run and keeps others from changing it until the lock is dropped.
    pub(super) fn locked_run(&self, id: &RunId) -> Result<(PathBuf, RunInfo, File)> {
        loop {
            let (folder, _) = self.run_info(id)?;
            let held = match write::lock_folder(&folder) {
                // Its experiment was moved between the two steps: look again.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                held => held.map_err(|error| write::failed(&folder, error))?,
            };
            let (now_at, info) = self.run_info(id)?;
            if now_at == folder {
                return Ok((folder, info, held));
            }
        }
    }

    fn active_run(&self, id: &RunId) -> Result<(PathBuf, RunInfo, File)> {
        let (folder, info, held) = self.locked_run(id)?;
        rules::require_active_run(&info)?;
        Ok((folder, info, held))
    }

    pub(super) fn make_run(&self, new: &NewRun) -> Result<Run> {
        let experiment = self.active_experiment(&new.experiment_id)?;
        let (run_name, tags) = new.settle_name()?;
        let run_id = RunId::random();
        let home = self.layout.active(&new.experiment_id);
        let folder = home.join(run_id.as_str());
        let info = RunInfo {
            artifact_uri: artifact_uri(&home, &experiment.artifact_location, run_id.as_str()),
            run_id,
            run_name,
            experiment_id: new.experiment_id.clone(),
            user_id: new.user_id.clone(),
            status: RunStatus::Running,
            start_time: new.start_time,
            end_time: None,
            lifecycle_stage: LifecycleStage::Active,
        };
        write::make_one_folder(&folder)?;
        for part in [Kind::Metric.folder(), Kind::Param.folder(), Kind::Tag.folder(), ARTIFACTS] {
            write::make_one_folder(&folder.join(part))?;
        }
        for tag in &tags {
            write::replace(&folder, &folder::value_path(&folder, Kind::Tag, &tag.key), &tag.value)?;
        }
        // The document comes last: with it the run is there.
        let text = document::print(&RunDocument::from_entity(&info))?;
        write::replace(&folder, &folder.join(META), &text)?;
        let artifact_uri = self.layout.settle(&folder, &info.artifact_uri);
        folder::read_run(&folder, RunInfo { artifact_uri, ..info })
    }

    pub(super) fn change_run(&self, id: &RunId, change: &RunChange) -> Result<RunInfo> {
        let (folder, _, _held) = self.active_run(id)?;
        self.open.forget(id);
        let name = change.run_name.as_deref().filter(|name| !name.is_empty());
        if let Some(name) = name {
            let key = Key::parse(rules::tag::RUN_NAME)?;
            write::replace(&folder, &folder::value_path(&folder, Kind::Tag, &key), name)?;
        }
        self.rewrite_run(&folder, |document| {
            if let Some(status) = change.status {
                document.status = Some(status.number());
            }
            if change.end_time.is_some() {
                document.end_time = change.end_time;
            }
            if let Some(name) = name {
                document.run_name = Some(name.to_owned());
            }
        })?;
        Ok(self.run_info(id)?.1)
    }

    pub(super) fn set_run_stage(
        &self,
        id: &RunId,
        stage: LifecycleStage,
        deleted_time: Option<Millis>,
    ) -> Result<()> {
        let (folder, _, _held) = self.locked_run(id)?;
        self.rewrite_run(&folder, |document| {
            document.lifecycle_stage = Some(stage.as_str().to_owned());
            document.deleted_time = deleted_time;
        })
    }

    fn rewrite_run(&self, folder: &Path, change: impl FnOnce(&mut RunDocument)) -> Result<()> {
        let Some(mut document) = document::read_whole::<RunDocument>(folder)? else {
            return Err(Error::Corrupt {
                path: folder.join(META),
                why: "it no longer exists".to_owned(),
            });
        };
        change(&mut document);
        write::replace(folder, &folder.join(META), &document::print(&document)?)
    }

    pub(super) fn write_batch(&self, id: &RunId, batch: &Batch) -> Result<()> {
        let batch = rules::enforce_batch_limits(batch)?;
        let alone = lone_metric(&batch);
        if let Some(metric) = alone
            && self.open.append(id, metric)?
        {
            return Ok(());
        }
        let (folder, info, _held) = self.active_run(id)?;
        let mut changes = Changes::default();
        for param in &batch.params {
            let path = folder::value_path(&folder, Kind::Param, &param.key);
            if !changes.create(&folder, path, &param.value)? {
                check_param(id, &folder, &param.key, &param.value)?;
            }
        }
        for (home, path, lines) in self.metric_lines(id, &folder, &batch.metrics) {
            changes.append(&home, path, &lines)?;
        }
        for tag in &batch.tags {
            let path = folder::value_path(&folder, Kind::Tag, &tag.key);
            changes.replace(&folder, path, &tag.value)?;
        }
        if let Some(name) = batch.run_name().filter(|name| *name != info.run_name) {
            self.rewrite_run(&folder, |document| document.run_name = Some(name.to_owned()))?;
        }
        changes.keep();
        if let (Some(metric), Some(known)) = (alone, self.cache.lookup(id)) {
            let file = folder::value_path(&folder, Kind::Metric, &metric.key);
            self.open.keep(id, &folder, known.stamp, (&metric.key, &file));
        }
        Ok(())
    }

    /// Sorts a batch's points by the file that they go to, in the order of the first of each; with
    /// each file the folder of the run or model that it is in.
    fn metric_lines<'a>(
        &self,
        id: &RunId,
        folder: &Path,
        metrics: &'a [Metric],
    ) -> Vec<(PathBuf, PathBuf, String)> {
        let mut files: Vec<(PathBuf, PathBuf, String)> = Vec::new();
        let mut places: HashMap<(Option<&ModelId>, &Key), usize> = HashMap::new();
        let mut models: HashMap<&ModelId, Option<PathBuf>> = HashMap::new();
        for metric in metrics {
            let mut line_to = |model: Option<&'a ModelId>, home: &Path| -> usize {
                *places.entry((model, &metric.key)).or_insert_with(|| {
                    let path = folder::value_path(home, Kind::Metric, &metric.key);
                    files.push((home.to_owned(), path, String::new()));
                    files.len() - 1
                })
            };
            let model = metric.model_id.as_ref().and_then(|model| {
                let found = models.entry(model).or_insert_with(|| self.model_folder(model));
                found.as_ref().map(|home| (model, home))
            });
            let of_run = line_to(None, folder);
            let of_model = model.map(|(model, home)| line_to(Some(model), home));
            line::append_point(metric, &mut files[of_run].2);
            if let Some(place) = of_model {
                line::append_point_of_model(metric, id, &mut files[place].2);
            }
        }
        files
    }

    fn model_folder(&self, id: &ModelId) -> Option<PathBuf> {
        let found = self.layout.find_model(id).ok();
        if found.is_none() {
            tracing::warn!(model.id = %id, "a metric refers to a model that does not exist");
        }
        found
    }

    pub(super) fn remove_tag(&self, id: &RunId, key: &Key) -> Result<()> {
        let (folder, _, _held) = self.active_run(id)?;
        write::remove(&folder, &folder::value_path(&folder, Kind::Tag, key), || {
            Error::TagNotFound { key: key.to_string(), owner: Thing::Run(id.clone()) }
        })
    }

    pub(super) fn write_inputs(
        &self,
        id: &RunId,
        datasets: &[DatasetInput],
        models: &[LoggedModelInput],
    ) -> Result<()> {
        rules::reject_oversized_datasets(datasets)?;
        let (folder, info, _held) = self.active_run(id)?;
        let home = self.layout.experiment(&info.experiment_id)?;
        for input in datasets {
            let dataset_id = md5(&[&input.dataset.name, &input.dataset.digest]);
            let description = home.join(DATASETS).join(&dataset_id).join(META);
            let text = document::print(&DatasetDocument::from_entity(&input.dataset))?;
            write::create(&home, &description, &text)?;
            let link = link("DATASET", "RUN", &dataset_id, None, &input.tags);
            self.write_link(&folder, Kind::Input, &md5(&[&dataset_id, id.as_str()]), &link)?;
        }
        for input in models {
            let link = link("MODEL", "RUN", input.model_id.as_str(), None, &[]);
            let link_id = md5(&[input.model_id.as_str(), id.as_str()]);
            self.write_link(&folder, Kind::Input, &link_id, &link)?;
        }
        Ok(())
    }

    pub(super) fn write_outputs(&self, id: &RunId, models: &[LoggedModelOutput]) -> Result<()> {
        let (folder, _, _held) = self.active_run(id)?;
        for output in models {
            let model = output.model_id.as_str();
            let link = link("RUN_OUTPUT", "MODEL_OUTPUT", model, Some(output.step), &[]);
            self.write_link(&folder, Kind::Output, model, &link)?;
        }
        Ok(())
    }

    pub(super) fn add_to_model_history(&self, id: &RunId, model: &Value) -> Result<()> {
        let (folder, _, _held) = self.active_run(id)?;
        let known = folder::read_value(&folder, Kind::Tag, rules::tag::MODEL_HISTORY)?;
        let tag = rules::add_model_to_history(known.as_deref(), model)?;
        write::replace(&folder, &folder::value_path(&folder, Kind::Tag, &tag.key), &tag.value)
    }

    pub(super) fn datasets_of(&self, ids: &[ExperimentId]) -> Result<Vec<DatasetSummary>> {
        let mut found = BTreeSet::new();
        for id in ids {
            let Ok(home) = self.layout.experiment(id) else { continue };
            for run in layout::run_names(&home)? {
                let inputs = folder::dataset_inputs(&home.join(run))?;
                found.extend(inputs.iter().map(|input| DatasetSummary::of(id, input)));
            }
        }
        Ok(rules::limit_dataset_summaries(found))
    }

    fn write_link(&self, folder: &Path, kind: Kind, id: &str, link: &LinkDocument) -> Result<()> {
        let path = folder.join(kind.file(id));
        write::create(folder, &path, &document::print(link)?).map(drop)
    }
}

/// Returns the only thing in a batch when that is a point of a run: it is logged by one `write`,
/// which cannot end half-way, so that others may append meanwhile.
fn lone_metric(batch: &Batch) -> Option<&Metric> {
    match (batch.metrics.as_slice(), batch.params.as_slice(), batch.tags.as_slice()) {
        ([metric], [], []) if metric.model_id.is_none() => Some(metric),
        _ => None,
    }
}

/// Where a run's artifacts go: below the experiment's location, as MLflow does it.
fn artifact_uri(home: &Path, location: &str, run: &str) -> String {
    let location = if location.is_empty() { path_uri(home) } else { location.to_owned() };
    format!("{}/{run}/{ARTIFACTS}", location.trim_end_matches('/'))
}

/// Where a logged model's artifacts go.
pub(super) fn model_artifact_uri(home: &Path, location: &str, model: &str) -> String {
    artifact_uri(home, location, &format!("{MODELS}/{model}"))
}

fn check_param(run: &RunId, folder: &Path, key: &Key, new: &str) -> Result<()> {
    let old = folder::read_text(folder, Kind::Param, key.as_str())?.unwrap_or_default();
    if old == new {
        return Ok(());
    }
    Err(Error::ParamChanged { run: run.clone(), key: key.to_string(), old, new: new.to_owned() })
}

/// MLflow writes the source's id in both places.
fn link(
    source_type: &str,
    destination_type: &str,
    id: &str,
    step: Option<i64>,
    tags: &[Tag],
) -> LinkDocument {
    let tags: BTreeMap<String, String> =
        tags.iter().map(|tag| (tag.key.to_string(), tag.value.clone())).collect();
    LinkDocument {
        destination_id: id.to_owned(),
        destination_type: destination_type.to_owned(),
        source_id: id.to_owned(),
        source_type: source_type.to_owned(),
        step,
        tags,
    }
}

/// Names a dataset or input as MLflow does: the MD5 of its parts, in hex.
fn md5(parts: &[&str]) -> String {
    let mut hash = Md5::new();
    parts.iter().for_each(|part| hash.update(part.as_bytes()));
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
