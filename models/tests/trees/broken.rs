//! Model files that are cut, changed or made up: refused, or loaded, but never a panic.

use super::{fixtures, text_of};
use mlctl_models::{Error, Input, Tensor, Values, load};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn folder(flavor: &str, bytes: &[u8]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("MLmodel"), format!("flavors: {{{flavor}: {{data: m}}}}\n"))
        .unwrap();
    fs::write(folder.path().join("m"), bytes).unwrap();
    folder
}

fn score(flavor: &str, bytes: &[u8]) {
    let folder = folder(flavor, bytes);
    let model = match load(folder.path()) {
        Ok(model) => model,
        Err(error) => {
            let text = error.to_string();
            assert!(matches!(error, Error::UnsupportedModel { .. }), "{text}");
            assert!(!text.contains('\n') && text.len() < 500, "{text}");
            return;
        }
    };
    for width in 1..7 {
        let values = (0..9 * width).map(|at| if at % 5 == 0 { f64::NAN } else { at as f64 });
        let rows = Tensor::new(vec![9, width], Values::Double(values.collect())).unwrap();
        let _ = model.predict(Input::Tensor(rows));
    }
}

/// What happens to a file.
#[derive(Clone, Debug)]
enum Change {
    Cut(Index),
    Set(Index, u8),
    Remove(Index, usize),
    Repeat(Index, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let byte = prop_oneof![any::<u8>(), prop::sample::select(&b"0123456789-[]{}$#\0\xff\x7f "[..])];
    prop_oneof![
        1 => any::<Index>().prop_map(Change::Cut),
        8 => (any::<Index>(), byte).prop_map(|(at, byte)| Change::Set(at, byte)),
        2 => (any::<Index>(), 1..9_usize).prop_map(|(at, count)| Change::Remove(at, count)),
        2 => (any::<Index>(), 1..200_usize).prop_map(|(at, count)| Change::Repeat(at, count)),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    if bytes.is_empty() {
        return;
    }
    let range = |at: &Index, count: usize| {
        let at = at.index(bytes.len());
        at..(at + count).min(bytes.len())
    };
    match change {
        Change::Cut(at) => bytes.truncate(at.index(bytes.len())),
        Change::Set(at, byte) => {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        Change::Remove(at, count) => drop(bytes.drain(range(at, *count))),
        Change::Repeat(at, count) => {
            let range = range(at, *count);
            let part = bytes[range.clone()].to_vec();
            bytes.splice(range.end..range.end, part);
        }
    }
}

fn file(model: &str, name: &str) -> Vec<u8> {
    fs::read(fixtures().join(model).join(name)).unwrap()
}

const FILES: [(&str, &str, &str); 7] = [
    ("xgboost", "xgb_binary", "model.ubj"),
    ("xgboost", "xgb_softprob_json", "model.json"),
    ("xgboost", "xgb_partition", "model.ubj"),
    ("xgboost", "xgb_multi_tree", "model.ubj"),
    ("xgboost", "xgb_linear", "model.ubj"),
    ("lightgbm", "lgb_pandas", "model.lgb"),
    ("lightgbm", "lgb_forest", "model.lgb"),
];

proptest! {
    #[test]
    fn changed_models_are_refused_or_score(
        which in 0..FILES.len(),
        changes in vec(change(), 1..4),
    ) {
        let (flavor, model, name) = FILES[which];
        let mut bytes = file(model, name);
        changes.iter().for_each(|change| apply(&mut bytes, change));
        score(flavor, &bytes);
    }

    #[test]
    fn any_text_is_refused_or_scores(
        lines in vec(prop_oneof![
            "[a-z_]{1,12}=[0-9 .e-]{0,20}",
            prop::sample::select(&[
                "Tree=0", "Tree=1", "num_leaves=2", "num_cat=0", "split_feature=0", "threshold=1",
                "decision_type=2", "left_child=-1", "right_child=-2", "leaf_value=1 2",
                "num_leaves=1", "num_cat=1", "is_linear=0", "average_output", "end of trees",
                "decision_type=1", "cat_boundaries=0 1", "cat_threshold=5", "left_child=0",
                "num_cat=18446744073709551615", "leaf_value=1",
            ][..]).prop_map(str::to_owned),
        ], 0..30),
    ) {
        let head = "tree\nversion=v4\nnum_tree_per_iteration=1\nmax_feature_idx=0\n\
                    feature_names=a\n";
        score("lightgbm", format!("{head}{}\n", lines.join("\n")).as_bytes());
    }
}

#[track_caller]
fn check(flavor: &str, bytes: &[u8], want: &str) {
    let folder = folder(flavor, bytes);
    let error = load(folder.path()).unwrap_err().to_string();
    let path = folder.path().canonicalize().unwrap().join("m");
    assert_eq!(error, format!("cannot load the model `{}`: {want}", path.display()));
}

/// Replaces the only place of a text in a model's text file.
#[track_caller]
fn with(file: &Path, from: &str, to: &str) -> Vec<u8> {
    let text = text_of(file);
    assert!(text.contains(from), "{from} is not in {text}");
    text.replacen(from, to, 1).into_bytes()
}

#[test]
fn what_is_not_known_of_xgboost_is_named() {
    let file = fixtures().join("xgb_softprob_json/model.json");
    let check = |from, to, want| check("xgboost", &with(&file, from, to), want);

    check("multi:softprob", "multi:hard", "the objective `multi:hard` is not supported");
    check("\"gbtree\"", "\"gbforest\"", "the booster `gbforest` is not supported");
    check(
        "\"num_class\":\"3\",\"num_feature",
        "\"num_class\":\"4\",\"num_feature",
        "the base score `[-2.662102E-1,4.8363024E-1,-2.174201E-1]` does not fit 4 outputs",
    );
    check(
        "\"num_class\":\"3\"",
        "\"num_class\":\"90000\"",
        "it has 90000 outputs; at most 65536 are allowed",
    );
    check("\"split_type\":[0", "\"split_type\":[2", "tree 0: node 0 has the split type 2");
    check("\"left_children\":[1", "\"left_children\":[0", "tree 0: node 0 is reached twice");
}

#[test]
fn what_is_not_known_of_lightgbm_is_named() {
    let file = fixtures().join("lgb_forest/model.lgb");
    let check = |from, to, want| check("lightgbm", &with(&file, from, to), want);

    check("binary sigmoid", "binary slope", "the objective `binary slope:1` is not supported");
    check("version=v4", "version=v9", "the version `v9` is not supported");
    check("average_output", "averages", "`averages` is not supported");
    check(
        "is_linear=0",
        "is_linear=1",
        "tree 0: its leaves are linear models (`linear_tree`), which are not supported",
    );
    check("end of trees", "", "it is incomplete: the line `end of trees` is missing");
    check("Tree=1", "Tree=2", "tree 1 is missing");
    check("\nnum_leaves=4", "\nnum_leaves=5", "tree 0: it has 4 values for 5 leaves");
    check("\ndecision_type=", "\ndecision_type=16 ", "tree 0: `decision_type` has 4 values of 3");
}

#[test]
fn old_and_foreign_files_are_refused() {
    check(
        "xgboost",
        b"binf\0\0\0\0",
        "it is in XGBoost's old binary format; load it with XGBoost below 3.1 and save it as \
         `model.ubj`",
    );
    check("xgboost", b"", "the file is incomplete at byte 0");
    check("lightgbm", b"\xff\xfe", "it is not text");
    check("lightgbm", b"{}", "it does not begin with the line `tree`, as LightGBM's models do");
}
