//! Splits in little space, and walks that the compiler sees to stay in bounds.
//!
//! A window is the part of the list that begins with a tree's root. Its size is known when this is
//! compiled, and a power of two: a place that is cut to so many bits needs no check, and a step is
//! eight instructions.

use super::Float;
use super::ensemble::Root;
use super::kernel::{LANES, MISSING_LEFT, Ordered, STRIDE, Walk};

/// How many columns the lanes of a group have.
const COLUMNS: usize = 256;

/// The room of a group: eight rows, column by column.
const GROUP: usize = COLUMNS * LANES;

/// The bits of [`Compact::place`] that say where in a [`Group`] the column begins.
const PLACE: u16 = (GROUP - LANES) as u16;

/// The bit of [`Compact::place`] that sends NaN to the left.
const GAP: u16 = 1;

/// The sizes of windows.
pub(super) const SMALL: usize = 1 << 12;
pub(super) const LARGE: usize = 1 << 15;

/// A split as [`Ordered`] has it, for models of few columns and trees that fit in a window.
#[derive(Clone, Copy, Debug)]
pub(super) struct Compact<T> {
    threshold: T,
    /// Where the column is in a group, for the first lane, and [`GAP`].
    place: u16,
    /// How far the left child is from the root; a leaf's is in the place before its own.
    left: u16,
}

/// The nodes of all trees.
#[derive(Clone, Debug)]
pub(super) struct CompactList<T> {
    /// Behind those of the last tree there is room for its window.
    nodes: Vec<Compact<T>>,
    /// How many belong to trees.
    used: usize,
    /// The size of a window that holds any of the trees.
    pub(super) window: usize,
}

/// Eight rows, column by column.
pub(super) type Group<T> = [T; GROUP];

impl<T: Float> Compact<T> {
    fn new(node: &Ordered<T>, root: u32) -> Self {
        let gap = if node.feature & MISSING_LEFT != 0 { GAP } else { 0 };
        Self {
            threshold: node.threshold,
            place: (node.column() * LANES) as u16 | gap,
            left: node.left.wrapping_sub(root) as u16,
        }
    }

    fn ordered(&self, root: u32) -> Ordered<T> {
        let missing = if self.place & GAP != 0 { MISSING_LEFT } else { 0 };
        let feature = (self.place() / LANES) as u32 | missing;
        Ordered {
            threshold: self.threshold,
            feature,
            left: root.wrapping_add(self.left as i16 as u32),
        }
    }

    #[inline]
    fn place(&self) -> usize {
        usize::from(self.place & PLACE)
    }

    /// Returns a child's place, counted from the root.
    #[inline]
    fn child(&self, goes_left: bool) -> u16 {
        self.left.wrapping_add(u16::from(!goes_left))
    }

    /// `GAPS` tells that values may be missing.
    #[inline]
    fn goes_left<const GAPS: bool>(&self, value: T) -> bool {
        let missing_left = GAPS & value.is_nan() & (self.place & GAP != 0);
        (value <= self.threshold) | missing_left
    }
}

impl<T: Float> CompactList<T> {
    /// Packs the nodes of trees that begin at `roots`; `None` when they do not fit the form.
    pub(super) fn pack(ordered: &[Ordered<T>], features: usize, roots: &[Root]) -> Option<Self> {
        if features > COLUMNS {
            return None;
        }
        let starts = || roots.iter().map(|root| root.node as usize);
        let ends = starts().skip(1).chain([ordered.len()]);
        let longest = starts().zip(ends.clone()).map(|(start, end)| end - start).max()?;
        let window = [SMALL, LARGE].into_iter().find(|size| longest <= *size)?;
        let mut nodes = Vec::with_capacity(ordered.len() + window);
        for (start, end) in starts().zip(ends) {
            nodes.extend(ordered[start..end].iter().map(|node| Compact::new(node, start as u32)));
        }
        let nothing = Compact { threshold: T::NAN, place: 0, left: 0 };
        nodes.resize(ordered.len() + window, nothing);
        Some(Self { nodes, used: ordered.len(), window })
    }

