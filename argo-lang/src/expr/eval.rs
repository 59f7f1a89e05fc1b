//! Running the tree.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::ast::{self, Binary, Kind, Node, Unary};
use super::{builtins, dates, functions};
use crate::budget::Meter;
use crate::{Budget, Cause, Env, Limit, RunError, Span, Value, methods, sprig};

/// Levels of nodes that a stack of 2 MB holds: the parser lets no deeper tree pass, predicates nest in it.
const CEILING: usize = 400;
/// Deepest value.
const MOST_NESTING: usize = 500;
/// Longest range.
const MOST_RANGE: i64 = 1_000_000;

pub(super) type Run = Result<Value, RunError>;

/// What a node sees: the environment, variables of `let`, the element of the innermost predicate.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    env: &'a dyn Env,
    bound: Option<&'a Bound<'a>>,
    element: Option<&'a Element>,
    meter: &'a Meter,
}

struct Bound<'a> {
    name: &'a str,
    value: Value,
    outer: Option<&'a Bound<'a>>,
}

/// What `#`, `#index` and `#acc` mean.
pub(super) struct Element {
    pub(super) value: Value,
    pub(super) index: i64,
    pub(super) accumulated: Value,
}

pub(super) fn run(root: &Node, env: &dyn Env, budget: &Budget) -> Run {
    let meter = Meter::new(budget, CEILING);
    Scope { env, bound: None, element: None, meter: &meter }.eval(root)
}

