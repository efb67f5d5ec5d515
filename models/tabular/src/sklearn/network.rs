//! Networks of layers: `MLPClassifier` and `MLPRegressor`.

use super::estimator::{Answer, Estimator, Methods};
use super::frame::Frame;
use super::labels::{Labels, Output};
use super::linear::{flat_if, largest_of_each, logistic, softmax, two_columns, weighted};
use super::skops::{Item, Load, Object};
use ndarray::Array2;
use std::sync::Arc;

/// Loads a network, if the class is one.
pub(super) fn load(class: &str, object: &Object<'_>) -> Load<Option<Box<dyn Estimator>>> {
    Ok(Some(match class {
        "MLPClassifier" => Box::new(Classifier::read(object)?),
        "MLPRegressor" => Box::new(Regressor { network: Network::read(object)? }),
        _ => return Ok(None),
    }))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Activation {
    Identity,
    Logistic,
    Tanh,
    Relu,
    Softmax,
    Exp,
}

impl Activation {
    fn read(object: &Object<'_>, name: &str) -> Load<Self> {
        Ok(match object.text(name)?.as_str() {
            "identity" => Self::Identity,
            "logistic" => Self::Logistic,
            "tanh" => Self::Tanh,
            "relu" => Self::Relu,
            "softmax" => Self::Softmax,
            "exp" => Self::Exp,
            _ => return object.unsupported(name),
        })
    }

    fn apply(self, mut cells: Array2<f64>) -> Array2<f64> {
        match self {
            Self::Identity => {}
            Self::Logistic => cells.mapv_inplace(logistic),
            Self::Tanh => cells.mapv_inplace(f64::tanh),
            Self::Relu => cells.mapv_inplace(|value| value.max(0.0)),
            Self::Exp => cells.mapv_inplace(f64::exp),
            Self::Softmax => return softmax(cells),
        }
        cells
    }
}

#[derive(Debug)]
struct Network {
    layers: Vec<(Array2<f64>, Vec<f64>)>,
    inner: Activation,
    last: Activation,
}

impl Network {
    fn read(object: &Object<'_>) -> Load<Self> {
        let weights = object.list("coefs_")?;
        let offsets = object.list("intercepts_")?;
        let weights: Vec<_> = weights.iter().map(Item::matrix).collect::<Load<_>>()?;
        let offsets: Vec<_> = offsets.iter().map(Item::floats).collect::<Load<_>>()?;
        let mut width = object.features()?;
        if weights.is_empty() || weights.len() != offsets.len() {
            return object.unsupported("coefs_");
        }
        for (weights, offsets) in weights.iter().zip(&offsets) {
            if weights.nrows() != width || weights.ncols() != offsets.len() {
                return object.wrong("its layers do not fit each other");
            }
            width = offsets.len();
        }
        Ok(Self {
            layers: weights.into_iter().zip(offsets).collect(),
            inner: Activation::read(object, "activation")?,
            last: Activation::read(object, "out_activation_")?,
        })
    }

    fn outputs(&self) -> usize {
        self.layers.last().map_or(0, |(_, offsets)| offsets.len())
    }

    fn run(&self, frame: &Frame) -> Answer<Array2<f64>> {
        let mut cells = frame.numbers()?.into_owned();
        for (at, (weights, offsets)) in self.layers.iter().enumerate() {
            let is_last = at + 1 == self.layers.len();
            let activation = if is_last { self.last } else { self.inner };
            cells = activation.apply(weighted(&cells, weights, offsets));
        }
        Ok(cells)
    }

    fn widest(&self) -> usize {
        self.layers.iter().map(|(_, offsets)| offsets.len()).max().unwrap_or(1)
    }
}

#[derive(Debug)]
struct Classifier {
    network: Network,
    labels: Arc<Labels>,
    is_multilabel: bool,
}

impl Classifier {
    fn read(object: &Object<'_>) -> Load<Self> {
        let network = Network::read(object)?;
        let binarizer = object.object("_label_binarizer")?;
        let is_multilabel = match binarizer.text("y_type_")?.as_str() {
            "multilabel-indicator" => true,
            "binary" | "multiclass" => false,
            _ => return binarizer.unsupported("y_type_"),
        };
        let labels = Labels::of(&binarizer)?;
        let expected = if labels.len() == 2 && !is_multilabel { 1 } else { labels.len() };
        if network.outputs() != expected {
            return object.wrong("its last layer does not fit the classes");
        }
        Ok(Self { network, labels, is_multilabel })
    }
}

impl Estimator for Classifier {
    fn methods(&self) -> Methods {
        Methods::PREDICT.with(Methods::PROBABILITIES)
    }

    fn classes(&self) -> Option<&Arc<Labels>> {
        (!self.is_multilabel).then_some(&self.labels)
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        let cells = self.network.run(frame)?;
        let above =
            |at: usize| cells.column(at).iter().map(|cell| usize::from(*cell > 0.5)).collect();
        if self.is_multilabel {
            let marks = Arc::new(Labels::Ints(vec![0, 1]));
            let targets = (0..cells.ncols()).map(|at| (above(at), Arc::clone(&marks)));
            return Ok(Output::Targets(targets.collect()));
        }
        let winners = match cells.ncols() {
            1 => above(0),
            _ => largest_of_each(&cells),
        };
        Ok(Output::Classes(winners, Arc::clone(&self.labels)))
    }

    fn probabilities(&self, frame: &Frame) -> Answer<Array2<f64>> {
        let cells = self.network.run(frame)?;
        if cells.ncols() > 1 || self.is_multilabel {
            return Ok(cells);
        }
        let rows = cells.nrows();
        Ok(two_columns(cells.into_iter(), rows))
    }

    fn numbers_per_row(&self) -> usize {
        self.network.widest()
    }
}

#[derive(Debug)]
struct Regressor {
    network: Network,
}

impl Estimator for Regressor {
    fn methods(&self) -> Methods {
        Methods::PREDICT
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        Ok(flat_if(true, self.network.run(frame)?))
    }

    fn numbers_per_row(&self) -> usize {
        self.network.widest()
    }
}
