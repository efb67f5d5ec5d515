//! An `mlruns/` folder in MLflow's layout, made up but the same every time.

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

/// Metrics of each run, `m0` and so on, and as many params `p0` and so on.
const KEYS: u64 = 10;

/// A folder full of runs.
#[derive(Debug)]
pub(crate) struct Mlruns {
    root: PathBuf,
    run_ids: Vec<String>,
    /// The run that was changed since, and what its first metric is now.
    changed: Option<(usize, f64)>,
}

/// Asks for runs whose metric lies below a bound and whose param has a value, the best first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question {
    /// Number of the metric.
    pub(crate) metric: u64,
    /// What the metric must lie below.
    pub(crate) below: f64,
    /// Number of the param.
    pub(crate) param: u64,
    /// What the param must be.
    pub(crate) equals: u64,
}

impl Question {
    /// Writes the question as a filter.
    pub(crate) fn filter(self) -> String {
        let Self { metric, below, param, equals } = self;
        format!("metrics.m{metric} < {below} and params.p{param} = '{equals}'")
    }

    /// Writes how the answers are ordered.
    pub(crate) fn order(self) -> String {
        format!("metrics.m{} ASC", self.metric)
    }

    /// Lists the files of a run that the answer depends on.
    pub(crate) fn files(self) -> [String; 3] {
        let Self { metric, param, .. } = self;
        ["meta.yaml".to_owned(), format!("metrics/m{metric}"), format!("params/p{param}")]
    }
}

impl Mlruns {
    /// Makes the folder, with all runs in the experiment `Default`.
    pub(crate) fn make(root: PathBuf, runs: usize) -> Result<Self> {
        let home = root.join("0");
        fs::create_dir_all(&home)?;
        fs::create_dir(root.join(".trash"))?;
        fs::write(home.join("meta.yaml"), experiment_document(&home))?;
        let run_ids: Vec<String> = (0..runs).map(run_id).collect();
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let numbered: Vec<(usize, &String)> = run_ids.iter().enumerate().collect();
        thread::scope(|scope| {
            let parts = numbered.chunks(runs.div_ceil(threads).max(1));
            let workers: Vec<_> = parts
                .map(|part| {
                    scope.spawn(|| part.iter().try_for_each(|(run, id)| make_run(&home, *run, id)))
                })
                .collect();
            workers.into_iter().try_for_each(|one| one.join().ok().context("a writer panicked")?)
        })?;
        Ok(Self { root, run_ids, changed: None })
    }

    /// Returns the folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the experiment's folder.
    pub(crate) fn home(&self) -> PathBuf {
        self.root.join("0")
    }

    /// Lists the runs that answer a question, by computing instead of reading.
    pub(crate) fn answer(&self, question: Question) -> Vec<&str> {
        let of_run = |run| match self.changed {
            Some((changed, value)) if changed == run && question.metric == 0 => value,
            _ => metric(run, question.metric),
        };
        let runs = 0..self.run_ids.len();
        let mut found: Vec<(f64, usize)> = runs
            .filter(|run| param(*run, question.param) == question.equals)
            .map(|run| (of_run(run), run))
            .filter(|(value, _)| *value < question.below)
            .collect();
        found.sort_by(|a, b| a.0.total_cmp(&b.0));
        found.into_iter().map(|(_, run)| self.run_ids[run].as_str()).collect()
    }

    /// Logs another value of `m0` to one of the runs with this value of a param, as MLflow does.
    pub(crate) fn change(&mut self, question: Question, value: f64) -> Result<()> {
        let run = (0..self.run_ids.len())
            .find(|run| param(*run, question.param) == question.equals)
            .context("no run has this param")?;
        let path = self.home().join(&self.run_ids[run]).join("metrics/m0");
        let step = fs::read_to_string(&path)?.lines().count();
        let mut file = fs::OpenOptions::new().append(true).open(path)?;
        std::io::Write::write_all(&mut file, line(run, value, step).as_bytes())?;
        self.changed = Some((run, value));
        Ok(())
    }
}

