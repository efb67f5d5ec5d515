//! Arithmetic, element by element.

use super::broadcast;
use crate::array::{Array, Data, Element};
use crate::exponential::{exp_all, logistic_all};
use crate::kernel::{Inputs, Kernel, one};
use crate::node::Node;

/// A type to calculate with.
pub(super) trait Number: Element + Copy + PartialOrd {
    const ZERO: Self;
    const ONE: Self;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
    /// The remainder with the sign of the divisor.
    fn modulo(self, other: Self) -> Self;
    /// The remainder with the sign of the dividend.
    fn remainder(self, other: Self) -> Self;
    fn power(self, exponent: f64) -> Self;
    fn wide(self) -> f64;
    fn nearest(value: f64) -> Self;
    fn is_nan(self) -> bool;
    /// Whether dividing by zero has no result.
    const WHOLE: bool;
}

macro_rules! whole_number {
    ($($kind:ty),*) => {$(
        impl Number for $kind {
            const ZERO: Self = 0;
            const ONE: Self = 1;
            const WHOLE: bool = true;
            fn add(self, other: Self) -> Self { self.wrapping_add(other) }
            fn sub(self, other: Self) -> Self { self.wrapping_sub(other) }
            fn mul(self, other: Self) -> Self { self.wrapping_mul(other) }
            fn div(self, other: Self) -> Self { self.checked_div(other).unwrap_or_default() }
            #[allow(unused_comparisons, clippy::allow_attributes, reason = "some have no sign")]
            fn modulo(self, other: Self) -> Self {
                let rest = self.checked_rem(other).unwrap_or_default();
                if rest != 0 && (rest < 0) != (other < 0) { rest.wrapping_add(other) } else { rest }
            }
            fn remainder(self, other: Self) -> Self { self.checked_rem(other).unwrap_or_default() }
            fn power(self, exponent: f64) -> Self { (self as f64).powf(exponent) as Self }
            fn wide(self) -> f64 { self as f64 }
            fn nearest(value: f64) -> Self { value as Self }
            fn is_nan(self) -> bool { false }
        }
    )*};
}

macro_rules! float_number {
    ($($kind:ty),*) => {$(
        impl Number for $kind {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const WHOLE: bool = false;
            fn add(self, other: Self) -> Self { self + other }
            fn sub(self, other: Self) -> Self { self - other }
            fn mul(self, other: Self) -> Self { self * other }
            fn div(self, other: Self) -> Self { self / other }
            fn modulo(self, other: Self) -> Self {
                let rest = self % other;
                if rest != 0.0 && (rest < 0.0) != (other < 0.0) { rest + other } else { rest }
            }
            fn remainder(self, other: Self) -> Self { self % other }
            fn power(self, exponent: f64) -> Self {
                if exponent == 2.0 { self * self } else { self.powf(exponent as Self) }
            }
            fn wide(self) -> f64 { f64::from(self) }
            fn nearest(value: f64) -> Self { value as Self }
            fn is_nan(self) -> bool { Self::is_nan(self) }
        }
    )*};
}

whole_number!(i8, i16, i32, i64, u8, u16, u32, u64);
float_number!(f32, f64);

/// Does the same for numbers of whatever type.
macro_rules! numbers {
    ($data:expr, $list:ident => $body:expr) => {
        match $data {
            $crate::array::Data::F32($list) => $body,
            $crate::array::Data::F64($list) => $body,
            $crate::array::Data::I8($list) => $body,
            $crate::array::Data::I16($list) => $body,
            $crate::array::Data::I32($list) => $body,
            $crate::array::Data::I64($list) => $body,
            $crate::array::Data::U8($list) => $body,
            $crate::array::Data::U16($list) => $body,
            $crate::array::Data::U32($list) => $body,
            $crate::array::Data::U64($list) => $body,
            other => Err(format!("values of type {} are not numbers", other.kind())),
        }
    };
}

/// Does the same for floats of whatever size.
macro_rules! floats {
    ($data:expr, $list:ident => $body:expr) => {
        match $data {
            $crate::array::Data::F32($list) => $body,
            $crate::array::Data::F64($list) => $body,
            other => Err(format!("values of type {} are not floats", other.kind())),
        }
    };
}

pub(super) use {floats, numbers};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Add,
    Sub,
    Mul,
    Div,
    Modulo,
    Remainder,
    Max,
    Min,
}

