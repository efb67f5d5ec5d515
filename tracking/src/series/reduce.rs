//! From many points to a few columns, without losing an extreme.

use super::{Column, Line, Point};

/// Takes points in the order of `x` as they are, or as at most `columns` columns if there are more
/// than `exact_factor` times as many.
pub(super) fn line(points: &[Point], columns: usize, exact_factor: usize) -> Line {
    if points.len() <= columns.saturating_mul(exact_factor) {
        return Line::Points(points.to_vec());
    }
    let (first, last) = (points[0].x, points[points.len() - 1].x);
    let place = |point: &Point| part(point.x, first, last, columns);
    let groups = points.chunk_by(|a, b| place(a) == place(b));
    Line::Columns(groups.filter_map(column).collect())
}

/// Which of `parts` equal parts of a range `x` is in.
fn part(x: f64, first: f64, last: f64, parts: usize) -> usize {
    let width = last - first;
    if width <= 0.0 {
        return 0;
    }
    // The cast cuts off: `x` is in the range, and the end belongs to the last part.
    (((x - first) / width * parts as f64) as usize).min(parts - 1)
}

/// Makes a column of neighbours; none of no points.
pub(super) fn column(points: &[Point]) -> Option<Column> {
    let (first, last) = (*points.first()?, *points.last()?);
    let (mut min, mut max) = (first, first);
    for point in points {
        if point.y < min.y {
            min = *point;
        }
        if point.y > max.y {
            max = *point;
        }
    }
    Some(Column { first, min, max, last, count: points.len() as u64 })
}
