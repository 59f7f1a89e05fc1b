//! Who asks, and whether they may: tokens, impersonation, RBAC, and the reviews that ask about it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;

use super::ask::{Ask, Path, Query, Request};
use super::failure::{Cause, Failure, Named};
use super::fields::{self, Difference, Managed};
use super::object::Stored;
use super::raw::Raw;
use super::{Api, Identity, Outcome, json, read_body, render};

/// Issuer and default audience of tokens.
const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
/// Paths that everybody may read.
const PUBLIC: [&str; 5] = ["/healthz", "/livez", "/readyz", "/version", "/version/"];
/// Paths that everybody may read who is somebody.
const DISCOVERY: [&str; 6] = ["/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*"];

/// What somebody wants to do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attributes {
    pub(crate) verb: String,
    pub(crate) group: String,
    pub(crate) resource: String,
    pub(crate) sub: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// For what is no resource.
    pub(crate) path: Option<String>,
}

impl Attributes {
    fn of(request: &Request) -> Self {
        match Path::parse(&request.path) {
            Path::Other(_) => {
                let verb = request.method.as_str().to_ascii_lowercase();
                Self { verb, path: Some(request.path.clone()), ..Self::default() }
            }
            Path::Resource { group, namespace, plural, name, sub, watch, .. } => {
                let watching = watch || Query::parse(&request.query).flag("watch");
                let verb = match (request.method.as_str(), name.is_some()) {
                    ("GET" | "HEAD", false) if watching => "watch",
                    ("GET" | "HEAD", false) => "list",
                    ("GET" | "HEAD", true) => "get",
                    ("POST", _) => "create",
                    ("PUT", _) => "update",
                    ("PATCH", _) => "patch",
                    ("DELETE", true) => "delete",
                    ("DELETE", false) => "deletecollection",
                    _ => "",
                };
                // The path of a namespace is in it.
                let namespace = if group.is_empty() && plural == "namespaces" {
                    name.clone().unwrap_or_default()
                } else {
                    namespace.unwrap_or_default()
                };
                Self { verb: verb.to_owned(), group, resource: plural, sub, namespace, name: name.unwrap_or_default(), path: None }
            }
        }
    }

    fn resource_and_sub(&self) -> String {
        if self.sub.is_empty() { self.resource.clone() } else { format!("{}/{}", self.resource, self.sub) }
    }

    fn of_review(spec: &Value) -> Self {
        if let Some(path) = json::at(spec, &["nonResourceAttributes", "path"]).and_then(Value::as_str) {
            let verb = json::text(spec, &["nonResourceAttributes", "verb"]).to_owned();
            return Self { verb, path: Some(path.to_owned()), ..Self::default() };
        }
        let text = |key: &str| json::text(spec, &["resourceAttributes", key]).to_owned();
        Self {
            verb: text("verb"),
            group: text("group"),
            resource: text("resource"),
            sub: text("subresource"),
            namespace: text("namespace"),
            name: text("name"),
            path: None,
        }
    }
}

/// Whether a list of a rule names something; `*` names all.
fn names(rule: &Value, key: &str, what: &str) -> bool {
    json::items(rule, &[key]).filter_map(Value::as_str).any(|n| n == "*" || n == what)
}

fn rule_allows(rule: &Value, wanted: &Attributes) -> bool {
    if !names(rule, "verbs", &wanted.verb) {
        return false;
    }
    if let Some(path) = &wanted.path {
        return json::items(rule, &["nonResourceURLs"]).filter_map(Value::as_str).any(|p| path_matches(p, path));
    }
    let resource = wanted.resource_and_sub();
    let resources = json::items(rule, &["resources"]).filter_map(Value::as_str);
    let by_resource = resources
        .into_iter()
        .any(|r| r == "*" || r == resource || r.strip_prefix("*/").is_some_and(|sub| !wanted.sub.is_empty() && sub == wanted.sub));
    let restricted = json::items(rule, &["resourceNames"]).next().is_some();
    let by_name = !restricted || json::items(rule, &["resourceNames"]).any(|n| n == wanted.name.as_str());
    by_resource && by_name && names(rule, "apiGroups", &wanted.group)
}

