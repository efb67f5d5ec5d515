//! Writing model folders that load here and in Python's `mlflow`.
//!
//! The layout is that of `mlflow.onnx.save_model` of MLflow 3.17.2: `MLmodel`, the data,
//! `requirements.txt`, `conda.yaml`, `python_env.yaml`, and the example of an input twice, plain
//! and as a body of `/invocations`.

mod example;

pub use example::Example;
use mlctl_models_format::MLMODEL_FILE;
use mlctl_models_format::folder::DataFile;
use mlctl_models_format::manifest::{DIGESTS, Manifest};
use mlctl_models_format::{Error, Model, ModelInfo, Result, Signature, payload};
use mlctl_models_onnx::flavor;
use mlctl_scratch::{Access, Scratch};
use mlctl_table::schema::{Schema, TensorSpec};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// The release whose layout is written, and which the written requirements name.
const MLFLOW_VERSION: &str = "3.17.2";
/// The Python in which MLflow is told to open the model, with the packages for it.
const PYTHON_VERSION: &str = "3.11";
const PACKAGES: [&str; 3] = ["mlflow==3.17.2", "onnx==1.23.2", "onnxruntime==1.31.1"];
const ONNX_VERSION: &str = "1.23.2";
const DATA: &str = "model.onnx";

/// An ONNX model that is to become a folder.
#[derive(Clone, Debug)]
pub struct OnnxModel<'a> {
    /// The graph; files with its weights lie beside it.
    pub graph: &'a Path,
    /// The types of inputs and outputs.
    pub signature: Option<Signature>,
    /// An input, to check the model with and to show what it takes.
    pub example: Option<Example>,
    /// Where the model comes from.
    pub origin: Origin,
    /// Anything that the user wants to keep with the model.
    pub metadata: Option<Map<String, Value>>,
}

impl OnnxModel<'_> {
    /// Runs the graph, on the example if there is one, and fills in what is not given: the answer
    /// to the example, and the signature that both show; without an example, what the graph takes.
    ///
    /// # Errors
    /// Like [`load`](crate::load) and [`Model::predict`] when the graph does not run here, or does
    /// not take the example. What is there already is kept, so the model can be saved all the same.
    pub fn complete(&mut self) -> Result<()> {
        let graph = flavor::open_file(self.graph)?;
        let Some(example) = &mut self.example else {
            if self.signature.is_none() {
                let inputs = Some(Schema::Tensors(graph.inputs()));
                self.signature = Some(Signature { inputs, ..Signature::default() });
            }
            return Ok(());
        };
        let info = ModelInfo { signature: self.signature.clone(), ..ModelInfo::default() };
        let predictions = Model::new(info, Box::new(graph)).predict(example.input.clone())?;
        if self.signature.is_none() {
            let outputs = predictions
                .tensors()
                .into_iter()
                .map(|(name, output)| TensorSpec::of(Some(name), output));
            self.signature = Some(Signature {
                inputs: Some(Schema::of(&example.input)),
                outputs: Some(Schema::Tensors(outputs.collect())),
                params: None,
            });
        }
        let answer: Option<Value> = serde_json::from_str(&payload::to_json(&predictions)).ok();
        example.answer = answer.map(|mut answer| answer["predictions"].take());
        Ok(())
    }
}

/// Where a model comes from, and when.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The id of this one saving: 32 hexadecimal digits.
    pub model_uuid: String,
    /// The id of the logged model.
    pub model_id: Option<String>,
    /// The run that logs it.
    pub run_id: Option<String>,
    /// Where the run has it.
    pub artifact_path: Option<String>,
    /// Now, in UTC: `2026-11-21 09:28:02.974489`.
    pub utc_time_created: String,
}

