//! `mlctl experiments csv`: the runs of an experiment as a table, in the columns of
//! `mlflow experiments csv`.

use crate::command::Context;
use crate::output::print;
use anyhow::{Context as _, Result};
use jiff::Timestamp;
use mlctl_tracking::TrackingStore;
use mlctl_tracking::entity::{Experiment, Run};
use mlctl_tracking::search::RunQuery;
use mlctl_wire::limits;
use serde_json::json;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The columns that every table has.
const FIRST: [&str; 6] =
    ["run_id", "experiment_id", "status", "artifact_uri", "start_time", "end_time"];

/// Writes the active runs of an experiment to `output`, or to standard output.
pub(super) fn write(
    context: &Context,
    store: &dyn TrackingStore,
    experiment: &Experiment,
    output: Option<&Path>,
) -> Result<()> {
    let runs = all_runs(store, experiment)?;
    let text = table(&runs);
    let Some(path) = output else { return print(&text) };
    fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
    let (count, shown) = (runs.len(), path.display());
    context.output.show(&json!({ "path": path, "runs": count }), |_| {
        format!("wrote {count} runs of `{}` to {shown}\n", experiment.name)
    })
}

fn all_runs(store: &dyn TrackingStore, experiment: &Experiment) -> Result<Vec<Run>> {
    let mut query = RunQuery::of(vec![experiment.experiment_id.clone()]);
    query.max_results = limits::PAGE_ROWS_MAX;
    let mut runs = Vec::new();
    loop {
        let page = store.search_runs(&query)?;
        runs.extend(page.items);
        match page.next_page_token {
            Some(token) => query.page_token = Some(token),
            None => return Ok(runs),
        }
    }
}

/// What one run logged, by the name of the column.
type Logged<'a> = BTreeMap<(usize, &'a str), Cow<'a, str>>;

/// The columns of what is logged, in this order; those of one kind in the order of their names.
const KINDS: [&str; 3] = ["metrics", "params", "tags"];

fn table(runs: &[Run]) -> String {
    let logged: Vec<Logged<'_>> = runs.iter().map(logged).collect();
    let mut columns: Vec<(usize, &str)> =
        logged.iter().flat_map(|one| one.keys().copied()).collect();
    columns.sort_unstable();
    columns.dedup();
    let names = columns.iter().map(|(kind, key)| Cow::from(format!("{}.{key}", KINDS[*kind])));
    let mut text = line(FIRST.map(Cow::from).into_iter().chain(names));
    for (run, logged) in runs.iter().zip(&logged) {
        let info = &run.info;
        let first = [
            Cow::from(info.run_id.as_str()),
            Cow::from(info.experiment_id.to_string()),
            Cow::from(info.status.as_str()),
            Cow::from(info.artifact_uri.as_str()),
            Cow::from(time(info.start_time)),
            Cow::from(info.end_time.map_or_else(String::new, time)),
        ];
        let rest = columns.iter().map(|column| logged.get(column).cloned().unwrap_or_default());
        text.push_str(&line(first.into_iter().chain(rest)));
    }
    text
}

fn logged(run: &Run) -> Logged<'_> {
    let data = &run.data;
    let metrics = data.metrics.iter().map(|one| ((0, one.key.as_str()), number(one.value)));
    let params =
        data.params.iter().map(|one| ((1, one.key.as_str()), Cow::from(one.value.as_str())));
    let tags = data.tags.iter().map(|one| ((2, one.key.as_str()), Cow::from(one.value.as_str())));
    metrics.chain(params).chain(tags).collect()
}

/// Spells a metric so that it is read back as it was; as pandas does, NaN is an empty cell.
fn number(value: f64) -> Cow<'static, str> {
    match value {
        value if value.is_nan() => Cow::from(""),
        f64::INFINITY => Cow::from("inf"),
        f64::NEG_INFINITY => Cow::from("-inf"),
        value => Cow::from(format!("{value:?}")),
    }
}

fn time(millis: i64) -> String {
    match Timestamp::from_millisecond(millis) {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S%.3f+00:00").to_string(),
        Err(_) => millis.to_string(),
    }
}

fn line<'a>(cells: impl Iterator<Item = Cow<'a, str>>) -> String {
    let quoted = |cell: Cow<'a, str>| match cell.contains([',', '"', '\n', '\r']) {
        true => Cow::from(format!("\"{}\"", cell.replace('"', "\"\""))),
        false => cell,
    };
    let cells: Vec<_> = cells.map(quoted).collect();
    cells.join(",") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_that_would_end_a_column_are_quoted() {
        let cells = ["a", "b,c", "say \"x\"", "two\nlines", ""].map(Cow::from);
        assert_eq!(line(cells.into_iter()), "a,\"b,c\",\"say \"\"x\"\"\",\"two\nlines\",\n");
    }

    #[test]
    fn numbers_and_times_are_those_of_pandas() {
        let check = |value: f64, want: &str| assert_eq!(number(value), want);
        check(2.0, "2.0");
        check(0.1, "0.1");
        check(f64::NAN, "");
        check(f64::NEG_INFINITY, "-inf");
        assert_eq!(time(1_796_083_118_371), "2026-11-30 23:58:38.371+00:00");
    }
}
