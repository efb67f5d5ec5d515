//! What some runs have in common and in what they differ, for comparing them side by side.
//!
//! Pure: runs in, rows out. What differs comes first.

use crate::entity::{Run, Tag};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Section {
    /// A param.
    Param,
    /// The latest value of a metric.
    Metric,
    /// The datasets of one context, such as `training`, by name and digest.
    Dataset,
    /// Where the code came from: a tag such as `mlflow.source.git.commit`.
    Source,
    /// What the code ran in: a tag such as `mlflow.project.env`.
    Environment,
    /// Another tag.
    Tag,
}

/// What a run has in a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// The value of a metric.
    Number(f64),
    /// Anything else.
    Text(Cow<'a, str>),
}

/// One thing that some of the runs have.
#[derive(Clone, Debug, PartialEq)]
pub struct Row<'a> {
    /// What it is about.
    pub section: Section,
    /// The key of the param, metric or tag, or the context of the datasets.
    pub key: &'a str,
    /// What each run has, in the order of the runs.
    pub values: Vec<Option<Value<'a>>>,
    /// Whether runs differ: some have another value than others, or none.
    pub differs: bool,
}

/// How far a number is from that of the baseline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Delta {
    /// The number less that of the baseline.
    pub difference: f64,
    /// The difference as a part of the baseline's size; none of a baseline of zero.
    pub part: Option<f64>,
}

/// Runs side by side.
#[derive(Clone, Debug, PartialEq)]
pub struct Differences<'a> {
    /// The rows: those in which runs differ come first, each part by section and key.
    pub rows: Vec<Row<'a>>,
    /// How many rows differ.
    pub differing: usize,
}

/// Tags that are different by nature, or shown elsewhere.
const LEFT_OUT: [&str; 4] =
    ["mlflow.runName", "mlflow.parentRunId", "mlflow.log-model.history", "mlflow.note.content"];

/// Tags, or their beginnings, that say what the code ran in.
const ENVIRONMENT: [&str; 4] =
    ["mlflow.project.env", "mlflow.project.backend", "mlflow.docker.", "mlflow.databricks.cluster"];

/// Tags, or their beginnings, that say where the code came from.
const SOURCE: [&str; 4] =
    ["mlflow.source.", "mlflow.project.", "mlflow.gitRepoURL", "mlflow.gitBranch"];

impl Differences<'_> {
    /// Lists the rows in which runs differ.
    pub fn different(&self) -> &[Row<'_>] {
        &self.rows[..self.differing]
    }

    /// Lists the rows in which all runs have the same.
    pub fn equal(&self) -> &[Row<'_>] {
        &self.rows[self.differing..]
    }
}

/// Compares runs.
pub fn compare(runs: &[Run]) -> Differences<'_> {
    let mut table: BTreeMap<(Section, &str), Vec<Option<Value<'_>>>> = BTreeMap::new();
    for (at, run) in runs.iter().enumerate() {
        each_value(run, |section, key, value| {
            let values = table.entry((section, key)).or_insert_with(|| vec![None; runs.len()]);
            values[at] = Some(value);
        });
    }
    let (mut rows, mut equal): (Vec<_>, Vec<_>) =
        table.into_iter().map(|(key, values)| row(key, values)).partition(|row| row.differs);
    let differing = rows.len();
    rows.append(&mut equal);
    Differences { rows, differing }
}

fn row<'a>((section, key): (Section, &'a str), values: Vec<Option<Value<'a>>>) -> Row<'a> {
    let differs = values.windows(2).any(|pair| !is_same(pair[0].as_ref(), pair[1].as_ref()));
    Row { section, key, values, differs }
}

/// Tells whether two runs have the same; `NaN` is the same as `NaN`.
fn is_same(a: Option<&Value<'_>>, b: Option<&Value<'_>>) -> bool {
    match (a, b) {
        (Some(Value::Number(a)), Some(Value::Number(b))) => a == b || (a.is_nan() && b.is_nan()),
        (a, b) => a == b,
    }
}

fn each_value<'a>(run: &'a Run, mut visit: impl FnMut(Section, &'a str, Value<'a>)) {
    let text = |text: &'a str| Value::Text(Cow::Borrowed(text));
    for param in &run.data.params {
        visit(Section::Param, param.key.as_str(), text(&param.value));
    }
    for metric in &run.data.metrics {
        visit(Section::Metric, metric.key.as_str(), Value::Number(metric.value));
    }
    for (context, names) in datasets(run) {
        visit(Section::Dataset, context, Value::Text(Cow::Owned(names.join(", "))));
    }
    for tag in run.data.tags.iter().filter(|tag| !LEFT_OUT.contains(&tag.key.as_str())) {
        visit(section_of(tag), tag.key.as_str(), text(&tag.value));
    }
}

fn section_of(tag: &Tag) -> Section {
    let begins = |with: &&str| tag.key.as_str().starts_with(*with);
    if ENVIRONMENT.iter().any(begins) {
        Section::Environment
    } else if SOURCE.iter().any(begins) {
        Section::Source
    } else {
        Section::Tag
    }
}

/// Lists the datasets of a run by their contexts, each as `name (digest)`, in order.
fn datasets(run: &Run) -> BTreeMap<&str, Vec<String>> {
    let mut by_context: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for input in &run.inputs.dataset_inputs {
        let is_context = |tag: &&Tag| tag.key.as_str() == crate::rules::tag::CONTEXT;
        let context = input.tags.iter().find(is_context).map_or("", |tag| tag.value.as_str());
        let name = format!("{} ({})", input.dataset.name, input.dataset.digest);
        by_context.entry(context).or_default().push(name);
    }
    by_context.values_mut().for_each(|names| names.sort_unstable());
    by_context
}

impl Row<'_> {
    /// Tells how far each run's number is from that of the run at `baseline`. Params that read as
    /// numbers have deltas too; what is no finite number has none.
    pub fn deltas(&self, baseline: usize) -> Vec<Option<Delta>> {
        let base = self.values.get(baseline).and_then(|value| number(value.as_ref()));
        let delta = |value: &Option<Value<'_>>| {
            let (base, value) = (base?, number(value.as_ref())?);
            let difference = value - base;
            let part = Some(difference / base.abs()).filter(|part| part.is_finite());
            Some(Delta { difference, part }).filter(|delta| delta.difference.is_finite())
        };
        self.values.iter().map(delta).collect()
    }
}

fn number(value: Option<&Value<'_>>) -> Option<f64> {
    let number = match value? {
        Value::Number(number) => Some(*number),
        Value::Text(text) => text.trim().parse().ok(),
    };
    number.filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests;
