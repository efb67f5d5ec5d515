//! What a person reads who wrote something wrong.

use mlctl_filter::{
    CONDITIONS_MAX, DEPTH_MAX, Error, LIKE_BYTES_MAX, LISTED_MAX, ORDER_CLAUSES_MAX,
    PATTERN_BYTES_MAX, PATTERNS_MAX, TEXT_BYTES_MAX, parse, parse_order, parse_order_by,
};

use crate::vocabulary::{EXPERIMENTS, RUNS, VERSIONS};

#[track_caller]
fn check(text: &str, want: &str) {
    let error = parse(text, &RUNS).unwrap_err().to_string();
    assert_eq!(error, format!("{want}: {text}"));
}

#[test]
fn what_is_missing_is_named_at_its_column() {
    check("metrics.rmse <", "filter: expected a number at column 15");
    check("metrics.rmse", "filter: expected a comparison at column 13");
    check("metrics.rmse < 1 AND", "filter: expected a condition at column 21");
    check("metrics.rmse < 1 AND metrics.rmse 2", "filter: expected a comparison at column 35");
    check("params.lr = 0.1", "filter: expected a text in quotes at column 13");
    check("status IN 'FINISHED'", "filter: expected a list in parentheses at column 11");
    check("status IN ()", "filter: expected a text in quotes at column 12");
    check("status IN ('a' 'b')", "filter: expected `,` or `)` at column 16");
    check("status NOT LIKE 'a'", "filter: expected `IN` at column 12");
    check("tags.a IS NOT", "filter: expected `NULL` at column 14");
    check("(metrics.rmse < 1", "filter: expected `AND`, `OR` or `)` at column 18");
    check("metrics.rmse < 1)", "filter: expected `AND`, `OR` or the end at column 17");
    check("tags.a = 'b' ; tags.c = 'd'", "filter: expected `AND`, `OR` or the end at column 14");
    check("params.lr = 'it's'", "filter: expected `AND`, `OR` or the end at column 17");
}

#[test]
fn columns_count_characters() {
    check("tags.`é日本` = 'ü' AND x", &format!("{} at column 22", unknown_attribute("x")));
}

fn unknown_attribute(name: &str) -> String {
    format!(
        "filter: unknown run attribute `{name}`, expected one of run_id, run_name, status, \
         user_id, artifact_uri, start_time, end_time"
    )
}

#[test]
fn an_unclosed_quote_is_found_where_it_opens() {
    check("params.lr = 'a AND x", "filter: expected a closing ' for the one at column 13");
    check("metrics.`a < 1", "filter: expected a closing ` for the one at column 9");
}

#[test]
fn a_key_that_needs_quotes_is_told_so() {
    let want = "filter: expected a comparison, or quotes around the key, at column";
    check("metrics.val/loss < 1", &format!("{want} 12"));
    check("metrics.val-1 < 1", &format!("{want} 12"));
    check(
        "metrics. rmse < 1",
        "filter: expected a key after `metrics.`, in quotes if it is not a plain word, at column 10",
    );
}

#[test]
fn an_unknown_name_lists_the_known_ones() {
    check("nope = 'x'", &format!("{} at column 1", unknown_attribute("nope")));
    check(
        "tags.a = 'b' AND run.nope = 'x'",
        &format!("{} at column 18", unknown_attribute("nope")),
    );
    check(
        "datasets.profile = 'x'",
        "filter: unknown dataset attribute `profile`, expected one of name, digest, context \
         at column 1",
    );
    assert_eq!(
        parse("metrics.rmse < 1", &EXPERIMENTS).unwrap_err().to_string(),
        "filter: unknown experiment prefix `metrics`, expected one of attribute, tags, tag \
         at column 1: metrics.rmse < 1"
    );
}

