//! Deleting: graceful for pods, held by finalizers, with what shall become of dependents.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::ask::Ask;
use super::failure::{Cause, Failure, Named};
use super::object::Stored;
use super::read::Selection;
use super::{Api, Outcome, builtin, json, render};

/// `DeleteOptions`, from the body and the query.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    pub(crate) grace: Option<i64>,
    pub(crate) policy: Option<String>,
    pub(crate) dry_run: bool,
    pub(crate) uid: Option<String>,
    pub(crate) revision: Option<String>,
}

impl Options {
    /// Reads the body, or the query where there is no body.
    pub(crate) fn read(ask: &mut Ask, body: &[u8]) -> Result<Self, Failure> {
        let value = if body.is_empty() {
            let mut map = Map::new();
            if let Some(grace) = ask.query.number("gracePeriodSeconds")? {
                map.insert("gracePeriodSeconds".to_owned(), grace.into());
            }
            for (key, parameter) in [("propagationPolicy", "propagationPolicy")] {
                if let Some(text) = ask.query.get(parameter).filter(|t| !t.is_empty()) {
                    map.insert(key.to_owned(), text.into());
                }
            }
            if let Some(orphan) = ask.query.get("orphanDependents") {
                map.insert("orphanDependents".to_owned(), (orphan == "true" || orphan == "1").into());
            }
            let dry: Vec<&str> = ask.query.all("dryRun").filter(|d| !d.is_empty()).collect();
            if !dry.is_empty() {
                map.insert("dryRun".to_owned(), json!(dry));
            }
            Value::Object(map)
        } else if ask.content_type.starts_with("application/yaml") || body.starts_with(super::protobuf::MAGIC) {
            super::read_body(ask, body)?
        } else {
            let value: Value = serde_json::from_slice(body).map_err(|e| {
                Failure::bad_request(format!("couldn't get version/kind; json parse error: {}", super::json_error(body, &e)))
            })?;
            let (kind, version) = (json::text(&value, &["kind"]), json::text(&value, &["apiVersion"]));
            if !kind.is_empty() && kind != "DeleteOptions" {
                let why = format!("no kind {kind:?} is registered for version {version:?} in scheme \"pkg/runtime/scheme.go:111\"");
                return Err(Failure::bad_request(why));
            }
            value
        };
        Self::of(&value)
    }

    /// Takes an object of kind `DeleteOptions`.
    pub(crate) fn of(value: &Value) -> Result<Self, Failure> {
        let mut causes = Vec::new();
        let policy = value.get("propagationPolicy").and_then(Value::as_str);
        let orphan = value.get("orphanDependents").and_then(Value::as_bool);
        if let Some(policy) = policy {
            let known = ["Foreground", "Background", "Orphan", "nil"];
            if orphan.is_some() {
                let why = "orphanDependents and deletionPropagation cannot be both set";
                causes.push(Cause::invalid("propagationPolicy", &policy.into(), why));
            } else if !matches!(policy, "Foreground" | "Background" | "Orphan") {
                causes.push(Cause::unsupported("propagationPolicy", &policy.into(), &known));
            }
        }
        let dry: Vec<&str> = json::items(value, &["dryRun"]).filter_map(Value::as_str).collect();
        if dry.iter().any(|d| *d != "All") {
            causes.push(Cause::unsupported("dryRun", &json!(dry), &["All"]));
        }
        if !causes.is_empty() {
            return Err(Failure::invalid(Named { group: "meta.k8s.io", kind: "DeleteOptions", name: "" }, &causes));
        }
        let precondition = |field: &str| json::at(value, &["preconditions", field]).and_then(Value::as_str).map(str::to_owned);
        Ok(Self {
            // As upstream: a negative period counts as one second.
            grace: value.get("gracePeriodSeconds").and_then(Value::as_i64).map(|g| if g < 0 { 1 } else { g }),
            policy: policy.map(str::to_owned).or(orphan.map(|o| if o { "Orphan" } else { "Background" }.to_owned())),
            dry_run: !dry.is_empty(),
            uid: precondition("uid"),
            revision: precondition("resourceVersion"),
        })
    }
}

