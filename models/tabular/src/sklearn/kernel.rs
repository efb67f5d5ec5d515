//! Kernel machines: support vectors, kernel ridge, and maps by kernels.

use super::estimator::{Answer, Estimator, Methods, fail};
use super::frame::{Frame, row_major};
use super::labels::{Labels, Output};
use super::linear::{first_of_largest, flat_if, largest_of_each, outlier_labels, transposed};
use super::multi::votes_of_pairs;
use super::skops::{Load, Object};
use ndarray::{Array2, ArrayView1, Axis};
use std::sync::Arc;

/// Loads a kernel machine, if the class is one.
pub(super) fn load(class: &str, object: &Object<'_>) -> Load<Option<Box<dyn Estimator>>> {
    Ok(Some(match class {
        "SVC" | "NuSVC" => Box::new(Classifier::read(object)?),
        "SVR" | "NuSVR" => Box::new(Regressor { machine: Machine::read(object, 1)? }),
        "OneClassSVM" => {
            Box::new(OneClass { machine: Machine::read(object, 1)?, labels: outlier_labels() })
        }
        "KernelRidge" => Box::new(Ridge::read(object)?),
        "KernelPCA" => Box::new(Components::read(object)?),
        "Nystroem" => Box::new(Nystroem::read(object)?),
        _ => return Ok(None),
    }))
}

/// How alike two rows are.
#[derive(Clone, Copy, Debug)]
enum Kernel {
    Linear,
    Rbf { gamma: f64 },
    Poly { gamma: f64, coef0: f64, degree: f64 },
    Sigmoid { gamma: f64, coef0: f64 },
    Cosine,
    Laplacian { gamma: f64 },
}

impl Kernel {
    /// Reads the kernel of a machine; `gamma` names the attribute with the value that is used.
    fn read(object: &Object<'_>, gamma: &str) -> Load<Self> {
        let Some(name) = object.get("kernel")?.as_text() else {
            return object.unsupported("kernel");
        };
        let gamma = || match object.some(gamma) {
            Some(item) => item.number(),
            None => Ok(1.0 / object.features()? as f64),
        };
        let or = |name: &str, other: f64| object.some(name).map_or(Ok(other), |item| item.number());
        Ok(match name.as_str() {
            "linear" => Self::Linear,
            "rbf" => Self::Rbf { gamma: gamma()? },
            "poly" | "polynomial" => {
                Self::Poly { gamma: gamma()?, coef0: or("coef0", 1.0)?, degree: or("degree", 3.0)? }
            }
            "sigmoid" => Self::Sigmoid { gamma: gamma()?, coef0: or("coef0", 1.0)? },
            "cosine" => Self::Cosine,
            "laplacian" => Self::Laplacian { gamma: gamma()? },
            _ => return object.unsupported("kernel"),
        })
    }

    fn of(self, one: &ArrayView1<'_, f64>, other: &ArrayView1<'_, f64>) -> f64 {
        match self {
            Self::Linear => one.dot(other),
            Self::Rbf { gamma } => (-gamma * square_distance(one, other)).exp(),
            Self::Poly { gamma, coef0, degree } => (gamma * one.dot(other) + coef0).powf(degree),
            Self::Sigmoid { gamma, coef0 } => (gamma * one.dot(other) + coef0).tanh(),
            Self::Cosine => {
                let norms = one.dot(one).sqrt() * other.dot(other).sqrt();
                if norms == 0.0 { 0.0 } else { one.dot(other) / norms }
            }
            Self::Laplacian { gamma } => {
                let sum: f64 = one.iter().zip(other).map(|(one, other)| (one - other).abs()).sum();
                (-gamma * sum).exp()
            }
        }
    }

    /// Compares each row with each of some others.
    fn between(self, rows: &Array2<f64>, others: &Array2<f64>) -> Array2<f64> {
        let mut table = Array2::zeros((rows.nrows(), others.nrows()));
        for (row, mut cells) in rows.rows().into_iter().zip(table.rows_mut()) {
            for (other, cell) in others.rows().into_iter().zip(cells.iter_mut()) {
                *cell = self.of(&row, &other);
            }
        }
        table
    }
}

fn square_distance(one: &ArrayView1<'_, f64>, other: &ArrayView1<'_, f64>) -> f64 {
    match (one.as_slice(), other.as_slice()) {
        (Some(one), Some(other)) => square_distance_of(one, other),
        _ => one.iter().zip(other).map(|(one, other)| (one - other) * (one - other)).sum(),
    }
}

