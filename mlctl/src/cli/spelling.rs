//! What of MLflow's spelling cannot be said to clap: `-h` is the host of a server.

use super::Cli;
use clap::CommandFactory;
use std::ffi::OsString;

/// The commands that listen, for which MLflow's `-h` is `--host`.
const LISTENING: [&[&str]; 2] = [&["server"], &["models", "serve"]];

/// Reads `-h HOST` of a command that listens as `--host HOST`.
///
/// Only an `-h` with nothing behind it asks for help there. One that is followed by a flag lacks
/// its host, which clap then says: a script whose host is empty must not end with the help and
/// success.
pub(crate) fn read(mut arguments: Vec<OsString>) -> Vec<OsString> {
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

/// Finds which command the arguments name, by its own name where they use an alias.
pub(super) fn command_path(arguments: &[OsString]) -> Vec<String> {
    let mut command = Cli::command();
    let mut path = Vec::new();
    for word in arguments.iter().skip(1).filter_map(|argument| argument.to_str()) {
        if let Some(found) = command.find_subcommand(word).cloned() {
            path.push(found.get_name().to_owned());
            command = found;
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
        let read: Vec<_> =
            read(arguments).iter().map(|one| one.to_str().unwrap().to_owned()).collect();
        assert_eq!(read.join(" "), want, "for {line}");
    }

    #[test]
    fn h_with_a_value_is_the_host_of_a_server() {
        check("mlctl server -h 0.0.0.0 -p 1", "mlctl server --host 0.0.0.0 -p 1");
        check("mlctl ui -h0.0.0.0", "mlctl ui --host=0.0.0.0");
        check("mlctl models serve m -h ::1", "mlctl models serve m --host ::1");
        check("mlctl models serve m -h -p 1", "mlctl models serve m --host -p 1");
    }

    #[test]
    fn h_alone_is_help() {
        check("mlctl server -h", "mlctl server -h");
        check("mlctl -h", "mlctl -h");
        check("mlctl runs list -h -v all", "mlctl runs list -h -v all");
    }
}
