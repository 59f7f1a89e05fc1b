//! Server-side apply.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::shape::{self, Kind, Shape};
use super::{Difference, Entry, Managed, Node, Part, Set, Who, paths, strip};
use crate::api::ask::Ask;
use crate::api::change::Draft;
use crate::api::failure::{Cause, Failure, Named};
use crate::api::types::{self, Code};
use crate::api::write::Ownership;
use crate::api::{Api, Outcome, builtin, json, render};

/// An entry of `managedFields`, its fields read.
#[derive(Clone, Debug)]
struct Manager {
    who: Who,
    time: Option<Arc<str>>,
    fields: Set<'static>,
}

impl Manager {
    fn read(entry: &Entry) -> Self {
        Self { who: Who::clone(&entry.who), time: entry.time.clone(), fields: entry.set().into_owned() }
    }
}

fn write(managers: Vec<Manager>, earlier: &Managed) -> Managed {
    let entry = |manager: Manager| {
        let mut fields = String::new();
        manager.fields.write(&mut fields);
        Entry::new(manager.who, manager.time, fields, earlier)
    };
    Managed::new(managers.into_iter().map(entry).collect())
}

/// Gives a manager what it changed, and takes it from the others; without force, what others own is a conflict.
fn settle(managers: &mut [Manager], who: &Who, difference: &Difference<'_>, force: bool) -> Result<(), Vec<(Manager, Set<'static>)>> {
    let changed = difference.changed();
    let mut conflicts = Vec::new();
    for manager in managers.iter().filter(|m| m.who != *who) {
        let conflict = manager.fields.intersection(&changed);
        if !conflict.is_empty() {
            conflicts.push((manager.clone(), conflict));
        }
    }
    if !force && !conflicts.is_empty() {
        return Err(conflicts);
    }
    for manager in managers.iter_mut().filter(|m| m.who != *who) {
        manager.fields = manager.fields.difference(&changed).difference(difference.removed());
    }
    Ok(())
}

