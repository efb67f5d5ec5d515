//! Runs that have something in common, taken together.

mod ask;
mod order;

pub use ask::{GroupKey, GroupMetric, GroupQuery};
pub use order::{GroupColumn, GroupOrder, Statistic};

use super::counts::RunCounts;
use super::summary::{Gathered, Summary};
use crate::entity::RunStatus;
use crate::search::RunQuery;
use crate::{Result, RunId};
use mlctl_filter::{Entity, Facts, Field, Scalar, Values};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Runs that have the same values for the keys of a [`GroupQuery`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// What the runs have for each key; `None` if they do not have it.
    pub values: Vec<Option<String>>,
    /// How many runs there are, by state.
    pub counts: RunCounts,
    /// What the values of each metric come to.
    pub metrics: Vec<Summary>,
}

/// A page of groups.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupPage {
    /// The groups, in order.
    pub groups: Vec<Group>,
    /// How many there are in all.
    pub total: u64,
    /// What to ask for the next groups with; `None` at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// Gathers runs into groups.
#[derive(Debug)]
pub struct GroupTally<'a> {
    ask: &'a GroupQuery,
    metrics: Vec<Field>,
    groups: HashMap<Vec<Option<String>>, Open>,
}

/// A group to which runs are added.
#[derive(Debug, Default)]
struct Open {
    counts: RunCounts,
    metrics: Vec<Gathered>,
}

impl<'a> GroupTally<'a> {
    /// Gathers runs as `ask` says.
    pub fn new(ask: &'a GroupQuery) -> Self {
        let field = |metric: &GroupMetric| Field::new(Entity::Metric, metric.key.as_str());
        Self { ask, metrics: ask.metrics.iter().map(field).collect(), groups: HashMap::new() }
    }

    /// Takes a run in; `facts` knows the fields of the keys and metrics. The id is asked for when the
    /// run may be the best one.
    pub fn add(
        &mut self,
        facts: &(impl Facts + ?Sized),
        id: impl Fn() -> Option<RunId>,
        status: RunStatus,
    ) {
        let measured: Vec<Option<f64>> =
            self.metrics.iter().map(|field| number(&facts.values(field))).collect();
        for values in combinations(&self.ask.by, facts) {
            let group = self.groups.entry(values).or_default();
            group.counts.add(status);
            group.metrics.resize_with(measured.len(), Gathered::default);
            for (at, value) in measured.iter().enumerate() {
                if let Some(value) = value {
                    group.metrics[at].add(*value, &id, self.ask.metrics[at].goal);
                }
            }
        }
    }

    /// Orders the groups of the runs that `query` finds, and cuts the page that is asked for.
    ///
    /// # Errors
    /// [`Error::PageToken`](crate::Error::PageToken) when the token is of another question.
    pub fn page(self, query: &RunQuery) -> Result<GroupPage> {
        let group = |(values, open): (Vec<Option<String>>, Open)| Group {
            values,
            counts: open.counts,
            metrics: open.metrics.into_iter().map(Gathered::summary).collect(),
        };
        let groups = self.groups.into_iter().map(group).collect();
        order::page(groups, self.ask, query)
    }
}

fn number(values: &Values<'_>) -> Option<f64> {
    match values {
        Values::One(Scalar::Number(number)) => Some(*number),
        _ => None,
    }
}

/// Lists the groups of a run: one, or one for each dataset that it used.
fn combinations(by: &[GroupKey], facts: &(impl Facts + ?Sized)) -> Vec<Vec<Option<String>>> {
    let mut found = vec![Vec::with_capacity(by.len())];
    for key in by {
        let mut texts = texts(facts.values(key.field()));
        let last = texts.pop().unwrap_or_default();
        let mut more = Vec::new();
        for text in texts {
            more.extend(found.iter().cloned().map(|mut values: Vec<Option<String>>| {
                values.push(text.clone());
                values
            }));
        }
        found.iter_mut().for_each(|values| values.push(last.clone()));
        found.append(&mut more);
    }
    found
}

/// Lists the distinct values of a run for a key; none of them is a value as well.
fn texts(values: Values<'_>) -> Vec<Option<String>> {
    let text = |scalar: Scalar<'_>| match scalar {
        Scalar::Text(text) => text.to_owned(),
        Scalar::Number(number) => number.to_string(),
    };
    match values {
        Values::None => vec![None],
        Values::One(scalar) => vec![Some(text(scalar))],
        Values::Many(all) if all.is_empty() => vec![None],
        Values::Many(all) => {
            let mut texts: Vec<_> = all.into_iter().map(|scalar| Some(text(scalar))).collect();
            texts.sort_unstable();
            texts.dedup();
            texts
        }
    }
}
