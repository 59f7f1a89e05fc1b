//! From a HTTP request to what is asked for.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use jiff::Timestamp;
use serde_json::Value;

use super::failure::{Cause, Failure, Named};
use super::negotiate::Accept;
use super::resources::{Registry, Resource, Version};

/// Who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// User name, such as `system:serviceaccount:default:build`.
    pub name: String,
    /// Unique id, where there is one.
    pub uid: String,
    /// Groups, such as `system:authenticated`.
    pub groups: Vec<String>,
    /// Further facts about the user.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl Identity {
    /// The administrator, who may do everything.
    #[must_use]
    pub fn admin() -> Self {
        Self { name: "admin".to_owned(), groups: vec!["system:masters".to_owned(), "system:authenticated".to_owned()], ..Self::default() }
    }

    /// Who brought no credentials.
    #[must_use]
    pub fn anonymous() -> Self {
        Self { name: "system:anonymous".to_owned(), groups: vec!["system:unauthenticated".to_owned()], ..Self::default() }
    }

    /// A service account.
    #[must_use]
    pub fn service_account(namespace: &str, name: &str) -> Self {
        Self {
            name: format!("system:serviceaccount:{namespace}:{name}"),
            groups: vec![
                "system:serviceaccounts".to_owned(),
                format!("system:serviceaccounts:{namespace}"),
                "system:authenticated".to_owned(),
            ],
            ..Self::default()
        }
    }

    /// Whether no rule binds it.
    #[must_use]
    pub fn is_master(&self) -> bool {
        self.groups.iter().any(|g| g == "system:masters")
    }
}

/// A request, as the state machine takes it.
#[derive(Clone, Debug)]
pub struct Request {
    /// HTTP method.
    pub method: Method,
    /// Path, still escaped.
    pub path: String,
    /// Query, still escaped.
    pub query: String,
    /// `Accept`, `Content-Type` and `User-Agent`.
    pub headers: http::HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// Who asks; authentication has been done.
    pub user: Arc<Identity>,
}

impl Request {
    pub(crate) fn header(&self, name: http::HeaderName) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }
}

/// The query parameters.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|p| !p.is_empty()).map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (unescape(key, true).into_owned(), unescape(value, true).into_owned())
        });
        Self(pairs.collect())
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    /// A parameter that is there and not empty.
    pub(crate) fn text(&self, key: &str) -> &str {
        self.get(key).unwrap_or_default()
    }

    pub(crate) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    /// As Go reads a boolean parameter: anything but `0` and `false` is true, and so is an empty one.
    pub(crate) fn flag(&self, key: &str) -> bool {
        self.get(key).is_some_and(|v| !matches!(v.to_ascii_lowercase().as_str(), "0" | "false"))
    }

    pub(crate) fn number(&self, key: &str) -> Result<Option<i64>, Failure> {
        match self.get(key) {
            None | Some("") => Ok(None),
            Some(text) => {
                text.parse().map(Some).map_err(|_| Failure::bad_request(format!("strconv.ParseInt: parsing {text:?}: invalid syntax")))
            }
        }
    }
}

/// Takes percent escapes out; what is no valid escape stays.
pub(crate) fn unescape(text: &str, plus: bool) -> Cow<'_, str> {
    if !text.bytes().any(|b| b == b'%' || (plus && b == b'+')) {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' if plus => out.push(b' '),
            b'%' => {
                let mut ahead = bytes.clone();
                let digit = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16));
                match (digit(ahead.next()), digit(ahead.next())) {
                    (Some(high), Some(low)) => {
                        out.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                        bytes = ahead;
                    }
                    _ => out.push(b'%'),
                }
            }
            other => out.push(other),
        }
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

/// What is asked of a resource.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) resource: Arc<Resource>,
    pub(crate) version: String,
    /// `None` for cluster-wide paths.
    pub(crate) namespace: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) sub: String,
    /// As authorization and discovery call it; `None` where the method fits nothing.
    pub(crate) verb: Option<&'static str>,
    pub(crate) query: Query,
    pub(crate) accept: Accept,
    pub(crate) user: Arc<Identity>,
    pub(crate) user_agent: String,
    pub(crate) content_type: String,
    /// What goes back in `Warning` headers.
    pub(crate) warnings: Vec<String>,
    /// Fields that the body names twice, where the client wants to know.
    pub(crate) doubles: Vec<String>,
    /// The body, where it is JSON that has been read.
    pub(crate) parsed: Option<Value>,
    /// When it is answered.
    pub(crate) now: Timestamp,
}

