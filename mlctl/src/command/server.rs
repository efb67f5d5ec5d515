//! `mlctl server`.

use super::Context;
use crate::Outcome;
use crate::cli::{Durability, ServerArgs};
use crate::config::{self, Origin};
use crate::failure::Hinted;
use crate::server::{self, Access, Options, Pages, Patterns};
use crate::stores::{self, Choices, Missing};
use anyhow::Result;
use mlctl_tracking::store::sqlite;
use mlctl_ui::mlflow::Build;
use serde_json::json;
use std::net::IpAddr;
use std::process::ExitCode;

pub(crate) fn serve(context: &Context, args: &ServerArgs) -> Outcome {
    refuse(args)?;
    let build = args.mlflow_ui.as_deref().map(Build::find).transpose()?;
    let uri = store_uri(context, args)?;
    explain(args);
    let choices = Choices {
        artifact_root: artifact_root(args, uri),
        destination: args.artifacts_destination.clone(),
        durability: match args.durability {
            Durability::Full => sqlite::Durability::Full,
            Durability::Normal => sqlite::Durability::Normal,
        },
    };
    let tracking = stores::open_tracking(&context.config, uri, Missing::Make, &choices)?;
    let options = Options {
        access: access(args)?,
        no_artifacts: args.no_serve_artifacts,
        artifacts_only: args.artifacts_only,
        counts: args.expose_prometheus.is_some(),
        pages: build.map(|build| pages(context, args, uri, build)),
    };
    let app = server::tracking_app(&tracking, options);
    let listener = server::bind(&args.host, args.port)?;
    let url = format!("http://{}{}", listener.local_addr()?, args.static_prefix);
    server::serve(listener, app, || {
        context.output.show(&json!({ "url": url, "store": uri }), |_| {
            format!("mlctl server: {uri} at {url}\n")
        })
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Says where the artifacts of new experiments go, by MLflow's rules; but a folder keeps them in
/// itself as long as no other place is named.
fn artifact_root(args: &ServerArgs, uri: &str) -> Option<String> {
    let is_proxied = !args.no_serve_artifacts
        && (args.artifacts_destination.is_some() || stores::is_database(uri));
    let proxied = is_proxied.then(|| "mlflow-artifacts:/".to_owned());
    args.default_artifact_root.clone().or(proxied)
}

/// Adds what MLflow's pages show beside runs.
fn pages(context: &Context, args: &ServerArgs, store: &str, build: Build) -> Pages {
    let uri = args.registry_store_uri.as_deref();
    let registry = stores::registry_beside(&context.config, uri, store);
    let registry = registry.inspect_err(|error| {
        tracing::warn!("the pages will show no registered models: {error:#}");
    });
    Pages { build, registry: registry.ok() }
}

/// Refuses what would only look as if it were there.
fn refuse(args: &ServerArgs) -> Result<()> {
    if args.app_name.is_some() {
        return Err(Hinted::usage(
            "there are no users and permissions yet, so --app-name basic-auth would protect nothing",
            "serve on 127.0.0.1, and let a proxy in front of it ask for passwords",
        ));
    }
    if args.meaningless.enable_workspaces {
        return Err(Hinted::usage(
            "there are no workspaces yet, so --enable-workspaces would keep nobody apart",
            "start one server with a store of its own for each team",
        ));
    }
    Ok(())
}

fn store_uri<'a>(context: &'a Context, args: &'a ServerArgs) -> Result<&'a str> {
    let store = &context.config.store;
    let uri = args.backend_store_uri.as_deref().unwrap_or(&store.value);
    if uri.starts_with("http://") || uri.starts_with("https://") {
        let origin = match (&args.backend_store_uri, &store.origin) {
            (Some(_), _) => "--backend-store-uri".to_owned(),
            (None, origin) => origin.to_string(),
        };
        return Err(Hinted::usage(
            format!("{origin} names the server `{uri}`: a server needs a store of its own"),
            "name a folder or sqlite:///FILE with --backend-store-uri",
        ));
    }
    Ok(uri)
}

fn access(args: &ServerArgs) -> Result<Access> {
    Ok(Access {
        token: None,
        hosts: Patterns::parse(&args.allowed_hosts)?,
        origins: Patterns::parse(&args.cors_allowed_origins)?,
        frames: args.x_frame_options,
        is_guarded: !args.disable_security_middleware,
        static_prefix: args.static_prefix.clone(),
    })
}

/// Says what a user of `mlflow server` should know about the flags.
fn explain(args: &ServerArgs) {
    for (flag, why) in args.meaningless.given() {
        tracing::warn!("{flag} changes nothing: {why}");
    }
    if let Some((_, Origin::Variable(name))) = config::variable("MLFLOW_AUTH_CONFIG_PATH") {
        tracing::warn!("{name} changes nothing: there are no users and permissions yet");
    }
    if args.disable_security_middleware {
        tracing::warn!("neither hosts nor origins are looked at: any web page can use this server");
    } else if args.allowed_hosts.is_empty() && !is_loopback(&args.host) {
        tracing::warn!(
            "requests to names other than localhost and private addresses are turned away: \
             --allowed-hosts says what this server is called"
        );
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
