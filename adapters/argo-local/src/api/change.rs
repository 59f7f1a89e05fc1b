//! Changing an object that is there.
//!
//! A change costs what it touches: fields that a write leaves alone are neither read nor compared, and stay the text they are.

use std::borrow::Cow;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::ask::Ask;
use super::failure::{Cause, Failure, Named};
use super::fields::{self, Difference, Managed, Sent};
use super::object::{Field, Name, Stored};
use super::raw::Raw;
use super::resources::Resource;
use super::write::{Ownership, about, check_metadata, warn_of_finalizers};
use super::{Api, builtin, json, render};

/// What a write makes of an object.
#[derive(Debug)]
pub(crate) struct Draft {
    /// The object, or the part of it that the write touches. Without metadata, that stays as it is.
    pub(crate) object: Value,
    /// The fields that are not in it and stay as they are.
    pub(crate) kept: Vec<Name>,
}

impl Draft {
    /// All of an object.
    pub(crate) fn whole(object: Value) -> Self {
        Self { object, kept: Vec::new() }
    }

    /// Some fields of an object; of the others it keeps those that `old` has.
    pub(crate) fn part(object: Value, touched: &[&str], old: &Stored) -> Self {
        let kept = old.fields.iter().map(|f| &f.name).filter(|name| !touched.contains(&name.as_ref())).cloned().collect();
        Self { object, kept }
    }

    fn metadata(&mut self) -> Option<&mut Map<String, Value>> {
        self.object.get_mut("metadata").and_then(Value::as_object_mut)
    }

    /// Leaves a field as it is.
    fn keep(&mut self, old: &Stored, name: &str) {
        json::map(&mut self.object).remove(name);
        if let Some(field) = old.field(name).filter(|_| !self.kept.iter().any(|k| k == name)) {
            self.kept.push(field.name.clone());
        }
    }

    /// Of a status update only the status counts, and little of the metadata.
    fn limit_to_status(&mut self, resource: &Resource, old: &Stored) {
        let map = json::map(&mut self.object);
        map.retain(|name, _| matches!(name.as_str(), "metadata" | "status"));
        if let Some(metadata) = map.get_mut("metadata") {
            let mut fresh = old.bare_metadata();
            let target = json::map(&mut fresh);
            for field in builtin::metadata_of_status(resource) {
                match json::map(metadata).remove(*field) {
                    Some(value) => target.insert((*field).to_owned(), value),
                    None => target.remove(*field),
                };
            }
            *metadata = fresh;
        }
        builtin::keep_of_status(resource, old, map);
        self.kept = old.fields.iter().map(|f| &f.name).filter(|name| *name != "status").cloned().collect();
    }

    /// The whole object, for checks that look at all of it.
    fn complete(&self, old: &Stored) -> Value {
        let mut object = self.object.clone();
        let map = json::map(&mut object);
        for field in self.kept.iter().filter_map(|name| old.field(name)) {
            map.insert(field.name.clone().into_owned(), Raw::new(&field.text).value());
        }
        map.entry("metadata").or_insert_with(|| old.bare_metadata());
        object
    }
}

/// The fields of a changed object, and which of them differ from those before.
struct Fields {
    all: Vec<Field>,
    changed: Vec<Name>,
}

