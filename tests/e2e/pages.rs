//! Our own pages in a real browser: each of them, wide and narrow, light and dark, with scripts and
//! without.

use crate::browser::{self, Browser};
use crate::harness::Place;
use crate::http::{Server, http};
use crate::ui::{Seeded, seed};
use std::fs;
use std::path::{Path, PathBuf};

/// Every page, by a name for its pictures, with texts that it must show.
fn pages(seeded: &Seeded) -> Vec<(&'static str, String, &'static [&'static str])> {
    let Seeded { experiment, run } = seeded;
    let model = format!("/models/model%20of%20{run}");
    vec![
        ("home", "/".to_owned(), &["Recent runs", "wheat", "model of"]),
        ("experiments", "/experiments".to_owned(), &["crops", "Default"]),
        ("runs", format!("/experiments/{experiment}"), &["2 runs", "wheat", "accuracy", "0.8125"]),
        ("mistake", format!("/experiments/{experiment}?q=metrics.rmse%20=%3E"), &["^", "wheat"]),
        ("nothing", format!("/experiments/{experiment}?q=params.alpha='9'"), &["No run matches"]),
        ("run", format!("/runs/{run}"), &["wheat", "rmse", "alpha", "nightly", "fields"]),
        ("charts", format!("/runs/{run}/charts?smooth=ema:0.6"), &["rmse", "accuracy"]),
        ("artifacts", format!("/runs/{run}/artifacts"), &["notes", "model"]),
        ("file", format!("/runs/{run}/artifacts/notes/readme.txt"), &["the soil was dry"]),
        ("compare", format!("/compare?e={experiment}"), &["Compare 2 runs"]),
        ("curves", format!("/compare?e={experiment}&tab=curves"), &["rmse", "wheat", "barley"]),
        ("models", "/models".to_owned(), &["model of", "the yield"]),
        ("model", model.clone(), &["Version 1", "champion", "the yield"]),
        ("history", format!("{model}/history"), &["registered", "has the alias @champion"]),
        ("version", format!("{model}/1"), &["Staging", "Lineage", "wheat"]),
        ("approvals", "/approvals".to_owned(), &["No request is open"]),
        ("search", "/search?q=whe".to_owned(), &["wheat"]),
    ]
}

/// Where pictures are kept, to be looked at.
fn pictures() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Walks through all pages; none may ask for anything elsewhere, write to the console, run into its
/// policy, or be wider than the screen.
fn walk(browser: &mut Browser, server: &Server, seeded: &Seeded, width: u32, colours: &str) {
    browser.set_screen(width, colours);
    for (name, path, texts) in pages(seeded) {
        browser.open(&format!("{}{path}", server.url), texts);
        let over = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
        assert_eq!(browser.evaluate(over), 0, "{path} is wider than {width} pixels");
        fs::write(pictures().join(format!("{name}-{width}-{colours}.png")), browser.picture())
            .unwrap();
    }
}

fn start(place: &Place, args: &[&str]) -> Option<(Server, Seeded, Browser)> {
    if !browser::is_wanted() {
        return None;
    }
    let mut command = place.command(&["server", "--port", "0"]);
    let server = Server::launch(place, command.args(args));
    let seeded = seed(&server);
    let mut browser = Browser::start(place);
    browser.heed_console();
    Some((server, seeded, browser))
}

#[test]
fn every_page_fits_every_screen_and_nothing_fails() {
    let place = Place::new();
    let args = ["--backend-store-uri", "sqlite:///mlflow.db"];
    let Some((server, seeded, mut browser)) = start(&place, &args) else { return };

    for (width, colours) in [(1280, "light"), (390, "dark")] {
        walk(&mut browser, &server, &seeded, width, colours);
    }

    let elsewhere = browser.requested_elsewhere(&server.url);
    assert_eq!(elsewhere, [""; 0], "a page went to another server");
}

#[test]
fn every_page_works_without_scripts_on_a_folder_below_a_prefix() {
    let place = Place::new();
    let Some((server, seeded, mut browser)) = start(&place, &["--static-prefix", "/team"]) else {
        return;
    };
    browser.set_scripts(false);

    for (_, path, texts) in pages(&seeded) {
        let page = http().get(format!("{}{path}", server.url)).send().unwrap().text().unwrap();
        let missing = texts.iter().find(|text| !page.contains(**text));
        assert_eq!(missing, None, "{path}: {page}");
        browser.open(&format!("{}{path}", server.url), &[]);
    }
}

#[test]
fn links_that_mlflows_client_prints_lead_to_our_pages() {
    let place = Place::new();
    let Some((server, seeded, mut browser)) = start(&place, &[]) else { return };
    let Seeded { experiment, run } = &seeded;

    for (link, want, text) in [
        (format!("experiments/{experiment}/runs/{run}"), format!("/runs/{run}"), "wheat"),
        (format!("experiments/{experiment}"), format!("/experiments/{experiment}"), "wheat"),
        (
            format!("models/model%20of%20{run}/versions/1"),
            format!("/models/model%20of%20{run}/1"),
            "Lineage",
        ),
        (format!("compare-runs?runs=[\"{run}\"]"), format!("/compare?r={run}"), "Compare 1 run"),
    ] {
        browser.open(&format!("{}/#/{link}", server.url), &[text]);
        let here = browser.evaluate("location.pathname + location.search");
        assert_eq!(here, want.as_str(), "for {link}");
    }
}

/// Moves the pointer to the middle of the first chart.
const POINT: &str = "(() => {
    const chart = document.querySelector('svg[data-source]');
    const box = chart.getBoundingClientRect();
    const place = { clientX: box.left + box.width / 2, clientY: box.top + 20, bubbles: true };
    chart.dispatchEvent(new PointerEvent('pointermove', place));
})()";

#[test]
fn a_chart_reads_its_values_and_keys_lead_around() {
    let place = Place::new();
    let Some((server, seeded, mut browser)) = start(&place, &[]) else { return };
    let key = |key: &str| {
        format!(
            "document.body.dispatchEvent(new KeyboardEvent('keydown', {{ key: '{key}', bubbles: true }}))"
        )
    };

    browser.open(&format!("{}/runs/{}/charts?q=rmse", server.url, seeded.run), &["rmse"]);
    browser.evaluate(POINT);
    // 0.125 + 1 / 23 at step 22: the middle of the picture is left of the middle of the axis.
    browser.shows("the chart under the pointer", &["0.16848 at 22"]);

    browser.open(&format!("{}/experiments/{}", server.url, seeded.experiment), &["wheat"]);
    for (pressed, want) in [("j", "barley|wheat"), ("/", "Filter")] {
        browser.evaluate(&key(pressed));
        let focus = "document.activeElement.ariaLabel ?? document.activeElement.textContent";
        let focused = browser.evaluate(focus);
        let focused = focused.as_str().unwrap_or_default().to_owned();
        assert!(want.split('|').any(|text| focused.contains(text)), "{pressed}: {focused}");
    }
    browser.evaluate("document.activeElement.blur()");
    browser.evaluate(&key("g"));
    browser.evaluate(&key("m"));
    browser.shows("after g and m", &["Models", "the yield"]);
}
