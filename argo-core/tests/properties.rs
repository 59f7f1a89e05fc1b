//! What holds for any input: nothing panics, what is written reads back, and a patch does what it was made for.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::BTreeMap;

use argo_core::describe::Shape;
use argo_core::quantity::Quantity;
use argo_core::selector::{FieldSelector, LabelSelector};
use argo_core::{duration, json, patch, podhash, strict, yaml};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// JSON of a few levels; names repeat, so that patches find something.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |f| f.is_finite()).prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        "[ -~\n]{0,100}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            btree_map("[a-e]|\\PC{1,5}", inner, 0..5).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept: Map<String, Value> = map.into_iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k, without_nulls(v))).collect();
            Value::Object(kept)
        }
        Value::Array(list) => list.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

fn object() -> impl Strategy<Value = Value> {
    btree_map("[a-e]", value(), 0..5).prop_map(|map| without_nulls(Value::Object(map.into_iter().collect())))
}

/// A pod spec whose lists have merge keys, each once.
fn pod_spec() -> impl Strategy<Value = Value> {
    let env = btree_map("[A-D]", "[a-z]{0,3}", 0..4);
    let containers = btree_map("[a-d]", ("[a-z]{1,3}", env, vec("[a-z]", 0..3)), 0..4);
    (containers, btree_map("[a-c]", "[x-z]", 0..3), proptest::option::of(0..5_i64)).prop_map(|(containers, labels, grace)| {
        let containers: Vec<Value> = containers
            .into_iter()
            .map(|(name, (image, env, args))| {
                let env: Vec<Value> = env.into_iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
                json!({"name": name, "image": image, "env": env, "args": args})
            })
            .collect();
        let mut spec = json!({"containers": containers, "nodeSelector": labels});
        if let Some(grace) = grace {
            spec["terminationGracePeriodSeconds"] = json!(grace);
        }
        spec
    })
}

/// Numbers that YAML and Go print alike.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => a.len() == b.len() && a.iter().all(|(k, a)| b.get(k).is_some_and(|b| same(a, b))),
        _ => a == b,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn no_text_is_too_strange(text in "\\PC{0,40}|[ -~\n\t]{0,80}|[0-9.+-eEinumkKMGTPdhs]{0,20}|[a-c=!<>(), \\\\]{0,20}") {
        if let Ok(d) = duration::parse_with_days(&text) {
            prop_assert_eq!(duration::parse_with_days(&duration::to_string_with_days(d)), Ok(d));
        }
        let _ = text.parse::<Quantity>().map(|q| (q.to_string(), q.value(), q.milli_value(), q.as_f64(), q.decimal()));
        let _ = text.parse::<LabelSelector>().map(|s| s.matches(&BTreeMap::new()));
        let _ = text.parse::<FieldSelector>();
        let _ = yaml::parse_documents(&text);
        let _ = strict::read(&text, "x.yaml");
    }

    #[test]
    fn durations_read_back(ns in any::<i64>()) {
        let d = jiff::SignedDuration::from_nanos(ns);
        prop_assert_eq!(duration::parse(&duration::to_string(d)), Ok(d));
        prop_assert_eq!(duration::parse_with_days(&duration::to_string_with_days(d)), Ok(d));
    }

    #[test]
    fn quantities_read_back(whole in 0..1_000_000_u32, fraction in 0..1_000_u32, suffix in "|m|u|k|M|G|Ki|Mi|Gi|e3|e-3") {
        let q: Quantity = format!("{whole}.{fraction}{suffix}").parse().unwrap();
        let again: Quantity = q.add(&"0".parse().unwrap()).to_string().parse().unwrap();
        prop_assert_eq!(&again, &q);
        prop_assert!(q.sub(&q).is_zero());
    }

    #[test]
    fn selectors_read_back(text in "[a-c]( in \\([a-c](,[a-c])?\\)|=[a-c]|!=[a-c]|>[0-9]|)(,!?[d-f])?") {
        let selector: LabelSelector = text.parse().unwrap();
        prop_assert_eq!(selector.to_string().parse::<LabelSelector>().unwrap(), selector);
    }

    #[test]
    fn yaml_and_json_read_back(value in value()) {
        let text = yaml::to_string(&value).unwrap();
        let read = yaml::parse_documents(&text).unwrap().into_iter().next().map_or(Value::Null, |d| d.value);
        prop_assert!(same(&read, &value), "{}\n{} is not {}", text, read, value);
        let read: Value = serde_json::from_str(&json::to_string(&value)).unwrap();
        prop_assert!(same(&read, &value));
    }

    #[test]
    fn merge_patches_do_what_they_are_made_for(from in object(), to in object()) {
        let mut patched = from.clone();
        patch::merge::apply(&mut patched, &patch::merge::create(&from, &to));
        prop_assert!(same(&patched, &to), "{} is not {}", patched, to);
    }

    #[test]
    fn strategic_patches_do_what_they_are_made_for(from in pod_spec(), to in pod_spec()) {
        let shape = Shape::of_kind("PodSpec").unwrap();
        let patch = patch::strategic::two_way(shape, &from, &to).unwrap();
        let mut patched = from.clone();
        patch::strategic::apply_as(shape, &mut patched, &patch).unwrap();
        prop_assert!(podhash_equal(&patched, &to), "{} by {} is {}, not {}", from, patch, patched, to);
    }

    #[test]
    fn three_way_patches_keep_what_others_did(from in pod_spec(), to in pod_spec()) {
        let shape = Shape::of_kind("PodSpec").unwrap();
        let mut current = from.clone();
        current["hostname"] = json!("set-by-somebody-else");
        let patch = patch::strategic::three_way(shape, &from, &to, &current, false).unwrap();
        patch::strategic::apply_as(shape, &mut current, &patch).unwrap();
        let mut wanted = to;
        wanted["hostname"] = json!("set-by-somebody-else");
        prop_assert!(podhash_equal(&current, &wanted), "{} is not {}", current, wanted);
    }

    #[test]
    fn any_patch_fits_or_is_refused(doc in object(), change in value()) {
        for kind in ["PodSpec", "Deployment", "Workflow", "ConfigMap"] {
            let mut doc = doc.clone();
            let _ = patch::strategic::apply_as(Shape::of_kind(kind).unwrap(), &mut doc, &change);
        }
        let _ = patch::json::parse(&change).map(|patch| patch::json::apply(&mut doc.clone(), &patch));
        let _ = patch::merge::apply_document(&mut doc.clone(), &change);
        let _ = podhash::canonical_json(&change);
    }
}

/// Equal as Go reads them: an empty list is none.
fn podhash_equal(a: &Value, b: &Value) -> bool {
    podhash::canonical_json_of("PodSpec", a).unwrap() == podhash::canonical_json_of("PodSpec", b).unwrap()
}
