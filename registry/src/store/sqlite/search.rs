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
    page(&mut found, Table::Models, query)?;
    let mut sql = Sql { text: load::models_of(&found.text), bound: found.bound };
    sql.order(Table::Models, &query.order);
    let items = load::models(db, &sql.text, params_from_iter(sql.bound))?;
    let page = Page::cut(items, query.size, |last| query.token(&query.key(last)));
    Ok(page)
}

/// Finds versions.
pub(super) fn versions(
    db: &Session<'_>,
    query: &Compiled,
) -> Result<Page<ModelVersion, String>, Failure> {
    let mut found = Sql::default();
    found.push(
        "SELECT m.rowid AS id FROM model_versions AS m
         WHERE workspace = 'default' AND m.current_stage <> 'Deleted_Internal'",
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
    page(&mut found, Table::Versions, query)?;
    let mut sql = Sql { text: load::versions_of(&found.text), bound: found.bound };
    sql.order(Table::Versions, &query.order);
    let items = load::versions(db, &sql.text, params_from_iter(sql.bound))?;
    Ok(Page::cut(items, query.size, |last| query.token(&query.version_key(last))))
}

fn prompts(sql: &mut Sql) {
    sql.push("SELECT name FROM registered_model_tags WHERE workspace = 'default' AND key = ");
    sql.bind(PROMPT_TAG.to_owned());
    sql.push(" AND value = 'true'");
}

/// Adds the filter, where the page starts, the order and the number of rows: one more than the
/// page holds.
fn page(sql: &mut Sql, table: Table, query: &Compiled) -> Result<(), Failure> {
    if let Some(filter) = &query.filter {
        sql.push(" AND ");
        sql.filter(table, filter)?;
    }
    if let Some(last) = &query.after {
        sql.push(" AND ");
        sql.after(table, &query.order, last);
    }
    sql.order(table, &query.order);
    sql.push(" LIMIT ");
    sql.bind(i64::from(query.size.and_one_more()));
    Ok(())
}
