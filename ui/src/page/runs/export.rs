//! The rows of a table as a file: all of them, not those of a page.

use crate::format;
use crate::query::RunsState;
use crate::reply::{PageError, Reply, Result};
use crate::site::Site;
use crate::table::{Column, choose, metric, param, tag, took};
use axum::http::header;
use axum::response::IntoResponse;
use mlctl_tracking::entity::Run;
use mlctl_tracking::search::RunQuery;

/// Rows that a search brings at a time.
const ROWS_AT_A_TIME: usize = 1_000;

/// Answers the table of `state` as CSV or JSON.
pub(super) fn export(site: &Site, state: &RunsState, kind: &str) -> Result<Reply> {
    let runs = all(site, state)?;
    let columns = match state.columns.as_slice() {
        [] => choose(site.tracking.as_ref(), &state.query(), None, &runs)?,
        chosen => chosen.to_vec(),
    };
    let (kind, name, body) = match kind {
        "csv" => ("text/csv; charset=utf-8", "runs.csv", csv(&runs, &columns, site.clock.now())),
        "json" => ("application/json", "runs.json", json(&runs)),
        other => {
            return Err(PageError::invalid(format!(
                "format `{other}` is unknown: it must be csv or json"
            )));
        }
    };
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers =
        [(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, disposition)];
    Ok((headers, body).into_response().into())
}

fn all(site: &Site, state: &RunsState) -> Result<Vec<Run>> {
    let mut query = RunQuery { max_results: ROWS_AT_A_TIME, page_token: None, ..state.query() };
    let mut runs = Vec::new();
    loop {
        let page = site.tracking.search_runs(&query)?;
        runs.extend(page.items);
        match page.next_page_token {
            Some(token) => query.page_token = Some(token),
            None => return Ok(runs),
        }
    }
}

fn json(runs: &[Run]) -> String {
    serde_json::to_string(runs).unwrap_or_default()
}

fn csv(runs: &[Run], columns: &[Column], now: i64) -> String {
    let mut out = String::from("run_id,run_name");
    for column in columns {
        out.push(',');
        push_text(&mut out, &column.to_string());
    }
    out.push_str("\r\n");
    for run in runs {
        push_text(&mut out, run.info.run_id.as_str());
        out.push(',');
        push_text(&mut out, &run.info.run_name);
        for column in columns {
            out.push(',');
            push_cell(&mut out, run, column, now);
        }
        out.push_str("\r\n");
    }
    out
}

fn push_cell(out: &mut String, run: &Run, column: &Column, now: i64) {
    let text = match column {
        Column::State => Some(run.info.status.as_str().to_owned()),
        Column::Started => Some(format::iso(run.info.start_time)),
        Column::User => Some(run.info.user_id.clone()),
        Column::Experiment => Some(run.info.experiment_id.as_str().to_owned()),
        Column::Source => tag(run, "mlflow.source.name").map(str::to_owned),
        Column::Commit => tag(run, "mlflow.source.git.commit").map(str::to_owned),
        Column::Dataset => Some(joined(run.inputs.dataset_inputs.iter().map(|i| &*i.dataset.name))),
        Column::Model => {
            Some(joined(run.outputs.model_outputs.iter().map(|o| o.model_id.as_str())))
        }
        Column::Param(key) => param(run, key).map(str::to_owned),
        Column::Tag(key) => tag(run, key).map(str::to_owned),
        Column::Took => {
            return out.push_str(&took(run, now).map(|ms| ms.to_string()).unwrap_or_default());
        }
        Column::Metric(key) => {
            return out.push_str(&metric(run, key).map(format::exact).unwrap_or_default());
        }
    };
    push_text(out, &text.unwrap_or_default());
}

fn joined<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(";")
}

/// Writes a text. One that a spreadsheet would run as a formula gets an apostrophe.
fn push_text(out: &mut String, text: &str) {
    let is_formula =
        text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<f64>().is_err();
    let guarded = if is_formula { format!("'{text}") } else { text.to_owned() };
    match guarded.contains([',', '"', '\n', '\r']) {
        true => {
            out.push('"');
            out.push_str(&guarded.replace('"', "\"\""));
            out.push('"');
        }
        false => out.push_str(&guarded),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_never_a_formula_and_a_number_stays_one() {
        for (text, want) in [
            ("=1+1", "'=1+1"),
            ("@x", "'@x"),
            ("-0.5", "-0.5"),
            ("+cmd", "'+cmd"),
            ("a,\"b\"\nc", "\"a,\"\"b\"\"\nc\""),
            ("plain", "plain"),
        ] {
            let mut out = String::new();
            push_text(&mut out, text);
            assert_eq!(out, want);
        }
    }
}
