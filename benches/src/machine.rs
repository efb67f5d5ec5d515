//! On what the numbers were measured.

use crate::programs::{MLFLOW_MISSING, Programs};
use std::fs;
use std::thread;

/// Describes the machine and the versions, as lines of a list.
pub(crate) fn description(programs: &Programs) -> String {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mlflow = match programs.mlflow() {
        Some(mlflow) => format!("MLflow {}", mlflow.version),
        None => MLFLOW_MISSING.to_owned(),
    };
    format!(
        "- mlctl {}, {mlflow}\n- {cores} × {}, Linux {}, load {}",
        env!("CARGO_PKG_VERSION"),
        cpu_model().unwrap_or_else(|| "unknown processor".to_owned()),
        first_word("/proc/sys/kernel/osrelease"),
        first_word("/proc/loadavg"),
    )
}

fn cpu_model() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn first_word(path: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().next().unwrap_or("unknown").to_owned()
}