/// Adds up in four lanes, which a compiler can keep in one register.
fn square_distance_of(one: &[f64], other: &[f64]) -> f64 {
    let mut sums = [0.0; 4];
    let ((ones, one_rest), (others, other_rest)) = (one.as_chunks::<4>(), other.as_chunks::<4>());
    for (one, other) in ones.iter().zip(others) {
        for lane in 0..4 {
            sums[lane] += (one[lane] - other[lane]) * (one[lane] - other[lane]);
        }
    }
    let rest = one_rest.iter().zip(other_rest).map(|(one, other)| (one - other) * (one - other));
    sums.iter().sum::<f64>() + rest.sum::<f64>()
}

/// Support vectors as libsvm has them.
#[derive(Debug)]
struct Machine {
    kernel: Kernel,
    vectors: Array2<f64>,
    /// The weights of the vectors in the decisions.
    weights: Array2<f64>,
    intercepts: Vec<f64>,
}

impl Machine {
    fn read(object: &Object<'_>, weights: usize) -> Load<Self> {
        let kernel = Kernel::read(object, "_gamma")?;
        let vectors = object.matrix("support_vectors_")?;
        if vectors.ncols() != object.features()? {
            return object.unsupported("support_vectors_");
        }
        let weights = object.matrix_of("_dual_coef_", (weights, vectors.nrows()))?;
        Ok(Self { kernel, vectors, weights, intercepts: object.vector("_intercept_")? })
    }

    fn similarities(&self, frame: &Frame) -> Answer<Array2<f64>> {
        Ok(self.kernel.between(&*frame.numbers()?, &self.vectors))
    }

    fn score(&self, frame: &Frame) -> Answer<Array2<f64>> {
        let table = self.similarities(frame)?;
        let weights = self.weights.row(0);
        let intercept = self.intercepts.first().copied().unwrap_or_default();
        let sums = table.rows().into_iter().map(|row| row.dot(&weights) + intercept).collect();
        Ok(Array2::from_shape_vec((table.nrows(), 1), sums).unwrap_or_default())
    }
}

#[derive(Debug)]
struct Classifier {
    machine: Machine,
    /// Where the vectors of each class start, and where the last ones end.
    starts: Vec<usize>,
    labels: Arc<Labels>,
    is_ovr: bool,
    breaks_ties: bool,
    /// The slopes and offsets that make probabilities of decisions.
    platt: Option<(Vec<f64>, Vec<f64>)>,
}

impl Classifier {
    fn read(object: &Object<'_>) -> Load<Self> {
        let labels = Labels::of(object)?;
        let classes = labels.len();
        let pairs = classes * (classes - 1) / 2;
        let machine = Machine::read(object, classes - 1)?;
        let mut starts = vec![0];
        for count in object.get("_n_support")?.indices()? {
            starts.push(starts[starts.len() - 1] + count);
        }
        let is_complete = starts.len() == classes + 1 && starts[classes] == machine.vectors.nrows();
        if !is_complete || machine.intercepts.len() != pairs {
            return object.unsupported("_n_support");
        }
        let is_ovr = match object.text("decision_function_shape")?.as_str() {
            "ovr" => true,
            "ovo" => false,
            _ => return object.unsupported("decision_function_shape"),
        };
        let has_probabilities = object.get("probability")?.flag().unwrap_or(false);
        let platt = has_probabilities
            .then(|| Ok((object.vector_of("_probA", pairs)?, object.vector_of("_probB", pairs)?)));
        Ok(Self {
            machine,
            starts,
            labels,
            is_ovr,
            breaks_ties: object.flag("break_ties")?,
            platt: platt.transpose()?,
        })
    }

    /// Returns libsvm's decision for each pair of classes: positive for the first.
    fn pairs(&self, frame: &Frame) -> Answer<Array2<f64>> {
        let table = self.machine.similarities(frame)?;
        let classes = self.labels.len();
        let mut decisions = Array2::zeros((table.nrows(), self.machine.intercepts.len()));
        for (row, mut cells) in table.rows().into_iter().zip(decisions.rows_mut()) {
            let part = |class: usize, weights: usize| {
                let range = self.starts[class]..self.starts[class + 1];
                range.map(|at| self.machine.weights[[weights, at]] * row[at]).sum::<f64>()
            };
            let mut pair = 0;
            for one in 0..classes {
                for other in one + 1..classes {
                    let sum = part(one, other - 1) + part(other, one);
                    cells[pair] = sum + self.machine.intercepts[pair];
                    pair += 1;
                }
            }
        }
        Ok(decisions)
    }

    fn votes(&self, decisions: &Array2<f64>) -> Vec<usize> {
        let classes = self.labels.len();
        let winner = |row: ArrayView1<'_, f64>| {
            let mut votes = vec![0.0; classes];
            let mut pair = 0;
            for one in 0..classes {
                for other in one + 1..classes {
                    votes[if row[pair] > 0.0 { one } else { other }] += 1.0;
                    pair += 1;
                }
            }
            first_of_largest(&ArrayView1::from(&votes))
        };
        decisions.rows().into_iter().map(winner).collect()
    }

    /// Returns one score for each class.
    fn one_vs_rest(&self, decisions: &Array2<f64>) -> Array2<f64> {
        let votes = decisions.mapv(|decision| f64::from(u8::from(decision < 0.0)));
        votes_of_pairs(&votes, &decisions.mapv(|decision| -decision), self.labels.len())
    }
}

