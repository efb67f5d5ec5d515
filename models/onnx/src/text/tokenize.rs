//! `Tokenizer` of com.microsoft: texts cut into words, or into letters.

use crate::array::{Array, heaviest, room};
use crate::kernel::{Kernel, one};
use crate::node::Node;
use regex::Regex;

/// How a text is cut.
#[derive(Debug)]
enum Cut {
    Letters,
    /// Between matches; the earlier pattern wins.
    At(Vec<Regex>),
    /// Into matches.
    Into(Regex),
}

pub(super) fn build(node: &mut Node<'_>) -> Result<Kernel, String> {
    let is_marked = node.flag("mark", false)?;
    let padding = node.text("pad_value")?.ok_or("it has no pad_value")?;
    let least = usize::try_from(node.int("mincharnum")?.unwrap_or(0)).unwrap_or(0);
    let cut = match (node.texts("separators")?, node.text("tokenexp")?) {
        (None, Some(expression)) => Cut::Into(pattern(&expression)?),
        (Some(separators), None) => match &separators[..] {
            [only] if only.is_empty() => Cut::Letters,
            list => Cut::At(list.iter().map(|text| pattern(text)).collect::<Result<_, _>>()?),
        },
        _ => return Err("it needs either separators or an expression".to_owned()),
    };
    one(move |inputs| {
        let array = inputs.get(0)?;
        if !matches!(array.rank(), 1 | 2) {
            return Err(format!("it takes texts in one or two dimensions, not {:?}", array.shape));
        }
        let texts: &[String] = array.list()?;
        let rows: Vec<Vec<&str>> = texts.iter().map(|text| cut.words(text, least)).collect();
        let most = rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = if most == 0 { 0 } else { most + 2 * usize::from(is_marked) };
        let mut shape = array.shape.clone();
        shape.push(width);
        let padded = heaviest(std::slice::from_ref(&padding));
        let mut list = Vec::with_capacity(room(padded, &shape)?);
        for row in rows.iter().filter(|_| width > 0) {
            list.extend(is_marked.then(|| "\u{2}".to_owned()));
            list.extend(row.iter().map(|word| (*word).to_owned()));
            list.extend(is_marked.then(|| "\u{3}".to_owned()));
            list.extend((row.len()..most).map(|_| padding.clone()));
        }
        Ok(Array::new(shape, list))
    })
}

/// Reads an expression of RE2, in which `\w`, `\d`, `\s` and `\b` know ASCII only.
fn pattern(text: &str) -> Result<Regex, String> {
    let mut ascii = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            ascii.push(letter);
            continue;
        }
        match letters.next() {
            Some('w') => ascii.push_str("[0-9A-Za-z_]"),
            Some('W') => ascii.push_str("[^0-9A-Za-z_]"),
            Some('d') => ascii.push_str("[0-9]"),
            Some('D') => ascii.push_str("[^0-9]"),
            Some('s') => ascii.push_str("[\\t\\n\\f\\r ]"),
            Some('S') => ascii.push_str("[^\\t\\n\\f\\r ]"),
            Some('b') => ascii.push_str("(?-u:\\b)"),
            Some('B') => ascii.push_str("(?-u:\\B)"),
            other => ascii.extend([Some(letter), other].into_iter().flatten()),
        }
    }
    Regex::new(&ascii).map_err(|_| format!("its expression `{text}` is not valid"))
}

impl Cut {
    fn words<'a>(&self, text: &'a str, least: usize) -> Vec<&'a str> {
        let is_long = |word: &&str| !word.is_empty() && word.chars().count() >= least;
        match self {
            Self::Letters => {
                text.char_indices().map(|(at, letter)| &text[at..at + letter.len_utf8()]).collect()
            }
            Self::Into(pattern) => {
                pattern.find_iter(text).map(|found| found.as_str()).filter(is_long).collect()
            }
            Self::At(patterns) => {
                let mut words = vec![text];
                for pattern in patterns {
                    let cut = words.into_iter().flat_map(|word| pattern.split(word));
                    words = cut.filter(|word| !word.is_empty()).collect();
                }
                words.into_iter().filter(is_long).collect()
            }
        }
    }
}
