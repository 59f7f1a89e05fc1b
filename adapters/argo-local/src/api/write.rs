//! Creating and updating.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::ask::Ask;
use super::change::Draft;
use super::failure::{Cause, Failure, Named};
use super::fields::{self, Difference, Managed};
use super::object::Stored;
use super::store::Key;
use super::{Api, Outcome, builtin, json, names, read_body};

/// What becomes of `managedFields` with a write.
#[derive(Clone, Debug)]
pub(crate) enum Ownership {
    /// What changes belongs to a manager of this name.
    Of(String),
    /// Server-side apply has worked them out itself.
    Applied(Managed),
}

impl Api {
    pub(crate) fn create(&mut self, ask: &mut Ask, body: &[u8], now: Timestamp) -> Result<Outcome, Failure> {
        if ask.resource.namespaced && ask.namespace.is_none() {
            return Err(Failure::method_not_allowed());
        }
        let object = read_body(ask, body)?;
        super::crd::check_named(ask, &object, body)?;
        look_for_doubles(ask, body);
        let object = self.decode(ask, object, true)?;
        ask.check_options("CreateOptions")?;
        let ownership = Ownership::Of(ask.manager());
        let stored = self.insert(ask, object, ownership, now)?;
        Ok(Outcome::Object(201, stored))
    }

    /// Checks what a client sent against the resource: kind, fields, types. Gives it without `apiVersion` and `kind`, with defaults. What is not
    /// `whole` may lack fields that must be there.
    pub(crate) fn decode(&self, ask: &mut Ask, mut object: Value, whole: bool) -> Result<Value, Failure> {
        let (kind, api_version) = (json::text(&object, &["kind"]).to_owned(), json::text(&object, &["apiVersion"]).to_owned());
        let own = ask.api_version();
        let mut unknown = Vec::new();
        if ask.resource.custom() {
            unknown = super::crd::check_kind(ask, &mut object, &kind, &api_version)?;
        } else if !(kind.is_empty() && api_version.is_empty()) && (kind != ask.resource.kind || api_version != own) {
            let (kind, api_version) =
                (if kind.is_empty() { &ask.resource.kind } else { &kind }, if api_version.is_empty() { &own } else { &api_version });
            return Err(builtin::decode::wrong_kind(&self.registry, ask, kind, api_version));
        }
        if let Some(custom) = ask.served().and_then(|v| v.custom.as_ref()) {
            let map = json::map(&mut object);
            map.remove("apiVersion");
            map.remove("kind");
            unknown.append(&mut custom.prune(&mut object));
            custom.schema.fill(&mut object);
        } else {
            unknown = builtin::decode::normalise(&ask.resource, &own, &mut object, whole)?;
            if ask.resource.group == "events.k8s.io" {
                object = builtin::events::from_events_k8s_io(&object);
            } else if ask.resource.type_of(&ask.version) != ask.resource.type_name {
                object = builtin::autoscaler::from_v1(object);
            }
        }
        let map = json::map(&mut object);
        map.remove("apiVersion");
        map.remove("kind");
        if !(unknown.is_empty() && ask.doubles.is_empty()) {
            let mut lines: Vec<String> = std::mem::take(&mut ask.doubles).iter().map(|f| format!("duplicate field {f:?}")).collect();
            lines.extend(unknown.iter().map(|f| format!("unknown field {f:?}")));
            match ask.query.text("fieldValidation") {
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
    pub(crate) fn insert(
        &mut self,
        ask: &mut Ask,
        mut object: Value,
        ownership: Ownership,
        now: Timestamp,
    ) -> Result<Arc<Stored>, Failure> {
        let resource = Arc::clone(&ask.resource);
        self.place(ask, &mut object)?;
        if !matches!(json::meta(&object, "resourceVersion"), "" | "0") {
            return Err(Failure::new(500, "", "resourceVersion should not be set on objects to be created", None));
        }
        let namespace = ask.namespace.clone().unwrap_or_default();
        let uid = self.entropy.uid();
        let metadata = json::metadata(&mut object);
        metadata.remove("managedFields");
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
        let managed = match ownership {
            Ownership::Applied(managed) => managed,
            Ownership::Of(name) => {
                let (who, time) = fields::updater(ask, &name, now);
                fields::track(&Managed::default(), &Difference::of(resource.blank(), &object, fields::shape(ask)), who, time)
            }
        };
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
        if let Some(there) = self.table(resource.slot)?.objects.get(&key.0, &key.1) {
            return Err(Failure::already_exists(ask.named(&name), there.deleting()));
        }
        self.finish_create(ask, &mut object)?;
        let mut map = std::mem::take(json::map(&mut object));
        let stored = Stored::with(map.remove("metadata").unwrap_or_default(), managed, map, None);
        if ask.dry_run() {
            return Ok(Arc::new(stored));
        }
        let stored = self.commit(resource.slot, key, Some(stored))?;
        self.after_write(&resource, None, Some(&stored), now)?;
        Ok(stored)
    }

    /// Settles which namespace and name an object has: those of the path win, and must not be contradicted.
    pub(crate) fn place(&self, ask: &Ask, object: &mut Value) -> Result<(), Failure> {
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

    pub(crate) fn update(&mut self, ask: &mut Ask, body: &[u8], now: Timestamp) -> Result<Outcome, Failure> {
        let object = read_body(ask, body)?;
        super::crd::check_named(ask, &object, body)?;
        look_for_doubles(ask, body);
        let object = self.decode(ask, object, true)?;
        ask.check_options("UpdateOptions")?;
        // An update of an object of another life is told so before anything else.
        let uid = json::meta(&object, "uid");
        if let Ok(old) = self.existing(ask)
            && !uid.is_empty()
            && uid != old.meta("uid")
        {
            let resource = &ask.resource;
            let group = if resource.custom() { format!("{}/", resource.group) } else { String::new() };
            let namespace = ask.namespace.as_ref().map(|n| format!("{n}/")).unwrap_or_default();
            let name = ask.name.clone().unwrap_or_default();
            let why = format!(
                "StorageError: invalid object, Code: 4, Key: /registry/{group}{}/{namespace}{name}, ResourceVersion: 0, AdditionalErrorMsg: \
                 Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
                resource.plural,
                old.meta("uid")
            );
            return Err(Failure::conflict(ask.named(&name), &why));
        }
        let (stored, created) = self.replace(ask, object, Ownership::Of(ask.manager()), now)?;
        Ok(Outcome::Object(if created { 201 } else { 200 }, stored))
    }

    /// Replaces an object, or creates it for the few kinds that can be created so.
    pub(crate) fn replace(
        &mut self,
        ask: &mut Ask,
        mut object: Value,
        ownership: Ownership,
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
                return Ok((self.insert(ask, object, ownership, now)?, true));
            }
        };
        Ok((self.change(ask, &old, Draft::whole(object), ownership, now)?, false))
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
            self.definition_changed(before, after, now)?;
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
        if found.deleting() {
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
pub(crate) fn about<'a>(ask: &'a Ask, name: &'a str) -> Named<'a> {
    if ask.resource.group == "events.k8s.io" { Named { group: "", kind: "Event", name } } else { ask.of_kind(name) }
}

/// Custom resources may have finalizers without a domain, but are warned of them.
pub(crate) fn warn_of_finalizers(ask: &mut Ask, object: &Value) {
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
pub(crate) fn check_metadata(resource: &super::resources::Resource, object: &Value) -> Vec<Cause> {
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
