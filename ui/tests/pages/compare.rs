//! Runs side by side.

use crate::browser::between;
use crate::seed::crops;
use axum::http::StatusCode;

#[test]
fn differences_come_first_and_equal_rows_are_folded() {
    let (browser, _, _, runs) = crops();
    let [a, b, _] = &runs[..] else { panic!() };

    let page = browser.page(&format!("/compare?r={}&r={}", a.as_str(), b.as_str()));

    assert!(page.contains("Compare 2 runs"), "{page}");
    let different = page.split("<details class=\"edit\">").next().unwrap();
    assert!(different.contains(">lr<") && different.contains(">loss<"), "{different}");
    assert!(!different.contains(">seed<"), "{different}");
    assert!(page.contains("2 equal") && page.contains(">seed<"), "{page}");
}

#[test]
fn a_baseline_gives_deltas() {
    let (browser, _, _, runs) = crops();
    let [a, b, _] = &runs[..] else { panic!() };

    let page =
        browser.page(&format!("/compare?r={}&r={}&base={}", a.as_str(), b.as_str(), a.as_str()));

    assert!(page.contains(" -0.1265 (-50.6 %)"), "{page}");
    assert!(page.contains("baseline ×"), "{page}");
}

#[test]
fn a_search_is_compared_and_many_runs_are_rows() {
    let (browser, store, id, _) = crops();
    for number in 0..15 {
        let name = format!("run {number}");
        let lr = number.to_string();
        let new = crate::seed::NewOne {
            name: &name,
            params: &[("lr", &lr)],
            metrics: &[("loss", f64::from(number))],
            tags: &[],
        };
        crate::seed::run(&store, &id, &new);
    }

    let page = browser.page(&format!("/compare?e={}&q=run_name%20LIKE%20'run%25'", id.as_str()));

    assert!(page.contains("Compare 15 runs"), "{page}");
    let head = between(&page, "<thead>", "</thead>");
    assert!(head.contains(">lr<") && head.contains(">loss<"), "{head}");
}

#[test]
fn curves_of_all_runs_are_in_one_chart() {
    let (browser, _, _, runs) = crops();
    let ids: Vec<String> = runs.iter().map(|id| format!("r={}", id.as_str())).collect();

    let page = browser.page(&format!("/compare?{}&tab=curves", ids.join("&")));

    assert_eq!(page.matches("<figure class=\"chart\">").count(), 1, "{page}");
    let legend = between(&page, "<ul class=\"legend\">", "</ul>");
    for name in ["barley", "wheat", "rye"] {
        assert!(legend.contains(name), "{legend}");
    }
}

#[test]
fn a_comparison_of_nothing_says_what_to_do() {
    let (browser, ..) = crops();

    for path in ["/compare", "/compare?r=", "/compare?r=x&tab=y"] {
        let answer = browser.get(path);
        assert!(answer.status.is_client_error(), "{path}: {}", answer.status);
    }
    assert_eq!(browser.get("/compare").status, StatusCode::BAD_REQUEST);
    assert!(
        browser.get("/compare").text().contains("Select runs in a table")
            || browser.get("/compare").text().contains("select runs in a table")
    );
}
