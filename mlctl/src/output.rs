//! Tables for people and JSON for scripts, on standard output.

use anyhow::Result;
use comfy_table::{Cell, ContentArrangement, Table, presets};
use jiff::{SignedDuration, Timestamp, Unit, tz::TimeZone};
use serde::Serialize;
use std::borrow::Cow;
use std::io::{self, ErrorKind, Write};

/// How results are shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    /// As JSON instead of tables and sentences.
    pub(crate) json: bool,
}

impl Output {
    /// Prints `value` as JSON, or what `text` makes of it.
    pub(crate) fn show<T: Serialize + ?Sized>(
        self,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> Result<()> {
        if self.json {
            return print(&format!("{}\n", serde_json::to_string_pretty(value)?));
        }
        print(&text(value))
    }

    /// Prints a sentence that scripts have no use for.
    pub(crate) fn print_text(self, text: &str) -> Result<()> {
        if self.json { Ok(()) } else { print(&format!("{text}\n")) }
    }
}

/// Writes to standard output. A reader that went away, such as `head`, is no failure.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Tells people something beside the result, on standard error.
pub(crate) fn notice(text: &str) {
    // A courtesy: nobody is left to tell when it cannot be shown.
    let _ = writeln!(io::stderr(), "mlctl: {text}");
}

/// Draws a table, or says `none` when there are no rows.
pub(crate) fn table(header: &[&str], rows: Vec<Vec<String>>, none: &str) -> String {
    if rows.is_empty() {
        return format!("{none}\n");
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    if !header.is_empty() {
        table.set_header(header.iter().map(Cell::new));
    }
    for row in rows {
        table.add_row(row.iter().map(|cell| printable(cell)));
    }
    table.column_iter_mut().for_each(|column| {
        column.set_padding((0, 2));
    });
    let lines: Vec<String> =
        table.to_string().lines().map(|line| line.trim_end().to_owned() + "\n").collect();
    lines.concat()
}

/// Spells out what would move the cursor or end a line: text of others must not steer a terminal.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let spelled = text.chars().map(|c| match c {
        c if c.is_control() => c.escape_default().to_string(),
        c => c.to_string(),
    });
    Cow::Owned(spelled.collect())
}

/// Shows a time of day to people, in their own zone.
pub(crate) fn time(millis: i64) -> String {
    match Timestamp::from_millisecond(millis) {
        Ok(time) => time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        Err(_) => millis.to_string(),
    }
}

/// Shows how long something took.
pub(crate) fn duration(millis: i64) -> String {
    let millis = millis.max(0);
    if millis < 1_000 {
        return format!("{millis}ms");
    }
    if millis < 60_000 {
        return format!("{:.1}s", millis as f64 / 1000.0);
    }
    match SignedDuration::from_millis(millis).round(Unit::Second) {
        Ok(span) => format!("{span:#}"),
        Err(_) => format!("{millis}ms"),
    }
}

/// Shows a metric's value.
pub(crate) fn number(value: f64) -> String {
    const DIGITS: usize = 6;
    if value == 0.0 || !value.is_finite() || (1e-4..1e15).contains(&value.abs()) {
        let text = format!("{value:.DIGITS$}");
        let trimmed = text.trim_end_matches('0').trim_end_matches('.');
        return if value.is_finite() { trimmed.to_owned() } else { value.to_string() };
    }
    format!("{value:.DIGITS$e}")
}

/// Shows a size in bytes.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: f64, want: &str) {
        assert_eq!(number(value), want, "for {value:?}");
    }

    #[test]
    fn numbers_are_short_and_honest() {
        check(0.0, "0");
        check(71.446_893, "71.446893");
        check(0.5, "0.5");
        check(1e-7, "1.000000e-7");
        check(-12.0, "-12");
        check(f64::NAN, "NaN");
        check(f64::INFINITY, "inf");
    }

    #[test]
    fn text_of_others_cannot_steer_the_terminal() {
        assert_eq!(printable("a b é"), "a b é");
        assert_eq!(printable("\u{1b}[31mred\nx"), "\\u{1b}[31mred\\nx");
    }

    #[test]
    fn sizes_and_durations_have_units() {
        assert_eq!(bytes(5), "5 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(duration(42), "42ms");
        assert_eq!(duration(1500), "1.5s");
        assert_eq!(duration(3_661_000), "1h 1m 1s");
    }
}
