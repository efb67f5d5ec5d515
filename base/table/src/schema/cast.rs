//! Which typed values may stand in for which: MLflow's table of safe casts.

use super::DataType;
use crate::{Error, Result, Values};

/// Casts a column to the type that its schema declares.
///
/// Allowed are a smaller integer or float for a larger one, 32-bit integers for doubles, and 64-bit
/// integers for floats when all of them are 0 or 1. Everything else could change a value.
pub(super) fn cast(column: &str, values: Values, to: DataType) -> Result<Values> {
    if values.data_type() == to {
        return Ok(values);
    }
    match (values, to) {
        (Values::Integer(list), DataType::Long) => {
            Ok(Values::Long(list.into_iter().map(i64::from).collect()))
        }
        (Values::Integer(list), DataType::Double) => {
            Ok(Values::Double(list.into_iter().map(f64::from).collect()))
        }
        (Values::Float(list), DataType::Double) => {
            Ok(Values::Double(list.into_iter().map(f64::from).collect()))
        }
        (Values::Long(list), DataType::Double) if zeros_and_ones(&list) => {
            Ok(Values::Double(list.into_iter().map(|value| f64::from(value == 1)).collect()))
        }
        (Values::Long(list), DataType::Float) if zeros_and_ones(&list) => {
            Ok(Values::Float(list.into_iter().map(|value| f32::from(value == 1)).collect()))
        }
        (values, to) => Err(Error::mismatch(format!(
            "Incompatible input types for column {column}. Can not safely convert {} to {}.",
            values.data_type().numpy_name(),
            to.numpy_name()
        ))),
    }
}

fn zeros_and_ones(list: &[i64]) -> bool {
    list.iter().all(|value| matches!(value, 0 | 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(from: Values, to: DataType, want: impl Into<Option<Values>>) {
        let shown = format!("{from:?} to {to:?}");
        assert_eq!(cast("c", from, to).ok(), want.into(), "for {shown}");
    }

    #[test]
    fn only_casts_that_keep_every_value_are_allowed() {
        use DataType::{Boolean, Double, Float, Integer, Long, String};
        check(Values::Integer(vec![-7]), Long, Values::Long(vec![-7]));
        check(Values::Integer(vec![-7]), Double, Values::Double(vec![-7.0]));
        check(Values::Float(vec![0.5]), Double, Values::Double(vec![0.5]));
        check(Values::Long(vec![0, 1]), Double, Values::Double(vec![0.0, 1.0]));
        check(Values::Long(vec![0, 1]), Float, Values::Float(vec![0.0, 1.0]));
        check(Values::Long(vec![2]), Double, None);
        check(Values::Long(vec![1]), Integer, None);
        check(Values::Integer(vec![1]), Float, None);
        check(Values::Double(vec![1.0]), Float, None);
        check(Values::Double(vec![1.0]), Long, None);
        check(Values::Boolean(vec![true]), Long, None);
        check(Values::Long(vec![1]), Boolean, None);
        check(Values::Long(vec![1]), String, None);
    }

    #[test]
    fn a_refused_cast_names_the_column_and_both_types() {
        let error = cast("age", Values::Double(vec![1.5]), DataType::Integer).unwrap_err();

        assert_eq!(
            error.to_string(),
            "Incompatible input types for column age. Can not safely convert float64 to int32."
        );
    }
}
