//! Objects, their order, and what has happened to them lately.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use serde_json::Value;

use super::json;
use super::{Api, Failure};

/// Where numbering starts. Below 100, so that a client that says `resourceVersion=1` is told that it is long gone.
pub(crate) const FIRST_REVISION: u64 = 1000;
/// How many changes of a table are remembered for watches.
const REMEMBERED: usize = 8192;

/// Namespace and name; the namespace is empty for cluster-wide objects.
pub(crate) type Key = (String, String);

/// An object as it is kept: without `apiVersion` and `kind`.
#[derive(Debug, PartialEq)]
pub(crate) struct Stored {
    pub(crate) value: Value,
    pub(crate) revision: u64,
}

/// What happened to an object.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) revision: u64,
    pub(crate) before: Option<Arc<Stored>>,
    /// `None` where it was deleted.
    pub(crate) after: Option<Arc<Stored>>,
    /// For deletions: the last state, with the number of the deletion.
    pub(crate) last: Option<Arc<Stored>>,
    pub(crate) namespace: String,
    /// The event as most watchers read it, made once.
    pub(crate) line: OnceLock<Bytes>,
}

/// The objects of one resource.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) objects: BTreeMap<Key, Arc<Stored>>,
    pub(crate) events: VecDeque<Arc<Event>>,
    /// What happened up to here is forgotten.
    pub(crate) forgotten: u64,
    /// Counts the lives of the resource: watches of an earlier one end.
    pub(crate) life: u64,
}

impl Table {
    pub(crate) fn new(revision: u64) -> Self {
        Self { objects: BTreeMap::new(), events: VecDeque::new(), forgotten: revision, life: 0 }
    }

    /// The objects of a namespace, or all.
    pub(crate) fn range<'a>(&'a self, namespace: Option<&'a str>) -> Box<dyn Iterator<Item = (&'a Key, &'a Arc<Stored>)> + 'a> {
        match namespace {
            None => Box::new(self.objects.iter()),
            Some(namespace) => {
                let from = (namespace.to_owned(), String::new());
                Box::new(self.objects.range(from..).take_while(move |((ns, _), _)| ns == namespace))
            }
        }
    }
}

/// One write, for whoever keeps it.
#[derive(Clone, Debug)]
pub struct Change {
    /// `group/plural`.
    pub table: String,
    /// Namespace; empty for cluster-wide objects.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// The number of the write.
    pub revision: u64,
    object: Option<Arc<Stored>>,
}

impl Change {
    /// The object as it is now, without `apiVersion` and `kind`; `None` where it was deleted.
    #[must_use]
    pub fn object(&self) -> Option<&Value> {
        self.object.as_ref().map(|o| &o.value)
    }
}

impl Api {
    pub(crate) fn table(&self, slot: usize) -> Result<&Table, Failure> {
        self.tables.get(slot).ok_or_else(|| Failure::internal("a resource without a table"))
    }

    pub(crate) fn table_mut(&mut self, slot: usize) -> Result<&mut Table, Failure> {
        while self.tables.len() <= slot {
            self.tables.push(Table::new(0));
        }
        self.tables.get_mut(slot).ok_or_else(|| Failure::internal("a resource without a table"))
    }

    pub(crate) fn lookup(&self, slot: usize, namespace: &str, name: &str) -> Option<Arc<Stored>> {
        self.tables.get(slot)?.objects.get(&(namespace.to_owned(), name.to_owned())).cloned()
    }

    /// An object of a built-in resource.
    pub(crate) fn lookup_in(&self, group: &str, plural: &str, namespace: &str, name: &str) -> Option<Arc<Stored>> {
        let slot = self.registry.get(group, plural)?.slot;
        self.lookup(slot, namespace, name)
    }

    /// Writes an object (or deletes it, for `None`) and tells watchers. Gives what is stored now, or for a deletion what was last.
    pub(crate) fn commit(&mut self, slot: usize, key: Key, value: Option<Value>) -> Result<Arc<Stored>, Failure> {
        let revision = self.revision.saturating_add(1);
        let table_name = self.registry.slot_name(slot).to_owned();
        let table = self.table_mut(slot)?;
        let before = table.objects.get(&key).cloned();
        let stored = |mut value: Value| {
            json::metadata(&mut value).insert("resourceVersion".to_owned(), revision.to_string().into());
            Arc::new(Stored { value, revision })
        };
        let (after, last) = match value {
            Some(value) => (Some(stored(value)), None),
            None => {
                let Some(before) = &before else { return Err(Failure::internal("deleting what is not there")) };
                (None, Some(stored(before.value.clone())))
            }
        };
        let shown = after.clone().or_else(|| last.clone());
        match &after {
            Some(after) => table.objects.insert(key.clone(), Arc::clone(after)),
            None => table.objects.remove(&key),
        };
        let (namespace, name) = key;
        table.events.push_back(Arc::new(Event {
            revision,
            before,
            after: after.clone(),
            last,
            namespace: namespace.clone(),
            line: OnceLock::new(),
        }));
        if table.events.len() > REMEMBERED
            && let Some(old) = table.events.pop_front()
        {
            table.forgotten = old.revision;
        }
        let events = table.events.back().cloned();
        self.revision = revision;
        self.touched.insert(slot);
        if let Some(event) = events {
            self.note(slot, &namespace, &name, event.before.as_ref(), event.after.as_ref());
        }
        self.changes.push(Change { table: table_name, namespace, name, revision, object: after });
        shown.ok_or_else(|| Failure::internal("nothing was written"))
    }

    /// All objects, as if each had just been written.
    #[must_use]
    pub fn everything(&self) -> Vec<Change> {
        let tables = self.tables.iter().enumerate();
        let all =
            tables.flat_map(|(slot, table)| table.objects.iter().map(move |((namespace, name), object)| (slot, namespace, name, object)));
        all.map(|(slot, namespace, name, object)| Change {
            table: self.registry.slot_name(slot).to_owned(),
            namespace: namespace.clone(),
            name: name.clone(),
            revision: object.revision,
            object: Some(Arc::clone(object)),
        })
        .collect()
    }

    /// Puts back what was kept: table, namespace, name and object each, and the number of the last write.
    pub fn load(&mut self, objects: Vec<(String, String, String, Value)>, revision: u64) {
        const DEFINITIONS: &str = "apiextensions.k8s.io/customresourcedefinitions";
        for (table, _, _, definition) in &objects {
            if table == DEFINITIONS {
                self.register(definition, json::deleting(definition));
            }
        }
        self.revision = self.revision.max(revision);
        for (table, namespace, name, value) in objects {
            let slot = self.registry.slot(&table);
            let revision = json::meta(&value, "resourceVersion").parse().unwrap_or(0);
            self.revision = self.revision.max(revision);
            if let Ok(table) = self.table_mut(slot) {
                table.objects.insert((namespace, name), Arc::new(Stored { value, revision }));
            }
        }
        // What happened before is not known any more.
        for table in &mut self.tables {
            table.forgotten = self.revision;
        }
        self.look_at_all();
    }
}
