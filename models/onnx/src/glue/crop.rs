//! `CenterCropPad`: the middle of a value, or zeros around it.

use super::shape::sizes;
use crate::array::{Array, Element, Shape, around, axes, same, volume};
use crate::kernel::{Kernel, one};
use crate::node::Node;

pub(super) fn build(node: &mut Node<'_>) -> Result<Kernel, String> {
    let own = node.ints("axes")?.map(<[i64]>::to_vec);
    one(move |mut inputs| {
        let wanted = sizes(&inputs.get(1)?.whole()?)?;
        let mut array = inputs.take(0)?;
        let rank = array.rank();
        let axes = match &own {
            Some(own) => axes(own, rank)?,
            None => (0..rank).collect(),
        };
        if axes.len() != wanted.len() {
            return Err(format!("{} sizes for {} axes", wanted.len(), axes.len()));
        }
        for (at, size) in axes.into_iter().zip(wanted) {
            let mut shape = array.shape.clone();
            shape[at] = size;
            volume(&shape)?;
            let data = same!(&array.data, list => resized(list, &array.shape, at, size));
            array = Array { shape: Shape::from(&shape[..]), data };
        }
        Ok(array)
    })
}

/// Cuts or fills one axis, as much before as behind; an odd one goes behind.
fn resized<T: Element>(list: &[T], shape: &[usize], at: usize, size: usize) -> Vec<T> {
    let (outer, old, inner) = around(shape, at);
    let (skip, fill) = (old.saturating_sub(size) / 2, size.saturating_sub(old) / 2);
    let kept = old.min(size);
    let mut out = vec![T::default(); outer * size * inner];
    for row in 0..outer {
        let (from, to) = ((row * old + skip) * inner, (row * size + fill) * inner);
        out[to..to + kept * inner].clone_from_slice(&list[from..from + kept * inner]);
    }
    out
}