impl<'a> Scope<'a> {
    /// The same scope inside a predicate.
    pub(super) fn with(self, element: &'a Element) -> Scope<'a> {
        Scope { element: Some(element), ..self }
    }

    pub(super) fn eval(self, node: &Node) -> Run {
        let limit = |limit| RunError::limit(limit, node.span);
        self.meter.step(1).and_then(|()| self.meter.enter()).map_err(limit)?;
        let value = self.dispatch(node)?;
        self.meter.leave();
        if matches!(node.kind, Kind::Binary(..) | Kind::Call(..) | Kind::Slice(..) | Kind::List(_) | Kind::Map(_)) {
            self.meter.spend(value.weight()).map_err(limit)?;
        }
        Ok(value)
    }

    fn dispatch(self, node: &Node) -> Run {
        match &node.kind {
            Kind::Literal(value) => Ok(value.clone()),
            Kind::Name(name) => self.name(name, node.span),
            Kind::Pointer(which) => self.pointer(which, node.span),
            Kind::Unary(operator, operand) => unary(*operator, &self.eval(operand)?, node.span),
            Kind::Ordered(first, rest) => self.ordered(first, rest, node.span),
            Kind::Unless(first, otherwise) => {
                if self.truth(first)? {
                    Ok(Value::Bool(true))
                } else {
                    self.eval(otherwise)
                }
            }
            Kind::Matches(operand, pattern) => match (self.eval(operand)?, &pattern.compiled) {
                (Value::String(s), Ok(pattern)) => Ok(Value::Bool(pattern.is_match(&s))),
                (_, Err(error)) => Err(RunError::new(error.clone(), node.span)),
                (other, _) => {
                    Err(RunError::new(format!("invalid operation: matches (mismatched types {} and string)", other.kind()), node.span))
                }
            },
            Kind::Binary(..) => self.binary(node),
            Kind::Conditional(condition, then, otherwise) => {
                if self.truth(condition)? {
                    self.eval(then)
                } else {
                    self.eval(otherwise)
                }
            }
            Kind::Chain(inner) => self.chain(inner),
            Kind::Member { .. } => self.member(node, false),
            Kind::Slice(of, from, to) => self.slice(of, from.as_deref(), to.as_deref(), node.span),
            Kind::Call(function, arguments) => self.call(function, arguments, node.span),
            Kind::List(list) => {
                let value = list.iter().map(|n| self.eval(n)).collect::<Result<Vec<_>, _>>().map(Value::from)?;
                nesting(value, node.span)
            }
            Kind::Map(pairs) => {
                let mut map = BTreeMap::new();
                for (key, value) in pairs {
                    let key = match self.eval(key)? {
                        Value::String(s) => s,
                        other => other.to_string().into(),
                    };
                    map.insert(key, self.eval(value)?);
                }
                nesting(Value::Map(Arc::new(map)), node.span)
            }
            Kind::Let(name, value, body) => {
                let bound = Bound { name, value: self.eval(value)?, outer: self.bound };
                Scope { bound: Some(&bound), ..self }.eval(body)
            }
            Kind::Sequence(list) => {
                let mut last = Value::Nil;
                for node in list {
                    last = self.eval(node)?;
                }
                Ok(last)
            }
        }
    }

    fn ordered(self, first: &Node, rest: &[(Binary, Node)], span: Span) -> Run {
        let mut left = self.eval(first)?;
        for (operator, right) in rest {
            let right = self.eval(right)?;
            if compute(*operator, &left, &right, span)? != Value::Bool(true) {
                return Ok(Value::Bool(false));
            }
            left = right;
        }
        Ok(Value::Bool(true))
    }

    pub(super) fn truth(self, node: &Node) -> Result<bool, RunError> {
        match self.eval(node)? {
            Value::Bool(b) => Ok(b),
            other => {
                Err(RunError::new(format!("non-bool expression (type {}) used as condition", other.kind()), node.span).expecting("bool"))
            }
        }
    }

    fn bound(self, name: &str) -> Option<Value> {
        let mut next = self.bound;
        while let Some(bound) = next {
            if bound.name == name {
                return Some(bound.value.clone());
            }
            next = bound.outer;
        }
        None
    }

    fn name(self, name: &str, span: Span) -> Run {
        // A builtin function is not a value: upstream reads its name as nil.
        let known = || match name {
            "sprig" => Some(sprig::map().clone()),
            _ => functions::known(name).then_some(Value::Nil),
        };
        self.bound(name)
            .or_else(|| self.env.get(name))
            .or_else(known)
            .ok_or_else(|| RunError::new(format!("unknown name {name}"), span).because(Cause::Unknown(name.to_owned())))
    }

    fn pointer(self, which: &str, span: Span) -> Run {
        let element = self.element.ok_or_else(|| RunError::new("cannot use pointer accessor outside predicate", span))?;
        match which {
            "" => Ok(element.value.clone()),
            "acc" => Ok(element.accumulated.clone()),
            "index" => Ok(Value::Int(element.index)),
            _ => Err(RunError::new(format!("unknown pointer #{which}"), span)),
        }
    }

    // Members of an optional chain are nil once something in it was nil.
    fn chain(self, inner: &Node) -> Run {
        self.member(inner, true)
    }

    fn member(self, node: &Node, chained: bool) -> Run {
        let Kind::Member { of, property, optional } = &node.kind else { return self.eval(node) };
        if matches!(&of.kind, Kind::Name(name) if name == "$env")
            && let Value::String(name) = self.eval(property)?
        {
            return self.name(&name, node.span).or_else(|e| if *optional { Ok(Value::Nil) } else { Err(e) });
        }
        let parent = if chained && matches!(of.kind, Kind::Member { .. }) { self.member(of, true)? } else { self.eval(of)? };
        if matches!(parent, Value::Nil) && (*optional || (chained && short_circuits(of))) {
            return Ok(Value::Nil);
        }
        let key = self.eval(property)?;
        let found = fetch(&parent, &key, node.span);
        match found {
            Err(error) if error.cause == Cause::Failed && matches!(parent, Value::Nil) => Err(match ast::path(node) {
                Some(path) => error.because(Cause::Unknown(path)),
                None => error,
            }),
            other => other,
        }
    }

    fn slice(self, of: &Node, from: Option<&Node>, to: Option<&Node>, span: Span) -> Run {
        let value = self.eval(of)?;
        let length = match &value {
            Value::String(s) => s.len(),
            Value::List(list) => list.len(),
            other => return Err(RunError::new(format!("cannot slice {}", other.kind()), span)),
        };
        let length_int = i64::try_from(length).unwrap_or(i64::MAX);
        let bound = |node: Option<&Node>, default: i64| -> Result<usize, RunError> {
            let n = match node.map(|n| self.eval(n)).transpose()? {
                None => default,
                Some(Value::Int(n)) => n,
                Some(other) => return Err(RunError::new(format!("cannot use {} as slice index", other.kind()), span)),
            };
            let n = if n < 0 { n.saturating_add(length_int) } else { n };
            Ok(usize::try_from(n.clamp(0, length_int)).unwrap_or_default())
        };
        let (start, end) = (bound(from, 0)?, bound(to, length_int)?);
        let start = start.min(end);
        match value {
            // By bytes, as upstream does; a cut within a character becomes the replacement character.
            Value::String(s) => Ok(Value::from(crate::go::text::lossy(s.as_bytes().get(start..end).unwrap_or_default()))),
            Value::List(list) => Ok(Value::List(list.get(start..end).unwrap_or_default().into())),
            other => Ok(other),
        }
    }

    fn call(self, function: &Node, arguments: &[Node], span: Span) -> Run {
        if let Kind::Name(name) = &function.kind {
            let found = self.bound(name).or_else(|| self.env.get(name));
            let found = match found {
                Some(Value::Function(function)) => Value::Function(function),
                _ if functions::known(name) => return builtins::call(self, name, arguments, span),
                Some(other) => return Err(RunError::new(format!("{} is not callable", other.kind()), span)),
                None => return self.name(name, function.span),
            };
            return self.apply(&found, arguments, span);
        }
        let callee = self.eval(function)?;
        self.apply(&callee, arguments, function.span)
    }

    fn apply(self, callee: &Value, arguments: &[Node], span: Span) -> Run {
        match callee {
            Value::Function(function) => {
                let values = arguments.iter().map(|a| self.eval(a)).collect::<Result<Vec<_>, _>>()?;
                self.meter.step(sprig::cost(function.name())).map_err(|limit| RunError::limit(limit, span))?;
                function.call(self.env, &values).map_err(|e| RunError::new(e, span))
            }
            Value::Nil => Err(RunError::new("invalid operation: cannot call nil", span)),
            other => Err(RunError::new(format!("invalid operation: cannot call non-function of type {}", other.kind()), span)),
        }
    }

    /// The environment of the run.
    pub(super) fn env(self) -> &'a dyn Env {
        self.env
    }

