//! `text/csv`: a header, then one row a line; quotes as in RFC 4180.

use super::cell::Cell;
use super::frame;
use crate::signature::Schema;
use crate::{Error, Input, Result};

/// Decodes a body of CSV; values take the types that `schema` declares, else what all values of a
/// column can be read as. An empty field is a missing value.
///
/// # Errors
/// [`Error::BadRequest`] names the line that has too many or too few fields, or the value that
/// does not convert.
pub fn from_csv(body: &str, schema: Option<&Schema>) -> Result<Input> {
    let mut rows = rows(body).map_err(Error::bad_request)?.into_iter();
    let Some((_, header)) = rows.next() else {
        return Err(Error::bad_request("No columns to parse from file"));
    };
    let mut columns = vec![Vec::new(); header.len()];
    for (line, row) in rows {
        if row.len() != header.len() {
            return Err(Error::bad_request(format!(
                "Expected {} fields in line {line}, saw {}",
                header.len(),
                row.len()
            )));
        }
        columns.iter_mut().zip(row).for_each(|(column, field)| column.push(field));
    }
    let columns = columns.into_iter().map(|column| cells(column, schema.is_some()));
    frame::table(header.into_iter().zip(columns), schema).map(Input::Table)
}

/// Makes cells of fields. Without a declared type, a column of numbers becomes numbers.
fn cells(fields: Vec<String>, is_declared: bool) -> Vec<Cell> {
    let number = |field: &String| match field.trim() {
        "" => Some(Cell::Null),
        text => text.parse().map(Cell::Integer).or_else(|_| text.parse().map(Cell::Number)).ok(),
    };
    if !is_declared && let Some(numbers) = fields.iter().map(number).collect() {
        return numbers;
    }
    let text = |field: String| if field.is_empty() { Cell::Null } else { Cell::Text(field) };
    fields.into_iter().map(text).collect()
}

/// Splits a body into rows of fields, each with the number of its first line.
fn rows(body: &str) -> Result<Vec<(usize, Vec<String>)>, String> {
    let mut rows = Vec::new();
    let (mut row, mut field, mut line, mut start) = (Vec::new(), String::new(), 1, 1);
    let (mut in_quotes, mut was_quoted) = (false, false);
    let mut letters = body.strip_prefix('\u{feff}').unwrap_or(body).chars().peekable();
    while let Some(letter) = letters.next() {
        line += usize::from(letter == '\n');
        match letter {
            '"' if in_quotes && letters.next_if_eq(&'"').is_some() => field.push('"'),
            '"' if in_quotes => in_quotes = false,
            '"' if field.is_empty() => (in_quotes, was_quoted) = (true, true),
            _ if in_quotes => field.push(letter),
            ',' => row.push(std::mem::take(&mut field)),
            '\r' if letters.peek() == Some(&'\n') => {}
            '\n' => {
                if !(row.is_empty() && field.is_empty() && !was_quoted) {
                    row.push(std::mem::take(&mut field));
                    rows.push((start, std::mem::take(&mut row)));
                }
                (start, was_quoted) = (line, false);
            }
            _ => field.push(letter),
        }
    }
    if in_quotes {
        return Err(format!("EOF inside string starting at line {start}"));
    }
    if !row.is_empty() || !field.is_empty() {
        row.push(field);
        rows.push((start, row));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Tensor, Values};

    #[test]
    fn quotes_line_ends_and_blank_lines_are_understood() {
        let body = "a,\"b \"\"x\"\"\"\r\n\r\n1,\"two\r\nlines, really\"\r\n2,\n3,plain";

        let Input::Table(table) = from_csv(body, None).unwrap() else { panic!("no table") };

        let text = |value: &str| Some(value.to_owned());
        let want = [
            ("a".to_owned(), Tensor::vector(Values::Long(vec![1, 2, 3]))),
            (
                "b \"x\"".to_owned(),
                Tensor::vector(Values::String(vec![
                    text("two\r\nlines, really"),
                    None,
                    text("plain"),
                ])),
            ),
        ];
        assert_eq!(table.columns(), want);
    }

    #[test]
    fn broken_files_are_refused_with_their_line() {
        for (body, want) in [
            ("", "No columns to parse"),
            ("a,b\n1,2\n3\n", "Expected 2 fields in line 3, saw 1"),
            ("a,b\n1,\"2\n", "EOF inside string starting at line 2"),
        ] {
            let error = from_csv(body, None).unwrap_err().to_string();
            assert!(error.contains(want), "{error}");
        }
    }
}