impl Estimator for Classifier {
    fn methods(&self) -> Methods {
        let methods = Methods::PREDICT.with(Methods::DECISION);
        if self.platt.is_some() { methods.with(Methods::PROBABILITIES) } else { methods }
    }

    fn classes(&self) -> Option<&Arc<Labels>> {
        Some(&self.labels)
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        let decisions = self.pairs(frame)?;
        let winners = if self.breaks_ties && self.is_ovr && self.labels.len() > 2 {
            let scores = self.one_vs_rest(&decisions);
            largest_of_each(&scores)
        } else {
            self.votes(&decisions)
        };
        Ok(Output::Classes(winners, Arc::clone(&self.labels)))
    }

    fn decision(&self, frame: &Frame) -> Answer<Array2<f64>> {
        let decisions = self.pairs(frame)?;
        if self.labels.len() == 2 {
            return Ok(decisions.mapv(|decision| -decision));
        }
        if self.is_ovr { Ok(self.one_vs_rest(&decisions)) } else { Ok(decisions) }
    }

    fn probabilities(&self, frame: &Frame) -> Answer<Array2<f64>> {
        let Some((slopes, offsets)) = &self.platt else {
            return fail("the model was fitted without probabilities");
        };
        let decisions = self.pairs(frame)?;
        let classes = self.labels.len();
        let mut shares = Array2::zeros((decisions.nrows(), classes));
        for (row, mut target) in decisions.rows().into_iter().zip(shares.rows_mut()) {
            let mut pairwise = Array2::zeros((classes, classes));
            let mut pair = 0;
            for one in 0..classes {
                for other in one + 1..classes {
                    let share = platt(row[pair], slopes[pair], offsets[pair]);
                    pairwise[[one, other]] = share;
                    pairwise[[other, one]] = 1.0 - share;
                    pair += 1;
                }
            }
            target.assign(&ArrayView1::from(&coupled(&pairwise)));
        }
        Ok(shares)
    }

    fn numbers_per_row(&self) -> usize {
        self.machine.vectors.nrows()
    }
}

/// Makes a probability of a decision, away from 0 and 1.
fn platt(decision: f64, slope: f64, offset: f64) -> f64 {
    let at = decision * slope + offset;
    let share = if at >= 0.0 { (-at).exp() / (1.0 + (-at).exp()) } else { 1.0 / (1.0 + at.exp()) };
    share.clamp(1e-7, 1.0 - 1e-7)
}

/// Couples probabilities of pairs into those of all classes: the second method of T.-F. Wu,
/// C.-J. Lin and R. C. Weng, "Probability estimates for multi-class classification by pairwise
/// coupling" (2004), which stops where libsvm stops.
fn coupled(pairwise: &Array2<f64>) -> Vec<f64> {
    let classes = pairwise.nrows();
    let mut matrix = Array2::<f64>::zeros((classes, classes));
    for one in 0..classes {
        for other in (0..classes).filter(|other| *other != one) {
            matrix[[one, one]] += pairwise[[other, one]] * pairwise[[other, one]];
            matrix[[one, other]] = -pairwise[[other, one]] * pairwise[[one, other]];
        }
    }
    let mut shares = vec![1.0 / classes as f64; classes];
    for _ in 0..classes.max(100) {
        let mut products: Vec<f64> = matrix
            .rows()
            .into_iter()
            .map(|row| row.iter().zip(&shares).map(|(cell, share)| cell * share).sum())
            .collect();
        let mut form: f64 =
            shares.iter().zip(&products).map(|(share, product)| share * product).sum();
        let error =
            products.iter().fold(0.0, |most: f64, product| most.max((product - form).abs()));
        if error < 0.005 / classes as f64 {
            break;
        }
        for at in 0..classes {
            let diagonal = matrix[[at, at]];
            let step = (form - products[at]) / diagonal;
            shares[at] += step;
            let grown = 1.0 + step;
            form = (form + step * (step * diagonal + 2.0 * products[at])) / grown / grown;
            for other in 0..classes {
                products[other] = (products[other] + step * matrix[[at, other]]) / grown;
                shares[other] /= grown;
            }
        }
    }
    shares
}

#[derive(Debug)]
struct Regressor {
    machine: Machine,
}

impl Estimator for Regressor {
    fn methods(&self) -> Methods {
        Methods::PREDICT
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        Ok(flat_if(true, self.machine.score(frame)?))
    }

    fn numbers_per_row(&self) -> usize {
        self.machine.vectors.nrows()
    }
}

