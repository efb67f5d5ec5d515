//! The arguments of `mlctl generate`, which is for those who build packages.

use clap::Subcommand;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum GenerateCommand {
    /// Write a man page for each command
    Man {
        /// The folder, which is created when it does not exist
        dir: PathBuf,
    },
    /// Write the completion scripts for bash, fish and zsh
    Completions {
        /// The folder, which is created when it does not exist
        dir: PathBuf,
    },
}
