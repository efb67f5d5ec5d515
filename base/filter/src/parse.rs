//! Text to tree.

use crate::cursor::Cursor;
use crate::error::{Clause, Error, Result};
use crate::expr::{Compare, Expr, Test, Value};
use crate::name;
use crate::operator::Operator;
use crate::pattern::Pattern;
use crate::token::{TokenKind, parse_number};
use crate::vocabulary::{Entity, Field, Kind, Vocabulary};

/// How deep parentheses and `NOT`s may be nested.
pub const DEPTH_MAX: usize = 64;

/// How many regular expressions one filter may have, each of which takes memory of its own.
pub const PATTERNS_MAX: usize = 16;

/// How many bytes a filter or an order may have.
pub const TEXT_BYTES_MAX: usize = 1 << 20;
/// How many conditions one filter may have, each of which costs a look at every row.
pub const CONDITIONS_MAX: usize = 200;
/// How many texts the lists of one filter may have together.
pub const LISTED_MAX: usize = 10_000;
/// How many bytes a pattern of `LIKE` may have, as in SQLite.
pub const LIKE_BYTES_MAX: usize = 50_000;

/// Parses a filter; a blank one is `None`, which is to find everything.
///
/// # Errors
///
/// An [`Error`] that points at the column where the text stops being a filter of this search.
pub fn parse(text: &str, vocabulary: &Vocabulary) -> Result<Option<Expr>> {
    let cursor = Cursor::new(Clause::Filter, vocabulary.what, text)?;
    if cursor.kind() == TokenKind::End {
        return Ok(None);
    }
    let mut parser = Parser { cursor, vocabulary, depth: 0, conditions: 0, listed: 0, patterns: 0 };
    let expr = parser.any()?;
    match parser.cursor.kind() {
        TokenKind::End => Ok(Some(expr)),
        _ => Err(parser.cursor.expected("`AND`, `OR` or the end")),
    }
}

struct Parser<'a> {
    cursor: Cursor<'a>,
    vocabulary: &'a Vocabulary,
    depth: usize,
    conditions: usize,
    listed: usize,
    patterns: usize,
}

