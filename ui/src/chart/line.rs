//! Lines over a common axis, with its ticks, a legend, a sentence and a table of values.

use super::Scale;
use super::path::{Drawn, TENTHS, draw};
use super::ticks::{self, Tick};
use crate::format;
use maud::{Markup, html};
use mlctl_tracking::series::{Axis, Line, Point, Series};

const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 200.0;
/// Room for the labels of the values.
const LEFT: f64 = 52.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 8.0;
/// Room for the labels of the axis.
const BOTTOM: f64 = 22.0;

/// Colours that tell lines apart, each solid, dashed and dotted.
const COLOURS: usize = 8;

/// One line of a chart.
#[derive(Debug)]
pub(crate) struct ChartLine {
    /// What the legend says.
    pub(crate) name: String,
    /// Where the name leads.
    pub(crate) href: Option<String>,
    /// Its place among the things that are shown, which decides its colour.
    pub(crate) place: usize,
    pub(crate) series: Series,
}

/// A chart of one metric.
#[derive(Debug)]
pub(crate) struct LineChart {
    pub(crate) title: String,
    /// Where the title leads.
    pub(crate) href: Option<String>,
    pub(crate) axis: Axis,
    pub(crate) is_log: bool,
    pub(crate) lines: Vec<ChartLine>,
    /// The address of the numbers, for the script.
    pub(crate) source: String,
}

impl LineChart {
    /// Draws the chart.
    pub(crate) fn render(&self) -> Markup {
        let Some((x, y)) = self.scales() else { return self.render_empty() };
        let drawn: Vec<(Drawn, Option<Drawn>)> = self
            .lines
            .iter()
            .map(|line| {
                let smooth = line.series.smooth.as_ref().map(|smooth| draw(smooth, &x, &y));
                (draw(&line.series.line, &x, &y), smooth)
            })
            .collect();
        html! {
            figure.chart {
                figcaption { (self.heading()) }
                svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(self.sentence())
                    data-source=(self.source) data-axis=(self.axis.as_str())
                    data-x={ (x.from) " " (x.to) } data-box={ (LEFT) " " (WIDTH - RIGHT) } {
                    (self.grid(&x, &y))
                    g transform={ "scale(" (1.0 / TENTHS) ")" } {
                        @for (line, (raw, smooth)) in self.lines.iter().zip(&drawn) {
                            @let class = class(line.place);
                            path.(class).faint[smooth.is_some()] d=(raw.path) {}
                            @if let Some(smooth) = smooth { path.(class) d=(smooth.path) {} }
                        }
                    }
                    @for (line, (raw, _)) in self.lines.iter().zip(&drawn) {
                        (marks(line, raw, &x))
                    }
                }
                @if self.lines.len() > 1 { (self.legend()) }
                @for note in self.notes(&drawn) { p.quiet { (note) } }
                (self.table())
            }
        }
    }

    fn render_empty(&self) -> Markup {
        html! {
            figure.chart {
                figcaption { (self.heading()) }
                p.quiet { "No points in this range." }
            }
        }
    }

    /// The scales that have room for every line; none without points.
    fn scales(&self) -> Option<(Scale, Scale)> {
        let lines = || {
            let smooth = self.lines.iter().filter_map(|line| line.series.smooth.as_ref());
            self.lines.iter().map(|line| &line.series.line).chain(smooth)
        };
        let ends = lines().filter_map(Line::ends);
        let across = ends.fold(None, |all, (first, last)| Some(wider(all, first.x, last.x)))?;
        let extremes = lines().filter_map(Line::extremes);
        let down = extremes.fold(None, |all, (min, max)| Some(wider(all, min.y, max.y)))?;
        let x = Scale::linear(across, (LEFT, WIDTH - RIGHT));
        let place = (HEIGHT - BOTTOM, TOP);
        let least = || lines().filter_map(least_positive).fold(f64::INFINITY, f64::min);
        let y = match self.is_log && down.1 > 0.0 {
            true => Scale::log((least(), down.1), place),
            false => Scale::linear(down, place),
        };
        Some((x, y))
    }

    fn heading(&self) -> Markup {
        let last = match self.lines.as_slice() {
            [one] => one.series.line.ends().map(|(_, last)| last.y),
            _ => None,
        };
        html! {
            strong {
                @match &self.href {
                    Some(href) => { a href=(href) title=(self.title) { (self.title) } }
                    None => { span title=(self.title) { (self.title) } }
                }
            }
            @if let Some(last) = last { span { (format::number(last)) } }
        }
    }

