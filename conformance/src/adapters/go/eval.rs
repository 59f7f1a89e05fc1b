//! Evaluating that Go over JSON values. What is not understood is opaque: an assertion over it is left out, never guessed.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::names::{EMBEDDED, constant, json_name};
use super::syntax::{Expr, Statement, expression, statements};

/// Why evaluation stopped.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Stop {
    /// Not understood: skip what depends on it.
    Opaque(String),
    /// An assertion does not hold.
    Failed(String),
}

type Evaluated = Result<Value, Stop>;

/// The world that the code talks to.
pub(crate) trait Host {
    /// An object that lives in the host, such as `woc`.
    fn object(&self, name: &str) -> Option<Value>;
    /// Takes back such an object after a change; false when it is none of the host's.
    fn replace(&mut self, name: &str, value: Value) -> bool;
    /// Calls a function by its path (`util.Stop`, `x.Workflows().Get`); none when there is no such function.
    fn call(&mut self, path: &str, arguments: &[Value]) -> Option<Result<Value, String>>;
}

/// A host without objects and functions.
pub(crate) struct Nobody;

impl Host for Nobody {
    fn object(&self, _name: &str) -> Option<Value> {
        None
    }

    fn replace(&mut self, _name: &str, _value: Value) -> bool {
        false
    }

    fn call(&mut self, _path: &str, _arguments: &[Value]) -> Option<Result<Value, String>> {
        None
    }
}

/// Variables, and the host.
pub(crate) struct Machine<'h, H> {
    pub(crate) host: &'h mut H,
    pub(crate) variables: BTreeMap<String, Value>,
    aliases: BTreeMap<String, String>,
    /// How many assertions were looked at.
    pub(crate) checked: usize,
    /// Something was changed in a way that is not understood: what follows means nothing.
    pub(crate) lost: bool,
}

fn opaque<T>(what: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Opaque(what.into()))
}

impl<'h, H: Host> Machine<'h, H> {
    pub(crate) fn new(host: &'h mut H) -> Self {
        Self { host, variables: BTreeMap::new(), aliases: BTreeMap::new(), checked: 0, lost: false }
    }

    /// Evaluates source text.
    pub(crate) fn evaluate(&mut self, source: &str) -> Evaluated {
        let expr = expression(source).map_err(Stop::Opaque)?;
        self.value(&expr)
    }

    /// Runs statements; what is opaque in them is left out, except in conditions.
    pub(crate) fn run(&mut self, source: &str) -> Result<(), Stop> {
        let list = statements(source).map_err(Stop::Opaque)?;
        self.all(&list)
    }

    /// `targets := source`, where targets is a list of names and paths. Other targets than the first become nil.
    pub(crate) fn bind(&mut self, targets: &str, source: &str) -> Result<(), Stop> {
        let targets: Result<Vec<Expr>, String> = targets.split(',').map(|t| expression(t.trim())).collect();
        let expr = expression(source).map_err(Stop::Opaque)?;
        self.assign(&targets.map_err(Stop::Opaque)?, &expr)
    }

    /// Makes variables unknown that could not be bound. Where an object was to be changed, all is lost.
    pub(crate) fn forget(&mut self, targets: &str) {
        for name in targets.split(',') {
            self.variables.remove(name.trim());
            self.lost |= name.contains('.') || name.contains('[');
        }
    }

    /// Makes the flags and counters unknown that source text names.
    pub(crate) fn forget_flags(&mut self, source: &str) {
        let words: Vec<&str> = source.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
        // Where the source was cut short it may have named any.
        let cut = source.contains("{...}");
        self.variables.retain(|name, value| value.as_object().is_some_and(|o| !o.is_empty()) || !(cut || words.contains(&name.as_str())));
    }

    /// One assertion of testify: its kind and arguments.
    pub(crate) fn assert(&mut self, kind: &str, arguments: &[String]) -> Result<(), Stop> {
        let exprs: Result<Vec<Expr>, String> = arguments.iter().map(|a| expression(a)).collect();
        self.check(kind, &exprs.map_err(Stop::Opaque)?)
    }

    fn all(&mut self, list: &[Statement]) -> Result<(), Stop> {
        for statement in list {
            match self.one(statement) {
                Err(Stop::Opaque(_)) if matches!(statement, Statement::Do(_)) => {}
                other => other?,
            }
        }
        Ok(())
    }

