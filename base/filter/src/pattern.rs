//! The regular expression behind `=~`.

use regex::{Regex, RegexBuilder};

use crate::error::{Error, Result};

/// How many bytes a regular expression may have. Compiling a longer one takes long, even when the
/// result is refused.
pub const PATTERN_BYTES_MAX: usize = 1000;
/// How many bytes a compiled regular expression, and the cache of a search with it, may take.
const SIZE_MAX: usize = 1 << 20;

/// A regular expression, searched for in time linear in the text.
///
/// The syntax is that of the `regex` crate. Two patterns are equal if their sources are.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl Pattern {
    /// Compiles a regular expression.
    ///
    /// # Errors
    ///
    /// [`Error::Pattern`] if it is malformed, longer than [`PATTERN_BYTES_MAX`] or would take more
    /// than 1 MiB.
    pub fn parse(source: &str) -> Result<Self> {
        if source.len() > PATTERN_BYTES_MAX {
            return Err(Error::Pattern {
                pattern: source.chars().take(PATTERN_BYTES_MAX).collect(),
                reason: format!("it has more than {PATTERN_BYTES_MAX} bytes"),
                place: None,
            });
        }
        let compiled =
            RegexBuilder::new(source).size_limit(SIZE_MAX).dfa_size_limit(SIZE_MAX).build();
        compiled.map(Self).map_err(|error| Error::Pattern {
            pattern: source.to_owned(),
            reason: reason(&error),
            place: None,
        })
    }

    /// The regular expression as it was written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Says whether the regular expression is found in `text`.
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

/// The last line of what `regex` says, where the cause stands below a drawing of the place.
fn reason(error: &regex::Error) -> String {
    let text = match error {
        regex::Error::CompiledTooBig(_) => format!("takes more than {SIZE_MAX} bytes"),
        other => other.to_string(),
    };
    let last = text.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Pattern {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_pattern_says_why_on_one_line() {
        let error = Pattern::parse("a(b").unwrap_err().to_string();

        assert_eq!(error, "filter: invalid regular expression `a(b`: unclosed group");
    }

    #[test]
    fn a_pattern_that_explodes_is_refused() {
        let error = Pattern::parse(r"(\w{100}){100}").unwrap_err().to_string();

        assert!(error.ends_with("takes more than 1048576 bytes"), "{error}");
    }

    #[test]
    fn patterns_are_equal_by_their_source() {
        assert_eq!(Pattern::parse("a|b").unwrap(), Pattern::parse("a|b").unwrap());
        assert_ne!(Pattern::parse("a|b").unwrap(), Pattern::parse("b|a").unwrap());
    }
}
