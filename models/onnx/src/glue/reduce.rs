//! Many values along some axes become one, or are made relative to one another.

use super::arithmetic::{Number, floats, greater, less, numbers};
use super::shape::axes;
use crate::array::{Array, Data, Element, Shape, around, axis};
use crate::exponential::softmax_rows;
use crate::kernel::{Kernel, one};
use crate::node::Node;
use std::collections::BTreeSet;

pub(super) fn build(node: &mut Node<'_>) -> Result<Kernel, String> {
    match node.op {
        "Softmax" => return softmax(node),
        "LpNormalization" => return normalize(node),
        "CumProd" | "CumSum" => return cumulate(node),
        _ => {}
    }
    let how = match node.op {
        "ReduceL1" => How::L1,
        "ReduceL2" => How::L2,
        "ReduceLogSum" => How::LogSum,
        "ReduceLogSumExp" => How::LogSumExp,
        "ReduceMax" => How::Max,
        "ReduceMean" => How::Mean,
        "ReduceMin" => How::Min,
        "ReduceProd" => How::Prod,
        "ReduceSum" => How::Sum,
        "ReduceSumSquare" => How::SumSquare,
        other => return Err(format!("there is no {other}")),
    };
    let own = node.ints("axes")?.map(<[i64]>::to_vec);
    let keeps = node.flag("keepdims", true)?;
    let none_is_nothing = node.flag("noop_with_empty_axes", false)?;
    one(move |mut inputs| {
        let wanted = axes(&inputs, own.as_deref())?.filter(|list| !list.is_empty());
        let array = inputs.take(0)?;
        let wanted = planned(wanted, none_is_nothing, array.rank())?;
        if let (Data::Bool(list), How::Max | How::Min) = (&array.data, how) {
            let numbers: Vec<u8> = list.iter().copied().map(u8::from).collect();
            let reduced = how.reduce(&numbers, &array.shape, &wanted, keeps)?;
            let list = reduced.list::<u8>()?.iter().map(|value| *value != 0).collect();
            return Ok(Array::new::<bool>(reduced.shape.clone(), list));
        }
        numbers!(&array.data, list => how.reduce(list, &array.shape, &wanted, keeps))
    })
}

