//! Searching runs in columns that are kept in memory.
//!
//! The file stays the truth: before each search the columns are brought up to what is committed.
//! What our own writer changed is read again run by run; after a commit of another program all of
//! it is. The page that was found is loaded from the file and compared with what was asked for, so
//! that an answer never shows a run that a change has just moved elsewhere. Whatever this cannot
//! do, or not soon, is left to the statement in `search`.

mod facts;

use super::columns::{Column, Seen, Table, Who, parse_id};
use super::database::{Failure, Session};
use super::logged::Logged;
use super::{experiments, load, search};
use crate::Error;
use crate::entity::Run;
use crate::facts::marks::Keys;
use crate::search::{Compiled, NewestFirst, Page, RowKey, RunQuery, is_experiment_id, row_key};
use mlctl_filter::{Entity, Field};
use mlctl_search::{Rows, SortKey};
use mlctl_sqlite::Changed;
use rusqlite::types::Value;
use rusqlite::{Row, params_from_iter};
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

/// What all columns together may take.
const BYTES_MAX: usize = 16 << 20;
/// Experiments in one search, and kept; more are seldom asked for twice.
const TABLES_MAX: usize = 32;
/// Fields of one experiment that are kept.
const COLUMNS_MAX: usize = 24;
/// What is kept of the keys that runs logged may take, besides the columns.
const LOGGED_BYTES_MAX: usize = 24 << 20;
/// Different keys that are kept.
const KEYS_MAX: usize = 200_000;

/// The columns.
#[derive(Debug, Default)]
pub(super) struct Memory {
    tables: Mutex<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    kept: HashMap<i64, Kept>,
    /// Experiments that do not fit.
    refused: HashSet<i64>,
    searches: u64,
    /// The keys that runs logged, by kind.
    keys: [Keys; 3],
}

#[derive(Debug, Default)]
struct Kept {
    table: Table,
    /// Runs to read again, of this experiment or of others.
    stale: HashSet<String>,
    /// The number of the last search that looked here.
    used: u64,
    /// What the runs of the table logged, by kind, as far as it was asked for.
    logged: [Option<Logged>; 3],
}

impl Memory {
    /// Finds a page of runs; `None` when another way must be taken.
    pub(super) fn search(
        &self,
        db: &Session<'_>,
        changes: impl FnOnce() -> Option<Changed>,
        query: &RunQuery,
        compiled: &Compiled,
    ) -> Result<Option<Page<Run>>, Failure> {
        let fields = search::distinct(compiled);
        let after: Option<RowKey> =
            compiled.open_token(query.page_token.as_deref()).map_err(|_| Error::PageToken)?;
        let after = match after {
            None => None,
            Some(key) => match parse_id(&key.tie.id) {
                None => return Ok(None),
                Some(id) => Some(key.with_tie(|tie| NewestFirst { time: tie.time, id })),
            },
        };
        if !suits(&fields) {
            return Ok(None);
        }
        let experiments = experiments_of(query);

        // A panic on the way has taken the experiment that it was at out of the tables.
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        // Before anything is read: what is committed later is only seen by the next search.
        let Some(changed) = changes() else { return Ok(None) };
        tables.note(&changed);
        if !tables.bring_up_to_date(db, &experiments, &fields)? {
            return Ok(None);
        }
        let (ids, more) = tables.find(&experiments, &fields, after.as_ref(), query, compiled);
        tables.make_room();
        drop(tables);
        page(db, query, compiled, &ids, more)
    }
}

/// Tells whether fields can be columns.
fn suits(fields: &[Field]) -> bool {
    let is_other = |field: &Field| field.entity == Entity::Dataset || is_experiment_id(field);
    fields.len() <= COLUMNS_MAX && !fields.iter().any(is_other)
}

/// Lists the experiments of a query, each once.
fn experiments_of(query: &RunQuery) -> Vec<i64> {
    let ids = query.experiment_ids.iter();
    let mut experiments: Vec<i64> = ids.filter_map(|id| experiments::number(id).ok()).collect();
    experiments.sort_unstable();
    experiments.dedup();
    experiments
}

/// Loads the runs that were found, unless they have changed since.
fn page(
    db: &Session<'_>,
    query: &RunQuery,
    compiled: &Compiled,
    ids: &[String],
    more: bool,
) -> Result<Option<Page<Run>>, Failure> {
    let items = load::runs(db, ids)?;
    let key = |run: &Run| row_key(compiled, run, run.info.start_time, run.info.run_id.as_str());
    let keys: Vec<RowKey> = items.iter().map(key).collect();
    let is_found = |run: &Run| query.view.shows(run.info.lifecycle_stage) && compiled.admits(run);
    let is_right = items.len() == ids.len()
        && items.iter().all(is_found)
        && keys.windows(2).all(|pair| compiled.order.compare(&pair[0], &pair[1]).is_lt());
    let next_page_token = keys.last().filter(|_| more).map(|key| compiled.token_after(key));
    Ok(is_right.then_some(Page { items, next_page_token }))
}

