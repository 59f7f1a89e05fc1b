//! What the builtin functions take and give, for checks before a run.

use super::check::Type;

/// Names of all functions.
pub(super) const NAMES: [&str; 75] = [
    "abs",
    "all",
    "any",
    "bitand",
    "bitnand",
    "bitnot",
    "bitor",
    "bitshl",
    "bitshr",
    "bitushr",
    "bitxor",
    "ceil",
    "concat",
    "count",
    "date",
    "duration",
    "filter",
    "find",
    "findIndex",
    "findLast",
    "findLastIndex",
    "first",
    "flatten",
    "float",
    "floor",
    "fromBase64",
    "fromJSON",
    "fromPairs",
    "get",
    "groupBy",
    "hasPrefix",
    "hasSuffix",
    "indexOf",
    "int",
    "join",
    "keys",
    "last",
    "lastIndexOf",
    "len",
    "lower",
    "map",
    "max",
    "mean",
    "median",
    "min",
    "none",
    "now",
    "one",
    "reduce",
    "repeat",
    "replace",
    "reverse",
    "round",
    "sort",
    "sortBy",
    "split",
    "splitAfter",
    "string",
    "sum",
    "take",
    "timezone",
    "toBase64",
    "toJSON",
    "toPairs",
    "trim",
    "trimPrefix",
    "trimSuffix",
    "type",
    "uniq",
    "upper",
    "values",
    "asInt",
    "asFloat",
    "jsonpath",
    "toJson",
];

/// Whether there is a function of that name.
pub(super) fn known(name: &str) -> bool {
    NAMES.contains(&name)
}

/// Whether the second argument is evaluated for each element of the first.
pub(super) fn takes_predicate(name: &str, arguments: usize) -> bool {
    match name {
        "all" | "any" | "none" | "one" | "filter" | "map" | "find" | "findIndex" | "findLast" | "findLastIndex" | "groupBy" | "sortBy"
        | "reduce" => true,
        "count" | "sum" => arguments != 1,
        _ => false,
    }
}

pub(super) enum Wrong {
    Call(String),
    Argument(usize, String),
}

