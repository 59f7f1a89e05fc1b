//! Custom resources: their definitions, and what follows from them.

mod cel;
pub(crate) mod definition;
mod schema;
mod validate;

use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::ask::Ask;
use super::builtin::decode::normalise_type;
use super::delete::Options;
use super::failure::{Cause, Failure, Named};
use super::object::{Name, Stored};
use super::raw::Raw;
use super::resources::{Resource, STORED, Version};
use super::{Api, json};

pub(crate) use schema::Schema;

/// The finalizer that holds a definition until its objects are gone.
pub(crate) const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// A printer column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) format: String,
    pub(crate) description: String,
    pub(crate) priority: i64,
    pub(crate) path: String,
}

/// Where a custom resource keeps what its scale subresource shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScalePaths {
    pub(crate) replicas: String,
    pub(crate) status: String,
    pub(crate) selector: Option<String>,
}

/// What a version of a custom resource is.
#[derive(Clone, Debug)]
pub(crate) struct Custom {
    pub(crate) schema: Schema,
    pub(crate) columns: Vec<Column>,
    pub(crate) selectable: Vec<String>,
    pub(crate) scale: Option<ScalePaths>,
    /// What clients of a deprecated version are warned of.
    pub(crate) deprecated: Option<String>,
    /// Whether the schema has rules in CEL.
    rules: bool,
    /// Whether what it says of a field does not depend on others: no defaults, no rules, nothing said of the object as a whole.
    plain: bool,
}

/// What a schema may say at its root without saying anything of the object as a whole; `required` is looked at by itself.
const PLAIN: [&str; 6] = ["type", "description", "title", "properties", "required", "x-kubernetes-preserve-unknown-fields"];

impl Custom {
    fn read(version: &Value, group: &str, kind: &str) -> Self {
        let schema = json::at(version, &["schema", "openAPIV3Schema"]).map(Schema::read).unwrap_or_default();
        let text = |value: &Value, key: &str| json::text(value, &[key]).to_owned();
        let columns = json::items(version, &["additionalPrinterColumns"])
            .map(|c| Column {
                name: text(c, "name"),
                kind: text(c, "type"),
                format: text(c, "format"),
                description: text(c, "description"),
                priority: c.get("priority").and_then(Value::as_i64).unwrap_or(0),
                path: text(c, "jsonPath"),
            })
            .collect();
        let scale = json::at(version, &["subresources", "scale"]).map(|s| ScalePaths {
            replicas: text(s, "specReplicasPath"),
            status: text(s, "statusReplicasPath"),
            selector: s.get("labelSelectorPath").and_then(Value::as_str).map(str::to_owned),
        });
        let selectable = json::items(version, &["selectableFields"]).map(|f| text(f, "jsonPath")).collect();
        let rules = cel::has_rules(&schema.raw);
        let deprecated = (version.get("deprecated") == Some(&Value::Bool(true))).then(|| {
            let own = json::text(version, &["deprecationWarning"]);
            if own.is_empty() { format!("{group}/{} {kind} is deprecated", json::text(version, &["name"])) } else { own.to_owned() }
        });
        let plain = !rules
            && !schema.has_defaults()
            && schema.raw.as_object().into_iter().flatten().all(|(key, _)| PLAIN.contains(&key.as_str()))
            && json::at(&schema.raw, &["properties", "metadata", "properties"]).is_none();
        Self { schema, columns, selectable, scale, deprecated, rules, plain }
    }

    /// Takes out what the schema does not know, of all but the metadata; gives the paths.
    pub(crate) fn prune(&self, object: &mut Value) -> Vec<String> {
        let mut unknown = Vec::new();
        let metadata = json::map(object).remove("metadata");
        self.schema.prune(object, "", &mut unknown);
        self.schema.drop_nulls(object);
        if let Some(metadata) = metadata {
            json::map(object).insert("metadata".to_owned(), metadata);
        }
        unknown
    }

    /// Whether fields can be changed without a look at the others.
    pub(crate) fn plain(&self) -> bool {
        self.plain
    }

    /// Whether it is sure, by the fields at hand alone, that nothing is wrong with an object that has these and `kept` ones.
    pub(crate) fn fine_in_parts(&self, object: &Value, kept: &[Name]) -> bool {
        let has =
            |name: &str| matches!(name, "apiVersion" | "kind" | "metadata") || object.get(name).is_some() || kept.iter().any(|k| k == name);
        let required = json::items(&self.schema.raw, &["required"]).filter_map(Value::as_str);
        self.plain && required.into_iter().all(has) && validate::fields_fit(&self.schema, object)
    }

