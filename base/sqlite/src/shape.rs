//! Compares the tables of a file with tables that are known.
//!
//! A newer version of the program that owns a file may have changed its tables. Whether rows that
//! are written by the rules of the known tables still fit is told by the tables themselves.

use rusqlite::{Connection, OptionalExtension};
use std::collections::{BTreeMap, BTreeSet};

/// What a table asks of the rows in it.
#[derive(Debug, Default)]
struct Table {
    columns: BTreeMap<String, Column>,
    /// The columns of each key that no two rows may share.
    unique: BTreeSet<String>,
    /// The columns that refer to other tables, and where to.
    references: BTreeSet<(String, String)>,
    checks: BTreeSet<String>,
    triggers: BTreeSet<String>,
    is_strict: bool,
}

#[derive(Debug)]
struct Column {
    must_be_given: bool,
    refuses_null: bool,
}

/// Tells why rows that fit `tables` as they are in `known` may not fit them in `conn`, or could not
/// be found there as before; `None` when they do.
///
/// Triggers and tables whose name begins with `own` are of the caller's making.
///
/// # Errors
/// Those of SQLite.
pub fn obstacle(
    conn: &Connection,
    known: &Connection,
    tables: &[&str],
    own: &str,
) -> rusqlite::Result<Option<String>> {
    for name in tables {
        let Some(wanted) = table(known, name, own)? else { continue };
        let Some(found) = table(conn, name, own)? else {
            return Ok(Some(format!("the table `{name}` no longer exists")));
        };
        if let Some(why) = difference(&wanted, &found) {
            return Ok(Some(format!("in the table `{name}`, {why}")));
        }
    }
    Ok(None)
}

fn difference(known: &Table, found: &Table) -> Option<String> {
    if found.is_strict && !known.is_strict {
        return Some("the columns only accept values of their own type".to_owned());
    }
    for (name, column) in &found.columns {
        match known.columns.get(name) {
            None if column.must_be_given => {
                return Some(format!("the column `{name}` is unknown and must have a value"));
            }
            Some(known) if column.refuses_null && !known.refuses_null => {
                return Some(format!("the column `{name}` must now have a value"));
            }
            _ => {}
        }
    }
    if let Some(gone) = known.columns.keys().find(|name| !found.columns.contains_key(*name)) {
        return Some(format!("the column `{gone}` no longer exists"));
    }
    if let Some(key) = known.unique.symmetric_difference(&found.unique).next() {
        let state = if found.unique.contains(key) { "must be" } else { "need not be" };
        return Some(format!("the columns `{key}` {state} unique now"));
    }
    let known_reference = |(column, _): &&(String, String)| known.columns.contains_key(column);
    if let Some((column, table)) =
        found.references.difference(&known.references).find(known_reference)
    {
        return Some(format!("the column `{column}` must now refer to a row of `{table}`"));
    }
    if let Some(check) = found.checks.difference(&known.checks).next() {
        return Some(format!("the rows must meet a new condition, `{check}`"));
    }
    let trigger = found.triggers.difference(&known.triggers).next()?;
    Some(format!("the trigger `{trigger}` is unknown"))
}

fn table(conn: &Connection, name: &str, own: &str) -> rusqlite::Result<Option<Table>> {
    let sql = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?1";
    let Some(text) = conn.query_row(sql, [name], |row| row.get::<_, String>(0)).optional()? else {
        return Ok(None);
    };
    let mut table = Table { checks: checks(&text), ..Table::default() };
    // A hidden column of the kinds 2 and 3 is computed.
    let mut statement = conn.prepare(
        "SELECT name, \"notnull\" AND NOT pk, dflt_value IS NOT NULL, hidden IN (2, 3)
         FROM pragma_table_xinfo(?1)",
    )?;
    let mut rows = statement.query([name])?;
    while let Some(row) = rows.next()? {
        let (refuses_null, has_default): (bool, bool) = (row.get(1)?, row.get(2)?);
        let is_computed: bool = row.get(3)?;
        let must_be_given = refuses_null && !has_default && !is_computed;
        table.columns.insert(row.get(0)?, Column { must_be_given, refuses_null });
    }
    table.unique = texts(
        conn,
        "SELECT (SELECT group_concat(coalesce(name, '?'), ', ')
                 FROM (SELECT name FROM pragma_index_info(i.name) ORDER BY name))
                || CASE WHEN i.partial THEN ' (some rows)' ELSE '' END
         FROM pragma_index_list(?1) AS i WHERE i.\"unique\"
         UNION SELECT group_concat(name, ', ')
         FROM (SELECT name FROM pragma_table_info(?1) WHERE pk ORDER BY name)",
        name,
    )?;
    let mut statement =
        conn.prepare("SELECT \"from\", \"table\" FROM pragma_foreign_key_list(?1)")?;
    let pairs = statement.query_map([name], |row| Ok((row.get(0)?, row.get(1)?)))?;
    table.references = pairs.collect::<rusqlite::Result<_>>()?;
    table.triggers = texts(
        conn,
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?1",
        name,
    )?;
    table.triggers.retain(|trigger| !trigger.starts_with(own));
    let sql = "SELECT coalesce(max(strict), 0) FROM pragma_table_list WHERE name = ?1";
    table.is_strict = conn.query_row(sql, [name], |row| row.get(0))?;
    Ok(Some(table))
}

