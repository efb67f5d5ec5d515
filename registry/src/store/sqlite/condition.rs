//! A filter as a condition of SQL, exactly as [`mlctl_filter::Expr::matches`] reads it.

use mlctl_filter::{Compare, Entity, Expr, Field, OrderBy, Test, Value};
use mlctl_search::SortKey;
use rusqlite::types::Value as Bound;

use super::{Failure, json};

/// What a search goes over, and how its columns are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    /// `registered_models AS m`.
    Models,
    /// `model_versions AS m`.
    Versions,
}

impl Table {
    fn column(self, field: &Field) -> &'static str {
        match field.key.as_str() {
            "name" => "m.name",
            "version_number" => "m.version",
            "run_id" => "m.run_id",
            "source_path" => "coalesce(m.source, '')",
            "current_stage" => "m.current_stage",
            "creation_timestamp" => "coalesce(m.creation_time, 0)",
            "last_updated_timestamp" => "coalesce(m.last_updated_time, m.creation_time, 0)",
            // The vocabulary has no other; a column that is not there finds nothing.
            _ => "NULL",
        }
    }

    /// What a tag knows its row by.
    fn row(self) -> &'static str {
        match self {
            Self::Models => "m.name",
            Self::Versions => "(m.name, m.version)",
        }
    }

    /// Begins the rows that have a tag: found once by its key, not again for every row.
    fn tagged(self) -> &'static str {
        match self {
            Self::Models => {
                "(SELECT t.name FROM registered_model_tags AS t
                 WHERE workspace = 'default' AND t.key = "
            }
            Self::Versions => {
                "(SELECT t.name, t.version FROM model_version_tags AS t
                 WHERE workspace = 'default' AND t.key = "
            }
        }
    }
}

/// Part of a statement and the values that are bound to it.
#[derive(Debug, Default)]
pub(super) struct Sql {
    pub(super) text: String,
    pub(super) bound: Vec<Bound>,
}

impl Sql {
    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(super) fn bind(&mut self, value: impl Into<Bound>) {
        self.bound.push(value.into());
        self.text.push('?');
        self.text.push_str(&self.bound.len().to_string());
    }

    /// Adds a filter.
    pub(super) fn filter(&mut self, table: Table, filter: &Expr) -> Result<(), Failure> {
        match filter {
            Expr::Test(field, test) if field.entity == Entity::Tag => {
                self.push(table.row());
                self.push(if *test == Test::IsNull { " NOT IN " } else { " IN " });
                self.push(table.tagged());
                self.bind(field.key.clone());
                if !matches!(test, Test::IsNull | Test::IsNotNull) {
                    self.push(" AND ");
                    self.test("coalesce(t.value, '')", test)?;
                }
                self.push(")");
            }
            Expr::Test(field, test) => self.test(table.column(field), test)?,
            Expr::And(parts) => self.joined(table, parts, " AND ")?,
            Expr::Or(parts) => self.joined(table, parts, " OR ")?,
            Expr::Not(part) => {
                // What has no value fails its test, and NOT of that holds.
                self.push("NOT coalesce(");
                self.filter(table, part)?;
                self.push(", FALSE)");
            }
        }
        Ok(())
    }

    fn joined(&mut self, table: Table, parts: &[Expr], with: &str) -> Result<(), Failure> {
        for (number, part) in parts.iter().enumerate() {
            self.push(if number == 0 { "(" } else { with });
            self.filter(table, part)?;
        }
        self.push(")");
        Ok(())
    }

    fn test(&mut self, column: &str, test: &Test) -> Result<(), Failure> {
        let mut call = |function: &str, pattern: &str| {
            self.push(&format!("{function}({column}, "));
            self.bind(pattern.to_owned());
            self.push(")");
        };
        match test {
            Test::Compare(compare, value) => self.compare(column, *compare, value),
            Test::Like { pattern, ignore_case: false } => call("mlctl_like", pattern),
            Test::Like { pattern, ignore_case: true } => call("mlctl_ilike", pattern),
            Test::Matches(pattern) => call("mlctl_matches", pattern.as_str()),
            Test::In(list) | Test::NotIn(list) => {
                let not = if matches!(test, Test::In(_)) { "" } else { "NOT " };
                self.push(&format!("{column} {not}IN (SELECT value FROM json_each("));
                self.bind(json(list)?);
                self.push("))");
            }
            Test::IsNull => self.push(&format!("{column} IS NULL")),
            Test::IsNotNull => self.push(&format!("{column} IS NOT NULL")),
        }
        Ok(())
    }

    fn compare(&mut self, column: &str, compare: Compare, value: &Value) {
        self.push(&format!("{column} {} ", compare.as_str()));
        match value {
            Value::Number(number) => self.bind(*number),
            Value::Text(text) => self.bind(text.clone()),
        }
    }

    /// Adds that the row stands after another in an order.
    pub(super) fn after(&mut self, table: Table, order: &[OrderBy], last: &[SortKey<String>]) {
        let Some(((column, key), rest)) = order
            .split_first()
            .zip(last.split_first())
            .map(|((column, order), (key, last))| ((column, key), (order, last)))
        else {
            return self.push("FALSE");
        };
        let name = table.column(&column.field);
        self.push(&format!("({name} {} ", if column.ascending { ">" } else { "<" }));
        self.sort_key(key);
        self.push(&format!(" OR ({name} = "));
        self.sort_key(key);
        self.push(" AND ");
        self.after(table, rest.0, rest.1);
        self.push("))");
    }

    fn sort_key(&mut self, key: &SortKey<String>) {
        match key {
            // What models and versions are ordered by are times and version numbers.
            SortKey::Number(bits) => self.bind(f64::from_bits(*bits) as i64),
            SortKey::Text(text) => self.bind(text.clone()),
            SortKey::Nan | SortKey::Missing => self.bind(Bound::Null),
        }
    }

    /// Adds an order.
    pub(super) fn order(&mut self, table: Table, order: &[OrderBy]) {
        for (number, column) in order.iter().enumerate() {
            self.push(if number == 0 { " ORDER BY " } else { ", " });
            self.push(table.column(&column.field));
            self.push(if column.ascending { "" } else { " DESC" });
        }
    }
}
