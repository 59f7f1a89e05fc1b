//! Who owns which fields: sets of paths, `managedFields`, and server-side apply.

mod apply;
mod set;
mod shape;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Api;
use super::ask::Ask;
use super::json;
use super::write::Update;

pub(crate) use set::Set;
pub(crate) use shape::{Kind, Shape};

/// Metadata that nobody owns.
const SYSTEM: [&str; 9] =
    ["name", "namespace", "creationTimestamp", "selfLink", "uid", "clusterName", "generation", "managedFields", "resourceVersion"];

/// An entry of `managedFields`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Manager {
    pub(crate) name: String,
    pub(crate) operation: String,
    pub(crate) api_version: String,
    pub(crate) time: Option<String>,
    pub(crate) subresource: String,
    pub(crate) fields: Set,
}

impl Manager {
    fn same(&self, other: &Self) -> bool {
        self.name == other.name
            && self.operation == other.operation
            && self.api_version == other.api_version
            && self.subresource == other.subresource
    }
}

/// Reads `managedFields`; `None` where they are not what they should be.
pub(crate) fn read(object: &Value) -> Option<Vec<Manager>> {
    let mut out = Vec::new();
    for entry in json::items(object, &["metadata", "managedFields"]) {
        let text = |key: &str| json::text(entry, &[key]).to_owned();
        if !matches!(text("operation").as_str(), "Apply" | "Update") {
            return None;
        }
        out.push(Manager {
            name: text("manager"),
            operation: text("operation"),
            api_version: text("apiVersion"),
            time: entry.get("time").and_then(Value::as_str).map(str::to_owned),
            subresource: text("subresource"),
            fields: Set::read(entry.get("fieldsV1").unwrap_or(&Value::Null)),
        });
    }
    Some(out)
}

/// Writes `managedFields`, in upstream's order: applied before updated, the older first.
pub(crate) fn write(object: &mut Value, mut managers: Vec<Manager>) {
    managers.retain(|m| !m.fields.is_empty());
    managers.sort_by(|a, b| {
        let key = |m: &Manager| {
            (m.operation.clone(), m.time.clone().unwrap_or_default(), m.name.clone(), m.api_version.clone(), m.subresource.clone())
        };
        key(a).cmp(&key(b))
    });
    let metadata = json::metadata(object);
    if managers.is_empty() {
        metadata.remove("managedFields");
        return;
    }
    let list: Vec<Value> = managers
        .iter()
        .map(|m| {
            let mut entry = json!({
                "manager": m.name,
                "operation": m.operation,
                "apiVersion": m.api_version,
                "fieldsType": "FieldsV1",
                "fieldsV1": m.fields.write(),
            });
            let map = json::map(&mut entry);
            if let Some(time) = &m.time {
                map.insert("time".to_owned(), time.as_str().into());
            }
            if !m.subresource.is_empty() {
                map.insert("subresource".to_owned(), m.subresource.as_str().into());
            }
            entry
        })
        .collect();
    metadata.insert("managedFields".to_owned(), list.into());
}

/// What differs between two objects.
#[derive(Clone, Debug, Default)]
pub(crate) struct Difference {
    pub(crate) added: Set,
    pub(crate) modified: Set,
    pub(crate) removed: Set,
}

impl Difference {
    pub(crate) fn of(old: &Value, new: &Value, shape: Shape<'_>) -> Self {
        let mut out = Self::default();
        compare(Some(old), Some(new), shape, &mut Vec::new(), &mut out);
        out
    }
}

fn compare(old: Option<&Value>, new: Option<&Value>, shape: Shape<'_>, path: &mut Vec<String>, out: &mut Difference) {
    if old == new {
        return;
    }
    if path.len() == 2
        && path.first().is_some_and(|p| p == "f:metadata")
        && path.get(1).and_then(|p| p.strip_prefix("f:")).is_some_and(|p| SYSTEM.contains(&p))
    {
        return;
    }
    let kinds = (old.filter(|v| !v.is_null()).map(|v| shape.kind(v)), new.filter(|v| !v.is_null()).map(|v| shape.kind(v)));
    let kind = match kinds {
        (Some(a), Some(b)) if a != b => {
            compare(old, None, shape, path, out);
            compare(None, new, shape, path, out);
            return;
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
            (None, _) => out.added.insert(path),
            (_, None) => out.removed.insert(path),
            _ => out.modified.insert(path),
        }
        return;
    }
    if kind == Kind::Map {
        let map = |v: Option<&'_ Value>| v.and_then(Value::as_object).cloned().unwrap_or_default();
        let (a, b) = (old.and_then(Value::as_object), new.and_then(Value::as_object));
        let empty = map(None);
        let (a, b) = (a.unwrap_or(&empty), b.unwrap_or(&empty));
        for key in a.keys().chain(b.keys().filter(|k| !a.contains_key(*k))) {
            path.push(format!("f:{key}"));
            compare(a.get(key), b.get(key), shape.field(key), path, out);
            path.pop();
        }
    } else {
        let list = |v: Option<&'_ Value>| -> Vec<(String, Value)> {
            let items = v.and_then(Value::as_array).into_iter().flatten();
            items.map(|item| (shape::element(&kind, item, shape), item.clone())).collect()
        };
        let (a, b) = (list(old), list(new));
        let find = |all: &[(String, Value)], key: &str| all.iter().find(|(k, _)| k == key).map(|(_, v)| v.clone());
        let mut keys: Vec<&String> = a.iter().map(|(k, _)| k).collect();
        keys.extend(b.iter().map(|(k, _)| k));
        keys.sort();
        keys.dedup();
        for key in keys {
            path.push(key.clone());
            compare(find(&a, key).as_ref(), find(&b, key).as_ref(), shape.item(), path, out);
            path.pop();
        }
    }
    match (old, new) {
        _ if path.is_empty() => {}
        (None, _) => out.added.insert(path),
        (_, None) => out.removed.insert(path),
        _ => {}
    }
}

