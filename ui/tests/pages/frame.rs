//! What all pages share: headers, assets, themes, failures, forms from elsewhere.

use crate::browser::{Browser, between};
use crate::seed::{crops, site};
use axum::http::StatusCode;
use mlctl_tracking::TrackingStore;
use mlctl_tracking::store::memory::MemoryStore;
use std::sync::Arc;

#[test]
fn every_answer_has_the_policy() {
    let (browser, ..) = crops();

    for path in ["/", "/experiments", "/experiments/77", "/assets/x/style.css"] {
        let answer = browser.get(path);
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "same-origin", "{path}");
    }
}

#[test]
fn no_page_has_inline_scripts_or_styles() {
    let (browser, _, id, _) = crops();

    for path in ["/", "/experiments", &format!("/experiments/{}", id.as_str())] {
        let page = browser.page(path);
        assert!(!page.contains(" style=") && !page.contains("<style"), "{path}");
        assert_eq!(page.matches("<script").count(), 1, "{path}");
        assert!(!page.contains("javascript:") && !page.contains(" onclick"), "{path}");
    }
}

#[test]
fn assets_are_kept_for_good_under_their_hash_alone() {
    let (browser, ..) = crops();
    let page = browser.page("/");
    let style = between(&page, "rel=\"stylesheet\" href=\"", "\"").to_owned();

    let named = browser.get(&style);
    let old = browser.get("/assets/0123456789abcdef/style.css");

    assert_eq!(named.header("cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(old.header("cache-control"), "no-cache");
    assert_eq!(named.bytes, old.bytes);
    assert_eq!(browser.get("/assets/x/none.css").status, StatusCode::NOT_FOUND);
}

#[test]
fn links_respect_the_prefix() {
    let store = Arc::new(MemoryStore::new());
    let mut site = site(&store);
    site.prefix = "/team".to_owned();
    let browser = Browser::new(site);

    let page = browser.page("/team/experiments");

    for part in page.split("href=\"").skip(1) {
        let to = part.split('"').next().unwrap();
        assert!(to == "#main" || to.starts_with("/team"), "{to}");
    }
    assert!(browser.page("/team").contains("http://mlctl.test:5000/team"));
}

#[test]
fn a_page_that_is_not_there_says_which() {
    let (browser, ..) = crops();

    let answer = browser.get("/experiments/77");

    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(answer.text().contains("Experiment `77` does not exist."), "{}", answer.text());
}

#[test]
fn the_theme_is_kept_in_a_cookie() {
    let (browser, ..) = crops();

    let changed = browser.send("/", "/theme", &[("theme", "dark"), ("_back", "/experiments?q=a")]);

    assert_eq!(changed.status, StatusCode::SEE_OTHER);
    assert_eq!(changed.header("location"), "/experiments?q=a");
    let cookie = changed.header("set-cookie");
    assert!(cookie.starts_with("mlctl_theme=dark; Path=/;"), "{cookie}");
    assert!(cookie.ends_with("HttpOnly; SameSite=Lax"), "{cookie}");
}

#[test]
fn a_form_leads_to_no_other_server() {
    let (browser, ..) = crops();

    for back in ["//evil.test/", "https://evil.test/", "/\\evil.test"] {
        let changed = browser.send("/", "/theme", &[("theme", "dark"), ("_back", back)]);
        assert_eq!(changed.header("location"), "/", "for {back}");
    }
}

#[test]
fn a_form_without_the_token_changes_nothing() {
    let (browser, store, id, _) = crops();

    let delete = format!("/experiments/{}/delete", id.as_str());
    for form in ["", "_form=", "_form=00000000000000000000000000000000"] {
        let answer = browser.post(&delete, form.to_owned());
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "for {form}");
    }

    let stage = store.experiment(&id).unwrap().lifecycle_stage;
    assert_eq!(stage.as_str(), "active");
}
