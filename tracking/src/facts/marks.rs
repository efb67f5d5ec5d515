//! Keys and values of many runs in little room, to be counted again and again: each key has a
//! number, and each value a number that only equal values share.

use super::keys::KeyFact;
use super::values::Cell;
use crate::Key;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

/// Tells texts apart, with a seed of its own in each process, so that nobody can make two alike.
static HASHES: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// The keys of many runs, numbered.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    keys: Vec<Key>,
    numbers: HashMap<Box<str>, u32>,
}

/// What a run has for a key: the number of the key, and one that equal values share. Two halves of
/// that take less room than a whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    key: u32,
    value: [u32; 2],
}

impl Keys {
    /// Marks what a run has; none of what cannot be a key, which searches do not show either.
    pub(crate) fn mark(&mut self, key: &str, cell: Cell<'_>) -> Option<Mark> {
        let bits = match cell {
            Cell::Number(value) if value.is_nan() => f64::NAN.to_bits(),
            // There is one zero.
            Cell::Number(value) => (value + 0.0).to_bits(),
            Cell::Text(text) => HASHES.hash_one(text),
        };
        Some(Mark { key: self.number(key)?, value: [bits as u32, (bits >> 32) as u32] })
    }

    fn number(&mut self, text: &str) -> Option<u32> {
        if let Some(number) = self.numbers.get(text) {
            return Some(*number);
        }
        let key = Key::parse(text).ok()?;
        let number = u32::try_from(self.keys.len()).ok()?;
        self.keys.push(key);
        self.numbers.insert(text.into(), number);
        Some(number)
    }

    /// Returns how many keys there are.
    #[cfg(any(feature = "file", feature = "sqlite"))]
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }
}

/// Counts the keys of runs.
#[derive(Debug, Default)]
pub(crate) struct MarkTally {
    runs: u64,
    /// By the numbers of the keys.
    keys: Vec<Counted>,
}

/// What was counted of one key.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    runs: u32,
    first: [u32; 2],
    several: bool,
}

impl MarkTally {
    /// Takes in what a run has.
    pub(crate) fn add(&mut self, marks: &[Mark]) {
        self.runs += 1;
        for mark in marks {
            let at = mark.key as usize;
            if at >= self.keys.len() {
                self.keys.resize(at + 1, Counted::default());
            }
            let counted = &mut self.keys[at];
            if counted.runs == 0 {
                counted.first = mark.value;
            }
            counted.runs += 1;
            counted.several |= counted.first != mark.value;
        }
    }

    /// Says how many runs there are, if some of those without a key were not taken in.
    #[cfg(feature = "sqlite")]
    pub(crate) fn of_runs(self, runs: u64) -> Self {
        Self { runs, ..self }
    }

    /// Lists the keys that runs have.
    pub(crate) fn facts(&self, keys: &Keys) -> Vec<KeyFact> {
        let counted = keys.keys.iter().zip(&self.keys).filter(|(_, counted)| counted.runs > 0);
        let fact = |(key, counted): (&Key, &Counted)| {
            let runs = u64::from(counted.runs);
            KeyFact { key: key.clone(), runs, differs: counted.several || runs < self.runs }
        };
        counted.map(fact).collect()
    }
}
