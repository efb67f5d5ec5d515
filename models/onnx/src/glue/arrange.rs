//! Values put together, cut, turned and repeated.

use super::broadcast::{self, strides, walk};
use super::shape::sizes;
use crate::array::{Array, Element, Shape, around, axes, axis, copies, same, volume};
use crate::kernel::{Inputs, Kernel, one};
use crate::node::Node;

pub(super) fn build(node: &mut Node<'_>) -> Result<Kernel, String> {
    match node.op {
        "Concat" => {
            // Version 1 has a default.
            let at = node.int("axis")?.unwrap_or(1);
            one(move |inputs| concat(&inputs.all()?, at))
        }
        "Slice" => {
            let own = [node.ints("starts")?, node.ints("ends")?, node.ints("axes")?];
            let own = own.map(|list| list.map(<[i64]>::to_vec));
            one(move |inputs| slice(&inputs, &own))
        }
        "Transpose" => {
            let order = node.ints("perm")?.map(<[i64]>::to_vec);
            one(move |mut inputs| transpose(inputs.take(0)?, order.as_deref()))
        }
        "Expand" => one(|inputs| {
            let array = inputs.get(0)?;
            let out = broadcast::shape(&array.shape, &sizes(&inputs.get(1)?.whole()?)?)?;
            copies(&array.data, &out)?;
            let steps = strides(&array.shape, &out);
            Ok(pick(array, out, steps, 0))
        }),
        _ => one(|inputs| tile(inputs.get(0)?, &sizes(&inputs.get(1)?.whole()?)?)),
    }
}

/// Takes the values that lie `steps` apart.
fn pick(array: &Array, out: Shape, steps: Shape, start: usize) -> Array {
    fn values<T: Element>(list: &[T], out: &[usize], steps: &[Shape; 1], start: usize) -> Vec<T> {
        let mut picked = Vec::with_capacity(out.iter().product());
        walk(out, steps, |[at]| picked.push(list[start + at].clone()));
        picked
    }
    let steps = [steps];
    let data = same!(&array.data, list => values(list, &out, &steps, start));
    Array { shape: out, data }
}

pub(super) fn concat(arrays: &[&Array], at: i64) -> Result<Array, String> {
    let first = *arrays.first().ok_or("nothing to put together")?;
    let at = axis(at, first.rank())?;
    let mut shape = first.shape.clone();
    shape[at] = 0;
    for array in arrays {
        let fits = array.rank() == first.rank()
            && (0..array.rank()).all(|i| i == at || array.shape[i] == first.shape[i]);
        if !fits {
            return Err(format!("the shapes {:?} and {:?} do not fit", first.shape, array.shape));
        }
        shape[at] = shape[at].saturating_add(array.shape[at]);
    }
    volume(&shape)?;
    let outer: usize = shape[..at].iter().product();
    fn join<T: Element>(
        _: &[T],
        arrays: &[&Array],
        at: usize,
        outer: usize,
        total: usize,
    ) -> Result<Vec<T>, String> {
        let parts = arrays.iter().map(|array| {
            let (_, size, inner) = around(&array.shape, at);
            Ok((array.list::<T>()?, size * inner))
        });
        let parts = parts.collect::<Result<Vec<_>, String>>()?;
        let mut joined = Vec::with_capacity(total);
        for row in 0..outer {
            for (list, width) in &parts {
                joined.extend_from_slice(&list[row * width..(row + 1) * width]);
            }
        }
        Ok(joined)
    }
    let total = shape.iter().product();
    let data = same!(&first.data, list => join(list, arrays, at, outer, total)?);
    Ok(Array { shape, data })
}

