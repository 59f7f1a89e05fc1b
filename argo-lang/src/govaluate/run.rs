//! Running the tree.

use std::sync::Arc;

use super::{Node, RunError};
use crate::sprig::args::go_truncate;
use crate::sprig::regexes;
use crate::{Env, Value};

type Run = Result<Value, RunError>;

pub(super) fn evaluate(node: &Node, parameters: &dyn Env) -> Run {
    match node {
        Node::Literal(value) => Ok(value.clone()),
        Node::Pattern(pattern) => Ok(pattern.as_str().into()),
        Node::Variable(name) => variable(name, parameters),
        Node::Access(parts, call) => access(parts, call.as_ref(), parameters),
        Node::Call(function, arguments) => {
            let arguments = list_of(arguments.as_deref(), parameters)?;
            function.call(parameters, &arguments).map_err(RunError::new)
        }
        Node::Prefix(symbol, operand) => {
            let value = evaluate(operand, parameters)?;
            match (*symbol, &value) {
                ("-", Value::Float(n)) => Ok(Value::Float(-n)),
                ("!", Value::Bool(b)) => Ok(Value::Bool(!b)),
                #[allow(clippy::cast_precision_loss)]
                ("~", Value::Float(n)) => Ok(Value::Float(!go_truncate(*n) as f64)),
                _ => Err(RunError::new(format!("Value '{value}' cannot be used with the prefix '{symbol}'"))),
            }
        }
        Node::Binary(..) => chain(node, parameters),
        Node::OneOf(inner) => Ok(match evaluate(inner, parameters)? {
            list @ Value::List(_) => list,
            one => vec![one].into(),
        }),
        Node::Empty => Ok(Value::Nil),
    }
}

/// Operators lean to the left: a long chain is walked down and worked up, without recursion on its length.
fn chain(node: &Node, parameters: &dyn Env) -> Run {
    let mut spine = Vec::new();
    let mut at = node;
    while let Node::Binary(symbol, left, right) = at {
        spine.push((*symbol, right.as_ref()));
        at = left;
    }
    let mut value = evaluate(at, parameters)?;
    for (symbol, right) in spine.into_iter().rev() {
        value = binary(symbol, value, right, parameters)?;
    }
    Ok(value)
}

/// Whole numbers become floats, as the reference casts parameters.
#[allow(clippy::cast_precision_loss)]
fn cast(value: Value) -> Value {
    match value {
        Value::Int(n) => Value::Float(n as f64),
        other => other,
    }
}

fn variable(name: &str, parameters: &dyn Env) -> Run {
    parameters.get(name).map(cast).ok_or_else(|| RunError::new(format!("No parameter '{name}' found.")))
}

fn list_of(arguments: Option<&Node>, parameters: &dyn Env) -> Result<Vec<Value>, RunError> {
    let Some(node) = arguments else { return Ok(Vec::new()) };
    Ok(match (node, evaluate(node, parameters)?) {
        (Node::Binary(",", ..), Value::List(list)) => list.to_vec(),
        (_, value) => vec![value],
    })
}

fn access(parts: &[String], call: Option<&Option<Box<Node>>>, parameters: &dyn Env) -> Run {
    let Some((first, rest)) = parts.split_first() else { return Ok(Value::Nil) };
    let mut value = variable(first, parameters)?;
    let mut path = first.clone();
    for (i, part) in rest.iter().enumerate() {
        if part.chars().next().is_none_or(|c| !c.is_uppercase()) {
            return Err(RunError::new(format!("Unable to access unexported field '{part}' in '{path}'")));
        }
        let missing = || RunError::new(format!("No method or field '{part}' present on parameter '{path}'"));
        value = match &value {
            Value::Object(object) => {
                if let (Some(arguments), true) = (call, i + 1 == rest.len()) {
                    let arguments = list_of(arguments.as_deref(), parameters)?;
                    object.call(part, &arguments).ok_or_else(missing)?.map_err(RunError::new)?
                } else {
                    object.field(part).ok_or_else(missing)?
                }
            }
            Value::Map(map) => map.get(part.as_str()).cloned().ok_or_else(missing)?,
            _ => return Err(RunError::new(format!("Unable to access '{part}', '{path}' is not a struct"))),
        };
        value = cast(value);
        path = format!("{path}.{part}");
    }
    Ok(value)
}

