//! Reading: one object, and lists of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use argo_core::selector::{FieldSelector, LabelSelector};
use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value, json};

use super::ask::Ask;
use super::failure::{Cause, Failure, Named};
use super::object::Stored;
use super::selectors;
use super::store::Key;
use super::{Api, Outcome};

/// What a list or watch selects.
#[derive(Clone, Debug)]
pub(crate) struct Selection {
    pub(crate) namespace: Option<String>,
    pub(crate) labels: LabelSelector,
    pub(crate) fields: FieldSelector,
}

impl Selection {
    pub(crate) fn of(ask: &Ask) -> Result<Self, Failure> {
        let labels = selectors::labels(ask.query.text("labelSelector"))?;
        let fields = selectors::fields(ask.query.text("fieldSelector"))?;
        for term in &fields.terms {
            check_field(ask, &term.field)?;
        }
        Ok(Self { namespace: ask.namespace.clone(), labels, fields })
    }

    pub(crate) fn matches(&self, object: &Stored) -> bool {
        self.all() || (selectors::labels_match(&self.labels, object) && selectors::fields_match(&self.fields, object))
    }

    pub(crate) fn all(&self) -> bool {
        self.labels.is_everything() && self.fields.terms.is_empty()
    }
}

/// Which fields may be selected by, beyond name and namespace.
fn check_field(ask: &Ask, field: &str) -> Result<(), Failure> {
    if matches!(field, "metadata.name" | "metadata.namespace") {
        return Ok(());
    }
    if let Some(custom) = ask.served().and_then(|v| v.custom.as_ref()) {
        return if custom.selectable.iter().any(|s| s.trim_start_matches('.') == field) {
            Ok(())
        } else {
            Err(Failure::bad_request(format!("field label not supported: {field}")))
        };
    }
    let known: &[&str] = match (ask.resource.group.as_str(), ask.resource.plural.as_str()) {
        ("", "pods") => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "spec.hostNetwork",
            "status.phase",
            "status.podIP",
            "status.podIPs",
            "status.nominatedNodeName",
        ],
        ("", "nodes") => &["spec.unschedulable"],
        ("", "namespaces") => &["status.phase"],
        ("", "secrets") => &["type"],
        ("", "services") => &["spec.clusterIP", "spec.type"],
        ("", "replicationcontrollers") | ("apps", "replicasets") => &["status.replicas"],
        ("batch", "jobs") => &["status.successful"],
        ("", "events") => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        _ => {
            return Err(Failure::bad_request(format!(
                "{field:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
            )));
        }
    };
    if known.contains(&field) { Ok(()) } else { Err(Failure::bad_request(format!("field label not supported: {field}"))) }
}

/// As Go reads tokens: what is left over in the last letter does not matter.
const URL_SAFE_NO_PAD: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_encode_padding(false)
        .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent),
);

/// Where a list goes on.
struct Continue {
    revision: u64,
    start: Key,
}

impl Continue {
    fn write(&self) -> String {
        let (namespace, name) = &self.start;
        let token = json!({"v": "meta.k8s.io/v1", "rv": self.revision, "start": format!("{namespace}/{name}\u{0}")});
        URL_SAFE_NO_PAD.encode(token.to_string())
    }

    fn read(text: &str) -> Result<Self, Failure> {
        let refuse = |why: String| Failure::bad_request(format!("invalid continue token: continue key is not valid: {why}"));
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|e| refuse(e.to_string()))?;
        let token: Value = serde_json::from_slice(&bytes).map_err(|_| {
            let first = bytes.first().copied().map_or(' ', char::from);
            refuse(format!("invalid character '{first}' looking for beginning of value"))
        })?;
        let revision = token.get("rv").and_then(Value::as_u64).ok_or_else(|| refuse("no resource version".to_owned()))?;
        let start = token.get("start").and_then(Value::as_str).unwrap_or_default().trim_end_matches('\u{0}');
        let (namespace, name) = start.split_once('/').ok_or_else(|| refuse("no start".to_owned()))?;
        Ok(Self { revision, start: (namespace.to_owned(), name.to_owned()) })
    }
}

fn parse_revision(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("resourceVersion: Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: invalid syntax"))
}

impl Api {
    pub(crate) fn get(&mut self, ask: &Ask) -> Result<Outcome, Failure> {
        let object = self.existing(ask)?;
        let revision = ask.query.text("resourceVersion");
        if !revision.is_empty() {
            let wanted = parse_revision(revision).map_err(Failure::bad_request)?;
            self.not_ahead(wanted)?;
        }
        Ok(Outcome::Object(200, object))
    }

    /// The object a path names.
    pub(crate) fn existing(&self, ask: &Ask) -> Result<Arc<Stored>, Failure> {
        let name = ask.name.as_deref().unwrap_or_default();
        let revision = ask.query.text("resourceVersion");
        if ask.verb == Some("get") && !revision.is_empty() {
            self.not_ahead(parse_revision(revision).map_err(Failure::bad_request)?)?;
        }
        self.lookup(ask.resource.slot, ask.namespace.as_deref().unwrap_or_default(), name)
            .ok_or_else(|| Failure::not_found(ask.named(name)))
    }

