//! Resolves a scalar to a value by the rules of YAML 1.1 as PyYAML applies them.

use super::Value;

/// Resolves `text`, by its look when `tag` is none, else as the type that the tag names.
///
/// The error completes a message with the file's name and line.
pub(crate) fn resolve(text: &str, tag: Option<&str>) -> Result<Value, String> {
    match tag {
        None => implicit(text),
        Some("str") => Ok(Value::Text(text.to_owned())),
        Some("null") => Ok(Value::Null),
        Some("bool") => bool_of(&text.to_lowercase())
            .map(Value::Bool)
            .ok_or_else(|| format!("`{text}` is not a boolean")),
        Some("int") => int(text).ok_or_else(|| format!("`{text}` is not an integer")),
        Some("float") => float(text).ok_or_else(|| format!("`{text}` is not a number")),
        Some("timestamp") => time(text)?.ok_or_else(|| format!("`{text}` is not a date")),
        Some(other) => Err(format!("unknown tag `!!{other}`")),
    }
}

fn implicit(text: &str) -> Result<Value, String> {
    if matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        return Ok(Value::Null);
    }
    if let Some(value) = bool_of(text) {
        return Ok(Value::Bool(value));
    }
    if looks_like_float(text) {
        return float(text).ok_or_else(|| format!("`{text}` is not a number"));
    }
    if looks_like_int(text) {
        return int(text).ok_or_else(|| format!("`{text}` is not an integer"));
    }
    if let Some(time) = time(text)? {
        return Ok(time);
    }
    Ok(Value::Text(text.to_owned()))
}

