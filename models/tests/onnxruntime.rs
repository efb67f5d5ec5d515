//! Graphs in the hands of onnxruntime, with the library that its Python package brings.
//!
//! A program of its own, because a process has one library and keeps it.

#![cfg(feature = "onnxruntime")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

#[path = "nodes/case.rs"]
mod case;

use case::{Case, Outcome, made, run};
use mlctl_models::{load, onnxruntime};
use mlctl_test_python::{cache, succeed, zoo};
use std::path::PathBuf;
use std::process::Command;

const FIND: &str = "import glob, os, onnxruntime as o; \
                    print(glob.glob(os.path.dirname(o.__file__) + '/capi/libonnxruntime.so.*')[0])";

/// Finds the library: where the variable says, else beside the Python package.
fn library() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("ORT_DYLIB_PATH") {
        return Some(path.into());
    }
    let python = zoo(&cache(env!("CARGO_TARGET_TMPDIR")))?;
    let found = succeed(Command::new(python).args(["-c", FIND]));
    Some(found.trim().into())
}

#[test]
fn graphs_that_do_not_run_here_run_there_and_no_answer_changes() {
    let (Some(library), Some((folder, cases))) = (library(), made()) else { return };
    let absent = onnxruntime::use_library("/nowhere/lib.so".as_ref()).unwrap_err().to_string();
    assert!(
        absent.starts_with("`/nowhere/lib.so` is not a usable ONNX Runtime library"),
        "{absent}"
    );
    let own = run(&cases, folder.path(), load);
    assert!(onnxruntime::load(&folder.path().join(&cases[0].name)).is_err(), "without a library");

    onnxruntime::use_library(&library).unwrap();
    let foreign = run(&cases, folder.path(), onnxruntime::load);
    let both = run(&cases, folder.path(), load);

    let name = |case: &Case| format!("{} ({})", case.name, case.operators.join(", "));
    let mut problems = Vec::new();
    let mut gained = 0;
    for case in &cases {
        let [own, foreign, both] = [&own, &foreign, &both].map(|outcomes| &outcomes[&case.name]);
        // make.py lets the library take operators that are newer than itself; here it does not.
        let newer = "official released onnx opset";
        if matches!(foreign, Outcome::Refused(_, why) if why.contains(newer)) {
            continue;
        }
        let answers =
            |outcome: &Outcome| matches!(outcome, Outcome::Right | Outcome::Refused("rounding", _));
        if case.onnxruntime && !answers(foreign) {
            problems.push(format!("{}: {foreign}", name(case)));
        }
        let is_refused = matches!(own, Outcome::Refused("operator" | "refused", _));
        if is_refused && case.onnxruntime && !answers(both) || answers(own) && !answers(both) {
            problems.push(format!("{}: alone {own}, together {both}", name(case)));
        }
        gained += usize::from(!answers(own) && answers(both));
    }
    assert!(problems.is_empty(), "{}:\n{}", problems.len(), problems.join("\n"));
    assert!(gained > 0, "the library answers nothing that does not run here");
}
