//! Classifiers around another one: with calibrated probabilities, or with another threshold.

use super::ensemble::{largest, places};
use super::estimator::{Answer, Estimator, Methods, fail, load_at};
use super::frame::Frame;
use super::labels::{Labels, Output};
use super::linear::{logistic, softmax};
use super::scale::interpolate;
use super::skops::{Load, Object};
use ndarray::Array2;
use std::sync::Arc;

/// Loads such a classifier, if the class is one.
pub(super) fn load(class: &str, object: &Object<'_>) -> Load<Option<Box<dyn Estimator>>> {
    Ok(Some(match class {
        "CalibratedClassifierCV" => Box::new(Calibrated::read(object)?),
        "FixedThresholdClassifier" | "TunedThresholdClassifierCV" => {
            Box::new(Threshold::read(class, object)?)
        }
        _ => return Ok(None),
    }))
}

/// What maps a classifier's scores to probabilities.
#[derive(Debug)]
enum Calibrator {
    Sigmoid { a: f64, b: f64 },
    Isotonic(Isotonic),
}

/// A rising line through points; level beyond its ends.
#[derive(Debug)]
pub(super) struct Isotonic {
    xs: Vec<f64>,
    ys: Vec<f64>,
    /// Whether what lies beyond the ends has no value.
    is_bounded: bool,
}

impl Isotonic {
    pub(super) fn read(object: &Object<'_>) -> Load<Self> {
        let xs = object.vector("X_thresholds_")?;
        let ys = object.vector_of("y_thresholds_", xs.len())?;
        if xs.is_empty() || xs.iter().any(|x| x.is_nan()) {
            return object.unsupported("X_thresholds_");
        }
        let is_bounded = match object.text("out_of_bounds")?.as_str() {
            "clip" => false,
            "nan" => true,
            _ => return object.unsupported("out_of_bounds"),
        };
        Ok(Self { xs, ys, is_bounded })
    }

    pub(super) fn at(&self, x: f64) -> f64 {
        if self.is_bounded && (x < self.xs[0] || x > self.xs[self.xs.len() - 1]) {
            return f64::NAN;
        }
        interpolate(x, &self.xs, &self.ys)
    }
}

/// One classifier with what calibrates it.
#[derive(Debug)]
struct Member {
    inner: Box<dyn Estimator>,
    /// For each class of the classifier its place among all.
    places: Vec<usize>,
    /// One for each class, or a single one for two.
    calibrators: Vec<Calibrator>,
    /// How much all scores are stretched, when temperature is the method.
    temperature: Option<f64>,
}

#[derive(Debug)]
struct Calibrated {
    members: Vec<Member>,
    labels: Arc<Labels>,
}

impl Calibrated {
    fn read(object: &Object<'_>) -> Load<Self> {
        let labels = Labels::of(object)?;
        let members = object.list("calibrated_classifiers_")?;
        let members = members.iter().map(|member| Member::read(&member.object()?, &labels));
        Ok(Self { members: members.collect::<Load<_>>()?, labels })
    }
}

impl Member {
    fn read(object: &Object<'_>, labels: &Labels) -> Load<Self> {
        let inner = load_at(object, "estimator")?;
        let places = places(object, labels, inner.as_ref())?;
        if places.len() != labels.len() {
            return object.wrong("a classifier that saw some of the classes only is not supported");
        }
        let items = object.list("calibrators")?;
        if object.text("method")? == "temperature" {
            let [item] = items.as_slice() else { return object.unsupported("calibrators") };
            if !inner.methods().has(Methods::DECISION) && labels.len() == 2 {
                return object.wrong("temperature on two probabilities is not supported");
            }
            let temperature = Some(item.object()?.number("beta_")?);
            return Ok(Self { inner, places, calibrators: Vec::new(), temperature });
        }
        let calibrators = items.iter().map(|item| {
            let calibrator = item.object()?;
            match calibrator.class() {
                "_SigmoidCalibration" => Ok(Calibrator::Sigmoid {
                    a: calibrator.number("a_")?,
                    b: calibrator.number("b_")?,
                }),
                "IsotonicRegression" => Ok(Calibrator::Isotonic(Isotonic::read(&calibrator)?)),
                _ => calibrator.wrong("this calibrator is not supported"),
            }
        });
        let calibrators: Vec<_> = calibrators.collect::<Load<_>>()?;
        let expected = if labels.len() == 2 { 1 } else { places.len() };
        if calibrators.len() != expected
            || !(inner.methods().has(Methods::DECISION)
                || inner.methods().has(Methods::PROBABILITIES))
        {
            return object.unsupported("calibrators");
        }
        Ok(Self { inner, places, calibrators, temperature: None })
    }

