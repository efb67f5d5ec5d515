//! What the targets share: bytes become a file of a model folder, which is loaded and asked.

use mlctl_models::signature::Schema;
use mlctl_models::{Input, Model, ModelInfo, Result, Table, Tensor, Values, load};
use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;
use std::sync::LazyLock;
use tempfile::TempDir;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

static FOLDER: LazyLock<TempDir> =
    LazyLock::new(|| tempfile::tempdir().expect("there is a folder for what passes"));

/// More columns than any seed has.
const WIDTH_MAX: usize = 16;

/// Loads a folder of an `MLmodel` and one file, and scores two rows when that succeeds.
pub fn score(mlmodel: &str, file: &str, bytes: &[u8]) {
    let folder = FOLDER.path();
    write(&folder.join("MLmodel"), mlmodel.as_bytes());
    write(&folder.join(file), bytes);
    if let Ok(model) = load(folder) {
        ask(&model);
    }
}

/// Loads a skops file of a schema and arrays, which the schema names `0.npy`, `1.npy` and so on.
pub fn score_skops(schema: &[u8], arrays: &[&[u8]]) {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut member = |name: String, bytes: &[u8]| {
        zip.start_file(name, options).expect("a member begins");
        zip.write_all(bytes).expect("a member is written");
    };
    member("schema.json".to_owned(), schema);
    for (at, array) in arrays.iter().enumerate() {
        member(format!("{at}.npy"), array);
    }
    let bytes = zip.finish().expect("the zip ends").into_inner();
    score(SKOPS, "model.skops", &bytes);
}

/// The `MLmodel` of a skops file.
pub const SKOPS: &str = "flavors:\n  sklearn:\n    pickled_model: model.skops\n    \
                         serialization_format: skops\n";

/// The schema that [`read_body`] asks for: a column of each kind.
static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let column = |name: &str, kind: &str| {
        format!(r#"{{"name": "{name}", "type": "{kind}", "required": {}}}"#, name != "f")
    };
    let kinds = ["double", "long", "string", "boolean", "integer", "float"];
    let columns = ["a", "b", "c", "d", "e", "f"].iter().zip(kinds);
    let columns: Vec<_> = columns.map(|(name, kind)| column(name, kind)).collect();
    let text = format!("signature:\n  inputs: '[{}]'\n", columns.join(", "));
    let info = ModelInfo::from_yaml(&text).expect("the signature is one");
    info.signature.and_then(|signature| signature.inputs).expect("it has inputs")
});

/// Reads a body without a schema, and with one that the input is then checked against.
pub fn read_body(read: impl Fn(Option<&Schema>) -> Result<Vec<Input>>) {
    let _ = read(None);
    for input in read(Some(&SCHEMA)).unwrap_or_default() {
        let _ = SCHEMA.enforce(input);
    }
}

/// Asks for two rows of each small width, as a matrix and as a table.
fn ask(model: &Model) {
    for width in 1..=WIDTH_MAX {
        let values: Vec<f64> = (0..2 * width).map(|at| at as f64 * 0.75 - 3.0).collect();
        let matrix = Tensor::new(vec![2, width], Values::Double(values.clone()));
        let columns = values.chunks(2).enumerate();
        let columns = columns
            .map(|(at, pair)| (format!("f{at}"), Tensor::vector(Values::Double(pair.to_vec()))));
        let table = Table::new(columns.collect()).expect("the columns are of one length");
        let _ = model.predict(Input::Tensor(matrix.expect("the values fill it")));
        let _ = model.predict(Input::Table(table));
    }
}

fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).expect("the file is written");
}
