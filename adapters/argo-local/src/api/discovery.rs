//! What is served: discovery in both forms, versions, health, and the OpenAPI index.

use base64::Engine as _;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::ask::Request;
use super::failure::Failure;
use super::negotiate::{Accept, Form};
use super::resources::Resource;
use super::types::{self, Code, Strategic};
use super::{Api, Outcome, Reply, json, render};

/// The version of Kubernetes whose API this is.
pub(crate) const KUBERNETES: (&str, &str, &str) = ("1", "37", "v1.37.2");

impl Api {
    /// Paths that are no resource's.
    pub(crate) fn other(&mut self, request: &Request, accept: Accept, parts: &[String]) -> Result<Outcome, Failure> {
        let words: Vec<&str> = parts.iter().map(String::as_str).collect();
        if !matches!(request.method, http::Method::GET | http::Method::HEAD) {
            return Err(match words.as_slice() {
                ["api" | "apis", ..] => Failure::method_not_allowed(),
                _ => Failure::no_such_page(),
            });
        }
        let reply = match words.as_slice() {
            [] | [""] => json!({"paths": self.paths()}),
            ["healthz" | "livez" | "readyz"] | ["healthz" | "livez" | "readyz", "ping" | "log" | "etcd"] => {
                return Ok(render::text(200, "ok").into());
            }
            ["version"] => version(),
            ["api"] if matches!(accept.form, Form::Discovery { .. }) => return Ok(self.aggregated(&[""], accept).into()),
            ["apis"] if matches!(accept.form, Form::Discovery { .. }) => {
                let groups: Vec<String> = self.registry.groups().map(str::to_owned).collect();
                let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
                return Ok(self.aggregated(&groups, accept).into());
            }
            ["api"] => json!({
                "kind": "APIVersions",
                "versions": ["v1"],
                "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": self.address}],
            }),
            ["apis"] => {
                let groups: Vec<Value> = self.registry.groups().map(|g| self.group(g)).collect();
                json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
            }
            ["apis", group] => {
                if self.registry.groups().all(|g| g != *group) {
                    return Err(Failure::no_such_page());
                }
                let mut value = self.group(group);
                let map = json::map(&mut value);
                map.insert("kind".to_owned(), "APIGroup".into());
                map.insert("apiVersion".to_owned(), "v1".into());
                value
            }
            ["api", "v1"] => self.resource_list("", "v1"),
            ["api", ..] => return Err(Failure::no_such_resource()),
            ["apis", group, version] => {
                if self.registry.groups().all(|g| g != *group) {
                    return Err(Failure::no_such_page());
                }
                if !self.registry.versions(group).iter().any(|v| v == version) {
                    return Err(Failure::no_such_resource());
                }
                self.resource_list(group, version)
            }
            ["openapi", "v3"] => {
                let mut paths = serde_json::Map::new();
                for path in self.paths() {
                    let path = path.trim_start_matches('/').to_owned();
                    if path.starts_with("api") && path.split('/').count() != 1 {
                        paths.insert(path.clone(), json!({"serverRelativeURL": format!("/openapi/v3/{path}?hash={}", self.revision)}));
                    }
                }
                return Ok(render::text(200, json!({"paths": paths}).to_string()).into());
            }
            ["openapi", "v3", rest @ ..] => match self.openapi(rest) {
                Some(document) => document,
                None => return Err(Failure::no_such_page()),
            },
            _ => return Err(Failure::no_such_page()),
        };
        Ok(render::value(200, &reply, accept).into())
    }

    fn paths(&self) -> Vec<String> {
        let mut paths = vec!["/api".to_owned(), "/api/v1".to_owned(), "/apis".to_owned()];
        for group in self.registry.groups() {
            paths.push(format!("/apis/{group}"));
            paths.extend(self.registry.versions(group).iter().map(|v| format!("/apis/{group}/{v}")));
        }
        paths.extend(["/healthz", "/livez", "/openapi/v3", "/readyz", "/version"].map(str::to_owned));
        paths
    }

    fn group(&self, group: &str) -> Value {
        let version = |v: &String| json!({"groupVersion": format!("{group}/{v}"), "version": v});
        let versions: Vec<Value> = self.registry.versions(group).iter().map(version).collect();
        let preferred = versions.first().cloned();
        json!({"name": group, "versions": versions, "preferredVersion": preferred})
    }

    fn resource_list(&self, group: &str, version: &str) -> Value {
        let mut resources: Vec<Value> = Vec::new();
        for resource in self.registry.all().filter(|r| r.group == group) {
            let Some(served) = resource.version(version) else { continue };
            let mut entry = json!({
                "name": resource.plural,
                "singularName": resource.singular,
                "namespaced": resource.namespaced,
                "kind": resource.kind,
                "verbs": verbs(resource),
            });
            let map = json::map(&mut entry);
            if !resource.short.is_empty() {
                map.insert("shortNames".to_owned(), json!(resource.short));
            }
            if !resource.categories.is_empty() {
                map.insert("categories".to_owned(), json!(resource.categories));
            }
            if resource.verbs.len() > 1 {
                map.insert("storageVersionHash".to_owned(), storage_hash(resource).into());
            }
            resources.push(entry);
            let mut sub = |name: &str, kind: Value, verbs: &[&str]| {
                let mut entry = json!({
                    "name": format!("{}/{name}", resource.plural),
                    "singularName": "",
                    "namespaced": resource.namespaced,
                    "verbs": verbs,
                });
                json::map(&mut entry).extend(kind.as_object().cloned().unwrap_or_default());
                resources.push(entry);
            };
            let scale = json!({"group": "autoscaling", "version": "v1", "kind": "Scale"});
            match (group, resource.plural.as_str()) {
                ("", "pods") => {
                    sub("binding", json!({"kind": "Binding"}), &["create"]);
                    sub("eviction", json!({"group": "policy", "version": "v1", "kind": "Eviction"}), &["create"]);
                    sub("log", json!({"kind": "Pod"}), &["get"]);
                }
                ("", "namespaces") => sub("finalize", json!({"kind": "Namespace"}), &["update"]),
                ("", "serviceaccounts") => {
                    sub("token", json!({"group": "authentication.k8s.io", "version": "v1", "kind": "TokenRequest"}), &["create"]);
                }
                _ => {}
            }
            if served.scale && !resource.custom() {
                sub("scale", scale.clone(), &["get", "patch", "update"]);
            }
            if served.status {
                sub("status", json!({"kind": resource.kind}), &["get", "patch", "update"]);
            }
            if served.scale && resource.custom() {
                sub("scale", scale, &["get", "patch", "update"]);
            }
        }
        let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        let mut list = json!({"kind": "APIResourceList", "groupVersion": group_version, "resources": resources});
        if !group.is_empty() {
            json::map(&mut list).insert("apiVersion".to_owned(), "v1".into());
        }
        list
    }

    fn aggregated(&self, groups: &[&str], accept: Accept) -> Reply {
        let beta = accept.form == Form::Discovery { beta: true };
        let name = if beta { "apidiscovery.k8s.io/v2beta1" } else { "apidiscovery.k8s.io/v2" };
        let mut items = Vec::new();
        for group in groups {
            let mut versions = Vec::new();
            for version in self.registry.versions(group) {
                let mut resources = Vec::new();
                for resource in self.registry.all().filter(|r| r.group == *group) {
                    let Some(served) = resource.version(version) else { continue };
                    let kind = |g: &str, v: &str, k: &str| json!({"group": g, "version": v, "kind": k});
                    let own = kind(group, version, &resource.kind);
                    let mut subs = Vec::new();
                    if served.scale {
                        subs.push(json!({"subresource": "scale", "responseKind": kind("autoscaling", "v1", "Scale"), "verbs": ["get", "patch", "update"]}));
                    }
                    if served.status {
                        subs.push(json!({"subresource": "status", "responseKind": own, "verbs": ["get", "patch", "update"]}));
                    }
                    if resource.is("", "pods") {
                        subs.push(json!({"subresource": "log", "responseKind": own, "verbs": ["get"]}));
                        subs.push(
                            json!({"subresource": "eviction", "responseKind": kind("policy", "v1", "Eviction"), "verbs": ["create"]}),
                        );
                        subs.push(json!({"subresource": "binding", "responseKind": kind("", "v1", "Binding"), "verbs": ["create"]}));
                    }
                    if resource.is("", "serviceaccounts") {
                        let token = kind("authentication.k8s.io", "v1", "TokenRequest");
                        subs.push(json!({"subresource": "token", "responseKind": token, "verbs": ["create"]}));
                    }
                    let mut entry = json!({
                        "resource": resource.plural,
                        "responseKind": own,
                        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
                        "singularResource": resource.singular,
                        "verbs": verbs(resource),
                    });
                    let map = json::map(&mut entry);
                    if !resource.short.is_empty() {
                        map.insert("shortNames".to_owned(), json!(resource.short));
                    }
                    if !resource.categories.is_empty() {
                        map.insert("categories".to_owned(), json!(resource.categories));
                    }
                    if !subs.is_empty() {
                        map.insert("subresources".to_owned(), json!(subs));
                    }
                    resources.push(entry);
                }
                versions.push(json!({"version": version, "resources": resources, "freshness": "Current"}));
            }
            let metadata =
                if group.is_empty() { json!({"creationTimestamp": null}) } else { json!({"name": group, "creationTimestamp": null}) };
            items.push(json!({"metadata": metadata, "versions": versions}));
        }
        let list = json!({"kind": "APIGroupDiscoveryList", "apiVersion": name, "metadata": {}, "items": items});
        let mut reply = render::value(200, &list, Accept { yaml: false, ..accept });
        reply.content_type = if beta {
            "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
        } else {
            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
        };
        reply
    }

    /// The OpenAPI document of a group and version: enough for clients to know which kinds there are and what patches they take.
    fn openapi(&self, path: &[&str]) -> Option<Value> {
        let (group, version) = match path {
            ["api", version] => ("", *version),
            ["apis", group, version] => (*group, *version),
            _ => return None,
        };
        if !self.registry.versions(group).iter().any(|v| v == version) {
            return None;
        }
        let (mut schemas, mut paths) = (serde_json::Map::new(), serde_json::Map::new());
        for resource in self.registry.all().filter(|r| r.group == group) {
            let Some(served) = resource.version(version) else { continue };
            let gvk = json!([{"group": group, "version": version, "kind": resource.kind}]);
            let custom = format!("{group}.{version}.{}", resource.kind);
            let name = if resource.custom() { custom } else { schema_name(resource.type_name) };
            let mut schema = match served.custom.as_ref().map(|c| c.schema.raw.clone()) {
                Some(schema @ Value::Object(_)) => schema,
                Some(_) => json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}),
                None => {
                    describe(resource.type_name, &mut schemas);
                    schemas.get(&name).cloned().unwrap_or_else(|| json!({"type": "object"}))
                }
            };
            let properties = json::child(&mut schema, "properties");
            properties.entry("apiVersion").or_insert_with(|| json!({"type": "string"}));
            properties.entry("kind").or_insert_with(|| json!({"type": "string"}));
            json::map(&mut schema).insert("x-kubernetes-group-version-kind".to_owned(), gvk.clone());
            schemas.insert(name, schema);
            let base = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
            let scoped = if resource.namespaced { format!("{base}/namespaces/{{namespace}}") } else { base };
            let parameters = json!([
                {"name": "dryRun", "in": "query", "schema": {"type": "string"}},
                {"name": "fieldValidation", "in": "query", "schema": {"type": "string"}},
                {"name": "fieldManager", "in": "query", "schema": {"type": "string"}},
            ]);
            let operation = |action: &str| json!({"x-kubernetes-action": action, "x-kubernetes-group-version-kind": gvk.get(0), "parameters": parameters, "responses": {}});
            paths.insert(format!("{scoped}/{}", resource.plural), json!({"post": operation("post")}));
            if resource.verbs.len() > 1 {
                let one = json!({"patch": operation("patch"), "put": operation("put")});
                paths.insert(format!("{scoped}/{}/{{name}}", resource.plural), one);
            }
        }
        Some(json!({
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes", "version": KUBERNETES.2},
            "paths": paths,
            "components": {"schemas": schemas},
        }))
    }
}

