use super::*;

const HEAD: &str = "apiVersion: argoproj.io/v1alpha1\nkind: Workflow\nmetadata: {generateName: a-}\nspec:\n  entrypoint: main\n";

fn errors(rest: &str) -> Vec<String> {
    match documents(&format!("{HEAD}{rest}"), "wf.yaml") {
        Ok(_) => Vec::new(),
        Err(errors) => errors.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn a_good_workflow_reads() {
    let text = format!(
        "{HEAD}  templates:\n  - name: main\n    container: {{image: alpine, command: [echo, 1, true], livenessProbe: {{tcpSocket: {{port: 1}}}}}}\n"
    );
    let documents = documents(&text, "wf.yaml").unwrap();
    assert_eq!(documents[0].place("spec.templates[0].container.image"), (8, 17));
    assert_eq!(documents[0].place("/spec/templates/0/container/nosuch"), (8, 5));
    let Object::Workflow(workflow) = &documents[0].object else { panic!("a workflow") };
    assert_eq!(workflow.spec.templates[0].container.as_ref().unwrap().command, ["echo", "1", "true"]);
}

#[test]
fn unknown_fields_are_all_reported_with_place_and_hint() {
    let rest = "  templates:\n  - name: main\n    contaner: {image: a}\n    image: b\n    container:\n      livenesProbe: {}\n      livenessProbe: {htpGet: {}}\n  volumes: [{name: a, emptyDir: {}, nope: 1}]\n";
    assert_eq!(
        errors(rest),
        [
            "wf.yaml:8:5: unknown field \"spec.templates[0].contaner\" (did you mean \"container\"?)",
            "wf.yaml:9:5: unknown field \"spec.templates[0].image\" (did you mean \"container.image\"?)",
            "wf.yaml:11:7: unknown field \"spec.templates[0].container.livenesProbe\" (did you mean \"livenessProbe\"?)",
            "wf.yaml:12:23: unknown field \"spec.templates[0].container.livenessProbe.htpGet\" (did you mean \"httpGet\"?)",
            "wf.yaml:13:37: unknown field \"spec.volumes[0].nope\"",
        ]
    );
}

#[test]
fn wrong_capitals_are_put_right_in_manifests_only() {
    let text = format!("{HEAD}  PodDisruptionbudget: {{minAvailable: 1, nope: 1}}\n  ServiceAccountName: a\n  serviceAccountName: b\n");
    let reading = read(&text, "wf.yaml");
    let errors: Vec<String> = reading.errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        [
            "wf.yaml:6:42: unknown field \"spec.PodDisruptionbudget.nope\"",
            "wf.yaml:7:3: unknown field \"spec.ServiceAccountName\" (did you mean \"serviceAccountName\"?)",
        ]
    );
    let Object::Workflow(workflow) = &reading.documents[0].object else { panic!("a workflow") };
    assert!(workflow.spec.pod_disruption_budget.is_some());
    let value = serde_json::json!({"spec": {"Entrypoint": "a"}});
    assert_eq!(check::<crate::workflows::Workflow>(&value).len(), 1);
}

#[test]
fn wrong_types_and_duplicates() {
    let rest = "  templates: {}\n  parallelism: x\n  parallelism: 2\n  arguments: {parameters: [{name: a, value: 1}]}\n";
    assert_eq!(
        errors(rest),
        ["wf.yaml:6:3: field \"spec.templates\" must be a list of maps, not a map", "wf.yaml:8:3: field \"spec.parallelism\" stands twice",]
    );
    assert_eq!(errors("  parallelism: x\n"), ["wf.yaml:6:3: field \"spec.parallelism\" must be a whole number, not a text"]);
    assert_eq!(errors("  a: [\n").len(), 1);
    let text = format!("{HEAD}  templates: [{{container: {{image: [a]}}}}]\n");
    let upstream = documents(&text, "wf.yaml").unwrap_err()[0].upstream();
    assert_eq!(upstream, "json: cannot unmarshal array into Go struct field Container.spec.templates.container.image of type string");
}

#[test]
fn lists_and_other_kinds() {
    let text = "kind: List\napiVersion: v1\nitems:\n- {apiVersion: v1, kind: ConfigMap, anything: 1}\n- {apiVersion: argoproj.io/v1alpha1, kind: CronWorkflow, spec: {schedule: x}}\n";
    let reading = read(text, "l.yaml");
    assert_eq!(reading.documents.len(), 2);
    assert_eq!(reading.errors[0].server(), "unknown field \"spec.schedule\"");
    assert_eq!((reading.errors[0].line, reading.errors[0].column), (5, 65));
}

#[test]
fn an_object_without_api_version_is_checked_by_its_kind() {
    let errors = documents("dbapiVersion: argoproj.io/v1alpha1\nkind: Workflow\n", "w.yaml").unwrap_err();
    assert_eq!(errors[0].to_string(), "w.yaml:1:1: unknown field \"dbapiVersion\" (did you mean \"apiVersion\"?)");
    assert!(documents("apiVersion: other.io/v1\nkind: Workflow\nanything: 1\n", "w.yaml").is_ok());
}
