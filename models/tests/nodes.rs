//! ONNX's own cases of single operators.
//!
//! Every case is either right, or is refused with a reason. Those that do not run stand in
//! `nodes/expected_failures.txt`, a list that can only shrink.

#![cfg(feature = "onnx")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

#[path = "nodes/case.rs"]
mod case;

use case::{Outcome, made, run};
use mlctl_models::load;
use std::collections::BTreeSet;

/// Reads the list: a word that says why, and the case's name.
fn expected() -> BTreeSet<(&'static str, &'static str)> {
    let lines = include_str!("nodes/expected_failures.txt").lines();
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_once(' ').unwrap()).collect()
}

#[test]
fn single_operators_are_right_or_refused() {
    let Some((folder, cases)) = made() else { return };
    let outcomes = run(&cases, folder.path(), load);
    let expected = expected();
    let mut problems = Vec::new();
    for case in &cases {
        let listed = expected.iter().find(|(_, name)| *name == case.name).map(|(class, _)| *class);
        let name = format!("{} ({})", case.name, case.operators.join(", "));
        match (&outcomes[&case.name], listed) {
            (Outcome::Right, None) => {}
            (Outcome::Right, Some(class)) => {
                problems.push(format!("passes, so take out the line: {class} {}", case.name));
            }
            (Outcome::Wrong(why), _) => problems.push(format!("wrong: {name}: {why}")),
            (Outcome::Refused(class, _), Some(listed)) if *class == listed => {}
            (Outcome::Refused(class, why), _) => problems.push(format!("{class}: {name}: {why}")),
        }
    }
    let known: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    let strange = expected.iter().filter(|(_, name)| !known.contains(name));
    problems.extend(strange.map(|(_, name)| format!("there is no case {name}")));
    let theirs = cases.iter().filter(|case| case.onnxruntime);
    let shared = theirs.clone().filter(|case| matches!(outcomes[&case.name], Outcome::Right));
    let right = outcomes.values().filter(|one| matches!(one, Outcome::Right)).count();
    println!(
        "{right} of {} are right; {} of the {} that onnxruntime answers",
        cases.len(),
        shared.count(),
        theirs.count()
    );
    assert!(cases.len() >= 1500, "{} cases", cases.len());
    assert!(problems.is_empty(), "{}:\n{}", problems.len(), problems.join("\n"));
}
