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
//!     user: Identity::admin().into(),
//! };
//! let Answer::Whole(reply) = api.handle(&request, now) else { panic!("a stream") };
//! assert_eq!(reply.status, 201);
//! ```

mod ask;
mod auth;
mod builtin;
mod change;
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
mod object;
mod patch;
mod protobuf;
mod raw;
mod read;
mod render;
mod resources;
mod selectors;
mod stages;
mod store;
mod subresources;
mod table;
mod types;
mod watch;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value;

pub use ask::{Identity, Request};
pub use stages::{Decided, Front, Prepared};
pub use store::{Change, Kept};
pub use watch::{News, Step, Watch};

use ask::Ask;
use entropy::Entropy;
use failure::Failure;
use negotiate::Accept;
use object::Stored;
use resources::Registry;
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

/// What a request has come to; rendered outside of the state machine.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// An object, under a HTTP status.
    Object(u16, Arc<Stored>),
    /// A list: its metadata and its items.
    List(Value, Vec<Arc<Stored>>),
    /// What is an answer already.
    Answer(Answer),
}

impl From<Reply> for Outcome {
    fn from(reply: Reply) -> Self {
        Self::Answer(Answer::Whole(reply))
    }
}

/// The state machine.
#[derive(Debug)]
pub struct Api {
    registry: Arc<Registry>,
    tables: Vec<Table>,
    revision: u64,
    entropy: Entropy,
    changes: Vec<Change>,
    touched: Vec<usize>,
    /// Where clients find it, as discovery says.
    address: String,
    admin_token: Option<String>,
    signing_key: [u8; 32],
    ca_pem: String,
    /// By the uid of an owner: where those are that name it.
    owners: BTreeMap<String, BTreeSet<(usize, String, String)>>,
    work: collect::Work,
    namespace_slot: usize,
    claim_slot: usize,
    pod_slot: usize,
}

impl Api {
    /// An empty API. `seed` makes its unique ids and generated names; use random bytes outside of tests.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        let registry = Registry::new();
        let tables = (0..registry.slots()).map(|_| Table::new(0)).collect();
        let mut entropy = Entropy::new(seed);
        let slot = |plural: &str| registry.get("", plural).map_or(0, |r| r.slot);
        let (namespace_slot, claim_slot, pod_slot) = (slot("namespaces"), slot("persistentvolumeclaims"), slot("pods"));
        let signing_key = entropy.bytes();
        Self {
            registry: Arc::new(registry),
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
            claim_slot,
            pod_slot,
            changes: Vec::new(),
            touched: Vec::new(),
        }
    }

    /// Answers a request.
    pub fn handle(&mut self, request: &Request, now: Timestamp) -> Answer {
        let prepared = self.front().prepare(request.clone());
        self.decide(prepared, now).answer()
    }

    /// The resources, to change them.
    fn registry_mut(&mut self) -> &mut Registry {
        Arc::make_mut(&mut self.registry)
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
    pub fn take_touched(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.touched)
    }

    /// Notes that there is something new in a table.
    fn touch(&mut self, slot: usize) {
        if !self.touched.contains(&slot) {
            self.touched.push(slot);
        }
    }

    /// Whether [`Self::sweep`] would find something to do.
    #[must_use]
    pub fn has_work(&self) -> bool {
        self.work.any()
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
fn read_body(ask: &mut Ask, body: &[u8]) -> Result<Value, Failure> {
    let kind = ask.content_type.split(';').next().unwrap_or_default().trim();
    if let Some(parsed) = ask.parsed.take()
        && matches!(kind, "" | "application/json")
    {
        return Ok(parsed);
    }
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
