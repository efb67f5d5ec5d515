//! Features made into more of them: bins, polynomials and splines.

use super::estimator::{Answer, Estimator, Methods};
use super::frame::Frame;
use super::skops::{Item, Load, Object};
use ndarray::Array2;

/// Loads such a transformer, if the class is one.
pub(super) fn load(class: &str, object: &Object<'_>) -> Load<Option<Box<dyn Estimator>>> {
    Ok(Some(match class {
        "KBinsDiscretizer" => Box::new(Bins::read(object)?),
        "PolynomialFeatures" => Box::new(Polynomial::read(object)?),
        "SplineTransformer" => Box::new(Splines::read(object)?),
        _ => return Ok(None),
    }))
}

/// The bin of each number.
#[derive(Debug)]
struct Bins {
    /// The edges between the bins of each feature.
    edges: Vec<Vec<f64>>,
    /// Where the columns of each feature start, when each bin has one.
    starts: Option<Vec<usize>>,
    width: usize,
}

impl Bins {
    fn read(object: &Object<'_>) -> Load<Self> {
        let is_ordinal = match object.text("encode")?.as_str() {
            "ordinal" => true,
            "onehot" | "onehot-dense" => false,
            _ => return object.unsupported("encode"),
        };
        let item = object.get("bin_edges_")?;
        let lists: Vec<Vec<f64>> = match item.is_list() {
            true => item.list()?.iter().map(Item::floats).collect::<Load<_>>()?,
            false => item.matrix()?.rows().into_iter().map(|row| row.to_vec()).collect(),
        };
        if lists.len() != object.features()? || lists.iter().any(|edges| edges.len() < 2) {
            return object.unsupported("bin_edges_");
        }
        let mut starts = Vec::with_capacity(lists.len());
        let mut width = 0;
        for edges in &lists {
            starts.push(width);
            width += edges.len() - 1;
        }
        let edges: Vec<_> = lists.iter().map(|edges| edges[1..edges.len() - 1].to_vec()).collect();
        if is_ordinal {
            return Ok(Self { width: edges.len(), edges, starts: None });
        }
        Ok(Self { edges, starts: Some(starts), width })
    }
}

impl Estimator for Bins {
    fn methods(&self) -> Methods {
        Methods::TRANSFORM
    }

    fn transform(&self, frame: Frame) -> Answer<Frame> {
        let rows = frame.into_numbers()?;
        let mut cells = Array2::zeros((rows.nrows(), self.width));
        for (row, mut cells) in rows.rows().into_iter().zip(cells.rows_mut()) {
            for (feature, (value, edges)) in row.iter().zip(&self.edges).enumerate() {
                let bin = edges.partition_point(|edge| edge <= value);
                match &self.starts {
                    Some(starts) => cells[starts[feature] + bin] = 1.0,
                    None => cells[feature] = bin as f64,
                }
            }
        }
        Ok(Frame::Numbers(cells))
    }

    fn numbers_per_row(&self) -> usize {
        self.width
    }

    fn width_out(&self) -> Option<usize> {
        Some(self.width)
    }
}

/// How a term of a polynomial comes about.
#[derive(Clone, Copy, Debug)]
enum Term {
    One,
    Feature(usize),
    /// A feature times a term before.
    Product(usize, usize),
}

/// All products of features up to a degree.
#[derive(Debug)]
struct Polynomial {
    terms: Vec<Term>,
    /// The first term that comes out, after the constant one if that does.
    first: usize,
    has_bias: bool,
}

/// How many terms a polynomial has at most.
const TERMS_MAX: usize = 1 << 24;

