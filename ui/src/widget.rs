//! Pieces that many pages show alike.

use crate::format;
use maud::{Markup, html};
use mlctl_tracking::entity::RunStatus;

/// A time: relative to now, exact for who points at it.
pub(crate) fn time(now: i64, millis: i64) -> Markup {
    html! {
        time datetime=(format::iso(millis)) title=(format::moment(millis)) {
            (format::when(now, millis))
        }
    }
}

/// The state of a run: a sign, a word and a colour.
pub(crate) fn status(status: RunStatus) -> Markup {
    let (class, sign, word) = status_parts(status);
    html! { span.status.(class) { span aria-hidden="true" { (sign) } " " (word) } }
}

/// Returns the class, the sign and the word of a state.
pub(crate) fn status_parts(status: RunStatus) -> (&'static str, &'static str, &'static str) {
    match status {
        RunStatus::Running => ("running", "◐", "running"),
        RunStatus::Scheduled => ("quiet", "○", "scheduled"),
        RunStatus::Finished => ("good", "✓", "finished"),
        RunStatus::Failed => ("bad", "✕", "failed"),
        RunStatus::Killed => ("quiet", "■", "killed"),
    }
}

/// A metric's value: four digits, all of them for who points at it or focuses it.
pub(crate) fn value(value: f64) -> Markup {
    let (short, exact) = (format::number(value), format::exact(value));
    let title = (short != exact).then_some(exact);
    html! { data value=[title.as_ref()] title=[title.as_ref()] { (short) } }
}

/// A text of users on one line: cut by the style sheet, whole for who points at it.
pub(crate) fn text(text: &str) -> Markup {
    /// More than a cell ever shows.
    const CHARS_SHOWN: usize = 200;
    let cut = text.char_indices().nth(CHARS_SHOWN).map(|(end, _)| &text[..end]);
    html! { bdi dir="auto" title=(text) { (cut.unwrap_or(text)) @if cut.is_some() { "…" } } }
}

/// An id, short; whole when it is copied or pointed at.
pub(crate) fn id(id: &str) -> Markup {
    html! { code.id title=(id) data-copy=(id) { (format::short_id(id)) } }
}

/// Something to type or paste into a terminal or a program.
pub(crate) fn command(text: &str) -> Markup {
    html! { pre.command tabindex="0" { code data-copy=(text) { (text) } } }
}

/// What a page says when there is nothing to show, and how to get something.
pub(crate) fn empty(title: &str, rest: &Markup) -> Markup {
    html! { section.empty { h2 { (title) } (rest) } }
}

/// A button that opens something, without a script.
pub(crate) fn popover(label: &str, class: &str, content: &Markup) -> Markup {
    html! {
        details.pop.(class) {
            summary { (label) }
            div { (content) }
        }
    }
}

/// A button with a form of its own.
#[derive(Debug)]
pub(crate) struct Tab {
    pub(crate) name: String,
    pub(crate) href: String,
    pub(crate) is_current: bool,
}

/// The parts of one thing, each a page.
pub(crate) fn tabs(label: &str, tabs: &[Tab]) -> Markup {
    html! {
        nav.tabs aria-label=(label) {
            @for tab in tabs {
                a href=(tab.href) aria-current=[tab.is_current.then_some("page")] { (tab.name) }
            }
        }
    }
}
