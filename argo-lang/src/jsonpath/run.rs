//! Walking a document.

use super::{Missing, Node, Slice};
use crate::budget::Meter;
use crate::go::json;
use crate::{Budget, Limit, RunError, Span, Value};

/// Ranges within ranges, and levels of a document for `..`, that a stack of 2 MB holds.
const CEILING: usize = 100;
const MOST_DEPTH: usize = 500;
/// What a value that is found costs: steps, and the bytes of a list of values.
const STEPS: u64 = 10;
const BYTES: usize = 32;

type Found = Result<Vec<Item>, RunError>;

/// A value, or none at all: what a range over nothing leaves to its body.
type Item = Option<Value>;

fn fail<T>(message: impl Into<String>) -> Result<T, RunError> {
    // The place comes with the node, in `walk`.
    Err(RunError::new(message, Span::default()))
}

pub(super) fn find(nodes: &[Node], document: &Value, missing: Missing, budget: &Budget) -> Result<Vec<Vec<Value>>, RunError> {
    let mut walker = Walker { nodes, missing, begin: 0, end: 0, inside: 0, last_end: None, meter: Meter::new(budget, CEILING) };
    let found = walker.block(0, &Some(document.clone()))?;
    Ok(found.into_iter().map(|list| list.into_iter().flatten().collect()).collect())
}

struct Walker<'a> {
    nodes: &'a [Node],
    missing: Missing,
    /// Ranges and ends that were met and not yet handled.
    begin: usize,
    end: usize,
    /// How many ranges are around.
    inside: usize,
    last_end: Option<usize>,
    meter: Meter,
}