fn bool_of(text: &str) -> Option<bool> {
    match text {
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Some(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    }
}

fn unsigned(text: &str) -> &str {
    text.strip_prefix(['-', '+']).unwrap_or(text)
}

fn all(text: &str, allowed: impl Fn(char) -> bool) -> bool {
    text.chars().all(allowed)
}

fn digit(c: char) -> bool {
    c.is_ascii_digit()
}

fn digit_or_underscore(c: char) -> bool {
    c.is_ascii_digit() || c == '_'
}

fn starts_with_digit(text: &str) -> bool {
    text.starts_with(digit)
}

/// `[0-5]?[0-9]`, one part of a base 60 number.
fn is_sixtieth(part: &str) -> bool {
    match part.as_bytes() {
        [unit] => unit.is_ascii_digit(),
        [ten, unit] => (b'0'..=b'5').contains(ten) && unit.is_ascii_digit(),
        _ => false,
    }
}

fn looks_like_float(text: &str) -> bool {
    let body = unsigned(text);
    if matches!(body, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let Some((whole, rest)) = body.split_once('.') else { return false };
    if whole.contains(':') {
        let mut parts = whole.split(':');
        let first = parts.next().unwrap_or_default();
        return starts_with_digit(first)
            && all(first, digit_or_underscore)
            && parts.all(is_sixtieth)
            && all(rest, digit_or_underscore);
    }
    let (fraction, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        None => (rest, None),
    };
    // An exponent needs its sign: `1.5e3` is text.
    let exponent_fits = exponent.is_none_or(|exponent| {
        exponent.starts_with(['-', '+']) && exponent.len() > 1 && all(&exponent[1..], digit)
    });
    let whole_fits = if whole.is_empty() {
        // A sign before a bare point makes it text: `-.5`.
        body.len() == text.len() && starts_with_digit(fraction)
    } else {
        starts_with_digit(whole) && all(whole, digit_or_underscore)
    };
    whole_fits && exponent_fits && all(fraction, digit_or_underscore)
}

fn looks_like_int(text: &str) -> bool {
    let body = unsigned(text);
    if let Some(bits) = body.strip_prefix("0b") {
        return !bits.is_empty() && all(bits, |c| matches!(c, '0' | '1' | '_'));
    }
    if let Some(hex) = body.strip_prefix("0x") {
        return !hex.is_empty() && all(hex, |c| c.is_ascii_hexdigit() || c == '_');
    }
    if let Some(octal) = body.strip_prefix('0') {
        return all(octal, |c| matches!(c, '0'..='7' | '_'));
    }
    let mut parts = body.split(':');
    let first = parts.next().unwrap_or_default();
    starts_with_digit(first) && all(first, digit_or_underscore) && parts.all(is_sixtieth)
}

fn int(text: &str) -> Option<Value> {
    let text = text.replace('_', "");
    let body = unsigned(&text);
    let magnitude = if let Some(bits) = body.strip_prefix("0b") {
        in_base(bits, 2)?
    } else if let Some(hex) = body.strip_prefix("0x") {
        in_base(hex, 16)?
    } else if body.len() > 1 && body.starts_with('0') {
        in_base(body, 8)?
    } else if body.contains(':') {
        let parts = body.split(':').map(|part| part.parse::<u32>().ok());
        decimal(parts.collect::<Option<Vec<_>>>()?, 60)
    } else {
        in_base(body, 10)?
    };
    let negative = text.starts_with('-') && magnitude != "0";
    Some(Value::Int(if negative { format!("-{magnitude}") } else { magnitude }))
}

fn in_base(digits: &str, base: u32) -> Option<String> {
    if digits.is_empty() {
        return None;
    }
    let digits = digits.chars().map(|c| c.to_digit(base)).collect::<Option<Vec<_>>>()?;
    Some(decimal(digits, base))
}

/// Writes a number of any size, given by its digits in `base`, in decimal.
fn decimal(digits: Vec<u32>, base: u32) -> String {
    const LIMB: u64 = 1_000_000_000;
    let mut limbs: Vec<u64> = vec![0];
    for digit in digits {
        let mut carry = u64::from(digit);
        for limb in &mut limbs {
            let value = *limb * u64::from(base) + carry;
            *limb = value % LIMB;
            carry = value / LIMB;
        }
        if carry > 0 {
            limbs.push(carry);
        }
    }
    let mut limbs = limbs.iter().rev();
    let mut text = limbs.next().map(u64::to_string).unwrap_or_default();
    for limb in limbs {
        text.push_str(&format!("{limb:09}"));
    }
    text
}

fn float(text: &str) -> Option<Value> {
    let text = text.replace('_', "").to_lowercase();
    let body = unsigned(&text);
    let magnitude = match body {
        ".inf" => f64::INFINITY,
        ".nan" => f64::NAN,
        _ if body.contains(':') => {
            let (mut sum, mut base) = (0.0, 1.0);
            for part in body.rsplit(':') {
                sum += part.parse::<f64>().ok()? * base;
                base *= 60.0;
            }
            sum
        }
        _ => body.parse().ok()?,
    };
    Some(Value::Float(if text.starts_with('-') { -magnitude } else { magnitude }))
}

/// Reads a date or a date with a time; `None` when the text looks like neither.
fn time(text: &str) -> Result<Option<Value>, String> {
    let Some((date, rest)) = split_date(text) else { return Ok(None) };
    let (year, month, day) = date;
    if rest.is_empty() {
        if text.len() != 10 {
            return Ok(None);
        }
        check_date(year, month, day)?;
        let repr = format!("datetime.date({year}, {month}, {day})");
        return Ok(Some(Value::Time(format!("{year:04}-{month:02}-{day:02}"), repr)));
    }
    let Some(clock) = Clock::parse(rest) else { return Ok(None) };
    check_date(year, month, day)?;
    clock.check()?;
    let mut printed = format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}",
        clock.hour, clock.minute, clock.second
    );
    if clock.micros != 0 {
        printed.push_str(&format!(".{:06}", clock.micros));
    }
    if let Some(offset) = clock.offset_minutes {
        let sign = if offset < 0 { '-' } else { '+' };
        printed.push_str(&format!("{sign}{:02}:{:02}", offset.abs() / 60, offset.abs() % 60));
    }
    let repr = format!("datetime({printed})");
    Ok(Some(Value::Time(printed, repr)))
}

fn check_date(year: u32, month: u32, day: u32) -> Result<(), String> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    if year >= 1 && (1..=days).contains(&day) {
        Ok(())
    } else {
        Err("this date does not exist".to_owned())
    }
}

/// Takes a number of `least` to `most` digits from the front.
fn number(text: &str, least: usize, most: usize) -> Option<(u32, &str)> {
    let length = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    (length >= least).then(|| (text[..length].parse().unwrap_or(0), &text[length..]))
}

fn split_date(text: &str) -> Option<((u32, u32, u32), &str)> {
    let (year, rest) = number(text, 4, 4)?;
    let (month, rest) = number(rest.strip_prefix('-')?, 1, 2)?;
    let (day, rest) = number(rest.strip_prefix('-')?, 1, 2)?;
    Some(((year, month, day), rest))
}

struct Clock {
    hour: u32,
    minute: u32,
    second: u32,
    micros: u32,
    offset_minutes: Option<i32>,
}

