//! Columns of Arrow, in which Parquet is read, too, to typed values.

use crate::schema::{DataType, Declared, Lookup, Schema};
use crate::{Error, Result, Table, Tensor, Values};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, DecimalType,
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, PrimitiveArray, RecordBatch};
use arrow_schema::DataType as Arrow;
use std::collections::HashSet;

/// Makes a table of a record batch.
///
/// # Errors
/// [`Error::Invalid`] names a column whose type does not run here, that lacks values where its
/// type has no word for a missing one, or that is there twice.
pub fn table(batch: &RecordBatch, schema: Option<&Schema>) -> Result<Table> {
    let types = Lookup::new(schema);
    let fields = batch.schema();
    let mut known = HashSet::with_capacity(batch.num_columns());
    let mut table = Vec::with_capacity(batch.num_columns());
    for (at, (field, column)) in fields.fields().iter().zip(batch.columns()).enumerate() {
        let name = field.name();
        if !known.insert(name) {
            return Err(refused(name, "it appears twice"));
        }
        // pandas keeps its index as a column; and what the schema does not know is dropped.
        let declared = types.of_column(name, at);
        if declared != Declared::Unknown && !name.starts_with("__index_level_") {
            table.push((name.clone(), Tensor::vector(values(name, column, declared)?)));
        }
    }
    Table::new(table)
}

/// Gives values the types that pandas and MLflow give them: integers of which some are missing,
/// decimals and columns of nothing at all are floats, and a category is what it stands for.
fn values(name: &str, column: &ArrayRef, declared: Declared) -> Result<Values> {
    let wants =
        |data_type| matches!(declared, Declared::As(element) if element.data_type == data_type);
    let has_nulls = column.null_count() > 0;
    Ok(match column.data_type() {
        Arrow::Boolean if has_nulls && wants(DataType::Double) => {
            let truths = column.as_boolean().iter();
            Values::Double(truths.map(|v| v.map_or(f64::NAN, |v| f64::from(u8::from(v)))).collect())
        }
        Arrow::Boolean if !has_nulls => {
            Values::Boolean(column.as_boolean().values().iter().collect())
        }
        Arrow::Float64 => Values::Double(floats::<Float64Type>(column, f64::NAN)),
        Arrow::Float32 => Values::Float(floats::<Float32Type>(column, f32::NAN)),
        Arrow::Float16 => {
            let halves = column.as_primitive::<Float16Type>().iter();
            Values::Float(halves.map(|half| half.map_or(f32::NAN, |half| half.to_f32())).collect())
        }
        Arrow::Int64 if has_nulls => widened::<Int64Type>(name, column)?,
        Arrow::Int64 => Values::Long(column.as_primitive::<Int64Type>().values().to_vec()),
        Arrow::Int32 if has_nulls => widened::<Int32Type>(name, column)?,
        Arrow::Int32 => Values::Integer(column.as_primitive::<Int32Type>().values().to_vec()),
        Arrow::Int16 if has_nulls => widened::<Int16Type>(name, column)?,
        Arrow::Int16 => Values::Integer(small::<Int16Type>(column)),
        Arrow::Int8 if has_nulls => widened::<Int8Type>(name, column)?,
        Arrow::Int8 => Values::Integer(small::<Int8Type>(column)),
        Arrow::UInt8 if has_nulls => widened::<UInt8Type>(name, column)?,
        Arrow::UInt8 => Values::Integer(small::<UInt8Type>(column)),
        Arrow::UInt16 if has_nulls => widened::<UInt16Type>(name, column)?,
        Arrow::UInt16 => Values::Integer(small::<UInt16Type>(column)),
        Arrow::UInt32 if has_nulls || wants(DataType::Double) => {
            widened::<UInt32Type>(name, column)?
        }
        Arrow::UInt32 => {
            let list = column.as_primitive::<UInt32Type>().values().iter();
            Values::Long(list.map(|value| i64::from(*value)).collect())
        }
        Arrow::UInt64 if has_nulls => widened::<UInt64Type>(name, column)?,
        Arrow::UInt64 => {
            let list = column.as_primitive::<UInt64Type>().values().iter();
            let longs = list.map(|value| {
                i64::try_from(*value)
                    .map_err(|_| refused(name, &format!("{value} is not a 64-bit integer")))
            });
            Values::Long(longs.collect::<Result<_>>()?)
        }
        Arrow::Decimal32(_, _) => decimals::<Decimal32Type>(column),
        Arrow::Decimal64(_, _) => decimals::<Decimal64Type>(column),
        Arrow::Decimal128(_, _) => decimals::<Decimal128Type>(column),
        Arrow::Decimal256(_, _) => decimals::<Decimal256Type>(column),
        Arrow::Null if wants(DataType::String) => Values::String(vec![None; column.len()]),
        Arrow::Null => Values::Double(vec![f64::NAN; column.len()]),
        Arrow::Utf8 => Values::String(texts(column.as_string::<i32>().iter())),
        Arrow::LargeUtf8 => Values::String(texts(column.as_string::<i64>().iter())),
        Arrow::Utf8View => Values::String(texts(column.as_string_view().iter())),
        Arrow::Dictionary(_, of) if !matches!(**of, Arrow::Dictionary(_, _)) => {
            let dictionary = column.as_any_dictionary();
            let taken = arrow_select::take::take(dictionary.values(), dictionary.keys(), None);
            let taken = taken.map_err(|error| refused(name, &error.to_string()))?;
            values(name, &taken, declared)?
        }
        other if has_nulls => {
            return Err(refused(name, &format!("values of type {other} are missing")));
        }
        other => {
            return Err(refused(name, &format!("values of type {other} are not supported")));
        }
    })
}

