//! The classes of a classifier, and what estimators answer.

use super::skops::{Data, Item, Load, Object, Scalar};
use mlctl_table::{Tensor, Values};
use ndarray::Array2;
use std::sync::Arc;

/// The classes of a target, in the order in which probabilities come.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Labels {
    Bools(Vec<bool>),
    Ints(Vec<i64>),
    Floats(Vec<f64>),
    Text(Vec<String>),
}

impl Labels {
    /// Reads an array of classes: of numbers, of text, or of objects that are text.
    pub(super) fn read(item: Item<'_>) -> Load<Arc<Self>> {
        let labels = if item.is_list() {
            Self::of_scalars(&item)?
        } else {
            match &item.array()?.data {
                Data::Bool(list) => Self::Bools(list.clone()),
                Data::Int(list) => Self::Ints(list.clone()),
                Data::Float(list) => Self::Floats(list.clone()),
                Data::Text(list) => Self::Text(list.clone()),
                Data::Record(_) => return item.wrong("classes are numbers or text"),
            }
        };
        if labels.len() == 0 {
            return item.wrong("it has no classes");
        }
        Ok(Arc::new(labels))
    }

    pub(super) fn of(object: &Object<'_>) -> Load<Arc<Self>> {
        Self::read(object.get("classes_")?)
    }

    fn of_scalars(item: &Item<'_>) -> Load<Self> {
        let scalars: Vec<Scalar> = item.list()?.iter().map(Item::scalar).collect::<Load<_>>()?;
        let ints = scalars.iter().map(|value| match value {
            Scalar::Int(value) => Some(*value),
            _ => None,
        });
        if let Some(ints) = ints.collect() {
            return Ok(Self::Ints(ints));
        }
        let texts = scalars.iter().map(|value| match value {
            Scalar::Text(value) => Some(value.clone()),
            _ => None,
        });
        if let Some(texts) = texts.collect() {
            return Ok(Self::Text(texts));
        }
        let bools = scalars.iter().map(|value| match value {
            Scalar::Bool(value) => Some(*value),
            _ => None,
        });
        match bools.collect() {
            Some(bools) => Ok(Self::Bools(bools)),
            None => item.wrong("classes of several types are not supported"),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Bools(list) => list.len(),
            Self::Ints(list) => list.len(),
            Self::Floats(list) => list.len(),
            Self::Text(list) => list.len(),
        }
    }

    /// Returns them in the terms of ONNX.
    pub(super) fn classes(&self) -> mlctl_models_trees::recipe::Classes {
        use mlctl_models_trees::recipe::Classes;
        match self {
            Self::Bools(list) => Classes::Bools(list.clone()),
            Self::Ints(list) => Classes::Ints(list.clone()),
            Self::Floats(list) => Classes::Floats(list.clone()),
            Self::Text(list) => Classes::Text(list.clone()),
        }
    }

    /// Returns a class as a number, as an array with other numbers would hold it.
    pub(super) fn number(&self, at: usize) -> Option<f64> {
        match self {
            Self::Bools(list) => list.get(at).map(|value| f64::from(u8::from(*value))),
            Self::Ints(list) => list.get(at).map(|value| *value as f64),
            Self::Floats(list) => list.get(at).copied(),
            Self::Text(_) => None,
        }
    }

    /// Finds a class of another estimator among these.
    pub(super) fn position(&self, other: &Self, at: usize) -> Option<usize> {
        if let (Self::Text(list), Self::Text(others)) = (self, other) {
            let wanted = others.get(at)?;
            return list.iter().position(|label| label == wanted);
        }
        let wanted = other.number(at)?;
        (0..self.len()).find(|index| self.number(*index) == Some(wanted))
    }

    /// Looks classes up by their indices.
    pub(super) fn pick(&self, indices: &[usize]) -> Values {
        match self {
            Self::Bools(list) => Values::Boolean(indices.iter().map(|at| list[*at]).collect()),
            Self::Ints(list) => Values::Long(indices.iter().map(|at| list[*at]).collect()),
            Self::Floats(list) => Values::Double(indices.iter().map(|at| list[*at]).collect()),
            Self::Text(list) => {
                Values::String(indices.iter().map(|at| Some(list[*at].clone())).collect())
            }
        }
    }
}