    fn not_ahead(&self, wanted: u64) -> Result<(), Failure> {
        if wanted <= self.revision {
            return Ok(());
        }
        let message = format!("Timeout: Too large resource version: {wanted}, current: {}", self.revision);
        let details = json!({
            "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
            "retryAfterSeconds": 1,
        });
        Err(Failure::new(504, "Timeout", message, Some(details)))
    }

    pub(crate) fn list(&mut self, ask: &Ask) -> Result<Outcome, Failure> {
        let (limit, revision) = (ask.query.number("limit")?, ask.query.text("resourceVersion"));
        ask.query.number("timeoutSeconds")?;
        let matching = ask.query.text("resourceVersionMatch");
        check_match(ask, matching, revision, false)?;
        let selection = Selection::of(ask)?;
        let token = ask.query.text("continue");
        let page = if token.is_empty() { None } else { Some(Continue::read(token)?) };
        if page.is_some() && !matches!(revision, "" | "0") {
            return Err(Failure::bad_request("specifying resource version is not allowed when using continue"));
        }
        let wanted = match revision {
            "" | "0" => None,
            text => Some(parse_revision(text).map_err(|why| Failure::bad_request(format!("invalid resource version: {why}")))?),
        };
        if let Some(wanted) = wanted {
            self.not_ahead(wanted)?;
        }
        let at = page.as_ref().map(|p| p.revision).or(if matching == "Exact" { wanted } else { None });
        let within = selection.namespace.as_deref();
        let mut objects: Vec<Arc<Stored>> = match at {
            Some(at) if at < self.revision => self.as_of(ask.resource.slot, at, within)?,
            _ => self.table(ask.resource.slot)?.objects.within(within).filter(|o| selection.matches(o)).cloned().collect(),
        };
        if at.is_some() {
            objects.retain(|object| selection.matches(object));
        }
        // The order is that of the paths `namespace/name`, where `-` in a name comes before the end of it.
        let place = |object: &Stored| format!("{}/{}", object.meta("namespace"), object.meta("name"));
        if selection.namespace.is_none() && ask.resource.namespaced {
            objects.sort_by_cached_key(|object| place(object));
        }
        if let Some(page) = &page {
            let start = format!("{}/{}", page.start.0, page.start.1);
            objects.retain(|object| place(object) >= start);
        }
        let shown_revision = at.unwrap_or(self.revision);
        let mut metadata = Map::new();
        metadata.insert("resourceVersion".to_owned(), shown_revision.to_string().into());
        let from_cache = revision == "0";
        let limit = limit.and_then(|l| usize::try_from(l).ok()).filter(|l| *l > 0 && !from_cache);
        if let Some(limit) = limit
            && let Some(next) = objects.get(limit)
        {
            let start = (next.meta("namespace").to_owned(), next.meta("name").to_owned());
            metadata.insert("continue".to_owned(), Continue { revision: shown_revision, start }.write().into());
            if selection.all() {
                metadata.insert("remainingItemCount".to_owned(), objects.len().saturating_sub(limit).into());
            }
            objects.truncate(limit);
        }
        Ok(Outcome::List(Value::Object(metadata), objects))
    }

    /// The objects as they were at a revision.
    fn as_of(&self, slot: usize, revision: u64, namespace: Option<&str>) -> Result<Vec<Arc<Stored>>, Failure> {
        let table = self.table(slot)?;
        if revision < table.history.forgotten() {
            return Err(Failure::expired(
                "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue \
                 parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided \
                 token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was \
                 returned and now may show up in the list.",
            ));
        }
        let now = table.objects.within(namespace);
        let mut objects: BTreeMap<Key, Arc<Stored>> =
            now.map(|o| ((o.meta("namespace").to_owned(), o.meta("name").to_owned()), Arc::clone(o))).collect();
        for event in table.history.since(revision).rev() {
            if namespace.is_some_and(|n| n != event.key.0) {
                continue;
            }
            match &event.before {
                Some(before) => objects.insert(event.key.clone(), Arc::clone(before)),
                None => objects.remove(&event.key),
            };
        }
        Ok(objects.into_values().collect())
    }
}

pub(crate) fn check_match(ask: &Ask, matching: &str, revision: &str, watch: bool) -> Result<(), Failure> {
    let refuse = |cause: Cause| Err(Failure::invalid(Named { group: "meta.k8s.io", kind: "ListOptions", name: "" }, &[cause]));
    if let Some(initial) = ask.query.get("sendInitialEvents") {
        if !watch {
            return refuse(Cause::forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
        }
        if matching != "NotOlderThan" {
            let why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
            return if matching.is_empty() {
                refuse(Cause::forbidden("resourceVersionMatch", why))
            } else {
                refuse(Cause::unsupported("resourceVersionMatch", &matching.into(), &["NotOlderThan"]))
            };
        }
        let _ = initial;
        return Ok(());
    }
    if matching.is_empty() {
        return Ok(());
    }
    if watch {
        return refuse(Cause::forbidden(
            "resourceVersionMatch",
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
        ));
    }
    if revision.is_empty() {
        return refuse(Cause::forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden unless resourceVersion is provided"));
    }
    if !matches!(matching, "Exact" | "NotOlderThan") {
        return refuse(Cause::unsupported("resourceVersionMatch", &matching.into(), &["Exact", "NotOlderThan", ""]));
    }
    if matching == "Exact" && revision == "0" {
        return refuse(Cause::forbidden("resourceVersionMatch", "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\""));
    }
    Ok(())
}
