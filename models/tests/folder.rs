//! Folders that are no models, or models that do not run here.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use mlctl_models::{Error, Manifest, SavedExample, load, read_info};
use std::fs;
use std::path::Path;
use std::process::Command;

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
    assert!(error.to_string().ends_with("it has no file MLmodel"), "{error}");
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

/// A folder whose model runs, with an example.
fn whole() -> tempfile::TempDir {
    let folder = folder(
        "flavors: {onnx: {data: model.onnx}}\n\
         saved_input_example_info: {serving_input_path: example.json}\n",
    );
    fs::copy(elasticnet().join("model.onnx"), folder.path().join("model.onnx")).unwrap();
    fs::write(folder.path().join("example.json"), "{}").unwrap();
    assert!(opened(folder.path()).is_ok());
    folder
}

/// Opens everything that a folder has.
fn opened(folder: &Path) -> Result<(), Error> {
    let model = load(folder)?;
    SavedExample::read(folder, &model.info)?;
    Manifest::read(folder).map(drop)
}

/// Puts something in the place of each file in turn; the folder is refused by the file's name.
#[track_caller]
fn check_refused(put: impl Fn(&Path)) {
    for name in ["MLmodel", "model.onnx", "example.json"] {
        let folder = whole();
        let path = folder.path().join(name);
        fs::rename(&path, folder.path().join("moved")).unwrap();
        put(&path);

        let error = opened(folder.path()).unwrap_err();

        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn a_link_out_of_the_folder_is_not_followed() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("MLmodel"), "flavors: {onnx: {data: model.onnx}}\n").unwrap();
    fs::copy(elasticnet().join("model.onnx"), place.path().join("model.onnx")).unwrap();
    fs::write(place.path().join("example.json"), "{}").unwrap();
    check_refused(|path| {
        std::os::unix::fs::symlink(place.path().join(path.file_name().unwrap()), path).unwrap();
    });
}

#[test]
fn a_link_that_stays_in_the_folder_is_followed() {
    for name in ["MLmodel", "model.onnx", "example.json"] {
        let folder = whole();
        let path = folder.path().join(name);
        fs::rename(&path, folder.path().join("moved")).unwrap();
        std::os::unix::fs::symlink("moved", &path).unwrap();

        assert!(opened(folder.path()).is_ok(), "{name}");
    }
}

#[test]
fn a_pipe_is_refused_and_not_waited_for() {
    check_refused(|path| {
        assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    });
}

#[test]
fn a_file_without_an_end_is_refused_unread() {
    // A hole takes no room on the disk.
    check_refused(|path| fs::File::create(path).unwrap().set_len(1 << 40).unwrap());
}