    /// What is wrong with an object.
    pub(crate) fn validate(&self, object: &Value, old: Option<&Value>) -> Vec<Cause> {
        if self.fine_in_parts(object, &[]) {
            return Vec::new();
        }
        let mut causes = validate::check(&self.schema, object, old);
        if self.rules {
            cel::check(&self.schema.raw, object, old, &mut causes);
        }
        causes
    }
}

/// Checks that a custom resource that was sent says which kind it is.
pub(crate) fn check_named(ask: &Ask, object: &Value, body: &[u8]) -> Result<(), Failure> {
    if ask.resource.custom() && json::text(object, &["kind"]).is_empty() {
        let text = String::from_utf8_lossy(body);
        let own = &ask.resource.kind;
        let why = format!("Object 'Kind' is missing in '{text}'");
        return Err(Failure::bad_request(format!("the object provided is unrecognized (must be of type {own}): {why} ({text})")));
    }
    Ok(())
}

/// Checks `kind`, `apiVersion` and the types of `metadata` of a custom resource that was sent; gives the paths of metadata that nobody knows.
pub(crate) fn check_kind(ask: &Ask, object: &mut Value, kind: &str, api_version: &str) -> Result<Vec<String>, Failure> {
    let own = &ask.resource.kind;
    if !object.is_object() || kind.is_empty() {
        let text = object.to_string();
        let why = format!("Object 'Kind' is missing in '{text}'");
        return Err(Failure::bad_request(format!("the object provided is unrecognized (must be of type {own}): {why} ({text})")));
    }
    let mut unknown = Vec::new();
    if let Some(metadata) = object.get_mut("metadata") {
        let version = &ask.version;
        let fail = |why: String| Failure::bad_request(format!("{own} in version {version:?} cannot be handled as a {own}: {why}"));
        match metadata {
            Value::Object(map) => {
                let gone = normalise_type("meta/v1.ObjectMeta", map).map_err(fail)?;
                unknown.extend(gone.into_iter().map(|f| format!("metadata.{f}")));
            }
            Value::Null => {}
            _ => return Err(fail("metadata is no object".to_owned())),
        }
    }
    if api_version != ask.api_version() {
        let own = ask.api_version();
        return Err(Failure::bad_request(format!(
            "the API version in the data ({api_version}) does not match the expected API version ({own})"
        )));
    }
    if kind != own {
        let what = Named { group: &ask.resource.group, kind, name: json::meta(object, "name") };
        return Err(Failure::invalid(what, &[Cause::invalid("kind", &kind.into(), &format!("must be {own}"))]));
    }
    Ok(unknown)
}

/// What a definition says where nothing was said.
pub(crate) fn definition_defaults(object: &mut Value) {
    let spec = json::child(object, "spec");
    let names = json::map(spec.entry("names").or_insert_with(|| json!({})));
    let kind = names.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    json::default(names, "singular", kind.to_lowercase());
    json::default(names, "listKind", format!("{kind}List"));
    json::default(json::map(spec.entry("conversion").or_insert_with(|| json!({}))), "strategy", "None");
    for version in json::items_mut(spec, "versions") {
        let version = json::map(version);
        let empty = version.get("subresources").and_then(Value::as_object).is_some_and(Map::is_empty);
        if empty {
            version.insert("subresources".to_owned(), json!({}));
        }
    }
}

impl Api {
    /// A definition has been written: its resource comes into service, changes, or goes.
    pub(crate) fn definition_changed(
        &mut self,
        before: Option<&Arc<Stored>>,
        after: Option<&Arc<Stored>>,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let Some(after) = after else {
            if let Some(before) = before {
                let (group, plural) = (before.text(&["spec", "group"]), before.text(&["spec", "names", "plural"]));
                if let Some(resource) = self.registry.get(&group, &plural).cloned() {
                    self.registry_mut().remove(&group, &plural);
                    let table = self.table_mut(resource.slot)?;
                    table.life = table.life.saturating_add(1);
                    self.touch(resource.slot);
                }
            }
            return Ok(());
        };
        let resource = self.register(after);
        if after.deleting() {
            return self.empty_definition(&resource, now);
        }
        let established = after.items(&["status", "conditions"]).any(|c| c.get("type").and_then(Raw::plain) == Some("Established"));
        let names = after.at(&["spec", "names"]).map(Raw::value).unwrap_or_default();
        if !established || after.at(&["status", "acceptedNames"]).map(Raw::value).as_ref() != Some(&names) {
            let mut value = after.value();
            let stored: Vec<String> =
                json::items(&value, &["status", "storedVersions"]).filter_map(Value::as_str).map(str::to_owned).collect();
            let status = json::child(&mut value, "status");
            let at = json::time(now);
            if !established {
                status.insert(
                    "conditions".to_owned(),
                    json!([
                        {"type": "NamesAccepted", "status": "True", "lastTransitionTime": at, "reason": "NoConflicts", "message": "no conflicts found"},
                        {"type": "Established", "status": "True", "lastTransitionTime": at, "reason": "InitialNamesAccepted", "message": "the initial names have been accepted"},
                    ]),
                );
            }
            status.insert("acceptedNames".to_owned(), names);
            let storage = resource.storage_version().to_owned();
            if !stored.contains(&storage) {
                let mut all = stored;
                all.push(storage);
                status.insert("storedVersions".to_owned(), json!(all));
            }
            let slot = self.registry.find_slot("apiextensions.k8s.io/customresourcedefinitions").unwrap_or_default();
            let key = (String::new(), after.meta("name").to_owned());
            self.commit(slot, key, Some(Stored::of(value, Some(after))))?;
        }
        Ok(())
    }

