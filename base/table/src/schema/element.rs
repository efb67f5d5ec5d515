//! What single values are read as: numpy has more types than values are held in here.

use super::DataType;
use crate::Values;

/// A type of values that can be held here, and which of its values the declared type has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element {
    /// What the values are held as.
    pub data_type: DataType,
    /// The declared type, where it has fewer values.
    narrow: Option<Narrow>,
}

/// A type of numpy's that is held in a wider one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Narrow {
    name: &'static str,
    least: i64,
    most: i64,
}

/// From here on, a number is infinite as a 16-bit float.
const HALF_END: f64 = 65_520.0;

impl From<DataType> for Element {
    fn from(data_type: DataType) -> Self {
        Self { data_type, narrow: None }
    }
}

impl Element {
    /// Finds the type that numpy calls so; `None` when its values cannot be held here.
    pub fn of_numpy(dtype: &str) -> Option<Self> {
        use DataType::{Boolean, Double, Float, Integer, Long, String};
        let narrow = |data_type, name, least, most| Self {
            data_type,
            narrow: Some(Narrow { name, least, most }),
        };
        Some(match dtype {
            "bool" => Boolean.into(),
            "int8" => narrow(Integer, "int8", i8::MIN.into(), i8::MAX.into()),
            "int16" => narrow(Integer, "int16", i16::MIN.into(), i16::MAX.into()),
            "int32" => Integer.into(),
            "int64" => Long.into(),
            "uint8" => narrow(Integer, "uint8", 0, u8::MAX.into()),
            "uint16" => narrow(Integer, "uint16", 0, u16::MAX.into()),
            "uint32" => narrow(Long, "uint32", 0, u32::MAX.into()),
            // What is larger cannot be held, and is refused.
            "uint64" => narrow(Long, "uint64", 0, i64::MAX),
            "float16" => narrow(Float, "float16", 0, 0),
            "float32" => Float.into(),
            "float64" => Double.into(),
            "str" | "object" => String.into(),
            _ => return None,
        })
    }

    /// Returns the declared type's name, as numpy has it.
    pub fn name(self) -> &'static str {
        self.narrow.map_or(self.data_type.numpy_name(), |narrow| narrow.name)
    }

    /// Tells whether values of the declared type are held in a wider one.
    #[inline]
    pub fn is_narrow(self) -> bool {
        self.narrow.is_some()
    }

    /// Names the type that an integer does not fit, though its holder can hold it.
    #[inline]
    pub fn refuses_integer(self, value: i64) -> Option<&'static str> {
        let narrow = self.narrow.filter(|_| self.data_type != DataType::Float)?;
        (!(narrow.least..=narrow.most).contains(&value)).then_some(narrow.name)
    }

    /// Names the type that a float does not fit, though its holder can hold it.
    #[inline]
    pub fn refuses_float(self, value: f64) -> Option<&'static str> {
        let narrow = self.narrow.filter(|_| self.data_type == DataType::Float)?;
        (value.is_finite() && value.abs() >= HALF_END).then_some(narrow.name)
    }

    /// Finds the first value that the declared type does not have, and where it stands.
    pub fn stranger(self, values: &Values) -> Option<(usize, String)> {
        self.narrow?;
        fn first<T: Copy + ToString>(
            list: &[T],
            refuses: impl Fn(T) -> Option<&'static str>,
        ) -> Option<(usize, String)> {
            let at = list.iter().position(|value| refuses(*value).is_some())?;
            Some((at, list[at].to_string()))
        }
        match values {
            Values::Integer(list) => first(list, |value| self.refuses_integer(value.into())),
            Values::Long(list) => first(list, |value| self.refuses_integer(value)),
            Values::Float(list) => first(list, |value| self.refuses_float(value.into())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(dtype: &str, fits: &[i64], others: &[i64]) {
        let element = Element::of_numpy(dtype).unwrap();
        assert_eq!(element.name(), dtype);
        for value in fits {
            assert_eq!(element.refuses_integer(*value), None, "{value} as {dtype}");
        }
        for value in others {
            assert_eq!(element.refuses_integer(*value), Some(dtype), "{value}");
        }
    }

    #[test]
    fn narrow_types_have_their_own_values_only() {
        check("int8", &[-128, 127], &[-129, 128]);
        check("uint8", &[0, 255], &[-1, 256]);
        check("int16", &[-32_768, 32_767], &[-32_769, 32_768]);
        check("uint16", &[0, 65_535], &[-1, 65_536]);
        check("uint32", &[0, 4_294_967_295], &[-1, 4_294_967_296]);
        check("uint64", &[0, i64::MAX], &[-1]);
        check("int32", &[i64::MAX], &[]);
        let half = Element::of_numpy("float16").unwrap();
        assert_eq!(half.refuses_float(65_519.0), None);
        assert_eq!(half.refuses_float(-65_520.0), Some("float16"));
        assert_eq!(half.refuses_float(f64::INFINITY), None);
        assert_eq!(half.stranger(&Values::Float(vec![1.0, 7e4])), Some((1, "70000".to_owned())));
        assert_eq!(Element::of_numpy("complex64"), None);
    }
}