#[derive(Debug)]
struct OneClass {
    machine: Machine,
    labels: Arc<Labels>,
}

impl Estimator for OneClass {
    fn methods(&self) -> Methods {
        Methods::PREDICT.with(Methods::DECISION)
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        let scores = self.machine.score(frame)?;
        let indices = scores.iter().map(|score| usize::from(*score > 0.0)).collect();
        Ok(Output::Classes(indices, Arc::clone(&self.labels)))
    }

    fn decision(&self, frame: &Frame) -> Answer<Array2<f64>> {
        self.machine.score(frame)
    }

    fn numbers_per_row(&self) -> usize {
        self.machine.vectors.nrows()
    }
}

#[derive(Debug)]
struct Ridge {
    kernel: Kernel,
    training: Array2<f64>,
    weights: Array2<f64>,
    is_flat: bool,
}

impl Ridge {
    fn read(object: &Object<'_>) -> Load<Self> {
        let training = object.matrix("X_fit_")?;
        let item = object.get("dual_coef_")?;
        let is_flat = item.array()?.shape.len() == 1;
        let weights = item.matrix()?;
        let weights = if is_flat { transposed(&weights) } else { weights };
        if weights.nrows() != training.nrows() || training.ncols() != object.features()? {
            return object.unsupported("dual_coef_");
        }
        Ok(Self { kernel: Kernel::read(object, "gamma")?, training, weights, is_flat })
    }
}

impl Estimator for Ridge {
    fn methods(&self) -> Methods {
        Methods::PREDICT
    }

    fn predict(&self, frame: &Frame) -> Answer<Output> {
        let table = self.kernel.between(&*frame.numbers()?, &self.training);
        Ok(flat_if(self.is_flat, row_major(table.dot(&self.weights))))
    }

    fn numbers_per_row(&self) -> usize {
        self.training.nrows()
    }
}

/// Principal components in the space of a kernel.
#[derive(Debug)]
struct Components {
    kernel: Kernel,
    training: Array2<f64>,
    row_means: Vec<f64>,
    mean: f64,
    weights: Array2<f64>,
}

impl Components {
    fn read(object: &Object<'_>) -> Load<Self> {
        let training = object.matrix("X_fit_")?;
        if training.ncols() != object.features()? {
            return object.unsupported("X_fit_");
        }
        let values = object.vector("eigenvalues_")?;
        let mut weights = object.matrix_of("eigenvectors_", (training.nrows(), values.len()))?;
        for (mut column, value) in weights.columns_mut().into_iter().zip(&values) {
            if *value == 0.0 {
                column.fill(0.0);
            } else {
                column /= value.sqrt();
            }
        }
        let centerer = object.object("_centerer")?;
        Ok(Self {
            kernel: Kernel::read(object, "gamma_")?,
            row_means: centerer.vector_of("K_fit_rows_", training.nrows())?,
            mean: centerer.number("K_fit_all_")?,
            training,
            weights,
        })
    }
}

impl Estimator for Components {
    fn methods(&self) -> Methods {
        Methods::TRANSFORM
    }

    fn transform(&self, frame: Frame) -> Answer<Frame> {
        let mut table = self.kernel.between(&frame.into_numbers()?, &self.training);
        let count = self.training.nrows() as f64;
        for mut row in table.rows_mut() {
            let own = row.sum() / count;
            row -= &ArrayView1::from(&self.row_means);
            row += self.mean - own;
        }
        Ok(Frame::Numbers(row_major(table.dot(&self.weights))))
    }

    fn numbers_per_row(&self) -> usize {
        self.training.nrows()
    }

    fn width_out(&self) -> Option<usize> {
        Some(self.weights.len_of(Axis(1)))
    }
}

/// A map to the space of a kernel by some of the training rows.
#[derive(Debug)]
struct Nystroem {
    kernel: Kernel,
    basis: Array2<f64>,
    weights: Array2<f64>,
}

impl Nystroem {
    fn read(object: &Object<'_>) -> Load<Self> {
        let basis = object.matrix("components_")?;
        if basis.ncols() != object.features()? {
            return object.unsupported("components_");
        }
        if object.some("kernel_params").is_some() {
            return object.unsupported("kernel_params");
        }
        let weights =
            transposed(&object.matrix_of("normalization_", (basis.nrows(), basis.nrows()))?);
        Ok(Self { kernel: Kernel::read(object, "gamma")?, basis, weights })
    }
}

impl Estimator for Nystroem {
    fn methods(&self) -> Methods {
        Methods::TRANSFORM
    }

    fn transform(&self, frame: Frame) -> Answer<Frame> {
        let table = self.kernel.between(&frame.into_numbers()?, &self.basis);
        Ok(Frame::Numbers(row_major(table.dot(&self.weights))))
    }

    fn width_out(&self) -> Option<usize> {
        Some(self.basis.nrows())
    }
}