fn make_run(home: &Path, run: usize, id: &str) -> Result<()> {
    let folder = home.join(id);
    for name in ["metrics", "params", "tags", "artifacts"] {
        fs::create_dir_all(folder.join(name))?;
    }
    fs::write(folder.join("meta.yaml"), run_document(&folder, run, id))?;
    for key in 0..KEYS {
        fs::write(folder.join(format!("metrics/m{key}")), line(run, metric(run, key), 0))?;
        fs::write(folder.join(format!("params/p{key}")), param(run, key).to_string())?;
    }
    let name = run_name(run);
    let kind = if run.is_multiple_of(2) { "nightly" } else { "manual" };
    let tags = [
        ("mlflow.runName", name.as_str()),
        ("mlflow.source.name", "train.py"),
        ("mlflow.source.type", "LOCAL"),
        ("mlflow.user", "bench"),
        ("kind", kind),
    ];
    for (key, value) in tags {
        fs::write(folder.join("tags").join(key), value)?;
    }
    Ok(())
}

fn run_id(run: usize) -> String {
    format!("{:016x}{:016x}", mixed(run, 1), mixed(run, 2))
}

fn run_name(run: usize) -> String {
    format!("run-{run}")
}

fn start_time(run: usize) -> usize {
    1_700_000_000_000 + 1000 * run
}

/// A value from 0 to 1.
fn metric(run: usize, key: u64) -> f64 {
    (mixed(run, 100 + key) >> 11) as f64 / (1_u64 << 53) as f64
}

/// One of ten values.
fn param(run: usize, key: u64) -> u64 {
    mixed(run, 200 + key) % 10
}

fn line(run: usize, value: f64, step: usize) -> String {
    format!("{} {value:?} {step}\n", start_time(run) + step)
}

/// Mixes two numbers into one that looks random: the finaliser of SplitMix64.
fn mixed(run: usize, salt: u64) -> u64 {
    let mut bits = (run as u64).wrapping_mul(1 << 20).wrapping_add(salt);
    bits = bits.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

fn experiment_document(home: &Path) -> String {
    format!(
        "artifact_location: {}\n\
         creation_time: 1700000000000\n\
         experiment_id: '0'\n\
         last_update_time: 1700000000000\n\
         lifecycle_stage: active\n\
         name: Default\n",
        home.display()
    )
}

fn run_document(folder: &Path, run: usize, id: &str) -> String {
    let start = start_time(run);
    format!(
        "artifact_uri: {}/artifacts\n\
         end_time: {}\n\
         entry_point_name: ''\n\
         experiment_id: '0'\n\
         lifecycle_stage: active\n\
         run_id: {id}\n\
         run_name: {}\n\
         run_uuid: {id}\n\
         source_name: ''\n\
         source_type: 4\n\
         source_version: ''\n\
         start_time: {start}\n\
         status: 3\n\
         tags: []\n\
         user_id: bench\n",
        folder.display(),
        start + 500,
        run_name(run),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlctl_tracking::search::RunQuery;
    use mlctl_tracking::store::file::FileStore;
    use mlctl_tracking::{ExperimentId, TrackingStore};

    #[test]
    fn the_store_finds_what_the_folder_computes() {
        let folder = tempfile::tempdir().unwrap();
        let mut mlruns = Mlruns::make(folder.path().join("mlruns"), 60).unwrap();
        let question = Question { metric: 0, below: 0.9, param: 2, equals: 7 };
        let store = FileStore::open(mlruns.root()).unwrap();
        let query = RunQuery {
            filter: question.filter(),
            order_by: vec![question.order()],
            ..RunQuery::of(vec![ExperimentId::default_experiment()])
        };
        let search = || -> Vec<String> {
            let found = store.search_runs(&query).unwrap().items;
            found.iter().map(|run| run.info.run_id.to_string()).collect()
        };

        assert!(mlruns.answer(question).len() > 1);
        for value in [0.0, 0.89] {
            mlruns.change(question, value).unwrap();
            assert_eq!(search(), mlruns.answer(question));
        }
        let whole = &store.search_runs(&query).unwrap().items[0].data;
        assert_eq!((whole.metrics.len(), whole.params.len(), whole.tags.len()), (10, 10, 5));
    }
}
