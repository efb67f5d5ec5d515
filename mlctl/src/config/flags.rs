//! The flags of commands that a variable can set, too.
//!
//! clap reads those variables when it parses the command line.

use super::environment;
use clap::builder::Resettable;
use clap::{ArgAction, Command};

/// A flag with a variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flag {
    /// The command that has it, from the root.
    command: Vec<String>,
    /// Its name without dashes.
    pub(super) flag: String,
    pub(super) variable: String,
    pub(super) default: Option<String>,
}

impl Flag {
    /// Returns its name in `mlctl config show`.
    pub(super) fn name(&self) -> String {
        let words = self.command.iter().chain([&self.flag]);
        let words: Vec<String> = words.map(|word| word.replace('-', "_")).collect();
        words.join(".")
    }
}

/// Makes clap take an empty variable for one that is not set.
pub(crate) fn ignore_empty_variables(command: Command) -> Command {
    let command = command.mut_args(|arg| match arg.get_env() {
        Some(name) if environment::is_empty(name) => arg.env(Resettable::Reset),
        _ => arg,
    });
    command.mut_subcommands(ignore_empty_variables)
}

/// Lists the flags with variables. One that several commands of a family have stands there once,
/// under the family's name.
pub(super) fn find(command: &Command) -> Vec<Flag> {
    let mut found = Vec::new();
    collect(command, &[], &mut found);
    let mut merged: Vec<Flag> = Vec::new();
    for one in &found {
        let family = one.command.split_last().map_or(&[][..], |(_, family)| family);
        let is_alike = |other: &&Flag| {
            other.command.split_last().is_some_and(|(_, commands)| commands == family)
                && (&other.flag, &other.variable) == (&one.flag, &one.variable)
        };
        let mut flag = one.clone();
        // `mlctl ui` starts a server, and takes its settings.
        if flag.command == ["ui"] {
            flag.command = vec!["server".to_owned()];
        }
        if !family.is_empty() && found.iter().filter(is_alike).count() > 1 {
            flag.command = family.to_vec();
        }
        if !merged.contains(&flag) {
            merged.push(flag);
        }
    }
    merged
}

fn collect(command: &Command, path: &[String], found: &mut Vec<Flag>) {
    for arg in command.get_arguments() {
        let (Some(flag), Some(variable)) = (arg.get_long(), arg.get_env()) else { continue };
        let defaults: Vec<_> =
            arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        let default = match arg.get_action() {
            ArgAction::SetTrue => Some("false".to_owned()),
            _ => Some(defaults.join(",")).filter(|text| !text.is_empty()),
        };
        found.push(Flag {
            command: path.to_vec(),
            flag: flag.to_owned(),
            variable: variable.to_string_lossy().into_owned(),
            default,
        });
    }
    for subcommand in command.get_subcommands() {
        let path = [path, &[subcommand.get_name().to_owned()]].concat();
        collect(subcommand, &path, found);
    }
}
