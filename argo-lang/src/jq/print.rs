//! Trees as texts: the normal form, which reads back as the same tree.

use std::borrow::Cow;

use super::ast::{Assign, Op, Pattern, Piece, Query};
use crate::Value;
use crate::print::{float, joined, quoted};

// How strongly filters bind. Bindings, labels and definitions take all that follows, as the last step of a pipe.
const QUERY: u8 = 0;
const STEP: u8 = 1;
const ITEM: u8 = 2;
const ALTERNATIVE: u8 = 3;
const ASSIGN: u8 = 4;
const OR: u8 = 5;
const AND: u8 = 6;
const COMPARE: u8 = 7;
const SUM: u8 = 8;
const PRODUCT: u8 = 9;
const PREFIX: u8 = 10;
const TERM: u8 = 11;
/// A term that suffixes follow.
const BASE: u8 = 12;

pub(super) fn print(root: &Query) -> String {
    let mut out = String::new();
    query(&mut out, root, QUERY);
    out
}

fn operator(op: Op) -> (&'static str, u8) {
    match op {
        Op::Add => ("+", SUM),
        Op::Subtract => ("-", SUM),
        Op::Multiply => ("*", PRODUCT),
        Op::Divide => ("/", PRODUCT),
        Op::Modulo => ("%", PRODUCT),
        Op::Equal => ("==", COMPARE),
        Op::NotEqual => ("!=", COMPARE),
        Op::Less => ("<", COMPARE),
        Op::LessEqual => ("<=", COMPARE),
        Op::Greater => (">", COMPARE),
        Op::GreaterEqual => (">=", COMPARE),
    }
}

/// An infix filter.
struct Infix<'a> {
    symbol: Cow<'static, str>,
    power: u8,
    left: &'a Query,
    /// The least powers that its sides need.
    needs: (u8, u8),
    right: &'a Query,
}

fn infix(query: &Query) -> Option<Infix<'_>> {
    let (symbol, power, left, right) = match query {
        Query::Alternative(a, b) => (Cow::from("//"), ALTERNATIVE, a, b),
        Query::Assign(how, a, b) => {
            let symbol = match how {
                Assign::Set => "=".into(),
                Assign::Update => "|=".into(),
                Assign::Alternative => "//=".into(),
                Assign::Op(op) => format!("{}=", operator(*op).0).into(),
            };
            (symbol, ASSIGN, a, b)
        }
        Query::Or(a, b) => ("or".into(), OR, a, b),
        Query::And(a, b) => ("and".into(), AND, a, b),
        Query::Binary(op, a, b) => {
            let (symbol, power) = operator(*op);
            (symbol.into(), power, a, b)
        }
        _ => return None,
    };
    let needs = match power {
        ALTERNATIVE => (power + 1, power),
        ASSIGN | COMPARE => (power + 1, power + 1),
        _ => (power, power + 1),
    };
    Some(Infix { symbol, power, left, needs, right })
}

fn power(query: &Query) -> u8 {
    match query {
        Query::Pipe(_) | Query::As(..) | Query::Label(..) | Query::Define(..) => QUERY,
        Query::Comma(_) => STEP,
        Query::Negate(_) | Query::Try(_, Some(_)) => PREFIX,
        Query::Literal(Value::Int(_) | Value::Float(_)) | Query::RecurseDefault | Query::Break(..) => TERM,
        other => infix(other).map_or(BASE, |i| i.power),
    }
}

/// What follows a term.
fn suffixed(query: &Query) -> Option<&Query> {
    match query {
        Query::Index(of, _) | Query::Slice(of, ..) | Query::Iterate(of) | Query::Try(of, None) => Some(of.bare()),
        _ => None,
    }
}

