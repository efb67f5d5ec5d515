//! Decision trees: one representation and one kernel for every format. Pure.
//!
//! Readers (ONNX, XGBoost, LightGBM, scikit-learn) produce [`Tree`]s, as their format has them;
//! [`Ensemble::build`] checks them and lays them out for speed. What a score means, and so every
//! transform behind the sum, is the reader's business: [`transform`] has the usual ones.

mod build;
mod compact;
mod ensemble;
mod float;
mod kernel;
mod leaves;
pub mod recipe;
mod restore;
#[cfg(test)]
mod tests;
pub mod transform;

pub use ensemble::Ensemble;
pub use float::Float;
pub use float::round_down;
use smallvec::SmallVec;

/// A value this near to zero is missing for [`Test::AtMostUnlessZero`], as LightGBM has it.
pub const ZERO: f64 = 1e-35_f32 as f64;

/// How a split asks its feature. NaN is never asked: it goes where the split's `missing_yes` says.
#[derive(Clone, Debug, PartialEq)]
pub enum Test<T> {
    /// `x <= t`.
    AtMost(T),
    /// `x < t`.
    Below(T),
    /// `x >= t`.
    AtLeast(T),
    /// `x > t`.
    Above(T),
    /// `x == t`.
    Equal(T),
    /// `x != t`.
    NotEqual(T),
    /// `x <= t`; a value within [`ZERO`] of zero is missing (LightGBM's missing type `Zero`).
    AtMostUnlessZero(T),
    /// `x >= 0`, and `x` without its fraction is one of these categories (XGBoost).
    In(Vec<u32>),
    /// `x > -1`, and `x` without its fraction is one of these categories (LightGBM).
    InTruncated(Vec<u32>),
    /// `x` equals one of these values (ONNX's `BRANCH_MEMBER`).
    OneOf(Vec<T>),
}

/// A node of a [`Tree`]; children are named by their place in [`Tree::nodes`].
#[derive(Clone, Debug, PartialEq)]
pub enum Node<T> {
    /// Sends a row to `yes` or `no`.
    Split {
        /// The column that is asked, from 0.
        feature: u32,
        /// What it is asked.
        test: Test<T>,
        /// Whether NaN goes to `yes`.
        missing_yes: bool,
        /// Where a row goes that passes.
        yes: u32,
        /// Where it goes otherwise.
        no: u32,
    },
    /// Ends the walk.
    Leaf {
        /// What the leaf gives to which targets; several weights for one target are all given.
        weights: Weights<T>,
    },
}

/// The weights of a leaf by target. Few need no memory of their own, as most leaves have one or two.
pub type Weights<T> = SmallVec<[(u32, T); 2]>;

/// A decision tree as a reader finds it. Node 0 is the root; nodes may stand in any order, and
/// those that the root does not reach are ignored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tree<T> {
    /// All nodes.
    pub nodes: Vec<Node<T>>,
}

/// How the weights of the reached leaves become one score for each target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// Their sum.
    Sum,
    /// Their sum, divided by the number of all trees.
    Average,
    /// The least of them; zero when no leaf has any.
    Min,
    /// The greatest of them; zero when no leaf has any.
    Max,
}
