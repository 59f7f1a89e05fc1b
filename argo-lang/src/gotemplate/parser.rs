//! From tokens to nodes.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::lexer::{Piece, Token, pieces};
use super::{Arg, Node, Operand, Pipe, builtins};
use crate::{ParseError, Span, nearest, sprig};

/// Deepest nesting of brackets and blocks.
const MOST_DEPTH: usize = 100;

/// Most variables that are in scope at once.
const MOST_VARIABLES: usize = 2_000;

pub(super) fn parse(source: &str) -> Result<BTreeMap<String, Vec<Node>>, ParseError> {
    let mut parser = Parser {
        pieces: pieces(source)?.into_iter(),
        variables: vec!["$".to_owned()],
        templates: BTreeMap::new(),
        depth: 0,
        ranges: 0,
        end: Span::new(source.len(), source.len()),
    };
    let (nodes, stop) = parser.list()?;
    match stop {
        Stop::End => {
            parser.templates.insert(String::new(), nodes);
            Ok(parser.templates)
        }
        other => {
            wrong(format!("unexpected {{{{{}}}}}", other.name()), other.span(), "a {{if}}, {{with}}, {{range}} or {{define}} before it")
        }
    }
}

struct Parser {
    pieces: std::vec::IntoIter<Piece>,
    variables: Vec<String>,
    templates: BTreeMap<String, Vec<Node>>,
    depth: usize,
    ranges: usize,
    end: Span,
}

/// Why a list of nodes ends.
enum Stop {
    End,
    Close(Span),
    Else(Action, Span),
}

impl Stop {
    fn name(&self) -> &'static str {
        match self {
            Self::End => "EOF",
            Self::Close(_) => "end",
            Self::Else(..) => "else",
        }
    }

    fn span(&self) -> Span {
        match self {
            Self::End => Span::default(),
            Self::Close(span) | Self::Else(_, span) => *span,
        }
    }
}

/// The tokens of one action.
struct Action {
    tokens: Vec<(Token, Span)>,
    at: usize,
    span: Span,
    depth: usize,
}

fn fail<T>(message: impl Into<String>, span: Span) -> Result<T, ParseError> {
    Err(ParseError::new(message, span))
}

fn wrong<T>(message: impl Into<String>, span: Span, expected: impl Into<Cow<'static, str>>) -> Result<T, ParseError> {
    Err(ParseError::new(message, span).expecting(expected))
}

impl Action {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(t, _)| t)
    }

    fn span(&self) -> Span {
        self.tokens.get(self.at).map_or(self.span, |(_, s)| *s)
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(Token::Space)) {
            self.at += 1;
        }
    }

    fn word(&self) -> Option<&str> {
        match self.peek() {
            Some(Token::Word(word)) => Some(word),
            _ => None,
        }
    }

    fn unexpected<T>(&self, context: &str, expected: &'static str) -> Result<T, ParseError> {
        let shown = match self.peek() {
            None => "end of action".to_owned(),
            Some(Token::Space) => "space".to_owned(),
            Some(Token::Dot) => "<.>".to_owned(),
            Some(Token::Field(name)) => format!("<.{name}>"),
            Some(Token::Variable(name) | Token::Word(name) | Token::String(name)) => format!("{name:?}"),
            Some(Token::Number(n)) => format!("\"{}\"", n.float),
            Some(Token::Open) => "\"(\"".to_owned(),
            Some(Token::Close) => "\")\"".to_owned(),
            Some(Token::Pipe) => "\"|\"".to_owned(),
            Some(Token::Declare) => "\":=\"".to_owned(),
            Some(Token::Assign) => "\"=\"".to_owned(),
            Some(Token::Comma) => "\",\"".to_owned(),
        };
        wrong(format!("unexpected {shown} in {context}"), self.span(), expected)
    }

    fn finish(&mut self, context: &str) -> Result<(), ParseError> {
        self.blanks();
        if self.peek().is_none() { Ok(()) } else { self.unexpected(context, "'}}'") }
    }

    fn name(&mut self, context: &str) -> Result<String, ParseError> {
        self.blanks();
        match self.peek().cloned() {
            Some(Token::String(name)) => {
                self.at += 1;
                Ok(name)
            }
            _ => self.unexpected(context, "a name in quotes"),
        }
    }
}

