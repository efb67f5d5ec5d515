//! The protocol's names for types of values.

use mlctl_table::Values;
use mlctl_table::schema::DataType;

/// A type of values in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// What its values are read as.
    pub(super) read_as: DataType,
    /// The bytes of one value in a binary tensor; 0 for text, which says its own length.
    pub(super) size: usize,
    /// Whether it is a whole number without a sign.
    pub(super) is_unsigned: bool,
}

/// Finds a type by its name.
pub(super) fn kind(name: &str) -> Option<Kind> {
    let (read_as, size) = match name {
        "BOOL" => (DataType::Boolean, 1),
        "INT8" | "UINT8" => (DataType::Integer, 1),
        "INT16" | "UINT16" => (DataType::Integer, 2),
        "INT32" => (DataType::Integer, 4),
        "UINT32" => (DataType::Long, 4),
        "INT64" | "UINT64" => (DataType::Long, 8),
        "FP16" => (DataType::Float, 2),
        "FP32" => (DataType::Float, 4),
        "FP64" => (DataType::Double, 8),
        "BYTES" => (DataType::String, 0),
        _ => return None,
    };
    Some(Kind { read_as, size, is_unsigned: name.starts_with('U') })
}

/// Names the type of values of a model's.
pub(super) fn datatype(data_type: DataType) -> &'static str {
    match data_type {
        DataType::Boolean => "BOOL",
        DataType::Integer => "INT32",
        DataType::Long => "INT64",
        DataType::Float => "FP32",
        DataType::Double => "FP64",
        DataType::String | DataType::Binary | DataType::Datetime => "BYTES",
    }
}

/// Names a type of numpy's; what it has no number for is text.
pub(super) fn of_numpy(dtype: &str) -> &'static str {
    match dtype {
        "bool" => "BOOL",
        "int8" => "INT8",
        "int16" => "INT16",
        "int32" => "INT32",
        "int64" => "INT64",
        "uint8" => "UINT8",
        "uint16" => "UINT16",
        "uint32" => "UINT32",
        "uint64" => "UINT64",
        "float16" => "FP16",
        "float32" => "FP32",
        "float64" => "FP64",
        _ => "BYTES",
    }
}

impl Kind {
    /// Says which value is none of this type, if there is one: the numbers are read into more room
    /// than small types have.
    pub(super) fn stranger(self, values: &Values) -> Option<i64> {
        let bits = 8 * self.size as u32;
        let (least, most) = match self.is_unsigned {
            true => (0, i64::MAX >> (63 - bits.min(63))),
            false => (i64::MIN >> (64 - bits.clamp(1, 64)), i64::MAX >> (64 - bits.clamp(1, 64))),
        };
        let is_strange = |value: &i64| !(least..=most).contains(value);
        match values {
            Values::Integer(list) => list.iter().map(|value| i64::from(*value)).find(is_strange),
            Values::Long(list) => list.iter().copied().find(is_strange),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, values: &[i64], want: Option<i64>) {
        let kind = kind(name).unwrap();
        assert_eq!(kind.stranger(&Values::Long(values.to_vec())), want, "{name}");
    }

    #[test]
    fn numbers_that_do_not_fit_are_found() {
        check("INT8", &[-128, 127], None);
        check("INT8", &[128], Some(128));
        check("UINT8", &[0, 255], None);
        check("UINT8", &[-1], Some(-1));
        check("UINT8", &[256], Some(256));
        check("UINT32", &[4_294_967_295], None);
        check("UINT32", &[4_294_967_296], Some(4_294_967_296));
        check("INT64", &[i64::MIN, i64::MAX], None);
        check("UINT64", &[i64::MAX], None);
        check("UINT64", &[-5], Some(-5));
    }
}
