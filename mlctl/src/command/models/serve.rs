//! `mlctl models serve`.

use super::served::{self, Reason, ServedUri};
use crate::cli::{EnvManagerChoice, ServeArgs};
use crate::command::Context;
use crate::failure::Hinted;
use crate::server::{self, Access, Patterns};
use anyhow::{Context as _, Result};
use mlctl_models::rest::repository_router;
use mlctl_models::serving::{Repository, Settings, Source};
use serde_json::json;
use std::num::NonZero;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

pub(super) fn run(context: &Context, args: &ServeArgs) -> Result<()> {
    warn_about_ignored_flags(args);
    let settings = settings(args)?;
    let every = seconds(args.follow_every, "--follow-every")?;
    let access = Access { hosts: Patterns::parse(&args.allowed_hosts)?, ..Access::default() };
    // Before a model is loaded, which may take long.
    let listener = server::bind(&args.host, args.port)?;
    let repository = Arc::new(open_repository(context, args, settings)?);
    if repository.may_change() {
        follow(&repository, every)?;
    }
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        tracing::warn!(
            "there is no authentication: anybody who can reach {address} can use the models{}",
            if args.allow_repository_control { ", and unload them" } else { "" }
        );
    }
    let url = format!("http://{address}");
    let app = repository_router(Arc::clone(&repository));
    let app = app.fallback(server::unknown_path).method_not_allowed_fallback(server::unknown_path);
    let app = server::guarded(app, access);
    server::serve(listener, app, args.max_connections, || {
        let served = repository.standings();
        let models: Vec<_> = served
            .iter()
            .map(|model| json!({ "name": model.name, "version": model.version }))
            .collect();
        context.output.show(&json!({ "url": url, "models": models }), |_| match &served[..] {
            [model] => format!("serving {} at {url}/invocations\n", model.name),
            several => several
                .iter()
                .map(|model| format!("serving {0} at {url}/models/{0}/invocations\n", model.name))
                .collect(),
        })
    })
}

/// Says which flags change nothing.
fn warn_about_ignored_flags(args: &ServeArgs) {
    super::warn_about_ignored_flags(&args.install);
    if !args.python && (args.env_manager.is_some() || args.no_conda) {
        tracing::warn!("--env-manager has no effect without --python");
    }
}

fn settings(args: &ServeArgs) -> Result<Settings> {
    let timeout = seconds(args.timeout, "--timeout")?;
    let latency_max = Duration::try_from_secs_f64(args.max_latency / 1000.0).map_err(|_| {
        let message = format!("invalid --max-latency {}", args.max_latency);
        Hinted::usage(message, "use a number of milliseconds from 0 on, such as 5")
    })?;
    let default = Settings::default();
    Ok(Settings {
        workers: args.workers.map_or(default.workers, NonZero::get),
        timeout,
        batch_max: args.max_batch.map(NonZero::get),
        latency_max,
        queue_max: args.max_queue,
        repository_control: args.allow_repository_control,
    })
}

fn seconds(value: f64, flag: &str) -> Result<Duration> {
    Duration::try_from_secs_f64(value).ok().filter(|time| !time.is_zero()).ok_or_else(|| {
        let message = format!("invalid {flag} {value}");
        Hinted::usage(message, "use a number of seconds above 0, such as 1")
    })
}

fn open_repository(context: &Context, args: &ServeArgs, settings: Settings) -> Result<Repository> {
    let mut sources: Vec<(String, Arc<dyn Source>)> = Vec::new();
    let manager = args.env_manager.or(args.no_conda.then_some(EnvManagerChoice::Local));
    for text in args.models.iter().chain(&args.model_uri) {
        let (name, uri) = served::named(text);
        if let Some((taken, _)) = sources.iter().find(|(taken, _)| *taken == name) {
            return Err(Hinted::usage(
                format!("two models have the name `{taken}`"),
                format!("give one of them another name with NAME=URI, such as {taken}-2={uri}"),
            ));
        }
        let source = ServedUri::new(context.clone(), uri, args.python, manager)?;
        sources.push((name, Arc::new(source)));
    }
    Repository::open(settings, sources).map_err(|(name, error)| match error.downcast::<Reason>() {
        Ok(reason) => reason.0,
        Err(other) => anyhow::Error::from_boxed(other).context(format!("cannot serve `{name}`")),
    })
}

/// Looks for new versions for as long as the repository is there.
fn follow(repository: &Arc<Repository>, every: Duration) -> Result<()> {
    let repository: Weak<Repository> = Arc::downgrade(repository);
    let look = move || {
        loop {
            thread::sleep(every);
            let Some(repository) = repository.upgrade() else { return };
            repository.refresh();
        }
    };
    thread::Builder::new()
        .name("follow".to_owned())
        .spawn(look)
        .context("cannot start the thread that follows aliases")?;
    Ok(())
}
