//! `status`, `scale`, `log`, `binding`, `eviction`, `token`, and the kinds that are answered and not kept.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::ask::Ask;
use super::change::Draft;
use super::delete::Options;
use super::failure::{Cause, Failure, Named};
use super::object::Stored;
use super::raw::Raw;
use super::selectors;
use super::write::Ownership;
use super::{Answer, Api, Outcome, builtin, json, patch, read_body, render};
use crate::backend::LogOptions;

impl Ask {
    /// A request the API makes of itself.
    pub(crate) fn internal(resource: &Arc<super::resources::Resource>, version: &str, namespace: Option<&str>, name: &str) -> Self {
        Self {
            resource: Arc::clone(resource),
            version: version.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: Some(name.to_owned()),
            sub: String::new(),
            verb: None,
            query: super::ask::Query::default(),
            accept: super::negotiate::Accept::default(),
            user: super::Identity::admin().into(),
            user_agent: String::new(),
            content_type: String::new(),
            warnings: Vec::new(),
            doubles: Vec::new(),
            parsed: None,
            now: Timestamp::UNIX_EPOCH,
        }
    }
}

impl Api {
    pub(crate) fn subresource(&mut self, ask: &mut Ask, verb: &str, body: &[u8], now: Timestamp) -> Result<Outcome, Failure> {
        let (has_status, has_scale) = ask.served().map_or((false, false), |v| (v.status, v.scale));
        let (group, plural, sub) = (ask.resource.group.clone(), ask.resource.plural.clone(), ask.sub.clone());
        match (group.as_str(), plural.as_str(), sub.as_str()) {
            (_, _, "status") if has_status => match verb {
                "get" => self.get(ask),
                "update" => self.update(ask, body, now),
                "patch" => self.patch(ask, body, now),
                _ => Err(Failure::method_not_allowed()),
            },
            (_, _, "scale") if has_scale => self.scale(ask, verb, body, now),
            ("", "pods", "log") if verb == "get" => self.log(ask),
            ("", "pods", "binding") if verb == "create" => self.bind(ask, body, now),
            ("", "pods", "eviction") if verb == "create" => self.evict(ask, body, now),
            ("", "pods", "exec" | "attach" | "portforward" | "proxy") => {
                let pod = self.existing(ask)?;
                let name = pod.meta("name");
                if pod.text(&["spec", "nodeName"]).is_empty() {
                    return Err(Failure::bad_request(format!("pod {name} does not have a host assigned")));
                }
                Err(Failure::new(501, "NotImplemented", format!("{} of pods is not offered by this API", ask.sub), None))
            }
            ("", "serviceaccounts", "token") if verb == "create" => self.token(ask, body, now),
            ("", "namespaces", "finalize") if verb == "update" => self.finalize(ask, body, now),
            _ if ask.resource.custom() => Err(Failure::not_found(ask.named(ask.name.as_deref().unwrap_or_default()))),
            _ => Err(Failure::no_such_resource()),
        }
    }

    fn finalize(&mut self, ask: &mut Ask, body: &[u8], now: Timestamp) -> Result<Outcome, Failure> {
        let object = read_body(ask, body)?;
        let old = self.existing(ask)?;
        let mut value = old.value();
        let finalizers = json::at(&object, &["spec", "finalizers"]).and_then(Value::as_array).filter(|l| !l.is_empty());
        let spec = json::child(&mut value, "spec");
        match finalizers {
            Some(finalizers) => spec.insert("finalizers".to_owned(), finalizers.clone().into()),
            None => spec.remove("finalizers"),
        };
        for field in ["labels", "annotations"] {
            let sent = json::at(&object, &["metadata", field]).cloned();
            let metadata = json::metadata(&mut value);
            match sent {
                Some(sent) => metadata.insert(field.to_owned(), sent),
                None => metadata.remove(field),
            };
        }
        builtin::default(&ask.resource, &mut value);
        let resource = Arc::clone(&ask.resource);
        let key = (String::new(), old.meta("name").to_owned());
        let empty = json::items(&value, &["spec", "finalizers"]).next().is_none();
        let next = Stored { revision: old.revision, ..Stored::of(value, Some(&old)) };
        if empty && next.deleting() && next.finalizers().next().is_none() {
            self.commit(resource.slot, key, None)?;
            self.after_write(&resource, Some(&old), None, now)?;
            return Ok(Outcome::Object(200, Arc::new(next)));
        }
        Ok(Outcome::Object(200, self.commit(resource.slot, key, Some(next))?))
    }