/// Returns the axes to reduce: those that are wanted, or all or none of them.
fn planned(
    wanted: Option<Vec<i64>>,
    none_is_nothing: bool,
    rank: usize,
) -> Result<Vec<usize>, String> {
    match wanted {
        Some(list) => {
            let axes = list.iter().map(|at| axis(*at, rank));
            // As in onnxruntime, one that is named twice counts once.
            Ok(axes.collect::<Result<BTreeSet<_>, _>>()?.into_iter().collect())
        }
        None if none_is_nothing => Ok(Vec::new()),
        None => Ok((0..rank).collect()),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    L1,
    L2,
    LogSum,
    LogSumExp,
    Max,
    Mean,
    Min,
    Prod,
    Sum,
    SumSquare,
}

impl How {
    fn reduce<T: Number>(
        self,
        list: &[T],
        shape: &[usize],
        wanted: &[usize],
        keeps: bool,
    ) -> Result<Array, String> {
        let kept = |at: &usize| !wanted.contains(at);
        let out: Shape = match keeps {
            true => (0..shape.len()).map(|at| if kept(&at) { shape[at] } else { 1 }).collect(),
            false => (0..shape.len()).filter(kept).map(|at| shape[at]).collect(),
        };
        let outer: usize = (0..shape.len()).filter(kept).map(|at| shape[at]).product();
        let count = list.len().checked_div(outer).unwrap_or(0);
        if count == 0 && outer > 0 && self == Self::Mean {
            return Err("there is nothing to reduce".to_owned());
        }
        // The usual case: the last axes.
        let is_tail = (shape.len() - wanted.len()..shape.len()).all(|at| wanted.contains(&at));
        if is_tail && count > 0 {
            let reduced = list.chunks_exact(count).map(|chunk| self.fold(chunk)).collect();
            return Ok(Array { shape: out, data: Element::data(reduced) });
        }
        let order = (0..shape.len()).filter(kept).chain((0..shape.len()).filter(|at| !kept(at)));
        let order: Vec<i64> = order.map(|at| at as i64).collect();
        let turned = super::arrange::transpose(
            Array { shape: shape.into(), data: T::data(list.to_vec()) },
            Some(&order),
        )?;
        let list: &[T] = turned.list()?;
        let fold = |at: usize| self.fold(&list[at * count..(at + 1) * count]);
        Ok(Array { shape: out, data: Element::data((0..outer).map(fold).collect()) })
    }

    fn fold<T: Number>(self, list: &[T]) -> T {
        let sum = |work: fn(T) -> T| list.iter().fold(T::ZERO, |sum, value| sum.add(work(*value)));
        let square = |value: T| value.mul(value);
        let size = |value: T| if value < T::ZERO { T::ZERO.sub(value) } else { value };
        match self {
            Self::L1 => sum(size),
            Self::L2 => T::nearest(sum(square).wide().sqrt()),
            Self::LogSum => T::nearest(sum(|value| value).wide().ln()),
            Self::LogSumExp => {
                let most = list.iter().copied().reduce(greater).map_or(0.0, T::wide);
                let most = if most.is_finite() { most } else { 0.0 };
                let sum: f64 = list.iter().map(|value| (value.wide() - most).exp()).sum();
                T::nearest(sum.ln() + most)
            }
            Self::Max => {
                let most = list.iter().copied().reduce(greater);
                most.unwrap_or_else(|| T::nearest(f64::NEG_INFINITY))
            }
            Self::Mean => sum(|value| value).div(T::nearest(list.len() as f64)),
            Self::Min => {
                let least = list.iter().copied().reduce(less);
                least.unwrap_or_else(|| T::nearest(f64::INFINITY))
            }
            Self::Prod => list.iter().fold(T::ONE, |product, value| product.mul(*value)),
            Self::Sum => sum(|value| value),
            Self::SumSquare => sum(square),
        }
    }
}

/// Changes each line of values along an axis.
pub(super) fn lines<T: Number>(
    list: &mut [T],
    around: (usize, usize, usize),
    work: impl Fn(&mut [T]),
) {
    let (outer, size, inner) = around;
    if inner == 1 && size > 0 {
        return list.chunks_exact_mut(size).for_each(work);
    }
    let mut line = vec![T::ZERO; size];
    for row in 0..outer {
        for column in 0..inner {
            let place = |at: usize| (row * size + at) * inner + column;
            (0..size).for_each(|at| line[at] = list[place(at)]);
            work(&mut line);
            (0..size).for_each(|at| list[place(at)] = line[at]);
        }
    }
}

fn softmax(node: &mut Node<'_>) -> Result<Kernel, String> {
    let is_old = node.version < 13;
    let at = node.int("axis")?.unwrap_or(if is_old { 1 } else { -1 });
    one(move |mut inputs| {
        let mut array = inputs.take(0)?;
        let at = axis(at, array.rank())?;
        let mut around = around(&array.shape, at);
        if is_old {
            // Older versions see a matrix: what comes before the axis, and all the rest.
            around = (around.0, around.1 * around.2, 1);
        }
        if let (Data::F32(list), (_, width, 1)) = (&mut array.data, around) {
            softmax_rows(list, width);
            return Ok(array);
        }
        floats!(&mut array.data, list => {
            lines(list, around, mlctl_models_trees::transform::softmax);
            Ok(array)
        })
    })
}

fn normalize(node: &mut Node<'_>) -> Result<Kernel, String> {
    let at = node.int("axis")?.unwrap_or(-1);
    let how = match node.int("p")?.unwrap_or(2) {
        1 => How::L1,
        2 => How::L2,
        other => return Err(format!("its norm {other} is not supported")),
    };
    one(move |mut inputs| {
        let mut array = inputs.take(0)?;
        let around = around(&array.shape, axis(at, array.rank())?);
        floats!(&mut array.data, list => {
            lines(list, around, |line| divide(line, how));
            Ok(array)
        })
    })
}

/// Divides a line by its norm, unless that is zero.
fn divide<T: Number>(line: &mut [T], how: How) {
    let norm = how.fold(line);
    if norm != T::ZERO {
        line.iter_mut().for_each(|value| *value = value.div(norm));
    }
}

fn cumulate(node: &mut Node<'_>) -> Result<Kernel, String> {
    let is_exclusive = node.flag("exclusive", false)?;
    let is_reverse = node.flag("reverse", false)?;
    let is_product = node.op == "CumProd";
    fn run_up<T: Number>(line: &mut [T], is_exclusive: bool, is_product: bool) {
        let mut sum = if is_product { T::ONE } else { T::ZERO };
        for value in line {
            let next = if is_product { sum.mul(*value) } else { sum.add(*value) };
            *value = if is_exclusive { sum } else { next };
            sum = next;
        }
    }
    let ways = (is_exclusive, is_reverse, is_product);
    fn work<T: Number>(line: &mut [T], (is_exclusive, is_reverse, is_product): (bool, bool, bool)) {
        if is_reverse {
            line.reverse();
        }
        run_up(line, is_exclusive, is_product);
        if is_reverse {
            line.reverse();
        }
    }
    one(move |mut inputs| {
        let at = inputs.get(1)?.number()?;
        let mut array = inputs.take(0)?;
        let around = around(&array.shape, axis(at, array.rank())?);
        numbers!(&mut array.data, list => {
            lines(list, around, |line| work(line, ways));
            Ok(array)
        })
    })
}
