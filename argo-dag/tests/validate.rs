//! What validation says of small manifests: the first message, in upstream's words.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, missing_docs)]

use std::sync::Arc;

use argo_core::workflows::{ClusterWorkflowTemplate, WorkflowTemplate};
use argo_core::yaml;
use argo_dag::Library;
use argo_dag::validate::{self, Diagnostic, Options};
use serde_json::Value;

/// Knows the template object `shelf` with the templates `say` (needs `text`) and `quiet`.
struct Shelf;

const SHELF: &str = "
metadata: {name: shelf}
spec:
  entrypoint: quiet
  arguments: {parameters: [{name: p}]}
  templates:
  - {name: quiet, container: {image: i, command: [c]}}
  - {name: say, inputs: {parameters: [{name: text}]}, container: {image: i, command: ['{{inputs.parameters.text}}']}}
";

impl Library for Shelf {
    fn workflow_template(&self, name: &str) -> Option<Arc<WorkflowTemplate>> {
        (name == "shelf").then(|| Arc::new(yaml::from_str(SHELF).unwrap()))
    }

    fn cluster_workflow_template(&self, name: &str) -> Option<Arc<ClusterWorkflowTemplate>> {
        (name == "shelf").then(|| Arc::new(yaml::from_str(SHELF).unwrap()))
    }

    fn config_map(&self, _name: &str) -> Option<Arc<Value>> {
        None
    }
}

fn check_as(kind: &str, text: &str, options: &Options) -> Vec<Diagnostic> {
    validate::manifest(kind, &yaml::parse_documents(text).unwrap()[0].value, &Shelf, options)
}

/// Checks a workflow of which only `spec` is given, indented by nothing.
fn check(spec: &str) -> Vec<Diagnostic> {
    let indented: String = spec.lines().map(|line| format!("  {line}\n")).collect();
    check_as("Workflow", &format!("metadata: {{name: w}}\nspec:\n{indented}"), &Options::default())
}

fn first(spec: &str) -> String {
    check(spec).first().map(ToString::to_string).unwrap_or_default()
}

/// A workflow whose entrypoint `main` is given by its body, beside `say` (needs `text`, gives `out` and a result) and `quiet`.
fn main_is(body: &str) -> String {
    let indented: String = body.lines().map(|line| format!("  {line}\n")).collect();
    format!(
        "entrypoint: main
templates:
- name: main
{indented}- name: say
  inputs: {{parameters: [{{name: text}}]}}
  container: {{image: i, command: [c], args: ['{{{{inputs.parameters.text}}}}']}}
  outputs: {{parameters: [{{name: out, valueFrom: {{path: /o}}}}]}}
- name: quiet
  container: {{image: i, command: [c]}}
"
    )
}

#[test]
fn templates_and_their_types() {
    assert_eq!(
        first("entrypoint: a\ntemplates: [{name: a}]"),
        "templates.a template type unspecified. choose one of: container, containerSet, steps, script, resource, dag, suspend, template, template ref"
    );
    assert_eq!(first("templates: [{name: a, suspend: {}}]"), "spec.entrypoint is required");
    assert_eq!(first("entrypoint: b\ntemplates: [{name: a, suspend: {}}]"), "template name 'b' undefined");
    assert_eq!(
        first("entrypoint: a\ntemplates: [{name: a, suspend: {}}, {name: a, suspend: {}}]"),
        "spec.templates[1].name 'a' is not unique"
    );
    assert_eq!(first("entrypoint: a\ntemplates: [{name: a, container: {command: [c]}}]"), "templates.a.container.image may not be empty");
    assert_eq!(first("entrypoint: a\ntemplates: [{name: a, script: {source: x}}]"), "templates.a.script.image may not be empty");
    assert_eq!(
        first("entrypoint: a\ntemplates: [{name: a, container: {image: i}, activeDeadlineSeconds: soon}]"),
        "templates.a.activeDeadlineSeconds must be a positive integer > 0 or an argo variable"
    );
    assert_eq!(
        first(
            "entrypoint: a\ntemplates: [{name: a, container: {image: i}, activeDeadlineSeconds: '{{workflow.parameters.x}}'}]\narguments: {parameters: [{name: x, value: 3}]}"
        ),
        ""
    );
    assert_eq!(
        first("entrypoint: a\ntemplates: [{name: a, container: {image: i}, parallelism: 2}]"),
        "templates.a.parallelism is only valid for steps and dag templates"
    );
    assert_eq!(
        first("entrypoint: a\ntemplates: [{name: a, container: {image: i}, timeout: '10'}]"),
        "a has invalid duration format in timeout"
    );
    assert_eq!(first("entrypoint: a\ntemplates: [{name: a, container: {image: i}, timeout: 10s}]"), "");
    assert_eq!(
        first("entrypoint: a\ntemplates: [{name: a, container: {image: i}, retryStrategy: {retryPolicy: Sometimes}}]"),
        "Sometimes is not a valid RetryPolicy"
    );
    assert_eq!(
        first("entrypoint: a\ntemplates: [{name: a, plugin: {x: {}, y: {}}}]"),
        "templates.a.plugin: expected exactly one key, got 2"
    );
}