/// What a delete came to.
pub(crate) enum Gone {
    /// It is gone; what was last.
    Now(Arc<Stored>),
    /// It is marked and waits for its finalizers or its node.
    Marked(Arc<Stored>),
}

impl Api {
    pub(crate) fn delete(&mut self, ask: &mut Ask, body: &[u8], now: Timestamp) -> Result<Outcome, Failure> {
        let options = Options::read(ask, body)?;
        let old = self.existing(ask)?;
        match self.delete_object(ask, &old, &options, now)? {
            Gone::Marked(object) => Ok(Outcome::Object(200, object)),
            Gone::Now(object) if builtin::delete_shows_object(&ask.resource) => Ok(Outcome::Object(200, object)),
            Gone::Now(_) => Ok(render::value(200, &render::success(ask, old.meta("name"), old.meta("uid")), ask.accept).into()),
        }
    }

    /// Deletes an object or marks it for deletion.
    pub(crate) fn delete_object(&mut self, ask: &Ask, old: &Arc<Stored>, options: &Options, now: Timestamp) -> Result<Gone, Failure> {
        let resource = Arc::clone(&ask.resource);
        let name = old.meta("name").to_owned();
        let namespace = old.meta("namespace").to_owned();
        if let Some(uid) = &options.uid
            && uid != old.meta("uid")
        {
            let had = old.meta("uid");
            let why = format!(
                "the UID in the precondition ({uid}) does not match the UID in record ({had}). The object might have been deleted and then recreated"
            );
            return Err(Failure::conflict(ask.of_kind(&name), &why));
        }
        if let Some(revision) = &options.revision
            && *revision != old.revision.to_string()
        {
            let why = format!(
                "the ResourceVersion in the precondition ({revision}) does not match the ResourceVersion in record ({}). The object might have been \
                 modified",
                old.revision
            );
            return Err(Failure::conflict(ask.of_kind(&name), &why));
        }
        let grace = builtin::grace(&resource, old, options.grace);
        let mut finalizers = propagation_finalizers(old, options.policy.as_deref(), builtin::orphans_by_default(&resource));
        let definition = resource.is("apiextensions.k8s.io", "customresourcedefinitions");
        if definition && !finalizers.iter().any(|f| f == super::crd::CLEANUP) {
            finalizers.push(super::crd::CLEANUP.to_owned());
        }
        let held = !finalizers.is_empty() || builtin::held(&resource, old);
        let mut metadata = old.bare_metadata();
        let metadata = json::map(&mut metadata);
        if finalizers.is_empty() {
            metadata.remove("finalizers");
        } else {
            metadata.insert("finalizers".to_owned(), json!(finalizers));
        }
        let mut next = Stored::clone(old);
        if old.deleting() {
            let had = metadata.get("deletionGracePeriodSeconds").and_then(Value::as_i64);
            let shorter = grace.filter(|g| had.is_some_and(|h| *g < h));
            if let Some(grace) = shorter {
                set_deletion(metadata, now, Some(grace));
            }
            let grace_left = metadata.get("deletionGracePeriodSeconds").and_then(Value::as_i64).unwrap_or(0);
            if !held && grace_left == 0 {
                next.set_metadata(metadata);
                return self.remove(ask, old, next, options, now);
            }
            next.set_metadata(metadata);
        } else {
            let grace = if held && grace.is_none() && !builtin::graceful(&resource) {
                builtin::marked_grace(&resource)
            } else {
                Some(grace.unwrap_or(0))
            };
            let waits = held || grace.unwrap_or(0) > 0;
            if !waits {
                if builtin::graceful(&resource) {
                    set_deletion(metadata, now, Some(0));
                    bump_generation(metadata);
                }
                next.set_metadata(metadata);
                return self.remove(ask, old, next, options, now);
            }
            set_deletion(metadata, now, grace);
            if !definition {
                bump_generation(metadata);
            }
            next.set_metadata(metadata);
            if let Some(status) = builtin::mark_deleted(&resource, old, now) {
                next.set_field("status", &status);
            }
        }
        if next == **old {
            return Ok(Gone::Marked(Arc::clone(old)));
        }
        if options.dry_run {
            return Ok(Gone::Marked(Arc::new(next)));
        }
        let stored = self.commit(resource.slot, (namespace, name), Some(next))?;
        self.after_write(&resource, Some(old), Some(&stored), now)?;
        Ok(Gone::Marked(stored))
    }

