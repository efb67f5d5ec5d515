//! A file, shown as well as it can be.

use super::kind::Kind;
use super::{Place, unusable};
use crate::reply::Result;
use crate::site::Site;
use crate::{format, markdown, widget};
use maud::{Markup, html};
use mlctl_artifacts::ArtifactInfo;
use std::borrow::Cow;
use std::io::Read;

/// Bytes of a text that are shown.
const TEXT_BYTES: u64 = 1 << 20;

/// Rows of a table that are shown.
const ROWS: usize = 1_000;

pub(super) fn file(site: &Site, place: &Place, info: &ArtifactInfo) -> Result<Markup> {
    let artifact = place.store.open(&place.path).map_err(unusable)?;
    let size = info.file_size.unwrap_or(artifact.size);
    let mut bytes = Vec::new();
    artifact.content.take(TEXT_BYTES).read_to_end(&mut bytes).map_err(|source| {
        unusable(mlctl_artifacts::Error::Io { doing: format!("read `{}`", place.path), source })
    })?;
    let head = &bytes[..bytes.len().min(4_096)];
    let kind = Kind::of(&place.path, head);
    let raw = || place.raw(site, &place.path);
    let name = place.path.file_name().unwrap_or_default();
    let is_cut = (bytes.len() as u64) < size;
    let text = || String::from_utf8_lossy(&bytes);
    Ok(html! {
        div.title {
            h2 { (widget::text(name)) }
            span.facts { (format::bytes(size)) }
            div.actions { a.button href=(place.download(site, &place.path)) { "Download" } }
        }
        @match kind {
            Kind::Picture(_) | Kind::Svg => { img.preview src=(raw()) alt=(name); }
            Kind::Page => {
                iframe.preview sandbox="allow-scripts" src=(raw()) title={ "Content of " (name) } {}
            }
            Kind::Audio(_) => { audio controls preload="metadata" src=(raw()) {} }
            Kind::Video(_) => { video.preview controls preload="metadata" src=(raw()) {} }
            Kind::Markdown => { div.markdown.card { (markdown::render(&text())) } (cut(is_cut)) }
            Kind::Table(separator) => { (table(&text(), separator, is_cut)) }
            Kind::Text => { (lines(&text())) (cut(is_cut)) }
            Kind::Other => {
                p.quiet { "This kind of file cannot be shown here. Download it to open it." }
            }
        }
    })
}

fn cut(is_cut: bool) -> Markup {
    html! { @if is_cut { p.quiet { "Only the first 1 MiB is shown." } } }
}

/// A text with the numbers of its lines; the colours of a terminal are left out.
fn lines(text: &str) -> Markup {
    let text = without_escapes(text);
    html! { pre.text tabindex="0" { @for line in text.lines() { span { (line) "\n" } } } }
}

/// Takes out what would colour a terminal: `ESC [ … letter`.
fn without_escapes(text: &str) -> Cow<'_, str> {
    if !text.contains('\x1b') {
        return Cow::Borrowed(text);
    }
    let mut parts = text.split('\x1b');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part
            .strip_prefix('[')
            .map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit() || ";?".contains(c)));
        out.push_str(rest.map_or(part, |rest| rest.get(1..).unwrap_or_default()));
    }
    Cow::Owned(out)
}

/// A table of separated values: its first rows.
fn table(text: &str, separator: char, is_cut: bool) -> Markup {
    let mut rows = text.lines().map(|line| cells(line, separator));
    let head = rows.next().unwrap_or_default();
    let shown: Vec<Vec<String>> = rows.by_ref().take(ROWS).collect();
    let has_more = is_cut || rows.next().is_some();
    html! {
        div.scroll tabindex="0" role="region" aria-label="Table" {
            table.rows {
                thead { tr { @for cell in &head { th scope="col" { (widget::text(cell)) } } } }
                tbody { @for row in &shown { tr { @for cell in row { td { (widget::text(cell)) } } } } }
            }
        }
        p.quiet {
            @if has_more { "The first " }
            (format::plural(shown.len() as u64, "row", "rows")) ", "
            (format::plural(head.len() as u64, "column", "columns"))
        }
    }
}

/// Parts a line; a separator between quotes is none.
fn cells(line: &str, separator: char) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut is_quoted = false;
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        let Some(cell) = cells.last_mut() else { break };
        match c {
            '"' if is_quoted && chars.peek() == Some(&'"') => cell.extend(chars.next()),
            '"' => is_quoted = !is_quoted,
            _ if c == separator && !is_quoted => cells.push(String::new()),
            _ => cell.push(c),
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_parted_at_separators_outside_of_quotes() {
        assert_eq!(cells("a,\"b,\"\"c\"\"\",", ','), ["a", "b,\"c\"", ""]);
        assert_eq!(cells("a\tb", '\t'), ["a", "b"]);
    }

    #[test]
    fn colours_of_terminals_are_left_out() {
        assert_eq!(without_escapes("\x1b[32mINFO\x1b[0m a\x1b[1;31mb"), "INFO ab");
        assert_eq!(without_escapes("plain"), "plain");
        assert_eq!(without_escapes("cut \x1b["), "cut ");
    }
}
