//! The page about settings is as complete as the code, and nothing else reads the environment.

use super::flags::{self, Flag};
use super::known;
use crate::cli::Cli;
use clap::CommandFactory;
use mlctl_registry::webhook::DeliverySettings;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A setting of the build feature `onnxruntime`, which the page has in any case.
const OPTIONAL: &str = "`models.onnxruntime`";

/// Spells the first cells of a setting's row: name, flag, variables, key and, where there is a
/// fixed one, default.
fn cells(
    name: &str,
    flag: Option<&str>,
    variables: &[&str],
    key: Option<&str>,
    default: Option<&str>,
) -> Vec<String> {
    let quoted = |text: &str| format!("`{text}`");
    let or_dash = |text: String| if text.is_empty() { "–".to_owned() } else { text };
    let variables: Vec<String> = variables.iter().map(|name| quoted(name)).collect();
    let mut cells = vec![
        quoted(name),
        or_dash(flag.map_or(String::new(), |flag| quoted(&format!("--{flag}")))),
        or_dash(variables.join(", ")),
        or_dash(key.map_or(String::new(), quoted)),
    ];
    cells.extend(default.map(quoted));
    cells
}

fn expected() -> Vec<Vec<String>> {
    let own =
        known::ALL.iter().map(|one| cells(one.name, one.flag, one.variables, one.key, one.default));
    let of_flag = |one: Flag| {
        cells(&one.name(), Some(&one.flag), &[&one.variable], None, one.default.as_deref())
    };
    own.chain(flags::find(&Cli::command()).into_iter().map(of_flag)).collect()
}

#[test]
fn the_page_lists_every_setting_with_its_flag_variables_key_and_default() {
    let page = Path::new(REPOSITORY).join("docs/reference/configuration.md");
    let text = fs::read_to_string(page).unwrap();
    let mut listed: Vec<Vec<&str>> = Vec::new();
    let mut is_about_settings = false;
    for line in text.lines() {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        match cells.as_slice() {
            ["setting", ..] => is_about_settings = true,
            [name, ..] if is_about_settings && name.starts_with('`') => listed.push(cells),
            [name, ..] if !name.starts_with('-') => is_about_settings = false,
            _ => {}
        }
    }

    let expected = expected();
    for row in &expected {
        let found = listed.iter().find(|cells| cells[0] == row[0]);
        let found = found.map(|cells| &cells[..row.len().min(cells.len())]);
        assert_eq!(
            found.map(<[&str]>::to_vec),
            Some(row.iter().map(String::as_str).collect()),
            "docs/reference/configuration.md, setting {}",
            row[0]
        );
    }
    let known: BTreeSet<&str> = expected.iter().map(|row| row[0].as_str()).collect();
    let left: Vec<_> =
        listed.iter().map(|cells| cells[0]).filter(|name| !known.contains(name)).collect();
    assert!(left.iter().all(|name| *name == OPTIONAL), "unknown settings on the page: {left:?}");
    assert_eq!(known.len(), expected.len(), "two settings have one name");
}

#[test]
fn the_defaults_of_webhooks_are_those_of_the_registry() {
    let settings = DeliverySettings::default();
    let defaults = [
        (&known::WEBHOOK_SCHEMES, settings.allowed_schemes.join(",")),
        (&known::WEBHOOK_PRIVATE_IPS, settings.allow_private_ips.to_string()),
        (&known::WEBHOOK_TIMEOUT, settings.request_timeout.as_secs().to_string()),
        (&known::WEBHOOK_RETRIES, settings.retries_max.to_string()),
        (&known::WEBHOOK_WORKERS, settings.webhooks_at_once.to_string()),
    ];
    for (setting, default) in defaults {
        assert_eq!(setting.default, Some(default.as_str()), "{}", setting.name);
    }
}

/// What reads the environment.
const READS: [&str; 7] = [
    "env::var(",
    "env::var_os(",
    "env::vars(",
    "env::vars_os(",
    "env::temp_dir",
    "try_from_env",
    "tempfile::tempdir(",
];

#[test]
fn nothing_else_reads_the_environment() {
    let mut files = Vec::new();
    for part in fs::read_dir(REPOSITORY).unwrap() {
        let part = part.unwrap();
        let name = part.file_name();
        if ["target", "tests", "benches", "fuzz", "docs", "examples"].iter().all(|one| name != *one)
        {
            list_sources(&part.path(), &mut files);
        }
    }
    assert!(files.len() > 100, "{files:?}");

    let mut found = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            if READS.iter().any(|read| line.contains(read)) {
                found.push(format!("{}: {}", file.display(), line.trim()));
            }
        }
    }

    assert_eq!(found, [""; 0], "read it in mlctl/src/config, and pass the value");
}

/// Lists the sources of libraries and of the program: not those of tests.
fn list_sources(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if entry.file_type().unwrap().is_dir() {
            let is_left_out = name.starts_with('.')
                || ["tests", "target", "suite"].contains(&name.as_ref())
                || path.ends_with("mlctl/src/config");
            if !is_left_out {
                list_sources(&path, files);
            }
        } else if path.components().any(|part| part.as_os_str() == "src")
            && name.ends_with(".rs")
            && !["tests.rs", "conformance.rs", "reference.rs"].contains(&name.as_ref())
        {
            files.push(path);
        }
    }
}