#[test]
fn an_operator_that_does_not_apply_lists_those_that_do() {
    check(
        "Created LIKE '1%'",
        "filter: `LIKE` does not apply to start_time, expected one of =, !=, <, <=, >, >=, \
         IS NULL, IS NOT NULL at column 9",
    );
    let error = |text, vocabulary| parse(text, vocabulary).unwrap_err().to_string();
    assert_eq!(
        error("experiment_id LIKE '1%'", &EXPERIMENTS),
        "filter: `LIKE` does not apply to experiment_id, expected one of =, !=, IN, NOT IN \
         at column 15: experiment_id LIKE '1%'"
    );
    assert_eq!(
        error("creation_timestamp > 1", &VERSIONS),
        "filter: `>` does not apply to creation_timestamp, expected only an order by it \
         at column 20: creation_timestamp > 1"
    );
    assert!(parse_order_by("creation_timestamp", &VERSIONS).is_ok());
}

#[test]
fn a_bad_regular_expression_is_shown_where_it_stands() {
    check(
        "params.lr =~ '(a'",
        "filter: invalid regular expression `(a`: unclosed group at column 14",
    );
}

#[test]
fn orders_say_that_they_are_orders() {
    let error = |text| parse_order_by(text, &RUNS).unwrap_err().to_string();
    assert_eq!(
        error("metrics.rmse DOWN"),
        "order_by: expected `ASC`, `DESC` or the end at column 14: metrics.rmse DOWN"
    );
    assert_eq!(error(""), "order_by: expected a field to order by at column 1: ");
    assert_eq!(
        error("datasets.name"),
        "order_by: expected a field with one value, which datasets.name is not, at column 1: \
         datasets.name"
    );
}

#[test]
fn depth_has_a_limit() {
    let nested = |depth| format!("{}status = 'a'{}", "(".repeat(depth), ")".repeat(depth));
    assert!(parse(&nested(DEPTH_MAX), &RUNS).is_ok());

    let error = parse(&nested(DEPTH_MAX + 1), &RUNS).unwrap_err();
    let nots = parse(&format!("{}status = 'a'", "NOT ".repeat(100_000)), &RUNS).unwrap_err();

    assert!(matches!(&error, Error::TooMany { place, .. } if place.column == DEPTH_MAX + 1));
    assert!(
        error
            .to_string()
            .starts_with("filter: more than 64 nested parentheses and NOTs at column 65: "),
        "{error}"
    );
    assert!(matches!(nots, Error::TooMany { .. }), "{nots}");
}

#[test]
fn regular_expressions_have_a_limit() {
    let many = |count| vec!["status =~ 'a'"; count].join(" OR ");

    assert!(parse(&many(PATTERNS_MAX), &RUNS).is_ok());
    let error = parse(&many(PATTERNS_MAX + 1), &RUNS).unwrap_err();
    assert!(matches!(error, Error::TooMany { max: PATTERNS_MAX, .. }), "{error}");
}

#[track_caller]
fn check_limit(what: &str, max: usize, filter: impl Fn(usize) -> String) {
    assert!(parse(&filter(max), &RUNS).is_ok(), "{max} {what} are allowed");
    let error = parse(&filter(max + 1), &RUNS).unwrap_err().to_string();
    assert!(error.contains(what), "{error}");
    assert!(error.len() < 400, "the error shows a part of the filter: {error}");
}

#[test]
fn what_one_filter_may_ask_for_has_limits() {
    check_limit("conditions", CONDITIONS_MAX, |count| vec!["status = 'a'"; count].join(" AND "));
    check_limit("texts in lists", LISTED_MAX, |count| {
        format!("status IN ({})", vec!["'a'"; count].join(","))
    });
    check_limit("bytes in a pattern of LIKE", LIKE_BYTES_MAX, |count| {
        format!("status LIKE '{}'", "%".repeat(count))
    });
    check_limit("it has more than 1000 bytes", PATTERN_BYTES_MAX, |count| {
        format!("status =~ '{}'", "a".repeat(count))
    });
    check_limit("more than 1048576 bytes", TEXT_BYTES_MAX, |count| {
        let test = "status = 'a'";
        " ".repeat(count - test.len()) + test
    });
}

#[test]
fn an_order_has_a_limit() {
    let clauses = |count| vec!["start_time".to_owned(); count];
    assert_eq!(parse_order(&clauses(ORDER_CLAUSES_MAX), &RUNS).unwrap().len(), ORDER_CLAUSES_MAX);

    let error = parse_order(&clauses(3000), &RUNS).unwrap_err().to_string();

    assert_eq!(error, "order_by: more than 100 clauses at column 1: start_time");
}
