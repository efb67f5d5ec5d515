//! Queries, keys or values: a matrix for each head of each sample.

use crate::array::{Array, volume};

/// Matrices of `rows` × `width`, by sample and head.
#[derive(Debug)]
pub(super) struct Heads {
    pub(super) batch: usize,
    pub(super) heads: usize,
    pub(super) rows: usize,
    pub(super) width: usize,
    list: Vec<f32>,
}

impl Heads {
    pub(super) fn zeros(shape: [usize; 4]) -> Result<Self, String> {
        let list = vec![0.0; volume(&shape)?];
        let [batch, heads, rows, width] = shape;
        Ok(Self { batch, heads, rows, width, list })
    }

    /// Takes a value of 4 dimensions as it is; one of 3 holds `heads` beside each other in its rows.
    pub(super) fn new(array: &Array, heads: Option<usize>) -> Result<Self, String> {
        let list: &[f32] = array.list()?;
        match (&array.shape[..], heads) {
            (&[batch, own, rows, width], heads) if heads.is_none_or(|heads| heads == own) => {
                Ok(Self { batch, heads: own, rows, width, list: list.to_vec() })
            }
            (&[batch, rows, all], Some(heads)) if all.is_multiple_of(heads) => {
                let mut own = Self::zeros([batch, heads, rows, all / heads])?;
                own.unfold(list);
                Ok(own)
            }
            (&[_, _, _], None) => Err("the number of heads is missing".to_owned()),
            (shape, Some(heads)) => Err(format!("the shape {shape:?} is not of {heads} heads")),
            (shape, None) => Err(format!("the shape {shape:?} is not of heads")),
        }
    }

    fn unfold(&mut self, list: &[f32]) {
        if list.is_empty() {
            return;
        }
        let width = self.width;
        for (at, part) in list.chunks_exact(width).enumerate() {
            let (head, row) = (at % self.heads, at / self.heads % self.rows);
            let batch = at / (self.heads * self.rows);
            let place = ((batch * self.heads + head) * self.rows + row) * width;
            self.list[place..place + width].copy_from_slice(part);
        }
    }

    /// Puts these rows behind earlier ones.
    pub(super) fn behind(&self, past: &Self) -> Result<Self, String> {
        let [mut own, mut earlier] = [self.shape(), past.shape()];
        [own[2], earlier[2]] = [0, 0];
        if own != earlier {
            let shapes = (past.shape(), self.shape());
            return Err(format!("the past {:?} does not go before {:?}", shapes.0, shapes.1));
        }
        let rows = past.rows + self.rows;
        volume(&[self.batch, self.heads, rows, self.width])?;
        let mut list = Vec::with_capacity(past.list.len() + self.list.len());
        for batch in 0..self.batch {
            for head in 0..self.heads {
                list.extend_from_slice(past.matrix(batch, head));
                list.extend_from_slice(self.matrix(batch, head));
            }
        }
        Ok(Self { rows, list, ..*self })
    }

    pub(super) fn shape(&self) -> [usize; 4] {
        [self.batch, self.heads, self.rows, self.width]
    }

    fn place(&self, batch: usize, head: usize) -> std::ops::Range<usize> {
        let size = self.rows * self.width;
        let at = (batch * self.heads + head) * size;
        at..at + size
    }

    pub(super) fn matrix(&self, batch: usize, head: usize) -> &[f32] {
        &self.list[self.place(batch, head)]
    }

    pub(super) fn matrix_mut(&mut self, batch: usize, head: usize) -> &mut [f32] {
        let place = self.place(batch, head);
        &mut self.list[place]
    }

    /// Returns a matrix with rows and columns swapped, and scaled.
    pub(super) fn turned(&self, batch: usize, head: usize, scale: f32) -> Vec<f32> {
        let list = self.matrix(batch, head);
        let column = |at: usize| list[at..].iter().step_by(self.width).map(|value| value * scale);
        let columns = if list.is_empty() { 0 } else { self.width };
        (0..columns).flat_map(column).collect()
    }

    pub(super) fn array(self) -> Array {
        Array::new(self.shape().as_slice(), self.list)
    }

    /// Returns a value of 3 dimensions, with the heads beside each other.
    pub(super) fn folded(self) -> Array {
        let mut list = Vec::with_capacity(self.list.len());
        for batch in 0..self.batch {
            for row in 0..self.rows {
                for head in 0..self.heads {
                    let own = self.matrix(batch, head);
                    list.extend_from_slice(&own[row * self.width..(row + 1) * self.width]);
                }
            }
        }
        Array::new([self.batch, self.rows, self.heads * self.width].as_slice(), list)
    }
}
