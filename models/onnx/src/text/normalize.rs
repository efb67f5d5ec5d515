//! `StringNormalizer`: the case of words, and words that are dropped.
//!
//! Letters change case as Unicode has it; the attribute `locale` is not asked.

use crate::array::{Array, Shape};
use crate::kernel::{Kernel, one};
use crate::node::Node;
use std::collections::HashSet;

pub(super) fn build(node: &mut Node<'_>) -> Result<Kernel, String> {
    let change: Option<fn(&str) -> String> = match node.text("case_change_action")?.as_deref() {
        None | Some("NONE") => None,
        Some("LOWER") => Some(lower),
        Some("UPPER") => Some(upper),
        Some(other) => return Err(format!("its case_change_action `{other}` is not supported")),
    };
    let is_case_sensitive = node.flag("is_case_sensitive", false)?;
    let fold = move |word: &str| if is_case_sensitive { word.to_owned() } else { lower(word) };
    let dropped: HashSet<String> =
        node.texts("stopwords")?.unwrap_or_default().iter().map(|word| fold(word)).collect();
    node.ignore(&["locale"]);
    one(move |inputs| {
        let array = inputs.get(0)?;
        let lead = match *array.shape {
            [count] if count > 0 => &[][..],
            [1, count] if count > 0 => &[1][..],
            _ => return Err(format!("it takes one list of texts, not {:?}", array.shape)),
        };
        let words = array.list::<String>()?.iter();
        let kept = words.filter(|word| dropped.is_empty() || !dropped.contains(&fold(word)));
        let mut list: Vec<String> =
            kept.map(|word| change.map_or_else(|| word.clone(), |change| change(word))).collect();
        // Of nothing at all one empty text is left.
        if list.is_empty() {
            list.push(String::new());
        }
        let mut shape = Shape::from_slice(lead);
        shape.push(list.len());
        Ok(Array::new(shape, list))
    })
}

/// Changes letter by letter, as C does, so that a text keeps its length.
fn lower(word: &str) -> String {
    word.chars().map(|letter| single(letter, letter.to_lowercase())).collect()
}

fn upper(word: &str) -> String {
    word.chars().map(|letter| single(letter, letter.to_uppercase())).collect()
}

fn single(letter: char, mut changed: impl Iterator<Item = char>) -> char {
    match (changed.next(), changed.next()) {
        (Some(only), None) => only,
        _ => letter,
    }
}
