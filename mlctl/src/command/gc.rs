//! `mlctl gc`.

mod age;
mod neighbours;
mod places;
mod report;

use super::Context;
use crate::Outcome;
use crate::cli::GcArgs;
use crate::failure::Hinted;
use crate::output::{bytes, notice, printable};
use crate::stores::{self, Choices, Missing};
use anyhow::Result;
use mlctl_artifacts::ArtifactPath;
use mlctl_tracking::gc::{self, Ground, Open, Orphan, Selected, Wanted};
use mlctl_tracking::store::Millis;
use mlctl_tracking::{Error, ExperimentId, ModelId, RunId, TrackingStore};
use neighbours::Neighbours;
use places::Places;
use report::{Owned, Report};
use std::process::ExitCode;

/// The exit code when something could not be deleted.
const INCOMPLETE: u8 = 1;

pub(crate) fn collect(context: &Context, args: &GcArgs) -> Outcome {
    let uri = args.backend_store_uri.as_ref().unwrap_or(&context.config.store.value);
    if stores::is_server(uri) {
        return Err(Hinted::error(
            format!("`{uri}` is a server: the REST API cannot delete permanently"),
            "run this on the server's machine, with the values the server was started with: \
             mlctl gc --backend-store-uri STORE --artifacts-destination URI",
        ));
    }
    let wanted = wanted(args, context.clock.now())?;
    let tracking =
        stores::open_tracking(&context.config, uri, Missing::Refuse, &Choices::default())?;
    let places = Places::new(context, args, &tracking)?;
    let store = tracking.store.as_ref();
    let selected = wanted.select(store)?;
    let mut report = Report::new(args.dry_run);
    sweep(store, &selected, &places, &mut report);
    orphans(args, store, &places, &mut report)?;
    context.output.show(&report, Report::to_text)?;
    Ok(if report.is_complete() { ExitCode::SUCCESS } else { ExitCode::from(INCOMPLETE) })
}

fn wanted(args: &GcArgs, now: Millis) -> Result<Wanted> {
    let before = match &args.older_than {
        Some(text) => Some(now.saturating_sub(age::parse(text)?)),
        None => None,
    };
    let names = |list: &Option<Vec<String>>| list.clone().unwrap_or_default();
    Ok(Wanted {
        before,
        runs: names(&args.run_ids).into_iter().map(RunId::parse).collect::<Result<_, _>>()?,
        experiments: names(&args.experiment_ids)
            .into_iter()
            .map(ExperimentId::parse)
            .collect::<Result<_, _>>()?,
        models: names(&args.logged_model_ids)
            .into_iter()
            .map(ModelId::parse)
            .collect::<Result<_, _>>()?,
    })
}

/// Deletes what is selected, one thing after the other. What cannot be deleted is noted and keeps
/// its metadata, so that it can be tried again.
fn sweep(store: &dyn TrackingStore, selected: &Selected, places: &Places, report: &mut Report) {
    for run in &selected.runs {
        let owner = Owner { kind: "run", id: run.run_id.as_str(), location: &run.artifact_uri };
        let goes_along = selected.experiments.iter().any(|e| e.experiment_id == run.experiment_id);
        // One that is active goes only because, and when, its experiment does.
        let purge = || match store.purge_run(&run.run_id) {
            Err(Error::NotDeleted { .. }) if goes_along => Ok(()),
            purged => purged,
        };
        report.note_run(owner.delete(report.dry_run, places, purge), &run.experiment_id);
    }
    for model in &selected.models {
        let id = model.model_id.as_str();
        let owner = Owner { kind: "logged model", id, location: &model.artifact_uri };
        let goes_along =
            selected.experiments.iter().any(|e| e.experiment_id == model.experiment_id);
        let purge = || match store.purge_logged_model(&model.model_id) {
            Err(Error::NotDeleted { .. }) if goes_along => Ok(()),
            purged => purged,
        };
        report.note_model(owner.delete(report.dry_run, places, purge), &model.experiment_id);
    }
    for experiment in &selected.experiments {
        let id = &experiment.experiment_id;
        if report.is_kept(id) {
            report.keep_experiment(id, "some of its content could not be deleted");
            continue;
        }
        match if report.dry_run { Ok(()) } else { store.purge_experiment(id) } {
            Ok(()) => report.note_experiment(id, &experiment.name),
            Err(error) => report.keep_experiment(id, &report::describe_error(&error.into())),
        }
    }
}

/// What has artifacts.
struct Owner<'a> {
    kind: &'static str,
    id: &'a str,
    location: &'a str,
}

impl Owner<'_> {
    /// Deletes the artifacts, then the metadata, then the folder that is left.
    fn delete(
        &self,
        dry_run: bool,
        places: &Places,
        purge: impl FnOnce() -> Result<(), Error>,
    ) -> Result<Owned, (String, String)> {
        let failed = |error: Error| {
            (format!("{} {}", self.kind, self.id), report::describe_error(&error.into()))
        };
        let open: Open<'_> = &|location| places.open(location);
        let artifacts = open(self.location).map_err(failed)?;
        let bytes = gc::bytes_below(artifacts.as_ref(), &ArtifactPath::root()).map_err(failed)?;
        if !dry_run {
            gc::delete_artifacts(self.location, self.id, open).map_err(failed)?;
            purge().map_err(failed)?;
            // A server lets nobody delete more than the artifacts.
            if !places.is_behind_server(self.location) {
                gc::delete_folder(self.location, self.id, open).map_err(failed)?;
            }
        }
        Ok(Owned { id: self.id.to_owned(), location: self.location.to_owned(), bytes })
    }
}

fn orphans(
    args: &GcArgs,
    store: &dyn TrackingStore,
    places: &Places,
    report: &mut Report,
) -> Result<()> {
    let roots = places.roots();
    let neighbours = Neighbours::of(&roots)?;
    let ground = Ground {
        roots: &roots,
        is_own: &|location| places.is_own(location, &roots),
        is_known: &|id| {
            let known = neighbours.know(id);
            known.map_err(|error| Error::Unsupported(report::describe_error(&error)))
        },
        open: &|location| places.open(location),
    };
    let mut unseen = Vec::new();
    let found = gc::find_orphans(store, &ground, &mut |location, error| {
        unseen.push((location.to_owned(), report::describe_error(&error.into())));
    })?;
    let goes = args.orphans && !report.dry_run;
    if goes && !found.is_empty() {
        show_what_goes(&found);
    }
    for orphan in found {
        match if goes { orphan.delete() } else { Ok(()) } {
            Ok(()) => report.note_orphan(&orphan, args.orphans),
            Err(error) => {
                report.keep(
                    format!("orphan {}", orphan.place()),
                    report::describe_error(&error.into()),
                );
            }
        }
    }
    report.unseen(unseen);
    Ok(())
}

/// Shows the list before anything on it is deleted.
fn show_what_goes(orphans: &[Orphan]) {
    for orphan in orphans {
        let line = format!("deleting orphan {} ({})", orphan.place(), bytes(orphan.bytes));
        notice(&printable(&line));
    }
}
