//! `mlctl config`.

use super::Context;
use crate::Outcome;
use crate::config::Setting;
use crate::output::table;
use serde::Serialize;
use std::process::ExitCode;

#[derive(Serialize)]
struct Row {
    name: &'static str,
    value: String,
    origin: String,
}

pub(crate) fn show(context: &Context) -> Outcome {
    let config = &context.config;
    let rows = [
        row("store", &config.store, Clone::clone),
        row("registry_store", &config.registry_store, |value| {
            value.clone().unwrap_or_else(|| "registry.db in the store's folder".to_owned())
        }),
        row("experiment_name", &config.experiment_name, text),
        row("experiment_id", &config.experiment_id, text),
        row("cache_dir", &config.cache_dir, |path| path.display().to_string()),
        row("user", &config.user, Clone::clone),
        row("credentials", &config.credentials, |secret| format!("{secret:?}")),
    ];
    context.output.show(&rows, |rows| {
        let cells =
            rows.iter().map(|row| vec![row.name.to_owned(), row.value.clone(), row.origin.clone()]);
        table(&["SETTING", "VALUE", "FROM"], cells.collect(), "")
    })?;
    Ok(ExitCode::SUCCESS)
}

fn text(value: &Option<String>) -> String {
    value.clone().unwrap_or_else(|| "-".to_owned())
}

fn row<T>(name: &'static str, setting: &Setting<T>, show: impl Fn(&T) -> String) -> Row {
    Row { name, value: show(&setting.value), origin: setting.origin.to_string() }
}
