//! Runs that other runs started, which they name as their parents.

use super::counts::RunCounts;
use crate::entity::Run;
use crate::rules::tag;
use crate::search::RunQuery;
use crate::{Result, RunId, search};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::hash::Hash;

/// A page of roots.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RootPage {
    /// The roots, in the order of the query.
    pub runs: Vec<Run>,
    /// How many roots there are in all.
    pub total: u64,
    /// What to ask for the next roots with; `None` at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// Returns what a run names as its parent, if it does.
pub fn parent_of(run: &Run) -> Option<&str> {
    let tag = run.data.tags.iter().find(|tag| tag.key.as_str() == tag::PARENT)?;
    Some(tag.value.as_str()).filter(|parent| !parent.is_empty())
}

/// Tells of each run, given with its parent, whether it is a root: its parent is none of the runs.
///
/// Of runs that are each other's parents, all in the circle are roots, so that every run is a root
/// or below one.
pub fn roots<'a, Id: Eq + Hash>(runs: impl Iterator<Item = (Id, Option<Id>)> + 'a) -> Vec<bool> {
    let (ids, parents): (Vec<Id>, Vec<Option<Id>>) = runs.unzip();
    let places: HashMap<&Id, usize> = ids.iter().zip(0..).collect();
    let parents: Vec<Option<usize>> = parents
        .iter()
        .map(|parent| parent.as_ref().and_then(|id| places.get(id).copied()))
        .collect();
    let mut is_root: Vec<bool> = parents.iter().map(Option::is_none).collect();
    // The walk from which a run was reached first; a walk that meets itself is in a circle.
    let mut walks = vec![usize::MAX; parents.len()];
    for start in 0..parents.len() {
        let mut at = start;
        while walks[at] == usize::MAX {
            walks[at] = start;
            match parents[at] {
                Some(parent) => at = parent,
                None => break,
            }
        }
        while walks[at] == start && !is_root[at] {
            is_root[at] = true;
            match parents[at] {
                Some(parent) => at = parent,
                None => break,
            }
        }
    }
    is_root
}

/// Counts the children of some runs among those that are shown to it.
#[derive(Debug)]
pub struct ChildTally<'a> {
    parents: &'a [RunId],
    counts: HashMap<&'a str, RunCounts>,
}

impl<'a> ChildTally<'a> {
    /// Counts the children of `parents`.
    pub fn new(parents: &'a [RunId]) -> Self {
        let counts = parents.iter().map(|id| (id.as_str(), RunCounts::default())).collect();
        Self { parents, counts }
    }

    /// Takes in runs of one state that name `parent`.
    pub fn add(&mut self, parent: &str, status: crate::entity::RunStatus, runs: u64) {
        if let Some(counts) = self.counts.get_mut(parent) {
            counts.add_many(status, runs);
        }
    }

    /// Returns the numbers, in the order of the parents.
    pub fn counts(self) -> Vec<RunCounts> {
        self.parents.iter().map(|id| self.counts[id.as_str()]).collect()
    }
}

/// Finds a page of roots among runs that are visited twice.
pub(super) fn search(
    query: &RunQuery,
    each_run: impl Fn(&mut dyn FnMut(&Run)) -> Result<()>,
) -> Result<RootPage> {
    let compiled = query.compile_roots()?;
    let mut family = Vec::new();
    each_run(&mut |run| {
        family.push((run.info.run_id.to_string(), parent_of(run).map(str::to_owned)));
    })?;
    let ids: Vec<String> = family.iter().map(|(id, _)| id.clone()).collect();
    let is_root: HashMap<String, bool> = ids.into_iter().zip(roots(family.into_iter())).collect();
    let mut rows = Vec::new();
    each_run(&mut |run| {
        if is_root.get(run.info.run_id.as_str()) == Some(&true) {
            let (time, id) = (run.info.start_time, run.info.run_id.as_str());
            rows.push((search::row_key(&compiled, run, time, id), run.clone()));
        }
    })?;
    let total = rows.len() as u64;
    let page = search::page(rows, &compiled, query.max_results, query.page_token.as_deref())?;
    Ok(RootPage { runs: page.items, total, next_page_token: page.next_page_token })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(runs: &[(u32, Option<u32>)], want: &[u32]) {
        let is_root = roots(runs.iter().copied());
        let found: Vec<u32> =
            runs.iter().zip(is_root).filter(|(_, root)| *root).map(|((id, _), _)| *id).collect();
        assert_eq!(found, want, "for {runs:?}");
    }

    #[test]
    fn roots_have_no_parent_that_is_there() {
        check(&[(1, None), (2, Some(1)), (3, Some(2)), (4, Some(9))], &[1, 4]);
        check(&[(3, Some(2)), (2, Some(1)), (1, None)], &[1]);
    }

    #[test]
    fn all_in_a_circle_are_roots_and_those_below_it_are_not() {
        check(&[(1, Some(1)), (2, Some(1))], &[1]);
        check(&[(5, Some(3)), (1, Some(2)), (2, Some(3)), (3, Some(1)), (4, Some(5))], &[1, 2, 3]);
    }

    proptest! {
        #[test]
        fn every_run_is_a_root_or_below_one(
            parents in prop::collection::vec(prop::option::of(0u32..12), 1..12)
        ) {
            let is_root = roots((0u32..).zip(parents.iter().copied()));
            for start in 0..parents.len() {
                let mut at = start;
                for _ in 0..parents.len() {
                    if is_root[at] {
                        break;
                    }
                    at = parents[at].unwrap() as usize;
                }
                prop_assert!(is_root[at], "{} is below no root", start);
                // By the definition: it has no parent here, or is its own ancestor.
                let mut next = parents[start].filter(|parent| (*parent as usize) < parents.len());
                let has_parent = next.is_some();
                let mut is_own_ancestor = false;
                for _ in 0..parents.len() {
                    let Some(parent) = next else { break };
                    is_own_ancestor |= parent as usize == start;
                    next = parents[parent as usize].filter(|one| (*one as usize) < parents.len());
                }
                prop_assert_eq!(is_root[start], !has_parent || is_own_ancestor);
            }
        }
    }
}
