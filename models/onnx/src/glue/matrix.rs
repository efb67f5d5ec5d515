//! Products of matrices.

use super::arithmetic::{Number, floats, numbers};
use super::{arrange, broadcast};
use crate::array::{Array, Data, Element, Shape};
use crate::kernel::{Inputs, Kernel, one};
use crate::node::Node;
use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2, LinalgScalar};

pub(super) fn build(node: &mut Node<'_>) -> Result<Kernel, String> {
    if node.op == "MatMul" {
        return one(|inputs| product(inputs.get(0)?, inputs.get(1)?));
    }
    let settings = Gemm {
        alpha: node.float("alpha")?.unwrap_or(1.0),
        beta: node.float("beta")?.unwrap_or(1.0),
        turns: [node.flag("transA", false)?, node.flag("transB", false)?],
    };
    node.ignore(&["broadcast"]);
    one(move |inputs| gemm(&inputs, &settings))
}

#[derive(Clone, Copy, Debug)]
struct Gemm {
    alpha: f32,
    beta: f32,
    turns: [bool; 2],
}

fn gemm(inputs: &Inputs<'_>, settings: &Gemm) -> Result<Array, String> {
    let turned = |at: usize| -> Result<Array, String> {
        let array = inputs.get(at)?.clone();
        if array.rank() != 2 {
            return Err(format!("the shape {:?} is not a matrix", array.shape));
        }
        if settings.turns[at] { arrange::transpose(array, None) } else { Ok(array) }
    };
    let mut result = product(&turned(0)?, &turned(1)?)?;
    scale(&mut result, settings.alpha)?;
    let Some(bias) = inputs.optional(2) else { return Ok(result) };
    let mut bias = bias.clone();
    scale(&mut bias, settings.beta)?;
    let out = broadcast::shape(&result.shape, &bias.shape)?;
    if out != result.shape {
        return Err(format!("a bias of shape {:?} does not fit {:?}", bias.shape, result.shape));
    }
    numbers!(&mut result.data, list => {
        let sides = ((&mut list[..], &out[..]), (bias.list()?, &bias.shape[..]));
        if !broadcast::update(sides.0, sides.1, &out, |a, b| a.add(*b)) {
            let sides = ((&list[..], &out[..]), (bias.list()?, &bias.shape[..]));
            *list = broadcast::combine(sides.0, sides.1, &out, |a, b| a.add(*b));
        }
        Ok::<(), String>(())
    })?;
    Ok(result)
}

fn scale(array: &mut Array, factor: f32) -> Result<(), String> {
    if factor == 1.0 {
        return Ok(());
    }
    floats!(&mut array.data, list => {
        list.iter_mut().for_each(|value| *value = value.mul(Number::nearest(f64::from(factor))));
        Ok(())
    })
}

/// Multiplies the last two dimensions, for each of the leading ones.
fn product(left: &Array, right: &Array) -> Result<Array, String> {
    let (left_shape, right_shape) = (&left.shape[..], &right.shape[..]);
    let problem = || format!("the shapes {left_shape:?} and {right_shape:?} cannot be multiplied");
    let (left_lead, [rows, depth]) = match left_shape {
        [depth] => (&[][..], [1, *depth]),
        [lead @ .., rows, depth] => (lead, [*rows, *depth]),
        [] => return Err(problem()),
    };
    let (right_lead, [same, columns]) = match right_shape {
        [depth] => (&[][..], [*depth, 1]),
        [lead @ .., depth, columns] => (lead, [*depth, *columns]),
        [] => return Err(problem()),
    };
    if same != depth {
        return Err(problem());
    }
    let lead = broadcast::shape(left_lead, right_lead)?;
    let mut shape: Shape = lead.clone();
    if left_shape.len() > 1 {
        shape.push(rows);
    }
    if right_shape.len() > 1 {
        shape.push(columns);
    }
    let sizes = Sizes { rows, depth, columns };
    crate::array::volume(&[lead.iter().product(), rows, columns])?;
    let data = match (&left.data, &right.data) {
        (Data::F32(left), Data::F32(right)) => {
            Data::F32(batches(left, left_lead, right, right_lead, &lead, sizes))
        }
        (Data::F64(left), Data::F64(right)) => {
            Data::F64(batches(left, left_lead, right, right_lead, &lead, sizes))
        }
        (Data::I32(left), Data::I32(right)) => {
            Data::I32(batches(left, left_lead, right, right_lead, &lead, sizes))
        }
        (Data::I64(left), Data::I64(right)) => {
            Data::I64(batches(left, left_lead, right, right_lead, &lead, sizes))
        }
        (left, right) => {
            return Err(format!("{} and {} cannot be multiplied", left.kind(), right.kind()));
        }
    };
    Ok(Array { shape, data })
}

