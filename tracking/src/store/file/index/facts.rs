//! What is asked of all runs that a query finds, rather than of a page of them.

use super::disk::{in_parallel, stat};
use super::refresh::{Candidate, Refresh, STATS_PER_THREAD_MIN};
use super::{Index, Row, Stamp, find, metric_cell};
use crate::Result;
use crate::entity::RunInfo;
use crate::facts::marks::{Keys, Mark, MarkTally};
use crate::facts::values::Cell;
use crate::facts::{KeyKind, KeyList, KeyQuery};
use crate::search::{Compiled, RunQuery};
use crate::store::file::folder::Kind;
use crate::store::file::layout::Layout;
use mlctl_filter::{Facts, Field};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::PoisonError;

/// What is kept of the keys that runs have may come to so many marks, of 12 bytes each.
const MARKS_MAX: usize = 2_000_000;
/// Different keys of one kind that are kept.
const KEYS_MAX: usize = 200_000;

/// A run that a query finds.
pub(in super::super) struct FoundRun<'a> {
    /// What the filter looks at, and what was asked for besides.
    pub(in super::super) facts: &'a dyn Facts,
    pub(in super::super) info: &'a RunInfo,
}

impl Index {
    /// Shows `add` every run that a query finds, with the fields that are wanted, to add to what
    /// `start` makes.
    pub(in super::super) fn tally<T>(
        &self,
        layout: &Layout,
        query: &RunQuery,
        (compiled, wanted): (&Compiled, &[Field]),
        start: impl Fn() -> T,
        add: impl Fn(&mut T, &FoundRun<'_>),
    ) -> Result<T> {
        self.refreshed(layout, |refresh| {
            let (candidates, fields) = find(refresh, layout, query, (compiled, wanted))?;
            refresh.commit();
            let mut tally = start();
            for candidate in &candidates {
                let facts = &Row { candidate, fields: &fields };
                add(&mut tally, &FoundRun { facts, info: &candidate.info });
            }
            Ok(tally)
        })
    }

    /// Lists the keys that the found runs have.
    ///
    /// Which keys a run has is compared with its folders. Their values are those that were read
    /// last; a key of which all of them are equal is compared with its files.
    pub(in super::super) fn keys(
        &self,
        layout: &Layout,
        query: &RunQuery,
        (compiled, ask): (&Compiled, &KeyQuery),
    ) -> Result<KeyList> {
        self.refreshed(layout, |refresh| {
            let (mut candidates, _) = find(refresh, layout, query, (compiled, &[]))?;
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let tally = known.tally(refresh, &candidates, ask.kind)?;
            let facts = tally.facts(&known.keys[ask.kind as usize]);
            drop(known);
            let mut list = KeyList::of(facts.into_iter(), ask);
            for fact in list.keys.iter_mut().filter(|fact| !fact.differs) {
                // A param keeps its value.
                if ask.kind != KeyKind::Param {
                    fact.differs = differs(refresh, &mut candidates, ask.kind, fact.key.as_str())?;
                }
            }
            refresh.commit();
            Ok(list)
        })
    }
}

/// Compares the values that all runs have for a key.
fn differs(
    refresh: &mut Refresh<'_>,
    candidates: &mut [Candidate],
    kind: KeyKind,
    key: &str,
) -> Result<bool> {
    candidates.iter_mut().for_each(|candidate| candidate.values.clear());
    refresh.values(candidates, kind_of(kind), key)?;
    let text = |candidate: &Candidate| {
        let text = candidate.values.first().and_then(Option::as_deref)?;
        cell(kind, text).map(|cell| cell.text().into_owned())
    };
    Ok(candidates.iter().map(text).collect::<HashSet<_>>().len() > 1)
}

fn kind_of(kind: KeyKind) -> Kind {
    match kind {
        KeyKind::Metric => Kind::Metric,
        KeyKind::Param => Kind::Param,
        KeyKind::Tag => Kind::Tag,
    }
}

/// Reads a value as the index keeps it.
fn cell(kind: KeyKind, text: &str) -> Option<Cell<'_>> {
    match kind {
        KeyKind::Metric => metric_cell(text).map(Cell::Number),
        KeyKind::Param | KeyKind::Tag => Some(Cell::Text(text)),
    }
}

/// The keys that runs have, as far as they were asked for.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// By kind.
    keys: [Keys; 3],
    /// By kind, the folder of the experiment and the name of the run.
    runs: [HashMap<PathBuf, HashMap<String, KnownKeys>>; 3],
    /// The number of all marks.
    count: usize,
}

/// The keys of one kind that a run has.
#[derive(Debug)]
struct KnownKeys {
    /// The stamp of the folder that holds them.
    stamp: Stamp,
    /// The folders below that one, with their stamps.
    below: Box<[(String, Stamp)]>,
    marks: Box<[Mark]>,
}

impl Known {
    /// Counts the keys of runs; those whose folders changed are read again.
    fn tally(
        &mut self,
        refresh: &mut Refresh<'_>,
        candidates: &[Candidate],
        kind: KeyKind,
    ) -> Result<MarkTally> {
        let has_many_keys = self.keys.iter().any(|keys| keys.len() > KEYS_MAX);
        if self.count > MARKS_MAX || has_many_keys {
            *self = Self::default();
        }
        let folder = kind_of(kind).folder();
        let stamps = in_parallel(candidates, STATS_PER_THREAD_MIN, |one| {
            stat(one.handle(), &format!("{}/{folder}", one.name))
        });
        let mut tally = MarkTally::default();
        for (candidate, stamp) in candidates.iter().zip(stamps) {
            let Some(stamp) = stamp else {
                tally.add(&[]);
                continue;
            };
            let runs = match self.runs[kind as usize].get_mut(candidate.home_path()) {
                Some(runs) => runs,
                None => {
                    self.runs[kind as usize].entry(candidate.home_path().to_owned()).or_default()
                }
            };
            let known = runs.get(&candidate.name);
            if let Some(known) = known.filter(|known| known.is_fresh(candidate, stamp)) {
                tally.add(&known.marks);
                continue;
            }
            let new =
                KnownKeys::read(refresh, candidate, stamp, (kind, &mut self.keys[kind as usize]))?;
            tally.add(&new.marks);
            self.count += new.marks.len();
            let old = runs.insert(candidate.name.clone(), new);
            self.count -= old.map_or(0, |old| old.marks.len());
        }
        Ok(tally)
    }
}

impl KnownKeys {
    fn is_fresh(&self, candidate: &Candidate, stamp: Stamp) -> bool {
        let is_same = |(folder, known): &(String, Stamp)| {
            stat(candidate.handle(), &format!("{}/{folder}", candidate.name)) == Some(*known)
        };
        self.stamp == stamp && self.below.iter().all(is_same)
    }

    fn read(
        refresh: &mut Refresh<'_>,
        candidate: &Candidate,
        stamp: Stamp,
        (kind, keys): (KeyKind, &mut Keys),
    ) -> Result<Self> {
        let (parts, below) = refresh.parts_of(candidate, kind_of(kind))?;
        let marks = parts.iter().filter_map(|(key, text)| keys.mark(key, cell(kind, text)?));
        let marks = marks.collect();
        let below = below.into_iter().map(|(folder, stamp)| (folder, refresh.settled(stamp)));
        Ok(Self { stamp: refresh.settled(stamp), below: below.collect(), marks })
    }
}
