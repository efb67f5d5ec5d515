//! Functions that statements use: what a filter asks and SQL has no words for.

use mlctl_filter::{Pattern, Scalar, Test};
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::{Connection, Error, Result};

/// Adds them to a connection.
pub(super) fn add(conn: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    conn.create_scalar_function("mlctl_like", 2, flags, |call| like(call, false))?;
    conn.create_scalar_function("mlctl_ilike", 2, flags, |call| like(call, true))?;
    conn.create_scalar_function("mlctl_matches", 2, flags, matches)
}

/// Asks whether the first argument fits the second, a pattern of `LIKE`; NULL fits none.
fn like(call: &Context<'_>, ignore_case: bool) -> Result<bool> {
    let Some(text) = call.get_raw(0).as_str_or_null()? else { return Ok(false) };
    // The pattern is the same for every row of a statement.
    let test = call.get_or_create_aux(1, |pattern| -> rusqlite::types::FromSqlResult<Test> {
        Ok(Test::Like { pattern: pattern.as_str()?.to_owned(), ignore_case })
    })?;
    Ok(test.accepts(Scalar::Text(text)))
}

fn matches(call: &Context<'_>) -> Result<bool> {
    let Some(text) = call.get_raw(0).as_str_or_null()? else { return Ok(false) };
    let pattern = call.get_or_create_aux(1, |source| {
        Pattern::parse(source.as_str().unwrap_or_default())
            .map_err(|error| Error::UserFunctionError(error.into()))
    })?;
    Ok(pattern.is_match(text))
}
