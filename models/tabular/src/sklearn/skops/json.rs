//! A tree of JSON that borrows its texts.
//!
//! A schema repeats a few names thousands of times; a tree that owned each of them would take
//! longer to make than everything else that loading a model does.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// A value of JSON.
#[derive(Debug)]
pub(crate) enum Value<'t> {
    Text(Cow<'t, str>),
    List(Vec<Self>),
    Object(Map<'t>),
    Whole(u64),
    /// What no schema asks for: null, truth values, other numbers.
    Other,
}

/// An object of JSON, in the order of the text.
#[derive(Debug)]
pub(crate) struct Map<'t>(Vec<(Cow<'t, str>, Value<'t>)>);

impl<'t> Value<'t> {
    pub(crate) fn as_str(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(crate) fn as_object(&self) -> Option<&Map<'t>> {
        if let Self::Object(map) = self { Some(map) } else { None }
    }

    pub(crate) fn as_list(&self) -> Option<&[Self]> {
        if let Self::List(list) = self { Some(list) } else { None }
    }

    pub(crate) fn as_u64(&self) -> Option<u64> {
        if let Self::Whole(value) = self { Some(*value) } else { None }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        self.as_object()?.get(name)
    }
}

impl<'t> Map<'t> {
    /// Returns the value of a name; of one that comes twice the last.
    pub(crate) fn get(&self, name: &str) -> Option<&Value<'t>> {
        self.entry(name).map(|(_, value)| value)
    }

    /// Returns a name, as it stands here, with its value.
    pub(crate) fn entry(&self, name: &str) -> Option<(&str, &Value<'t>)> {
        let found = self.0.iter().rfind(|(own, _)| own == name);
        found.map(|(own, value)| (own.as_ref(), value))
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Value<'t>)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value))
    }
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Tree)
    }
}

struct Tree;

impl<'de> Visitor<'de> for Tree {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value<'de>, E> {
        Ok(Value::Whole(value))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Value<'de>, E> {
        Ok(Value::Other)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Value<'de>, E> {
        Ok(Value::Other)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Value<'de>, E> {
        Ok(Value::Other)
    }

    fn visit_unit<E: Error>(self) -> Result<Value<'de>, E> {
        Ok(Value::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value<'de>, A::Error> {
        let mut list = Vec::new();
        while let Some(name) = fields.next_key::<Name<'de>>()? {
            list.push((name.0, fields.next_value()?));
        }
        Ok(Value::Object(Map(list)))
    }
}

/// A name that is borrowed where the text has it without escapes.
struct Name<'t>(Cow<'t, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_str(Tree)? {
            Value::Text(name) => Ok(Self(name)),
            _ => Err(D::Error::custom("a name is not text")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_borrowed_unless_they_have_escapes() {
        let text = r#"{"a": "plain", "b": "\u00e9", "a\t": [1, -1, 1.5, null, true, {}]}"#;

        let tree: Value<'_> = serde_json::from_str(text).unwrap();

        assert!(matches!(tree.get("a"), Some(Value::Text(Cow::Borrowed("plain")))));
        assert_eq!(tree.get("b").and_then(Value::as_str), Some("é"));
        let list = tree.get("a\t").and_then(Value::as_list).unwrap();
        assert_eq!(list[0].as_u64(), Some(1));
        assert!(list[1..5].iter().all(|value| matches!(value, Value::Other)));
        assert_eq!(list[5].as_object().unwrap().iter().len(), 0);
    }

    #[test]
    fn of_a_name_that_comes_twice_the_last_counts() {
        let tree: Value<'_> = serde_json::from_str(r#"{"a": 1, "a": 2}"#).unwrap();
        assert_eq!(tree.get("a").and_then(Value::as_u64), Some(2));
    }
}
