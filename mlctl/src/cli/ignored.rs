//! Keeps flags that several commands share out of the help of the commands that ignore them.

use super::Cli;
use crate::config;
use clap::{Arg, Command, CommandFactory, FromArgMatches};
use std::ffi::OsString;

/// Commands, and the ids of the flags that they, and the commands below them, ignore.
const IGNORED: [(&[&str], &[&str]); 17] = [
    (&["log"], &["registry_store", "json"]),
    (&["experiments"], &["registry_store"]),
    (&["runs"], &["registry_store"]),
    (&["run"], &["registry_store"]),
    (&["artifacts", "list"], &["registry_store"]),
    (&["artifacts", "put"], &["registry_store"]),
    (&["models", "predict"], &["json"]),
    (&["models", "describe"], &["python", "env_manager"]),
    (&["models", "prepare-env"], &["onnxruntime", "max_elements"]),
    (&["models", "convert"], &["onnxruntime", "max_elements"]),
    (&["models", "build-docker"], &["onnxruntime", "max_elements", "env_manager"]),
    (&["models", "build-image"], &["onnxruntime", "max_elements"]),
    (&["server", "image"], &["store", "registry_store"]),
    (&["server", "health"], &["store", "registry_store"]),
    (&["db"], &["store", "registry_store"]),
    (&["gc"], &["registry_store"]),
    (&["completions"], &["store", "registry_store", "json", "verbose"]),
];

/// Defines the command line.
pub(crate) fn command() -> Command {
    IGNORED.iter().fold(Cli::command(), |root, (path, ids)| hide_flags(root, path, ids, Vec::new()))
}

/// Parses a command line.
pub(crate) fn parse(arguments: &[OsString]) -> Result<Cli, clap::Error> {
    let mut command = config::ignore_empty_variables(command());
    let matches = command.try_get_matches_from_mut(arguments)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// Hides flags in the help of the command that `path` leads to; `inherited` are those of the
/// commands above.
fn hide_flags(command: Command, path: &[&str], ids: &[&str], mut inherited: Vec<Arg>) -> Command {
    let Some((name, path_below)) = path.split_first() else {
        let own = ids.iter().filter(|id| command.get_arguments().any(|flag| flag.get_id() == **id));
        let own: Vec<&str> = own.copied().collect();
        let command = own
            .into_iter()
            .fold(command, |command, id| command.mut_arg(id, |flag| flag.hide(true)));
        // clap copies a global flag to a command below, unless that has one with the same id.
        return command.args(inherited);
    };
    let globals = command.get_arguments().filter(|flag| flag.is_global_set());
    let ignored = globals.filter(|flag| ids.contains(&flag.get_id().as_str()));
    inherited.extend(ignored.map(|flag| flag.clone().hide(true)));
    command.mut_subcommand(name, |below| hide_flags(below, path_below, ids, inherited))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn help_of(line: &str) -> String {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        parse(&words).unwrap_err().to_string()
    }

    #[test]
    fn help_lists_the_global_flags_that_a_command_uses() {
        let help = help_of("mlctl completions --help");
        assert!(!help.contains("--store") && !help.contains("--json"), "{help}");

        let help = help_of("mlctl log param --help");
        assert!(help.contains("--store") && !help.contains("--registry-store"), "{help}");

        let help = help_of("mlctl models convert --help");
        assert!(help.contains("--registry-store") && !help.contains("--max-elements"), "{help}");
    }

    #[test]
    fn a_flag_that_is_not_listed_is_accepted() {
        let words = ["mlctl", "log", "tag", "--json", "kind", "nightly"].map(OsString::from);
        assert!(parse(&words).unwrap().global.json);
    }
}
