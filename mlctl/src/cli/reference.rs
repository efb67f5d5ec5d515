//! `docs/reference/cli.md` is the help of every command: written and compared here.

use super::command;
use clap::Command;

/// The width of the page's lines.
const WIDTH_COLUMNS: usize = 96;

const TOP: &str = "\
# Command line

This page shows what `mlctl COMMAND --help` prints for every command. It is generated: change the \
help texts in `mlctl/src/cli`, then run `just reference`.

`mlctl COMMAND` ends with one of the [exit codes](exit-codes.md). If a flag is not given, its value \
comes from the [configuration](configuration.md).
";

/// Renders the page.
fn render() -> String {
    let command = independent_of_surroundings(command());
    let mut page = TOP.to_owned();
    append_section(&command, &command, &mut vec![command.get_name()], &mut page);
    page
}

/// Fixes the width, and hides the values that variables have here.
fn independent_of_surroundings(command: Command) -> Command {
    command
        .term_width(WIDTH_COLUMNS)
        .mut_args(|argument| argument.hide_env_values(true))
        .mut_subcommands(independent_of_surroundings)
}

/// Appends the help of one command, then that of each command below it.
fn append_section<'a>(
    root: &Command,
    command: &'a Command,
    path: &mut Vec<&'a str>,
    page: &mut String,
) {
    page.push_str(&format!("\n## `{}`\n\n```text\n", path.join(" ")));
    for line in print_help(root, path).lines() {
        page.push_str(line.trim_end());
        page.push('\n');
    }
    page.push_str("```\n");
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        path.push(below.get_name());
        append_section(root, below, path, page);
        path.pop();
    }
}

/// Asks for the help as a person does: only clap's parser knows whether it is the short or the
/// long form.
fn print_help(root: &Command, path: &[&str]) -> String {
    let arguments = path.iter().copied().chain(["--help"]);
    match root.clone().try_get_matches_from(arguments) {
        Err(help) => help.to_string(),
        Ok(_) => String::new(),
    }
}

#[test]
fn the_reference_is_what_help_prints() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reference/cli.md");
    let rendered = render();
    if std::env::var_os("MLCTL_WRITE_REFERENCE").is_some() {
        std::fs::write(page, &rendered).unwrap();
    }

    let written = std::fs::read_to_string(page).unwrap();

    let differing = written.lines().zip(rendered.lines()).find(|(old, new)| old != new);
    assert!(
        written == rendered,
        "docs/reference/cli.md differs from the help texts: run `just reference`, or \
         `MLCTL_WRITE_REFERENCE=1 cargo test --workspace --bin mlctl reference`, and commit the \
         page. The first difference (page, help): {differing:?}"
    );
}