    fn remove(&mut self, ask: &Ask, old: &Arc<Stored>, last: Stored, options: &Options, now: Timestamp) -> Result<Gone, Failure> {
        let resource = Arc::clone(&ask.resource);
        if options.dry_run {
            return Ok(Gone::Now(Arc::new(last)));
        }
        let key = (old.meta("namespace").to_owned(), old.meta("name").to_owned());
        let shows = builtin::delete_shows_object(&resource);
        if builtin::graceful(&resource) {
            // What watchers see of a pod's end carries the time of its deletion.
            if last != **old {
                self.commit(resource.slot, key.clone(), Some(last))?;
            }
        }
        let gone = self.commit(resource.slot, key, None)?;
        self.after_write(&resource, Some(old), None, now)?;
        Ok(Gone::Now(if shows { gone } else { Arc::clone(old) }))
    }

    pub(crate) fn delete_collection(&mut self, ask: &mut Ask, body: &[u8], now: Timestamp) -> Result<Outcome, Failure> {
        if ask.resource.namespaced && ask.namespace.is_none() || ask.resource.is("", "namespaces") {
            return Err(Failure::method_not_allowed());
        }
        let options = Options::read(ask, body)?;
        let selection = Selection::of(ask)?;
        let revision = self.revision;
        let found: Vec<Arc<Stored>> = self
            .table(ask.resource.slot)?
            .objects
            .within(selection.namespace.as_deref())
            .filter(|o| selection.matches(o))
            .cloned()
            .collect();
        let mut shown = Vec::new();
        for object in &found {
            match self.delete_object(ask, object, &options, now)? {
                Gone::Now(_) | Gone::Marked(_) => shown.push(Arc::clone(object)),
            }
        }
        Ok(Outcome::List(json!({"resourceVersion": revision.to_string()}), shown))
    }
}

fn set_deletion(metadata: &mut Map<String, Value>, now: Timestamp, grace: Option<i64>) {
    let at = now.checked_add(jiff::SignedDuration::from_secs(grace.unwrap_or(0))).unwrap_or(now);
    metadata.insert("deletionTimestamp".to_owned(), json::time(at).into());
    if let Some(grace) = grace {
        metadata.insert("deletionGracePeriodSeconds".to_owned(), grace.into());
    }
}

fn bump_generation(metadata: &mut Map<String, Value>) {
    if let Some(generation) = metadata.get("generation").and_then(Value::as_i64).filter(|g| *g > 0) {
        metadata.insert("generation".to_owned(), generation.saturating_add(1).into());
    }
}

/// The finalizers an object has once its deletion has been asked for in this way.
fn propagation_finalizers(object: &Stored, policy: Option<&str>, orphan: bool) -> Vec<String> {
    let had: Vec<&str> = object.finalizers().collect();
    let mut out: Vec<String> = had.iter().filter(|f| !matches!(**f, "orphan" | "foregroundDeletion")).map(|f| (*f).to_owned()).collect();
    let wanted = match policy {
        Some("Orphan") => Some("orphan"),
        Some("Foreground") => Some("foregroundDeletion"),
        Some(_) => None,
        None if had.contains(&"orphan") => Some("orphan"),
        None if had.contains(&"foregroundDeletion") => Some("foregroundDeletion"),
        None => orphan.then_some("orphan"),
    };
    out.extend(wanted.map(str::to_owned));
    out
}
