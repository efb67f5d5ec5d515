//! Imputers of missing values, and indicators of them.

use super::estimator::{Answer, Estimator, Methods, fail};
use super::frame::{Column, Frame, row_major};
use super::skops::{Data, Item, Load, Object, Scalar};
use ndarray::{Array2, Axis};

/// Loads an imputer, if the class is one.
pub(super) fn load(class: &str, object: &Object<'_>) -> Load<Option<Box<dyn Estimator>>> {
    Ok(Some(match class {
        "SimpleImputer" => Box::new(Simple::read(object)?),
        "MissingIndicator" => Box::new(Indicator::read(object)?),
        "KNNImputer" => Box::new(Nearest::read(object)?),
        _ => return Ok(None),
    }))
}

/// Which cells are missing.
#[derive(Clone, Debug)]
enum Missing {
    /// NaN and None.
    Nothing,
    Number(f64),
    Text(String),
}

impl Missing {
    fn read(object: &Object<'_>) -> Load<Self> {
        match object.get("missing_values")?.scalar() {
            Ok(Scalar::None) => Ok(Self::Nothing),
            Ok(Scalar::Float(value)) if value.is_nan() => Ok(Self::Nothing),
            Ok(Scalar::Float(value)) => Ok(Self::Number(value)),
            Ok(Scalar::Int(value)) => Ok(Self::Number(value as f64)),
            Ok(Scalar::Text(value)) => Ok(Self::Text(value)),
            _ => object.unsupported("missing_values"),
        }
    }

    /// Marks the missing cells of a column.
    fn mask(&self, column: &Column) -> Answer<Vec<bool>> {
        match (self, column) {
            (Self::Nothing, Column::Numbers(list)) => {
                Ok(list.iter().map(|value| value.is_nan()).collect())
            }
            (Self::Nothing, Column::Text(list)) => Ok(list.iter().map(Option::is_none).collect()),
            (Self::Number(missing), Column::Numbers(list)) => {
                if list.iter().any(|value| value.is_nan()) {
                    return fail(format!(
                        "the input contains NaN, but {missing} is what marks missing values"
                    ));
                }
                Ok(list.iter().map(|value| value == missing).collect())
            }
            (Self::Text(missing), Column::Text(list)) => {
                Ok(list.iter().map(|text| text.as_ref() == Some(missing)).collect())
            }
            (Self::Number(_), Column::Text(_)) => {
                fail("text is given where missing values are numbers")
            }
            (Self::Text(_), Column::Numbers(_)) => {
                fail("numbers are given where missing values are text")
            }
        }
    }
}

/// What a feature's missing values become.
#[derive(Clone, Debug, PartialEq)]
enum Fill {
    Number(f64),
    Text(String),
}

#[derive(Debug)]
struct Simple {
    missing: Missing,
    /// For each feature what is filled in; none where the feature is left out.
    fills: Vec<Option<Fill>>,
    indicator: Option<Indicator>,
}

impl Simple {
    fn read(object: &Object<'_>) -> Load<Self> {
        let keeps_empty =
            object.find("keep_empty_features").map_or(Ok(false), |item| item.flag())?;
        let item = object.get("statistics_")?;
        let fills = statistics(&item)?
            .into_iter()
            .map(|scalar| match scalar {
                Scalar::Int(value) => Ok(Some(Fill::Number(value as f64))),
                Scalar::Float(value) if !value.is_nan() => Ok(Some(Fill::Number(value))),
                Scalar::Bool(value) => Ok(Some(Fill::Number(f64::from(u8::from(value))))),
                Scalar::Text(value) => Ok(Some(Fill::Text(value))),
                Scalar::Float(_) if !keeps_empty => Ok(None),
                Scalar::Float(_) | Scalar::None => {
                    item.wrong("filling in nothing is not supported")
                }
            })
            .collect::<Load<Vec<_>>>()?;
        if fills.len() != object.features()? {
            return item.wrong("it does not have a value for each feature");
        }
        Ok(Self { missing: Missing::read(object)?, fills, indicator: indicator(object)? })
    }
}

fn indicator(object: &Object<'_>) -> Load<Option<Indicator>> {
    if !object.flag("add_indicator")? {
        return Ok(None);
    }
    Ok(Some(Indicator::read(&object.object("indicator_")?)?))
}

