use super::*;
use proptest::prelude::*;

fn logged() -> impl Strategy<Value = Vec<Logged>> {
    let value = prop_oneof![
        8 => -1e3..1e3f64,
        1 => prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(f64::NEG_INFINITY)],
        1 => prop_oneof![Just(0.0), Just(-0.0), Just(1e300), Just(5e-324)],
    ];
    let point = (-50..400i64, 0..5_000i64, value).prop_map(|(step, timestamp, value)| Logged {
        step,
        timestamp,
        value,
    });
    prop::collection::vec(point, 0..600)
}

fn query() -> impl Strategy<Value = SeriesQuery> {
    let axis = prop_oneof![Just(Axis::Step), Just(Axis::Time), Just(Axis::Relative)];
    let edges = prop::option::of((-60.0..200f64, 0.0..300f64));
    (axis, edges, 1..40usize).prop_map(|(axis, edges, columns)| SeriesQuery {
        axis,
        from: edges.map(|(from, _)| from),
        to: edges.map(|(from, width)| from + width),
        columns,
        smoothing: None,
    })
}

/// What a series must be of, the slow way: finite points of the range in order, and the others.
fn brute(points: &[Logged], query: &SeriesQuery) -> (Vec<Point>, usize) {
    let start = points.iter().map(|p| p.timestamp).min().unwrap_or(0);
    let x = |p: &Logged| match query.axis {
        Axis::Step => p.step as f64,
        Axis::Time => p.timestamp as f64,
        Axis::Relative => (p.timestamp - start) as f64 / 1000.0,
    };
    let inside = |x: f64| x >= query.from.unwrap_or(f64::MIN) && x <= query.to.unwrap_or(f64::MAX);
    let mut shown: Vec<&Logged> = points.iter().filter(|p| inside(x(p))).collect();
    shown.sort_by(|a, b| compare(a, b, query.axis));
    let finite = shown.iter().filter(|p| p.value.is_finite());
    let finite: Vec<Point> = finite.map(|p| Point { x: x(p), y: p.value }).collect();
    let odd = shown.len() - finite.len();
    (finite, odd)
}

proptest! {
    /// The contract, against brute force.
    #[test]
    fn every_column_has_the_extremes_and_ends_of_its_points(
        points in logged(),
        query in query(),
    ) {
        let series = Series::of(points.clone(), &query).unwrap();
        let (mut left, odd) = brute(&points, &query);

        prop_assert_eq!(series.non_finite_total as usize, odd);
        prop_assert_eq!(series.points_total as usize, left.len() + odd);
        match series.line {
            Line::Points(line) => {
                prop_assert!(series.exact && line.len() <= 4 * query.columns);
                prop_assert_eq!(line, left);
            }
            Line::Columns(columns) => {
                prop_assert!(!series.exact && left.len() > 4 * query.columns);
                prop_assert!(columns.len() <= query.columns);
                for column in columns {
                    let rest = left.split_off(column.count as usize);
                    let at = |y: f64| *left.iter().find(|p| p.y == y).unwrap();
                    let min = left.iter().map(|p| p.y).fold(f64::INFINITY, f64::min);
                    let max = left.iter().map(|p| p.y).fold(f64::NEG_INFINITY, f64::max);
                    prop_assert_eq!(column.first, left[0]);
                    prop_assert_eq!(column.last, left[left.len() - 1]);
                    prop_assert_eq!((column.min, column.max), (at(min), at(max)));
                    left = rest;
                }
                prop_assert!(left.is_empty(), "every point is in a column");
            }
        }
    }

    /// The ends and extremes of a whole line are those of its points, reduced or not.
    #[test]
    fn a_line_knows_its_ends_and_extremes(points in logged(), columns in 1..20usize) {
        let few = SeriesQuery { columns, ..SeriesQuery::default() };
        let all = SeriesQuery { columns: COLUMNS_MAX, ..SeriesQuery::default() };

        let few = Series::of(points.clone(), &few).unwrap();
        let all = Series::of(points, &all).unwrap();

        prop_assert_eq!(few.line.ends(), all.line.ends());
        prop_assert_eq!(few.line.extremes(), all.line.extremes());
    }
}

#[test]
fn three_spikes_of_a_million_points_are_there() {
    let spikes = [(3, 50.0), (499_999, -70.0), (999_998, 90.0)];
    let mut points: Vec<Logged> = (0..1_000_000)
        .map(|step| Logged { step, timestamp: step, value: (step as f64 / 1e5).sin() })
        .collect();
    spikes.iter().for_each(|(at, value)| points[*at as usize].value = *value);

    let series = Series::of(points, &SeriesQuery::default()).unwrap();

    let Line::Columns(columns) = series.line else { panic!("it is reduced") };
    assert_eq!((columns.len(), series.points_total), (600, 1_000_000));
    for (x, y) in spikes {
        let spike = Point { x: f64::from(x), y };
        assert!(columns.iter().any(|column| column.min == spike || column.max == spike));
    }
}

#[test]
fn smoothing_is_without_bias_and_keeps_constants() {
    let line: Vec<Point> = [2.0, 2.0, 8.0, 2.0]
        .iter()
        .enumerate()
        .map(|(x, y)| Point { x: x as f64, y: *y })
        .collect();
    let ys = |smoothing| -> Vec<f64> {
        let rounded = |p: &Point| (p.y * 1e4).round() / 1e4;
        smoothed(&line, Smoothing::parse(smoothing).unwrap()).iter().map(rounded).collect()
    };

    // By hand: (8 + 0.5·2 + 0.25·2) / 1.75, and so on.
    assert_eq!(ys("ema:0.5"), [2.0, 2.0, 5.4286, 3.6]);
    assert_eq!(ys("ema:0"), [2.0, 2.0, 8.0, 2.0]);
    assert_eq!(ys("mean:3"), [2.0, 4.0, 4.0, 5.0]);
    assert_eq!(ys("mean:1"), [2.0, 2.0, 8.0, 2.0]);
    let bell = ys("gauss:1");
    assert!(bell[2] > bell[1] && bell[2] < 8.0, "{bell:?}");
}

#[test]
fn what_cannot_be_asked_is_refused() {
    for text in ["", "ema", "ema:1", "ema:-1", "mean:0", "mean:x", "gauss:0", "box:3"] {
        assert!(Smoothing::parse(text).is_err(), "{text}");
    }
    let wrong = [
        SeriesQuery { columns: 0, ..SeriesQuery::default() },
        SeriesQuery { columns: COLUMNS_MAX + 1, ..SeriesQuery::default() },
        SeriesQuery { from: Some(2.0), to: Some(1.0), ..SeriesQuery::default() },
        SeriesQuery { from: Some(f64::NAN), ..SeriesQuery::default() },
    ];
    for query in wrong {
        assert!(Series::of(Vec::new(), &query).is_err(), "{query:?}");
    }
}
