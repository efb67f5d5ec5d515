//! Cuts a text into tokens, one at a time, so that the first error is the leftmost.

/// A piece of the text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    /// The byte where it starts.
    pub(crate) start: usize,
    /// The byte after it.
    pub(crate) end: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum TokenKind {
    /// Letters, digits, `_`, `[`, `]` and dots: a keyword or a field.
    Word,
    Number(f64),
    /// Text between two of these quotes.
    Quoted(char),
    /// Text after a quote that is never closed.
    Unclosed(char),
    /// `<`, `=`, `=~` and whatever else those characters can form.
    Operator,
    Open,
    Close,
    Comma,
    /// What belongs to no token.
    Other,
    End,
}

/// The token at or after the byte `from`.
pub(crate) fn next(text: &str, from: usize) -> Token {
    let rest = text[from..].trim_start();
    let start = text.len() - rest.len();
    let (kind, length) = classify(rest);
    Token { kind, start, end: start + length }
}

/// What `rest` starts with, and how many bytes that has.
fn classify(rest: &str) -> (TokenKind, usize) {
    let mut chars = rest.chars();
    let Some(first) = chars.next() else { return (TokenKind::End, 0) };
    let second_is = |test: fn(char) -> bool| chars.clone().next().is_some_and(test);
    match first {
        '\'' | '"' | '`' => quoted(rest, first),
        '(' => (TokenKind::Open, 1),
        ')' => (TokenKind::Close, 1),
        ',' => (TokenKind::Comma, 1),
        '<' | '>' | '=' | '!' | '~' => {
            (TokenKind::Operator, run(rest, |char| "<>=!~".contains(char)))
        }
        '0'..='9' => number(rest),
        '-' if second_is(|char| char.is_ascii_digit() || char == '.') => number(rest),
        '.' if second_is(|char| char.is_ascii_digit()) => number(rest),
        '.' => (TokenKind::Word, run(rest, is_word_char)),
        _ if first.is_alphanumeric() || first == '_' => (TokenKind::Word, run(rest, is_word_char)),
        _ => (TokenKind::Other, first.len_utf8()),
    }
}

fn run(rest: &str, test: impl Fn(char) -> bool) -> usize {
    rest.find(|char| !test(char)).unwrap_or(rest.len())
}

fn is_word_char(char: char) -> bool {
    is_key_char(char) || char == '.'
}

fn is_key_char(char: char) -> bool {
    char.is_alphanumeric() || matches!(char, '_' | '[' | ']')
}

fn quoted(rest: &str, quote: char) -> (TokenKind, usize) {
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((index, char)) = chars.next() {
        if char != quote {
            continue;
        }
        // A doubled quote is one of the text's own.
        if chars.next_if(|(_, next)| *next == quote).is_none() {
            return (TokenKind::Quoted(quote), index + 1);
        }
    }
    (TokenKind::Unclosed(quote), rest.len())
}

/// What stands between the quotes of a [`TokenKind::Quoted`].
pub(crate) fn unquoted(token: &str, quote: char) -> String {
    let inner = &token[1..token.len() - 1];
    inner.replace(&format!("{quote}{quote}"), &quote.to_string())
}

fn number(rest: &str) -> (TokenKind, usize) {
    let mut last = ' ';
    let length = run_with(rest, |char| {
        let sign = matches!(char, '+' | '-') && matches!(last, ' ' | 'e' | 'E');
        last = char;
        sign || is_word_char(char)
    });
    parse_number(&rest[..length])
        .map_or((TokenKind::Other, length), |number| (TokenKind::Number(number), length))
}

fn run_with(rest: &str, mut test: impl FnMut(char) -> bool) -> usize {
    rest.find(|char| !test(char)).unwrap_or(rest.len())
}

/// Reads a number; the words that Rust also takes for one (`inf`, `nan`) are none here.
pub(crate) fn parse_number(text: &str) -> Option<f64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    if !digits || text.starts_with('+') {
        return None;
    }
    text.parse().ok()
}

/// Says whether a key may stand after a prefix without quotes.
pub(crate) fn is_plain_key(key: &str) -> bool {
    key.split('.').all(|part| !part.is_empty() && part.chars().all(is_key_char))
}

/// Says whether an attribute's name may stand without quotes.
pub(crate) fn is_plain_name(name: &str) -> bool {
    let starts_word = name.starts_with(|char: char| {
        (char.is_alphanumeric() && !char.is_ascii_digit()) || char == '_'
    });
    starts_word && name.chars().all(is_key_char) && !name.eq_ignore_ascii_case("NOT")
}