    fn scale(&mut self, ask: &mut Ask, verb: &str, body: &[u8], now: Timestamp) -> Result<Outcome, Failure> {
        let old = self.existing(ask)?;
        let current = self.scale_of(ask, &old.value());
        let wanted = match verb {
            "get" => return Ok(render::value(200, &current, ask.accept).into()),
            "update" => {
                let sent = read_body(ask, body)?;
                let (kind, api_version) = (json::text(&sent, &["kind"]), json::text(&sent, &["apiVersion"]));
                if kind != "Scale" {
                    let version = api_version.rsplit('/').next().unwrap_or_default();
                    let why = format!("converting (v1.{kind}) to (autoscaling.Scale): unknown conversion");
                    return Err(Failure::bad_request(format!("{kind} in version {version:?} cannot be handled as a Scale: {why}")));
                }
                sent
            }
            "patch" => {
                let kind = ask.content_type.split(';').next().unwrap_or_default().trim().to_owned();
                patch::patched(&kind, current, &patch::read(ask, body)?, argo_core::describe::Shape::of_kind("Scale"))?
            }
            _ => return Err(Failure::method_not_allowed()),
        };
        let name = ask.name.clone().unwrap_or_default();
        let said = json::meta(&wanted, "name");
        if said != name {
            return Err(Failure::bad_request(format!("the name of the object ({said}) does not match the name on the URL ({name})")));
        }
        let replicas = json::at(&wanted, &["spec", "replicas"]).and_then(Value::as_i64).unwrap_or(0);
        if replicas < 0 {
            let cause = Cause::invalid("spec.replicas", &replicas.into(), "must be greater than or equal to 0");
            return Err(Failure::invalid(Named { group: "autoscaling", kind: "Scale", name: &name }, &[cause]));
        }
        let mut object = old.bare_value();
        let path = self.scale_path(ask);
        set_path(&mut object, &path, replicas.into());
        let revision = json::meta(&wanted, "resourceVersion");
        let revision = if revision.is_empty() { old.revision.to_string() } else { revision.to_owned() };
        json::metadata(&mut object).insert("resourceVersion".to_owned(), revision.into());
        let ownership = Ownership::Of(ask.manager());
        let stored = self.change(ask, &old, Draft::whole(object), ownership, now)?;
        Ok(render::value(200, &self.scale_of(ask, &stored.value()), ask.accept).into())
    }

    fn scale_path(&self, ask: &Ask) -> String {
        ask.served()
            .and_then(|v| v.custom.as_ref())
            .and_then(|c| c.scale.as_ref())
            .map_or_else(|| ".spec.replicas".to_owned(), |s| s.replicas.clone())
    }

