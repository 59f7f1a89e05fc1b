//! The API's heart: a state machine that answers requests. No clock, no I/O, no threads: what time it is comes in, what happened goes out.
//!
//! ```
//! use argo_local::api::{Api, Answer, Identity, Request};
//!
//! let mut api = Api::new([7; 32]);
//! let now = jiff::Timestamp::UNIX_EPOCH;
//! let request = Request {
//!     method: http::Method::POST,
//!     path: "/api/v1/namespaces".to_owned(),
//!     query: String::new(),
//!     headers: http::HeaderMap::new(),
//!     body: r#"{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}"#.into(),
//!     user: Identity::admin(),
//! };
//! let Answer::Whole(reply) = api.handle(&request, now) else { panic!("a stream") };
//! assert_eq!(reply.status, 201);
//! ```

mod ask;
mod auth;
mod builtin;
mod collect;
mod columns;
mod crd;
mod delete;
mod discovery;
mod duplicates;
mod entropy;
mod failure;
mod fields;
mod json;
mod names;
mod negotiate;
mod patch;
mod protobuf;
mod read;
mod render;
mod resources;
mod selectors;
mod store;
mod subresources;
mod table;
mod types;
mod watch;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;

pub use ask::{Identity, Request};
pub use watch::{Step, Watch};

use ask::{Ask, Path};
use entropy::Entropy;
use failure::Failure;
use negotiate::Accept;
use resources::Registry;
pub use store::Change;
use store::Table;

use crate::backend::LogOptions;

/// Bodies may be this long, as with the real server.
pub const MAX_BODY: usize = 3 * 1024 * 1024;

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// Further headers.
    pub headers: Vec<(http::HeaderName, String)>,
    /// The body.
    pub body: Bytes,
}

/// What a request comes to.
#[derive(Debug)]
pub enum Answer {
    /// An answer.
    Whole(Reply),
    /// A stream of events: ask [`Api::step`] for them.
    Watch(Box<Watch>),
    /// A log, which the node has.
    Log {
        /// Namespace of the pod.
        namespace: String,
        /// Pod.
        pod: String,
        /// Which part of the log.
        options: LogOptions,
    },
}

/// The state machine.
#[derive(Debug)]
pub struct Api {
    registry: Registry,
    tables: Vec<Table>,
    revision: u64,
    entropy: Entropy,
    changes: Vec<Change>,
    touched: BTreeSet<usize>,
    /// What time it was when it was last asked.
    now: Timestamp,
    /// Where clients find it, as discovery says.
    address: String,
    admin_token: Option<String>,
    signing_key: [u8; 32],
    ca_pem: String,
    /// By the uid of an owner: where those are that name it.
    owners: BTreeMap<String, BTreeSet<(usize, String, String)>>,
    work: collect::Work,
    namespace_slot: usize,
}

impl Api {
    /// An empty API. `seed` makes its unique ids and generated names; use random bytes outside of tests.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        let registry = Registry::new();
        let tables = (0..registry.slots()).map(|_| Table::new(0)).collect();
        let mut entropy = Entropy::new(seed);
        let namespace_slot = registry.get("", "namespaces").map_or(0, |r| r.slot);
        let signing_key = entropy.bytes();
        Self {
            registry,
            tables,
            revision: store::FIRST_REVISION,
            entropy,
            address: String::new(),
            admin_token: None,
            signing_key,
            ca_pem: String::new(),
            owners: BTreeMap::new(),
            work: collect::Work::default(),
            namespace_slot,
            changes: Vec::new(),
            touched: BTreeSet::new(),
            now: Timestamp::UNIX_EPOCH,
        }
    }

    /// Answers a request.
    pub fn handle(&mut self, request: &Request, now: Timestamp) -> Answer {
        self.now = now;
        let accept = self.accepts(request);
        let form = accept.as_ref().ok().copied().unwrap_or_default();
        let answer = match self.impersonated(request) {
            Ok(None) => self.permitted(request, accept, now),
            Ok(Some(user)) => self.permitted(&Request { user, ..request.clone() }, accept, now),
            Err(failure) => Err(failure),
        };
        answer.unwrap_or_else(|failure| Answer::Whole(render::failure(&failure, form)))
    }

    /// The form an answer takes; for custom resources a wildcard below `application` will do.
    fn accepts(&self, request: &Request) -> Result<Accept, Failure> {
        let header = request.header(http::header::ACCEPT);
        let (custom, watching) = match Path::parse(&request.path) {
            // Health and such have no form to choose.
            Path::Other(_) => return Ok(Accept::parse(header, true).unwrap_or_default()),
            Path::Resource { group, plural, watch, .. } => {
                let custom = self.registry.get(&group, &plural).is_some_and(|r| r.custom());
                (custom, watch || ask::Query::parse(&request.query).flag("watch"))
            }
        };
        Accept::parse(header, custom).ok_or_else(|| Accept::refused(custom || Accept::odd_shape(header), watching))
    }

    fn permitted(&mut self, request: &Request, accept: Result<Accept, Failure>, now: Timestamp) -> Result<Answer, Failure> {
        self.authorize(request)?;
        self.route(request, accept?, now)
    }

    fn route(&mut self, request: &Request, accept: Accept, now: Timestamp) -> Result<Answer, Failure> {
        if let Path::Other(parts) = Path::parse(&request.path) {
            return self.other(request, accept, &parts);
        }
        let Some(mut ask) = Ask::find(&self.registry, request, accept)? else { return Err(Failure::no_such_page()) };
        if request.body.len() > MAX_BODY {
            return Err(Failure::new(413, "RequestEntityTooLarge", format!("Request entity too large: limit is {MAX_BODY}"), None));
        }
        let verb = ask.verb.ok_or_else(Failure::method_not_allowed)?;
        if !ask.sub.is_empty() {
            return self.subresource(&mut ask, verb, &request.body, now);
        }
        if !ask.resource.verbs.contains(&verb) {
            return Err(Failure::method_not_allowed());
        }
        if ask.resource.verbs == ["create"] {
            return self.asked(&mut ask, &request.body, now);
        }
        match verb {
            "get" => self.get(&ask),
            "list" => self.list(&ask),
            "watch" => self.watch(&ask),
            "create" => self.create(&mut ask, &request.body, now),
            "update" => self.update(&mut ask, &request.body, now),
            "patch" => self.patch(&mut ask, &request.body, now),
            "delete" => self.delete(&mut ask, &request.body, now),
            _ => self.delete_collection(&mut ask, &request.body, now),
        }
    }

    /// What a request is told whose credentials nobody knows.
    #[must_use]
    pub fn unauthorized() -> Reply {
        render::failure(&Failure::new(401, "Unauthorized", "Unauthorized", None), Accept::default())
    }

    /// What has been written since the last call, in order, for whoever keeps it.
    pub fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Tables that have changed since the last call; watches of them have something to read. See [`Watch::table`].
    pub fn take_touched(&mut self) -> BTreeSet<usize> {
        std::mem::take(&mut self.touched)
    }

    /// Says where clients find the API.
    pub fn set_address(&mut self, address: String) {
        self.address = address;
    }

    /// The certificate that clients know the server by; each namespace gets it in a ConfigMap, as upstream.
    pub fn set_ca(&mut self, pem: String) {
        self.ca_pem = pem;
        self.work.namespaces = true;
    }

    /// The number of the last write.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }
}

