//! CSV cut at the ends of lines, so that its parts can be read beside each other.
//!
//! The end of a line is the end of a row only where nothing is quoted: from the first quote on, a
//! file is read row by row.

use super::column::Column;
use super::csv::{CsvBatches, Layout};
use super::{Batch, Rows};
use crate::schema::Schema;
use crate::{Error, Input, Result, Table, Tensor, Values};
use memchr::{memchr, memchr_iter, memrchr};
use std::io::{self, Chain, Cursor, Read};
use std::mem;
use std::sync::Arc;

/// Read from the file at once.
const READ_BYTES: u64 = 256 << 10;
const BLOCK_BYTES: usize = 8 << 20;

/// Some rows of a file as they stand there, and what rows are like.
#[derive(Debug)]
pub(super) struct Lines {
    bytes: Vec<u8>,
    layout: Arc<Layout>,
    lines_before: u64,
}

impl Lines {
    pub(super) fn decode(self) -> Result<Table> {
        if let Some(table) = self.read() {
            return Ok(table);
        }
        let layout = Layout::clone(&self.layout);
        let rows = CsvBatches::resume(&*self.bytes, layout, self.lines_before, usize::MAX).next();
        rows.unwrap_or_else(|| Err(Error::invalid("there are no rows in these lines")))
    }

    /// Reads the rows at once; `None` when one is broken, as only a reader of CSV can tell.
    fn read(&self) -> Option<Table> {
        let Layout { names, mut columns } = Layout::clone(&self.layout);
        let mut bytes = &*self.bytes;
        while !bytes.is_empty() {
            if let Some(next) = after_line(bytes) {
                bytes = next;
                continue;
            }
            let (last, others) = columns.split_last_mut()?;
            for column in others {
                bytes = push_field(column, bytes)?.strip_prefix(b",")?;
            }
            bytes = push_field(last, bytes)?;
            if !bytes.is_empty() {
                bytes = after_line(bytes)?;
            }
        }
        let values = columns.iter_mut().map(|column| Tensor::vector(column.take()));
        Table::new(names.into_iter().zip(values).collect()).ok()
    }
}

/// Adds a field to its column, and returns what follows it.
fn push_field<'a>(column: &mut Column, bytes: &'a [u8]) -> Option<&'a [u8]> {
    let ends = |byte: &u8| matches!(byte, b',' | b'\r' | b'\n');
    if let Column::Typed(Values::Double(list)) = column
        && let Ok((value, size)) = fast_float2::parse_partial(bytes)
        && bytes.get(size).is_none_or(ends)
    {
        list.push(value);
        return Some(&bytes[size..]);
    }
    let size = bytes.iter().position(ends).unwrap_or(bytes.len());
    let (field, rest) = bytes.split_at(size);
    column.push(str::from_utf8(field).ok()?).ok()?;
    Some(rest)
}

/// Skips the end of a line, if one is here.
fn after_line(bytes: &[u8]) -> Option<&[u8]> {
    bytes.strip_prefix(b"\n").or_else(|| bytes.strip_prefix(b"\r\n"))
}

/// Batches of at most so many rows, until the file ends or a row is broken.
pub(super) struct CsvFile<R> {
    state: State<R>,
    schema: Option<Schema>,
    rows: usize,
    /// Bytes from which on a block is full, however few its lines are.
    full: usize,
    /// What was read and belongs to no block yet.
    ahead: Vec<u8>,
    lines_before: u64,
}

enum State<R> {
    /// What rows are like is known after the first block.
    Cutting(R, Option<Arc<Layout>>),
    Reading(Box<Rest<R>>),
    Ended,
}

/// The file from some place on.
type Rest<R> = CsvBatches<Chain<Cursor<Vec<u8>>, R>>;

impl<R: Read> CsvFile<R> {
    pub(super) fn new(source: R, schema: Option<&Schema>, rows: usize) -> Self {
        Self {
            state: State::Cutting(source, None),
            schema: schema.cloned(),
            rows: rows.max(1),
            full: BLOCK_BYTES,
            ahead: Vec::new(),
            lines_before: 0,
        }
    }

