//! Predictions, written as they come.

use super::Format;
use crate::payload;
use crate::{Error, Predictions, Result};
use mlctl_table::{Tensor, Values};
use std::fmt;
use std::io::Write;

/// Writes predictions batch by batch, as one file.
pub struct Writer<W: Write + Send> {
    sink: Sink<W>,
}

impl<W: Write + Send> fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

enum Sink<W: Write + Send> {
    Csv(Box<csv::Writer<W>>, State),
    Json(W, JsonState),
    #[cfg(feature = "parquet")]
    Parquet(Box<super::parquet::Sink<W>>),
}

/// How far a file is.
#[derive(Debug, Default)]
struct State {
    has_begun: bool,
}

impl State {
    /// Tells whether this is the first time that somebody asks.
    fn begins(&mut self) -> bool {
        !std::mem::replace(&mut self.has_begun, true)
    }
}

/// How far a file of JSON is.
#[derive(Debug, Default)]
struct JsonState {
    list: State,
    /// An answer that is no list of rows: the file is this, unless a second one comes.
    whole: Option<String>,
}

impl<W: Write + Send> Writer<W> {
    /// Begins a file in `target`, which should be buffered.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for Parquet without the feature `parquet`.
    pub fn new(format: Format, target: W) -> Result<Self> {
        let sink = match format {
            Format::Csv => Sink::Csv(Box::new(csv::Writer::from_writer(target)), State::default()),
            Format::Json => Sink::Json(target, JsonState::default()),
            #[cfg(feature = "parquet")]
            Format::Parquet => Sink::Parquet(Box::new(super::parquet::Sink::new(target))),
            #[cfg(not(feature = "parquet"))]
            Format::Parquet => {
                return Err(Error::bad_request("this build does not support Parquet"));
            }
        };
        Ok(Self { sink })
    }

    /// Writes a batch. In CSV and Parquet an output of several values a row becomes as many
    /// columns, `NAME_0` and so on.
    ///
    /// # Errors
    /// [`Error::Io`] when the target does not take it; [`Error::BadRequest`] when there is no row
    /// for each row of the input, or when one of several answers in JSON is no list of rows, which
    /// cannot be one file.
    pub fn write(&mut self, batch: &Predictions) -> Result<()> {
        match &mut self.sink {
            Sink::Csv(writer, state) => write_csv(writer, state, batch),
            Sink::Json(target, state) => write_json(target, state, batch),
            #[cfg(feature = "parquet")]
            Sink::Parquet(sink) => sink.write(batch),
        }
    }

    /// Ends the file; without this it is not complete.
    ///
    /// # Errors
    /// [`Error::Io`] when the target does not take the rest.
    pub fn finish(self) -> Result<()> {
        match self.sink {
            Sink::Csv(mut writer, _) => writer.flush().map_err(failed),
            Sink::Json(mut target, state) => {
                let end: &[u8] = match &state.whole {
                    Some(whole) => whole.as_bytes(),
                    None if state.list.has_begun => b"]}",
                    None => b"{\"predictions\":[]}",
                };
                let written = target.write_all(end).and_then(|()| target.write_all(b"\n"));
                written.and_then(|()| target.flush()).map_err(failed)
            }
            #[cfg(feature = "parquet")]
            Sink::Parquet(sink) => sink.finish(),
        }
    }
}

pub(super) fn failed(error: impl Into<std::io::Error>) -> Error {
    Error::io("writing the predictions", error.into())
}

fn write_json(target: &mut impl Write, state: &mut JsonState, batch: &Predictions) -> Result<()> {
    const LIST: &str = "{\"predictions\":[";
    let text = payload::to_json(batch);
    let rows = text.strip_prefix(LIST).and_then(|rest| rest.strip_suffix("]}"));
    let Some(rows) = rows.filter(|_| state.whole.is_none()) else {
        if state.whole.is_some() || state.list.has_begun {
            return Err(Error::bad_request(
                "the model returns tensors, which cannot be joined from several batches: score \
                 all rows in one batch, or write CSV or Parquet",
            ));
        }
        state.whole = Some(text);
        return Ok(());
    };
    let begin = if state.list.begins() { LIST } else { "," };
    if rows.is_empty() {
        let begin = if begin == LIST { LIST } else { "" };
        return target.write_all(begin.as_bytes()).map_err(failed);
    }
    target
        .write_all(begin.as_bytes())
        .and_then(|()| target.write_all(rows.as_bytes()))
        .map_err(failed)
}

fn write_csv(
    writer: &mut csv::Writer<impl Write>,
    state: &mut State,
    batch: &Predictions,
) -> Result<()> {
    let columns = columns(batch)?;
    let rows = columns.first().map_or(0, |column| column.rows);
    let broken = |error: csv::Error| failed(std::io::Error::from(error));
    if state.begins() {
        writer.write_record(columns.iter().map(|column| column.name.as_str())).map_err(broken)?;
    }
    for row in 0..rows {
        for column in &columns {
            column.write(row, writer).map_err(broken)?;
        }
        writer.write_record(None::<&[u8]>).map_err(broken)?;
    }
    Ok(())
}

