//! The points of one metric: all of them in pages, or a few for charts.

use super::database::Session;
use super::failure::Failure;
use super::runs;
use crate::entity::Metric;
use crate::search::Page;
use crate::store::sample::{compare, places};
use crate::store::{HistoryPage, HistorySample};
use crate::{Error, Key, RunId};
use mlctl_wire::page as token;

/// Reads a page of points in the order of logging, which is that of the rows.
pub(super) fn read(
    db: &Session<'_>,
    id: &RunId,
    key: &Key,
    page: &HistoryPage,
) -> Result<Page<Metric>, Failure> {
    runs::known(db, id)?;
    let scope = format!("history {id} {key}");
    let after = match page.page_token.as_deref().filter(|text| !text.is_empty()) {
        None => 0,
        Some(text) => token::open::<i64>(&scope, text).map_err(|_| Error::PageToken)?,
    };
    // One more than asked for shows whether there is another page. -1 is no limit.
    let limit = page.max_results.map_or(-1, |rows| i64::try_from(rows).unwrap_or(i64::MAX - 1) + 1);
    let mut statement = db.prepare(match page.max_results {
        // The plus signs keep SQLite from walking over all metrics of the run, in whose index the
        // rows are in order: for a page that is right, for the whole history sorting is faster.
        None => {
            "SELECT rowid, value, is_nan, timestamp, step FROM metrics
             WHERE run_uuid = ?1 AND key = ?2 AND +rowid > ?3 ORDER BY +rowid LIMIT ?4"
        }
        Some(_) => {
            "SELECT rowid, value, is_nan, timestamp, step FROM metrics
             WHERE run_uuid = ?1 AND key = ?2 AND rowid > ?3 ORDER BY rowid LIMIT ?4"
        }
    })?;
    let mut rows = statement.query((id.as_str(), key.as_str(), after, limit))?;
    let mut items = Vec::new();
    let mut last = after;
    let mut next_page_token = None;
    while let Some(row) = rows.next()? {
        if page.max_results.is_some_and(|max| items.len() >= max) {
            next_page_token = Some(token::seal(&scope, &last));
            break;
        }
        last = row.get(0)?;
        let value = if row.get(2)? { f64::NAN } else { row.get(1)? };
        items.push(Metric::new(key.clone(), value, row.get(3)?, row.get(4)?));
    }
    Ok(Page { items, next_page_token })
}

/// Chooses among the points of one metric of one run, in the order of steps; see
/// [`HistorySample`].
///
/// SQLite counts the points and skips over those that are not chosen in an index by step, without
/// reading them.
pub(super) fn sampled(
    db: &Session<'_>,
    id: &RunId,
    key: &Key,
    sample: &HistorySample,
) -> Result<Vec<Metric>, Failure> {
    runs::known(db, id)?;
    if !has_index(db)? {
        return Ok(sample.choose(read(db, id, key, &HistoryPage::default())?.items));
    }
    let from = sample.start_step.unwrap_or(i64::MIN);
    let to = sample.end_step.unwrap_or(i64::MAX);
    let mut steps = Steps { db, id, key, from, to, first: 0, points: Vec::new() };
    let chosen = places(steps.count(from, to)?, sample.max_results);
    let mut points = Vec::with_capacity(chosen.len());
    for place in chosen {
        points.push(steps.point(place)?);
    }
    Ok(points.into_iter().flatten().collect())
}

/// Tells whether the file has MLflow's index by step, which came with MLflow 3.
fn has_index(db: &Session<'_>) -> Result<bool, Failure> {
    let sql = "SELECT EXISTS (SELECT 1 FROM sqlite_master
                              WHERE type = 'index' AND name = 'index_metrics_run_uuid_key_step')";
    Ok(db.prepare(sql)?.query_row([], |row| row.get(0))?)
}

/// The points in the order of steps, seen one step at a time.
struct Steps<'a> {
    db: &'a Session<'a>,
    id: &'a RunId,
    key: &'a Key,
    /// The step of `points`; the first step of all before there are any.
    from: i64,
    to: i64,
    /// How many points come before those of this step.
    first: usize,
    /// The points of the step, in order.
    points: Vec<Metric>,
}

impl Steps<'_> {
    fn count(&self, from: i64, to: i64) -> Result<usize, Failure> {
        let sql = "SELECT count(*) FROM metrics
                   WHERE run_uuid = ?1 AND key = ?2 AND step BETWEEN ?3 AND ?4";
        let bound = (self.id.as_str(), self.key.as_str(), from, to);
        let count: i64 = self.db.prepare(sql)?.query_row(bound, |row| row.get(0))?;
        Ok(usize::try_from(count).unwrap_or_default())
    }

    /// Finds the point at `place`, which is not before that of the last call.
    fn point(&mut self, place: usize) -> Result<Option<Metric>, Failure> {
        if place >= self.first + self.points.len() {
            self.go_to(place)?;
        }
        Ok(self.points.get(place - self.first).cloned())
    }

    fn go_to(&mut self, place: usize) -> Result<(), Failure> {
        let sql = "SELECT step FROM metrics
                   WHERE run_uuid = ?1 AND key = ?2 AND step BETWEEN ?3 AND ?4
                   ORDER BY step LIMIT 1 OFFSET ?5";
        let (id, key) = (self.id.as_str(), self.key.as_str());
        let skipped = i64::try_from(place - self.first).unwrap_or(i64::MAX);
        let bound = (id, key, self.from, self.to, skipped);
        let step: i64 = self.db.prepare(sql)?.query_row(bound, |row| row.get(0))?;
        // SQLite would rather walk over all points with this key, in an index that holds the values.
        let sql = "SELECT value, is_nan, timestamp
                   FROM metrics INDEXED BY index_metrics_run_uuid_key_step
                   WHERE run_uuid = ?1 AND key = ?2 AND step = ?3";
        let mut statement = self.db.prepare(sql)?;
        let mut rows = statement.query((id, key, step))?;
        self.points.clear();
        while let Some(row) = rows.next()? {
            let value = if row.get(1)? { f64::NAN } else { row.get(0)? };
            self.points.push(Metric::new(self.key.clone(), value, row.get(2)?, step));
        }
        self.points.sort_by(compare);
        // A step with one point begins where it was found.
        self.first = match self.points.len() {
            1 => place,
            _ if step == self.from => self.first,
            _ => self.first + self.count(self.from, step - 1)?,
        };
        self.from = step;
        Ok(())
    }
}
