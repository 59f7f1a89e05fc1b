//! `workflow.*`: what every template of a workflow can name.

use argo_core::workflows::{Workflow, WorkflowSpec};
use argo_lang::tags::Policy;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::doc::Doc;
use super::scope::{Layer, Layers, text};

/// Annotation with the time for which a cron workflow was scheduled.
const SCHEDULED_TIME: &str = "workflows.argoproj.io/scheduled-time";
/// The formats in which the time of creation can be asked for, as upstream has them.
const FORMATS: &str = "BbmAaHdIMSYypZzL";

/// The names of a workflow that never change while it runs.
pub(super) fn of(workflow: &Workflow, spec: &WorkflowSpec) -> Layer {
    let meta = &workflow.metadata;
    let mut layer = Layer::new();
    let mut put = |name: &str, value: &str| {
        layer.insert(format!("workflow.{name}"), text(value));
    };
    put("name", &meta.name);
    put("namespace", &meta.namespace);
    put("uid", &meta.uid);
    put("mainEntrypoint", &spec.entrypoint);
    put("serviceAccountName", &spec.service_account_name);
    if let Some(priority) = spec.priority {
        put("priority", &priority.to_string());
    }
    if let Some(time) = meta.annotations.get(SCHEDULED_TIME) {
        put("scheduledTime", time);
    }
    if let Some(created) = meta.creation_timestamp {
        put("creationTimestamp", &created.to_string());
        put("creationTimestamp.RFC3339", &created.to_string());
        put("creationTimestamp.s", &created.0.as_second().to_string());
        for format in FORMATS.chars() {
            put(&format!("creationTimestamp.{format}"), &formatted(created.0, format));
        }
    }
    let parameters: Vec<Value> = spec.arguments.parameters.iter().map(|p| serde_json::to_value(p).unwrap_or_default()).collect();
    if !parameters.is_empty() {
        put("parameters", &Value::from(parameters.clone()).to_string());
        put("parameters.json", &Value::from(parameters).to_string());
    }
    put("annotations", &json!(meta.annotations).to_string());
    put("annotations.json", &json!(meta.annotations).to_string());
    put("labels", &json!(meta.labels).to_string());
    put("labels.json", &json!(meta.labels).to_string());
    for (key, value) in &meta.annotations {
        put(&format!("annotations.{key}"), value);
    }
    for (key, value) in &meta.labels {
        put(&format!("labels.{key}"), value);
    }
    put("status", if workflow.status.phase.is_empty() { "Running" } else { &workflow.status.phase });
    parameters_into(&mut layer, spec);
    layer
}

/// `workflow.parameters.*`; values may refer to the names of the workflow, and to earlier parameters.
fn parameters_into(layer: &mut Layer, spec: &WorkflowSpec) {
    for parameter in &spec.arguments.parameters {
        let Some(value) = parameter.value.as_ref().or(parameter.default.as_ref()) else { continue };
        let rendered = super::doc::render_text(value.as_str(), &Layers::at(vec![&*layer], None), Policy::KeepUnknown);
        let rendered = rendered.unwrap_or_else(|_| value.to_string());
        layer.insert(format!("workflow.parameters.{}", parameter.name), text(rendered));
    }
}

fn formatted(at: Timestamp, format: char) -> String {
    let at = at.to_zoned(TimeZone::UTC);
    match format {
        // Milliseconds, which the time of creation does not have.
        'L' => "000".to_owned(),
        'z' => "+0000".to_owned(),
        'Z' => "UTC".to_owned(),
        other => at.strftime(&format!("%{other}")).to_string(),
    }
}

/// The spec with the global names put in everywhere but in the templates, which are rendered when they run.
pub(super) fn render(spec: &WorkflowSpec, globals: &Layer) -> Result<WorkflowSpec, String> {
    let mut rest = spec.clone();
    let templates = std::mem::take(&mut rest.templates);
    let defaults = rest.template_defaults.take();
    let value = serde_json::to_value(&rest).map_err(|e| e.to_string())?;
    let rendered = Doc::parse(value).render(&Layers::at(vec![globals], None), Policy::KeepUnknown).map_err(|e| e.to_string())?;
    let mut spec: WorkflowSpec = serde_json::from_value(rendered).map_err(|e| e.to_string())?;
    spec.templates = templates;
    spec.template_defaults = defaults;
    Ok(spec)
}
