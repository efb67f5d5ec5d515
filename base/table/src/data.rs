//! Typed values on their way into a model and out of it. Pure.

use crate::schema::DataType;
use crate::{Error, Result};
use std::sync::Arc;

/// Turns columns of one variant of [`Values`] into rows; leaves the function when one differs.
macro_rules! weave {
    ($table:ident, $variant:ident) => {{
        let mut lists = Vec::with_capacity($table.columns.len());
        for (_, column) in $table.columns {
            match column.values {
                Values::$variant(list) if list.len() == $table.rows => lists.push(list.into_iter()),
                _ => return None,
            }
        }
        let mut rows = Vec::with_capacity($table.rows * lists.len());
        for _ in 0..$table.rows {
            rows.extend(lists.iter_mut().filter_map(Iterator::next));
        }
        Values::$variant(rows)
    }};
}

/// Values of one type, in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// True or false.
    Boolean(Vec<bool>),
    /// 32-bit integers.
    Integer(Vec<i32>),
    /// 64-bit integers.
    Long(Vec<i64>),
    /// 32-bit floats; NaN where a value is missing.
    Float(Vec<f32>),
    /// 64-bit floats; NaN where a value is missing.
    Double(Vec<f64>),
    /// Text, `None` where it is missing.
    String(Vec<Option<String>>),
}

impl Values {
    /// Returns how many values there are.
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Self::Boolean(list) => list.len(),
            Self::Integer(list) => list.len(),
            Self::Long(list) => list.len(),
            Self::Float(list) => list.len(),
            Self::Double(list) => list.len(),
            Self::String(list) => list.len(),
        }
    }

    /// Tells whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the type that all of them have.
    #[inline]
    pub fn data_type(&self) -> DataType {
        match self {
            Self::Boolean(_) => DataType::Boolean,
            Self::Integer(_) => DataType::Integer,
            Self::Long(_) => DataType::Long,
            Self::Float(_) => DataType::Float,
            Self::Double(_) => DataType::Double,
            Self::String(_) => DataType::String,
        }
    }
}

/// Values with a shape; their number is the product of its dimensions.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    values: Values,
    classes: Option<Arc<[String]>>,
}

impl Tensor {
    /// Gives values a shape.
    ///
    /// # Errors
    /// [`Error::Invalid`] when their number is not the product of the dimensions.
    pub fn new(shape: Vec<usize>, values: Values) -> Result<Self> {
        let volume = shape.iter().try_fold(1_usize, |volume, size| volume.checked_mul(*size));
        if volume != Some(values.len()) {
            return Err(Error::invalid(format!(
                "{} values do not fill a tensor of shape {}",
                values.len(),
                show_shape(&shape)
            )));
        }
        Ok(Self { shape, values, classes: None })
    }

    /// Makes the tensor of rank 1 that holds the values.
    pub fn vector(values: Values) -> Self {
        Self { shape: vec![values.len()], values, classes: None }
    }

    /// Names the places along the last dimension: the classes of a matrix of probabilities.
    ///
    /// An answer then holds objects in place of lists, as MLflow answers ONNX's lists of maps.
    #[must_use]
    pub fn with_classes(self, classes: Arc<[String]>) -> Self {
        Self { classes: Some(classes), ..self }
    }

    /// Returns the names of the places along the last dimension, when they have any.
    #[inline]
    pub fn classes(&self) -> Option<&[String]> {
        self.classes.as_deref()
    }

    /// Returns the dimensions; none for a single value.
    #[inline]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Returns the values in row-major order.
    #[inline]
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// Copies one column out of a matrix.
    pub fn matrix_column(&self, at: usize) -> Self {
        let width = self.shape.last().copied().unwrap_or(1).max(1);
        let pick = Picked { at, width };
        Self::vector(match &self.values {
            Values::Boolean(list) => Values::Boolean(pick.of(list)),
            Values::Integer(list) => Values::Integer(pick.of(list)),
            Values::Long(list) => Values::Long(pick.of(list)),
            Values::Float(list) => Values::Float(pick.of(list)),
            Values::Double(list) => Values::Double(pick.of(list)),
            Values::String(list) => Values::String(pick.of(list)),
        })
    }