/// Makes the kernel of an operator with two inputs or any number of them.
pub(super) fn many(node: &mut Node<'_>) -> Result<Kernel, String> {
    if node.version < 7 {
        return Err(format!("version {} of the operators is too old", node.version));
    }
    let is_remainder = node.op == "Mod" && node.flag("fmod", false)?;
    let op = match node.op {
        "Add" | "Sum" | "Mean" => Op::Add,
        "Sub" => Op::Sub,
        "Mul" => Op::Mul,
        "Div" => Op::Div,
        "Max" => Op::Max,
        "Min" => Op::Min,
        "Mod" if is_remainder => Op::Remainder,
        "Mod" => Op::Modulo,
        _ => return one(|mut inputs| power(&mut inputs)),
    };
    let is_mean = node.op == "Mean";
    one(move |mut inputs| {
        let mut left = inputs.take(0)?;
        for at in 1..inputs.len() {
            left = combine(op, left, inputs.get(at)?)?;
        }
        if is_mean { divide(left, inputs.len()) } else { Ok(left) }
    })
}

fn combine(op: Op, mut left: Array, right: &Array) -> Result<Array, String> {
    let out = broadcast::shape(&left.shape, &right.shape)?;
    numbers!(&mut left.data, list => {
        let list: &mut Vec<_> = list;
        let other = right.list()?;
        match op {
            Op::Add => apply(list, &left.shape, other, &right.shape, &out, |a, b| a.add(b)),
            Op::Sub => apply(list, &left.shape, other, &right.shape, &out, |a, b| a.sub(b)),
            Op::Mul => apply(list, &left.shape, other, &right.shape, &out, |a, b| a.mul(b)),
            Op::Max => apply(list, &left.shape, other, &right.shape, &out, greater),
            Op::Min => apply(list, &left.shape, other, &right.shape, &out, less),
            Op::Div | Op::Modulo | Op::Remainder => {
                nonzero(other)?;
                match op {
                    Op::Div => apply(list, &left.shape, other, &right.shape, &out, |a, b| a.div(b)),
                    Op::Modulo => {
                        apply(list, &left.shape, other, &right.shape, &out, |a, b| a.modulo(b));
                    }
                    _ => apply(list, &left.shape, other, &right.shape, &out, |a, b| a.remainder(b)),
                }
            }
        }
        Ok::<(), String>(())
    })?;
    left.shape = out;
    Ok(left)
}

fn apply<T: Number>(
    left: &mut Vec<T>,
    left_shape: &[usize],
    right: &[T],
    right_shape: &[usize],
    out: &[usize],
    work: impl Fn(T, T) -> T,
) {
    let work = |a: &T, b: &T| work(*a, *b);
    if !broadcast::update((left, left_shape), (right, right_shape), out, work) {
        *left = broadcast::combine((left, left_shape), (right, right_shape), out, work);
    }
}

fn nonzero<T: Number>(list: &[T]) -> Result<(), String> {
    if T::WHOLE && list.contains(&T::ZERO) {
        return Err("a whole number is divided by zero".to_owned());
    }
    Ok(())
}

/// The greater of two; NaN wins.
pub(super) fn greater<T: Number>(a: T, b: T) -> T {
    if a.is_nan() || a > b { a } else { b }
}

/// The lesser of two; NaN wins.
pub(super) fn less<T: Number>(a: T, b: T) -> T {
    if a.is_nan() || a < b { a } else { b }
}

fn divide(mut array: Array, count: usize) -> Result<Array, String> {
    floats!(&mut array.data, list => {
        list.iter_mut().for_each(|value| *value = value.div(Number::nearest(count as f64)));
        Ok(array)
    })
}

fn power(inputs: &mut Inputs<'_>) -> Result<Array, String> {
    let left = inputs.take(0)?;
    let right = inputs.get(1)?;
    let out = broadcast::shape(&left.shape, &right.shape)?;
    let exponents: Vec<f64> =
        numbers!(&right.data, list => Ok(list.iter().map(|value| value.wide()).collect()))?;
    let data = numbers!(&left.data, list => {
        let sides = ((&list[..], &left.shape[..]), (&exponents[..], &right.shape[..]));
        Ok(Element::data(broadcast::combine(sides.0, sides.1, &out, |a, b| a.power(*b))))
    })?;
    Ok(Array { shape: out, data })
}

