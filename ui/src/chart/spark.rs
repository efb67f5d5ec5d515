//! A line without axes, for a cell of a table.

use super::Scale;
use super::path::draw;
use maud::{Markup, html};
use mlctl_tracking::series::Series;

const WIDTH: f64 = 96.0;
const HEIGHT: f64 = 20.0;
const MARGIN: f64 = 2.0;

/// Draws a series small; nothing if it has fewer than two points.
pub(crate) fn spark(series: &Series) -> Markup {
    let ends = series.line.ends().filter(|(first, last)| first.x < last.x);
    let (Some((first, last)), Some((min, max))) = (ends, series.line.extremes()) else {
        return html! {};
    };
    let x = Scale::linear((first.x, last.x), (MARGIN, WIDTH - MARGIN));
    let y = Scale::linear((min.y, max.y), (HEIGHT - MARGIN, MARGIN));
    html! {
        svg.spark viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } width=(WIDTH) height=(HEIGHT)
            aria-hidden="true" {
            g transform="scale(.1)" { path.s1 d=(draw(&series.line, &x, &y).path) {} }
        }
    }
}
