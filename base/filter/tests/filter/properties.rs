//! Facts about every tree and every text.

use mlctl_filter::{
    Compare, DATASET_KEYS, Entity, Expr, Field, OrderBy, Pattern, Test, Value, parse,
    parse_order_by,
};
use proptest::prelude::*;

use crate::facts::Run;
use crate::vocabulary::{EXPERIMENTS, RUNS, VERSIONS};

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9%_]{0,6}", "[\"'`\\\\ \n.()]{0,5}", any::<String>()]
}

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<f64>().prop_filter("NaN cannot be written", |number| !number.is_nan()),
        (-1000i32..1000).prop_map(f64::from),
        Just(f64::INFINITY),
        Just(f64::NEG_INFINITY),
    ]
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z_]{1,8}", "[a-z]{1,3}\\.[a-z0-9]{1,3}", text(), Just("not".to_owned())]
}

fn text_test() -> impl Strategy<Value = Test> {
    let list = || prop::collection::vec(text(), 1..4);
    prop_oneof![
        (prop_oneof![Just(Compare::Eq), Just(Compare::Ne)], text())
            .prop_map(|(compare, text)| Test::Compare(compare, Value::Text(text))),
        (text(), any::<bool>())
            .prop_map(|(pattern, ignore_case)| Test::Like { pattern, ignore_case }),
        list().prop_map(Test::In),
        list().prop_map(Test::NotIn),
        "[a-z'.*]{0,4}".prop_filter_map("a valid pattern", |source| {
            Pattern::parse(&source).ok().map(Test::Matches)
        }),
        null_test(),
    ]
}

fn number_test() -> impl Strategy<Value = Test> {
    let compare = prop::sample::select(vec![
        Compare::Eq,
        Compare::Ne,
        Compare::Lt,
        Compare::Le,
        Compare::Gt,
        Compare::Ge,
    ]);
    prop_oneof![
        (compare, number())
            .prop_map(|(compare, number)| Test::Compare(compare, Value::Number(number))),
        null_test(),
    ]
}

fn null_test() -> impl Strategy<Value = Test> + Clone {
    prop_oneof![Just(Test::IsNull), Just(Test::IsNotNull)]
}

fn text_field() -> impl Strategy<Value = Field> {
    prop_oneof![
        (prop::sample::select(vec![Entity::Param, Entity::Tag]), key())
            .prop_map(|(entity, key)| Field::new(entity, key)),
        prop::sample::select(DATASET_KEYS.to_vec())
            .prop_map(|key| Field::new(Entity::Dataset, key)),
        prop::sample::select(vec!["run_id", "run_name", "status", "user_id", "artifact_uri"])
            .prop_map(|key| Field::new(Entity::Attribute, key)),
    ]
}

fn number_field() -> impl Strategy<Value = Field> {
    prop_oneof![
        key().prop_map(|key| Field::new(Entity::Metric, key)),
        prop::sample::select(vec!["start_time", "end_time"])
            .prop_map(|key| Field::new(Entity::Attribute, key)),
    ]
}

fn expr() -> impl Strategy<Value = Expr> {
    let test = prop_oneof![
        (text_field(), text_test()).prop_map(|(field, test)| Expr::Test(field, test)),
        (number_field(), number_test()).prop_map(|(field, test)| Expr::Test(field, test)),
    ];
    // At most as many leaves as a filter may have regular expressions.
    test.prop_recursive(5, 16, 3, |inner| {
        let parts = prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            parts.clone().prop_map(Expr::And),
            parts.prop_map(Expr::Or),
            inner.prop_map(|part| Expr::Not(Box::new(part))),
        ]
    })
    .prop_filter("as many regular expressions as a filter may have", |expr| {
        expr.fields().count() <= mlctl_filter::PATTERNS_MAX
    })
}

/// Texts that come closer to the language than random characters do.
fn almost_a_filter() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "metrics.a",
        "params.",
        "tags.`b c`",
        "`",
        "\"x\"",
        "'y'",
        "'",
        "status",
        "datasets.name",
        "AND",
        "or",
        "NOT",
        "IN",
        "is",
        "NULL",
        "LIKE",
        "=~",
        "=",
        "<",
        "!=",
        "(",
        ")",
        ",",
        "1",
        "-1e5",
        ".",
        "-",
        "é",
        "\u{a0}",
        "\\",
        "[",
        "DESC",
    ]);
    let space = prop_oneof![Just(""), Just(" ")];
    prop::collection::vec((words, space), 0..12)
        .prop_map(|words| words.into_iter().flat_map(|(word, space)| [word, space]).collect())
}

fn check_any_text(text: &str) {
    for vocabulary in [&RUNS, &EXPERIMENTS, &VERSIONS] {
        match parse(text, vocabulary) {
            Ok(Some(expr)) => {
                expr.matches(&Run);
                assert_eq!(parse(&expr.to_string(), vocabulary).unwrap(), Some(expr));
            }
            Ok(None) => assert_eq!(text.trim(), ""),
            Err(error) => assert_eq!(error.to_string().lines().count(), 1, "{error}"),
        }
        if let Ok(order) = parse_order_by(text, vocabulary) {
            assert_eq!(parse_order_by(&order.to_string(), vocabulary).unwrap(), order);
        }
    }
}

proptest! {
    #[test]
    fn what_is_printed_parses_to_the_same_tree(expr in expr()) {
        let text = expr.to_string();

        let again = parse(&text, &RUNS);

        prop_assert_eq!(again, Ok(Some(expr)), "{}", text);
    }

    #[test]
    fn an_order_that_is_printed_parses_to_the_same_order(
        field in prop_oneof![text_field(), number_field()],
        ascending: bool,
    ) {
        prop_assume!(field.entity != Entity::Dataset);
        let order = OrderBy { field, ascending };

        prop_assert_eq!(parse_order_by(&order.to_string(), &RUNS), Ok(order));
    }

    #[test]
    fn a_double_negation_changes_no_answer(expr in expr()) {
        let twice = Expr::Not(Box::new(Expr::Not(Box::new(expr.clone()))));

        prop_assert_eq!(expr.matches(&Run), twice.matches(&Run));
    }

    #[test]
    fn no_text_makes_parsing_panic(text: String) {
        check_any_text(&text);
    }

    #[test]
    fn nearly_right_text_neither(text in almost_a_filter()) {
        check_any_text(&text);
    }
}
