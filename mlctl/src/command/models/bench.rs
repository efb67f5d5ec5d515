//! `mlctl models bench`: rows per second.

use super::rows_of;
use crate::cli::ModelUri;
use crate::command::Context;
use crate::failure::Hinted;
use crate::output::table;
use anyhow::Result;
use mlctl_models::{Input, Model, SavedExample, files, payload};
use serde::Serialize;
use std::path::Path;
use std::time::{Duration, Instant};

/// One line of the result.
#[derive(Debug, Serialize)]
struct Measured {
    rows: usize,
    rows_per_second: f64,
    /// The median of a call, in microseconds.
    median_us: f64,
    /// What 99 of 100 calls stay below, in microseconds.
    p99_us: f64,
    calls: usize,
}

pub(super) fn run(
    context: &Context,
    asked: &ModelUri,
    input: Option<&Path>,
    rows: &[usize],
    seconds: f64,
) -> Result<()> {
    let uri = asked.uri();
    if !(seconds > 0.0 && seconds <= 3_600.0) {
        let message = format!("invalid --seconds {seconds}");
        return Err(Hinted::usage(message, "use a number above 0, such as 1"));
    }
    if rows.contains(&0) {
        return Err(Hinted::usage("invalid --rows 0", "use numbers from 1 on"));
    }
    let (folder, model) = super::open(context, asked)?;
    let sample = match input {
        Some(path) => first_batch(&model, path)?,
        None => example(&model, uri, &folder.path)?,
    };
    let mut measured = Vec::new();
    for count in rows {
        let input = sample.repeated(*count)?;
        measured.push(measure(&model, &input, *count, Duration::from_secs_f64(seconds))?);
    }
    context.output.show(&measured, |measured| {
        let row = |one: &Measured| {
            vec![
                one.rows.to_string(),
                format!("{:.0}", one.rows_per_second),
                format!("{:.1}", one.median_us),
                format!("{:.1}", one.p99_us),
            ]
        };
        let header = ["ROWS AT ONCE", "ROWS/S", "MEDIAN µS", "P99 µS"];
        table(&header, measured.iter().map(row).collect(), "nothing to measure")
    })
}

fn first_batch(model: &Model, path: &Path) -> Result<Input> {
    /// More rows than this are not needed to see what a model costs.
    const ROWS: usize = 10_000;
    let (format, source) = rows_of(path, None)?;
    let first = files::read(format, source, model.input_schema(), ROWS)?.next();
    first.map(|rows| rows?.decode()).transpose()?.ok_or_else(|| {
        let message = format!("there are no rows in `{}`", path.display());
        Hinted::error(message, "add at least one row; it is repeated as needed")
    })
}

fn example(model: &Model, uri: &str, folder: &Path) -> Result<Input> {
    let example = SavedExample::read(folder, &model.info)?.ok_or_else(|| {
        let message = format!("the model `{uri}` has no input example to score");
        Hinted::error(message, "pass rows with --input FILE")
    })?;
    Ok(payload::from_json(example.body.as_bytes(), model.input_schema())?)
}

fn measure(model: &Model, input: &Input, rows: usize, time: Duration) -> Result<Measured> {
    // The first calls lay out memory and plans.
    for _ in 0..3 {
        model.predict(input.clone())?;
    }
    let (began, mut took) = (Instant::now(), Vec::new());
    while began.elapsed() < time {
        let input = input.clone();
        let call = Instant::now();
        let answer = model.predict(input)?;
        took.push(call.elapsed());
        drop(answer);
    }
    let total: Duration = took.iter().sum();
    took.sort_unstable();
    let at = |share: f64| {
        let index = ((took.len() - 1) as f64 * share) as usize;
        took[index].as_secs_f64() * 1e6
    };
    Ok(Measured {
        rows,
        rows_per_second: (rows * took.len()) as f64 / total.as_secs_f64(),
        median_us: at(0.5),
        p99_us: at(0.99),
        calls: took.len(),
    })
}