impl Walker<'_> {
    /// Pays for values that were found.
    fn count(&self, found: usize) -> Result<(), RunError> {
        let steps = STEPS.saturating_mul(u64::try_from(found).unwrap_or(u64::MAX));
        let taken = self.meter.step(steps).and_then(|()| self.meter.spend(found.saturating_mul(BYTES)));
        taken.map_err(|limit| RunError::limit(limit, Span::default()))
    }

    /// The pieces of the template from one on, until the end of the range that they stand in.
    fn block(&mut self, from: usize, current: &Item) -> Result<Vec<Vec<Item>>, RunError> {
        let mut out = Vec::new();
        let mut at = from;
        while let Some(node) = self.nodes.get(at) {
            self.count(1)?;
            let results = self.walk(vec![current.clone()], node)?;
            if self.end > 0 && self.end <= self.inside {
                self.end -= 1;
                self.last_end = Some(at);
                break;
            }
            if self.begin > 0 {
                self.begin -= 1;
                self.inside += 1;
                self.meter.enter().map_err(|limit| RunError::limit(limit, Span::default()))?;
                if results.is_empty() {
                    self.block(at + 1, &None)?;
                }
                for value in &results {
                    let inner = self.block(at + 1, value)?;
                    out.extend(inner);
                }
                self.inside -= 1;
                self.meter.leave();
                at = self.last_end.filter(|end| *end > at).unwrap_or(at) + 1;
                continue;
            }
            out.push(results);
            at += 1;
        }
        Ok(out)
    }

    fn list(&mut self, mut input: Vec<Item>, nodes: &[Node]) -> Found {
        for node in nodes {
            input = self.walk(input, node)?;
        }
        Ok(input)
    }

    fn walk(&mut self, input: Vec<Item>, node: &Node) -> Found {
        let found = match node {
            Node::At(span, inner) => {
                let placed = |e: RunError| if e.span == Span::default() { RunError { span: *span, ..e } } else { e };
                return self.walk(input, inner).map_err(placed);
            }
            Node::List(nodes) => return self.list(input, nodes),
            Node::Text(text) => vec![Some(text.as_str().into())],
            Node::Number(value) => vec![Some(value.clone()); input.len()],
            Node::Field(name) => return self.field(&input, name),
            Node::Slice(slice) => sliced(&input, *slice)?,
            Node::Filter { left, operator, right } => self.filter(&input, left, operator, right)?,
            Node::Wildcard => input.iter().flatten().flat_map(children).map(Some).collect(),
            Node::Recursive => {
                let mut out = Vec::new();
                for value in input.iter().flatten() {
                    self.descend(value, &mut out, 0)?;
                }
                out
            }
            Node::Union(lists) => {
                let mut out = Vec::new();
                for nodes in lists {
                    let found = self.list(input.clone(), nodes)?;
                    out.extend(found);
                }
                out
            }
            Node::Identifier(name) => match name.as_str() {
                "range" => {
                    self.begin += 1;
                    input
                }
                "end" if self.inside > 0 => {
                    self.end += 1;
                    Vec::new()
                }
                "end" => return fail("not in range, nothing to end"),
                other => return fail(format!("unrecognized identifier {other}")),
            },
        };
        self.count(found.len())?;
        Ok(found)
    }

    fn field(&mut self, input: &[Item], name: &str) -> Found {
        if input.is_empty() {
            return Ok(Vec::new());
        }
        let found: Vec<Item> = input
            .iter()
            .flatten()
            .filter_map(|value| if let Value::Map(map) = value { map.get(name).cloned() } else { None })
            .map(Some)
            .collect();
        if found.is_empty() && self.missing == Missing::Error {
            return fail(format!("{name} is not found"));
        }
        self.count(found.len())?;
        Ok(found)
    }

    fn filter(&mut self, input: &[Item], left: &[Node], operator: &str, right: &[Node]) -> Found {
        let mut out = Vec::new();
        for value in input {
            let Some(Value::List(list)) = value else {
                let shown = value.as_ref().map_or("<invalid reflect.Value>".to_owned(), ToString::to_string);
                return fail(format!("{shown} is not array or slice and cannot be filtered"));
            };
            for item in list.iter() {
                self.count(1)?;
                let lefts = self.list(vec![Some(item.clone())], left);
                if operator == "exists" {
                    if lefts.is_ok_and(|l| !l.is_empty()) {
                        out.push(Some(item.clone()));
                    }
                    continue;
                }
                let lefts = lefts?;
                let Some(a) = single(&lefts)? else { continue };
                let rights = self.list(vec![Some(item.clone())], right)?;
                let Some(b) = single(&rights)? else { continue };
                if compare(operator, a, b)? {
                    out.push(Some(item.clone()));
                }
            }
        }
        Ok(out)
    }

    fn descend(&self, value: &Value, out: &mut Vec<Item>, depth: usize) -> Result<(), RunError> {
        if depth > MOST_DEPTH {
            return Err(RunError::limit(Limit::Depth, Span::default()));
        }
        self.count(1)?;
        match value {
            Value::List(list) if !list.is_empty() => {
                out.push(Some(value.clone()));
                list.iter().try_for_each(|v| self.descend(v, out, depth + 1))
            }
            Value::Map(map) if !map.is_empty() => {
                out.push(Some(value.clone()));
                map.values().try_for_each(|v| self.descend(v, out, depth + 1))
            }
            Value::String(s) if !s.is_empty() => {
                out.push(Some(value.clone()));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn single(found: &[Item]) -> Result<Option<&Value>, RunError> {
    match found {
        [] => Ok(None),
        [one] => Ok(Some(one.as_ref().unwrap_or(&Value::Nil))),
        _ => fail("can only compare one element at a time"),
    }
}

/// Elements of lists and values of maps.
fn children(value: &Value) -> Vec<Value> {
    match value {
        Value::List(list) => list.to_vec(),
        Value::Map(map) => map.values().cloned().collect(),
        Value::String(s) => s.bytes().map(|b| Value::Int(b.into())).collect(),
        _ => Vec::new(),
    }
}

fn sliced(input: &[Item], slice: Slice) -> Found {
    let mut out = Vec::new();
    for value in input {
        let list = match value {
            Some(Value::List(list)) => list,
            Some(Value::Nil) => continue,
            Some(other) => return fail(format!("{} is not array or slice", other.kind())),
            None => return fail("there is nothing to take an element of"),
        };
        let length = i64::try_from(list.len()).unwrap_or(i64::MAX);
        let mut from = slice.from.unwrap_or(0);
        if from < 0 {
            from = from.saturating_add(length);
        }
        let mut to = slice.to.unwrap_or(length);
        if to < 0 || (to == 0 && slice.single) {
            to = to.saturating_add(length);
        }
        if from == to {
            return Ok(out);
        }
        if from >= length || from < 0 {
            return fail(format!("array index out of bounds: index {from}, length {length}"));
        }
        if to > length || to < 0 {
            return fail(format!("array index out of bounds: index {}, length {length}", to.saturating_sub(1)));
        }
        if from > to {
            return fail(format!("starting index {from} is greater than ending index {to}"));
        }
        let step = slice.step.unwrap_or(1);
        let step = usize::try_from(step).ok().filter(|s| *s > 0).ok_or_else(|| RunError::new("step must be > 0", Span::default()))?;
        let at = |n: i64| usize::try_from(n).unwrap_or(0);
        out.extend(list.get(at(from)..at(to)).unwrap_or_default().iter().step_by(step).cloned().map(Some));
    }
    Ok(out)
}

fn compare(operator: &str, a: &Value, b: &Value) -> Result<bool, RunError> {
    use std::cmp::Ordering as O;
    let order = match (a, b) {
        (Value::Bool(x), Value::Bool(y)) => {
            return match operator {
                "==" => Ok(x == y),
                "!=" => Ok(x != y),
                "<" | ">" | "<=" | ">=" => fail("invalid type for comparison"),
                other => fail(format!("unrecognized filter operator {other}")),
            };
        }
        (Value::Int(x), Value::Int(y)) => Some(x.cmp(y)),
        (Value::Float(x), Value::Float(y)) => x.partial_cmp(y),
        (Value::String(x), Value::String(y)) => Some(x.cmp(y)),
        (
            Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::String(_),
            Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::String(_),
        ) => {
            return fail("incompatible types for comparison");
        }
        _ => return fail("invalid type for comparison"),
    };
    Ok(match operator {
        "==" => order == Some(O::Equal),
        "!=" => order != Some(O::Equal),
        "<" => order == Some(O::Less),
        ">" => order == Some(O::Greater),
        "<=" => matches!(order, Some(O::Less | O::Equal)),
        ">=" => matches!(order, Some(O::Greater | O::Equal)),
        other => return fail(format!("unrecognized filter operator {other}")),
    })
}

pub(super) fn print(found: &[Vec<Value>], budget: &Budget) -> Result<String, RunError> {
    let mut out = String::new();
    for results in found {
        for (i, value) in results.iter().enumerate() {
            if i > 0 {
                out.push(' ');
            }
            match value {
                Value::List(_) | Value::Map(_) => out.push_str(&json::encode(value, true).map_err(|e| RunError::new(e, Span::default()))?),
                Value::Nil => out.push_str("null"),
                other => out.push_str(&other.to_string()),
            }
            if out.len() > budget.bytes {
                return Err(RunError::limit(Limit::Memory, Span::default()));
            }
        }
    }
    Ok(out)
}
