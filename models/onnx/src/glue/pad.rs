//! `Pad`: values around a value.

use crate::array::{Array, Element, Shape, around, axes, copies, same};
use crate::kernel::{Inputs, Kernel, one};
use crate::node::Node;

/// Where the values around come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Constant,
    Edge,
    Reflect,
    Wrap,
}

pub(super) fn build(node: &mut Node<'_>) -> Result<Kernel, String> {
    if node.version < 11 {
        return Err(format!("version {} of the operators is too old", node.version));
    }
    let mode = match node.text("mode")?.as_deref() {
        None | Some("constant") => Mode::Constant,
        Some("edge") => Mode::Edge,
        Some("reflect") => Mode::Reflect,
        Some("wrap") => Mode::Wrap,
        Some(other) => return Err(format!("its mode `{other}` is not supported")),
    };
    one(move |inputs| {
        let array = inputs.get(0)?;
        let pads = inputs.get(1)?.whole()?;
        let axes = match inputs.optional(3) {
            Some(list) => axes(&list.whole()?, array.rank())?,
            None => (0..array.rank()).collect(),
        };
        if pads.len() != 2 * axes.len() {
            return Err(format!("{} pads for {} axes", pads.len(), axes.len()));
        }
        let mut array = array.clone();
        for (at, which) in axes.iter().enumerate() {
            let ends = (pads[at], pads[at + axes.len()]);
            array = pad(&array, *which, ends, mode, &inputs)?;
        }
        Ok(array)
    })
}

/// Pads one axis; negative pads cut.
fn pad(
    array: &Array,
    at: usize,
    (before, behind): (i64, i64),
    mode: Mode,
    inputs: &Inputs<'_>,
) -> Result<Array, String> {
    let old = array.shape[at] as i64;
    let size = old.checked_add(before).and_then(|size| size.checked_add(behind));
    let size = size.and_then(|size| usize::try_from(size).ok());
    let mut shape = array.shape.clone();
    shape[at] = size.ok_or("its pads do not fit")?;
    let kind = inputs.optional(2).map_or(&array.data, |fill| &fill.data);
    copies(kind, &shape)?;
    copies(&array.data, &shape)?;
    let sources: Vec<Option<usize>> =
        (0..shape[at] as i64).map(|place| source(place - before, old, mode)).collect();
    let data = same!(&array.data, list => gathered(list, &array.shape, at, &sources, inputs)?);
    Ok(Array { shape: Shape::from(&shape[..]), data })
}

/// Finds which value of an axis stands at a place in front of it, in it or behind it.
fn source(place: i64, size: i64, mode: Mode) -> Option<usize> {
    let inside = match mode {
        _ if size == 0 => return None,
        Mode::Constant => place,
        Mode::Edge => place.clamp(0, size - 1),
        Mode::Wrap => place.rem_euclid(size),
        Mode::Reflect if size == 1 => 0,
        Mode::Reflect => {
            let turn = place.rem_euclid(2 * (size - 1));
            turn.min(2 * (size - 1) - turn)
        }
    };
    usize::try_from(inside).ok().filter(|_| inside < size)
}

fn gathered<T: Element>(
    list: &[T],
    shape: &[usize],
    at: usize,
    sources: &[Option<usize>],
    inputs: &Inputs<'_>,
) -> Result<Vec<T>, String> {
    let fill = match inputs.optional(2) {
        Some(value) => value.list::<T>()?.first().cloned().unwrap_or_default(),
        None => T::default(),
    };
    let (outer, size, inner) = around(shape, at);
    let mut out = Vec::with_capacity(outer * sources.len() * inner);
    for row in 0..outer {
        for source in sources {
            match source {
                Some(source) => {
                    let from = (row * size + source) * inner;
                    out.extend_from_slice(&list[from..from + inner]);
                }
                None => out.extend(std::iter::repeat_n(fill.clone(), inner)),
            }
        }
    }
    Ok(out)
}
