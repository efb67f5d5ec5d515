//! Gates: what a version must meet to enter a stage.
//!
//! They are kept with the model, in its tag `mlctl.gates`:
//!
//! ```text
//! Staging: tag reviewed
//! Production: rmse <= 0.8; rmse lower by 1%; tag risk = low; approval
//! ```
//!
//! - `rmse <= 0.8` looks at the latest value of a metric of the version's run (`<`, `<=`, `>`,
//!   `>=`, `=`, `!=`).
//! - `rmse lower by 1%`, or `auc higher by 0.5%`, compares it with the version that holds the
//!   stage now: the newest one there. Where nobody holds it, it is met.
//! - `tag reviewed` wants a tag of the version, `tag risk = low` one with this value.
//! - `approval` wants a request for the transition that another user has approved.
//!
//! Conditions are parted by `;` or a line's end. A metric or tag whose name is not made of
//! letters, digits, `_`, `-`, `.` and `/` stands in backticks, such a value in single quotes.
//!
//! Pure: the facts are given, of the registry by its store and of runs by [`RunMetrics`].

mod judge;
mod text;

use std::collections::BTreeMap;
use std::fmt;

use mlctl_filter::Compare;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::id::{Stage, TagKey, TagValue};
pub use judge::{Attempt, Case, Finding, GateReport, Measured, attempt_with_metrics};

/// Knows the metrics of the runs that versions come from.
pub trait RunMetrics: fmt::Debug + Send + Sync + 'static {
    /// Returns the latest value of each metric of a run; nothing when there is no such run.
    ///
    /// # Errors
    /// When that cannot be found out.
    fn metrics(&self, run_id: &str) -> Result<Option<BTreeMap<String, f64>>>;
}

/// The gates of a model, by stage.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gates {
    /// The gates; those of one stage all count.
    pub list: Vec<Gate>,
}

/// What a version must meet to enter a stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    /// The stage.
    pub stage: Stage,
    /// The conditions, all of which must be met.
    pub conditions: Vec<Condition>,
}

/// Something that a version must meet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum Condition {
    /// A metric of its run is within a bound.
    Metric {
        /// The metric.
        key: String,
        /// How it compares to the bound.
        compare: Compare,
        /// The bound, finite.
        bound: f64,
    },
    /// A metric of its run is better than that of the run of the current holder.
    Better {
        /// The metric.
        key: String,
        /// Which way is better.
        direction: Direction,
        /// By how many percent of the holder's value at least; finite, not negative.
        percent: f64,
    },
    /// It has a tag.
    Tag {
        /// The key.
        key: TagKey,
        /// The value; any when none is said.
        value: Option<TagValue>,
    },
    /// Someone else than the one who requested it has approved the transition.
    Approval,
}

/// Which values of a metric are better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Small ones, as of an error.
    Lower,
    /// Large ones, as of an accuracy.
    Higher,
}

impl Direction {
    fn as_str(self) -> &'static str {
        match self {
            Self::Lower => "lower",
            Self::Higher => "higher",
        }
    }
}

impl Gates {
    /// Reads gates; no text is no gates.
    pub fn parse(text: &str) -> Result<Self> {
        text::gates(text)
    }

    /// Tells whether there is nothing to meet.
    pub fn is_empty(&self) -> bool {
        self.list.iter().all(|gate| gate.conditions.is_empty())
    }

    /// Returns what a version must meet to enter a stage.
    pub fn conditions(&self, stage: &Stage) -> impl Iterator<Item = &Condition> {
        let of_stage = |gate: &&Gate| gate.stage.is_called(stage.as_str());
        self.list.iter().filter(of_stage).flat_map(|gate| &gate.conditions)
    }
}

impl fmt::Display for Gates {
    /// Writes a line for each stage, as [`Self::parse`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut start = "";
        for gate in self.list.iter().filter(|gate| !gate.conditions.is_empty()) {
            let conditions: Vec<_> = gate.conditions.iter().map(ToString::to_string).collect();
            write!(f, "{start}{}: {}", gate.stage, conditions.join("; "))?;
            start = "\n";
        }
        Ok(())
    }
}

impl Condition {
    /// Reads one condition.
    pub fn parse(text: &str) -> Result<Self> {
        text::condition(text)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Metric { key, compare, bound } => {
                write!(f, "{} {} {bound}", text::name(key), compare.as_str())
            }
            Self::Better { key, direction, percent } => {
                write!(f, "{} {} by {percent}%", text::name(key), direction.as_str())
            }
            Self::Tag { key, value: None } => write!(f, "tag {}", text::name(key.as_str())),
            Self::Tag { key, value: Some(value) } => {
                write!(f, "tag {} = {}", text::name(key.as_str()), text::value(value.as_str()))
            }
            Self::Approval => f.write_str(text::APPROVAL),
        }
    }
}

impl TryFrom<String> for Condition {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::parse(&text)
    }
}

impl From<Condition> for String {
    fn from(condition: Condition) -> Self {
        condition.to_string()
    }
}