impl Fields {
    fn of(draft: &Draft, old: &Stored) -> Self {
        let mut all: Vec<Field> = draft.kept.iter().filter_map(|name| old.field(name)).cloned().collect();
        let mut changed = Vec::new();
        for (name, value) in draft.object.as_object().into_iter().flatten().filter(|(name, _)| *name != "metadata") {
            let field = Field::new(name, value, Some(old));
            if old.field(name).is_none_or(|had| !Arc::ptr_eq(&had.text, &field.text)) {
                changed.push(field.name.clone());
            }
            all.push(field);
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        changed.extend(old.fields.iter().filter(|had| !all.iter().any(|f| f.name == had.name)).map(|had| had.name.clone()));
        Self { all, changed }
    }

    fn changed(&self, name: &str) -> bool {
        self.changed.iter().any(|c| c == name)
    }
}

impl Api {
    /// Puts a changed object in the place of `old`: checks, generation, `managedFields`, finalizers.
    pub(crate) fn change(
        &mut self,
        ask: &mut Ask,
        old: &Arc<Stored>,
        mut draft: Draft,
        ownership: Ownership,
        now: Timestamp,
    ) -> Result<Arc<Stored>, Failure> {
        let resource = Arc::clone(&ask.resource);
        let name = old.meta("name").to_owned();
        let mut sent = Sent::Nothing;
        if let Some(metadata) = draft.metadata() {
            check_version(ask, metadata, old, &name)?;
            let causes = check_immutable(old, metadata);
            if !causes.is_empty() {
                return Err(Failure::invalid(ask.of_kind(&name), &causes));
            }
            carry_system_fields(old, metadata);
            sent = Sent::take(metadata, &old.managed);
        }
        let has_status = ask.served().ok_or_else(Failure::no_such_resource)?.status;
        if ask.sub == "status" {
            draft.limit_to_status(&resource, old);
        } else {
            if draft.kept.is_empty() {
                builtin::default(&resource, &mut draft.object);
            }
            for field in builtin::not_of_update(&resource, has_status) {
                draft.keep(old, field);
            }
            builtin::prepare_update(&resource, old, &mut draft.object);
        }
        let fields = Fields::of(&draft, old);
        let mut generation = None;
        if builtin::has_generation(&resource) {
            let had = old.metadata().get("generation").and_then(Raw::number).unwrap_or(1);
            let counted = ask.sub != "status" && self.counts(ask, has_status, old, &draft, &fields);
            generation = Some(had.saturating_add(i64::from(counted)));
            if let (Some(metadata), Some(generation)) = (draft.metadata(), generation) {
                metadata.insert("generation".to_owned(), generation.into());
            }
        }
        let causes = self.check_change(ask, old, &draft, &fields);
        if !causes.is_empty() {
            return Err(Failure::invalid(about(ask, &name), &causes));
        }
        let managed = match ownership {
            Ownership::Applied(managed) => managed,
            Ownership::Of(manager) => settle(ask, old, &draft, &fields, sent, &manager, now),
        };
        let mut next = Stored {
            revision: old.revision,
            metadata: Arc::clone(&old.metadata),
            managed,
            fields: if fields.changed.is_empty() { Arc::clone(&old.fields) } else { fields.all.into() },
        };
        match draft.metadata() {
            Some(metadata) => next.set_metadata(metadata),
            None => generation.into_iter().for_each(|generation| next.set_number("generation", generation)),
        }
        if fields.changed.is_empty() && next.metadata == old.metadata && next.managed.same_but_times(&old.managed) {
            return Ok(Arc::clone(old));
        }
        if ask.dry_run() {
            return Ok(Arc::new(next));
        }
        let key = (ask.namespace.clone().unwrap_or_default(), name);
        // The last finalizer taken away from an object that is being deleted: it goes, and is shown as it was written.
        if next.deleting() && next.finalizers().next().is_none() && next.grace() == 0 && !builtin::held(&resource, &next) {
            self.commit(resource.slot, key, None)?;
            self.after_write(&resource, Some(old), None, now)?;
            return Ok(Arc::new(next));
        }
        let stored = self.commit(resource.slot, key, Some(next))?;
        self.after_write(&resource, Some(old), Some(&stored), now)?;
        Ok(stored)
    }

    /// Whether a change counts for the generation.
    fn counts(&self, ask: &Ask, has_status: bool, old: &Stored, draft: &Draft, fields: &Fields) -> bool {
        let resource = &ask.resource;
        let mut changed = fields.changed.iter();
        if resource.custom() {
            // Defaults that a newer definition brought are no change.
            let shown = render::converted(ask, old);
            let differs = |name: &Name| shown.as_ref().is_none_or(|s| s.get(name.as_ref()) != draft.object.get(name.as_ref()));
            return changed.any(|name| !(has_status && name == "status") && differs(name));
        }
        match resource.type_name {
            "discovery/v1.EndpointSlice" | "scheduling/v1.PriorityClass" => !fields.changed.is_empty(),
            // As upstream: a deployment's annotations count, too.
            "apps/v1.Deployment" => {
                let annotations = draft.object.get("metadata").map(|m| m.get("annotations").map(Value::to_string));
                let had = old.metadata().get("annotations").map(Raw::as_str);
                fields.changed("spec") || annotations.is_some_and(|a| a.as_deref() != had)
            }
            _ => fields.changed("spec"),
        }
    }

