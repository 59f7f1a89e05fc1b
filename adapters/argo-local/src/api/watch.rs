//! Watching: events from a revision on, as a stream that is asked for its next piece.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::ask::Ask;
use super::failure::Failure;
use super::negotiate::{Accept, Form};
use super::read::{Selection, check_match};
use super::store::{Event, FIRST_REVISION, Stored};
use super::{Answer, Api, render};

/// An open watch: where it stands.
#[derive(Debug)]
pub struct Watch {
    ask: Ask,
    selection: Selection,
    seen: u64,
    life: u64,
    initial: Option<Initial>,
    error: Option<Failure>,
    bookmarks: bool,
    /// The revision the client knows it is at.
    told: u64,
    first_table: bool,
    timeout: Duration,
    ended: bool,
}

#[derive(Debug)]
struct Initial {
    objects: Vec<Arc<Stored>>,
    mark_end: bool,
}

/// What a watch gives when it is asked.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Lines of JSON, an event each.
    Lines(Bytes),
    /// Nothing now; ask again when its table has changed.
    Wait,
    /// The end.
    End,
}

impl Watch {
    /// Number of the table it watches, as [`Api::take_touched`] gives them.
    #[must_use]
    pub fn table(&self) -> usize {
        self.ask.resource.slot
    }

    /// How long it may stay open.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Whether bookmarks are wanted: see [`Api::bookmark`].
    #[must_use]
    pub fn wants_bookmarks(&self) -> bool {
        self.bookmarks
    }

    fn one_line(&self) -> Accept {
        Accept { pretty: false, ..self.ask.accept }
    }
}

impl Api {
    pub(crate) fn watch(&mut self, ask: &Ask) -> Result<Answer, Failure> {
        let revision = ask.query.text("resourceVersion");
        let timeout = ask.query.number("timeoutSeconds")?;
        check_match(ask, ask.query.text("resourceVersionMatch"), revision, true)?;
        let selection = Selection::of(ask)?;
        let from = match revision {
            "" | "0" => None,
            text => Some(text.parse::<u64>().map_err(|_| {
                let why = format!("resourceVersion: Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: invalid syntax");
                Failure::new(500, "", why, None)
            })?),
        };
        let send_initial = ask.query.get("sendInitialEvents").map(|_| ask.query.flag("sendInitialEvents"));
        let table = self.table(ask.resource.slot)?;
        let oldest = table.forgotten.max(FIRST_REVISION);
        let mut error = None;
        let mut initial = None;
        let seen = match (from, send_initial) {
            (_, Some(true)) | (None, None) => {
                let objects =
                    table.range(selection.namespace.as_deref()).map(|(_, o)| o).filter(|o| selection.matches(&o.value)).cloned().collect();
                initial = Some(Initial {
                    objects,
                    mark_end: (send_initial == Some(true) || revision == "0") && ask.query.flag("allowWatchBookmarks"),
                });
                self.revision
            }
            (None, Some(false)) => self.revision,
            (Some(from), _) if from < oldest => {
                error = Some(Failure::expired(format!("too old resource version: {from} ({})", self.revision)));
                from
            }
            (Some(from), _) => from,
        };
        let life = table.life;
        let seconds = timeout.and_then(|t| u64::try_from(t).ok()).filter(|t| *t > 0).unwrap_or(0);
        let seconds = if seconds == 0 { self.entropy.below(1800).saturating_add(1800) } else { seconds };
        Ok(Answer::Watch(Box::new(Watch {
            ask: ask.clone(),
            selection,
            seen,
            life,
            initial,
            error,
            bookmarks: ask.query.flag("allowWatchBookmarks"),
            told: seen,
            first_table: true,
            timeout: Duration::from_secs(seconds),
            ended: false,
        })))
    }

    /// The next events of a watch.
    pub fn step(&mut self, watch: &mut Watch, now: Timestamp) -> Step {
        self.now = now;
        self.advance(watch)
    }

    fn advance(&self, watch: &mut Watch) -> Step {
        if watch.ended {
            return Step::End;
        }
        let mut out = Vec::new();
        if let Some(error) = watch.error.take() {
            watch.ended = true;
            line(&mut out, "ERROR", &error.status());
            return Step::Lines(out.into());
        }
        if let Some(initial) = watch.initial.take() {
            for object in &initial.objects {
                self.event_line(watch, &mut out, "ADDED", object);
            }
            if initial.mark_end {
                self.bookmark_line(watch, &mut out, watch.seen, true);
            }
            if !out.is_empty() {
                return Step::Lines(out.into());
            }
        }
        let Some(table) = self.tables.get(watch.ask.resource.slot) else { return Step::End };
        if watch.seen < table.forgotten {
            watch.ended = true;
            line(&mut out, "ERROR", &Failure::expired(format!("too old resource version: {} ({})", watch.seen, table.forgotten)).status());
            return Step::Lines(out.into());
        }
        let start = table.events.partition_point(|e| e.revision <= watch.seen);
        for event in table.events.range(start..) {
            watch.seen = event.revision;
            if watch.selection.namespace.as_ref().is_some_and(|n| *n != event.namespace) {
                continue;
            }
            self.write_event(watch, &mut out, event);
        }
        if !out.is_empty() {
            return Step::Lines(out.into());
        }
        if watch.life != table.life {
            watch.ended = true;
            return Step::End;
        }
        Step::Wait
    }

