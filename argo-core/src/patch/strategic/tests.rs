use serde_json::json;

use super::*;

fn deployment() -> Shape {
    Shape::of_kind("Deployment").unwrap()
}

#[test]
fn lists_merge_by_the_key_of_their_type() {
    let service = Shape::of_kind("Service").unwrap();
    let mut doc = json!({"spec": {"ports": [{"port": 80, "name": "http"}, {"port": 443, "name": "https"}]}});
    apply_as(service, &mut doc, &json!({"spec": {"ports": [{"port": 443, "name": "tls"}, {"port": 80, "$patch": "delete"}]}})).unwrap();
    assert_eq!(doc, json!({"spec": {"ports": [{"port": 443, "name": "tls"}]}}));
}

#[test]
fn strategy_keeps_what_retain_keys_names() {
    let old = json!({"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}});
    let new = json!({"spec": {"strategy": {"type": "Recreate"}}});
    let patch = two_way(deployment(), &old, &new).unwrap();
    assert_eq!(patch, json!({"spec": {"strategy": {"$retainKeys": ["type"], "rollingUpdate": null, "type": "Recreate"}}}));
}

#[test]
fn three_way_keeps_what_others_added() {
    let base = |containers: Value| json!({"spec": {"template": {"spec": {"containers": containers}}}});
    let original = base(json!([{"name": "a", "image": "1"}, {"name": "b"}]));
    let modified = base(json!([{"name": "a", "image": "2"}]));
    let current = base(json!([{"name": "a", "image": "1", "tty": true}, {"name": "b"}, {"name": "injected"}]));
    let patch = three_way(deployment(), &original, &modified, &current, true).unwrap();
    let mut patched = current.clone();
    apply_as(deployment(), &mut patched, &patch).unwrap();
    assert_eq!(patched, base(json!([{"name": "a", "image": "2", "tty": true}, {"name": "injected"}])));
}

#[test]
fn a_workflow_template_takes_its_defaults() {
    let mut defaults = json!({"container": {"image": "a", "env": [{"name": "A", "value": "1"}]}, "tolerations": [{"key": "k"}]});
    apply(&mut defaults, &json!({"name": "main", "container": {"env": [{"name": "B"}]}, "tolerations": [{"key": "l"}]}));
    assert_eq!(
        defaults,
        json!({"name": "main", "container": {"image": "a", "env": [{"name": "B"}, {"name": "A", "value": "1"}]}, "tolerations": [{"key": "l"}, {"key": "k"}]})
    );
}
