//! The binary: parse, dispatch, print the error, exit code.

mod bridge;
mod cli;
mod command;
mod config;
mod failure;
mod notice;
mod output;
mod resolve;
mod server;
mod stores;
mod webhooks;

use cli::{Cli, Command};
use config::Config;
use failure::Failure;
use mlctl_wire::Clock;
use output::Output;
use std::process::ExitCode;
use std::sync::Arc;

/// What a command reports: whether it did what it is for.
type Outcome = anyhow::Result<ExitCode>;

fn main() -> ExitCode {
    outlive_file_size_limit();
    let arguments = cli::expand_spelling(std::env::args_os().collect());
    let cli = match cli::parse(&arguments) {
        Ok(cli) => cli,
        Err(error) => match cli::explain_left_out(&error, &arguments) {
            Some(failure) => return Failure::of(&failure).print(),
            None => error.exit(),
        },
    };
    notice::start(&config::log(cli.global.verbose), config::known::NO_COLOR.read().is_none());
    config::warn_of_unknown();
    match dispatch(cli) {
        Ok(code) => code,
        Err(error) => Failure::of(&error).print(),
    }
}

/// Makes a write beyond `ulimit -f` an error of that write, where the signal would end the process.
fn outlive_file_size_limit() {
    // It is caught and not ignored, since programs that are started here would ignore it too.
    let noted = Arc::default();
    if let Err(error) = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, noted) {
        tracing::debug!(%error, "cannot handle SIGXFSZ: writing beyond the file size limit will \
                                 end this process");
    }
}

fn dispatch(cli: Cli) -> Outcome {
    match &cli.command {
        Command::Completions { shell } => return command::completions::print(*shell),
        Command::Generate(what) => return command::generate::write_files(what),
        _ => {}
    }
    let context = Arc::new(command::Context {
        output: Output { json: cli.global.json },
        config: Config::load(&cli.global)?,
        clock: Clock::system(),
    });
    match cli.command {
        Command::Run(args) => command::run::run(&context, &args),
        Command::Server(args) => command::server::dispatch(&context, &args),
        Command::Ui(args) => command::server::show_pages(&context, &args),
        Command::Log(log) => command::log::log(&context, log),
        Command::Experiments(experiments) => command::experiments::dispatch(&context, experiments),
        Command::Runs(runs) => command::runs::dispatch(&context, runs),
        Command::Artifacts(artifacts) => command::artifacts::dispatch(&context, artifacts),
        Command::Models(models) => command::models::dispatch(&context, models),
        Command::Registry(registry) => command::registry::dispatch(&context, registry),
        Command::Db(db) => command::db::dispatch(&context, &db),
        Command::Gc(args) => command::gc::collect(&context, &args),
        Command::Config(cli::ConfigCommand::Show) => command::config::show(&context),
        Command::Doctor { mask_envs } => command::doctor::show(&context, mask_envs),
        Command::Completions { .. } | Command::Generate(_) => Ok(ExitCode::SUCCESS),
    }
}
