//! Names and values of people who want to break the pages.

use crate::browser::Browser;
use crate::seed::{NewOne, experiment, run, site};
use mlctl_tracking::store::memory::MemoryStore;
use std::sync::Arc;

pub(crate) const HOSTILE: [&str; 7] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "{{7*7}}${7*7}",
    "\u{202e}drawkcab\u{2066}",
    "😀 a\nb\tc",
    "'; DROP TABLE runs; --",
];

/// A page shows text as text: nothing of users opens a tag or ends an attribute.
#[track_caller]
pub(crate) fn check_page(page: &str, path: &str) {
    for wrong in ["<script>alert", "<img", "href=\"javascript:", "\"><img"] {
        assert!(!page.contains(wrong), "{path} has {wrong}");
    }
}

#[test]
fn names_and_values_are_shown_as_text() {
    for text in HOSTILE {
        let store = Arc::new(MemoryStore::new());
        // Line breaks are refused in names of experiments.
        let id = experiment(&store, &text.replace(char::is_control, " "));
        let new = NewOne {
            name: text,
            params: &[("p", text)],
            metrics: &[("m", 1.0)],
            tags: &[("t", text)],
        };
        run(&store, &id, &new);
        let browser = Browser::new(site(&store));

        for path in
            ["/", "/experiments", &format!("/experiments/{}?c=params.p&c=tags.t", id.as_str())]
        {
            check_page(&browser.page(path), path);
        }
    }
}

#[test]
fn an_address_with_anything_in_it_is_a_page() {
    let store = Arc::new(MemoryStore::new());
    let id = experiment(&store, "plain");
    let browser = Browser::new(site(&store));

    for text in HOSTILE {
        for name in ["q", "sort", "c", "n", "show", "after", "was", "e"] {
            let value = crate::browser::escaped(text);
            let path = format!("/experiments/{}?{name}={value}", id.as_str());
            let answer = browser.get(&path);
            assert!(answer.status.as_u16() < 500, "{path}: {}", answer.status);
            check_page(answer.text(), &path);
        }
    }
}

#[test]
fn a_long_value_does_not_make_a_page_long() {
    let store = Arc::new(MemoryStore::new());
    let id = experiment(&store, "plain");
    let long = "x".repeat(5_000);
    let new = NewOne { name: "a", params: &[("p", &long)], metrics: &[], tags: &[] };
    run(&store, &id, &new);

    let page = Browser::new(site(&store)).page(&format!("/experiments/{}?c=params.p", id.as_str()));

    // Once, in the title of its cell.
    assert!(page.len() < 20_000, "{} bytes", page.len());
}
