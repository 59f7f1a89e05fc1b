//! Creating and updating.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::ask::Ask;
use super::failure::{Cause, Failure, Named};
use super::store::{Key, Stored};
use super::{Answer, Api, builtin, json, names, read_body};

/// How an update is to be taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Update {
    /// Who changes, and how: for `managedFields`.
    pub(crate) manager: String,
    /// Server-side apply has worked out `managedFields` itself.
    pub(crate) applied: bool,
}

impl Api {
    pub(crate) fn create(&mut self, ask: &mut Ask, body: &[u8], now: Timestamp) -> Result<Answer, Failure> {
        if ask.resource.namespaced && ask.namespace.is_none() {
            return Err(Failure::method_not_allowed());
        }
        let object = read_body(ask, body)?;
        super::crd::check_named(ask, &object, body)?;
        look_for_doubles(ask, body);
        let object = self.decode(ask, object)?;
        ask.check_options("CreateOptions")?;
        let update = Update { manager: ask.manager(), applied: false };
        let stored = self.insert(ask, object, &update, now)?;
        self.object_reply(ask, 201, &stored)
    }

    /// Checks what a client sent against the resource: kind, fields, types. Gives it without `apiVersion` and `kind`, with defaults.
    pub(crate) fn decode(&self, ask: &mut Ask, mut object: Value) -> Result<Value, Failure> {
        let (kind, api_version) = (json::text(&object, &["kind"]).to_owned(), json::text(&object, &["apiVersion"]).to_owned());
        let strict = ask.query.text("fieldValidation").to_owned();
        let own = ask.api_version();
        if ask.resource.custom() {
            super::crd::check_kind(ask, &object, &kind, &api_version)?;
        } else if !(kind.is_empty() && api_version.is_empty()) && (kind != ask.resource.kind || api_version != own) {
            let (kind, api_version) =
                (if kind.is_empty() { &ask.resource.kind } else { &kind }, if api_version.is_empty() { &own } else { &api_version });
            return Err(builtin::decode::wrong_kind(&self.registry, ask, kind, api_version));
        }
        let unknown = if let Some(custom) = ask.served().and_then(|v| v.custom.clone()) {
            let unknown = custom.prune(&mut object);
            custom.schema.fill(&mut object);
            unknown
        } else {
            let unknown = builtin::decode::normalise(&ask.resource, &own, &mut object)?;
            if ask.resource.group == "events.k8s.io" {
                object = builtin::events::from_events_k8s_io(&object);
            } else if ask.resource.type_of(&ask.version) != ask.resource.type_name {
                object = builtin::autoscaler::from_v1(object);
            }
            unknown
        };
        let map = json::map(&mut object);
        map.remove("apiVersion");
        map.remove("kind");
        if !(unknown.is_empty() && ask.doubles.is_empty()) {
            let mut lines: Vec<String> = std::mem::take(&mut ask.doubles).iter().map(|f| format!("duplicate field {f:?}")).collect();
            lines.extend(unknown.iter().map(|f| format!("unknown field {f:?}")));
            match strict.as_str() {
                "Strict" => {
                    return Err(Failure::bad_request(format!(
                        "{} in version {:?} cannot be handled as a {}: strict decoding error: {}",
                        ask.resource.kind,
                        ask.version,
                        ask.resource.kind,
                        lines.join(", ")
                    )));
                }
                "Ignore" => {}
                _ => ask.warnings.extend(lines),
            }
        }
        Ok(object)
    }

