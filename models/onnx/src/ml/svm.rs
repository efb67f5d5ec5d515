//! `SVMClassifier` and `SVMRegressor`.

use super::features::{floats, rows_of};
use super::labels::Labels;
use super::scores::{Second, Transform, best, transform_targets};
use crate::array::{Array, Shape, volume};
use crate::glue::multiply_into;
use crate::kernel::{Kernel, one};
use crate::node::Node;
use smallvec::smallvec;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Linear,
    Poly,
    Rbf,
    Sigmoid,
}

/// How near a row is to a vector.
#[derive(Clone, Copy, Debug)]
struct Nearness {
    kind: Kind,
    gamma: f32,
    constant: f32,
    degree: f32,
}

impl Nearness {
    fn read(node: &mut Node<'_>) -> Result<Self, String> {
        let kind = match node.text("kernel_type")?.as_deref() {
            None | Some("LINEAR") => Kind::Linear,
            Some("POLY") => Kind::Poly,
            Some("RBF") => Kind::Rbf,
            Some("SIGMOID") => Kind::Sigmoid,
            Some(other) => return Err(format!("its kernel `{other}` is not supported")),
        };
        let (gamma, constant, degree) = match node.floats("kernel_params")?.unwrap_or_default() {
            [] => (0.0, 0.0, 0.0),
            [gamma, constant, degree, ..] => (*gamma, *constant, *degree),
            _ => return Err("its kernel has too few parameters".to_owned()),
        };
        Ok(Self { kind, gamma, constant, degree })
    }

    /// Computes the nearness of each row to each vector; `turned` has a row for each feature.
    fn of(self, rows: &[f32], turned: &[f32], [count, width, vectors]: [usize; 3]) -> Vec<f32> {
        let mut out = vec![0.0; count * vectors];
        if out.is_empty() {
            return out;
        }
        if self.kind == Kind::Rbf {
            for (row, near) in rows.chunks_exact(width).zip(out.chunks_exact_mut(vectors)) {
                for (value, features) in row.iter().zip(turned.chunks_exact(vectors)) {
                    for (sum, other) in near.iter_mut().zip(features) {
                        *sum += (value - other) * (value - other);
                    }
                }
                near.iter_mut().for_each(|sum| *sum = (-self.gamma * *sum).exp());
            }
            return out;
        }
        multiply_into(rows, turned, &mut out, [count, width, vectors]);
        let inner = |dot: f32| self.gamma * dot + self.constant;
        match self.kind {
            Kind::Poly => out.iter_mut().for_each(|dot| *dot = inner(*dot).powf(self.degree)),
            Kind::Sigmoid => out.iter_mut().for_each(|dot| *dot = inner(*dot).tanh()),
            Kind::Linear | Kind::Rbf => {}
        }
        out
    }
}

/// Support vectors, or weights, with a row for each feature.
#[derive(Debug)]
struct Vectors {
    turned: Vec<f32>,
    count: usize,
    features: usize,
    nearness: Nearness,
}

impl Vectors {
    fn new(list: &[f32], count: usize, nearness: Nearness) -> Result<Self, String> {
        if count == 0 || list.is_empty() || !list.len().is_multiple_of(count) {
            return Err(format!("{} values are not those of {count} vectors", list.len()));
        }
        let features = list.len() / count;
        let turned = (0..list.len()).map(|at| list[at % count * features + at / count]).collect();
        Ok(Self { turned, count, features, nearness })
    }

    fn near(&self, array: &Array) -> Result<(usize, Vec<f32>), String> {
        let (rows, width) = rows_of(array);
        if width != self.features {
            return Err(format!("{width} columns are given to a model of {}", self.features));
        }
        volume(&[rows, self.count])?;
        let input = floats(array)?;
        Ok((rows, self.nearness.of(&input, &self.turned, [rows, width, self.count])))
    }
}

pub(super) fn regressor(node: &mut Node<'_>) -> Result<Kernel, String> {
    let count = usize::try_from(node.int("n_supports")?.unwrap_or(0)).unwrap_or(0);
    let mut nearness = Nearness::read(node)?;
    let coefficients = node.floats("coefficients")?.unwrap_or_default().to_vec();
    let support = node.floats("support_vectors")?.unwrap_or_default();
    let rho = *node.floats("rho")?.and_then(<[f32]>::first).ok_or("it has no rho")?;
    let is_one_class = node.flag("one_class", false)?;
    // onnxruntime reads it and does nothing with it.
    if Transform::read(node)? != Transform::None {
        return Err("its post_transform is not supported".to_owned());
    }
    let vectors = if count > 0 {
        if coefficients.len() != count {
            return Err(format!("{} coefficients weigh {count} vectors", coefficients.len()));
        }
        Vectors::new(support, count, nearness)?
    } else {
        nearness.kind = Kind::Linear;
        Vectors::new(&coefficients, 1, nearness)?
    };
    one(move |inputs| {
        let (rows, near) = vectors.near(inputs.get(0)?)?;
        let mut scores = match count {
            0 => near,
            _ => {
                let mut scores = vec![0.0; rows];
                multiply_into(&near, &coefficients, &mut scores, [rows, count, 1]);
                scores
            }
        };
        for score in &mut scores {
            *score += rho;
            if is_one_class {
                *score = if *score > 0.0 { 1.0 } else { -1.0 };
            }
        }
        Ok(Array::new(Shape::from_slice(&[rows, 1]), scores))
    })
}

