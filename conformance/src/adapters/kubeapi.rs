//! The embedded API, against recordings of kube-apiserver: each scenario is played against a state machine of its own, with a clock that only this
//! file moves. Scenarios that need the controller manager are played against a cluster with all controllers, in a runtime whose time stands still
//! until the scenario lets it pass.

mod matching;
mod server;

use std::collections::BTreeMap;

use argo_local::api::{Answer, Api, Identity, Reply, Request, Step, Watch};
use jiff::SignedDuration;
use serde_json::{Value, json};
use server::Server;

use crate::{Ctx, Outcome};
use matching::Bindings;

/// How often an `until` asks before it gives up.
const TRIES: usize = 40;

struct Player {
    server: Server,
    bindings: Bindings,
    watches: BTreeMap<String, Open>,
    any_order: bool,
}

/// A watch, or the one answer that came in its place.
struct Open {
    watch: Option<Watch>,
    lines: Vec<Value>,
    ended: bool,
}

struct Got {
    status: u16,
    headers: BTreeMap<String, Vec<String>>,
    body: Value,
}

enum Reaction {
    Got(Got),
    Stream(Box<Watch>),
}

pub(super) fn run(_file: &str, case: &Value, _ctx: &Ctx) -> Outcome {
    let needs_manager = case.get("needs").and_then(Value::as_array).is_some_and(|n| n.iter().any(|v| v == "controller-manager"));
    let server = match Server::start(needs_manager) {
        Ok(server) => server,
        Err(why) => return Outcome::Fail(why),
    };
    let mut player = Player {
        server,
        bindings: Bindings::default(),
        watches: BTreeMap::new(),
        any_order: case.get("causes").and_then(Value::as_str) == Some("any-order"),
    };
    let steps = case.get("steps").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for (index, step) in steps.iter().enumerate() {
        if let Err(why) = player.step(step) {
            let request = step.get("request").map(|r| format!("{} {}", text(r, "method"), text(r, "path"))).unwrap_or_default();
            return Outcome::Fail(format!("step {index} ({} {request}): {why}", text(step, "op")));
        }
    }
    Outcome::Pass
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

impl Player {
    fn step(&mut self, step: &Value) -> Result<(), String> {
        match text(step, "op") {
            "request" => {
                let Reaction::Got(got) = self.send(step.get("request").unwrap_or(&Value::Null))? else {
                    return Err("answered with a stream".to_owned());
                };
                self.server.settle();
                let setup = step.get("setup") == Some(&Value::Bool(true));
                let expected = step.get("response").unwrap_or(&Value::Null);
                match self.check(expected, got) {
                    Err(why) if !setup => Err(why),
                    _ => Ok(()),
                }
            }
            "ensure" => {
                let path = text(step, "path").to_owned();
                let get = json!({"method": "GET", "path": path});
                if let Reaction::Got(Got { status: 404, .. }) = self.send(&get)? {
                    let (parent, name) = path.rsplit_once('/').unwrap_or((&path, ""));
                    let body = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}});
                    let post = json!({"method": "POST", "path": parent, "body": body});
                    self.send(&post)?;
                }
                Ok(())
            }
            "until" => self.until(step),
            "watch-start" => {
                let reaction = self.send(step.get("request").unwrap_or(&Value::Null))?;
                let expected = step.get("response").unwrap_or(&Value::Null);
                let open = match reaction {
                    Reaction::Stream(watch) => {
                        let status = expected.get("status").and_then(Value::as_u64);
                        if status != Some(200) {
                            return Err(format!("opened a stream, expected {status:?}"));
                        }
                        Open { watch: Some(*watch), lines: Vec::new(), ended: false }
                    }
                    Reaction::Got(got) => {
                        let lines = if got.status == 200 { vec![got.body.clone()] } else { Vec::new() };
                        if got.status != 200 || expected.get("body").is_some() {
                            self.check(expected, got)?;
                        }
                        Open { watch: None, lines, ended: true }
                    }
                };
                self.watches.insert(text(step, "watch").to_owned(), open);
                Ok(())
            }
            "watch-read" => {
                let expected = step.get("events").and_then(Value::as_array).cloned().unwrap_or_default();
                for (index, event) in expected.iter().enumerate() {
                    let Some(got) = self.next_event(text(step, "watch")) else {
                        return Err(format!("event {index} did not come: {event}"));
                    };
                    self.bindings.learn(&got);
                    self.bindings.compare(event, &got, "").map_err(|why| format!("event {index}: {why}"))?;
                }
                Ok(())
            }
            "watch-none" => match self.read_event(text(step, "watch"), false) {
                Some(event) => Err(format!("an event came: {event}")),
                None => Ok(()),
            },
            "watch-closed" => {
                self.server.pass(SignedDuration::from_secs(5));
                while let Some(event) = self.read_event(text(step, "watch"), true) {
                    if text(&event, "type") != "BOOKMARK" {
                        return Err(format!("an event came: {event}"));
                    }
                }
                let open = self.watches.get(text(step, "watch"));
                match open {
                    // A timeout is the server's around the state machine; it is told by the watch how long.
                    Some(open) if open.ended || open.watch.as_ref().is_some_and(|w| w.timeout().as_secs() <= 5) => Ok(()),
                    _ => Err("the stream is still open".to_owned()),
                }
            }
            "watch-stop" => {
                self.watches.remove(text(step, "watch"));
                Ok(())
            }
            "sleep" => {
                self.server.pass(SignedDuration::from_secs(1));
                self.server.settle();
                Ok(())
            }
            other => Err(format!("unknown step {other}")),
        }
    }

    fn until(&mut self, step: &Value) -> Result<(), String> {
        let request = step.get("request").unwrap_or(&Value::Null);
        let expected = step.get("response");
        let mut last = "nothing was answered".to_owned();
        for _ in 0..TRIES {
            self.server.settle();
            let Reaction::Got(got) = self.send(request)? else { return Err("answered with a stream".to_owned()) };
            let Some(expected) = expected else {
                if got.status == 200 {
                    return Ok(());
                }
                last = format!("answered {}", got.status);
                continue;
            };
            let before = self.bindings.clone();
            match self.check(expected, got) {
                Ok(()) => return Ok(()),
                Err(why) => {
                    last = why;
                    self.bindings = before;
                }
            }
            self.server.pass(SignedDuration::from_millis(500));
        }
        Err(format!("until {}: {last}", text(step, "until")))
    }

    fn send(&mut self, request: &Value) -> Result<Reaction, String> {
        self.server.pass(SignedDuration::from_millis(1));
        let template = text(request, "path");
        if self.bindings.is_open(template) {
            self.look_around(template);
        }
        let path = self.bindings.fill_text(template, true);
        let (path, query) = path.split_once('?').unwrap_or((&path, ""));
        let mut headers = http::HeaderMap::new();
        headers.insert(http::header::USER_AGENT, http::HeaderValue::from_static("recorder/1.0"));
        for (name, value) in request.get("headers").and_then(Value::as_object).into_iter().flatten() {
            let name = http::HeaderName::from_bytes(name.as_bytes()).map_err(|e| e.to_string())?;
            let value = http::HeaderValue::from_str(&self.bindings.fill_text(value.as_str().unwrap_or_default(), false))
                .map_err(|e| e.to_string())?;
            headers.insert(name, value);
        }
        let body = match (request.get("rawBody"), request.get("body")) {
            (Some(Value::String(raw)), _) => self.bindings.fill_text(raw, false),
            (Some(long), _) => long_body(long),
            (None, Some(body)) => spaced(&self.bindings.fill(body)),
            (None, None) => String::new(),
        };
        let user = if text(request, "credentials") == "none" {
            let header = headers.get(http::header::AUTHORIZATION).and_then(|v| v.to_str().ok());
            match self.server.with(|api, now| api.authenticate(header, now)) {
                Some(user) => user,
                None => return Ok(Reaction::Got(read(&Api::unauthorized()))),
            }
        } else {
            let mut admin = Identity::admin();
            let id = format!("X509SHA256={}", "ab".repeat(32));
            admin.extra.insert("authentication.kubernetes.io/credential-id".to_owned(), vec![id]);
            admin
        };
        let request = Request {
            method: http::Method::from_bytes(text(request, "method").as_bytes()).map_err(|e| e.to_string())?,
            path: path.to_owned(),
            query: query.to_owned(),
            headers,
            body: body.into_bytes().into(),
            user: user.into(),
        };
        match self.server.with(|api, now| api.handle(&request, now)) {
            Answer::Whole(mut reply) => {
                if request.method == http::Method::HEAD {
                    reply.body = Vec::new().into();
                }
                let got = read(&reply);
                self.bindings.learn(&got.body);
                Ok(Reaction::Got(got))
            }
            Answer::Watch(watch) => Ok(Reaction::Stream(watch)),
            Answer::Log { .. } => Err("answered with a log, which only a node has".to_owned()),
        }
    }

    /// Lists what a path is in, to learn of names that were generated.
    fn look_around(&mut self, template: &str) {
        let (path, _) = template.split_once('?').unwrap_or((template, ""));
        let names = path.split_once("/namespaces/").and_then(|(root, rest)| {
            let mut parts = rest.split('/');
            Some(format!("{root}/namespaces/{}/{}", parts.next()?, parts.next()?))
        });
        let Some(path) = names else { return };
        let request = Request {
            method: http::Method::GET,
            path,
            query: String::new(),
            headers: http::HeaderMap::new(),
            body: Vec::new().into(),
            user: Identity::admin().into(),
        };
        if let Answer::Whole(reply) = self.server.with(|api, now| api.handle(&request, now)) {
            self.bindings.learn(&read(&reply).body);
        }
        self.bindings.settle_path(template);
    }

    fn next_event(&mut self, name: &str) -> Option<Value> {
        self.read_event(name, true)
    }

    fn read_event(&mut self, name: &str, bookmarks: bool) -> Option<Value> {
        let open = self.watches.get_mut(name)?;
        if open.lines.is_empty()
            && let Some(watch) = &mut open.watch
        {
            let mut bytes = match self.server.with(|api, now| api.step(watch, now)) {
                Step::Lines(lines) => lines.to_vec(),
                Step::Wait => Vec::new(),
                Step::End => {
                    open.ended = true;
                    Vec::new()
                }
            };
            if bytes.is_empty() && bookmarks {
                bytes = watch.bookmark().map(|b| b.to_vec()).unwrap_or_default();
            }
            open.lines = bytes.split(|b| *b == b'\n').filter(|l| !l.is_empty()).filter_map(|l| serde_json::from_slice(l).ok()).collect();
        }
        if open.lines.is_empty() { None } else { Some(open.lines.remove(0)) }
    }

    fn check(&mut self, expected: &Value, mut got: Got) -> Result<(), String> {
        let status = expected.get("status").and_then(Value::as_u64).unwrap_or_default();
        let shown = || {
            let body = got.body.to_string();
            body.chars().take(600).collect::<String>()
        };
        if status != u64::from(got.status) {
            return Err(format!("answered {}, expected {status}: {}", got.status, shown()));
        }
        let mut wanted: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in expected.get("headers").and_then(Value::as_object).into_iter().flatten() {
            let list = match value {
                Value::Array(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
                other => vec![other.as_str().unwrap_or_default().to_owned()],
            };
            wanted.insert(name.to_ascii_lowercase(), list);
        }
        let empty = Value::Null;
        let body = expected.get("body").unwrap_or(&empty);
        let omitted = body.get("omitted") == Some(&Value::Bool(true));
        for name in ["content-type", "warning", "allow", "retry-after", "location"] {
            let (want, has) = (wanted.get(name), got.headers.get(name));
            if want != has && !(name == "content-type" && want.is_none()) {
                return Err(format!("header {name}: {has:?}, expected {want:?}"));
            }
        }
        if omitted || body.is_null() && got.body.is_null() {
            return Ok(());
        }
        if self.any_order {
            matching::sort_causes(&mut got.body);
        }
        self.bindings.compare(body, &got.body, "")
    }
}

