//! Searches: one statement finds the rows of a page, a few more read them.

use rusqlite::params_from_iter;

use super::condition::{Sql, Table};
use super::{Failure, Session, load};
use crate::entity::{ModelVersion, Page, RegisteredModel};
use crate::search::{Compiled, PROMPT_TAG};

/// Finds models.
pub(super) fn models(
    db: &Session<'_>,
    query: &Compiled,
) -> Result<Page<RegisteredModel, String>, Failure> {
    let mut found = Sql::default();
    found.push("SELECT m.rowid AS id FROM registered_models AS m WHERE workspace = 'default'");
    if !query.shows_prompts() {
        found.push(" AND m.name NOT IN (");
        prompts(&mut found);
        found.push(")");
    }
    add_filter_and_page(&mut found, Table::Models, query)?;
    let mut sql = Sql { text: load::models_of(&found.text), bound: found.bound };
    sql.order(Table::Models, query.order().clauses());
    let items = load::models(db, &sql.text, params_from_iter(sql.bound))?;
    let page = Page::cut(items, query.size, |last| query.token_after(&query.key(last)));
    Ok(page)
}

/// Finds versions.
pub(super) fn versions(
    db: &Session<'_>,
    query: &Compiled,
) -> Result<Page<ModelVersion, String>, Failure> {
    let found = version_rows(query)?;
    let mut sql = Sql { text: load::versions_of(&found.text), bound: found.bound };
    sql.order(Table::Versions, query.order().clauses());
    let items = load::versions(db, &sql.text, params_from_iter(sql.bound))?;
    Ok(Page::cut(items, query.size, |last| query.token_after(&query.key(last))))
}

fn version_rows(query: &Compiled) -> Result<Sql, Failure> {
    let mut found = Sql::default();
    // The plus keeps SQLite from the key that begins with the workspace, which nearly all rows share.
    found.push(
        "SELECT m.rowid AS id FROM model_versions AS m
         WHERE +workspace = 'default' AND m.current_stage <> 'Deleted_Internal'",
    );
    if !query.shows_prompts() {
        found.push(" AND m.name NOT IN (");
        prompts(&mut found);
        found.push(
            ") AND (m.name, m.version) NOT IN (
                 SELECT name, version FROM model_version_tags
                 WHERE workspace = 'default' AND key = ",
        );
        found.bind(PROMPT_TAG.to_owned());
        found.push(" AND value = 'true')");
    }
    add_filter_and_page(&mut found, Table::Versions, query)?;
    Ok(found)
}

fn prompts(sql: &mut Sql) {
    sql.push("SELECT name FROM registered_model_tags WHERE workspace = 'default' AND key = ");
    sql.bind(PROMPT_TAG.to_owned());
    sql.push(" AND value = 'true'");
}

/// Adds the filter, where the page starts, the order and the number of rows: one more than the
/// page holds.
fn add_filter_and_page(sql: &mut Sql, table: Table, query: &Compiled) -> Result<(), Failure> {
    if let Some(filter) = query.filter() {
        sql.push(" AND ");
        sql.filter(table, filter)?;
    }
    if let Some(last) = &query.after {
        sql.push(" AND ");
        sql.after(table, query.order().clauses(), &last.values);
    }
    sql.order(table, query.order().clauses());
    sql.push(" LIMIT ");
    sql.bind(query.size.and_one_more() as i64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::VersionQuery;
    use crate::store::sqlite::schema;

    #[track_caller]
    fn check(filter: &str) {
        let query = VersionQuery { filter: filter.to_owned(), ..VersionQuery::default() };
        let found = version_rows(&query.compile().unwrap()).unwrap();
        let mut conn = rusqlite::Connection::open_in_memory().unwrap();
        schema::prepare(&mut conn, "x.db".as_ref(), mlctl_sqlite::Access::Write).unwrap();

        let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {}", found.text)).unwrap();
        let steps = statement.query_map(params_from_iter(found.bound), |row| row.get(3)).unwrap();
        let steps: Vec<String> = steps.collect::<rusqlite::Result<_>>().unwrap();

        assert!(steps[0].contains(" USING INDEX mlctl_model_versions"), "{steps:#?}");
        assert!(!steps.iter().any(|step| step.contains("TEMP B-TREE FOR ORDER")), "{steps:#?}");
    }

    #[test]
    fn a_page_in_the_usual_order_is_read_without_sorting() {
        check("");
        check("name = 'churn'");
        check("name = 'churn' AND tags.team = 'blue'");
    }
}
