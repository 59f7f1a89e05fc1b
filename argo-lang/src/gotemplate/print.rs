//! Templates as texts: the normal form, which reads back as the same template.

use std::collections::BTreeMap;

use super::{Arg, Node, Number, Operand, Pipe};
use crate::print::{float, joined, quoted};

pub(super) fn print(templates: &BTreeMap<String, Vec<Node>>) -> String {
    let mut out = String::new();
    for (name, body) in templates.iter().filter(|(name, _)| !name.is_empty()) {
        out.push_str(&format!("{{{{define {}}}}}", quoted(name, '"')));
        nodes(&mut out, body);
        out.push_str("{{end}}");
    }
    templates.get("").into_iter().for_each(|body| nodes(&mut out, body));
    out
}

fn nodes(out: &mut String, list: &[Node]) {
    for (i, node) in list.iter().enumerate() {
        let before = i.checked_sub(1).and_then(|i| list.get(i));
        // Two texts that a comment parted stay two.
        if let (Some(Node::Text(_)), Node::Text(_)) = (before, node) {
            open(out);
            out.push_str("/**/}}");
        }
        one(out, node);
    }
}

/// Opens an action; after a brace, which would open it one place too early, with a blank that the action takes away.
fn open(out: &mut String) {
    out.push_str(if out.ends_with('{') { " {{- " } else { "{{" });
}

fn one(out: &mut String, node: &Node) {
    match node {
        Node::Text(text) => out.push_str(text),
        Node::Action(pipe) => action(out, "", Some(pipe)),
        Node::If(pipe, then, otherwise) => block(out, "if", pipe, then, otherwise),
        Node::With(pipe, then, otherwise) => block(out, "with", pipe, then, otherwise),
        Node::Range(pipe, then, otherwise) => block(out, "range", pipe, then, otherwise),
        Node::Template(name, pipe, _) => action(out, &format!("template {}", quoted(name, '"')), pipe.as_ref()),
        Node::Break => action(out, "break", None),
        Node::Continue => action(out, "continue", None),
    }
}

fn action(out: &mut String, word: &str, inner: Option<&Pipe>) {
    open(out);
    out.push_str(word);
    if let Some(inner) = inner {
        out.push_str(if word.is_empty() { "" } else { " " });
        pipe(out, inner);
    }
    out.push_str("}}");
}

fn block(out: &mut String, word: &str, pipe: &Pipe, then: &[Node], otherwise: &[Node]) {
    action(out, word, Some(pipe));
    nodes(out, then);
    if !otherwise.is_empty() {
        action(out, "else", None);
        nodes(out, otherwise);
    }
    action(out, "end", None);
}

fn pipe(out: &mut String, pipe: &Pipe) {
    if !pipe.declared.is_empty() {
        out.push_str(&pipe.declared.join(", "));
        out.push_str(if pipe.assigns { " = " } else { " := " });
    }
    joined(out, &pipe.commands, " | ", |out, command| joined(out, command, " ", argument));
}

fn fields(out: &mut String, names: &[String]) {
    for name in names {
        out.push('.');
        out.push_str(name);
    }
}

fn argument(out: &mut String, arg: &Arg) {
    match &arg.kind {
        Operand::Dot => out.push('.'),
        Operand::Nil => out.push_str("nil"),
        Operand::Bool(b) => out.push_str(&b.to_string()),
        Operand::Number(n) => out.push_str(&number(*n)),
        Operand::String(text) => out.push_str(&quoted(text, '"')),
        Operand::Variable(name, names) => {
            out.push_str(name);
            fields(out, names);
        }
        Operand::Field(names) => fields(out, names),
        Operand::Chain(of, names) => {
            argument(out, of);
            fields(out, names);
        }
        Operand::Function(name) => out.push_str(name),
        Operand::Pipe(inner) => {
            out.push('(');
            pipe(out, inner);
            out.push(')');
        }
    }
}

/// A constant whose form says whether it is whole or a float.
fn number(n: Number) -> String {
    match n.int {
        _ if n.is_float => float(n.float),
        Some(int) => int.to_string(),
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        None => (n.float as u64).to_string(),
    }
}