    /// The `Scale` of an object.
    fn scale_of(&self, ask: &Ask, object: &Value) -> Value {
        let mut metadata = json!({});
        for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
            if let Some(value) = json::at(object, &["metadata", field]) {
                json::map(&mut metadata).insert(field.to_owned(), value.clone());
            }
        }
        let custom = ask.served().and_then(|v| v.custom.clone());
        let number = |path: &str| at_path(object, path).and_then(Value::as_i64).unwrap_or(0);
        let mut status = json!({});
        let (replicas, selector) = match custom.as_ref().and_then(|c| c.scale.as_ref()) {
            Some(scale) => {
                json::map(&mut status).insert("replicas".to_owned(), number(&scale.status).into());
                let selector = scale.selector.as_ref().and_then(|p| at_path(object, p)).and_then(Value::as_str).unwrap_or_default();
                (number(&scale.replicas), selector.to_owned())
            }
            None => {
                json::map(&mut status).insert("replicas".to_owned(), number(".status.replicas").into());
                (number(".spec.replicas"), selector_text(object))
            }
        };
        if !selector.is_empty() {
            json::map(&mut status).insert("selector".to_owned(), selector.into());
        }
        let spec = if replicas == 0 { json!({}) } else { json!({"replicas": replicas}) };
        json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": spec, "status": status})
    }

    fn log(&mut self, ask: &Ask) -> Result<Outcome, Failure> {
        let number = |key: &str| ask.query.number(key);
        let (tail, since, limit) = (number("tailLines")?, number("sinceSeconds")?, number("limitBytes")?);
        let name = ask.name.clone().unwrap_or_default();
        let mut causes = Vec::new();
        if let Some(tail) = tail.filter(|t| *t < 0) {
            causes.push(Cause::invalid("tailLines", &tail.into(), "must be greater than or equal to 0"));
        }
        if let Some(limit) = limit.filter(|l| *l < 1) {
            causes.push(Cause::invalid("limitBytes", &limit.into(), "must be greater than 0"));
        }
        if let Some(since) = since.filter(|s| *s < 1) {
            causes.push(Cause::invalid("sinceSeconds", &since.into(), "must be greater than 0"));
        }
        if !causes.is_empty() {
            return Err(Failure::invalid(Named { group: "", kind: "PodLogOptions", name: &name }, &causes));
        }
        let pod = self.existing(ask)?;
        let names = |key: &str| {
            let containers = pod.items(&["spec", key]);
            containers.map(|c| c.get("name").and_then(Raw::plain).unwrap_or_default().to_owned()).collect::<Vec<_>>()
        };
        let (containers, init, ephemeral) = (names("containers"), names("initContainers"), names("ephemeralContainers"));
        let mut container = ask.query.text("container").to_owned();
        if container.is_empty() {
            match (containers.as_slice(), init.len() + ephemeral.len()) {
                ([one], 0) => container.clone_from(one),
                _ => {
                    let all: Vec<String> = init.iter().chain(&containers).chain(&ephemeral).cloned().collect();
                    let default = pod.text(&["metadata", "annotations", "kubectl.kubernetes.io/default-container"]);
                    if containers.iter().any(|c| *c == default) {
                        container = default.into_owned();
                    } else {
                        let list = all.join(" ");
                        let why = format!("a container name must be specified for pod {name}, choose one of: [{list}]");
                        return Err(Failure::bad_request(why));
                    }
                }
            }
        } else if !containers.iter().chain(&init).chain(&ephemeral).any(|c| *c == container) {
            return Err(Failure::bad_request(format!("container {container} is not valid for pod {name}")));
        }
        let node = pod.text(&["spec", "nodeName"]);
        if node.is_empty() {
            let nothing = bytes::Bytes::new();
            return Ok(super::Reply { status: 204, content_type: "application/json", headers: Vec::new(), body: nothing }.into());
        }
        if self.lookup_in("", "nodes", "", &node).is_none() {
            // As upstream, which takes the node for what was asked for.
            return Err(Failure::not_found(Named { group: "", kind: "pods", name: &node }));
        }
        let positive = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok());
        let since_time = match ask.query.get("sinceTime") {
            Some(text) if !text.is_empty() => {
                Some(text.parse().map_err(|_| Failure::bad_request(format!("parsing time {text:?}: it is no RFC 3339 time")))?)
            }
            _ => None,
        };
        Ok(Outcome::Answer(Answer::Log {
            namespace: ask.namespace.clone().unwrap_or_default(),
            pod: name,
            options: LogOptions {
                container,
                follow: ask.query.flag("follow"),
                tail_lines: positive(tail),
                since_seconds: since,
                since_time,
                timestamps: ask.query.flag("timestamps"),
                limit_bytes: positive(limit),
                previous: ask.query.flag("previous"),
            },
        }))
    }

    pub(crate) fn bind(&mut self, ask: &mut Ask, body: &[u8], now: Timestamp) -> Result<Outcome, Failure> {
        let binding = read_body(ask, body)?;
        let said = json::meta(&binding, "name").to_owned();
        let name = ask.name.clone().unwrap_or_else(|| said.clone());
        if !said.is_empty() && said != name {
            return Err(Failure::bad_request("name in URL does not match name in Binding object"));
        }
        let kind = json::text(&binding, &["target", "kind"]);
        let node = json::text(&binding, &["target", "name"]);
        let mut problems = Vec::new();
        if !matches!(kind, "" | "Node") {
            problems.push(format!("target.kind: Unsupported value: {kind:?}: supported values: \"Node\", \"<empty>\""));
        }
        if node.is_empty() {
            problems.push("target.name: Required value".to_owned());
        }
        if !problems.is_empty() {
            return Err(Failure::new(500, "", problems.join(", "), None));
        }
        let namespace = ask.namespace.clone().unwrap_or_default();
        let Some(pod) = self.lookup_in("", "pods", &namespace, &name) else {
            return Err(Failure::not_found(Named { group: "", kind: "pods", name: &name }));
        };
        let refuse = |why: String| Err(Failure::conflict(Named { group: "", kind: "pods/binding", name: &name }, &why));
        if pod.deleting() {
            return refuse(format!("pod {name} is being deleted, cannot be assigned to a host"));
        }
        let bound = pod.text(&["spec", "nodeName"]);
        if !bound.is_empty() {
            return refuse(format!("pod {name} is already assigned to node {bound:?}"));
        }
        let mut value = pod.value();
        json::child(&mut value, "spec").insert("nodeName".to_owned(), node.into());
        if let Some(annotations) = json::at(&binding, &["metadata", "annotations"]).and_then(Value::as_object) {
            let metadata = json::metadata(&mut value);
            let own = json::map(metadata.entry("annotations").or_insert_with(|| json!({})));
            own.extend(annotations.clone());
        }
        if let Some(labels) = json::at(&binding, &["metadata", "labels"]).and_then(Value::as_object) {
            let metadata = json::metadata(&mut value);
            let own = json::map(metadata.entry("labels").or_insert_with(|| json!({})));
            own.extend(labels.clone());
        }
        let conditions = json::child(&mut value, "status").entry("conditions").or_insert_with(|| json!([]));
        if let Some(list) = conditions.as_array_mut() {
            list.retain(|c| json::text(c, &["type"]) != "PodScheduled");
            list.push(json!({"type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": json::time(now)}));
        }
        if !ask.dry_run() {
            let slot = self.registry.get("", "pods").map(|r| r.slot).ok_or_else(Failure::no_such_resource)?;
            self.commit(slot, (namespace, name), Some(Stored::of(value, Some(&pod))))?;
        }
        Ok(render::value(201, &created(), ask.accept).into())
    }

    fn evict(&mut self, ask: &mut Ask, body: &[u8], now: Timestamp) -> Result<Outcome, Failure> {
        let eviction = read_body(ask, body)?;
        let name = ask.name.clone().unwrap_or_default();
        let said = json::meta(&eviction, "name");
        if said != name {
            return Err(Failure::bad_request("name in URL does not match name in Eviction object"));
        }
        let pod = self.existing(ask)?;
        let mut options = Options::of(eviction.get("deleteOptions").unwrap_or(&Value::Null))?;
        options.dry_run |= ask.dry_run();
        let finished = matches!(&*pod.text(&["status", "phase"]), "Succeeded" | "Failed" | "Pending");
        if !finished && !pod.deleting() {
            self.spend_budget(ask, &pod, options.dry_run, now)?;
        }
        let resource = Arc::clone(&ask.resource);
        let inner = Ask::internal(&resource, "v1", ask.namespace.as_deref(), &name);
        let mut pod = pod;
        if !options.dry_run && !pod.deleting() && builtin::grace(&resource, &pod, options.grace) != Some(0) {
            let mut value = pod.value();
            let conditions = json::child(&mut value, "status").entry("conditions").or_insert_with(|| json!([]));
            if let Some(list) = conditions.as_array_mut() {
                list.retain(|c| json::text(c, &["type"]) != "DisruptionTarget");
                list.push(json!({
                    "type": "DisruptionTarget", "status": "True", "lastProbeTime": null, "lastTransitionTime": json::time(now),
                    "reason": "EvictionByEvictionAPI", "message": "Eviction API: evicting",
                }));
            }
            let key = (ask.namespace.clone().unwrap_or_default(), name.clone());
            pod = self.commit(resource.slot, key, Some(Stored::of(value, Some(&pod))))?;
        }
        self.delete_object(&inner, &pod, &options, now)?;
        Ok(render::value(201, &created(), ask.accept).into())
    }

    /// Asks the disruption budgets of a pod whether it may go, and takes it off the one that lets it.
    fn spend_budget(&mut self, ask: &Ask, pod: &Arc<Stored>, dry_run: bool, now: Timestamp) -> Result<(), Failure> {
        let Some(slot) = self.registry.get("policy", "poddisruptionbudgets").map(|r| r.slot) else { return Ok(()) };
        let budgets: Vec<Arc<Stored>> = self
            .table(slot)?
            .objects
            .within(ask.namespace.as_deref())
            .filter(|b| selectors::labels_match(&selectors::of_object(b.at(&["spec", "selector"]).map(Raw::value).as_ref()), pod))
            .cloned()
            .collect();
        let refuse = |message: String, retry: Option<u64>| {
            let mut details = json!({"causes": [{"reason": "DisruptionBudget", "message": message}]});
            if let Some(seconds) = retry {
                json::map(&mut details).insert("retryAfterSeconds".to_owned(), seconds.into());
            }
            let why = "Cannot evict pod as it would violate the pod's disruption budget.";
            Err(Failure::new(429, "TooManyRequests", why, Some(details)))
        };
        match budgets.as_slice() {
            [] => Ok(()),
            [budget] => {
                let number = |path: &[&str]| budget.at(path).and_then(Raw::number).unwrap_or(0);
                let name = budget.meta("name");
                if number(&["status", "observedGeneration"]) < number(&["metadata", "generation"]) {
                    return refuse(format!("The disruption budget {name} is still being processed by the server."), Some(10));
                }
                let allowed = number(&["status", "disruptionsAllowed"]);
                if allowed <= 0 {
                    let (needs, has) = (number(&["status", "desiredHealthy"]), number(&["status", "currentHealthy"]));
                    return refuse(format!("The disruption budget {name} needs {needs} healthy pods and has {has} currently"), None);
                }
                if dry_run {
                    return Ok(());
                }
                let mut value = budget.value();
                let status = json::child(&mut value, "status");
                status.insert("disruptionsAllowed".to_owned(), (allowed - 1).into());
                if allowed == 1 {
                    let generation = number(&["metadata", "generation"]);
                    let conditions = status.entry("conditions").or_insert_with(|| json!([]));
                    if let Some(list) = conditions.as_array_mut() {
                        list.retain(|c| json::text(c, &["type"]) != "DisruptionAllowed");
                        list.push(json!({
                            "type": "DisruptionAllowed", "status": "False", "observedGeneration": generation,
                            "lastTransitionTime": json::time(now), "reason": "InsufficientPods", "message": "",
                        }));
                    }
                }
                let disrupted = json::map(status.entry("disruptedPods").or_insert_with(|| json!({})));
                disrupted.insert(pod.meta("name").to_owned(), json::time(now).into());
                let key = (ask.namespace.clone().unwrap_or_default(), name.to_owned());
                self.commit(slot, key, Some(Stored::of(value, Some(budget))))?;
                Ok(())
            }
            _ => Err(Failure::internal("This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.")),
        }
    }

    fn token(&mut self, ask: &mut Ask, body: &[u8], now: Timestamp) -> Result<Outcome, Failure> {
        let request = read_body(ask, body)?;
        let account = self.existing(ask)?;
        let reply = self.issue_token(ask, &account, request, now)?;
        Ok(render::value(201, &reply, ask.accept).into())
    }

    /// Gives a service a cluster address, and ports on nodes where it asks for them.
    pub(crate) fn allocate_addresses(&mut self, ask: &Ask, object: &mut Value) -> Result<(), Failure> {
        let _ = ask;
        let (low, high) = (self.entropy.below(254), self.entropy.below(254));
        let node_port = self.entropy.below(2768).saturating_add(30000);
        let spec = json::child(object, "spec");
        let kind = spec.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        if kind == "ExternalName" {
            return Ok(());
        }
        let asked = spec.get("clusterIP").and_then(Value::as_str).unwrap_or_default().to_owned();
        let address = if asked.is_empty() { format!("10.96.{}.{}", high.saturating_add(1), low.saturating_add(1)) } else { asked };
        spec.insert("clusterIP".to_owned(), address.clone().into());
        spec.insert("clusterIPs".to_owned(), json!([address]));
        if matches!(kind.as_str(), "NodePort" | "LoadBalancer") {
            for (index, port) in json::items_mut(spec, "ports").enumerate() {
                let number = node_port.saturating_add(u64::try_from(index).unwrap_or(0));
                json::default(json::map(port), "nodePort", number);
            }
        }
        Ok(())
    }

    /// Ports on nodes that a new service asks for and another has.
    pub(crate) fn taken_ports(&self, resource: &super::resources::Resource, object: &Value) -> Result<Vec<Cause>, Failure> {
        if !resource.is("", "services") {
            return Ok(Vec::new());
        }
        let wanted: Vec<i64> = json::items(object, &["spec", "ports"]).filter_map(|p| p.get("nodePort").and_then(Value::as_i64)).collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let services = self.table(resource.slot)?.objects.values();
        let taken: Vec<i64> =
            services.flat_map(|s| s.items(&["spec", "ports"])).filter_map(|p| p.get("nodePort").and_then(Raw::number)).collect();
        let mut causes = Vec::new();
        for (index, port) in wanted.iter().enumerate() {
            if taken.contains(port) {
                causes.push(Cause::invalid(format!("spec.ports[{index}].nodePort"), &(*port).into(), "provided port is already allocated"));
            }
        }
        Ok(causes)
    }

    /// Answers the kinds that are not kept: reviews and bindings.
    pub(crate) fn asked(&mut self, ask: &mut Ask, body: &[u8], now: Timestamp) -> Result<Outcome, Failure> {
        match ask.resource.plural.as_str() {
            "bindings" => self.bind(ask, body, now),
            _ => self.review(ask, body, now),
        }
    }
}

