//! CSV as RFC 4180 has it, typed while it is read.

use super::column::{Column, Guess};
use crate::schema::COLUMNS_MAX;
use crate::schema::{Declared, Lookup, Schema};
use crate::{Error, Result, Table, Tensor};
use csv::{Reader, ReaderBuilder, StringRecord};
use memchr::{memchr_iter, memchr2};
use std::collections::{HashMap, HashSet};
use std::io::Read;

/// Read from the file at once.
const BUFFER_BYTES: usize = 256 << 10;

/// What every row of a file is like.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) names: Vec<String>,
    /// Without any values.
    pub(super) columns: Vec<Column>,
}

/// Tables of at most so many rows, until the file ends or a row is broken.
pub struct CsvBatches<R> {
    reader: Reader<Quotes<R>>,
    names: Vec<String>,
    columns: Option<Vec<Column>>,
    rows: usize,
    /// Lines of the file before the first one here.
    lines_before: u64,
    /// The row that was read last.
    record: StringRecord,
    has_begun: bool,
    has_ended: bool,
}

impl<R: Read> CsvBatches<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is none.
    pub fn new(source: R, schema: Option<&Schema>, rows: usize) -> Result<Self> {
        let mut reader = reader(source, true);
        let header = reader.headers().map_err(|error| broken(error, 1))?;
        if header.is_empty() {
            return Err(Error::invalid("No columns to parse from file"));
        }
        if header.len() > COLUMNS_MAX {
            return Err(Error::invalid(format!("there are more than {COLUMNS_MAX} columns")));
        }
        let mut names: Vec<String> = header.iter().map(str::to_owned).collect();
        if let Some(first) = names.first_mut()
            && let Some(rest) = first.strip_prefix('\u{feff}')
        {
            *first = rest.to_owned();
        }
        let names = told_apart(names);
        let columns = schema.map(|schema| declared(schema, &names));
        Ok(Self {
            reader,
            names,
            columns,
            rows: rows.max(1),
            lines_before: 0,
            record: StringRecord::new(),
            has_begun: false,
            has_ended: false,
        })
    }

    /// Learns from all rows what the columns are, when nobody says it: rows are not kept.
    ///
    /// # Errors
    /// [`Error::Invalid`] names the line that is broken.
    pub fn guess(&mut self) -> Result<Vec<Column>> {
        let mut guesses = vec![Guess::default(); self.names.len()];
        while self.next_row()? {
            guesses.iter_mut().zip(&self.record).for_each(|(guess, field)| guess.see(field));
        }
        Ok(guessed(&guesses))
    }

    /// Says what the columns are.
    pub fn with_columns(self, columns: Vec<Column>) -> Self {
        Self { columns: Some(columns), ..self }
    }

    /// Goes on in the middle of a file, at the beginning of a row.
    pub(super) fn resume(source: R, layout: Layout, lines_before: u64, rows: usize) -> Self {
        Self {
            reader: reader(source, false),
            names: layout.names,
            columns: Some(layout.columns),
            rows: rows.max(1),
            lines_before,
            record: StringRecord::new(),
            has_begun: true,
            has_ended: false,
        }
    }

    /// Tells what rows are like, once a batch was read.
    pub(super) fn layout(&self) -> Option<Layout> {
        let columns = self.columns.clone()?;
        Some(Layout { names: self.names.clone(), columns })
    }

    fn batch(&mut self) -> Result<Table> {
        let mut first = match self.columns.take() {
            Some(columns) => return self.typed_batch(columns),
            None => Vec::new(),
        };
        // Nobody says the types: the first batch does, for all.
        let mut guesses = vec![Guess::default(); self.names.len()];
        while first.len() < self.rows && self.next_row()? {
            guesses.iter_mut().zip(&self.record).for_each(|(guess, field)| guess.see(field));
            first.push((self.line(), self.record.clone()));
        }
        let mut columns = guessed(&guesses);
        for (line, row) in &first {
            self.push(&mut columns, row, *line)?;
        }
        self.table(columns)
    }

    fn typed_batch(&mut self, mut columns: Vec<Column>) -> Result<Table> {
        let mut count = 0;
        while count < self.rows && self.next_row()? {
            self.push(&mut columns, &self.record, self.line())?;
            count += 1;
        }
        self.table(columns)
    }

    fn push(&self, columns: &mut [Column], row: &StringRecord, line: u64) -> Result<()> {
        for ((column, field), name) in columns.iter_mut().zip(row).zip(&self.names) {
            column.push(field).map_err(|problem| {
                Error::invalid(format!(
                    "Data is not compatible with the type of its column. Failed to convert column \
                     {name} in line {line}. Error: '{problem}'"
                ))
            })?;
        }
        Ok(())
    }

    fn table(&mut self, mut columns: Vec<Column>) -> Result<Table> {
        let values = columns.iter_mut().map(|column| Tensor::vector(column.take()));
        let table = Table::new(self.names.iter().cloned().zip(values).collect());
        self.columns = Some(columns);
        table
    }

    /// Reads a row; false at the end of the file.
    fn next_row(&mut self) -> Result<bool> {
        if self.has_ended {
            return Ok(false);
        }
        // At the end there is no record any more, and this one was the last.
        let (last_line, was_open) = (self.line(), seems_open(&self.record));
        let read = self.reader.read_record(&mut self.record);
        if !read.map_err(|error| broken(error, self.line()))? {
            self.has_ended = true;
            self.refuse_open_quotes(last_line, was_open)?;
            return Ok(false);
        }
        if self.record.len() == self.names.len() {
            return Ok(true);
        }
        let line = self.line();
        self.refuse_open_quotes(line, seems_open(&self.record))?;
        Err(Error::invalid(format!(
            "Expected {} fields in line {line}, saw {}",
            self.names.len(),
            self.record.len()
        )))
    }

    /// Returns the line of the file at which the last row begins.
    fn line(&self) -> u64 {
        let (seen, at) = (self.reader.get_ref(), self.reader.position());
        let is_open = seen.count % 2 == 1 && seems_open(&self.record);
        let is_cut = at.byte() == seen.bytes && (is_open || seen.last != b'\n');
        // The reader has gone on to the next line, unless the file ends in this one. It leaves a
        // line feed that follows a carriage return for later.
        let is_behind = seen.line_end == Some(b'\n') && !is_cut;
        let within = memchr_iter(b'\n', self.record.as_slice().as_bytes()).count() as u64;
        (self.lines_before + at.line()).saturating_sub(u64::from(is_behind) + within)
    }

    /// Refuses a file that was cut inside of quotes, which reads as one long field at its end.
    fn refuse_open_quotes(&self, line: u64, seems_open: bool) -> Result<()> {
        let quotes = self.reader.get_ref();
        let is_odd = quotes.count % 2 == 1;
        if self.reader.is_done() && is_odd && (seems_open || quotes.last != b'\n') {
            return Err(Error::invalid(format!("EOF inside string starting at line {line}")));
        }
        Ok(())
    }
}