    fn one(&mut self, statement: &Statement) -> Result<(), Stop> {
        match statement {
            Statement::Nothing => Ok(()),
            Statement::Do(expr) => self.value(expr).map(drop),
            Statement::Set(targets, expr) => self.assign(targets, expr),
            Statement::Increment(target) => {
                let number = self.value(target)?.as_f64().unwrap_or_default() + 1.0;
                self.store(target, json!(number))
            }
            Statement::If(condition, then, otherwise) => {
                let branch = if truth(&self.value(condition)?) { then } else { otherwise };
                self.all(branch)
            }
            Statement::Each { key, value, over, body } => {
                let entries: Vec<(Value, Value)> = match self.value(over)? {
                    Value::Array(list) => list.into_iter().enumerate().map(|(i, v)| (json!(i), v)).collect(),
                    Value::Object(map) => map.into_iter().map(|(k, v)| (json!(k), v)).collect(),
                    Value::Null => Vec::new(),
                    _ => return opaque("a loop over no list"),
                };
                for (k, v) in entries {
                    self.variables.insert(key.clone(), k);
                    if !value.is_empty() {
                        self.variables.insert(value.clone(), v);
                    }
                    self.all(body)?;
                }
                Ok(())
            }
        }
    }

    fn assign(&mut self, targets: &[Expr], expr: &Expr) -> Result<(), Stop> {
        let mut targets = targets.iter();
        let first = targets.next();
        if let (Some(Expr::Name(name)), Some(path)) = (first, self.path(expr)) {
            if let Some(client) = ["Workflows()", "Pods()", "ConfigMaps()", "WorkflowTaskSets()"].iter().find(|c| path.ends_with(**c)) {
                self.aliases.insert(name.clone(), (*client).to_owned());
                return Ok(());
            }
            if let Expr::Field(base, method) = expr {
                // A method value, called later: `id := wf.NodeID`.
                if method == "NodeID" {
                    let base = self.value(base)?;
                    self.variables.insert(format!("{name}()"), base);
                    return Ok(());
                }
            }
        }
        let value = self.value(expr)?;
        for rest in targets {
            if let Expr::Name(name) = rest {
                // The second result: an error, or whether a map had the key.
                let second = match name.as_str() {
                    "ok" => json!(!value.is_null()),
                    _ if value.is_null() && self.path(expr).is_some_and(|p| p.ends_with("GetNodeByName()")) => json!("no such node"),
                    _ => Value::Null,
                };
                self.variables.insert(name.clone(), second);
            }
        }
        match first {
            Some(target) => self.store(target, value),
            None => Ok(()),
        }
    }

    fn store(&mut self, target: &Expr, value: Value) -> Result<(), Stop> {
        if let Expr::Name(name) = target {
            if name != "_" {
                self.variables.insert(name.clone(), value);
            }
            return Ok(());
        }
        let mut steps = Vec::new();
        let root = self.steps(target, &mut steps)?;
        let mut object = match self.variables.get(&root).cloned() {
            Some(object) => object,
            None => match self.host.object(&root) {
                Some(object) => object,
                None => return opaque(format!("{root} is not known")),
            },
        };
        let mut place = &mut object;
        for step in &steps {
            if let (Value::Array(list), Ok(index)) = (&mut *place, step.parse::<usize>()) {
                // Taken again below: the borrow checker wants one path.
                if index >= list.len() {
                    return opaque("an index out of range");
                }
            } else if !place.is_array() && !place.is_object() {
                *place = Value::Object(Map::new());
            }
            place = match place {
                Value::Array(list) => match step.parse::<usize>().ok().and_then(|i| list.get_mut(i)) {
                    Some(inner) => inner,
                    None => return opaque("an index out of range"),
                },
                Value::Object(map) => {
                    let key = if !map.contains_key(step) && map.contains_key("metadata") && in_metadata(step) { None } else { Some(step) };
                    match key {
                        Some(key) => map.entry(key.clone()).or_insert(Value::Null),
                        None => match map.get_mut("metadata").and_then(Value::as_object_mut) {
                            Some(metadata) => metadata.entry(step.clone()).or_insert(Value::Null),
                            None => return opaque("no metadata"),
                        },
                    }
                }
                _ => return opaque("a path through no object"),
            };
        }
        *place = value;
        if let Some(variable) = self.variables.get_mut(&root) {
            *variable = object;
            Ok(())
        } else if self.host.replace(&root, object) {
            Ok(())
        } else {
            opaque(format!("{root} cannot be changed"))
        }
    }