fn created() -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201})
}

fn parts(path: &str) -> Vec<&str> {
    path.split('.').filter(|p| !p.is_empty()).collect()
}

fn at_path<'a>(object: &'a Value, path: &str) -> Option<&'a Value> {
    json::at(object, &parts(path))
}

fn set_path(object: &mut Value, path: &str, value: Value) {
    let mut target = object;
    let parts = parts(path);
    let Some((last, before)) = parts.split_last() else { return };
    for part in before {
        target = json::map(target).entry((*part).to_owned()).or_insert_with(|| json!({}));
    }
    json::map(target).insert((*last).to_owned(), value);
}

/// A selector as `scale` shows it.
pub(crate) fn selector_text(object: &Value) -> String {
    let selector = json::at(object, &["spec", "selector"]);
    let labels = selector.and_then(|s| s.get("matchLabels")).or(selector).and_then(Value::as_object);
    let mut terms: Vec<String> = labels.into_iter().flatten().filter_map(|(k, v)| v.as_str().map(|v| format!("{k}={v}"))).collect();
    for expression in selector.into_iter().flat_map(|s| json::items(s, &["matchExpressions"])) {
        let key = json::text(expression, &["key"]);
        let values: Vec<&str> = json::items(expression, &["values"]).filter_map(Value::as_str).collect();
        terms.push(match json::text(expression, &["operator"]) {
            "In" => format!("{key} in ({})", values.join(",")),
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "DoesNotExist" => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    terms.join(",")
}
