//! `mlctl db`.

use super::Context;
use crate::Outcome;
use crate::cli::DbCommand;
use crate::output::table;
use crate::stores;
use anyhow::Result;
use mlctl_tracking::store::sqlite::upgrade::{self, Plan, Upgraded};
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;

pub(crate) fn dispatch(context: &Context, command: &DbCommand) -> Outcome {
    let DbCommand::Upgrade { file, dry_run } = command;
    let path = stores::database(file)?;
    match dry_run {
        true => show_plan(context, &path, &upgrade::plan(&path)?),
        false => show_upgrade(context, &path, &upgrade::upgrade(&path, context.clock.now())?),
    }?;
    Ok(ExitCode::SUCCESS)
}

fn show_plan(context: &Context, path: &Path, plan: &Plan) -> Result<()> {
    context.output.show(&described(path, plan), |_| {
        if plan.steps.is_empty() {
            return up_to_date(path, plan);
        }
        let row = |step: &upgrade::Step| vec![step.revision.to_owned(), step.change.to_owned()];
        let rows = plan.steps.iter().map(row).collect();
        let count = plan.steps.len();
        let head = format!(
            "{} is at revision {}; the upgrade takes {count} steps:\n",
            path.display(),
            plan.from
        );
        head + &table(&["REVISION", "CHANGE"], rows, "")
    })
}

fn show_upgrade(context: &Context, path: &Path, done: &Upgraded) -> Result<()> {
    let mut value = described(path, &done.plan);
    value["copy"] = json!(done.copy);
    context.output.show(&value, |_| match &done.copy {
        None => up_to_date(path, &done.plan),
        Some(copy) => format!(
            "upgraded {} from {} to {} in {} steps\nthe old database was saved as {}\n",
            path.display(),
            done.plan.from,
            upgrade::newest(),
            done.plan.steps.len(),
            copy.display()
        ),
    })
}

fn described(path: &Path, plan: &Plan) -> Value {
    let step = |step: &upgrade::Step| json!({ "revision": step.revision, "change": step.change });
    let steps: Vec<Value> = plan.steps.iter().map(step).collect();
    json!({ "file": path, "from": plan.from, "to": upgrade::newest(), "steps": steps })
}

fn up_to_date(path: &Path, plan: &Plan) -> String {
    match plan.from == upgrade::newest() {
        true => format!("{} is already at the newest revision, {}\n", path.display(), plan.from),
        false => format!(
            "{} is at revision {}, which is newer than what mlctl creates; no upgrade is needed\n",
            path.display(),
            plan.from
        ),
    }
}
