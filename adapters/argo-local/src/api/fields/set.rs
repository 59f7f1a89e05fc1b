//! Sets of paths, in the form of `fieldsV1`.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A set of paths. Parts of paths are as in `fieldsV1`: `f:name`, `k:{"name":"x"}`, `v:"x"`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Set {
    parts: BTreeMap<String, Node>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Node {
    member: bool,
    below: Set,
}

impl Set {
    pub(crate) fn read(value: &Value) -> Self {
        let mut set = Self::default();
        for (key, inner) in value.as_object().into_iter().flatten() {
            if key == "." {
                continue;
            }
            let leaf = inner.as_object().is_none_or(Map::is_empty);
            let member = leaf || inner.get(".").is_some();
            set.parts.insert(key.clone(), Node { member, below: Self::read(inner) });
        }
        set
    }

    pub(crate) fn write(&self) -> Value {
        let mut map = Map::new();
        for (key, node) in &self.parts {
            let mut inner = node.below.write();
            if node.member
                && let Value::Object(inner) = &mut inner
                && !inner.is_empty()
            {
                inner.insert(".".to_owned(), Value::Object(Map::new()));
            }
            map.insert(key.clone(), inner);
        }
        Value::Object(map)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    pub(crate) fn insert(&mut self, path: &[String]) {
        let Some((first, rest)) = path.split_first() else { return };
        let node = self.parts.entry(first.clone()).or_default();
        if rest.is_empty() { node.member = true } else { node.below.insert(rest) }
    }

    /// Takes a path and all below it out.
    pub(crate) fn remove_tree(&mut self, path: &[&str]) {
        match path {
            [] => {}
            [last] => {
                self.parts.remove(*last);
            }
            [first, rest @ ..] => {
                if let Some(node) = self.parts.get_mut(*first) {
                    node.below.remove_tree(rest);
                    if !node.member && node.below.is_empty() {
                        self.parts.remove(*first);
                    }
                }
            }
        }
    }

    /// Takes a path out, but not what is below it.
    pub(crate) fn remove_member(&mut self, path: &[&str]) {
        let Some((first, rest)) = path.split_first() else { return };
        if let Some(node) = self.parts.get_mut(*first) {
            if rest.is_empty() {
                node.member = false
            } else {
                node.below.remove_member(rest)
            }
            if !node.member && node.below.is_empty() {
                self.parts.remove(*first);
            }
        }
    }

    pub(crate) fn union(&self, other: &Self) -> Self {
        let mut out = self.clone();
        for (key, node) in &other.parts {
            match out.parts.get_mut(key) {
                Some(own) => {
                    own.member |= node.member;
                    own.below = own.below.union(&node.below);
                }
                None => {
                    out.parts.insert(key.clone(), node.clone());
                }
            }
        }
        out
    }

    pub(crate) fn difference(&self, other: &Self) -> Self {
        self.combine(other, |a, b| a && !b, true)
    }

    pub(crate) fn intersection(&self, other: &Self) -> Self {
        self.combine(other, |a, b| a && b, false)
    }

    fn combine(&self, other: &Self, keep: fn(bool, bool) -> bool, alone: bool) -> Self {
        let mut out = Self::default();
        for (key, node) in &self.parts {
            let combined = match other.parts.get(key) {
                Some(theirs) => Node { member: keep(node.member, theirs.member), below: node.below.combine(&theirs.below, keep, alone) },
                None if alone => node.clone(),
                None => continue,
            };
            if combined.member || !combined.below.is_empty() {
                out.parts.insert(key.clone(), combined);
            }
        }
        out
    }

    /// What is below a part of a path, and whether the part itself is in.
    pub(crate) fn at(&self, part: &str) -> Option<(bool, &Self)> {
        self.parts.get(part).map(|n| (n.member, &n.below))
    }

    /// A part of a path as messages write it.
    pub(crate) fn part(part: &str) -> String {
        part_text(part)
    }

    /// All paths that are in, as messages write them.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut out = Vec::new();
        self.collect("", &mut out);
        out
    }

    fn collect(&self, before: &str, out: &mut Vec<String>) {
        for (key, node) in &self.parts {
            let path = format!("{before}{}", part_text(key));
            if node.member {
                out.push(path.clone());
            }
            node.below.collect(&path, out);
        }
    }
}

/// A part of a path as messages write it.
fn part_text(part: &str) -> String {
    match part.split_once(':') {
        Some(("f", name)) => format!(".{name}"),
        Some(("k", keys)) => {
            let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
            let terms: Vec<String> = keys.iter().map(|(k, v)| format!("{k}={v}")).collect();
            format!("[{}]", terms.join(","))
        }
        Some(("v", value)) => format!("[={value}]"),
        _ => format!("[{part}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sets_read_and_write_and_combine() {
        let a = Set::read(&json!({"f:a": {}, "f:b": {".": {}, "f:c": {}}}));
        let b = Set::read(&json!({"f:b": {"f:c": {}}}));
        assert_eq!(a.write(), json!({"f:a": {}, "f:b": {".": {}, "f:c": {}}}));
        assert_eq!(a.difference(&b).write(), json!({"f:a": {}, "f:b": {}}));
        assert_eq!(a.intersection(&b).write(), json!({"f:b": {"f:c": {}}}));
        assert_eq!(b.union(&a), a);
        assert_eq!(Set::read(&json!({"k:{\"name\":\"x\"}": {"f:y": {}}})).lines(), ["[name=\"x\"].y"]);
    }
}
