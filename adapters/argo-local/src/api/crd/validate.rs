//! What a schema refuses.

use serde_json::Value;

use super::Schema;
use crate::api::failure::Cause;

pub(super) fn check(_schema: &Schema, _object: &Value, _old: Option<&Value>) -> Vec<Cause> {
    Vec::new()
}
