//! `text/csv`: a header, then one row a line; quotes as in RFC 4180.

use crate::{Error, Result};
use memchr::memchr_iter;
use mlctl_table::Input;
use mlctl_table::files::CsvBatches;
use mlctl_table::schema::Schema;

/// Decodes a body of CSV; values take the types that `schema` declares, else what all values of a
/// column can be read as. Missing is what pandas takes for it: an empty field, `NA`, `null`, `nan`.
///
/// # Errors
/// [`Error::BadRequest`] names the line that has too many or too few fields, or the value that
/// does not convert.
pub fn from_csv(body: &str, schema: Option<&Schema>) -> Result<Input> {
    refuse_long_lines(body)?;
    let open = || CsvBatches::new(body.as_bytes(), schema, usize::MAX);
    let mut batches = open()?;
    if schema.is_none() {
        let columns = batches.guess()?;
        batches = open()?.with_columns(columns);
    }
    match batches.next() {
        Some(table) => Ok(Input::Table(table?)),
        None => Err(Error::bad_request("the body is empty")),
    }
}

/// Refuses what is no table: each field of a line takes room before the line can be refused.
fn refuse_long_lines(body: &str) -> Result<()> {
    const FIELDS_MAX: usize = 1 << 20;
    let mut lines = body.split(['\n', '\r']);
    match lines.position(|line| memchr_iter(b',', line.as_bytes()).count() > FIELDS_MAX) {
        None => Ok(()),
        Some(_) => Err(Error::bad_request(format!("a line has more than {FIELDS_MAX} fields"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlctl_table::{Tensor, Values};

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

    #[test]
    fn a_name_that_is_given_twice_means_the_first_of_its_columns() {
        let names = |body: &str| {
            let Input::Table(table) = from_csv(body, None).unwrap() else { panic!("no table") };
            table.columns().iter().map(|(name, _)| name.clone()).collect::<Vec<_>>()
        };

        assert_eq!(names("a,b,a\n1,2,9\n"), ["a", "b", "a.1"]);
        assert_eq!(names("a,a,a.1,a\n1,2,3,4\n"), ["a", "a.2", "a.1", "a.3"]);
        assert_eq!(names(",a,,\n1,2,3,4\n"), ["Unnamed: 0", "a", "Unnamed: 2", "Unnamed: 3"]);
    }
}