    fn cut(&mut self, mut source: R, layout: Option<Arc<Layout>>) -> Result<Option<Batch>> {
        let failed = |error| Error::io("reading the input", error);
        let Some(layout) = layout else {
            // The header is a line too.
            let block = self.block(&mut source, self.rows.saturating_add(1)).map_err(failed)?;
            return self.first(source, block);
        };
        let (bytes, lines_before) = loop {
            let block = self.block(&mut source, self.rows).map_err(failed)?;
            let lines_before = self.lines_before;
            self.lines_before += memchr_iter(b'\n', &block).count() as u64;
            if block.is_empty() {
                return Ok(None);
            }
            if !is_blank(&block) {
                break (block, lines_before);
            }
        };
        if self.is_plain(&bytes) {
            self.state = State::Cutting(source, Some(Arc::clone(&layout)));
            return Ok(Some(Batch(Rows::Lines(Lines { bytes, layout, lines_before }))));
        }
        let rest = self.rest(bytes, source);
        let rows = CsvBatches::resume(rest, Layout::clone(&layout), lines_before, self.rows);
        self.read(Box::new(rows))
    }

    /// Reads the header and the rows after it, which say what the others are like.
    fn first(&mut self, source: R, block: Vec<u8>) -> Result<Option<Batch>> {
        if self.is_plain(&block) && !is_blank(&block) {
            let mut batches = CsvBatches::new(&*block, self.schema.as_ref(), self.rows)?;
            let table = batches.next().transpose()?;
            let lines = block.split_inclusive(|byte| *byte == b'\n').count();
            if let (Some(table), Some(layout)) = (table, batches.layout())
                // With empty lines, the types would be those of fewer rows or of none.
                && table.rows() > 0
                && table.rows() + 1 == lines
            {
                self.lines_before = memchr_iter(b'\n', &block).count() as u64;
                self.state = State::Cutting(source, Some(Arc::new(layout)));
                return Ok(Some(Batch::from(Input::Table(table))));
            }
        }
        let rest = self.rest(block, source);
        self.read(Box::new(CsvBatches::new(rest, self.schema.as_ref(), self.rows)?))
    }

    fn read(&mut self, mut rows: Box<Rest<R>>) -> Result<Option<Batch>> {
        let table = rows.next().transpose()?;
        self.state = State::Reading(rows);
        Ok(table.map(|table| Batch::from(Input::Table(table))))
    }

    /// Puts what was read before what was not.
    fn rest(&mut self, mut block: Vec<u8>, source: R) -> Chain<Cursor<Vec<u8>>, R> {
        block.append(&mut self.ahead);
        Cursor::new(block).chain(source)
    }

    /// Reads so many lines, or fewer when they are long or the file ends.
    fn block(&mut self, source: &mut R, limit: usize) -> io::Result<Vec<u8>> {
        let (mut lines, mut seen) = (0, 0);
        loop {
            for at in memchr_iter(b'\n', &self.ahead[seen..]) {
                lines += 1;
                if lines == limit {
                    return Ok(self.take(seen + at + 1));
                }
            }
            seen = self.ahead.len();
            if seen >= self.full {
                let end = memrchr(b'\n', &self.ahead).map_or(seen, |at| at + 1);
                return Ok(self.take(end));
            }
            if source.take(READ_BYTES).read_to_end(&mut self.ahead)? == 0 {
                return Ok(mem::take(&mut self.ahead));
            }
        }
    }

    fn take(&mut self, end: usize) -> Vec<u8> {
        let ahead = self.ahead.split_off(end);
        mem::replace(&mut self.ahead, ahead)
    }

    /// Tells whether each line is a row: nothing is quoted, and rows end as lines do.
    fn is_plain(&self, block: &[u8]) -> bool {
        let ends_line = |at: usize| block.get(at + 1) == Some(&b'\n');
        memchr(b'"', block).is_none()
            && memchr_iter(b'\r', block).all(ends_line)
            && (block.ends_with(b"\n") || block.len() < self.full)
    }
}

