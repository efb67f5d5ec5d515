//! Turns an entry point's command template into a shell command.
//!
//! Pure text in, text out: nothing here starts a process. Quoting lives here and nowhere else, so
//! a parameter can never become a second command. The template's language is Python's
//! `str.format` over text, as far as it makes sense with named values.

use crate::{Error, Parameters, Result, yaml::repr_text};

/// Fills the `{name}` holes of `template` with shell-quoted values.
///
/// ```
/// use mlctl_projects::{Parameters, fill};
///
/// let given = Parameters::from([("data", "a b.csv; reboot")]);
/// assert_eq!(fill("train {data} ${{HOME}}", &given)?, "train 'a b.csv; reboot' ${HOME}");
/// # Ok::<(), mlctl_projects::Error>(())
/// ```
///
/// # Errors
/// A brace without its partner, and a hole that no value has the name of.
pub fn fill(template: &str, given: &Parameters) -> Result<String> {
    let mut filled = String::with_capacity(template.len());
    let mut rest = Cursor { text: template, at: 0 };
    while let Some(character) = rest.next() {
        match character {
            '{' if rest.peek() == Some('{') => {
                rest.next();
                filled.push('{');
            }
            '{' => filled.push_str(&hole(&mut rest, given)?),
            '}' if rest.peek() == Some('}') => {
                rest.next();
                filled.push('}');
            }
            '}' => return Err(rest.problem(rest.at, "single `}`: write `}}` for a literal brace")),
            other => filled.push(other),
        }
    }
    Ok(filled)
}

/// Builds the whole command: the filled template, then ` --name value` for each of `extra`.
///
/// # Errors
/// Those of [`fill`].
pub fn command(template: &str, declared: &Parameters, extra: &Parameters) -> Result<String> {
    let mut command = fill(template, declared)?;
    for (name, value) in extra.iter() {
        command.push_str(&format!(" --{} {}", quote(name), quote(value)));
    }
    Ok(command)
}

/// Quotes `text` so that a shell reads it as one word, with the rules of Python's `shlex.quote`.
#[must_use]
pub fn quote(text: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if !text.is_empty() && text.chars().all(safe) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r#"'"'"'"#))
}

/// Doubles the braces of `text`, so that [`fill`] gives it back as it is.
#[must_use]
pub fn escape(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}

#[derive(Clone)]
struct Cursor<'a> {
    text: &'a str,
    /// The column of the character last taken, from 1.
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<char> {
        self.text.chars().next()
    }

    fn problem(&self, column: usize, problem: impl Into<String>) -> Error {
        Error::Template { column, problem: problem.into() }
    }
}

impl Iterator for Cursor<'_> {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        let mut characters = self.text.chars();
        let character = characters.next()?;
        self.text = characters.as_str();
        self.at += 1;
        Some(character)
    }
}

/// Reads a hole after its `{` and returns what fills it.
fn hole(rest: &mut Cursor<'_>, given: &Parameters) -> Result<String> {
    let start = rest.at;
    let mut body = String::new();
    loop {
        match rest.next() {
            Some('}') => break,
            Some('{') => {
                let problem = "a placeholder inside a placeholder: write `{{` for a literal brace";
                return Err(rest.problem(rest.at, problem));
            }
            Some(character) => body.push(character),
            None => {
                let problem = "`{` without `}`: write `{{` for a literal brace";
                return Err(rest.problem(start, problem));
            }
        }
    }
    let (name, conversion, format) = parts(&body);
    let Some(value) = given.get(name) else {
        return Err(rest.problem(start, unknown_hole(&body, name, given)));
    };
    let quoted = match conversion {
        None | Some("s") => quote(value),
        Some("r" | "a") => repr_text(&quote(value)),
        Some(other) => {
            return Err(
                rest.problem(start, format!("`!{other}` is not a conversion: use `!s` or `!r`"))
            );
        }
    };
    pad(&quoted, format).map_err(|problem| rest.problem(start, problem))
}

fn unknown_hole(body: &str, name: &str, given: &Parameters) -> String {
    let known: Vec<&str> = given.iter().map(|(name, _)| name).collect();
    let known = if known.is_empty() {
        "the entry point has none".to_owned()
    } else {
        format!("known are {}", known.join(", "))
    };
    // `${HOME}` in a template is the usual reason.
    format!(
        "no parameter `{name}` ({known}); for the shell's `${{{body}}}` write `${{{{{body}}}}}`"
    )
}

/// Splits `name!conversion:format`.
fn parts(body: &str) -> (&str, Option<&str>, &str) {
    let end = body.find(['!', ':']).unwrap_or(body.len());
    let (name, rest) = body.split_at(end);
    if let Some(rest) = rest.strip_prefix('!') {
        return match rest.split_once(':') {
            Some((conversion, format)) => (name, Some(conversion), format),
            None => (name, Some(rest), ""),
        };
    }
    (name, None, rest.strip_prefix(':').unwrap_or(""))
}

