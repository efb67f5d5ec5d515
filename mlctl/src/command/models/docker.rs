//! `mlctl models build-docker`: a Dockerfile for those who build with Docker, and for models that
//! only run with Python.

use super::image::{MODEL, runnable};
use crate::cli::{BuildDockerArgs, DockerEnvManager};
use crate::command::Context;
use crate::command::image::{Program, USER};
use crate::failure::Hinted;
use crate::output::notice;
use crate::resolve;
use anyhow::{Context as _, Result};
use mlctl_artifacts::{ArtifactPath, LocalArtifacts, download};
use mlctl_models::ModelInfo;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// The file that says which packages a model needs.
const REQUIREMENTS: &str = "requirements.txt";
/// Where files lie beside the Dockerfile, and what they become.
const PROGRAM_FOLDER: &str = "mlctl";
const MODEL_FOLDER: &str = "model";

/// What the model needs.
enum Needs {
    /// mlctl alone.
    Nothing,
    /// A Python of this version, and packages.
    Python { version: String, mlflow: Option<String> },
}

pub(super) fn build(context: &Context, args: &BuildDockerArgs) -> Result<()> {
    let folder = args.model_uri.as_deref().map(|uri| resolve::fetch(context, uri)).transpose()?;
    let needs = match (&folder, &args.model_uri) {
        (Some(folder), Some(uri)) => needs(uri, &folder.path, args)?,
        _ => Needs::Nothing,
    };
    if args.env_manager.is_some_and(|manager| manager != DockerEnvManager::Local) {
        notice("--env-manager has no effect: packages are installed into the image's own Python");
    }
    let program = Program::of_this()?;
    let text = dockerfile(args, &program, &needs);
    let Some(output) = &args.output_directory else {
        if let Some(name) = &args.name {
            // Who names an image expects one, as MLflow makes it.
            notice(&format!(
                "this prints a Dockerfile and does not build an image: use `mlctl models \
                 build-image URI -t {name} -o FILE`, or -d DIR and `docker build -t {name} DIR`"
            ));
        }
        return context.output.show(&json!({ "dockerfile": text }), |_: &Value| text.clone());
    };
    write(output, &program, folder.as_ref().map(|folder| folder.path.as_path()), &text)?;
    let shown = output.display();
    let name = name_of(args);
    context.output.show(&json!({ "path": output }), |_| {
        format!("wrote {shown}/Dockerfile; to build the image: docker build -t {name} {shown}\n")
    })
}

/// Writes all that `docker build` needs into a folder, by default the one that MLflow's
/// `generate-dockerfile` makes.
pub(super) fn generate(context: &Context, mut args: BuildDockerArgs) -> Result<()> {
    args.output_directory.get_or_insert_with(|| "mlflow-dockerfile".into());
    build(context, &args)
}

/// Returns what the image is called.
fn name_of(args: &BuildDockerArgs) -> &str {
    args.name.as_deref().unwrap_or("mlflow-pyfunc-servable")
}

fn needs(uri: &str, folder: &Path, args: &BuildDockerArgs) -> Result<Needs> {
    let Err(why) = runnable(uri, folder) else { return Ok(Needs::Nothing) };
    let info = mlctl_models::read_info(folder)
        .with_context(|| format!("cannot load the model `{uri}`"))?;
    let Some(version) = python_version(&info) else {
        anyhow::bail!("{why}; and it has no `python_function` flavor");
    };
    if !folder.join(REQUIREMENTS).is_file() {
        return Err(Hinted::error(
            format!("the model `{uri}` does not list the packages that it needs"),
            format!("it has no {REQUIREMENTS}; save the model again with a newer MLflow"),
        ));
    }
    let mlflow =
        info.mlflow_version.filter(|_| args.install_mlflow).filter(|text| is_version(text));
    Ok(Needs::Python { version, mlflow })
}

/// Returns the version of Python that a model was saved with, if Python can load it.
fn python_version(info: &ModelInfo) -> Option<String> {
    let function = info.flavors.get("python_function")?;
    let said =
        function.get("python_version").and_then(Value::as_str).filter(|text| is_version(text));
    Some(said.unwrap_or("3").to_owned())
}

/// Tells whether a text is numbers with dots between: it becomes a part of the Dockerfile.
fn is_version(text: &str) -> bool {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    text.split('.').all(is_number) && text.len() < 32
}

fn dockerfile(args: &BuildDockerArgs, program: &Program, needs: &Needs) -> String {
    let (base, python) = match needs {
        Needs::Nothing => ("scratch".to_owned(), &[][..]),
        Needs::Python { version, .. } => {
            (format!("python:{version}-slim"), &["--python", "--env-manager", "local"][..])
        }
    };
    let name: String = name_of(args).chars().filter(|c| !c.is_control()).collect();
    let mut text = format!(
        "# Serves an MLflow model with mlctl. In the folder that `mlctl models build-docker -d DIR` \
         writes:\n#   docker build -t {name} . && docker run -p 5001:8080 {name}\nFROM {base}\n\n"
    );
    if args.model_uri.is_some() {
        text.push_str(&format!("COPY {MODEL_FOLDER} /{MODEL}\n"));
    } else {
        text.push_str(&format!("# The model is mounted: docker run -v DIR:/{MODEL}\n"));
    }
    if let Needs::Python { mlflow, .. } = needs {
        let mlflow = mlflow.as_ref().map(|version| format!(" mlflow=={version}"));
        let mlflow = mlflow.unwrap_or_default();
        text.push_str(&format!(
            "RUN pip install --no-cache-dir -r /{MODEL}/{REQUIREMENTS}{mlflow}\n"
        ));
    }
    text.push_str(&format!("COPY {PROGRAM_FOLDER} /opt/mlctl\n\n"));
    text.push_str("ENV HOME=/tmp MLFLOW_SERVER_ALLOWED_HOSTS=*\n");
    text.push_str(&format!("USER {USER}\nEXPOSE 8080\n"));
    let model = format!("/{MODEL}");
    let serve = ["models", "serve", &model, "--host", "0.0.0.0", "--port", "8080"];
    let command = program.command().into_iter().chain(serve.map(str::to_owned));
    let command: Vec<String> = command.chain(python.iter().map(|&word| word.to_owned())).collect();
    text.push_str(&format!("ENTRYPOINT {}\n", json!(command)));
    text
}

/// Writes all that `docker build` needs into a new folder.
fn write(output: &Path, program: &Program, model: Option<&Path>, text: &str) -> Result<()> {
    let cannot = || format!("cannot write `{}`", output.display());
    let is_taken = fs::read_dir(output).is_ok_and(|mut inside| inside.next().is_some());
    if is_taken {
        return Err(Hinted::error(
            format!("`{}` already exists and is not an empty folder", output.display()),
            "pass a new folder with --output-directory",
        ));
    }
    for (place, path) in program.files() {
        let place = place.strip_prefix("opt/").unwrap_or(&place);
        let target = output.join(place);
        fs::create_dir_all(target.parent().unwrap_or(output)).with_context(cannot)?;
        fs::copy(path, &target).with_context(cannot)?;
    }
    if let Some(model) = model {
        let store = LocalArtifacts::open(model).with_context(cannot)?;
        let target = output.join(MODEL_FOLDER);
        download(&store, &ArtifactPath::root(), &target).with_context(cannot)?;
    }
    fs::write(output.join("Dockerfile"), text).with_context(cannot)
}
