//! The greatest and the least, and where they are.

use super::arithmetic::{Number, numbers};
use crate::array::{Array, Element, around, axis};
use crate::kernel::{Kernel, Outcome, one};
use crate::node::Node;
use smallvec::smallvec;
use std::cmp::Ordering;

pub(super) fn build(node: &mut Node<'_>) -> Result<Kernel, String> {
    if node.op == "TopK" {
        return top(node);
    }
    let at = node.int("axis")?.unwrap_or(0);
    let keeps = node.flag("keepdims", true)?;
    let is_last = node.flag("select_last_index", false)?;
    let is_greatest = node.op == "ArgMax";
    one(move |inputs| {
        let array = inputs.get(0)?;
        let at = axis(at, array.rank())?;
        if array.shape[at] == 0 {
            return Err("there is no greatest or least of nothing".to_owned());
        }
        let around = around(&array.shape, at);
        let list = numbers!(&array.data, list => Ok(extreme(list, around, is_greatest, is_last)))?;
        let mut shape = array.shape.clone();
        if keeps {
            shape[at] = 1;
        } else {
            shape.remove(at);
        }
        Ok(Array::new(shape, list))
    })
}

/// Finds where, along an axis, the greatest or least value stands.
fn extreme<T: Number>(
    list: &[T],
    (outer, size, inner): (usize, usize, usize),
    is_greatest: bool,
    is_last: bool,
) -> Vec<i64> {
    let mut found = Vec::with_capacity(outer * inner);
    for row in 0..outer {
        for column in 0..inner {
            let value = |at: usize| list[(row * size + at) * inner + column];
            let best = (1..size).fold(0, |best, at| {
                let (new, old) = (value(at), value(best));
                let is_better = if is_greatest { new > old } else { new < old };
                if is_better || (is_last && new == old) { at } else { best }
            });
            found.push(best as i64);
        }
    }
    found
}

fn top(node: &mut Node<'_>) -> Result<Kernel, String> {
    let at = node.int("axis")?.unwrap_or(-1);
    let is_greatest = node.flag("largest", true)?;
    // Sorted is one of the orders that unsorted allows.
    node.ignore(&["sorted"]);
    let own = node.int("k")?;
    Ok(Box::new(move |inputs| {
        let array = inputs.get(0)?;
        let at = axis(at, array.rank())?;
        let count = match own {
            Some(count) => count,
            None => inputs.get(1)?.number()?,
        };
        let count = usize::try_from(count).ok().filter(|count| *count <= array.shape[at]);
        let count = count.ok_or_else(|| format!("it has no such top of {}", array.shape[at]))?;
        numbers!(&array.data, list => best(list, array, at, count, is_greatest))
    }))
}

fn best<T: Number>(
    list: &[T],
    array: &Array,
    at: usize,
    count: usize,
    is_greatest: bool,
) -> Outcome {
    let (outer, size, inner) = around(&array.shape, at);
    let mut shape = array.shape.clone();
    shape[at] = count;
    let mut values = vec![T::default(); outer * count * inner];
    let mut places = vec![0_i64; values.len()];
    let mut order: Vec<usize> = Vec::with_capacity(size);
    for row in 0..outer {
        for column in 0..inner {
            let value = |at: usize| list[(row * size + at) * inner + column];
            let before = |a: &usize, b: &usize| {
                let (one, other) = if is_greatest { (*b, *a) } else { (*a, *b) };
                let ordered = value(one).partial_cmp(&value(other)).unwrap_or(Ordering::Equal);
                ordered.then(a.cmp(b))
            };
            order.clear();
            order.extend(0..size);
            if count < size && count > 0 {
                order.select_nth_unstable_by(count - 1, before);
                order.truncate(count);
            }
            order.sort_unstable_by(before);
            for (rank, from) in order.iter().take(count).enumerate() {
                let to = (row * count + rank) * inner + column;
                values[to] = value(*from);
                places[to] = *from as i64;
            }
        }
    }
    let values = Array { shape: shape.clone(), data: Element::data(values) };
    Ok(smallvec![values, Array::new(shape, places)])
}
