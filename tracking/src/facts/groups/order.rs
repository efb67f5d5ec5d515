//! The order of groups, and pages cut by it.

use super::{Group, GroupKey, GroupPage, GroupQuery};
use crate::search::RunQuery;
use crate::{Error, Key, Result};
use mlctl_filter::{Entity, Field, OrderBy};
use mlctl_search::{Compiled, Order, RowKey, SortKey};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What to order groups by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct GroupOrder {
    /// The column.
    pub column: GroupColumn,
    /// Whether the smallest comes first. What is missing comes last either way.
    pub ascending: bool,
}

/// A column of a table of groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupColumn {
    /// The number of runs.
    Runs,
    /// What the runs have for a key: as numbers, if all groups have numbers.
    Value(GroupKey),
    /// A statistic of a metric.
    Statistic(Statistic, Key),
}

/// What the values of a metric come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistic {
    /// The number of finite values.
    N,
    /// The mean.
    Mean,
    /// The sample standard deviation.
    Std,
    /// The smallest value.
    Min,
    /// The greatest value.
    Max,
}

/// JSON of [`GroupOrder`].
#[derive(Serialize, Deserialize)]
struct Form {
    /// `runs`, `value` or a statistic.
    column: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<GroupKey>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    metric: Option<Key>,
    #[serde(default)]
    ascending: bool,
}

impl TryFrom<Form> for GroupOrder {
    type Error = Error;

    fn try_from(form: Form) -> Result<Self> {
        let Form { column, key, metric, ascending } = form;
        let statistic = Statistic::ALL.into_iter().find(|one| one.as_str() == column);
        let column = match (column.as_str(), statistic, key, metric) {
            ("runs", ..) => GroupColumn::Runs,
            ("value", _, Some(key), _) => GroupColumn::Value(key),
            (_, Some(statistic), _, Some(metric)) => GroupColumn::Statistic(statistic, metric),
            _ => {
                let rule = "it must be runs; value, with a `key`; or n, mean, std, min or max, with a `metric`";
                return Err(Error::invalid("column", &column, rule));
            }
        };
        Ok(Self { column, ascending })
    }
}

impl From<GroupOrder> for Form {
    fn from(order: GroupOrder) -> Self {
        let (column, key, metric) = match order.column {
            GroupColumn::Runs => ("runs", None, None),
            GroupColumn::Value(key) => ("value", Some(key), None),
            GroupColumn::Statistic(statistic, metric) => (statistic.as_str(), None, Some(metric)),
        };
        Self { column: column.to_owned(), key, metric, ascending: order.ascending }
    }
}

impl Statistic {
    /// All statistics.
    pub const ALL: [Self; 5] = [Self::N, Self::Mean, Self::Std, Self::Min, Self::Max];

    /// Returns the name of the statistic.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::N => "n",
            Self::Mean => "mean",
            Self::Std => "std",
            Self::Min => "min",
            Self::Max => "max",
        }
    }
}

/// Decides between groups that are equal by all clauses; a missing value comes last.
type Tie = Vec<(bool, String)>;

impl fmt::Display for GroupColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Runs => f.write_str("runs"),
            Self::Value(key) => key.fmt(f),
            Self::Statistic(statistic, key) => write!(f, "{} of {key}", statistic.as_str()),
        }
    }
}

/// Orders groups and cuts a page out of them.
pub(super) fn page(groups: Vec<Group>, ask: &GroupQuery, query: &RunQuery) -> Result<GroupPage> {
    let runs = GroupOrder { column: GroupColumn::Runs, ascending: false };
    let clauses: Vec<&GroupOrder> = ask.order_by.iter().chain([&runs]).collect();
    let columns: Vec<Column> =
        clauses.iter().map(|clause| Column::of(&clause.column, ask, &groups)).collect();
    let clause = |clause: &&GroupOrder| OrderBy {
        field: Field::new(Entity::Attribute, clause.column.to_string()),
        ascending: clause.ascending,
    };
    let order = Order::new(clauses.iter().map(clause).collect());
    let compiled = Compiled::new(None, order, scope(ask, query));
    let total = groups.len() as u64;
    let place = |group: Group| {
        let values = columns.iter().map(|column| column.value(&group)).collect();
        (RowKey { values, tie: tie(&group) }, group)
    };
    let rows = groups.into_iter().map(place).collect();
    let page = compiled
        .page(rows, ask.max_results, ask.page_token.as_deref())
        .map_err(|_| Error::PageToken)?;
    Ok(GroupPage { groups: page.items, total, next_page_token: page.next_page_token })
}

/// Says all that two questions may differ in.
fn scope(ask: &GroupQuery, query: &RunQuery) -> String {
    let RunQuery { experiment_ids, filter, view, .. } = query;
    let GroupQuery { by, metrics, order_by, .. } = ask;
    format!("groups {experiment_ids:?} {filter:?} {view:?} {by:?} {metrics:?} {order_by:?}")
}

fn tie(group: &Group) -> Tie {
    let part = |value: &Option<String>| (value.is_none(), value.clone().unwrap_or_default());
    group.values.iter().map(part).collect()
}

/// Where a clause looks in a group.
enum Column {
    Runs,
    Value { at: usize, as_numbers: bool },
    Statistic { at: usize, statistic: Statistic },
}

impl Column {
    fn of(column: &GroupColumn, ask: &GroupQuery, groups: &[Group]) -> Self {
        match column {
            GroupColumn::Runs => Self::Runs,
            GroupColumn::Value(key) => {
                let at = ask.by.iter().position(|known| known == key).unwrap_or_default();
                let texts = groups.iter().filter_map(|group| group.values[at].as_deref());
                let as_numbers = texts.map(number).all(|number| number.is_some());
                Self::Value { at, as_numbers }
            }
            GroupColumn::Statistic(statistic, key) => {
                let at = ask.metrics.iter().position(|known| known.key == *key);
                Self::Statistic { at: at.unwrap_or_default(), statistic: *statistic }
            }
        }
    }

    fn value(&self, group: &Group) -> SortKey<String> {
        let sort_key = |number: Option<f64>| match number {
            Some(number) => SortKey::Number(number.to_bits()),
            None => SortKey::Missing,
        };
        match self {
            Self::Runs => sort_key(Some(group.counts.total() as f64)),
            Self::Value { at, as_numbers } => match &group.values[*at] {
                Some(text) if *as_numbers => sort_key(number(text)),
                Some(text) => SortKey::Text(text.clone()),
                None => SortKey::Missing,
            },
            Self::Statistic { at, statistic } => {
                let summary = &group.metrics[*at];
                sort_key(match statistic {
                    Statistic::N => Some(summary.n as f64),
                    Statistic::Mean => summary.mean,
                    Statistic::Std => summary.std,
                    Statistic::Min => summary.min,
                    Statistic::Max => summary.max,
                })
            }
        }
    }
}

/// Reads a text as a number that can be compared with every other.
fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| !number.is_nan())
}