    // The root of a path and the JSON steps to its end.
    fn steps(&mut self, expr: &Expr, steps: &mut Vec<String>) -> Result<String, Stop> {
        match expr {
            Expr::Name(name) => Ok(name.clone()),
            Expr::Field(base, name) => {
                let root = self.steps(base, steps)?;
                if !EMBEDDED.contains(&name.as_str()) || name == "Container" {
                    steps.push(json_name(name));
                }
                Ok(root)
            }
            Expr::Index(base, index) => {
                let root = self.steps(base, steps)?;
                steps.push(match self.value(index)? {
                    Value::String(key) => key,
                    other => other.as_f64().map(|n| format!("{n}")).unwrap_or_default(),
                });
                Ok(root)
            }
            _ => opaque("no place to store to"),
        }
    }

    // `a.B().C` for a chain of fields and calls from a name.
    fn path(&self, expr: &Expr) -> Option<String> {
        match expr {
            Expr::Name(name) => Some(self.aliases.get(name).cloned().unwrap_or_else(|| name.clone())),
            Expr::Field(base, name) => Some(format!("{}.{name}", self.path(base)?)),
            Expr::Call(callee, _) => Some(format!("{}()", self.path(callee)?)),
            _ => None,
        }
    }

    fn value(&mut self, expr: &Expr) -> Evaluated {
        match expr {
            Expr::Text(text) => Ok(json!(text)),
            Expr::Number(number) => Ok(json!(number)),
            Expr::Name(name) => self.name(name),
            Expr::Field(base, field) => {
                if let Expr::Name(package) = &**base
                    && !self.variables.contains_key(package)
                    && let Some(value) = constant(package, field)
                {
                    return Ok(value);
                }
                let base = self.value(base)?;
                Ok(select(&base, field))
            }
            Expr::Index(base, index) => {
                let (base, index) = (self.value(base)?, self.value(index)?);
                Ok(match (&base, &index) {
                    (Value::Object(map), Value::String(key)) => map.get(key).cloned().unwrap_or_default(),
                    (Value::Array(list), Value::Number(_)) => {
                        let at = whole(&index);
                        match list.get(at) {
                            Some(value) => value.clone(),
                            None => return Err(Stop::Failed(format!("there are {} entries, number {at} is wanted", list.len()))),
                        }
                    }
                    (Value::Null, _) => return Err(Stop::Failed("an entry of nothing is wanted".to_owned())),
                    _ => return opaque("an index"),
                })
            }
            Expr::Call(callee, arguments) => self.called(callee, arguments),
            Expr::Literal { map, list, entries } => self.literal(*map, *list, entries),
            Expr::Not(inner) => Ok(json!(!truth(&self.value(inner)?))),
            Expr::Minus(inner) => Ok(json!(-self.value(inner)?.as_f64().unwrap_or_default())),
            Expr::Binary(sign, left, right) => self.binary(sign, left, right),
            Expr::Opaque(what) => opaque(what.clone()),
        }
    }

    fn name(&mut self, name: &str) -> Evaluated {
        match name {
            "nil" => Ok(Value::Null),
            "true" => Ok(json!(true)),
            "false" => Ok(json!(false)),
            _ => match self.variables.get(name).cloned().or_else(|| self.host.object(name)) {
                Some(value) => Ok(value),
                None => opaque(format!("{name} is not known")),
            },
        }
    }

    fn literal(&mut self, map: bool, list: bool, entries: &[(Option<Expr>, Expr)]) -> Evaluated {
        let keyed = entries.iter().any(|(key, _)| key.is_some());
        if list || (!map && !keyed && !entries.is_empty()) {
            return entries.iter().map(|(_, value)| self.value(value)).collect();
        }
        let mut out = Map::new();
        for (key, value) in entries {
            let value = self.value(value)?;
            match key {
                Some(Expr::Name(field)) if !map => {
                    if EMBEDDED.contains(&field.as_str()) && field != "Container" {
                        if let Value::Object(fields) = value {
                            out.extend(fields);
                        }
                    } else {
                        out.insert(json_name(field), value);
                    }
                }
                Some(key) => {
                    let key = self.value(key)?;
                    out.insert(key.as_str().unwrap_or_default().to_owned(), value);
                }
                None => return opaque("a literal with and without keys"),
            }
        }
        Ok(Value::Object(out))
    }

