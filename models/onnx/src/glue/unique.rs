//! `Unique`: what a value holds, each once.

use super::gather::along;
use crate::array::{Array, Shape, any, around, axis};
use crate::kernel::{Kernel, Outputs};
use crate::node::Node;
use smallvec::smallvec;
use std::cmp::Ordering;

pub(super) fn build(node: &mut Node<'_>) -> Result<Kernel, String> {
    let at = node.int("axis")?;
    let is_sorted = node.flag("sorted", true)?;
    Ok(Box::new(move |mut inputs| {
        let array = inputs.take(0)?;
        let (array, at) = match at {
            Some(at) => {
                let at = axis(at, array.rank())?;
                (array, at)
            }
            None => {
                let shape = Shape::from_slice(&[array.len()]);
                (array.reshaped(shape)?, 0)
            }
        };
        let around = around(&array.shape, at);
        let mut groups = any!(&array.data, list => groups(list, around))?;
        if !is_sorted {
            groups.sort_by_key(|group| group[0]);
        }
        Ok(outputs(&array, at, &groups))
    }))
}

/// Lists the places along an axis that hold the same, in rising order of what they hold.
fn groups<T: PartialOrd>(
    list: &[T],
    (outer, size, inner): (usize, usize, usize),
) -> Result<Vec<Vec<usize>>, String> {
    if list.iter().any(|value| value.partial_cmp(value).is_none()) {
        return Err("NaN has no place in an order".to_owned());
    }
    let part = |place: usize| {
        (0..outer).flat_map(move |row| {
            let start = (row * size + place) * inner;
            &list[start..start + inner]
        })
    };
    let compare = |a: usize, b: usize| part(a).partial_cmp(part(b)).unwrap_or(Ordering::Equal);
    let mut order: Vec<usize> = (0..size).collect();
    order.sort_by(|a, b| compare(*a, *b));
    let parts = order.chunk_by(|a, b| compare(*a, *b) == Ordering::Equal);
    Ok(parts.map(<[usize]>::to_vec).collect())
}

/// Returns the values, where each comes first, which of them each place holds, and how often.
fn outputs(array: &Array, at: usize, groups: &[Vec<usize>]) -> Outputs {
    let firsts: Vec<usize> = groups.iter().map(|group| group[0]).collect();
    let mut inverse = vec![0_i64; array.shape[at]];
    for (number, group) in (0..).zip(groups) {
        group.iter().for_each(|place| inverse[*place] = number);
    }
    let whole = |list: Vec<usize>| list.into_iter().map(|value| value as i64).collect::<Vec<_>>();
    let counts = groups.iter().map(Vec::len).collect();
    smallvec![
        along(array, at, &firsts),
        Array::vector(whole(firsts)),
        Array::vector(inverse),
        Array::vector(whole(counts)),
    ]
}
