//! Spellings that clap cannot express: `-h` is the host of a server, as in MLflow, and `help` comes
//! before the command.

use super::Cli;
use clap::CommandFactory;
use std::ffi::OsString;

/// The commands that listen on a port, where MLflow's `-h` is `--host`.
const LISTENING: [&[&str]; 3] = [&["server"], &["ui"], &["models", "serve"]];

/// Replaces `help COMMAND` with `COMMAND --help`, and `-h HOST` with `--host HOST` for a command
/// that listens on a port.
///
/// For such a command, `-h` asks for help only as the last word. If a flag follows, clap reports that the host
/// is missing: a script whose host variable is empty must not print the help and succeed.
pub(crate) fn expand(mut arguments: Vec<OsString>) -> Vec<OsString> {
    if arguments.get(1).is_some_and(|word| word == "help") {
        arguments.remove(1);
        arguments.push("--help".into());
        return arguments;
    }
    let path = command_path(&arguments);
    if !LISTENING.iter().any(|command| path == *command) {
        return arguments;
    }
    let last = arguments.len() - 1;
    for argument in &mut arguments[..last] {
        if argument == "-h" {
            *argument = "--host".into();
        }
    }
    for argument in &mut arguments {
        if let Some(host) = argument.to_str().and_then(|text| text.strip_prefix("-h"))
            && !host.is_empty()
        {
            *argument = format!("--host={}", host.trim_start_matches('=')).into();
        }
    }
    arguments
}

/// Finds the command that the arguments name. An alias is replaced by the name of the command.
pub(super) fn command_path(arguments: &[OsString]) -> Vec<String> {
    let mut command = Cli::command();
    let mut path = Vec::new();
    let mut found_at = 0;
    for (at, word) in arguments.iter().enumerate().skip(1) {
        // Behind a flag of such a command, the name of a subcommand is a value.
        if command.is_args_conflicts_with_subcommands_set() && at != found_at + 1 {
            break;
        }
        let found = word.to_str().and_then(|word| command.find_subcommand(word)).cloned();
        if let Some(found) = found {
            path.push(found.get_name().to_owned());
            (command, found_at) = (found, at);
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, want: &str) {
        let arguments = line.split(' ').map(OsString::from).collect();
        let expanded: Vec<_> =
            expand(arguments).iter().map(|one| one.to_str().unwrap().to_owned()).collect();
        assert_eq!(expanded.join(" "), want, "for {line}");
    }

    #[test]
    fn h_with_a_value_is_the_host_of_a_server() {
        check("mlctl server -h 0.0.0.0 -p 1", "mlctl server --host 0.0.0.0 -p 1");
        check("mlctl ui -h0.0.0.0", "mlctl ui --host=0.0.0.0");
        check("mlctl models serve m -h ::1", "mlctl models serve m --host ::1");
        check("mlctl models serve m -h -p 1", "mlctl models serve m --host -p 1");
    }

    #[test]
    fn help_of_a_command_is_its_help_flag() {
        check("mlctl help", "mlctl --help");
        check("mlctl help runs list", "mlctl runs list --help");
        check("mlctl log tag help me", "mlctl log tag help me");
    }

    #[test]
    fn below_a_server_h_is_help_and_behind_a_flag_its_commands_are_values() {
        check("mlctl server image -h -t x", "mlctl server image -h -t x");
        check(
            "mlctl server --allowed-hosts image -h ::",
            "mlctl server --allowed-hosts image --host ::",
        );
    }

    #[test]
    fn h_alone_is_help() {
        check("mlctl server -h", "mlctl server -h");
        check("mlctl -h", "mlctl -h");
        check("mlctl runs list -h -v all", "mlctl runs list -h -v all");
    }
}