    fn grid(&self, x: &Scale, y: &Scale) -> Markup {
        let across = match self.axis {
            Axis::Step => ticks::of_numbers(x, 6),
            Axis::Time => ticks::of_times(x, 5),
            Axis::Relative => ticks::of_seconds(x, 5),
        };
        let down = ticks::of_numbers(y, 4);
        let place = |scale: &Scale, tick: &Tick| scale.place(tick.value).unwrap_or_default();
        html! {
            g.grid {
                @for tick in &down {
                    @let at = round(place(y, tick));
                    line x1=(LEFT) x2=(WIDTH - RIGHT) y1=(at) y2=(at) {}
                    text x=(LEFT - 6.0) y=(at + 3.5) text-anchor="end" { (tick.label) }
                }
                @for tick in &across {
                    @let at = round(place(x, tick));
                    // A label at the edge would be cut.
                    @let anchor = if at > WIDTH - RIGHT - 14.0 { "end" } else { "middle" };
                    text x=(at) y=(HEIGHT - 6.0) text-anchor=(anchor) { (tick.label) }
                }
                line.axis x1=(LEFT) x2=(WIDTH - RIGHT) y1=(HEIGHT - BOTTOM) y2=(HEIGHT - BOTTOM) {}
            }
        }
    }

    fn legend(&self) -> Markup {
        html! {
            ul.legend {
                @for line in &self.lines {
                    li {
                        svg viewBox="0 0 160 80" width="16" height="8" aria-hidden="true" {
                            path.(class(line.place)) d="M0 40l160 0" {}
                        }
                        @match &line.href {
                            Some(href) => { a href=(href) { bdi dir="auto" { (line.name) } } }
                            None => { bdi dir="auto" { (line.name) } }
                        }
                        @if let Some((_, last)) = line.series.line.ends() {
                            span.quiet { (format::number(last.y)) }
                        }
                    }
                }
            }
        }
    }

    /// What the chart does not show as it is, said in words.
    fn notes(&self, drawn: &[(Drawn, Option<Drawn>)]) -> Vec<String> {
        let mut notes = Vec::new();
        let reduced: Vec<&Series> =
            self.lines.iter().map(|line| &line.series).filter(|series| !series.exact).collect();
        if !reduced.is_empty() {
            let total: u64 = reduced.iter().map(|series| series.points_total).sum();
            let shown: u64 = reduced.iter().map(|series| columns(&series.line)).sum();
            let points = format::plural(total, "point", "points");
            notes.push(format!(
                "{points} as least and greatest of {} columns",
                format::count(shown)
            ));
        }
        let odd: u64 = self.lines.iter().map(|line| line.series.non_finite_total).sum();
        if odd > 0 {
            let points = format::plural(odd, "point is", "points are");
            notes.push(format!("{points} NaN or infinite, marked at the top"));
        }
        let left_out: usize = drawn.iter().map(|(raw, _)| raw.left_out.len()).sum();
        if left_out > 0 {
            let points = format::plural(left_out as u64, "point is", "points are");
            notes.push(format!("{points} zero or negative, marked at the bottom"));
        }
        notes
    }

    /// The chart in words.
    fn sentence(&self) -> String {
        match self.lines.as_slice() {
            [one] => match (one.series.line.ends(), one.series.line.extremes()) {
                (Some(ends), Some(extremes)) => self.course(ends, extremes),
                _ => format!("{} has no points", self.title),
            },
            several => format!("{} of {} lines", self.title, several.len()),
        }
    }

    fn course(&self, (first, last): (Point, Point), (min, max): (Point, Point)) -> String {
        let verb = match last.y.total_cmp(&first.y) {
            std::cmp::Ordering::Less => "falls",
            std::cmp::Ordering::Equal => "stays, and goes",
            std::cmp::Ordering::Greater => "rises",
        };
        let number = format::number;
        let over = match self.axis {
            Axis::Step => format!("over steps {} to {}", number(first.x), number(last.x)),
            Axis::Time => format!("in {}", format::duration((last.x - first.x) as i64)),
            Axis::Relative => {
                format!("in {}", format::duration(((last.x - first.x) * 1e3) as i64))
            }
        };
        format!(
            "{} {verb} from {} to {} {over}; lowest {}, highest {}",
            self.title,
            number(first.y),
            number(last.y),
            number(min.y),
            number(max.y)
        )
    }