/// A path, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    /// Something other than a resource; its segments.
    Other(Vec<String>),
    /// A resource's.
    Resource { group: String, version: String, namespace: Option<String>, plural: String, name: Option<String>, sub: String, watch: bool },
}

impl Path {
    pub(crate) fn parse(path: &str) -> Self {
        let mut parts: Vec<Cow<'_, str>> = path.trim_start_matches('/').split('/').map(|p| unescape(p, false)).collect();
        parts.pop_if(|last| last.is_empty());
        let words: Vec<&str> = parts.iter().map(Cow::as_ref).collect();
        let other = || Self::Other(words.iter().map(|w| (*w).to_owned()).collect());
        let (group, version, rest) = match words.as_slice() {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return other(),
        };
        let (watch, rest) = match rest {
            ["watch", rest @ ..] if !rest.is_empty() => (true, rest),
            rest => (false, rest),
        };
        let own = |text: &str| Some(text.to_owned());
        let (namespace, plural, name, sub) = match rest {
            [] => return other(),
            // `status` and `finalize` are the subresources of a namespace; anything else there is a resource in it.
            ["namespaces", name, sub @ ("status" | "finalize")] => (None, "namespaces", own(name), *sub),
            ["namespaces", namespace, plural] => (own(namespace), *plural, None, ""),
            ["namespaces", namespace, plural, name] => (own(namespace), *plural, own(name), ""),
            ["namespaces", namespace, plural, name, sub] => (own(namespace), *plural, own(name), *sub),
            [plural] => (None, *plural, None, ""),
            [plural, name] => (None, *plural, own(name), ""),
            [plural, name, sub] => (None, *plural, own(name), *sub),
            _ => return other(),
        };
        Self::Resource {
            group: group.to_owned(),
            version: version.to_owned(),
            namespace,
            plural: plural.to_owned(),
            name,
            sub: sub.to_owned(),
            watch,
        }
    }
}

impl Ask {
    /// Finds out what a request asks for.
    pub(crate) fn find(registry: &Registry, request: &Request, path: Path, query: Query, accept: Accept) -> Result<Self, Failure> {
        let Path::Resource { group, version, namespace, plural, name, sub, watch } = path else { return Err(Failure::no_such_page()) };
        if !registry.has_group(&group) {
            return Err(Failure::no_such_page());
        }
        let resource = registry.get(&group, &plural).ok_or_else(Failure::no_such_resource)?;
        if resource.custom() && (resource.version(&version).is_none() || (!resource.namespaced && namespace.is_some())) {
            return Err(Failure::no_such_page());
        }
        if resource.version(&version).is_none() || (!resource.namespaced && namespace.is_some()) {
            return Err(Failure::no_such_resource());
        }
        // A resource in namespaces has no path of a single object without one.
        if resource.namespaced && namespace.is_none() && (name.is_some() || (resource.custom() && request.method != Method::GET)) {
            return Err(if resource.custom() { Failure::no_such_page() } else { Failure::no_such_resource() });
        }
        if resource.verbs == ["create"] && name.is_some() {
            return Err(Failure::no_such_resource());
        }
        let watching = watch || query.flag("watch");
        let verb = match (request.method.as_str(), name.is_some()) {
            ("GET", false) if watching => Some("watch"),
            ("GET", false) => Some("list"),
            ("GET", true) => Some("get"),
            ("POST", false) => Some("create"),
            ("POST", true) if !sub.is_empty() => Some("create"),
            ("PUT", true) => Some("update"),
            ("PATCH", true) => Some("patch"),
            ("DELETE", true) => Some("delete"),
            ("DELETE", false) => Some("deletecollection"),
            _ => None,
        };
        let core = resource.group.is_empty().then_some(resource.plural.as_str());
        let warnings = match (core, resource.version(&version).and_then(|v| v.custom.as_ref())) {
            (Some("componentstatuses"), _) => vec!["v1 ComponentStatus is deprecated in v1.19+".to_owned()],
            (Some("endpoints"), _) => vec!["v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice".to_owned()],
            (_, Some(custom)) => custom.deprecated.clone().into_iter().collect(),
            _ => Vec::new(),
        };
        Ok(Self {
            resource: Arc::clone(resource),
            version,
            namespace,
            name,
            sub,
            verb,
            query,
            accept,
            user: Arc::clone(&request.user),
            user_agent: request.header(http::header::USER_AGENT).to_owned(),
            content_type: request.header(http::header::CONTENT_TYPE).to_owned(),
            warnings,
            doubles: Vec::new(),
            parsed: None,
            now: Timestamp::UNIX_EPOCH,
        })
    }

