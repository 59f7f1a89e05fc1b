//! Trees as texts: the normal form, which reads back as the same tree.

use super::ast::{Binary, Kind, Node, Unary};
use super::eval::symbol;
use super::parser::{binary_word, least_arguments, ordering, power};
use crate::Value;
use crate::print::{float, joined, quoted};

/// How strongly what stands around a node binds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Around {
    /// Nothing: statements may stand here.
    Statement,
    /// A place for any expression: an argument, an element.
    Expression,
    /// An operand of an operator of this power.
    Operand(u8),
    /// What a member, index or call follows.
    Base,
}

pub(super) fn print(root: &Node) -> String {
    let mut out = String::new();
    node(&mut out, root, Around::Statement);
    out
}

fn node(out: &mut String, node: &Node, around: Around) {
    if needs_brackets(node, around) {
        out.push('(');
        bare(out, node);
        out.push(')');
    } else {
        bare(out, node);
    }
}

fn needs_brackets(node: &Node, around: Around) -> bool {
    let Around::Operand(outer) = around else {
        return match &node.kind {
            Kind::Sequence(_) | Kind::Let(..) => around != Around::Statement,
            Kind::Name(_) | Kind::Pointer(_) | Kind::Literal(Value::String(_)) | Kind::List(_) | Kind::Map(_) => false,
            Kind::Member { .. } | Kind::Slice(..) | Kind::Call(..) => false,
            _ => around == Around::Base,
        };
    };
    match &node.kind {
        Kind::Conditional(..) | Kind::Unless(..) | Kind::Sequence(_) | Kind::Let(..) => true,
        // Their operand takes stronger operators with it.
        Kind::Unary(..) => outer >= 90,
        Kind::Binary(Binary::Coalesce, ..) => outer != power(Binary::Coalesce),
        Kind::Binary(operator, ..) => power(*operator) < outer || outer == power(Binary::Coalesce),
        Kind::Matches(..) | Kind::Ordered(..) => power(Binary::Matches) < outer,
        _ => false,
    }
}

fn bare(out: &mut String, at: &Node) {
    match &at.kind {
        Kind::Literal(value) => literal(out, value),
        Kind::Name(name) => {
            if matches!(name.as_str(), "true" | "false" | "nil" | "not" | "let" | "if" | "else") || binary_word(name).is_some() {
                out.push_str("::");
            }
            out.push_str(name);
        }
        Kind::Pointer(name) => {
            out.push('#');
            out.push_str(name);
        }
        Kind::Unary(operator, operand) => {
            out.push_str(match operator {
                Unary::Not => "!",
                Unary::Minus => "-",
                Unary::Plus => "+",
            });
            node(out, operand, Around::Operand(power(Binary::Coalesce)));
        }
        Kind::Binary(..) => chain(out, at),
        Kind::Ordered(first, rest) => {
            node(out, first, Around::Operand(21));
            for (operator, operand) in rest {
                operation(out, *operator, operand);
            }
        }
        Kind::Matches(operand, pattern) => {
            node(out, operand, left_of(Binary::Matches, operand));
            out.push_str(" matches ");
            out.push_str(&quoted(&pattern.text, '"'));
        }
        Kind::Conditional(condition, then, otherwise) => {
            node(out, condition, Around::Operand(1));
            out.push_str(" ? ");
            node(out, then, Around::Operand(1));
            out.push_str(" : ");
            node(out, otherwise, Around::Expression);
        }
        Kind::Unless(first, otherwise) => {
            node(out, first, Around::Operand(1));
            out.push_str(" ?: ");
            node(out, otherwise, Around::Expression);
        }
        Kind::Chain(inner) => bare(out, inner),
        Kind::Member { of, property, optional } => member(out, of, property, *optional),
        Kind::Slice(of, from, to) => {
            node(out, of, Around::Base);
            out.push('[');
            from.iter().for_each(|n| node(out, n, Around::Operand(1)));
            out.push(':');
            to.iter().for_each(|n| node(out, n, Around::Operand(1)));
            out.push(']');
        }
        Kind::Call(function, arguments) => {
            let predicates = match &function.kind {
                Kind::Name(name) => least_arguments(name),
                _ => None,
            };
            if predicates.is_some_and(|(least, most)| !(least..=most).contains(&arguments.len())) {
                out.push_str("::");
            }
            bare(out, function);
            out.push('(');
            for (i, argument) in arguments.iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                // A brace there opens a predicate, not a map.
                let opens = predicates.is_some() && i == 1 && leftmost_is_map(argument);
                if opens {
                    out.push('(');
                }
                node(out, argument, Around::Expression);
                if opens {
                    out.push(')');
                }
            }
            out.push(')');
        }
        Kind::List(list) => {
            out.push('[');
            joined(out, list, ", ", |out, n| node(out, n, Around::Expression));
            out.push(']');
        }
        Kind::Map(pairs) => map(out, pairs),
        Kind::Let(name, value, body) => {
            out.push_str("let ");
            out.push_str(name);
            out.push_str(" = ");
            node(out, value, Around::Expression);
            out.push_str("; ");
            node(out, body, Around::Statement);
        }
        Kind::Sequence(list) => joined(out, list, "; ", |out, n| node(out, n, Around::Expression)),
    }
}