    /// The values of each line, for who does not see the chart.
    fn table(&self) -> Markup {
        html! {
            details.values {
                summary { "Values" }
                div.scroll {
                    table {
                        thead { tr {
                            th scope="col" { "Line" } th.number scope="col" { "First" }
                            th.number scope="col" { "Least" } th.number scope="col" { "Greatest" }
                            th.number scope="col" { "Last" } th.number scope="col" { "Points" }
                        } }
                        tbody {
                            @for line in &self.lines {
                                @let ends = line.series.line.ends();
                                @let extremes = line.series.line.extremes();
                                tr {
                                    th scope="row" { bdi dir="auto" { (line.name) } }
                                    @for point in [ends.map(|e| e.0), extremes.map(|e| e.0), extremes.map(|e| e.1), ends.map(|e| e.1)] {
                                        td.number { @if let Some(point) = point { (format::number(point.y)) } }
                                    }
                                    td.number { (format::count(line.series.points_total)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Marks what has no place on a line: at the top what is no number, at the bottom what a
/// logarithmic scale cannot show.
fn marks(line: &ChartLine, drawn: &Drawn, x: &Scale) -> Markup {
    html! {
        @for odd in &line.series.non_finite {
            @if let Some(at) = x.place(odd.x) {
                circle.odd cx=(round(at)) cy=(TOP) r="3" {
                    title { (format::number(odd.y)) " at " (format::number(odd.x)) }
                }
            }
        }
        @for at in &drawn.left_out {
            circle.odd cx=(round(*at)) cy=(HEIGHT - BOTTOM) r="2" {}
        }
    }
}

/// The classes of a line by its place: eight colours, then dashed, then dotted, then grey.
pub(crate) fn class(place: usize) -> String {
    let colour = place % COLOURS + 1;
    match place / COLOURS {
        0 => format!("s{colour}"),
        1 => format!("s{colour} dashed"),
        2 => format!("s{colour} dotted"),
        _ => "s0".to_owned(),
    }
}

fn wider(all: Option<(f64, f64)>, from: f64, to: f64) -> (f64, f64) {
    all.map_or((from, to), |(least, most)| (least.min(from), most.max(to)))
}

fn columns(line: &Line) -> u64 {
    match line {
        Line::Points(points) => points.len() as u64,
        Line::Columns(columns) => columns.len() as u64,
    }
}

fn least_positive(line: &Line) -> Option<f64> {
    let mut least = None;
    super::path::each_point(line, |point| {
        if point.y > 0.0 && least.is_none_or(|least| point.y < least) {
            least = Some(point.y);
        }
    });
    least
}

/// One digit is enough for a place, and short.
fn round(place: f64) -> f64 {
    (place * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlctl_tracking::series::{Logged, SeriesQuery};

    fn series(values: &[f64]) -> Series {
        let logged = values.iter().enumerate().map(|(step, value)| Logged {
            step: step as i64,
            timestamp: step as i64,
            value: *value,
        });
        Series::of(logged.collect(), &SeriesQuery { columns: 50, ..SeriesQuery::default() })
            .unwrap()
    }

    fn chart(lines: Vec<Series>, is_log: bool) -> String {
        let lines = lines.into_iter().enumerate().map(|(place, series)| ChartLine {
            name: format!("run {place}"),
            href: None,
            place,
            series,
        });
        let title = "loss".to_owned();
        let source = String::new();
        let lines = lines.collect();
        LineChart { title, href: None, axis: Axis::Step, is_log, lines, source }
            .render()
            .into_string()
    }

    #[test]
    fn a_chart_says_what_it_shows() {
        let page = chart(vec![series(&[2.1, 1.0, 0.02, 0.03])], false);

        let sentence = "loss falls from 2.1 to 0.03 over steps 0 to 3; lowest 0.02, highest 2.1";
        assert!(page.contains(sentence), "{page}");
        assert!(!page.contains("columns") && !page.contains("style="), "{page}");
    }

    #[test]
    fn a_reduced_chart_says_so_and_keeps_the_spike() {
        let mut values: Vec<f64> = (0..10_000).map(|step| f64::from(step) * 1e-4).collect();
        values[5_000] = 99.0;

        let page = chart(vec![series(&values)], false);

        assert!(page.contains("10,000 points as least and greatest of 50 columns"), "{page}");
        assert!(page.contains("highest 99"), "{page}");
    }

    #[test]
    fn what_has_no_place_is_marked_and_counted() {
        let page = chart(vec![series(&[1.0, f64::NAN, 0.0, 10.0])], true);

        assert!(page.contains("1 point is NaN or infinite, marked at the top"), "{page}");
        assert_eq!(page.matches("class=\"odd\"").count(), 2, "{page}");
    }

    #[test]
    fn a_chart_of_nothing_says_so() {
        assert!(chart(vec![series(&[])], false).contains("No points in this range."));
        assert!(chart(vec![series(&[f64::NAN])], false).contains("No points"));
    }

    #[test]
    fn lines_are_told_apart() {
        let page = chart(vec![series(&[1.0, 2.0]); 25], false);

        for class in ["\"s1\"", "\"s8\"", "\"s1 dashed\"", "\"s8 dotted\"", "\"s0\""] {
            assert!(page.contains(class), "{class}");
        }
    }

    #[test]
    fn extreme_magnitudes_stay_in_the_box() {
        for values in [vec![f64::MIN, f64::MAX], vec![5e-324, 1e-323], vec![7.0], vec![0.0, 0.0]] {
            for is_log in [false, true] {
                let page = chart(vec![series(&values)], is_log);
                assert!(!page.contains("NaN") && !page.contains("inf"), "{values:?}: {page}");
            }
        }
    }
}