/// Reads a body: JSON, or YAML where the content type says so.
fn read_body(ask: &Ask, body: &[u8]) -> Result<Value, Failure> {
    let kind = ask.content_type.split(';').next().unwrap_or_default().trim();
    match kind {
        "" | "application/json" => match serde_json::from_slice(body) {
            Ok(value) => Ok(value),
            Err(error) => {
                let why = json_error(body, &error);
                let (why, shown) = if ask.resource.custom() {
                    (format!("couldn't get version/kind; json parse error: {why}"), String::from_utf8_lossy(body).into_owned())
                } else {
                    (why, hex_prefix(body))
                };
                let kind = &ask.resource.kind;
                Err(Failure::bad_request(format!("the object provided is unrecognized (must be of type {kind}): {why} ({shown})")))
            }
        },
        "application/vnd.kubernetes.protobuf" if !ask.resource.custom() => protobuf::read(body, types::of_kind).ok_or_else(|| {
            let kind = &ask.resource.kind;
            Failure::bad_request(format!(
                "the object provided is unrecognized (must be of type {kind}): it is no protobuf of a kind that is known here"
            ))
        }),
        "application/yaml" => {
            let text = String::from_utf8_lossy(body);
            let read = argo_core::yaml::parse(&text, argo_core::yaml::Duplicates::LastWins);
            match read {
                Ok(documents) => Ok(documents.into_iter().next().map_or(Value::Null, |d| d.value)),
                Err(error) => Err(Failure::bad_request(format!(
                    "the object provided is unrecognized (must be of type {}): {} ({})",
                    ask.resource.kind,
                    yaml_error(&text, &error),
                    hex_prefix(body)
                ))),
            }
        }
        _ => Err(Failure::new(
            415,
            "UnsupportedMediaType",
            "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, \
             application/vnd.kubernetes.protobuf",
            None,
        )),
    }
}

/// What is wrong with a YAML text, in the words of Go's parser for the common case.
fn yaml_error(text: &str, error: &impl std::fmt::Display) -> String {
    let line = text.lines().count().max(1);
    let open = text.trim_end().ends_with(['[', '{', ',']);
    if open { format!("yaml: line {line}: did not find expected node content") } else { format!("yaml: {error}") }
}

/// The first bytes of a body, as messages show them.
fn hex_prefix(body: &[u8]) -> String {
    use std::fmt::Write;
    let mut out = String::new();
    for byte in body.iter().take(50) {
        let _ = write!(out, "{byte:02x}");
    }
    if body.len() > 50 {
        out.push_str(" ...");
    }
    out
}

/// What is wrong with a JSON text, in the words of Go's parser for the common cases.
fn json_error(body: &[u8], error: &serde_json::Error) -> String {
    if error.is_eof() {
        return "unexpected end of JSON input".to_owned();
    }
    let mut offset = 0;
    for (number, line) in body.split(|b| *b == b'\n').enumerate() {
        if number.saturating_add(1) == error.line() {
            offset += error.column().saturating_sub(1);
            break;
        }
        offset += line.len().saturating_add(1);
    }
    let found = body.get(offset).copied().map_or(' ', char::from);
    let what = error.to_string();
    let place = if what.contains("key must be a string") {
        "looking for beginning of object key string"
    } else if what.contains("expected `,` or `}`") {
        "after object key:value pair"
    } else if what.contains("expected `,` or `]`") {
        "after array element"
    } else if what.contains("expected `:`") {
        "after object key"
    } else if what.contains("trailing characters") {
        "after top-level value"
    } else {
        "looking for beginning of value"
    };
    format!("invalid character '{found}' {place}")
}
