//! One metric of one run as a chart needs it: all points while they are few, and columns that lose
//! no extreme when they are many. Pure: points in, series out.
//!
//! **Contract.** The finite points, in the order of `x`, are parted into at most
//! [`SeriesQuery::columns`] runs of neighbours, one for each equal part of the range that has
//! points; of each, [`Column`] has the first, the last, the least and the greatest point as they
//! are stored. Up to four times as many points come as they are. What is `NaN` or infinite has no
//! place on a line and comes apart, with its `x`.
//!
//! Smoothing looks at all points in their order, before any are left out; the line as it was logged
//! comes beside it.

mod reduce;
mod smooth;

pub use smooth::{Smoothing, smoothed};

use crate::entity::Metric;
use crate::{Error, Result};
use serde::{Serialize, Serializer};
use std::cmp::Ordering;

/// What a chart shows along its lower edge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Axis {
    /// The step.
    #[default]
    Step,
    /// The time, in milliseconds since 1970.
    Time,
    /// The time since the first point of the series, in seconds.
    Relative,
}

/// Which part of a series to read, and how finely.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesQuery {
    /// What `x` is.
    pub axis: Axis,
    /// The least `x`; none begins with the first point.
    pub from: Option<f64>,
    /// The greatest `x`; none ends with the last point.
    pub to: Option<f64>,
    /// How many columns at most, 1 to [`COLUMNS_MAX`].
    pub columns: usize,
    /// How to smooth a second line.
    pub smoothing: Option<Smoothing>,
}

/// The most columns of a series.
pub const COLUMNS_MAX: usize = 10_000;

/// So many times the columns come as single points.
const EXACT_FACTOR: usize = 4;

impl Default for SeriesQuery {
    /// Asks for a whole series by its steps, in 600 columns.
    fn default() -> Self {
        Self { axis: Axis::Step, from: None, to: None, columns: 600, smoothing: None }
    }
}

impl SeriesQuery {
    /// Checks the numbers.
    ///
    /// # Errors
    /// [`Error::Invalid`] for too many columns or none, and for an end before its start.
    pub fn check(&self) -> Result<()> {
        if !(1..=COLUMNS_MAX).contains(&self.columns) {
            let columns = self.columns.to_string();
            return Err(Error::invalid("columns", &columns, "it must be from 1 to 10000"));
        }
        let edges = [self.from, self.to];
        if let Some(edge) = edges.into_iter().flatten().find(|edge| !edge.is_finite()) {
            return Err(Error::invalid("from or to", &edge.to_string(), "it must be finite"));
        }
        match (self.from, self.to) {
            (Some(from), Some(to)) if from > to => {
                Err(Error::invalid("from", &from.to_string(), "it must not be after `to`"))
            }
            _ => Ok(()),
        }
    }

    fn admits(&self, x: f64) -> bool {
        self.from.is_none_or(|from| x >= from) && self.to.is_none_or(|to| x <= to)
    }
}

impl Axis {
    /// Reads the name of an axis.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the names that exist.
    pub fn parse(text: &str) -> Result<Self> {
        match text {
            "step" => Ok(Self::Step),
            "time" => Ok(Self::Time),
            "relative" => Ok(Self::Relative),
            _ => Err(Error::invalid("x", text, "it must be step, time or relative")),
        }
    }

    /// Returns the name of the axis.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Time => "time",
            Self::Relative => "relative",
        }
    }
}

/// A point as a store holds it, without what is the same for all of its series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Logged {
    /// The step.
    pub step: i64,
    /// When it was measured, in milliseconds since 1970.
    pub timestamp: i64,
    /// The value.
    pub value: f64,
}

impl From<&Metric> for Logged {
    fn from(metric: &Metric) -> Self {
        Self { step: metric.step, timestamp: metric.timestamp, value: metric.value }
    }
}

/// A place on a chart; in JSON `[x, y]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(into = "[f64; 2]")]
pub struct Point {
    /// Along the axis.
    pub x: f64,
    /// The value.
    pub y: f64,
}

impl From<Point> for [f64; 2] {
    fn from(point: Point) -> Self {
        [point.x, point.y]
    }
}

/// Neighbours of a series in one: in JSON
/// `[x first, first, x min, min, x max, max, x last, last, count]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(into = "[f64; 9]")]
pub struct Column {
    /// The first point.
    pub first: Point,
    /// The least point; of equals the first.
    pub min: Point,
    /// The greatest point; of equals the first.
    pub max: Point,
    /// The last point.
    pub last: Point,
    /// How many points there are.
    pub count: u64,
}

impl From<Column> for [f64; 9] {
    fn from(column: Column) -> Self {
        let Column { first, min, max, last, count } = column;
        [first.x, first.y, min.x, min.y, max.x, max.y, last.x, last.y, count as f64]
    }
}

