//! Experiments and tables of runs.

use crate::browser::between;
use crate::seed::crops;
use axum::http::StatusCode;
use mlctl_tracking::TrackingStore;

#[test]
fn the_columns_are_what_differs_and_what_was_measured() {
    let (browser, _, id, _) = crops();

    let page = browser.page(&format!("/experiments/{}", id.as_str()));

    let head = between(&page, "<thead>", "</thead>");
    assert!(head.contains(">lr<") && head.contains(">loss<"), "{head}");
    assert!(!head.contains(">seed<"), "it is the same in all runs: {head}");
    assert!(page.contains("title=\"0.123456\">0.1235</data>"), "{page}");
    assert!(page.contains(">NaN<"), "{page}");
    assert!(page.contains("31 m") && page.contains("2 h ago"), "{page}");
}

#[test]
fn chosen_columns_come_in_their_order() {
    let (browser, _, id, _) = crops();

    let page = browser.page(&format!("/experiments/{}?c=tags.kind&c=params.seed", id.as_str()));

    let head = between(&page, "<thead>", "</thead>");
    assert!(head.find(">kind<") < head.find(">seed<"), "{head}");
    assert!(!head.contains(">loss<"), "{head}");
}

#[test]
fn a_click_on_a_heading_sorts_and_says_so() {
    let (browser, _, id, _) = crops();

    let page = browser.page(&format!("/experiments/{}?sort=metrics.loss", id.as_str()));

    let names = ["wheat", "barley", "rye"].map(|name| page.find(&format!(">{name}<")).unwrap());
    assert!(names.is_sorted(), "NaN comes last");
    assert!(page.contains("aria-sort=\"ascending\""), "{page}");
}

#[test]
fn a_mistake_stands_under_the_filter_and_the_rows_stay() {
    let (browser, _, id, _) = crops();
    let was = "params.lr%20%3D%20%270.01%27";

    let path = format!("/experiments/{}?q=metrics.loss%20%3D%3E%201&was={was}", id.as_str());
    let page = browser.page(&path);

    let note = between(&page, "id=\"mistake\"", "</div>");
    assert!(note.contains("metrics.loss =&gt; 1\n             ^"), "{note}");
    assert!(page.contains(">wheat<") && !page.contains(">rye<"), "the rows of the filter before");
}

#[test]
fn deleting_asks_first_and_can_be_undone() {
    let (browser, store, id, runs) = crops();
    let place = format!("/experiments/{}", id.as_str());
    let run = runs[1].as_str();
    let stage = || store.run(&runs[1]).unwrap().info.lifecycle_stage.as_str();

    let asked =
        browser.send(&place, "/runs/act", &[("do", "delete"), ("r", run), ("_back", &place)]);
    let question = asked.header("location").to_owned();
    assert_eq!(stage(), "active");
    assert!(browser.page(&question).contains("Delete 1 run?"));

    let done = browser.send(&question, "/runs/delete", &[("r", run), ("_back", &place)]);
    assert_eq!((done.status, stage()), (StatusCode::OK, "deleted"));
    assert!(done.text().contains("1 run deleted"), "{}", done.text());

    let back = browser.send(&question, "/runs/restore", &[("r", run), ("_back", &place)]);
    assert_eq!((back.header("location"), stage()), (place.as_str(), "active"));
}

#[test]
fn an_export_has_every_row_and_all_digits() {
    let (browser, _, id, _) = crops();
    let place = format!("/experiments/{}?c=metrics.loss&c=params.lr&sort=name", id.as_str());

    let csv = browser.get(&format!("{place}&format=csv"));

    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    let rows: Vec<&str> = csv.text().lines().map(|line| line.split_once(',').unwrap().1).collect();
    let want = [
        "run_name,metrics.loss,params.lr",
        "barley,0.25,0.1",
        "rye,NaN,0.5",
        "wheat,0.123456,0.01",
    ];
    assert_eq!(rows, want);
    let wrong = browser.get(&format!("{place}&format=xml"));
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
}

#[test]
fn an_experiment_is_created_renamed_deleted_and_restored() {
    let (browser, store, ..) = crops();

    let made = browser.send("/experiments", "/experiments", &[("name", "soil")]);
    let place = made.header("location").to_owned();
    browser.send(&place, &format!("{place}/rename"), &[("name", "deep soil")]);
    let found = || store.experiment_by_name("deep soil").unwrap();
    assert_eq!(format!("/experiments/{}", found().experiment_id.as_str()), place);
    browser.send(&place, &format!("{place}/delete"), &[]);
    assert_eq!(found().lifecycle_stage.as_str(), "deleted");
    browser.send(&place, &format!("{place}/restore"), &[]);
    assert_eq!(found().lifecycle_stage.as_str(), "active");
}

#[test]
fn without_runs_a_page_says_how_to_log_to_this_server() {
    let (browser, ..) = crops();

    let page = browser.page("/experiments/0");

    assert!(page.contains("No runs yet"), "{page}");
    assert!(page.contains("export MLFLOW_TRACKING_URI=http://mlctl.test:5000"), "{page}");
}

#[test]
fn a_filter_that_lets_nothing_pass_can_be_cleared() {
    let (browser, _, id, _) = crops();

    let page = browser.page(&format!("/experiments/{}?q=params.lr%3D%279%27", id.as_str()));

    assert!(page.contains("No run matches") && page.contains("Show all runs"), "{page}");
}
