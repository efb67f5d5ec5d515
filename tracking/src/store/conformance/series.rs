//! Metrics as charts need them.

use super::*;
use crate::series::{Line, Logged, Odd, Point, Series, SeriesQuery};

/// A series is that of the stored points, whatever the order in which they were logged.
pub fn a_series_keeps_every_extreme(store: &dyn TrackingStore) {
    let id = start(store).info.run_id;
    let value = |step: i64| match step {
        77 => 1e9,
        500 => f64::NAN,
        501 => f64::NEG_INFINITY,
        _ => (step as f64 / 30.0).sin(),
    };
    let points: Vec<Metric> =
        (0..900).map(|at| at * 7 % 900).map(|step| point("loss", value(step), step)).collect();
    for part in points.chunks(300) {
        let metrics = part.iter().cloned().chain([point("other", 5.0, part[0].step)]).collect();
        store.log_batch(&id, &Batch { metrics, ..Batch::default() }).unwrap();
    }
    let query = SeriesQuery { columns: 50, ..SeriesQuery::default() };
    let want = Series::of(points.iter().map(Logged::from).collect(), &query).unwrap();

    let series = store.series(&id, &key("loss"), &query).unwrap();

    assert_eq!(series.line, want.line);
    assert_eq!((series.points_total, series.non_finite_total), (900, 2));
    assert!(series.non_finite[0].y.is_nan());
    let Line::Columns(columns) = series.line else { panic!("898 points are in 50 columns") };
    assert!(columns.iter().any(|column| column.max == Point { x: 77.0, y: 1e9 }));
    assert_eq!(series.non_finite[1], Odd { x: 501.0, y: f64::NEG_INFINITY });
}

/// A metric that was never logged has an empty series; a run that is not there is named.
pub fn a_series_without_points_is_empty(store: &dyn TrackingStore) {
    let id = start(store).info.run_id;
    let query = SeriesQuery::default();

    let series = store.series(&id, &key("none"), &query).unwrap();

    assert_eq!((series.points_total, series.line), (0, Line::Points(Vec::new())));
    let unknown = crate::RunId::random();
    refused(store.series(&unknown, &key("a"), &query), "RESOURCE_DOES_NOT_EXIST", unknown.as_str());
    let none = SeriesQuery { columns: 0, ..query };
    refused(store.series(&id, &key("a"), &none), "INVALID_PARAMETER_VALUE", "columns");
}
