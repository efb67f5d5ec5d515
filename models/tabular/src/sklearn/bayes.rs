//! Naive Bayes, discriminant analysis, and other models of densities.

use super::estimator::{Answer, Estimator, Methods, fail};
use super::frame::{Frame, row_major};
use super::labels::{Labels, Output};
use super::linear::{
    Linear, check_targets, largest_of_each, logistic, outlier_labels, softmax, transposed,
    two_columns, winners,
};
use super::neighbors::one_for_two;
use super::skops::{Item, Load, Object};
use ndarray::{Array2, ArrayView1, Axis};
use std::f64::consts::PI;
use std::sync::Arc;

/// Loads such a model, if the class is one.
pub(super) fn load(class: &str, object: &Object<'_>) -> Load<Option<Box<dyn Estimator>>> {
    Ok(Some(match class {
        "GaussianNB" => density(object, Gaussian::naive(object)?)?,
        "MultinomialNB" | "ComplementNB" => density(object, Counts::read(class, object)?)?,
        "BernoulliNB" => density(object, Bernoulli::read(object)?)?,
        "CategoricalNB" => density(object, Categorical::read(object)?)?,
        "QuadraticDiscriminantAnalysis" => Box::new(Quadratic::read(object)?),
        "LinearDiscriminantAnalysis" => Box::new(Discriminant::read(object)?),
        "GaussianMixture" => Box::new(Mixture::read(object)?),
        "EllipticEnvelope" => Box::new(Envelope::read(object)?),
        _ => return Ok(None),
    }))
}

/// Gives the logarithm of how likely a row is together with each class, up to what all share.
trait Likelihood: std::fmt::Debug + Send + Sync {
    fn joint(&self, frame: &Frame) -> Answer<Array2<f64>>;
}

/// A classifier by the likelihoods of its classes.
#[derive(Debug)]
struct Density<L> {
    likelihood: L,
    labels: Arc<Labels>,
}

fn density<L: Likelihood + 'static>(
    object: &Object<'_>,
    likelihood: L,
) -> Load<Box<dyn Estimator>> {
    Ok(Box::new(Density { likelihood, labels: Labels::of(object)? }))
}

impl<L: Likelihood> Estimator for Density<L> {
    fn methods(&self) -> Methods {
        Methods::PREDICT.with(Methods::PROBABILITIES)
    }

    fn classes(&self) -> Option<&Arc<Labels>> {
        Some(&self.labels)
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        let joint = self.likelihood.joint(frame)?;
        let winners = largest_of_each(&joint);
        Ok(Output::Classes(winners, Arc::clone(&self.labels)))
    }

    fn probabilities(&self, frame: &Frame) -> Answer<Array2<f64>> {
        Ok(softmax(self.likelihood.joint(frame)?))
    }
}

/// A normal distribution of each feature in each class.
#[derive(Debug)]
struct Gaussian {
    means: Array2<f64>,
    variances: Array2<f64>,
    /// What does not depend on the row.
    constants: Vec<f64>,
}

impl Gaussian {
    fn naive(object: &Object<'_>) -> Load<Self> {
        let shape = (Labels::of(object)?.len(), object.features()?);
        let means = object.matrix_of("theta_", shape)?;
        let variances = object.matrix_of("var_", shape)?;
        let shares = object.vector_of("class_prior_", shape.0)?;
        let constants = shares.iter().zip(variances.rows()).map(|(share, row)| {
            share.ln() - 0.5 * row.iter().map(|variance| (2.0 * PI * variance).ln()).sum::<f64>()
        });
        Ok(Self { constants: constants.collect(), means, variances })
    }
}

impl Likelihood for Gaussian {
    fn joint(&self, frame: &Frame) -> Answer<Array2<f64>> {
        let rows = frame.numbers()?;
        Ok(Array2::from_shape_fn((rows.nrows(), self.constants.len()), |(row, class)| {
            let spread = self.means.row(class).into_iter().zip(self.variances.row(class));
            let squares = rows
                .row(row)
                .into_iter()
                .zip(spread)
                .map(|(value, (mean, variance))| (value - mean) * (value - mean) / variance);
            self.constants[class] - 0.5 * squares.sum::<f64>()
        }))
    }
}

/// Counts, weighed by logarithms of shares.
#[derive(Debug)]
struct Counts {
    /// A column for each class.
    weights: Array2<f64>,
    constants: Vec<f64>,
}

