//! `mlctl completions`.

use crate::Outcome;
use crate::cli;
use crate::output;
use clap_complete::{Shell, generate};
use std::process::ExitCode;

pub(crate) fn print(shell: Shell) -> Outcome {
    let mut script = Vec::new();
    generate(shell, &mut cli::command(), "mlctl", &mut script);
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}