/// Writes a model folder; `folder` must not exist, or be empty. What was begun and failed is
/// removed again.
///
/// # Errors
/// [`Error::Io`] when the folder is not empty or cannot be written; [`Error::UnsupportedGraph`]
/// when the file is no ONNX graph, or names weights outside of its folder.
pub fn save_onnx(folder: &Path, model: &OnnxModel<'_>) -> Result<ModelInfo> {
    refuse_occupied(folder)?;
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = parent.unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(|error| writing(parent, error))?;
    let draft = Scratch::make(parent, ".mlctl-model-", Access::Private);
    let draft = draft.map_err(|error| writing(parent, error))?;
    let info = write(draft.path(), model)?;
    // An empty folder in its place would be in the way.
    match fs::remove_dir(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(writing(folder, error)),
        _ => {}
    }
    draft.publish(folder).map_err(|error| writing(folder, error))?;
    open_to_others(folder)?;
    Ok(info)
}

fn write(folder: &Path, model: &OnnxModel<'_>) -> Result<ModelInfo> {
    let graph = DataFile::alone(model.graph);
    copy(&graph, &folder.join(DATA))?;
    for weights in mlctl_models_onnx::external_files(&graph)? {
        copy(&graph.beside(&weights.to_string_lossy()), &folder.join(&weights))?;
    }
    put(folder, "requirements.txt", &(PACKAGES.join("\n") + "\n"))?;
    put(folder, "conda.yaml", &conda())?;
    put(folder, "python_env.yaml", &python_env())?;
    let mut info = described(model);
    if let Some(example) = &model.example {
        let described = example.write(folder)?;
        info.other.insert("saved_input_example_info".to_owned(), described);
    }
    let manifest = Manifest::read(folder)?;
    info.other.insert("model_size_bytes".to_owned(), manifest.bytes().into());
    info.other.insert(DIGESTS.to_owned(), manifest.stated());
    put(folder, MLMODEL_FILE, &info.to_yaml()?)?;
    Ok(info)
}

fn described(model: &OnnxModel<'_>) -> ModelInfo {
    let settings = |value: Value| value.as_object().cloned().unwrap_or_default();
    let onnx = json!({
        "code": null,
        "data": DATA,
        "onnx_session_options": null,
        "onnx_version": ONNX_VERSION,
        "providers": ["CPUExecutionProvider"],
    });
    let python_function = json!({
        "data": DATA,
        "env": { "conda": "conda.yaml", "virtualenv": "python_env.yaml" },
        "loader_module": "mlflow.onnx",
        "python_version": PYTHON_VERSION,
    });
    let flavors = [("onnx", onnx), ("python_function", python_function)];
    let metadata = model.metadata.clone().map(|map| ("metadata".to_owned(), Value::Object(map)));
    ModelInfo {
        artifact_path: model.origin.artifact_path.clone(),
        flavors: flavors.map(|(name, value)| (name.to_owned(), settings(value))).into(),
        mlflow_version: Some(MLFLOW_VERSION.to_owned()),
        model_id: model.origin.model_id.clone(),
        model_uuid: Some(model.origin.model_uuid.clone()),
        run_id: model.origin.run_id.clone(),
        signature: model.signature.clone(),
        utc_time_created: Some(model.origin.utc_time_created.clone()),
        other: metadata.into_iter().collect::<BTreeMap<_, _>>(),
    }
}

fn conda() -> String {
    let mut text = format!(
        "channels:\n- conda-forge\ndependencies:\n- python={PYTHON_VERSION}\n- pip\n- pip:\n"
    );
    PACKAGES.iter().for_each(|package| text.push_str(&format!("  - {package}\n")));
    text.push_str("name: mlflow-env\n");
    text
}

fn python_env() -> String {
    format!(
        "python: '{PYTHON_VERSION}'\nbuild_dependencies:\n- pip\n- setuptools\n- wheel\n\
         dependencies:\n- -r requirements.txt\n"
    )
}

fn refuse_occupied(folder: &Path) -> Result<()> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(writing(folder, error)),
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => {
                let problem = std::io::Error::new(ErrorKind::AlreadyExists, "it is not empty");
                Err(writing(folder, problem))
            }
        },
    }
}

