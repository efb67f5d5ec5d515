//! Gates as text: the one place that knows how they are written.

use mlctl_filter::Compare;

use super::{Condition, Direction, Gate, Gates};
use crate::error::{Error, Result};
use crate::id::{Stage, TagKey, TagValue};

pub(super) const APPROVAL: &str = "approval";
const TAG: &str = "tag";
/// The most conditions that a model's gates may have.
const CONDITIONS_MAX: usize = 100;

/// A piece of text that means something.
#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    /// In backticks or quotes: never one of the words of this language.
    Quoted(String),
    Compare(Compare),
    Colon,
    Percent,
}

/// The tokens between two separators, and where they stand.
#[derive(Debug)]
struct Clause<'t> {
    text: &'t str,
    tokens: Vec<Token>,
}

impl Clause<'_> {
    fn wrong(&self, rule: &'static str) -> Error {
        Error::invalid("gate", self.text.trim(), rule)
    }

    /// Takes the stage away that a gate begins with.
    fn header(&mut self) -> Result<Option<Stage>> {
        let [Token::Word(stage), Token::Colon, ..] = self.tokens.as_slice() else {
            return Ok(None);
        };
        let stage = Stage::parse(stage)?;
        self.tokens.drain(..2);
        Ok(Some(stage))
    }

    fn condition(&self) -> Result<Condition> {
        use Token as T;
        match self.tokens.as_slice() {
            [T::Word(word)] if word == APPROVAL => Ok(Condition::Approval),
            [T::Word(word), T::Word(key) | T::Quoted(key)] if word == TAG => {
                Ok(Condition::Tag { key: TagKey::parse(key)?, value: None })
            }
            [
                T::Word(word),
                T::Word(key) | T::Quoted(key),
                T::Compare(Compare::Eq),
                T::Word(value) | T::Quoted(value),
            ] if word == TAG => {
                let value = Some(TagValue::parse(value)?);
                Ok(Condition::Tag { key: TagKey::parse(key)?, value })
            }
            [T::Word(key) | T::Quoted(key), T::Compare(compare), T::Word(bound)] => {
                let (key, compare, bound) = (key.clone(), *compare, self.number(bound)?);
                Ok(Condition::Metric { key, compare, bound })
            }
            [
                T::Word(key) | T::Quoted(key),
                T::Word(way),
                T::Word(by),
                T::Word(number),
                T::Percent,
            ] if by == "by" => {
                let direction = self.direction(way)?;
                let percent = self.number(number)?;
                if percent < 0.0 {
                    return Err(self.wrong("the percentage must be a number from 0 on"));
                }
                Ok(Condition::Better { key: key.clone(), direction, percent })
            }
            _ => Err(self.wrong(
                "write a condition as rmse <= 0.8, rmse lower by 1%, tag reviewed, tag risk = \
                 low or approval",
            )),
        }
    }

    fn direction(&self, way: &str) -> Result<Direction> {
        match way {
            "lower" => Ok(Direction::Lower),
            "higher" => Ok(Direction::Higher),
            _ => Err(self.wrong("after a metric, write lower or higher")),
        }
    }

    fn number(&self, text: &str) -> Result<f64> {
        let number = text.parse().ok().filter(|number: &f64| number.is_finite());
        number.ok_or_else(|| self.wrong("a metric must be compared with a number"))
    }
}

/// Reads gates.
pub(super) fn gates(text: &str) -> Result<Gates> {
    let mut gates = Gates::default();
    let mut count = 0;
    for mut clause in clauses(text)? {
        if let Some(stage) = clause.header()? {
            gates.list.push(Gate { stage, conditions: Vec::new() });
            if clause.tokens.is_empty() {
                continue;
            }
        }
        let condition = clause.condition()?;
        let Some(gate) = gates.list.last_mut() else {
            return Err(
                clause.wrong("a gate must begin with its stage, as in Production: approval")
            );
        };
        gate.conditions.push(condition);
        count += 1;
        if count > CONDITIONS_MAX {
            return Err(clause.wrong("a model can have at most 100 conditions"));
        }
    }
    Ok(gates)
}

/// Reads one condition.
pub(super) fn condition(text: &str) -> Result<Condition> {
    match clauses(text)?.as_slice() {
        [clause] => clause.condition(),
        _ => Err(Error::invalid("gate", text, "it must be one condition")),
    }
}

/// Cuts text at its separators, those in quotes aside.
fn clauses(text: &str) -> Result<Vec<Clause<'_>>> {
    let (mut clauses, mut tokens, mut start, mut at) = (Vec::new(), Vec::new(), 0, 0);
    while let Some(next) = text[at..].chars().next() {
        if matches!(next, ';' | '\n') {
            let tokens = std::mem::take(&mut tokens);
            clauses.push(Clause { text: &text[start..at], tokens });
            at += 1;
            start = at;
        } else if next.is_whitespace() {
            at += next.len_utf8();
        } else {
            let (token, length) = token(&text[at..])?;
            tokens.push(token);
            at += length;
        }
    }
    clauses.push(Clause { text: &text[start..], tokens });
    clauses.retain(|clause| !clause.tokens.is_empty());
    Ok(clauses)
}