impl Tables {
    fn note(&mut self, changed: &Changed) {
        if changed.everything {
            self.kept.clear();
            self.refused.clear();
            self.keys = Default::default();
            return;
        }
        for kept in self.kept.values_mut() {
            kept.stale.extend(changed.keys.iter().cloned());
            kept.logged.iter_mut().for_each(|logged| note_logged(logged, &changed.keys));
        }
        // Reading most of it run by run takes longer than reading all of it.
        self.kept.retain(|_, kept| kept.stale.len() <= 1000 + kept.table.runs.len() / 4);
    }

    /// Reads what is missing or changed of some experiments; says no when they do not fit.
    fn bring_up_to_date(
        &mut self,
        db: &Session<'_>,
        experiments: &[i64],
        fields: &[Field],
    ) -> Result<bool, Failure> {
        self.searches += 1;
        if experiments.len() > TABLES_MAX || experiments.iter().any(|e| self.refused.contains(e)) {
            return Ok(false);
        }
        for experiment in experiments {
            let mut kept = self.kept.remove(experiment).unwrap_or_default();
            kept.used = self.searches;
            if !kept.bring_up_to_date(db, *experiment, fields)? {
                self.refused.insert(*experiment);
                return Ok(false);
            }
            self.kept.insert(*experiment, kept);
        }
        Ok(true)
    }

    /// Lists the ids of a page, and tells whether there are more.
    fn find(
        &self,
        experiments: &[i64],
        fields: &[Field],
        after: Option<&mlctl_search::RowKey<NewestFirst<u128>>>,
        query: &RunQuery,
        compiled: &Compiled,
    ) -> (Vec<String>, bool) {
        let mut parts = Vec::new();
        let mut first = 0;
        for kept in experiments.iter().filter_map(|experiment| self.kept.get(experiment)) {
            let part = Part::of(&kept.table, first, fields, compiled);
            first += kept.table.runs.len() as u32;
            parts.push(part);
        }
        let parts = Parts(parts);
        let found = parts.0.iter().flat_map(|part| {
            let is_found = |place: &usize| {
                let seen = Seen { columns: &part.columns, place: *place };
                part.runs[*place].shown_by(query.view) && compiled.admits(&seen)
            };
            (0..part.runs.len()).filter(is_found).map(|place| part.first + place as u32)
        });
        let (rows, more) = compiled.order.first(&parts, found, after, query.max_results);
        let id = |row| {
            let (part, place) = parts.at(row);
            format!("{:032x}", part.runs[place].id)
        };
        (rows.into_iter().map(id).collect(), more)
    }

    /// Forgets the experiments that were not asked for the longest, as long as there is too much.
    fn make_room(&mut self) {
        loop {
            let bytes: usize = self.kept.values().map(|kept| kept.table.bytes()).sum();
            if bytes <= BYTES_MAX && self.kept.len() <= TABLES_MAX {
                return;
            }
            let Some(oldest) = self.kept.iter().min_by_key(|(_, kept)| kept.used) else { return };
            let (oldest, used) = (*oldest.0, oldest.1.used);
            self.kept.remove(&oldest);
            if used == self.searches {
                // The newest search alone asks for too much: the next one like it need not try.
                self.refused.insert(oldest);
            }
        }
    }
}

/// Notes changed runs; what is not asked for while most of it changes is forgotten.
fn note_logged(slot: &mut Option<Logged>, runs: &HashSet<String>) {
    if let Some(logged) = slot {
        logged.stale.extend(runs.iter().cloned());
        if logged.stale.len() > 1000 + logged.runs() / 4 {
            *slot = None;
        }
    }
}

impl Kept {
    fn bring_up_to_date(
        &mut self,
        db: &Session<'_>,
        experiment: i64,
        fields: &[Field],
    ) -> Result<bool, Failure> {
        let table = &mut self.table;
        table.columns.retain(|(_, column)| !column.is_worn());
        if table.columns.len() > COLUMNS_MAX {
            table.columns.retain(|(field, _)| fields.contains(field));
        }
        if !table.runs.is_empty() && !self.stale.is_empty() && !refresh(db, experiment, self)? {
            self.table = Table::default();
        }
        let table = &mut self.table;
        if table.runs.is_empty() {
            self.logged = Default::default();
            table.columns.clear();
            if !read_runs(db, experiment, table)? {
                return Ok(false);
            }
        }
        self.stale.clear();
        let missing: Vec<Field> =
            fields.iter().filter(|field| table.column(field).is_none()).cloned().collect();
        if !missing.is_empty() {
            db.with_large_cache(|| read_columns(db, experiment, &missing, table))?;
        }
        Ok(true)
    }
}

const WHO: &str = "r.rowid, coalesce(r.start_time, 0), r.run_uuid, r.lifecycle_stage IS 'deleted'";

/// Reads who a run is; `None` when its id is not of the kind that MLflow makes.
fn who(row: &Row<'_>) -> rusqlite::Result<Option<Who>> {
    let id = parse_id(row.get_ref(2)?.as_str()?);
    let (rowid, start_time, is_deleted) = (row.get(0)?, row.get(1)?, row.get(3)?);
    Ok(id.map(|id| Who { rowid, start_time, id, is_deleted }))
}

