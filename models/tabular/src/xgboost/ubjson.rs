//! UBJSON, as far as XGBoost writes it: a serde deserializer over bytes.
//!
//! The format is that of <https://ubjson.org/>, all numbers big-endian: a marker, then the value.
//! Lengths are believed only as far as bytes are there to fill them, and nesting has a limit, so
//! that no file can ask for more memory or stack than its own size.

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};
use std::fmt;

/// How deep values nest; XGBoost's models stay below 10.
const DEPTH_MAX: usize = 64;

/// Reads one value that fills `bytes`.
pub(super) fn from_slice<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, Problem> {
    let mut reader = Reader { bytes, at: 0, depth: 0 };
    let value = T::deserialize(Item { reader: &mut reader, marker: None })?;
    match reader.bytes.get(reader.at) {
        None => Ok(value),
        Some(_) => Err(reader.problem("there is data after the end of the model")),
    }
}

/// Why bytes cannot be read, and where.
#[derive(Debug)]
pub(super) struct Problem(String);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Problem {}

impl de::Error for Problem {
    fn custom<T: fmt::Display>(problem: T) -> Self {
        Self(problem.to_string())
    }
}

struct Reader<'de> {
    bytes: &'de [u8],
    at: usize,
    depth: usize,
}

impl<'de> Reader<'de> {
    fn problem(&self, problem: &str) -> Problem {
        Problem(format!("{problem} at byte {}", self.at))
    }

    fn take(&mut self, count: usize) -> Result<&'de [u8], Problem> {
        let rest = &self.bytes[self.at..];
        let taken = rest.get(..count).ok_or_else(|| self.problem("the file is incomplete"))?;
        self.at += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn peek(&self) -> Result<u8, Problem> {
        self.bytes.get(self.at).copied().ok_or_else(|| self.problem("the file is incomplete"))
    }

    /// Takes the next byte when it is this one.
    fn eat(&mut self, byte: u8) -> bool {
        let is_next = self.bytes.get(self.at) == Some(&byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// Reads a marker; `N` fills space and means nothing.
    fn marker(&mut self) -> Result<u8, Problem> {
        loop {
            let [marker] = self.array()?;
            if marker != b'N' {
                return Ok(marker);
            }
        }
    }

    fn integer(&mut self, marker: u8) -> Result<i64, Problem> {
        Ok(match marker {
            b'i' => i64::from(i8::from_be_bytes(self.array()?)),
            b'U' => i64::from(u8::from_be_bytes(self.array()?)),
            b'I' => i64::from(i16::from_be_bytes(self.array()?)),
            b'l' => i64::from(i32::from_be_bytes(self.array()?)),
            b'L' => i64::from_be_bytes(self.array()?),
            _ => return Err(self.problem("an integer is missing")),
        })
    }

    fn length(&mut self) -> Result<usize, Problem> {
        let marker = self.marker()?;
        let length = self.integer(marker)?;
        usize::try_from(length).map_err(|_| self.problem("a length is below zero"))
    }

    fn text(&mut self) -> Result<&'de str, Problem> {
        let length = self.length()?;
        let bytes = self.take(length)?;
        std::str::from_utf8(bytes).map_err(|_| self.problem("text is not UTF-8"))
    }

    fn enter(&mut self) -> Result<(), Problem> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.problem("values are nested too deeply"));
        }
        Ok(())
    }

    fn list(&mut self) -> Result<List<'_, 'de>, Problem> {
        self.enter()?;
        let marker = if self.eat(b'$') { Some(self.marker()?) } else { None };
        let count = if self.eat(b'#') { Some(self.length()?) } else { None };
        let size = match marker {
            None => 1,
            Some(_) if count.is_none() => return Err(self.problem("a list's length is missing")),
            Some(b'i' | b'U') => 1,
            Some(b'I') => 2,
            Some(b'l' | b'd') => 4,
            Some(b'L' | b'D') => 8,
            Some(_) => return Err(self.problem("a list has elements of an unknown type")),
        };
        let rest = self.bytes.len() - self.at;
        if count.is_some_and(|count| count > rest / size) {
            return Err(self.problem("a list is longer than the file"));
        }
        Ok(List { reader: self, marker, count, size })
    }
}

/// The next value; its marker may have been given for all values of a list.
struct Item<'a, 'de> {
    reader: &'a mut Reader<'de>,
    marker: Option<u8>,
}

