//! Which code answers which file.

use crate::Adapter;

mod controller_traces;
mod core;
mod e2e_chains;
mod examples;
mod examples_run;
mod go;
mod kubeapi;
mod lang;
mod lang_cron;
mod lang_filters;
mod lang_govaluate;
mod lang_jq;
mod lang_lua;
mod lang_paths;
mod lang_template;
mod node_ids;
mod pure_functions;
mod recorded;
mod rollouts;
mod validate;

/// The adapter of a file (`folder/file`), if there is one.
#[must_use]
pub fn find(file: &str) -> Option<Adapter> {
    match file {
        "workflows/node_ids" => Some(node_ids::run),
        "workflows/controller_traces" => Some(controller_traces::run),
        "workflows/pure_functions" => Some(pure_functions::run),
        "workflows/recorded" | "workflows/recorded_examples" => Some(recorded::run),
        "workflows/validate" => Some(validate::run),
        "rollouts/replicas" => Some(rollouts::replicas),
        "core/yaml" => Some(core::yaml),
        "core/jsonpatch" => Some(core::jsonpatch),
        "core/strategic" => Some(core::strategic),
        "core/selector" => Some(core::selector),
        "core/scalar" => Some(core::scalar),
        "core/quantity" => Some(core::quantity),
        "core/fnv" => Some(core::fnv),
        "core/podhash" => Some(core::podhash),
        "lang/expr" => Some(lang::expr),
        "lang/cron" => Some(lang_cron::cron),
        "events/golden_cron" => Some(lang_cron::golden_cron),
        "events/golden_exdates" => Some(lang_cron::golden_exdates),
        "events/upstream_prevcron" => Some(lang_cron::previous),
        "events/golden_glob" => Some(lang_filters::golden_glob),
        "events/golden_esfilter" | "events/upstream_eventsource_expr" => Some(lang_filters::source_filter),
        "events/golden_expr" => Some(lang_filters::expressions),
        "lang/jsonpath" => Some(lang_paths::jsonpath),
        "lang/gjson" => Some(lang_paths::gjson),
        "lang/sjson" => Some(lang_paths::sjson),
        "events/golden_sjson" => Some(lang_paths::golden_sjson),
        "lang/template" => Some(lang_template::template),
        "events/golden_gjson" => Some(lang_paths::golden_gjson),
        "lang/jq" => Some(lang_jq::jq),
        "events/golden_jq" => Some(lang_jq::golden_jq),
        "lang/lua" => Some(lang_lua::lua),
        "events/golden_luafilter" | "events/golden_luatransform" => Some(lang_lua::golden_lua),
        "lang/govaluate" => Some(lang_govaluate::govaluate),
        "lang/fasttemplate" => Some(lang_govaluate::fasttemplate),
        "events/golden_govaluate" => Some(lang_govaluate::golden_govaluate),
        "workflows/e2e_chains" => Some(e2e_chains::run),
        "examples/workflows" => Some(examples_run::run),
        "examples/round_trip" => Some(examples::round_trip),
        _ if file.starts_with("kubeapi/") => Some(kubeapi::run),
        _ => None,
    }
}

/// Whether the cases of a file must not run beside each other (they start real processes and are timed).
#[must_use]
pub fn serial(file: &str) -> bool {
    matches!(file, "examples/workflows" | "workflows/e2e_chains")
}