/// What an estimator predicts.
#[derive(Clone, Debug)]
pub(super) enum Output {
    /// A number for each row.
    Vector(Vec<f64>),
    /// Several numbers for each row.
    Matrix(Array2<f64>),
    /// A class for each row, by its index.
    Classes(Vec<usize>, Arc<Labels>),
    /// A class of each of several targets for each row.
    Targets(Vec<(Vec<usize>, Arc<Labels>)>),
}

impl Output {
    /// Returns how many values there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Vector(list) => list.len(),
            Self::Matrix(matrix) => matrix.len(),
            Self::Classes(list, _) => list.len(),
            Self::Targets(targets) => targets.iter().map(|(list, _)| list.len()).sum(),
        }
    }

    /// Joins answers to consecutive rows.
    pub(super) fn append(&mut self, more: Self) {
        match (self, more) {
            (Self::Vector(list), Self::Vector(more)) => list.extend(more),
            (Self::Matrix(matrix), Self::Matrix(more)) => {
                let columns = matrix.ncols();
                let mut values = std::mem::take(matrix).into_raw_vec_and_offset().0;
                values.extend(more.iter());
                let rows = values.len().checked_div(columns).unwrap_or(0);
                *matrix = Array2::from_shape_vec((rows, columns), values).unwrap_or_default();
            }
            (Self::Classes(list, _), Self::Classes(more, _)) => list.extend(more),
            (Self::Targets(targets), Self::Targets(more)) => {
                for ((list, _), (more, _)) in targets.iter_mut().zip(more) {
                    list.extend(more);
                }
            }
            // One estimator always answers in the same form.
            _ => {}
        }
    }

    /// Returns the answer as a tensor, shaped as scikit-learn shapes it.
    pub(super) fn into_tensor(self) -> mlctl_table::Result<Tensor> {
        match self {
            Self::Vector(list) => Ok(Tensor::vector(Values::Double(list))),
            Self::Matrix(matrix) => {
                let shape = vec![matrix.nrows(), matrix.ncols()];
                Tensor::new(shape, Values::Double(matrix.iter().copied().collect()))
            }
            Self::Classes(list, labels) => Ok(Tensor::vector(labels.pick(&list))),
            Self::Targets(targets) => targets_tensor(&targets),
        }
    }

    /// Returns the numbers that are predicted, a column for each target; `None` for text.
    pub(super) fn numbers(self) -> Option<Array2<f64>> {
        match self {
            Self::Vector(list) => Array2::from_shape_vec((list.len(), 1), list).ok(),
            Self::Matrix(matrix) => Some(matrix),
            Self::Classes(list, labels) => {
                let numbers: Option<Vec<_>> = list.iter().map(|at| labels.number(*at)).collect();
                Array2::from_shape_vec((list.len(), 1), numbers?).ok()
            }
            Self::Targets(targets) => {
                let rows = targets.first().map_or(0, |(list, _)| list.len());
                let mut matrix = Array2::zeros((rows, targets.len()));
                for (at, (list, labels)) in targets.iter().enumerate() {
                    for (row, index) in list.iter().enumerate() {
                        matrix[[row, at]] = labels.number(*index)?;
                    }
                }
                Some(matrix)
            }
        }
    }
}

/// Weaves targets into rows; targets of several types become text, as numpy makes it.
fn targets_tensor(targets: &[(Vec<usize>, Arc<Labels>)]) -> mlctl_table::Result<Tensor> {
    let rows = targets.first().map_or(0, |(list, _)| list.len());
    let shape = vec![rows, targets.len()];
    let cells = (0..rows).flat_map(|row| targets.iter().map(move |(list, of)| (of, list[row])));
    let ints: Option<Vec<i64>> = cells
        .clone()
        .map(|(labels, at)| match labels.as_ref() {
            Labels::Ints(list) => Some(list[at]),
            _ => None,
        })
        .collect();
    if let Some(ints) = ints {
        return Tensor::new(shape, Values::Long(ints));
    }
    let floats: Option<Vec<f64>> = cells.clone().map(|(labels, at)| labels.number(at)).collect();
    if let Some(floats) = floats {
        return Tensor::new(shape, Values::Double(floats));
    }
    let texts = cells.map(|(labels, at)| match labels.as_ref() {
        Labels::Text(list) => Some(list[at].clone()),
        Labels::Bools(list) => Some(if list[at] { "True" } else { "False" }.to_owned()),
        Labels::Ints(list) => Some(list[at].to_string()),
        Labels::Floats(list) => Some(format!("{:?}", list[at])),
    });
    Tensor::new(shape, Values::String(texts.collect()))
}
