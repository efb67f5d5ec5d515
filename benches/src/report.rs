//! The table that a benchmark prints.

use crate::quantity::{Quantity, Times};
use comfy_table::{Cell, CellAlignment, Table, presets};
use std::fmt;

/// Rows and what is to be said about them.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    notes: Vec<String>,
}

/// One line of a report.
#[derive(Debug)]
pub(crate) struct Row {
    /// What was measured.
    pub(crate) what: &'static str,
    /// What mlctl takes.
    pub(crate) mlctl: Quantity,
    /// What MLflow takes, when it is installed.
    pub(crate) mlflow: Option<Quantity>,
    /// What the work takes when nothing is added to it, where that can be said.
    pub(crate) ceiling: Option<Quantity>,
    /// What mlctl is to reach.
    pub(crate) goal: Option<Quantity>,
}

impl Report {
    /// Adds a row.
    pub(crate) fn row(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Adds a sentence below the table.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }
}

const HEADER: [&str; 8] =
    ["what", "mlctl", "MLflow", "better than MLflow", "ceiling", "of ceiling", "goal", "reached"];

impl fmt::Display for Report {
    /// Prints Markdown, so that a table can go into the documentation as it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN).set_header(HEADER);
        for row in &self.rows {
            table.add_row(row.cells());
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

impl Row {
    fn cells(&self) -> [Cell; 8] {
        let or_dash = |text: Option<String>| Cell::new(text.unwrap_or_else(|| "–".to_owned()));
        let bound = |goal: Quantity| match goal {
            Quantity::PerSecond(_) => format!("≥ {goal}"),
            Quantity::Seconds(_) | Quantity::Bytes(_) => format!("≤ {goal}"),
        };
        let reached = |goal| if self.mlctl.advantage_over(goal) >= 1.0 { "yes" } else { "NO" };
        [
            Cell::new(self.what),
            Cell::new(self.mlctl),
            or_dash(self.mlflow.map(|it| it.to_string())),
            or_dash(self.mlflow.map(|it| Times(self.mlctl.advantage_over(it)).to_string())),
            or_dash(self.ceiling.map(|it| it.to_string())),
            or_dash(
                self.ceiling.map(|it| format!("{:.0} %", 100.0 * self.mlctl.advantage_over(it))),
            ),
            or_dash(self.goal.map(bound)),
            or_dash(self.goal.map(|it| reached(it).to_owned())),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_compares_with_mlflow_the_ceiling_and_the_goal() {
        let mut report = Report::default();
        report.row(Row {
            what: "points",
            mlctl: Quantity::PerSecond(60_000.0),
            mlflow: Some(Quantity::PerSecond(2_000.0)),
            ceiling: Some(Quantity::PerSecond(120_000.0)),
            goal: Some(Quantity::PerSecond(80_000.0)),
        });
        report.row(Row {
            what: "time",
            mlctl: Quantity::millis(5.0),
            mlflow: None,
            ceiling: None,
            goal: Some(Quantity::millis(10.0)),
        });

        let text = report.to_string();

        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let lines: Vec<String> = text.lines().map(words).collect();
        assert_eq!(
            lines[2],
            "| points | 60,000/s | 2,000/s | 30.0× | 120,000/s | 50 % | ≥ 80,000/s | NO |"
        );
        assert_eq!(lines[3], "| time | 5.00 ms | – | – | – | – | ≤ 10.0 ms | yes |");
    }
}