/// The name of a type's schema.
fn schema_name(type_name: &str) -> String {
    let (package, kind) = type_name.split_once('.').unwrap_or(("", type_name));
    let package = package.replace('/', ".");
    let home = match package.split('.').next() {
        Some("meta") => "io.k8s.apimachinery.pkg.apis",
        Some("apiextensions") => "io.k8s.apiextensions-apiserver.pkg.apis",
        _ => "io.k8s.api",
    };
    format!("{home}.{package}.{kind}")
}

/// Puts in the schemas of a type and of all it holds.
fn describe(type_name: &'static str, schemas: &mut serde_json::Map<String, Value>) {
    let name = schema_name(type_name);
    let Some(about) = types::find(type_name) else { return };
    if schemas.contains_key(&name) {
        return;
    }
    // Types may hold themselves: the place is taken before what is in it is looked at.
    schemas.insert(name.clone(), Value::Null);
    let mut properties = serde_json::Map::new();
    let mut required = Vec::new();
    for (field, f) in &about.fields {
        let mut schema = code_schema(&f.code, schemas);
        if let Strategic::Key(key) = f.strategic {
            let map = json::map(&mut schema);
            map.insert("x-kubernetes-patch-merge-key".to_owned(), key.into());
            map.insert("x-kubernetes-patch-strategy".to_owned(), "merge".into());
        }
        if f.required && *field != "metadata" {
            required.push(*field);
        }
        properties.insert((*field).to_owned(), schema);
    }
    let mut schema = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        json::map(&mut schema).insert("required".to_owned(), json!(required));
    }
    schemas.insert(name, schema);
}

