//! The search over everything.

use crate::seed::crops;

#[test]
fn names_of_every_kind_are_found() {
    let (browser, ..) = crops();

    let page = browser.page("/search?q=WHE");
    assert!(page.contains(">wheat<") && !page.contains(">barley<"), "{page}");
    assert!(browser.page("/search?q=crop").contains(">crops<"));
    assert!(browser.page("/search?q=nothing%20like%20it").contains("Nothing found"));
    browser.page("/search");
}

#[test]
fn ids_and_addresses_of_mlflow_lead_to_their_pages() {
    let (browser, _, experiment, runs) = crops();
    let (run, experiment) = (runs[0].as_str(), experiment.as_str());
    for (text, want) in [
        (run.to_owned(), format!("/runs/{run}")),
        (format!("http://host:5000/#/experiments/{experiment}/runs/{run}"), format!("/runs/{run}")),
        (
            format!("http://host:5000/#/experiments/{experiment}"),
            format!("/experiments/{experiment}"),
        ),
        ("http://h/#/models/churn/versions/3".to_owned(), "/models/churn/3".to_owned()),
    ] {
        let answer = browser.get(&format!("/search?q={}", crate::browser::escaped(&text)));
        assert_eq!(answer.header("location"), want, "for {text}");
    }
    let prefix = browser.page(&format!("/search?q={}", &run[..8]));
    assert!(prefix.contains(">barley<"), "{prefix}");
}