    fn probabilities(&self, frame: &Frame, classes: usize) -> Answer<Array2<f64>> {
        let is_decision = self.inner.methods().has(Methods::DECISION);
        let scores = match is_decision {
            true => self.inner.decision(frame)?,
            false => self.inner.probabilities(frame)?,
        };
        let rows = scores.nrows();
        if let Some(temperature) = self.temperature {
            let logits = match (is_decision, scores.ncols()) {
                (true, 1) => Array2::from_shape_fn((rows, 2), |(row, class)| {
                    if class == 0 { -scores[[row, 0]] } else { scores[[row, 0]] }
                }),
                (true, _) => scores,
                (false, _) => scores.mapv(|share| (share + 1e-12).ln()),
            };
            return Ok(softmax(logits * temperature));
        }
        // With two classes, one score stands for both: the second one's.
        let first = usize::from(classes == 2 && scores.ncols() == 2);
        if scores.ncols() < self.calibrators.len() + first {
            return fail("a classifier does not score all classes");
        }
        let mut shares = Array2::zeros((rows, classes));
        for (at, calibrator) in self.calibrators.iter().enumerate() {
            let place = if classes == 2 { 1 } else { self.places[at] };
            for row in 0..rows {
                let score = scores[[row, at + first]];
                shares[[row, place]] = match calibrator {
                    Calibrator::Sigmoid { a, b } => logistic(-(a * score + b)),
                    Calibrator::Isotonic(line) => line.at(score),
                };
            }
        }
        for mut row in shares.rows_mut() {
            if classes == 2 {
                row[0] = 1.0 - row[1];
                continue;
            }
            let sum = row.sum();
            if sum == 0.0 {
                row.fill(1.0 / classes as f64);
            } else {
                row /= sum;
            }
        }
        shares.mapv_inplace(|share| if share > 1.0 && share <= 1.0 + 1e-5 { 1.0 } else { share });
        Ok(shares)
    }
}

impl Estimator for Calibrated {
    fn methods(&self) -> Methods {
        Methods::PREDICT.with(Methods::PROBABILITIES)
    }

    fn classes(&self) -> Option<&Arc<Labels>> {
        Some(&self.labels)
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        Ok(largest(&self.probabilities(frame)?, &self.labels))
    }

    fn probabilities(&self, frame: &Frame) -> Answer<Array2<f64>> {
        let mut sums = Array2::zeros((frame.rows(), self.labels.len()));
        for member in &self.members {
            sums += &member.probabilities(frame, self.labels.len())?;
        }
        Ok(sums / self.members.len() as f64)
    }
}

/// A classifier of two classes with another threshold.
#[derive(Debug)]
struct Threshold {
    inner: Box<dyn Estimator>,
    by_probability: bool,
    threshold: f64,
    /// The class that stands for scores from the threshold on.
    positive: usize,
    labels: Arc<Labels>,
}

impl Threshold {
    fn read(class: &str, object: &Object<'_>) -> Load<Self> {
        let name = if object.find("estimator_").is_some() { "estimator_" } else { "estimator" };
        let inner = load_at(object, name)?;
        let Some(labels) = inner.classes().filter(|labels| labels.len() == 2).cloned() else {
            return object.wrong("its estimator has not two classes");
        };
        let by_probability = match object.text("response_method")?.as_str() {
            "auto" => inner.methods().has(Methods::PROBABILITIES),
            "predict_proba" => true,
            "decision_function" => false,
            _ => return object.unsupported("response_method"),
        };
        let needed = if by_probability { Methods::PROBABILITIES } else { Methods::DECISION };
        if !inner.methods().has(needed) {
            return object.unsupported("response_method");
        }
        let auto = if by_probability { 0.5 } else { 0.0 };
        let threshold = match class {
            "TunedThresholdClassifierCV" => object.number("best_threshold_")?,
            _ if object.get("threshold")?.as_text().as_deref() == Some("auto") => auto,
            _ => object.number("threshold")?,
        };
        if object.some("pos_label").is_some() {
            return object.unsupported("pos_label");
        }
        Ok(Self { inner, by_probability, threshold, positive: 1, labels })
    }
}

impl Estimator for Threshold {
    fn methods(&self) -> Methods {
        self.inner.methods().without(Methods::TRANSFORM)
    }

    fn classes(&self) -> Option<&Arc<Labels>> {
        Some(&self.labels)
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        let scores = match self.by_probability {
            true => self.inner.probabilities(frame)?.column(self.positive).to_owned(),
            false => self.inner.decision(frame)?.column(0).to_owned(),
        };
        let winners = scores.iter().map(|score| usize::from(*score >= self.threshold)).collect();
        Ok(Output::Classes(winners, Arc::clone(&self.labels)))
    }

    fn probabilities(&self, frame: &Frame) -> Answer<Array2<f64>> {
        self.inner.probabilities(frame)
    }

    fn decision(&self, frame: &Frame) -> Answer<Array2<f64>> {
        self.inner.decision(frame)
    }
}
