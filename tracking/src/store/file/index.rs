//! The index beside the folders: `mlruns/.mlctl.db`, so that a search reads no file that has not
//! changed.
//!
//! The folders stay the truth. Each row remembers its file's stamp: the time of its last change
//! (`ctime`, which no program can set back) and its size. A search asks the file system for the
//! stamp of every file that the query depends on, and reads those again that differ; a run that
//! is shown is compared in whole. A file that changed less than two seconds before it was read
//! gets no stamp, because a second change might not show in the time; it is read again next time.
//!
//! The database is a cache: it is not synced, and when it is missing, of another version, broken
//! or cannot be written, the search goes on with one in memory.

mod disk;
mod facts;
mod refresh;
mod table;

use super::folder::{self, Kind};
use super::layout::Layout;
use crate::entity::{Run, RunInfo};
use crate::facts::{RootPage, trees};
use crate::rules::tag;
use crate::search::{self, Page, RunQuery};
use crate::{Error, ExperimentId, Result};
pub(super) use facts::FoundRun;
use facts::Known;
use mlctl_filter::{Entity, Expr, Facts, Field, Scalar, Values};
use refresh::{Candidate, Refresh};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use table::Table;

/// The name of the database in the store's root.
pub(super) const FILE: &str = ".mlctl.db";

/// A file that changed so shortly before it was read may change again without a new time.
const SETTLED: Duration = Duration::from_secs(2);

/// Answers searches of one file store.
#[derive(Debug)]
pub(super) struct Index {
    table: Mutex<Option<Table>>,
    settled: Duration,
    /// The keys that runs have.
    known: Mutex<Known>,
}

impl Index {
    pub(super) fn new() -> Self {
        Self::trusting_after(SETTLED)
    }

    /// Takes a file's stamp for good once the file has been quiet for so long.
    pub(super) fn trusting_after(settled: Duration) -> Self {
        Self { table: Mutex::new(None), settled, known: Mutex::default() }
    }

    /// Finds runs.
    pub(super) fn search(&self, layout: &Layout, query: &RunQuery) -> Result<Page<Run>> {
        let compiled = query.compile()?;
        let order: Vec<Field> = compiled.order.fields().cloned().collect();
        self.refreshed(layout, |refresh| {
            let (found, fields) = find(refresh, layout, query, (&compiled, &order))?;
            show(refresh, layout, query, &compiled, (found, &fields))
        })
    }

    /// Finds runs whose parent is not among those that the query finds.
    pub(super) fn search_roots(&self, layout: &Layout, query: &RunQuery) -> Result<RootPage> {
        let compiled = query.compile_roots()?;
        let parent = Field::new(Entity::Tag, tag::PARENT);
        let mut wanted: Vec<Field> = compiled.order.fields().cloned().collect();
        wanted.push(parent.clone());
        self.refreshed(layout, |refresh| {
            let (found, fields) = find(refresh, layout, query, (&compiled, &wanted))?;
            let family = found.iter().map(|candidate| {
                let row = Row { candidate, fields: &fields };
                let parent = match row.values(&parent) {
                    Values::One(Scalar::Text(parent)) => Some(parent.to_owned()),
                    _ => None,
                };
                (candidate.info.run_id.to_string(), parent)
            });
            let is_root = trees::roots(family);
            let roots: Vec<Candidate> = found
                .into_iter()
                .zip(is_root)
                .filter(|(_, is_root)| *is_root)
                .map(|(candidate, _)| candidate)
                .collect();
            let total = roots.len() as u64;
            let page = show(refresh, layout, query, &compiled, (roots, &fields))?;
            Ok(RootPage { runs: page.items, total, next_page_token: page.next_page_token })
        })
    }