fn texts(conn: &Connection, sql: &str, table: &str) -> rusqlite::Result<BTreeSet<String>> {
    let mut statement = conn.prepare(sql)?;
    let found = statement.query_map([table], |row| row.get::<_, Option<String>>(0))?;
    found.filter_map(Result::transpose).collect()
}

/// Finds the conditions in the text of a table, without their blanks.
fn checks(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let lower = text.to_ascii_lowercase();
    let mut from = 0;
    while let Some(at) = lower[from..].find("check").map(|at| from + at) {
        from = at + "check".len();
        let rest = lower[from..].trim_start();
        let is_word = lower[..at].ends_with(|last: char| last.is_alphanumeric() || last == '_');
        if is_word || !rest.starts_with('(') {
            continue;
        }
        let start = lower.len() - rest.len();
        let end = start + closed(rest);
        found.insert(text[start..end].split_whitespace().collect());
        from = end;
    }
    found
}

/// Returns where the parenthesis that opens a text is closed.
fn closed(text: &str) -> usize {
    let (mut depth, mut is_quoted) = (0_usize, false);
    for (at, one) in text.char_indices() {
        match one {
            '\'' => is_quoted = !is_quoted,
            '(' if !is_quoted => depth += 1,
            ')' if !is_quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &str = "CREATE TABLE runs (
        id TEXT NOT NULL, name TEXT, experiment INTEGER, stage TEXT,
        CONSTRAINT runs_pk PRIMARY KEY (id), CHECK (stage IN ('active', 'de)leted')))";

    fn database(sql: &str) -> Connection {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(sql).unwrap();
        conn
    }

    #[track_caller]
    fn check(change: &str, want: Option<&str>) {
        let conn = database(&format!("{KNOWN}; {change}"));
        let why = obstacle(&conn, &database(KNOWN), &["runs"], "mine_").unwrap();
        assert_eq!(why.as_deref(), want, "after {change}");
    }

    #[test]
    fn what_leaves_old_rows_welcome_is_no_obstacle() {
        check("", None);
        check("CREATE TABLE skills (id TEXT NOT NULL, run TEXT REFERENCES runs (id))", None);
        check("ALTER TABLE runs ADD COLUMN owner TEXT", None);
        check("ALTER TABLE runs ADD COLUMN kind TEXT NOT NULL DEFAULT 'x'", None);
        check("ALTER TABLE runs ADD COLUMN skill TEXT REFERENCES runs (id)", None);
        check("CREATE INDEX runs_by_name ON runs (name)", None);
        check("CREATE TRIGGER mine_keep AFTER UPDATE ON runs BEGIN SELECT 1; END", None);
    }

    #[test]
    fn what_may_refuse_old_rows_is_named() {
        check(
            "CREATE TRIGGER stop BEFORE INSERT ON runs BEGIN SELECT 1; END",
            Some("in the table `runs`, the trigger `stop` is unknown"),
        );
        check(
            "CREATE UNIQUE INDEX one ON runs (name, experiment)",
            Some("in the table `runs`, the columns `experiment, name` must be unique now"),
        );
        check(
            "ALTER TABLE runs DROP COLUMN experiment",
            Some("in the table `runs`, the column `experiment` no longer exists"),
        );
        check("DROP TABLE runs", Some("the table `runs` no longer exists"));
        let made = |columns: &str, rest: &str| {
            format!(
                "DROP TABLE runs; CREATE TABLE runs ({columns}, CONSTRAINT p PRIMARY KEY (id), CHECK (stage  IN ('active', 'de)leted')){rest})"
            )
        };
        check(&made("id TEXT NOT NULL, name TEXT, experiment INTEGER, stage TEXT", ""), None);
        check(
            &made("id TEXT NOT NULL, name TEXT NOT NULL, experiment INTEGER, stage TEXT", ""),
            Some("in the table `runs`, the column `name` must now have a value"),
        );
        check(
            &made("id TEXT, name TEXT, experiment INTEGER, stage TEXT, org TEXT NOT NULL", ""),
            Some("in the table `runs`, the column `org` is unknown and must have a value"),
        );
        check(
            &made("id TEXT, name TEXT, experiment INTEGER, stage TEXT", ", CHECK (name <> '')"),
            Some("in the table `runs`, the rows must meet a new condition, `(name<>'')`"),
        );
        check(
            &made("id TEXT, name TEXT, experiment INTEGER REFERENCES orgs (id), stage TEXT", ""),
            Some("in the table `runs`, the column `experiment` must now refer to a row of `orgs`"),
        );
    }
}
