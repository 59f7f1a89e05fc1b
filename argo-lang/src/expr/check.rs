//! Types of expressions before they run, as the reference's compiler checks them against its environment.

use super::ast::{Binary, Kind, Node, Unary};
use super::{Types, functions};
use crate::nearest;
use crate::{ParseError, Span, Value, methods};

/// What an expression is known to be before it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Type {
    /// Anything: known when it runs.
    Any,
    /// Nothing.
    Nil,
    /// True or false.
    Bool,
    /// A whole number.
    Int,
    /// A floating-point number.
    Float,
    /// A text.
    String,
    /// A list of such elements.
    List(Box<Type>),
    /// A map of texts to such values.
    Map(Box<Type>),
    /// A map with keys of any kind.
    Pairs,
    /// A point in time.
    Time,
    /// A length of time.
    Duration,
    /// A function.
    Function,
    /// A value with methods, by its Go type.
    Object(String),
}

impl Type {
    /// The type of a value; elements of lists and maps may be anything.
    #[must_use]
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Nil => Self::Nil,
            Value::Bool(_) => Self::Bool,
            Value::Int(_) => Self::Int,
            Value::Float(_) => Self::Float,
            Value::String(_) => Self::String,
            Value::List(_) => Self::List(Box::new(Self::Any)),
            Value::Map(_) => Self::Map(Box::new(Self::Any)),
            Value::Pairs(_) => Self::Pairs,
            Value::Duration(_) => Self::Duration,
            Value::Time(_) => Self::Time,
            Value::Function(_) => Self::Function,
            Value::Object(object) => Self::Object(object.type_name().to_owned()),
        }
    }

    /// The type as Go names it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Any | Self::Nil => "unknown".to_owned(),
            Self::Bool => "bool".to_owned(),
            Self::Int => "int".to_owned(),
            Self::Float => "float64".to_owned(),
            Self::String => "string".to_owned(),
            Self::List(_) => "[]interface {}".to_owned(),
            Self::Map(_) => "map[string]interface {}".to_owned(),
            Self::Pairs => "map[interface {}]interface {}".to_owned(),
            Self::Time => "time.Time".to_owned(),
            Self::Duration => "time.Duration".to_owned(),
            Self::Function => "func(...interface {}) (interface {}, error)".to_owned(),
            Self::Object(name) => name.clone(),
        }
    }

    pub(super) fn is_any(&self) -> bool {
        *self == Self::Any
    }

    pub(super) fn is_number(&self) -> bool {
        matches!(self, Self::Int | Self::Float)
    }

    pub(super) fn list() -> Self {
        Self::List(Box::new(Self::Any))
    }

    fn element(&self) -> Self {
        match self {
            Self::List(inner) => inner.as_ref().clone(),
            _ => Self::Any,
        }
    }
}

type Checked = Result<Type, ParseError>;

pub(super) fn check(root: &Node, types: &dyn Types) -> Checked {
    Checker { types, bound: Vec::new(), element: Vec::new() }.node(root)
}

fn unknown(name: &str, span: Span, called: bool) -> ParseError {
    let error = ParseError::new(format!("unknown name {name}"), span).naming();
    if called { error.expecting(nearest::known("function", name, functions::NAMES)) } else { error.expecting("a name that is known here") }
}

struct Checker<'a> {
    types: &'a dyn Types,
    bound: Vec<(String, Type)>,
    element: Vec<(Type, Type)>,
}

fn fail(message: impl Into<String>, span: Span) -> Checked {
    Err(ParseError::new(message, span))
}

