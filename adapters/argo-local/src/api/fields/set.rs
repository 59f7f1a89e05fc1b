//! Sets of paths, in the form of `fieldsV1`.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::{Map, Value};

use crate::api::raw::{self, Raw};

/// A part of a path. In `fieldsV1` it is written `f:name`, `k:{"name":"x"}`, `v:"x"`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Part<'a> {
    /// The letter; 0 where there is none.
    tag: u8,
    text: Cow<'a, str>,
}

impl<'a> Part<'a> {
    /// A field of a map.
    pub(crate) fn field(name: &'a str) -> Self {
        Self { tag: b'f', text: Cow::Borrowed(name) }
    }

    /// An item of a list with keys; `keys` is an object in JSON.
    pub(crate) fn key(keys: String) -> Self {
        Self { tag: b'k', text: Cow::Owned(keys) }
    }

    /// An item of a set, in JSON.
    pub(crate) fn item(value: String) -> Self {
        Self { tag: b'v', text: Cow::Owned(value) }
    }

    fn read(text: Cow<'a, str>) -> Self {
        let tag = match text.as_bytes() {
            [tag, b':', ..] => *tag,
            _ => return Self { tag: 0, text },
        };
        let text = match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.get(2..).unwrap_or_default()),
            Cow::Owned(text) => Cow::Owned(text.get(2..).unwrap_or_default().to_owned()),
        };
        Self { tag, text }
    }

    fn into_owned(self) -> Part<'static> {
        Part { tag: self.tag, text: Cow::Owned(self.text.into_owned()) }
    }

    /// As messages write it.
    pub(crate) fn shown(&self) -> String {
        match self.tag {
            b'f' => format!(".{}", self.text),
            b'k' => {
                let keys: Map<String, Value> = serde_json::from_str(&self.text).unwrap_or_default();
                let terms: Vec<String> = keys.iter().map(|(k, v)| format!("{k}={v}")).collect();
                format!("[{}]", terms.join(","))
            }
            b'v' => format!("[={}]", self.text),
            0 => format!("[{}]", self.text),
            tag => format!("[{}:{}]", char::from(tag), self.text),
        }
    }
}

/// Whether a path is in a set, and which of those that begin with it are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Node<'a> {
    pub(crate) member: bool,
    pub(crate) below: Set<'a>,
}

impl<'a> Node<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        !self.member && self.below.is_empty()
    }

    fn read(raw: Raw<'a>) -> Self {
        let below = Set::read(raw);
        Self { member: below.is_empty() || raw.get(".").is_some(), below }
    }

    fn write(&self, out: &mut String) {
        self.below.write_with(out, self.member && !self.below.is_empty());
    }

    fn into_owned(self) -> Node<'static> {
        Node { member: self.member, below: self.below.into_owned() }
    }
}

/// A set of paths, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Set<'a> {
    parts: Vec<Entry<'a>>,
}

type Entry<'a> = (Part<'a>, Node<'a>);

impl<'a> Set<'a> {
    /// Reads `fieldsV1`.
    pub(crate) fn read(raw: Raw<'a>) -> Self {
        let members = raw.members().filter(|(name, _)| *name != ".");
        let mut parts: Vec<_> = members.map(|(name, inner)| (Part::read(raw::unescaped(name)), Node::read(inner))).collect();
        if !parts.is_sorted_by(|(a, _), (b, _)| a < b) {
            parts.sort_by(|(a, _), (b, _)| a.cmp(b));
            parts.dedup_by(|(a, _), (b, _)| a == b);
        }
        Self { parts }
    }

    /// Writes `fieldsV1`.
    pub(crate) fn write(&self, out: &mut String) {
        self.write_with(out, false);
    }

    fn write_with(&self, out: &mut String, dot: bool) {
        out.push('{');
        if dot {
            out.push_str("\".\":{}");
        }
        for (index, (part, node)) in self.parts.iter().enumerate() {
            if dot || index > 0 {
                out.push(',');
            }
            out.push('"');
            if part.tag != 0 {
                out.push(char::from(part.tag));
                out.push(':');
            }
            escape(&part.text, out);
            out.push_str("\":");
            node.write(out);
        }
        out.push('}');
    }

    pub(crate) fn into_owned(self) -> Set<'static> {
        Set { parts: self.parts.into_iter().map(|(part, node)| (part.into_owned(), node.into_owned())).collect() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    fn find(&self, part: &Part<'_>) -> Result<usize, usize> {
        self.parts.binary_search_by(|(own, _)| own.tag.cmp(&part.tag).then_with(|| own.text.as_ref().cmp(part.text.as_ref())))
    }

    /// Puts in what is known of a part; nothing where the node is empty. The part must not be in yet.
    pub(crate) fn put(&mut self, part: Part<'a>, node: Node<'a>) {
        if node.is_empty() {
            return;
        }
        match self.find(&part) {
            Ok(_) => {}
            Err(at) => self.parts.insert(at, (part, node)),
        }
    }

    /// Takes a part and all below it out.
    pub(crate) fn take(&mut self, part: &Part<'_>) {
        if let Ok(at) = self.find(part) {
            self.parts.remove(at);
        }
    }

    /// Changes what is below a part; a part with nothing left goes.
    pub(crate) fn change(&mut self, part: &Part<'_>, act: impl FnOnce(&mut Node<'a>)) {
        let Ok(at) = self.find(part) else { return };
        let Some((_, node)) = self.parts.get_mut(at) else { return };
        act(node);
        if node.is_empty() {
            self.parts.remove(at);
        }
    }

