//! Reads a field: an optional prefix and a key, either of them quoted or not.

use crate::cursor::Cursor;
use crate::error::{Error, Place, Result};
use crate::token::{self, TokenKind};
use crate::vocabulary::{DATASET_KEYS, Entity, Field, Vocabulary};

/// Reads the field that stands here; `expected` says what is missing if none does.
pub(crate) fn read(
    cursor: &mut Cursor<'_>,
    vocabulary: &Vocabulary,
    expected: &str,
) -> Result<Field> {
    let names = Names { vocabulary, place: cursor.place() };
    if let Some(name) = cursor.take_quoted("`")? {
        if cursor.kind() == TokenKind::Word && cursor.is_glued() && cursor.token().starts_with('.')
        {
            let key = key_after_dot(cursor, &cursor.token()[1..])?;
            return names.with_prefix(&name, key);
        }
        return names.quoted_as_a_whole(&name);
    }
    if let Some(name) = cursor.take_quoted("\"")? {
        return names.quoted_as_a_whole(&name);
    }
    if cursor.kind() != TokenKind::Word || cursor.token().starts_with('.') {
        return Err(cursor.expected(expected));
    }
    match cursor.token().split_once('.') {
        Some((prefix, rest)) => {
            let key = key_after_dot(cursor, rest)?;
            names.with_prefix(prefix, key)
        }
        None => {
            let name = cursor.token();
            cursor.advance();
            names.attribute(name)
        }
    }
}

/// Reads a key, of which `rest` stands in the same token as its prefix.
fn key_after_dot(cursor: &mut Cursor<'_>, rest: &str) -> Result<String> {
    let word = cursor.token();
    if rest.is_empty() {
        cursor.advance();
        if cursor.is_glued()
            && let Some(key) = cursor.take_quoted("`\"'")?
        {
            return Ok(key);
        }
    } else if token::is_plain_key(rest) {
        cursor.advance();
        return Ok(rest.to_owned());
    }
    Err(cursor.expected(format!("a key after `{word}`, in quotes if it is not a plain word,")))
}

/// Gives names their meaning; errors point at where the field starts.
struct Names<'a> {
    vocabulary: &'a Vocabulary,
    place: Place,
}

impl Names<'_> {
    /// A quoted name is an attribute's, or a prefix and a key in the same quotes.
    fn quoted_as_a_whole(self, name: &str) -> Result<Field> {
        if self.vocabulary.attribute(name).is_none()
            && let Some((prefix, key)) = name.split_once('.')
            && self.vocabulary.entity(prefix).is_some()
        {
            return self.with_prefix(prefix, key.to_owned());
        }
        self.attribute(name)
    }

    fn with_prefix(self, prefix: &str, key: String) -> Result<Field> {
        match self.vocabulary.entity(prefix) {
            Some(Entity::Attribute) => self.attribute(&key),
            Some(Entity::Dataset) if !DATASET_KEYS.contains(&key.as_str()) => {
                Err(Error::UnknownAttribute {
                    what: "dataset",
                    key,
                    known: DATASET_KEYS.to_vec(),
                    place: self.place,
                })
            }
            Some(entity) => Ok(Field { entity, key }),
            None => Err(Error::UnknownPrefix {
                what: self.vocabulary.what,
                prefix: prefix.to_owned(),
                known: self.vocabulary.prefixes.iter().map(|(prefix, _)| *prefix).collect(),
                place: self.place,
            }),
        }
    }

    fn attribute(self, name: &str) -> Result<Field> {
        match self.vocabulary.attribute(name) {
            Some(attribute) => Ok(Field::new(Entity::Attribute, attribute.name)),
            None => Err(Error::UnknownAttribute {
                what: self.vocabulary.what,
                key: name.to_owned(),
                known: self.vocabulary.attributes.iter().map(|known| known.name).collect(),
                place: self.place,
            }),
        }
    }
}
