//! The readers on what numpy writes, and on what nobody should write.

use super::npy::read;
use super::{Array, Data, Document, Load, Refusal, unpack};
use proptest::collection::vec;
use proptest::prelude::*;
use std::io::{Cursor, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

fn npy(version: u8, header: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY".to_vec();
    bytes.extend([version, 0]);
    match version {
        1 => bytes.extend((header.len() as u16).to_le_bytes()),
        _ => bytes.extend((header.len() as u32).to_le_bytes()),
    }
    bytes.extend(header.as_bytes());
    bytes.extend(body);
    bytes
}

fn header(descr: &str, is_fortran: bool, shape: &str) -> String {
    let order = if is_fortran { "True" } else { "False" };
    format!("{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}   \n")
}

#[track_caller]
fn check(descr: &str, shape: &str, body: &[u8], want: &Data) {
    for version in 1..=3 {
        let array = read(&npy(version, &header(descr, false, shape), body)).unwrap();
        assert_eq!(&array.data, want, "for {descr} {shape}");
    }
}

fn open(bytes: Vec<u8>) -> Load<()> {
    let (archive, schema) = unpack(bytes)?;
    Document::read(archive, &schema).map(drop)
}

#[track_caller]
fn check_refused(bytes: &[u8], want: &str) {
    let Refusal(problem) = read(bytes).unwrap_err();
    assert!(problem.contains(want), "{problem}");
}

#[test]
fn values_of_every_kind_are_read() {
    check("'|b1'", "(2,)", &[1, 0], &Data::Bool(vec![true, false]));
    check("'|i1'", "(2,)", &[255, 7], &Data::Int(vec![-1, 7]));
    check("'|u1'", "(1,)", &[255], &Data::Int(vec![255]));
    check("'>i2'", "(1,)", &[1, 2], &Data::Int(vec![258]));
    check("'<i8'", "()", &(-5_i64).to_le_bytes(), &Data::Int(vec![-5]));
    check("'<f2'", "(2,)", &[0, 0x3c, 1, 0], &Data::Float(vec![1.0, 2_f64.powi(-24)]));
    check("'<f4'", "(1,)", &1.5_f32.to_le_bytes(), &Data::Float(vec![1.5]));
    check("'>f8'", "(1,)", &1.5_f64.to_be_bytes(), &Data::Float(vec![1.5]));
    check("'<U2'", "(1,)", &[0xe9, 0, 0, 0, 0, 0, 0, 0], &Data::Text(vec!["é".to_owned()]));
    check("'|S3'", "(1,)", b"ab\0", &Data::Text(vec!["ab".to_owned()]));
    check("'<f8'", "(0, 4)", &[], &Data::Float(vec![]));
    let fields = vec![
        ("a".to_owned(), Data::Int(vec![1, 3])),
        ("b".to_owned(), Data::Bool(vec![true, false])),
    ];
    check("[('a', '|u1'), ('b', '|b1')]", "(2,)", &[1, 1, 3, 0], &Data::Record(fields));
}

#[test]
fn columns_first_becomes_rows_first() {
    let bytes = npy(1, &header("'|u1'", true, "(2, 3)"), &[1, 4, 2, 5, 3, 6]);

    let array = read(&bytes).unwrap();

    assert_eq!(array, Array { shape: vec![2, 3], data: Data::Int(vec![1, 2, 3, 4, 5, 6]) });
}

#[test]
fn broken_arrays_are_refused() {
    check_refused(b"", "not an npy file");
    check_refused(b"\x93NUMPY\x09\0", "version 9");
    check_refused(&npy(1, &header("'<f8'", false, "(2,)"), &[0; 15]), "16 bytes of values");
    check_refused(&npy(1, &header("'|O'", false, "(1,)"), &[0; 8]), "dtype `|O`");
    check_refused(&npy(1, &header("'<c16'", false, "(1,)"), &[0; 16]), "dtype `<c16`");
    check_refused(&npy(1, &header("'<f8'", false, "(-1,)"), &[0; 8]), "not a valid shape");
    let huge = "(4611686018427387904, 4611686018427387904)";
    check_refused(&npy(1, &header("'<f8'", false, huge), &[]), "too large");
    check_refused(
        &npy(1, &header("'|S0'", false, "(99999999999,)"), &[]),
        "99999999999 items of no width",
    );
    check_refused(&npy(1, &"(".repeat(5000), &[]), "too deep");
    check_refused(&npy(1, "{'descr': '<f8'}", &[]), "has no `shape`");
    check_refused(&npy(1, &header("'<u8'", false, "(1,)"), &[255; 8]), "too large");
}

fn zipped(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, bytes) in members {
        zip.start_file(*name, options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[track_caller]
fn check_document(bytes: Vec<u8>, want: &str) {
    let Refusal(problem) = open(bytes).unwrap_err();
    assert!(problem.contains(want), "{problem}");
}

#[test]
fn files_that_hold_no_model_are_refused() {
    check_document(b"PK".to_vec(), "not a zip file");
    check_document(zipped(&[("other.json", b"{}")]), "schema.json");
    check_document(zipped(&[("schema.json", b"[]")]), "no node");
    check_document(zipped(&[("schema.json", b"{")]), "not JSON");
    check_document(zipped(&[("schema.json", b"{}")]), "no protocol");
    check_document(zipped(&[("schema.json", br#"{"protocol": 9}"#)]), "protocol 9");
    check_document(zipped(&[("schema.json", "[".repeat(4000).as_bytes())]), "not JSON");
}

#[test]
fn a_file_that_unpacks_to_far_more_than_its_size_is_refused() {
    let bomb = zipped(&[("schema.json", &vec![b' '; 300 << 20])]);

    assert!(bomb.len() < 1 << 20);
    check_document(bomb, "far more than its own size");
}

proptest! {
    #[test]
    fn no_bytes_bring_the_readers_down(bytes in vec(any::<u8>(), 0..300), text in ".{0,80}") {
        let _ = read(&bytes);
        let _ = read(&npy(1, &text, &bytes));
        let _ = read(&npy(1, &header(&text, true, "(3, 2)"), &bytes));
        let _ = read(&npy(1, &header("'<U1'", true, &text), &bytes));
        let _ = open(bytes);
    }
}