    /// What is wrong with a change.
    fn check_change(&self, ask: &mut Ask, old: &Stored, draft: &Draft, fields: &Fields) -> Vec<Cause> {
        let resource = Arc::clone(&ask.resource);
        let mut causes = Vec::new();
        if draft.object.get("metadata").is_some() {
            let finalizers = json::finalizers(&draft.object);
            if !old.finalizers().eq(finalizers.iter().copied()) {
                warn_of_finalizers(ask, &draft.object);
            }
            causes = check_metadata(&resource, &draft.object);
            causes.extend(check_new_finalizers(old, &finalizers));
        }
        if let Some(custom) = ask.served().and_then(|v| v.custom.as_ref()) {
            if !custom.fine_in_parts(&draft.object, &draft.kept) {
                causes.extend(custom.validate(&draft.complete(old), Some(&old.value())));
            }
        } else if resource.group == "events.k8s.io" {
            causes.extend(builtin::events::check(&draft.object, Some(&old.value())));
        } else if ask.sub == "status" {
            causes.extend(builtin::validate_status(&resource, &draft.object));
        } else if !fields.changed.is_empty() {
            let whole = if draft.kept.is_empty() { Cow::Borrowed(&draft.object) } else { Cow::Owned(draft.complete(old)) };
            causes.extend(builtin::validate_update(&resource, old, &whole));
        }
        causes
    }
}

/// `managedFields` after an update.
fn settle(ask: &Ask, old: &Stored, draft: &Draft, fields: &Fields, sent: Sent, manager: &str, now: Timestamp) -> Managed {
    let managed = sent.or(&old.managed);
    if managed.entries().is_empty() {
        // As upstream: what nobody tracked from its beginning, nobody begins to track.
        return managed;
    }
    let metadata = draft.object.get("metadata").map(|_| old.metadata().value());
    let had: Vec<(&Name, Option<Value>)> =
        fields.changed.iter().map(|name| (name, old.field(name).map(|f| Raw::new(&f.text).value()))).collect();
    let pairs = had.iter().map(|(name, before)| (name.as_ref(), before.as_ref(), draft.object.get(name.as_ref())));
    let pairs = pairs.chain(metadata.iter().map(|before| ("metadata", Some(before), draft.object.get("metadata"))));
    let difference = Difference::of_fields(pairs, fields::shape(ask));
    if difference.is_empty() {
        return managed;
    }
    let (who, time) = fields::updater(ask, manager, now);
    fields::track(&managed, &difference, who, time)
}

fn check_version(ask: &Ask, metadata: &Map<String, Value>, old: &Stored, name: &str) -> Result<(), Failure> {
    let resource = &ask.resource;
    let version = metadata.get("resourceVersion").and_then(Value::as_str).unwrap_or_default();
    if version.is_empty() || version == "0" {
        if resource.custom() || !builtin::unconditional_update(resource) {
            let cause = Cause::invalid("metadata.resourceVersion", &0.into(), "must be specified for an update");
            return Err(Failure::invalid(ask.named(name), &[cause]));
        }
        return Ok(());
    }
    match version.parse::<u64>() {
        Err(_) => {
            let why = format!("Invalid value: {version:?}: strconv.ParseUint: parsing {version:?}: invalid syntax");
            let cause = Cause::other("FieldValueInvalid", "metadata.resourceVersion", why);
            Err(Failure::invalid(Named { group: &resource.group, kind: &resource.kind, name }, &[cause]))
        }
        Ok(version) if version == old.revision => Ok(()),
        Ok(_) => Err(Failure::modified(ask.named(name))),
    }
}

/// What the system says about an object cannot be changed by writing it.
fn carry_system_fields(old: &Stored, metadata: &mut Map<String, Value>) {
    for field in ["selfLink", "resourceVersion"] {
        metadata.remove(field);
    }
    for field in ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"] {
        match old.metadata().get(field) {
            Some(had) if had.plain().is_some() && metadata.get(field).and_then(Value::as_str) == had.plain() => {}
            Some(had) => {
                metadata.insert(field.to_owned(), had.value());
            }
            None => {
                metadata.remove(field);
            }
        }
    }
}

/// What a write says against what it may not change.
fn check_immutable(old: &Stored, metadata: &Map<String, Value>) -> Vec<Cause> {
    let mut causes = Vec::new();
    for field in ["uid", "deletionTimestamp", "deletionGracePeriodSeconds"] {
        let Some(says) = metadata.get(field).filter(|s| !s.is_null() && s.as_str() != Some("")) else { continue };
        if old.metadata().get(field).is_none_or(|had| had.value() != *says) {
            causes.push(Cause::invalid(format!("metadata.{field}"), says, "field is immutable"));
        }
    }
    causes
}

fn check_new_finalizers(old: &Stored, finalizers: &[&str]) -> Option<Cause> {
    if !old.deleting() {
        return None;
    }
    let added: Vec<String> = finalizers.iter().filter(|f| !old.finalizers().any(|had| had == **f)).map(|f| format!("{f:?}")).collect();
    if added.is_empty() {
        return None;
    }
    let list = added.join(", ");
    let why = format!("no new finalizers can be added if the object is being deleted, found new finalizers []string{{{list}}}");
    Some(Cause::forbidden("metadata.finalizers", &why))
}
