//! The built-in types: which fields they have, of what form, and how lists and maps of them merge.
//!
//! The table beside this file is made by `tools/k8s_types.py`; its header explains the letters.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    Text,
    Int32,
    Int64,
    Bool,
    Number,
    Quantity,
    Time,
    MicroTime,
    IntOrText,
    Bytes,
    Any,
    Type(&'static str),
    Map { atomic: bool, value: Box<Code> },
    List { merge: Lists, item: Box<Code> },
}

/// How the items of a list are told apart by server-side apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Lists {
    Atomic,
    Set,
    Keys(Vec<String>),
}

/// How strategic merge patch merges a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strategic {
    Replace,
    Set,
    Key(&'static str),
}

/// A field of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) code: Code,
    /// Written even where it is empty.
    pub(crate) required: bool,
    /// Left out where it is the zero value.
    pub(crate) omit_zero: bool,
    pub(crate) strategic: Strategic,
    /// Its number in protobuf; the second is not 0 where it is inside a message that JSON does not have.
    pub(crate) number: (u64, u64),
}

/// A built-in type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Type {
    /// Replaced whole by server-side apply.
    pub(crate) atomic: bool,
    pub(crate) fields: BTreeMap<&'static str, Field>,
}

static TYPES: LazyLock<BTreeMap<&'static str, Type>> = LazyLock::new(|| include_str!("types.txt").lines().filter_map(read_type).collect());

/// The type of a name such as `core/v1.Pod`.
pub(crate) fn find(name: &str) -> Option<&'static Type> {
    TYPES.get(name)
}

/// The type of an `apiVersion` and `kind`.
pub(crate) fn of_kind(api_version: &str, kind: &str) -> Option<&'static str> {
    let (group, version) = api_version.split_once('/').unwrap_or(("core", api_version));
    let group = if kind == "DeleteOptions" { "meta" } else { group.split('.').next().unwrap_or(group) };
    TYPES.get_key_value(format!("{group}/{version}.{kind}").as_str()).map(|(name, _)| *name)
}

/// The Go name of a type: what follows the dot.
pub(crate) fn short(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

fn read_type(line: &'static str) -> Option<(&'static str, Type)> {
    let mut words = line.split(' ');
    let name = words.next()?;
    let fields = words.filter_map(|word| word.split_once('=').map(|(field, code)| (field, read_field(code)))).collect();
    let atomic = name.ends_with('*');
    Some((name.trim_end_matches('*'), Type { atomic, fields }))
}

fn read_field(text: &'static str) -> Field {
    let (text, number) = text.split_once('#').unwrap_or((text, "0"));
    let (outer, inner) = number.split_once('.').unwrap_or((number, "0"));
    let number = (outer.parse().unwrap_or(0), inner.parse().unwrap_or(0));
    let (text, strategic) = match text.split_once('^') {
        Some((text, "")) => (text, Strategic::Set),
        Some((text, "-")) => (text, Strategic::Replace),
        Some((text, key)) => (text, Strategic::Key(key)),
        None => (text, Strategic::Replace),
    };
    let (required, omit_zero) = (text.ends_with('!'), text.ends_with('?'));
    Field { code: read_code(text.trim_end_matches(['!', '?'])), required, omit_zero, strategic, number }
}

fn read_code(text: &'static str) -> Code {
    if let Some(rest) = text.strip_prefix('[') {
        if let Some(rest) = rest.strip_prefix('=') {
            return Code::List { merge: Lists::Set, item: Box::new(read_code(rest)) };
        }
        return match rest.split_once(':') {
            Some((keys, rest)) => {
                Code::List { merge: Lists::Keys(keys.split(',').map(str::to_owned).collect()), item: Box::new(read_code(rest)) }
            }
            None => Code::List { merge: Lists::Atomic, item: Box::new(read_code(rest)) },
        };
    }
    if let Some(rest) = text.strip_prefix('{') {
        let (atomic, rest) = rest.strip_prefix('*').map_or((false, rest), |rest| (true, rest));
        return Code::Map { atomic, value: Box::new(read_code(rest)) };
    }
    if let Some(name) = text.strip_prefix('@') {
        return Code::Type(name);
    }
    match text {
        "s" => Code::Text,
        "i" => Code::Int32,
        "l" => Code::Int64,
        "b" => Code::Bool,
        "d" => Code::Number,
        "q" => Code::Quantity,
        "t" => Code::Time,
        "u" => Code::MicroTime,
        "x" => Code::IntOrText,
        "y" => Code::Bytes,
        _ => Code::Any,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_that_is_named_exists() {
        fn check(code: &Code) {
            match code {
                Code::Type(name) => assert!(find(name).is_some(), "{name}"),
                Code::Map { value, .. } => check(value),
                Code::List { item, .. } => check(item),
                _ => {}
            }
        }
        assert!(find("core/v1.Pod").is_some());
        for typed in TYPES.values() {
            typed.fields.values().for_each(|f| check(&f.code));
        }
        let ports = &find("core/v1.Container").unwrap().fields["ports"];
        assert_eq!(ports.strategic, Strategic::Key("containerPort"));
    }
}
