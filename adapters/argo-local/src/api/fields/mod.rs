//! Who owns which fields: sets of paths, `managedFields`, and server-side apply.

mod apply;
mod managed;
mod set;
mod shape;

use jiff::Timestamp;
use serde_json::Value;

use super::ask::Ask;
use super::json;

pub(crate) use managed::{Entry, Managed, Who};
pub(crate) use set::{Node, Part, Set};
pub(crate) use shape::{Kind, Shape};

/// Metadata that nobody owns.
const SYSTEM: [&str; 9] =
    ["name", "namespace", "creationTimestamp", "selfLink", "uid", "clusterName", "generation", "managedFields", "resourceVersion"];

/// What differs between two values, by paths.
#[derive(Clone, Debug, Default)]
pub(crate) struct Difference<'v> {
    added: Node<'v>,
    modified: Node<'v>,
    removed: Node<'v>,
}

impl<'v> Difference<'v> {
    /// What differs between two objects, but for what nobody owns.
    pub(crate) fn of(old: &'v Value, new: &'v Value, shape: Shape<'_>) -> Self {
        let mut out = compare(Some(old), Some(new), shape, Place::Root);
        for node in [&mut out.added, &mut out.modified, &mut out.removed] {
            strip(&mut node.below);
        }
        out
    }

    /// What differs between the fields of two objects that are named, each before and after.
    pub(crate) fn of_fields(fields: impl Iterator<Item = (&'v str, Option<&'v Value>, Option<&'v Value>)>, shape: Shape<'_>) -> Self {
        let mut out = Self::default();
        for (name, old, new) in fields {
            let place = if name == "metadata" { Place::Metadata } else { Place::Below };
            out.put(Part::field(name), compare(old, new, shape.field(name), place));
        }
        for node in [&mut out.added, &mut out.modified, &mut out.removed] {
            strip(&mut node.below);
        }
        out
    }

    fn put(&mut self, part: Part<'v>, inner: Self) {
        for (own, inner) in [(&mut self.added, inner.added), (&mut self.modified, inner.modified), (&mut self.removed, inner.removed)] {
            if !inner.is_empty() {
                own.below.put(part.clone(), inner);
            }
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.modified.is_empty() && self.removed.is_empty()
    }

    /// What was added or modified.
    pub(crate) fn changed(&self) -> Set<'v> {
        if self.modified.is_empty() { self.added.below.clone() } else { self.modified.below.union(&self.added.below) }
    }

    pub(crate) fn removed(&self) -> &Set<'v> {
        &self.removed.below
    }
}

/// Where in an object a value stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Root,
    Metadata,
    Below,
}

fn compare<'v>(old: Option<&'v Value>, new: Option<&'v Value>, shape: Shape<'_>, place: Place) -> Difference<'v> {
    let mut out = Difference::default();
    if old == new {
        return out;
    }
    let kinds = (old.filter(|v| !v.is_null()).map(|v| shape.kind(v)), new.filter(|v| !v.is_null()).map(|v| shape.kind(v)));
    let kind = match kinds {
        (Some(a), Some(b)) if a != b => {
            out.removed = compare(old, None, shape, place).removed;
            out.added = compare(None, new, shape, place).added;
            return out;
        }
        (Some(kind), _) | (None, Some(kind)) => kind,
        (None, None) => Kind::Leaf,
    };
    let blank = |v: Option<&Value>| match v {
        None | Some(Value::Null) => true,
        Some(Value::Array(list)) => list.is_empty(),
        Some(Value::Object(map)) => map.is_empty(),
        Some(_) => false,
    };
    if kind == Kind::Leaf || (blank(old) && blank(new)) {
        match (old, new) {
            (None, _) => out.added.member = true,
            (_, None) => out.removed.member = true,
            _ => out.modified.member = true,
        }
        return out;
    }
    if kind == Kind::Map {
        let (a, b) = (old.and_then(Value::as_object), new.and_then(Value::as_object));
        let before = a.into_iter().flatten().map(|(key, value)| (key, Some(value), b.and_then(|b| b.get(key))));
        let fresh = b.into_iter().flatten().filter(|(key, _)| !a.is_some_and(|a| a.contains_key(*key)));
        for (key, old, new) in before.chain(fresh.map(|(key, value)| (key, None, Some(value)))) {
            if place == Place::Metadata && SYSTEM.contains(&key.as_str()) {
                continue;
            }
            let inner = if place == Place::Root && key == "metadata" { Place::Metadata } else { Place::Below };
            out.put(Part::field(key), compare(old, new, shape.field(key), inner));
        }
    } else {
        let list = |v: Option<&'v Value>| -> Vec<(Part<'v>, &'v Value)> {
            let items = v.and_then(Value::as_array).into_iter().flatten();
            items.map(|item| (shape::element(&kind, item, shape), item)).collect()
        };
        let (a, b) = (list(old), list(new));
        let find = |all: &[(Part<'v>, &'v Value)], part: &Part<'v>| all.iter().find(|(p, _)| p == part).map(|(_, v)| *v);
        let mut parts: Vec<&Part<'v>> = a.iter().chain(&b).map(|(part, _)| part).collect();
        parts.sort();
        parts.dedup();
        for part in parts {
            out.put(part.clone(), compare(find(&a, part), find(&b, part), shape.item(), Place::Below));
        }
    }
    match (old, new) {
        _ if place == Place::Root => {}
        (None, _) => out.added.member = true,
        (_, None) => out.removed.member = true,
        _ => {}
    }
    out
}