    /// Takes the resource of a definition into service.
    pub(crate) fn register(&mut self, definition: &Stored) -> Arc<Resource> {
        let spec = definition.at(&["spec"]).map(Raw::value).unwrap_or_default();
        let (group, plural) = (json::text(&spec, &["group"]).to_owned(), json::text(&spec, &["names", "plural"]).to_owned());
        let names = |key: &str| json::items(&spec, &["names", key]).filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>();
        let text = |key: &str| json::text(&spec, &["names", key]).to_owned();
        let flag = |value: &Value, key: &str| value.get(key).and_then(Value::as_bool).unwrap_or(false);
        let slot = self.registry_mut().slot(&format!("{group}/{plural}"));
        let kind = text("kind");
        let versions = json::items(&spec, &["versions"])
            .map(|version| Version {
                name: json::text(version, &["name"]).to_owned(),
                served: flag(version, "served"),
                storage: flag(version, "storage"),
                status: json::at(version, &["subresources", "status"]).is_some(),
                scale: json::at(version, &["subresources", "scale"]).is_some(),
                custom: Some(Arc::new(Custom::read(version, &group, &kind))),
            })
            .collect();
        while self.tables.len() <= slot {
            self.tables.push(super::store::Table::new(0));
        }
        self.registry_mut().put(Resource {
            slot,
            group,
            kind: text("kind"),
            list_kind: text("listKind"),
            plural,
            singular: text("singular"),
            short: names("shortNames"),
            categories: names("categories"),
            namespaced: json::text(&spec, &["scope"]) != "Cluster",
            versions,
            verbs: STORED,
            type_name: "",
            terminating: definition.deleting(),
            since: definition.revision,
            blank: OnceLock::new(),
            protobuf: OnceLock::new(),
        })
    }

    /// Deletes the objects of a definition that is being deleted; once there are none, the definition goes.
    pub(crate) fn empty_definition(&mut self, resource: &Arc<Resource>, now: Timestamp) -> Result<(), Failure> {
        let objects: Vec<Arc<Stored>> = self.table_mut(resource.slot)?.objects.values().cloned().collect();
        let version = resource.storage_version().to_owned();
        for object in objects.iter().filter(|o| !o.deleting()) {
            let namespace = object.meta("namespace");
            let ask = Ask::internal(resource, &version, (!namespace.is_empty()).then_some(namespace), object.meta("name"));
            self.delete_object(&ask, object, &Options::default(), now)?;
        }
        self.finish_definition(resource, now)
    }

    /// Lets a definition go that is being deleted and whose objects are gone.
    pub(crate) fn finish_definition(&mut self, resource: &Arc<Resource>, now: Timestamp) -> Result<(), Failure> {
        if !self.table_mut(resource.slot)?.objects.is_empty() {
            return Ok(());
        }
        let name = format!("{}.{}", resource.plural, resource.group);
        let Some(definition) = self.lookup_in("apiextensions.k8s.io", "customresourcedefinitions", "", &name) else { return Ok(()) };
        let Some(definitions) = self.registry.get("apiextensions.k8s.io", "customresourcedefinitions").cloned() else { return Ok(()) };
        let rest: Vec<&str> = definition.finalizers().filter(|f| *f != CLEANUP).collect();
        let key = (String::new(), name);
        if rest.is_empty() {
            self.commit(definitions.slot, key, None)?;
            return self.definition_changed(Some(&definition), None, now);
        }
        if definition.finalizers().any(|f| f == CLEANUP) {
            let mut next = Stored::clone(&definition);
            let mut metadata = definition.bare_metadata();
            json::map(&mut metadata).insert("finalizers".to_owned(), json!(rest));
            next.set_metadata(json::map(&mut metadata));
            self.commit(definitions.slot, key, Some(next))?;
        }
        Ok(())
    }
}