/// One column of a table of predictions: every `width`-th value, from `at` on.
pub(super) struct OutputColumn<'a> {
    pub(super) name: String,
    pub(super) values: &'a Values,
    pub(super) at: usize,
    pub(super) width: usize,
    pub(super) rows: usize,
}

impl OutputColumn<'_> {
    /// Returns where the value of a row stands.
    pub(super) fn index(&self, row: usize) -> usize {
        row * self.width + self.at
    }

    fn write(&self, row: usize, writer: &mut csv::Writer<impl Write>) -> csv::Result<()> {
        let at = self.index(row);
        let mut number = ryu::Buffer::new();
        match self.values {
            Values::Boolean(list) => writer.write_field(if list[at] { "True" } else { "False" }),
            Values::Integer(list) => writer.write_field(itoa::Buffer::new().format(list[at])),
            Values::Long(list) => writer.write_field(itoa::Buffer::new().format(list[at])),
            Values::Float(list) if list[at].is_nan() => writer.write_field(""),
            Values::Float(list) => writer.write_field(number.format(list[at])),
            Values::Double(list) if list[at].is_nan() => writer.write_field(""),
            Values::Double(list) => writer.write_field(number.format(list[at])),
            Values::String(list) => writer.write_field(list[at].as_deref().unwrap_or_default()),
        }
    }
}

/// How the column of an array without a name is called.
const ARRAY: &str = "prediction";

/// Lays predictions out as columns of single values.
pub(super) fn columns(batch: &Predictions) -> Result<Vec<OutputColumn<'_>>> {
    let outputs = batch.tensors();
    let rows = outputs.first().and_then(|(_, first)| first.shape().first()).copied();
    let Some(rows) = rows else {
        return Err(Error::bad_request("the model returns no rows to write as a table"));
    };
    let mut columns = Vec::new();
    for (name, output) in outputs {
        let name = if name.is_empty() { ARRAY } else { name };
        let width = row_width(output, rows).ok_or_else(|| {
            Error::bad_request(format!(
                "the output `{name}` does not have one row for each of the {rows} rows: write \
                 JSON"
            ))
        })?;
        columns.extend((0..width).map(|at| OutputColumn {
            name: if width == 1 { name.to_owned() } else { format!("{name}_{at}") },
            values: output.values(),
            at,
            width,
            rows,
        }));
    }
    Ok(columns)
}

fn row_width(output: &Tensor, rows: usize) -> Option<usize> {
    let (first, rest) = output.shape().split_first()?;
    (*first == rows).then(|| rest.iter().product())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(scores: &[f32], labels: &[&str]) -> Predictions {
        let labels: Vec<_> = labels.iter().map(|label| Some((*label).to_owned())).collect();
        let shape = vec![labels.len(), scores.len() / labels.len()];
        let scores = Tensor::new(shape, Values::Float(scores.to_vec())).unwrap();
        let outputs = vec![
            ("label".to_owned(), Tensor::vector(Values::String(labels))),
            ("p".to_owned(), scores),
        ];
        Predictions::Records(outputs)
    }

    #[track_caller]
    fn check(format: Format, batches: &[Predictions], want: &str) {
        let mut out = Vec::new();
        let mut writer = Writer::new(format, &mut out).unwrap();
        for batch in batches {
            writer.write(batch).unwrap();
        }
        writer.finish().unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), want);
    }

    #[test]
    fn batches_become_one_file() {
        let two = [batch(&[0.25, 0.75], &["a"]), batch(&[0.5, f32::NAN], &["b,c"])];
        check(Format::Csv, &two, "label,p_0,p_1\na,0.25,0.75\n\"b,c\",0.5,\n");
        check(
            Format::Json,
            &two,
            "{\"predictions\":[{\"label\":\"a\",\"p\":[0.25,0.75]},\
             {\"label\":\"b,c\",\"p\":[0.5,null]}]}\n",
        );
    }

    #[test]
    fn nothing_at_all_is_a_file_too() {
        check(Format::Json, &[], "{\"predictions\":[]}\n");
    }

    #[test]
    fn tensors_of_one_batch_are_the_answer_and_a_second_batch_is_refused() {
        let Predictions::Records(outputs) = batch(&[0.5], &["a"]) else { panic!("no records") };
        let tensors = Predictions::Outputs(outputs);
        let one = "{\"predictions\":{\"label\":[\"a\"],\"p\":[[0.5]]}}\n";
        check(Format::Json, std::slice::from_ref(&tensors), one);

        for first in [tensors.clone(), batch(&[0.5], &["a"])] {
            let mut out = Vec::new();
            let mut writer = Writer::new(Format::Json, &mut out).unwrap();
            writer.write(&first).unwrap();

            let refused = writer.write(&tensors).unwrap_err().to_string();

            assert!(refused.contains("cannot be joined from several batches"), "{refused}");
        }
    }

    #[test]
    fn rows_after_tensors_are_refused() {
        let Predictions::Records(outputs) = batch(&[0.5], &["a"]) else { panic!("no records") };
        let mut writer = Writer::new(Format::Json, Vec::new()).unwrap();
        writer.write(&Predictions::Outputs(outputs)).unwrap();

        assert!(writer.write(&batch(&[0.5], &["a"])).is_err());
    }
}