    fn write_event(&self, watch: &mut Watch, out: &mut Vec<u8>, event: &Event) {
        let matches = |object: &Option<Arc<Stored>>| object.as_ref().filter(|o| watch.selection.matches(&o.value)).cloned();
        let (before, after) = (matches(&event.before), matches(&event.after));
        let (kind, object) = match (&before, &after, &event.last) {
            (None, Some(after), _) => ("ADDED", Arc::clone(after)),
            (Some(_), Some(after), _) => ("MODIFIED", Arc::clone(after)),
            (Some(_), None, Some(last)) => ("DELETED", Arc::clone(last)),
            (Some(before), None, None) => {
                // It matches no more: shown as it was when it did, with the number of now.
                let mut value = before.value.clone();
                super::json::metadata(&mut value).insert("resourceVersion".to_owned(), event.revision.to_string().into());
                ("DELETED", Arc::new(Stored { value, revision: event.revision }))
            }
            (None, None, _) => return,
        };
        watch.told = event.revision;
        let natural = match (&event.before, &event.after) {
            (None, _) => "ADDED",
            (Some(_), Some(_)) => "MODIFIED",
            (Some(_), None) => "DELETED",
        };
        let resource = &watch.ask.resource;
        let common =
            watch.ask.accept == Accept::default() && kind == natural && resource.versions.len() == 1 && resource.plural != "events";
        if common && let Some(made) = event.line.get() {
            out.extend_from_slice(made);
            return;
        }
        let from = out.len();
        self.event_line(watch, out, kind, &object);
        if common {
            let _ = event.line.set(Bytes::copy_from_slice(out.get(from..).unwrap_or_default()));
        }
    }

    fn event_line(&self, watch: &mut Watch, out: &mut Vec<u8>, kind: &str, object: &Stored) {
        let ask = &watch.ask;
        let shown = self.shown(ask, &object.value);
        match ask.accept.form {
            Form::Whole | Form::Discovery { .. } => {
                out.extend_from_slice(b"{\"type\":\"");
                out.extend_from_slice(kind.as_bytes());
                out.extend_from_slice(b"\",\"object\":");
                render::write_object(out, &ask.api_version(), &ask.resource.kind, &shown);
                out.extend_from_slice(b"}\n");
            }
            Form::Partial { beta, .. } => line(out, kind, &render::partial(&shown, beta)),
            Form::Table { beta } => {
                let metadata = json!({"resourceVersion": object.revision.to_string()});
                let table = self.table_of(ask, &[&*shown], metadata, beta, watch.first_table);
                drop(shown);
                watch.first_table = false;
                line(out, kind, &table);
            }
        }
    }

    fn bookmark_line(&self, watch: &Watch, out: &mut Vec<u8>, revision: u64, end: bool) {
        let mut metadata = json!({"resourceVersion": revision.to_string()});
        if end {
            super::json::map(&mut metadata).insert("annotations".to_owned(), json!({"k8s.io/initial-events-end": "true"}));
        }
        let object = match watch.one_line().form {
            Form::Partial { beta, .. } => render::partial(&json!({"metadata": metadata}), beta),
            Form::Table { beta } => {
                let api_version = if beta { "meta.k8s.io/v1beta1" } else { "meta.k8s.io/v1" };
                json!({"kind": "Table", "apiVersion": api_version, "metadata": metadata, "columnDefinitions": [], "rows": []})
            }
            _ => {
                // An object of its type with nothing in it, as Go writes that.
                let mut object =
                    if watch.ask.resource.custom() { json!({}) } else { super::fields::Shape::Typed(watch.ask.resource.type_name).blank() };
                let map = super::json::map(&mut object);
                map.insert("kind".to_owned(), watch.ask.resource.kind.as_str().into());
                map.insert("apiVersion".to_owned(), watch.ask.api_version().into());
                map.insert("metadata".to_owned(), metadata);
                object
            }
        };
        line(out, "BOOKMARK", &object);
    }

    /// A bookmark, if the watch has seen more than the client was told.
    pub fn bookmark(&self, watch: &mut Watch) -> Option<Bytes> {
        if watch.ended || !watch.bookmarks || watch.seen <= watch.told {
            return None;
        }
        let mut out = Vec::new();
        self.bookmark_line(watch, &mut out, watch.seen, false);
        watch.told = watch.seen;
        Some(out.into())
    }
}

fn line(out: &mut Vec<u8>, kind: &str, object: &Value) {
    // Writing JSON values to memory does not fail.
    let _ = serde_json::to_writer(&mut *out, &json!({"type": kind, "object": object}));
    out.push(b'\n');
}
