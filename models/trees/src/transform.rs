//! What turns a row of raw scores into probabilities, in place.
//!
//! The names and formulas are those of `post_transform` in ONNX's tree ensembles and linear models,
//! <https://github.com/onnx/onnx/blob/main/docs/Operators-ml.md>, as onnxruntime computes them.

use super::Float;
use std::f64::consts::PI;

/// Scores nearer to zero than this stay zero in [`softmax_zero`].
const NO_SCORE: f64 = 1e-7;

/// Makes each score `1 / (1 + exp(-x))`, without loss far from zero.
pub fn logistic<T: Float>(scores: &mut [T]) {
    let one = T::nearest(1.0);
    for score in scores {
        let size = if *score < T::default() { -*score } else { *score };
        let upper = one / (one + (-size).exp());
        *score = if *score < T::default() { one - upper } else { upper };
    }
}

/// Makes a row's scores `exp(x)` over the sum of all.
pub fn softmax<T: Float>(scores: &mut [T]) {
    let greatest = greatest(scores);
    let mut sum = T::default();
    for score in &mut *scores {
        *score = (*score - greatest).exp();
        sum += *score;
    }
    for score in scores {
        *score /= sum;
    }
}

/// Makes a row's scores `exp(x)` over the sum of all; a score of zero stays zero.
pub fn softmax_zero<T: Float>(scores: &mut [T]) {
    let greatest = greatest(scores);
    let mut sum = T::default();
    for score in &mut *scores {
        if score.wide().abs() > NO_SCORE {
            *score = (*score - greatest).exp();
            sum += *score;
        } else {
            *score = *score * (-greatest).exp();
        }
    }
    for score in scores {
        *score /= sum;
    }
}

/// Makes each probability the quantile of the normal distribution, by the approximation of the
/// inverse error function that onnxruntime has.
pub fn probit<T: Float>(scores: &mut [T]) {
    for score in scores {
        *score = T::nearest(std::f64::consts::SQRT_2 * inverse_erf(2.0 * score.wide() - 1.0));
    }
}

/// Winitzki's approximation.
fn inverse_erf(value: f64) -> f64 {
    const A: f64 = 0.147;
    let log = ((1.0 - value) * (1.0 + value)).ln();
    let half = 2.0 / (PI * A) + 0.5 * log;
    let size = (-half + (half * half - log / A).sqrt()).sqrt();
    if value < 0.0 { -size } else { size }
}

fn greatest<T: Float>(scores: &[T]) -> T {
    scores.iter().copied().fold(T::LEAST, |most, score| if score > most { score } else { most })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(transform: fn(&mut [f64]), scores: &[f64], want: &[f64]) {
        let mut got = scores.to_vec();
        transform(&mut got);
        for (got, want) in got.iter().zip(want) {
            assert!((got - want).abs() < 1e-12, "{got} for {want} of {scores:?}");
        }
    }

    #[test]
    fn scores_become_probabilities() {
        check(logistic, &[0.0, 3.0, -3.0], &[0.5, 0.952_574_126_822_433, 0.047_425_873_177_567]);
        check(logistic, &[1e4, -1e4], &[1.0, 0.0]);
        check(softmax, &[1.0, 1.0], &[0.5, 0.5]);
        check(softmax, &[1e4, 0.0], &[1.0, 0.0]);
        check(softmax_zero, &[2.0, 0.0, 2.0], &[0.5, 0.0, 0.5]);
    }

    #[test]
    fn probit_is_near_the_quantile() {
        let mut scores = [0.5_f32, 0.975, 0.025];
        probit(&mut scores);
        for (got, want) in scores.iter().zip([0.0, 1.96, -1.96]) {
            assert!((got - want).abs() < 5e-3, "{got} for {want}");
        }
    }
}
