//! Watching: events from a revision on, as a stream that is asked for its next piece.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::ask::Ask;
use super::failure::Failure;
use super::negotiate::Form;
use super::object::Stored;
use super::read::{Selection, check_match};
use super::store::{Cursor, Event, FIRST_REVISION};
use super::{Answer, Api, Outcome, json, protobuf, render, table};

/// An open watch: where it stands.
#[derive(Debug)]
pub struct Watch {
    ask: Ask,
    selection: Selection,
    /// Up to here its table's history was taken; the history holds the rest for it.
    seen: Arc<Cursor>,
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
    /// When they were so.
    revision: u64,
    mark_end: bool,
}

/// What has happened since a watch was last asked: taken from the API by [`Api::news`], made into lines by [`Watch::lines`].
#[derive(Debug)]
pub struct News {
    events: Vec<Arc<Event>>,
    /// There may be more.
    more: bool,
    gone: bool,
}

/// The most events that are taken at once.
const AT_ONCE: usize = 512;

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

    /// The form of what [`Self::lines`] gives.
    #[must_use]
    pub fn content_type(&self) -> &'static str {
        if self.ask.accept.protobuf { "application/vnd.kubernetes.protobuf;stream=watch" } else { "application/json" }
    }

    /// How long it may stay open.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Whether bookmarks are wanted: see [`Self::bookmark`].
    #[must_use]
    pub fn wants_bookmarks(&self) -> bool {
        self.bookmarks
    }
}

