//! `mlctl server image`: a container image of the server.

use crate::Outcome;
use crate::cli::ServerImageArgs;
use crate::command::Context;
use crate::command::image::{self, Names, Purpose, USER_ID};
use mlctl_oci::Entry;
use std::collections::BTreeMap;
use std::process::ExitCode;

/// Where the store and the artifacts lie in a container: a volume.
const DATA: &str = "/data";

pub(super) fn build(context: &Context, args: &ServerImageArgs) -> Outcome {
    let names = Names::parse(&args.image)?;
    let port = args.port;
    let purpose = Purpose {
        // A new volume takes its owner from this folder.
        entries: vec![Entry::private_folder(DATA.trim_start_matches('/'), USER_ID)],
        origin: "the folder of the data",
        arguments: vec!["server".to_owned()],
        // As variables, so that `docker run -e` sets another value, and the health check knows it.
        env: vec![
            ("MLFLOW_HOST", "0.0.0.0".to_owned()),
            ("MLFLOW_PORT", port.to_string()),
            ("MLFLOW_BACKEND_STORE_URI", format!("sqlite:///{DATA}/mlflow.db")),
            ("MLFLOW_ARTIFACTS_DESTINATION", format!("{DATA}/artifacts")),
        ],
        port,
        working_dir: DATA,
        volumes: vec![DATA],
        health: Some(vec!["server", "health"]),
        labels: BTreeMap::from([
            ("org.opencontainers.image.title", "mlctl server".to_owned()),
            (
                "org.opencontainers.image.description",
                format!("MLflow's tracking server and model registry, by mlctl, with {DATA}"),
            ),
        ]),
    };
    let run_options = format!("-p 127.0.0.1:5000:{port} -v mlctl:{DATA}");
    image::build(context, &args.image, names, purpose, &run_options)?;
    Ok(ExitCode::SUCCESS)
}
