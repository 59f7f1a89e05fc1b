//! Running the tree.

use super::{Kind, Node};
use crate::budget::Meter;
use crate::sprig::args::go_truncate;
use crate::sprig::{self, regexes};
use crate::{Budget, Cause, Env, Limit, RunError, Span, Value};

type Run = Result<Value, RunError>;

/// Levels that a stack of 2 MB holds; the parser lets no deeper tree pass.
const CEILING: usize = 400;

pub(super) fn run(node: &Node, parameters: &dyn Env, budget: &Budget) -> Run {
    State { parameters, meter: Meter::new(budget, CEILING) }.evaluate(node)
}

struct State<'a> {
    parameters: &'a dyn Env,
    meter: Meter,
}

impl State<'_> {
    fn limit(&self, taken: Result<(), Limit>, span: Span) -> Result<(), RunError> {
        taken.map_err(|limit| RunError::limit(limit, span))
    }

    fn evaluate(&self, node: &Node) -> Run {
        self.limit(self.meter.step(1), node.span)?;
        self.limit(self.meter.enter(), node.span)?;
        let value = self.dispatch(node)?;
        self.meter.leave();
        Ok(value)
    }

    fn dispatch(&self, node: &Node) -> Run {
        match &node.kind {
            Kind::Literal(value) => Ok(value.clone()),
            Kind::Pattern(pattern) => Ok(pattern.as_str().into()),
            Kind::Variable(name) => self.variable(name, node.span),
            Kind::Access(parts, call) => self.access(parts, call.as_ref(), node.span),
            Kind::Call(function, arguments) => {
                let arguments = self.list_of(arguments.as_deref())?;
                self.limit(self.meter.step(sprig::cost(function.name())), node.span)?;
                let value = function.call(self.parameters, &arguments).map_err(|e| RunError::new(e, node.span))?;
                self.limit(self.meter.spend(value.weight()), node.span)?;
                Ok(value)
            }
            Kind::Prefix(symbol, operand) => {
                let value = self.evaluate(operand)?;
                match (*symbol, &value) {
                    ("-", Value::Float(n)) => Ok(Value::Float(-n)),
                    ("!", Value::Bool(b)) => Ok(Value::Bool(!b)),
                    #[allow(clippy::cast_precision_loss)]
                    ("~", Value::Float(n)) => Ok(Value::Float(!go_truncate(*n) as f64)),
                    _ => Err(RunError::new(format!("Value '{value}' cannot be used with the prefix '{symbol}'"), operand.span)
                        .expecting(if *symbol == "!" { "a bool" } else { "a number" })),
                }
            }
            Kind::Binary(..) => self.chain(node),
            Kind::OneOf(inner) => Ok(match self.evaluate(inner)? {
                list @ Value::List(_) => list,
                one => vec![one].into(),
            }),
            Kind::Empty => Ok(Value::Nil),
        }
    }

    /// Operators lean to the left: a long chain is walked down and worked up, without recursion on its length.
    fn chain(&self, node: &Node) -> Run {
        let mut spine = Vec::new();
        let mut at = node;
        while let Kind::Binary(symbol, left, right) = &at.kind {
            spine.push((*symbol, left.as_ref(), right.as_ref()));
            at = left;
        }
        let mut value = self.evaluate(at)?;
        for (symbol, left, right) in spine.into_iter().rev() {
            value = self.binary(symbol, value, left, right)?;
            self.limit(self.meter.spend(value.weight()), right.span)?;
        }
        Ok(value)
    }

    fn variable(&self, name: &str, span: Span) -> Run {
        self.parameters
            .get(name)
            .map(cast)
            .ok_or_else(|| RunError::new(format!("No parameter '{name}' found."), span).because(Cause::Unknown(name.to_owned())))
    }

    fn list_of(&self, arguments: Option<&Node>) -> Result<Vec<Value>, RunError> {
        let Some(node) = arguments else { return Ok(Vec::new()) };
        Ok(match (&node.kind, self.evaluate(node)?) {
            (Kind::Binary(",", ..), Value::List(list)) => list.to_vec(),
            (_, value) => vec![value],
        })
    }

    fn access(&self, parts: &[String], call: Option<&Option<Box<Node>>>, span: Span) -> Run {
        let Some((first, rest)) = parts.split_first() else { return Ok(Value::Nil) };
        let mut value = self.variable(first, span)?;
        let mut path = first.clone();
        for (i, part) in rest.iter().enumerate() {
            if part.chars().next().is_none_or(|c| !c.is_uppercase()) {
                return Err(RunError::new(format!("Unable to access unexported field '{part}' in '{path}'"), span));
            }
            let missing = || RunError::new(format!("No method or field '{part}' present on parameter '{path}'"), span);
            value = match &value {
                Value::Object(object) => {
                    if let (Some(arguments), true) = (call, i + 1 == rest.len()) {
                        let arguments = self.list_of(arguments.as_deref())?;
                        object.call(part, &arguments).ok_or_else(missing)?.map_err(|e| RunError::new(e, span))?
                    } else {
                        object.field(part).ok_or_else(missing)?
                    }
                }
                Value::Map(map) => map.get(part.as_str()).cloned().ok_or_else(missing)?,
                _ => return Err(RunError::new(format!("Unable to access '{part}', '{path}' is not a struct"), span)),
            };
            value = cast(value);
            path = format!("{path}.{part}");
        }
        Ok(value)
    }

    fn binary(&self, symbol: &'static str, a: Value, left: &Node, right: &Node) -> Run {
        let refuse = |value: &Value, at: &Node, kind: &str, what: &'static str| {
            let message = format!("Value '{value}' cannot be used with the {kind} '{symbol}', it is not a {what}");
            Err(RunError::new(message, at.span).expecting(format!("a {what}")))
        };
        // What is decided by the left side does not look at the right one.
        match (symbol, &a) {
            ("&&", Value::Bool(false)) => return Ok(Value::Bool(false)),
            ("||", Value::Bool(true)) => return Ok(Value::Bool(true)),
            ("??" | ":", value) if !matches!(value, Value::Nil) => return Ok(a),
            ("?", Value::Bool(false)) => return Ok(Value::Nil),
            _ => {}
        }
        let b = self.evaluate(right)?;
        match symbol {
            "," => Ok(match a {
                Value::List(list) => list.iter().cloned().chain([b]).collect::<Vec<_>>().into(),
                a => vec![a, b].into(),
            }),
            "?" => {
                if matches!(a, Value::Bool(_)) {
                    Ok(b)
                } else {
                    refuse(&a, left, "ternary operator", "bool")
                }
            }
            ":" | "??" => Ok(b),
            "&&" | "||" => match (&a, &b) {
                (Value::Bool(_), Value::Bool(_)) => Ok(b),
                (Value::Bool(_), _) => refuse(&b, right, "logical operator", "bool"),
                _ => refuse(&a, left, "logical operator", "bool"),
            },
            "==" => Ok((a == b).into()),
            "!=" => Ok((a != b).into()),
            "=~" | "!~" => {
                let Value::String(text) = &a else { return refuse(&a, left, "comparator", "number") };
                let matched = match &right.kind {
                    Kind::Pattern(pattern) => pattern.is_match(text),
                    _ => {
                        let Value::String(pattern) = &b else { return refuse(&b, right, "comparator", "number") };
                        let compiled = regexes::compile(pattern)
                            .map_err(|e| RunError::new(format!("unable to compile regexp pattern '{pattern}': {e}"), right.span))?;
                        compiled.is_match(text)
                    }
                };
                Ok((matched == (symbol == "=~")).into())
            }
            "in" => match &b {
                Value::List(list) => Ok(list.contains(&a).into()),
                other => refuse(other, right, "comparator", "number"),
            },
            "<" | ">" | "<=" | ">=" => {
                let order = match (&a, &b) {
                    (Value::String(x), Value::String(y)) => Some(x.cmp(y)),
                    (Value::Float(x), Value::Float(y)) => x.partial_cmp(y),
                    _ => return refuse(&a, left, "comparator", "number"),
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
                (Value::Float(_), _) if symbol != "+" => refuse(&b, right, "modifier", "number"),
                _ => refuse(&a, left, "modifier", "number"),
            },
        }
    }
}

/// Whole numbers become floats, as the reference casts parameters.
#[allow(clippy::cast_precision_loss)]
fn cast(value: Value) -> Value {
    match value {
        Value::Int(n) => Value::Float(n as f64),
        other => other,
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