/// Reads the token that a text begins with, and its length in bytes.
fn token(text: &str) -> Result<(Token, usize)> {
    const COMPARISONS: [(&str, Compare); 7] = [
        ("<=", Compare::Le),
        (">=", Compare::Ge),
        ("!=", Compare::Ne),
        ("==", Compare::Eq),
        ("<", Compare::Lt),
        (">", Compare::Gt),
        ("=", Compare::Eq),
    ];
    for (sign, compare) in COMPARISONS {
        if text.starts_with(sign) {
            return Ok((Token::Compare(compare), sign.len()));
        }
    }
    match text.as_bytes()[0] {
        b':' => Ok((Token::Colon, 1)),
        b'%' => Ok((Token::Percent, 1)),
        b'!' => Err(Error::invalid("gate", text, "`!` is only allowed in `!=`")),
        quote @ (b'`' | b'\'') => quoted(text, char::from(quote)),
        _ => {
            let ends = |c: char| c.is_whitespace() || ";:%`'<>=!".contains(c);
            let end = text.find(ends).unwrap_or(text.len());
            Ok((Token::Word(text[..end].to_owned()), end))
        }
    }
}

/// Reads text in quotes, in which a doubled quote is one.
fn quoted(text: &str, quote: char) -> Result<(Token, usize)> {
    let (mut value, mut chars) = (String::new(), text.char_indices().skip(1).peekable());
    while let Some((at, next)) = chars.next() {
        if next == quote && chars.next_if(|(_, after)| *after == quote).is_none() {
            return Ok((Token::Quoted(value), at + 1));
        }
        value.push(next);
    }
    Err(Error::invalid("gate", text, "a quote is not closed"))
}

/// Writes the name of a metric or a tag.
pub(super) fn name(name: &str) -> String {
    match is_plain(name) && ![TAG, APPROVAL].contains(&name) {
        true => name.to_owned(),
        false => format!("`{}`", name.replace('`', "``")),
    }
}

/// Writes the value of a tag.
pub(super) fn value(value: &str) -> String {
    match is_plain(value) {
        true => value.to_owned(),
        false => format!("'{}'", value.replace('\'', "''")),
    }
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "_-./".contains(c))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, want: Result<&str, &str>) {
        let got = Gates::parse(text).map(|gates| gates.to_string()).map_err(|err| err.to_string());
        assert_eq!(got.as_deref().map_err(String::as_str), want, "for {text:?}");
    }

    #[test]
    fn gates_are_read_in_lines_or_in_one() {
        check("", Ok(""));
        check("Production: rmse<=0.80", Ok("Production: rmse <= 0.8"));
        check(
            " staging: tag reviewed ; tag risk=low\n\nproduction:\n rmse lower by 1 %;approval;",
            Ok("Staging: tag reviewed; tag risk = low\nProduction: rmse lower by 1%; approval"),
        );
        check("Staging: tag a; Production: approval", Ok("Staging: tag a\nProduction: approval"));
        check(
            "Shadow: `val: loss` == -1e-3; tag `a: b` = 'it''s; fine'; `approval` != 1",
            Ok("Shadow: `val: loss` = -0.001; tag `a: b` = 'it''s; fine'; `approval` != 1"),
        );
        check("Production: val/acc higher by 0%", Ok("Production: val/acc higher by 0%"));
    }

    #[test]
    fn what_is_no_gate_is_refused() {
        let like = "write a condition as rmse <= 0.8, rmse lower by 1%, tag reviewed, tag risk = \
                    low or approval";
        check("Production: rmse", Err(&format!("invalid gate `Production: rmse`: {like}")));
        check(
            "Production: rmse < `0.8`",
            Err(&format!("invalid gate `Production: rmse < `0.8``: {like}")),
        );
        let number = "a metric must be compared with a number";
        check("A: ok; A: a < b", Err(&format!("invalid gate `A: ok`: {like}")));
        check("A: a < b", Err(&format!("invalid gate `A: a < b`: {number}")));
        check("A: a < inf", Err(&format!("invalid gate `A: a < inf`: {number}")));
        check(
            "approval",
            Err("invalid gate `approval`: a gate must begin with its stage, as in Production: \
                 approval"),
        );
        check(
            "A: b lower by -1%",
            Err("invalid gate `A: b lower by -1%`: the percentage must be a number from 0 on"),
        );
        check(
            "A: b nearer by 1%",
            Err("invalid gate `A: b nearer by 1%`: after a metric, write lower or higher"),
        );
        check("A: tag 'x", Err("invalid gate `'x`: a quote is not closed"));
        let many = format!("A: {}", "approval;".repeat(101));
        check(&many, Err("invalid gate `approval`: a model can have at most 100 conditions"));
    }

    fn condition() -> impl Strategy<Value = Condition> {
        let compares = vec![Compare::Eq, Compare::Ne, Compare::Lt, Compare::Ge];
        let ways = vec![Direction::Lower, Direction::Higher];
        let bound = any::<f64>().prop_filter("finite", |number| number.is_finite());
        let key = "\\PC{1,9}";
        prop_oneof![
            Just(Condition::Approval),
            (key, prop::sample::select(compares), bound.clone())
                .prop_map(|(key, compare, bound)| Condition::Metric { key, compare, bound }),
            (key, prop::sample::select(ways), bound).prop_map(|(key, direction, percent)| {
                Condition::Better { key, direction, percent: percent.abs() }
            }),
            ("[a-z: ü.]{1,9}", prop::option::of("\\PC{0,9}\n?")).prop_filter_map(
                "a tag",
                |(key, value)| {
                    let value = value.map(|value| TagValue::parse(&value)).transpose();
                    Some(Condition::Tag { key: TagKey::parse(&key).ok()?, value: value.ok()? })
                }
            ),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(conditions in prop::collection::vec(condition(), 1..4)) {
            let gates = Gates { list: vec![Gate { stage: Stage::PRODUCTION, conditions }] };

            prop_assert_eq!(Gates::parse(&gates.to_string()).unwrap(), gates);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "([A-Z]:)?(\\PC|[`'<=!;:%\n]){0,30}") {
            let _ = Gates::parse(&text);
        }
    }
}
