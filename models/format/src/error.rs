//! The one error of this crate.

use std::error;
use std::path::PathBuf;

/// What a fallible function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Says why a model cannot be loaded, or an input cannot be scored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The folder is no model: it has no `MLmodel`, or not the data that its `MLmodel` names.
    #[error("`{}` is not a model folder: {problem}", path.display())]
    NotAModel {
        /// The folder.
        path: PathBuf,
        /// What is missing.
        problem: String,
    },
    /// Text that should be an `MLmodel` file is not.
    #[error("invalid MLmodel: {problem}")]
    MalformedInfo {
        /// What is wrong, with the line where known.
        problem: String,
    },
    /// The model has no flavor that runs here.
    #[error(
        "mlctl supports no flavor of this model: it has {}; supported are `onnx`, `xgboost`, \
         `lightgbm` and `sklearn`",
        names(found)
    )]
    NoFlavor {
        /// The flavors in its `MLmodel`.
        found: Vec<String>,
    },
    /// The graph uses operators that are missing here.
    #[error(
        "the graph needs {}, which is not supported; supported are most operators of ai.onnx, \
         those of ai.onnx.ml except CastMap and DictVectorizer, and CDist, MurmurHash3 and \
         Tokenizer of com.microsoft",
        names(operators)
    )]
    UnsupportedOperators {
        /// The operators' names, each once, with their domain when it is not ai.onnx.
        operators: Vec<String>,
    },
    /// The graph cannot be made to run for another reason.
    #[error("cannot load the graph `{}`: {problem}", path.display())]
    UnsupportedGraph {
        /// The graph's file.
        path: PathBuf,
        /// The engine's reason.
        problem: String,
    },
    /// The data of a flavor is broken, or asks for what is not known here.
    #[error("cannot load the model `{}`: {problem}", path.display())]
    UnsupportedModel {
        /// The model's file.
        path: PathBuf,
        /// What is wrong, or not known.
        problem: String,
    },
    /// The model runs here, but has no form in ONNX.
    #[error("cannot convert the model `{}` to ONNX: {problem}", path.display())]
    Unconvertible {
        /// The model's folder.
        path: PathBuf,
        /// What has no form.
        problem: String,
    },
    /// A request is not one of the forms that `/invocations` takes.
    #[error("{0}")]
    BadRequest(String),
    /// The input does not fit the model's signature.
    #[error("{0}")]
    SchemaMismatch(String),
    /// The input fits the signature, but the model cannot be evaluated on it.
    #[error("the model cannot score this input: {problem}")]
    Evaluation {
        /// The engine's reason.
        problem: String,
    },
    /// The library of onnxruntime cannot be loaded.
    #[error("`{}` is not a usable ONNX Runtime library: {problem}", path.display())]
    Library {
        /// The library's file.
        path: PathBuf,
        /// The reason.
        problem: String,
    },
    /// The Python process that scores the model fails.
    #[error("Python cannot score the model: {problem}")]
    Python {
        /// What it said, or how it ended.
        problem: String,
    },
    /// A file cannot be read.
    #[error("{doing}")]
    Io {
        /// What was being done, to which file.
        doing: String,
        /// The system's reason.
        source: Box<dyn error::Error + Send + Sync>,
    },
}

/// What an error lies in; a server's answer goes by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The input.
    Input,
    /// The input, which does not fit the signature.
    Schema,
    /// What the host provides: a library, or Python.
    Host,
    /// The model, or its folder.
    Model,
}

impl Error {
    /// Tells what the error lies in.
    pub fn fault(&self) -> Fault {
        match self {
            Self::BadRequest(_) | Self::Evaluation { .. } => Fault::Input,
            Self::SchemaMismatch(_) => Fault::Schema,
            Self::Library { .. } | Self::Python { .. } => Fault::Host,
            Self::NotAModel { .. }
            | Self::MalformedInfo { .. }
            | Self::NoFlavor { .. }
            | Self::UnsupportedOperators { .. }
            | Self::UnsupportedGraph { .. }
            | Self::UnsupportedModel { .. }
            | Self::Unconvertible { .. }
            | Self::Io { .. } => Fault::Model,
        }
    }

    /// Begins with the words that MLflow answers such requests with.
    pub fn bad_request(problem: impl Into<String>) -> Self {
        Self::BadRequest(format!("Invalid input. {}", problem.into()))
    }

    /// Names what was being done when the system failed.
    pub fn io(doing: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io { doing: doing.into(), source: source.into() }
    }

    /// Says how an input does not fit its signature.
    pub fn mismatch(problem: impl Into<String>) -> Self {
        Self::SchemaMismatch(problem.into())
    }
}

impl From<mlctl_table::Error> for Error {
    fn from(error: mlctl_table::Error) -> Self {
        match error {
            mlctl_table::Error::Invalid(problem) => Self::BadRequest(problem),
            mlctl_table::Error::Mismatch(problem) => Self::SchemaMismatch(problem),
            mlctl_table::Error::Io { doing, source } => Self::Io { doing, source },
            other => Self::BadRequest(other.to_string()),
        }
    }
}

/// Lists names as `a`, `b` and so on.
fn names(list: &[String]) -> String {
    if list.is_empty() {
        return "none".to_owned();
    }
    list.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
