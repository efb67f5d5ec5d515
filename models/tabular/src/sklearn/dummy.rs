//! Estimators that hardly look at their input.

use super::calibrate::Isotonic;
use super::estimator::{Answer, Estimator, Methods, fail};
use super::frame::Frame;
use super::labels::{Labels, Output};
use super::linear::{first_of_largest, flat_if};
use super::skops::{Load, Object, Scalar};
use ndarray::{Array2, ArrayView1};
use std::sync::Arc;

/// Loads such an estimator, if the class is one.
pub(super) fn load(class: &str, object: &Object<'_>) -> Load<Option<Box<dyn Estimator>>> {
    Ok(Some(match class {
        "DummyClassifier" => Box::new(Classifier::read(object)?),
        "DummyRegressor" => {
            Box::new(Regressor { constant: object.matrix("constant_")?.row(0).to_vec() })
        }
        "IsotonicRegression" => Box::new(Line { line: Isotonic::read(object)? }),
        _ => return Ok(None),
    }))
}

#[derive(Debug)]
struct Classifier {
    winner: usize,
    shares: Vec<f64>,
    labels: Arc<Labels>,
}

impl Classifier {
    fn read(object: &Object<'_>) -> Load<Self> {
        if object.count("n_outputs_")? != 1 {
            return object.unsupported("n_outputs_");
        }
        let labels = Labels::of(object)?;
        let prior = object.vector_of("class_prior_", labels.len())?;
        let most = first_of_largest(&ArrayView1::from(&prior));
        let only = |winner: usize| {
            (0..labels.len()).map(|at| f64::from(u8::from(at == winner))).collect::<Vec<_>>()
        };
        let (winner, shares) = match object.text("strategy")?.as_str() {
            "prior" => (most, prior),
            "most_frequent" => (most, only(most)),
            "constant" => {
                let wanted = match object.get("constant")?.scalar() {
                    Ok(Scalar::Text(text)) => Labels::Text(vec![text]),
                    Ok(Scalar::Int(value)) => Labels::Ints(vec![value]),
                    Ok(Scalar::Bool(value)) => Labels::Bools(vec![value]),
                    Ok(Scalar::Float(value)) => Labels::Floats(vec![value]),
                    _ => return object.unsupported("constant"),
                };
                match labels.position(&wanted, 0) {
                    Some(winner) => (winner, only(winner)),
                    None => return object.unsupported("constant"),
                }
            }
            // These draw lots.
            _ => return object.unsupported("strategy"),
        };
        Ok(Self { winner, shares, labels })
    }
}

impl Estimator for Classifier {
    fn methods(&self) -> Methods {
        Methods::PREDICT.with(Methods::PROBABILITIES)
    }

    fn classes(&self) -> Option<&Arc<Labels>> {
        Some(&self.labels)
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        Ok(Output::Classes(vec![self.winner; frame.rows()], Arc::clone(&self.labels)))
    }

    fn probabilities(&self, frame: &Frame) -> Answer<Array2<f64>> {
        Ok(Array2::from_shape_fn((frame.rows(), self.shares.len()), |(_, class)| {
            self.shares[class]
        }))
    }
}

#[derive(Debug)]
struct Regressor {
    constant: Vec<f64>,
}

impl Estimator for Regressor {
    fn methods(&self) -> Methods {
        Methods::PREDICT
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        let shape = (frame.rows(), self.constant.len());
        Ok(flat_if(true, Array2::from_shape_fn(shape, |(_, target)| self.constant[target])))
    }
}

/// Isotonic regression of one feature.
#[derive(Debug)]
struct Line {
    line: Isotonic,
}

impl Line {
    fn values(&self, frame: &Frame) -> Answer<Vec<f64>> {
        let rows = frame.numbers()?;
        if rows.ncols() != 1 {
            return fail("isotonic regression takes one feature");
        }
        Ok(rows.iter().map(|x| self.line.at(*x)).collect())
    }
}

impl Estimator for Line {
    fn methods(&self) -> Methods {
        Methods::PREDICT
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        Ok(Output::Vector(self.values(frame)?))
    }
}