    fn binary(&mut self, sign: &str, left: &Expr, right: &Expr) -> Evaluated {
        let left = self.value(left)?;
        match sign {
            "&&" if !truth(&left) => return Ok(json!(false)),
            "||" if truth(&left) => return Ok(json!(true)),
            _ => {}
        }
        let right = self.value(right)?;
        let (a, b) = (left.as_f64().unwrap_or_default(), right.as_f64().unwrap_or_default());
        Ok(match sign {
            "&&" | "||" => json!(truth(&right)),
            "==" => json!(same(&left, &right)),
            "!=" => json!(!same(&left, &right)),
            "<" => json!(a < b),
            ">" => json!(a > b),
            "<=" => json!(a <= b),
            ">=" => json!(a >= b),
            "+" => match (&left, &right) {
                (Value::String(x), Value::String(y)) => json!(format!("{x}{y}")),
                _ => json!(a + b),
            },
            "-" => json!(a - b),
            "*" => json!(a * b),
            _ => return opaque(format!("the operator {sign}")),
        })
    }

    fn called(&mut self, callee: &Expr, arguments: &[Expr]) -> Evaluated {
        // `assert.Equal(t, a, b)` inside a loop.
        if let Expr::Field(base, kind) = callee
            && matches!(&**base, Expr::Name(n) if n == "assert" || n == "require")
        {
            let skip = usize::from(matches!(arguments.first(), Some(Expr::Name(t)) if t == "t"));
            self.check(kind, arguments.get(skip..).unwrap_or_default())?;
            return Ok(Value::Null);
        }
        let values: Vec<Evaluated> = arguments.iter().map(|a| self.value(a)).collect();
        if let Some(path) = self.path(callee) {
            let plain: Vec<Value> = values.iter().map(|v| v.clone().unwrap_or_default()).collect();
            let writes = path.ends_with(".Create") || path.ends_with(".Update");
            if writes && values.iter().skip(1).take(1).any(Result::is_err) {
                self.lost = true;
                return opaque("what is written is not known");
            }
            if let Some(result) = self.host.call(&path, &plain) {
                return result.map_err(Stop::Opaque);
            }
            if let Some(object) = self.variables.get(&format!("{path}()")) {
                let name = plain.first().and_then(Value::as_str).unwrap_or_default();
                return Ok(json!(argo_core::ids::node_id(select(object, "Name").as_str().unwrap_or_default(), name)));
            }
        }
        let values: Vec<Value> = values.into_iter().collect::<Result<_, _>>()?;
        match callee {
            Expr::Name(function) => builtin(function, &values),
            Expr::Field(base, method) => {
                if let Expr::Name(package) = &**base {
                    match (package.as_str(), method.as_str(), values.as_slice()) {
                        ("strings", "Contains", [s, part]) => return Ok(json!(text(s).contains(&text(part)))),
                        ("strings", "HasPrefix", [s, part]) => return Ok(json!(text(s).starts_with(&text(part)))),
                        ("strings", "HasSuffix", [s, part]) => return Ok(json!(text(s).ends_with(&text(part)))),
                        ("fmt", "Sprintf", [format, rest @ ..]) => return Ok(json!(formatted(&text(format), rest))),
                        ("json", "Marshal", [value]) => return Ok(json!(value.to_string())),
                        ("wfv1", "AnyStringPtr" | "Progress", [value])
                        | ("metav1", "ConditionStatus", [value])
                        | ("ptr" | "pointer", "To" | "String", [value]) => return Ok(value.clone()),
                        _ => {}
                    }
                }
                let base = self.value(base)?;
                method_of(&base, method, &values)
            }
            _ => opaque("a call"),
        }
    }