impl Checker<'_> {
    fn node(&mut self, node: &Node) -> Checked {
        let span = node.span;
        match &node.kind {
            Kind::Literal(Value::Nil) => Ok(Type::Nil),
            Kind::Literal(value) => Ok(Type::of(value)),
            Kind::Name(name) => self.name(name, span),
            Kind::Pointer(which) => match (which.as_str(), self.element.last()) {
                (_, None) => fail("cannot use pointer accessor outside predicate", span),
                ("", Some((element, _))) => Ok(element.clone()),
                ("acc", Some((_, acc))) => Ok(acc.clone()),
                ("index", _) => Ok(Type::Int),
                (other, _) => fail(format!("unknown pointer #{other}"), span),
            },
            Kind::Unary(operator, operand) => self.unary(*operator, operand, span),
            Kind::Matches(operand, pattern) => {
                if let Err(error) = &pattern.compiled {
                    return fail(error.clone(), span);
                }
                match self.node(operand)? {
                    Type::String | Type::Any => Ok(Type::Bool),
                    other => fail(format!("invalid operation: matches (mismatched types {} and string)", other.name()), span),
                }
            }
            Kind::Binary(..) => {
                let mut spine = Vec::new();
                let mut at = node;
                while let Kind::Binary(operator, left, right) = &at.kind {
                    spine.push((*operator, left.as_ref(), right.as_ref(), at.span));
                    at = left;
                }
                let mut of = self.node(at)?;
                for (operator, left, right, span) in spine.into_iter().rev() {
                    let types = (of, self.node(right)?);
                    of = self.binary(operator, (left, right), types, span)?;
                }
                Ok(of)
            }
            Kind::Conditional(condition, then, otherwise) => {
                let of = self.node(condition)?;
                if !matches!(of, Type::Bool | Type::Any) {
                    return fail(format!("non-bool expression (type {}) used as condition", of.name()), condition.span);
                }
                let (then, otherwise) = (self.node(then)?, self.node(otherwise)?);
                Ok(match (then, otherwise) {
                    (a, b) if a == b => a,
                    (Type::Nil, b) => b,
                    (a, Type::Nil) => a,
                    _ => Type::Any,
                })
            }
            Kind::Unless(first, otherwise) => {
                let of = self.node(first)?;
                if !matches!(of, Type::Bool | Type::Any) {
                    return fail(format!("non-bool expression (type {}) used as condition", of.name()), first.span);
                }
                let otherwise = self.node(otherwise)?;
                Ok(if of == otherwise || otherwise == Type::Nil { of } else { Type::Any })
            }
            Kind::Ordered(first, rest) => {
                let mut left = (first.as_ref(), self.node(first)?);
                for (operator, right) in rest {
                    let of = self.node(right)?;
                    self.binary(*operator, (left.0, right), (left.1, of.clone()), span)?;
                    left = (right, of);
                }
                Ok(Type::Bool)
            }
            Kind::Chain(inner) => self.node(inner),
            Kind::Member { of, property, optional } => self.member(of, property, *optional, span),
            Kind::Slice(of, from, to) => {
                let base = self.node(of)?;
                if !matches!(base, Type::String | Type::List(_) | Type::Any) {
                    return fail(format!("cannot slice {}", base.name()), span);
                }
                for bound in [from, to].into_iter().flatten() {
                    let index = self.node(bound)?;
                    if !matches!(index, Type::Int | Type::Any) {
                        return fail(format!("non-integer slice index {}", index.name()), bound.span);
                    }
                }
                Ok(base)
            }
            Kind::Call(function, arguments) => self.call(function, arguments, span),
            Kind::List(list) => {
                let mut types = Vec::new();
                for item in list {
                    types.push(self.node(item)?);
                }
                let first = types.first().cloned().unwrap_or(Type::Any);
                let same = types.iter().all(|t| *t == first) && first != Type::Nil;
                Ok(Type::List(Box::new(if same { first } else { Type::Any })))
            }
            Kind::Map(pairs) => {
                for (key, value) in pairs {
                    self.node(key)?;
                    self.node(value)?;
                }
                Ok(Type::Map(Box::new(Type::Any)))
            }
            Kind::Let(name, value, body) => {
                if self.types.get(name).is_some() {
                    return fail(format!("cannot redeclare {name}"), span);
                }
                if functions::known(name) {
                    return fail(format!("cannot redeclare builtin {name}"), span);
                }
                if self.bound.iter().any(|(n, _)| n == name) {
                    return fail(format!("cannot redeclare variable {name}"), span);
                }
                let of = self.node(value)?;
                self.bound.push((name.clone(), if of == Type::Nil { Type::Any } else { of }));
                let result = self.node(body);
                self.bound.pop();
                result
            }
            Kind::Sequence(list) => {
                let mut last = Type::Nil;
                for item in list {
                    last = self.node(item)?;
                }
                Ok(last)
            }
        }
    }

    fn find(&self, name: &str) -> Option<Type> {
        self.bound.iter().rev().find(|(n, _)| n == name).map(|(_, t)| t.clone()).or_else(|| self.types.get(name))
    }

    fn name(&self, name: &str, span: Span) -> Checked {
        if name == "$env" {
            return Ok(Type::Map(Box::new(Type::Any)));
        }
        match self.find(name) {
            Some(found) => Ok(found),
            None if name == "sprig" => Ok(Type::Map(Box::new(Type::Any))),
            None if functions::known(name) => Ok(Type::Function),
            None => Err(unknown(name, span, false)),
        }
    }

    fn unary(&mut self, operator: Unary, operand: &Node, span: Span) -> Checked {
        let of = self.node(operand)?;
        let (symbol, fits) = match operator {
            Unary::Not => ("!", of == Type::Bool),
            Unary::Minus => ("-", of.is_number()),
            Unary::Plus => ("+", of.is_number()),
        };
        if fits || of.is_any() {
            return Ok(if operator == Unary::Not { Type::Bool } else { of });
        }
        fail(format!("invalid operation: {symbol} (mismatched type {})", of.name()), span)
    }

    fn binary(&self, operator: Binary, (left, right): (&Node, &Node), (l, r): (Type, Type), span: Span) -> Checked {
        use Binary as B;
        let either = |fits: fn(&Type) -> bool| (l.is_any() || fits(&l)) && (r.is_any() || fits(&r));
        let number: fn(&Type) -> bool = Type::is_number;
        let unknown = l.is_any() || r.is_any();
        let temporal = |t: &Type| matches!(t, Type::Time | Type::Duration);
        let found = match operator {
            B::Or | B::And => either(|t| *t == Type::Bool).then_some(Type::Bool),
            B::Coalesce => Some(if l == Type::Nil {
                r.clone()
            } else if l == r {
                l.clone()
            } else {
                Type::Any
            }),
            B::Equal | B::NotEqual => comparable(&l, &r).then_some(Type::Bool),
            B::Less | B::Greater | B::LessEqual | B::GreaterEqual => {
                (either(number) || either(|t| *t == Type::String) || either(|t| *t == Type::Time) || either(|t| *t == Type::Duration))
                    .then_some(Type::Bool)
            }
            B::In => return self.contained(&l, &r, left, span),
            B::Matches | B::Contains | B::StartsWith | B::EndsWith => either(|t| *t == Type::String).then_some(Type::Bool),
            B::Range => either(|t| *t == Type::Int).then(|| Type::List(Box::new(Type::Int))),
            B::Modulo => either(|t| *t == Type::Int).then_some(Type::Int),
            B::Divide | B::Power => either(number).then_some(Type::Float),
            B::Add => match (&l, &r) {
                (Type::String, Type::String) => Some(Type::String),
                (Type::Time, Type::Duration) | (Type::Duration, Type::Time) => Some(Type::Time),
                (Type::Duration, Type::Duration) => Some(Type::Duration),
                (Type::Any, other) | (other, Type::Any)
                    if number(other) || temporal(other) || matches!(other, Type::String | Type::Any) =>
                {
                    Some(Type::Any)
                }
                _ => None,
            },
            B::Subtract => match (&l, &r) {
                (Type::Time, Type::Time) | (Type::Duration, Type::Duration) => Some(Type::Duration),
                (Type::Time, Type::Duration) => Some(Type::Time),
                (Type::Any, other) | (other, Type::Any) if number(other) || temporal(other) || other.is_any() => Some(Type::Any),
                _ => None,
            },
            B::Multiply => match (&l, &r) {
                (Type::Duration, other) | (other, Type::Duration) if number(other) => Some(Type::Any),
                (Type::Any, other) | (other, Type::Any) if number(other) || *other == Type::Duration || other.is_any() => Some(Type::Any),
                _ => None,
            },
        };
        let arithmetic = matches!(operator, B::Add | B::Subtract | B::Multiply) && number(&l) && number(&r);
        let found = found.or_else(|| arithmetic.then(|| if l == Type::Int && r == Type::Int { Type::Int } else { Type::Float }));
        if let Some(found) = found {
            if operator == B::Modulo
                && !unknown
                && matches!(right.kind, Kind::Literal(Value::Int(0)))
                && matches!(left.kind, Kind::Literal(_))
            {
                return fail("integer divide by zero", span);
            }
            return Ok(found);
        }
        fail(format!("invalid operation: {} (mismatched types {} and {})", super::eval::symbol(operator), l.name(), r.name()), span)
    }

    fn contained(&self, l: &Type, r: &Type, left: &Node, span: Span) -> Checked {
        match r {
            Type::Any | Type::Pairs => Ok(Type::Bool),
            Type::Map(_) => {
                if matches!(l, Type::String | Type::Any) {
                    Ok(Type::Bool)
                } else {
                    fail(format!("cannot use {} as type string in map key", l.name()), span)
                }
            }
            Type::List(inner) => {
                if comparable(l, inner) {
                    Ok(Type::Bool)
                } else {
                    fail(format!("cannot use {} as type {} in array", l.name(), inner.name()), left.span)
                }
            }
            Type::Object(_) if matches!(l, Type::String | Type::Any) => Ok(Type::Bool),
            other => fail(format!("invalid operation: in (mismatched types {} and {})", l.name(), other.name()), span),
        }
    }

    fn member(&mut self, of: &Node, property: &Node, optional: bool, span: Span) -> Checked {
        let base = self.node(of)?;
        let key = self.node(property)?;
        if matches!(&of.kind, Kind::Name(name) if name == "$env")
            && let Kind::Literal(Value::String(name)) = &property.kind
        {
            return self.name(name, span).or_else(|e| if optional { Ok(Type::Any) } else { Err(e) });
        }
        let named = if let Kind::Literal(Value::String(name)) = &property.kind { Some(name) } else { None };
        match &base {
            Type::Any => Ok(Type::Any),
            Type::Map(inner) => {
                if matches!(key, Type::String | Type::Any) {
                    Ok(inner.as_ref().clone())
                } else {
                    fail(format!("cannot use {} to get an element from {}", key.name(), base.name()), span)
                }
            }
            Type::Pairs => Ok(Type::Any),
            Type::List(inner) => {
                if matches!(key, Type::Int | Type::Any) {
                    Ok(inner.as_ref().clone())
                } else {
                    fail(format!("array elements can only be selected using an integer (got {})", key.name()), span)
                }
            }
            Type::Object(_) => Ok(Type::Any),
            Type::Time | Type::Duration => {
                let sample = if base == Type::Time { Value::from(crate::go::time::zero()) } else { Value::Duration(0) };
                match named {
                    Some(name) if methods::has(&sample, name) => Ok(Type::Function),
                    _ => fail(format!("type {} has no field {}", base.name(), named.map_or("", |n| n)), span),
                }
            }
            Type::Nil | Type::Bool | Type::Int | Type::Float | Type::String | Type::Function => {
                let name = if base == Type::Nil { "nil".to_owned() } else { base.name() };
                match named {
                    Some(field) => fail(format!("type {name} has no field {field}"), span),
                    None => fail(format!("type {name}[{}] is undefined", key.name()), span),
                }
            }
        }
    }

    fn call(&mut self, function: &Node, arguments: &[Node], span: Span) -> Checked {
        let Kind::Name(name) = &function.kind else {
            let of = self.node(function)?;
            for argument in arguments {
                self.node(argument)?;
            }
            if !matches!(of, Type::Function | Type::Any) {
                return fail(format!("{} is not callable", of.name()), function.span);
            }
            return Ok(self.result_of(function));
        };
        let found = self.find(name);
        if !functions::known(name) || found == Some(Type::Function) {
            match found {
                Some(Type::Function | Type::Any) => {}
                Some(other) => return fail(format!("{} is not callable", other.name()), span),
                None => return Err(unknown(name, function.span, true)),
            }
            for argument in arguments {
                self.node(argument)?;
            }
            return Ok(Type::Any);
        }
        if functions::takes_predicate(name, arguments.len()) {
            return self.predicate(name, arguments, span);
        }
        let mut types = Vec::new();
        for argument in arguments {
            types.push(self.node(argument)?);
        }
        functions::result(name, &types).or_else(|error| match error {
            functions::Wrong::Call(message) => fail(message, span),
            functions::Wrong::Argument(index, message) => fail(message, arguments.get(index).map_or(span, |n| n.span)),
        })
    }

    /// What a method gives, where that is known.
    fn result_of(&mut self, function: &Node) -> Type {
        let Kind::Member { of, property, .. } = &function.kind else { return Type::Any };
        let Kind::Literal(Value::String(name)) = &property.kind else { return Type::Any };
        match (self.node(of), name.as_ref()) {
            (Ok(Type::Time), "Format" | "String") | (Ok(Type::Duration), "String") => Type::String,
            (Ok(Type::Time), "Add" | "AddDate" | "Truncate" | "Round" | "In" | "UTC" | "Local") => Type::Time,
            (Ok(Type::Time), "Before" | "After" | "Equal" | "IsZero" | "IsDST") => Type::Bool,
            (Ok(Type::Time), "Sub") | (Ok(Type::Duration), "Abs" | "Round" | "Truncate") => Type::Duration,
            (Ok(Type::Duration), "Seconds" | "Minutes" | "Hours") => Type::Float,
            (Ok(Type::Time), "Year" | "Day" | "Hour" | "Minute" | "Second" | "YearDay" | "Unix") => Type::Int,
            _ => Type::Any,
        }
    }

    fn predicate(&mut self, name: &str, arguments: &[Node], span: Span) -> Checked {
        let most = match name {
            "reduce" | "sortBy" => 3,
            _ => 2,
        };
        let [of, body, rest @ ..] = arguments else {
            return fail(format!("not enough arguments to call {name}"), span);
        };
        if arguments.len() > most {
            return fail(format!("too many arguments to call {name}"), span);
        }
        let list = self.node(of)?;
        if !matches!(list, Type::List(_) | Type::Any) {
            return fail(format!("builtin {name} takes only array (got {})", list.name()), of.span);
        }
        let mut acc = Type::Any;
        for extra in rest {
            acc = self.node(extra)?;
        }
        let element = list.element();
        self.element.push((element.clone(), if name == "reduce" { Type::Any } else { acc }));
        let given = self.node(body);
        self.element.pop();
        let given = given?;
        if given == Type::Nil {
            return fail("predicate should has one input and one output param", body.span);
        }
        let truth =
            matches!(name, "all" | "any" | "none" | "one" | "filter" | "find" | "findIndex" | "findLast" | "findLastIndex" | "count");
        if truth && !matches!(given, Type::Bool | Type::Any) {
            return fail(format!("predicate should return boolean (got {})", given.name()), body.span);
        }
        Ok(match name {
            "all" | "any" | "none" | "one" => Type::Bool,
            "filter" => Type::List(Box::new(element)),
            "map" => Type::List(Box::new(given)),
            "find" | "findLast" => element,
            "findIndex" | "findLastIndex" | "count" => Type::Int,
            "groupBy" => Type::Pairs,
            "sortBy" => Type::list(),
            "sum" => given,
            _ => Type::Any,
        })
    }
}

fn comparable(l: &Type, r: &Type) -> bool {
    let same_kind = |a: &Type, b: &Type| std::mem::discriminant(a) == std::mem::discriminant(b);
    l.is_any()
        || r.is_any()
        || *l == Type::Nil
        || *r == Type::Nil
        || (l.is_number() && r.is_number())
        || same_kind(l, r)
        || matches!((l, r), (Type::Object(_), other) | (other, Type::Object(_)) if other.is_number())
}
