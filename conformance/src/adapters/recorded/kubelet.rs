//! The recordings' stand-in kubelet: what a pod looks like at each stage, by the script's rules.

use std::collections::BTreeMap;

use argo_core::meta::Time;
use argo_core::workflows::Outputs;
use argo_dag::{ContainerSeen, ContainerState, PodSeen};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// Exit code of a container ended by TERM.
pub(crate) const TERMINATED: i32 = 143;
/// Exit code of a container ended by KILL.
pub(crate) const KILLED: i32 = 137;

/// One rule of a script and how often it was used.
#[derive(Clone, Debug)]
struct Rule {
    value: Value,
    used: u64,
}

/// The rules of a script.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules(Vec<Rule>);

impl Rules {
    pub(crate) fn new(rules: Option<&Value>) -> Self {
        Self(rules.and_then(Value::as_array).into_iter().flatten().map(|value| Rule { value: value.clone(), used: 0 }).collect())
    }

    /// The rule for a pod that starts, if one fits.
    pub(crate) fn choose(&mut self, template: &str, node: &str) -> Value {
        for rule in &mut self.0 {
            let fits = |key: &str, name: &str| rule.value.get(key).and_then(Value::as_str).is_none_or(|glob| matches(glob, name));
            let times = rule.value.get("times").and_then(Value::as_u64).unwrap_or(u64::MAX);
            if fits("template", template) && fits("node", node) && rule.used < times {
                let number = usize::try_from(rule.used).unwrap_or(usize::MAX);
                rule.used = rule.used.saturating_add(1);
                let mut chosen = rule.value.clone();
                // `exits` and `results` are by the number of the match; the last repeats.
                for (list, one) in [("exits", "exit"), ("results", "result")] {
                    let nth = chosen.get(list).and_then(Value::as_array).and_then(|l| l.get(number).or_else(|| l.last())).cloned();
                    if let (Some(nth), Some(map)) = (nth, chosen.as_object_mut()) {
                        map.insert(one.to_owned(), nth);
                    }
                }
                return chosen;
            }
        }
        Value::Null
    }
}

/// `*` stands for anything, everything else for itself.
fn matches(glob: &str, name: &str) -> bool {
    let mut parts = glob.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let mut tail: Option<&str> = None;
    for part in parts {
        if let Some(middle) = tail.replace(part) {
            let Some(at) = rest.find(middle) else { return false };
            rest = rest.get(at.saturating_add(middle.len())..).unwrap_or_default();
        }
    }
    tail.map_or(rest.is_empty(), |end| rest.ends_with(end))
}

/// A pod that the engine asked for.
#[derive(Clone, Debug)]
pub(crate) struct Pod {
    pub(crate) node_id: String,
    pub(crate) node_name: String,
    pub(crate) object: Value,
    pub(crate) rule: Value,
    pub(crate) seen: PodSeen,
    pub(crate) template: Value,
    pub(crate) started: Option<Timestamp>,
}

impl Pod {
    pub(crate) fn new(node_id: &str, object: Value, serial: usize, now: Timestamp) -> Self {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let seen = PodSeen {
            name: text("/metadata/name"),
            uid: format!("pod-{serial}"),
            node_id: node_id.to_owned(),
            phase: "Pending".to_owned(),
            created: Some(Time::truncated(now)),
            ..PodSeen::default()
        };
        let node_name = text("/metadata/annotations/workflows.argoproj.io~1node-name");
        let template = template(&object).unwrap_or_default();
        Self { node_id: node_id.to_owned(), node_name, object, rule: Value::Null, seen, template, started: None }
    }

    pub(crate) fn template_name(&self) -> &str {
        self.template.get("name").and_then(Value::as_str).unwrap_or_default()
    }

    fn names(&self, list: &str) -> Vec<String> {
        let containers = self.object.pointer(&format!("/spec/{list}")).and_then(Value::as_array);
        containers.into_iter().flatten().filter_map(|c| Some(c.get("name")?.as_str()?.to_owned())).collect()
    }

    fn text(&self, key: &str) -> String {
        self.rule.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    pub(crate) fn flag(&self, key: &str) -> bool {
        self.rule.get(key).and_then(Value::as_bool).unwrap_or_default()
    }

    pub(crate) fn is_running(&self) -> bool {
        self.seen.phase == "Running"
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.seen.phase.as_str(), "Succeeded" | "Failed")
    }

    /// Starts the pod: running and ready, or still pending where its rule says so.
    pub(crate) fn start(&mut self, rule: Value, serial: usize, now: Timestamp) {
        self.rule = rule;
        if let Some(reason) = self.rule.get("pending").and_then(Value::as_str) {
            let state = ContainerState::Waiting { reason: reason.to_owned(), message: self.text("pendingMessage") };
            self.seen.containers = self.names("containers").into_iter().map(|name| ContainerSeen { name, state: state.clone() }).collect();
            return;
        }
        self.started = Some(now);
        self.seen.phase = "Running".to_owned();
        self.seen.ip = format!("10.1.{}.{}", serial / 256, serial % 256);
        self.seen.ready = true;
        self.seen.init_containers = self.names("initContainers").into_iter().map(|name| ended(name, 0, "", "", now)).collect();
        let running = ContainerState::Running { started_at: Some(Time::truncated(now)) };
        self.seen.containers = self.names("containers").into_iter().map(|name| ContainerSeen { name, state: running.clone() }).collect();
    }

