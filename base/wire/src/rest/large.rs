//! Naming the parameter that is wrong in a body: as it streams by, up to the first wrong token. A
//! large body needs no tree of what was sent for that.

use super::{Failure, missing_field, no_object, pointer, wrong_value};
use crate::ErrorCode;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess,
    Visitor,
};
use serde_json::Value;
use std::cell::Cell;
use std::fmt;

/// Decodes a body once more, and says which parameter is wrong.
pub(super) fn explain<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        serde_json::from_slice::<IgnoredAny>(bytes).map_err(|error| invalid(&error))?;
        return Err(no_object(found(bytes, "").1));
    }
    decode(bytes, &|pointer| found(bytes, pointer))
}

/// Decodes an object as it streams by; `found` tells what stands at a pointer.
pub(super) fn decode<T: DeserializeOwned>(
    bytes: &[u8],
    found: &dyn Fn(&str) -> (String, &'static str),
) -> Result<T, Failure> {
    let mut source = serde_json::Deserializer::from_slice(bytes);
    let message = serde_path_to_error::deserialize(&mut source)
        .map_err(|error| blame(&error.path().to_string(), error.inner(), found))?;
    source.end().map_err(|error| invalid(&error))?;
    Ok(message)
}

pub(super) fn invalid(error: &serde_json::Error) -> Failure {
    let message = format!("the body is not valid JSON: {error}");
    Failure::new(ErrorCode::InvalidParameterValue, message)
}

/// Says what is wrong at a path.
fn blame(
    path: &str,
    error: &serde_json::Error,
    found: &dyn Fn(&str) -> (String, &'static str),
) -> Failure {
    if !error.is_data() {
        return invalid(error);
    }
    let cause = without_place(&error.to_string());
    missing_field(path, &cause).unwrap_or_else(|| {
        let (shown, kind) = found(&pointer(path));
        wrong_value(&shown, kind, path, &cause)
    })
}

/// Takes off the line and column that the JSON reader adds.
fn without_place(cause: &str) -> String {
    cause.rsplit_once(" at line ").map_or(cause, |(cause, _)| cause).to_owned()
}

/// Finds the value at a pointer: how it is shown, and what Python calls its type.
fn found(bytes: &[u8], pointer: &str) -> (String, &'static str) {
    let path: Vec<&str> = pointer.split('/').filter(|part| !part.is_empty()).collect();
    let found = Cell::new(None);
    let search = Search { path: &path, found: &found };
    // It ends with an error where the value begins.
    drop(search.deserialize(&mut serde_json::Deserializer::from_slice(bytes)));
    found.take().unwrap_or_else(|| ("{…}".to_owned(), "dict"))
}

/// The way to a value that is looked for.
struct Search<'s> {
    path: &'s [&'s str],
    found: &'s Cell<Option<(String, &'static str)>>,
}

impl Search<'_> {
    fn end<T, E: Error>(&self, shown: String, kind: &'static str) -> Result<T, E> {
        self.found.set(Some((shown, kind)));
        Err(E::custom("found"))
    }
}

impl<'de> DeserializeSeed<'de> for Search<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Search<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.end("null".to_owned(), "NoneType")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.end(value.to_string(), "bool")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.end(value.to_string(), "int")
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.end(value.to_string(), "int")
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.end(Value::from(value).to_string(), "float")
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.end(Value::from(value).to_string(), "str")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Some((next, path)) = self.path.split_first() else {
            return self.end("[…]".to_owned(), "list");
        };
        let at: usize = next.parse().map_err(A::Error::custom)?;
        for _ in 0..at {
            list.next_element::<IgnoredAny>()?;
        }
        list.next_element_seed(Search { path, found: self.found }).map(|_| ())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((next, path)) = self.path.split_first() else {
            return self.end("{…}".to_owned(), "dict");
        };
        while let Some(name) = map.next_key::<String>()? {
            if name == *next {
                map.next_value_seed(Search { path, found: self.found })?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct Sample {
        name: Option<String>,
        tags: Vec<Tag>,
    }

    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only its decoding is looked at")]
    struct Tag {
        key: String,
    }

    #[track_caller]
    fn check(body: &str, want: &str) {
        // Small bodies are explained from a tree: the same is said of both.
        for explain in [explain::<Sample>, super::super::explain::<Sample>] {
            let got = explain(body.as_bytes()).unwrap_err().0.message;
            assert!(got.starts_with(want), "for {body}: {got}");
        }
    }

    #[test]
    fn a_large_body_is_explained_as_a_small_one() {
        check(r#"{"name": 5}"#, "Invalid value 5 for parameter 'name' supplied: invalid type: ");
        let key = "Invalid value 5.5 for parameter 'tags[1].key' supplied: ";
        check(r#"{"x": [], "tags": [{"key": "a"}, {"key": 5.5}]}"#, key);
        check(r#"{"tags": [{}]}"#, "Missing value for required parameter 'tags[0].key'.");
        check(r#"{"tags": true}"#, "Invalid value true for parameter 'tags' supplied: ");
        check("[1, 2]", "the body is a list; it must be an object");
        check(r#"{"name": "a""#, "the body is not valid JSON: EOF while parsing an object at");
        check("[1, 2", "the body is not valid JSON: EOF while parsing a list at line 1");
    }

    #[test]
    fn a_large_value_is_not_shown() {
        let body = format!(r#"{{"name": [{}1]}}"#, "1,".repeat(500_000));

        let got = explain::<Sample>(body.as_bytes()).unwrap_err().0.message;

        assert!(got.starts_with("Invalid value […] for parameter 'name' supplied: "), "{got}");
        assert!(got.contains("Value was of type 'list'"), "{got}");
    }
}
