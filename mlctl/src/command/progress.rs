//! Shows the preparation of a run: a spinner on a terminal, plain lines elsewhere.

use crate::output::notice;
use indicatif::{ProgressBar, ProgressStyle};
use mlctl_projects::{Progress, Step};
use std::io::{self, IsTerminal};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often the spinner turns.
const TICK: Duration = Duration::from_millis(100);

/// Draws on standard error.
#[derive(Debug)]
pub(crate) struct Display {
    is_terminal: bool,
    current: Mutex<Option<Current>>,
}

#[derive(Debug)]
struct Current {
    step: String,
    began: Instant,
    bar: Option<ProgressBar>,
}

impl Display {
    pub(crate) fn new() -> Self {
        Self { is_terminal: io::stderr().is_terminal(), current: Mutex::new(None) }
    }

    /// Ends what is still shown.
    pub(crate) fn close(&self) {
        self.finish(&mut self.current());
    }

    fn current(&self) -> MutexGuard<'_, Option<Current>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finish(&self, current: &mut Option<Current>) {
        let Some(Current { step, began, bar }) = current.take() else { return };
        let took = crate::output::duration(began.elapsed().as_millis().try_into().unwrap_or(0));
        if let Some(bar) = bar {
            bar.finish_and_clear();
            notice(&format!("{step} ({took})"));
        }
    }
}

impl Progress for Display {
    fn step(&self, step: &Step) {
        let mut current = self.current();
        self.finish(&mut current);
        let step = step.to_string();
        let bar = self.is_terminal.then(|| spinner(&step));
        if bar.is_none() {
            notice(&step);
        }
        *current = Some(Current { step, began: Instant::now(), bar });
    }

    fn line(&self, line: &str) {
        if let Some(Current { bar: Some(bar), .. }) = self.current().as_ref() {
            bar.set_message(line.trim().to_owned());
        }
    }

    fn done(&self) {
        self.close();
    }
}

fn spinner(step: &str) -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    let style = ProgressStyle::with_template("{spinner} {prefix} [{elapsed}] {wide_msg:.dim}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    bar.set_prefix(step.to_owned());
    bar.enable_steady_tick(TICK);
    bar
}