    fn check(&mut self, kind: &str, arguments: &[Expr]) -> Result<(), Stop> {
        let kind = kind.trim_end_matches('f');
        if kind == "NotPanics" {
            return opaque("a function");
        }
        let wanted = match kind {
            "Equal" | "NotEqual" | "Len" | "Contains" | "NotContains" | "ElementsMatch" | "JSONEq" | "EqualError" | "ErrorContains" => 2,
            "InDelta" | "InEpsilon" => 3,
            _ => 1,
        };
        let mut values = Vec::new();
        for argument in arguments.iter().take(wanted) {
            values.push(self.value(argument)?);
        }
        self.checked = self.checked.saturating_add(1);
        let holds = match (kind, values.as_slice()) {
            ("Equal" | "EqualValues", [a, b]) => same(a, b),
            ("JSONEq", [a, b]) => {
                let read = |v: &Value| serde_json::from_str::<Value>(&text(v)).ok();
                read(a).is_some() && read(a) == read(b)
            }
            ("NotEqual", [a, b]) => !same(a, b),
            ("NotNil", [a]) => !a.is_null(),
            ("Nil" | "NoError", [a]) => a.is_null(),
            ("Error", [a]) => !a.is_null(),
            ("Empty" | "Zero", [a]) => zero(a),
            ("NotEmpty" | "NotZero", [a]) => !zero(a),
            ("True", [a]) => truth(a),
            ("False", [a]) => !truth(a),
            ("Len", [a, n]) => length(a) == whole(n),
            ("Contains", [a, part]) => holds(a, part),
            ("NotContains", [a, part]) => !holds(a, part),
            ("ErrorContains", [a, part]) => text(a).contains(&text(part)),
            ("EqualError", [a, b]) => text(a) == text(b),
            ("ElementsMatch", [Value::Array(a), Value::Array(b)]) => {
                a.len() == b.len() && a.iter().all(|x| b.iter().any(|y| same(x, y))) && b.iter().all(|x| a.iter().any(|y| same(x, y)))
            }
            ("InDelta" | "InEpsilon", [a, b, delta]) => {
                let number = |v: &Value| v.as_f64().unwrap_or_default();
                (number(a) - number(b)).abs() <= number(delta)
            }
            _ => {
                self.checked = self.checked.saturating_sub(1);
                return opaque(format!("the assertion {kind}"));
            }
        };
        if holds { Ok(()) } else { Err(Stop::Failed(format!("{kind}({})", shown(&values)))) }
    }
}

fn shown(values: &[Value]) -> String {
    let short = |v: &Value| v.to_string().chars().take(160).collect::<String>();
    values.iter().map(short).collect::<Vec<_>>().join(", ")
}

fn in_metadata(key: &str) -> bool {
    ["name", "namespace", "labels", "annotations", "ownerReferences", "uid", "finalizers", "generateName", "creationTimestamp"]
        .contains(&key)
}

/// A field of an object, by its Go name.
pub(crate) fn select(base: &Value, field: &str) -> Value {
    let key = json_name(field);
    if let Some(value) = base.get(&key) {
        return value.clone();
    }
    if in_metadata(&key)
        && let Some(value) = base.get("metadata").and_then(|m| m.get(&key))
    {
        return value.clone();
    }
    if EMBEDDED.contains(&field) && field != "Container" { base.clone() } else { Value::Null }
}

fn builtin(function: &str, values: &[Value]) -> Evaluated {
    match (function, values) {
        ("len", [value]) => Ok(json!(length(value))),
        ("string" | "float64" | "uint64" | "int64" | "int" | "int32" | "new" | "append", [value]) => Ok(value.clone()),
        ("make", _) => Ok(json!({})),
        ("findNodeByName", [nodes, name]) => Ok(find(nodes, "name", &text(name))),
        ("nodeWithTemplateName", [name]) => Ok(json!({"templateName": name})),
        ("nodeWithDisplayName", [name]) => Ok(json!({"displayName": name})),
        ("nodeWithName", [name]) => Ok(json!({"name": name})),
        _ => opaque(format!("the function {function}")),
    }
}

fn find(nodes: &Value, key: &str, name: &str) -> Value {
    let found = nodes.as_object().into_iter().flatten().find(|(_, n)| n.get(key).and_then(Value::as_str) == Some(name));
    found.map(|(_, n)| n.clone()).unwrap_or_default()
}

