//! Which values a metric, param or tag has in runs.

use super::keys::{KeyKind, check_rows, cut};
use crate::entity::Run;
use crate::{Key, Result};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashMap;

/// What a run has for a key.
#[derive(Clone, Copy, Debug)]
pub enum Cell<'a> {
    /// The latest value of a metric.
    Number(f64),
    /// The value of a param or tag.
    Text(&'a str),
}

/// Which values to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueQuery {
    /// Of a metric, a param or a tag.
    pub kind: KeyKind,
    /// Which one.
    pub key: Key,
    /// How the value must begin, in any case; empty lists all.
    pub prefix: String,
    /// How many at most.
    pub max_results: usize,
}

/// A value, and how many runs have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ValueFact {
    /// The value; a number as [`Cell::text`] spells it.
    pub value: String,
    /// How many runs have it.
    pub runs: u64,
}

/// The first of the values that were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ValueList {
    /// The values, the most frequent ones first.
    pub values: Vec<ValueFact>,
    /// How many distinct ones there are in all.
    pub total: u64,
}

impl<'a> Cell<'a> {
    /// Spells the value. Numbers that are equal have one spelling: there is one zero and one `NaN`.
    pub fn text(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) => Cow::Borrowed(text),
            Self::Number(value) if value.is_nan() => Cow::Borrowed("NaN"),
            Self::Number(f64::INFINITY) => Cow::Borrowed("Infinity"),
            Self::Number(f64::NEG_INFINITY) => Cow::Borrowed("-Infinity"),
            // Adding zero takes the sign from a zero.
            Self::Number(value) => Cow::Owned(format!("{:?}", value + 0.0)),
        }
    }
}

impl ValueQuery {
    /// Checks the number of values.
    ///
    /// # Errors
    /// [`Error::PageRows`](crate::Error::PageRows) when it is for no value or for too many.
    pub fn check(&self) -> Result<()> {
        check_rows(self.max_results)
    }

    /// Returns what a run has for the key.
    pub fn value_of<'a>(&self, run: &'a Run) -> Option<Cell<'a>> {
        let mut found = None;
        self.kind.each_cell(run, |key, cell| {
            if *key == self.key {
                found = Some(cell);
            }
        });
        found
    }
}

/// Gathers the values that runs have for one key.
#[derive(Debug, Default)]
pub struct ValueTally {
    values: HashMap<String, u64>,
}

impl ValueTally {
    /// Takes in what a run has.
    pub fn add(&mut self, cell: Cell<'_>) {
        let text = cell.text();
        match self.values.get_mut(&*text) {
            Some(runs) => *runs += 1,
            None => {
                self.values.insert(text.into_owned(), 1);
            }
        }
    }

    /// Takes in what a run has, if it has something.
    pub fn add_option(&mut self, cell: Option<Cell<'_>>) {
        if let Some(cell) = cell {
            self.add(cell);
        }
    }

    /// Lists the values that are asked for.
    pub fn list(self, ask: &ValueQuery) -> ValueList {
        let prefix = ask.prefix.to_lowercase();
        let is_wanted =
            |value: &str| prefix.is_empty() || value.to_lowercase().starts_with(&prefix);
        let wanted = self.values.into_iter().filter(|(value, _)| is_wanted(value));
        let mut values: Vec<ValueFact> =
            wanted.map(|(value, runs)| ValueFact { value, runs }).collect();
        let total = values.len() as u64;
        cut(&mut values, ask.max_results, |a, b| {
            Reverse(a.runs).cmp(&Reverse(b.runs)).then_with(|| a.value.cmp(&b.value))
        });
        ValueList { values, total }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_are_equal_are_spelled_alike() {
        let spelled = |value: f64| Cell::Number(value).text().into_owned();
        assert_eq!(spelled(0.0), spelled(-0.0));
        assert_eq!(spelled(f64::NAN), spelled(-f64::NAN));
        assert_eq!([0.1, 1e300, -2.0].map(spelled), ["0.1", "1e300", "-2.0"]);
        assert_eq!([f64::INFINITY, f64::NEG_INFINITY].map(spelled), ["Infinity", "-Infinity"]);
    }
}
