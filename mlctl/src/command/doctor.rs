//! `mlctl doctor`: what is there, what is missing for which command, and how to mend it.

mod check;

use super::Context;
use crate::Outcome;
use crate::config;
use crate::output::table;
use check::State;
use serde_json::{Map, Value, json};
use std::env;
use std::process::ExitCode;

/// Variables whose values are never shown.
const SECRETS: [&str; 5] = ["TOKEN", "PASSWORD", "SECRET", "KEY", "PASSPHRASE"];

/// Fails when a check found a problem; what is missing is none, since few commands need it.
pub(crate) fn show(context: &Context, mask: bool) -> Outcome {
    let about = [
        ("mlctl", env!("CARGO_PKG_VERSION").to_owned()),
        ("system", format!("{} on {}", env::consts::OS, env::consts::ARCH)),
    ];
    let checks = check::all(&context.config, context.clock.now());
    let variables = variables(mask);
    let named = |pairs: &[(String, String)]| -> Map<String, Value> {
        pairs.iter().map(|(name, value)| (name.clone(), json!(value))).collect()
    };
    let about = about.map(|(name, value)| (name.to_owned(), value));
    let report =
        json!({ "about": named(&about), "checks": checks, "variables": named(&variables) });
    context.output.show(&report, |_| {
        let plain =
            |(name, value): &(String, String)| vec![String::new(), name.clone(), value.clone()];
        let checked = checks.iter().map(|check| {
            let fix = check.fix.as_ref().map(|fix| format!(" ({fix})")).unwrap_or_default();
            let line = format!("{}{fix}", check.found);
            vec![check.state.as_str().to_owned(), check.name.to_owned(), line]
        });
        let rows = about.iter().map(plain).chain(checked).chain(variables.iter().map(plain));
        table(&[], rows.collect(), "")
    })?;
    let is_broken = checks.iter().any(|check| check.state == State::Problem);
    Ok(if is_broken { ExitCode::FAILURE } else { ExitCode::SUCCESS })
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
