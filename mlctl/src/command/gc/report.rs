//! What a collection did, or would do.

use crate::output::bytes;
use mlctl_tracking::ExperimentId;
use mlctl_tracking::gc::Orphan;
use serde::Serialize;

/// What happened.
#[derive(Debug, Default, Serialize)]
pub(super) struct Report {
    pub(super) dry_run: bool,
    runs: Vec<Owned>,
    logged_models: Vec<Owned>,
    experiments: Vec<Named>,
    orphans: Vec<Lost>,
    /// What could not be deleted, and keeps its metadata.
    kept: Vec<Kept>,
    /// Where orphans could not be looked for.
    not_looked_at: Vec<Kept>,
    /// What was freed, or would be.
    bytes: u64,
    #[serde(skip)]
    kept_experiments: Vec<ExperimentId>,
}

/// A run or logged model that is gone.
#[derive(Debug, Serialize)]
pub(super) struct Owned {
    pub(super) id: String,
    pub(super) location: String,
    pub(super) bytes: u64,
}

#[derive(Debug, Serialize)]
struct Named {
    id: String,
    name: String,
}

#[derive(Debug, Serialize)]
struct Lost {
    location: String,
    bytes: u64,
    deleted: bool,
}

#[derive(Debug, Serialize)]
struct Kept {
    what: String,
    why: String,
}

/// What deleting one thing led to: what is gone, or what stays and why.
type Outcome = Result<Owned, (String, String)>;

/// Spells an error out in one line, with its causes.
pub(super) fn describe_error(error: &anyhow::Error) -> String {
    format!("{error:#}")
}

impl Report {
    pub(super) fn new(dry_run: bool) -> Self {
        Self { dry_run, ..Self::default() }
    }

    pub(super) fn note_run(&mut self, outcome: Outcome, experiment: &ExperimentId) {
        if let Some(owned) = self.noted(outcome, experiment) {
            self.runs.push(owned);
        }
    }

    pub(super) fn note_model(&mut self, outcome: Outcome, experiment: &ExperimentId) {
        if let Some(owned) = self.noted(outcome, experiment) {
            self.logged_models.push(owned);
        }
    }

    fn noted(&mut self, outcome: Outcome, experiment: &ExperimentId) -> Option<Owned> {
        match outcome {
            Ok(owned) => {
                self.bytes += owned.bytes;
                Some(owned)
            }
            Err((what, why)) => {
                self.keep(what, why);
                self.kept_experiments.push(experiment.clone());
                None
            }
        }
    }

    pub(super) fn note_experiment(&mut self, id: &ExperimentId, name: &str) {
        self.experiments.push(Named { id: id.to_string(), name: name.to_owned() });
    }

    pub(super) fn note_orphan(&mut self, orphan: &Orphan, goes: bool) {
        let location = orphan.place();
        let deleted = goes && !self.dry_run;
        self.bytes += if goes { orphan.bytes } else { 0 };
        self.orphans.push(Lost { location, bytes: orphan.bytes, deleted });
    }

    pub(super) fn keep(&mut self, what: String, why: String) {
        self.kept.push(Kept { what, why });
    }

    pub(super) fn keep_experiment(&mut self, id: &ExperimentId, why: &str) {
        self.keep(format!("experiment {id}"), why.to_owned());
    }

    /// Tells whether something in an experiment stays, so that it has to stay itself.
    pub(super) fn is_kept(&self, id: &ExperimentId) -> bool {
        self.kept_experiments.contains(id)
    }

    pub(super) fn unseen(&mut self, places: Vec<(String, String)>) {
        self.not_looked_at = places.into_iter().map(|(what, why)| Kept { what, why }).collect();
    }

    /// Tells whether everything that was to go is gone.
    pub(super) fn is_complete(&self) -> bool {
        self.kept.is_empty()
    }

    /// Says it to people.
    pub(super) fn to_text(&self) -> String {
        let done = if self.dry_run { "would delete" } else { "deleted" };
        let mut lines = Vec::new();
        for run in &self.runs {
            lines.push(format!("{done} run {} ({})", run.id, bytes(run.bytes)));
        }
        for model in &self.logged_models {
            lines.push(format!("{done} logged model {} ({})", model.id, bytes(model.bytes)));
        }
        for experiment in &self.experiments {
            lines.push(format!("{done} experiment {} ({})", experiment.id, experiment.name));
        }
        lines.extend(self.orphans.iter().map(Self::orphan_line));
        for kept in &self.kept {
            lines.push(format!("kept {}: {}", kept.what, kept.why));
        }
        for place in &self.not_looked_at {
            lines.push(format!("did not search for orphans at {}: {}", place.what, place.why));
        }
        lines.push(self.sum());
        let lines: Vec<_> =
            lines.iter().map(|line| crate::output::printable(line).into_owned() + "\n").collect();
        lines.concat()
    }

    fn orphan_line(orphan: &Lost) -> String {
        let done = if orphan.deleted { "deleted orphan" } else { "orphan" };
        format!("{done} {} ({})", orphan.location, bytes(orphan.bytes))
    }

    fn sum(&self) -> String {
        let freed = if self.dry_run { "would free" } else { "freed" };
        let left = self.orphans.iter().filter(|orphan| !orphan.deleted).count();
        let hint = match left {
            0 => String::new(),
            _ => format!("; {left} orphans remain; --orphans deletes them"),
        };
        format!(
            "{} runs, {} logged models, {} experiments: {freed} {}{hint}",
            self.runs.len(),
            self.logged_models.len(),
            self.experiments.len(),
            bytes(self.bytes)
        )
    }
}
