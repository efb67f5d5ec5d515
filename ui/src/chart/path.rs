//! The path of a line, in as few characters as it takes.

use super::Scale;
use mlctl_tracking::series::{Line, Point};
use std::fmt::Write;

/// Paths are in tenths of the chart's units, so that whole numbers are exact enough.
pub(crate) const TENTHS: f64 = 10.0;

/// The path of a line, and the points that have no place on it.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Drawn {
    /// The `d` of an SVG path, in tenths.
    pub(crate) path: String,
    /// Where points are that a logarithmic scale cannot show.
    pub(crate) left_out: Vec<f64>,
}

/// Draws a line: through every point, or through the first, least, greatest and last point of
/// every column, in the order in which they were logged.
pub(crate) fn draw(line: &Line, x: &Scale, y: &Scale) -> Drawn {
    let mut pen = Pen::default();
    let mut left_out = Vec::new();
    each_point(line, |point| match (x.place(point.x), y.place(point.y)) {
        (Some(across), Some(down)) => pen.to(across, down),
        (across, _) => {
            pen.lift();
            left_out.extend(across);
        }
    });
    Drawn { path: pen.path, left_out }
}

/// Visits what a line goes through.
pub(crate) fn each_point(line: &Line, mut visit: impl FnMut(Point)) {
    match line {
        Line::Points(points) => points.iter().copied().for_each(visit),
        Line::Columns(columns) => {
            for column in columns {
                visit(column.first);
                let (one, two) = match column.min.x <= column.max.x {
                    true => (column.min, column.max),
                    false => (column.max, column.min),
                };
                visit(one);
                visit(two);
                visit(column.last);
            }
        }
    }
}

/// Writes a path with relative whole numbers.
#[derive(Debug, Default)]
struct Pen {
    path: String,
    at: (i64, i64),
    is_down: bool,
}

impl Pen {
    fn to(&mut self, x: f64, y: f64) {
        let to = ((x * TENTHS).round() as i64, (y * TENTHS).round() as i64);
        if !self.is_down {
            // Absolute: where the pen was lifted does not matter. A line of no length is a dot.
            write!(self.path, "M{} {}l0 0", to.0, to.1).unwrap_or_default();
            (self.at, self.is_down) = (to, true);
            return;
        }
        let step = (to.0 - self.at.0, to.1 - self.at.1);
        if step == (0, 0) {
            return;
        }
        // A minus separates as well as a space does.
        let gap = |number: i64| if number < 0 { "" } else { " " };
        write!(self.path, "{}{}{}{}", gap(step.0), step.0, gap(step.1), step.1).unwrap_or_default();
        self.at = to;
    }

    fn lift(&mut self) {
        self.is_down = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlctl_tracking::series::Column;

    fn scale() -> Scale {
        Scale::linear((0.0, 10.0), (0.0, 10.0))
    }

    fn points(list: &[(f64, f64)]) -> Line {
        Line::Points(list.iter().map(|(x, y)| Point { x: *x, y: *y }).collect())
    }

    #[test]
    fn a_path_is_relative_and_short() {
        let line = points(&[(0.0, 1.0), (1.0, 0.5), (1.001, 0.5), (2.0, 3.0)]);

        assert_eq!(draw(&line, &scale(), &scale()).path, "M0 10l0 0 10-5 10 25");
    }

    #[test]
    fn a_column_is_drawn_through_its_extremes() {
        let at = |x, y| Point { x, y };
        let column = Column {
            first: at(0.0, 1.0),
            max: at(1.0, 9.0),
            min: at(2.0, 0.0),
            last: at(3.0, 2.0),
            count: 50,
        };

        let drawn = draw(&Line::Columns(vec![column]), &scale(), &scale());

        assert_eq!(drawn.path, "M0 10l0 0 10 80 10-90 10 20");
    }

    #[test]
    fn what_a_log_scale_cannot_show_is_told() {
        let log = Scale::log((1.0, 10.0), (0.0, 10.0));
        let line = points(&[(0.0, 1.0), (1.0, 0.0), (2.0, 10.0)]);

        let drawn = draw(&line, &scale(), &log);

        assert_eq!(drawn, Drawn { path: "M0 0l0 0M20 100l0 0".to_owned(), left_out: vec![1.0] });
    }
}
