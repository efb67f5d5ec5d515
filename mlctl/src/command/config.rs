//! `mlctl config`.

use super::Context;
use crate::Outcome;
use crate::config::Setting;
use crate::output::table;
use mlctl_tracking::client::Credentials;
use serde::Serialize;
use std::process::ExitCode;

#[derive(Serialize)]
struct Row {
    name: &'static str,
    value: Option<String>,
    origin: String,
}

pub(crate) fn show(context: &Context) -> Outcome {
    let config = &context.config;
    let rows = [
        row("store", &config.store, |value| Some(value.clone())),
        row("registry_store", &config.registry_store, |value| {
            Some(value.clone().unwrap_or_else(|| "registry.db in the store's folder".to_owned()))
        }),
        row("registry_stages", &config.registry_stages, Clone::clone),
        row("experiment_name", &config.experiment_name, Clone::clone),
        row("experiment_id", &config.experiment_id, Clone::clone),
        row("cache_dir", &config.cache_dir, |path| Some(path.display().to_string())),
        row("user", &config.user, |value| Some(value.clone())),
        row("credentials", &config.credentials, shown),
    ];
    context.output.show(&rows, |rows| {
        let cells = rows.iter().map(|row| {
            vec![
                row.name.to_owned(),
                row.value.clone().unwrap_or_else(|| "-".to_owned()),
                row.origin.clone(),
            ]
        });
        table(&["SETTING", "VALUE", "FROM"], cells.collect(), "")
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Tells that there is a secret, and never which.
fn shown(credentials: &Credentials) -> Option<String> {
    match credentials {
        Credentials::None => None,
        secret => Some(format!("{secret:?}")),
    }
}

fn row<T>(name: &'static str, setting: &Setting<T>, show: impl Fn(&T) -> Option<String>) -> Row {
    Row { name, value: show(&setting.value), origin: setting.origin.to_string() }
}