    /// Operators lean to the left: a long chain is walked down and worked up, without recursion on its length.
    fn binary(self, node: &Node) -> Run {
        let mut spine = Vec::new();
        let mut at = node;
        while let Kind::Binary(operator, left, right) = &at.kind {
            spine.push((*operator, left.as_ref(), right.as_ref(), at.span));
            at = left;
        }
        let mut value = self.eval(at)?;
        for (operator, left, right, span) in spine.into_iter().rev() {
            value = match operator {
                Binary::And | Binary::Or => {
                    let Value::Bool(decided) = value else {
                        return Err(RunError::new(format!("non-bool expression (type {}) used as condition", value.kind()), left.span));
                    };
                    Value::Bool(if decided == (operator == Binary::Or) { decided } else { self.truth(right)? })
                }
                Binary::Coalesce => {
                    if matches!(value, Value::Nil) {
                        self.eval(right)?
                    } else {
                        value
                    }
                }
                _ => compute(operator, &value, &self.eval(right)?, span)?,
            };
        }
        Ok(value)
    }
}

/// A value that is not nested too deeply: what walks through it must end.
fn nesting(value: Value, span: Span) -> Run {
    if value.nests_deeper_than(MOST_NESTING) { Err(RunError::new("the value is nested too deeply", span)) } else { Ok(value) }
}

fn short_circuits(node: &Node) -> bool {
    match &node.kind {
        Kind::Member { of, optional, .. } => *optional || short_circuits(of),
        _ => false,
    }
}

/// A member of a value.
pub(super) fn fetch(parent: &Value, key: &Value, span: Span) -> Run {
    match (parent, key) {
        (Value::Map(map), Value::String(key)) => Ok(map.get(key).cloned().unwrap_or_default()),
        (Value::Map(_), _) => Ok(Value::Nil),
        (Value::Pairs(pairs), key) => Ok(pairs.iter().find(|(k, _)| k == key).map(|(_, v)| v.clone()).unwrap_or_default()),
        (Value::List(list), Value::Int(index)) => at(list.len(), *index)
            .and_then(|i| list.get(i).cloned())
            .ok_or_else(|| RunError::new(format!("index out of range: {index} (array length is {})", list.len()), span)),
        (Value::String(s), Value::Int(index)) => at(s.len(), *index)
            .and_then(|i| s.as_bytes().get(i))
            .map(|byte| Value::Int(i64::from(*byte)))
            .ok_or_else(|| RunError::new(format!("index out of range: {index} (array length is {})", s.len()), span)),
        (Value::Time(_) | Value::Duration(_) | Value::Object(_), Value::String(name)) if methods::has(parent, name) => {
            Ok(methods::method(parent, name).unwrap_or_default())
        }
        (Value::Object(object), Value::String(name)) if object.field(name).is_some() => Ok(object.field(name).unwrap_or_default()),
        (parent, key) => Err(RunError::new(format!("cannot fetch {key} from {}", parent.kind()), span)),
    }
}

fn at(length: usize, index: i64) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    usize::try_from(if index < 0 { index.checked_add(length)? } else { index }).ok()
}

