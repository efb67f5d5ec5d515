//! Operators that change features: scaling, filling holes, choosing columns.

use crate::array::{Array, Data, Shape, axis, copies, volume};
use crate::glue::along;
use crate::kernel::{Kernel, one};
use crate::node::Node;
use std::borrow::Cow;

/// Returns numbers of any type as 32-bit floats.
pub(super) fn floats(array: &Array) -> Result<Cow<'_, [f32]>, String> {
    Ok(match &array.data {
        Data::F32(list) => Cow::Borrowed(list),
        Data::F64(list) => Cow::Owned(list.iter().map(|value| *value as f32).collect()),
        Data::I64(list) => Cow::Owned(list.iter().map(|value| *value as f32).collect()),
        Data::I32(list) => Cow::Owned(list.iter().map(|value| *value as f32).collect()),
        other => return Err(format!("values of type {} are not features", other.kind())),
    })
}

/// Takes numbers of any type over as 32-bit floats, without a copy where they are.
fn into_floats(array: Array) -> Result<(Shape, Vec<f32>), String> {
    let Array { shape, data } = array;
    match data {
        Data::F32(list) => Ok((shape, list)),
        data => {
            let array = Array { shape, data };
            let list = floats(&array)?.into_owned();
            Ok((array.shape, list))
        }
    }
}

/// Returns rows and columns: a vector is one row.
pub(super) fn rows_of(array: &Array) -> (usize, usize) {
    array.matrix()
}

/// Makes one value for each of `count` columns out of a list of one or of as many.
fn spread(list: &[f32], count: usize, what: &str) -> Result<Vec<f32>, String> {
    match list {
        [only] => Ok(vec![*only; count]),
        list if list.len() == count => Ok(list.to_vec()),
        list => Err(format!("{} values of `{what}` do not fit {count} columns", list.len())),
    }
}

pub(super) fn scaler(node: &mut Node<'_>) -> Result<Kernel, String> {
    let scale = node.floats("scale")?.unwrap_or_default().to_vec();
    let offset = node.floats("offset")?.unwrap_or_default().to_vec();
    if scale.is_empty() || offset.is_empty() {
        return Err("it has no scale or no offset".to_owned());
    }
    one(move |mut inputs| {
        let array = inputs.take(0)?;
        let width = array.matrix().1;
        let (shape, mut list) = into_floats(array)?;
        if let ([scale], [offset]) = (&scale[..], &offset[..]) {
            list.iter_mut().for_each(|value| *value = (*value - offset) * scale);
            return Ok(Array::new(shape, list));
        }
        let fits = |list: &[f32]| list.len() == width || list.len() == 1;
        if !fits(&scale) || !fits(&offset) {
            return Err(format!("{} scales do not fit {width} columns", scale.len()));
        }
        let wide = (scale.len() != width || offset.len() != width)
            .then(|| {
                Ok::<_, String>((
                    spread(&scale, width, "scale")?,
                    spread(&offset, width, "offset")?,
                ))
            })
            .transpose()?;
        let (scale, offset) = wide.as_ref().map_or((&scale, &offset), |(s, o)| (s, o));
        for row in list.chunks_exact_mut(width.max(1)) {
            for ((value, scale), offset) in row.iter_mut().zip(scale).zip(offset) {
                *value = (*value - offset) * scale;
            }
        }
        Ok(Array::new(shape, list))
    })
}

pub(super) fn imputer(node: &mut Node<'_>) -> Result<Kernel, String> {
    let floats = node.floats("imputed_value_floats")?.unwrap_or_default().to_vec();
    let ints = node.ints("imputed_value_int64s")?.unwrap_or_default().to_vec();
    let replaced = (
        node.float("replaced_value_float")?.unwrap_or_default(),
        node.int("replaced_value_int64")?.unwrap_or_default(),
    );
    if floats.is_empty() == ints.is_empty() {
        return Err("it needs either floats or whole numbers to fill in".to_owned());
    }
    one(move |mut inputs| {
        let mut array = inputs.take(0)?;
        let width = array.matrix().1;
        match &mut array.data {
            Data::F32(list) if !floats.is_empty() => {
                let is_hole =
                    |value: f32| value == replaced.0 || (value.is_nan() && replaced.0.is_nan());
                fill(list, width, &floats, is_hole);
            }
            Data::F64(list) if !floats.is_empty() => {
                let floats: Vec<f64> = floats.iter().map(|value| f64::from(*value)).collect();
                let replaced = f64::from(replaced.0);
                let is_hole =
                    |value: f64| value == replaced || (value.is_nan() && replaced.is_nan());
                fill(list, width, &floats, is_hole);
            }
            Data::I64(list) if !ints.is_empty() => {
                fill(list, width, &ints, |value| value == replaced.1);
            }
            other => return Err(format!("what it fills in is not of type {}", other.kind())),
        }
        Ok(array)
    })
}