fn path_matches(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => path.starts_with(prefix),
        None => pattern == path,
    }
}

fn subject_is(subject: Raw<'_>, binding_namespace: &str, user: &Identity) -> bool {
    let text = |key: &str| subject.get(key).and_then(Raw::text).unwrap_or_default();
    let name = text("name");
    match &*text("kind") {
        "User" => name == user.name,
        "Group" => user.groups.iter().any(|g| *g == name),
        "ServiceAccount" => {
            let namespace = text("namespace");
            let namespace = if namespace.is_empty() { binding_namespace } else { &*namespace };
            user.name.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':')) == Some((namespace, &*name))
        }
        _ => false,
    }
}

impl Api {
    /// Who brings this `Authorization` header; nobody's is anonymous. Static tokens are the administrator's.
    #[must_use]
    pub fn authenticate(&self, header: Option<&str>, now: Timestamp) -> Option<Identity> {
        let Some(header) = header else { return Some(Identity::anonymous()) };
        let token = header.strip_prefix("Bearer ").or_else(|| header.strip_prefix("bearer "))?.trim();
        let admin = self.admin_token.as_deref().is_some_and(|own| same_bytes(own.as_bytes(), token.as_bytes()));
        if admin { Some(Identity::admin()) } else { self.read_token(token, now) }
    }

    /// Sets the administrator's token.
    pub fn set_admin_token(&mut self, token: String) {
        self.admin_token = Some(token);
    }

    /// Sets the key that service-account tokens are signed with, so that they outlive a restart.
    pub fn set_signing_key(&mut self, key: [u8; 32]) {
        self.signing_key = key;
    }

    /// The key that service-account tokens are signed with.
    #[must_use]
    pub fn signing_key(&self) -> [u8; 32] {
        self.signing_key
    }