fn unary(operator: Unary, value: &Value, span: Span) -> Run {
    match (operator, value) {
        (Unary::Not, Value::Bool(b)) => Ok(Value::Bool(!b)),
        (Unary::Minus, Value::Int(n)) => Ok(Value::Int(n.wrapping_neg())),
        (Unary::Minus, Value::Float(n)) => Ok(Value::Float(-n)),
        (Unary::Plus, Value::Int(_) | Value::Float(_)) => Ok(value.clone()),
        (operator, other) => {
            let symbol = match operator {
                Unary::Not => "!",
                Unary::Minus => "-",
                Unary::Plus => "+",
            };
            Err(RunError::new(format!("invalid operation: {symbol} (mismatched type {})", other.kind()), span))
        }
    }
}

fn compute(operator: Binary, a: &Value, b: &Value, span: Span) -> Run {
    use Binary as B;
    let mismatch = || {
        let symbol = symbol(operator);
        RunError::new(format!("invalid operation: {symbol} (mismatched types {} and {})", a.kind(), b.kind()), span)
    };
    match operator {
        B::Equal => return Ok(Value::Bool(a == b)),
        B::NotEqual => return Ok(Value::Bool(a != b)),
        B::In => {
            return match (a, b) {
                (_, Value::List(list)) => Ok(Value::Bool(list.contains(a))),
                (Value::String(key), Value::Map(map)) => Ok(Value::Bool(map.contains_key(key))),
                (_, Value::Pairs(pairs)) => Ok(Value::Bool(pairs.iter().any(|(k, _)| k == a))),
                (_, Value::Map(_) | Value::Nil) => Ok(Value::Bool(false)),
                _ => Err(mismatch()),
            };
        }
        _ => {}
    }
    match (a, b) {
        (Value::String(x), Value::String(y)) => Ok(match operator {
            B::Add => Value::from(format!("{x}{y}")),
            B::Less => Value::Bool(x < y),
            B::Greater => Value::Bool(x > y),
            B::LessEqual => Value::Bool(x <= y),
            B::GreaterEqual => Value::Bool(x >= y),
            B::Contains => Value::Bool(x.contains(y.as_ref())),
            B::StartsWith => Value::Bool(x.starts_with(y.as_ref())),
            B::EndsWith => Value::Bool(x.ends_with(y.as_ref())),
            B::Matches => {
                let pattern = sprig::regexes::compile(y).map_err(|e| RunError::new(e, span))?;
                Value::Bool(pattern.is_match(x))
            }
            _ => return Err(mismatch()),
        }),
        (Value::Int(x), Value::Int(y)) => Ok(match operator {
            B::Add => Value::Int(x.wrapping_add(*y)),
            B::Subtract => Value::Int(x.wrapping_sub(*y)),
            B::Multiply => Value::Int(x.wrapping_mul(*y)),
            B::Modulo => Value::Int(x.checked_rem(*y).ok_or_else(|| RunError::new("integer divide by zero", span))?),
            B::Range => {
                if y.saturating_sub(*x).saturating_add(1) >= MOST_RANGE {
                    return Err(RunError::limit(Limit::Memory, span));
                }
                (*x..=*y).map(Value::Int).collect::<Vec<_>>().into()
            }
            _ => return floats(operator, a, b).ok_or_else(mismatch),
        }),
        _ => match dates::compute(operator, a, b) {
            Some(result) => result.map_err(|e| RunError::new(e, span)),
            None => floats(operator, a, b).ok_or_else(mismatch),
        },
    }
}

fn floats(operator: Binary, a: &Value, b: &Value) -> Option<Value> {
    use Binary as B;
    let (x, y) = (a.as_f64()?, b.as_f64()?);
    Some(match operator {
        B::Add => Value::Float(x + y),
        B::Subtract => Value::Float(x - y),
        B::Multiply => Value::Float(x * y),
        B::Divide => Value::Float(x / y),
        B::Power => Value::Float(x.powf(y)),
        B::Less => Value::Bool(x < y),
        B::Greater => Value::Bool(x > y),
        B::LessEqual => Value::Bool(x <= y),
        B::GreaterEqual => Value::Bool(x >= y),
        _ => return None,
    })
}

pub(super) fn symbol(operator: Binary) -> &'static str {
    use Binary as B;
    match operator {
        B::Or => "||",
        B::And => "&&",
        B::Coalesce => "??",
        B::Equal => "==",
        B::NotEqual => "!=",
        B::Less => "<",
        B::Greater => ">",
        B::LessEqual => "<=",
        B::GreaterEqual => ">=",
        B::In => "in",
        B::Matches => "matches",
        B::Contains => "contains",
        B::StartsWith => "startsWith",
        B::EndsWith => "endsWith",
        B::Range => "..",
        B::Add => "+",
        B::Subtract => "-",
        B::Multiply => "*",
        B::Divide => "/",
        B::Modulo => "%",
        B::Power => "**",
    }
}