/// Fills holes with the value of their column; with the first one unless there is one for each.
fn fill<T: Copy>(list: &mut [T], width: usize, values: &[T], is_hole: impl Fn(T) -> bool) {
    let is_each = values.len() == width;
    for row in list.chunks_mut(width.max(1)) {
        for (at, value) in row.iter_mut().enumerate() {
            if is_hole(*value) {
                *value = values[if is_each { at } else { 0 }];
            }
        }
    }
}

pub(super) fn normalizer(node: &mut Node<'_>) -> Result<Kernel, String> {
    let norm = node.text("norm")?.unwrap_or_else(|| "MAX".to_owned());
    let work: fn(&mut [f32]) = match norm.as_str() {
        "MAX" => |row| divide(row, row.iter().copied().fold(f32::MIN, f32::max)),
        "L1" => |row| divide(row, row.iter().map(|value| value.abs()).sum()),
        "L2" => |row| divide(row, row.iter().map(|value| value * value).sum::<f32>().sqrt()),
        other => return Err(format!("its norm `{other}` is not supported")),
    };
    one(move |mut inputs| {
        let array = inputs.take(0)?;
        if array.rank() > 2 {
            return Err(format!("the shape {:?} is not a matrix", array.shape));
        }
        let width = array.matrix().1;
        let (shape, mut list) = into_floats(array)?;
        list.chunks_exact_mut(width.max(1)).for_each(work);
        Ok(Array::new(shape, list))
    })
}

/// Divides a row, unless by zero.
fn divide(row: &mut [f32], by: f32) {
    if by != 0.0 {
        row.iter_mut().for_each(|value| *value /= by);
    }
}

pub(super) fn binarizer(node: &mut Node<'_>) -> Result<Kernel, String> {
    let threshold = node.float("threshold")?.unwrap_or_default();
    one(move |mut inputs| {
        let (shape, mut list) = into_floats(inputs.take(0)?)?;
        list.iter_mut().for_each(|value| *value = f32::from(u8::from(*value > threshold)));
        Ok(Array::new(shape, list))
    })
}

/// `ArrayFeatureExtractor`: columns by their places.
pub(super) fn extract(array: &Array, wanted: &Array) -> Result<Array, String> {
    let Some((&_, lead)) = array.shape.split_last() else {
        return Err("a single value has no columns".to_owned());
    };
    let last = lead.len();
    copies(&array.data, &[volume(lead)?, wanted.len()])?;
    let places = wanted.whole()?.into_iter().map(|at| {
        let at = usize::try_from(at).ok().filter(|at| *at < array.shape[last]);
        at.ok_or_else(|| {
            format!("there is a column wanted that is not among {}", array.shape[last])
        })
    });
    let picked =
        along(array, axis(last as i64, array.rank())?, &places.collect::<Result<Vec<_>, _>>()?);
    // The columns of a vector are a matrix of one row.
    if array.rank() == 1 {
        let count = picked.len();
        return picked.reshaped([1, count].as_slice());
    }
    Ok(picked)
}

pub(super) fn vectorizer(node: &mut Node<'_>) -> Result<Kernel, String> {
    let widths = node.ints("inputdimensions")?.unwrap_or_default();
    let widths: Vec<usize> =
        widths.iter().map(|width| usize::try_from(*width).unwrap_or_default()).collect();
    one(move |inputs| {
        let arrays = inputs.all()?;
        if arrays.len() != widths.len() {
            return Err(format!("{} inputs are given for {}", arrays.len(), widths.len()));
        }
        let rows = arrays.first().map_or(0, |first| first.matrix().0);
        let total = widths.iter().fold(0, |total: usize, width| total.saturating_add(*width));
        volume(&[rows, total])?;
        let mut list = vec![0.0; rows * total];
        let mut start = 0;
        for (array, want) in arrays.iter().zip(&widths) {
            let (own, width) = array.matrix();
            if own != rows {
                return Err(format!("{own} rows stand beside {rows}"));
            }
            // What is too wide is cut, what is too narrow gets zeros.
            let kept = width.min(*want);
            for (row, values) in floats(array)?.chunks_exact(width.max(1)).enumerate() {
                list[row * total + start..][..kept].copy_from_slice(&values[..kept]);
            }
            start += want;
        }
        Ok(Array::new(Shape::from_slice(&[rows, total]), list))
    })
}
