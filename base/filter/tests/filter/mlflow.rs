//! Compares the language with MLflow's answers, which `mlflow/ask.py` collected.
//!
//! Every form in a table either means here what it means there, or stands in one of the lists of
//! deliberate differences, none of which may hold a form that no longer differs.

use std::collections::BTreeSet;

use mlctl_filter::{Entity, Expr, Field, Test, Value, Vocabulary, parse, parse_order_by};

use crate::facts::Run;
use crate::vocabulary::{EXPERIMENTS, RUNS, VERSIONS};

/// Refused by MLflow, accepted here, and whether it holds for the run.
const ACCEPTED_HERE: &[(&str, bool)] = &[
    // The extension: OR, NOT, parentheses, regular expressions, a key in the same quotes.
    ("metrics.rmse < 1 OR metrics.rmse > 1", true),
    ("NOT metrics.rmse < 1", false),
    ("(metrics.rmse < 1)", true),
    ("metrics.rmse < 1 AND (metrics.rmse > 0)", true),
    ("params.lr =~ '0.*'", true),
    ("`metrics.rmse` < 1", true),
    // What Python prints, and what a person would expect.
    ("metrics.rmse < 1e+5", true),
    ("metrics.rmse < 1.e3", true),
    ("metrics.1 < 3", false),
    ("metrics.in < 3", false),
    ("params.lr IS  NOT   NULL", true),
    ("start_time = '100'", true),
    // Lists and null tests for every field to which they can apply.
    ("params.lr IN ('0.1')", true),
    ("params.lr NOT IN ('0.1')", false),
    ("tags.team IN ('Blue')", true),
    ("status IN ('FINISHED', 'FAILED')", true),
    ("run_name IN ('Quick Fox')", true),
    ("metrics.rmse IS NULL", false),
    ("metrics.lost IS NOT NULL", true),
    ("status IS NOT NULL", true),
    ("end_time IS NULL", true),
    ("datasets.name IS NULL", false),
    // The other searches, asked of the same run, which has none of their attributes.
    ("name IN ('a')", false),
    ("name IS NULL", true),
    ("creation_time = '5'", false),
    ("tags.stage IS NULL", true),
    ("`name` = 'a'", false),
];

/// Accepted by MLflow, refused here.
const REFUSED_HERE: &[&str] = &[
    // A clause that was forgotten or joined by nothing.
    "metrics.rmse < 1 AND",
    "AND metrics.rmse < 1",
    "metrics.rmse < 1 AND AND metrics.rmse > 0",
    "metrics.rmse < 1 metrics.rmse > 0",
    // Keys that MLflow reads with the dot, the space or the quotes in them.
    "metrics.val. < 3",
    "metrics.val.`loss` < 3",
    "metrics..loss < 3",
    "metrics. < 3",
    "metrics. rmse < 1",
    // A backslash does not protect a quote.
    r"params.quote = 'it\'s'",
    r"attributes.run_id IN ('a\'b')",
    // Lists in Python's syntax beyond a plain tuple.
    "attributes.run_id IN ('a' 'b')",
    "attributes.run_id IN (('a', 'b'))",
    "attributes.run_id = ('a')",
];

/// Accepted by both, with another meaning here: a doubled quote is one quote, and `LIKE` does not
/// stop at a line break.
const OTHERWISE_HERE: &[(&str, &str, bool)] = &[
    ("metrics.`a``b` < 3", "metric a`b < 3.000000", false),
    ("params.quote = 'it''s'", "parameter quote = it's", true),
    (r#"params.lr = "say ""x""""#, r#"parameter lr = say "x""#, false),
    ("params.note LIKE 'two_lines'", "parameter note LIKE two_lines", true),
    ("params.note LIKE '%lines'", "parameter note LIKE %lines", true),
];

/// Orders refused by MLflow and accepted here.
const ORDERS_HERE: &[&str] =
    &[" metrics.rmse DESC ", "metrics.`a\"b`", "metrics.1", "\"metrics.rmse\"", "`Run Name`"];

/// Orders that MLflow reads, although its stores cannot order by them.
const NO_ORDERS_HERE: &[&str] = &["datasets.name"];

/// What became of a form that was accepted; nothing where that was not asked.
#[derive(Debug, PartialEq)]
struct Answer {
    clauses: Option<String>,
    holds: Option<bool>,
}

/// The rows of a table: MLflow's answer, unless it refused, and the form.
fn rows(table: &str) -> impl Iterator<Item = (Option<Answer>, String)> {
    table.lines().map(|line| {
        let cells: Vec<_> = line.split('\t').map(unescaped).collect();
        let [verdict, clauses, holds, form] = &cells[..] else { panic!("four cells: {line}") };
        let holds = (holds != "-").then(|| holds == "holds");
        let answer = Answer { clauses: Some(clauses.clone()), holds };
        ((verdict == "accepted").then_some(answer), form.clone())
    })
}

fn unescaped(cell: &str) -> String {
    let mut text = String::new();
    let mut chars = cell.chars();
    while let Some(char) = chars.next() {
        text.push(match char {
            '\\' => match chars.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some('\\') => '\\',
                other => panic!("unknown escape {other:?} in {cell}"),
            },
            _ => char,
        });
    }
    text
}