fn literal(out: &mut String, value: &Value) {
    match value {
        Value::String(s) => out.push_str(&quoted(s, '"')),
        Value::Float(n) => out.push_str(&float(*n)),
        Value::Nil => out.push_str("nil"),
        other => out.push_str(&other.to_string()),
    }
}

fn left_of(operator: Binary, left: &Node) -> Around {
    let chains = matches!(&left.kind, Kind::Binary(inner, ..) if ordering(*inner)) || matches!(left.kind, Kind::Ordered(..));
    let stronger = operator == Binary::Power || (ordering(operator) && chains);
    Around::Operand(power(operator).saturating_add(u8::from(stronger)))
}

fn operation(out: &mut String, operator: Binary, right: &Node) {
    out.push(' ');
    out.push_str(symbol(operator));
    out.push(' ');
    let stronger = operator != Binary::Power;
    let around = power(operator).saturating_add(u8::from(stronger));
    node(out, right, Around::Operand(around));
}

/// Chains of operators are as deep on the left as they are long: a loop.
fn chain(out: &mut String, root: &Node) {
    let mut spine = Vec::new();
    let mut at = root;
    let mut around = Around::Statement;
    while let Kind::Binary(operator, left, right) = &at.kind {
        if !spine.is_empty() && needs_brackets(at, around) {
            break;
        }
        spine.push((*operator, right));
        around = left_of(*operator, left);
        at = left;
    }
    node(out, at, around);
    for (operator, right) in spine.into_iter().rev() {
        operation(out, operator, right);
    }
}

fn member(out: &mut String, of: &Node, property: &Node, optional: bool) {
    node(out, of, Around::Base);
    match &property.kind {
        Kind::Literal(Value::String(name)) if is_name(name) => {
            out.push_str(if optional { "?." } else { "." });
            out.push_str(name);
        }
        _ => {
            out.push_str(if optional { "?.[" } else { "[" });
            node(out, property, Around::Operand(1));
            out.push(']');
        }
    }
}

fn leftmost_is_map(node: &Node) -> bool {
    let mut at = node;
    loop {
        at = match &at.kind {
            Kind::Map(_) => return true,
            Kind::Binary(_, left, _) | Kind::Ordered(left, _) | Kind::Matches(left, _) | Kind::Conditional(left, ..) => left,
            Kind::Unless(left, _) | Kind::Chain(left) | Kind::Member { of: left, .. } | Kind::Slice(left, ..) | Kind::Call(left, _) => left,
            _ => return false,
        };
    }
}

// Blanks inside, so that no `}}` ends a tag around.
fn map(out: &mut String, pairs: &[(Node, Node)]) {
    if pairs.is_empty() {
        return out.push_str("{}");
    }
    out.push('{');
    joined(out, pairs, ",", |out, (key, value)| {
        out.push(' ');
        if let Kind::Literal(Value::String(text)) = &key.kind {
            out.push_str(&quoted(text, '"'));
        } else {
            out.push('(');
            node(out, key, Around::Expression);
            out.push(')');
        }
        out.push_str(": ");
        node(out, value, Around::Expression);
    });
    out.push_str(" }");
}

fn is_name(text: &str) -> bool {
    text.starts_with(super::lexer::is_start) && text.chars().all(super::lexer::is_part)
}
