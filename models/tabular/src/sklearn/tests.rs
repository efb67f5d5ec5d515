//! Models that somebody tampered with: refused, or scored, but never a panic.

use super::SklearnModel;
use mlctl_models_format::Predictor;
use mlctl_table::{Input, Table, Tensor, Values};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::io::{Cursor, Read, Write};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../tests/fixtures/sklearn/", $name, "/model.skops"))
            .as_slice()
    };
}

fn fixtures() -> [&'static [u8]; 13] {
    [
        fixture!("LogisticRegression-multi"),
        fixture!("StandardScaler+linear"),
        fixture!("columns-missing"),
        fixture!("columns-infrequent"),
        fixture!("DecisionTreeClassifier-binary"),
        fixture!("DecisionTreeRegressor-missing"),
        fixture!("HistGradientBoostingRegressor-poisson"),
        fixture!("KNeighborsClassifier"),
        fixture!("GaussianNB"),
        fixture!("MLPClassifier-binary"),
        fixture!("TfidfVectorizer+linear"),
        fixture!("SVC-rbf"),
        fixture!("StackingClassifier-binary"),
    ]
}

fn members(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut zip = ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut members = Vec::new();
    for at in 0..zip.len() {
        let mut member = zip.by_index(at).unwrap();
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).unwrap();
        members.push((member.name().unwrap().into_owned(), bytes));
    }
    members
}

fn zipped(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, bytes) in members {
        zip.start_file(name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn score(bytes: Vec<u8>) {
    let Ok(model) = SklearnModel::read(bytes, "predict") else { return };
    for width in [1, 5, 7, 8] {
        let values = (0..3 * width).map(|at| at as f64 / 3.0).collect();
        let matrix = Tensor::new(vec![3, width], Values::Double(values)).unwrap();
        for method in ["predict", "predict_proba", "decision_function", "transform"] {
            let _ = model.call(method, &Input::Tensor(matrix.clone()));
        }
    }
    let text = |word: &str| Tensor::vector(Values::String(vec![Some(word.to_owned()), None]));
    let number = || Tensor::vector(Values::Double(vec![1.5, f64::NAN]));
    let columns = vec![
        ("age".to_owned(), number()),
        ("income".to_owned(), number()),
        ("city".to_owned(), text("Rome")),
        ("plan".to_owned(), text("pro")),
        ("visits".to_owned(), number()),
    ];
    let _ = model.predict(&Input::Table(Table::new(columns).unwrap()));
    let _ = model.predict(&Input::Tensor(text("quick fox")));
}

#[test]
fn untouched_models_load() {
    for bytes in fixtures() {
        let read = SklearnModel::read(bytes.to_vec(), "predict");
        assert!(read.is_ok(), "{read:?}");
        score(bytes.to_vec());
    }
}

/// What happens to a part of a file.
#[derive(Clone, Debug)]
enum Change {
    Set(Index, u8),
    Cut(Index),
    Swap(Index),
}

fn change() -> impl Strategy<Value = (Index, Change)> {
    let byte = prop_oneof![any::<u8>(), select(&b"0123456789-[]{}\",:. \0\xff\x7f"[..])];
    let change = prop_oneof![
        6 => (any::<Index>(), byte).prop_map(|(at, byte)| Change::Set(at, byte)),
        1 => any::<Index>().prop_map(Change::Cut),
        2 => any::<Index>().prop_map(Change::Swap),
    ];
    (any::<Index>(), change)
}

#[test]
fn arrays_without_a_file_are_refused() {
    for fixture in fixtures() {
        let mut members = members(fixture);
        for (name, bytes) in &mut members {
            if name == "schema.json" {
                let text = String::from_utf8(bytes.clone()).unwrap();
                *bytes = text.replace("\"file\":", "\"fine\":").into_bytes();
            }
        }
        assert!(SklearnModel::read(zipped(&members), "predict").is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn tampering_never_brings_a_model_down(
        at in 0..13_usize,
        changes in proptest::collection::vec(change(), 1..4),
    ) {
        let mut members = members(fixtures()[at]);
        for (member, change) in changes {
            let member = member.index(members.len());
            match change {
                Change::Set(at, byte) if !members[member].1.is_empty() => {
                    let bytes = &mut members[member].1;
                    let at = at.index(bytes.len());
                    bytes[at] = byte;
                }
                Change::Cut(at) if !members[member].1.is_empty() => {
                    let at = at.index(members[member].1.len());
                    members[member].1.truncate(at);
                }
                // An array where another one should be.
                Change::Swap(other) => {
                    let other = members[other.index(members.len())].1.clone();
                    members[member].1 = other;
                }
                Change::Set(..) | Change::Cut(_) => {}
            }
        }
        score(zipped(&members));
    }

    #[test]
    fn no_change_of_a_whole_file_brings_the_reader_down(
        at in 0..13_usize,
        place in any::<Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = fixtures()[at].to_vec();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        score(bytes);
    }
}
