//! Folders that are no models, or models that do not run here.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use mlctl_models::{Error, load, read_info};
use std::fs;
use std::path::Path;

fn elasticnet() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/elasticnet")
}

fn folder(mlmodel: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("MLmodel"), mlmodel).unwrap();
    folder
}

#[test]
fn a_folder_without_mlmodel_is_no_model() {
    let empty = tempfile::tempdir().unwrap();

    let error = load(empty.path()).unwrap_err();

    assert!(matches!(error, Error::NotAModel { .. }), "{error}");
    assert!(error.to_string().ends_with("there is no file MLmodel in it"), "{error}");
    assert!(matches!(load(Path::new("/nowhere")), Err(Error::NotAModel { .. })));
}

#[test]
fn a_model_without_a_flavor_of_ours_names_its_flavors() {
    let folder = folder("flavors: {spark: {model_data: m}, python_function: {}}\n");

    let error = load(folder.path()).unwrap_err().to_string();

    assert!(error.contains("it has `python_function`, `spark`"), "{error}");
    assert!(read_info(folder.path()).unwrap().flavors.contains_key("spark"));
}

#[test]
fn data_outside_of_the_folder_is_refused() {
    let graph = elasticnet().join("model.onnx");
    for data in ["../model.onnx", graph.to_str().unwrap(), "link.onnx", "gone.onnx", ""] {
        let folder = folder(&format!("flavors: {{onnx: {{data: \"{data}\"}}}}\n"));
        std::os::unix::fs::symlink(&graph, folder.path().join("link.onnx")).unwrap();

        let error = load(folder.path()).unwrap_err();

        assert!(matches!(error, Error::NotAModel { .. }), "{data}: {error}");
    }
}

#[test]
fn a_file_that_is_no_graph_is_refused() {
    let graph = fs::read(elasticnet().join("model.onnx")).unwrap();
    for bytes in [&b"not a graph"[..], b"", &graph[..graph.len() / 2], &graph[..10]] {
        let folder = folder("flavors: {onnx: {data: model.onnx}}\n");
        fs::write(folder.path().join("model.onnx"), bytes).unwrap();

        let error = load(folder.path()).unwrap_err();

        assert!(matches!(error, Error::UnsupportedGraph { .. }), "{error}");
    }
}
