//! How long ago: MLflow's `1d2h3m4s`.

use crate::failure::Hinted;
use anyhow::Result;

/// The units in the order in which they may come, and their milliseconds.
const UNITS: [(char, f64); 4] =
    [('d', 86_400_000.0), ('h', 3_600_000.0), ('m', 60_000.0), ('s', 1_000.0)];

/// Reads an age such as `30d`, `7d12h` or `1.5h` in milliseconds.
pub(super) fn parse(text: &str) -> Result<i64> {
    parse_millis(text).ok_or_else(|| {
        Hinted::usage(
            format!("`{text}` is not a duration"),
            "write days, hours, minutes and seconds in this order: 30d, 7d12h, 1.5h, 2m4s",
        )
    })
}

fn parse_millis(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut millis = 0.0;
    for (unit, size) in UNITS {
        let Some((number, after)) = rest.split_once(unit) else { continue };
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return None;
        }
        millis += number.parse::<f64>().ok()? * size;
        rest = after;
    }
    (rest.is_empty() && !text.is_empty()).then_some(millis as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: Option<i64>) {
        assert_eq!(parse_millis(text), want, "for {text:?}");
    }

    #[test]
    fn ages_are_read_as_mlflow_reads_them() {
        check("30d", Some(30 * 86_400_000));
        check("7d12h", Some(7 * 86_400_000 + 12 * 3_600_000));
        check("1.5h", Some(5_400_000));
        check("1d2h3m4s", Some(86_400_000 + 7_200_000 + 180_000 + 4_000));
        check("0s", Some(0));
        for wrong in ["", "5", "h", "2h1d", "-1d", "1d 2h", "1w", "1..2d", "d5", "1e3s"] {
            check(wrong, None);
        }
    }
}