/// The type of a call with arguments of the given types.
pub(super) fn result(name: &str, a: &[Type]) -> Result<Type, Wrong> {
    let count = |least: usize, most: usize| {
        if a.len() < least {
            Err(Wrong::Call(format!("not enough arguments to call {name}")))
        } else if a.len() > most {
            Err(Wrong::Call(format!("too many arguments to call {name}")))
        } else {
            Ok(())
        }
    };
    let is = |index: usize, wanted: &Type| match a.get(index) {
        Some(t) if t != wanted && !t.is_any() => {
            Err(Wrong::Argument(index, format!("cannot use {} as argument (type {}) to call {name}", shown(t), wanted.name())))
        }
        _ => Ok(()),
    };
    let refuse = |what: &str| Err(Wrong::Call(what.to_owned()));
    let first = a.first().cloned().unwrap_or(Type::Nil);
    let name_of_first = shown(&first);
    let listed = |message: String, out: Type| if matches!(first, Type::List(_) | Type::Any) { Ok(out) } else { refuse(&message) };
    let text = Type::String;
    Ok(match name {
        "trim" => {
            count(1, 2)?;
            is(0, &text)?;
            is(1, &text)?;
            text
        }
        "trimPrefix" | "trimSuffix" => {
            count(1, 2)?;
            is(0, &text)?;
            is(1, &text)?;
            text
        }
        "upper" | "lower" | "toBase64" | "fromBase64" => {
            count(1, 1)?;
            is(0, &text)?;
            text
        }
        "split" | "splitAfter" => {
            count(2, 3)?;
            is(0, &text)?;
            is(1, &text)?;
            is(2, &Type::Int)?;
            Type::List(Box::new(text))
        }
        "replace" => {
            count(3, 4)?;
            (0..3).try_for_each(|i| is(i, &text))?;
            is(3, &Type::Int)?;
            text
        }
        "repeat" => {
            count(2, 2)?;
            is(0, &text)?;
            is(1, &Type::Int)?;
            text
        }
        "join" => {
            count(1, 2)?;
            if !matches!(first, Type::List(_) | Type::Any) {
                return refuse(&format!("cannot use {name_of_first} as argument (type []string) to call join"));
            }
            is(1, &text)?;
            text
        }
        "indexOf" | "lastIndexOf" => {
            count(2, 2)?;
            is(0, &text)?;
            is(1, &text)?;
            Type::Int
        }
        "hasPrefix" | "hasSuffix" => {
            count(2, 2)?;
            is(0, &text)?;
            is(1, &text)?;
            Type::Bool
        }
        "len" => {
            arity(a.len(), 1, 1)?;
            match first {
                Type::String | Type::List(_) | Type::Map(_) | Type::Pairs | Type::Any => Type::Int,
                _ => return refuse(&format!("invalid argument for len (type {name_of_first})")),
            }
        }
        "type" | "string" | "toJson" => {
            count(1, 1)?;
            text
        }
        "toJSON" => {
            count(1, 1)?;
            text
        }
        "fromJSON" => {
            count(1, 1)?;
            is(0, &text)?;
            Type::Any
        }
        "int" | "float" => {
            arity(a.len(), 1, 1)?;
            if !(first.is_number() || matches!(first, Type::String | Type::Any | Type::Object(_) | Type::Duration)) {
                return refuse(&format!("invalid argument for {name} (type {name_of_first})"));
            }
            if name == "int" { Type::Int } else { Type::Float }
        }
        "asInt" | "asFloat" => {
            count(1, 1)?;
            Type::Any
        }
        "jsonpath" => {
            count(2, 2)?;
            Type::Any
        }
        "abs" => {
            arity(a.len(), 1, 1)?;
            numeric(name, &first)?;
            first
        }
        "ceil" | "floor" | "round" => {
            arity(a.len(), 1, 1)?;
            numeric(name, &first)?;
            Type::Float
        }
        "bitand" | "bitor" | "bitxor" | "bitnand" | "bitshl" | "bitshr" | "bitushr" => {
            count(2, 2)?;
            is(0, &Type::Int)?;
            is(1, &Type::Int)?;
            Type::Int
        }
        "bitnot" => {
            count(1, 1)?;
            is(0, &Type::Int)?;
            Type::Int
        }
        "max" | "min" => {
            count(1, usize::MAX)?;
            for t in a {
                if !t.is_number() && !matches!(t, Type::Any | Type::List(_)) {
                    return refuse(&format!("invalid argument for {name} (type {})", shown(t)));
                }
            }
            let mut types = a.iter();
            let one = types.next().cloned().unwrap_or(Type::Any);
            if one.is_number() && types.all(|t| *t == one) { one } else { Type::Any }
        }
        "mean" | "median" => {
            count(1, usize::MAX)?;
            for t in a {
                if !t.is_number() && !matches!(t, Type::Any | Type::List(_)) {
                    return refuse(&format!("invalid argument for {name} (type {})", shown(t)));
                }
            }
            Type::Float
        }
        "sum" => {
            listed(format!("cannot sum {name_of_first}"), Type::Any)?;
            if let Type::List(inner) = &first { if inner.is_number() { inner.as_ref().clone() } else { Type::Any } } else { Type::Any }
        }
        "count" => listed(format!("builtin count takes only array (got {name_of_first})"), Type::Int)?,
        "first" | "last" => {
            count(1, 1)?;
            if !matches!(first, Type::List(_) | Type::Any) {
                return refuse(&format!("cannot get {name} element from {name_of_first}"));
            }
            if let Type::List(inner) = &first { inner.as_ref().clone() } else { Type::Any }
        }
        "get" => {
            arity(a.len(), 2, 2)?;
            match (&first, a.get(1)) {
                (Type::Map(inner), Some(Type::String | Type::Any)) | (Type::List(inner), Some(Type::Int | Type::Any)) => {
                    inner.as_ref().clone()
                }
                (Type::Pairs | Type::Any | Type::Object(_), _) => Type::Any,
                (Type::Map(_) | Type::List(_), Some(key)) => {
                    return refuse(&format!("cannot use {} to get an element from {name_of_first}", key.name()));
                }
                _ => return Err(Wrong::Argument(0, format!("type {} does not support indexing", first.name()))),
            }
        }
        "take" => {
            arity(a.len(), 2, 2)?;
            if !matches!(first, Type::List(_) | Type::Any) {
                return refuse(&format!("cannot take from {name_of_first}"));
            }
            match a.get(1) {
                Some(Type::Int | Type::Any) => first,
                other => return refuse(&format!("cannot take {} elements", other.map_or_else(String::new, shown))),
            }
        }
        "keys" | "values" => {
            arity(a.len(), 1, 1)?;
            match first {
                Type::Map(_) | Type::Pairs | Type::Any => Type::list(),
                _ => return refuse(&format!("cannot get {name} from {name_of_first}")),
            }
        }
        "toPairs" => {
            arity(a.len(), 1, 1)?;
            match first {
                Type::Map(_) | Type::Pairs | Type::Any => Type::list(),
                _ => return refuse(&format!("cannot transform {name_of_first} to pairs")),
            }
        }
        "fromPairs" => {
            arity(a.len(), 1, 1)?;
            listed(format!("cannot transform {name_of_first} from pairs"), Type::Pairs)?
        }
        "reverse" | "uniq" => {
            arity(a.len(), 1, 1)?;
            listed(format!("cannot {name} {name_of_first}"), first.clone())?
        }
        "flatten" => {
            arity(a.len(), 1, 1)?;
            listed(format!("cannot flatten {name_of_first}"), Type::list())?
        }
        "concat" => {
            if a.is_empty() {
                return refuse("invalid number of arguments (expected at least 1, got 0)");
            }
            if let Some(t) = a.iter().find(|t| !matches!(t, Type::List(_) | Type::Any)) {
                return refuse(&format!("cannot concat {}", shown(t)));
            }
            Type::list()
        }
        "sort" => {
            count(1, 2)?;
            if !matches!(first, Type::List(_) | Type::Any) {
                return Err(Wrong::Argument(0, format!("cannot use {name_of_first} as argument (type []int) to call sort")));
            }
            is(1, &text)?;
            Type::list()
        }
        "now" => Type::Time,
        "duration" => {
            count(1, 1)?;
            is(0, &text)?;
            Type::Duration
        }
        "timezone" => {
            count(1, 1)?;
            is(0, &text)?;
            Type::Object("*time.Location".to_owned())
        }
        "date" => {
            count(1, 4)?;
            Type::Time
        }
        _ => Type::Any,
    })
}

fn arity(got: usize, least: usize, most: usize) -> Result<(), Wrong> {
    if (least..=most).contains(&got) {
        Ok(())
    } else {
        Err(Wrong::Call(format!("invalid number of arguments (expected {least}, got {got})")))
    }
}

fn numeric(name: &str, t: &Type) -> Result<(), Wrong> {
    if t.is_number() || t.is_any() { Ok(()) } else { Err(Wrong::Call(format!("invalid argument for {name} (type {})", shown(t)))) }
}

fn shown(t: &Type) -> String {
    if *t == Type::Nil { "nil".to_owned() } else { t.name() }
}