    /// Copies some rows; `None` when they are not all there.
    pub fn rows(&self, start: usize, count: usize) -> Option<Self> {
        let (rows, inner) = self.shape.split_first()?;
        let width: usize = inner.iter().product();
        if start.checked_add(count)? > *rows {
            return None;
        }
        let range = start * width..(start + count) * width;
        let values = match &self.values {
            Values::Boolean(list) => Values::Boolean(list[range].to_vec()),
            Values::Integer(list) => Values::Integer(list[range].to_vec()),
            Values::Long(list) => Values::Long(list[range].to_vec()),
            Values::Float(list) => Values::Float(list[range].to_vec()),
            Values::Double(list) => Values::Double(list[range].to_vec()),
            Values::String(list) => Values::String(list[range].to_vec()),
        };
        let shape = [&[count], inner].concat();
        Some(Self { shape, values, classes: self.classes.clone() })
    }

    /// Repeats the rows in their order until there are so many.
    fn repeated(&self, rows: usize) -> Result<Self> {
        let Some((_, inner)) = self.shape.split_first() else {
            return Err(Error::invalid("a single value has no rows"));
        };
        if self.values.is_empty() {
            return Err(Error::invalid("there are no rows to repeat"));
        }
        let volume = rows * inner.iter().product::<usize>();
        fn cycle<T: Clone>(list: &[T], volume: usize) -> Vec<T> {
            list.iter().cycle().take(volume).cloned().collect()
        }
        let values = match &self.values {
            Values::Boolean(list) => Values::Boolean(cycle(list, volume)),
            Values::Integer(list) => Values::Integer(cycle(list, volume)),
            Values::Long(list) => Values::Long(cycle(list, volume)),
            Values::Float(list) => Values::Float(cycle(list, volume)),
            Values::Double(list) => Values::Double(cycle(list, volume)),
            Values::String(list) => Values::String(cycle(list, volume)),
        };
        let shape = [&[rows], inner].concat();
        Self::new(shape, values)
    }

    /// Takes shape and values apart.
    #[inline]
    pub fn into_parts(self) -> (Vec<usize>, Values) {
        (self.shape, self.values)
    }
}

/// Named columns with equally many rows. A cell is a value, or a tensor of its own when the column
/// has a rank above 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    columns: Vec<(String, Tensor)>,
    rows: usize,
}

impl Table {
    /// Puts columns beside each other; the first dimension of each counts its rows.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a column has no rows to count, or other rows than the first one.
    pub fn new(columns: Vec<(String, Tensor)>) -> Result<Self> {
        let rows = columns.first().and_then(|(_, first)| first.shape().first()).copied();
        let rows = rows.unwrap_or_default();
        if columns.iter().any(|(_, column)| column.shape().first() != Some(&rows)) {
            return Err(Error::invalid(
                "The length of values for each input/column name are not the same",
            ));
        }
        Ok(Self { columns, rows })
    }

    /// Returns the columns in order.
    #[inline]
    pub fn columns(&self) -> &[(String, Tensor)] {
        &self.columns
    }

    /// Returns the number of rows.
    #[inline]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Takes the columns out.
    #[inline]
    pub fn into_columns(self) -> Vec<(String, Tensor)> {
        self.columns
    }

    /// Puts the columns side by side in a matrix; `None` unless all are vectors of one type.
    pub fn into_matrix(self) -> Option<Tensor> {
        let shape = vec![self.rows, self.columns.len()];
        let first = self.columns.first()?.1.values().data_type();
        let values = match first {
            DataType::Boolean => weave!(self, Boolean),
            DataType::Integer => weave!(self, Integer),
            DataType::Long => weave!(self, Long),
            DataType::Float => weave!(self, Float),
            DataType::Double => weave!(self, Double),
            DataType::String => weave!(self, String),
            DataType::Binary | DataType::Datetime => return None,
        };
        Some(Tensor { shape, values, classes: None })
    }
}

