//! The CLI calls of the recordings, made with the library's own operations.

use std::collections::BTreeMap;

use argo_dag::ops::retry::RetryOptions;
use argo_dag::ops::{Actor, control, retry};

use super::world::World;

/// Arguments by flag; what is no flag comes in order.
struct Call<'a> {
    words: Vec<&'a str>,
    flags: BTreeMap<&'a str, Vec<&'a str>>,
}

const WITHOUT_VALUE: [&str; 1] = ["restart-successful"];

impl<'a> Call<'a> {
    fn parse(arguments: &[&'a str]) -> Self {
        let mut call = Self { words: Vec::new(), flags: BTreeMap::new() };
        let mut rest = arguments.iter().copied();
        while let Some(argument) = rest.next() {
            let Some(flag) = argument.strip_prefix("--").or_else(|| argument.strip_prefix('-')) else {
                call.words.push(argument);
                continue;
            };
            let (name, value) = match flag.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None if WITHOUT_VALUE.contains(&flag) => (flag, None),
                None => (flag, rest.next()),
            };
            call.flags.entry(name).or_default().extend(value);
        }
        call
    }

    fn all(&self, name: &str) -> Vec<&'a str> {
        self.flags.get(name).cloned().unwrap_or_default()
    }

    fn text(&self, name: &str) -> &'a str {
        self.all(name).last().copied().unwrap_or_default()
    }

    fn has(&self, name: &str) -> bool {
        self.flags.contains_key(name)
    }
}

/// Makes one call. An error is either what the CLI would say, or that the call is not known here.
pub(super) fn apply(world: &mut World, arguments: &[&str]) -> Result<(), String> {
    let call = Call::parse(arguments);
    let (verb, names) = match call.words.as_slice() {
        ["node", "set", names @ ..] => ("set", names),
        [verb, names @ ..] => (*verb, names),
        [] => return Err("an empty command".to_owned()),
    };
    for name in names {
        one(world, verb, name, &call).map_err(|message| format!("argo {verb}: {message}"))?;
    }
    Ok(())
}

fn one(world: &mut World, verb: &str, name: &str, call: &Call<'_>) -> Result<(), String> {
    let (actor, now, workflow) = (Actor::named("admin"), world.now(), world.workflow(name)?);
    let selector = call.text("node-field-selector");
    match verb {
        "stop" if !selector.is_empty() => {
            let changed = control::stop_nodes(&workflow, selector, call.text("message"), now, &actor).map_err(|e| e.to_string())?;
            world.replace(name, &changed, &[], &[])
        }
        "stop" => world.control(name, &control::stop(&workflow, &actor).map_err(|e| e.to_string())?),
        "terminate" => world.control(name, &control::terminate(&workflow, &actor).map_err(|e| e.to_string())?),
        "suspend" => match control::suspend(&workflow, &actor).map_err(|e| e.to_string())? {
            Some(changed) => world.control(name, &changed),
            None => Ok(()),
        },
        "resume" => match control::resume(&workflow, selector, now, &actor).map_err(|e| e.to_string())? {
            Some(changed) => world.replace(name, &changed, &[], &[]),
            None => Ok(()),
        },
        "set" => {
            let outputs = call.all("output-parameter").into_iter().filter_map(|p| p.split_once('='));
            let values = control::SetValues {
                phase: call.text("phase").to_owned(),
                message: call.text("message").to_owned(),
                outputs: outputs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            };
            let changed = control::set(&workflow, selector, &values, now, &actor).map_err(|e| e.to_string())?;
            world.replace(name, &changed, &[], &[])
        }
        "retry" => {
            let options = RetryOptions {
                restart_successful: call.has("restart-successful"),
                node_field_selector: selector.to_owned(),
                parameters: call.all("p").into_iter().chain(call.all("parameter")).map(str::to_owned).collect(),
            };
            let retried = retry::retry(&workflow, &options, now, &actor).map_err(|e| e.to_string())?;
            world.replace(name, &retried.workflow, &retried.pods, &retried.nodes)
        }
        other => Err(format!("`{other}` has no counterpart yet")),
    }
}