impl<'de> de::Deserializer<'de> for Item<'_, 'de> {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        let reader = self.reader;
        let marker = match self.marker {
            Some(marker) => marker,
            None => reader.marker()?,
        };
        match marker {
            b'Z' => visitor.visit_unit(),
            b'T' => visitor.visit_bool(true),
            b'F' => visitor.visit_bool(false),
            b'd' => visitor.visit_f32(f32::from_be_bytes(reader.array()?)),
            b'D' => visitor.visit_f64(f64::from_be_bytes(reader.array()?)),
            b'S' => visitor.visit_borrowed_str(reader.text()?),
            b'C' => visitor.visit_char(char::from(reader.array::<1>()?[0])),
            b'[' => {
                let value = visitor.visit_seq(reader.list()?)?;
                reader.depth -= 1;
                Ok(value)
            }
            b'{' => {
                reader.enter()?;
                let value = visitor.visit_map(Map { reader })?;
                reader.depth -= 1;
                Ok(value)
            }
            b'i' | b'U' | b'I' | b'l' | b'L' => visitor.visit_i64(reader.integer(marker)?),
            _ => Err(reader.problem("a value has an unknown type")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        if self.marker.is_none() && self.reader.peek()? == b'Z' {
            self.reader.at += 1;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Problem> {
        visitor.visit_newtype_struct(self)
    }

    /// Most of a model is numbers that nobody reads: they are passed by at once.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        if self.marker.is_some() || !self.reader.eat(b'[') {
            return self.deserialize_any(visitor);
        }
        let reader = self.reader;
        let list = reader.list()?;
        let value = match (list.marker, list.count) {
            (Some(_), Some(count)) => {
                let bytes = count.saturating_mul(list.size);
                reader.take(bytes)?;
                visitor.visit_unit()?
            }
            _ => visitor.visit_seq(list)?,
        };
        reader.depth -= 1;
        Ok(value)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct enum identifier
    }
}

struct List<'a, 'de> {
    reader: &'a mut Reader<'de>,
    marker: Option<u8>,
    /// How many are left; without it, the list ends with `]`.
    count: Option<usize>,
    /// The bytes of each, when all have the same marker.
    size: usize,
}

impl<'de> SeqAccess<'de> for List<'_, 'de> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Problem> {
        match &mut self.count {
            Some(0) => return Ok(None),
            Some(count) => *count -= 1,
            None if self.reader.eat(b']') => return Ok(None),
            None => {}
        }
        seed.deserialize(Item { reader: self.reader, marker: self.marker }).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        self.count
    }
}

struct Map<'a, 'de> {
    reader: &'a mut Reader<'de>,
}

impl<'de> MapAccess<'de> for Map<'_, 'de> {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Problem> {
        if self.reader.eat(b'}') {
            return Ok(None);
        }
        let key = de::value::BorrowedStrDeserializer::new(self.reader.text()?);
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Problem> {
        seed.deserialize(Item { reader: self.reader, marker: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    #[track_caller]
    fn check(bytes: &[u8], want: Result<Value, &str>) {
        let got: Result<Value, _> = from_slice(bytes).map_err(|problem| problem.to_string());
        assert_eq!(got, want.map_err(str::to_owned));
    }

    #[test]
    fn every_kind_of_value_is_read() {
        check(b"{U\x01a[i\xffU\xffI\xff\xfel\0\0\0\x03L\0\0\0\0\0\0\0\x04]}", {
            Ok(json!({"a": [-1, 255, -2, 3, 4]}))
        });
        check(b"[Z TF]".replace_spaces().as_slice(), Ok(json!([null, true, false])));
        check(b"[$d#U\x02\x3f\x80\0\0\x40\0\0\0", Ok(json!([1.0, 2.0])));
        check(b"[#U\x02SU\x02hiCx", Ok(json!(["hi", "x"])));
        check(b"D\x3f\xe0\0\0\0\0\0\0", Ok(json!(0.5)));
        check(b"[$U#U\0", Ok(json!([])));
    }

    #[test]
    fn what_nobody_reads_is_passed_by() {
        #[derive(Debug, Deserialize, PartialEq)]
        struct Known {
            b: u8,
        }
        for ignored in
            [&b"[$d#U\x02\0\0\0\0\0\0\0\0"[..], b"[U\x01[#U\x01ZT]", b"{U\x01xZ}", b"SU\x01x"]
        {
            let bytes = [&b"{U\x01a"[..], ignored, b"U\x01bU\x07}"].concat();
            assert_eq!(from_slice::<Known>(&bytes).unwrap(), Known { b: 7 });
        }
    }

    #[test]
    fn what_is_broken_is_refused() {
        check(b"", Err("the file is incomplete at byte 0"));
        check(b"[Z", Err("the file is incomplete at byte 2"));
        check(b"ZZ", Err("there is data after the end of the model at byte 1"));
        check(b"[$T#L\x7f\0\0\0\0\0\0\0", Err("a list has elements of an unknown type at byte 13"));
        check(b"[$U#L\x7f\0\0\0\0\0\0\0", Err("a list is longer than the file at byte 13"));
        check(b"[$U", Err("a list's length is missing at byte 3"));
        check(b"SL\x7f\0\0\0\0\0\0\0", Err("the file is incomplete at byte 10"));
        check(b"Si\xff", Err("a length is below zero at byte 3"));
        check(b"SU\x01\xff", Err("text is not UTF-8 at byte 4"));
        check(b"H", Err("a value has an unknown type at byte 1"));
        check(&[b'['; 1000], Err("values are nested too deeply at byte 65"));
    }

    trait ReplaceSpaces {
        fn replace_spaces(&self) -> Vec<u8>;
    }

    impl<const N: usize> ReplaceSpaces for [u8; N] {
        /// Writes the marker that fills space where the test has a space.
        fn replace_spaces(&self) -> Vec<u8> {
            self.iter().map(|byte| if *byte == b' ' { b'N' } else { *byte }).collect()
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in vec(prop_oneof![
            any::<u8>(),
            prop::sample::select(&b"[]{}$#ZTFiUIlLdDSCN\0\x01\x02"[..]),
        ], 0..200)) {
            let _ = from_slice::<Value>(&bytes);
        }
    }
}