/// Everything that a classifier is made of.
#[derive(Debug)]
struct Classifier {
    labels: Labels,
    transform: Transform,
    vectors: Vectors,
    coefficients: Vec<f32>,
    rho: Vec<f32>,
    /// Support vectors of each class; none in a linear model.
    per_class: Vec<usize>,
    /// Slopes and intercepts of the pairs' probabilities.
    odds: Option<(Vec<f32>, Vec<f32>)>,
    are_all_positive: bool,
}

pub(super) fn classifier(node: &mut Node<'_>) -> Result<Kernel, String> {
    let classifier = Classifier::read(node)?;
    Ok(Box::new(move |inputs| {
        let (places, scores, width) = classifier.run(inputs.get(0)?)?;
        let shape = Shape::from_slice(&[places.len(), width]);
        Ok(smallvec![classifier.labels.pick(&places)?, Array::new(shape, scores)])
    }))
}

impl Classifier {
    fn read(node: &mut Node<'_>) -> Result<Self, String> {
        let labels = Labels::read(node, "classlabels_ints")?;
        let mut nearness = Nearness::read(node)?;
        let per_class = node.ints("vectors_per_class")?.unwrap_or_default();
        let per_class: Option<Vec<usize>> =
            per_class.iter().map(|count| usize::try_from(*count).ok()).collect();
        let per_class = per_class.ok_or("a class has less than no vectors")?;
        let count = per_class.iter().try_fold(0_usize, |sum, count| sum.checked_add(*count));
        let count = count.ok_or("it has too many vectors")?;
        let coefficients = node.floats("coefficients")?.unwrap_or_default().to_vec();
        let support = node.floats("support_vectors")?.unwrap_or_default();
        let rho = node.floats("rho")?.unwrap_or_default().to_vec();
        let odds = (
            node.floats("prob_a")?.unwrap_or_default().to_vec(),
            node.floats("prob_b")?.unwrap_or_default().to_vec(),
        );
        let classes = labels.len();
        let pairs = classes * classes.saturating_sub(1) / 2;
        let vectors = if count > 0 {
            let want = (classes, classes.saturating_sub(1).saturating_mul(count), pairs);
            if (per_class.len(), coefficients.len(), rho.len()) != want || pairs == 0 {
                return Err("its classes, coefficients and rho do not fit together".to_owned());
            }
            Vectors::new(support, count, nearness)?
        } else {
            nearness.kind = Kind::Linear;
            if rho.is_empty() {
                return Err("it has no rho".to_owned());
            }
            Vectors::new(&coefficients, classes, nearness)?
        };
        let has_odds = !odds.0.is_empty();
        if odds.0.len() != odds.1.len() || (has_odds && count > 0 && odds.0.len() != pairs) {
            return Err("its probabilities do not fit its classes".to_owned());
        }
        let transform = Transform::read(node)?;
        if classes == 2 && count > 0 && !has_odds {
            transform.can_pair()?;
        }
        let are_all_positive = coefficients.iter().all(|value| *value >= 0.0);
        Ok(Self {
            labels,
            transform,
            vectors,
            coefficients,
            rho,
            per_class: if count > 0 { per_class } else { Vec::new() },
            odds: has_odds.then_some(odds),
            are_all_positive,
        })
    }

    fn is_linear(&self) -> bool {
        self.per_class.is_empty()
    }

