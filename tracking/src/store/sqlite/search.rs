//! Searching runs: one statement reads what the query looks at, the filter of this crate judges
//! each row while it streams by, and the page that is left is loaded whole.
//!
//! What SQLite can tell for sure it is asked first: a test that stands alone or in a row of `AND`
//! narrows the rows that stream by. It may let too many pass, never too few.

use super::database::{Failure, Session};
use super::found::{FoundId, FoundRun};
use super::{experiments, load, runs};
use crate::entity::{Run, ViewType};
use crate::search::{self, Compiled, Page, RunQuery};
use mlctl_filter::{Entity, Expr, Facts, Field, Scalar, Test, Value as Operand, Values};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Row, params_from_iter};

/// Columns before those of the fields: the start and the id of the run.
const FIRST_FIELD: usize = 2;

pub(super) fn runs(
    db: &Session<'_>,
    query: &RunQuery,
    compiled: &Compiled,
) -> Result<Page<Run>, Failure> {
    let mut found = Vec::new();
    visit(db, (query, compiled), &distinct(compiled), &mut |run| {
        let id = run.id.spelled();
        found.push((search::row_key(compiled, run.facts, run.start_time, &id), id));
    })?;
    let page = search::page(found, compiled, query.max_results, query.page_token.as_deref())?;
    let items = load::runs(db, &page.items)?;
    Ok(Page { items, next_page_token: page.next_page_token })
}

/// Shows `visit` every run that a query finds, with some fields, those of the filter among them.
pub(super) fn visit(
    db: &Session<'_>,
    (query, compiled): (&RunQuery, &Compiled),
    fields: &[Field],
    visit: &mut dyn FnMut(&FoundRun<'_>),
) -> Result<(), Failure> {
    let numbers: Vec<i64> =
        query.experiment_ids.iter().filter_map(|id| experiments::number(id).ok()).collect();
    let mut bound = vec![Value::from(serde_json::Value::from(numbers).to_string())];
    let sql = statement(compiled, fields, query.view, &mut bound);
    let mut statement = db.prepare(&sql)?;
    let mut rows = statement.query(params_from_iter(bound))?;
    while let Some(row) = rows.next()? {
        let seen = Seen::of(row, fields)?;
        if compiled.admits(&seen) {
            let id = FoundId::of(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?);
            visit(&FoundRun { facts: &seen, id, start_time: row.get(0)? });
        }
    }
    Ok(())
}

/// Lists the keys of an entity that a query looks at, as JSON that a statement can take apart.
pub(super) fn keys(compiled: &Compiled, entity: Entity) -> String {
    let fields = compiled.fields().filter(|field| field.entity == entity);
    let keys: Vec<&str> = fields.map(|field| field.key.as_str()).collect();
    serde_json::Value::from(keys).to_string()
}

/// Lists each field of a query once.
pub(super) fn distinct(compiled: &Compiled) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    for field in compiled.fields() {
        if !fields.contains(field) {
            fields.push(field.clone());
        }
    }
    fields
}

/// Writes the statement; keys and operands are bound, and ?1 is the list of experiments.
fn statement(
    compiled: &Compiled,
    fields: &[Field],
    view: ViewType,
    bound: &mut Vec<Value>,
) -> String {
    let columns: Vec<String> = fields.iter().map(|field| column(field, bound)).collect();
    let mut sql = "SELECT coalesce(r.start_time, 0), r.run_uuid".to_owned();
    for column in &columns {
        sql.push_str(", ");
        sql.push_str(column);
    }
    sql.push_str(" FROM runs AS r WHERE r.experiment_id IN (SELECT value FROM json_each(?1))");
    sql.push_str(match view {
        ViewType::ActiveOnly => " AND r.lifecycle_stage IS NOT 'deleted'",
        ViewType::DeletedOnly => " AND r.lifecycle_stage IS 'deleted'",
        ViewType::All => "",
    });
    for (field, test) in compiled.filter.as_ref().map(conjuncts_of).unwrap_or_default() {
        let column = fields.iter().position(|known| known == field).map(|at| &columns[at]);
        let condition = column.and_then(|column| narrowing_condition(column, field, test, bound));
        if let Some(condition) = condition {
            sql.push_str(" AND ");
            sql.push_str(&condition);
        }
    }
    sql
}

/// Lists the tests of which each must hold.
fn conjuncts_of(filter: &Expr) -> Vec<(&Field, &Test)> {
    match filter {
        Expr::Test(field, test) => vec![(field, test)],
        Expr::And(parts) => parts.iter().flat_map(conjuncts_of).collect(),
        Expr::Or(_) | Expr::Not(_) => Vec::new(),
    }
}

/// Writes a condition that holds wherever the test does; `None` when SQLite cannot tell.
fn narrowing_condition(
    column: &str,
    field: &Field,
    test: &Test,
    bound: &mut Vec<Value>,
) -> Option<String> {
    if field.entity == Entity::Dataset {
        return None;
    }
    let (operator, operand) = match test {
        Test::IsNull => return Some(format!("{column} IS NULL")),
        // Numbers are compared as floats, as the filter does. NaN is a text, which is greater than
        // any number here, and is refused later.
        // The largest number stands for infinity in the file.
        Test::Compare(_, Operand::Number(number)) if number.abs() >= f64::MAX => {
            return Some(format!("{column} IS NOT NULL"));
        }
        Test::Compare(compare, Operand::Number(number)) => (compare.as_str(), Value::from(*number)),
        Test::Compare(compare, Operand::Text(text)) => {
            (compare.as_str(), Value::from(text.clone()))
        }
        Test::In(list) if list.len() == 1 => ("=", Value::from(list[0].clone())),
        _ => return Some(format!("{column} IS NOT NULL")),
    };
    let is_integer = field.entity == Entity::Attribute && matches!(operand, Value::Real(_));
    bound.push(operand);
    let place = bound.len();
    Some(match is_integer {
        true => format!("CAST({column} AS REAL) {operator} ?{place}"),
        false => format!("{column} {operator} ?{place}"),
    })
}

