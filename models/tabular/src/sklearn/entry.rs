//! What a caller sends becomes the frame that the first estimator takes.

use super::estimator::{Answer, fail};
use super::frame::{Column, Frame};
use super::skops::{Item, Load, Object};
use mlctl_table::{Input, Table, Tensor, Values};
use ndarray::{Array2, ArrayViewMut1};

/// The columns that a model was fitted with.
#[derive(Debug)]
pub(super) struct Entry {
    /// Their names, if it was fitted with a table.
    names: Option<Vec<String>>,
    /// Which of them are needed, when columns are chosen by name: in any order, among others.
    chosen: Option<Vec<bool>>,
}

impl Entry {
    pub(super) fn read(object: &Object<'_>) -> Load<Self> {
        let first = first_of(*object)?;
        let names = first.some("feature_names_in_").map(|item| item.texts()).transpose()?;
        let mut chosen = None;
        if first.class() == "ColumnTransformer"
            && let Some(names) = &names
        {
            chosen = Some(chosen_by(&first, names.len())?);
        }
        Ok(Self { names, chosen })
    }

    /// Returns the names of the columns, if the model was fitted with a table.
    pub(super) fn names(&self) -> Option<&[String]> {
        self.names.as_deref()
    }

    /// Lays the input out as the model was fitted.
    pub(super) fn frame(&self, input: &Input) -> Answer<Frame> {
        match input {
            Input::Table(table) => self.table(table),
            Input::Tensor(tensor) => from_tensor(tensor),
            Input::Named(tensors) => match Table::new(tensors.clone()) {
                Ok(table) => self.table(&table),
                Err(error) => fail(error.to_string()),
            },
        }
    }

    fn table(&self, table: &Table) -> Answer<Frame> {
        let given = table.columns();
        if let [(_, only)] = given
            && only.shape().len() > 1
        {
            return from_tensor(only);
        }
        let Some(names) = &self.names else {
            let columns: Vec<_> = given.iter().map(|(_, column)| Some(column)).collect();
            return from_vectors(table.rows(), &columns);
        };
        if let Some(chosen) = &self.chosen {
            return from_vectors(table.rows(), &by_name(given, names, chosen)?);
        }
        if given.iter().map(|(name, _)| name).eq(names) {
            let columns: Vec<_> = given.iter().map(|(_, column)| Some(column)).collect();
            return from_vectors(table.rows(), &columns);
        }
        refuse_names(given, names)
    }
}

/// Finds the part of a model that sees its input first.
fn first_of(object: Object<'_>) -> Load<Object<'_>> {
    if object.some("feature_names_in_").is_some() {
        return Ok(object);
    }
    let (list, next) = match object.class() {
        "Pipeline" => ("steps", None),
        "FeatureUnion" => ("transformer_list", None),
        "GridSearchCV" | "RandomizedSearchCV" => ("", Some("best_estimator_")),
        _ => return Ok(object),
    };
    if let Some(next) = next {
        return first_of(object.object(next)?);
    }
    for step in object.list(list)? {
        if let Some(inner) = step.list()?.get(1).filter(|inner| inner.is_object()) {
            return first_of(inner.object()?);
        }
    }
    Ok(object)
}

fn chosen_by(object: &Object<'_>, width: usize) -> Load<Vec<bool>> {
    let mut chosen = vec![false; width];
    let indices = object.get("_transformer_to_input_indices")?.dict()?;
    for entry in object.list("transformers_")? {
        let parts = entry.list()?;
        let [name, transformer, ..] = parts.as_slice() else { continue };
        if transformer.as_text().as_deref() == Some("drop") {
            continue;
        }
        let name = name.text()?;
        let columns = indices.iter().find(|(key, _)| *key == name).map(|(_, columns)| columns);
        for column in columns.map(Item::indices).transpose()?.unwrap_or_default() {
            if let Some(is_chosen) = chosen.get_mut(column) {
                *is_chosen = true;
            }
        }
    }
    Ok(chosen)
}

fn by_name<'a>(
    given: &'a [(String, Tensor)],
    names: &[String],
    chosen: &[bool],
) -> Answer<Vec<Option<&'a Tensor>>> {
    let mut columns = Vec::with_capacity(names.len());
    let mut lacking = Vec::new();
    for (name, is_chosen) in names.iter().zip(chosen) {
        let found = given.iter().find(|(column, _)| column == name).map(|(_, column)| column);
        if found.is_none() && *is_chosen {
            lacking.push(format!("`{name}`"));
        }
        columns.push(found);
    }
    if lacking.is_empty() {
        return Ok(columns);
    }
    fail(format!("columns are missing: {}", lacking.join(", ")))
}