fn query(out: &mut String, at: &Query, least: u8) {
    let at = at.bare();
    if power(at) < least {
        out.push('(');
        query(out, at, QUERY);
        out.push(')');
        return;
    }
    // Operators and suffixes are as deep on the left as they are long: a loop.
    let mut spine = Vec::new();
    let (mut first, mut least) = (at, least);
    while power(first) >= least {
        if let Some(infix) = infix(first) {
            spine.push(first);
            (first, least) = (infix.left.bare(), infix.needs.0);
        } else if let Some(of) = suffixed(first) {
            spine.push(first);
            (first, least) = (of, BASE);
        } else {
            break;
        }
    }
    if power(first) < least {
        out.push('(');
        query(out, first, QUERY);
        out.push(')');
    } else if !(matches!(first, Query::Identity) && spine.last().is_some_and(|q| is_field(q))) {
        simple(out, first);
    }
    for at in spine.into_iter().rev() {
        match infix(at) {
            Some(infix) => {
                out.push_str(&format!(" {} ", infix.symbol));
                query(out, infix.right, infix.needs.1);
            }
            None => suffix(out, at),
        }
    }
}

fn is_field(query: &Query) -> bool {
    matches!(query, Query::Index(_, key) if matches!(key.bare(), Query::Literal(Value::String(name)) if is_name(name)))
}

fn is_name(text: &str) -> bool {
    let start = |c: char| c == '_' || c.is_ascii_alphabetic();
    text.starts_with(start) && text.chars().all(|c| start(c) || c.is_ascii_digit())
}

fn suffix(out: &mut String, at: &Query) {
    match at {
        Query::Index(_, key) => match key.bare() {
            Query::Literal(Value::String(name)) if is_name(name) => {
                out.push('.');
                out.push_str(name);
            }
            key => {
                out.push('[');
                query(out, key, QUERY);
                out.push(']');
            }
        },
        Query::Slice(_, from, to) => {
            out.push('[');
            from.iter().for_each(|q| query(out, q, QUERY));
            out.push(':');
            to.iter().for_each(|q| query(out, q, QUERY));
            out.push(']');
        }
        Query::Iterate(_) => out.push_str("[]"),
        _ => out.push('?'),
    }
}

fn simple(out: &mut String, at: &Query) {
    match at {
        Query::Identity => out.push('.'),
        Query::RecurseDefault => out.push_str(".."),
        Query::Literal(value) => literal(out, value),
        Query::Text(format, pieces) => {
            if let Some(name) = format {
                out.push_str(name);
                out.push(' ');
            }
            text(out, pieces);
        }
        Query::Format(name) => out.push_str(name),
        Query::Array(inner) => {
            out.push('[');
            inner.iter().for_each(|q| query(out, q, QUERY));
            out.push(']');
        }
        Query::Object(entries) => object(out, entries),
        Query::Negate(operand) => {
            out.push('-');
            query(out, operand, TERM);
        }
        Query::Pipe(steps) => {
            for (i, step) in steps.iter().enumerate() {
                out.push_str(if i > 0 { " | " } else { "" });
                let last = i + 1 == steps.len() && !matches!(step.bare(), Query::Pipe(_));
                query(out, step, if last { QUERY } else { STEP });
            }
        }
        Query::Comma(items) => joined(out, items, ", ", |out, q| query(out, q, ITEM)),
        Query::Try(body, catch) => {
            out.push_str("try ");
            query(out, body, TERM);
            if let Some(handler) = catch {
                out.push_str(" catch ");
                query(out, handler, TERM);
            }
        }
        Query::If(..) => conditional(out, at),
        Query::Reduce(source, pattern, init, update) => {
            out.push_str("reduce ");
            head(out, source, pattern);
            arguments(out, &[init, update]);
        }
        Query::Foreach(source, pattern, init, update, extract) => {
            out.push_str("foreach ");
            head(out, source, pattern);
            let parts: Vec<&Query> = [init, update].into_iter().chain(extract).map(AsRef::as_ref).collect();
            arguments(out, &parts);
        }
        Query::As(source, patterns, body) => {
            query(out, source, TERM);
            out.push_str(" as ");
            joined(out, patterns, " ?// ", destructured);
            out.push_str(" | ");
            query(out, body, QUERY);
        }
        Query::Label(name, body) => {
            out.push_str(&format!("label ${name} | "));
            query(out, body, QUERY);
        }
        Query::Break(name, _) => out.push_str(&format!("break ${name}")),
        Query::Call(name, list, _) => {
            out.push_str(name);
            if !list.is_empty() {
                arguments(out, &list.iter().collect::<Vec<_>>());
            }
        }
        Query::Variable(name, _) => out.push_str(&format!("${name}")),
        Query::Define(definition, rest) => {
            out.push_str("def ");
            out.push_str(&definition.name);
            if !definition.parameters.is_empty() {
                out.push_str(&format!("({})", definition.parameters.join("; ")));
            }
            out.push_str(": ");
            query(out, &definition.body, QUERY);
            out.push_str("; ");
            query(out, rest, QUERY);
        }
        other => query(out, other, QUERY),
    }
}

