//! `mlctl server`.

mod health;
mod image;

use super::Context;
use crate::Outcome;
use crate::cli::{Durability, ServerArgs, ServerCommand, ServerFlags, UiArgs};
use crate::config::{Origin, known};
use crate::failure::Hinted;
use crate::server::{self, Access, Options, Patterns, Registry};
use crate::stores::{self, Choices, Missing, Webhooks};
use crate::webhooks;
use anyhow::{Context as _, Result};
use mlctl_filter::Pattern;
use mlctl_registry::source::SourceRules;
use mlctl_registry::webhook::{DeliveryWorker, Sender};
use mlctl_tracking::store::location::absolute_location;
use mlctl_ui::mlflow::Build;
use serde_json::json;
use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::net::IpAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

pub(crate) fn dispatch(context: &Context, args: &ServerArgs) -> Outcome {
    match &args.command {
        None => {
            let uri = own_store_uri(context, &args.serve)?;
            serve(context, &args.serve, uri, |_| {})
        }
        Some(ServerCommand::Image(args)) => image::build(context, args),
        Some(ServerCommand::Health(args)) => health::check(context, args),
    }
}

/// `mlctl ui`: a server whose pages a browser shows at once. It may stand in front of the store of
/// another server.
pub(crate) fn show_pages(context: &Context, args: &UiArgs) -> Outcome {
    let uri = args.shown.as_deref().unwrap_or(store_uri(context, &args.serve));
    serve(context, &args.serve, uri, |url| {
        if !args.no_browser && has_desktop() {
            open_browser(url);
        }
    })
}

/// Tells whether a browser would open where whoever typed the command sees it.
fn has_desktop() -> bool {
    let has_display = known::DESKTOP.read().is_some();
    io::stdout().is_terminal() && (has_display || !cfg!(target_os = "linux"))
}

fn open_browser(url: &str) {
    if let Err(error) = open::that_detached(url) {
        tracing::warn!(%error, "cannot open a browser");
    }
}

