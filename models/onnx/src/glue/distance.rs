//! `CDist` of com.microsoft: the distances between the rows of two matrices.

use super::arithmetic::{Number, floats};
use crate::array::{Array, Element, Shape, volume};
use crate::kernel::{Kernel, one};
use crate::node::Node;

pub(super) fn build(node: &mut Node<'_>) -> Result<Kernel, String> {
    let metric = node.text("metric")?.unwrap_or_else(|| "sqeuclidean".to_owned());
    let is_squared = match metric.as_str() {
        "sqeuclidean" => true,
        "euclidean" => false,
        other => return Err(format!("its metric `{other}` is not supported")),
    };
    one(move |inputs| {
        let (left, right) = (inputs.get(0)?, inputs.get(1)?);
        let (&[rows, width], &[others, same]) = (&left.shape[..], &right.shape[..]) else {
            return Err("it takes two matrices".to_owned());
        };
        if width != same {
            return Err(format!("rows of {width} and of {same} have no distance"));
        }
        let shape = Shape::from_slice(&[rows, others]);
        volume(&shape)?;
        let data = floats!(&left.data, list => {
            Ok(Element::data(distances(list, right.list()?, width, is_squared)))
        })?;
        Ok(Array { shape, data })
    })
}

fn distances<T: Number>(left: &[T], right: &[T], width: usize, is_squared: bool) -> Vec<T> {
    let width = width.max(1);
    let mut list = Vec::with_capacity(left.len() / width * (right.len() / width));
    for one in left.chunks_exact(width) {
        for other in right.chunks_exact(width) {
            let sum = one.iter().zip(other).fold(T::ZERO, |sum, (a, b)| {
                let apart = a.sub(*b);
                sum.add(apart.mul(apart))
            });
            list.push(if is_squared { sum } else { T::nearest(sum.wide().sqrt()) });
        }
    }
    list
}
