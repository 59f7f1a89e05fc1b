//! What parsers that go from token to token share: looking ahead, saying what was expected, and bounds.

use std::borrow::Cow;

use crate::{ParseError, Span};

/// A token of some language.
pub(crate) trait Token {
    /// Whether it is an operator or bracket of this text.
    fn is_symbol(&self, symbol: &str) -> bool;

    /// Whether it is a word of this text that means something to the language.
    fn is_word(&self, word: &str) -> bool;

    /// What to say about a token that cannot stand where it does; none is the end of the text.
    fn unexpected(found: Option<&Self>) -> String;
}

/// Deepest nesting, and most links of chains of operators: these are as deep as they are long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) depth: usize,
    pub(crate) links: usize,
}

/// A place among tokens.
pub(crate) struct Cursor<T> {
    tokens: Vec<(T, Span)>,
    at: usize,
    end: Span,
    used: Bounds,
    most: Bounds,
}

impl<T: Token> Cursor<T> {
    /// At the first of the tokens; `end` is the place after the last.
    pub(crate) fn new(tokens: Vec<(T, Span)>, end: Span, most: Bounds) -> Self {
        Self { tokens, at: 0, end, used: Bounds { depth: 0, links: 0 }, most }
    }

    /// Over tokens inside of this one's: what is used of the bounds counts on.
    pub(crate) fn inside(&self, tokens: Vec<(T, Span)>) -> Self {
        let end = tokens.last().map_or(self.end, |(_, s)| Span::new(s.end, s.end));
        Self { tokens, at: 0, end, used: self.used, most: self.most }
    }

    pub(crate) fn peek(&self) -> Option<&T> {
        self.peek_at(0)
    }

    pub(crate) fn peek_at(&self, ahead: usize) -> Option<&T> {
        self.tokens.get(self.at.saturating_add(ahead)).map(|(t, _)| t)
    }

    /// The token before this one.
    pub(crate) fn before(&self) -> Option<&(T, Span)> {
        self.tokens.get(self.at.checked_sub(1)?)
    }

    /// Where the token is, or the end.
    pub(crate) fn span(&self) -> Span {
        self.tokens.get(self.at).map_or(self.end, |(_, s)| *s)
    }

    pub(crate) fn advance(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    /// Goes back to the token before.
    pub(crate) fn back(&mut self) {
        self.at = self.at.saturating_sub(1);
    }

    pub(crate) fn is(&self, symbol: &str) -> bool {
        self.peek().is_some_and(|t| t.is_symbol(symbol))
    }

    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.peek().is_some_and(|t| t.is_word(word))
    }

    pub(crate) fn eat(&mut self, symbol: &str) -> bool {
        let found = self.is(symbol);
        self.at = self.at.saturating_add(usize::from(found));
        found
    }

    pub(crate) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        self.at = self.at.saturating_add(usize::from(found));
        found
    }

    pub(crate) fn expect(&mut self, symbol: &str) -> Result<(), ParseError> {
        if self.eat(symbol) { Ok(()) } else { Err(self.wanted(format!("'{symbol}'"))) }
    }

    /// Whether another item of a list follows; commas stand between items, and one may stand before the end.
    pub(crate) fn another(&mut self, first: bool, close: &str) -> Result<bool, ParseError> {
        let ends = self.eat(close);
        if ends || first {
            return Ok(!ends);
        }
        if self.eat(",") { Ok(!self.eat(close)) } else { Err(self.wanted(format!("',' or '{close}'"))) }
    }

    pub(crate) fn expect_word(&mut self, word: &str) -> Result<(), ParseError> {
        if self.eat_word(word) { Ok(()) } else { Err(self.wanted(format!("'{word}'"))) }
    }

    /// That the token cannot stand here, and what could. Apart, so that what it needs is not part of the frames of the recursion.
    #[cold]
    pub(crate) fn wanted(&self, expected: impl Into<Cow<'static, str>>) -> ParseError {
        self.unexpected().expecting(expected)
    }

    #[cold]
    pub(crate) fn unexpected(&self) -> ParseError {
        self.fail(T::unexpected(self.peek()))
    }

    /// An error at this place.
    #[cold]
    pub(crate) fn fail(&self, message: impl Into<String>) -> ParseError {
        ParseError::new(message, self.span())
    }

    /// Goes one level deeper; [`Cursor::leave`] comes back.
    pub(crate) fn enter(&mut self) -> Result<(), ParseError> {
        self.used.depth = self.used.depth.saturating_add(1);
        if self.used.depth > self.most.depth { Err(self.fail("nested too deeply")) } else { Ok(()) }
    }

    pub(crate) fn leave(&mut self) {
        self.used.depth = self.used.depth.saturating_sub(1);
    }

    /// Counts a link of a chain.
    pub(crate) fn link(&mut self) -> Result<(), ParseError> {
        self.used.links = self.used.links.saturating_add(1);
        if self.used.links > self.most.links { Err(self.fail("the program has too many operators")) } else { Ok(()) }
    }
}