    /// Puts a new object in.
    pub(crate) fn insert(&mut self, ask: &mut Ask, mut object: Value, update: &Update, now: Timestamp) -> Result<Arc<Stored>, Failure> {
        let resource = Arc::clone(&ask.resource);
        self.place(ask, &mut object)?;
        if !matches!(json::meta(&object, "resourceVersion"), "" | "0") {
            return Err(Failure::new(500, "", "resourceVersion should not be set on objects to be created", None));
        }
        let namespace = ask.namespace.clone().unwrap_or_default();
        let uid = self.entropy.uid();
        let metadata = json::metadata(&mut object);
        if !update.applied {
            metadata.remove("managedFields");
        }
        for field in ["selfLink", "deletionTimestamp", "deletionGracePeriodSeconds", "resourceVersion"] {
            metadata.remove(field);
        }
        metadata.insert("uid".to_owned(), uid.into());
        metadata.insert("creationTimestamp".to_owned(), json::time(now).into());
        let generated = json::text(&object, &["metadata", "name"]).is_empty() && !json::meta(&object, "generateName").is_empty();
        if generated {
            let base: String = json::meta(&object, "generateName").chars().take(58).collect();
            let name = format!("{base}{}", self.entropy.suffix());
            json::metadata(&mut object).insert("name".to_owned(), name.into());
        }
        let served = ask.served().cloned().ok_or_else(Failure::no_such_resource)?;
        builtin::default(&resource, &mut object);
        self.track(ask, None, &mut object, update, now);
        builtin::admit(&resource, &mut object);
        self.admit_create(ask, &namespace, &mut object)?;
        let metadata = json::metadata(&mut object);
        if builtin::has_generation(&resource) {
            metadata.insert("generation".to_owned(), 1.into());
        }
        if resource.custom() {
            if served.status {
                json::map(&mut object).remove("status");
            }
        } else {
            builtin::prepare_create(&resource, &mut object);
        }
        let name = json::meta(&object, "name").to_owned();
        warn_of_finalizers(ask, &object);
        ask.warnings.extend(builtin::warnings(&resource, &object));
        let mut causes = check_metadata(&resource, &object);
        causes.extend(self.taken_ports(&resource, &object)?);
        if let Some(custom) = &served.custom {
            causes.extend(custom.validate(&object, None));
        } else {
            causes.extend(builtin::validate_create(&resource, &object));
            if resource.group == "events.k8s.io" {
                causes.extend(builtin::events::check(&object, None));
            }
        }
        if !causes.is_empty() {
            return Err(Failure::invalid(about(ask, &name), &causes));
        }
        let key: Key = (namespace, name.clone());
        if self.table(resource.slot)?.objects.contains_key(&key) {
            let taken = self.lookup(resource.slot, &key.0, &name).is_some_and(|o| json::deleting(&o.value));
            return Err(Failure::already_exists(ask.named(&name), taken));
        }
        self.finish_create(ask, &mut object)?;
        if ask.dry_run() {
            return Ok(Arc::new(Stored { value: object, revision: 0 }));
        }
        let stored = self.commit(resource.slot, key, Some(object))?;
        self.after_write(&resource, None, Some(&stored), now)?;
        Ok(stored)
    }

    /// Settles which namespace and name an object has: those of the path win, and must not be contradicted.
    fn place(&self, ask: &Ask, object: &mut Value) -> Result<(), Failure> {
        let said = json::meta(object, "namespace").to_owned();
        match &ask.namespace {
            Some(namespace) => {
                if !said.is_empty() && said != *namespace {
                    return Err(Failure::bad_request(
                        "the namespace of the provided object does not match the namespace sent on the request",
                    ));
                }
                json::metadata(object).insert("namespace".to_owned(), namespace.as_str().into());
            }
            None => {
                json::metadata(object).remove("namespace");
            }
        }
        Ok(())
    }

    pub(crate) fn update(&mut self, ask: &mut Ask, body: &[u8], now: Timestamp) -> Result<Answer, Failure> {
        let object = read_body(ask, body)?;
        super::crd::check_named(ask, &object, body)?;
        look_for_doubles(ask, body);
        let object = self.decode(ask, object)?;
        ask.check_options("UpdateOptions")?;
        // An update of an object of another life is told so before anything else.
        let uid = json::meta(&object, "uid");
        if let Ok(old) = self.existing(ask)
            && !uid.is_empty()
            && uid != json::meta(&old.value, "uid")
        {
            let resource = &ask.resource;
            let group = if resource.custom() { format!("{}/", resource.group) } else { String::new() };
            let namespace = ask.namespace.as_ref().map(|n| format!("{n}/")).unwrap_or_default();
            let name = ask.name.clone().unwrap_or_default();
            let why = format!(
                "StorageError: invalid object, Code: 4, Key: /registry/{group}{}/{namespace}{name}, ResourceVersion: 0, AdditionalErrorMsg: \
                 Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
                resource.plural,
                json::meta(&old.value, "uid")
            );
            return Err(Failure::conflict(ask.named(&name), &why));
        }
        let update = Update { manager: ask.manager(), applied: false };
        let (stored, created) = self.replace(ask, object, &update, now)?;
        self.object_reply(ask, if created { 201 } else { 200 }, &stored)
    }

