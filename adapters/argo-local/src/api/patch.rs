//! Patches: JSON, merge, strategic merge, and server-side apply.

use jiff::Timestamp;
use serde_json::Value;

use super::ask::Ask;
use super::failure::Failure;
use super::write::Update;
use super::{Answer, Api, render};

/// The most operations a JSON patch may have.
const MAX_OPERATIONS: usize = 10_000;

impl Api {
    pub(crate) fn patch(&mut self, ask: &mut Ask, body: &[u8], now: Timestamp) -> Result<Answer, Failure> {
        let kind = ask.content_type.split(';').next().unwrap_or_default().trim().to_owned();
        let kinds: &[&str] = if ask.resource.custom() {
            &["application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml"]
        } else {
            &[
                "application/json-patch+json",
                "application/merge-patch+json",
                "application/strategic-merge-patch+json",
                "application/apply-patch+yaml",
            ]
        };
        if !kinds.contains(&kind.as_str()) {
            return Err(unsupported(ask, &kind, kinds));
        }
        ask.check_options("PatchOptions")?;
        if kind == "application/apply-patch+yaml" {
            return self.apply(ask, body, now);
        }
        let old = self.existing(ask)?;
        let current = render::stamped(&self.shown(ask, &old.value), &ask.api_version(), &ask.resource.kind);
        let patched = patched(&kind, &current, body, ask)?;
        let object = self.decode_patched(ask, patched)?;
        let update = Update { manager: ask.manager(), applied: false };
        let (stored, _) = self.replace(ask, object, &update, now)?;
        self.object_reply(ask, 200, &stored)
    }

    /// A patched object, checked as one that was sent.
    pub(crate) fn decode_patched(&self, ask: &mut Ask, patched: Value) -> Result<Value, Failure> {
        self.decode(ask, patched)
    }

    fn apply(&mut self, _ask: &mut Ask, _body: &[u8], _now: Timestamp) -> Result<Answer, Failure> {
        Err(Failure::internal("server-side apply"))
    }
}

fn unsupported(ask: &Ask, kind: &str, kinds: &[&str]) -> Failure {
    let _ = (ask, kinds);
    let known = matches!(kind, "application/strategic-merge-patch+json");
    if known {
        let message = format!("the body of the request was in an unknown format - accepted media types include: {}", kinds.join(", "));
        return Failure::new(415, "UnsupportedMediaType", message, None);
    }
    Failure::new(415, "UnsupportedMediaType", "415: Unsupported Media Type", Some(serde_json::json!({})))
}

/// The object a patch makes of another.
pub(crate) fn patched(kind: &str, current: &Value, body: &[u8], ask: &Ask) -> Result<Value, Failure> {
    let mut object = current.clone();
    match kind {
        "application/json-patch+json" => {
            let patch: json_patch::Patch = serde_json::from_slice(body).map_err(|e| bad_patch(body, &e))?;
            if patch.0.len() > MAX_OPERATIONS {
                let why = format!("The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {}", patch.0.len());
                return Err(Failure::new(413, "RequestEntityTooLarge", why, None));
            }
            json_patch::patch(&mut object, &patch).map_err(|_| {
                let message = "the server rejected our request due to an error in our request";
                Failure::new(422, "Invalid", message, Some(serde_json::json!({})))
            })?;
        }
        "application/merge-patch+json" => {
            let patch: Value = serde_json::from_slice(body).map_err(|e| bad_patch(body, &e))?;
            argo_core::patch::merge::apply(&mut object, &patch);
        }
        _ => {
            let patch: Value = serde_json::from_slice(body).map_err(|e| bad_patch(body, &e))?;
            argo_core::patch::strategic::apply(&mut object, &patch);
        }
    }
    if !object.is_object() {
        return Err(Failure::bad_request(format!("the patched object is no {}", ask.resource.kind)));
    }
    Ok(object)
}

fn bad_patch(body: &[u8], error: &serde_json::Error) -> Failure {
    Failure::bad_request(format!("error decoding patch: {}", super::json_error(body, error)))
}
