//! SQL's `LIKE`: `%` is any run of characters, `_` is any one.

/// Says whether the whole of `text` fits `pattern`.
pub(crate) fn like(text: &str, pattern: &str, ignore_case: bool) -> bool {
    let mut text = text.chars();
    let mut pattern = pattern.chars();
    // Where to go on when the characters after the last `%` do not fit: that `%` takes one more.
    // An earlier `%` never needs to be looked at again.
    let mut retry = None;
    loop {
        let rest = text.clone();
        match (pattern.next(), text.next()) {
            (None, None) => return true,
            (Some('%'), _) => {
                retry = Some((rest.clone(), pattern.clone()));
                text = rest;
            }
            (Some(want), Some(got)) if want == '_' || same(want, got, ignore_case) => {}
            _ => {
                let Some((from, after)) = &mut retry else { return false };
                if from.next().is_none() {
                    return false;
                }
                text = from.clone();
                pattern = after.clone();
            }
        }
    }
}

fn same(left: char, right: char, ignore_case: bool) -> bool {
    left == right || (ignore_case && left.to_lowercase().eq(right.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, pattern: &str, want: bool) {
        assert_eq!(like(text, pattern, false), want, "{text:?} LIKE {pattern:?}");
    }

    #[test]
    fn a_pattern_covers_the_whole_text() {
        check("abc", "abc", true);
        check("abc", "ab", false);
        check("abc", "bc", false);
        check("", "", true);
        check("a", "", false);
        check("abc\n", "abc", false);
    }

    #[test]
    fn percent_is_any_run_and_underscore_any_one() {
        check("", "%", true);
        check("abc", "%", true);
        check("abc", "a%c", true);
        check("ac", "a%c", true);
        check("abcb", "a%c", false);
        check("aXbXc", "a%X%c", true);
        check("mississippi", "m%iss%ip%i", true);
        check("mississippi", "m%iss%ix%i", false);
        check("abc", "a_c", true);
        check("ac", "a_c", false);
        check("añc", "a_c", true);
        check("abc", "%_%_%_%", true);
        check("abc", "%_%_%_%_%", false);
    }

    #[test]
    fn line_breaks_are_characters_like_others() {
        check("two\nlines", "two%", true);
        check("two\nlines", "two_lines", true);
    }

    #[test]
    fn nothing_else_is_special() {
        check("abc", ".*", false);
        check("50%", "50\\%", false);
        check("a.c", "a.c", true);
        check("abc", "a.c", false);
    }

    #[test]
    fn case_matters_unless_told_otherwise() {
        check("Fox", "fox", false);
        assert!(like("Fox", "fOX", true));
        assert!(like("ÉTÉ", "é_é", true));
        assert!(!like("Fox", "fix", true));
    }

    #[test]
    fn many_wildcards_stay_fast() {
        let text = "a".repeat(5000);
        let pattern = format!("{}b", "%a".repeat(500));

        assert!(!like(&text, &pattern, false));
    }
}