impl Counts {
    fn read(class: &str, object: &Object<'_>) -> Load<Self> {
        let shape = (Labels::of(object)?.len(), object.features()?);
        let mut constants = object.vector_of("class_log_prior_", shape.0)?;
        if class == "ComplementNB" && shape.0 > 1 {
            constants.fill(0.0);
        }
        Ok(Self { weights: transposed(&object.matrix_of("feature_log_prob_", shape)?), constants })
    }
}

impl Likelihood for Counts {
    fn joint(&self, frame: &Frame) -> Answer<Array2<f64>> {
        let joint = row_major(frame.numbers()?.dot(&self.weights));
        Ok(joint + ArrayView1::from(&self.constants))
    }
}

/// Features that are there or not.
#[derive(Debug)]
struct Bernoulli {
    threshold: Option<f64>,
    counts: Counts,
}

impl Bernoulli {
    fn read(object: &Object<'_>) -> Load<Self> {
        let shape = (Labels::of(object)?.len(), object.features()?);
        let present = object.matrix_of("feature_log_prob_", shape)?;
        let absent = present.mapv(|log| (1.0 - log.exp()).ln());
        let mut constants = object.vector_of("class_log_prior_", shape.0)?;
        for (constant, row) in constants.iter_mut().zip(absent.rows()) {
            *constant += row.sum();
        }
        let threshold = object.some("binarize").map(|item| item.number()).transpose()?;
        Ok(Self {
            threshold,
            counts: Counts { weights: transposed(&(present - absent)), constants },
        })
    }
}

impl Likelihood for Bernoulli {
    fn joint(&self, frame: &Frame) -> Answer<Array2<f64>> {
        let Some(threshold) = self.threshold else { return self.counts.joint(frame) };
        let marks = frame.numbers()?.mapv(|value| f64::from(u8::from(value > threshold)));
        self.counts.joint(&Frame::Numbers(marks))
    }
}

/// Categories, numbered from 0.
#[derive(Debug)]
struct Categorical {
    /// For each feature a row for each class, and a column for each category.
    logs: Vec<Array2<f64>>,
    constants: Vec<f64>,
}

impl Categorical {
    fn read(object: &Object<'_>) -> Load<Self> {
        let logs = object.list("feature_log_prob_")?;
        let logs: Vec<_> = logs.iter().map(Item::matrix).collect::<Load<_>>()?;
        let constants = object.vector("class_log_prior_")?;
        let fits = logs.len() == object.features()?
            && logs.iter().all(|matrix| matrix.nrows() == constants.len());
        if fits { Ok(Self { logs, constants }) } else { object.unsupported("feature_log_prob_") }
    }
}

impl Likelihood for Categorical {
    fn joint(&self, frame: &Frame) -> Answer<Array2<f64>> {
        let rows = frame.numbers()?;
        let mut joint = Array2::zeros((rows.nrows(), self.constants.len()));
        for (row, mut cells) in rows.rows().into_iter().zip(joint.rows_mut()) {
            for (feature, (value, logs)) in row.iter().zip(&self.logs).enumerate() {
                // The cast rounds towards zero, as numpy's does; it is never below after the test.
                let category = *value as usize;
                if *value <= -1.0 || category >= logs.ncols() {
                    return fail(format!("feature {feature} has no category {value}"));
                }
                cells += &logs.column(category);
            }
            cells += &ArrayView1::from(&self.constants);
        }
        Ok(joint)
    }
}

/// Quadratic discriminants: a normal distribution for each class.
#[derive(Debug)]
struct Quadratic {
    classes: Vec<Normal>,
    labels: Arc<Labels>,
}

/// A normal distribution: its mean, what makes it a standard one, and a constant.
#[derive(Debug)]
struct Normal {
    mean: Vec<f64>,
    whitening: Array2<f64>,
    constant: f64,
}

impl Quadratic {
    fn read(object: &Object<'_>) -> Load<Self> {
        let labels = Labels::of(object)?;
        let features = object.features()?;
        let means = object.matrix_of("means_", (labels.len(), features))?;
        let shares = object.vector_of("priors_", labels.len())?;
        let (rotations, scalings) = (object.list("rotations_")?, object.list("scalings_")?);
        if rotations.len() != labels.len() || scalings.len() != labels.len() {
            return object.unsupported("rotations_");
        }
        let mut classes = Vec::with_capacity(labels.len());
        for class in 0..labels.len() {
            let scaling = scalings[class].floats()?;
            let mut whitening = rotations[class].matrix()?;
            if whitening.dim() != (features, scaling.len()) {
                return object.unsupported("rotations_");
            }
            for (mut column, scale) in whitening.columns_mut().into_iter().zip(&scaling) {
                column *= scale.powf(-0.5);
            }
            let spread: f64 = scaling.iter().map(|scale| scale.ln()).sum();
            let constant = shares[class].ln() - 0.5 * spread;
            classes.push(Normal { mean: means.row(class).to_vec(), whitening, constant });
        }
        Ok(Self { classes, labels })
    }