impl Parser<'_> {
    fn any(&mut self) -> Result<Expr> {
        self.chain("OR", Self::all, Expr::Or)
    }

    fn all(&mut self) -> Result<Expr> {
        self.chain("AND", Self::one, Expr::And)
    }

    /// Parts with a keyword between them; a single part stays as it is.
    fn chain(
        &mut self,
        keyword: &str,
        part: fn(&mut Self) -> Result<Expr>,
        join: fn(Vec<Expr>) -> Expr,
    ) -> Result<Expr> {
        let first = part(self)?;
        if !self.cursor.is_keyword(keyword) {
            return Ok(first);
        }
        let mut parts = vec![first];
        while self.cursor.take_keyword(keyword) {
            parts.push(part(self)?);
        }
        Ok(join(parts))
    }

    fn one(&mut self) -> Result<Expr> {
        if self.cursor.is_keyword("NOT") {
            self.enter()?;
            let part = self.one()?;
            self.depth -= 1;
            return Ok(Expr::Not(Box::new(part)));
        }
        if self.cursor.kind() == TokenKind::Open {
            self.enter()?;
            let inner = self.any()?;
            self.depth -= 1;
            return match self.cursor.take(TokenKind::Close) {
                true => Ok(inner),
                false => Err(self.cursor.expected("`AND`, `OR` or `)`")),
            };
        }
        self.test()
    }

    fn too_many(&self, what: &'static str, max: usize) -> Error {
        Error::TooMany { what, max, place: self.cursor.place() }
    }

    /// Moves past a `NOT` or a parenthesis, one level deeper.
    fn enter(&mut self) -> Result<()> {
        if self.depth == DEPTH_MAX {
            return Err(self.too_many("nested parentheses and NOTs", DEPTH_MAX));
        }
        self.depth += 1;
        self.cursor.advance();
        Ok(())
    }

    fn test(&mut self) -> Result<Expr> {
        self.conditions += 1;
        if self.conditions > CONDITIONS_MAX {
            return Err(self.too_many("conditions", CONDITIONS_MAX));
        }
        let field = name::read(&mut self.cursor, self.vocabulary, "a condition")?;
        let start = self.cursor.start();
        let operator = self.operator()?;
        let known = self.vocabulary.operators(&field);
        if !known.contains(operator.group()) {
            return Err(Error::Operator {
                operator: operator.name(),
                field,
                known: known.names().into(),
                place: self.cursor.place_of(start),
            });
        }
        let test = self.operand(&field, operator)?;
        Ok(Expr::Test(field, test))
    }

    fn operator(&mut self) -> Result<Operator> {
        if self.cursor.kind() == TokenKind::Operator {
            let written = self.cursor.token();
            let known = Operator::ALL.into_iter().find(|operator| operator.name() == written);
            let known = known.ok_or_else(|| self.no_operator())?;
            self.cursor.advance();
            return Ok(known);
        }
        let found = if self.cursor.take_keyword("LIKE") {
            Operator::Like { ignore_case: false }
        } else if self.cursor.take_keyword("ILIKE") {
            Operator::Like { ignore_case: true }
        } else if self.cursor.take_keyword("IN") {
            Operator::In
        } else if self.cursor.take_keyword("NOT") {
            self.keyword("IN")?;
            Operator::NotIn
        } else if self.cursor.take_keyword("IS") {
            let negated = self.cursor.take_keyword("NOT");
            self.keyword("NULL")?;
            if negated { Operator::IsNotNull } else { Operator::IsNull }
        } else {
            return Err(self.no_operator());
        };
        Ok(found)
    }

    fn no_operator(&self) -> Error {
        let in_a_name = self.cursor.is_glued()
            && matches!(self.cursor.kind(), TokenKind::Other | TokenKind::Number(_));
        self.cursor.expected(match in_a_name {
            true => "a comparison, or quotes around the key,",
            false => "a comparison",
        })
    }

    fn keyword(&mut self, keyword: &str) -> Result<()> {
        match self.cursor.take_keyword(keyword) {
            true => Ok(()),
            false => Err(self.cursor.expected(format!("`{keyword}`"))),
        }
    }

    fn operand(&mut self, field: &Field, operator: Operator) -> Result<Test> {
        Ok(match operator {
            Operator::Compare(compare) => self.comparison(field, compare)?,
            Operator::Like { ignore_case } => {
                Test::Like { pattern: self.like(field)?, ignore_case }
            }
            Operator::In => Test::In(self.list(field)?),
            Operator::NotIn => Test::NotIn(self.list(field)?),
            Operator::Matches => Test::Matches(self.pattern(field)?),
            Operator::IsNull => Test::IsNull,
            Operator::IsNotNull => Test::IsNotNull,
        })
    }

    fn comparison(&mut self, field: &Field, compare: Compare) -> Result<Test> {
        let value = match self.vocabulary.kind(field) {
            Kind::Number => Value::Number(self.number(field)?),
            Kind::Text => Value::Text(self.text(field)?),
        };
        Ok(Test::Compare(compare, value))
    }

    fn number(&mut self, field: &Field) -> Result<f64> {
        if let TokenKind::Number(number) = self.cursor.kind() {
            self.cursor.advance();
            return Ok(number);
        }
        let missing = self.no_value("a number", field);
        // A model version's number may stand in quotes in MLflow; here every attribute's may.
        if field.entity == Entity::Attribute
            && let Some(text) = self.cursor.take_quoted("'\"")?
            && let Some(number) = parse_number(&text)
        {
            return Ok(number);
        }
        Err(missing)
    }

    fn text(&mut self, field: &Field) -> Result<String> {
        let found = self.cursor.take_quoted("'\"")?;
        found.ok_or_else(|| self.no_value("a text in quotes", field))
    }

    fn no_value(&self, expected: &'static str, field: &Field) -> Error {
        Error::Value { expected, field: field.clone(), place: self.cursor.place() }
    }

    fn like(&mut self, field: &Field) -> Result<String> {
        // The token has its quotes, too.
        if self.cursor.token().len() > LIKE_BYTES_MAX + 2 {
            return Err(self.too_many("bytes in a pattern of LIKE", LIKE_BYTES_MAX));
        }
        self.text(field)
    }

    /// One text of a list.
    fn listed(&mut self, field: &Field) -> Result<String> {
        self.listed += 1;
        if self.listed > LISTED_MAX {
            return Err(self.too_many("texts in lists", LISTED_MAX));
        }
        self.text(field)
    }

    fn list(&mut self, field: &Field) -> Result<Vec<String>> {
        if !self.cursor.take(TokenKind::Open) {
            return Err(self.cursor.expected("a list in parentheses"));
        }
        let mut list = vec![self.listed(field)?];
        while self.cursor.take(TokenKind::Comma) {
            // A Python tuple of one, put into a filter as it prints, ends with a comma.
            if self.cursor.kind() == TokenKind::Close {
                break;
            }
            list.push(self.listed(field)?);
        }
        match self.cursor.take(TokenKind::Close) {
            true => Ok(list),
            false => Err(self.cursor.expected("`,` or `)`")),
        }
    }

    fn pattern(&mut self, field: &Field) -> Result<Pattern> {
        let place = self.cursor.place();
        self.patterns += 1;
        if self.patterns > PATTERNS_MAX {
            return Err(Error::TooMany { what: "regular expressions", max: PATTERNS_MAX, place });
        }
        let source = self.text(field)?;
        Pattern::parse(&source).map_err(|error| match error {
            Error::Pattern { pattern, reason, .. } => {
                Error::Pattern { pattern, reason, place: Some(place) }
            }
            other => other,
        })
    }
}
