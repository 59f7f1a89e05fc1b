//! What upstream lets pass, and what cannot work all the same.

use argo_core::workflows::{Template, Workflow};
use argo_core::{strict, strict::nearest};
use argo_lang::expr::Program;
use serde_json::Value;

use super::Diagnostic;

/// Fields that hold an expression as a whole.
const EXPRESSIONS: [&str; 2] = ["expression", "fromExpression"];

/// Things in a manifest that upstream does not refuse and that will fail when the workflow runs: expressions that are none, mounts of volumes that
/// nobody has. A linter shows them as warnings.
///
/// ```
/// let manifest = argo_core::yaml::parse_documents("spec: {templates: [{name: a, container: {args: ['{{=1 +}}']}}]}").unwrap();
/// let found = argo_dag::validate::advice("Workflow", &manifest[0].value);
/// assert_eq!(found[0].path, "spec.templates[0].container.args[0]");
/// ```
#[must_use]
pub fn advice(kind: &str, manifest: &Value) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    if matches!(kind, "Workflow" | "WorkflowTemplate" | "ClusterWorkflowTemplate" | "CronWorkflow") {
        expressions(manifest, "", "", &mut found);
    }
    if kind == "Workflow"
        && let Ok(workflow) = strict::from_yaml_value::<Workflow>(manifest.clone())
    {
        volumes(&workflow, &mut found);
    }
    found
}

fn expressions(value: &Value, key: &str, path: &str, found: &mut Vec<Diagnostic>) {
    match value {
        Value::String(text) => {
            let mut rest = text.as_str();
            while let Some((tag, after)) = rest.split_once("{{").and_then(|(_, rest)| rest.split_once("}}")) {
                if let Some(expression) = tag.trim_start().strip_prefix('=') {
                    read(expression, path, found);
                }
                rest = after;
            }
            if EXPRESSIONS.contains(&key) && !text.contains("{{") {
                read(text, path, found);
            }
        }
        Value::Array(list) => list.iter().enumerate().for_each(|(i, item)| expressions(item, key, &format!("{path}[{i}]"), found)),
        // What stands in a resource's manifest or a pod patch as text is looked at as text; other kinds' own fields are not ours to read.
        Value::Object(map) => map.iter().for_each(|(name, inner)| {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            expressions(inner, name, &path, found);
        }),
        _ => {}
    }
}

fn read(expression: &str, path: &str, found: &mut Vec<Diagnostic>) {
    if let Err(error) = Program::parse(expression) {
        let message = format!("expression {:?} cannot be read: {}", expression.trim(), error.message);
        found.push(Diagnostic { path: path.to_owned(), message, hint: String::new() });
    }
}

fn volumes(workflow: &Workflow, found: &mut Vec<Diagnostic>) {
    let spec = &workflow.spec;
    let text = |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut shared: Vec<String> = spec.volumes.iter().map(|v| text(v, "/name")).collect();
    shared.extend(spec.volume_claim_templates.iter().map(|v| text(v, "/metadata/name")));
    for (index, template) in spec.templates.iter().enumerate() {
        let mut known = shared.clone();
        known.extend(template.volumes.iter().map(|v| text(v, "/name")));
        for (field, mount) in mounts(template) {
            let name = text(mount, "/name");
            if !known.contains(&name) && !name.contains("{{") {
                let hint = nearest(&name, known.iter().map(String::as_str)).map(|n| format!("did you mean {n:?}?"));
                found.push(Diagnostic {
                    path: format!("spec.templates[{index}].{field}"),
                    message: format!("volume '{name}' not found in workflow spec"),
                    hint: hint.unwrap_or_else(|| "add it to the volumes of the template or the workflow".to_owned()),
                });
            }
        }
    }
}

/// The mounts of a template, and where they are written.
fn mounts(template: &Template) -> Vec<(&'static str, &Value)> {
    let mut all: Vec<(&'static str, &[Value])> = Vec::new();
    all.extend(template.container.iter().map(|c| ("container.volumeMounts", c.volume_mounts.as_slice())));
    all.extend(template.script.iter().map(|c| ("script.volumeMounts", c.volume_mounts.as_slice())));
    all.extend(template.container_set.iter().map(|c| ("containerSet.volumeMounts", c.volume_mounts.as_slice())));
    all.extend(template.init_containers.iter().map(|c| ("initContainers", c.volume_mounts.as_slice())));
    all.extend(template.sidecars.iter().map(|c| ("sidecars", c.volume_mounts.as_slice())));
    all.into_iter().flat_map(|(field, list)| list.iter().map(move |m| (field, m))).collect()
}