fn refused(name: &str, problem: &str) -> Error {
    Error::invalid(format!("column {name}: {problem}"))
}

fn floats<T: ArrowPrimitiveType>(column: &ArrayRef, missing: T::Native) -> Vec<T::Native> {
    let column = column.as_primitive::<T>();
    match column.null_count() {
        0 => column.values().to_vec(),
        _ => column.iter().map(|value| value.unwrap_or(missing)).collect(),
    }
}

/// Makes floats of integers, as long as no value changes.
fn widened<T: ArrowPrimitiveType>(name: &str, column: &ArrayRef) -> Result<Values>
where
    i128: From<T::Native>,
{
    let double = |value: Option<T::Native>| match value {
        None => Ok(f64::NAN),
        Some(value) => exact(name, value.into()),
    };
    let doubles = column.as_primitive::<T>().iter().map(double);
    doubles.collect::<Result<_>>().map(Values::Double)
}

/// Makes a float of an integer of a column in which others are missing.
pub fn exact(name: &str, value: i128) -> Result<f64> {
    /// Doubles hold every integer up to here.
    const EXACT_MAX: i128 = 1 << 53;
    if value.abs() <= EXACT_MAX {
        return Ok(value as f64);
    }
    let problem = format!(
        "{value} cannot be represented exactly as a float, which is needed \
                           because other values are missing"
    );
    Err(refused(name, &problem))
}

fn small<T: ArrowPrimitiveType>(column: &ArrayRef) -> Vec<i32>
where
    i32: From<T::Native>,
{
    column.as_primitive::<T>().values().iter().map(|value| i32::from(*value)).collect()
}

/// Makes of decimals the nearest floats, as Python does of them.
fn decimals<T: DecimalType>(column: &ArrayRef) -> Values {
    let column: &PrimitiveArray<T> = column.as_primitive();
    let double = |row| match column.is_null(row) {
        true => f64::NAN,
        false => column.value_as_string(row).parse().unwrap_or(f64::NAN),
    };
    Values::Double((0..column.len()).map(double).collect())
}

fn texts<'a>(list: impl Iterator<Item = Option<&'a str>>) -> Vec<Option<String>> {
    list.map(|text| text.map(str::to_owned)).collect()
}