fn code_schema(code: &Code, schemas: &mut serde_json::Map<String, Value>) -> Value {
    match code {
        Code::Text | Code::Quantity => json!({"type": "string"}),
        Code::Bytes => json!({"type": "string", "format": "byte"}),
        Code::Time | Code::MicroTime => json!({"type": "string", "format": "date-time"}),
        Code::Int32 => json!({"type": "integer", "format": "int32"}),
        Code::Int64 => json!({"type": "integer", "format": "int64"}),
        Code::Number => json!({"type": "number", "format": "double"}),
        Code::Bool => json!({"type": "boolean"}),
        Code::IntOrText => json!({"oneOf": [{"type": "integer"}, {"type": "string"}], "format": "int-or-string"}),
        Code::Any => json!({"x-kubernetes-preserve-unknown-fields": true}),
        Code::Type(name) => {
            describe(name, schemas);
            json!({"allOf": [{"$ref": format!("#/components/schemas/{}", schema_name(name))}]})
        }
        Code::Map { value, .. } => json!({"type": "object", "additionalProperties": code_schema(value, schemas)}),
        Code::List { item, .. } => json!({"type": "array", "items": code_schema(item, schemas)}),
    }
}

fn version() -> Value {
    let (major, minor, git) = KUBERNETES;
    json!({
        "major": major,
        "minor": minor,
        "emulationMajor": major,
        "emulationMinor": minor,
        "minCompatibilityMajor": "1",
        "minCompatibilityMinor": "36",
        "gitVersion": git,
        "gitCommit": "unknown",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "go1.26.8",
        "compiler": "gc",
        "platform": "linux/amd64",
    })
}

fn verbs(resource: &Resource) -> Vec<&'static str> {
    let mut verbs: Vec<&str> = resource.verbs.to_vec();
    if resource.is("", "namespaces") {
        verbs.retain(|v| *v != "deletecollection");
    }
    if resource.custom() {
        return vec!["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];
    }
    verbs
}

/// What tells clients whether two resources are stored as the same thing.
fn storage_hash(resource: &Resource) -> String {
    let (group, version) = if resource.group == "events.k8s.io" {
        ("", "v1")
    } else if resource.group == "apiextensions.k8s.io" {
        // As upstream, which still stores definitions in their first form.
        (resource.group.as_str(), "v1beta1")
    } else {
        (resource.group.as_str(), resource.storage_version())
    };
    let hash = Sha256::digest(format!("{group}/{version}/{}", resource.kind));
    base64::engine::general_purpose::STANDARD.encode(hash.get(..8).unwrap_or_default())
}
