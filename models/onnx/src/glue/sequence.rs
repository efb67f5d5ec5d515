//! Rows that follow each other in time: reversed, written into a cache, or seen through a window.

use super::arithmetic::{Number, floats};
use crate::array::{Array, Element, any, around, axis, same};
use crate::kernel::{Inputs, Kernel, Outputs, one};
use crate::node::Node;
use smallvec::smallvec;

pub(super) fn build(node: &mut Node<'_>) -> Result<Kernel, String> {
    match node.op {
        "ReverseSequence" => reverse(node),
        "TensorScatter" => scatter(node),
        "SwiGLU" => gate(node),
        _ => window(node),
    }
}

fn reverse(node: &mut Node<'_>) -> Result<Kernel, String> {
    let axes = (node.int("batch_axis")?.unwrap_or(1), node.int("time_axis")?.unwrap_or(0));
    let is_time_first = match axes {
        (1, 0) => true,
        (0, 1) => false,
        _ => return Err(format!("its axes {axes:?} are not 0 and 1")),
    };
    one(move |inputs| {
        let (array, lengths) = (inputs.get(0)?, inputs.list::<i64>(1)?);
        let &[first, second, ..] = &array.shape[..] else {
            return Err("its input has not two axes".to_owned());
        };
        let (times, samples) = if is_time_first { (first, second) } else { (second, first) };
        let fits = |length: &i64| usize::try_from(*length).is_ok_and(|length| length <= times);
        if lengths.len() != samples || !lengths.iter().all(fits) {
            return Err(format!("its lengths do not fit {samples} sequences of {times}"));
        }
        let turned = |time: usize, sample: usize| {
            let length = lengths[sample] as usize;
            if time < length { length - 1 - time } else { time }
        };
        let places = (0..first).flat_map(|row| (0..second).map(move |column| (row, column)));
        let places = places.map(|(row, column)| match is_time_first {
            true => turned(row, column) * second + column,
            false => row * second + turned(column, row),
        });
        let places: Vec<usize> = places.collect();
        let inner = array.len().checked_div(first * second).unwrap_or(0);
        let data = same!(&array.data, list => picked(list, &places, inner));
        Ok(Array { shape: array.shape.clone(), data })
    })
}

fn picked<T: Element>(list: &[T], places: &[usize], inner: usize) -> Vec<T> {
    places.iter().flat_map(|at| &list[at * inner..(at + 1) * inner]).cloned().collect()
}

/// Writes rows into a cache, from a place on that each sample has for itself.
fn scatter(node: &mut Node<'_>) -> Result<Kernel, String> {
    let at = node.int("axis")?.unwrap_or(-2);
    let is_circular = match node.text("mode")?.as_deref() {
        None | Some("linear") => false,
        Some("circular") => true,
        Some(other) => return Err(format!("its mode `{other}` is not supported")),
    };
    one(move |mut inputs| {
        let mut cache = inputs.take(0)?;
        let update = inputs.get(1)?;
        let at = axis(at, cache.rank())?;
        let mut wanted = cache.shape.clone();
        wanted[at] = update.shape.get(at).copied().unwrap_or(0);
        if at == 0 || update.shape != wanted || wanted[at] > cache.shape[at] {
            let shapes = (&update.shape, &cache.shape);
            return Err(format!("an update of shape {:?} does not fit {:?}", shapes.0, shapes.1));
        }
        let (samples, size, count) = (cache.shape[0], cache.shape[at], wanted[at]);
        let starts = match inputs.optional(2) {
            Some(starts) => starts.whole()?,
            None => vec![0; samples],
        };
        let end = if is_circular { usize::MAX } else { size - count };
        let fits = |start: &i64| usize::try_from(*start).is_ok_and(|start| start <= end);
        if starts.len() != samples || !starts.iter().all(fits) {
            return Err(format!("its places {starts:?} do not fit {samples} caches of {size}"));
        }
        let (outer, _, inner) = around(&cache.shape, at);
        let mut targets = Vec::with_capacity(outer * count);
        for row in 0..outer {
            let start = starts[row * samples / outer] as usize % size.max(1);
            targets.extend((0..count).map(|step| row * size + (start + step) % size));
        }
        any!(&mut cache.data, list => put(list, &targets, update, inner))?;
        Ok(cache)
    })
}