/// Serves the store at `uri`, and calls `ready` with the address.
fn serve(context: &Context, args: &ServerFlags, uri: &str, ready: impl Fn(&str)) -> Outcome {
    refuse_unsupported_flags(args)?;
    let build = args.mlflow_ui.as_deref().map(Build::find).transpose()?;
    print_warnings(args);
    let choices = Choices {
        artifact_root: artifact_root(args, uri),
        destination: args.artifacts_destination.clone(),
        durability: match args.durability {
            Durability::Full => mlctl_sqlite::Durability::Full,
            Durability::Normal => mlctl_sqlite::Durability::Normal,
        },
        allowed_roots: (!is_loopback(&args.host)).then(|| args.allow_artifact_root.clone()),
        database: None,
    };
    let tracking = stores::open_tracking(&context.config, uri, Missing::Make, &choices)?;
    stores::sweep(&tracking)?;
    let registry = open_registry(context, args, uri, choices.durability, &tracking)?;
    // It delivers what was queued for as long as the server runs.
    let _deliveries = start_deliveries(args, &registry)?;
    let options = Options {
        access: access(args)?,
        no_artifacts: args.no_serve_artifacts,
        artifacts_only: args.artifacts_only,
        counts: args.expose_prometheus.is_some(),
        registry: Some(registry),
        pages: build,
    };
    let app = server::tracking_app(&tracking, options);
    let listener = server::bind(&args.host, args.port)?;
    let url = format!("http://{}{}", listener.local_addr()?, args.static_prefix);
    server::serve(listener, app, args.max_connections, || {
        if let Some(path) = &args.while_locked {
            server::stop_when_unlocked(open_lock(path)?)?;
        }
        context.output.show(&json!({ "url": url, "store": uri }), |_| {
            format!("mlctl server: {uri} at {url}\n")
        })?;
        ready(&url);
        Ok(())
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Says where the artifacts of new experiments go, by MLflow's rules; but a folder keeps them in
/// itself as long as no other place is named.
fn artifact_root(args: &ServerFlags, uri: &str) -> Option<String> {
    let is_proxied = !args.no_serve_artifacts
        && (args.artifacts_destination.is_some() || stores::is_database(uri));
    let proxied = is_proxied.then(|| "mlflow-artifacts:/".to_owned());
    args.default_artifact_root.clone().or(proxied)
}

/// Opens the registry that is served beside the runs. Without one the runs are served still.
fn open_registry(
    context: &Context,
    args: &ServerFlags,
    store: &str,
    durability: mlctl_sqlite::Durability,
    tracking: &mlctl_tracking::OpenStore,
) -> Result<Registry> {
    let uri = args.registry_store_uri.as_deref();
    let opened = stores::registry_beside(&context.config, uri, store, durability, tracking);
    let opened = opened.map_err(|error| format!("{error:#}"));
    if let Err(why) = &opened {
        tracing::warn!("the model registry is not available: {why}");
    }
    let sender = Arc::new(Sender::new(webhooks::settings()?));
    Ok(Registry {
        store: opened,
        rules: source_rules(args)?,
        trusts_user_header: args.trust_user_header,
        sender,
    })
}

/// Starts telling webhooks of what happens, unless only artifacts are served.
fn start_deliveries(args: &ServerFlags, registry: &Registry) -> Result<Option<DeliveryWorker>> {
    let open = registry.store.as_ref().ok().filter(|_| !args.artifacts_only);
    match open.map(|open| &open.webhooks) {
        Some(Webhooks::File(webhooks)) => {
            Ok(Some(DeliveryWorker::start(webhooks.clone(), registry.sender.clone())?))
        }
        Some(Webhooks::Server(_)) | None => Ok(None),
    }
}

/// Reads where model versions may come from; the variables are MLflow's.
fn source_rules(args: &ServerFlags) -> Result<SourceRules> {
    let pattern = known::SOURCE_PATTERN.read();
    let pattern = pattern
        .map(|(text, origin)| {
            Pattern::parse(&text).map_err(|error| {
                Hinted::usage(
                    format!("{origin} is not a regular expression: {error}"),
                    "the source of every new model version must match it",
                )
            })
        })
        .transpose()?;
    let schemes = known::SOURCE_SCHEMES.read();
    let schemes = schemes.map(|(list, _)| list).unwrap_or_default();
    let schemes = schemes.split(',').map(|scheme| scheme.trim().to_ascii_lowercase());
    let roots = args.artifacts_destination.iter().chain(&args.default_artifact_root);
    Ok(SourceRules {
        pattern,
        allowed_schemes: schemes.filter(|scheme| !scheme.is_empty()).collect(),
        allowed_roots: Vec::new(),
        store_roots: roots.map(|root| absolute_location(root)).collect(),
    })
}

/// Refuses what would only look as if it were there.
fn refuse_unsupported_flags(args: &ServerFlags) -> Result<()> {
    if args.app_name.is_some() {
        return Err(Hinted::usage(
            "--app-name basic-auth is refused: mlctl does not support users and permissions, so \
             it would protect nothing",
            "listen on 127.0.0.1, behind a proxy that asks for passwords",
        ));
    }
    if args.ignored.enable_workspaces {
        return Err(Hinted::usage(
            "--enable-workspaces is refused: mlctl does not support workspaces, so it would \
             separate nobody",
            "start a server with a separate store for each team",
        ));
    }
    Ok(())
}

fn store_uri<'a>(context: &'a Context, args: &'a ServerFlags) -> &'a str {
    args.backend_store_uri.as_deref().unwrap_or(&context.config.store.value)
}

/// Returns the store of a server, which cannot be another server.
fn own_store_uri<'a>(context: &'a Context, args: &'a ServerFlags) -> Result<&'a str> {
    let store = &context.config.store;
    let uri = store_uri(context, args);
    if uri.starts_with("http://") || uri.starts_with("https://") {
        let origin = match (&args.backend_store_uri, &store.origin) {
            (Some(_), _) => "--backend-store-uri".to_owned(),
            (None, origin) => origin.to_string(),
        };
        return Err(Hinted::usage(
            format!(
                "{origin} is the server `{uri}`, but a server needs a folder or a database \
                     as its store"
            ),
            "pass a folder or sqlite:///FILE with --backend-store-uri; `mlctl ui URL` shows the \
             pages of another server's store",
        ));
    }
    Ok(uri)
}

/// Opens the file of `--while-locked`, which whoever locks it has made.
fn open_lock(path: &Path) -> Result<File> {
    File::open(path).with_context(|| format!("cannot open `{}` of --while-locked", path.display()))
}

fn access(args: &ServerFlags) -> Result<Access> {
    Ok(Access {
        token: known::SERVER_TOKEN.read().map(|(token, _)| token),
        hosts: Patterns::parse(&args.allowed_hosts)?,
        origins: Patterns::parse(&args.cors_allowed_origins)?,
        frames: args.x_frame_options,
        is_guarded: !args.disable_security_middleware,
        static_prefix: args.static_prefix.clone(),
    })
}

/// Says what a user of `mlflow server` should know about the flags.
fn print_warnings(args: &ServerFlags) {
    for (flag, why) in args.ignored.list_set() {
        tracing::warn!("{flag} has no effect: {why}");
    }
    if let Some((_, Origin::Variable(name))) = known::AUTH_CONFIG.read() {
        tracing::warn!("{name} has no effect: mlctl does not support users and permissions");
    }
    if !is_loopback(&args.host) {
        tracing::warn!(
            "there is no authentication: anybody who can reach this server can read, change and \
             delete everything"
        );
    }
    if args.trust_user_header {
        tracing::warn!(
            "the names in approvals are not verified: one person can both request and \
                        approve"
        );
    }
    if args.disable_security_middleware {
        tracing::warn!("hosts and origins are not checked: any web page can use this server");
    } else if args.allowed_hosts.is_empty() && !is_loopback(&args.host) {
        tracing::warn!(
            "requests are refused unless their host name is localhost or a private address; set \
             other host names with --allowed-hosts"
        );
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
