//! `mlctl runs`.

mod create;

use super::{Context, all_experiments, run_id};
use crate::Outcome;
use crate::cli::{ListArgs, RunsCommand, WhichRuns};
use crate::output::{duration, notice, number, print, table, time};
use crate::stores::{self, Missing};
use anyhow::Result;
use mlctl_tracking::OpenStore;
use mlctl_tracking::entity::{Run, RunInfo};
use mlctl_tracking::search::RunQuery;
use mlctl_tracking::{RunId, TrackingStore};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::process::ExitCode;

/// Columns of metrics and params that a list shows; the rest is in `runs show`.
const COLUMNS_MAX: usize = 4;

pub(crate) fn dispatch(context: &Context, command: RunsCommand) -> Outcome {
    let OpenStore { store, .. } = stores::tracking(&context.config, Missing::Refuse)?;
    let store = store.as_ref();
    match command {
        RunsCommand::List(list) => find(context, store, String::new(), &list),
        RunsCommand::Search { filter, list } => find(context, store, filter, &list),
        RunsCommand::Create(args) => create::create(context, store, &args),
        RunsCommand::Show { which } => {
            show(context, store, &store.run(&run_id(store, which.id())?)?)
        }
        RunsCommand::Describe { which } => {
            let run = store.run(&run_id(store, which.id())?)?;
            print(&format!("{:#}\n", as_mlflow(&run)?))
        }
        RunsCommand::Compare { run_ids, all } => compare(context, store, &run_ids, all),
        RunsCommand::Delete { which } => each(store, &which, |id| {
            store.delete_run(id, context.clock.now())?;
            context
                .output
                .print_text(&format!("deleted {id}; `mlctl runs restore {id}` restores it"))
        }),
        RunsCommand::Restore { which } => each(store, &which, |id| {
            store.restore_run(id)?;
            context.output.print_text(&format!("restored {id}"))
        }),
    }?;
    Ok(ExitCode::SUCCESS)
}

fn each(
    store: &dyn TrackingStore,
    which: &WhichRuns,
    work: impl Fn(&RunId) -> Result<()>,
) -> Result<()> {
    // A wrong id is found before anything is changed.
    let ids = which.ids().map(|id| run_id(store, id)).collect::<Result<Vec<_>>>()?;
    ids.iter().try_for_each(work)
}

fn find(
    context: &Context,
    store: &dyn TrackingStore,
    filter: String,
    list: &ListArgs,
) -> Result<()> {
    let experiment_ids = if list.all_experiments {
        all_experiments(store)?
    } else {
        vec![context.chosen_experiment(store, &list.experiment)?]
    };
    let query = RunQuery {
        filter,
        view: list.view.into(),
        order_by: list.order_by.clone(),
        max_results: list.max_results,
        ..RunQuery::of(experiment_ids)
    };
    let page = store.search_runs(&query)?;
    context.output.show(&page.items, |runs| runs_table(runs))?;
    if page.next_page_token.is_some() {
        notice("there are more runs; use --max-results to list more");
    }
    Ok(())
}

fn runs_table(runs: &[Run]) -> String {
    let metrics = common(runs, |run| run.data.metrics.iter().map(|m| m.key.as_str()).collect());
    let params = common(runs, |run| run.data.params.iter().map(|p| p.key.as_str()).collect());
    let mut header = vec!["RUN ID", "NAME", "STATUS", "STARTED", "TOOK"];
    header.extend(metrics.iter().copied().chain(params.iter().copied()));
    let rows = runs.iter().map(|run| {
        let info = &run.info;
        let mut row = vec![
            info.run_id.to_string(),
            info.run_name.clone(),
            info.status.as_str().to_owned(),
            time(info.start_time),
            took(info),
        ];
        row.extend(metrics.iter().map(|key| metric(run, key)));
        row.extend(params.iter().map(|key| param(run, key)));
        row
    });
    table(&header, rows.collect(), "no runs")
}

fn took(info: &RunInfo) -> String {
    info.end_time.map_or_else(|| "-".to_owned(), |end| duration(end - info.start_time))
}

/// Picks the keys that most runs have, in alphabetical order.
fn common<'a>(runs: &'a [Run], keys: impl Fn(&'a Run) -> Vec<&'a str>) -> Vec<&'a str> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for key in runs.iter().flat_map(&keys) {
        *counts.entry(key).or_default() += 1;
    }
    let mut ranked: Vec<_> = counts.into_iter().collect();
    ranked.sort_by_key(|(key, count)| (usize::MAX - count, *key));
    let mut shown: Vec<&str> = ranked.into_iter().take(COLUMNS_MAX).map(|(key, _)| key).collect();
    shown.sort_unstable();
    shown
}

fn metric(run: &Run, key: &str) -> String {
    let found = run.data.metrics.iter().find(|metric| metric.key.as_str() == key);
    found.map_or_else(|| "-".to_owned(), |metric| number(metric.value))
}

fn param(run: &Run, key: &str) -> String {
    let found = run.data.params.iter().find(|param| param.key.as_str() == key);
    found.map_or_else(|| "-".to_owned(), |param| param.value.clone())
}

fn show(context: &Context, store: &dyn TrackingStore, run: &Run) -> Result<()> {
    context.output.show(run, |run| {
        facts(store, run)
            .into_iter()
            .filter(|(_, rows)| !rows.is_empty())
            .map(|(title, rows)| format!("{title}\n{}", indent(&table(&[], rows, ""))))
            .collect::<Vec<_>>()
            .join("\n")
    })
}

