//! Tables of objects, and what has happened in them lately.
//!
//! *Invariant:* what is remembered for watches is bounded in number and bytes; a watch that is being served holds it up to a bound that is far wider,
//! so that a burst of writes does not end it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use super::object::Stored;
use super::{Api, Failure};

/// Where numbering starts. Below 100, so that a client that says `resourceVersion=1` is told that it is long gone.
pub(crate) const FIRST_REVISION: u64 = 1000;
/// How many changes of a table are remembered, and how many bytes of earlier versions of objects with them.
const REMEMBERED: Bounds = Bounds { events: 8192, bytes: 2 * 1024 * 1024 };
/// How much is remembered where an open watch has not yet read it.
const HELD: Bounds = Bounds { events: 131_072, bytes: 64 * 1024 * 1024 };

struct Bounds {
    events: usize,
    bytes: usize,
}

impl Bounds {
    fn hold(&self, history: &History) -> bool {
        history.events.len() <= self.events && history.bytes <= self.bytes
    }
}

/// Namespace and name; the namespace is empty for cluster-wide objects.
pub(crate) type Key = (String, String);

/// What happened to an object.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) revision: u64,
    pub(crate) before: Option<Arc<Stored>>,
    /// `None` where it was deleted.
    pub(crate) after: Option<Arc<Stored>>,
    pub(crate) key: Key,
}

impl Event {
    /// What it alone keeps alive: of the version before what the one after does not share.
    fn weight(&self) -> usize {
        let own = self.key.0.len().saturating_add(self.key.1.len()).saturating_add(128);
        own.saturating_add(self.before.as_ref().map_or(0, |before| before.weight(self.after.as_deref())))
    }
}

/// How far a watch has read.
#[derive(Debug)]
pub(crate) struct Cursor(AtomicU64);

impl Cursor {
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn set(&self, revision: u64) {
        self.0.store(revision, Ordering::Relaxed);
    }
}

/// What happened in a table.
#[derive(Debug)]
pub(crate) struct History {
    events: VecDeque<Arc<Event>>,
    /// The weights of all events.
    bytes: usize,
    /// What happened up to here is forgotten.
    forgotten: u64,
    readers: Vec<Weak<Cursor>>,
    /// Up to here everybody had read when it was looked at last.
    read: u64,
}

impl History {
    fn new(revision: u64) -> Self {
        Self { events: VecDeque::new(), bytes: 0, forgotten: revision, readers: Vec::new(), read: 0 }
    }

    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// A reader that has read up to a revision. What comes later is held for it while it lives.
    pub(crate) fn reader(&mut self, revision: u64) -> Arc<Cursor> {
        let cursor = Arc::new(Cursor(AtomicU64::new(revision)));
        self.read = self.read.min(revision);
        self.readers.push(Arc::downgrade(&cursor));
        cursor
    }

    /// What happened after a revision.
    pub(crate) fn since(&self, revision: u64) -> impl DoubleEndedIterator<Item = &Arc<Event>> {
        self.events.range(self.events.partition_point(|e| e.revision <= revision)..)
    }

    fn push(&mut self, event: Event) {
        self.bytes = self.bytes.saturating_add(event.weight());
        self.events.push_back(Arc::new(event));
        while !REMEMBERED.hold(self)
            && let Some(oldest) = self.events.front()
        {
            let oldest = oldest.revision;
            if oldest > self.read {
                self.readers.retain(|r| r.strong_count() > 0);
                self.read = self.readers.iter().filter_map(Weak::upgrade).map(|r| r.get()).min().unwrap_or(u64::MAX);
                if oldest > self.read && HELD.hold(self) {
                    return;
                }
            }
            if let Some(event) = self.events.pop_front() {
                self.bytes = self.bytes.saturating_sub(event.weight());
                self.forgotten = oldest;
            }
        }
    }
}