    /// Returns the places of the labels, and rows of scores with their width.
    fn run(&self, array: &Array) -> Result<(Vec<usize>, Vec<f32>, usize), String> {
        let (rows, mut near) = self.vectors.near(array)?;
        let classes = self.labels.len();
        if self.is_linear() {
            near.iter_mut().for_each(|score| *score += self.rho[0]);
            let places = near.chunks_exact(classes).map(|scores| {
                let place = best(scores);
                self.choose(place, scores[place])
            });
            let places = places.collect();
            transform_targets(self.transform, &mut near, classes);
            return Ok((places, near, classes));
        }
        // Each two classes have a score, or chances of each class that need a table of all pairs.
        volume(&[rows, if self.odds.is_some() { classes } else { self.rho.len() }])?;
        volume(&[self.odds.as_ref().map_or(1, |_| classes), classes])?;
        let mut places = Vec::with_capacity(rows);
        let mut scores = Vec::new();
        for near in near.chunks_exact(self.vectors.count) {
            let (pairs, votes) = self.duel(near);
            places.push(self.choose(best(&votes), 0.0));
            match &self.odds {
                Some(odds) => {
                    let mut chances = self.chances(&pairs, odds);
                    transform_targets(self.transform, &mut chances, classes);
                    scores.extend(chances);
                }
                None if classes == 2 => {
                    let second = match self.transform {
                        Transform::None => Second::Margin,
                        _ => Second::Probability,
                    };
                    scores.extend(self.transform.pair(pairs[0], second));
                }
                None => {
                    let mut pairs = pairs;
                    let width = pairs.len();
                    transform_targets(self.transform, &mut pairs, width);
                    scores.extend(pairs);
                }
            }
        }
        let width = match &self.odds {
            Some(_) => classes,
            None if classes == 2 => 2,
            None => classes * (classes - 1) / 2,
        };
        Ok((places, scores, width))
    }

    /// Corrects the best class of two as onnxruntime does.
    fn choose(&self, place: usize, weight: f32) -> usize {
        if self.labels.len() != 2 || self.odds.is_some() {
            return place;
        }
        let is_second = match self.are_all_positive {
            true => weight >= 0.5,
            false => weight > 0.0,
        };
        if is_second { 1 } else { place }
    }

    /// Lets each two classes compete; returns the scores, and each class's victories.
    fn duel(&self, near: &[f32]) -> (Vec<f32>, Vec<usize>) {
        let classes = self.labels.len();
        let starts: Vec<usize> = self
            .per_class
            .iter()
            .scan(0, |next, count| {
                let start = *next;
                *next += count;
                Some(start)
            })
            .collect();
        let weigh = |row: usize, class: usize| -> f64 {
            let range = starts[class]..starts[class] + self.per_class[class];
            let weights = &self.coefficients[row * self.vectors.count..][range.clone()];
            weights.iter().zip(&near[range]).map(|(a, b)| f64::from(a * b)).sum()
        };
        let mut scores = Vec::with_capacity(self.rho.len());
        let mut votes = vec![0; classes];
        for i in 0..classes - 1 {
            for j in i + 1..classes {
                let rho = f64::from(self.rho[scores.len()]);
                let sum = weigh(j - 1, i) + weigh(i, j) + rho;
                scores.push(sum as f32);
                votes[if sum > 0.0 { i } else { j }] += 1;
            }
        }
        (scores, votes)
    }

    /// Couples the pairs' probabilities to one for each class, by the second method of Wu, Lin and
    /// Weng, <https://www.csie.ntu.edu.tw/~cjlin/papers/svmprob/svmprob.pdf>.
    fn chances(&self, pairs: &[f32], odds: &(Vec<f32>, Vec<f32>)) -> Vec<f32> {
        let classes = self.labels.len();
        let mut wins = vec![0.0_f32; classes * classes];
        let mut at = 0;
        for i in 0..classes - 1 {
            for j in i + 1..classes {
                let margin = pairs[at] * odds.0[at] + odds.1[at];
                let chance = (1.0 / (1.0 + margin.exp())).clamp(1e-7, 1.0 - 1e-7);
                wins[i * classes + j] = chance;
                wins[j * classes + i] = 1.0 - chance;
                at += 1;
            }
        }
        couple(&wins, classes)
    }
}

fn couple(wins: &[f32], classes: usize) -> Vec<f32> {
    const TURNS: usize = 100;
    let win = |i: usize, j: usize| wins[i * classes + j];
    let mut q = vec![0.0_f32; classes * classes];
    for i in 0..classes {
        for j in 0..classes {
            if i == j {
                q[i * classes + i] =
                    (0..classes).filter(|k| *k != i).map(|k| win(k, i) * win(k, i)).sum();
            } else {
                q[i * classes + j] = -win(j, i) * win(i, j);
            }
        }
    }
    let enough = 0.005 / classes as f32;
    let mut chances = vec![1.0 / classes as f32; classes];
    let mut products = vec![0.0; classes];
    for _ in 0..TURNS {
        let mut total = 0.0;
        for i in 0..classes {
            products[i] = (0..classes).map(|j| q[i * classes + j] * chances[j]).sum();
            total += chances[i] * products[i];
        }
        if products.iter().all(|product| (product - total).abs() < enough) {
            break;
        }
        for i in 0..classes {
            let own = q[i * classes + i];
            let step = (total - products[i]) / own;
            chances[i] += step;
            let grown = 1.0 + step;
            total = (total + step * (step * own + 2.0 * products[i])) / grown / grown;
            for j in 0..classes {
                products[j] = (products[j] + step * q[i * classes + j]) / grown;
                chances[j] /= grown;
            }
        }
    }
    chances
}