impl Api {
    pub(crate) fn watch(&mut self, ask: &Ask) -> Result<Outcome, Failure> {
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
        let oldest = table.history.forgotten().max(FIRST_REVISION);
        let mut error = None;
        let mut initial = None;
        let seen = match (from, send_initial) {
            (_, Some(true)) | (None, None) => {
                let objects = table.objects.within(selection.namespace.as_deref()).filter(|o| selection.matches(o)).cloned().collect();
                initial = Some(Initial {
                    objects,
                    revision: self.revision,
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
        let cursor = self.table_mut(ask.resource.slot)?.history.reader(seen);
        Ok(Outcome::Answer(Answer::Watch(Box::new(Watch {
            ask: ask.clone(),
            selection,
            seen: cursor,
            life,
            initial,
            error,
            bookmarks: ask.query.flag("allowWatchBookmarks"),
            told: seen,
            first_table: true,
            timeout: Duration::from_secs(seconds),
            ended: false,
        }))))
    }

    /// What has happened for a watch since it was last asked.
    pub fn news(&self, watch: &mut Watch, now: Timestamp) -> News {
        watch.ask.now = now;
        let mut news = News { events: Vec::new(), more: false, gone: false };
        let over = watch.ended || watch.error.is_some();
        let Some(table) = self.tables.get(watch.ask.resource.slot).filter(|_| !over) else { return news };
        let seen = watch.seen.get();
        if seen < table.history.forgotten() {
            watch.error = Some(Failure::expired(format!("too old resource version: {seen} ({})", table.history.forgotten())));
            return news;
        }
        news.events.extend(table.history.since(seen).take(AT_ONCE).cloned());
        if let Some(last) = news.events.last() {
            watch.seen.set(last.revision);
            news.more = last.revision < self.revision;
        }
        news.gone = news.events.is_empty() && watch.life != table.life;
        news
    }

    /// The next events of a watch: [`Self::news`] and [`Watch::lines`] in one.
    pub fn step(&self, watch: &mut Watch, now: Timestamp) -> Step {
        loop {
            let news = self.news(watch, now);
            let more = news.more;
            match watch.lines(news) {
                Step::Wait if more => {}
                step => return step,
            }
        }
    }
}

impl News {
    /// Whether there may be more to take at once.
    #[must_use]
    pub fn more(&self) -> bool {
        self.more
    }
}

impl Watch {
    /// Makes what has happened into lines for the client.
    pub fn lines(&mut self, news: News) -> Step {
        if self.ended {
            return Step::End;
        }
        let mut out = Vec::new();
        if let Some(error) = self.error.take() {
            self.ended = true;
            self.line(&mut out, "ERROR", &error.status());
            return Step::Lines(out.into());
        }
        if let Some(initial) = self.initial.take() {
            for object in &initial.objects {
                self.event_line(&mut out, "ADDED", object);
            }
            if initial.mark_end {
                self.bookmark_line(&mut out, initial.revision, true);
            }
        }
        for event in &news.events {
            if self.selection.namespace.as_ref().is_none_or(|namespace| *namespace == event.key.0) {
                self.write_event(&mut out, event);
            }
        }
        if !out.is_empty() {
            return Step::Lines(out.into());
        }
        self.ended = news.gone;
        if self.ended { Step::End } else { Step::Wait }
    }

    fn write_event(&mut self, out: &mut Vec<u8>, event: &Event) {
        let matches = |object: &Option<Arc<Stored>>| object.as_ref().is_some_and(|o| self.selection.matches(o));
        let kind = match (matches(&event.before), matches(&event.after)) {
            (false, true) => "ADDED",
            (true, true) => "MODIFIED",
            (true, false) => "DELETED",
            (false, false) => return,
        };
        self.told = event.revision;
        match (kind, &event.before, &event.after) {
            // It is gone or matches no more: shown as it was when it did, with the number of now.
            ("DELETED", Some(before), _) => self.event_line(out, kind, &before.at_revision(event.revision)),
            (_, _, Some(after)) => self.event_line(out, kind, after),
            _ => {}
        }
    }

    fn event_line(&mut self, out: &mut Vec<u8>, kind: &str, object: &Stored) {
        let ask = &self.ask;
        if ask.accept.protobuf {
            let shown = render::shown(ask, object);
            let shown = match ask.accept.form {
                Form::Partial { beta, .. } => render::partial(&shown, beta),
                _ => render::stamped(shown, &ask.api_version(), &ask.resource.kind),
            };
            return self.line(out, kind, &shown);
        }
        let head = |out: &mut Vec<u8>| {
            out.extend_from_slice(b"{\"type\":\"");
            out.extend_from_slice(kind.as_bytes());
            out.extend_from_slice(b"\",\"object\":");
        };
        match ask.accept.form {
            Form::Whole | Form::Discovery { .. } => {
                head(out);
                render::write_object(out, ask, object);
                out.extend_from_slice(b"}\n");
            }
            Form::Partial { beta, .. } => {
                head(out);
                render::write_partial(out, object, beta);
                out.extend_from_slice(b"}\n");
            }
            Form::Table { beta } => {
                let metadata = json!({"resourceVersion": object.revision.to_string()});
                let table = table::of(ask, &[render::shown(ask, object)], metadata, beta, self.first_table);
                self.first_table = false;
                self.line(out, kind, &table);
            }
        }
    }

    fn bookmark_line(&self, out: &mut Vec<u8>, revision: u64, end: bool) {
        let mut metadata = json!({"resourceVersion": revision.to_string()});
        if end {
            json::map(&mut metadata).insert("annotations".to_owned(), json!({"k8s.io/initial-events-end": "true"}));
        }
        let object = match self.ask.accept.form {
            Form::Partial { beta, .. } => render::partial(&json!({"metadata": metadata}), beta),
            Form::Table { beta } => {
                let api_version = if beta { "meta.k8s.io/v1beta1" } else { "meta.k8s.io/v1" };
                json!({"kind": "Table", "apiVersion": api_version, "metadata": metadata, "columnDefinitions": [], "rows": []})
            }
            _ => {
                // An object of its type with nothing in it, as Go writes that.
                let mut object = if self.ask.resource.custom() { json!({}) } else { self.ask.resource.blank().clone() };
                let map = json::map(&mut object);
                map.insert("kind".to_owned(), self.ask.resource.kind.as_str().into());
                map.insert("apiVersion".to_owned(), self.ask.api_version().into());
                map.insert("metadata".to_owned(), metadata);
                object
            }
        };
        self.line(out, "BOOKMARK", &object);
    }

    fn line(&self, out: &mut Vec<u8>, kind: &str, object: &Value) {
        if self.ask.accept.protobuf {
            let unwritable =
                || protobuf::event("ERROR", &Failure::internal("the object has a field without a known form in protobuf").status());
            out.extend(protobuf::event(kind, object).or_else(unwritable).unwrap_or_default());
            return;
        }
        json::write(out, &json!({"type": kind, "object": object}));
        out.push(b'\n');
    }

    /// A bookmark, if the watch has seen more than the client was told.
    pub fn bookmark(&mut self) -> Option<Bytes> {
        let seen = self.seen.get();
        if self.ended || !self.bookmarks || seen <= self.told {
            return None;
        }
        let mut out = Vec::new();
        self.bookmark_line(&mut out, seen, false);
        self.told = seen;
        Some(out.into())
    }
}
