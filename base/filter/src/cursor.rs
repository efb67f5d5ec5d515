//! A place in a text that moves token by token and can say what it expected there.

use crate::error::{Clause, Error, Place, Result};
use crate::parse::TEXT_BYTES_MAX;
use crate::token::{self, Token, TokenKind};

/// How much of a text that is too large an error shows.
const SHOWN_CHARS: usize = 100;

pub(crate) struct Cursor<'a> {
    text: &'a str,
    clause: Clause,
    /// What is searched: [`Vocabulary::what`](crate::Vocabulary::what).
    search: &'static str,
    token: Token,
    /// The byte after the token before this one.
    last_end: usize,
}

impl<'a> Cursor<'a> {
    /// Begins to read a text, which must not be larger than any person or program needs.
    pub(crate) fn new(clause: Clause, search: &'static str, text: &'a str) -> Result<Self> {
        if text.len() > TEXT_BYTES_MAX {
            let begin = text.chars().take(SHOWN_CHARS).collect();
            let place = Place { clause, search, column: 1, text: begin };
            return Err(Error::TooMany { what: "bytes", max: TEXT_BYTES_MAX, place });
        }
        Ok(Self { text, clause, search, token: token::next(text, 0), last_end: 0 })
    }

    pub(crate) fn kind(&self) -> TokenKind {
        self.token.kind
    }

    /// The token as it was written.
    pub(crate) fn token(&self) -> &'a str {
        &self.text[self.token.start..self.token.end]
    }

    /// Says whether nothing stands between this token and the one before it.
    pub(crate) fn is_glued(&self) -> bool {
        self.token.start == self.last_end && self.last_end > 0
    }

    pub(crate) fn advance(&mut self) {
        self.last_end = self.token.end;
        self.token = token::next(self.text, self.last_end);
    }

    pub(crate) fn is_keyword(&self, keyword: &str) -> bool {
        self.kind() == TokenKind::Word && self.token().eq_ignore_ascii_case(keyword)
    }

    /// Moves past a keyword if it stands here.
    pub(crate) fn take_keyword(&mut self, keyword: &str) -> bool {
        let found = self.is_keyword(keyword);
        if found {
            self.advance();
        }
        found
    }

    /// Moves past a token of this kind if it stands here.
    pub(crate) fn take(&mut self, kind: TokenKind) -> bool {
        let found = self.kind() == kind;
        if found {
            self.advance();
        }
        found
    }

    /// Moves past the text in quotes that stands here, if they are among `quotes`.
    pub(crate) fn take_quoted(&mut self, quotes: &str) -> Result<Option<String>> {
        match self.kind() {
            TokenKind::Quoted(quote) if quotes.contains(quote) => {
                let text = token::unquoted(self.token(), quote);
                self.advance();
                Ok(Some(text))
            }
            TokenKind::Unclosed(quote) if quotes.contains(quote) => {
                Err(self.expected(format!("a closing {quote} for the one")))
            }
            _ => Ok(None),
        }
    }

    /// The byte where this token starts, for [`Self::place_of`].
    pub(crate) fn start(&self) -> usize {
        self.token.start
    }

    pub(crate) fn place_of(&self, start: usize) -> Place {
        let column = self.text[..start].chars().count() + 1;
        Place { clause: self.clause, search: self.search, column, text: self.text.into() }
    }

    pub(crate) fn place(&self) -> Place {
        self.place_of(self.start())
    }

    pub(crate) fn expected(&self, expected: impl Into<String>) -> Error {
        Error::Expected { expected: expected.into(), place: self.place() }
    }
}