    fn sign(&self, text: &str) -> Option<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.signing_key).ok()?;
        mac.update(text.as_bytes());
        Some(URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }

    fn read_token(&self, token: &str, now: Timestamp) -> Option<Identity> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (_, payload) = signed.split_once('.')?;
        if !same_bytes(self.sign(signed)?.as_bytes(), signature.as_bytes()) {
            return None;
        }
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        if claims.get("exp").and_then(Value::as_i64)? < now.as_second() {
            return None;
        }
        let of = |path: &[&str]| {
            let mut full = vec!["kubernetes.io"];
            full.extend(path);
            json::text(&claims, &full).to_owned()
        };
        let (namespace, name, uid) = (of(&["namespace"]), of(&["serviceaccount", "name"]), of(&["serviceaccount", "uid"]));
        // A token ends with its account, and with the pod it was made for.
        let account = self.lookup_in("", "serviceaccounts", &namespace, &name)?;
        if account.meta("uid") != uid {
            return None;
        }
        let pod = of(&["pod", "name"]);
        let mut identity = Identity { uid, ..Identity::service_account(&namespace, &name) };
        if !pod.is_empty() {
            let found = self.lookup_in("", "pods", &namespace, &pod)?;
            if found.meta("uid") != of(&["pod", "uid"]) {
                return None;
            }
            identity.extra.insert("authentication.kubernetes.io/pod-name".to_owned(), vec![pod]);
            identity.extra.insert("authentication.kubernetes.io/pod-uid".to_owned(), vec![of(&["pod", "uid"])]);
        }
        Some(identity)
    }

    /// Answers a `TokenRequest`.
    pub(crate) fn issue_token(&mut self, ask: &Ask, account: &Stored, request: Value, now: Timestamp) -> Result<Value, Failure> {
        let seconds = json::at(&request, &["spec", "expirationSeconds"]).and_then(Value::as_i64).unwrap_or(3600);
        let kind = "TokenRequest";
        if seconds < 600 {
            let cause = Cause::invalid("spec.expirationSeconds", &seconds.into(), "may not specify a duration less than 10 minutes");
            return Err(Failure::invalid(Named { group: "authentication.k8s.io", kind, name: "" }, &[cause]));
        }
        let (name, uid) = (account.meta("name"), account.meta("uid"));
        let namespace = ask.namespace.clone().unwrap_or_default();
        let mut audiences: Vec<String> =
            json::items(&request, &["spec", "audiences"]).filter_map(Value::as_str).map(str::to_owned).collect();
        if audiences.is_empty() {
            audiences.push(ISSUER.to_owned());
        }
        let mut about = json!({"namespace": namespace, "serviceaccount": {"name": name, "uid": uid}});
        let bound = json::at(&request, &["spec", "boundObjectRef"]).filter(|b| b.is_object()).cloned();
        if let Some(bound) = &bound
            && json::text(bound, &["kind"]) == "Pod"
        {
            let pod_name = json::text(bound, &["name"]);
            let pod = self
                .lookup_in("", "pods", &namespace, pod_name)
                .ok_or_else(|| Failure::not_found(Named { group: "", kind: "pods", name: pod_name }))?;
            let (said, has) = (json::text(bound, &["uid"]), pod.meta("uid"));
            if !said.is_empty() && said != has {
                let why = format!(
                    "the UID in the bound object reference ({said}) does not match the UID in record. The object might have been deleted and then recreated"
                );
                return Err(Failure::conflict(Named { group: "", kind: "pods", name: pod_name }, &why));
            }
            json::map(&mut about).insert("pod".to_owned(), json!({"name": pod_name, "uid": has}));
        }
        let expires = now.as_second().saturating_add(seconds);
        let claims = json!({
            "aud": audiences,
            "exp": expires,
            "iat": now.as_second(),
            "iss": ISSUER,
            "jti": self.entropy.uid(),
            "kubernetes.io": about,
            "nbf": now.as_second(),
            "sub": format!("system:serviceaccount:{namespace}:{name}"),
        });
        let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
        let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self.sign(&signed).ok_or_else(|| Failure::internal("the token could not be signed"))?;
        let mut reply = request;
        let map = json::map(&mut reply);
        map.insert("kind".to_owned(), kind.into());
        map.insert("apiVersion".to_owned(), "authentication.k8s.io/v1".into());
        map.insert("metadata".to_owned(), json!({"name": name, "namespace": namespace, "creationTimestamp": json::time(now)}));
        map.insert("spec".to_owned(), json!({"audiences": audiences, "expirationSeconds": seconds, "boundObjectRef": bound}));
        let at = Timestamp::from_second(expires).unwrap_or(now);
        map.insert("status".to_owned(), json!({"token": format!("{signed}.{signature}"), "expirationTimestamp": json::time(at)}));
        Ok(reply)
    }

    /// Refuses a request whose user may not make it.
    pub(crate) fn authorize(&self, request: &Request) -> Result<(), Failure> {
        if request.user.is_master() {
            return Ok(());
        }
        let wanted = Attributes::of(request);
        if self.allows(&request.user, &wanted) {
            return Ok(());
        }
        let user = &request.user.name;
        if let Some(path) = &wanted.path {
            let why = format!("forbidden: User {user:?} cannot {} path {path:?}", wanted.verb);
            return Err(Failure::new(403, "Forbidden", why, Some(json!({}))));
        }
        let scope = if wanted.namespace.is_empty() {
            "at the cluster scope".to_owned()
        } else {
            format!("in the namespace {:?}", wanted.namespace)
        };
        let why = format!(
            "User {user:?} cannot {} resource {:?} in API group {:?} {scope}",
            wanted.verb,
            wanted.resource_and_sub(),
            wanted.group
        );
        Err(Failure::forbidden(Named { group: &wanted.group, kind: &wanted.resource, name: &wanted.name }, &why))
    }

    /// Whether a user may do something.
    pub(crate) fn allows(&self, user: &Identity, wanted: &Attributes) -> bool {
        if user.is_master() {
            return true;
        }
        let known = user.groups.iter().any(|g| g == "system:authenticated");
        if let Some(path) = &wanted.path {
            let public = PUBLIC.iter().any(|p| path == p || path.strip_prefix(*p).is_some_and(|r| r.starts_with('/')));
            let discovery = known && DISCOVERY.iter().any(|p| path_matches(p, path));
            if wanted.verb == "get" && (public || discovery) {
                return true;
            }
        } else if known && wanted.verb == "create" {
            let own = matches!(
                (wanted.group.as_str(), wanted.resource.as_str()),
                ("authorization.k8s.io", "selfsubjectaccessreviews" | "selfsubjectrulesreviews")
                    | ("authentication.k8s.io", "selfsubjectreviews")
            );
            if own {
                return true;
            }
        }
        self.rules_of(user, &wanted.namespace).iter().any(|rule| rule_allows(rule, wanted))
    }

    /// The rules that hold for a user in a namespace.
    fn rules_of(&self, user: &Identity, namespace: &str) -> Vec<Value> {
        let group = "rbac.authorization.k8s.io";
        let mut rules = Vec::new();
        let mut collect = |binding: &Stored, binding_namespace: &str| {
            if !binding.items(&["subjects"]).any(|s| subject_is(s, binding_namespace, user)) {
                return;
            }
            let name = binding.text(&["roleRef", "name"]);
            let role = if binding.text(&["roleRef", "kind"]) == "Role" {
                self.lookup_in(group, "roles", binding_namespace, &name)
            } else {
                self.lookup_in(group, "clusterroles", "", &name)
            };
            rules.extend(role.iter().flat_map(|role| role.items(&["rules"]).map(Raw::value)));
        };
        if let Some(table) = self.registry.get(group, "clusterrolebindings").and_then(|r| self.tables.get(r.slot)) {
            table.objects.values().for_each(|b| collect(b, ""));
        }
        if !namespace.is_empty()
            && let Some(table) = self.registry.get(group, "rolebindings").and_then(|r| self.tables.get(r.slot))
        {
            table.objects.within(Some(namespace)).for_each(|b| collect(b, namespace));
        }
        rules
    }

    /// Answers a review.
    pub(crate) fn review(&mut self, ask: &mut Ask, body: &[u8], now: Timestamp) -> Result<Outcome, Failure> {
        let object = read_body(ask, body)?;
        let mut object = self.decode(ask, object, true)?;
        let spec = object.get("spec").cloned().unwrap_or_default();
        let invalid = |cause: Cause| Err(Failure::invalid(Named { group: "authorization.k8s.io", kind: "", name: "" }, &[cause]));
        let status = match ask.resource.plural.as_str() {
            "selfsubjectreviews" => {
                json::metadata(&mut object).insert("creationTimestamp".to_owned(), json::time(now).into());
                let user = &ask.user;
                let mut info = json!({"username": user.name, "groups": user.groups});
                if !user.uid.is_empty() {
                    json::map(&mut info).insert("uid".to_owned(), user.uid.as_str().into());
                }
                if !user.extra.is_empty() {
                    json::map(&mut info).insert("extra".to_owned(), json!(user.extra));
                }
                json!({"userInfo": info})
            }
            "tokenreviews" => {
                let token = json::text(&spec, &["token"]);
                match self.authenticate(Some(&format!("Bearer {token}")), now) {
                    Some(user) => json!({
                        "authenticated": true,
                        "user": {"username": user.name, "uid": user.uid, "groups": user.groups},
                        "audiences": [ISSUER],
                    }),
                    None => json!({"user": {}, "error": "invalid bearer token"}),
                }
            }
            "selfsubjectrulesreviews" => {
                let namespace = json::text(&spec, &["namespace"]);
                if namespace.is_empty() {
                    return Err(Failure::bad_request("no namespace on request"));
                }
                object = json!({"metadata": {}, "spec": {}});
                self.rules_review(&ask.user, namespace)
            }
            plural => {
                let (resource, other) = (spec.get("resourceAttributes"), spec.get("nonResourceAttributes"));
                if resource.is_some() == other.is_some() {
                    let shown = match other {
                        Some(o) => json!({"Path": json::text(o, &["path"]), "Verb": json::text(o, &["verb"])}),
                        None => Value::Null,
                    };
                    let why = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
                    return invalid(Cause::invalid("spec", &shown, why));
                }
                let user = if plural == "selfsubjectaccessreviews" {
                    Identity::clone(&ask.user)
                } else {
                    let groups: Vec<String> = json::items(&spec, &["groups"]).filter_map(Value::as_str).map(str::to_owned).collect();
                    let name = json::text(&spec, &["user"]).to_owned();
                    if name.is_empty() && groups.is_empty() {
                        return invalid(Cause::invalid("spec.user", &"".into(), "at least one of user or group must be specified"));
                    }
                    Identity { name, groups, ..Identity::default() }
                };
                if let Some(namespace) = &ask.namespace {
                    let said = json::text(&spec, &["resourceAttributes", "namespace"]);
                    if said != namespace {
                        let cause = Cause::invalid("spec.resourceAttributes.namespace", &said.into(), "must match metadata.namespace");
                        return invalid(cause);
                    }
                    json::metadata(&mut object).insert("namespace".to_owned(), namespace.as_str().into());
                }
                json!({"allowed": self.allows(&user, &Attributes::of_review(&spec))})
            }
        };
        if ask.resource.plural.ends_with("accessreviews") {
            let (who, time) = fields::updater(ask, &ask.manager(), now);
            let difference = Difference::of(ask.resource.blank(), &object, fields::shape(ask));
            if let Some(list) = fields::track(&Managed::default(), &difference, who, time).value() {
                json::metadata(&mut object).insert("managedFields".to_owned(), list);
            }
        }
        json::map(&mut object).insert("status".to_owned(), status);
        let stamped = render::stamped(object, &ask.api_version(), &ask.resource.kind);
        Ok(render::value(201, &stamped, ask.accept).into())
    }

    fn rules_review(&self, user: &Identity, namespace: &str) -> Value {
        let (mut resources, mut paths) = (Vec::new(), Vec::new());
        if user.is_master() {
            resources.push(json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}));
            paths.push(json!({"verbs": ["*"], "nonResourceURLs": ["*"]}));
        }
        for rule in self.rules_of(user, namespace) {
            if resources.contains(&rule) || paths.contains(&rule) {
                continue;
            }
            if json::items(&rule, &["nonResourceURLs"]).next().is_some() { paths.push(rule) } else { resources.push(rule) }
        }
        if user.groups.iter().any(|g| g == "system:authenticated") {
            resources.push(json!({"verbs": ["create"], "apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"]}));
            resources.push(json!({"verbs": ["create"], "apiGroups": ["authorization.k8s.io"],
                                  "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"]}));
            paths
                .push(json!({"verbs": ["get"], "nonResourceURLs": ["/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi",
                                  "/openapi/*", "/readyz", "/version", "/version/"]}));
        }
        paths.push(json!({"verbs": ["get"], "nonResourceURLs": ["/healthz", "/livez", "/readyz", "/version", "/version/"]}));
        json!({"resourceRules": resources, "nonResourceRules": paths, "incomplete": false})
    }

    /// Who a request is made as: with `Impersonate-User`, somebody else, if its user may do that.
    pub(crate) fn impersonated(&self, request: &Request) -> Result<Option<Identity>, Failure> {
        let header = |name: &str| request.headers.get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let Some(name) = header("impersonate-user") else { return Ok(None) };
        let wanted =
            Attributes { verb: "impersonate".to_owned(), resource: "users".to_owned(), name: name.clone(), ..Attributes::default() };
        if !self.allows(&request.user, &wanted) {
            let why = format!("User {:?} cannot impersonate resource \"users\" in API group \"\" at the cluster scope", request.user.name);
            return Err(Failure::forbidden(Named { group: "", kind: "users", name: &name }, &why));
        }
        let mut groups: Vec<String> =
            request.headers.get_all("impersonate-group").iter().filter_map(|v| v.to_str().ok()).map(str::to_owned).collect();
        if groups.iter().any(|g| g == "system:masters") && !request.user.is_master() {
            return Err(Failure::forbidden(Named { group: "", kind: "groups", name: "system:masters" }, "it may not be impersonated"));
        }
        if let Some((namespace, account)) = name.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':')) {
            return Ok(Some(Identity::service_account(namespace, account)));
        }
        if name != "system:anonymous" {
            groups.push("system:authenticated".to_owned());
        }
        Ok(Some(Identity { name, groups, ..Identity::default() }))
    }
}

/// Compares in a time that does not tell where they differ.
fn same_bytes(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |all, (x, y)| all | (x ^ y)) == 0
}
