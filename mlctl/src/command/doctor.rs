//! `mlctl doctor`: what a report of a problem should say.

use super::Context;
use crate::Outcome;
use crate::config::{self, known};
use crate::output::table;
use crate::stores::{self, Missing};
use anyhow::Result;
use serde_json::{Map, Value, json};
use std::env;
use std::process::ExitCode;

/// Programs that projects and models may need.
const TOOLS: [&str; 6] = ["git", "uv", "python3", "conda", "docker", "R"];

/// Variables whose values are never shown.
const SECRETS: [&str; 5] = ["TOKEN", "PASSWORD", "SECRET", "KEY", "PASSPHRASE"];

pub(crate) fn show(context: &Context, mask: bool) -> Outcome {
    let config = &context.config;
    let store = state(stores::tracking(config, Missing::Refuse).map(drop));
    let registry = state(stores::registry(config, Missing::Refuse).map(drop));
    let about = [
        ("mlctl", env!("CARGO_PKG_VERSION").to_owned()),
        ("system", format!("{} on {}", env::consts::OS, env::consts::ARCH)),
        ("store", format!("{} (from {})", config.store.value, config.store.origin)),
        ("store opens", store),
        (
            "registry",
            config.registry_store.value.clone().unwrap_or_else(|| "with the store".to_owned()),
        ),
        ("registry opens", registry),
        ("cache", config.cache_dir.value.display().to_string()),
        ("tools", tools()),
    ];
    let variables = variables(mask);
    let named: Map<String, Value> =
        about.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let told: Map<String, Value> =
        variables.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    context.output.show(&json!({ "about": named, "variables": told }), |_| {
        let rows = about.iter().map(|(name, value)| vec![(*name).to_owned(), value.clone()]);
        let set = variables.iter().map(|(name, value)| vec![name.clone(), value.clone()]);
        table(&[], rows.chain(set).collect(), "")
    })?;
    Ok(ExitCode::SUCCESS)
}

fn state(opened: Result<()>) -> String {
    opened.map_or_else(|error| format!("no: {error:#}"), |()| "yes".to_owned())
}

/// Lists the tools that are found.
fn tools() -> String {
    let path = known::PROGRAMS.folders();
    let is_there = |name: &&str| env::split_paths(&path).any(|folder| folder.join(name).is_file());
    let found: Vec<&str> = TOOLS.into_iter().filter(is_there).collect();
    if found.is_empty() { "none".to_owned() } else { found.join(", ") }
}

/// Lists the variables that MLflow's programs and this one read.
fn variables(mask: bool) -> Vec<(String, String)> {
    let mut variables: Vec<(String, String)> = config::environ()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
        .filter(|(name, _)| name.starts_with("MLFLOW_") || name.starts_with("MLCTL_"))
        .map(|(name, value)| {
            let is_secret = SECRETS.iter().any(|word| name.contains(word));
            let shown = if mask || is_secret {
                "***".to_owned()
            } else {
                value.to_string_lossy().into_owned()
            };
            (name, shown)
        })
        .collect();
    variables.sort_unstable();
    variables
}