/// All paths of a value, as an applier owns them.
pub(crate) fn paths(value: &Value, shape: Shape<'_>) -> Set {
    let mut out = Set::default();
    collect(value, shape, &mut Vec::new(), &mut out);
    out
}

fn collect(value: &Value, shape: Shape<'_>, path: &mut Vec<String>, out: &mut Set) {
    match (shape.kind(value), value) {
        (Kind::Map, Value::Object(map)) => {
            for (key, inner) in map {
                path.push(format!("f:{key}"));
                let below = shape.field(key);
                collect(inner, below, path, out);
                let empty = inner.is_null() || inner.as_object().is_some_and(serde_json::Map::is_empty);
                if empty || !shape.declares(key) {
                    out.insert(path);
                }
                path.pop();
            }
        }
        (kind @ (Kind::Set | Kind::Keyed(_)), Value::Array(list)) => {
            for item in list {
                path.push(shape::element(&kind, item, shape));
                collect(item, shape.item(), path, out);
                out.insert(path);
                path.pop();
            }
        }
        _ => {
            if !path.is_empty() {
                out.insert(path);
            }
        }
    }
}

/// Takes out what nobody owns.
pub(crate) fn strip(set: &mut Set) {
    set.remove_tree(&["f:apiVersion"]);
    set.remove_tree(&["f:kind"]);
    for field in SYSTEM {
        set.remove_tree(&["f:metadata", &format!("f:{field}")]);
    }
    set.remove_member(&["f:metadata"]);
}

/// Gives a manager what it changed, and takes it from the others; without force, what others own is a conflict.
pub(crate) fn settle(managers: &mut [Manager], who: &Manager, difference: &Difference, force: bool) -> Result<(), Vec<(Manager, Set)>> {
    let changed = difference.modified.union(&difference.added);
    let mut conflicts = Vec::new();
    for manager in managers.iter().filter(|m| !m.same(who)) {
        let conflict = manager.fields.intersection(&changed);
        if !conflict.is_empty() {
            conflicts.push((manager.clone(), conflict));
        }
    }
    if !force && !conflicts.is_empty() {
        return Err(conflicts);
    }
    for manager in managers.iter_mut().filter(|m| !m.same(who)) {
        manager.fields = manager.fields.difference(&changed).difference(&difference.removed);
    }
    Ok(())
}

impl Api {
    /// The shape of a resource's objects.
    pub(crate) fn shape<'a>(&self, ask: &'a Ask) -> Shape<'a> {
        match ask.served().and_then(|v| v.custom.as_ref()) {
            Some(custom) => Shape::Root(&custom.schema),
            None => Shape::Typed(ask.resource.type_name),
        }
    }

    /// Settles `managedFields` of an update: who changed what owns it now.
    pub(crate) fn track(&self, ask: &Ask, old: Option<&Value>, object: &mut Value, update: &Update, now: Timestamp) {
        if update.applied {
            return;
        }
        let sent = read(object);
        let reset = json::at(object, &["metadata", "managedFields"])
            .and_then(Value::as_array)
            .is_some_and(|l| matches!(l.as_slice(), [Value::Object(map)] if map.is_empty()));
        let mut managers = match sent {
            _ if reset => Vec::new(),
            Some(sent) if !sent.is_empty() => sent,
            _ => old.and_then(read).unwrap_or_default(),
        };
        if managers.is_empty() && old.is_some() {
            // As upstream: what nobody tracked from its beginning, nobody begins to track.
            write(object, managers);
            return;
        }
        let shape = self.shape(ask);
        let blank = shape.blank();
        let mut difference = Difference::of(old.unwrap_or(&blank), object, shape);
        for set in [&mut difference.added, &mut difference.modified, &mut difference.removed] {
            strip(set);
        }
        let mut who = Manager {
            name: update.manager.clone(),
            operation: "Update".to_owned(),
            api_version: ask.api_version(),
            // As upstream: what came through scale has no time.
            time: (ask.sub != "scale").then(|| json::time(now)),
            subresource: ask.sub.clone(),
            fields: Set::default(),
        };
        // An update takes from everybody, from its own earlier self too; what it took it then has.
        let taken = difference.modified.union(&difference.added);
        for manager in &mut managers {
            manager.fields = manager.fields.difference(&taken).difference(&difference.removed);
        }
        if !taken.is_empty() {
            who.fields = taken;
            match managers.iter_mut().find(|m| m.same(&who)) {
                Some(own) => {
                    own.fields = own.fields.union(&who.fields);
                    own.time.clone_from(&who.time);
                }
                None => managers.push(who),
            }
        }
        write(object, managers);
    }
}