fn put<T: Element>(
    list: &mut [T],
    targets: &[usize],
    update: &Array,
    inner: usize,
) -> Result<(), String> {
    for (row, at) in update.list::<T>()?.chunks_exact(inner.max(1)).zip(targets) {
        list[at * inner..(at + 1) * inner].clone_from_slice(row);
    }
    Ok(())
}

/// `a * sigmoid(alpha * a) * b`.
fn gate(node: &mut Node<'_>) -> Result<Kernel, String> {
    let alpha = f64::from(node.float("alpha")?.unwrap_or(1.0));
    one(move |mut inputs| {
        let mut array = inputs.take(0)?;
        let other = inputs.get(1)?;
        if other.shape != array.shape {
            return Err(format!("the shapes {:?} and {:?} differ", array.shape, other.shape));
        }
        floats!(&mut array.data, list => gated(list, other, alpha))?;
        Ok(array)
    })
}

fn gated<T: Number>(list: &mut [T], other: &Array, alpha: f64) -> Result<(), String> {
    for (value, other) in list.iter_mut().zip(other.list::<T>()?) {
        let share = 1.0 / (1.0 + (-alpha * value.wide()).exp());
        *value = value.mul(T::nearest(share)).mul(*other);
    }
    Ok(())
}

/// `CausalConvWithState`: each channel's values weighed with those before them, some of which come
/// from an earlier call.
fn window(node: &mut Node<'_>) -> Result<Kernel, String> {
    let is_gated = match node.text("activation")?.as_deref() {
        None | Some("none") => false,
        Some("silu" | "swish") => true,
        Some(other) => return Err(format!("its activation `{other}` is not supported")),
    };
    Ok(Box::new(move |inputs| weighed(&inputs, is_gated)))
}

fn weighed(inputs: &Inputs<'_>, is_gated: bool) -> Result<Outputs, String> {
    let (array, weights) = (inputs.get(0)?, inputs.get(1)?);
    let (&[samples, channels, length], &[same, 1, size]) = (&array.shape[..], &weights.shape[..])
    else {
        let shapes = (&array.shape, &weights.shape);
        return Err(format!("weights of shape {:?} do not fit {:?}", shapes.1, shapes.0));
    };
    let (bias, past) = (inputs.optional(2), inputs.optional(3));
    let is_biased = bias.is_none_or(|bias| bias.shape[..] == [channels]);
    let is_past =
        past.is_none_or(|past| past.shape[..] == [samples, channels, size.saturating_sub(1)]);
    if same != channels || size == 0 || !is_biased || !is_past {
        return Err(format!("weights, bias or state do not fit {channels} channels"));
    }
    let (values, weights): (&[f32], &[f32]) = (array.list()?, weights.list()?);
    let bias = bias.map(Array::list::<f32>).transpose()?;
    let past = past.map(Array::list::<f32>).transpose()?;
    let mut out = Vec::with_capacity(values.len());
    let mut present = Vec::with_capacity(samples * channels * (size - 1));
    for row in 0..samples * channels {
        let channel = row % channels;
        let mut line = vec![0.0; size - 1];
        if let Some(past) = past {
            line.copy_from_slice(&past[row * (size - 1)..(row + 1) * (size - 1)]);
        }
        line.extend_from_slice(&values[row * length..(row + 1) * length]);
        let weights = &weights[channel * size..(channel + 1) * size];
        let start = bias.map_or(0.0, |bias| bias[channel]);
        out.extend(line.windows(size).map(|window| {
            let products = window.iter().zip(weights).map(|(value, weight)| value * weight);
            let sum = products.sum::<f32>() + start;
            if is_gated { sum / (1.0 + (-sum).exp()) } else { sum }
        }));
        present.extend_from_slice(&line[line.len() - (size - 1)..]);
    }
    let state = [samples, channels, size - 1];
    Ok(smallvec![
        Array { shape: array.shape.clone(), data: Element::data(out) },
        Array::new(state.as_slice(), present),
    ])
}