/// JSON with a space after each comma and colon, as the recorder sent it: some answers quote it.
fn spaced(body: &Value) -> String {
    match body {
        Value::Object(map) => {
            let fields: Vec<String> = map.iter().map(|(k, v)| format!("{}: {}", Value::from(k.as_str()), spaced(v))).collect();
            format!("{{{}}}", fields.join(", "))
        }
        Value::Array(list) => format!("[{}]", list.iter().map(spaced).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// A long body that begins as the case says.
fn long_body(long: &Value) -> String {
    let start = text(long, "repeat");
    let length = long.get("length").and_then(Value::as_u64).and_then(|l| usize::try_from(l).ok()).unwrap_or_default();
    let head = format!("{start}, \"metadata\": {{\"name\": \"a\"}}, \"data\": {{\"k\": \"");
    let tail = "\"}}";
    let fill = length.saturating_sub(head.len().saturating_add(tail.len()));
    format!("{head}{}{tail}", "x".repeat(fill))
}

fn read(reply: &Reply) -> Got {
    let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    headers.insert("content-type".to_owned(), vec![reply.content_type.to_owned()]);
    for (name, value) in &reply.headers {
        headers.entry(name.as_str().to_owned()).or_default().push(value.clone());
    }
    let body = if reply.body.is_empty() {
        Value::Null
    } else if reply.content_type.starts_with("application/json") {
        serde_json::from_slice(&reply.body).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&reply.body).into_owned()))
    } else if reply.content_type == "application/vnd.kubernetes.protobuf" {
        // The recordings keep of such a body only how it begins.
        let magic: String = reply.body.iter().take(4).map(|b| format!("{b:02x}")).collect();
        json!({"protobuf": true, "magic": magic})
    } else {
        Value::String(String::from_utf8_lossy(&reply.body).into_owned())
    };
    Got { status: reply.status, headers, body }
}