    /// Does `work` on the index; one that turns out to be broken is made anew, and the work done
    /// again.
    fn refreshed<T>(
        &self,
        layout: &Layout,
        work: impl Fn(&mut Refresh<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut guard = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = guard.as_ref().is_none_or(|table| !table.is_in_place(layout.root()));
        if fresh {
            *guard = None;
        }
        let file = layout.root().join(FILE);
        let work_on =
            |table: &Table| work(&mut Refresh::begin(table, layout.root(), self.settled)?);
        let done = work_on(guard.get_or_insert_with(|| Table::open(&file)));
        let done = match done {
            Err(error) if is_of_index(&error) => {
                tracing::debug!(%error, "the index is not usable; creating a new one");
                // Closed before another file takes its name.
                *guard = None;
                work_on(guard.insert(Table::anew(&file)))
            }
            done => done,
        };
        if done.as_ref().is_err_and(is_of_index) {
            // A broken database must not outlive the failure that it caused.
            *guard = None;
        }
        done
    }
}

/// Tells whether the database failed, and not what it is about.
fn is_of_index(error: &Error) -> bool {
    matches!(error, Error::Backend { source, .. } if source.is::<rusqlite::Error>())
}

/// Finds the runs that a query asks for, in no order, with the fields of its filter and those that
/// are wanted besides.
fn find(
    refresh: &mut Refresh<'_>,
    layout: &Layout,
    query: &RunQuery,
    (compiled, wanted): (&search::Compiled, &[Field]),
) -> Result<(Vec<Candidate>, Vec<Field>)> {
    let (fields, in_filter) = distinct_fields(compiled, wanted);
    let mut tests = compiled.conjuncts();
    let mut candidates = Vec::new();
    for id in distinct(&query.experiment_ids) {
        candidates.extend(refresh.runs(layout, id)?);
    }
    // A run that fails one test is not asked for what the next test looks at; what runs say about
    // themselves comes last, because only then they are compared with their documents.
    for (known, field) in fields[..in_filter].iter().enumerate() {
        drop_refused(&mut candidates, &mut tests, &fields[..known], false);
        look_at(refresh, &mut candidates, field)?;
    }
    drop_refused(&mut candidates, &mut tests, &fields[..in_filter], false);
    refresh.verify(&mut candidates);
    candidates.retain(|candidate| query.view.shows(candidate.info.lifecycle_stage));
    if fields.iter().any(|field| field.key == ARTIFACT_URI) {
        candidates.iter_mut().for_each(|candidate| candidate.settle(layout));
    }
    drop_refused(&mut candidates, &mut tests, &fields[..in_filter], true);
    for field in &fields[in_filter..] {
        look_at(refresh, &mut candidates, field)?;
    }
    Ok((candidates, fields))
}

/// Orders runs, cuts the page that is asked for, and compares what it shows in whole.
fn show(
    refresh: &mut Refresh<'_>,
    layout: &Layout,
    query: &RunQuery,
    compiled: &search::Compiled,
    (found, fields): (Vec<Candidate>, &[Field]),
) -> Result<Page<Run>> {
    let rows = found
        .into_iter()
        .map(|candidate| {
            let row = Row { candidate: &candidate, fields };
            let info = &candidate.info;
            (search::row_key(compiled, &row, info.start_time, info.run_id.as_str()), candidate)
        })
        .collect();
    let page = search::page(rows, compiled, query.max_results, query.page_token.as_deref())?;
    let mut shown = page.items;
    shown.iter_mut().for_each(|candidate| candidate.settle(layout));
    refresh.wholes(&mut shown)?;
    refresh.commit();
    let items = shown.into_iter().map(Candidate::into_run).collect();
    Ok(Page { items, next_page_token: page.next_page_token })
}

/// The attribute whose value depends on where the store is now.
const ARTIFACT_URI: &str = "artifact_uri";

/// Lists what the query looks at: the filter's fields, of which it says how many, then those that
/// are wanted besides.
fn distinct_fields(compiled: &search::Compiled, wanted: &[Field]) -> (Vec<Field>, usize) {
    let mut fields: Vec<Field> = Vec::new();
    let mut add = |field: &Field| {
        if !fields.contains(field) {
            fields.push(field.clone());
        }
        fields.len()
    };
    let in_filter = compiled.filter.iter().flat_map(Expr::fields).map(&mut add).last();
    wanted.iter().for_each(|field| {
        add(field);
    });
    (fields, in_filter.unwrap_or(0))
}

/// Brings what a field looks at into every candidate.
fn look_at(refresh: &mut Refresh<'_>, candidates: &mut [Candidate], field: &Field) -> Result<()> {
    match kind_of(field) {
        Some(kind) => refresh.values(candidates, kind, &field.key),
        None if field.entity == Entity::Dataset => refresh.wholes(candidates),
        None => Ok(()),
    }
}

/// Asks the tests that the known fields answer, and drops the runs that fail one. Attributes are
/// known once the runs are verified.
fn drop_refused(
    candidates: &mut Vec<Candidate>,
    tests: &mut Vec<&Expr>,
    known: &[Field],
    verified: bool,
) {
    let is_known = |field: &Field| match field.entity {
        Entity::Attribute => verified,
        _ => known.contains(field),
    };
    let (ready, open): (Vec<&Expr>, Vec<&Expr>) =
        tests.drain(..).partition(|test| test.fields().all(is_known));
    *tests = open;
    candidates.retain(|candidate| {
        let row = Row { candidate, fields: known };
        ready.iter().all(|test| test.matches(&row))
    });
}

fn distinct(ids: &[ExperimentId]) -> Vec<&ExperimentId> {
    let mut distinct: Vec<_> = ids.iter().collect();
    distinct.sort_unstable();
    distinct.dedup();
    distinct
}

fn kind_of(field: &Field) -> Option<Kind> {
    match field.entity {
        Entity::Metric => Some(Kind::Metric),
        Entity::Param => Some(Kind::Param),
        Entity::Tag => Some(Kind::Tag),
        Entity::Attribute | Entity::Dataset => None,
    }
}

/// A run with just what the query looks at.
struct Row<'a> {
    candidate: &'a Candidate,
    fields: &'a [Field],
}

