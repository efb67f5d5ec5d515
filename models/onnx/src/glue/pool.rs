//! `LpPool`: the norm of all that a window sees.

use super::arithmetic::{Number, floats};
use crate::array::{Array, Element, Shape, volume};
use crate::kernel::{Kernel, one};
use crate::node::Node;

/// The window, by axis, and how it moves.
#[derive(Debug)]
struct Window {
    kernel: Vec<usize>,
    strides: Vec<usize>,
    dilations: Vec<usize>,
    /// Before all axes, and then behind them.
    pads: Vec<usize>,
    /// Whether the pads follow from the sizes, and whether an odd one goes before.
    same: Option<bool>,
    norm: i32,
}

pub(super) fn build(node: &mut Node<'_>) -> Result<Kernel, String> {
    let kernel = node.ints("kernel_shape")?.ok_or("its kernel_shape is missing")?;
    let kernel = positive(kernel, 1)?;
    let rank = kernel.len();
    let mut list = |name: &str, count: usize, least: i64| match node.ints(name)? {
        Some(list) if list.len() == count => positive(list, least),
        Some(list) => Err(format!("its {name} {list:?} do not fit its kernel_shape")),
        None => Ok(vec![least as usize; count]),
    };
    let (strides, dilations) = (list("strides", rank, 1)?, list("dilations", rank, 1)?);
    let pads = list("pads", 2 * rank, 0)?;
    let same = match node.text("auto_pad")?.as_deref() {
        None | Some("NOTSET" | "VALID") => None,
        Some("SAME_UPPER") => Some(false),
        Some("SAME_LOWER") => Some(true),
        Some(other) => return Err(format!("its auto_pad `{other}` is not supported")),
    };
    if node.flag("ceil_mode", false)? {
        return Err("its attribute `ceil_mode` is not supported".to_owned());
    }
    let norm = node.int("p")?.unwrap_or(2);
    let norm = i32::try_from(norm).ok().filter(|norm| *norm > 0);
    let norm = norm.ok_or("its norm is not above zero")?;
    let window = Window { kernel, strides, dilations, pads, same, norm };
    one(move |inputs| {
        let array = inputs.get(0)?;
        if array.rank() != rank + 2 {
            return Err(format!("a window of {rank} axes for a value of {}", array.rank()));
        }
        floats!(&array.data, list => window.pool(list, &array.shape))
    })
}

/// Reads whole numbers that are not below `least`, and small enough to calculate with.
fn positive(list: &[i64], least: i64) -> Result<Vec<usize>, String> {
    let is_fine = |value: &&i64| **value >= least && **value <= i64::from(u16::MAX);
    if let Some(value) = list.iter().find(|value| !is_fine(value)) {
        return Err(format!("its window cannot have a {value}"));
    }
    Ok(list.iter().map(|value| *value as usize).collect())
}

impl Window {
    /// Returns the size of an axis of the output, and the pad in front of it.
    fn axis(&self, at: usize, size: usize) -> Result<(usize, usize), String> {
        let extent = (self.kernel[at] - 1) * self.dilations[at] + 1;
        let stride = self.strides[at];
        if let Some(is_lower) = self.same {
            let out = size.div_ceil(stride);
            let pad = (out.saturating_sub(1) * stride + extent).saturating_sub(size);
            return Ok((out, if is_lower { pad.div_ceil(2) } else { pad / 2 }));
        }
        let rank = self.kernel.len();
        let room = (size + self.pads[at] + self.pads[at + rank]).checked_sub(extent);
        let room = room.ok_or_else(|| format!("a window of {extent} for an axis of {size}"))?;
        Ok((room / stride + 1, self.pads[at]))
    }

    fn pool<T: Number>(&self, list: &[T], shape: &[usize]) -> Result<Array, String> {
        let (outer, sizes) = shape.split_at(2);
        let axes = sizes.iter().enumerate().map(|(at, size)| self.axis(at, *size));
        let axes = axes.collect::<Result<Vec<_>, _>>()?;
        let inner: Vec<usize> = axes.iter().map(|(size, _)| *size).collect();
        let out: Shape = outer.iter().chain(&inner).copied().collect();
        let count = volume(&out)?;
        let (planes, places) = (outer.iter().product::<usize>(), volume(&inner)?);
        volume(&[count, volume(&self.kernel)?])?;
        let plane = sizes.iter().product::<usize>();
        let mut pooled = Vec::with_capacity(count);
        for at in 0..planes {
            let plane = &list[at * plane..(at + 1) * plane];
            pooled.extend((0..places).map(|place| self.norm(plane, sizes, &axes, place)));
        }
        Ok(Array { shape: out, data: Element::data(pooled) })
    }

    /// Returns the norm of what the window sees at one place of the output.
    fn norm<T: Number>(
        &self,
        plane: &[T],
        sizes: &[usize],
        axes: &[(usize, usize)],
        place: usize,
    ) -> T {
        let seen = (0..self.kernel.iter().product()).filter_map(|inside: usize| {
            let (mut place, mut inside, mut offset, mut step) = (place, inside, 0, 1);
            for at in (0..sizes.len()).rev() {
                let start = place % axes[at].0 * self.strides[at];
                let start = start + inside % self.kernel[at] * self.dilations[at];
                let own = start.checked_sub(axes[at].1).filter(|own| *own < sizes[at])?;
                offset += own * step;
                step *= sizes[at];
                place /= axes[at].0;
                inside /= self.kernel[at];
            }
            Some(plane[offset].wide().abs().powi(self.norm))
        });
        T::nearest(seen.sum::<f64>().powf(1.0 / f64::from(self.norm)))
    }
}