impl<R: Read> Iterator for CsvBatches<R> {
    type Item = Result<Table>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_ended {
            return None;
        }
        let is_first = !std::mem::replace(&mut self.has_begun, true);
        match self.batch() {
            Err(error) => {
                self.has_ended = true;
                Some(Err(error))
            }
            // A file of nothing but a header is one table without rows.
            Ok(table) if table.rows() == 0 && !is_first => None,
            Ok(table) => Some(Ok(table)),
        }
    }
}

fn guessed(guesses: &[Guess]) -> Vec<Column> {
    guesses.iter().filter_map(|guess| Column::of(guess.data_type())).collect()
}

/// Makes the columns that a schema asks for, by name or by position.
fn declared(schema: &Schema, names: &[String]) -> Vec<Column> {
    let types = Lookup::new(Some(schema));
    let column = |(at, name): (usize, &String)| match types.of_column(name, at) {
        Declared::As(element) => Column::of(element.data_type).unwrap_or(Column::Skipped(0)),
        Declared::Free | Declared::Unknown => Column::Skipped(0),
    };
    names.iter().enumerate().map(column).collect()
}

/// Names columns as pandas does: of two with one name the second is `NAME.1`, and one without a
/// name is `Unnamed: 0` by its position.
fn told_apart(names: Vec<String>) -> Vec<String> {
    let given: HashSet<String> = names.iter().cloned().collect();
    let mut taken = HashSet::with_capacity(names.len());
    let mut next: HashMap<String, usize> = HashMap::new();
    let told = names.into_iter().enumerate().map(|(at, mut name)| {
        if name.is_empty() {
            name = format!("Unnamed: {at}");
        }
        if taken.contains(&name) {
            let count = next.entry(name.clone()).or_insert(1);
            let fresh = (*count..).map(|count| (count, format!("{name}.{count}")));
            let is_free =
                |(_, other): &(usize, String)| !given.contains(other) && !taken.contains(other);
            if let Some((used, other)) = fresh.into_iter().find(is_free) {
                *count = used + 1;
                name = other;
            }
        }
        taken.insert(name.clone());
        name
    });
    told.collect()
}

/// Tells whether the last field took the end of its line along, as one does whose quotes are open.
fn seems_open(record: &StringRecord) -> bool {
    record.iter().next_back().is_some_and(|last| last.ends_with('\n'))
}

fn reader<R: Read>(source: R, has_headers: bool) -> Reader<Quotes<R>> {
    let source = Quotes { source, bytes: 0, count: 0, last: b'\n', line_end: None };
    let mut builder = ReaderBuilder::new();
    builder.has_headers(has_headers).flexible(true).buffer_capacity(BUFFER_BYTES);
    builder.from_reader(source)
}

fn broken(error: csv::Error, line: u64) -> Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => Error::io("reading the input", error),
        csv::ErrorKind::Utf8 { err, .. } => Error::invalid(format!(
            "Ensure that input is a valid UTF-8 encoded string. Error: '{err}' in line {line}"
        )),
        other => Error::invalid(format!("{other:?}")),
    }
}

/// Counts bytes and quotes on the way, and knows the last byte.
struct Quotes<R> {
    source: R,
    bytes: u64,
    count: usize,
    last: u8,
    /// What the first line ends with.
    line_end: Option<u8>,
}

impl<R: Read> Read for Quotes<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let size = self.source.read(buffer)?;
        let read = &buffer[..size];
        self.bytes += size as u64;
        self.count += memchr_iter(b'"', read).count();
        self.last = read.last().copied().unwrap_or(self.last);
        self.line_end = self.line_end.or_else(|| memchr2(b'\r', b'\n', read).map(|at| read[at]));
        Ok(size)
    }
}