/// Writes a run as `mlflow runs describe` does: what it logged as objects, by key.
fn as_mlflow(run: &Run) -> Result<Value> {
    let mut whole = serde_json::to_value(run)?;
    let by_key = |list: &Value| -> Map<String, Value> {
        let items = list.as_array().into_iter().flatten();
        items
            .map(|one| (one["key"].as_str().unwrap_or_default().to_owned(), one["value"].clone()))
            .collect()
    };
    let data: Map<String, Value> = ["metrics", "params", "tags"]
        .map(|kind| (kind.to_owned(), by_key(&whole["data"][kind]).into()))
        .into_iter()
        .collect();
    let list = |kind: &Value| if kind.is_null() { json!([]) } else { kind.clone() };
    let inputs = json!({
        "model_inputs": list(&whole["inputs"]["model_inputs"]),
        "dataset_inputs": list(&whole["inputs"]["dataset_inputs"]),
    });
    let outputs = json!({ "model_outputs": list(&whole["outputs"]["model_outputs"]) });
    let mut info = whole["info"].take();
    if let Some(info) = info.as_object_mut() {
        info.remove("run_uuid");
    }
    Ok(json!({ "info": info, "data": data, "inputs": inputs, "outputs": outputs }))
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!(" {line}\n")).collect()
}

/// Everything about a run, by the kind of fact.
fn facts(store: &dyn TrackingStore, run: &Run) -> Vec<(&'static str, Vec<Vec<String>>)> {
    let info = &run.info;
    let pair = |key: &str, value: String| vec![key.to_owned(), value];
    let mut about = vec![
        pair("id", info.run_id.to_string()),
        pair("name", info.run_name.clone()),
        pair("experiment", info.experiment_id.to_string()),
        pair("status", info.status.as_str().to_owned()),
        pair("started", time(info.start_time)),
        pair("took", took(info)),
        pair("user", info.user_id.clone()),
        pair("artifacts", info.artifact_uri.clone()),
    ];
    if info.lifecycle_stage.as_str() == "deleted" {
        about.push(pair("stage", "deleted".to_owned()));
    }
    let data = &run.data;
    let metric = |m: &mlctl_tracking::entity::Metric| {
        vec![m.key.to_string(), number(m.value), format!("step {}", m.step)]
    };
    let datasets =
        run.inputs.dataset_inputs.iter().map(|input| {
            vec![input.dataset.name.clone(), format!("digest {}", input.dataset.digest)]
        });
    let models = run.outputs.model_outputs.iter().map(|output| {
        let uri = match store.logged_model(&output.model_id) {
            Ok(model) => format!("runs:/{}/{}", info.run_id, model.name),
            // It may be deleted since.
            Err(_) => format!("models:/{}", output.model_id),
        };
        vec![uri]
    });
    vec![
        ("Run", about),
        ("Params", data.params.iter().map(|p| pair(p.key.as_str(), p.value.clone())).collect()),
        ("Metrics", data.metrics.iter().map(metric).collect()),
        ("Tags", data.tags.iter().map(|t| pair(t.key.as_str(), t.value.clone())).collect()),
        ("Datasets", datasets.collect()),
        ("Logged models", models.collect()),
    ]
}

fn compare(
    context: &Context,
    store: &dyn TrackingStore,
    run_ids: &[String],
    all: bool,
) -> Result<()> {
    let runs: Vec<Run> =
        run_ids.iter().map(|id| Ok(store.run(&run_id(store, id)?)?)).collect::<Result<_>>()?;
    let rows: Vec<(&str, String, Vec<String>)> = compared(&runs)
        .into_iter()
        .filter(|(_, _, values)| all || values.iter().any(|value| value != &values[0]))
        .collect();
    let as_json: Vec<_> = rows
        .iter()
        .map(|(kind, key, values)| json!({ "kind": kind, "key": key, "values": values }))
        .collect();
    context.output.show(&json!({ "run_ids": run_ids, "rows": as_json }), |_| {
        let names = runs.iter().map(|run| run.info.run_name.as_str());
        let header: Vec<&str> = ["", ""].into_iter().chain(names).collect();
        let cells = rows
            .into_iter()
            .map(|(kind, key, values)| [kind.to_owned(), key].into_iter().chain(values).collect());
        table(&header, cells.collect(), "the runs have the same params, metrics and tags")
    })
}

/// One row for each fact that any of the runs has.
fn compared(runs: &[Run]) -> Vec<(&'static str, String, Vec<String>)> {
    let keys = |of: &dyn Fn(&Run) -> Vec<String>| -> Vec<String> {
        let mut keys: Vec<String> = runs.iter().flat_map(of).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    };
    let texts = |values: &dyn Fn(&Run) -> String| runs.iter().map(values).collect::<Vec<_>>();
    let mut rows = vec![
        ("run", "id".to_owned(), texts(&|run| run.info.run_id.to_string())),
        ("run", "status".to_owned(), texts(&|run| run.info.status.as_str().to_owned())),
        ("run", "took".to_owned(), texts(&|run| took(&run.info))),
    ];
    for key in keys(&|run| run.data.params.iter().map(|p| p.key.to_string()).collect()) {
        let values = texts(&|run| param(run, &key));
        rows.push(("param", key, values));
    }
    for key in keys(&|run| run.data.metrics.iter().map(|m| m.key.to_string()).collect()) {
        let values = texts(&|run| metric(run, &key));
        rows.push(("metric", key, values));
    }
    for key in keys(&|run| run.data.tags.iter().map(|t| t.key.to_string()).collect()) {
        let tag = |run: &Run| {
            let found = run.data.tags.iter().find(|tag| tag.key.as_str() == key);
            found.map_or_else(|| "-".to_owned(), |tag| tag.value.clone())
        };
        let values = texts(&tag);
        rows.push(("tag", key, values));
    }
    rows
}
