//! Keeps queues from growing without end where no server sends what they hold.

use super::super::{Failure, Session};
use crate::webhook::bound::{Bound, REASON};

/// Gives up the oldest that wait, and forgets the oldest that were given up, of every webhook that
/// has too many of them. Costs a walk over as many entries of an index as `bound` keeps.
pub(super) fn keep(db: &Session<'_>, bound: &Bound, at_ms: i64) -> Result<(), Failure> {
    for webhook in webhooks(db)? {
        give_up(db, &webhook, bound.waiting, at_ms)?;
        forget(db, &webhook, bound.given_up)?;
    }
    Ok(())
}

/// Lists the webhooks with messages. Asks for one after the other: `DISTINCT` would look at every
/// message.
fn webhooks(db: &Session<'_>) -> Result<Vec<String>, Failure> {
    let mut select = db.prepare(
        "WITH RECURSIVE found (id) AS (
             SELECT min(webhook_id) FROM mlctl_webhook_outbox
             UNION ALL
             SELECT (SELECT min(webhook_id) FROM mlctl_webhook_outbox WHERE webhook_id > found.id)
             FROM found WHERE found.id IS NOT NULL)
         SELECT id FROM found WHERE id IS NOT NULL",
    )?;
    let rows = select.query_map([], |row| row.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn give_up(db: &Session<'_>, webhook: &str, keep: usize, at_ms: i64) -> Result<(), Failure> {
    let sql = "UPDATE mlctl_webhook_outbox SET failed_ms = ?3, reason = ?4
               WHERE webhook_id = ?1 AND failed_ms IS NULL AND id <= (
                   SELECT id FROM mlctl_webhook_outbox WHERE webhook_id = ?1 AND failed_ms IS NULL
                   ORDER BY id DESC LIMIT 1 OFFSET ?2)";
    let given_up = db.execute(sql, (webhook, count(keep), at_ms, REASON))?;
    if given_up > 0 {
        tracing::warn!(webhook, given_up, "{REASON}: the oldest were dropped");
    }
    Ok(())
}

fn forget(db: &Session<'_>, webhook: &str, keep: usize) -> Result<(), Failure> {
    let sql = "DELETE FROM mlctl_webhook_outbox WHERE id IN (
                   SELECT id FROM mlctl_webhook_outbox
                   WHERE webhook_id = ?1 AND failed_ms IS NOT NULL
                   ORDER BY failed_ms DESC, id DESC LIMIT -1 OFFSET ?2)";
    db.execute(sql, (webhook, count(keep)))?;
    Ok(())
}

fn count(keep: usize) -> i64 {
    i64::try_from(keep).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::sqlite::SqliteStore;

    /// Messages as `webhook:id`, those that were given up in brackets, by id.
    fn messages(store: &SqliteStore) -> String {
        let sql = "SELECT coalesce(group_concat(iif(failed_ms IS NULL, webhook_id || ':' || id,
                       '(' || webhook_id || ':' || id || ')'), ' '), '')
                   FROM (SELECT * FROM mlctl_webhook_outbox ORDER BY id)";
        let read = |db: &Session<'_>| Ok(db.prepare(sql)?.query_row([], |row| row.get(0))?);
        store.read("reading", read).unwrap()
    }

    fn filled(webhooks: &'static [&'static str]) -> SqliteStore {
        let store = SqliteStore::in_memory().unwrap();
        let fill = move |db: &Session<'_>| {
            for webhook in webhooks {
                let sql = "INSERT INTO mlctl_webhook_outbox
                               (delivery_id, webhook_id, event, body, created_ms, due_ms)
                           VALUES ('d', ?1, 'e', '{}', 1, 1)";
                db.execute(sql, [webhook])?;
            }
            Ok(())
        };
        store.write("filling", fill).unwrap();
        store
    }

    fn kept(store: &SqliteStore, waiting: usize, given_up: usize, at_ms: i64) -> String {
        let bound = Bound { waiting, given_up };
        store.write("bounding", move |db| keep(db, &bound, at_ms)).unwrap();
        messages(store)
    }

    #[test]
    fn each_webhook_keeps_its_newest() {
        let store = filled(&["a", "b", "a", "c", "a", "b", "a"]);

        assert_eq!(kept(&store, 4, 9, 5), "a:1 b:2 a:3 c:4 a:5 b:6 a:7");
        assert_eq!(kept(&store, 2, 9, 6), "(a:1) b:2 (a:3) c:4 a:5 b:6 a:7");
        assert_eq!(kept(&store, 1, 9, 7), "(a:1) (b:2) (a:3) c:4 (a:5) b:6 a:7");
        assert_eq!(kept(&store, 1, 2, 8), "(b:2) (a:3) c:4 (a:5) b:6 a:7");
        assert_eq!(kept(&store, 0, 0, 9), "");
    }

    #[test]
    fn no_queue_is_fine() {
        let store = filled(&[]);
        store.write("bounding", |db| keep(db, &Bound::USUAL, 1)).unwrap();
    }

    #[test]
    fn an_index_does_it() {
        let plan = |db: &Session<'_>| {
            let sql = "EXPLAIN QUERY PLAN SELECT id FROM mlctl_webhook_outbox
                       WHERE webhook_id = 'a' AND failed_ms IS NULL
                       ORDER BY id DESC LIMIT 1 OFFSET 9";
            let mut select = db.prepare(sql)?;
            let lines = select.query_map([], |row| row.get::<_, String>(3))?;
            Ok(lines.collect::<rusqlite::Result<Vec<_>>>()?)
        };
        let plan = filled(&[]).read("planning", plan).unwrap();
        assert_eq!(
            plan,
            ["SEARCH mlctl_webhook_outbox USING COVERING INDEX mlctl_webhook_outbox_webhook \
              (webhook_id=? AND failed_ms=?)"]
        );
    }
}