fn refuse_names<T>(given: &[(String, Tensor)], names: &[String]) -> Answer<T> {
    let list = |names: Vec<&String>| {
        names.iter().take(5).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    };
    let has = |name: &String| given.iter().any(|(column, _)| column == name);
    let lacking: Vec<_> = names.iter().filter(|name| !has(name)).collect();
    if !lacking.is_empty() {
        return fail(format!("the input has no features {}", list(lacking)));
    }
    let strange: Vec<_> =
        given.iter().map(|(name, _)| name).filter(|name| !names.contains(name)).collect();
    if !strange.is_empty() {
        return fail(format!(
            "the input has the features {}, which the model was not fitted with",
            list(strange)
        ));
    }
    fail(format!(
        "the features must be in the same order as when the model was fitted: {}",
        list(names.iter().collect())
    ))
}

/// Puts columns side by side; one that is not there, and not needed, is missing values.
fn from_vectors(rows: usize, columns: &[Option<&Tensor>]) -> Answer<Frame> {
    let is_vector = |tensor: &&Tensor| tensor.values().len() == rows;
    if let Some(tensor) = columns.iter().flatten().find(|tensor| !is_vector(tensor)) {
        return fail(format!(
            "a column has cells of shape {}, where single values are needed",
            mlctl_table::show_shape(tensor.shape().get(1..).unwrap_or_default())
        ));
    }
    let is_text = |tensor: &&Tensor| matches!(tensor.values(), Values::String(_));
    if columns.iter().flatten().any(is_text) {
        let column = |tensor: &Option<&Tensor>| match tensor {
            Some(tensor) => column_of(tensor.values()),
            None => Column::Numbers(vec![f64::NAN; rows]),
        };
        return Ok(Frame::Mixed { rows, columns: columns.iter().map(column).collect() });
    }
    let mut matrix = Array2::from_elem((rows, columns.len()), f64::NAN);
    for (target, tensor) in matrix.columns_mut().into_iter().zip(columns) {
        if let Some(tensor) = tensor {
            fill(target, tensor.values());
        }
    }
    Ok(Frame::Numbers(matrix))
}

fn from_tensor(tensor: &Tensor) -> Answer<Frame> {
    let (rows, width) = match (tensor.shape(), tensor.values()) {
        ([rows, width], _) => (*rows, *width),
        ([rows], Values::String(_)) => (*rows, 1),
        (shape, _) => {
            return fail(format!(
                "expected rows of features, got an array of shape {}",
                mlctl_table::show_shape(shape)
            ));
        }
    };
    if let Values::String(list) = tensor.values() {
        let column =
            |at: usize| Column::Text(list.iter().skip(at).step_by(width.max(1)).cloned().collect());
        return Ok(Frame::Mixed { rows, columns: (0..width).map(column).collect() });
    }
    let mut list = ndarray::Array1::zeros(tensor.values().len());
    fill(list.view_mut(), tensor.values());
    match Array2::from_shape_vec((rows, width), list.to_vec()) {
        Ok(matrix) => Ok(Frame::Numbers(matrix)),
        Err(error) => fail(error.to_string()),
    }
}

fn column_of(values: &Values) -> Column {
    if let Values::String(list) = values {
        return Column::Text(list.clone());
    }
    let mut list = ndarray::Array1::zeros(values.len());
    fill(list.view_mut(), values);
    Column::Numbers(list.to_vec())
}

/// Writes values as numbers.
fn fill(mut target: ArrayViewMut1<'_, f64>, values: &Values) {
    let cells = target.iter_mut();
    match values {
        Values::Boolean(list) => {
            cells.zip(list).for_each(|(cell, value)| *cell = f64::from(u8::from(*value)));
        }
        Values::Integer(list) => {
            cells.zip(list).for_each(|(cell, value)| *cell = f64::from(*value))
        }
        Values::Long(list) => cells.zip(list).for_each(|(cell, value)| *cell = *value as f64),
        Values::Float(list) => cells.zip(list).for_each(|(cell, value)| *cell = f64::from(*value)),
        Values::Double(list) => cells.zip(list).for_each(|(cell, value)| *cell = *value),
        Values::String(_) => cells.for_each(|cell| *cell = f64::NAN),
    }
}
