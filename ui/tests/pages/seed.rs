//! What the pages are to show.

use crate::browser::Browser;
use mlctl_tracking::entity::{Metric, Param, RunStatus, Tag};
use mlctl_tracking::store::memory::MemoryStore;
use mlctl_tracking::store::{Batch, NewExperiment, NewRun, RunChange};
use mlctl_tracking::{ExperimentId, ExperimentName, Key, RunId, TrackingStore};
use mlctl_ui::Site;
use std::sync::Arc;

/// 2026-01-01.
pub(crate) const NOW: i64 = 1_767_225_600_000;

pub(crate) fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

pub(crate) fn experiment(store: &MemoryStore, name: &str) -> ExperimentId {
    let new = NewExperiment {
        name: ExperimentName::parse(name).unwrap(),
        artifact_location: Some("memory:/crops".to_owned()),
        tags: Vec::new(),
        time: NOW - 1_000,
    };
    store.create_experiment(&new).unwrap()
}

/// A run that logs params, metrics and tags.
pub(crate) struct NewOne<'a> {
    pub(crate) name: &'a str,
    pub(crate) params: &'a [(&'a str, &'a str)],
    pub(crate) metrics: &'a [(&'a str, f64)],
    pub(crate) tags: &'a [(&'a str, &'a str)],
}

pub(crate) fn run(store: &MemoryStore, experiment: &ExperimentId, new: &NewOne<'_>) -> RunId {
    let run = store.create_run(&NewRun {
        experiment_id: experiment.clone(),
        user_id: "ana".to_owned(),
        run_name: Some(new.name.to_owned()),
        start_time: NOW - 7_200_000,
        tags: Vec::new(),
    });
    let id = run.unwrap().info.run_id;
    let batch = Batch {
        metrics: new.metrics.iter().map(|(k, v)| Metric::new(key(k), *v, NOW, 0)).collect(),
        params: new.params.iter().map(|(k, v)| Param::new(key(k), *v)).collect(),
        tags: new.tags.iter().map(|(k, v)| Tag::new(key(k), *v)).collect(),
    };
    store.log_batch(&id, &batch).unwrap();
    let end = RunChange {
        status: Some(RunStatus::Finished),
        end_time: Some(NOW - 5_340_000),
        ..RunChange::default()
    };
    store.update_run(&id, &end).unwrap();
    id
}

pub(crate) fn site(store: &Arc<MemoryStore>) -> Site {
    let mut site = Site::new(store.clone());
    site.clock = mlctl_wire::Clock::fixed(NOW);
    site
}

/// Three runs of one experiment: `lr` differs, `seed` is always 1, one `loss` is not a number.
pub(crate) fn crops() -> (Browser, Arc<MemoryStore>, ExperimentId, Vec<RunId>) {
    let store = Arc::new(MemoryStore::new());
    let id = experiment(&store, "crops");
    let runs = [("barley", "0.1", 0.25), ("wheat", "0.01", 0.123_456), ("rye", "0.5", f64::NAN)];
    let runs = runs.map(|(name, lr, loss)| {
        run(
            &store,
            &id,
            &NewOne {
                name,
                params: &[("lr", lr), ("seed", "1")],
                metrics: &[("loss", loss)],
                tags: &[("kind", "nightly")],
            },
        )
    });
    (Browser::new(site(&store)), store, id, runs.to_vec())
}