#[test]
fn inputs_and_arguments() {
    assert_eq!(
        first(&main_is("steps: [[{name: a, template: say}]]")),
        "templates.main.steps[0].a templates.say inputs.parameters.text was not supplied"
    );
    assert_eq!(
        first("entrypoint: a\ntemplates: [{name: a, inputs: {artifacts: [{name: x, path: /x}]}, container: {image: i}}]"),
        "templates.a inputs.artifacts.x was not supplied"
    );
    assert_eq!(
        first("entrypoint: a\ntemplates: [{name: a, inputs: {artifacts: [{name: x, path: /x, optional: true}]}, container: {image: i}}]"),
        ""
    );
    assert_eq!(
        first("entrypoint: a\ntemplates: [{name: a, inputs: {artifacts: [{name: x, raw: {data: y}}]}, container: {image: i}}]"),
        "error in templates.a.inputs.artifacts.x: Artifact 'x' did not specify a path"
    );
    assert_eq!(
        first("entrypoint: a\ntemplates: [{name: a, inputs: {artifacts: [{name: x, path: /x, git: {}}]}, container: {image: i}}]"),
        "templates.a.inputs.artifacts.x.git.repo is required"
    );
    assert_eq!(
        first(&main_is("steps: [[{name: a, template: say, arguments: {parameters: [{name: text, valueFrom: {path: /x}}]}}]]")),
        "templates.main.steps[0].a.arguments.text.valueFrom only allows: default, configMapKeyRef and supplied"
    );
    assert_eq!(
        first(&main_is("steps: [[{name: a, template: quiet, arguments: {artifacts: [{name: x}]}}]]")),
        "templates.main.steps[0].a.arguments.x.from, artifact location, or key is required"
    );
    assert_eq!(
        first("entrypoint: a\narguments: {parameters: [{name: a b, value: x}]}\ntemplates: [{name: a, suspend: {}}]"),
        "spec.arguments.parameters[0].name: 'a b' is invalid: Parameter/Artifact name must consist of alpha-numeric characters, '_' or '-' e.g. my_param_1, MY-PARAM-1"
    );
    assert_eq!(
        first("entrypoint: a\narguments: {parameters: [{name: x, value: d, enum: [a, b]}]}\ntemplates: [{name: a, suspend: {}}]"),
        "spec.arguments.x.value should be present in spec.arguments.x.enum list"
    );
}

