//! Values in requests of other protocols: nested lists, and params.

use super::block::{Block, Filling};
use super::place::{At, Few, PARAMS_MAX, Reading};
use mlctl_table::Values;
use mlctl_table::schema::{DataType, Declared, Lookup};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::cell::Cell;
use std::fmt;

/// Nested lists of values whose type is not known yet.
#[derive(Debug)]
pub struct Lists(Block);

impl Lists {
    /// Gives the values their type.
    pub fn into_values(self, data_type: DataType) -> Result<Values, String> {
        let tensor = self.0.finish(Declared::As(data_type.into()))?;
        Ok(tensor.into_parts().1)
    }
}

impl<'de> Deserialize<'de> for Lists {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let reading = Reading::new(Lookup::new(None), 0);
        let mut block = Block::new(Declared::Free);
        let place = At(Filling { reading: &reading, block: &mut block });
        place.deserialize(deserializer).map_err(|error| match reading.take_problem() {
            Some(problem) => D::Error::custom(problem),
            None => error,
        })?;
        Ok(Self(block))
    }
}

/// Reads an object of few values.
pub fn few<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Map<String, Value>, D::Error> {
    struct Fields;

    impl<'de> Visitor<'de> for Fields {
        type Value = Map<String, Value>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let left = Cell::new(PARAMS_MAX);
            let mut fields = Map::new();
            while let Some(name) = map.next_key()? {
                fields.insert(name, map.next_value_seed(Few(&left))?);
            }
            Ok(fields)
        }
    }

    deserializer.deserialize_map(Fields)
}

/// Reads a shape, which has few dimensions.
pub fn sizes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<usize>, D::Error> {
    struct Shape;

    impl<'de> Visitor<'de> for Shape {
        type Value = Vec<usize>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("the sizes of a tensor")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<usize>, A::Error> {
            const DIMENSIONS_MAX: usize = 64;
            let mut sizes = Vec::new();
            while let Some(size) = list.next_element()? {
                if sizes.len() == DIMENSIONS_MAX {
                    let problem = format!("a shape has more than {DIMENSIONS_MAX} dimensions");
                    return Err(A::Error::custom(problem));
                }
                sizes.push(size);
            }
            Ok(sizes)
        }
    }

    deserializer.deserialize_seq(Shape)
}
