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
use mlctl_registry::{
    Alias, Error, Event, ModelName, ModelQuery, ModelVersion, PageSize, RegisteredModel,
    RegistryStore, Stage, Stamp, VersionNumber, VersionRef,
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
        C::List { order_by } => desk.list(String::new(), order_by),
        C::Search { filter, order_by } => desk.list(filter, order_by),
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

/// The most rows that are asked for at once.
const PAGE: u32 = 1000;

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

    /// Lists all models that a filter lets through.
    fn models(&self, filter: String, order_by: Vec<String>) -> Result<Vec<RegisteredModel>> {
        let mut models = Vec::new();
        let size = PageSize::new(PAGE)?;
        let mut query = ModelQuery { filter, order_by, size, page_token: None };
        loop {
            let page = self.store.search_models(&query)?;
            models.extend(page.items);
            query.page_token = page.next;
            if query.page_token.is_none() {
                return Ok(models);
            }
        }
    }

    /// Lists everything that happened to a model, oldest first.
    fn events(&self, name: &ModelName, version: Option<VersionNumber>) -> Result<Vec<Event>> {
        let mut events = Vec::new();
        let mut after = None;
        loop {
            let page = self.store.events(name, version, after, PageSize::new(PAGE)?)?;
            events.extend(page.items);
            after = page.next;
            if after.is_none() {
                return Ok(events);
            }
        }
    }

    /// Adds the name that is most like one that no model has.
    fn with_near_name(&self, error: anyhow::Error) -> anyhow::Error {
        /// Names less alike than this are no suggestion.
        const ALIKE_MIN: f64 = 0.7;
        let Some(Error::ModelNotFound(name)) = error.downcast_ref::<Error>() else { return error };
        let alike = |one: &RegisteredModel| strsim::jaro_winkler(one.name.as_str(), name.as_str());
        let all = self.models(String::new(), Vec::new()).unwrap_or_default();
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
    if text.eq_ignore_ascii_case("latest") {
        return Ok(VersionRef::Latest);
    }
    if let Some(alias) = text.strip_prefix('@') {
        return Ok(VersionRef::Alias(Alias::parse(alias)?));
    }
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        return Ok(VersionRef::Number(VersionNumber::parse(text)?));
    }
    Stage::parse(text).map(VersionRef::Stage).map_err(|_| no_version(text))
}

fn no_version(text: &str) -> anyhow::Error {
    Hinted::error(
        format!("`{text}` is not a version"),
        "use a number, a stage such as Production, @ALIAS or latest",
    )
}
