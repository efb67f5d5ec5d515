//! `mlctl models predict`: rows of a file, scored in batches.

use super::{format_of, rows_of};
use crate::cli::PredictArgs;
use crate::command::{Context, draft};
use crate::output::notice;
use anyhow::{Context as _, Result};
use indicatif::{ProgressBar, ProgressStyle};
use mlctl_models::files::{self, Batch, Batches, Format, Source, Writer};
use mlctl_models::{Asked, Body, Input, Media, Model, Predictions, payload};
use serde_json::Value;
use std::collections::VecDeque;
use std::io::{self, BufWriter, IsTerminal, Read, Write};
use std::iter;
use std::num::NonZero;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, Scope};

/// Batches of a thread that are read, or scored and not written.
const AHEAD: usize = 2;

pub(super) fn run(context: &Context, args: &PredictArgs) -> Result<()> {
    warn_about_ignored_flags(args);
    let (_folder, model) = super::open_with(context, &args.model, &args.variables)?;
    let (format, source) = rows_of(&args.input, args.input_format)?;
    let bar = bar(&source);
    let source = watched(format, source, &bar);
    let rows = rows(&model, format, source, args)?;
    let Some(output) = &args.output else {
        let format =
            args.output_format.map_or(Ok(Format::Json), |f| format_of(&args.input, Some(f)))?;
        let target = BufWriter::new(io::stdout());
        score(&model, rows, format, target, &bar)?;
        return Ok(());
    };
    let format = format_of(output, args.output_format)?;
    let (draft, file) = draft::begin(output)?;
    let rows = score(&model, rows, format, BufWriter::new(file), &bar)?;
    draft::keep(draft, output)?;
    bar.finish_and_clear();
    notice(&format!("scored {rows} rows into {}", output.display()));
    Ok(())
}

/// Says which flags change nothing.
fn warn_about_ignored_flags(args: &PredictArgs) {
    super::warn_about_ignored_flags(&args.install);
    let is_native = !args.model.python;
    let flags = [
        ("--env-manager", is_native && args.model.env_manager.is_some()),
        ("--env", is_native && !args.variables.is_empty()),
    ];
    for (flag, _) in flags.into_iter().filter(|(_, given)| *given) {
        notice(&format!("{flag} has no effect without --python"));
    }
}

/// What is scored.
enum Rows {
    /// Rows in batches, and the params of all of them.
    Batches(Batches, Option<Value>),
    /// A body that the model reads itself.
    Body(Body),
}

/// Opens the rows; the params are those of the flag, else those of a JSON body.
fn rows(model: &Model, format: Format, source: Source, args: &PredictArgs) -> Result<Rows> {
    let schema = model.input_schema();
    let given = args.params.clone().map(Value::Object);
    match format {
        Format::Json => match model.read_json(&source.into_bytes()?)?.with_params(given) {
            Asked::Input(asked) => {
                Ok(Rows::Batches(Box::new(iter::once(Ok(asked.input.into()))), asked.params))
            }
            Asked::Body(body) => Ok(Rows::Body(body)),
        },
        // Such columns are read whole: nothing here can tell where a batch may end.
        Format::Csv if model.reads_columns() => {
            Ok(Rows::Body(Body { media: Media::Csv, bytes: source.into_bytes()?, params: given }))
        }
        _ => Ok(Rows::Batches(files::read(format, source, schema, args.batch_rows)?, given)),
    }
}

/// Scores the rows, and returns how many there are.
fn score<W: Write + Send>(
    model: &Model,
    rows: Rows,
    format: Format,
    mut target: W,
    bar: &ProgressBar,
) -> Result<usize> {
    let body = match rows {
        Rows::Batches(batches, params) => {
            return Scoring { model, params, bar }.score(batches, format, target);
        }
        Rows::Body(body) => body,
    };
    let answer = model.answer_to(Asked::Body(body)).context("cannot score the rows")?;
    if format == Format::Json {
        writeln!(target, "{}", payload::to_json(&answer))?;
        target.flush()?;
    } else {
        let mut writer = Writer::new(format, target)?;
        writer.write(&answer)?;
        writer.finish()?;
    }
    let rows = answer.tensors().first().and_then(|(_, first)| first.shape().first().copied());
    Ok(rows.unwrap_or(1))
}