impl<R: Read> Iterator for CsvFile<R> {
    type Item = Result<Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        match mem::replace(&mut self.state, State::Ended) {
            State::Cutting(source, layout) => self.cut(source, layout).transpose(),
            State::Reading(rows) => self.read(rows).transpose(),
            State::Ended => None,
        }
    }
}

/// Tells whether these are empty lines, which are no rows.
fn is_blank(block: &[u8]) -> bool {
    block.iter().all(|byte| matches!(byte, b'\r' | b'\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(batch: Result<Batch>) -> Result<Table> {
        match batch?.decode()? {
            Input::Table(table) => Ok(table),
            other => panic!("no table: {other:?}"),
        }
    }

    /// The values of each column up to the first batch that is broken, and what is wrong with it.
    fn read(tables: impl Iterator<Item = Result<Table>>) -> (Vec<String>, Option<String>) {
        let mut columns = Vec::new();
        for table in tables {
            let table = match table {
                Ok(table) => table,
                Err(error) => return (columns, Some(error.to_string())),
            };
            columns.resize(table.columns().len(), String::new());
            for (column, (_, values)) in columns.iter_mut().zip(table.columns()) {
                let text = format!("{:?}", values.values());
                let (kind, list) = text.trim_end_matches("])").split_once("([").unwrap();
                list.split_terminator(", ").for_each(|value| *column += &format!("{kind} {value}"));
            }
        }
        (columns, None)
    }

    #[test]
    fn files_are_read_in_parts_as_they_are_row_by_row() {
        const FULL: usize = 3_000;
        let long = "x".repeat(FULL / 3);
        let files = [
            "",
            "a,b\n",
            "a,b\n1,2\n3,4\n5,6\n7,8\n9,10",
            "\u{feff}a,b\r\n1,x\r\n2,y\r\n3,\r\n4,z\r\n",
            "a,b\n1,2\n\n\n\n\n3,4\n\n",
            "a,b\n\n\n\n\n\nx,y\n1,2\n",
            "\n\n\n\n\na,b\n1,2\n",
            "a,b\n1,2\n3,4\n5,6\n7,\"x\ny\"\n8,\"\"\n",
            "a,b\n1,2\n3,4\n5,6\n7,8\n9,\"open\n1,2\n",
            "a,\"b\nc\"\n1,2\n3,4\n",
            "a,b\r1,2\r3,4\r5,6\r7,8\r",
            "a,b\n1,2\n3,4\n5,6\n7,8\r9,10\r11,12\n13,14\n",
            "a,b\n1,2\n3,4\n5,6\n7,8,9\n1,2\n",
            "a,b\n1,2\n3,4\n5,6\n7,x\n",
            "a\n1\n2\n3\n\"\"\n4\n",
            &format!("a,b\n{long},1\n{long},2\n{long},3\n{long},4\n{long},5\n"),
            &format!("a\n{long}{long}{long}{long}\n{long}\n"),
        ];
        for file in files {
            for rows in [1, 2, 3, 100] {
                let start = &file[..file.len().min(80)];
                let mut parts = CsvFile::new(file.as_bytes(), None, rows);
                parts.full = FULL;
                match CsvBatches::new(file.as_bytes(), None, rows) {
                    Ok(whole) => {
                        assert!(read(parts.map(table)) == read(whole), "{start} by {rows}")
                    }
                    Err(_) => assert!(parts.next().is_some_and(|part| part.is_err()), "{start}"),
                }
            }
        }
    }

    #[test]
    fn text_that_is_no_utf8_is_named_by_its_line() {
        let file = b"a\n1\n2\n3\n\xff\n";

        let last = CsvFile::new(&file[..], None, 2).map(table).last();

        let error = last.map(|table| table.unwrap_err().to_string()).unwrap_or_default();
        assert!(error.ends_with("in line 5"), "{error}");
    }
}