fn method_of(base: &Value, method: &str, values: &[Value]) -> Evaluated {
    let named = |list: &str, name: &Value| -> Value {
        let all = base.get(list).and_then(Value::as_array).into_iter().flatten();
        all.into_iter().find(|p| p.get("name") == Some(name)).cloned().unwrap_or_default()
    };
    let phase = || base.get("phase").and_then(Value::as_str).unwrap_or_default();
    match (method, values) {
        ("String" | "DeepCopy" | "Error" | "GetStrVal", []) => Ok(base.clone()),
        ("GetName", []) => Ok(select(base, "Name")),
        ("GetNamespace", []) => Ok(select(base, "Namespace")),
        ("GetLabels", []) => Ok(select(base, "Labels")),
        ("GetNodeByName", [name]) => Ok(find(&base.pointer("/status/nodes").cloned().unwrap_or_default(), "name", &text(name))),
        ("FindByDisplayName", [name]) => Ok(find(base, "displayName", &text(name))),
        ("FindByName", [name]) => Ok(find(base, "name", &text(name))),
        ("Find", [Value::Object(by)]) => match by.iter().next() {
            Some((key, name)) => Ok(find(base, key, &text(name))),
            None => opaque("a predicate"),
        },
        ("Any", [Value::Object(by)]) => match by.iter().next() {
            Some((key, name)) => Ok(json!(!find(base, key, &text(name)).is_null())),
            None => opaque("a predicate"),
        },
        ("GetParameterByName", [name]) => Ok(named("parameters", name)),
        ("GetArtifactByName", [name]) => Ok(named("artifacts", name)),
        ("GetTemplateByName", [name]) => {
            let all = base.pointer("/spec/templates").and_then(Value::as_array).into_iter().flatten();
            Ok(all.into_iter().find(|t| t.get("name") == Some(name)).cloned().unwrap_or_default())
        }
        ("NodeID", [name]) => Ok(json!(argo_core::ids::node_id(select(base, "Name").as_str().unwrap_or_default(), &text(name)))),
        ("IsExitNode", []) => Ok(json!(base.get("displayName").and_then(Value::as_str).is_some_and(|n| n.ends_with(".onExit")))),
        ("IsDaemoned", []) => Ok(json!(base.get("daemoned").and_then(Value::as_bool).unwrap_or_default())),
        ("Successful", []) => Ok(json!(phase() == "Succeeded")),
        ("Failed", []) => Ok(json!(matches!(phase(), "Failed" | "Error"))),
        ("Fulfilled", []) => Ok(json!(matches!(phase(), "Succeeded" | "Failed" | "Error" | "Skipped" | "Omitted"))),
        ("Completed", []) => Ok(json!(matches!(phase(), "Succeeded" | "Failed" | "Error"))),
        _ => opaque(format!("the method {method}")),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn formatted(format: &str, values: &[Value]) -> String {
    let mut values = values.iter();
    let mut out = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('%') => out.push('%'),
            Some('q') => out.push_str(&values.next().map(ToString::to_string).unwrap_or_default()),
            _ => out.push_str(&values.next().map(text).unwrap_or_default()),
        }
    }
    out
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn whole(value: &Value) -> usize {
    value.as_f64().map(|n| n.max(0.0) as usize).unwrap_or_default()
}

fn length(value: &Value) -> usize {
    match value {
        Value::Array(list) => list.len(),
        Value::Object(map) => map.len(),
        Value::String(text) => text.len(),
        _ => 0,
    }
}

/// Go's zero values: what the API leaves out.
pub(crate) fn zero(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(n) => n.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.values().all(zero),
        Value::Bool(true) => false,
    }
}

fn truth(value: &Value) -> bool {
    value.as_bool().unwrap_or_default()
}

/// Equality where an absent field is a zero value, and numbers may have become texts.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x.as_f64() == y.as_f64(),
        (Value::Number(n), Value::String(s)) | (Value::String(s), Value::Number(n)) => {
            n.to_string() == *s || n.as_f64().map(|n| n.to_string()).as_ref() == Some(s)
        }
        (Value::Object(x), Value::Object(y)) => {
            x.keys().chain(y.keys()).all(|k| same(x.get(k).unwrap_or(&Value::Null), y.get(k).unwrap_or(&Value::Null)))
        }
        (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y)),
        (a, b) => a == b || (zero(a) && zero(b)),
    }
}

fn holds(container: &Value, part: &Value) -> bool {
    match container {
        Value::Array(list) => list.iter().any(|v| same(v, part)),
        Value::Object(map) => part.as_str().is_some_and(|k| map.contains_key(k)),
        other => text(other).contains(&text(part)),
    }
}