fn statistics(item: &Item<'_>) -> Load<Vec<Scalar>> {
    if item.is_list() {
        return item.list()?.iter().map(Item::scalar).collect();
    }
    Ok(match &item.array()?.data {
        Data::Text(list) => list.iter().cloned().map(Scalar::Text).collect(),
        data => match data.to_floats() {
            Ok(list) => list.into_iter().map(Scalar::Float).collect(),
            Err(_) => return item.wrong("expected numbers or text"),
        },
    })
}

impl Estimator for Simple {
    fn methods(&self) -> Methods {
        Methods::TRANSFORM
    }

    fn transform(&self, frame: Frame) -> Answer<Frame> {
        let rows = frame.rows();
        let marks = self.indicator.as_ref().map(|indicator| indicator.mark(&frame)).transpose()?;
        let mut columns = Vec::with_capacity(self.fills.len());
        for (column, fill) in frame.into_columns().into_iter().zip(&self.fills) {
            let Some(fill) = fill else { continue };
            columns.push(filled(column, fill, &self.missing)?);
        }
        let frame = Frame::from_columns(rows, columns);
        match marks {
            Some(marks) => Frame::beside(rows, vec![frame, Frame::Numbers(marks)]),
            None => Ok(frame),
        }
    }
}

fn filled(column: Column, fill: &Fill, missing: &Missing) -> Answer<Column> {
    // Without a single value, a column of text looks like one of numbers.
    let column = match (column, fill) {
        (Column::Numbers(list), Fill::Text(_)) if list.iter().all(|value| value.is_nan()) => {
            Column::Text(vec![None; list.len()])
        }
        (Column::Text(list), Fill::Number(_)) if list.iter().all(Option::is_none) => {
            Column::Numbers(vec![f64::NAN; list.len()])
        }
        (column, _) => column,
    };
    let mask = missing.mask(&column)?;
    let cells = |at: &usize| mask[*at];
    match (column, fill) {
        (Column::Numbers(mut list), Fill::Number(value)) => {
            (0..list.len()).filter(cells).for_each(|at| list[at] = *value);
            Ok(Column::Numbers(list))
        }
        (Column::Text(mut list), Fill::Text(value)) => {
            (0..list.len()).filter(cells).for_each(|at| list[at] = Some(value.clone()));
            Ok(Column::Text(list))
        }
        (Column::Numbers(_), Fill::Text(_)) => fail("numbers are given for a feature that is text"),
        (Column::Text(_), Fill::Number(_)) => fail("text is given for a feature that is a number"),
    }
}

/// A column for each feature that may be missing: 1 where it is.
#[derive(Debug)]
struct Indicator {
    missing: Missing,
    features: Vec<usize>,
    width: usize,
    refuses_new: bool,
}

impl Indicator {
    fn read(object: &Object<'_>) -> Load<Self> {
        let width = match object.find("n_features_in_") {
            Some(item) => item.count()?,
            None => object.count("_n_features")?,
        };
        let features = object.get("features_")?.indices()?;
        if features.iter().any(|feature| *feature >= width) {
            return object.unsupported("features_");
        }
        let is_partial = match object.text("features")?.as_str() {
            "missing-only" => true,
            "all" => false,
            _ => return object.unsupported("features"),
        };
        let refuses_new = is_partial && object.flag("error_on_new")?;
        Ok(Self { missing: Missing::read(object)?, features, width, refuses_new })
    }

    fn mark(&self, frame: &Frame) -> Answer<Array2<f64>> {
        if frame.width() != self.width {
            return fail(format!("X has {} features, {} are expected", frame.width(), self.width));
        }
        if self.refuses_new {
            for at in (0..self.width).filter(|at| !self.features.contains(at)) {
                if self.missing.mask(&frame.column(at))?.contains(&true) {
                    return fail(format!(
                        "feature {at} has missing values, but had none when the model was fitted"
                    ));
                }
            }
        }
        let mut marks = Array2::zeros((frame.rows(), self.features.len()));
        for (target, at) in self.features.iter().enumerate() {
            for (row, is_missing) in self.missing.mask(&frame.column(*at))?.into_iter().enumerate()
            {
                marks[[row, target]] = f64::from(u8::from(is_missing));
            }
        }
        Ok(marks)
    }
}

impl Estimator for Indicator {
    fn methods(&self) -> Methods {
        Methods::TRANSFORM
    }

    fn transform(&self, frame: Frame) -> Answer<Frame> {
        Ok(Frame::Numbers(self.mark(&frame)?))
    }
}