/// The objects of one resource, by namespace and name; the namespace is empty for cluster-wide objects.
#[derive(Debug, Default)]
pub(crate) struct Objects(BTreeMap<String, BTreeMap<String, Arc<Stored>>>);

impl Objects {
    pub(crate) fn get(&self, namespace: &str, name: &str) -> Option<&Arc<Stored>> {
        self.0.get(namespace)?.get(name)
    }

    fn insert(&mut self, (namespace, name): &Key, object: Arc<Stored>) -> Option<Arc<Stored>> {
        match self.0.get_mut(namespace) {
            Some(objects) => match objects.get_mut(name) {
                Some(there) => Some(std::mem::replace(there, object)),
                None => objects.insert(name.clone(), object),
            },
            None => {
                self.0.insert(namespace.clone(), BTreeMap::from([(name.clone(), object)]));
                None
            }
        }
    }

    fn remove(&mut self, (namespace, name): &Key) -> Option<Arc<Stored>> {
        let objects = self.0.get_mut(namespace)?;
        let removed = objects.remove(name);
        if objects.is_empty() {
            self.0.remove(namespace);
        }
        removed
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All objects.
    pub(crate) fn values(&self) -> impl Iterator<Item = &Arc<Stored>> {
        self.0.values().flat_map(BTreeMap::values)
    }

    /// All objects, each after its namespace and name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &String, &Arc<Stored>)> {
        self.0.iter().flat_map(|(namespace, objects)| objects.iter().map(move |(name, object)| (namespace, name, object)))
    }

    /// The objects of a namespace, or all.
    pub(crate) fn within(&self, namespace: Option<&str>) -> impl Iterator<Item = &Arc<Stored>> {
        let (one, all) = match namespace {
            Some(namespace) => (self.0.get(namespace), None),
            None => (None, Some(self.values())),
        };
        one.into_iter().flat_map(BTreeMap::values).chain(all.into_iter().flatten())
    }
}

/// A resource's objects and what happened to them.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) objects: Objects,
    pub(crate) history: History,
    /// Counts the lives of the resource: watches of an earlier one end.
    pub(crate) life: u64,
}

impl Table {
    pub(crate) fn new(revision: u64) -> Self {
        Self { objects: Objects::default(), history: History::new(revision), life: 0 }
    }
}

/// One write, for whoever keeps it.
#[derive(Clone, Debug)]
pub struct Change {
    /// `group/plural`.
    pub table: Arc<str>,
    /// Namespace; empty for cluster-wide objects.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// The number of the write.
    pub revision: u64,
    object: Option<Arc<Stored>>,
}

impl Change {
    /// The object as it is now, in JSON, without `apiVersion` and `kind`; `None` where it was deleted.
    #[must_use]
    pub fn object(&self) -> Option<Vec<u8>> {
        self.object.as_ref().map(|object| {
            let mut text = Vec::with_capacity(1024);
            object.write(&mut text);
            text
        })
    }
}

/// An object that was kept, as it was handed out by [`Change`].
#[derive(Clone, Debug)]
pub struct Kept {
    /// `group/plural`.
    pub table: String,
    /// Namespace; empty for cluster-wide objects.
    pub namespace: String,
    /// Name.
    pub name: String,
    object: Stored,
}

impl Kept {
    /// One of an object in JSON.
    ///
    /// # Errors
    /// When the text is no JSON.
    pub fn read(table: String, namespace: String, name: String, object: &[u8]) -> Result<Self, serde_json::Error> {
        let text = std::str::from_utf8(object).map_err(serde::de::Error::custom)?;
        serde_json::from_str::<serde::de::IgnoredAny>(text)?;
        Ok(Self { table, namespace, name, object: Stored::read(text) })
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
        self.tables.get(slot)?.objects.get(namespace, name).cloned()
    }

    /// An object of a built-in resource.
    pub(crate) fn lookup_in(&self, group: &str, plural: &str, namespace: &str, name: &str) -> Option<Arc<Stored>> {
        let slot = self.registry.get(group, plural)?.slot;
        self.lookup(slot, namespace, name)
    }

