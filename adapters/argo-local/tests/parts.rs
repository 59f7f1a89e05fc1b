//! A patch that is applied to the fields it names alone leaves what one leaves that is applied to the whole object.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use argo_local::api::{Answer, Api, Identity, Request};
use serde_json::{Value, json};

fn ask(api: &mut Api, method: http::Method, path: &str, kind: &'static str, body: &Value) -> (u16, Value) {
    let mut headers = http::HeaderMap::new();
    headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let query = "fieldManager=test".to_owned();
    let request = Request { method, path: path.to_owned(), query, headers, body: body.into(), user: Identity::admin().into() };
    let Answer::Whole(reply) = api.handle(&request, jiff::Timestamp::UNIX_EPOCH) else { panic!("a stream") };
    (reply.status, serde_json::from_slice(&reply.body).unwrap())
}

/// What two objects of different names have in common, if the same was done to both.
fn common(mut object: Value) -> Value {
    let metadata = object["metadata"].as_object_mut().unwrap();
    for field in ["name", "uid", "resourceVersion"] {
        metadata.remove(field);
    }
    object
}

/// Patches one object and replaces another by what the patch makes of it, again and again.
fn compare(api: &mut Api, root: &str, object: &Value, patches: &[(&str, Value)]) {
    for name in ["patched", "replaced"] {
        let mut object = object.clone();
        object["metadata"]["name"] = name.into();
        let (status, answer) = ask(api, http::Method::POST, root, "application/json", &object);
        assert_eq!(status, 201, "{answer}");
    }
    for (sub, patch) in patches {
        let (patched, replaced) = (format!("{root}/patched{sub}"), format!("{root}/replaced{sub}"));
        let (_, mut whole) = ask(api, http::Method::GET, &format!("{root}/replaced"), "application/json", &Value::Null);
        argo_core::patch::merge::apply(&mut whole, patch);
        let (status, by_patch) = ask(api, http::Method::PATCH, &patched, "application/merge-patch+json", patch);
        let (expected, by_put) = ask(api, http::Method::PUT, &replaced, "application/json", &whole);
        assert_eq!((status, expected), (200, 200), "{patch}: {by_patch} {by_put}");
        assert_eq!(common(by_patch.clone()), common(by_put), "{patch}");
        let (_, kept) = ask(api, http::Method::GET, &format!("{root}/patched"), "application/json", &Value::Null);
        assert_eq!(kept, by_patch, "{patch}");
    }
}

#[test]
fn fields_patched_alone_are_as_if_the_whole_had_been_written() {
    let mut api = Api::new([3; 32]);
    api.bootstrap(jiff::Timestamp::UNIX_EPOCH);
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "main", "image": "x"}]}});
    compare(
        &mut api,
        "/api/v1/namespaces/default/pods",
        &pod,
        &[
            ("/status", json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}})),
            ("/status", json!({"status": {"message": "m", "conditions": null}, "metadata": {"labels": {"c": "d"}, "generateName": "no"}})),
            ("/status", json!({"status": {"message": null, "phase": "Running"}})),
            ("", json!({"metadata": {"labels": {"a": null, "e": "f"}, "annotations": {"g": "h"}}})),
            ("", json!({"metadata": {"finalizers": ["example.com/x"], "labels": null}})),
            ("", json!({"status": {"phase": "Failed"}, "spec": {"activeDeadlineSeconds": 5}})),
        ],
    );
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {}, "data": {"k": "v"}, "binaryData": {"b": "AA=="}});
    compare(
        &mut api,
        "/api/v1/namespaces/default/configmaps",
        &map,
        &[
            ("", json!({"data": {"k": "w", "l": "x"}})),
            ("", json!({"data": {"k": null}, "metadata": {"labels": {"a": "b"}}})),
            ("", json!({"data": null})),
            ("", json!({"data": {"k": "v"}, "immutable": true})),
            ("", json!({"metadata": {"annotations": {"a": "b"}}})),
        ],
    );
    let free = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let schema = json!({"type": "object", "required": ["spec"], "properties": {"spec": free, "status": free, "n": {"type": "integer", "maximum": 9}}});
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "things.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"plural": "things", "kind": "Thing"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}],
        },
    });
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    let (status, answer) = ask(&mut api, http::Method::POST, definitions, "application/json", &definition);
    assert_eq!(status, 201, "{answer}");
    let things = "/apis/example.com/v1/namespaces/default/things";
    let thing = json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {}, "spec": {"x": [1, {"y": 2}]}});
    compare(
        &mut api,
        things,
        &thing,
        &[
            ("", json!({"status": {"phase": "Running"}})),
            ("", json!({"status": {"phase": "Running"}})),
            ("", json!({"status": null, "metadata": {"labels": {"done": "true"}}})),
            ("", json!({"spec": {"x": null, "z": 1}, "n": 3, "unknown": 4})),
        ],
    );
    // What is wrong with a field shows although the rest is not looked at.
    for patch in
        [json!({"n": 10}), json!({"spec": null}), json!({"metadata": {"name": "other"}}), json!({"metadata": {"labels": {"a": "-"}}})]
    {
        let (status, answer) = ask(&mut api, http::Method::PATCH, &format!("{things}/patched"), "application/merge-patch+json", &patch);
        assert!(matches!(status, 400 | 422), "{patch}: {answer}");
    }
}
