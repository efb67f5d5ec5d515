//! The points of one metric.

use super::database::Session;
use super::failure::Failure;
use super::runs;
use crate::entity::Metric;
use crate::search::Page;
use crate::store::HistoryPage;
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
