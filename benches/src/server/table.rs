//! The table of the benchmark of servers.

use super::cases::Case;
use super::subject::Cost;
use crate::quantity::{Quantity, Times};
use comfy_table::{CellAlignment, presets};
use std::fmt;

/// Lines and what is to be said about them.
#[derive(Debug, Default)]
pub(crate) struct Table {
    lines: Vec<Line>,
    notes: Vec<String>,
}

/// One kind of work on all servers.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) what: String,
    pub(crate) mlctl: Quantity,
    /// What a load cost mlctl, beyond its rate.
    pub(crate) cost: Option<Cost>,
    pub(crate) mlflow: Option<Quantity>,
    pub(crate) mlflow_one: Option<Quantity>,
    pub(crate) ceiling: Option<Quantity>,
    pub(crate) goal: Option<Quantity>,
}

/// Reads a cost in the unit of the goal: the rate, or the time of the median answer.
pub(crate) fn quantity(case: &Case, cost: &Cost) -> Quantity {
    match case.goal {
        Quantity::Seconds(_) => Quantity::Seconds(cost.load.p50_seconds),
        _ => Quantity::PerSecond(cost.load.requests / cost.load.seconds),
    }
}

impl Table {
    pub(crate) fn line(&mut self, line: Line) {
        self.lines.push(line);
    }

    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }
}

impl Line {
    pub(crate) fn of(
        case: &Case,
        mlctl: Cost,
        mlflow: Option<Cost>,
        mlflow_one: Option<Cost>,
        ceiling: Option<Quantity>,
    ) -> Self {
        Self {
            what: case.what.to_owned(),
            mlctl: quantity(case, &mlctl),
            cost: Some(mlctl),
            mlflow: mlflow.map(|cost| quantity(case, &cost)),
            mlflow_one: mlflow_one.map(|cost| quantity(case, &cost)),
            ceiling,
            goal: Some(case.goal),
        }
    }

    fn cells(&self) -> Vec<String> {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
        let shown = |quantity: Option<Quantity>| or_dash(quantity.map(|it| it.to_string()));
        let of_cost = |part: fn(&Cost) -> Quantity| shown(self.cost.as_ref().map(part));
        let advantages = [self.mlflow, self.mlflow_one].into_iter().flatten();
        let advantages = advantages.map(|theirs| self.mlctl.advantage_over(theirs));
        let least = advantages.reduce(f64::min);
        let bound = |goal: Quantity| match goal {
            Quantity::PerSecond(_) => format!("≥ {goal}"),
            Quantity::Seconds(_) | Quantity::Bytes(_) => format!("≤ {goal}"),
        };
        let reached = |goal| if self.mlctl.advantage_over(goal) >= 1.0 { "yes" } else { "NO" };
        let percent = |it| format!("{:.0} %", 100.0 * self.mlctl.advantage_over(it));
        vec![
            self.what.clone(),
            self.mlctl.to_string(),
            of_cost(|cost| Quantity::Seconds(cost.load.p50_seconds)),
            of_cost(|cost| Quantity::Seconds(cost.load.p99_seconds)),
            of_cost(|cost| Quantity::Seconds(cost.cpu_seconds)),
            of_cost(|cost| Quantity::Bytes(cost.resident)),
            shown(self.mlflow),
            shown(self.mlflow_one),
            or_dash(least.map(|times| Times(times).to_string())),
            shown(self.ceiling),
            or_dash(self.ceiling.map(percent)),
            or_dash(self.goal.map(bound)),
            or_dash(self.goal.map(|goal| reached(goal).to_owned())),
        ]
    }
}

const HEADER: [&str; 13] = [
    "what",
    "mlctl",
    "p50",
    "p99",
    "CPU/request",
    "memory",
    "MLflow",
    "MLflow -w 1",
    "better than both",
    "ceiling",
    "of ceiling",
    "goal",
    "reached",
];

impl fmt::Display for Table {
    /// Prints Markdown, so that a table can go into the documentation as it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::ASCII_MARKDOWN).set_header(HEADER);
        for line in &self.lines {
            table.add_row(line.cells());
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        writeln!(f, "{table}")?;
        for note in &self.notes {
            write!(f, "\n- {note}")?;
        }
        Ok(())
    }
}