#[derive(Clone, Copy, Debug)]
struct Sizes {
    rows: usize,
    depth: usize,
    columns: usize,
}

fn batches<T: Element + LinalgScalar>(
    left: &[T],
    left_lead: &[usize],
    right: &[T],
    right_lead: &[usize],
    lead: &[usize],
    sizes: Sizes,
) -> Vec<T> {
    let Sizes { rows, depth, columns } = sizes;
    let mut out = vec![T::zero(); lead.iter().product::<usize>() * rows * columns];
    if out.is_empty() {
        return out;
    }
    let strides = [broadcast::strides(left_lead, lead), broadcast::strides(right_lead, lead)];
    let mut chunks = out.chunks_exact_mut(rows * columns);
    broadcast::walk(lead, &strides, |[one, other]| {
        let left = &left[one * rows * depth..][..rows * depth];
        let right = &right[other * depth * columns..][..depth * columns];
        if let Some(chunk) = chunks.next() {
            multiply(left, right, chunk, sizes);
        }
    });
    out
}

/// Multiplies two matrices in row-major order into a third, which holds zeros.
pub(crate) fn multiply_into<T: LinalgScalar>(
    left: &[T],
    right: &[T],
    out: &mut [T],
    [rows, depth, columns]: [usize; 3],
) {
    multiply(left, right, out, Sizes { rows, depth, columns });
}

fn multiply<T: LinalgScalar>(left: &[T], right: &[T], out: &mut [T], sizes: Sizes) {
    let Sizes { rows, depth, columns } = sizes;
    if rows == 1 {
        // One row is too little work to lay the other matrix out for.
        for (factor, row) in left.iter().zip(right.chunks_exact(columns)) {
            for (sum, value) in out.iter_mut().zip(row) {
                *sum = *sum + *factor * *value;
            }
        }
        return;
    }
    let views = (
        ArrayView2::from_shape((rows, depth), left),
        ArrayView2::from_shape((depth, columns), right),
        ArrayViewMut2::from_shape((rows, columns), out),
    );
    if let (Ok(left), Ok(right), Ok(mut out)) = views {
        general_mat_mul(T::one(), &left, &right, T::zero(), &mut out);
    }
}

/// Makes the kernel of `Det`: the determinants of square matrices.
pub(super) fn determinant() -> Result<Kernel, String> {
    one(|inputs| {
        let array = inputs.get(0)?;
        let [outer @ .., rows, columns] = &array.shape[..] else {
            return Err("its input is not a matrix".to_owned());
        };
        if rows != columns {
            return Err(format!("a matrix of {rows} rows and {columns} columns is not square"));
        }
        let (size, count) = (*rows, outer.iter().product::<usize>());
        let data = floats!(&array.data, list => Ok(determinants(list, size, count)))?;
        Ok(Array { shape: outer.into(), data })
    })
}

fn determinants<T: Number>(list: &[T], size: usize, count: usize) -> Data {
    let one = |at: usize| {
        let own = &list[at * size * size..(at + 1) * size * size];
        T::nearest(eliminate(own.iter().map(|value| value.wide()).collect(), size))
    };
    T::data((0..count).map(one).collect())
}

/// Returns the product of the diagonal after Gauss's elimination with the greatest pivots.
fn eliminate(mut matrix: Vec<f64>, size: usize) -> f64 {
    let mut product = 1.0;
    for at in 0..size {
        let magnitude = |row: &usize| matrix[row * size + at].abs();
        let best = (at..size).max_by(|a, b| magnitude(a).total_cmp(&magnitude(b))).unwrap_or(at);
        if best != at {
            (0..size).for_each(|column| matrix.swap(at * size + column, best * size + column));
            product = -product;
        }
        let pivot = matrix[at * size + at];
        product *= pivot;
        if pivot == 0.0 {
            return 0.0;
        }
        for row in at + 1..size {
            let factor = matrix[row * size + at] / pivot;
            for column in at..size {
                matrix[row * size + column] -= factor * matrix[at * size + column];
            }
        }
    }
    product
}
