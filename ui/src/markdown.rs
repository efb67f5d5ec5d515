//! Markdown of users: notes, descriptions, README files.
//!
//! It is safe by how it is made: HTML in it is shown as text, so every tag is one that is written
//! here, and links lead to pages of the web alone.

use maud::{Markup, PreEscaped};
use pulldown_cmark::{CowStr, Event, LinkType, Options, Parser, Tag, TagEnd, html};

/// Renders Markdown.
pub(crate) fn render(text: &str) -> Markup {
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let events = Parser::new_ext(text, options).filter_map(safe);
    let mut out = String::with_capacity(text.len() * 3 / 2);
    html::push_html(&mut out, events);
    PreEscaped(out)
}

/// Turns what could do harm into text. A picture is its description: pages load nothing from
/// elsewhere.
fn safe(event: Event<'_>) -> Option<Event<'_>> {
    Some(match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        Event::Start(Tag::HtmlBlock | Tag::Image { .. })
        | Event::End(TagEnd::HtmlBlock | TagEnd::Image) => {
            return None;
        }
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            let dest_url = if is_web(&dest_url) { dest_url } else { CowStr::Borrowed("#") };
            // An address of mail would be hidden behind a `mailto:`.
            let link_type = if link_type == LinkType::Email { LinkType::Inline } else { link_type };
            Event::Start(Tag::Link { link_type, dest_url, title, id })
        }
        other => other,
    })
}

/// Tells whether an address is of the web.
pub(crate) fn is_web(address: &str) -> bool {
    let address = address.trim_start().to_ascii_lowercase();
    address.starts_with("https://") || address.starts_with("http://")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_becomes_html() {
        let page = render("# Soil\n\nIt was **dry**.\n\n| a |\n|---|\n| 1 |\n").into_string();

        assert!(page.contains("<h1>Soil</h1>") && page.contains("<strong>dry</strong>"), "{page}");
        assert!(page.contains("<td>1</td>"), "{page}");
    }

    #[test]
    fn html_in_it_is_text() {
        for text in [
            "<script>alert(1)</script>",
            "a <img src=x onerror=alert(1)> b",
            "<div>\n<script>alert(1)\n</script>\n</div>",
            "![x](http://evil.test/a.png)",
            "[a](javascript:alert(1))",
            "[a](  JAVASCRIPT:alert(1))",
            "[a](data:text/html,x)",
            "<javascript:alert(1)>",
            "[a]: javascript:x\n[a]",
        ] {
            let page = render(text).into_string();
            for wrong in
                ["<script", "<img", "<div", "href=\"javascript", "href=\"data", "href=\"JAVA"]
            {
                assert!(!page.contains(wrong), "{text}: {page}");
            }
        }
    }

    #[test]
    fn links_of_the_web_stay() {
        let page = render("[paper](https://example.org/a?b=1)").into_string();

        assert!(page.contains("href=\"https://example.org/a?b=1\""), "{page}");
    }
}