/// Makes the kernel of an operator with one input.
pub(super) fn single(node: &mut Node<'_>) -> Result<Kernel, String> {
    macro_rules! float {
        ($value:ident => $body:expr) => {
            one(move |mut inputs| {
                let mut array = inputs.take(0)?;
                match &mut array.data {
                    Data::F32(list) => list.iter_mut().for_each(|place| {
                        let $value = *place;
                        *place = $body;
                    }),
                    Data::F64(list) => list.iter_mut().for_each(|place| {
                        let $value = *place;
                        *place = $body;
                    }),
                    other => return Err(format!("values of type {} are not floats", other.kind())),
                }
                Ok(array)
            })
        };
    }
    match node.op {
        "Ceil" => float!(value => value.ceil()),
        "Erf" => float!(value => Number::nearest(erf(value.wide()))),
        "Exp" => one(|mut inputs| {
            let mut array = inputs.take(0)?;
            match &mut array.data {
                Data::F32(list) => exp_all(list),
                Data::F64(list) => list.iter_mut().for_each(|value| *value = value.exp()),
                other => return Err(format!("values of type {} are not floats", other.kind())),
            }
            Ok(array)
        }),
        "Floor" => float!(value => value.floor()),
        "Log" => float!(value => value.ln()),
        "Round" => float!(value => value.round_ties_even()),
        "Reciprocal" => float!(value => value.recip()),
        "Sigmoid" => one(|mut inputs| {
            let mut array = inputs.take(0)?;
            match &mut array.data {
                Data::F32(list) => logistic_all(list),
                Data::F64(list) => mlctl_models_trees::transform::logistic(list),
                other => return Err(format!("values of type {} are not floats", other.kind())),
            }
            Ok(array)
        }),
        "Sqrt" => float!(value => value.sqrt()),
        "Tanh" => float!(value => value.tanh()),
        "Clip" => clip(node),
        "Celu" => {
            let alpha = node.float("alpha")?.unwrap_or(1.0);
            float!(value => Number::nearest(celu(value.wide(), alpha.into())))
        }
        "Abs" => one(|mut inputs| signed(&mut inputs, |sign| if sign < 0 { -1 } else { 1 })),
        "Neg" => one(|mut inputs| signed(&mut inputs, |_| -1)),
        "Relu" => one(|mut inputs| {
            let mut array = inputs.take(0)?;
            numbers!(&mut array.data, list => { list.iter_mut().for_each(relu); Ok(array) })
        }),
        _ => one(|mut inputs| {
            let mut array = inputs.take(0)?;
            numbers!(&mut array.data, list => {
                list.iter_mut().for_each(|value| *value = Number::nearest(f64::from(sign(*value))));
                Ok(array)
            })
        }),
    }
}

fn celu(value: f64, alpha: f64) -> f64 {
    value.max(0.0) + (alpha * (value / alpha).exp_m1()).min(0.0)
}

fn relu<T: Number>(value: &mut T) {
    *value = if *value < T::ZERO { T::ZERO } else { *value };
}

fn sign<T: Number>(value: T) -> i8 {
    i8::from(value > T::ZERO) - i8::from(value < T::ZERO)
}

/// Multiplies each value by what `factor` makes of its sign.
fn signed(inputs: &mut Inputs<'_>, factor: impl Fn(i8) -> i8) -> Result<Array, String> {
    fn negate<T: Number>(list: &mut [T], factor: impl Fn(i8) -> i8) {
        for value in list {
            if factor(sign(*value)) < 0 {
                *value = if T::WHOLE { T::ZERO.sub(*value) } else { value.mul(T::nearest(-1.0)) };
            }
        }
    }
    let mut array = inputs.take(0)?;
    numbers!(&mut array.data, list => { negate(list, factor); Ok(array) })
}

fn clip(node: &mut Node<'_>) -> Result<Kernel, String> {
    let (least, most) = (node.float("min")?, node.float("max")?);
    fn work<T: Number>(
        list: &mut [T],
        inputs: &Inputs<'_>,
        bounds: [Option<f32>; 2],
    ) -> Result<(), String> {
        let bound = |at: usize| -> Result<Option<T>, String> {
            match inputs.optional(at) {
                Some(array) => Ok(array.list::<T>()?.first().copied()),
                None => Ok(bounds[at - 1].map(|value| T::nearest(f64::from(value)))),
            }
        };
        let (least, most) = (bound(1)?, bound(2)?);
        for value in list {
            if let Some(least) = least.filter(|least| *value < *least) {
                *value = least;
            }
            if let Some(most) = most.filter(|most| *value > *most) {
                *value = most;
            }
        }
        Ok(())
    }
    one(move |mut inputs| {
        let mut array = inputs.take(0)?;
        numbers!(&mut array.data, list => work(list, &inputs, [least, most]).map(|()| array))
    })
}

/// The error function, to 1e-7 by the formula 7.1.26 of Abramowitz and Stegun; better near zero.
fn erf(value: f64) -> f64 {
    if value.abs() < 0.5 {
        // The series converges quickly here.
        let mut term = value;
        let mut sum = value;
        for n in 1..20 {
            term *= -value * value / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        return sum * std::f64::consts::FRAC_2_SQRT_PI;
    }
    let t = 1.0 / (1.0 + 0.327_591_1 * value.abs());
    let series = [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592];
    let poly = series.iter().fold(0.0, |sum, factor| sum * t + factor) * t;
    (1.0 - poly * (-value * value).exp()).copysign(value)
}