impl Api {
    pub(crate) fn apply(&mut self, ask: &mut Ask, body: &[u8], now: Timestamp) -> Result<Outcome, Failure> {
        if ask.query.text("fieldManager").is_empty() {
            let cause = Cause::required("fieldManager", "is required for apply patch");
            return Err(Failure::invalid(Named { group: "meta.k8s.io", kind: "PatchOptions", name: "" }, &[cause]));
        }
        let text = String::from_utf8_lossy(body);
        let documents = argo_core::yaml::parse(&text, argo_core::yaml::Duplicates::Refuse)
            .map_err(|e| Failure::bad_request(format!("error encoding patch: {}", super::super::yaml_error(&text, &e))))?;
        let patch = documents.into_iter().next().map_or(Value::Null, |d| d.value);
        if !patch.is_object() {
            let what = if patch.is_array() { "array" } else { "string" };
            return Err(Failure::bad_request(format!(
                "error decoding patch: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {what} into Go value of type \
                 map[string]interface {{}}"
            )));
        }
        let (kind, api_version) = (json::text(&patch, &["kind"]), json::text(&patch, &["apiVersion"]));
        if kind != ask.resource.kind || api_version != ask.api_version() {
            let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
            return Err(Failure::bad_request(format!("invalid object type: {group}/{version}, Kind={kind}")));
        }
        if json::at(&patch, &["metadata", "managedFields"]).is_some_and(|m| !m.is_null()) {
            return Err(Failure::bad_request("metadata.managedFields must be nil"));
        }
        let name = ask.name.clone().unwrap_or_default();
        let said = json::meta(&patch, "name");
        if said.is_empty() {
            let why = format!("the name of the object ({name} based on URL) was undeterminable: name must be provided");
            return Err(Failure::bad_request(why));
        }
        if said != name {
            return Err(Failure::bad_request(format!("the name of the object ({said}) does not match the name on the URL ({name})")));
        }
        let namespace = json::meta(&patch, "namespace");
        if !namespace.is_empty() && ask.namespace.as_deref().is_some_and(|n| n != namespace) {
            return Err(Failure::bad_request("the namespace of the provided object does not match the namespace sent on the request"));
        }
        if !ask.resource.custom() {
            let id = format!("{namespace}/{name}; {}/{}, Kind={kind}", ask.resource.group, ask.version);
            check_types(&patch, Shape::Typed(ask.resource.type_name), "")
                .map_err(|why| Failure::new(500, "", format!("failed to create typed patch object ({id}): {why}"), None))?;
        }
        let old = match self.existing(ask) {
            Ok(old) => Some(old),
            Err(missing) if !ask.sub.is_empty() => return Err(missing),
            Err(_) => None,
        };
        let shape_owner = ask.clone();
        let shape = super::shape(&shape_owner);
        let live = old.as_ref().map_or_else(|| json!({"metadata": {}}), |o| o.bare_value());
        let earlier = old.as_ref().map(|o| o.managed.clone()).unwrap_or_default();
        let mut managers: Vec<Manager> = earlier.entries().iter().map(Manager::read).collect();
        let revision = json::meta(&patch, "resourceVersion").to_owned();
        let mut config = patch;
        let map = json::map(&mut config);
        map.remove("apiVersion");
        map.remove("kind");
        let mut own = paths(&config, shape).into_owned();
        strip(&mut own);
        limit_to_path(ask, &mut own);
        let who = Who { applies: true, name: ask.manager(), api_version: ask.api_version(), subresource: ask.sub.clone() };
        let last = managers.iter().find(|m| m.who == who).cloned();
        if old.is_some() && managers.is_empty() {
            // Whatever was there before anybody tracked it belongs to somebody.
            let mut before = paths(&live, shape).into_owned();
            strip(&mut before);
            let nobody = "before-first-apply".to_owned();
            let who = Who { applies: false, name: nobody, subresource: String::new(), ..who.clone() };
            managers.push(Manager { who, time: Some(json::time(now).into()), fields: before });
        }
        managers.retain(|m| m.who != who);
        managers.push(Manager { who: who.clone(), time: last.as_ref().and_then(|l| l.time.clone()), fields: own });
        let mut merged = merge(Some(&live), &config, shape);
        if let Some(last) = &last {
            let mut owned = Set::default();
            for manager in &managers {
                owned = owned.union(&manager.fields);
            }
            prune(&mut merged, shape, &last.fields, &owned);
        }
        let difference = Difference::of(&live, &merged, shape);
        settle(&mut managers, &who, &difference, ask.query.flag("force")).map_err(|conflicts| refuse(&conflicts))?;
        if (!difference.is_empty() || old.is_none())
            && let Some(own) = managers.iter_mut().find(|m| m.who == who)
        {
            own.time = Some(json::time(now).into());
        }
        drop(difference);
        // Checked and filled in as what is sent whole.
        let merged = self.decode(ask, render::stamped(merged, &ask.api_version(), &ask.resource.kind), true)?;
        let ownership = Ownership::Applied(write(managers, &earlier));
        match old {
            None => {
                let mut merged = merged;
                json::metadata(&mut merged).remove("resourceVersion");
                Ok(Outcome::Object(201, self.insert(ask, merged, ownership, now)?))
            }
            Some(old) => {
                if !revision.is_empty() && revision != old.revision.to_string() {
                    return Err(Failure::modified(ask.named(&name)));
                }
                Ok(Outcome::Object(200, self.change(ask, &old, Draft::whole(merged), ownership, now)?))
            }
        }
    }
}

/// What a path cannot write, its appliers do not own.
fn limit_to_path(ask: &Ask, set: &mut Set<'_>) {
    let has_status = ask.served().is_some_and(|v| v.status);
    if ask.sub == "status" {
        set.take(&Part::field("spec"));
        set.change(&Part::field("metadata"), |metadata| {
            for field in builtin::METADATA_NOT_OF_STATUS {
                metadata.below.take(&Part::field(field));
            }
        });
    } else if has_status {
        set.take(&Part::field("status"));
    }
}

