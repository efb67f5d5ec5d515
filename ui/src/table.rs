//! Tables of runs: which columns there are, what a cell shows, in which order rows come.

mod cell;
mod choose;
mod column;
pub(crate) mod sort;

pub(crate) use cell::{cell, metric, param, tag, took};
pub(crate) use choose::choose;
pub(crate) use column::Column;
pub(crate) use sort::Sort;