fn copy(from: &DataFile, to: &Path) -> Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent).map_err(|error| writing(parent, error))?;
    }
    let mut source = from.open()?;
    let copied = fs::File::create(to).and_then(|mut to| std::io::copy(source.stream(), &mut to));
    copied.map(drop).map_err(|error| {
        let from = from.path();
        Error::io(format!("copying `{}` to `{}`", from.display(), to.display()), error)
    })
}

fn put(folder: &Path, name: &str, text: &str) -> Result<()> {
    let path = folder.join(name);
    fs::write(&path, text).map_err(|error| writing(&path, error))
}

fn writing(path: &Path, error: std::io::Error) -> Error {
    Error::io(format!("writing `{}`", path.display()), error)
}

/// Gives a folder that was made for its owner alone the rights of any new one.
fn open_to_others(folder: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let rights = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder, rights).map_err(|error| writing(folder, error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load;
    use mlctl_models_format::SavedExample;
    use mlctl_table::{Input, Table, Tensor, Values};

    fn fixture(name: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name).join("model.onnx")
    }

    fn model(graph: &Path) -> OnnxModel<'_> {
        let origin = Origin {
            model_uuid: "0".repeat(32),
            utc_time_created: "2026-11-21 09:28:02.974489".to_owned(),
            ..Origin::default()
        };
        OnnxModel { graph, signature: None, example: None, origin, metadata: None }
    }

    #[test]
    fn what_is_saved_loads_and_answers_its_example() {
        let place = tempfile::tempdir().unwrap();
        let graph = fixture("several");
        let mut model = model(&graph);
        let column = |value: f32| Tensor::vector(Values::Float(vec![value]));
        let visits = Tensor::vector(Values::Long(vec![3]));
        let table =
            Table::new(vec![("visits".into(), visits), ("age".into(), column(2.5))]).unwrap();
        model.example = Some(Example { input: Input::Table(table), answer: None });
        model.complete().unwrap();

        let info = save_onnx(&place.path().join("new/model"), &model).unwrap();

        let loaded = load(&place.path().join("new/model")).unwrap();
        assert_eq!(loaded.info, info);
        let example = SavedExample::read(&place.path().join("new/model"), &info).unwrap().unwrap();
        assert_eq!(example.answer, Some(json!([{"score": 8.0}])));
        let input = payload::from_json(example.body.as_bytes(), loaded.input_schema()).unwrap();
        let answer = payload::to_json(&loaded.predict(input).unwrap());
        assert_eq!(answer, r#"{"predictions":[{"score":8.0}]}"#);
    }

    #[test]
    fn weights_beside_the_graph_come_along() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("model");
        let graph = fixture("external");

        save_onnx(&folder, &model(&graph)).unwrap();

        assert!(load(&folder).is_ok());
    }

    #[test]
    fn a_folder_with_something_in_it_is_left_alone() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("notes"), "mine").unwrap();

        let refused = save_onnx(place.path(), &model(&fixture("mlp"))).unwrap_err();

        let said = format!("{refused}: {}", std::error::Error::source(&refused).unwrap());
        assert!(said.ends_with("it is not empty"), "{said}");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_no_graph_leaves_nothing_behind() {
        let place = tempfile::tempdir().unwrap();
        let graph = place.path().join("graph.onnx");
        fs::write(&graph, "not a graph").unwrap();

        let refused = save_onnx(&place.path().join("model"), &model(&graph)).unwrap_err();

        assert!(refused.to_string().contains("not an ONNX model"), "{refused}");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }

    #[test]
    fn without_an_example_the_graph_says_what_it_takes() {
        let graph = fixture("mlp");
        let mut model = model(&graph);

        model.complete().unwrap();

        let inputs = serde_json::to_value(model.signature.unwrap().inputs).unwrap();
        let want =
            json!([{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 10]}}]);
        assert_eq!(inputs, want);
    }
}
