//! Operators on text.

mod grams;
mod normalize;
mod strings;
mod tokenize;

use super::kernel::Kernel;
use super::node::Node;

/// Domain and name of each.
pub(super) const NAMES: &[(&str, &str)] = &[
    ("", "RegexFullMatch"),
    ("", "StringConcat"),
    ("", "StringNormalizer"),
    ("", "StringSplit"),
    ("", "TfIdfVectorizer"),
    ("com.microsoft", "MurmurHash3"),
    ("com.microsoft", "Tokenizer"),
];

/// Makes the kernel of a node whose operator is in [`NAMES`].
pub(super) fn build(node: &mut Node<'_>) -> Result<Kernel, String> {
    match node.op {
        "RegexFullMatch" => strings::matches(node),
        "StringConcat" => strings::concat(),
        "StringNormalizer" => normalize::build(node),
        "StringSplit" => strings::split(node),
        "TfIdfVectorizer" => grams::build(node),
        "MurmurHash3" => strings::murmur(node),
        _ => tokenize::build(node),
    }
}
