//! JSON as Python's `json.dumps` spells it.
//!
//! MLflow keeps JSON in tags, and clients compare such a tag as text.

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use std::io::{self, Write};

/// Spells a value the way `json.dumps` does: a space after `:` and `,`, and only ASCII characters.
///
/// ```
/// use mlctl_wire::python_json;
///
/// let spelled = python_json::to_string(&serde_json::json!([{ "name": "café", "version": 1 }]))?;
///
/// assert_eq!(spelled, r#"[{"name": "caf\u00e9", "version": 1}]"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// # Errors
/// When the value cannot be JSON, as with a map whose keys are not text.
pub fn to_string(value: &impl Serialize) -> serde_json::Result<String> {
    let mut bytes = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut bytes, Python))?;
    // Everything that is written is ASCII.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

struct Python;

fn separate<W: Write + ?Sized>(writer: &mut W, is_first: bool) -> io::Result<()> {
    if is_first { Ok(()) } else { writer.write_all(b", ") }
}

impl Formatter for Python {
    fn begin_array_value<W: Write + ?Sized>(&mut self, w: &mut W, first: bool) -> io::Result<()> {
        separate(w, first)
    }

    fn begin_object_key<W: Write + ?Sized>(&mut self, w: &mut W, first: bool) -> io::Result<()> {
        separate(w, first)
    }

    fn begin_object_value<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_string_fragment<W: Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for one in fragment.chars() {
            if one.is_ascii() {
                writer.write_all(&[one as u8])?;
                continue;
            }
            for unit in one.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_is_spelled_as_python_spells_it() {
        let value = json!({ "a": [1, -2.5, true, null], "b": {}, "c": [], "d": "é\"\n\u{1}😀" });

        let text = to_string(&value).unwrap();

        let want = r#"{"a": [1, -2.5, true, null], "b": {}, "c": [], "d": "\u00e9\"\n\u0001\ud83d\ude00"}"#;
        assert_eq!(text, want);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
