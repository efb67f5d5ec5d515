//! The points of one metric: all of them in pages, or a few for charts.

use super::database::{Failure, Session};
use super::runs;
use crate::entity::Metric;
use crate::search::Page;
use crate::series::Logged;
use crate::store::sample::{compare, places};
use crate::store::{HistoryPage, HistorySample, compare_points};
use crate::{Error, Key, RunId};
use mlctl_wire::page as token;
use rusqlite::Row;

/// Where a page ends: time, step, the bits of the value, and whether it is `NaN`.
type Place = (i64, i64, u64, bool);

/// Reads points by time, step and value.
pub(super) fn read_points(
    db: &Session<'_>,
    id: &RunId,
    key: &Key,
    page: &HistoryPage,
) -> Result<Page<Metric>, Failure> {
    runs::require_run(db, id)?;
    let scope = format!("history {id} {key}");
    let after = match page.page_token.as_deref().filter(|text| !text.is_empty()) {
        None => None,
        Some(text) => Some(token::open::<Place>(&scope, text).map_err(|_| Error::PageToken)?),
    };
    match page.max_results {
        Some(rows) => read_page(db, (id, key), after, rows, &scope),
        None => read_all(db, (id, key), after),
    }
}

fn read_all(
    db: &Session<'_>,
    (id, key): (&RunId, &Key),
    after: Option<Place>,
) -> Result<Page<Metric>, Failure> {
    let mut statement = db.prepare(
        "SELECT value, is_nan, timestamp, step FROM metrics WHERE run_uuid = ?1 AND key = ?2",
    )?;
    let mut rows = statement.query((id.as_str(), key.as_str()))?;
    // Small as long as their number is not known.
    let mut points: Vec<(i64, i64, f64)> = Vec::new();
    while let Some(row) = rows.next()? {
        let value = if row.get(1)? { f64::NAN } else { runs::restored(row.get(0)?) };
        points.push((row.get(2)?, row.get(3)?, value));
    }
    let metric = |(time, step, value)| Metric::new(key.clone(), value, time, step);
    let mut items: Vec<Metric> = points.into_iter().map(metric).collect();
    // Here this is much faster than in SQLite.
    items.sort_unstable_by(compare_points);
    if let Some((timestamp, step, bits, is_nan)) = after {
        let value = if is_nan { f64::NAN } else { runs::restored(f64::from_bits(bits)) };
        let last = Metric::new(key.clone(), value, timestamp, step);
        items.retain(|point| compare_points(point, &last).is_gt());
    }
    Ok(Page { items, next_page_token: None })
}

/// Reads the points of one metric as a chart needs them: a million take the memory of their numbers.
pub(super) fn logged(db: &Session<'_>, id: &RunId, key: &Key) -> Result<Vec<Logged>, Failure> {
    runs::require_run(db, id)?;
    let mut statement = db.prepare(
        "SELECT value, is_nan, timestamp, step FROM metrics WHERE run_uuid = ?1 AND key = ?2",
    )?;
    let mut rows = statement.query((id.as_str(), key.as_str()))?;
    let mut points = Vec::new();
    while let Some(row) = rows.next()? {
        let value = if row.get(1)? { f64::NAN } else { runs::restored(row.get(0)?) };
        points.push(Logged { step: row.get(3)?, timestamp: row.get(2)?, value });
    }
    Ok(points)
}

fn read_page(
    db: &Session<'_>,
    (id, key): (&RunId, &Key),
    after: Option<Place>,
    rows_max: usize,
    scope: &str,
) -> Result<Page<Metric>, Failure> {
    let mut statement = db.prepare(
        "SELECT value, is_nan, timestamp, step FROM metrics
         WHERE run_uuid = ?1 AND key = ?2
             AND (?3 IS NULL OR (timestamp, step, value, is_nan) > (?3, ?4, ?5, ?6))
         ORDER BY timestamp, step, value, is_nan LIMIT ?7",
    )?;
    let place = after
        .map(|(timestamp, step, bits, is_nan)| (timestamp, step, f64::from_bits(bits), is_nan));
    // One more than asked for shows whether there is another page.
    let limit = i64::try_from(rows_max).unwrap_or(i64::MAX - 1) + 1;
    let mut rows = statement.query((
        id.as_str(),
        key.as_str(),
        place.map(|place| place.0),
        place.map(|place| place.1),
        place.map(|place| place.2),
        place.map(|place| place.3),
        limit,
    ))?;
    let mut items: Vec<Metric> = Vec::new();
    while let Some(row) = rows.next()? {
        items.push(point(key, row)?);
    }
    let more = items.len() > rows_max;
    items.truncate(rows_max);
    let next = items.last().filter(|_| more).map(|last| token::seal(scope, &place_of(last)));
    Ok(Page { items, next_page_token: next })
}

fn point(key: &Key, row: &Row<'_>) -> rusqlite::Result<Metric> {
    let value = if row.get(1)? { f64::NAN } else { runs::restored(row.get(0)?) };
    Ok(Metric::new(key.clone(), value, row.get(2)?, row.get(3)?))
}

fn place_of(point: &Metric) -> Place {
    let (value, is_nan) = runs::stored(point.value);
    (point.timestamp, point.step, value.to_bits(), is_nan)
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
    runs::require_run(db, id)?;
    if !has_index(db)? {
        return Ok(sample.choose(read_points(db, id, key, &HistoryPage::default())?.items));
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
            let value = if row.get(1)? { f64::NAN } else { runs::restored(row.get(0)?) };
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
