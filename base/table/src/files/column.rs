//! One column of text fields on its way to typed values.

use crate::Values;
use crate::schema::DataType;

/// What pandas takes for a missing value in CSV.
const MISSING: [&str; 19] = [
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
];

/// Tells whether a field stands for no value.
fn is_missing(field: &str) -> bool {
    // Most fields are numbers: they begin with none of these letters.
    match field.as_bytes().first() {
        None => true,
        Some(b'#' | b'-' | b'1' | b'<' | b'N' | b'n') => MISSING.contains(&field),
        Some(_) => false,
    }
}

/// Values of one column, as many as there are rows so far.
#[derive(Clone, Debug)]
pub enum Column {
    /// Values of the column's type.
    Typed(Values),
    /// Fields that nobody asks for, counted.
    Skipped(usize),
}

impl Column {
    /// Makes an empty column; `None` when fields cannot be turned into such values.
    pub(super) fn of(data_type: DataType) -> Option<Self> {
        Some(Self::Typed(match data_type {
            DataType::Boolean => Values::Boolean(Vec::new()),
            DataType::Integer => Values::Integer(Vec::new()),
            DataType::Long => Values::Long(Vec::new()),
            DataType::Float => Values::Float(Vec::new()),
            DataType::Double => Values::Double(Vec::new()),
            DataType::String => Values::String(Vec::new()),
            DataType::Binary | DataType::Datetime => return None,
        }))
    }

    /// Adds a field. The reason of a failure is text for whoever wrote the file.
    pub(super) fn push(&mut self, field: &str) -> Result<(), String> {
        let Self::Typed(values) = self else {
            if let Self::Skipped(count) = self {
                *count += 1;
            }
            return Ok(());
        };
        let refuse = |wanted: &str| format!("could not convert string to {wanted}: '{field}'");
        match values {
            Values::Double(list) => list.push(double(field).ok_or_else(|| refuse("float"))?),
            Values::Float(list) => {
                let wide = double(field).ok_or_else(|| refuse("float"))?;
                let narrow = wide as f32;
                if narrow.is_infinite() && wide.is_finite() {
                    return Err(refuse("a 32-bit float"));
                }
                list.push(narrow);
            }
            Values::Long(list) => {
                list.push(whole(field).ok_or_else(|| refuse("a 64-bit integer"))?);
            }
            Values::Integer(list) => {
                let value = whole(field).and_then(|value| i32::try_from(value).ok());
                list.push(value.ok_or_else(|| refuse("a 32-bit integer"))?);
            }
            Values::Boolean(list) => list.push(boolean(field).ok_or_else(|| refuse("a boolean"))?),
            Values::String(list) => list.push((!is_missing(field)).then(|| field.to_owned())),
        }
        Ok(())
    }

    /// Takes the values out and begins anew, with room for as many.
    pub(super) fn take(&mut self) -> Values {
        match self {
            Self::Skipped(count) => Values::String(vec![None; std::mem::take(count)]),
            Self::Typed(values) => {
                let next = match values {
                    Values::Boolean(list) => Values::Boolean(Vec::with_capacity(list.len())),
                    Values::Integer(list) => Values::Integer(Vec::with_capacity(list.len())),
                    Values::Long(list) => Values::Long(Vec::with_capacity(list.len())),
                    Values::Float(list) => Values::Float(Vec::with_capacity(list.len())),
                    Values::Double(list) => Values::Double(Vec::with_capacity(list.len())),
                    Values::String(list) => Values::String(Vec::with_capacity(list.len())),
                };
                std::mem::replace(values, next)
            }
        }
    }
}

/// What a column of fields may be, as far as it was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Guess {
    is_missing_somewhere: bool,
    is_present_somewhere: bool,
    may_be_truths: bool,
    may_be_integers: bool,
    may_be_floats: bool,
}

impl Default for Guess {
    fn default() -> Self {
        Self {
            is_missing_somewhere: false,
            is_present_somewhere: false,
            may_be_truths: true,
            may_be_integers: true,
            may_be_floats: true,
        }
    }
}

impl Guess {
    /// Learns from a further field.
    pub(super) fn see(&mut self, field: &str) {
        if is_missing(field) {
            self.is_missing_somewhere = true;
            return;
        }
        self.is_present_somewhere = true;
        let is_truth = truth(field).is_some();
        self.may_be_truths &= is_truth;
        self.may_be_integers = self.may_be_integers && integer(field).is_some();
        self.may_be_floats = self.may_be_floats && !is_truth && double(field).is_some();
    }

    /// Returns the type that pandas guesses: booleans, integers, floats when there is one or a
    /// missing value among numbers, else text.
    pub(super) fn data_type(self) -> DataType {
        if !self.is_present_somewhere {
            return DataType::Double;
        }
        match self.is_missing_somewhere {
            false if self.may_be_truths => DataType::Boolean,
            false if self.may_be_integers => DataType::Long,
            _ if self.may_be_floats => DataType::Double,
            _ => DataType::String,
        }
    }
}

