//! The two kinds of numbers that trees compare.

use std::fmt::Debug;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, Neg, Sub};

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// `f32` or `f64`.
pub trait Float:
    sealed::Sealed
    + Copy
    + Debug
    + Default
    + PartialEq
    + PartialOrd
    + Add<Output = Self>
    + AddAssign
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + DivAssign
    + Neg<Output = Self>
    + Send
    + Sync
    + 'static
{
    /// Not a number.
    const NAN: Self;
    /// Minus infinity.
    const LEAST: Self;

    /// Rounds to the nearest value of this type.
    fn nearest(value: f64) -> Self;
    /// Widens to 64 bits, which is exact.
    fn wide(self) -> f64;
    /// Tells whether this is no number.
    fn is_nan(self) -> bool;
    /// Returns the greatest value below this one, which is not minus infinity.
    fn below(self) -> Self;
    /// Returns e to this power.
    fn exp(self) -> Self;
}

macro_rules! float {
    ($float:ident) => {
        impl Float for $float {
            const NAN: Self = Self::NAN;
            const LEAST: Self = Self::NEG_INFINITY;

            #[inline]
            fn nearest(value: f64) -> Self {
                value as Self
            }

            #[inline]
            fn wide(self) -> f64 {
                f64::from(self)
            }

            #[inline]
            fn is_nan(self) -> bool {
                self.is_nan()
            }

            #[inline]
            fn below(self) -> Self {
                self.next_down()
            }

            #[inline]
            fn exp(self) -> Self {
                self.exp()
            }
        }
    };
}

float!(f32);
float!(f64);

/// Returns the greatest `f32` that is not above `value`: for every `f32` x, `x <= round_down(t)`
/// exactly when `x <= t` in 64 bits.
pub fn round_down(value: f64) -> f32 {
    let near = value as f32;
    if f64::from(near) > value { near.next_down() } else { near }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounded_thresholds_keep_every_comparison() {
        let tenth = 0.1_f64;
        for t in [tenth, -tenth, 0.3, 1e-50, -1e-50, 1e300, -1e300, 0.0, -0.0, 16_777_217.0] {
            let near = t as f32;
            for x in [near, near.next_up(), near.next_down(), 0.0, f32::MAX, f32::INFINITY] {
                for x in [x, -x] {
                    assert_eq!(x <= round_down(t), f64::from(x) <= t, "{x} <= {t}");
                }
            }
        }
        assert!(round_down(f64::NAN).is_nan());
        assert_eq!(round_down(f64::INFINITY), f32::INFINITY);
        assert_eq!(round_down(f64::NEG_INFINITY), f32::NEG_INFINITY);
    }
}
