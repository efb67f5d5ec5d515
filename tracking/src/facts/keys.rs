//! Which metrics, params or tags runs have, and which of them are worth a column.

use super::marks::{Keys, Mark, MarkTally};
use super::values::Cell;
use crate::entity::Run;
use crate::{Error, Key, Result};
use serde::{Deserialize, Serialize};
use std::cmp::{Ordering, Reverse};

/// What a key is the key of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyKind {
    /// A metric, of which the latest value counts.
    Metric,
    /// A param.
    Param,
    /// A tag.
    Tag,
}

/// Which keys to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyQuery {
    /// Of metrics, params or tags.
    pub kind: KeyKind,
    /// What must be in the key, in any case; empty lists all.
    pub contains: String,
    /// How many at most.
    pub max_results: usize,
}

/// What is known of one key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyFact {
    /// The key.
    pub key: Key,
    /// How many runs have it.
    pub runs: u64,
    /// Whether runs differ in it: some have another value than others, or none.
    pub differs: bool,
}

/// The first of the keys that were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeyList {
    /// The keys, the most useful ones first.
    pub keys: Vec<KeyFact>,
    /// How many there are in all.
    pub total: u64,
}

/// Keys, and values, in one list.
const ROWS_MAX: usize = 50_000;

/// Tags that begin so are MLflow's, not the users'.
const SYSTEM_PREFIX: &str = "mlflow.";

impl KeyKind {
    /// Visits what a run has of this kind.
    pub fn each_cell<'a>(self, run: &'a Run, mut visit: impl FnMut(&'a Key, Cell<'a>)) {
        let data = &run.data;
        match self {
            Self::Metric => data.metrics.iter().for_each(|m| visit(&m.key, Cell::Number(m.value))),
            Self::Param => data.params.iter().for_each(|p| visit(&p.key, Cell::Text(&p.value))),
            Self::Tag => data.tags.iter().for_each(|t| visit(&t.key, Cell::Text(&t.value))),
        }
    }

    /// Returns the name of the kind.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Metric => "metric",
            Self::Param => "param",
            Self::Tag => "tag",
        }
    }

    /// Reads the name of a kind.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the names that exist.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "metric" => Ok(Self::Metric),
            "param" => Ok(Self::Param),
            "tag" => Ok(Self::Tag),
            _ => Err(Error::invalid("kind", text, "it must be metric, param or tag")),
        }
    }
}

impl KeyQuery {
    /// Asks for the most useful keys of one kind.
    pub fn of(kind: KeyKind, max_results: usize) -> Self {
        Self { kind, contains: String::new(), max_results }
    }

    /// Checks the number of keys.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is for no key or for too many.
    pub fn check(&self) -> Result<()> {
        check_rows(self.max_results)
    }
}

/// Checks how many rows of a list are asked for.
pub(super) fn check_rows(rows: usize) -> Result<()> {
    match (1..=ROWS_MAX).contains(&rows) {
        true => Ok(()),
        false => {
            Err(Error::PageRows { rows: i64::try_from(rows).unwrap_or(i64::MAX), max: ROWS_MAX })
        }
    }
}

impl KeyFact {
    /// Puts the more useful key first.
    ///
    /// Of params and tags these are the ones in which runs differ, and of metrics the ones that most
    /// runs have. MLflow's own tags come after those of users.
    pub fn compare(&self, other: &Self, kind: KeyKind) -> Ordering {
        let rank = |fact: &Self| {
            let (same, runs) = (!fact.differs, Reverse(fact.runs));
            let is_system = kind == KeyKind::Tag && fact.key.as_str().starts_with(SYSTEM_PREFIX);
            match kind {
                KeyKind::Metric => (false, false, runs, same),
                KeyKind::Param | KeyKind::Tag => (is_system, same, runs, false),
            }
        };
        rank(self).cmp(&rank(other)).then_with(|| self.key.cmp(&other.key))
    }
}

impl KeyList {
    /// Chooses among all keys that runs have.
    pub fn of(facts: impl Iterator<Item = KeyFact>, ask: &KeyQuery) -> Self {
        let wanted = ask.contains.to_lowercase();
        let is_wanted = |fact: &KeyFact| {
            wanted.is_empty() || fact.key.as_str().to_lowercase().contains(&wanted)
        };
        let mut keys: Vec<KeyFact> = facts.filter(is_wanted).collect();
        let total = keys.len() as u64;
        cut(&mut keys, ask.max_results, |a, b| a.compare(b, ask.kind));
        Self { keys, total }
    }
}

/// Sorts the first `rows` and drops the rest, without sorting that.
pub(super) fn cut<T>(rows: &mut Vec<T>, count: usize, compare: impl Fn(&T, &T) -> Ordering + Copy) {
    if rows.len() > count {
        rows.select_nth_unstable_by(count.saturating_sub(1), compare);
        rows.truncate(count);
    }
    rows.sort_unstable_by(compare);
}

/// Gathers the keys of runs that are shown one by one.
#[derive(Debug)]
pub struct KeyTally {
    kind: KeyKind,
    keys: Keys,
    tally: MarkTally,
}

impl KeyTally {
    /// Gathers keys of one kind.
    pub fn new(kind: KeyKind) -> Self {
        Self { kind, keys: Keys::default(), tally: MarkTally::default() }
    }

    /// Takes a run in.
    pub fn add(&mut self, run: &Run) {
        let mut marks: Vec<Mark> = Vec::new();
        self.kind.each_cell(run, |key, cell| marks.extend(self.keys.mark(key.as_str(), cell)));
        self.tally.add(&marks);
    }

    /// Lists the keys that are asked for.
    pub fn list(self, ask: &KeyQuery) -> KeyList {
        KeyList::of(self.tally.facts(&self.keys).into_iter(), ask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(key: &str, runs: u64, differs: bool) -> KeyFact {
        KeyFact { key: Key::parse(key).unwrap(), runs, differs }
    }

    #[track_caller]
    fn check(kind: KeyKind, contains: &str, max_results: usize, want: &[&str], total: u64) {
        let facts = [
            fact("seed", 3, true),
            fact("lr", 9, true),
            fact("epochs", 10, false),
            fact("mlflow.user", 10, true),
        ];

        let ask = KeyQuery { kind, contains: contains.to_owned(), max_results };
        let list = KeyList::of(facts.into_iter(), &ask);

        let keys: Vec<&str> = list.keys.iter().map(|fact| fact.key.as_str()).collect();
        assert_eq!((keys.as_slice(), list.total), (want, total), "for {ask:?}");
    }

    #[test]
    fn the_most_useful_keys_come_first() {
        check(KeyKind::Param, "", 9, &["mlflow.user", "lr", "seed", "epochs"], 4);
        check(KeyKind::Metric, "", 9, &["mlflow.user", "epochs", "lr", "seed"], 4);
        check(KeyKind::Tag, "", 9, &["lr", "seed", "epochs", "mlflow.user"], 4);
    }

    #[test]
    fn keys_are_searched_in_any_case_and_counted_before_they_are_cut() {
        check(KeyKind::Param, "E", 2, &["mlflow.user", "seed"], 3);
        check(KeyKind::Param, "nothing", 2, &[], 0);
    }
}