/// Returns how many bytes each value takes when it is copied.
pub fn text_sizes(values: &ArrayRef) -> Vec<usize> {
    let size = |text: Option<&str>| text.map_or(0, str::len);
    match values.data_type() {
        Arrow::Utf8 => values.as_string::<i32>().iter().map(size).collect(),
        Arrow::LargeUtf8 => values.as_string::<i64>().iter().map(size).collect(),
        Arrow::Utf8View => values.as_string_view().iter().map(size).collect(),
        _ => vec![size_of::<u64>(); values.len()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{
        BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Int8Array, Int64Array,
        NullArray, StringArray, UInt32Array, UInt64Array,
    };
    use std::sync::Arc;

    /// Debug text, in which NaN equals NaN.
    #[track_caller]
    fn check(
        column: impl Array + 'static,
        declared: Option<DataType>,
        want: &Result<Values, &str>,
    ) {
        let declared = declared.map_or(Declared::Free, |kind| Declared::As(kind.into()));
        let column: ArrayRef = Arc::new(column);
        match (values("x", &column, declared), want) {
            (Ok(got), Ok(want)) => assert_eq!(format!("{got:?}"), format!("{want:?}")),
            (Err(got), Err(want)) => assert!(got.to_string().contains(want), "{got}"),
            (got, want) => panic!("{got:?} for {want:?}"),
        }
    }

    #[test]
    fn every_kind_of_column_is_read_as_pandas_and_mlflow_read_it() {
        use DataType::{Double, String};
        let doubles = |list: &[f64]| Ok(Values::Double(list.to_vec()));
        let text = |text: &str| Some(text.to_owned());
        let decimals = Decimal128Array::from(vec![Some(150), None]).with_precision_and_scale(5, 2);
        check(decimals.unwrap(), Some(Double), &doubles(&[1.5, f64::NAN]));
        check(NullArray::new(2), None, &doubles(&[f64::NAN, f64::NAN]));
        check(NullArray::new(1), Some(String), &Ok(Values::String(vec![None])));
        check(Int8Array::from(vec![Some(1), None]), None, &doubles(&[1.0, f64::NAN]));
        check(UInt32Array::from(vec![3]), Some(Double), &doubles(&[3.0]));
        check(UInt32Array::from(vec![3]), None, &Ok(Values::Long(vec![3])));
        check(UInt64Array::from(vec![3]), None, &Ok(Values::Long(vec![3])));
        let truths = || BooleanArray::from(vec![Some(true), None]);
        check(truths(), Some(Double), &doubles(&[1.0, f64::NAN]));
        let words: DictionaryArray<arrow_array::types::Int8Type> =
            vec![Some("b"), None, Some("a"), Some("b")].into_iter().collect();
        let want = vec![text("b"), None, text("a"), text("b")];
        check(words, Some(String), &Ok(Values::String(want)));
        let keys = Int8Array::from(vec![Some(1), None]);
        let tens = DictionaryArray::new(keys, Arc::new(Int64Array::from(vec![10, 20])));
        check(tens, None, &doubles(&[20.0, f64::NAN]));
    }

    #[test]
    fn a_column_that_cannot_be_held_is_named() {
        let days = Date32Array::from(vec![1]);
        check(days, None, &Err("column x: values of type Date32 are not supported"));
        let holes = BooleanArray::from(vec![Some(true), None]);
        check(holes, None, &Err("column x: values of type Boolean are missing"));
        let large = UInt64Array::from(vec![u64::MAX]);
        check(large, None, &Err("column x: 18446744073709551615 is not a 64-bit integer"));
        let odd = Int64Array::from(vec![Some((1 << 53) + 1), None]);
        check(
            odd,
            None,
            &Err(
                "column x: 9007199254740993 cannot be represented exactly as a float, which is needed because other values are missing",
            ),
        );
    }

    #[test]
    fn a_column_that_is_there_twice_is_refused() {
        let column = || Arc::new(StringArray::from(vec!["a"])) as ArrayRef;
        let batch = RecordBatch::try_from_iter([("x", column()), ("x", column())]).unwrap();

        let refused = table(&batch, None).unwrap_err().to_string();

        assert!(refused.contains("column x: it appears twice"), "{refused}");
    }
}
