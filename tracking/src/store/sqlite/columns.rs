//! Columns of one experiment's runs, kept in memory: who the runs are, and for the fields that
//! searches asked for, a value of each run.
//!
//! A number takes 8 bytes; a text takes 4 and its words are kept once each, since params and tags
//! are mostly the same few words.

use super::runs;
use crate::entity::ViewType;
use mlctl_filter::{Entity, Facts, Field, Scalar, Values};
use rusqlite::types::ValueRef;
use std::collections::HashMap;

/// Stands for no value among numbers: a NaN that no calculation makes.
const MISSING: f64 = f64::from_bits(0x7ff8_6d6c_6374_6c00);
/// Stands for no value among texts.
const NO_WORD: u32 = u32::MAX;

/// Who a run is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Who {
    /// The place of its row in the file; rows that come later have higher ones.
    pub(super) rowid: i64,
    pub(super) start_time: i64,
    /// Its id of 32 lowercase hex digits, as the number that they spell.
    pub(super) id: u128,
    pub(super) is_deleted: bool,
}

/// The runs of one experiment, in the order of their rows.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) runs: Vec<Who>,
    pub(super) columns: Vec<(Field, Column)>,
}

/// The values of one field, by the places of the runs.
#[derive(Debug)]
pub(super) enum Column {
    Numbers(Vec<f64>),
    Texts(Texts),
}

#[derive(Debug, Default)]
pub(super) struct Texts {
    places: Vec<u32>,
    words: Vec<Box<str>>,
}

impl Who {
    pub(super) fn shown_by(&self, view: ViewType) -> bool {
        match view {
            ViewType::ActiveOnly => !self.is_deleted,
            ViewType::DeletedOnly => self.is_deleted,
            ViewType::All => true,
        }
    }
}

/// Reads an id as MLflow makes them.
pub(super) fn parse_id(text: &str) -> Option<u128> {
    let is_digit = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    (text.len() == 32 && text.bytes().all(is_digit))
        .then(|| u128::from_str_radix(text, 16).ok())
        .flatten()
}

impl Table {
    pub(super) fn column(&self, field: &Field) -> Option<&Column> {
        self.columns.iter().find(|(known, _)| known == field).map(|(_, column)| column)
    }

    /// Finds a run by its row.
    pub(super) fn place(&self, rowid: i64) -> Option<usize> {
        self.runs.binary_search_by_key(&rowid, |run| run.rowid).ok()
    }

    /// Estimates what it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let columns = self.columns.iter().map(|(_, column)| column.bytes());
        self.runs.capacity() * size_of::<Who>() + columns.sum::<usize>()
    }
}

impl Column {
    /// Makes the column that suits a field.
    pub(super) fn of(field: &Field) -> Self {
        let is_time = matches!(field.key.as_str(), "start_time" | "end_time");
        match field.entity {
            Entity::Metric => Self::Numbers(Vec::new()),
            Entity::Attribute if is_time => Self::Numbers(Vec::new()),
            _ => Self::Texts(Texts::default()),
        }
    }

    /// Sets the value of the run at `place`, or of a new run at the end. `words` knows the places
    /// of words while a column is filled.
    pub(super) fn set(
        &mut self,
        place: usize,
        value: ValueRef<'_>,
        words: Option<&mut HashMap<Box<str>, u32>>,
    ) {
        match self {
            Self::Numbers(numbers) => put(numbers, place, number(value)),
            Self::Texts(texts) => {
                let word = match value {
                    ValueRef::Text(bytes) => std::str::from_utf8(bytes).ok(),
                    _ => None,
                };
                let word = word.map_or(NO_WORD, |word| texts.place_of(word, words));
                put(&mut texts.places, place, word);
            }
        }
    }

    /// Tells whether so many changes left words that nobody has any more that it had better be
    /// filled anew.
    pub(super) fn is_worn(&self) -> bool {
        match self {
            Self::Numbers(_) => false,
            Self::Texts(texts) => texts.words.len() > 2 * texts.places.len() + 1000,
        }
    }

    pub(super) fn value(&self, place: usize) -> Values<'_> {
        let scalar = match self {
            Self::Numbers(numbers) => {
                let number =
                    numbers.get(place).copied().filter(|n| n.to_bits() != MISSING.to_bits());
                number.map(Scalar::Number)
            }
            Self::Texts(texts) => {
                let word = texts.places.get(place).and_then(|word| texts.words.get(*word as usize));
                word.map(|word| Scalar::Text(word))
            }
        };
        scalar.into()
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Numbers(numbers) => numbers.capacity() * size_of::<f64>(),
            Self::Texts(texts) => {
                // An allocation has a head and is rounded up.
                let word = |text: &str| size_of::<Box<str>>() + text.len().max(8) + 16;
                let words = texts.words.iter().map(|text| word(text));
                texts.places.capacity() * 4 + words.sum::<usize>()
            }
        }
    }
}

impl Texts {
    fn place_of(&mut self, word: &str, known: Option<&mut HashMap<Box<str>, u32>>) -> u32 {
        let Some(known) = known else { return self.add(word) };
        if let Some(place) = known.get(word) {
            return *place;
        }
        let place = self.add(word);
        known.insert(word.into(), place);
        place
    }

    fn add(&mut self, word: &str) -> u32 {
        let place = u32::try_from(self.words.len()).unwrap_or(NO_WORD);
        self.words.push(word.into());
        place
    }
}

fn put<T>(values: &mut Vec<T>, place: usize, value: T) {
    match values.get_mut(place) {
        Some(old) => *old = value,
        None => values.push(value),
    }
}

/// Reads a number as the statement for columns spells it: NaN is a text.
fn number(value: ValueRef<'_>) -> f64 {
    match value {
        ValueRef::Real(number) => runs::restored(number),
        ValueRef::Integer(number) => number as f64,
        ValueRef::Text(_) => f64::NAN,
        _ => MISSING,
    }
}

/// One run of a table, as the filter sees it.
pub(super) struct Seen<'a> {
    /// The fields that are asked for, and their columns.
    pub(super) columns: &'a [(&'a Field, &'a Column)],
    pub(super) place: usize,
}

impl Facts for Seen<'_> {
    fn values<'a>(&'a self, field: &Field) -> Values<'a> {
        let found = self.columns.iter().find(|(known, _)| std::ptr::eq(*known, field));
        let found = found.or_else(|| self.columns.iter().find(|(known, _)| *known == field));
        found.map_or(Values::None, |(_, column)| column.value(self.place))
    }
}
