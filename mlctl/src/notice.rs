//! Logs as people read them: `warning: …` on standard error, with fields after the message.

use crate::config::Setting;
use std::fmt;
use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Starts showing what the filter `log` lets through; warnings, when it is none.
pub(crate) fn start(log: &Setting<String>, colour: bool) {
    let (filter, doubt) = match EnvFilter::try_new(&log.value) {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new(Level::WARN.as_str()), Some(error)),
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(colour && io::stderr().is_terminal())
        .event_format(Lines::default())
        .init();
    if let Some(error) = doubt {
        let (value, origin) = (&log.value, &log.origin);
        tracing::warn!(
            "{origin} is `{value}`, which is not a valid log filter ({error}); only warnings are shown"
        );
    }
}

/// One line an event. A warning that only repeats the one before, as each batch of a large file would
/// have it, is not said again.
#[derive(Default)]
struct Lines {
    warned: Mutex<String>,
}

impl Lines {
    fn is_new(&self, warning: String) -> bool {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = *warned != warning;
        *warned = warning;
        is_new
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warning",
            Level::INFO => "info",
            Level::DEBUG => "debug",
            Level::TRACE => "trace",
        };
        if *event.metadata().level() == Level::WARN {
            let mut line = String::new();
            context.format_fields(Writer::new(&mut line), event)?;
            if !self.is_new(line) {
                return Ok(());
            }
        }
        write!(writer, "{level}: ")?;
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}
