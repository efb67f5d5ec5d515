//! `Scan`: a graph that runs for each row of its inputs.

use super::{arrange, gather};
use crate::array::{Array, Shape, axis};
use crate::kernel::{Kernel, Outputs};
use crate::node::Node;
use crate::program::{Program, Refusal};
use mlctl_table::limit::together;

pub(super) fn build(node: &mut Node<'_>) -> Result<Kernel, String> {
    if node.version < 9 {
        return Err(format!("version {} of the operators is too old", node.version));
    }
    let body = node.graph("body")?.ok_or("its body is missing")?;
    let scanned = node.int("num_scan_inputs")?.ok_or("its number of inputs is missing")?;
    let scanned = usize::try_from(scanned).unwrap_or(usize::MAX);
    let given = node.inputs.len();
    if scanned == 0 || scanned > given || body.input.len() != given {
        return Err("its body does not fit its inputs".to_owned());
    }
    let states = given - scanned;
    if body.output.len() < states {
        return Err("its body does not give its states back".to_owned());
    }
    let stacked = body.output.len() - states;
    let read = Axes::new(node, "scan_input_axes", "scan_input_directions", scanned)?;
    let written = Axes::new(node, "scan_output_axes", "scan_output_directions", stacked)?;
    let body = Program::compile(node.loader, body, true).map_err(|refusal| match refusal {
        Refusal::Operators(names) => {
            let names: Vec<String> = names.into_iter().collect();
            format!("its body needs {}, which is not supported", names.join(", "))
        }
        Refusal::Problem(problem) => format!("its body: {problem}"),
    })?;
    node.capture(&body.captured);
    let scan = Scan { body, states, given, read, written };
    Ok(Box::new(move |inputs| scan.run(&inputs.all()?)))
}

/// Along which axes, and whether from the end, rows are read or written.
struct Axes {
    axes: Vec<i64>,
    is_backward: Vec<bool>,
}

impl Axes {
    fn new(
        node: &mut Node<'_>,
        axes: &str,
        directions: &str,
        count: usize,
    ) -> Result<Self, String> {
        let mut take = |name: &str| -> Result<Vec<i64>, String> {
            let list = node.ints(name)?.map_or_else(|| vec![0; count], <[i64]>::to_vec);
            if list.len() == count { Ok(list) } else { Err(format!("its `{name}` do not fit")) }
        };
        let axes = take(axes)?;
        let is_backward = take(directions)?.iter().map(|direction| *direction == 1).collect();
        Ok(Self { axes, is_backward })
    }
}

struct Scan {
    body: Program,
    states: usize,
    given: usize,
    read: Axes,
    written: Axes,
}

impl Scan {
    fn run(&self, inputs: &[&Array]) -> Result<Outputs, String> {
        let (own, captured) = inputs.split_at(self.given);
        let (states, scanned) = own.split_at(self.states);
        let mut states: Vec<Array> = states.iter().map(|state| (*state).clone()).collect();
        let mut axes = Vec::new();
        for (array, at) in scanned.iter().zip(&self.read.axes) {
            axes.push(axis(*at, array.rank())?);
        }
        let length = scanned[0].shape[axes[0]];
        if scanned.iter().zip(&axes).any(|(array, at)| array.shape[*at] != length) {
            return Err("its inputs have different lengths".to_owned());
        }
        if length == 0 {
            return Err("it has no rows, so its outputs have no shape".to_owned());
        }
        let mut rows: Vec<Vec<Array>> = vec![Vec::new(); self.written.axes.len()];
        let mut kept = 0_usize;
        for turn in 0..length {
            let mut feed = std::mem::take(&mut states);
            for (index, array) in scanned.iter().enumerate() {
                let from = if self.read.is_backward[index] { length - 1 - turn } else { turn };
                let mut row = gather::along(array, axes[index], &[from]);
                row.shape.remove(axes[index]);
                feed.push(row);
            }
            feed.extend(captured.iter().map(|array| (*array).clone()));
            let mut outputs = self.body.run(feed)?.into_iter();
            states.extend(outputs.by_ref().take(self.states));
            for (rows, row) in rows.iter_mut().zip(outputs) {
                kept = kept.saturating_add(row.weight());
                rows.push(row);
            }
            together(kept)?;
        }
        let mut outputs: Outputs = states.into_iter().collect();
        for (index, mut rows) in rows.into_iter().enumerate() {
            if self.written.is_backward[index] {
                rows.reverse();
            }
            outputs.push(stack(&rows, self.written.axes[index])?);
        }
        Ok(outputs)
    }
}

/// Puts values of one shape on top of each other, along a new axis.
fn stack(rows: &[Array], at: i64) -> Result<Array, String> {
    let first = &rows[0];
    let at = axis(at, first.rank() + 1)?;
    let mut shape = Shape::from_slice(&first.shape);
    shape.insert(0, 1);
    let rows = rows.iter().map(|row| row.clone().reshaped(shape.clone()));
    let rows = rows
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| "its outputs differ in shape from row to row".to_owned())?;
    let joined = arrange::concat(&rows.iter().collect::<Vec<_>>(), 0)?;
    // The new axis comes first; it moves to where it is wanted.
    let mut order: Vec<i64> = (1..=first.rank() as i64).collect();
    order.insert(at, 0);
    arrange::transpose(joined, Some(&order))
}