fn binary(symbol: &'static str, a: Value, right: &Node, parameters: &dyn Env) -> Run {
    let refuse = |value: &Value, kind: &str, what: &str| {
        Err(RunError::new(format!("Value '{value}' cannot be used with the {kind} '{symbol}', it is not a {what}")))
    };
    // What is decided by the left side does not look at the right one.
    match (symbol, &a) {
        ("&&", Value::Bool(false)) => return Ok(Value::Bool(false)),
        ("||", Value::Bool(true)) => return Ok(Value::Bool(true)),
        ("??" | ":", value) if !matches!(value, Value::Nil) => return Ok(a),
        ("?", Value::Bool(false)) => return Ok(Value::Nil),
        _ => {}
    }
    let b = evaluate(right, parameters)?;
    match symbol {
        "," => Ok(match a {
            Value::List(list) => list.iter().cloned().chain([b]).collect::<Vec<_>>().into(),
            a => vec![a, b].into(),
        }),
        "?" => {
            if matches!(a, Value::Bool(_)) {
                Ok(b)
            } else {
                refuse(&a, "ternary operator", "bool")
            }
        }
        ":" | "??" => Ok(b),
        "&&" | "||" => match (&a, &b) {
            (Value::Bool(_), Value::Bool(_)) => Ok(b),
            (Value::Bool(_), _) => refuse(&b, "logical operator", "bool"),
            _ => refuse(&a, "logical operator", "bool"),
        },
        "==" => Ok((a == b).into()),
        "!=" => Ok((a != b).into()),
        "=~" | "!~" => {
            let Value::String(text) = &a else { return refuse(&a, "comparator", "number") };
            let matched = match right {
                Node::Pattern(pattern) => pattern.is_match(text),
                _ => {
                    let Value::String(pattern) = &b else { return refuse(&b, "comparator", "number") };
                    let compiled: Arc<regex::Regex> = regexes::compile(pattern)
                        .map_err(|e| RunError::new(format!("unable to compile regexp pattern '{pattern}': {e}")))?;
                    compiled.is_match(text)
                }
            };
            Ok((matched == (symbol == "=~")).into())
        }
        "in" => match &b {
            Value::List(list) => Ok(list.contains(&a).into()),
            other => refuse(other, "comparator", "number"),
        },
        "<" | ">" | "<=" | ">=" => {
            let order = match (&a, &b) {
                (Value::String(x), Value::String(y)) => Some(x.cmp(y)),
                (Value::Float(x), Value::Float(y)) => x.partial_cmp(y),
                _ => return refuse(&a, "comparator", "number"),
            };
            Ok(order
                .is_some_and(|o| match symbol {
                    "<" => o.is_lt(),
                    ">" => o.is_gt(),
                    "<=" => o.is_le(),
                    _ => o.is_ge(),
                })
                .into())
        }
        "+" if a.as_str().is_some() || b.as_str().is_some() => Ok(format!("{a}{b}").into()),
        _ => match (&a, &b) {
            (Value::Float(x), Value::Float(y)) => Ok(Value::Float(arithmetic(symbol, *x, *y))),
            (Value::Float(_), _) if symbol != "+" => refuse(&b, "modifier", "number"),
            _ => refuse(&a, "modifier", "number"),
        },
    }
}

#[allow(clippy::cast_precision_loss, clippy::cast_sign_loss, clippy::cast_possible_truncation)]
fn arithmetic(symbol: &str, x: f64, y: f64) -> f64 {
    // Go's conversion to an unsigned number keeps the bits of a negative one.
    let bits = |n: f64| if (0.0..18_446_744_073_709_551_616.0).contains(&n) { n as u64 } else { go_truncate(n) as u64 };
    let shift = |n: f64| u32::try_from(bits(n)).unwrap_or(u32::MAX);
    match symbol {
        "+" => x + y,
        "-" => x - y,
        "*" => x * y,
        "/" => x / y,
        "%" => x % y,
        "**" => x.powf(y),
        "&" => (go_truncate(x) & go_truncate(y)) as f64,
        "|" => (go_truncate(x) | go_truncate(y)) as f64,
        "^" => (go_truncate(x) ^ go_truncate(y)) as f64,
        "<<" => bits(x).checked_shl(shift(y)).unwrap_or(0) as f64,
        _ => bits(x).checked_shr(shift(y)).unwrap_or(0) as f64,
    }
}