/// What a form shall mean here, if that is not what it means in MLflow.
fn deliberate(form: &str, theirs: Option<&Answer>) -> Option<Option<Answer>> {
    if theirs.is_none() {
        let (_, holds) = ACCEPTED_HERE.iter().find(|(known, _)| *known == form)?;
        return Some(Some(Answer { clauses: None, holds: Some(*holds) }));
    }
    if REFUSED_HERE.contains(&form) {
        return Some(None);
    }
    let (_, clauses, holds) = OTHERWISE_HERE.iter().find(|(known, ..)| *known == form)?;
    let ours = Answer { clauses: Some((*clauses).to_owned()), holds: Some(*holds) };
    assert_ne!(Some(&ours), theirs, "no difference for {form:?}");
    Some(Some(ours))
}

/// Compares a table with this language, and returns the forms that differ deliberately.
fn check(table: &str, vocabulary: &Vocabulary) -> BTreeSet<String> {
    let mut differing = BTreeSet::new();
    for (theirs, form) in rows(table) {
        let mut want = theirs;
        if let Some(deliberate) = deliberate(&form, want.as_ref()) {
            want = deliberate;
            differing.insert(form.clone());
        }
        match (parse(&form, vocabulary), want) {
            (Ok(Some(expr)), Some(want)) => {
                let clauses = want.clauses.as_ref().map(|_| shown(&expr));
                let holds = want.holds.map(|_| expr.matches(&Run));
                assert_eq!(Answer { clauses, holds }, want, "for {form:?}");
            }
            (Ok(None) | Err(_), None) => {}
            (ours, want) => panic!("{form:?} should give {want:?}, not {ours:?}"),
        }
    }
    differing
}

/// A tree of `AND`s, as `ask.py` writes MLflow's clauses.
fn shown(expr: &Expr) -> String {
    match expr {
        Expr::And(parts) => parts.iter().map(shown).collect::<Vec<_>>().join(" & "),
        Expr::Test(field, test) => {
            let (operator, value) = match test {
                Test::Compare(compare, Value::Number(number)) => {
                    (compare.as_str(), format!("{number:.6}"))
                }
                Test::Compare(compare, Value::Text(text)) => (compare.as_str(), text.clone()),
                Test::Like { pattern, ignore_case: false } => ("LIKE", pattern.clone()),
                Test::Like { pattern, ignore_case: true } => ("ILIKE", pattern.clone()),
                Test::In(list) => ("IN", list.join("|")),
                Test::NotIn(list) => ("NOT IN", list.join("|")),
                Test::IsNull => ("IS NULL", String::new()),
                Test::IsNotNull => ("IS NOT NULL", String::new()),
                Test::Matches(_) => panic!("MLflow has no regular expressions"),
            };
            format!("{} {operator} {value}", shown_field(field)).trim_end().to_owned()
        }
        Expr::Or(_) | Expr::Not(_) => panic!("MLflow has no {expr}"),
    }
}

fn shown_field(field: &Field) -> String {
    let entity = match field.entity {
        Entity::Attribute => "attribute",
        Entity::Metric => "metric",
        Entity::Param => "parameter",
        Entity::Tag => "tag",
        Entity::Dataset => "dataset",
    };
    format!("{entity} {}", field.key)
}

#[test]
fn filters_mean_what_they_mean_in_mlflow() {
    let mut differing = check(include_str!("mlflow/runs.tsv"), &RUNS);
    differing.extend(check(include_str!("mlflow/experiments.tsv"), &EXPERIMENTS));
    differing.extend(check(include_str!("mlflow/versions.tsv"), &VERSIONS));

    let accepted = ACCEPTED_HERE.iter().map(|(form, _)| *form);
    let otherwise = OTHERWISE_HERE.iter().map(|(form, ..)| *form);
    let listed = accepted.chain(otherwise).chain(REFUSED_HERE.iter().copied());
    let unused: Vec<_> = listed.filter(|form| !differing.contains(*form)).collect();
    assert_eq!(unused, [""; 0], "not in a table, or no difference");
}

#[test]
fn orders_mean_what_they_mean_in_mlflow() {
    for (theirs, form) in rows(include_str!("mlflow/run_orders.tsv")) {
        let ours = parse_order_by(&form, &RUNS).map(|order| {
            let direction = if order.ascending { "ASC" } else { "DESC" };
            format!("{} {direction}", shown_field(&order.field))
        });
        if ORDERS_HERE.contains(&form.as_str()) {
            assert!(ours.is_ok() && theirs.is_none(), "for {form:?}: {ours:?}");
        } else if NO_ORDERS_HERE.contains(&form.as_str()) {
            assert!(ours.is_err() && theirs.is_some(), "for {form:?}: {ours:?}");
        } else {
            assert_eq!(ours.ok(), theirs.and_then(|answer| answer.clauses), "for {form:?}");
        }
    }
}