    pub(crate) fn served(&self) -> Option<&Version> {
        self.resource.version(&self.version)
    }

    pub(crate) fn api_version(&self) -> String {
        if self.resource.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.resource.group, self.version) }
    }

    /// For errors about the resource.
    pub(crate) fn named<'a>(&'a self, name: &'a str) -> Named<'a> {
        Named { group: &self.resource.group, kind: &self.resource.plural, name }
    }

    /// For errors about what an object holds.
    pub(crate) fn of_kind<'a>(&'a self, name: &'a str) -> Named<'a> {
        Named { group: &self.resource.group, kind: &self.resource.kind, name }
    }

    pub(crate) fn dry_run(&self) -> bool {
        self.query.all("dryRun").any(|v| v == "All")
    }

    /// Who changes fields: the parameter, or the first word of the user agent.
    pub(crate) fn manager(&self) -> String {
        let asked = self.query.text("fieldManager");
        if asked.is_empty() { self.user_agent.split(['/', ' ']).next().unwrap_or_default().to_owned() } else { asked.to_owned() }
    }

    /// Checks the parameters that writes share.
    pub(crate) fn check_options(&self, kind: &str) -> Result<(), Failure> {
        let mut causes = Vec::new();
        let dry: Vec<&str> = self.query.all("dryRun").filter(|d| !d.is_empty()).collect();
        if dry.iter().any(|d| *d != "All") {
            causes.push(Cause::unsupported("dryRun", &serde_json::json!(dry), &["All"]));
        }
        if kind != "DeleteOptions" {
            let manager = self.query.text("fieldManager");
            if manager.len() > 128 {
                causes.push(Cause::too_long("fieldManager", 128));
            }
            if let Some((at, bad)) = manager.chars().enumerate().find(|(_, c)| c.is_control()) {
                let why = format!("invalid character U+{:04X} (at position {at})", u32::from(bad));
                causes.push(Cause::invalid("fieldManager", &manager.into(), &why));
            }
            let validation = self.query.text("fieldValidation");
            if !matches!(validation, "" | "Ignore" | "Strict" | "Warn") {
                causes.push(Cause::unsupported("fieldValidation", &validation.into(), &["", "Ignore", "Strict", "Warn"]));
            }
        }
        if causes.is_empty() { Ok(()) } else { Err(Failure::invalid(Named { group: "meta.k8s.io", kind, name: "" }, &causes)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_apart() {
        let parse = |path: &str| match Path::parse(path) {
            Path::Resource { group, namespace, plural, name, sub, .. } => {
                format!("{group} {} {plural} {} {sub}", namespace.unwrap_or_default(), name.unwrap_or_default())
            }
            Path::Other(parts) => parts.join(","),
        };
        assert_eq!(parse("/api/v1/namespaces/a/pods/b/log"), " a pods b log");
        assert_eq!(parse("/api/v1/namespaces/a"), "  namespaces a ");
        assert_eq!(parse("/api/v1/namespaces/a/status"), "  namespaces a status");
        assert_eq!(parse("/apis/apps/v1/deployments"), "apps  deployments  ");
        assert_eq!(parse("/apis/apps/v1"), "apis,apps,v1");
        assert_eq!(unescape("a%2Fb+c%zz", true), "a/b c%zz");
    }
}