#[test]
fn steps_see_what_ran_before() {
    let two = |reference: &str| {
        main_is(&format!(
            "steps:\n- - {{name: one, template: say, arguments: {{parameters: [{{name: text, value: x}}]}}}}\n- - {{name: two, template: say, arguments: {{parameters: [{{name: text, value: '{reference}'}}]}}}}"
        ))
    };
    for known in [
        "steps.one.outputs.result",
        "steps.one.outputs.parameters.out",
        "steps.one.status",
        "steps.one.exitCode",
        "workflow.name",
        " workflow.uid ",
        "workflow.creationTimestamp.Y",
        "item",
        "retries",
        "user.name",
        "=anything at all",
    ] {
        assert_eq!(first(&two(&format!("{{{{{known}}}}}"))), "", "{known}");
    }
    for unknown in [
        "steps.one.outputs.parameters.other",
        "steps.three.status",
        "steps.one.ip",
        "inputs.parameters.x",
        "item.x",
        "workflow.parameters.x",
        "workflow.failures",
        " steps.zero.id ",
    ] {
        assert_eq!(
            first(&two(&format!("{{{{{unknown}}}}}"))),
            format!("templates.main.steps failed to resolve {{{{{unknown}}}}}"),
            "{unknown}"
        );
    }
    let wrong = check(&two("{{steps.one.outputs.parameters.oat}}"));
    assert_eq!(wrong[0].path, "spec.templates[0].steps[1][0]");
    assert_eq!(wrong[0].hint, "did you mean {{steps.one.outputs.parameters.out}}?");
    assert_eq!(
        first(&main_is("steps: [[{name: a, template: quiet}], [{name: a, template: quiet}]]")),
        "templates.main.steps[1].name 'a' is not unique"
    );
    assert_eq!(first(&main_is("steps: [[{template: quiet}]]")), "templates.main.steps[0].name is required");
    assert_eq!(
        first(&main_is("steps: [[{name: a, template: quiet, hooks: {running: {template: quiet}}}]]")),
        "templates.main.steps[0].a.running Expression required"
    );
    assert_eq!(
        first(&main_is("steps: [[{name: a, template: quiet, withItems: [1], withParam: '[]'}]]")),
        "templates.main.steps[0].a only one of withItems, withParam, withSequence can be specified"
    );
    assert_eq!(
        first(&main_is(
            "steps: [[{name: a, template: say, withItems: [{k: 1}], arguments: {parameters: [{name: text, value: '{{item.j}}'}]}}]]"
        )),
        "templates.main.steps failed to resolve {{item.j}}"
    );
    assert_eq!(
        first(&main_is("activeDeadlineSeconds: 3\nsteps: [[{name: a, template: quiet}]]")),
        "templates.main.activeDeadlineSeconds is only valid for leaf templates"
    );
    assert_eq!(first(&main_is("timeout: 3s\nsteps: [[{name: a, template: quiet}]]")), "Steps template doesn't support timeout field");
}

#[test]
fn dags_and_their_dependencies() {
    let tasks = |tasks: &str| main_is(&format!("dag:\n  tasks: [{tasks}]"));
    let say = "template: say, arguments: {parameters: [{name: text, value: ";
    assert_eq!(first(&tasks("")), "templates.main must have at least one task");
    assert_eq!(first(&tasks("{name: a, template: quiet, dependencies: [b]}")), "templates.main sorting failed: invalid dependency b");
    assert_eq!(
        first(&tasks("{name: a, template: quiet, depends: b}, {name: b, template: quiet, depends: a}")),
        "templates.main sorting failed: graph with cycle"
    );
    assert_eq!(
        first(&tasks("{name: a, template: quiet}, {name: a, template: quiet}")),
        "templates.main sorting failed: duplicated nodeName a"
    );
    assert_eq!(
        first(&tasks("{name: a, template: quiet}, {name: b, template: quiet, depends: a.Won}")),
        "templates.main.tasks.b task result 'Won' for task 'a' is invalid"
    );
    assert_eq!(
        first(&tasks("{name: a, template: quiet}, {name: b, template: quiet, depends: a}, {name: c, template: quiet, dependencies: [a]}")),
        "templates.main cannot use both 'depends' and 'dependencies' in the same DAG template"
    );
    assert_eq!(
        first(&tasks("{name: a, template: quiet, continueOn: {failed: true}}, {name: b, template: quiet, depends: a}")),
        "templates.main cannot use 'continueOn' when using 'depends'. Instead use 'dep-task.Failed'/'dep-task.Errored'"
    );
    assert_eq!(
        first(&tasks(&format!("{{name: a, template: quiet}}, {{name: b, {say} '{{{{tasks.a.outputs.result}}}}'}}]}}}}"))),
        "templates.main.tasks.b missing dependency 'a' for parameter 'text'"
    );
    assert_eq!(
        first(&tasks(&format!(
            "{{name: a, template: quiet}}, {{name: b, dependencies: [a], {say} '{{{{tasks.a.outputs.result}}}}'}}]}}}}"
        ))),
        ""
    );
    assert_eq!(
        first(&tasks(&format!("{{name: a, template: quiet}}, {{name: b, {say} '{{{{tasks.a.status}}}}'}}]}}}}"))),
        "templates.main.tasks.b failed to resolve {{tasks.a.status}}"
    );
    let deep = "{name: a, template: quiet}, {name: b, template: quiet, depends: a}, {name: c, depends: b, template: say, arguments: {parameters: [{name: text, value: '{{tasks.a.status}}'}]}}";
    assert_eq!(first(&tasks(deep)), "");
}

