//! Numbers as protobuf's JSON form writes and reads them.
//!
//! A 64-bit integer may come as a number or as text; a float may be the text `NaN`, `Infinity`
//! or `-Infinity`. Use with `#[serde(with = "…")]`. Source: protobuf's JSON mapping, which
//! MLflow's REST API follows.

use serde::de::{Deserializer, Error, Unexpected, Visitor};
use std::fmt;

/// A 64-bit integer; a fraction is refused, not dropped.
pub mod int64 {
    use super::*;

    /// Reads a number, or its text.
    ///
    /// # Errors
    /// When it has a fraction, does not fit, or is no number.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
        deserializer.deserialize_any(Integer)
    }

    pub(super) struct Integer;

    impl Visitor<'_> for Integer {
        type Value = i64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a 64-bit integer")
        }

        fn visit_i64<E: Error>(self, value: i64) -> Result<i64, E> {
            Ok(value)
        }

        fn visit_u64<E: Error>(self, value: u64) -> Result<i64, E> {
            i64::try_from(value).map_err(|_| E::invalid_value(Unexpected::Unsigned(value), &self))
        }

        fn visit_f64<E: Error>(self, value: f64) -> Result<i64, E> {
            // 2^63 itself is the first float that no i64 can hold.
            let fits = value.fract() == 0.0 && (-(2f64.powi(63))..2f64.powi(63)).contains(&value);
            if fits {
                Ok(value as i64)
            } else {
                Err(E::invalid_value(Unexpected::Float(value), &self))
            }
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<i64, E> {
            text.parse().map_err(|_| E::invalid_value(Unexpected::Str(text), &self))
        }
    }
}

/// A 64-bit integer that may be absent or null.
pub mod optional_int64 {
    use super::*;

    /// Reads a number, its text, or nothing.
    ///
    /// # Errors
    /// As [`int64::deserialize`].
    pub fn deserialize<'de, D: Deserializer<'de>>(de: D) -> Result<Option<i64>, D::Error> {
        super::optional(de, int64::Integer)
    }
}

/// A float that may be text, `NaN` and the infinities included.
pub mod double {
    use super::*;
    use serde::ser::Serializer;

    /// Writes a finite value as a number and the others as text.
    ///
    /// # Errors
    /// Only those of the serializer.
    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        if value.is_nan() {
            serializer.serialize_str("NaN")
        } else if value.is_infinite() {
            serializer.serialize_str(if *value > 0.0 { "Infinity" } else { "-Infinity" })
        } else {
            serializer.serialize_f64(*value)
        }
    }

    /// Reads a number, or its text.
    ///
    /// # Errors
    /// When it is no number.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        deserializer.deserialize_any(Float)
    }

    pub(super) struct Float;

    impl Visitor<'_> for Float {
        type Value = f64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number, \"NaN\", \"Infinity\" or \"-Infinity\"")
        }

        fn visit_f64<E: Error>(self, value: f64) -> Result<f64, E> {
            Ok(value)
        }

        fn visit_i64<E: Error>(self, value: i64) -> Result<f64, E> {
            Ok(value as f64)
        }

        fn visit_u64<E: Error>(self, value: u64) -> Result<f64, E> {
            Ok(value as f64)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<f64, E> {
            match text {
                "NaN" => Ok(f64::NAN),
                "Infinity" => Ok(f64::INFINITY),
                "-Infinity" => Ok(f64::NEG_INFINITY),
                _ => match text.parse::<f64>() {
                    Ok(value) if value.is_finite() => Ok(value),
                    _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
                },
            }
        }
    }
}

/// A float that may be absent or null.
pub mod optional_double {
    use super::*;

    /// Reads a number, its text, or nothing.
    ///
    /// # Errors
    /// As [`double::deserialize`].
    pub fn deserialize<'de, D: Deserializer<'de>>(de: D) -> Result<Option<f64>, D::Error> {
        super::optional(de, double::Float)
    }
}

fn optional<'de, D: Deserializer<'de>, V: Visitor<'de>>(
    deserializer: D,
    inner: V,
) -> Result<Option<V::Value>, D::Error> {
    struct Optional<V>(V);

    impl<'de, V: Visitor<'de>> Visitor<'de> for Optional<V> {
        type Value = Option<V::Value>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.expecting(f)
        }

        fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, de: D) -> Result<Self::Value, D::Error> {
            de.deserialize_any(self.0).map(Some)
        }
    }
    deserializer.deserialize_option(Optional(inner))
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Point {
        #[serde(with = "super::double")]
        value: f64,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct At {
        #[serde(default, deserialize_with = "super::optional_int64::deserialize")]
        step: Option<i64>,
        #[serde(default, deserialize_with = "super::optional_double::deserialize")]
        value: Option<f64>,
    }

    #[track_caller]
    fn check(json: &str, want: Result<Option<i64>, &str>) {
        let got = serde_json::from_str::<At>(json).map(|at| at.step).map_err(|e| e.to_string());
        match (got, want) {
            (Ok(got), Ok(want)) => assert_eq!(got, want, "for {json}"),
            (Err(got), Err(want)) => assert!(got.contains(want), "for {json}: {got}"),
            (got, want) => panic!("for {json}: {got:?} instead of {want:?}"),
        }
    }

    #[test]
    fn integers_come_as_numbers_or_text() {
        check(r#"{"step": 7}"#, Ok(Some(7)));
        check(r#"{"step": "7"}"#, Ok(Some(7)));
        check(r#"{"step": -7.0}"#, Ok(Some(-7)));
        check(r#"{"step": "-9223372036854775808"}"#, Ok(Some(i64::MIN)));
        check(r#"{"step": null}"#, Ok(None));
        check(r#"{}"#, Ok(None));
        check(r#"{"step": 1.5}"#, Err("expected a 64-bit integer"));
        check(r#"{"step": 9223372036854775808}"#, Err("expected a 64-bit integer"));
        check(r#"{"step": 1e30}"#, Err("expected a 64-bit integer"));
        check(r#"{"step": "x"}"#, Err("expected a 64-bit integer"));
        check(r#"{"step": true}"#, Err("expected a 64-bit integer"));
    }

    #[test]
    fn floats_keep_nan_and_the_infinities() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.1, -0.0, f64::MIN_POSITIVE] {
            let json = serde_json::to_string(&Point { value }).unwrap();
            let back: Point = serde_json::from_str(&json).unwrap();
            assert_eq!(back.value.to_bits(), value.to_bits(), "{json}");
        }
    }

    #[test]
    fn a_float_too_large_for_64_bits_is_refused() {
        assert!(serde_json::from_str::<Point>(r#"{"value": 1e400}"#).is_err());
        assert!(serde_json::from_str::<Point>(r#"{"value": "1e400"}"#).is_err());
        assert_eq!(serde_json::from_str::<At>(r#"{"value": "0.5"}"#).unwrap().value, Some(0.5));
    }
}
