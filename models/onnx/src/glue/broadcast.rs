//! Values of different shapes, brought together as ONNX and numpy do.

use crate::array::{Shape, volume};

/// Returns the shape that both fit.
pub(crate) fn shape(left: &[usize], right: &[usize]) -> Result<Shape, String> {
    let rank = left.len().max(right.len());
    let size =
        |shape: &[usize], at: usize| (at + shape.len()).checked_sub(rank).map_or(1, |at| shape[at]);
    let sizes = (0..rank).map(|at| match (size(left, at), size(right, at)) {
        (one, other) if one == other => Ok(one),
        (1, other) => Ok(other),
        (one, 1) => Ok(one),
        _ => Err(format!("the shapes {left:?} and {right:?} do not fit together")),
    });
    let shape = sizes.collect::<Result<Shape, _>>()?;
    volume(&shape)?;
    Ok(shape)
}

/// How far apart neighbours along each axis of `out` lie in a value of shape `own`.
pub(super) fn strides(own: &[usize], out: &[usize]) -> Shape {
    let mut strides = Shape::from_elem(0, out.len());
    let mut step = 1;
    for at in (0..own.len()).rev() {
        if own[at] != 1 {
            strides[out.len() - own.len() + at] = step;
        }
        step *= own[at];
    }
    strides
}

/// Calls `visit` with the offsets of each element of `out`, in order.
pub(super) fn walk<const N: usize>(
    out: &[usize],
    strides: &[Shape; N],
    mut visit: impl FnMut([usize; N]),
) {
    if out.contains(&0) {
        return;
    }
    let Some((&inner, outer)) = out.split_last() else { return visit([0; N]) };
    let last = outer.len();
    let mut index = Shape::from_elem(0, last);
    let mut base = [0; N];
    loop {
        for step in 0..inner {
            visit(std::array::from_fn(|which| base[which] + step * strides[which][last]));
        }
        let mut axis = last;
        loop {
            if axis == 0 {
                return;
            }
            axis -= 1;
            index[axis] += 1;
            for (base, strides) in base.iter_mut().zip(strides) {
                *base += strides[axis];
            }
            if index[axis] < outer[axis] {
                break;
            }
            for (base, strides) in base.iter_mut().zip(strides) {
                *base -= strides[axis] * outer[axis];
            }
            index[axis] = 0;
        }
    }
}

/// Combines two values element by element; `out` is their common shape.
pub(crate) fn combine<A, B, C>(
    (left, left_shape): (&[A], &[usize]),
    (right, right_shape): (&[B], &[usize]),
    out: &[usize],
    work: impl Fn(&A, &B) -> C,
) -> Vec<C> {
    if left_shape == right_shape {
        return left.iter().zip(right).map(|(a, b)| work(a, b)).collect();
    }
    if let ([b], true) = (right, left_shape == out) {
        return left.iter().map(|a| work(a, b)).collect();
    }
    if let ([a], true) = (left, right_shape == out) {
        return right.iter().map(|b| work(a, b)).collect();
    }
    let mut list = Vec::with_capacity(out.iter().product());
    if left_shape == out && is_row(right_shape, out) && !right.is_empty() {
        for row in left.chunks_exact(right.len()) {
            list.extend(row.iter().zip(right).map(|(a, b)| work(a, b)));
        }
        return list;
    }
    walk(out, &[strides(left_shape, out), strides(right_shape, out)], |[a, b]| {
        list.push(work(&left[a], &right[b]));
    });
    list
}

/// Changes the left value in place, where `out` is its shape and that is easy; tells whether.
pub(super) fn update<A, B>(
    (left, left_shape): (&mut [A], &[usize]),
    (right, right_shape): (&[B], &[usize]),
    out: &[usize],
    work: impl Fn(&A, &B) -> A,
) -> bool {
    if left_shape != out {
        return false;
    }
    if left_shape == right_shape {
        left.iter_mut().zip(right).for_each(|(a, b)| *a = work(a, b));
    } else if let [b] = right {
        left.iter_mut().for_each(|a| *a = work(a, b));
    } else if is_row(right_shape, out) && !right.is_empty() {
        for row in left.chunks_exact_mut(right.len()) {
            row.iter_mut().zip(right).for_each(|(a, b)| *a = work(a, b));
        }
    } else {
        return false;
    }
    true
}

/// Tells whether a value is the same for each of the leading dimensions of `out`.
fn is_row(shape: &[usize], out: &[usize]) -> bool {
    let leading = shape.iter().take_while(|size| **size == 1).count();
    out.ends_with(&shape[leading..])
}
