//! The recordings' stand-in kubelet: what a pod looks like at each stage, by the script's rules.

use std::collections::BTreeMap;

use argo_dag::{ContainerSeen, ContainerState, PodSeen};
use serde_json::Value;

/// Exit code of a container ended by TERM.
pub(super) const TERMINATED: i32 = 143;

/// One rule of a script and how often it was used.
#[derive(Clone, Debug)]
struct Rule {
    value: Value,
    used: u64,
}

/// The rules of a script.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules(Vec<Rule>);

impl Rules {
    pub(super) fn new(rules: Option<&Value>) -> Self {
        Self(rules.and_then(Value::as_array).into_iter().flatten().map(|value| Rule { value: value.clone(), used: 0 }).collect())
    }

    /// The rule for a pod that starts, if one fits.
    pub(super) fn choose(&mut self, template: &str, node: &str) -> Value {
        for rule in &mut self.0 {
            let fits = |key: &str, name: &str| rule.value.get(key).and_then(Value::as_str).is_none_or(|glob| matches(glob, name));
            let times = rule.value.get("times").and_then(Value::as_u64).unwrap_or(u64::MAX);
            if fits("template", template) && fits("node", node) && rule.used < times {
                rule.used = rule.used.saturating_add(1);
                return rule.value.clone();
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
pub(super) struct Pod {
    pub(super) node_id: String,
    pub(super) object: Value,
    pub(super) rule: Value,
    pub(super) seen: PodSeen,
    pub(super) ended: bool,
}

impl Pod {
    pub(super) fn new(node_id: &str, object: Value, serial: usize) -> Self {
        let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let seen = PodSeen {
            name,
            uid: format!("pod-{serial}"),
            node_id: node_id.to_owned(),
            phase: "Pending".to_owned(),
            ..PodSeen::default()
        };
        Self { node_id: node_id.to_owned(), object, rule: Value::Null, seen, ended: false }
    }

    pub(super) fn template(&self) -> String {
        let env = self.object.pointer("/spec/containers").and_then(Value::as_array).into_iter().flatten();
        let init = self.object.pointer("/spec/initContainers").and_then(Value::as_array).into_iter().flatten();
        env.chain(init)
            .flat_map(|c| c.get("env").and_then(Value::as_array).into_iter().flatten())
            .find(|e| e.get("name").and_then(Value::as_str) == Some("ARGO_TEMPLATE"))
            .and_then(|e| serde_json::from_str::<Value>(e.get("value")?.as_str()?).ok())
            .and_then(|t| Some(t.get("name")?.as_str()?.to_owned()))
            .unwrap_or_default()
    }

    fn names(&self, list: &str) -> Vec<String> {
        self.object
            .pointer(&format!("/spec/{list}"))
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|c| Some(c.get("name")?.as_str()?.to_owned()))
            .collect()
    }

    /// Starts the pod: running and ready, or still pending where its rule says so.
    pub(super) fn start(&mut self, rule: Value, serial: usize) {
        self.rule = rule;
        let text = |key: &str| self.rule.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        if let Some(reason) = self.rule.get("pending").and_then(Value::as_str) {
            let state = ContainerState::Waiting { reason: reason.to_owned(), message: text("pendingMessage") };
            self.seen.containers =
                self.names("containers").into_iter().map(|name| ContainerSeen { name, state: state.clone() }).collect();
            return;
        }
        self.seen.phase = "Running".to_owned();
        self.seen.ip = format!("10.1.{}.{}", serial / 256, serial % 256);
        self.seen.ready = true;
        self.seen.init_containers = self.names("initContainers").into_iter().map(|name| ended(name, 0, "", "")).collect();
        self.seen.containers = self
            .names("containers")
            .into_iter()
            .map(|name| ContainerSeen { name, state: ContainerState::Running { started_at: None } })
            .collect();
    }

    /// Ends the pod's containers: those in `exits` as given, `wait` as given, everything else by TERM.
    pub(super) fn end(&mut self, exits: &BTreeMap<String, i32>, wait: i32) {
        let text = |key: &str| self.rule.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (reason, message) = (text("reason"), text("message"));
        let wait_message = text("waitMessage");
        let mut all_good = true;
        self.seen.containers = self
            .names("containers")
            .into_iter()
            .map(|name| {
                let (code, reason, message) = match (name.as_str(), exits.get(&name)) {
                    ("wait", _) => (wait, "", wait_message.as_str()),
                    (_, Some(code)) => (*code, reason.as_str(), message.as_str()),
                    (_, None) => (TERMINATED, "", ""),
                };
                all_good &= code == 0;
                ended(name, code, reason, message)
            })
            .collect();
        self.seen.init_containers = self.names("initContainers").into_iter().map(|name| ended(name, 0, "", "")).collect();
        self.seen.phase = if all_good { "Succeeded" } else { "Failed" }.to_owned();
        self.seen.ready = false;
        self.ended = true;
    }

    /// The pod fails as a whole, without container statuses.
    pub(super) fn fail(&mut self, reason: &str, message: &str) {
        self.seen.containers.clear();
        self.seen.init_containers.clear();
        self.seen.phase = "Failed".to_owned();
        self.seen.reason = reason.to_owned();
        self.seen.message = message.to_owned();
        self.seen.ready = false;
        self.ended = true;
    }

    /// Main containers: everything but `wait` and the template's sidecars.
    pub(super) fn mains(&self) -> Vec<String> {
        let sidecars = self.sidecars();
        self.names("containers").into_iter().filter(|name| name != "wait" && !sidecars.contains(name)).collect()
    }

    fn sidecars(&self) -> Vec<String> {
        let env = self.object.pointer("/spec/containers").and_then(Value::as_array).into_iter().flatten();
        let init = self.object.pointer("/spec/initContainers").and_then(Value::as_array).into_iter().flatten();
        env.chain(init)
            .flat_map(|c| c.get("env").and_then(Value::as_array).into_iter().flatten())
            .find(|e| e.get("name").and_then(Value::as_str) == Some("ARGO_TEMPLATE"))
            .and_then(|e| serde_json::from_str::<Value>(e.get("value")?.as_str()?).ok())
            .and_then(|t| t.get("sidecars").and_then(Value::as_array).cloned())
            .into_iter()
            .flatten()
            .filter_map(|s| Some(s.get("name")?.as_str()?.to_owned()))
            .collect()
    }

    pub(super) fn has_wait(&self) -> bool {
        self.names("containers").iter().any(|name| name == "wait")
    }
}

fn ended(name: String, exit_code: i32, reason: &str, message: &str) -> ContainerSeen {
    let reason = match (reason, exit_code) {
        ("", 0) => "Completed",
        ("", _) => "Error",
        (other, _) => other,
    };
    let state =
        ContainerState::Terminated { exit_code, reason: reason.to_owned(), message: message.to_owned(), started_at: None, finished_at: None };
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
