//! Random workflows: steps, DAGs, loops, conditions, retries, exit handlers, locks.

use serde_json::{Map, Value, json};

use super::rng::Rng;

/// A workflow from a seed, together with its leaf templates.
pub struct Maker {
    rng: Rng,
    templates: Vec<Value>,
}

impl Maker {
    /// The workflow of a seed.
    pub fn workflow(seed: u64) -> Value {
        let mut maker = Self { rng: Rng::new(seed ^ 0x5eed), templates: Vec::new() };
        let main = maker.composite(0);
        let bye = maker.leaf();
        let mut spec = Map::new();
        spec.insert("entrypoint".into(), json!(main));
        if maker.rng.one_in(3) {
            spec.insert("onExit".into(), json!(bye));
        }
        if maker.rng.one_in(5) {
            spec.insert("parallelism".into(), json!(maker.rng.between(1, 3)));
        }
        spec.insert("templates".into(), Value::Array(maker.templates));
        json!({
            "apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow",
            "metadata": {"name": format!("sim-{seed}"), "namespace": "ns", "uid": format!("uid-{seed}"), "creationTimestamp": "2024-01-01T00:00:00Z"},
            "spec": spec,
        })
    }

    fn name(&self, prefix: &str) -> String {
        format!("{prefix}{}", self.templates.len())
    }

    fn add(&mut self, prefix: &str, mut template: Value) -> String {
        let name = self.name(prefix);
        template["name"] = json!(name);
        self.templates.push(template);
        name
    }

    fn leaf(&mut self) -> String {
        let mut template = match self.rng.below(5) {
            0 => json!({"script": {"image": "i", "command": ["sh"], "source": "echo 1"}}),
            1 => json!({"suspend": {"duration": format!("{}", self.rng.between(1, 9))}}),
            _ => json!({"container": {"image": "i", "command": ["sh", "-c"], "args": ["echo"]}}),
        };
        if template.get("suspend").is_none() {
            if self.rng.one_in(3) {
                let mut strategy = json!({"limit": self.rng.between(0, 2)});
                if self.rng.one_in(2) {
                    strategy["backoff"] = json!({"duration": format!("{}s", self.rng.between(1, 5)), "factor": 2});
                }
                if self.rng.one_in(3) {
                    strategy["retryPolicy"] = json!("Always");
                }
                template["retryStrategy"] = strategy;
            }
            if self.rng.one_in(6) {
                template["synchronization"] = json!({"mutexes": [{"name": self.rng.pick(&["m", "n"])}]});
            }
        }
        self.add("leaf-", template)
    }

    fn any(&mut self, depth: usize) -> String {
        if depth < 2 && self.rng.one_in(4) { self.composite(depth + 1) } else { self.leaf() }
    }

    fn composite(&mut self, depth: usize) -> String {
        if self.rng.one_in(2) { self.steps(depth) } else { self.dag(depth) }
    }

    fn common(&mut self, call: &mut Value, depth: usize) {
        call["template"] = json!(self.any(depth));
        match self.rng.below(12) {
            0 => call["withItems"] = json!(["a", 2, {"k": "v"}]),
            1 => call["withSequence"] = json!({"count": format!("{}", self.rng.below(4))}),
            2 => call["withParam"] = json!("[1, 2]"),
            _ => {}
        }
        if self.rng.one_in(6) {
            call["when"] = json!(self.rng.pick(&["true", "false", "1 == 1", "a != a"]));
        }
        if self.rng.one_in(6) {
            call["hooks"] = json!({"exit": {"template": self.leaf()}});
        }
    }

    fn steps(&mut self, depth: usize) -> String {
        let mut groups = Vec::new();
        for group in 0..self.rng.between(1, 2) {
            let mut steps = Vec::new();
            for step in 0..self.rng.between(1, 2) {
                let mut call = json!({"name": format!("s{group}{step}")});
                self.common(&mut call, depth);
                if self.rng.one_in(3) {
                    call["continueOn"] = json!({"failed": true, "error": self.rng.one_in(2)});
                }
                steps.push(call);
            }
            groups.push(Value::Array(steps));
        }
        let mut template = json!({"steps": groups});
        self.limits(&mut template);
        self.add("steps-", template)
    }

    fn dag(&mut self, depth: usize) -> String {
        let mut tasks: Vec<Value> = Vec::new();
        for task in 0..self.rng.between(1, 4) {
            let mut call = json!({"name": format!("t{task}")});
            self.common(&mut call, depth);
            let needed: Vec<u64> = (0..task).filter(|_| self.rng.one_in(2)).collect();
            let terms: Vec<String> = needed.into_iter().map(|n| self.term(n)).collect();
            if !terms.is_empty() {
                let glue = self.rng.pick(&[" && ", " || "]);
                call["depends"] = json!(terms.join(&glue));
            }
            tasks.push(call);
        }
        let mut template = json!({"dag": {"tasks": tasks}});
        if self.rng.one_in(5) {
            template["dag"]["failFast"] = json!(false);
        }
        self.limits(&mut template);
        self.add("dag-", template)
    }

    fn term(&mut self, task: u64) -> String {
        let result = self.rng.pick(&["", "", "", ".Succeeded", ".Failed", ".Skipped", ".Errored"]);
        format!("t{task}{result}")
    }

    fn limits(&mut self, template: &mut Value) {
        if self.rng.one_in(6) {
            template["parallelism"] = json!(self.rng.between(1, 2));
        }
        if self.rng.one_in(8) {
            template["retryStrategy"] = json!({"limit": 1});
        }
    }
}
