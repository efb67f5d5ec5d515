//! Reads a field: an optional prefix and a key, either of them quoted or not.

use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::token::{self, TokenKind};
use crate::vocabulary::{DATASET_KEYS, Entity, Field, Vocabulary};

/// Reads the field that stands here; `expected` says what is missing if none does.
pub(crate) fn read(
    cursor: &mut Cursor<'_>,
    vocabulary: &Vocabulary,
    expected: &str,
) -> Result<Field> {
    let start = cursor.start();
    let name = Name::read(cursor, expected)?;
    Names { vocabulary, cursor, start }.resolve(name)
}

/// A field as it was written.
enum Name {
    /// A word without a dot.
    Plain(String),
    /// Text in quotes with nothing before or after it.
    Quoted(String),
    Prefixed {
        prefix: String,
        key: String,
    },
}

impl Name {
    fn read(cursor: &mut Cursor<'_>, expected: &str) -> Result<Self> {
        if let Some(name) = cursor.take_quoted("`")? {
            let dot = cursor.kind() == TokenKind::Word && cursor.token().starts_with('.');
            if !dot || !cursor.is_glued() {
                return Ok(Self::Quoted(name));
            }
            let key = key_after_dot(cursor, &cursor.token()[1..])?;
            return Ok(Self::Prefixed { prefix: name, key });
        }
        if let Some(name) = cursor.take_quoted("\"")? {
            return Ok(Self::Quoted(name));
        }
        let word = cursor.token();
        if cursor.kind() != TokenKind::Word || word.starts_with('.') {
            return Err(cursor.expected(expected));
        }
        let Some((prefix, rest)) = word.split_once('.') else {
            cursor.advance();
            return Ok(Self::Plain(word.to_owned()));
        };
        let key = key_after_dot(cursor, rest)?;
        Ok(Self::Prefixed { prefix: prefix.to_owned(), key })
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
    cursor: &'a Cursor<'a>,
    start: usize,
}

impl Names<'_> {
    fn resolve(&self, name: Name) -> Result<Field> {
        match name {
            Name::Plain(name) => self.attribute(name),
            Name::Quoted(name) => self.quoted(name),
            Name::Prefixed { prefix, key } => self.prefixed(prefix, key),
        }
    }

    /// A quoted name is an attribute's, or a prefix and a key in the same quotes.
    fn quoted(&self, name: String) -> Result<Field> {
        if self.vocabulary.attribute(&name).is_none()
            && let Some((prefix, key)) = name.split_once('.')
            && self.vocabulary.entity(prefix).is_some()
        {
            return self.prefixed(prefix.to_owned(), key.to_owned());
        }
        self.attribute(name)
    }

    fn prefixed(&self, prefix: String, key: String) -> Result<Field> {
        match self.vocabulary.entity(&prefix) {
            Some(Entity::Attribute) => self.attribute(key),
            Some(Entity::Dataset) if !DATASET_KEYS.contains(&key.as_str()) => {
                Err(self.unknown_attribute("dataset", key, DATASET_KEYS.into()))
            }
            Some(entity) => Ok(Field { entity, key }),
            None => Err(Error::UnknownPrefix {
                what: self.vocabulary.what,
                prefix,
                known: self.vocabulary.prefixes.iter().map(|(prefix, _)| *prefix).collect(),
                place: self.cursor.place_of(self.start),
            }),
        }
    }

    fn attribute(&self, name: String) -> Result<Field> {
        match self.vocabulary.attribute(&name) {
            Some(attribute) => Ok(Field::new(Entity::Attribute, attribute.name)),
            None => {
                let known = self.vocabulary.attributes.iter().map(|known| known.name).collect();
                Err(self.unknown_attribute(self.vocabulary.what, name, known))
            }
        }
    }

    fn unknown_attribute(
        &self,
        what: &'static str,
        key: String,
        known: Box<[&'static str]>,
    ) -> Error {
        Error::UnknownAttribute { what, key, known, place: self.cursor.place_of(self.start) }
    }
}