#[test]
fn outputs_have_one_source() {
    let leaf = |outputs: &str| format!("entrypoint: a\ntemplates: [{{name: a, container: {{image: i}}, outputs: {outputs}}}]");
    assert_eq!(first(&leaf("{parameters: [{name: x}]}")), "templates.a.outputs.parameters.x does not have valueFrom or value specified");
    assert_eq!(
        first(&leaf("{parameters: [{name: x, value: 1, valueFrom: {path: /x}}]}")),
        "templates.a.outputs.parameters.x has both valueFrom and value specified, choose one"
    );
    assert_eq!(
        first(&leaf("{parameters: [{name: x, valueFrom: {default: d}}]}")),
        "valueFrom type unspecified. choose one of: path, jqFilter, jsonPath, parameter, raw, expression"
    );
    assert_eq!(
        first(&leaf("{parameters: [{name: x, valueFrom: {path: /x, parameter: y}}]}")),
        "multiple valueFrom types specified. choose one of: path, jqFilter, jsonPath, parameter, raw"
    );
    assert_eq!(first(&leaf("{artifacts: [{name: x}]}")), "error in templates.a.outputs.artifacts.x: Artifact 'x' did not specify a path");
    assert_eq!(
        first(&leaf("{parameters: [{name: x, globalName: 'a b', valueFrom: {path: /x}}]}")),
        "templates.a.outputs.parameters.x.globalName: Parameter/Artifact name must consist of alpha-numeric characters, '_' or '-' e.g. my_param_1, MY-PARAM-1"
    );
    assert_eq!(
        first(&main_is(
            "steps: [[{name: s, template: quiet}]]\noutputs: {artifacts: [{name: x, path: /x, from: '{{steps.s.outputs.artifacts.y}}'}]}"
        )),
        "templates.main.outputs failed to resolve {{steps.s.outputs.artifacts.y}}"
    );
}

#[test]
fn resources_container_sets_and_metrics() {
    let resource = |resource: &str| format!("entrypoint: a\ntemplates: [{{name: a, resource: {resource}}}]");
    assert_eq!(
        first(&resource("{action: make, manifest: 'kind: x'}")),
        "templates.a.resource.action must be one of: get, create, apply, delete, replace, patch"
    );
    assert_eq!(
        first(&resource("{action: create}")),
        "either templates.a.resource.manifest or templates.a.resource.manifestFrom must be specified"
    );
    assert_eq!(first(&resource("{action: create, manifest: 'a: b: c'}")), "templates.a.resource.manifest must be a valid yaml");
    assert_eq!(first(&resource("{action: create, manifest: 'port: {{=1 + 1}}'}")), "");
    let set = |containers: &str| format!("entrypoint: a\ntemplates: [{{name: a, containerSet: {{containers: [{containers}]}}}}]");
    assert_eq!(first(&set("")), "templates.a.containerSet.containers must have at least one container");
    assert_eq!(
        first(&set("{name: p, image: i, dependencies: [q]}, {name: q, image: i, dependencies: [p]}")),
        "templates.a.containerSet.containers dependency cycle detected: p->q->p"
    );
    let metric = |metric: &str| format!("entrypoint: a\ntemplates: [{{name: a, suspend: {{}}, metrics: {{prometheus: [{metric}]}}}}]");
    assert_eq!(
        first(&metric("{name: x, counter: {value: '1'}}")),
        "templates.a metric 'x' must contain a help string under 'help: ' field"
    );
    assert_eq!(first(&metric("{name: x, help: h, counter: {}}")), "templates.a metric 'x' error: missing counter.value");
    assert_eq!(
        first(&metric("{name: x, help: h, labels: [{key: a-b, value: c}], counter: {value: '1'}}")),
        "metric label 'a-b' is invalid: keys may only contain alphanumeric characters or '_'"
    );
}

