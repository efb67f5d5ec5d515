//! `mlctl generate`: what packages carry beside the program, made from the definition of the
//! command line.

use crate::Outcome;
use crate::cli::{self, GenerateCommand};
use anyhow::{Context as _, Result};
use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;
use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;

pub(crate) fn write_files(what: &GenerateCommand) -> Outcome {
    match what {
        GenerateCommand::Man { dir } => write_man_pages(dir),
        GenerateCommand::Completions { dir } => write_completions(dir),
    }?;
    Ok(ExitCode::SUCCESS)
}

fn write_man_pages(dir: &Path) -> Result<()> {
    create_folder(dir)?;
    let mut command = cli::command();
    command.build();
    write_man_page(command, dir)
        .with_context(|| format!("cannot write man pages into `{}`", dir.display()))
}

/// Writes the page of a command, and those of the commands below it.
fn write_man_page(command: Command, dir: &Path) -> io::Result<()> {
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        write_man_page(below.clone(), dir)?;
    }
    // Subcommands have no version of their own, which would leave the footer without one.
    let page = Man::new(command).source(concat!("mlctl ", env!("CARGO_PKG_VERSION")));
    page.generate_to(dir).map(drop)
}

fn write_completions(dir: &Path) -> Result<()> {
    create_folder(dir)?;
    for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
        clap_complete::generate_to(shell, &mut cli::command(), "mlctl", dir)
            .with_context(|| format!("cannot write completions into `{}`", dir.display()))?;
    }
    Ok(())
}

fn create_folder(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot create `{}`", dir.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn names_in(dir: &Path) -> BTreeSet<String> {
        let entries = fs::read_dir(dir).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn every_command_has_a_man_page_and_hidden_ones_have_none() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("man/man1");

        write_files(&GenerateCommand::Man { dir: dir.clone() }).unwrap();

        let names = names_in(&dir);
        for page in ["mlctl.1", "mlctl-server.1", "mlctl-registry-webhooks-create.1"] {
            assert!(names.contains(page), "{page} in {names:?}");
        }
        assert!(!names.iter().any(|name| name.contains("generate")), "{names:?}");
    }

    #[test]
    fn completions_have_the_names_that_shells_look_for() {
        let folder = tempfile::tempdir().unwrap();

        write_files(&GenerateCommand::Completions { dir: folder.path().to_owned() }).unwrap();

        let want = ["_mlctl", "mlctl.bash", "mlctl.fish"].map(str::to_owned);
        assert_eq!(names_in(folder.path()), BTreeSet::from(want));
    }
}