/// Every `width`-th value, from `at` on.
struct Picked {
    at: usize,
    width: usize,
}

impl Picked {
    fn of<T: Clone>(&self, list: &[T]) -> Vec<T> {
        list.iter().skip(self.at).step_by(self.width).cloned().collect()
    }
}

/// What a model is asked to score.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Named columns, as a data frame has them.
    Table(Table),
    /// One tensor without a name, for a model with a single input.
    Tensor(Tensor),
    /// Tensors by the names of the model's inputs.
    Named(Vec<(String, Tensor)>),
}

impl Input {
    /// Makes an input of so many rows, by repeating these in their order.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is no row to repeat.
    pub fn repeated(&self, rows: usize) -> Result<Self> {
        let named = |tensors: &[(String, Tensor)]| {
            let repeat =
                |(name, tensor): &(String, Tensor)| Ok((name.clone(), tensor.repeated(rows)?));
            tensors.iter().map(repeat).collect::<Result<Vec<_>>>()
        };
        Ok(match self {
            Self::Table(table) => Self::Table(Table::new(named(table.columns())?)?),
            Self::Tensor(tensor) => Self::Tensor(tensor.repeated(rows)?),
            Self::Named(tensors) => Self::Named(named(tensors)?),
        })
    }
}

/// Writes where a value stands in a tensor: `[1][0]`; nothing for a single value.
pub fn show_place(mut at: usize, shape: &[usize]) -> String {
    let mut places = Vec::with_capacity(shape.len());
    for size in shape.iter().rev() {
        places.push(format!("[{}]", at % size.max(&1)));
        at /= size.max(&1);
    }
    places.into_iter().rev().collect()
}

/// Writes a shape the way numpy does: `()`, `(3,)`, `(3, 4)`.
pub fn show_shape<T: ToString>(shape: &[T]) -> String {
    match shape {
        [only] => format!("({},)", only.to_string()),
        _ => format!("({})", shape.iter().map(T::to_string).collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_must_fill_the_shape() {
        assert!(Tensor::new(vec![2, 2], Values::Long(vec![1, 2, 3, 4])).is_ok());
        assert!(Tensor::new(vec![2, 2], Values::Long(vec![1, 2, 3])).is_err());
        assert!(Tensor::new(vec![usize::MAX, 2], Values::Long(vec![])).is_err());
        assert!(Tensor::new(vec![], Values::Long(vec![7])).is_ok());
    }

    #[test]
    fn columns_must_have_equally_many_rows() {
        let two = Tensor::vector(Values::Long(vec![1, 2]));
        let one = Tensor::vector(Values::Long(vec![1]));
        let scalar = Tensor::new(vec![], Values::Long(vec![1])).unwrap();

        assert!(Table::new(vec![("a".into(), two.clone()), ("b".into(), two.clone())]).is_ok());
        assert!(Table::new(vec![("a".into(), two), ("b".into(), one)]).is_err());
        assert!(Table::new(vec![("a".into(), scalar)]).is_err());
    }

    #[test]
    fn rows_repeat_in_their_order() {
        let two = Tensor::new(vec![2, 2], Values::Long(vec![1, 2, 3, 4])).unwrap();

        let Input::Tensor(three) = Input::Tensor(two).repeated(3).unwrap() else { panic!() };

        assert_eq!(three.shape(), [3, 2]);
        assert_eq!(three.values(), &Values::Long(vec![1, 2, 3, 4, 1, 2]));
        let none = Tensor::new(vec![0, 2], Values::Long(vec![])).unwrap();
        assert!(Input::Tensor(none).repeated(1).is_err());
    }

    #[test]
    fn shapes_are_written_as_numpy_writes_them() {
        assert_eq!(show_shape::<usize>(&[]), "()");
        assert_eq!(show_shape(&[3]), "(3,)");
        assert_eq!(show_shape(&[-1, 10]), "(-1, 10)");
    }
}
