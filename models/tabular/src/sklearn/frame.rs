//! Rows on their way through a model: numbers in a matrix, or columns of which some hold text.

use super::estimator::{Answer, fail};
use ndarray::{Array2, ArrayView2, Axis, Slice, concatenate};
use std::borrow::Cow;

/// Rows of features.
#[derive(Clone, Debug)]
pub(super) enum Frame {
    /// Numbers only, row-major; NaN where one is missing.
    Numbers(Array2<f64>),
    /// Columns side by side, at least one with text.
    Mixed { rows: usize, columns: Vec<Column> },
}

/// One feature of all rows.
#[derive(Clone, Debug)]
pub(super) enum Column {
    Numbers(Vec<f64>),
    Text(Vec<Option<String>>),
}

impl Column {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Numbers(list) => list.len(),
            Self::Text(list) => list.len(),
        }
    }

    fn range(&self, from: usize, to: usize) -> Self {
        match self {
            Self::Numbers(list) => Self::Numbers(list[from..to].to_vec()),
            Self::Text(list) => Self::Text(list[from..to].to_vec()),
        }
    }
}

impl Frame {
    /// Puts columns side by side; in a matrix if all are numbers.
    pub(super) fn from_columns(rows: usize, columns: Vec<Column>) -> Self {
        if columns.iter().any(|column| matches!(column, Column::Text(_))) {
            return Self::Mixed { rows, columns };
        }
        let mut matrix = Array2::zeros((rows, columns.len()));
        for (mut target, column) in matrix.columns_mut().into_iter().zip(&columns) {
            if let Column::Numbers(list) = column {
                target.iter_mut().zip(list).for_each(|(cell, value)| *cell = *value);
            }
        }
        Self::Numbers(matrix)
    }

    pub(super) fn rows(&self) -> usize {
        match self {
            Self::Numbers(matrix) => matrix.nrows(),
            Self::Mixed { rows, .. } => *rows,
        }
    }

    pub(super) fn width(&self) -> usize {
        match self {
            Self::Numbers(matrix) => matrix.ncols(),
            Self::Mixed { columns, .. } => columns.len(),
        }
    }

    /// Returns the matrix of numbers; text is refused, all of it missing is missing numbers.
    pub(super) fn numbers(&self) -> Answer<Cow<'_, Array2<f64>>> {
        match self {
            Self::Numbers(matrix) => Ok(Cow::Borrowed(matrix)),
            Self::Mixed { rows, columns } => {
                let mut matrix = Array2::from_elem((*rows, columns.len()), f64::NAN);
                for (at, column) in columns.iter().enumerate() {
                    match column {
                        Column::Numbers(list) => {
                            let mut target = matrix.column_mut(at);
                            target.iter_mut().zip(list).for_each(|(cell, value)| *cell = *value);
                        }
                        Column::Text(list) => {
                            if let Some(text) = list.iter().flatten().next() {
                                return fail(format!(
                                    "feature {at} holds the text `{text}` where numbers are needed"
                                ));
                            }
                        }
                    }
                }
                Ok(Cow::Owned(matrix))
            }
        }
    }

    pub(super) fn into_numbers(self) -> Answer<Array2<f64>> {
        match self {
            Self::Numbers(matrix) => Ok(matrix),
            mixed @ Self::Mixed { .. } => Ok(mixed.numbers()?.into_owned()),
        }
    }

    /// Copies one column out.
    pub(super) fn column(&self, at: usize) -> Column {
        match self {
            Self::Numbers(matrix) => Column::Numbers(matrix.column(at).to_vec()),
            Self::Mixed { columns, .. } => columns[at].clone(),
        }
    }

    pub(super) fn into_columns(self) -> Vec<Column> {
        match self {
            Self::Numbers(matrix) => {
                matrix.columns().into_iter().map(|list| Column::Numbers(list.to_vec())).collect()
            }
            Self::Mixed { columns, .. } => columns,
        }
    }

    /// Copies some of the columns, in the given order.
    pub(super) fn select(&self, indices: &[usize]) -> Self {
        match self {
            Self::Numbers(matrix) => Self::Numbers(matrix.select(Axis(1), indices)),
            Self::Mixed { rows, columns } => {
                Self::from_columns(*rows, indices.iter().map(|at| columns[*at].clone()).collect())
            }
        }
    }

    /// Copies the rows from one on, up to another.
    pub(super) fn range(&self, from: usize, to: usize) -> Self {
        match self {
            Self::Numbers(matrix) => {
                Self::Numbers(matrix.slice_axis(Axis(0), Slice::from(from..to)).to_owned())
            }
            Self::Mixed { columns, .. } => Self::Mixed {
                rows: to - from,
                columns: columns.iter().map(|column| column.range(from, to)).collect(),
            },
        }
    }

    /// Puts frames with equally many rows side by side.
    pub(super) fn beside(rows: usize, frames: Vec<Self>) -> Answer<Self> {
        if frames.iter().all(|frame| matches!(frame, Self::Numbers(_))) {
            let views: Vec<ArrayView2<'_, f64>> = frames
                .iter()
                .filter_map(|frame| match frame {
                    Self::Numbers(matrix) => Some(matrix.view()),
                    Self::Mixed { .. } => None,
                })
                .collect();
            if views.is_empty() {
                return Ok(Self::Numbers(Array2::zeros((rows, 0))));
            }
            let joined = concatenate(Axis(1), &views);
            return match joined {
                // A concatenation may come out column-major.
                Ok(matrix) => Ok(Self::Numbers(row_major(matrix))),
                Err(_) => fail("the parts of a union have different numbers of rows"),
            };
        }
        let columns = frames.into_iter().flat_map(Self::into_columns).collect();
        Ok(Self::from_columns(rows, columns))
    }
}

/// Returns the same matrix, row by row in memory.
pub(super) fn row_major(matrix: Array2<f64>) -> Array2<f64> {
    if matrix.is_standard_layout() { matrix } else { matrix.as_standard_layout().into_owned() }
}
