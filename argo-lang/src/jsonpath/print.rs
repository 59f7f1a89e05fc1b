//! Templates as texts: the normal form, which reads back as the same template.

use super::{Node, Slice};
use crate::Value;
use crate::print::{plain_float, quoted};

pub(super) fn print(nodes: &[Node]) -> String {
    let mut out = String::new();
    for node in nodes {
        match node.bare() {
            Node::Text(text) => out.push_str(text),
            Node::List(inner) => {
                out.push('{');
                inside(&mut out, inner, false);
                out.push('}');
            }
            _ => {}
        }
    }
    out
}

/// What stands in braces; within filters and unions, whose ends are looked for first, texts keep to letters that cannot end them.
fn inside(out: &mut String, nodes: &[Node], nested: bool) {
    for (i, node) in nodes.iter().enumerate() {
        let back = |by: usize| i.checked_sub(by).and_then(|i| nodes.get(i)).map(Node::bare);
        let before = back(1);
        let mut piece = String::new();
        one(&mut piece, node.bare(), (back(2), before), nested);
        // A field goes on up to a dot or bracket, and one without a name may not touch the next dot.
        let apart = match before {
            None | Some(Node::Slice(_) | Node::Filter { .. } | Node::Union(_) | Node::Text(_)) => false,
            Some(Node::Recursive) => !matches!(node.bare(), Node::Field(_)) && !piece.starts_with(['.', '[']),
            Some(Node::Field(name)) => name.is_empty() || !piece.starts_with(['.', '[']),
            Some(Node::Identifier(_)) => true,
            Some(_) => !piece.starts_with('['),
        };
        if apart {
            out.push(' ');
        }
        out.push_str(&piece);
    }
}

fn one(out: &mut String, node: &Node, before: (Option<&Node>, Option<&Node>), nested: bool) {
    match node {
        Node::Text(text) => out.push_str(&quote(text, nested)),
        Node::Field(name) => {
            let after_dots = matches!(before, (before_that, Some(Node::Recursive)) if !matches!(before_that, Some(Node::Recursive)));
            let joins = after_dots && name.starts_with(|c: char| c == '_' || c.is_alphanumeric());
            if !joins {
                out.push('.');
            }
            field(out, name);
        }
        Node::Slice(slice) => {
            out.push('[');
            range(out, slice);
            out.push(']');
        }
        Node::Filter { left, operator, right } => {
            out.push_str("[?(");
            inside(out, left, true);
            if operator != "exists" {
                out.push_str(&format!(" {operator} "));
                inside(out, right, true);
            }
            out.push_str(")]");
        }
        Node::Number(Value::Float(n)) => {
            let text = plain_float(*n);
            out.push_str(&text);
            if !text.contains('.') && n.is_finite() {
                out.push_str(".0");
            }
        }
        Node::Number(value) => out.push_str(&value.to_string()),
        Node::Wildcard => out.push_str(".*"),
        // Four dots are an error, but a key may stand for the second pair.
        Node::Recursive if matches!(before.1, Some(Node::Recursive)) => out.push_str("['.']"),
        Node::Recursive => out.push_str(".."),
        Node::Union(parts) => {
            out.push('[');
            for (i, part) in parts.iter().enumerate() {
                out.push_str(if i > 0 { "," } else { "" });
                member(out, part);
            }
            out.push(']');
        }
        Node::Identifier(word) => out.push_str(word),
        Node::List(_) | Node::At(..) => {}
    }
}

/// A member of a union: the inside of brackets, or a path from a key in quotes.
fn member(out: &mut String, nodes: &[Node]) {
    let mut piece = String::new();
    inside(&mut piece, nodes, true);
    match piece.strip_prefix('.') {
        Some(key) => out.push_str(&format!("'{key}'")),
        None => out.push_str(piece.strip_prefix('[').and_then(|p| p.strip_suffix(']')).unwrap_or(&piece)),
    }
}

fn field(out: &mut String, name: &str) {
    for c in name.chars() {
        if super::parser::ends_word(Some(c)) || name == "*" {
            out.push('\\');
        }
        out.push(c);
    }
}

fn range(out: &mut String, slice: &Slice) {
    let number = |n: Option<i64>| n.map_or(String::new(), |n| n.to_string());
    out.push_str(&number(slice.from));
    if slice.single {
        return;
    }
    out.push(':');
    out.push_str(&number(slice.to));
    if slice.step.is_some() {
        out.push(':');
        out.push_str(&number(slice.step));
    }
}

fn quote(text: &str, nested: bool) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        // A backslash in front of the closing quote would hide it.
        if c == '\\' || (nested && matches!(c, ',' | ']' | ')' | '!' | '<' | '>' | '=' | '\'' | '"')) {
            out.push_str(&format!("\\x{:02x}", u32::from(c)));
        } else {
            let one = quoted(c.encode_utf8(&mut [0; 4]), '"');
            out.push_str(one.get(1..one.len().saturating_sub(1)).unwrap_or_default());
        }
    }
    out.push('"');
    out
}