fn read_runs(db: &Session<'_>, experiment: i64, table: &mut Table) -> Result<bool, Failure> {
    let sql = format!("SELECT {WHO} FROM runs AS r WHERE r.experiment_id = ?1 ORDER BY r.rowid");
    let mut statement = db.prepare(&sql)?;
    let mut rows = statement.query([experiment])?;
    while let Some(row) = rows.next()? {
        let Some(who) = who(row)? else { return Ok(false) };
        table.runs.push(who);
    }
    table.runs.shrink_to_fit();
    Ok(table.bytes() <= BYTES_MAX)
}

fn read_columns(
    db: &Session<'_>,
    experiment: i64,
    fields: &[Field],
    table: &mut Table,
) -> Result<(), Failure> {
    let mut bound = vec![Value::from(experiment)];
    let wanted: Vec<String> =
        fields.iter().map(|field| search::column(field, &mut bound)).collect();
    let sql =
        format!("SELECT r.rowid, {} FROM runs AS r WHERE r.experiment_id = ?1", wanted.join(", "));
    let mut columns: Vec<Column> = fields.iter().map(Column::of).collect();
    for column in &mut columns {
        (0..table.runs.len()).for_each(|at| column.set(at, rusqlite::types::ValueRef::Null, None));
    }
    let mut words = vec![HashMap::new(); columns.len()];
    let mut statement = db.prepare(&sql)?;
    let mut rows = statement.query(params_from_iter(bound))?;
    while let Some(row) = rows.next()? {
        // A run that has come just now will be among the next changes.
        let Some(place) = table.place(row.get(0)?) else { continue };
        for (at, column) in columns.iter_mut().enumerate() {
            column.set(place, row.get_ref(1 + at)?, words.get_mut(at));
        }
    }
    table.columns.extend(fields.iter().cloned().zip(columns));
    Ok(())
}

/// Reads changed runs again; says no when the table cannot take them.
fn refresh(db: &Session<'_>, experiment: i64, kept: &mut Kept) -> Result<bool, Failure> {
    let table = &mut kept.table;
    let mut bound = vec![Value::from(load::id_list(&kept.stale)), Value::from(experiment)];
    let mut sql = format!("SELECT {WHO}");
    for (field, _) in &table.columns {
        sql.push_str(", ");
        sql.push_str(&search::column(field, &mut bound));
    }
    sql.push_str(
        " FROM json_each(?1) AS id CROSS JOIN runs AS r ON r.run_uuid = id.value
         WHERE r.experiment_id = ?2 ORDER BY r.rowid",
    );
    let mut statement = db.prepare(&sql)?;
    let mut rows = statement.query(params_from_iter(bound))?;
    while let Some(row) = rows.next()? {
        let Some(who) = who(row)? else { return Ok(false) };
        let place = match table.place(who.rowid) {
            Some(place) if table.runs[place].id == who.id => place,
            None if table.runs.last().is_some_and(|last| last.rowid < who.rowid) => {
                table.runs.push(who);
                table.runs.len() - 1
            }
            _ => return Ok(false),
        };
        table.runs[place] = who;
        for (at, (_, column)) in table.columns.iter_mut().enumerate() {
            column.set(place, row.get_ref(4 + at)?, None);
        }
    }
    Ok(true)
}

/// The runs of one experiment in a search.
struct Part<'a> {
    /// The number of the first of them.
    first: u32,
    runs: &'a [Who],
    columns: Vec<(&'a Field, &'a Column)>,
    /// The columns of the clauses of the order.
    clauses: Vec<Option<&'a Column>>,
}

impl<'a> Part<'a> {
    fn of(table: &'a Table, first: u32, fields: &'a [Field], compiled: &Compiled) -> Self {
        let columns = fields.iter().filter_map(|field| Some((field, table.column(field)?)));
        Self {
            first,
            runs: &table.runs,
            columns: columns.collect(),
            clauses: compiled.order.fields().map(|field| table.column(field)).collect(),
        }
    }
}

/// The runs of all experiments of a search, numbered through.
struct Parts<'a>(Vec<Part<'a>>);

impl Parts<'_> {
    fn at(&self, row: u32) -> (&Part<'_>, usize) {
        let part = match self.0.as_slice() {
            [only] => only,
            parts => &parts[parts.partition_point(|part| part.first <= row) - 1],
        };
        (part, (row - part.first) as usize)
    }
}

impl Rows for Parts<'_> {
    type Tie = NewestFirst<u128>;

    fn value(&self, row: u32, clause: usize) -> SortKey<&str> {
        let (part, place) = self.at(row);
        match part.clauses.get(clause) {
            Some(Some(column)) => SortKey::of(column.value(place)),
            _ => SortKey::Missing,
        }
    }

    fn tie(&self, row: u32) -> NewestFirst<u128> {
        let (part, place) = self.at(row);
        NewestFirst::new(part.runs[place].start_time, part.runs[place].id)
    }
}
