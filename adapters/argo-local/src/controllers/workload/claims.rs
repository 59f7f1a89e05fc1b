//! Claims: on one machine every claim is a folder, so each is bound at once.

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use serde_json::json;

use super::write::{Plan, Write};

/// Says that the claim is bound.
pub(crate) fn plan(claim: &PersistentVolumeClaim) -> Plan {
    let mut plan = Plan::default();
    let phase = claim.status.as_ref().and_then(|status| status.phase.as_deref());
    if phase != Some("Bound") && claim.metadata.deletion_timestamp.is_none() {
        let spec = claim.spec.clone().unwrap_or_default();
        let capacity = spec.resources.and_then(|resources| resources.requests).unwrap_or_default();
        plan.writes.extend(Write::status(claim, json!({"phase": "Bound", "accessModes": spec.access_modes, "capacity": capacity})));
    }
    plan
}