/// The mean of the nearest training rows that have the value.
#[derive(Debug)]
struct Nearest {
    neighbors: usize,
    by_distance: bool,
    training: Array2<f64>,
    /// The mean of each feature, for rows that are near to none.
    means: Vec<f64>,
    /// The features that come out.
    kept: Vec<usize>,
    indicator: Option<Indicator>,
}

impl Nearest {
    fn read(object: &Object<'_>) -> Load<Self> {
        object.require_text("metric", &["nan_euclidean"])?;
        if object.get("metric")?.as_text().is_none() {
            return object.unsupported("metric");
        }
        let by_distance = match object.get("weights")?.as_text().as_deref() {
            Some("uniform") => false,
            Some("distance") => true,
            _ => return object.unsupported("weights"),
        };
        if !matches!(Missing::read(object)?, Missing::Nothing) {
            return object.unsupported("missing_values");
        }
        let training = object.matrix("_fit_X")?;
        if training.ncols() != object.features()? || training.nrows() == 0 {
            return object.unsupported("_fit_X");
        }
        let valid = object.get("_valid_mask")?.flags()?;
        if valid.len() != training.ncols() {
            return object.unsupported("_valid_mask");
        }
        if object.find("keep_empty_features").map_or(Ok(false), |item| item.flag())?
            && valid.contains(&false)
        {
            return object.unsupported("keep_empty_features");
        }
        let means = training.axis_iter(Axis(1)).map(|column| {
            let known = column.iter().filter(|value| !value.is_nan());
            let (sum, count) =
                known.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
            sum / count
        });
        Ok(Self {
            neighbors: object.count("n_neighbors")?,
            by_distance,
            means: means.collect(),
            kept: (0..valid.len()).filter(|at| valid[*at]).collect(),
            training,
            indicator: indicator(object)?,
        })
    }

    fn fill(&self, row: &[f64], feature: usize) -> f64 {
        let known = self.training.rows().into_iter().filter(|other| !other[feature].is_nan());
        let mut near: Vec<(f64, f64)> = known
            .map(|other| (partial_distance(row, other.iter().copied()), other[feature]))
            .filter(|(distance, _)| !distance.is_nan())
            .collect();
        if near.is_empty() {
            return self.means[feature];
        }
        near.sort_by(|one, other| one.0.total_cmp(&other.0));
        near.truncate(self.neighbors);
        if !self.by_distance {
            return near.iter().map(|(_, value)| value).sum::<f64>() / near.len() as f64;
        }
        let is_exact = near.iter().any(|(distance, _)| *distance == 0.0);
        let weight = |distance: f64| match is_exact {
            true => f64::from(u8::from(distance == 0.0)),
            false => 1.0 / distance,
        };
        let weights: f64 = near.iter().map(|(distance, _)| weight(*distance)).sum();
        near.iter().map(|(distance, value)| weight(*distance) * value).sum::<f64>() / weights
    }
}

/// Returns the Euclidean distance over the features that both rows have, scaled up to all of them.
fn partial_distance(row: &[f64], other: impl Iterator<Item = f64>) -> f64 {
    let both = row.iter().zip(other).filter(|(one, other)| !one.is_nan() && !other.is_nan());
    let (sum, count) = both.fold((0.0, 0_usize), |(sum, count), (one, other)| {
        (sum + (one - other) * (one - other), count + 1)
    });
    if count == 0 { f64::NAN } else { (sum * row.len() as f64 / count as f64).sqrt() }
}

impl Estimator for Nearest {
    fn methods(&self) -> Methods {
        Methods::TRANSFORM
    }

    fn transform(&self, frame: Frame) -> Answer<Frame> {
        let rows = row_major(frame.into_numbers()?);
        let mut imputed = rows.clone();
        for (row, mut target) in rows.rows().into_iter().zip(imputed.rows_mut()) {
            let row = row.to_vec();
            for feature in 0..row.len() {
                if row[feature].is_nan() {
                    target[feature] = self.fill(&row, feature);
                }
            }
        }
        let kept = Frame::Numbers(imputed).select(&self.kept);
        match &self.indicator {
            Some(indicator) => {
                let marks = indicator.mark(&Frame::Numbers(rows))?;
                Frame::beside(kept.rows(), vec![kept, Frame::Numbers(marks)])
            }
            None => Ok(kept),
        }
    }
}