impl Polynomial {
    fn read(object: &Object<'_>) -> Load<Self> {
        let features = object.features()?;
        let (least, most) = (object.count("_min_degree")?, object.count("_max_degree")?);
        let expected = object.count("n_output_features_")?;
        let has_bias = object.flag("include_bias")?;
        let is_plain = !object.flag("interaction_only")?;
        let mut terms = vec![Term::One];
        let mut first = if least == 0 { 0 } else { usize::MAX };
        // For each feature, where the terms of the last degree start that begin with it.
        let mut starts: Vec<usize> = Vec::new();
        for degree in 1..=most {
            let from = terms.len();
            if degree == least.max(1) {
                first = first.min(from);
            }
            let before = starts.clone();
            starts.clear();
            for feature in 0..features {
                starts.push(terms.len());
                if degree == 1 {
                    terms.push(Term::Feature(feature));
                    continue;
                }
                let partner = if is_plain { feature } else { feature + 1 };
                let start = before.get(partner).copied().unwrap_or(from);
                terms.extend((start..from).map(|term| Term::Product(feature, term)));
                if terms.len() > TERMS_MAX {
                    return object.wrong("it makes too many features");
                }
            }
        }
        let first = first.min(terms.len()).max(1);
        let width = terms.len() - first + usize::from(has_bias);
        if width != expected {
            return object.wrong(format!("it makes {width} features, not {expected}"));
        }
        Ok(Self { terms, first, has_bias })
    }

    fn width(&self) -> usize {
        self.terms.len() - self.first + usize::from(self.has_bias)
    }
}

impl Estimator for Polynomial {
    fn methods(&self) -> Methods {
        Methods::TRANSFORM
    }

    fn transform(&self, frame: Frame) -> Answer<Frame> {
        let rows = frame.into_numbers()?;
        let mut cells = Array2::zeros((rows.nrows(), self.width()));
        let mut values = vec![1.0; self.terms.len()];
        for (row, mut cells) in rows.rows().into_iter().zip(cells.rows_mut()) {
            for (at, term) in self.terms.iter().enumerate() {
                values[at] = match *term {
                    Term::One => 1.0,
                    Term::Feature(feature) => row[feature],
                    Term::Product(feature, term) => row[feature] * values[term],
                };
            }
            let bias = self.has_bias.then_some(&1.0);
            let kept = bias.into_iter().chain(&values[self.first..]);
            cells.iter_mut().zip(kept).for_each(|(cell, value)| *cell = *value);
        }
        Ok(Frame::Numbers(cells))
    }

    fn numbers_per_row(&self) -> usize {
        self.terms.len()
    }

    fn width_out(&self) -> Option<usize> {
        Some(self.width())
    }
}

/// What happens beyond the outer knots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beyond {
    Constant,
    Linear,
    Continue,
    Periodic,
    Refused,
}

/// Splines of one feature.
#[derive(Debug)]
struct Spline {
    knots: Vec<f64>,
    degree: usize,
    /// A row for each basis function, a column for each spline.
    weights: Array2<f64>,
}

#[derive(Debug)]
struct Splines {
    splines: Vec<Spline>,
    beyond: Beyond,
    /// How many columns of a feature come out.
    kept: usize,
}

impl Splines {
    fn read(object: &Object<'_>) -> Load<Self> {
        object.require_text("handle_missing", &["error"])?;
        let beyond = match object.text("extrapolation")?.as_str() {
            "constant" => Beyond::Constant,
            "linear" => Beyond::Linear,
            "continue" => Beyond::Continue,
            "periodic" => Beyond::Periodic,
            "error" => Beyond::Refused,
            _ => return object.unsupported("extrapolation"),
        };
        let items = object.list("bsplines_")?;
        let splines = items.iter().map(|item| Spline::read(&item.object()?));
        let splines: Vec<_> = splines.collect::<Load<_>>()?;
        let width = splines.first().map_or(0, |spline| spline.weights.ncols());
        let fits = splines.len() == object.features()?
            && width > 0
            && splines.iter().all(|spline| spline.weights.ncols() == width);
        if !fits {
            return object.unsupported("bsplines_");
        }
        let kept = width - usize::from(!object.flag("include_bias")?);
        Ok(Self { splines, beyond, kept })
    }
}

impl Spline {
    fn read(object: &Object<'_>) -> Load<Self> {
        // The names that SciPy gave them have changed.
        let name = |new: &'static str, old| if object.find(new).is_some() { new } else { old };
        let knots = object.vector(name("_t", "t"))?;
        let weights = object.matrix(name("_c", "c"))?;
        let degree = object.count("k")?;
        let fits = degree > 0 && degree < 64 && knots.len() == weights.nrows() + degree + 1;
        let rises = knots.windows(2).all(|pair| pair[0] <= pair[1]);
        if !fits || !rises || weights.nrows() <= degree {
            return object.unsupported("k");
        }
        Ok(Self { knots, degree, weights })
    }

