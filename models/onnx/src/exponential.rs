//! The exponential function of many 32-bit floats at once, without branches, so that the compiler
//! makes vector instructions of it. The results are within two units in the last place.

/// Below this, where results come near the least normal number, they are zero here.
const LEAST: f32 = -86.6;
/// Above this, the result is infinite.
const GREATEST: f32 = 88.722_84;
/// Added and taken away again, this rounds to a whole number, which the lowest bits then hold.
const ROUNDER: f32 = 12_582_912.0;
/// ln 2 in two parts; the first has few digits, so that its multiples are exact.
const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];

/// Returns e to the power of `x`.
#[inline]
fn exp(x: f32) -> f32 {
    // Comparisons instead of `clamp`, because NaN must stay.
    let low = if x < LEAST { LEAST } else { x };
    let inside = if low > GREATEST { GREATEST } else { low };
    let rounded = inside * std::f32::consts::LOG2_E + ROUNDER;
    let whole = rounded - ROUNDER;
    let rest = inside - whole * LN_2[0] - whole * LN_2[1];
    // Taylor's series, with the last factors bent to the range of the rest.
    let series = [1.987_569_1e-4, 1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 0.166_666_66, 0.5];
    let sum = series.iter().fold(0.0, |sum, factor| sum * rest + factor);
    let value = sum * rest * rest + rest + 1.0;
    // Half the power at a time: 2^128 is no number, but the result may be.
    let half = f32::from_bits((rounded.to_bits() << 23).wrapping_add(126 << 23));
    let value = value * half * 2.0;
    let value = if x < LEAST { 0.0 } else { value };
    if x > GREATEST { f32::INFINITY } else { value }
}

/// Makes each value e to its power.
pub(super) fn exp_all(list: &mut [f32]) {
    list.iter_mut().for_each(|value| *value = exp(*value));
}

/// Makes each value `1 / (1 + exp(-x))`, without loss far from zero.
pub(super) fn logistic_all(list: &mut [f32]) {
    for value in list {
        let small = exp(-value.abs());
        let upper = 1.0 / (1.0 + small);
        *value = if *value < 0.0 { 1.0 - upper } else { upper };
    }
}

/// Makes of each row of `width` values `exp(x)` over the sum of all.
pub(super) fn softmax_rows(list: &mut [f32], width: usize) {
    let width = width.max(1);
    for row in list.chunks_exact_mut(width) {
        let most = row.iter().copied().fold(f32::MIN, |most, x| if x > most { x } else { most });
        row.iter_mut().for_each(|value| *value -= most);
    }
    exp_all(list);
    for row in list.chunks_exact_mut(width) {
        let sum: f32 = row.iter().sum();
        row.iter_mut().for_each(|value| *value /= sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_exact_to_the_last_digits() {
        let mut worst = 0.0_f64;
        for step in -8660..8872 {
            let x = step as f32 / 100.0;
            let want = f64::from(x).exp();
            worst = worst.max((f64::from(exp(x)) - want).abs() / want);
        }
        assert!(worst < 3e-7, "{worst}");
    }

    #[test]
    fn the_ends_and_nan_stay_what_they_are() {
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(-1000.0), 0.0);
        assert_eq!(exp(1000.0), f32::INFINITY);
        assert_eq!(exp(f32::INFINITY), f32::INFINITY);
        assert!(exp(f32::NAN).is_nan());
        let mut odds = [f32::NAN, -1000.0, 1000.0, 0.0];
        logistic_all(&mut odds);
        assert!(odds[0].is_nan());
        assert_eq!(odds[1..], [0.0, 1.0, 0.5]);
    }
}
