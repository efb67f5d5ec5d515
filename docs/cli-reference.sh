#!/bin/sh
# Writes reference/cli.md from the help texts of the program itself.
#
#     sh docs/cli-reference.sh [MLCTL]
set -eu

mlctl=${1:-target/debug/mlctl}
page=$(dirname "$0")/reference/cli.md

# The help of a command, whatever is set here: clap shows the values of variables.
help() {
    env -i COLUMNS=96 "$mlctl" "$@" --help | sed 's/ *$//'
}

# The help of one command, then that of each command below it.
section() {
    printf '\n%s `%s`\n\n```text\n' "##" "mlctl${*:+ $*}"
    help "$@"
    printf '```\n'
    help "$@" |
        awk '/^Commands:/ { inside = 1; next } /^$/ { inside = 0 } inside && /^  [a-z]/ { print $1 }' |
        while read -r command; do
            section "$@" "$command"
        done
}

{
    cat <<'TOP'
# Command line

What `mlctl … --help` prints for every command. This page is made by `docs/cli-reference.sh`; change the help texts in `mlctl/src/cli.rs`, not the page.

Every command also takes `--json`, and ends with one of the [exit codes](exit-codes.md). Where the values of flags come from when they are not given is in [Configuration](configuration.md).
TOP
    section
} > "$page"
