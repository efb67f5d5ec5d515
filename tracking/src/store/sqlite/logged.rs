//! What the runs of one experiment logged, kept in memory: of each run, its keys of one kind and
//! what tells its values from others.

use super::columns::Table;
use super::database::{Failure, Session};
use super::{experiments, load, runs};
use crate::ExperimentId;
use crate::facts::marks::{Keys, Mark, MarkTally};
use crate::facts::values::Cell;
use crate::facts::{KeyFact, KeyKind};
use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, Params, Row};
use std::collections::HashSet;

/// What runs logged of one kind.
#[derive(Debug, Default)]
pub(super) struct Logged {
    /// By the places of the runs.
    marks: Vec<Box<[Mark]>>,
    /// The number of all marks.
    count: usize,
    /// Runs to read again, of this experiment or of others.
    pub(super) stale: HashSet<String>,
}

/// Writes the statement for what all runs logged, or some; ?1 is the experiment. A run that logged
/// nothing has a row without a key.
fn statement(kind: KeyKind, of_some: bool) -> String {
    let (value, table) = match kind {
        KeyKind::Metric => ("iif(c.is_nan, 'NaN', c.value)", "latest_metrics"),
        KeyKind::Param => ("c.value", "params"),
        KeyKind::Tag => ("coalesce(c.value, '')", "tags"),
    };
    let runs = match of_some {
        true => "json_each(?2) AS id CROSS JOIN runs AS r ON r.run_uuid = id.value",
        false => "runs AS r",
    };
    format!(
        "SELECT r.rowid, c.key, {value}, r.run_uuid FROM {runs}
         LEFT JOIN {table} AS c ON c.run_uuid = r.run_uuid WHERE r.experiment_id = ?1"
    )
}

impl Logged {
    /// Reads what all runs of an experiment logged.
    pub(super) fn read(
        db: &Session<'_>,
        experiment: i64,
        (kind, keys): (KeyKind, &mut Keys),
        table: &Table,
    ) -> Result<Self, Failure> {
        let mut logged = Self::default();
        logged.marks.resize_with(table.runs.len(), Box::default);
        db.with_large_cache(|| {
            let statement = db.prepare(&statement(kind, false))?;
            logged.take(statement, [experiment], (kind, keys), table)
        })?;
        Ok(logged)
    }

    /// Reads again what changed.
    pub(super) fn refresh(
        &mut self,
        db: &Session<'_>,
        experiment: i64,
        (kind, keys): (KeyKind, &mut Keys),
        table: &Table,
    ) -> Result<(), Failure> {
        self.marks.resize_with(table.runs.len(), Box::default);
        if !self.stale.is_empty() {
            let statement = db.prepare(&statement(kind, true))?;
            let bound = (experiment, load::id_list(&self.stale));
            self.take(statement, bound, (kind, keys), table)?;
            self.stale.clear();
        }
        Ok(())
    }

    /// Takes the rows of a statement in; those of a run come one after another.
    fn take(
        &mut self,
        mut statement: CachedStatement<'_>,
        bound: impl Params,
        (kind, keys): (KeyKind, &mut Keys),
        table: &Table,
    ) -> Result<(), Failure> {
        let mut rows = statement.query(bound)?;
        let (mut open, mut marks) = (None, Vec::new());
        while let Some(row) = rows.next()? {
            let rowid: i64 = row.get(0)?;
            if open.is_some_and(|last| last != rowid) {
                self.put(open.and_then(|last| table.place(last)), &mut marks);
            }
            open = Some(rowid);
            marks.extend(mark(row, kind, keys)?);
        }
        self.put(open.and_then(|last| table.place(last)), &mut marks);
        Ok(())
    }

    /// Notes what the run at a place logged. One that has come just now has no place yet.
    fn put(&mut self, place: Option<usize>, marks: &mut Vec<Mark>) {
        if let Some(old) = place.and_then(|place| self.marks.get_mut(place)) {
            self.count = self.count + marks.len() - old.len();
            *old = marks.as_slice().into();
        }
        marks.clear();
    }

    /// Returns the number of runs.
    pub(super) fn runs(&self) -> usize {
        self.marks.len()
    }

    /// Returns what the run at a place logged.
    pub(super) fn of(&self, place: usize) -> &[Mark] {
        self.marks.get(place).map_or(&[], |marks| marks)
    }

    /// Estimates what it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        // An allocation has a head and is rounded up.
        self.marks.len() * (size_of::<Box<[Mark]>>() + 16) + self.count * size_of::<Mark>()
    }
}

fn mark(row: &Row<'_>, kind: KeyKind, keys: &mut Keys) -> rusqlite::Result<Option<Mark>> {
    let Some(key) = row.get_ref(1)?.as_str_or_null()? else { return Ok(None) };
    let cell = match row.get_ref(2)? {
        ValueRef::Real(number) => Cell::Number(runs::restored(number)),
        ValueRef::Integer(number) => Cell::Number(number as f64),
        // SQLite has no NaN.
        ValueRef::Text(_) if kind == KeyKind::Metric => Cell::Number(f64::NAN),
        other => Cell::Text(other.as_str_or_null()?.unwrap_or_default()),
    };
    Ok(keys.mark(key, cell))
}

/// Lists the keys of some runs, of experiments that do not fit into memory.
pub(super) fn keys_of(
    db: &Session<'_>,
    in_experiments: &[ExperimentId],
    found: &HashSet<String>,
    kind: KeyKind,
) -> Result<Vec<KeyFact>, Failure> {
    let (mut keys, mut tally) = (Keys::default(), MarkTally::default());
    let distinct: HashSet<&ExperimentId> = in_experiments.iter().collect();
    for experiment in distinct {
        let mut statement = db.prepare(&statement(kind, false))?;
        let mut rows = statement.query([experiments::number(experiment)?])?;
        let (mut open, mut marks) = (None, Vec::new());
        while let Some(row) = rows.next()? {
            let rowid: i64 = row.get(0)?;
            if open.is_some_and(|last| last != rowid) && !marks.is_empty() {
                tally.add(&marks);
                marks.clear();
            }
            open = Some(rowid);
            if found.contains(row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?) {
                marks.extend(mark(row, kind, &mut keys)?);
            }
        }
        if !marks.is_empty() {
            tally.add(&marks);
        }
    }
    Ok(tally.of_runs(found.len() as u64).facts(&keys))
}