fn literal(out: &mut String, value: &Value) {
    match value {
        Value::Nil => out.push_str("null"),
        Value::Float(n) => out.push_str(&float(*n)),
        Value::String(text) => out.push_str(&quoted(text, '"')),
        other => out.push_str(&other.to_string()),
    }
}

fn text(out: &mut String, pieces: &[Piece]) {
    out.push('"');
    for piece in pieces {
        match piece {
            Piece::Text(text) => {
                let quoted = quoted(text, '"');
                out.push_str(quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default());
            }
            Piece::Query(inner) => {
                out.push_str("\\(");
                query(out, inner, QUERY);
                out.push(')');
            }
        }
    }
    out.push('"');
}

fn key(out: &mut String, at: &Query) {
    match at.bare() {
        key @ (Query::Literal(Value::String(_)) | Query::Text(None, _)) => simple(out, key),
        key => {
            out.push('(');
            query(out, key, QUERY);
            out.push(')');
        }
    }
}

fn object(out: &mut String, entries: &[(Query, Option<Query>)]) {
    out.push('{');
    joined(out, entries, ", ", |out, (name, value)| {
        key(out, name);
        if let Some(value) = value {
            out.push_str(": ");
            query(out, value, OR);
        }
    });
    out.push('}');
}

fn arguments(out: &mut String, list: &[&Query]) {
    out.push('(');
    joined(out, list, "; ", |out, q| query(out, q, QUERY));
    out.push(')');
}

fn head(out: &mut String, source: &Query, pattern: &Pattern) {
    query(out, source, TERM);
    out.push_str(" as ");
    destructured(out, pattern);
    out.push(' ');
}

fn destructured(out: &mut String, pattern: &Pattern) {
    match pattern {
        Pattern::Variable(name) => out.push_str(&format!("${name}")),
        Pattern::Array(items) => {
            out.push('[');
            joined(out, items, ", ", destructured);
            out.push(']');
        }
        Pattern::Object(items) => {
            out.push('{');
            joined(out, items, ", ", |out, (name, variable, inner)| {
                match variable {
                    Some(variable) => out.push_str(&format!("${variable}")),
                    None => key(out, name),
                }
                if let Some(inner) = inner {
                    out.push_str(": ");
                    destructured(out, inner);
                }
            });
            out.push('}');
        }
    }
}

fn conditional(out: &mut String, root: &Query) {
    let mut word = "if ";
    let mut at = root;
    while let Query::If(condition, then, otherwise) = at {
        out.push_str(word);
        query(out, condition, QUERY);
        out.push_str(" then ");
        query(out, then, QUERY);
        let Some(otherwise) = otherwise else { break };
        at = otherwise.bare();
        word = " elif ";
        if !matches!(at, Query::If(..)) {
            out.push_str(" else ");
            query(out, at, QUERY);
        }
    }
    out.push_str(" end");
}