    /// What is below a part of a path, and whether the part itself is in.
    pub(crate) fn at(&self, part: &Part<'_>) -> Option<&Node<'a>> {
        self.find(part).ok().and_then(|at| self.parts.get(at)).map(|(_, node)| node)
    }

    /// Goes through the parts of two sets in order, those that both have together, for as long as it is told to.
    fn walk<'s, 'b>(&'s self, other: &'s Set<'b>, mut each: impl FnMut(Option<&'s Entry<'a>>, Option<&'s Entry<'b>>) -> bool) -> bool {
        let (mut ours, mut theirs) = (self.parts.iter().peekable(), other.parts.iter().peekable());
        loop {
            let order = match (ours.peek(), theirs.peek()) {
                (None, None) => return true,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((a, _)), Some((b, _))) => a.tag.cmp(&b.tag).then_with(|| a.text.as_ref().cmp(b.text.as_ref())),
            };
            let own = if order == Ordering::Greater { None } else { ours.next() };
            let their = if order == Ordering::Less { None } else { theirs.next() };
            if !each(own, their) {
                return false;
            }
        }
    }

    /// What is in one or the other.
    pub(crate) fn union(&self, other: &Self) -> Self {
        let mut parts = Vec::with_capacity(self.parts.len().max(other.parts.len()));
        self.walk(other, |own, their| {
            match (own, their) {
                (Some((part, own)), Some((_, their))) => {
                    let node = Node { member: own.member || their.member, below: own.below.union(&their.below) };
                    parts.push((part.clone(), node));
                }
                (Some(entry), None) | (None, Some(entry)) => parts.push(entry.clone()),
                (None, None) => {}
            }
            true
        });
        Self { parts }
    }

    /// What is in it and not in the other.
    pub(crate) fn difference(&self, other: &Set<'_>) -> Self {
        self.combine(other, |a, b| a && !b, true)
    }

    /// What is in both.
    pub(crate) fn intersection(&self, other: &Set<'_>) -> Self {
        self.combine(other, |a, b| a && b, false)
    }

    fn combine(&self, other: &Set<'_>, keep: fn(bool, bool) -> bool, alone: bool) -> Self {
        let mut parts = Vec::new();
        self.walk(other, |own, their| {
            match (own, their) {
                (Some((part, own)), Some((_, their))) => {
                    let node = Node { member: keep(own.member, their.member), below: own.below.combine(&their.below, keep, alone) };
                    if !node.is_empty() {
                        parts.push((part.clone(), node));
                    }
                }
                (Some(entry), None) if alone => parts.push(entry.clone()),
                _ => {}
            }
            true
        });
        Self { parts }
    }

    /// Whether nothing is in both.
    pub(crate) fn is_disjoint(&self, other: &Set<'_>) -> bool {
        self.walk(other, |own, their| match (own, their) {
            (Some((_, own)), Some((_, their))) => !(own.member && their.member) && own.below.is_disjoint(&their.below),
            _ => true,
        })
    }

    /// Whether the other has all that is in it.
    pub(crate) fn is_subset(&self, other: &Set<'_>) -> bool {
        self.walk(other, |own, their| match (own, their) {
            (Some((_, own)), Some((_, their))) => (their.member || !own.member) && own.below.is_subset(&their.below),
            (Some(_), None) => false,
            _ => true,
        })
    }

    /// Whether one of the parts that stand first in a text of `fieldsV1` stands first in this set, too.
    pub(crate) fn meets(&self, text: Raw<'_>) -> bool {
        text.members().any(|(name, _)| self.find(&Part::read(raw::unescaped(name))).is_ok())
    }

    /// All paths that are in, as messages write them.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut out = Vec::new();
        self.collect("", &mut out);
        out
    }

    fn collect(&self, before: &str, out: &mut Vec<String>) {
        for (part, node) in &self.parts {
            let path = format!("{before}{}", part.shown());
            if node.member {
                out.push(path.clone());
            }
            node.below.collect(&path, out);
        }
    }
}

/// Writes a text as the inside of a JSON string.
fn escape(text: &str, out: &mut String) {
    if text.bytes().any(|b| matches!(b, b'"' | b'\\' | 0..32)) {
        let quoted = Value::from(text).to_string();
        out.push_str(quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default());
    } else {
        out.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(set: &Set<'_>) -> String {
        let mut out = String::new();
        set.write(&mut out);
        out
    }

    #[test]
    fn sets_read_and_write_and_combine() {
        let texts = [r#"{"f:a":{},"f:b":{".":{},"f:c":{}}}"#, r#"{"f:b":{"f:c":{}}}"#, r#"{"k:{\"name\":\"x\"}":{"f:y":{}}}"#];
        let [a, b, c] = texts.map(|t| Set::read(Raw::new(t)));
        assert_eq!([&a, &b, &c].map(written), texts);
        assert_eq!(written(&a.difference(&b)), r#"{"f:a":{},"f:b":{}}"#);
        assert_eq!(written(&a.intersection(&b)), r#"{"f:b":{"f:c":{}}}"#);
        assert_eq!(b.union(&a), a);
        assert_eq!(b.union(&c).difference(&b), c);
        assert!(b.is_subset(&a) && !a.is_subset(&b) && a.is_disjoint(&c) && !a.is_disjoint(&b));
        assert!(a.meets(Raw::new(texts[1])) && !a.meets(Raw::new(texts[2])));
        assert_eq!(c.lines(), [r#"[name="x"].y"#]);
    }
}
