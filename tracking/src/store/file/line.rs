//! Lines of metric files.
//!
//! Source: MLflow 3.17.2's file store. A run's line is `TIME VALUE STEP` with `NAME DIGEST` of a
//! dataset after it when there is one; very old ones lack the step. A model's line has the run's
//! id after the step. Values are spelled as Python spells floats.

use crate::entity::Metric;
use crate::{Key, RunId};
use std::fmt::Write;

/// Writes a run's line.
pub(super) fn append_point(metric: &Metric, into: &mut String) {
    // Writing to a string cannot fail.
    let _ = write!(into, "{} {} {}", metric.timestamp, Float(metric.value), metric.step);
    print_dataset(metric, into);
}

/// Writes a model's line.
pub(super) fn append_point_of_model(metric: &Metric, run: &RunId, into: &mut String) {
    let _ = write!(into, "{} {} {} {run}", metric.timestamp, Float(metric.value), metric.step);
    print_dataset(metric, into);
}

fn print_dataset(metric: &Metric, into: &mut String) {
    if let (Some(name), Some(digest)) = (&metric.dataset_name, &metric.dataset_digest) {
        // The format parts fields by blanks: a name with one would make the line unreadable.
        if !name.is_empty() && !digest.is_empty() && !has_blank(name) && !has_blank(digest) {
            let _ = write!(into, " {name} {digest}");
        }
    }
    into.push('\n');
}

fn has_blank(text: &str) -> bool {
    text.contains(char::is_whitespace)
}

/// A float as Python prints it.
struct Float(f64);

impl std::fmt::Display for Float {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_nan() { f.write_str("nan") } else { write!(f, "{:?}", self.0) }
    }
}

/// Reads a run's line.
pub(super) fn parse(key: &Key, line: &str) -> Option<Metric> {
    let mut fields = line.split_ascii_whitespace();
    let mut metric = point(key, fields.next()?, fields.next()?, fields.next().unwrap_or("0"))?;
    add_dataset(&mut metric, fields)?;
    Some(metric)
}

/// Reads a model's line.
pub(super) fn parse_for_model(key: &Key, line: &str) -> Option<Metric> {
    let mut fields = line.split_ascii_whitespace();
    let mut metric = point(key, fields.next()?, fields.next()?, fields.next()?)?;
    metric.run_id = Some(RunId::parse(fields.next()?).ok()?);
    add_dataset(&mut metric, fields)?;
    Some(metric)
}

fn point(key: &Key, time: &str, value: &str, step: &str) -> Option<Metric> {
    let (time, value, step) = (time.parse().ok()?, value.parse().ok()?, step.parse().ok()?);
    Some(Metric::new(key.clone(), value, time, step))
}

fn add_dataset<'a>(metric: &mut Metric, mut fields: impl Iterator<Item = &'a str>) -> Option<()> {
    let Some(name) = fields.next() else { return Some(()) };
    metric.dataset_name = Some(name.to_owned());
    metric.dataset_digest = Some(fields.next()?.to_owned());
    fields.next().is_none().then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key() -> Key {
        Key::parse("m").unwrap()
    }

    #[track_caller]
    fn check(line: &str, want: Option<(i64, f64, i64, Option<&str>)>) {
        let got = parse(&key(), line);
        let got = got.as_ref().map(|m| (m.timestamp, m.value, m.step, m.dataset_name.as_deref()));
        assert_eq!(got, want, "for {line:?}");
    }

    #[test]
    fn lines_of_every_version_are_read() {
        check("5 0.5 3", Some((5, 0.5, 3, None)));
        check("5 1e-07 -3", Some((5, 1e-7, -3, None)));
        check("5 inf 0", Some((5, f64::INFINITY, 0, None)));
        check("5 3", Some((5, 3.0, 0, None)));
        check("5 0.5 3 train abc", Some((5, 0.5, 3, Some("train"))));
        check("5 0.5 3 train", None);
        check("5 0.5 3 train abc x", None);
        check("5", None);
        check("", None);
        check("5 x 3", None);
        assert!(parse(&key(), "5 nan 3").unwrap().value.is_nan());
    }

    #[test]
    fn a_dataset_name_with_blanks_does_not_break_the_line() {
        let mut metric = Metric::new(key(), 0.5, 5, 3);
        metric.dataset_name = Some("my data".to_owned());
        metric.dataset_digest = Some("abc".to_owned());
        let mut line = String::new();
        append_point(&metric, &mut line);
        assert_eq!(line, "5 0.5 3\n");
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(value in any::<f64>(), time in 0i64.., step: i64) {
            let metric = Metric::new(key(), value, time, step);
            let mut line = String::new();
            append_point(&metric, &mut line);
            let back = parse(&key(), line.trim_end()).unwrap();
            prop_assert_eq!((back.timestamp, back.step), (time, step));
            prop_assert!(back.value == value || (back.value.is_nan() && value.is_nan()));
        }
    }
}
