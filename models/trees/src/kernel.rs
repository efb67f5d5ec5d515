//! Walking trees: what happens at a node, and eight walks at a time.
//!
//! A walk has no branch that data decides: a step computes the next node, whose right child follows
//! its left one, and a leaf leads to itself. So eight walks of one tree overlap in the processor,
//! and all of them take as many steps as the deepest needs.

use super::{Float, ZERO};

/// How many walks go side by side.
pub(super) const LANES: usize = 8;

/// After so many steps, walks that have all ended are stopped.
pub(super) const STRIDE: u32 = 6;

/// The bit of [`Ordered::feature`] that sends NaN to the left.
pub(super) const MISSING_LEFT: u32 = 1 << 31;

/// A split of the form `x <= threshold`, which goes left when it holds.
///
/// A leaf has the threshold NaN, which nothing is below, and itself as right child.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ordered<T> {
    pub(super) threshold: T,
    /// The column, and [`MISSING_LEFT`].
    pub(super) feature: u32,
    /// The left child; the right one follows it.
    pub(super) left: u32,
}

/// What a [`Mixed`] split asks; it goes left when the answer is yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    AtMost,
    AtMostUnlessZero,
    Equal,
    /// The category, counted from zero, is in the set.
    In,
    /// As `In`, and values between -1 and 0 are category 0.
    InTruncated,
    OneOf,
    /// Is never yes: the node is a leaf.
    Never,
}

/// A split of any form.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mixed<T> {
    pub(super) ordered: Ordered<T>,
    pub(super) question: Question,
    /// The set that `In`, `InTruncated` and `OneOf` ask.
    pub(super) set: u32,
}

/// The values that a split looks for.
#[derive(Clone, Debug)]
pub(super) enum Set<T> {
    /// Bit `c % 64` of word `c / 64` stands for category `c`.
    Bits(Vec<u64>),
    /// Categories in rising order, where bits would take much more room.
    List(Vec<u32>),
    /// Values in rising order.
    Values(Vec<T>),
}

impl<T: Float> Set<T> {
    fn has_category(&self, category: u32) -> bool {
        match self {
            Self::Bits(words) => words
                .get(category as usize / 64)
                .is_some_and(|word| word >> (category % 64) & 1 == 1),
            Self::List(list) => list.binary_search(&category).is_ok(),
            Self::Values(_) => false,
        }
    }

    fn has_value(&self, value: T) -> bool {
        let Self::Values(list) = self else { return false };
        let at = list.partition_point(|one| *one < value);
        list.get(at) == Some(&value)
    }
}

/// Takes steps through nodes. A step is total: a leaf leads to itself.
pub(super) trait Walk: Copy {
    /// Returns where the row of a lane goes from a node.
    fn next(self, at: usize, lane: usize) -> usize;

    /// Tells whether the node where a lane has come leads to itself.
    fn is_leaf(self, at: usize, lane: usize) -> bool;
}

/// Rows, one for each lane. One slice for all keeps its bounds in registers, which eight do not.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a, T> {
    pub(super) values: &'a [T],
    /// How far a lane's row begins from the last one's: 0 when all walk the same row.
    pub(super) step: usize,
}

impl<T: Float> Rows<'_, T> {
    #[inline]
    fn get(self, lane: usize, column: usize) -> T {
        self.values[lane * self.step + column]
    }
}

impl<T: Float> Ordered<T> {
    pub(super) fn column(&self) -> usize {
        (self.feature & !MISSING_LEFT) as usize
    }

    /// Leaves keep the right child in their own place, which for node 0 wraps around.
    pub(super) fn is_leaf(&self, at: u32) -> bool {
        self.left.wrapping_add(1) == at
    }

    fn child(&self, goes_left: bool) -> u32 {
        self.left.wrapping_add(u32::from(!goes_left))
    }
}

/// Walks ordered splits. `GAPS` tells that values may be missing; else NaN goes right.
#[derive(Clone, Copy)]
pub(super) struct Plain<'a, T, const GAPS: bool> {
    pub(super) nodes: &'a [Ordered<T>],
    pub(super) rows: Rows<'a, T>,
}

impl<T: Float, const GAPS: bool> Walk for Plain<'_, T, GAPS> {
    #[inline]
    fn next(self, at: usize, lane: usize) -> usize {
        let node = &self.nodes[at];
        let value = self.rows.get(lane, node.column());
        let missing_left = GAPS && (value.is_nan() & (node.feature & MISSING_LEFT != 0));
        node.child((value <= node.threshold) | missing_left) as usize
    }

    #[inline]
    fn is_leaf(self, at: usize, _lane: usize) -> bool {
        self.nodes[at].is_leaf(at as u32)
    }
}

/// Walks splits of any form.
#[derive(Clone, Copy)]
pub(super) struct Any<'a, T> {
    pub(super) nodes: &'a [Mixed<T>],
    pub(super) sets: &'a [Set<T>],
    pub(super) rows: Rows<'a, T>,
}

impl<T: Float> Walk for Any<'_, T> {
    #[inline]
    fn next(self, at: usize, lane: usize) -> usize {
        let node = &self.nodes[at];
        let value = self.rows.get(lane, node.ordered.column());
        node.ordered.child(self.answer(node, value)) as usize
    }

    #[inline]
    fn is_leaf(self, at: usize, _lane: usize) -> bool {
        self.nodes[at].ordered.is_leaf(at as u32)
    }
}

impl<T: Float> Any<'_, T> {
    fn answer(self, node: &Mixed<T>, value: T) -> bool {
        let threshold = node.ordered.threshold;
        let missing_left = node.ordered.feature & MISSING_LEFT != 0;
        if value.is_nan() {
            return missing_left;
        }
        match node.question {
            Question::AtMost => value <= threshold,
            Question::AtMostUnlessZero if value.wide().abs() <= ZERO => missing_left,
            Question::AtMostUnlessZero => value <= threshold,
            Question::Equal => value == threshold,
            Question::In => value.wide() >= 0.0 && self.has_category(node, value),
            Question::InTruncated => value.wide() > -1.0 && self.has_category(node, value),
            Question::OneOf => self.sets[node.set as usize].has_value(value),
            Question::Never => false,
        }
    }

    fn has_category(self, node: &Mixed<T>, value: T) -> bool {
        let category = value.wide();
        // No set has a category of 2^31 or more: a cast that saturates would find the wrong one.
        category < f64::from(1_u32 << 31)
            && self.sets[node.set as usize].has_category(category as u32)
    }
}

/// Takes one walk in each lane from the nodes `at` to leaves, and returns these. No walk is longer
/// than `depth`.
#[inline]
pub(super) fn descend<W: Walk>(walk: W, mut at: [usize; LANES], depth: u32) -> [usize; LANES] {
    let mut steps_left = depth;
    loop {
        let steps = steps_left.min(STRIDE);
        for _ in 0..steps {
            for (lane, at) in at.iter_mut().enumerate() {
                *at = walk.next(*at, lane);
            }
        }
        steps_left -= steps;
        if steps_left == 0 || at.iter().enumerate().all(|(lane, at)| walk.is_leaf(*at, lane)) {
            return at;
        }
    }
}
