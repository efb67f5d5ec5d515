//! Which keys a query may see, as what is added to its scores.

use crate::array::{Array, Data};
use crate::glue::broadcast::{strides, walk};
use crate::node::Node;

const NEVER: f32 = f32::NEG_INFINITY;

/// How far a query sees around its own place; `None` without bound.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Window {
    left: Option<i64>,
    right: Option<i64>,
}

impl Window {
    /// Reads the attributes; a query that sees no later keys has a window too.
    pub(super) fn new(node: &mut Node<'_>) -> Result<Self, String> {
        let mut sides = [None; 2];
        if node.version >= 25 {
            for (side, name) in sides.iter_mut().zip(["left_window_size", "right_window_size"]) {
                *side = match node.int(name)?.unwrap_or(-1) {
                    -1 => None,
                    size if size >= 0 => Some(size),
                    size => return Err(format!("its {name} {size} is negative")),
                };
            }
        }
        let [left, right] = sides;
        let is_causal = node.flag("is_causal", false)?;
        Ok(Self { left, right: if is_causal { Some(0) } else { right } })
    }

    fn shows(self, query: i64, key: i64) -> bool {
        self.left.is_none_or(|left| query.saturating_sub(left) <= key)
            && self.right.is_none_or(|right| key <= query.saturating_add(right))
    }
}

/// What is added to the scores of each sample and head: one for all where they do not differ.
#[derive(Debug)]
pub(super) struct Bias {
    list: Vec<f32>,
    /// Samples and heads that differ: 1 where all are alike.
    lead: [usize; 2],
    size: usize,
}

impl Bias {
    /// Brings together a mask, the numbers of keys that are in use, and the window.
    ///
    /// `past` keys come before the first query; `sizes` are samples, heads, queries and keys.
    pub(super) fn new(
        mask: Option<&Array>,
        filled: Option<&Array>,
        past: usize,
        window: Window,
        sizes: [usize; 4],
    ) -> Result<Self, String> {
        let [batch, _, queries, keys] = sizes;
        let filled = filled.map(|filled| counts(filled, batch)).transpose()?;
        let mut own = match mask {
            Some(mask) => Self::of_mask(mask, filled.is_some(), sizes)?,
            None => Self::zeros([if filled.is_some() { batch } else { 1 }, 1], queries * keys),
        };
        let heads = own.lead[1].max(1);
        for (at, part) in own.list.chunks_exact_mut(own.size.max(1)).enumerate() {
            let used = filled.as_ref().map(|filled| filled[at / heads]);
            let before = used.map_or(past as i64, |used| used - queries as i64);
            let hidden = (0..queries as i64).flat_map(|query| {
                let place = query + before;
                (0..keys as i64).map(move |key| {
                    !window.shows(place, key) || used.is_some_and(|used| key >= used)
                })
            });
            part.iter_mut().zip(hidden).for_each(|(bias, hidden)| {
                if hidden {
                    *bias += NEVER;
                }
            });
        }
        Ok(own)
    }

    fn zeros(lead: [usize; 2], size: usize) -> Self {
        Self { list: vec![0.0; lead[0] * lead[1] * size], lead, size }
    }

    /// Spreads a mask over queries and keys; keys behind its end are not seen.
    fn of_mask(mask: &Array, by_sample: bool, sizes: [usize; 4]) -> Result<Self, String> {
        let [batch, heads, queries, keys] = sizes;
        let problem = || format!("a mask of shape {:?} does not fit {sizes:?}", mask.shape);
        let Some((&width, lead)) = mask.shape.split_last() else { return Err(problem()) };
        // One column could stand for all keys, or for the first: the specification says both.
        if lead.len() > 3 || width > keys || (width == 1 && keys > 1) {
            return Err(problem());
        }
        let mut full = [1; 4];
        full[3 - lead.len()..3].copy_from_slice(lead);
        full[3] = width;
        let fits = |at: usize| full[at] == 1 || full[at] == sizes[at];
        if !(0..3).all(fits) {
            return Err(problem());
        }
        let samples = if by_sample { batch } else { full[0] };
        let mut own = Self::zeros([samples, full[1]], queries * keys);
        debug_assert!(own.lead[1] == 1 || own.lead[1] == heads);
        own.list.fill(NEVER);
        let out = [samples, full[1], queries, width];
        let own_strides = [full[1] * queries * keys, queries * keys, keys, 1];
        let both = [strides(&full, &out), own_strides.as_slice().into()];
        match &mask.data {
            Data::Bool(list) => walk(&out, &both, |[from, to]| {
                own.list[to] = if list[from] { 0.0 } else { NEVER };
            }),
            Data::F32(list) => walk(&out, &both, |[from, to]| own.list[to] = list[from]),
            other => return Err(format!("a mask of type {} is none", other.kind())),
        }
        Ok(own)
    }

    /// Returns what is added to the scores of one head of one sample.
    pub(super) fn of(&self, batch: usize, head: usize) -> &[f32] {
        let [samples, heads] = self.lead;
        let at = batch.min(samples.saturating_sub(1)) * heads + head.min(heads.saturating_sub(1));
        &self.list[at * self.size..(at + 1) * self.size]
    }
}

fn counts(filled: &Array, batch: usize) -> Result<Vec<i64>, String> {
    let list: &[i64] = filled.list()?;
    if list.len() != batch || filled.rank() != 1 {
        return Err(format!("{} numbers of keys in use for {batch} samples", list.len()));
    }
    match list.iter().find(|count| **count < 0) {
        Some(count) => Err(format!("{count} is not a number of keys in use")),
        None => Ok(list.to_vec()),
    }
}