fn double(field: &str) -> Option<f64> {
    match field.parse() {
        Ok(value) => Some(value),
        Err(_) if is_missing(field) => Some(f64::NAN),
        Err(_) => {
            let trimmed = field.trim().parse().ok();
            trimmed.or_else(|| truth(field).map(|value| f64::from(u8::from(value))))
        }
    }
}

/// Reads a whole number, however it is written: pandas writes `2.0` once a value is missing.
fn whole(field: &str) -> Option<i64> {
    /// Doubles hold every integer up to here; beyond, one may not be the integer that it shows.
    const EXACT_END: f64 = 9_007_199_254_740_992.0;
    let spelled = || {
        let value: f64 = field.trim().parse().ok()?;
        (value.fract() == 0.0 && value.abs() < EXACT_END).then_some(value as i64)
    };
    integer(field).or_else(spelled).or_else(|| truth(field).map(i64::from))
}

fn integer(field: &str) -> Option<i64> {
    field.trim().parse().ok()
}

/// Reads a truth as pandas does for a column that is declared so: also 1 and 0.
fn boolean(field: &str) -> Option<bool> {
    truth(field).or_else(|| match whole(field) {
        Some(0) => Some(false),
        Some(1) => Some(true),
        _ => None,
    })
}

/// Reads a truth that is written as a word.
fn truth(field: &str) -> Option<bool> {
    if field.eq_ignore_ascii_case("true") {
        return Some(true);
    }
    field.eq_ignore_ascii_case("false").then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(fields: &[&str], want: DataType) {
        let mut guess = Guess::default();
        fields.iter().for_each(|field| guess.see(field));
        assert_eq!(guess.data_type(), want, "for {fields:?}");
    }

    #[test]
    fn types_are_guessed_as_pandas_guesses_them() {
        check(&["1", "-2"], DataType::Long);
        check(&["1", ""], DataType::Double);
        check(&["1", "2.5", "nan"], DataType::Double);
        check(&["", "NA"], DataType::Double);
        check(&["True", "false"], DataType::Boolean);
        check(&["True", ""], DataType::String);
        check(&["True", "1"], DataType::String);
        check(&["1", "x"], DataType::String);
        check(&["inf", "-inf"], DataType::Double);
        check(&["99999999999999999999"], DataType::Double);
    }

    #[track_caller]
    fn refused(data_type: DataType, field: &str, want: &str) {
        assert_eq!(Column::of(data_type).unwrap().push(field), Err(want.to_owned()));
    }

    #[test]
    fn a_value_that_would_change_is_refused() {
        use DataType::{Boolean, Double, Float, Integer, Long};
        refused(Double, "x", "could not convert string to float: 'x'");
        refused(Float, "1e300", "could not convert string to a 32-bit float: '1e300'");
        refused(Long, "1.5", "could not convert string to a 64-bit integer: '1.5'");
        refused(Long, "", "could not convert string to a 64-bit integer: ''");
        refused(
            Integer,
            "2147483648",
            "could not convert string to a 32-bit integer: '2147483648'",
        );
        refused(Boolean, "2", "could not convert string to a boolean: '2'");
        refused(Boolean, " true", "could not convert string to a boolean: ' true'");
        let doubtful = "could not convert string to a 64-bit integer: '9007199254740993.0'";
        refused(Long, "9007199254740993.0", doubtful);
        refused(Long, "inf", "could not convert string to a 64-bit integer: 'inf'");
    }

    #[track_caller]
    fn taken(data_type: DataType, fields: &[&str], want: &Values) {
        let mut column = Column::of(data_type).unwrap();
        for field in fields {
            column.push(field).unwrap();
        }
        assert_eq!(&column.take(), want, "for {fields:?}");
    }

    #[test]
    fn numbers_and_truths_are_read_in_every_spelling_that_pandas_takes() {
        use DataType::{Boolean, Double, Float, Integer, Long};
        let whole = ["2", "2.0", "2e0", "2.", "+2", " 2 ", "0002", "0.2E1"];
        taken(Long, &whole, &Values::Long(vec![2; 8]));
        taken(Integer, &whole, &Values::Integer(vec![2; 8]));
        taken(Double, &whole, &Values::Double(vec![2.0; 8]));
        let truths = ["True", "TRUE", "true", "tRUE", "1", "1.0", "False", "fALSE", "0", "-0"];
        let want = [true, true, true, true, true, true, false, false, false, false];
        taken(Boolean, &truths, &Values::Boolean(want.to_vec()));
        taken(Long, &truths, &Values::Long(want.map(i64::from).to_vec()));
        taken(Float, &truths[..6], &Values::Float(vec![1.0; 6]));
        taken(Long, &["9223372036854775807"], &Values::Long(vec![i64::MAX]));
    }

    #[test]
    fn what_pandas_takes_for_missing_is_missing() {
        for field in MISSING {
            let mut text = Column::of(DataType::String).unwrap();
            text.push(field).unwrap();
            assert_eq!(text.take(), Values::String(vec![None]), "{field:?}");
            assert!(double(field).unwrap().is_nan(), "{field:?}");
        }
    }
}
