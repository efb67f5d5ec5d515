//! `mlctl experiments`.

use crate::harness::{Place, text};

fn names(place: &Place, view: &str) -> Vec<String> {
    let all = place.json(&["experiments", "list", "--view", view]);
    let mut names: Vec<String> =
        all.as_array().unwrap().iter().map(|one| text(&one["name"])).collect();
    names.sort();
    names
}

#[test]
fn an_experiment_is_made_renamed_deleted_and_restored() {
    let place = Place::new();

    let id = text(&place.json(&["experiments", "create", "churn"])["experiment_id"]);
    assert_eq!(names(&place, "active"), ["Default", "churn"]);

    place.ok(&["experiments", "rename", "churn", "churn/2: ünlü"]);
    let shown = place.json(&["experiments", "show", &id]);
    assert_eq!(shown["name"], "churn/2: ünlü");
    assert_eq!(place.json(&["experiments", "show", "churn/2: ünlü"]), shown);

    place.ok(&["experiments", "delete", &id]);
    assert_eq!(names(&place, "active"), ["Default"]);
    assert_eq!(names(&place, "deleted"), ["churn/2: ünlü"]);

    place.ok(&["experiments", "restore", &id]);
    assert_eq!(names(&place, "all"), ["Default", "churn/2: ünlü"]);
    assert_eq!(place.json(&["experiments", "show", &id])["lifecycle_stage"], "active");
}

#[test]
fn an_unknown_experiment_is_answered_with_the_nearest_name() {
    let place = Place::new();
    place.ok(&["experiments", "create", "churn"]);

    place.check_failure(
        &["runs", "list", "--experiment-name", "chrun"],
        1,
        "error: there is no experiment with the name or ID `chrun`\nhint: did you mean `churn`?",
    );
    place.check_failure(
        &["experiments", "show", "zzz"],
        1,
        "error: there is no experiment with the name or ID `zzz`\n\
         hint: `mlctl experiments list --view all` lists the experiments",
    );
}

#[test]
fn a_name_is_taken_once() {
    let place = Place::new();
    place.ok(&["experiments", "create", "churn"]);

    place.check_failure(
        &["experiments", "create", "churn"],
        1,
        "error: experiment `churn` already exists",
    );
    place.ok(&["experiments", "delete", "churn"]);
    place.check_failure(
        &["experiments", "create", "churn"],
        1,
        "error: experiment `churn` already exists in deleted state; restore it or use another \
         name",
    );
}

#[test]
fn a_filter_finds_experiments() {
    let place = Place::new();
    for name in ["churn-1", "churn-2", "fraud"] {
        place.ok(&["experiments", "create", name]);
    }

    let found = place.json(&["experiments", "list", "--filter", "name LIKE 'churn-%'"]);

    assert_eq!(found.as_array().unwrap().len(), 2);
}
