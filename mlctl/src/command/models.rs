//! `mlctl models`.

mod bench;
mod convert;
mod describe;
mod docker;
mod image;
mod predict;
mod python;
mod save;
mod serve;
mod served;
mod validate;

use super::Context;
use crate::Outcome;
use crate::cli::{InstallMlflow, ModelUri, ModelsArgs, ModelsCommand, RowFormat};
use crate::failure::Hinted;
use crate::output::notice;
use crate::resolve::{self, ModelFolder};
use anyhow::{Context as _, Result};
use mlctl_models::Model;
use mlctl_models::files::{Format, Source};
use serde_json::json;
use std::fs::File;
use std::io;
use std::path::Path;
use std::process::ExitCode;

pub(crate) fn dispatch(context: &Context, args: ModelsArgs) -> Outcome {
    #[cfg(feature = "onnxruntime")]
    if let Some(library) = &args.onnxruntime {
        mlctl_models::onnxruntime::use_library(library)?;
    }
    mlctl_models::limit::set_elements_max(args.max_elements.get());
    match args.command {
        ModelsCommand::Predict(args) => predict::run(context, &args)?,
        ModelsCommand::Describe { model } => describe::run(context, model.uri())?,
        ModelsCommand::Validate { model, tolerance } => {
            return validate::run(context, &model, tolerance);
        }
        ModelsCommand::Bench { model, input, rows, seconds } => {
            bench::run(context, &model, input.as_deref(), &rows, seconds)?;
        }
        ModelsCommand::Convert(args) => convert::run(context, &args)?,
        ModelsCommand::Save(command) => save::dispatch(context, command)?,
        ModelsCommand::Serve(args) => serve::run(context, &args)?,
        ModelsCommand::BuildImage(args) => image::build(context, &args)?,
        ModelsCommand::BuildDocker(args) => docker::build(context, &args)?,
        ModelsCommand::GenerateDockerfile(args) => docker::generate(context, args)?,
        ModelsCommand::PrepareEnv { model, install } => {
            warn_about_ignored_flags(&install);
            prepare_environment(context, &model)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Brings a model here and makes it ready.
fn open(context: &Context, asked: &ModelUri) -> Result<(ModelFolder, Model)> {
    open_with(context, asked, &[])
}

/// Brings a model here and makes it ready; a Python that scores it gets these variables.
fn open_with(
    context: &Context,
    asked: &ModelUri,
    variables: &[(String, String)],
) -> Result<(ModelFolder, Model)> {
    let folder = resolve::fetch(context, asked.uri())?;
    if asked.python {
        let model = python::open(context, asked, &folder.path, variables.to_vec())?;
        return Ok((folder, model));
    }
    let model = mlctl_models::load(&folder.path)
        .with_context(|| format!("cannot load the model `{}`", asked.uri()))?;
    Ok((folder, model))
}

/// Makes the environment that a model needs, so that scoring it with Python starts at once.
fn prepare_environment(context: &Context, asked: &ModelUri) -> Result<()> {
    let folder = resolve::fetch(context, asked.uri())?;
    if !asked.python && mlctl_models::load(&folder.path).is_ok() {
        let text = format!(
            "mlctl runs `{}` itself, so it needs no environment; add --python to create one \
             anyway",
            asked.uri()
        );
        return context.output.print_text(&text);
    }
    let cannot = || format!("cannot prepare the model `{}`", asked.uri());
    let info = mlctl_models::read_info(&folder.path).with_context(cannot)?;
    let python = python::interpreter(context, asked, &folder.path, &info).with_context(cannot)?;
    context.output.show(&json!({ "python": python }), |_| {
        format!("created the environment; its Python is {}\n", python.display())
    })
}

/// Says which flags of MLflow change nothing here.
fn warn_about_ignored_flags(install: &InstallMlflow) {
    if install.install_mlflow {
        notice(
            "--install-mlflow has no effect: the environment has the packages that the \
                model's files list",
        );
    }
}

/// Opens a file of rows, or standard input, and tells what it is written in.
fn rows_of(path: &Path, format: Option<RowFormat>) -> Result<(Format, Source)> {
    let format = format_of(path, format)?;
    if path == Path::new("-") {
        if format == Format::Parquet {
            return Err(Hinted::usage(
                "Parquet cannot be read from standard input",
                "pass a file with -i FILE",
            ));
        }
        return Ok((format, Source::Stream(Box::new(io::stdin()))));
    }
    let cannot = || format!("cannot read the rows in `{}`", path.display());
    let file = File::open(path).with_context(cannot)?;
    let is_file = file.metadata().with_context(cannot)?.is_file();
    Ok((format, if is_file { Source::File(file) } else { Source::Stream(Box::new(file)) }))
}

fn format_of(path: &Path, said: Option<RowFormat>) -> Result<Format> {
    let said = said.map(|format| match format {
        RowFormat::Csv => Format::Csv,
        RowFormat::Json => Format::Json,
        RowFormat::Parquet => Format::Parquet,
    });
    said.or_else(|| Format::of(path)).ok_or_else(|| {
        if path == Path::new("-") {
            return Hinted::usage(
                "no input",
                "pass -i FILE, or -t csv or -t json to read standard input",
            );
        }
        Hinted::usage(
            format!("cannot tell the format of `{}` from its name", path.display()),
            "pass --input-format or --output-format: csv, json or parquet",
        )
    })
}
