//! Trees as texts: the normal form, which reads back as the same tree.

use super::lexer::instant;
use super::parser::{LEVELS, level};
use super::{Kind, Node};
use crate::Value;
use crate::print::plain_float;

pub(super) fn print(root: &Node) -> String {
    let mut out = String::new();
    node(&mut out, root, 0, false);
    out
}

/// A node where operators of a level or stronger ones may stand. Right after `=~` a text would be a constant pattern: one that is none is in brackets.
fn node(out: &mut String, at: &Node, least: usize, matched: bool) {
    match &at.kind {
        Kind::Literal(Value::String(_)) if matched => bracketed(out, Some(at)),
        Kind::Binary(symbol, ..) if level(symbol) >= least => chain(out, at, matched),
        Kind::Binary(..) => bracketed(out, Some(at)),
        Kind::Prefix(symbol, operand) => {
            out.push_str(symbol);
            let bare = match &operand.kind {
                Kind::Literal(Value::Float(n)) => n.is_sign_positive(),
                Kind::Literal(Value::Bool(_)) | Kind::Variable(_) | Kind::Access(..) | Kind::Call(..) | Kind::Empty => true,
                _ => false,
            };
            if bare { node(out, operand, LEVELS.len(), false) } else { bracketed(out, Some(operand)) }
        }
        Kind::Literal(value) => literal(out, value),
        Kind::Pattern(pattern) => quoted(out, pattern.as_str()),
        Kind::Variable(name) => name_in_brackets(out, name),
        Kind::Access(parts, call) => {
            word(out, &parts.join("."));
            call.iter().for_each(|arguments| bracketed(out, arguments.as_deref()));
        }
        Kind::Call(function, arguments) => {
            word(out, function.name());
            bracketed(out, arguments.as_deref());
        }
        Kind::OneOf(inner) => bracketed(out, Some(inner)),
        Kind::Empty => bracketed(out, None),
    }
}

fn bracketed(out: &mut String, inner: Option<&Node>) {
    out.push('(');
    inner.iter().for_each(|n| node(out, n, 0, false));
    out.push(')');
}

/// All operators are left-associative: chains of them are as deep on the left as they are long.
fn chain(out: &mut String, root: &Node, matched: bool) {
    let mut spine = Vec::new();
    let (mut at, mut least) = (root, 0);
    while let Kind::Binary(symbol, left, right) = &at.kind
        && level(symbol) >= least
    {
        spine.push((symbol, right));
        least = level(symbol);
        at = left;
    }
    let start = out.len();
    node(out, at, least, matched);
    let mut pattern = ends_in_pattern(at, least);
    for (symbol, right) in spine.into_iter().rev() {
        // What follows a constant pattern may be anything but these.
        if pattern && matches!(*symbol, "?" | ":" | "??") {
            out.insert(start, '(');
            out.push(')');
        }
        pattern = ends_in_pattern(right, level(symbol) + 1);
        out.push_str(if *symbol == "," { "" } else { " " });
        out.push_str(symbol);
        out.push(' ');
        node(out, right, level(symbol) + 1, matches!(*symbol, "=~" | "!~"));
    }
}

fn ends_in_pattern(node: &Node, least: usize) -> bool {
    match &node.kind {
        Kind::Pattern(_) => true,
        Kind::Binary(symbol, _, right) => level(symbol) >= least && ends_in_pattern(right, level(symbol) + 1),
        _ => false,
    }
}

fn literal(out: &mut String, value: &Value) {
    match value {
        Value::Float(n) => out.push_str(&plain_float(*n)),
        // A text that looks like a time is one, but not in the brackets of a name; that it is a text there is what conditions make of names.
        Value::String(text) if instant(text).is_some() => name_in_brackets(out, text),
        Value::String(text) => quoted(out, text),
        other => out.push_str(&other.to_string()),
    }
}

fn escaped(out: &mut String, text: &str, special: impl Fn(char) -> bool) {
    for c in text.chars() {
        if c == '\\' || special(c) {
            out.push('\\');
        }
        out.push(c);
    }
}

// Either quote closes a text.
fn quoted(out: &mut String, text: &str) {
    out.push('\'');
    escaped(out, text, |c| matches!(c, '\'' | '"'));
    out.push('\'');
}

// In brackets even where it need not be: without, it could be the name of a function.
fn name_in_brackets(out: &mut String, name: &str) {
    out.push('[');
    escaped(out, name, |c| c == ']');
    out.push(']');
}

fn word(out: &mut String, word: &str) {
    escaped(out, word, |c| !(c.is_alphanumeric() || matches!(c, '_' | '.')));
}