    /// Replaces an object, or creates it for the few kinds that can be created so.
    pub(crate) fn replace(
        &mut self,
        ask: &mut Ask,
        mut object: Value,
        update: &Update,
        now: Timestamp,
    ) -> Result<(Arc<Stored>, bool), Failure> {
        let name = ask.name.clone().unwrap_or_default();
        let said = json::meta(&object, "name").to_owned();
        if said.is_empty() {
            let why = format!("the name of the object ({name} based on URL) was undeterminable: name must be provided");
            return Err(Failure::bad_request(why));
        }
        if said != name {
            return Err(Failure::bad_request(format!("the name of the object ({said}) does not match the name on the URL ({name})")));
        }
        self.place(ask, &mut object)?;
        json::metadata(&mut object).insert("name".to_owned(), name.clone().into());
        let old = match self.existing(ask) {
            Ok(old) => old,
            Err(missing) => {
                if !builtin::create_on_update(&ask.resource) || !ask.sub.is_empty() {
                    return Err(missing);
                }
                json::metadata(&mut object).remove("resourceVersion");
                return Ok((self.insert(ask, object, update, now)?, true));
            }
        };
        Ok((self.change(ask, &old, object, update, now)?, false))
    }

    /// Puts a changed object in the place of `old`: checks, generation, finalizers.
    pub(crate) fn change(
        &mut self,
        ask: &mut Ask,
        old: &Arc<Stored>,
        mut object: Value,
        update: &Update,
        now: Timestamp,
    ) -> Result<Arc<Stored>, Failure> {
        let resource = Arc::clone(&ask.resource);
        let name = json::meta(&old.value, "name").to_owned();
        let version = json::meta(&object, "resourceVersion").to_owned();
        if version.is_empty() || version == "0" {
            if resource.custom() || !builtin::unconditional_update(&resource) {
                let cause = Cause::invalid("metadata.resourceVersion", &0.into(), "must be specified for an update");
                return Err(Failure::invalid(ask.named(&name), &[cause]));
            }
        } else if version.parse::<u64>().is_err() {
            let why = format!("Invalid value: {version:?}: strconv.ParseUint: parsing {version:?}: invalid syntax");
            let cause = Cause::other("FieldValueInvalid", "metadata.resourceVersion", why);
            return Err(Failure::invalid(Named { group: &resource.group, kind: &resource.kind, name: &name }, &[cause]));
        } else if version != old.revision.to_string() {
            return Err(Failure::modified(ask.named(&name)));
        }
        let served = ask.served().cloned().ok_or_else(Failure::no_such_resource)?;
        let causes = check_immutable(&old.value, &object);
        if !causes.is_empty() {
            return Err(Failure::invalid(ask.of_kind(&name), &causes));
        }
        carry_system_fields(&old.value, &mut object);
        if ask.sub == "status" {
            builtin::prepare_status(&resource, &old.value, &mut object);
        } else {
            builtin::default(&resource, &mut object);
            builtin::prepare_update(&resource, served.status, &old.value, &mut object);
        }
        if builtin::has_generation(&resource) {
            let generation = json::at(&old.value, &["metadata", "generation"]).and_then(Value::as_i64).unwrap_or(1);
            let before = self.shown(ask, &old.value);
            let counted = ask.sub != "status" && builtin::counts(&resource, served.status, &before, &object);
            drop(before);
            json::metadata(&mut object).insert("generation".to_owned(), (generation + i64::from(counted)).into());
        }
        if json::finalizers(&old.value) != json::finalizers(&object) {
            warn_of_finalizers(ask, &object);
        }
        let mut causes = check_metadata(&resource, &object);
        causes.extend(check_metadata_update(&old.value, &object));
        if let Some(custom) = &served.custom {
            causes.extend(custom.validate(&object, Some(&old.value)));
        } else if resource.group == "events.k8s.io" {
            causes.extend(builtin::events::check(&object, Some(&old.value)));
        } else if ask.sub == "status" {
            causes.extend(builtin::validate_status(&resource, &object));
        } else {
            causes.extend(builtin::validate_update(&resource, &old.value, &object));
        }
        if !causes.is_empty() {
            return Err(Failure::invalid(about(ask, &name), &causes));
        }
        self.track(ask, Some(&old.value), &mut object, update, now);
        if same_but_times(&old.value, &object) {
            return Ok(Arc::clone(old));
        }
        if ask.dry_run() {
            return Ok(Arc::new(Stored { value: object, revision: old.revision }));
        }
        let key = (ask.namespace.clone().unwrap_or_default(), name);
        // The last finalizer taken away from an object that is being deleted: it goes, and is shown as it was written.
        let grace = json::at(&object, &["metadata", "deletionGracePeriodSeconds"]).and_then(Value::as_i64).unwrap_or(0);
        if json::deleting(&object) && json::finalizers(&object).is_empty() && grace == 0 && !builtin::held(&resource, &object) {
            let last = Arc::new(Stored { value: object, revision: old.revision });
            self.commit(resource.slot, key, None)?;
            self.after_write(&resource, Some(old), None, now)?;
            return Ok(last);
        }
        let stored = self.commit(resource.slot, key, Some(object))?;
        self.after_write(&resource, Some(old), Some(&stored), now)?;
        Ok(stored)
    }

