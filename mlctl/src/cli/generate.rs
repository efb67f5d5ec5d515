//! The arguments of `mlctl generate`, which is for those who build packages.

use clap::Subcommand;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum GenerateCommand {
    /// Write a man page for each command
    Man {
        /// Folder to write to; it is created if it does not exist
        dir: PathBuf,
    },
    /// Write the completion scripts for bash, fish and zsh
    Completions {
        /// Folder to write to; it is created if it does not exist
        dir: PathBuf,
    },
}
