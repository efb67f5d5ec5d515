//! Smoothing. `x` stays; each `y` becomes an average of its neighbours.

use super::Point;
use crate::{Error, Result};

/// How to smooth a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Smoothing {
    /// Exponential: a point weighs `weight` times as much as the next, 0 to 1. Without the bias
    /// towards zero at the start (Kingma and Ba, *Adam*, section 3), as TensorBoard does it.
    Exponential {
        /// The weight.
        weight: f64,
    },
    /// The mean of a number of points around each.
    Mean {
        /// How many points.
        points: usize,
    },
    /// An average around each point, weighed by a normal distribution.
    Gaussian {
        /// The standard deviation, in points.
        deviation: f64,
    },
}

/// Points that an average is over, at most: what is asked for is work for each point.
const WINDOW_MAX: usize = 10_000;

impl Smoothing {
    /// Reads `ema:0.6`, `mean:5` or `gauss:3`.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the forms that exist.
    pub fn parse(text: &str) -> Result<Self> {
        let rule = "it must be ema:WEIGHT with a weight from 0 to 0.9999, mean:POINTS with 1 to \
                    10000 points, or gauss:POINTS with 0.1 to 1000 points";
        let parsed = text.split_once(':').and_then(|(kind, number)| match kind {
            "ema" => Self::exponential(number.parse().ok()?),
            "mean" => {
                let points = number.parse().ok().filter(|n| (1..=WINDOW_MAX).contains(n))?;
                Some(Self::Mean { points })
            }
            "gauss" => {
                let deviation = number.parse().ok().filter(|n| (0.1..=1e3).contains(n))?;
                Some(Self::Gaussian { deviation })
            }
            _ => None,
        });
        parsed.ok_or_else(|| Error::invalid("smooth", text, rule))
    }

    fn exponential(weight: f64) -> Option<Self> {
        (0.0..=0.9999).contains(&weight).then_some(Self::Exponential { weight })
    }
}

/// Smooths points that are in order.
pub fn smoothed(points: &[Point], smoothing: Smoothing) -> Vec<Point> {
    match smoothing {
        Smoothing::Exponential { weight } => exponential(points, weight),
        Smoothing::Mean { points: window } => mean(points, window),
        Smoothing::Gaussian { deviation } => gaussian(points, deviation),
    }
}

fn exponential(points: &[Point], weight: f64) -> Vec<Point> {
    let (mut sum, mut bias) = (0.0, 1.0);
    let next = |point: &Point| {
        sum = sum * weight + point.y * (1.0 - weight);
        bias *= weight;
        Point { x: point.x, y: sum / (1.0 - bias) }
    };
    points.iter().map(next).collect()
}

/// At the ends the window is cut, so that the line reaches them.
fn mean(points: &[Point], window: usize) -> Vec<Point> {
    let (before, after) = ((window - 1) / 2, window / 2);
    let around = |at: usize| {
        let shown = &points[at.saturating_sub(before)..(at + after + 1).min(points.len())];
        let sum: f64 = shown.iter().map(|point| point.y).sum();
        Point { x: points[at].x, y: sum / shown.len() as f64 }
    };
    (0..points.len()).map(around).collect()
}

fn gaussian(points: &[Point], deviation: f64) -> Vec<Point> {
    // Three deviations have 99.7 % of the weight. A few thousand at most: checked when it is read.
    let reach = (deviation * 3.0).ceil() as usize;
    let weights: Vec<f64> =
        (0..=reach).map(|far| (-0.5 * (far as f64 / deviation).powi(2)).exp()).collect();
    let around = |at: usize| {
        let first = at.saturating_sub(reach);
        let shown = &points[first..(at + reach + 1).min(points.len())];
        let weight = |place: usize| weights[(first + place).abs_diff(at)];
        let total: f64 = (0..shown.len()).map(weight).sum();
        let sum: f64 = shown.iter().enumerate().map(|(i, point)| point.y * weight(i)).sum();
        Point { x: points[at].x, y: sum / total }
    };
    (0..points.len()).map(around).collect()
}