fn slice(inputs: &Inputs<'_>, own: &[Option<Vec<i64>>; 3]) -> Result<Array, String> {
    let array = inputs.get(0)?;
    let field = |at: usize| -> Result<Option<Vec<i64>>, String> {
        match own.get(at).and_then(Option::as_ref) {
            Some(list) => Ok(Some(list.clone())),
            None => inputs.optional(at + 1).map(Array::whole).transpose(),
        }
    };
    let (starts, ends) = (field(0)?.unwrap_or_default(), field(1)?.unwrap_or_default());
    let on = field(2)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let axes = axes(&on, array.rank())?;
    let steps = field(3)?.unwrap_or_else(|| vec![1; starts.len()]);
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return Err("starts, ends, axes and steps have different lengths".to_owned());
    }
    let natural = strides(&array.shape, &array.shape);
    let (mut out, mut start) = (array.shape.clone(), 0);
    // A step back is a step forward from the other end, then turned around.
    let mut lists: Vec<Option<Vec<usize>>> = vec![None; array.rank()];
    let mut apart = natural.clone();
    for (at, on) in axes.iter().copied().enumerate() {
        let (first, count) = range(array.shape[on], starts[at], ends[at], steps[at])?;
        out[on] = count;
        if steps[at] > 0 {
            start += first * natural[on];
            apart[on] = natural[on].saturating_mul(steps[at] as usize);
        } else {
            let back = steps[at].unsigned_abs() as usize;
            lists[on] = Some((0..count).map(|i| first - i * back).collect());
        }
    }
    if lists.iter().all(Option::is_none) {
        return Ok(pick(array, out, apart, start));
    }
    let mut result = array.clone();
    for (at, on) in axes.iter().copied().enumerate() {
        let (first, count) = range(array.shape[on], starts[at], ends[at], steps[at])?;
        let step = |i: usize| (first as i64 + i as i64 * steps[at]) as usize;
        let places: Vec<usize> = (0..count).map(step).collect();
        result = super::gather::along(&result, on, &places);
    }
    Ok(result)
}

/// Returns the first place and the number of places of a slice.
fn range(size: usize, start: i64, end: i64, step: i64) -> Result<(usize, usize), String> {
    let size = size as i64;
    let plain = |at: i64| if at < 0 { at.saturating_add(size) } else { at };
    let (low, high) = if step > 0 { (0, size) } else { (-1, size - 1) };
    let start = plain(start).clamp(low.max(0).min(high.max(0)), high.max(0));
    let end = plain(end).clamp(low, high.max(low));
    let count = match step {
        0 => return Err("a slice has no step".to_owned()),
        step if step > 0 => (end - start).max(0).div_ceil_by(step),
        step => (start - end).max(0).div_ceil_by(step.saturating_neg()),
    };
    Ok((start as usize, if size == 0 { 0 } else { count as usize }))
}

trait DivCeil {
    fn div_ceil_by(self, other: Self) -> Self;
}

impl DivCeil for i64 {
    fn div_ceil_by(self, other: Self) -> Self {
        self / other + Self::from(self % other != 0)
    }
}

pub(super) fn transpose(array: Array, order: Option<&[i64]>) -> Result<Array, String> {
    let rank = array.rank();
    let order: Vec<usize> = match order {
        Some(order) => order.iter().map(|at| axis(*at, rank)).collect::<Result<_, _>>()?,
        None => (0..rank).rev().collect(),
    };
    if order.len() != rank || (0..rank).any(|at| !order.contains(&at)) {
        return Err(format!("{order:?} does not order {rank} axes"));
    }
    if order.is_sorted() {
        return Ok(array);
    }
    let natural = strides(&array.shape, &array.shape);
    let out = order.iter().map(|at| array.shape[*at]).collect();
    let steps = order.iter().map(|at| natural[*at]).collect();
    Ok(pick(&array, out, steps, 0))
}

fn tile(array: &Array, repeats: &[usize]) -> Result<Array, String> {
    if repeats.len() != array.rank() {
        return Err(format!("{repeats:?} does not repeat the shape {:?}", array.shape));
    }
    let grown = array.shape.iter().zip(repeats).map(|(size, times)| size.saturating_mul(*times));
    copies(&array.data, &grown.collect::<Shape>())?;
    let mut result = array.clone();
    for (on, times) in repeats.iter().enumerate() {
        let size = result.shape[on];
        let places: Vec<usize> = (0..size * times).map(|at| at % size).collect();
        result = super::gather::along(&result, on, &places);
    }
    Ok(result)
}
