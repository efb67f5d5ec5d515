//! Every command and flag of MLflow, as `tests/python/commands.py` recorded them, is accepted in
//! MLflow's spelling, or refused by its name.

use super::left_out::{LEFT_OUT, explain};
use super::{command, parse, spelling};
use crate::failure::Failure;
use clap::error::ErrorKind;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::ffi::OsString;

const RECORDED: &str = include_str!("../../../tests/python/mlflow_commands.json");

#[derive(Deserialize)]
struct Recorded {
    commands: Vec<Command>,
}

#[derive(Deserialize)]
struct Command {
    command: Vec<String>,
    parameters: Vec<Parameter>,
}

#[derive(Deserialize)]
struct Parameter {
    kind: String,
    #[serde(default)]
    spellings: Vec<String>,
    argument: Option<String>,
    #[serde(default)]
    choices: Vec<String>,
    #[serde(default)]
    required: bool,
}

impl Parameter {
    /// Spells it once, with a value that MLflow takes.
    fn words(&self, spelling: &str) -> Vec<String> {
        let value = match (self.kind.as_str(), self.choices.first()) {
            ("flag", _) => return vec![spelling.to_owned()],
            (_, Some(choice)) => choice,
            ("number", _) => "60",
            ("boolean", _) => "true",
            _ => sample_value(self.name()),
        };
        let flag = (!spelling.is_empty()).then(|| spelling.to_owned());
        flag.into_iter().chain([value.to_owned()]).collect()
    }

    fn name(&self) -> &str {
        self.argument.as_deref().or(self.spellings.last().map(String::as_str)).unwrap_or_default()
    }

    /// Spells it, when the command does not go without it.
    fn base(&self) -> Vec<String> {
        if !self.required {
            return Vec::new();
        }
        self.words(self.spellings.first().map_or("", String::as_str))
    }
}

/// A text that the parameter takes.
fn sample_value(name: &str) -> &'static str {
    match name {
        "--view" => "active_only",
        "--backend" | "--env-manager" => "local",
        "--content-type" => "json",
        "--tags" | "--env" | "--param-list" => "a=b",
        "--x-frame-options" => "SAMEORIGIN",
        "--static-prefix" => "/mlflow",
        "--workers" => "4",
        _ => "0",
    }
}

/// What a command does not go without here, though MLflow says so only when it runs.
fn needed(command: &[String]) -> &'static [&'static str] {
    match command.join(" ").as_str() {
        "artifacts download" => &["-r", "0"],
        "experiments get" => &["-x", "0"],
        _ => &[],
    }
}

/// How a command line ends.
enum End {
    Taken,
    /// What the refusal says.
    Refused(String),
    Bare(ErrorKind),
}

fn end_of(words: &[&[String]]) -> End {
    let words = words.iter().copied().flatten().map(OsString::from);
    let line = spelling::expand([OsString::from("mlctl")].into_iter().chain(words).collect());
    match parse(&line) {
        Ok(_) => End::Taken,
        Err(error) => match explain(&error, &line) {
            Some(refusal) => End::Refused(Failure::of(&refusal).to_string()),
            None => End::Bare(error.kind()),
        },
    }
}

/// Every way to spell one flag of one command, with what the command needs beside it.
fn check_flag(command: &Command, flag: &Parameter, wrong: &mut Vec<String>) {
    let others = command.parameters.iter().filter(|other| !std::ptr::eq(*other, flag));
    let base: Vec<String> = others.flat_map(Parameter::base).collect();
    let needed: Vec<String> =
        needed(&command.command).iter().map(|&word| word.to_owned()).collect();
    let spellings: Vec<&str> = match flag.argument {
        Some(_) => vec![""],
        None => flag.spellings.iter().map(String::as_str).collect(),
    };
    for spelling in spellings {
        let words = flag.words(spelling);
        let line = [&command.command[..], &base[..], &words[..]];
        let mut end = end_of(&line);
        if matches!(end, End::Bare(_)) {
            end = end_of(&[&line[..], &[&needed[..]]].concat());
        }
        match end {
            End::Taken => {}
            End::Refused(text) => {
                let names = [command.command.first().map_or("", String::as_str), spelling];
                let last = command.command.last().map_or("", String::as_str);
                let is_named = names
                    .iter()
                    .chain([&last])
                    .any(|name| !name.is_empty() && text.contains(&format!("`{name}`")));
                if !is_named {
                    wrong.push(format!("{} {spelling}: {text}", command.command.join(" ")));
                }
            }
            End::Bare(kind) => {
                wrong.push(format!("{} {spelling}: {kind:?}", command.command.join(" ")));
            }
        }
    }
}

fn recorded() -> Vec<Command> {
    serde_json::from_str::<Recorded>(RECORDED).unwrap().commands
}

#[test]
fn every_command_and_flag_of_mlflow_is_taken_or_refused_by_its_name() {
    let mut wrong = Vec::new();

    for mut command in recorded() {
        if command.command.is_empty() {
            command.parameters.iter().for_each(|flag| check_flag(&command, flag, &mut wrong));
            continue;
        }
        // The command as such, and all that it needs.
        command.parameters.push(Parameter {
            kind: "flag".to_owned(),
            spellings: vec!["--json".to_owned()],
            argument: None,
            choices: Vec::new(),
            required: false,
        });
        command.parameters.iter().for_each(|flag| check_flag(&command, flag, &mut wrong));
        if command.command == ["server"] {
            command.command = vec!["ui".to_owned()];
            command.parameters.iter().for_each(|flag| check_flag(&command, flag, &mut wrong));
        }
    }

    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_left_out_is_in_mlflow_and_not_here() {
    /// Left out of older versions.
    const OLDER: [&str; 1] = ["gateway"];
    let commands = recorded();
    let known: BTreeSet<(String, &str)> = commands
        .iter()
        .flat_map(|one| {
            let flags = one.parameters.iter().flat_map(|flag| &flag.spellings);
            let flags = flags.map(|flag| (one.command.join(" "), flag.as_str()));
            let parts = (0..one.command.len())
                .map(|at| (one.command[..at].join(" "), one.command[at].as_str()));
            flags.chain(parts)
        })
        .collect();

    for left_out in &LEFT_OUT {
        for name in left_out.names {
            let is_known = known.contains(&(left_out.command.to_owned(), name));
            assert!(is_known || OLDER.contains(name), "{} {name}", left_out.command);
            let words: Vec<_> = left_out.command.split_whitespace().map(str::to_owned).collect();
            let end = end_of(&[&words[..], &[(*name).to_owned()][..]]);
            assert!(matches!(end, End::Refused(_)), "{} {name}", left_out.command);
        }
    }
}

#[test]
fn clap_finds_no_fault_in_the_commands() {
    command().debug_assert();
}