    /// Returns how many nodes all trees have.
    pub(super) fn len(&self) -> usize {
        self.used
    }

    /// Returns a node of the tree that begins at `root` in the form that has more room.
    pub(super) fn ordered(&self, at: u32, root: u32) -> Ordered<T> {
        self.nodes[at as usize].ordered(root)
    }

    /// Returns the window of the tree that begins at `root`.
    pub(super) fn window<const SIZE: usize>(&self, root: u32) -> &[Compact<T>; SIZE] {
        self.nodes[root as usize..].first_chunk().expect("there is room behind the last tree")
    }

    /// Returns what walks a single row through trees that begin at `roots`.
    pub(super) fn row<'a, const GAPS: bool>(
        &'a self,
        row: &'a [T],
        roots: [usize; LANES],
    ) -> CompactRow<'a, T, GAPS> {
        CompactRow { nodes: &self.nodes, row, roots }
    }
}

/// Walks eight rows through one tree, and returns the leaves that they reach.
#[inline]
pub(super) fn descend_group<T: Float, const SIZE: usize, const GAPS: bool>(
    nodes: &[Compact<T>; SIZE],
    group: &Group<T>,
    depth: u32,
) -> [u32; LANES] {
    let mut at = [0_u32; LANES];
    let mut steps_left = depth;
    loop {
        let steps = steps_left.min(STRIDE);
        for _ in 0..steps {
            for (lane, at) in at.iter_mut().enumerate() {
                let node = &nodes[*at as usize & (SIZE - 1)];
                let goes_left = node.goes_left::<GAPS>(group[node.place() + lane]);
                // A lone leaf would come to 2^16, which is its place 0 when it is cut to the window.
                *at = u32::from(node.left) + u32::from(!goes_left);
            }
        }
        steps_left -= steps;
        let is_leaf = |at: &u32| u32::from(nodes[*at as usize & (SIZE - 1)].left) + 1 == *at;
        if steps_left == 0 || at.iter().all(is_leaf) {
            return at.map(|at| at & (SIZE as u32 - 1));
        }
    }
}

/// Walks one row through several trees.
#[derive(Clone, Copy)]
pub(super) struct CompactRow<'a, T, const GAPS: bool> {
    nodes: &'a [Compact<T>],
    row: &'a [T],
    roots: [usize; LANES],
}

impl<T: Float, const GAPS: bool> Walk for CompactRow<'_, T, GAPS> {
    #[inline]
    fn next(self, at: usize, lane: usize) -> usize {
        let node = &self.nodes[at];
        let goes_left = node.goes_left::<GAPS>(self.row[node.place() / LANES]);
        self.roots[lane] + usize::from(node.child(goes_left))
    }

    #[inline]
    fn is_leaf(self, at: usize, lane: usize) -> bool {
        self.roots[lane] + usize::from(self.nodes[at].child(false)) == at
    }
}

/// Rows in groups of eight, column by column.
pub(super) struct Groups<T> {
    values: Vec<T>,
    step: usize,
}

impl<T: Float> Groups<T> {
    /// Turns so many groups of rows with so many columns.
    pub(super) fn of(rows: &[T], features: usize, count: usize) -> Self {
        let step = features * LANES;
        // A group has more room than its columns need: the next one begins in it.
        let mut values = vec![T::default(); count * step + GROUP];
        for at in 0..count {
            let (eight, group) = (&rows[at * step..][..step], &mut values[at * step..][..step]);
            for lane in 0..LANES {
                let row = &eight[lane * features..][..features];
                for (value, lanes) in row.iter().zip(group.chunks_exact_mut(LANES)) {
                    lanes[lane] = *value;
                }
            }
        }
        Self { values, step }
    }

    /// Returns group `at`.
    pub(super) fn get(&self, at: usize) -> &Group<T> {
        self.values[at * self.step..].first_chunk().expect("there is room behind the last group")
    }
}