#[test]
fn references_and_template_objects() {
    let reference = |r: &str| main_is(&format!("steps: [[{{name: a, templateRef: {r}}}]]"));
    assert_eq!(first(&reference("{name: shelf, template: quiet}")), "");
    assert_eq!(first(&reference("{name: shelf, template: quiet, clusterScope: true}")), "");
    assert_eq!(first(&reference("{name: shelf, template: other}")), "templates.main.steps[0].a template reference shelf.other not found");
    assert_eq!(first(&reference("{name: shelf}")), "templates.main.steps[0].a template name is required");
    assert_eq!(
        first(&reference("{name: shelf, template: say}")),
        "templates.main.steps[0].a templates.say inputs.parameters.text was not supplied"
    );
    assert_eq!(first("workflowTemplateRef: {name: nowhere}"), "workflowtemplates.argoproj.io \"nowhere\" not found");
    assert_eq!(first("workflowTemplateRef: {name: shelf}"), "spec.arguments.p.value or spec.arguments.p.valueFrom is required");
    assert_eq!(first("workflowTemplateRef: {name: shelf}\narguments: {parameters: [{name: p, value: 1}]}"), "");
    assert_eq!(
        first("workflowTemplateRef: {name: shelf}\ntemplates: [{name: a, suspend: {}}]"),
        "Templates is invalid field in spec if workflow referred WorkflowTemplate reference"
    );
    assert_eq!(check_as("WorkflowTemplate", SHELF, &Options::default()), []);
    assert_eq!(check_as("ClusterWorkflowTemplate", SHELF, &Options::default()), []);
    let cron = |spec: &str| {
        let all = check_as(
            "CronWorkflow",
            &format!(
                "metadata: {{name: c}}\nspec: {{{spec}, workflowSpec: {{workflowTemplateRef: {{name: shelf}}, arguments: {{parameters: [{{name: p, value: 1}}]}}}}}}"
            ),
            &Options::default(),
        );
        all.first().map(ToString::to_string).unwrap_or_default()
    };
    assert_eq!(cron("schedules: ['0 * * * *'], timezone: Europe/Berlin"), "");
    assert_eq!(cron("schedules: []"), "cron workflow must have at least one schedule");
    assert_eq!(cron("schedules: ['0 * * * *'], concurrencyPolicy: Maybe"), "'Maybe' is not a valid concurrencyPolicy");
    assert_eq!(cron("schedules: ['0 * * * *'], startingDeadlineSeconds: -1"), "startingDeadlineSeconds must be positive");
}

#[test]
fn all_that_is_wrong_is_said() {
    let found = check(
        "entrypoint: main
podGC: {strategy: Never}
templates:
- name: main
  steps:
  - - {name: a, template: qiet}
    - {name: b, template: quiet, arguments: {parameters: [{name: x, value: '{{inputs.parameters.y}}'}]}}
- name: quiet
  container: {image: i, args: ['{{inputs.parameters.z}}']}
- name: lost
  container: {}
",
    );
    let places: Vec<(&str, &str)> = found.iter().map(|d| (d.path.as_str(), d.message.as_str())).collect();
    assert_eq!(
        places,
        [
            ("spec.templates[0].steps[0][0].template", "templates.main.steps[0].a template name 'qiet' undefined"),
            ("spec.templates[1]", "templates.main.steps[0].b templates.quiet: failed to resolve {{inputs.parameters.z}}"),
            ("spec.templates[0].steps[0][1]", "templates.main.steps failed to resolve {{inputs.parameters.y}}"),
            ("spec.podGC.strategy", "podGC.strategy unknown strategy 'Never'"),
            ("spec.templates[2].container.image", "templates.lost templates.lost.container.image may not be empty"),
        ]
    );
    assert_eq!(found[0].hint, "did you mean \"quiet\"?");
}

#[test]
fn recursion_and_depth_end() {
    assert_eq!(first(&main_is("steps: [[{name: a, template: main}]]")), "");
    let mut spec = "entrypoint: t0\ntemplates:\n".to_owned();
    for i in 0..3000 {
        spec.push_str(&format!("- {{name: t{i}, steps: [[{{name: s, template: t{}}}]]}}\n", i + 1));
    }
    spec.push_str("- {name: t3000, suspend: {}}\n");
    assert_eq!(first(&spec), "");
}