    /// Writes an object (or deletes it, for `None`) and tells watchers. Gives what is stored now, or for a deletion what was last, with the number of
    /// the deletion.
    pub(crate) fn commit(&mut self, slot: usize, key: Key, object: Option<Stored>) -> Result<Arc<Stored>, Failure> {
        let revision = self.revision.saturating_add(1);
        let table_name = self.registry.slot_name(slot);
        let table = self.table_mut(slot)?;
        let after = object.map(|object| Arc::new(Stored { revision, ..object }));
        let before = match &after {
            Some(after) => table.objects.insert(&key, Arc::clone(after)),
            None => table.objects.remove(&key),
        };
        let shown = match (&after, &before) {
            (Some(after), _) => Arc::clone(after),
            (None, Some(before)) => Arc::new(before.at_revision(revision)),
            (None, None) => return Err(Failure::internal("deleting what is not there")),
        };
        table.history.push(Event { revision, before: before.clone(), after: after.clone(), key: key.clone() });
        self.revision = revision;
        self.touch(slot);
        self.note(slot, &key, before.as_deref(), after.as_deref());
        let (namespace, name) = key;
        self.changes.push(Change { table: table_name, namespace, name, revision, object: after });
        Ok(shown)
    }

    /// All objects, as if each had just been written.
    #[must_use]
    pub fn everything(&self) -> Vec<Change> {
        let tables = self.tables.iter().enumerate();
        let all =
            tables.flat_map(|(slot, table)| table.objects.iter().map(move |(namespace, name, object)| (slot, namespace, name, object)));
        all.map(|(slot, namespace, name, object)| Change {
            table: self.registry.slot_name(slot),
            namespace: namespace.clone(),
            name: name.clone(),
            revision: object.revision,
            object: Some(Arc::clone(object)),
        })
        .collect()
    }

    /// Puts back what was kept, and the number of the last write.
    pub fn load(&mut self, objects: Vec<Kept>, revision: u64) {
        const DEFINITIONS: &str = "apiextensions.k8s.io/customresourcedefinitions";
        for kept in objects.iter().filter(|k| k.table == DEFINITIONS) {
            self.register(&kept.object);
        }
        self.revision = self.revision.max(revision);
        for kept in objects {
            let slot = self.registry_mut().slot(&kept.table);
            self.revision = self.revision.max(kept.object.revision);
            if let Ok(table) = self.table_mut(slot) {
                table.objects.insert(&(kept.namespace, kept.name), Arc::new(kept.object));
            }
        }
        // What happened before is not known any more.
        for table in &mut self.tables {
            table.history.forgotten = self.revision;
        }
        self.look_at_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_reader_holds_what_it_has_not_read() {
        let mut history = History::new(0);
        let version = |number: u64| Arc::new(Stored::of(json!({"metadata": {"name": "a"}, "data": {"n": number}}), None));
        let write = |history: &mut History, numbers: std::ops::RangeInclusive<u64>| {
            for revision in numbers {
                let key = (String::new(), "a".to_owned());
                history.push(Event { revision, before: Some(version(revision)), after: Some(version(revision + 1)), key });
            }
        };
        write(&mut history, 1..=10_000);
        assert!(REMEMBERED.hold(&history) && history.forgotten() > 0 && history.since(9_000).count() == 1_000);
        let reader = history.reader(10_000);
        write(&mut history, 10_001..=30_000);
        assert_eq!((history.forgotten(), history.since(reader.get()).count()), (10_000, 20_000));
        reader.set(29_000);
        write(&mut history, 30_001..=30_001);
        assert!(REMEMBERED.hold(&history) && history.since(29_000).count() == 1_001);
        drop(reader);
        assert_eq!(history.bytes, history.events.iter().map(|e| e.weight()).sum::<usize>());
    }
}
