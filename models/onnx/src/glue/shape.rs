//! Shapes: asked for, changed, and filled.

use crate::array::{Array, Element, Shape, axis, copies, same, volume};
use crate::kernel::{Inputs, Kernel, one};
use crate::node::Node;

pub(super) fn build(node: &mut Node<'_>) -> Result<Kernel, String> {
    match node.op {
        "Identity" => one(|mut inputs| inputs.take(0)),
        "Constant" => constant(node),
        "ConstantOfShape" => filled(node),
        "Shape" => shape_of(node),
        "Size" => one(|inputs| Ok(Array::scalar(inputs.get(0)?.len() as i64))),
        "Reshape" => {
            let keeps_zero = node.flag("allowzero", false)?;
            let own = node.ints("shape")?.map(<[i64]>::to_vec);
            one(move |mut inputs| {
                let wanted = axes(&inputs, own.as_deref())?.ok_or("its shape is missing")?;
                let array = inputs.take(0)?;
                let shape = reshape(&array.shape, &wanted, keeps_zero)?;
                array.reshaped(shape)
            })
        }
        "Flatten" => {
            let at = node.int("axis")?.unwrap_or(1);
            one(move |mut inputs| {
                let array = inputs.take(0)?;
                let rank = array.rank();
                let at = if at == rank as i64 { rank } else { axis(at, rank)? };
                let (rows, columns) = array.shape.split_at(at);
                let shape = [volume(rows)?, volume(columns)?];
                array.reshaped(Shape::from_slice(&shape))
            })
        }
        "Squeeze" => {
            let own = node.ints("axes")?.map(<[i64]>::to_vec);
            one(move |mut inputs| {
                let wanted = axes(&inputs, own.as_deref())?;
                let array = inputs.take(0)?;
                let shape = squeeze(&array.shape, wanted.as_deref())?;
                array.reshaped(shape)
            })
        }
        _ => {
            let own = node.ints("axes")?.map(<[i64]>::to_vec);
            one(move |mut inputs| {
                let wanted = axes(&inputs, own.as_deref())?.ok_or("its axes are missing")?;
                let array = inputs.take(0)?;
                let shape = unsqueeze(&array.shape, &wanted)?;
                array.reshaped(shape)
            })
        }
    }
}

/// Returns the axes of an attribute, or of the second input of newer versions.
pub(super) fn axes(inputs: &Inputs<'_>, own: Option<&[i64]>) -> Result<Option<Vec<i64>>, String> {
    match own {
        Some(own) => Ok(Some(own.to_vec())),
        None => inputs.optional(1).map(Array::whole).transpose(),
    }
}

fn constant(node: &mut Node<'_>) -> Result<Kernel, String> {
    let value = if let Some(value) = node.tensor("value")? {
        value
    } else if let Some(value) = node.float("value_float")? {
        Array::scalar(value)
    } else if let Some(value) = node.int("value_int")? {
        Array::scalar(value)
    } else if let Some(value) = node.text("value_string")? {
        Array::scalar(value)
    } else if let Some(list) = node.floats("value_floats")? {
        Array::vector(list.to_vec())
    } else if let Some(list) = node.ints("value_ints")? {
        Array::vector(list.to_vec())
    } else if let Some(list) = node.texts("value_strings")? {
        Array::vector(list)
    } else {
        return Err("it has no value".to_owned());
    };
    one(move |_| Ok(value.clone()))
}

fn filled(node: &mut Node<'_>) -> Result<Kernel, String> {
    let value = node.tensor("value")?.unwrap_or_else(|| Array::vector(vec![0_f32]));
    if value.len() != 1 {
        return Err("its value is not a single one".to_owned());
    }
    one(move |inputs| {
        let shape = sizes(&inputs.get(0)?.whole()?)?;
        let count = copies(&value.data, &shape)?;
        fn repeat<T: Element>(list: &[T], count: usize) -> Vec<T> {
            vec![list[0].clone(); count]
        }
        let data = same!(&value.data, list => repeat(list, count));
        Ok(Array { shape, data })
    })
}

/// Turns whole numbers into dimensions.
pub(super) fn sizes(list: &[i64]) -> Result<Shape, String> {
    let sizes = list.iter().map(|size| usize::try_from(*size));
    sizes.collect::<Result<_, _>>().map_err(|_| format!("{list:?} is not a valid shape"))
}

fn shape_of(node: &mut Node<'_>) -> Result<Kernel, String> {
    let start = node.int("start")?.unwrap_or(0);
    let end = node.int("end")?;
    one(move |inputs| {
        let shape = &inputs.get(0)?.shape;
        let rank = shape.len() as i64;
        let clamp = |at: i64| (if at < 0 { at + rank } else { at }).clamp(0, rank) as usize;
        let (start, end) = (clamp(start), end.map_or(shape.len(), clamp));
        let sizes = shape.get(start..end).unwrap_or_default();
        Ok(Array::vector(sizes.iter().map(|size| *size as i64).collect()))
    })
}

fn reshape(old: &[usize], wanted: &[i64], keeps_zero: bool) -> Result<Shape, String> {
    let problem = || format!("the shape {old:?} cannot become {wanted:?}");
    let mut shape = Shape::new();
    let mut open = None;
    for (at, size) in wanted.iter().enumerate() {
        shape.push(match *size {
            0 if !keeps_zero => *old.get(at).ok_or_else(problem)?,
            -1 if open.is_none() => {
                open = Some(at);
                1
            }
            size => usize::try_from(size).map_err(|_| problem())?,
        });
    }
    if let Some(at) = open {
        let (have, rest) = (volume(old)?, volume(&shape)?);
        shape[at] = have.checked_div(rest).unwrap_or(0);
        if rest != 0 && have % rest != 0 {
            return Err(problem());
        }
    }
    Ok(shape)
}

fn squeeze(old: &[usize], wanted: Option<&[i64]>) -> Result<Shape, String> {
    let Some(wanted) = wanted else {
        return Ok(old.iter().copied().filter(|size| *size != 1).collect());
    };
    let wanted = wanted.iter().map(|at| axis(*at, old.len())).collect::<Result<Vec<_>, _>>()?;
    if let Some(at) = wanted.iter().find(|at| old[**at] != 1) {
        return Err(format!("axis {at} of the shape {old:?} is not 1"));
    }
    let kept = old.iter().enumerate().filter(|(at, _)| !wanted.contains(at));
    Ok(kept.map(|(_, size)| *size).collect())
}

fn unsqueeze(old: &[usize], wanted: &[i64]) -> Result<Shape, String> {
    let rank = old.len() + wanted.len();
    let wanted = wanted.iter().map(|at| axis(*at, rank)).collect::<Result<Vec<_>, _>>()?;
    let mut rest = old.iter().copied();
    let sizes = (0..rank).map(|at| if wanted.contains(&at) { Some(1) } else { rest.next() });
    sizes.collect::<Option<_>>().ok_or_else(|| format!("the axes {wanted:?} are not all different"))
}