fn refuse(conflicts: &[(Manager, Set<'_>)]) -> Failure {
    let described = |m: &Manager| {
        let mut text = format!("conflict with {:?}", m.who.name);
        if !m.who.subresource.is_empty() {
            text.push_str(&format!(" with subresource {:?}", m.who.subresource));
        }
        if !m.who.applies {
            text.push_str(&format!(" using {}", m.who.api_version));
            if let Some(time) = &m.time {
                text.push_str(&format!(" at {time}"));
            }
        }
        text
    };
    let mut causes = Vec::new();
    let mut blocks = Vec::new();
    let mut sorted: Vec<&(Manager, Set<'_>)> = conflicts.iter().collect();
    sorted.sort_by_key(|(m, _)| described(m));
    for (manager, set) in sorted {
        let text = described(manager);
        let lines = set.lines();
        for field in &lines {
            causes.push(json!({"reason": "FieldManagerConflict", "message": text, "field": field}));
        }
        blocks.push((text, lines));
    }
    let count = causes.len();
    let message = match blocks.as_slice() {
        [(text, lines)] if lines.len() == 1 => {
            format!("Apply failed with 1 conflict: {text}: {}", lines.first().map(String::as_str).unwrap_or_default())
        }
        _ => {
            let list: Vec<String> = blocks
                .iter()
                .map(|(text, lines)| {
                    let text = text.replacen("conflict", "conflicts", 1);
                    let lines: Vec<String> = lines.iter().map(|l| format!("- {l}")).collect();
                    format!("{text}:\n{}", lines.join("\n"))
                })
                .collect();
            format!("Apply failed with {count} conflict{}: {}", if count == 1 { "" } else { "s" }, list.join("\n"))
        }
    };
    Failure::new(409, "Conflict", message, Some(json!({"causes": causes})))
}

/// What an applied configuration makes of an object.
pub(crate) fn merge(old: Option<&Value>, new: &Value, shape: Shape<'_>) -> Value {
    let Some(old) = old else { return new.clone() };
    match (shape.kind(new), old, new) {
        (Kind::Map, Value::Object(a), Value::Object(b)) => {
            let mut out = a.clone();
            for (key, value) in b {
                let merged = merge(a.get(key), value, shape.field(key));
                out.insert(key.clone(), merged);
            }
            Value::Object(out)
        }
        (kind @ (Kind::Set | Kind::Keyed(_)), Value::Array(a), Value::Array(b)) => {
            let key = |item: &Value| shape::element(&kind, item, shape);
            let (left, right): (Vec<Part<'_>>, Vec<Part<'_>>) = (a.iter().map(key).collect(), b.iter().map(key).collect());
            let mut out = Vec::new();
            let (mut at_left, mut at_right) = (0, 0);
            // The order of the configuration holds for what both have; what only the object has keeps its place among them.
            loop {
                match (left.get(at_left), right.get(at_right)) {
                    (None, None) => break,
                    (Some(l), r) if !right.contains(l) || (r.is_none()) => {
                        if !right.contains(l) {
                            out.extend(a.get(at_left).cloned());
                        }
                        at_left += 1;
                    }
                    (l, Some(r)) => {
                        let earlier = left.iter().position(|k| k == r).and_then(|i| a.get(i));
                        if let Some(item) = b.get(at_right) {
                            out.push(merge(earlier, item, shape.item()));
                        }
                        at_right += 1;
                        if l == Some(r) {
                            at_left += 1;
                        }
                    }
                    (Some(_), None) => at_left += 1,
                }
            }
            Value::Array(out)
        }
        _ => new.clone(),
    }
}

/// Takes out what its applier gave up and nobody else owns.
fn prune(value: &mut Value, shape: Shape<'_>, last: &Set<'_>, owned: &Set<'_>) {
    match shape.kind(value) {
        Kind::Map => {
            let Value::Object(map) = value else { return };
            let keys: Vec<String> = map.keys().cloned().collect();
            for key in keys {
                let part = Part::field(&key);
                let Some(node) = last.at(&part) else { continue };
                prune_one(map, &key, shape.field(&key), node, owned.at(&part));
            }
        }
        kind @ (Kind::Set | Kind::Keyed(_)) => {
            let Value::Array(list) = value else { return };
            list.retain_mut(|item| {
                let part = shape::element(&kind, item, shape);
                let Some(node) = last.at(&part) else { return true };
                match owned.at(&part) {
                    None => !node.member,
                    Some(theirs) => {
                        prune(item, shape.item(), &node.below, &theirs.below);
                        true
                    }
                }
            });
        }
        Kind::Leaf => {}
    }
}

fn prune_one(map: &mut Map<String, Value>, key: &str, shape: Shape<'_>, last: &Node<'_>, owned: Option<&Node<'_>>) {
    let Some(inner) = map.get_mut(key) else { return };
    match owned {
        Some(theirs) => prune(inner, shape, &last.below, &theirs.below),
        None if last.member => {
            map.remove(key);
            return;
        }
        None => prune(inner, shape, &last.below, &Set::default()),
    }
    let empty = match map.get(key) {
        Some(Value::Object(m)) => m.is_empty(),
        Some(Value::Array(l)) => l.is_empty(),
        _ => false,
    };
    // A container that only held what was given up goes with it.
    if empty && owned.is_none() && !last.below.is_empty() {
        map.remove(key);
    }
}

/// Whether an applied configuration fits the types; the sentences are those of upstream's typed values.
fn check_types(value: &Value, shape: Shape<'_>, path: &str) -> Result<(), String> {
    let wrong = |expected: &str| {
        let shown = match value {
            Value::String(text) => format!("&value.valueUnstructured{{Value:{text:?}}}"),
            other => format!("&value.valueUnstructured{{Value:{other}}}"),
        };
        Err(format!("{path}: expected {expected}, got {shown}"))
    };
    if value.is_null() {
        return Ok(());
    }
    let code = match shape {
        Shape::Typed(name) => return check_fields(value, name, path, &wrong),
        Shape::Code(code) => code,
        _ => return Ok(()),
    };
    match code {
        Code::Type(name) => check_fields(value, name, path, &wrong),
        Code::Map { value: inner, .. } => match value {
            Value::Object(map) => map.iter().try_for_each(|(k, v)| check_types(v, Shape::Code(inner), &format!("{path}.{k}"))),
            _ => wrong("map"),
        },
        Code::List { item, merge } => match value {
            Value::Array(list) => {
                let kind = Shape::Code(code).kind(value);
                let _ = merge;
                let mut seen: Vec<Part<'_>> = Vec::new();
                for item in list {
                    if !matches!(kind, Kind::Keyed(_)) {
                        break;
                    }
                    let key = shape::element(&kind, item, Shape::Code(code));
                    if seen.contains(&key) {
                        return Err(format!("{path}: duplicate entries for key {}", key.shown()));
                    }
                    seen.push(key);
                }
                list.iter().enumerate().try_for_each(|(index, v)| {
                    let part = match &kind {
                        Kind::Keyed(_) | Kind::Set => shape::element(&kind, v, Shape::Code(code)).shown(),
                        _ => format!("[{index}]"),
                    };
                    check_types(v, Shape::Code(item), &format!("{path}{part}"))
                })
            }
            _ => wrong("list"),
        },
        Code::Text | Code::Time | Code::MicroTime | Code::Bytes => {
            if value.is_string() {
                Ok(())
            } else {
                wrong("string")
            }
        }
        Code::Bool => {
            if value.is_boolean() {
                Ok(())
            } else {
                wrong("boolean")
            }
        }
        Code::Int32 | Code::Int64 | Code::Number => {
            if value.is_number() {
                Ok(())
            } else {
                wrong("numeric (int or float)")
            }
        }
        Code::Quantity | Code::IntOrText | Code::Any => Ok(()),
    }
}

fn check_fields(value: &Value, name: &'static str, path: &str, wrong: &dyn Fn(&str) -> Result<(), String>) -> Result<(), String> {
    let Value::Object(map) = value else { return wrong("map") };
    let Some(known) = types::find(name) else { return Ok(()) };
    for (key, inner) in map {
        if path.is_empty() && matches!(key.as_str(), "apiVersion" | "kind") {
            continue;
        }
        let Some(field) = known.fields.get(key.as_str()) else {
            return Err(format!("{path}.{key}: field not declared in schema"));
        };
        check_types(inner, Shape::Code(&field.code), &format!("{path}.{key}"))?;
    }
    Ok(())
}