impl Clock {
    fn parse(rest: &str) -> Option<Self> {
        let rest = match rest.strip_prefix(['T', 't']) {
            Some(rest) => rest,
            None => rest.strip_prefix([' ', '\t'])?.trim_start_matches([' ', '\t']),
        };
        let (hour, rest) = number(rest, 1, 2)?;
        let (minute, rest) = number(rest.strip_prefix(':')?, 2, 2)?;
        let (second, mut rest) = number(rest.strip_prefix(':')?, 2, 2)?;
        let mut micros = 0;
        if let Some(fraction) = rest.strip_prefix('.') {
            let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
            let padded = format!("{:0<6}", &fraction[..digits.min(6)]);
            micros = padded.parse().ok()?;
            rest = &fraction[digits..];
        }
        let offset_minutes = offset(rest.trim_start_matches([' ', '\t']))?;
        Some(Self { hour, minute, second, micros, offset_minutes })
    }

    fn check(&self) -> Result<(), String> {
        let fits = self.hour < 24 && self.minute < 60 && self.second < 60;
        if fits { Ok(()) } else { Err("this time of day does not exist".to_owned()) }
    }
}

/// Reads the time zone at the end: nothing, `Z`, or hours and minutes.
fn offset(text: &str) -> Option<Option<i32>> {
    if text.is_empty() {
        return Some(None);
    }
    if text == "Z" {
        return Some(Some(0));
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let (hours, rest) = number(text.strip_prefix(['-', '+'])?, 1, 2)?;
    let minutes = match rest.strip_prefix(':') {
        Some(rest) => number(rest, 2, 2).filter(|(_, rest)| rest.is_empty())?.0,
        None if rest.is_empty() => 0,
        None => return None,
    };
    i32::try_from(hours * 60 + minutes).ok().map(|minutes| Some(sign * minutes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: &str) {
        let got = resolve(text, None).map(|value| value.to_string());
        assert_eq!(got.as_deref(), Ok(want), "for {text:?}");
    }

    /// Each text and what `str(yaml.safe_load(text))` gives with PyYAML 6.
    #[rustfmt::skip]
    const AS_PYTHON: &[(&str, &str)] = &[
        ("yes", "True"),
        ("Yes", "True"),
        ("YES", "True"),
        ("no", "False"),
        ("No", "False"),
        ("NO", "False"),
        ("on", "True"),
        ("On", "True"),
        ("ON", "True"),
        ("off", "False"),
        ("OFF", "False"),
        ("true", "True"),
        ("True", "True"),
        ("TRUE", "True"),
        ("false", "False"),
        ("tRUE", "tRUE"),
        ("y", "y"),
        ("n", "n"),
        ("Y", "Y"),
        ("N", "N"),
        ("~", "None"),
        ("null", "None"),
        ("Null", "None"),
        ("NULL", "None"),
        ("nULL", "nULL"),
        ("None", "None"),
        ("0", "0"),
        ("-0", "0"),
        ("+0", "0"),
        ("1", "1"),
        ("-1", "-1"),
        ("+12", "12"),
        ("012", "10"),
        ("-012", "-10"),
        ("0o12", "0o12"),
        ("08", "08"),
        ("09", "09"),
        ("00", "0"),
        ("-00", "0"),
        ("0_", "0"),
        ("0_7", "7"),
        ("1_000", "1000"),
        ("1__0", "10"),
        ("_1", "_1"),
        ("1_", "1"),
        ("0x1F", "31"),
        ("0xff", "255"),
        ("-0xFF", "-255"),
        ("0xFFFFFFFFFFFFFFFFFFFFFFFF", "79228162514264337593543950335"),
        ("0b101", "5"),
        ("-0b11", "-3"),
        ("0b1_0", "2"),
        ("0B1", "0B1"),
        ("0X1", "0X1"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("-99999999999999999999", "-99999999999999999999"),
        ("0777777777777777777777777777", "2417851639229258349412351"),
        ("1:30", "90"),
        ("190:20:30", "685230"),
        ("-1:30", "-90"),
        ("+1:30", "90"),
        ("1:60", "1:60"),
        ("1:5", "65"),
        ("01:30", "01:30"),
        ("1:30:61", "1:30:61"),
        ("1:30.5", "90.5"),
        ("190:20:30.15", "685230.15"),
        ("1:30.", "90.0"),
        ("-190:20:30.5", "-685230.5"),
        ("1e-3", "1e-3"),
        ("1e3", "1e3"),
        ("1E5", "1E5"),
        ("1.5e3", "1.5e3"),
        ("1.5e+3", "1500.0"),
        ("1.5E-3", "0.0015"),
        ("1.e+3", "1000.0"),
        ("1.", "1.0"),
        ("-1.", "-1.0"),
        ("+1.5", "1.5"),
        (".5", "0.5"),
        ("-.5", "-.5"),
        ("+.5", "+.5"),
        (".0", "0.0"),
        (".5e-2", "0.005"),
        ("0.1", "0.1"),
        ("0.10", "0.1"),
        ("1.0", "1.0"),
        ("10.50", "10.5"),
        ("100000.0", "100000.0"),
        ("1.0e+15", "1000000000000000.0"),
        ("1.0e+16", "1e+16"),
        ("1.0e+17", "1e+17"),
        ("1234567890123456.0", "1234567890123456.0"),
        ("12345678901234567.0", "1.2345678901234568e+16"),
        ("0.0001", "0.0001"),
        ("0.00001", "1e-05"),
        ("1.0e-5", "1e-05"),
        ("1.0e-4", "0.0001"),
        ("1.0e+400", "inf"),
        ("-0.0", "-0.0"),
        ("3.14159265358979311600", "3.141592653589793"),
        ("0.1e-300", "1e-301"),
        ("1_0.5", "10.5"),
        ("1._5", "1.5"),
        ("1.2.3", "1.2.3"),
        ("1.0.0", "1.0.0"),
        (".", "."),
        ("..", ".."),
        (".e5", ".e5"),
        ("._1", "._1"),
        ("1.5e+", "1.5e+"),
        ("5e-324", "5e-324"),
        ("2.5e-324", "5e-324"),
        (".inf", "inf"),
        ("-.inf", "-inf"),
        ("+.inf", "inf"),
        (".Inf", "inf"),
        (".INF", "inf"),
        (".iNF", ".iNF"),
        (".nan", "nan"),
        (".NaN", "nan"),
        (".NAN", "nan"),
        ("-.nan", "-.nan"),
        ("inf", "inf"),
        ("nan", "nan"),
        ("2020-01-01", "2020-01-01"),
        ("2020-1-1", "2020-1-1"),
        ("2020-01-1", "2020-01-1"),
        ("2001-12-14T21:59:43.10-05:00", "2001-12-14 21:59:43.100000-05:00"),
        ("2001-12-15T2:59:43.1Z", "2001-12-15 02:59:43.100000+00:00"),
        ("2001-12-14t21:59:43", "2001-12-14 21:59:43"),
        ("2020-01-01T00:00:00Z", "2020-01-01 00:00:00+00:00"),
        ("2020-1-1T00:00:00", "2020-01-01 00:00:00"),
        ("2020-02-29", "2020-02-29"),
        ("2001-12-14T21:59:43.1234567", "2001-12-14 21:59:43.123456"),
        ("2001-12-14T21:59:43+5", "2001-12-14 21:59:43+05:00"),
        ("2001-12-14T21:59", "2001-12-14T21:59"),
        ("2001-12-14T21:59:43.+05:30", "2001-12-14 21:59:43+05:30"),
        ("0001-01-01", "0001-01-01"),
        ("a", "a"),
        ("1a", "1a"),
        ("a1", "a1"),
        ("1,2", "1,2"),
        ("1,000", "1,000"),
        ("v1", "v1"),
        ("0xg", "0xg"),
        ("0b2", "0b2"),
        ("12e03", "12e03"),
        ("-1e-5", "-1e-5"),
        ("1e", "1e"),
        ("4_", "4"),
        ("3.10", "3.1"),
        ("3.11", "3.11"),
        ("1.10.2", "1.10.2"),
        ("2001-12-14 21:59:43.10 -5", "2001-12-14 21:59:43.100000-05:00"),
        ("2001-12-14 21:59:43", "2001-12-14 21:59:43"),
        ("1 2", "1 2"),
        ("yes sir", "yes sir"),
    ];

    #[test]
    fn plain_scalars_are_those_of_pyyaml() {
        for (text, want) in AS_PYTHON {
            check(text, want);
        }
    }

    #[test]
    fn what_pyyaml_refuses_is_refused() {
        for text in ["2020-13-01", "2021-02-29", "0000-01-01", "0b_", "0x_", "2020-01-01T25:00:00"]
        {
            assert!(resolve(text, None).is_err(), "for {text:?}");
        }
    }

    #[test]
    fn a_tag_decides_over_the_look() {
        let check = |text, tag, want: Result<&str, &str>| {
            let got = resolve(text, Some(tag)).map(|value| value.to_string());
            assert_eq!(got.as_deref().map_err(String::as_str), want, "for !!{tag} {text:?}");
        };

        check("5", "str", Ok("5"));
        check("5", "float", Ok("5.0"));
        check("012", "int", Ok("10"));
        check("Yes", "bool", Ok("True"));
        check("x", "null", Ok("None"));
        check("x", "int", Err("`x` is not an integer"));
        check("x", "binary", Err("unknown tag `!!binary`"));
    }
}