impl Facts for Row<'_> {
    fn values<'a>(&'a self, field: &Field) -> Values<'a> {
        match field.entity {
            Entity::Attribute => search::run_attribute(&self.candidate.info, &field.key),
            Entity::Dataset => match &self.candidate.whole {
                Some(run) => search::dataset_values(&run.inputs, &field.key),
                None => Values::None,
            },
            Entity::Metric | Entity::Param | Entity::Tag => {
                let at =
                    self.fields.iter().filter(|f| kind_of(f).is_some()).position(|f| f == field);
                let text =
                    at.and_then(|at| self.candidate.values.get(at)).and_then(Option::as_deref);
                match text {
                    None => Values::None,
                    Some(line) if field.entity == Entity::Metric => metric_value(line),
                    Some(text) => Values::One(Scalar::Text(text)),
                }
            }
        }
    }
}

fn metric_value(line: &str) -> Values<'_> {
    metric_cell(line).map_or(Values::None, |value| Values::One(Scalar::Number(value)))
}

/// Reads the value of a metric in its latest line.
fn metric_cell(line: &str) -> Option<f64> {
    line.split(' ').nth(1).and_then(|text| text.trim_end().parse().ok())
}

/// What `stat` shows of a file: its last change in nanoseconds, and its size in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    changed: i64,
    bytes: i64,
}

impl Stamp {
    /// A stamp that no file has.
    const NONE: Self = Self { changed: 0, bytes: -1 };
}

/// Makes a run out of its parts.
fn assemble(info: RunInfo, parts: Vec<(Kind, String, String)>) -> Run {
    folder::assemble(info, parts)
}

/// Tells whether a path leads to a file now.
fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

#[cfg(test)]
mod tests {
    use crate::ExperimentId;
    use crate::search::RunQuery;
    use crate::store::TrackingStore;
    use crate::store::file::FileStore;

    #[test]
    fn a_search_that_is_refused_leaves_the_index_open() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::open(folder.path().join("mlruns")).unwrap();
        let query = RunQuery::of(vec![ExperimentId::default_experiment()]);
        store.search_runs(&query).unwrap();

        let refused = store.search_runs(&RunQuery { page_token: Some("x".to_owned()), ..query });

        assert!(refused.is_err());
        assert!(store.index.table.lock().unwrap().is_some());
    }
}
