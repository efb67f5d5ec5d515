//! Charts: SVG in the page, drawn on the server. Pure: data in, SVG out.
//!
//! What is drawn is what was logged: a line goes through the first, least, greatest and last point
//! of every column, and a chart says when it shows columns. Colours are classes, so the theme of
//! the page decides them; sizes from data are attributes.

mod line;
mod path;
mod scale;
mod spark;
mod ticks;

pub(crate) use line::{ChartLine, LineChart, class};
pub(crate) use scale::Scale;
pub(crate) use spark::spark;
