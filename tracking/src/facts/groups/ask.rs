//! What to group runs by, and what to say about each group.

use super::order::{GroupColumn, GroupOrder};
use crate::facts::Goal;
use crate::search::RUNS;
use crate::{Error, Key, Result};
use mlctl_filter::{Entity, Field, parse_order_by};
use mlctl_wire::limits;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Keys of one grouping.
const KEYS_MAX: usize = 8;
/// Metrics, and clauses of the order, of one grouping.
const METRICS_MAX: usize = 100;

/// How to group runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupQuery {
    /// What the runs of a group have in common.
    pub by: Vec<GroupKey>,
    /// The metrics to sum up.
    pub metrics: Vec<GroupMetric>,
    /// The order; then by number of runs, the largest group first, and by values.
    pub order_by: Vec<GroupOrder>,
    /// How many groups at most.
    pub max_results: usize,
    /// Where to go on, from the page before.
    pub page_token: Option<String>,
}

/// Something that runs can have in common: a field of the search language whose values are text.
///
/// A run that used several datasets is in the group of each of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GroupKey(Field);

/// A metric to sum up.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GroupMetric {
    /// Which one.
    pub key: Key,
    /// Which run is the best one.
    #[serde(default)]
    pub goal: Goal,
}

impl GroupKey {
    /// Groups by the values of a param.
    pub fn param(key: &Key) -> Self {
        Self(Field::new(Entity::Param, key.as_str()))
    }

    /// Groups by the values of a tag.
    pub fn tag(key: &Key) -> Self {
        Self(Field::new(Entity::Tag, key.as_str()))
    }

    /// Groups by the names of datasets.
    pub fn dataset() -> Self {
        Self(Field::new(Entity::Dataset, "name"))
    }

    /// Groups by who started the runs.
    pub fn user() -> Self {
        Self(Field::new(Entity::Attribute, "user_id"))
    }

    /// Reads a field as the search language spells it: `params.lr`, `` tags.`my tag` ``,
    /// `user_id`, `status`, `datasets.name`.
    ///
    /// # Errors
    /// [`Error::Filter`] when it is no field, [`Error::Invalid`] when its values are numbers.
    pub fn parse(text: &str) -> Result<Self> {
        const RULE: &str = "it must be a field whose values are text, such as params.lr, tags.team, user_id, status \
                            or datasets.name";
        let invalid = || Error::invalid("group key", text, RULE);
        if let Some(("datasets" | "dataset", key)) = text.trim().split_once('.') {
            let known = mlctl_filter::DATASET_KEYS.contains(&key);
            return if known { Ok(Self(Field::new(Entity::Dataset, key))) } else { Err(invalid()) };
        }
        let has_direction = |text: &str| {
            let last = text.trim().rsplit(char::is_whitespace).next().unwrap_or_default();
            last.eq_ignore_ascii_case("asc") || last.eq_ignore_ascii_case("desc")
        };
        let field = parse_order_by(text, &RUNS)?.field;
        let is_number = match field.entity {
            Entity::Metric => true,
            Entity::Attribute => matches!(field.key.as_str(), "start_time" | "end_time"),
            Entity::Param | Entity::Tag | Entity::Dataset => false,
        };
        if is_number || has_direction(text) { Err(invalid()) } else { Ok(Self(field)) }
    }

    /// Returns the field.
    pub fn field(&self) -> &Field {
        &self.0
    }
}

impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<String> for GroupKey {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::parse(&text)
    }
}

impl From<GroupKey> for String {
    fn from(key: GroupKey) -> Self {
        key.to_string()
    }
}

impl GroupQuery {
    /// Groups by some keys, the largest groups first.
    pub fn of(by: Vec<GroupKey>, max_results: usize) -> Self {
        Self { by, metrics: Vec::new(), order_by: Vec::new(), max_results, page_token: None }
    }

    /// Checks the question.
    ///
    /// # Errors
    /// [`Error::Invalid`] or [`Error::PageRows`], with what is wrong.
    pub fn check(&self) -> Result<()> {
        let count = |what, got: usize, rule| Err(Error::invalid(what, &got.to_string(), rule));
        let datasets = self.by.iter().filter(|key| key.0.entity == Entity::Dataset).count();
        if !(1..=KEYS_MAX).contains(&self.by.len()) {
            return count("number of group keys", self.by.len(), "it must be from 1 to 8");
        }
        if datasets > 1 {
            let rule = "runs can be grouped by one field of datasets at a time";
            return count("number of dataset keys", datasets, rule);
        }
        if self.metrics.len() > METRICS_MAX || self.order_by.len() > METRICS_MAX {
            let got = self.metrics.len().max(self.order_by.len());
            return count(
                "number of metrics",
                got,
                "there can be at most 100, and 100 order clauses",
            );
        }
        if !(1..=limits::PAGE_ROWS_MAX).contains(&self.max_results) {
            let rows = i64::try_from(self.max_results).unwrap_or(i64::MAX);
            return Err(Error::PageRows { rows, max: limits::PAGE_ROWS_MAX });
        }
        self.order_by.iter().try_for_each(|clause| self.check_column(&clause.column))
    }

    fn check_column(&self, column: &GroupColumn) -> Result<()> {
        let is_known = match column {
            GroupColumn::Runs => true,
            GroupColumn::Value(key) => self.by.contains(key),
            GroupColumn::Statistic(_, key) => self.metrics.iter().any(|one| one.key == *key),
        };
        let rule =
            "groups are ordered by their number of runs, the keys and metrics of the request";
        if is_known { Ok(()) } else { Err(Error::invalid("order", &column.to_string(), rule)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Option<&str>) {
        let got = GroupKey::parse(text).map(|key| key.to_string());
        assert_eq!(got.as_deref().ok(), want, "for {text}: {got:?}");
    }

    #[test]
    fn runs_are_grouped_by_fields_whose_values_are_text() {
        check("params.lr", Some("params.lr"));
        check("tags.`my tag`", Some("tags.`my tag`"));
        check("user_id", Some("user_id"));
        check("datasets.name", Some("datasets.name"));
        check("metrics.rmse", None);
        check("start_time", None);
        check("params.lr DESC", None);
        check("datasets.size", None);
        check("params.", None);
    }
}
