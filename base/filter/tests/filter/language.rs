//! What goes past MLflow, and what a tree says of itself.

use mlctl_filter::{
    CONDITIONS_MAX, Compare, Entity, Expr, Facts, Field, OrderBy, Scalar, Test, Value, Values,
    parse, parse_order_by,
};

use crate::facts::Run;
use crate::vocabulary::RUNS;

#[track_caller]
fn check(text: &str, want: bool) {
    let expr = parse(text, &RUNS).unwrap().unwrap();
    assert_eq!(expr.matches(&Run), want, "{expr}");
}

#[track_caller]
fn prints(text: &str, want: &str) {
    assert_eq!(parse(text, &RUNS).unwrap().unwrap().to_string(), want, "for {text:?}");
}

#[test]
fn a_blank_filter_asks_nothing() {
    for blank in ["", " ", "\n\t "] {
        assert_eq!(parse(blank, &RUNS).unwrap(), None);
    }
}

#[test]
fn and_binds_tighter_than_or_and_not_tightest() {
    check("status = 'FINISHED' OR status = 'x' AND status = 'y'", true);
    check("(status = 'FINISHED' OR status = 'x') AND status = 'y'", false);
    check("NOT status = 'x' AND status = 'x'", false);
    check("NOT (status = 'x' AND status = 'x')", true);
    check("not not status = 'FINISHED' or(status='x')", true);
}

#[test]
fn a_missing_value_fails_every_test_but_is_null() {
    for test in ["= '1'", "!= '1'", "LIKE '%'", "IN ('1')", "NOT IN ('1')", "=~ ''", "IS NOT NULL"]
    {
        check(&format!("params.gone {test}"), false);
        check(&format!("NOT params.gone {test}"), true);
    }
    check("params.gone IS NULL", true);
    check("metrics.gone != 1 OR end_time < 1 OR end_time >= 1", false);
}

#[test]
fn nan_differs_from_every_number() {
    check("metrics.lost != 0 AND metrics.lost IS NOT NULL", true);
    check("metrics.lost <= 1e999 OR metrics.lost >= 0 OR metrics.lost = 0", false);
}

#[test]
fn one_of_several_values_is_enough() {
    check("datasets.name = 'train' AND datasets.name = 'test'", true);
    check("datasets.name != 'train'", true);
    check("NOT datasets.name = 'train'", false);
    check("datasets.name IS NULL", false);

    struct Bare;
    impl Facts for Bare {
        fn values<'a>(&'a self, _: &Field) -> Values<'a> {
            Values::Many(vec![])
        }
    }
    let none = parse("datasets.name IS NULL AND NOT datasets.name != 'a'", &RUNS).unwrap().unwrap();
    assert!(none.matches(&Bare));
}

#[test]
fn regular_expressions_are_searched_for() {
    check("run_name =~ 'ck F'", true);
    check("run_name =~ '^ck'", false);
    check("run_name =~ '(?i)^QUICK\\s+fox$'", true);
    check("params.path =~ '\\\\data'", true);
}

#[test]
fn a_number_never_equals_a_text() {
    let test = Test::Compare(Compare::Ne, Value::Text("1".to_owned()));
    assert!(!test.accepts(Scalar::Number(2.0)));
    let test = Test::Compare(Compare::Ne, Value::Number(1.0));
    assert!(!test.accepts(Scalar::Text("2")));
}

#[test]
fn the_canonical_text_is_the_shortest_that_is_sure() {
    prints("attributes.`Run Name`='it''s'", "run_name = 'it''s'");
    prints(
        "metric.\"rmse\">1.50e0 and parameter.x is  not null",
        "metrics.rmse > 1.5 AND params.x IS NOT NULL",
    );
    prints(
        "((tag.a.b ilike \"x\")) or not(Created<1e21)",
        "tags.a.b ILIKE 'x' OR NOT start_time < 1e21",
    );
    prints("dataset.name not in (\"a\",'b',)", "datasets.name NOT IN ('a', 'b')");
    prints("tags.`a``b/` =~ 'c'", "tags.`a``b/` =~ 'c'");
    prints(
        "tags.`` != '' AND metrics.`a..b` < -1e999",
        "tags.`` != '' AND metrics.`a..b` < -1e999",
    );
    prints(
        "status = 'a' AND (status = 'b' OR status = 'c')",
        "status = 'a' AND (status = 'b' OR status = 'c')",
    );
    prints(
        "(status = 'a' AND status = 'b') OR status = 'c'",
        "status = 'a' AND status = 'b' OR status = 'c'",
    );
}

#[test]
fn fields_come_from_left_to_right() {
    let text = "metrics.a < 1 AND (NOT tags.b = '' OR params.c = '') OR metrics.a > 0";
    let expr = parse(text, &RUNS).unwrap().unwrap();

    let fields: Vec<_> = expr.fields().map(Field::to_string).collect();

    assert_eq!(fields, ["metrics.a", "tags.b", "params.c", "metrics.a"]);
}

#[test]
fn an_order_prints_its_canonical_text() {
    let order = parse_order_by("attr.\"Run Name\"", &RUNS).unwrap();
    assert_eq!(order.to_string(), "run_name ASC");

    let order = OrderBy { field: Field::new(Entity::Metric, "val/loss"), ascending: false };
    assert_eq!(order.to_string(), "metrics.`val/loss` DESC");
}

#[test]
fn a_long_chain_is_one_level() {
    let text = vec!["attributes.status = 'a'"; CONDITIONS_MAX].join(" OR ");

    let expr = parse(&text, &RUNS).unwrap().unwrap();

    assert!(matches!(expr, Expr::Or(parts) if parts.len() == CONDITIONS_MAX));
}
