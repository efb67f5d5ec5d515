//! The frame of every page: head, navigation, crumbs, the place of messages.

use crate::asked::{Asked, Theme};
use crate::reply::PageError;
use crate::site::Site;
use crate::{asset, form};
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The parts of the site, in the order of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Home,
    Experiments,
    Models,
    Approvals,
    Other,
}

const NAVIGATION: [(Part, &str, &str); 4] = [
    (Part::Home, "/", "Home"),
    (Part::Experiments, "/experiments", "Experiments"),
    (Part::Models, "/models", "Models"),
    (Part::Approvals, "/approvals", "Approvals"),
];

/// A page without its frame.
#[derive(Debug)]
pub(crate) struct Page {
    /// What the tab of the browser says, before the name of the product.
    pub(crate) title: String,
    pub(crate) part: Part,
    /// The pages above this one: what they are called and where they are, below the prefix.
    pub(crate) crumbs: Vec<(String, String)>,
    pub(crate) body: Markup,
}

impl Page {
    /// Makes a page without crumbs.
    pub(crate) fn new(title: impl Into<String>, part: Part, body: Markup) -> Self {
        Self { title: title.into(), part, crumbs: Vec::new(), body }
    }

    /// Adds a page above this one.
    #[must_use]
    pub(crate) fn below(mut self, name: impl Into<String>, path: impl Into<String>) -> Self {
        self.crumbs.push((name.into(), path.into()));
        self
    }

    /// Puts the frame around the page.
    pub(crate) fn render(self, site: &Site, asked: &Asked) -> Markup {
        let theme = (asked.theme != Theme::Auto).then(|| asked.theme.as_str());
        html! {
            (DOCTYPE)
            html lang="en" data-theme=[theme] data-prefix=(site.prefix) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (one_line(&self.title)) " · mlctl" }
                    link rel="icon" href=(asset::ICON.link(site));
                    link rel="stylesheet" href=(asset::STYLE.link(site));
                    script type="module" src=(asset::SCRIPT.link(site)) {}
                }
                body {
                    a.skip href="#main" { "Skip to content" }
                    (top(site, asked, self.part))
                    main #main tabindex="-1" {
                        @if !self.crumbs.is_empty() { (crumbs(site, &self.crumbs)) }
                        (self.body)
                    }
                    p #live .hidden role="status" aria-live="polite" {}
                }
            }
        }
    }
}

/// A title is one line, or browsers show the others as spaces of any width.
fn one_line(title: &str) -> String {
    title.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn top(site: &Site, asked: &Asked, current: Part) -> Markup {
    html! {
        header.top {
            a.logo href=(site.link("/")) { "mlctl" }
            nav.wide aria-label="Main" { (links(site, current)) }
            form.find action=(site.link("/search")) role="search" {
                input type="search" name="q" placeholder="Search" aria-label="Search everything"
                    value=[search_text(asked)] data-key="search";
            }
            form action=(site.link("/theme")) method="post" {
                (form::hidden(site, &here(asked)))
                button.icon name="theme" value=(asked.theme.next().as_str()) data-key="theme"
                    title={ "Colours: " (asked.theme.as_str()) ". Change to "
                        (asked.theme.next().as_str()) }
                    aria-label={ "Change colours to " (asked.theme.next().as_str()) } {
                    (PreEscaped("<svg viewBox=\"0 0 16 16\" width=\"16\" height=\"16\" aria-hidden=\"true\"><circle cx=\"8\" cy=\"8\" r=\"6\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.5\"/><path d=\"M8 2a6 6 0 0 1 0 12z\" fill=\"currentColor\"/></svg>"))
                }
            }
            details.menu {
                summary aria-label="Menu" { "☰" }
                nav aria-label="Main" { (links(site, current)) }
            }
        }
    }
}

fn links(site: &Site, current: Part) -> Markup {
    html! {
        @for (part, path, name) in NAVIGATION {
            a href=(site.link(path)) aria-current=[(part == current).then_some("page")] { (name) }
        }
        @if site.has_mlflow { a href=(site.link("/mlflow/")) { "MLflow's pages" } }
    }
}

fn search_text(asked: &Asked) -> Option<&str> {
    asked.first("q").filter(|_| asked.path == "/search")
}

/// The address of the page that is shown, below the prefix.
pub(crate) fn here(asked: &Asked) -> String {
    let start = crate::url::Url::new(asked.path.clone());
    asked.pairs.iter().fold(start, |url, (name, value)| url.with(name, value)).to_string()
}

fn crumbs(site: &Site, crumbs: &[(String, String)]) -> Markup {
    html! {
        nav.crumbs aria-label="Breadcrumb" {
            @for (name, path) in crumbs {
                a href=(site.link(path)) { bdi dir="auto" { (name) } }
                span aria-hidden="true" { "/" }
            }
        }
    }
}

/// The page that says why there is no other.
pub(crate) fn failure_page(error: &PageError) -> Page {
    let title = match error.status.as_u16() {
        404 => "Not found",
        400..=499 => "This cannot be shown",
        _ => "Something failed",
    };
    let body = html! {
        h1 { (title) }
        p.note.bad role="alert" { (sentence(&error.message)) }
        p { "Use the search or the navigation above to go on." }
    };
    Page::new(title, Part::Other, body)
}

/// Makes a sentence of a message: a capital at its start, a full stop at its end.
pub(crate) fn sentence(message: &str) -> String {
    let mut chars = message.chars();
    let Some(first) = chars.next() else { return String::new() };
    let end = if message.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{}{}{end}", first.to_uppercase(), chars.as_str())
}