    fn scores(&self, frame: &Frame) -> Answer<Array2<f64>> {
        let rows = frame.numbers()?;
        let mut scores = Array2::zeros((rows.nrows(), self.classes.len()));
        for (class, mut column) in self.classes.iter().zip(scores.columns_mut()) {
            let white = (&*rows - &ArrayView1::from(&class.mean)).dot(&class.whitening);
            for (cell, row) in column.iter_mut().zip(white.rows()) {
                *cell = class.constant - 0.5 * row.iter().map(|value| value * value).sum::<f64>();
            }
        }
        Ok(scores)
    }
}

impl Estimator for Quadratic {
    fn methods(&self) -> Methods {
        Methods::PREDICT.with(Methods::PROBABILITIES).with(Methods::DECISION)
    }

    fn classes(&self) -> Option<&Arc<Labels>> {
        Some(&self.labels)
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        let scores = self.scores(frame)?;
        let winners = largest_of_each(&scores);
        Ok(Output::Classes(winners, Arc::clone(&self.labels)))
    }

    fn decision(&self, frame: &Frame) -> Answer<Array2<f64>> {
        Ok(one_for_two(self.scores(frame)?))
    }

    fn probabilities(&self, frame: &Frame) -> Answer<Array2<f64>> {
        Ok(softmax(self.scores(frame)?))
    }
}

/// Linear discriminants.
#[derive(Debug)]
struct Discriminant {
    linear: Linear,
    labels: Arc<Labels>,
    /// What projects rows: the mean that is taken off first, and the directions.
    projection: Option<(Option<Vec<f64>>, Array2<f64>)>,
}

impl Discriminant {
    fn read(object: &Object<'_>) -> Load<Self> {
        let linear = Linear::read(object)?;
        let labels = Labels::of(object)?;
        check_targets(object, linear.targets(), labels.len())?;
        let features = object.features()?;
        let mean = match object.text("solver")?.as_str() {
            "svd" => Some(object.vector_of("xbar_", features)?),
            "eigen" => None,
            _ => return Ok(Self { linear, labels, projection: None }),
        };
        let directions = object.matrix("scalings_")?;
        let count = object.count("_max_components")?.min(directions.ncols());
        if directions.nrows() != features {
            return object.unsupported("scalings_");
        }
        let kept: Vec<usize> = (0..count).collect();
        let projection = Some((mean, directions.select(Axis(1), &kept)));
        Ok(Self { linear, labels, projection })
    }
}

impl Estimator for Discriminant {
    fn methods(&self) -> Methods {
        let methods = Methods::PREDICT.with(Methods::PROBABILITIES).with(Methods::DECISION);
        if self.projection.is_some() { methods.with(Methods::TRANSFORM) } else { methods }
    }

    fn classes(&self) -> Option<&Arc<Labels>> {
        Some(&self.labels)
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        Ok(Output::Classes(winners(&self.linear.score(frame)?), Arc::clone(&self.labels)))
    }

    fn decision(&self, frame: &Frame) -> Answer<Array2<f64>> {
        self.linear.score(frame)
    }

    fn probabilities(&self, frame: &Frame) -> Answer<Array2<f64>> {
        let scores = self.linear.score(frame)?;
        if scores.ncols() > 1 {
            return Ok(softmax(scores));
        }
        Ok(two_columns(scores.iter().map(|score| logistic(*score)), scores.nrows()))
    }

    fn transform(&self, frame: Frame) -> Answer<Frame> {
        let Some((mean, directions)) = &self.projection else {
            return fail("its solver does not support projections");
        };
        let mut rows = frame.into_numbers()?;
        if let Some(mean) = mean {
            rows -= &ArrayView1::from(mean);
        }
        Ok(Frame::Numbers(row_major(rows.dot(directions))))
    }

    fn width_out(&self) -> Option<usize> {
        self.projection.as_ref().map(|(_, directions)| directions.ncols())
    }
}

