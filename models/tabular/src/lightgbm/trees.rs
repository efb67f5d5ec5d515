//! The trees of a model's text, as plain nodes.

use super::text::Part;
use mlctl_models_trees::{Node, Test, Tree};
use smallvec::smallvec;

const CATEGORICAL: u8 = 1;
const DEFAULT_LEFT: u8 = 2;
/// Where the missing type begins in a decision type: 0 none, 1 zero, 2 NaN.
const MISSING_SHIFT: u8 = 2;

/// Reads one tree, whose leaves give to `target`.
pub(super) fn read(part: &Part<'_>, target: u32) -> Result<Tree<f64>, String> {
    if part.has("is_linear") && part.value::<u8>("is_linear")? != 0 {
        return Err(
            "its leaves are linear models (`linear_tree`), which are not supported".to_owned()
        );
    }
    let leaves: Vec<f64> = part.values("leaf_value")?;
    let count = part.value::<usize>("num_leaves")?;
    if count != leaves.len() || count == 0 {
        return Err(format!("it has {} values for {count} leaves", leaves.len()));
    }
    let mut nodes = if count == 1 { Vec::new() } else { splits(part, count)? };
    let leaf = |weight| Node::Leaf { weights: smallvec![(target, weight)] };
    nodes.extend(leaves.into_iter().map(leaf));
    Ok(Tree { nodes })
}

fn splits(part: &Part<'_>, leaves: usize) -> Result<Vec<Node<f64>>, String> {
    let count = leaves - 1;
    let features: Vec<u32> = part.list("split_feature", count)?;
    let thresholds: Vec<f64> = part.list("threshold", count)?;
    let decisions: Vec<u8> = part.list("decision_type", count)?;
    let left: Vec<i32> = part.list("left_child", count)?;
    let right: Vec<i32> = part.list("right_child", count)?;
    let mut sets = sets(part)?;
    let split = |at: usize| {
        let (test, missing_yes) = if decisions[at] & CATEGORICAL == 0 {
            numerical(thresholds[at], decisions[at])?
        } else {
            let set = category_set(&mut sets, thresholds[at]);
            (Test::InTruncated(set.ok_or_else(|| format!("node {at} has no categories"))?), false)
        };
        let [yes, no] = [left[at], right[at]].map(|child| place(child, count));
        Ok(Node::Split { feature: features[at], test, missing_yes, yes: yes?, no: no? })
    };
    (0..count).map(split).collect()
}

/// Leaves follow the splits; a child below zero is leaf `-1 - child`.
fn place(child: i32, splits: usize) -> Result<u32, String> {
    let place = if child < 0 { splits as i64 + i64::from(!child) } else { i64::from(child) };
    let is_split = child >= 0 && place < splits as i64;
    if is_split || child < 0 {
        return u32::try_from(place).map_err(|_| format!("it has the child {child}"));
    }
    Err(format!("it has the child {child}, but {splits} splits"))
}

/// Makes the test of a number. Where NaN does not count as missing, it is taken for zero.
fn numerical(threshold: f64, decision: u8) -> Result<(Test<f64>, bool), String> {
    let default_left = decision & DEFAULT_LEFT != 0;
    match decision >> MISSING_SHIFT {
        0 => Ok((Test::AtMost(threshold), 0.0 <= threshold)),
        1 => Ok((Test::AtMostUnlessZero(threshold), default_left)),
        2 => Ok((Test::AtMost(threshold), default_left)),
        _ => Err(format!("the decision type {decision} is not supported")),
    }
}

/// Reads the sets of categories, which are bits in words of 32.
fn sets(part: &Part<'_>) -> Result<Vec<Option<Vec<u32>>>, String> {
    let count = part.value::<usize>("num_cat")?;
    if count == 0 {
        return Ok(Vec::new());
    }
    let bounds: Vec<usize> = part.values("cat_boundaries")?;
    let words: Vec<u32> = part.values("cat_threshold")?;
    if bounds.len() != count.saturating_add(1) {
        return Err(format!("`cat_boundaries` has {} values for {count} sets", bounds.len()));
    }
    let set = |bounds: &[usize]| {
        let words = words.get(bounds[0]..bounds[1]);
        let words = words.ok_or("`cat_boundaries` leads out of `cat_threshold`")?;
        let bits = words.iter().zip(0_u32..).flat_map(|(word, at)| {
            (0..32).filter(move |bit| word >> bit & 1 == 1).map(move |bit| at * 32 + bit)
        });
        Ok(Some(bits.collect()))
    };
    bounds.windows(2).map(set).collect()
}

/// Takes the set that a threshold names; no two splits share one.
fn category_set(sets: &mut [Option<Vec<u32>>], threshold: f64) -> Option<Vec<u32>> {
    let place = threshold as usize;
    if place as f64 == threshold { sets.get_mut(place)?.take() } else { None }
}