    /// What follows from a write: definitions come into service, and so on.
    pub(crate) fn after_write(
        &mut self,
        resource: &super::resources::Resource,
        before: Option<&Arc<Stored>>,
        after: Option<&Arc<Stored>>,
        now: Timestamp,
    ) -> Result<(), Failure> {
        if resource.is("apiextensions.k8s.io", "customresourcedefinitions") {
            self.definition_changed(before.map(|b| &b.value), after, now)?;
            if before.is_none() {
                self.look_at_all();
            }
        } else if resource.terminating && after.is_none() {
            // The last object of a definition that goes takes it along.
            if let Some(resource) = self.registry.get(&resource.group, &resource.plural).cloned() {
                self.finish_definition(&resource, now)?;
            }
        }
        Ok(())
    }

    /// Admission: the namespace must exist and not be on its way out; service accounts must exist.
    fn admit_create(&self, ask: &Ask, namespace: &str, object: &mut Value) -> Result<(), Failure> {
        if ask.resource.terminating {
            let why = "create not allowed while custom resource definition is terminating";
            return Err(Failure::forbidden(ask.named(json::meta(object, "name")), why));
        }
        if !ask.resource.namespaced {
            return Ok(());
        }
        let Some(found) = self.lookup_in("", "namespaces", "", namespace) else {
            return Err(Failure::not_found(Named { group: "", kind: "namespaces", name: namespace }));
        };
        if json::deleting(&found.value) {
            let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
            let failure = Failure::forbidden(ask.named(json::meta(object, "name")), &why);
            return Err(failure.with_cause(
                "NamespaceTerminating",
                &format!("namespace {namespace} is being terminated"),
                "metadata.namespace",
            ));
        }
        Ok(())
    }

    /// What is drawn only for an object that will be kept: addresses and such.
    fn finish_create(&mut self, ask: &Ask, object: &mut Value) -> Result<(), Failure> {
        if ask.resource.is("", "services") {
            self.allocate_addresses(ask, object)?;
        }
        Ok(())
    }
}

/// Fields named twice are looked for where the client asked for validation: it takes reading the body again.
fn look_for_doubles(ask: &mut Ask, body: &[u8]) {
    let json = matches!(ask.content_type.split(';').next().unwrap_or_default().trim(), "" | "application/json");
    if json && matches!(ask.query.text("fieldValidation"), "Strict" | "Warn") {
        ask.doubles = super::duplicates::find(body);
    }
}

