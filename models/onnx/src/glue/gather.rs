//! Values picked, and put, by their places.

use super::arithmetic::{Number, greater, less, numbers};
use super::broadcast::{strides, walk};
use crate::array::{Array, Element, Shape, any, around, axis, copies, same};
use crate::kernel::{Inputs, Kernel, one};
use crate::node::Node;

pub(super) fn build(node: &mut Node<'_>) -> Result<Kernel, String> {
    match node.op {
        "NonZero" => return one(|inputs| nonzero(inputs.get(0)?)),
        "Compress" => {
            let at = node.int("axis")?;
            return one(move |inputs| compress(inputs.get(0)?, inputs.list(1)?, at));
        }
        _ => {}
    }
    let at = node.int("axis")?.unwrap_or(0);
    match node.op {
        "Gather" => one(move |inputs| {
            let (array, indices) = (inputs.get(0)?, inputs.get(1)?);
            let at = axis(at, array.rank())?;
            let places = places(&indices.whole()?, array.shape[at])?;
            let mut shape = Shape::from_slice(&array.shape[..at]);
            shape.extend_from_slice(&indices.shape);
            shape.extend_from_slice(&array.shape[at + 1..]);
            copies(&array.data, &shape)?;
            along(array, at, &places).reshaped(shape)
        }),
        "GatherElements" => one(move |inputs| elements(inputs.get(0)?, inputs.get(1)?, at)),
        _ => {
            let how = node.text("reduction")?.unwrap_or_else(|| "none".to_owned());
            if !["none", "add", "mul", "max", "min"].contains(&how.as_str()) {
                return Err(format!("its reduction `{how}` is not supported"));
            }
            one(move |inputs| scatter(inputs, at, &how))
        }
    }
}

/// Turns indices that may count from the end into plain ones.
fn places(indices: &[i64], size: usize) -> Result<Vec<usize>, String> {
    let one = |index: &i64| {
        let plain = if *index < 0 { *index + size as i64 } else { *index };
        let plain = usize::try_from(plain).ok().filter(|plain| *plain < size);
        plain.ok_or_else(|| format!("there is no index {index} of {size}"))
    };
    indices.iter().map(one).collect()
}

/// Picks places, which exist, along an axis.
pub(crate) fn along(array: &Array, at: usize, places: &[usize]) -> Array {
    fn pick<T: Element>(list: &[T], around: (usize, usize, usize), places: &[usize]) -> Vec<T> {
        let (outer, size, inner) = around;
        let mut picked = Vec::with_capacity(outer * places.len() * inner);
        for row in 0..outer {
            for place in places {
                let start = (row * size + place) * inner;
                picked.extend_from_slice(&list[start..start + inner]);
            }
        }
        picked
    }
    let around = around(&array.shape, at);
    let data = same!(&array.data, list => pick(list, around, places));
    let mut shape = array.shape.clone();
    shape[at] = places.len();
    Array { shape, data }
}

/// Lists, for each index, where in the value it points to.
fn targets(array: &Array, indices: &Array, at: i64) -> Result<Vec<usize>, String> {
    let at = axis(at, array.rank())?;
    let fits = indices.rank() == array.rank()
        && (0..array.rank()).all(|on| on == at || indices.shape[on] <= array.shape[on]);
    if !fits {
        let shapes = (&indices.shape, &array.shape);
        return Err(format!("indices of shape {:?} do not fit {:?}", shapes.0, shapes.1));
    }
    let places = places(&indices.whole()?, array.shape[at])?;
    let mut steps = natural(&array.shape);
    let along = std::mem::replace(&mut steps[at], 0);
    let own = natural(&indices.shape);
    let mut list = Vec::with_capacity(places.len());
    walk(&indices.shape, &[steps, own], |[base, index]| list.push(base + places[index] * along));
    Ok(list)
}

/// How far apart neighbours along each axis lie.
fn natural(shape: &[usize]) -> Shape {
    strides(shape, shape)
}

fn elements(array: &Array, indices: &Array, at: i64) -> Result<Array, String> {
    copies(&array.data, &indices.shape)?;
    let targets = targets(array, indices, at)?;
    fn pick<T: Element>(list: &[T], targets: &[usize]) -> Vec<T> {
        targets.iter().map(|at| list[*at].clone()).collect()
    }
    let data = same!(&array.data, list => pick(list, &targets));
    Ok(Array { shape: indices.shape.clone(), data })
}

fn scatter(mut inputs: Inputs<'_>, at: i64, how: &str) -> Result<Array, String> {
    let mut array = inputs.take(0)?;
    let (indices, updates) = (inputs.get(1)?, inputs.get(2)?);
    if indices.shape != updates.shape {
        return Err("there are not as many updates as indices".to_owned());
    }
    let targets = targets(&array, indices, at)?;
    fn put<T: Element>(list: &mut [T], targets: &[usize], updates: &Array) -> Result<(), String> {
        for (at, update) in targets.iter().zip(updates.list::<T>()?) {
            list[*at] = update.clone();
        }
        Ok(())
    }
    fn merge<T: Number>(
        list: &mut [T],
        targets: &[usize],
        updates: &Array,
        how: &str,
    ) -> Result<(), String> {
        let work = match how {
            "add" => T::add,
            "mul" => T::mul,
            "max" => greater::<T>,
            _ => less::<T>,
        };
        for (at, update) in targets.iter().zip(updates.list::<T>()?) {
            list[*at] = work(list[*at], *update);
        }
        Ok(())
    }
    if how == "none" {
        any!(&mut array.data, list => put(list, &targets, updates))?;
    } else {
        numbers!(&mut array.data, list => merge(list, &targets, updates, how))?;
    }
    Ok(array)
}

fn compress(array: &Array, wanted: &[bool], at: Option<i64>) -> Result<Array, String> {
    let flat;
    let (array, at) = match at {
        Some(at) => (array, axis(at, array.rank())?),
        None => {
            flat = array.clone().reshaped(Shape::from_slice(&[array.len()]))?;
            (&flat, 0)
        }
    };
    if wanted.len() > array.shape[at] {
        return Err(format!("{} answers for {} places", wanted.len(), array.shape[at]));
    }
    let places: Vec<usize> = (0..wanted.len()).filter(|at| wanted[*at]).collect();
    Ok(along(array, at, &places))
}

fn nonzero(array: &Array) -> Result<Array, String> {
    fn places<T: Element>(list: &[T]) -> Vec<usize> {
        (0..list.len()).filter(|at| list[*at] != T::default()).collect()
    }
    let found = any!(&array.data, list => places(list));
    let steps = natural(&array.shape);
    let mut list = Vec::with_capacity(array.rank() * found.len());
    for (step, size) in steps.iter().zip(&array.shape) {
        list.extend(found.iter().map(|at| (at / (*step).max(1) % size) as i64));
    }
    Ok(Array::new(Shape::from_slice(&[array.rank(), found.len()]), list))
}