/// Applies the format language of Python's text: `[[fill]align][0][width][.precision][s]`.
fn pad(text: &str, format: &str) -> Result<String, String> {
    let problem =
        || format!("`:{format}` is not a format for text: write for example `:>10` or `:.5`");
    let characters: Vec<char> = format.chars().collect();
    let is_align = |c: Option<&char>| matches!(c, Some('<' | '>' | '^'));
    let (fill, align, rest) = if is_align(characters.get(1)) {
        (characters[0], characters[1], &characters[2..])
    } else if is_align(characters.first()) {
        (' ', characters[0], &characters[1..])
    } else if characters.first() == Some(&'0') {
        ('0', '<', &characters[1..])
    } else {
        (' ', '<', &characters[..])
    };
    let rest: String = rest.iter().collect();
    let rest = rest.strip_suffix('s').unwrap_or(&rest);
    let (width, precision) = match rest.split_once('.') {
        Some((width, precision)) => (width, Some(precision)),
        None => (rest, None),
    };
    let number = |text: &str| text.parse::<u16>().map(usize::from).map_err(|_| problem());
    let width = if width.is_empty() { 0 } else { number(width)? };
    let shown: String = match precision {
        Some(precision) => text.chars().take(number(precision)?).collect(),
        None => text.to_owned(),
    };
    let missing = width.saturating_sub(shown.chars().count());
    let left = match align {
        '<' => 0,
        '>' => missing,
        _ => missing / 2,
    };
    let run = |count: usize| fill.to_string().repeat(count);
    Ok(format!("{}{shown}{}", run(left), run(missing - left)))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(template: &str, want: Result<&str, &str>) {
        let given =
            Parameters::from([("lr", "0.1"), ("name", "it's"), ("batch-size", "8"), ("e", "")]);
        let got = fill(template, &given).map_err(|err| err.to_string());
        assert_eq!(got.as_deref().map_err(String::as_str), want, "for {template:?}");
    }

    #[test]
    fn holes_are_filled_and_quoted() {
        check("train --lr {lr}", Ok("train --lr 0.1"));
        check("{name}{lr}", Ok(r#"'it'"'"'s'0.1"#));
        check("b {batch-size} {e} é{lr}", Ok("b 8 '' é0.1"));
        check("a \\\n  b\n", Ok("a \\\n  b\n"));
        check("awk '{{print $1}}' ${{X}}", Ok("awk '{print $1}' ${X}"));
        check("{{{lr}}}", Ok("{0.1}"));
    }

    /// What Python 3 prints for the same templates.
    #[test]
    fn formats_pad_and_cut() {
        check("{lr:>6}|{lr:<6}|{lr:^6}|{lr:*^6}", Ok("   0.1|0.1   | 0.1  |*0.1**"));
        check("{lr:6}|{lr:.2}|{lr:6.2s}|{lr!s}|{lr!r}", Ok("0.1   |0.|0.    |0.1|'0.1'"));
        check("{lr:06}", Ok("0.1000"));
    }

    #[test]
    fn bad_templates_are_explained() {
        check(
            "{lr",
            Err("command template, column 1: `{` without `}`: write `{{` for a literal brace"),
        );
        check(
            "a } b",
            Err("command template, column 3: single `}`: write `}}` for a literal brace"),
        );
        check(
            "é ${HOME}",
            Err(
                "command template, column 4: no parameter `HOME` (known are lr, name, batch-size, \
                 e); for the shell's `${HOME}` write `${{HOME}}`",
            ),
        );
        check(
            "{lr:q}",
            Err("command template, column 1: `:q` is not a format for text: write for example \
                 `:>10` or `:.5`"),
        );
        check(
            "{lr!x}",
            Err("command template, column 1: `!x` is not a conversion: use `!s` or \
                             `!r`"),
        );
        check(
            "{a{b}}",
            Err("command template, column 3: a placeholder inside a placeholder: write `{{` for \
                 a literal brace"),
        );
    }

    #[test]
    fn extra_parameters_are_appended() {
        let declared = Parameters::from([("a", "1")]);
        let extra = Parameters::from([("b", "x y"), ("c;d", "2")]);

        assert_eq!(command("run {a}", &declared, &extra).unwrap(), "run 1 --b 'x y' --'c;d' 2");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn bash_reads_back_what_quote_wrote(words in prop::collection::vec("[^\0]*", 1..20)) {
            let quoted: Vec<String> = words.iter().map(|word| quote(word)).collect();
            let script = format!("printf '%s\\0' {}", quoted.join(" "));

            let output = Command::new("bash").args(["-c", &script]).output().unwrap();

            let read: Vec<&[u8]> = output.stdout.split(|byte| *byte == 0).collect();
            let want: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).chain([&b""[..]]).collect();
            prop_assert_eq!(read, want);
        }

        #[test]
        fn an_escaped_text_is_filled_to_itself(text in "\\PC*") {
            prop_assert_eq!(fill(&escape(&text), &Parameters::default()).unwrap(), text);
        }
    }
}