/// What every batch is scored with.
struct Scoring<'a> {
    model: &'a Model,
    params: Option<Value>,
    bar: &'a ProgressBar,
}

impl Scoring<'_> {
    /// Scores batches beside each other, and writes their predictions in the order of the rows.
    fn score<W: Write + Send>(&self, batches: Batches, format: Format, target: W) -> Result<usize> {
        let mut writer = Writer::new(format, target)?;
        let mut rows = 0;
        let mut write = |scored: Scored| {
            let first = rows + 1;
            rows += scored.rows;
            let place = || format!("cannot score rows {first} to {rows}");
            writer.write(&scored.answer.with_context(place)?)?;
            self.bar.set_message(format!("{rows} rows"));
            anyhow::Ok(())
        };
        thread::scope(|scope| {
            let threads = thread::available_parallelism().map_or(1, NonZero::get);
            // Each takes its turn, so that answers come in the order of the batches.
            let lanes: Vec<_> = (0..threads).map(|_| Lane::start(self, scope)).collect();
            let mut pending = VecDeque::new();
            for (batch, lane) in batches.zip(lanes.iter().cycle()) {
                lane.work.send(batch?).context("a scoring thread stopped unexpectedly")?;
                pending.push_back(lane);
                if pending.len() > threads * AHEAD
                    && let Some(first) = pending.pop_front()
                {
                    write(first.take()?)?;
                }
            }
            pending.into_iter().try_for_each(|lane| write(lane.take()?))
        })?;
        writer.finish()?;
        Ok(rows)
    }

    fn scored(&self, batch: Batch) -> Result<Scored> {
        let input = batch.decode()?;
        let rows = rows_in(&input);
        Ok(Scored { rows, answer: self.model.predict_with(input, self.params.as_ref()) })
    }
}

/// A batch that was scored.
struct Scored {
    rows: usize,
    answer: mlctl_models::Result<Predictions>,
}

/// A thread that scores what it is given, in order, until nobody can give it more.
struct Lane {
    work: Sender<Batch>,
    done: Receiver<Result<Scored>>,
}

impl Lane {
    fn start<'scope>(scoring: &'scope Scoring<'_>, scope: &'scope Scope<'scope, '_>) -> Self {
        let ((work, taken), (given, done)) = (channel(), channel());
        scope.spawn(move || {
            for batch in taken {
                // Who does not take it any more has failed, and says so.
                if given.send(scoring.scored(batch)).is_err() {
                    break;
                }
            }
        });
        Self { work, done }
    }

    fn take(&self) -> Result<Scored> {
        self.done.recv().context("a scoring thread stopped unexpectedly")?
    }
}

fn rows_in(input: &Input) -> usize {
    let first = |tensor: &mlctl_models::Tensor| tensor.shape().first().copied().unwrap_or(1);
    match input {
        Input::Table(table) => table.rows(),
        Input::Tensor(tensor) => first(tensor),
        Input::Named(tensors) => tensors.first().map_or(0, |(_, tensor)| first(tensor)),
    }
}

fn bar(source: &Source) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let size = match source {
        Source::File(file) => file.metadata().ok().map(|data| data.len()),
        Source::Stream(_) => None,
    };
    match size {
        Some(size) => {
            let style = "{bar:30} {percent:>3} %  {msg}  {elapsed} of about {duration}";
            styled(ProgressBar::new(size), style)
        }
        None => styled(ProgressBar::new_spinner(), "{spinner} {msg}  {elapsed}"),
    }
}

fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Lets the bar see how far the reading is. Parquet is read from its file as it likes.
fn watched(format: Format, source: Source, bar: &ProgressBar) -> Source {
    match source {
        Source::File(file) if format != Format::Parquet => {
            Source::Stream(Box::new(bar.wrap_read(file)) as Box<dyn Read + Send>)
        }
        other => other,
    }
}