impl Parser {
    /// Nodes up to what closes them.
    fn list(&mut self) -> Result<(Vec<Node>, Stop), ParseError> {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return fail("nested too deeply", self.end);
        }
        let mut nodes = Vec::new();
        let stop = loop {
            match self.pieces.next() {
                None => break Stop::End,
                Some(Piece::Text(text)) => nodes.push(Node::Text(text)),
                Some(Piece::Action(tokens, span)) => {
                    let mut action = Action { tokens, at: 0, span, depth: 0 };
                    action.blanks();
                    match action.word() {
                        Some("end") => {
                            action.at += 1;
                            action.finish("end")?;
                            break Stop::Close(span);
                        }
                        Some("else") => {
                            action.at += 1;
                            break Stop::Else(action, span);
                        }
                        Some("define") => self.define(action)?,
                        _ => nodes.push(self.action(action)?),
                    }
                }
            }
        };
        self.depth -= 1;
        Ok((nodes, stop))
    }

    fn define(&mut self, mut action: Action) -> Result<(), ParseError> {
        if self.depth > 1 {
            return wrong("unexpected <define> in command", action.span(), "definitions outside of other actions");
        }
        action.at += 1;
        let name = action.name("define clause")?;
        action.finish("define clause")?;
        self.body(name)
    }

    /// The body of a named template up to its `end`; variables of the outside are not seen in it.
    fn body(&mut self, name: String) -> Result<(), ParseError> {
        let outer = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let ranges = std::mem::take(&mut self.ranges);
        let (nodes, stop) = self.list()?;
        self.variables = outer;
        self.ranges = ranges;
        match stop {
            Stop::Close(_) => {}
            Stop::End => return wrong("unexpected EOF", self.end, "{{end}} of the definition"),
            Stop::Else(_, span) => return wrong("unexpected {{else}} in define clause", span, "{{end}}"),
        }
        // An empty definition does not replace one that is there.
        let blank = nodes.iter().all(|n| matches!(n, Node::Text(t) if t.trim().is_empty()));
        if !blank || !self.templates.contains_key(&name) {
            self.templates.insert(name, nodes);
        }
        Ok(())
    }

    fn action(&mut self, mut action: Action) -> Result<Node, ParseError> {
        let span = action.span;
        let keyword = action.word().unwrap_or_default().to_owned();
        match keyword.as_str() {
            "if" | "with" | "range" => {
                action.at += 1;
                self.control(&keyword, action)
            }
            "template" => {
                action.at += 1;
                let name = action.name("template clause")?;
                action.blanks();
                let pipe = if action.peek().is_none() { None } else { Some(self.pipeline(&mut action, "template clause", false)?) };
                Ok(Node::Template(name, pipe, span))
            }
            "block" => {
                action.at += 1;
                let name = action.name("block clause")?;
                let pipe = self.pipeline(&mut action, "block clause", false)?;
                self.body(name.clone())?;
                Ok(Node::Template(name, Some(pipe), span))
            }
            "break" | "continue" => {
                action.at += 1;
                action.finish(&keyword)?;
                if self.ranges == 0 {
                    return wrong(format!("{{{{{keyword}}}}} outside {{{{range}}}}"), span, "a {{range}} around");
                }
                Ok(if keyword == "break" { Node::Break } else { Node::Continue })
            }
            _ => Ok(Node::Action(self.pipeline(&mut action, "command", false)?)),
        }
    }

    fn control(&mut self, keyword: &str, mut action: Action) -> Result<Node, ParseError> {
        let known = self.variables.len();
        let pipe = self.pipeline(&mut action, keyword, keyword == "range")?;
        self.ranges += usize::from(keyword == "range");
        let (nodes, stop) = self.list()?;
        self.ranges -= usize::from(keyword == "range");
        let otherwise = match stop {
            Stop::Close(_) => Vec::new(),
            Stop::End => return wrong("unexpected EOF", self.end, format!("{{{{end}}}} of the {keyword}")),
            Stop::Else(mut action, span) => {
                action.blanks();
                let chained = action.word().map(str::to_owned);
                match chained.as_deref() {
                    Some(word @ ("if" | "with")) if word == keyword => {
                        action.at += 1;
                        self.depth += 1;
                        if self.depth > MOST_DEPTH {
                            return fail("nested too deeply", span);
                        }
                        let node = self.control(keyword, action)?;
                        self.depth -= 1;
                        vec![node]
                    }
                    _ => {
                        action.finish("else")?;
                        let (nodes, stop) = self.list()?;
                        match stop {
                            Stop::Close(_) => nodes,
                            Stop::End => return wrong("unexpected EOF", self.end, format!("{{{{end}}}} of the {keyword}")),
                            Stop::Else(_, span) => return wrong("unexpected {{else}}", span, "{{end}}"),
                        }
                    }
                }
            }
        };
        self.variables.truncate(known);
        Ok(match keyword {
            "if" => Node::If(pipe, nodes, otherwise),
            "with" => Node::With(pipe, nodes, otherwise),
            _ => Node::Range(pipe, nodes, otherwise),
        })
    }

    /// A pipeline to the end of its action or bracket.
    fn pipeline(&mut self, action: &mut Action, context: &str, range: bool) -> Result<Pipe, ParseError> {
        action.blanks();
        let mut pipe = Pipe { declared: Vec::new(), assigns: false, commands: Vec::new() };
        self.declarations(action, &mut pipe, range)?;
        loop {
            action.blanks();
            match action.peek() {
                None | Some(Token::Close) => break,
                _ => {}
            }
            let command = self.command(action)?;
            if !pipe.commands.is_empty()
                && let Some(Arg { kind: Operand::Bool(_) | Operand::Dot | Operand::Nil | Operand::Number(_) | Operand::String(_), span }) =
                    command.first()
            {
                let message = format!("non executable command in pipeline stage {}", pipe.commands.len() + 1);
                return wrong(message, *span, "a function");
            }
            pipe.commands.push(command);
            action.blanks();
            if matches!(action.peek(), Some(Token::Pipe)) {
                action.at += 1;
                action.blanks();
                if matches!(action.peek(), None | Some(Token::Close)) {
                    return wrong(format!("missing value for {context}"), action.span(), "a value");
                }
            }
        }
        if pipe.commands.is_empty() {
            return wrong(format!("missing value for {context}"), action.span(), "a value");
        }
        Ok(pipe)
    }

    fn undefined<T>(&self, name: &str, span: Span) -> Result<T, ParseError> {
        let expected = nearest::known("variable", name, self.variables.iter().map(String::as_str).filter(|known| *known != "$"));
        Err(ParseError::new(format!("undefined variable {name:?}"), span).naming().expecting(expected))
    }

    fn declarations(&mut self, action: &mut Action, pipe: &mut Pipe, range: bool) -> Result<(), ParseError> {
        let start = action.at;
        let mut names = Vec::new();
        loop {
            action.blanks();
            let Some(Token::Variable(name)) = action.peek().cloned() else { break };
            action.at += 1;
            action.blanks();
            match action.peek() {
                Some(Token::Declare | Token::Assign) => {
                    pipe.assigns = matches!(action.peek(), Some(Token::Assign));
                    action.at += 1;
                    names.push(name);
                    if names.len() > if range { 2 } else { 1 } {
                        return wrong("too many declarations", action.span(), "one variable, or two of a range");
                    }
                    if pipe.assigns {
                        if let Some(unknown) = names.iter().find(|n| !self.variables.contains(n)) {
                            return self.undefined(unknown, action.span());
                        }
                    } else {
                        self.variables.extend(names.iter().cloned());
                        if self.variables.len() > MOST_VARIABLES {
                            return fail("too many variables", action.span());
                        }
                    }
                    pipe.declared = names;
                    return Ok(());
                }
                Some(Token::Comma) if range && names.is_empty() => {
                    action.at += 1;
                    names.push(name);
                }
                _ => break,
            }
        }
        action.at = start;
        Ok(())
    }

    fn command(&mut self, action: &mut Action) -> Result<Vec<Arg>, ParseError> {
        let mut out = Vec::new();
        loop {
            action.blanks();
            if matches!(action.peek(), None | Some(Token::Pipe | Token::Close)) {
                break;
            }
            out.push(self.operand(action)?);
            match action.peek() {
                Some(Token::Space) => {}
                None | Some(Token::Pipe | Token::Close) => break,
                _ => return action.unexpected("operand", "a blank, '|' or '}}'"),
            }
        }
        if out.is_empty() { wrong("empty command", action.span(), "a value") } else { Ok(out) }
    }

    fn operand(&mut self, action: &mut Action) -> Result<Arg, ParseError> {
        let span = action.span();
        let Some(token) = action.peek().cloned() else { return action.unexpected("operand", "a value") };
        let mut kind = match token {
            Token::Dot => Operand::Dot,
            Token::Field(name) => Operand::Field(vec![name]),
            Token::Variable(name) => {
                if !self.variables.contains(&name) {
                    return self.undefined(&name, span);
                }
                Operand::Variable(name, Vec::new())
            }
            Token::Word(word) => match word.as_str() {
                "true" => Operand::Bool(true),
                "false" => Operand::Bool(false),
                "nil" => Operand::Nil,
                "if" | "with" | "range" | "define" | "template" | "block" | "end" | "else" | "break" | "continue" => {
                    return wrong(format!("unexpected <{word}> in command"), span, "a value");
                }
                _ if builtins::known(&word) || sprig::find(&word).is_some() => Operand::Function(word),
                _ => {
                    let expected = nearest::known("function", &word, builtins::names().chain(sprig::all().map(|entry| entry.name)));
                    let error = ParseError::new(format!("function {word:?} not defined"), span);
                    return Err(error.naming().expecting(expected));
                }
            },
            Token::String(text) => Operand::String(text),
            Token::Number(n) => Operand::Number(n),
            Token::Open => {
                action.at += 1;
                action.depth += 1;
                if action.depth > MOST_DEPTH {
                    return fail("nested too deeply", span);
                }
                let inner = self.pipeline(action, "parenthesized pipeline", false)?;
                action.depth -= 1;
                if !matches!(action.peek(), Some(Token::Close)) {
                    return action.unexpected("parenthesized pipeline", "')'");
                }
                Operand::Pipe(Box::new(inner))
            }
            _ => return action.unexpected("command", "a value"),
        };
        action.at += 1;
        let mut fields = Vec::new();
        while let Some(Token::Field(name)) = action.peek() {
            fields.push(name.clone());
            action.at += 1;
        }
        let last = action.tokens.get(action.at.wrapping_sub(1)).map_or(span, |(_, s)| *s);
        let span = Span::new(span.start, last.end);
        if !fields.is_empty() {
            kind = match kind {
                Operand::Field(mut names) => {
                    names.extend(fields);
                    Operand::Field(names)
                }
                Operand::Variable(name, _) => Operand::Variable(name, fields),
                kind @ (Operand::Pipe(_) | Operand::Function(_)) => Operand::Chain(Box::new(Arg { kind, span }), fields),
                _ => return wrong("unexpected . after term", span, "brackets around what has the field"),
            };
        }
        Ok(Arg { kind, span })
    }
}