    /// Ends the main containers as given, and `wait`; whatever else runs goes on.
    pub(crate) fn end(&mut self, exits: &BTreeMap<String, i32>, wait: i32, now: Timestamp) {
        let (reason, message, wait_message) = (self.text("reason"), self.text("message"), self.text("waitMessage"));
        for container in &mut self.seen.containers {
            if container.name == "wait" {
                *container = ended("wait".to_owned(), wait, "", &wait_message, now);
            } else if let Some(code) = exits.get(&container.name) {
                *container = ended(container.name.clone(), *code, &reason, &message, now);
            }
        }
        self.settle_phase();
    }

    /// Every container that runs ends with this code, except `wait`, which ends well.
    pub(crate) fn kill(&mut self, code: i32, now: Timestamp) {
        for container in &mut self.seen.containers {
            if !matches!(container.state, ContainerState::Terminated { .. }) {
                let code = if container.name == "wait" { 0 } else { code };
                *container = ended(container.name.clone(), code, "", "", now);
            }
        }
        self.settle_phase();
    }

    fn settle_phase(&mut self) {
        let codes: Option<Vec<i32>> = self
            .seen
            .containers
            .iter()
            .map(|c| if let ContainerState::Terminated { exit_code, .. } = c.state { Some(exit_code) } else { None })
            .collect();
        self.seen.ready = false;
        if let Some(codes) = codes {
            self.seen.phase = if codes.iter().all(|code| *code == 0) { "Succeeded" } else { "Failed" }.to_owned();
        }
    }

    /// The pod fails as a whole, without container statuses.
    pub(crate) fn fail(&mut self, reason: &str, message: &str) {
        self.seen.containers.clear();
        self.seen.init_containers.clear();
        self.seen.phase = "Failed".to_owned();
        self.seen.reason = reason.to_owned();
        self.seen.message = message.to_owned();
        self.seen.ready = false;
    }

    pub(crate) fn has_wait(&self) -> bool {
        self.names("containers").iter().any(|name| name == "wait")
    }

    /// What the executor reports at the end of a pod whose outcome was not recorded: it was ended by a signal.
    pub(crate) fn outputs(&self) -> Option<Outputs> {
        let list = |key: &str| self.template.pointer(&format!("/outputs/{key}")).and_then(Value::as_array).cloned().unwrap_or_default();
        let mut out = Map::new();
        let parameters: Vec<Value> = list("parameters").into_iter().map(|p| self.parameter(p)).collect();
        if !parameters.is_empty() {
            out.insert("parameters".to_owned(), Value::from(parameters));
        }
        if self.wants_result() {
            let result = self.rule.get("result").and_then(Value::as_str);
            out.insert("result".to_owned(), json!(result.map_or_else(|| format!("r-{}", self.template_name()), str::to_owned)));
        }
        if out.is_empty() { None } else { serde_json::from_value(Value::Object(out)).ok() }
    }

    fn parameter(&self, mut parameter: Value) -> Value {
        let name = parameter.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        if parameter.pointer("/valueFrom/path").is_some() {
            let value = match self.rule.get("params").and_then(|p| p.get(&name)) {
                Some(Value::Null) => parameter.pointer("/valueFrom/default").cloned(),
                Some(value) => Some(value.clone()),
                None => Some(json!(format!("v-{name}"))),
            };
            if let (Some(value), Some(map)) = (value, parameter.as_object_mut()) {
                map.insert("value".to_owned(), value);
            }
        }
        parameter
    }

    fn wants_result(&self) -> bool {
        let containers = self.object.pointer("/spec/containers").and_then(Value::as_array).into_iter().flatten();
        containers.flat_map(|c| c.get("env").and_then(Value::as_array).into_iter().flatten()).any(|e| {
            e.get("name").and_then(Value::as_str) == Some("ARGO_INCLUDE_SCRIPT_OUTPUT")
                && e.get("value").and_then(Value::as_str) == Some("true")
        })
    }
}

/// The template that a pod carries in its environment.
pub(crate) fn template(pod: &Value) -> Option<Value> {
    let list = |key: &str| pod.pointer(key).and_then(Value::as_array).into_iter().flatten();
    list("/spec/containers")
        .chain(list("/spec/initContainers"))
        .flat_map(|c| c.get("env").and_then(Value::as_array).into_iter().flatten())
        .find(|e| e.get("name").and_then(Value::as_str) == Some("ARGO_TEMPLATE"))
        .and_then(|e| serde_json::from_str(e.get("value")?.as_str()?).ok())
}

fn ended(name: String, exit_code: i32, reason: &str, message: &str, now: Timestamp) -> ContainerSeen {
    let reason = match (reason, exit_code) {
        ("", 0) => "Completed",
        ("", _) => "Error",
        (other, _) => other,
    };
    let at = Some(Time::truncated(now));
    let state =
        ContainerState::Terminated { exit_code, reason: reason.to_owned(), message: message.to_owned(), started_at: at, finished_at: at };
    ContainerSeen { name, state }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_anything() {
        assert!(matches("*", "x") && matches("a*", "abc") && matches("*.b", "a.b") && matches("a*c*e", "abcde"));
        assert!(!matches("a", "ab") && !matches("*b", "abc"));
    }
}