/// All paths of a value, as an applier owns them.
pub(crate) fn paths<'v>(value: &'v Value, shape: Shape<'_>) -> Set<'v> {
    collect(value, shape).below
}

fn collect<'v>(value: &'v Value, shape: Shape<'_>) -> Node<'v> {
    let mut out = Node::default();
    match (shape.kind(value), value) {
        (Kind::Map, Value::Object(map)) => {
            for (key, inner) in map {
                let mut node = collect(inner, shape.field(key));
                let empty = inner.is_null() || inner.as_object().is_some_and(serde_json::Map::is_empty);
                node.member |= empty || !shape.declares(key);
                out.below.put(Part::field(key), node);
            }
        }
        (kind @ (Kind::Set | Kind::Keyed(_)), Value::Array(list)) => {
            for item in list {
                let node = Node { member: true, ..collect(item, shape.item()) };
                out.below.put(shape::element(&kind, item, shape), node);
            }
        }
        _ => out.member = true,
    }
    out
}

/// Takes out what nobody owns.
pub(crate) fn strip(set: &mut Set<'_>) {
    set.take(&Part::field("apiVersion"));
    set.take(&Part::field("kind"));
    set.change(&Part::field("metadata"), |metadata| {
        for field in SYSTEM {
            metadata.below.take(&Part::field(field));
        }
        metadata.member = false;
    });
}

/// The shape of a resource's objects.
pub(crate) fn shape(ask: &Ask) -> Shape<'_> {
    match ask.served().and_then(|v| v.custom.as_ref()) {
        Some(custom) => Shape::Root(&custom.schema),
        None => Shape::Typed(ask.resource.type_name),
    }
}

/// What a client said of `managedFields`.
#[derive(Clone, Debug)]
pub(crate) enum Sent {
    /// Nothing: they are as they were.
    Nothing,
    /// To forget them.
    Reset,
    /// These.
    These(Managed),
}

impl Sent {
    /// Takes `managedFields` out of metadata.
    pub(crate) fn take(metadata: &mut serde_json::Map<String, Value>, earlier: &Managed) -> Self {
        let Some(list) = metadata.remove("managedFields") else { return Self::Nothing };
        if list.as_array().is_some_and(|l| matches!(l.as_slice(), [Value::Object(map)] if map.is_empty())) {
            return Self::Reset;
        }
        match Managed::read(&list, earlier) {
            Some(read) if !read.entries().is_empty() => Self::These(read),
            _ => Self::Nothing,
        }
    }

    /// What is managed before the change is looked at.
    pub(crate) fn or(self, earlier: &Managed) -> Managed {
        match self {
            Self::Nothing => earlier.clone(),
            Self::Reset => Managed::default(),
            Self::These(these) => these,
        }
    }
}

/// Who updates, as `managedFields` name them. As upstream, what came through `scale` has no time.
pub(crate) fn updater(ask: &Ask, name: &str, now: Timestamp) -> (Who, Option<std::sync::Arc<str>>) {
    let who = Who { applies: false, name: name.to_owned(), api_version: ask.api_version(), subresource: ask.sub.clone() };
    (who, (ask.sub != "scale").then(|| json::time(now).into()))
}

/// Settles `managedFields` of an update: it takes what it changed from everybody, and from its own earlier self; what it took it then has.
pub(crate) fn track(managed: &Managed, difference: &Difference<'_>, who: Who, time: Option<std::sync::Arc<str>>) -> Managed {
    let (taken, removed) = (difference.changed(), difference.removed());
    let mut entries: Vec<Entry> = Vec::with_capacity(managed.entries().len().saturating_add(1));
    let mut own = None;
    for entry in managed.entries() {
        if *entry.who == who && !taken.is_empty() && own.is_none() {
            own = Some(entry);
            continue;
        }
        let raw = super::raw::Raw::new(&entry.fields);
        if !(taken.meets(raw) || removed.meets(raw)) {
            entries.push(entry.clone());
            continue;
        }
        let set = entry.set();
        if set.is_disjoint(&taken) && set.is_disjoint(removed) {
            entries.push(entry.clone());
            continue;
        }
        let mut fields = String::with_capacity(entry.fields.len());
        set.difference(&taken).difference(removed).write(&mut fields);
        entries.push(Entry { fields: fields.into(), ..entry.clone() });
    }
    if !taken.is_empty() {
        let fields = own.and_then(|own| {
            let set = own.set();
            if set.is_disjoint(removed) && taken.is_subset(&set) {
                return None;
            }
            let mut fields = String::with_capacity(own.fields.len());
            set.difference(&taken).difference(removed).union(&taken).write(&mut fields);
            Some(fields)
        });
        entries.push(match (own, fields) {
            (Some(own), None) => Entry { time, ..own.clone() },
            (Some(own), Some(fields)) => Entry { who: std::sync::Arc::clone(&own.who), time, fields: fields.into() },
            (None, _) => {
                let mut fields = String::new();
                taken.write(&mut fields);
                Entry { who: std::sync::Arc::new(who), time, fields: fields.into() }
            }
        });
    }
    Managed::new(entries)
}