/// What validation errors are about. Events are those of the core group, whichever way they came.
fn about<'a>(ask: &'a Ask, name: &'a str) -> Named<'a> {
    if ask.resource.group == "events.k8s.io" { Named { group: "", kind: "Event", name } } else { ask.of_kind(name) }
}

/// What the system says about an object cannot be changed by writing it.
fn carry_system_fields(old: &Value, object: &mut Value) {
    let metadata = json::metadata(object);
    metadata.remove("selfLink");
    for field in ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "resourceVersion"] {
        match json::at(old, &["metadata", field]) {
            Some(value) => metadata.insert(field.to_owned(), value.clone()),
            None => metadata.remove(field),
        };
    }
}

/// What a write says against what it may not change.
fn check_immutable(old: &Value, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    for field in ["uid", "deletionTimestamp", "deletionGracePeriodSeconds"] {
        let (had, says) = (json::at(old, &["metadata", field]), json::at(object, &["metadata", field]));
        if let Some(says) = says.filter(|s| !s.is_null() && s.as_str() != Some(""))
            && Some(says) != had
        {
            causes.push(Cause::invalid(format!("metadata.{field}"), says, "field is immutable"));
        }
    }
    causes
}

/// Whether a write changes nothing: `managedFields` differ at most by their times.
fn same_but_times(old: &Value, new: &Value) -> bool {
    if old == new {
        return true;
    }
    let (Some(a), Some(b)) = (old.as_object(), new.as_object()) else { return false };
    if a.len() != b.len() || a.iter().any(|(k, v)| k != "metadata" && b.get(k) != Some(v)) {
        return false;
    }
    let (Some(a), Some(b)) = (a.get("metadata").and_then(Value::as_object), b.get("metadata").and_then(Value::as_object)) else {
        return false;
    };
    if a.len() != b.len() || a.iter().any(|(k, v)| k != "managedFields" && b.get(k) != Some(v)) {
        return false;
    }
    let entries = |m: &serde_json::Map<String, Value>| -> Vec<Value> {
        let mut list = m.get("managedFields").and_then(Value::as_array).cloned().unwrap_or_default();
        for entry in &mut list {
            json::map(entry).remove("time");
        }
        list
    };
    entries(a) == entries(b)
}

/// Custom resources may have finalizers without a domain, but are warned of them.
fn warn_of_finalizers(ask: &mut Ask, object: &Value) {
    if !ask.resource.custom() {
        return;
    }
    let warnings: Vec<String> = json::finalizers(object)
        .iter()
        .filter(|f| !f.contains('/') && !matches!(**f, "orphan" | "foregroundDeletion" | "kubernetes"))
        .map(|f| {
            format!(
                "metadata.finalizers: {f:?}: prefer a domain-qualified finalizer name including a path (/) to avoid accidental conflicts with other \
                 finalizer writers"
            )
        })
        .collect();
    ask.warnings.extend(warnings);
}

/// What is wrong with the metadata of an object.
fn check_metadata(resource: &super::resources::Resource, object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let name = json::meta(object, "name");
    let generate = json::meta(object, "generateName");
    if name.is_empty() {
        causes.push(Cause::required("metadata.name", "name or generateName is required"));
    } else {
        let why = builtin::name_problems(resource, name);
        causes.extend(why.iter().map(|w| Cause::invalid("metadata.name", &name.into(), w)));
        let _ = generate;
    }
    for (key, value) in json::at(object, &["metadata", "labels"]).and_then(Value::as_object).into_iter().flatten() {
        for why in names::label_key(key) {
            causes.push(Cause::invalid("metadata.labels", &key.as_str().into(), &why));
        }
        for why in names::label_value(value.as_str().unwrap_or_default()) {
            causes.push(Cause::invalid("metadata.labels", value, &why));
        }
    }
    let mut size = 0;
    for (key, value) in json::at(object, &["metadata", "annotations"]).and_then(Value::as_object).into_iter().flatten() {
        size += key.len() + value.as_str().unwrap_or_default().len();
        for why in names::label_key(&key.to_lowercase()) {
            causes.push(Cause::invalid("metadata.annotations", &key.as_str().into(), &why));
        }
    }
    if size > 256 * 1024 {
        causes.push(Cause::too_long("metadata.annotations", 256 * 1024));
    }
    for (index, finalizer) in json::finalizers(object).into_iter().enumerate() {
        for why in names::label_key(finalizer) {
            causes.push(Cause::invalid("metadata.finalizers", &finalizer.into(), &why));
        }
        if !resource.custom() && !finalizer.contains('/') && !matches!(finalizer, "orphan" | "foregroundDeletion" | "kubernetes") {
            let why = "name is neither a standard finalizer name nor is it fully qualified";
            causes.push(Cause::invalid(format!("metadata.finalizers[{index}]"), &finalizer.into(), why));
        }
    }
    let both = json::finalizers(object);
    if both.contains(&"orphan") && both.contains(&"foregroundDeletion") {
        let why = "finalizer orphan and foregroundDeletion cannot be both set";
        causes.push(Cause::invalid("metadata.finalizers", &serde_json::json!(both), why));
    }
    causes.extend(check_owners(object));
    causes
}

