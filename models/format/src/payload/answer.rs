//! The answer of `/invocations`: `{"predictions": ...}`.

use crate::Predictions;
use mlctl_table::{Tensor, Values};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

/// Writes predictions as MLflow's server does.
///
/// Floats of 32 bits are written with the digits of their 64-bit value. JSON has no NaN and no
/// infinities: they become null, where MLflow writes a word that is not JSON. An array
/// without a name is written as it is.
///
/// ```
/// use mlctl_models_format::{Predictions, payload};
/// use mlctl_table::{Tensor, Values};
///
/// let score = Tensor::new(vec![2, 1], Values::Float(vec![0.5, f32::NAN]))?;
/// let outputs = vec![("score".to_owned(), score)];
/// let answer = Predictions::Records(outputs.clone());
/// assert_eq!(payload::to_json(&answer), r#"{"predictions":[{"score":0.5},{"score":null}]}"#);
///
/// let answer = Predictions::Outputs(outputs);
/// assert_eq!(payload::to_json(&answer), r#"{"predictions":{"score":[[0.5],[null]]}}"#);
/// # Ok::<(), mlctl_models_format::Error>(())
/// ```
pub fn to_json(predictions: &Predictions) -> String {
    if let Predictions::Bare(text) = predictions {
        return text.clone();
    }
    serde_json::to_string(&Envelope(predictions)).expect("numbers, text and lists are JSON")
}

struct Envelope<'a>(&'a Predictions);

impl Serialize for Envelope<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        const KEY: &str = "predictions";
        match self.0 {
            Predictions::Records(outputs) => map.serialize_entry(KEY, &Records(outputs))?,
            Predictions::Outputs(outputs) => map.serialize_entry(KEY, &Outputs(outputs))?,
            Predictions::Array(array) => map.serialize_entry(KEY, &Block::of(array))?,
            Predictions::Json(value) => map.serialize_entry(KEY, value)?,
            Predictions::Bare(text) => map.serialize_entry(KEY, text)?,
        }
        map.end()
    }
}

struct Records<'a>(&'a [(String, Tensor)]);

impl Serialize for Records<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rows = self.0.iter().filter_map(|(_, output)| output.shape().first()).min();
        serializer
            .collect_seq((0..rows.copied().unwrap_or_default()).map(|row| Record(self.0, row)))
    }
}

struct Record<'a>(&'a [(String, Tensor)], usize);

impl Serialize for Record<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let cell = |tensor| Block::of(tensor).row(self.1);
        serializer.collect_map(self.0.iter().map(|(name, tensor)| (name, cell(tensor))))
    }
}

struct Outputs<'a>(&'a [(String, Tensor)]);

impl Serialize for Outputs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, tensor)| (name, Block::of(tensor))))
    }
}

/// A part of a tensor: the values from `start` on that fill `shape`.
struct Block<'a> {
    values: &'a Values,
    shape: &'a [usize],
    start: usize,
    /// Names along the last dimension, which make an object of it.
    classes: Option<&'a [String]>,
}

impl<'a> Block<'a> {
    fn of(tensor: &'a Tensor) -> Self {
        let classes = tensor.classes();
        Self { values: tensor.values(), shape: tensor.shape(), start: 0, classes }
    }

    /// Returns a row; one that holds a single value is that value.
    fn row(self, row: usize) -> Self {
        let inner = self.inner(row);
        let is_single = inner.shape.iter().product::<usize>() == 1 && inner.classes.is_none();
        if is_single { Block { shape: &[], ..inner } } else { inner }
    }

    fn inner(&self, at: usize) -> Self {
        let shape = self.shape.get(1..).unwrap_or_default();
        let start = self.start + at * shape.iter().product::<usize>();
        Self { shape, start, ..*self }
    }

    fn value<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.values {
            Values::Boolean(list) => serializer.serialize_bool(list[self.start]),
            Values::Integer(list) => serializer.serialize_i32(list[self.start]),
            Values::Long(list) => serializer.serialize_i64(list[self.start]),
            Values::Float(list) => serializer.serialize_f64(f64::from(list[self.start])),
            Values::Double(list) => serializer.serialize_f64(list[self.start]),
            Values::String(list) => list[self.start].serialize(serializer),
        }
    }
}

impl Serialize for Block<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(&size) = self.shape.first() else { return self.value(serializer) };
        if let (Some(classes), 1) = (self.classes, self.shape.len()) {
            let one = |(at, class)| (class, self.inner(at));
            return serializer.collect_map(classes.iter().take(size).enumerate().map(one));
        }
        let mut list = serializer.serialize_seq(Some(size))?;
        for at in 0..size {
            list.serialize_element(&self.inner(at))?;
        }
        list.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_hold_values_or_lists() {
        let label = Tensor::vector(Values::Long(vec![1, 0]));
        let odds = Tensor::new(vec![2, 2], Values::Double(vec![0.25, 0.75, 1.0, 0.0])).unwrap();
        let outputs = vec![("label".to_owned(), label), ("odds".to_owned(), odds)];

        let text = to_json(&Predictions::Records(outputs));

        assert_eq!(
            text,
            r#"{"predictions":[{"label":1,"odds":[0.25,0.75]},{"label":0,"odds":[1.0,0.0]}]}"#
        );
    }

    #[test]
    fn an_array_is_written_without_a_name() {
        let array = Tensor::vector(Values::Long(vec![1, 0]));

        assert_eq!(to_json(&Predictions::Array(array)), r#"{"predictions":[1,0]}"#);
    }

    #[test]
    fn named_columns_make_objects() {
        let odds = Tensor::new(vec![2, 2], Values::Float(vec![0.25, 0.75, 1.0, 0.0])).unwrap();
        let odds = odds.with_classes(vec!["no".to_owned(), "yes".to_owned()].into());
        let outputs = vec![("odds".to_owned(), odds)];

        let records = to_json(&Predictions::Records(outputs.clone()));
        let columns = to_json(&Predictions::Outputs(outputs));

        let objects = [r#"{"no":0.25,"yes":0.75}"#, r#"{"no":1.0,"yes":0.0}"#];
        let [first, second] = objects;
        assert_eq!(
            records,
            format!(r#"{{"predictions":[{{"odds":{first}}},{{"odds":{second}}}]}}"#)
        );
        assert_eq!(columns, format!(r#"{{"predictions":{{"odds":[{first},{second}]}}}}"#));
    }

    #[test]
    fn floats_show_the_digits_that_mlflow_shows() {
        let score = Tensor::vector(Values::Float(vec![173.229_2]));

        let text = to_json(&Predictions::Outputs(vec![("s".to_owned(), score)]));

        assert_eq!(text, r#"{"predictions":{"s":[173.2292022705078]}}"#);
    }
}
