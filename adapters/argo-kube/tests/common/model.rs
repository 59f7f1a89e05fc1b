//! A model of a Kubernetes API in a few lines, for the driver's own tests: create, get, list, watch, merge patch, delete, conflicts.
//! What a real one does beyond that is tested through argo-local.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::watch;

type Key = (String, String);
type Answer = UnsyncBoxBody<Bytes, std::convert::Infallible>;

struct Change {
    plural: String,
    before: Option<Value>,
    after: Option<Value>,
    version: u64,
}

#[derive(Default)]
struct World {
    objects: BTreeMap<Key, Value>,
    changes: Vec<Change>,
}

pub struct Model {
    world: Mutex<World>,
    version: watch::Sender<u64>,
}

struct Ask {
    method: Method,
    plural: String,
    name: String,
    query: BTreeMap<String, String>,
}

fn error(code: u16, reason: &str) -> (u16, Value) {
    (
        code,
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": reason, "message": reason, "code": code}),
    )
}

fn merge(document: &mut Value, patch: &Value) {
    match patch {
        Value::Object(patch) => {
            if !document.is_object() {
                *document = json!({});
            }
            for (name, value) in patch {
                if value.is_null() {
                    document.as_object_mut().unwrap().remove(name);
                } else {
                    merge(&mut document[name], value);
                }
            }
        }
        other => *document = other.clone(),
    }
}

fn selected(ask: &Ask, object: &Value) -> bool {
    let labels = &object["metadata"]["labels"];
    let by_label = ask.query.get("labelSelector").map(String::as_str).unwrap_or_default();
    let by_name = ask.query.get("fieldSelector").and_then(|f| f.strip_prefix("metadata.name="));
    by_name.is_none_or(|name| object["metadata"]["name"] == name)
        && by_label.split(',').filter(|term| !term.is_empty()).all(|term| {
            if let Some((key, value)) = term.split_once("!=") {
                labels[key] != value
            } else if let Some((key, value)) = term.split_once('=') {
                labels[key] == value
            } else if let Some(key) = term.strip_prefix('!') {
                labels[key].is_null()
            } else {
                !labels[term].is_null()
            }
        })
}

impl Model {
    pub fn client() -> Client {
        let model = Arc::new(Self { world: Mutex::default(), version: watch::Sender::new(1) });
        let service = tower::service_fn(move |request: Request<Body>| {
            let model = Arc::clone(&model);
            async move { Ok::<_, std::convert::Infallible>(model.answer(request).await) }
        });
        Client::new(service, "default")
    }

    async fn answer(self: Arc<Self>, request: Request<Body>) -> Response<Answer> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let path: Vec<&str> = parts.uri.path().trim_matches('/').split('/').collect();
        let skip = if path[0] == "api" { 2 } else { 3 };
        let skip = if path.get(skip) == Some(&"namespaces") { skip + 2 } else { skip };
        let decode = |text: &str| text.replace("%2F", "/").replace("%2C", ",").replace("%21", "!").replace("%3D", "=");
        let query = parts.uri.query().unwrap_or_default().split('&').filter_map(|p| p.split_once('='));
        let ask = Ask {
            method: parts.method,
            plural: path[skip].to_owned(),
            name: path.get(skip + 1).map(|n| (*n).to_owned()).unwrap_or_default(),
            query: query.map(|(k, v)| (k.to_owned(), decode(v))).collect(),
        };
        if ask.query.get("watch").is_some_and(|w| w == "true") {
            return Response::new(StreamBody::new(self.watch(ask)).boxed_unsync());
        }
        let (code, body) = self.act(&ask, body);
        Response::builder().status(code).body(Full::new(Bytes::from(serde_json::to_vec(&body).unwrap())).boxed_unsync()).unwrap()
    }

    fn act(&self, ask: &Ask, body: Value) -> (u16, Value) {
        let mut world = self.world.lock().unwrap();
        let version = *self.version.borrow();
        let key = (ask.plural.clone(), ask.name.clone());
        let before = world.objects.get(&key).cloned();
        let after = match (ask.method.as_str(), before.clone()) {
            ("GET", _) if ask.name.is_empty() => {
                let items: Vec<_> =
                    world.objects.iter().filter(|((p, _), o)| *p == ask.plural && selected(ask, o)).map(|(_, o)| o.clone()).collect();
                let list =
                    json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": version.to_string()}, "items": items});
                return (200, list);
            }
            ("GET", Some(object)) => return (200, object),
            ("POST", _) => {
                let mut object = body;
                let key = (ask.plural.clone(), object["metadata"]["name"].as_str().unwrap().to_owned());
                if world.objects.contains_key(&key) {
                    return error(409, "AlreadyExists");
                }
                object["metadata"]["uid"] = json!(format!("uid-{}", version + 1));
                object["metadata"]["namespace"] = json!("default");
                Some(object)
            }
            ("PATCH", Some(mut object)) => {
                let wanted = &body["metadata"]["resourceVersion"];
                if !wanted.is_null() && *wanted != object["metadata"]["resourceVersion"] {
                    return error(409, "Conflict");
                }
                let unchanged = object.clone();
                merge(&mut object, &body);
                if object == unchanged {
                    return (200, object);
                }
                Some(object)
            }
            ("DELETE", Some(_)) => None,
            _ => return error(404, "NotFound"),
        };
        let version = version + 1;
        let after = after.map(|mut object| {
            object["metadata"]["resourceVersion"] = json!(version.to_string());
            object
        });
        let name = after.as_ref().or(before.as_ref()).unwrap()["metadata"]["name"].as_str().unwrap().to_owned();
        match &after {
            Some(object) => world.objects.insert((ask.plural.clone(), name), object.clone()),
            None => world.objects.remove(&(ask.plural.clone(), name)),
        };
        world.changes.push(Change { plural: ask.plural.clone(), before: before.clone(), after: after.clone(), version });
        self.version.send_replace(version);
        (if ask.method == Method::POST { 201 } else { 200 }, after.or(before).unwrap())
    }

    fn watch(self: Arc<Self>, ask: Ask) -> impl futures::Stream<Item = Result<http_body::Frame<Bytes>, std::convert::Infallible>> + Send {
        let from: u64 = ask.query.get("resourceVersion").and_then(|v| v.parse().ok()).unwrap_or(0);
        let versions = self.version.subscribe();
        futures::stream::unfold((self, ask, from, versions), |(model, ask, mut from, mut versions)| async move {
            loop {
                versions.borrow_and_update();
                let mut lines = Vec::new();
                {
                    let world = model.world.lock().unwrap();
                    let since = from;
                    for change in world.changes.iter().filter(|c| c.version > since) {
                        from = change.version;
                        if change.plural != ask.plural {
                            continue;
                        }
                        let matched = |object: &Option<Value>| object.as_ref().is_some_and(|o| selected(&ask, o));
                        let (kind, object) = match (matched(&change.before), matched(&change.after)) {
                            (false, true) => ("ADDED", &change.after),
                            (true, true) => ("MODIFIED", &change.after),
                            (true, false) if change.after.is_some() => ("DELETED", &change.after),
                            (true, false) => ("DELETED", &change.before),
                            (false, false) => continue,
                        };
                        lines.extend(serde_json::to_vec(&json!({"type": kind, "object": object})).unwrap());
                        lines.push(b'\n');
                    }
                }
                if !lines.is_empty() {
                    return Some((Ok(http_body::Frame::data(Bytes::from(lines))), (model, ask, from, versions)));
                }
                if versions.changed().await.is_err() {
                    return None;
                }
            }
        })
    }
}