/// A mixture of normal distributions.
#[derive(Debug)]
struct Mixture {
    components: Vec<Normal>,
    labels: Arc<Labels>,
}

impl Mixture {
    fn read(object: &Object<'_>) -> Load<Self> {
        let shares = object.vector("weights_")?;
        let features = object.features()?;
        let count = shares.len();
        let means = object.matrix_of("means_", (count, features))?;
        let item = object.get("precisions_cholesky_")?;
        let (shape, list) = (item.array()?.shape.clone(), item.floats()?);
        let diagonal = |values: &[f64]| Array2::from_diag(&ArrayView1::from(values));
        let square = |values: &[f64]| {
            Array2::from_shape_vec((features, features), values.to_vec()).unwrap_or_default()
        };
        let kind = object.text("covariance_type")?;
        let mut components = Vec::with_capacity(count);
        for at in 0..count {
            let whitening = match (kind.as_str(), &shape[..]) {
                ("full", &[a, b, c]) if (a, b, c) == (count, features, features) => {
                    square(&list[at * features * features..(at + 1) * features * features])
                }
                ("tied", &[a, b]) if (a, b) == (features, features) => square(&list),
                ("diag", &[a, b]) if (a, b) == (count, features) => {
                    diagonal(&list[at * features..(at + 1) * features])
                }
                ("spherical", &[a]) if a == count => diagonal(&vec![list[at]; features]),
                _ => return object.unsupported("precisions_cholesky_"),
            };
            let spread: f64 = whitening.diag().iter().map(|value| value.ln()).sum();
            let constant = shares[at].ln() + spread - 0.5 * features as f64 * (2.0 * PI).ln();
            components.push(Normal { mean: means.row(at).to_vec(), whitening, constant });
        }
        let labels = Arc::new(Labels::Ints((0..).take(count).collect()));
        Ok(Self { components, labels })
    }

    fn joint(&self, frame: &Frame) -> Answer<Array2<f64>> {
        let rows = frame.numbers()?;
        let mut joint = Array2::zeros((rows.nrows(), self.components.len()));
        for (component, mut column) in self.components.iter().zip(joint.columns_mut()) {
            let white = (&*rows - &ArrayView1::from(&component.mean)).dot(&component.whitening);
            for (cell, row) in column.iter_mut().zip(white.rows()) {
                *cell =
                    component.constant - 0.5 * row.iter().map(|value| value * value).sum::<f64>();
            }
        }
        Ok(joint)
    }
}

impl Estimator for Mixture {
    fn methods(&self) -> Methods {
        Methods::PREDICT.with(Methods::PROBABILITIES)
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        let joint = self.joint(frame)?;
        let winners = largest_of_each(&joint);
        Ok(Output::Classes(winners, Arc::clone(&self.labels)))
    }

    fn probabilities(&self, frame: &Frame) -> Answer<Array2<f64>> {
        Ok(softmax(self.joint(frame)?))
    }
}

/// An ellipse around what is usual.
#[derive(Debug)]
struct Envelope {
    center: Vec<f64>,
    precision: Array2<f64>,
    offset: f64,
    labels: Arc<Labels>,
}

impl Envelope {
    fn read(object: &Object<'_>) -> Load<Self> {
        let features = object.features()?;
        if !object.flag("store_precision")? {
            return object.unsupported("store_precision");
        }
        Ok(Self {
            center: object.vector_of("location_", features)?,
            precision: object.matrix_of("precision_", (features, features))?,
            offset: object.number("offset_")?,
            labels: outlier_labels(),
        })
    }
}

impl Estimator for Envelope {
    fn methods(&self) -> Methods {
        Methods::PREDICT.with(Methods::DECISION)
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        let scores = self.decision(frame)?;
        let indices = scores.iter().map(|score| usize::from(*score >= 0.0)).collect();
        Ok(Output::Classes(indices, Arc::clone(&self.labels)))
    }

    fn decision(&self, frame: &Frame) -> Answer<Array2<f64>> {
        let centered = &*frame.numbers()? - &ArrayView1::from(&self.center);
        let turned = centered.dot(&self.precision);
        let scores = centered.rows().into_iter().zip(turned.rows());
        let scores = scores.map(|(row, turned)| -row.dot(&turned) - self.offset).collect();
        Ok(Array2::from_shape_vec((centered.nrows(), 1), scores).unwrap_or_default())
    }
}
