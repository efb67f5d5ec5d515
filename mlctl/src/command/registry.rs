//! `mlctl registry`.

mod change;
mod gates;
mod import;
mod lineage;
mod show;
mod webhooks;

use super::Context;
use crate::Outcome;
use crate::cli::{Reason, RegistryCommand};
use crate::failure::Hinted;
use crate::stores::{self, Missing};
use anyhow::Result;
use mlctl_registry::store::all_models;
use mlctl_registry::{
    Error, ModelName, ModelVersion, RegisteredModel, RegistryStore, Stamp, VersionRef,
};
use mlctl_wire::ErrorCode;
use std::process::ExitCode;

pub(crate) fn dispatch(context: &Context, command: RegistryCommand) -> Outcome {
    use RegistryCommand as C;
    let missing = match command {
        C::Create { .. } | C::Register { .. } | C::Import { .. } => Missing::Make,
        _ => Missing::Refuse,
    };
    // A model that is not there must not leave a new registry behind.
    if let C::Register { model_uri, name, description, reason } = command {
        change::register(context, &model_uri, &name, description, reason)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let C::Import { folder, dry_run } = command {
        import::import(context, &folder, dry_run)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let C::Webhooks(command) = command {
        webhooks::dispatch(context, command)?;
        return Ok(ExitCode::SUCCESS);
    }
    let store = stores::registry(&context.config, missing)?;
    let desk = Desk { context, store: store.as_ref() };
    if let C::Check { candidate } = command {
        return desk.check(&candidate).map_err(|error| desk.with_near_name(error));
    }
    let done = match command {
        C::Gates { name, gates, reason } => desk.gates(&name, gates.as_deref(), reason),
        C::Stages { name, rules, reason } => desk.stages(&name, rules.as_deref(), reason),
        C::Request { candidate, reason } => desk.request(&candidate, reason),
        C::Requests { name } => desk.requests(&name),
        C::Approve { candidate, reason } => desk.approve(&candidate, reason),
        C::Reject { candidate, reason } => desk.reject(&candidate, reason),
        C::List { order_by } => desk.list("", &order_by),
        C::Search { filter, order_by } => desk.list(&filter, &order_by),
        C::Show { name, at: None } => desk.show(&name),
        C::Show { name, at: Some(time) } => desk.show_past(&name, &time),
        C::Versions { name, filter } => desk.versions(&name, &filter),
        C::History { name, version } => desk.history(&name, version.as_deref()),
        C::Lineage { name, version, format } => desk.lineage(&name, &version, format),
        change => desk.change(change),
    };
    done.map_err(|error| desk.with_near_name(error))?;
    Ok(ExitCode::SUCCESS)
}

/// What the commands of this family work with.
#[derive(Clone, Copy, Debug)]
struct Desk<'a> {
    context: &'a Context,
    store: &'a dyn RegistryStore,
}

impl Desk<'_> {
    fn stamp(&self, reason: Reason) -> Stamp {
        stamp(self.context, reason)
    }

    /// Reads which version is meant, and finds it.
    fn version(&self, name: &str, version: &str) -> Result<ModelVersion> {
        let (name, which) = (ModelName::parse(name)?, which(version)?);
        let is_stage = matches!(which, VersionRef::Stage(_));
        let found = self.store.get_version(&name, &which);
        found.map_err(|error| match error.code() {
            // The model has no stage of that name.
            ErrorCode::InvalidParameterValue if is_stage => no_version(version),
            _ => error.into(),
        })
    }

    /// Adds the name that is most like one that no model has.
    fn with_near_name(&self, error: anyhow::Error) -> anyhow::Error {
        /// Names less alike than this are no suggestion.
        const ALIKE_MIN: f64 = 0.7;
        let Some(Error::ModelNotFound(name)) = error.downcast_ref::<Error>() else { return error };
        let alike = |one: &RegisteredModel| strsim::jaro_winkler(one.name.as_str(), name.as_str());
        let all = all_models(self.store, "", &[]).unwrap_or_default();
        let nearest = all.iter().max_by(|a, b| alike(a).total_cmp(&alike(b)));
        match nearest.filter(|near| alike(near) >= ALIKE_MIN) {
            Some(near) => {
                let hint = format!("did you mean `{}`?", near.name);
                Hinted::error(error.to_string(), hint)
            }
            None => error,
        }
    }
}

fn stamp(context: &Context, reason: Reason) -> Stamp {
    let stamp = Stamp::new(context.config.user.value.clone(), context.clock.now());
    match reason.why {
        Some(why) => stamp.because(why),
        None => stamp,
    }
}

/// Reads a version off the command line: a number, a stage, `@ALIAS` or `latest`.
fn which(text: &str) -> Result<VersionRef> {
    VersionRef::parse(text).map_err(|error| {
        let says_what_it_is =
            text.starts_with(|first: char| first == '@' || first.is_ascii_digit());
        if says_what_it_is { error.into() } else { no_version(text) }
    })
}

fn no_version(text: &str) -> anyhow::Error {
    Hinted::error(
        format!("`{text}` is not a version"),
        "use a number, a stage such as Production, @ALIAS or latest",
    )
}