/// Writes the expression for one field of a run. NaN, which SQLite does not have, is a text; what
/// a run has several of is a JSON array.
pub(super) fn column(field: &Field, bound: &mut Vec<Value>) -> String {
    let mut key = || {
        bound.push(Value::from(field.key.clone()));
        format!("?{}", bound.len())
    };
    match field.entity {
        Entity::Attribute => attribute(&field.key).to_owned(),
        Entity::Metric => format!(
            "(SELECT iif(m.is_nan, 'NaN', m.value) FROM latest_metrics AS m
              WHERE m.key = {} AND m.run_uuid = r.run_uuid)",
            key()
        ),
        Entity::Param => format!(
            "(SELECT p.value FROM params AS p WHERE p.key = {} AND p.run_uuid = r.run_uuid)",
            key()
        ),
        Entity::Tag => format!(
            "(SELECT coalesce(t.value, '') FROM tags AS t
              WHERE t.key = {} AND t.run_uuid = r.run_uuid)",
            key()
        ),
        Entity::Dataset => dataset(&field.key).to_owned(),
    }
}

fn attribute(key: &str) -> &'static str {
    match key {
        "run_id" => "r.run_uuid",
        "run_name" => {
            "coalesce(nullif(r.name, ''), (SELECT t.value FROM tags AS t
              WHERE t.key = 'mlflow.runName' AND t.run_uuid = r.run_uuid), '')"
        }
        "experiment_id" => "CAST(r.experiment_id AS TEXT)",
        "status" => "coalesce(r.status, 'RUNNING')",
        "artifact_uri" => "coalesce(r.artifact_uri, '')",
        "user_id" => "coalesce(r.user_id, '')",
        "start_time" => "coalesce(r.start_time, 0)",
        "end_time" => "r.end_time",
        _ => "NULL",
    }
}

fn dataset(key: &str) -> &'static str {
    match key {
        "name" => {
            "(SELECT json_group_array(d.name ORDER BY i.rowid) FROM inputs AS i
              JOIN datasets AS d ON d.dataset_uuid = i.source_id
              WHERE i.destination_type = 'RUN' AND i.destination_id = r.run_uuid
                  AND i.source_type = 'DATASET')"
        }
        "digest" => {
            "(SELECT json_group_array(d.digest ORDER BY i.rowid) FROM inputs AS i
              JOIN datasets AS d ON d.dataset_uuid = i.source_id
              WHERE i.destination_type = 'RUN' AND i.destination_id = r.run_uuid
                  AND i.source_type = 'DATASET')"
        }
        "context" => {
            "(SELECT json_group_array(t.value ORDER BY i.rowid) FROM inputs AS i
              JOIN input_tags AS t ON t.input_uuid = i.input_uuid
              WHERE i.destination_type = 'RUN' AND i.destination_id = r.run_uuid
                  AND i.source_type = 'DATASET' AND t.name = 'mlflow.data.context')"
        }
        _ => "NULL",
    }
}

/// A row of the statement, as the filter sees it.
struct Seen<'a> {
    row: &'a Row<'a>,
    fields: &'a [Field],
    /// The values of the fields that a run has several of, by the places of the fields.
    lists: Vec<(usize, Vec<String>)>,
}

impl<'a> Seen<'a> {
    fn of(row: &'a Row<'a>, fields: &'a [Field]) -> Result<Self, Failure> {
        let mut lists = Vec::new();
        for (at, field) in fields.iter().enumerate() {
            if field.entity == Entity::Dataset {
                let text = row.get_ref(FIRST_FIELD + at)?.as_str_or_null();
                let text = text.map_err(rusqlite::Error::from)?.unwrap_or("[]");
                // SQLite wrote it, so it is an array.
                lists.push((at, serde_json::from_str(text).unwrap_or_default()));
            }
        }
        Ok(Self { row, fields, lists })
    }
}

impl Facts for Seen<'_> {
    fn values<'a>(&'a self, field: &Field) -> Values<'a> {
        let Some(at) = self.fields.iter().position(|known| known == field) else {
            return Values::None;
        };
        if let Some((_, list)) = self.lists.iter().find(|(place, _)| *place == at) {
            return Values::Many(list.iter().map(|text| Scalar::Text(text)).collect());
        }
        match self.row.get_ref(FIRST_FIELD + at) {
            Ok(ValueRef::Real(number)) => Values::One(Scalar::Number(runs::restored(number))),
            Ok(ValueRef::Integer(number)) => Values::One(Scalar::Number(number as f64)),
            Ok(ValueRef::Text(_)) if field.entity == Entity::Metric => {
                Values::One(Scalar::Number(f64::NAN))
            }
            Ok(ValueRef::Text(bytes)) => {
                Values::from(std::str::from_utf8(bytes).ok().map(Scalar::Text))
            }
            _ => Values::None,
        }
    }
}