/// A line: its points, or columns of them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Line {
    /// Every point.
    Points(Vec<Point>),
    /// Columns of neighbours.
    Columns(Vec<Column>),
}

/// A point without a place on a line; in JSON `[x, "NaN"]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Odd {
    /// Along the axis.
    pub x: f64,
    /// `NaN` or an infinity.
    pub y: f64,
}

impl Serialize for Odd {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let name = match self.y {
            f64::INFINITY => "Infinity",
            f64::NEG_INFINITY => "-Infinity",
            _ => "NaN",
        };
        (self.x, name).serialize(serializer)
    }
}

/// A metric of a run, ready to be drawn.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Series {
    /// How many points there are in the range, those without a place on a line included.
    pub points_total: u64,
    /// Whether `line` has every finite point.
    pub exact: bool,
    /// The line as it was logged.
    #[serde(flatten)]
    pub line: Line,
    /// The smoothed line, if one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smooth: Option<Line>,
    /// The points that are `NaN` or infinite: the first 1,000.
    pub non_finite: Vec<Odd>,
    /// How many points are `NaN` or infinite.
    pub non_finite_total: u64,
}

/// Points without a place that a series lists.
const ODD_MAX: usize = 1_000;

impl Series {
    /// Makes a series of the points of one metric of one run, in any order.
    ///
    /// # Errors
    /// As [`SeriesQuery::check`].
    pub fn of(mut logged: Vec<Logged>, query: &SeriesQuery) -> Result<Self> {
        query.check()?;
        logged.sort_unstable_by(|a, b| compare(a, b, query.axis));
        let start = logged.iter().map(|point| point.timestamp).min().unwrap_or_default();
        let place = |point: &Logged| Point {
            x: match query.axis {
                Axis::Step => point.step as f64,
                Axis::Time => point.timestamp as f64,
                Axis::Relative => (point.timestamp - start) as f64 / 1e3,
            },
            y: point.value,
        };
        let all = logged.iter().map(place);
        let finite: Vec<Point> = all.clone().filter(|point| point.y.is_finite()).collect();
        let odd = all.filter(|point| !point.y.is_finite() && query.admits(point.x));
        let odd: Vec<Odd> = odd.map(|point| Odd { x: point.x, y: point.y }).collect();
        let shown = within(&finite, query);
        let smooth = query.smoothing.map(|smoothing| {
            let line = smoothed(&finite, smoothing);
            reduce::line(within(&line, query), query.columns, EXACT_FACTOR)
        });
        let line = reduce::line(shown, query.columns, EXACT_FACTOR);
        Ok(Self {
            points_total: (shown.len() + odd.len()) as u64,
            exact: matches!(line, Line::Points(_)),
            line,
            smooth,
            non_finite_total: odd.len() as u64,
            non_finite: odd.into_iter().take(ODD_MAX).collect(),
        })
    }
}

impl Line {
    /// Returns the first and the last point, if there are any.
    pub fn ends(&self) -> Option<(Point, Point)> {
        match self {
            Self::Points(points) => Some((*points.first()?, *points.last()?)),
            Self::Columns(columns) => Some((columns.first()?.first, columns.last()?.last)),
        }
    }

    /// Returns the least and the greatest point, of equals the first, if there are any.
    pub fn extremes(&self) -> Option<(Point, Point)> {
        let columns = match self {
            Self::Points(points) => return Some(reduce::column(points)?.extremes()),
            Self::Columns(columns) => columns,
        };
        let (mut min, mut max) = columns.first()?.extremes();
        for column in columns {
            min = if column.min.y < min.y { column.min } else { min };
            max = if column.max.y > max.y { column.max } else { max };
        }
        Some((min, max))
    }
}

impl Column {
    fn extremes(&self) -> (Point, Point) {
        (self.min, self.max)
    }
}

/// The order of points along an axis: equal places keep the order of time, step and value.
fn compare(a: &Logged, b: &Logged, axis: Axis) -> Ordering {
    let (step, time) = (a.step.cmp(&b.step), a.timestamp.cmp(&b.timestamp));
    let place = match axis {
        Axis::Step => step.then(time),
        Axis::Time | Axis::Relative => time.then(step),
    };
    place.then_with(|| a.value.total_cmp(&b.value))
}

/// The points of the range: they are in order.
fn within<'a>(points: &'a [Point], query: &SeriesQuery) -> &'a [Point] {
    let start = query.from.map_or(0, |from| points.partition_point(|point| point.x < from));
    let end = query.to.map_or(points.len(), |to| points.partition_point(|point| point.x <= to));
    &points[start..end.max(start)]
}

#[cfg(test)]
mod tests;