/// An owner reference as messages show it: in the order of its type.
fn owner_text(owner: &Value) -> String {
    let fields = ["apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion"];
    let shown: Vec<String> = fields.iter().filter_map(|f| owner.get(*f).map(|v| format!("\"{f}\":{v}"))).collect();
    format!("{{{}}}", shown.join(","))
}

fn check_owners(object: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let mut controllers: Vec<&Value> = Vec::new();
    for (index, owner) in json::items(object, &["metadata", "ownerReferences"]).enumerate() {
        let field = format!("metadata.ownerReferences[{index}]");
        let api_version = json::text(owner, &["apiVersion"]);
        if api_version.is_empty() || api_version.ends_with('/') {
            causes.push(Cause::invalid(format!("{field}.apiVersion"), &api_version.into(), "version must not be empty"));
        }
        for part in ["kind", "name", "uid"] {
            if json::text(owner, &[part]).is_empty() {
                causes.push(Cause::required(format!("{field}.{part}"), "must not be empty"));
            }
        }
        if api_version == "v1" && json::text(owner, &["kind"]) == "Event" {
            let message = format!("Invalid value: {}: /v1, Kind=Event is disallowed from being an owner", owner_text(owner));
            causes.push(Cause::other("FieldValueInvalid", field.as_str(), message));
        }
        if owner.get("controller") == Some(&Value::Bool(true)) {
            controllers.push(owner);
        }
    }
    if let [first, second, ..] = controllers.as_slice() {
        let named = |owner: &Value| format!("{}/{}", json::text(owner, &["kind"]), json::text(owner, &["name"]));
        let list: Vec<String> = json::items(object, &["metadata", "ownerReferences"]).map(owner_text).collect();
        let message = format!(
            "Invalid value: [{}]: Only one reference can have Controller set to true. Found \"true\" in references for {} and {}",
            list.join(","),
            named(first),
            named(second)
        );
        causes.push(Cause::other("FieldValueInvalid", "metadata.ownerReferences", message));
    }
    causes
}

fn check_metadata_update(old: &Value, new: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    if json::deleting(old) {
        let had = json::finalizers(old);
        let added: Vec<&str> = json::finalizers(new).into_iter().filter(|f| !had.contains(f)).collect();
        if !added.is_empty() {
            let list: Vec<String> = added.iter().map(|f| format!("{f:?}")).collect();
            let why = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
                list.join(", ")
            );
            causes.push(Cause::forbidden("metadata.finalizers", &why));
        }
    }
    causes
}

impl Failure {
    /// Adds a cause to the details.
    pub(crate) fn with_cause(self, reason: &str, message: &str, field: &str) -> Self {
        let mut status = self.status();
        let details = json::child(&mut status, "details");
        details.insert("causes".to_owned(), serde_json::json!([{"reason": reason, "message": message, "field": field}]));
        let details = Value::Object(details.clone());
        Self::new(self.code(), self.reason(), self.message(), Some(details))
    }
}
