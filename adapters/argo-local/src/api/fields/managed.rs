//! `managedFields` as they are kept.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Set;
use crate::api::json;
use crate::api::raw::Raw;

/// Who changes fields, and on which way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Who {
    /// Whether by server-side apply.
    pub(crate) applies: bool,
    pub(crate) name: String,
    pub(crate) api_version: String,
    pub(crate) subresource: String,
}

impl Who {
    fn operation(&self) -> &'static str {
        if self.applies { "Apply" } else { "Update" }
    }
}

/// An entry of `managedFields`. Versions of an object share what they have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) who: Arc<Who>,
    pub(crate) time: Option<Arc<str>>,
    /// `fieldsV1`.
    pub(crate) fields: Arc<str>,
}

impl Entry {
    /// An entry, with what an earlier one of the same manager has in common with it.
    pub(crate) fn new(who: Who, time: Option<Arc<str>>, fields: String, earlier: &Managed) -> Self {
        let earlier = earlier.entries().iter().find(|e| *e.who == who);
        let same = earlier.filter(|e| *e.fields == *fields).map(|e| Arc::clone(&e.fields));
        let who = earlier.map_or_else(|| Arc::new(who), |e| Arc::clone(&e.who));
        Self { who, time, fields: same.unwrap_or_else(|| fields.into()) }
    }

    pub(crate) fn set(&self) -> Set<'_> {
        Set::read(Raw::new(&self.fields))
    }

    fn same_but_time(&self, other: &Self) -> bool {
        self.who == other.who && self.fields == other.fields
    }
}

/// All entries, in upstream's order: applied before updated, the older first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Managed(Arc<[Entry]>);

impl Default for Managed {
    fn default() -> Self {
        Self(Arc::new([]))
    }
}

impl Managed {
    pub(crate) fn new(mut entries: Vec<Entry>) -> Self {
        entries.retain(|e| &*e.fields != "{}");
        entries.sort_by(|a, b| {
            let key = |e: &Entry| (!e.who.applies, e.time.clone());
            key(a).cmp(&key(b)).then_with(|| a.who.cmp(&b.who))
        });
        Self(entries.into())
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// Reads `managedFields` as clients send them; `None` where they are not what they should be.
    pub(crate) fn read(list: &Value, earlier: &Self) -> Option<Self> {
        let entry = |entry: &Value| {
            let text = |key: &str| json::text(entry, &[key]).to_owned();
            let applies = match json::text(entry, &["operation"]) {
                "Apply" => true,
                "Update" => false,
                _ => return None,
            };
            let who = Who { applies, name: text("manager"), api_version: text("apiVersion"), subresource: text("subresource") };
            let time = entry.get("time").and_then(Value::as_str).map(Arc::from);
            let fields = entry.get("fieldsV1").filter(|f| f.is_object()).map_or_else(|| "{}".to_owned(), Value::to_string);
            Some(Entry::new(who, time, fields, earlier))
        };
        Some(Self(list.as_array().into_iter().flatten().map(entry).collect::<Option<_>>()?))
    }

    /// Reads `managedFields` as they were kept.
    pub(crate) fn kept(list: Raw<'_>) -> Self {
        let entry = |entry: Raw<'_>| {
            let text = |key: &str| entry.get(key).and_then(Raw::text).map(String::from).unwrap_or_default();
            let applies = entry.get("operation").and_then(Raw::plain) == Some("Apply");
            let who = Who { applies, name: text("manager"), api_version: text("apiVersion"), subresource: text("subresource") };
            let time = entry.get("time").and_then(Raw::plain).map(Arc::from);
            Entry { who: Arc::new(who), time, fields: entry.get("fieldsV1").map_or("{}", Raw::as_str).into() }
        };
        Self(list.items().map(entry).collect())
    }

    /// The list as JSON.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.push(b'[');
        for (index, entry) in self.0.iter().enumerate() {
            let who = &entry.who;
            out.extend_from_slice(if index > 0 { b",{\"apiVersion\":" } else { b"{\"apiVersion\":" });
            json::write(out, &who.api_version);
            out.extend_from_slice(b",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":");
            out.extend_from_slice(entry.fields.as_bytes());
            out.extend_from_slice(b",\"manager\":");
            json::write(out, &who.name);
            out.extend_from_slice(b",\"operation\":\"");
            out.extend_from_slice(who.operation().as_bytes());
            out.push(b'"');
            if !who.subresource.is_empty() {
                out.extend_from_slice(b",\"subresource\":");
                json::write(out, &who.subresource);
            }
            if let Some(time) = &entry.time {
                out.extend_from_slice(b",\"time\":");
                json::write(out, &**time);
            }
            out.push(b'}');
        }
        out.push(b']');
    }

    /// The list as a value; `None` where it is empty.
    pub(crate) fn value(&self) -> Option<Value> {
        if self.0.is_empty() {
            return None;
        }
        let mut text = Vec::new();
        self.write(&mut text);
        Some(serde_json::from_slice(&text).unwrap_or_else(|_| json!([])))
    }

    /// Whether two differ at most by their times.
    pub(crate) fn same_but_times(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.0.len() == other.0.len() && self.0.iter().zip(&*other.0).all(|(a, b)| a.same_but_time(b)))
    }

    /// The bytes that are its own and not those of `other`.
    pub(crate) fn weight(&self, other: Option<&Self>) -> usize {
        let shared = |entry: &Entry| other.is_some_and(|o| o.0.iter().any(|e| Arc::ptr_eq(&e.fields, &entry.fields)));
        self.0.iter().map(|e| if shared(e) { 64 } else { e.fields.len().saturating_add(160) }).sum()
    }
}
