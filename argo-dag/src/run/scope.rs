//! What names mean while a node runs: layers of dotted names, the later ones before the earlier.

use std::collections::BTreeMap;
use std::sync::Arc;

use argo_lang::{Env, Value, tags};

/// Dotted names and their values.
pub(super) type Layer = BTreeMap<String, Value>;

/// Layers on top of each other.
#[derive(Clone, Debug, Default)]
pub(super) struct Layers<'a>(pub(super) Vec<&'a Layer>);

impl<'a> Layers<'a> {
    pub(super) fn with(&self, layer: &'a Layer) -> Self {
        let mut layers = self.0.clone();
        layers.push(layer);
        Self(layers)
    }
}

impl tags::Scope for Layers<'_> {
    fn lookup(&self, path: &str) -> Option<Value> {
        self.0.iter().rev().find_map(|layer| layer.get(path).cloned())
    }

    fn root(&self, name: &str) -> Option<Value> {
        let prefix = format!("{name}.");
        let mut below: BTreeMap<&str, &Value> = BTreeMap::new();
        for layer in &self.0 {
            let entries = layer.range(prefix.clone()..).map_while(|(k, v)| Some((k.strip_prefix(&prefix)?, v)));
            below.extend(entries);
        }
        if below.is_empty() {
            return self.lookup(name);
        }
        let entries: Vec<(&str, &Value)> = below.into_iter().collect();
        Some(tags::nest(&entries))
    }
}

impl Env for Layers<'_> {
    fn get(&self, name: &str) -> Option<Value> {
        tags::Scope::root(self, name)
    }
}

/// A boolean expression over layers of names.
pub(super) fn holds(expression: &str, scope: &Layers<'_>) -> Result<bool, String> {
    let program = argo_lang::expr::Program::parse(expression).map_err(|e| format!("unable to compile expression '{expression}': {e}"))?;
    match program.run(scope) {
        Ok(Value::Bool(b)) => Ok(b),
        Ok(other) => Err(format!("unable to cast expression result '{other}' to bool")),
        Err(e) => Err(format!("unable to evaluate expression '{expression}': {e}")),
    }
}

/// A text value.
pub(super) fn text(value: impl Into<Arc<str>>) -> Value {
    Value::String(value.into())
}
