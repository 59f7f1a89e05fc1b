//! The languages: parsing a typical program, and running it once it is parsed. Beside each the Go reference's figure, where there is one.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use argo_benches::measure;
use argo_lang::jsonpath::Missing;
use argo_lang::lua::Libraries;
use argo_lang::{
    Budget, Value, cron, depends, expr, fasttemplate, gjson, glob, gotemplate, govaluate, jq, jsonpath, lua, sjson, tags, when,
};
use serde_json::json;

const HEALTH: &str = r#"
local hs = {status = "Progressing", message = "Waiting"}
if obj.status ~= nil and obj.status.conditions ~= nil then
  for i, condition in ipairs(obj.status.conditions) do
    if condition.type == "Ready" and condition.status == "False" then
      return {status = "Degraded", message = condition.message}
    end
    if condition.type == "Ready" and condition.status == "True" then
      hs = {status = "Healthy", message = condition.message}
    end
  end
end
return hs
"#;
const IGNORE: &str = r#"del(.spec.template.spec.containers[] | select(.name == "istio-proxy"))"#;

fn report(language: &str, go_us: Option<f64>, parse: impl FnMut(), run: impl FnMut()) {
    let (parse, run) = (measure(parse), measure(run));
    let line = json!({"bench": "lang", "language": language, "parse_us": parse, "run_us": run, "go_us": go_us, "times_faster": go_us.map(|go| go / run)});
    println!("{line}");
}

fn main() {
    let budget = Budget::default();
    let containers =
        json!([{"name": "app", "image": "a:1", "env": [{"name": "A", "value": "1"}]}, {"name": "istio-proxy", "image": "p:1"}]);
    let object = json!({
        "kind": "Deployment", "metadata": {"name": "web", "labels": {"app": "web"}}, "spec": {"replicas": 3, "template": {"spec": {"containers": containers}}},
        "status": {"conditions": [{"type": "Synced", "status": "True"}, {"type": "Ready", "status": "True", "message": "all is well"}]},
    });
    let text = object.to_string();
    let value = Value::from(object);
    let none = |_: &str| None;
    let env = |name: &str| if name == "obj" { Some(value.clone()) } else { None };

    let program = lua::Program::parse(HEALTH).unwrap();
    let globals = [("obj", value.clone())];
    report(
        "lua (health check)",
        Some(189.0),
        || drop(black_box(lua::Program::parse(HEALTH))),
        || {
            black_box(program.run(&globals, Libraries::Restricted, &none, &budget).unwrap());
        },
    );
    let program = jq::Program::parse(IGNORE).unwrap();
    report(
        "jq (ignore rule)",
        Some(113.0),
        || drop(black_box(jq::Program::parse(IGNORE))),
        || {
            black_box(program.run(&value, &none, &budget).unwrap());
        },
    );
    let source = "len(filter(obj.status.conditions, .type == 'Ready' && .status == 'True')) > 0";
    let program = expr::Program::parse(source).unwrap();
    report(
        "expr",
        None,
        || drop(black_box(expr::Program::parse(source))),
        || {
            black_box(program.run(&env, &budget).unwrap());
        },
    );
    let source = "name={{obj.metadata.name}} replicas={{= obj.spec.replicas + 1 }}";
    let template = tags::Template::parse(source).unwrap();
    report(
        "tags",
        None,
        || drop(black_box(tags::Template::parse(source))),
        || {
            black_box(template.render(&env, tags::Policy::KeepUnknown).unwrap());
        },
    );
    let source = "prod == prod && 3 >= 2";
    report(
        "when",
        None,
        || drop(black_box(when::parse(source))),
        || {
            black_box(when::holds(source).unwrap());
        },
    );
    let source = "failed > 3 || status =~ '^Err'";
    let program = govaluate::Program::parse(source, &none_function).unwrap();
    let parameters = |name: &str| Some(if name == "failed" { Value::Float(2.0) } else { "Error".into() });
    report(
        "govaluate",
        None,
        || drop(black_box(govaluate::Program::parse(source, &none_function))),
        || {
            black_box(program.run(&parameters, &budget).unwrap());
        },
    );
    let source = "(a.Succeeded || b.Failed) && !c.Skipped";
    let logic = depends::Logic::parse(source).unwrap();
    report(
        "depends",
        None,
        || drop(black_box(depends::Logic::parse(source))),
        || {
            black_box(logic.holds(&|_| true, &|_, _| false));
        },
    );
    let source = "{{ range .status.conditions }}{{ .type | lower }}={{ .status }};{{ end }}";
    let program = gotemplate::Program::parse(source).unwrap();
    report(
        "template",
        None,
        || drop(black_box(gotemplate::Program::parse(source))),
        || {
            black_box(program.run(&value, &none, &budget).unwrap());
        },
    );
    let source = "{.status.conditions[?(@.type == \"Ready\")].status}";
    let program = jsonpath::Program::parse(source).unwrap();
    report(
        "jsonpath",
        None,
        || drop(black_box(jsonpath::Program::parse(source))),
        || {
            black_box(program.run(&value, Missing::Error, &budget).unwrap());
        },
    );
    report(
        "gjson",
        None,
        || (),
        || {
            black_box(gjson::get(&text, "status.conditions.#(type==\"Ready\").status", &budget).unwrap());
        },
    );
    report(
        "sjson",
        None,
        || (),
        || {
            black_box(sjson::set_raw(&text, "spec.replicas", "5", &budget).unwrap());
        },
    );
    let source = "CRON_TZ=Europe/Berlin 30 2 * * 1-5";
    let (schedule, at) = (cron::Schedule::parse(source).unwrap(), argo_lang::go::time::zero());
    report(
        "cron (next)",
        None,
        || drop(black_box(cron::Schedule::parse(source))),
        || {
            black_box(schedule.next(&at).unwrap());
        },
    );
    let source = "{dev,test}-*";
    let pattern = glob::Pattern::parse(source, &[]).unwrap();
    report(
        "glob",
        None,
        || drop(black_box(glob::Pattern::parse(source, &[]))),
        || {
            black_box(pattern.matches("test-eu"));
        },
    );
    let source = "https://{{host}}/{{path}}";
    let template = fasttemplate::Template::parse(source, "{{", "}}").unwrap();
    report(
        "fasttemplate",
        None,
        || drop(black_box(fasttemplate::Template::parse(source, "{{", "}}"))),
        || {
            black_box(template.execute(|tag| Some(tag.to_owned()), &budget).unwrap());
        },
    );
}

fn none_function(_: &str) -> Option<argo_lang::Function> {
    None
}