    fn ends(&self) -> (f64, f64) {
        (self.knots[self.degree], self.knots[self.weights.nrows()])
    }

    /// Returns the first basis function that is not zero at `x`, and the values of all of these;
    /// of their derivatives when asked. Outside of the knots, the outer pieces go on.
    fn basis(&self, x: f64, is_slope: bool) -> (usize, Vec<f64>) {
        let (degree, knots) = (self.degree, &self.knots);
        let inner = &knots[degree + 1..self.weights.nrows()];
        let piece = degree + inner.partition_point(|knot| *knot <= x);
        let mut values = vec![1.0];
        let top = if is_slope { degree - 1 } else { degree };
        for level in 1..=top {
            let mut next = vec![0.0; level + 1];
            for (at, value) in values.iter().enumerate() {
                let (left, right) = (knots[piece + 1 + at - level], knots[piece + 1 + at]);
                let share = if right == left { 0.0 } else { value / (right - left) };
                next[at] += share * (right - x);
                next[at + 1] += share * (x - left);
            }
            values = next;
        }
        if is_slope {
            let mut next = vec![0.0; degree + 1];
            for (at, value) in values.iter().enumerate() {
                let (left, right) = (knots[piece + 1 + at - degree], knots[piece + 1 + at]);
                let share =
                    if right == left { 0.0 } else { degree as f64 * value / (right - left) };
                next[at] -= share;
                next[at + 1] += share;
            }
            values = next;
        }
        (piece - degree, values)
    }

    fn add(&self, x: f64, is_slope: bool, factor: f64, cells: &mut [f64]) {
        let (first, values) = self.basis(x, is_slope);
        for (at, value) in values.iter().enumerate() {
            let row = self.weights.row(first + at);
            for (cell, weight) in cells.iter_mut().zip(row) {
                *cell += factor * value * weight;
            }
        }
    }

    fn evaluate(&self, x: f64, beyond: Beyond, cells: &mut [f64]) -> Answer<()> {
        let (low, high) = self.ends();
        let near = x.clamp(low, high);
        match beyond {
            Beyond::Refused if near != x => {
                return super::estimator::fail("a number lies beyond the knots of its spline");
            }
            Beyond::Periodic if high > low => {
                self.add(low + (x - low).rem_euclid(high - low), false, 1.0, cells);
            }
            Beyond::Periodic => self.add(0.0, false, 1.0, cells),
            Beyond::Continue => self.add(x, false, 1.0, cells),
            Beyond::Constant | Beyond::Refused => self.add(near, false, 1.0, cells),
            Beyond::Linear => {
                self.add(near, false, 1.0, cells);
                if near != x {
                    self.add(near, true, x - near, cells);
                }
            }
        }
        Ok(())
    }
}

impl Estimator for Splines {
    fn methods(&self) -> Methods {
        Methods::TRANSFORM
    }

    fn transform(&self, frame: Frame) -> Answer<Frame> {
        let rows = frame.into_numbers()?;
        let mut cells = Array2::zeros((rows.nrows(), self.splines.len() * self.kept));
        let mut values = vec![0.0; self.kept + 1];
        for (row, mut cells) in rows.rows().into_iter().zip(cells.rows_mut()) {
            let targets = cells.as_slice_mut().unwrap_or_default().chunks_mut(self.kept.max(1));
            for ((x, spline), target) in row.iter().zip(&self.splines).zip(targets) {
                values.fill(0.0);
                spline.evaluate(*x, self.beyond, &mut values)?;
                target.copy_from_slice(&values[..self.kept]);
            }
        }
        Ok(Frame::Numbers(cells))
    }

    fn numbers_per_row(&self) -> usize {
        self.splines.len() * self.kept
    }

    fn width_out(&self) -> Option<usize> {
        Some(self.splines.len() * self.kept)
    }
}
