//! The commands, one family a file.

pub(crate) mod artifacts;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod db;
pub(crate) mod doctor;
mod draft;
pub(crate) mod experiments;
pub(crate) mod gc;
pub(crate) mod generate;
mod image;
pub(crate) mod log;
pub(crate) mod models;
mod progress;
pub(crate) mod registry;
pub(crate) mod run;
pub(crate) mod runs;
pub(crate) mod server;

use crate::cli::{ExperimentChoice, View};
use crate::config::Config;
use crate::failure::Hinted;
use crate::output::Output;
use anyhow::Result;
use mlctl_tracking::entity::{Experiment, ViewType};
use mlctl_tracking::search::{ExperimentQuery, RunQuery};
use mlctl_tracking::{Error, ExperimentId, RunId, TrackingStore};
use mlctl_wire::{Clock, limits};
use std::io::{self, IsTerminal, Write};

/// What every command works with.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    pub(crate) output: Output,
    pub(crate) config: Config,
    pub(crate) clock: Clock,
}

impl From<View> for ViewType {
    fn from(view: View) -> Self {
        match view {
            View::Active => Self::ActiveOnly,
            View::Deleted => Self::DeletedOnly,
            View::All => Self::All,
        }
    }
}

/// Reads a run's id off the command line: all of it, a beginning that only one run has, or
/// `latest`.
fn run_id(store: &dyn TrackingStore, text: &str) -> Result<RunId> {
    /// The length of the ids that MLflow and we make.
    const WHOLE_CHARS: usize = 32;
    let id = RunId::parse(text)?;
    if text.len() >= WHOLE_CHARS {
        return Ok(id);
    }
    let query = RunQuery::of(all_experiments(store)?);
    let found = match text {
        LATEST => {
            let page = store.search_runs(&RunQuery { max_results: 1, ..query })?;
            page.items.into_iter().map(|run| run.info.run_id).collect()
        }
        _ => match store.run(&id) {
            Ok(_) => return Ok(id),
            Err(error) if error.code() == mlctl_wire::ErrorCode::ResourceDoesNotExist => {
                beginning_with(store, query, text)?
            }
            Err(error) => return Err(error.into()),
        },
    };
    match found.as_slice() {
        [] => Err(Error::RunNotFound(id).into()),
        [one] => Ok(one.clone()),
        several => {
            let ids: Vec<&str> = several.iter().map(RunId::as_str).collect();
            let message = format!("more than one run ID begins with `{text}`");
            Err(Hinted::error(message, format!("use a longer part of the ID: {}", ids.join(", "))))
        }
    }
}

/// Finds a few of the runs whose ids begin with `text`.
fn beginning_with(store: &dyn TrackingStore, query: RunQuery, text: &str) -> Result<Vec<RunId>> {
    // `_` in an id stands for any character in LIKE, so this may find too many.
    let filter = format!("attributes.run_id LIKE '{text}%'");
    let mut query = RunQuery { filter, view: ViewType::All, ..query };
    let mut found = Vec::new();
    loop {
        let page = store.search_runs(&query)?;
        let ids = page.items.into_iter().map(|run| run.info.run_id);
        found.extend(ids.filter(|id| id.as_str().starts_with(text)));
        query.page_token = page.next_page_token;
        if found.len() >= SIMILAR_SHOWN || query.page_token.is_none() {
            found.truncate(SIMILAR_SHOWN);
            return Ok(found);
        }
    }
}

/// What stands for the run that was started last.
const LATEST: &str = "latest";

/// Runs that a hint lists.
const SIMILAR_SHOWN: usize = 5;

/// Lists the experiments that are in use.
fn all_experiments(store: &dyn TrackingStore) -> Result<Vec<ExperimentId>> {
    let query =
        ExperimentQuery { max_results: limits::PAGE_ROWS_MAX, ..ExperimentQuery::default() };
    let page = store.search_experiments(&query)?;
    Ok(page.items.into_iter().map(|one| one.experiment_id).collect())
}

/// Finds an experiment by its name, else by its id.
fn experiment(store: &dyn TrackingStore, name_or_id: &str) -> Result<Experiment> {
    match store.experiment_by_name(name_or_id) {
        Err(error) if error.code() == mlctl_wire::ErrorCode::ResourceDoesNotExist => {}
        found => return Ok(found?),
    }
    let by_id = ExperimentId::parse(name_or_id).and_then(|id| store.experiment(&id));
    by_id.map_err(|error| match error {
        Error::ExperimentNotFound(_) | Error::Invalid { .. } | Error::Remote { .. } => {
            unknown_experiment(store, name_or_id)
        }
        other => other.into(),
    })
}

/// Says that an experiment is not there, with the name that is most like it.
fn unknown_experiment(store: &dyn TrackingStore, name: &str) -> anyhow::Error {
    /// Names less alike than this are no suggestion.
    const ALIKE_MIN: f64 = 0.7;
    let message = format!("there is no experiment with the name or ID `{name}`");
    let all = store.search_experiments(&ExperimentQuery::default()).map(|page| page.items);
    let nearest = all
        .unwrap_or_default()
        .into_iter()
        .map(|one| one.name)
        .max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
    match nearest.filter(|near| strsim::jaro_winkler(near, name) >= ALIKE_MIN) {
        Some(near) => Hinted::error(message, format!("did you mean `{near}`?")),
        None => Hinted::error(message, "`mlctl experiments list --view all` lists the experiments"),
    }
}

/// Asks before something is done that nothing undoes.
///
/// # Errors
/// When the answer is no, and when there is nobody to ask.
fn confirm(yes: bool, what: &str) -> Result<()> {
    if yes {
        return Ok(());
    }
    let hint = "add --yes to skip the question";
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Hinted::usage(format!("cannot ask without a terminal: {what}?"), hint));
    }
    write!(io::stderr(), "{what}? [y/N] ")?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Hinted::error("nothing was deleted", hint)),
    }
}

impl Context {
    /// Settles which experiment a command is about: the flags, the settings, the default one.
    fn chosen_experiment(
        &self,
        store: &dyn TrackingStore,
        choice: &ExperimentChoice,
    ) -> Result<ExperimentId> {
        if let Some(id) = &choice.experiment_id {
            return Ok(store.experiment(&ExperimentId::parse(id.as_str())?)?.experiment_id);
        }
        if let Some(name) = &choice.experiment_name {
            return Ok(experiment(store, name)?.experiment_id);
        }
        if let Some(id) = &self.config.experiment_id.value {
            return Ok(ExperimentId::parse(id.as_str())?);
        }
        match &self.config.experiment_name.value {
            Some(name) => Ok(experiment(store, name)?.experiment_id),
            None => Ok(ExperimentId::default_experiment()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlctl_tracking::store::NewRun;
    use mlctl_tracking::store::memory::MemoryStore;

    #[test]
    fn an_underscore_in_a_run_id_is_no_wildcard() {
        let store = MemoryStore::new();
        let new = NewRun {
            experiment_id: ExperimentId::default_experiment(),
            user_id: "ann".to_owned(),
            run_name: None,
            start_time: 1,
            tags: Vec::new(),
        };
        let id = store.create_run(&new).unwrap().info.run_id;
        let begin = &id.as_str()[..6];

        assert_eq!(run_id(&store, begin).unwrap(), id);
        assert_eq!(run_id(&store, LATEST).unwrap(), id);
        assert!(run_id(&store, &format!("{}_", &begin[..5])).is_err());
        assert!(run_id(&store, &format!("{}_", &begin[..1])).is_err());
    }
}
