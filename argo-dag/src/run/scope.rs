//! What names mean while a node runs: layers of dotted names, the later ones before the earlier.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use argo_lang::{Env, Value, tags};
use jiff::Timestamp;

/// Dotted names and their values.
pub(super) type Layer = BTreeMap<String, Value>;

/// What expressions may know beside names: the time, and where randomness begins. No secrets: who knows the workflow's uid and the time can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) now: Timestamp,
    pub(super) seed: u64,
}

/// Layers on top of each other.
#[derive(Clone, Debug)]
pub(super) struct Layers<'a> {
    layers: Vec<&'a Layer>,
    moment: Option<Moment>,
    drawn: Cell<u64>,
}

impl<'a> Layers<'a> {
    pub(super) fn at(layers: Vec<&'a Layer>, moment: Option<Moment>) -> Self {
        Self { layers, moment, drawn: Cell::new(0) }
    }

    pub(super) fn with(&self, layer: &'a Layer) -> Self {
        let mut layers = self.layers.clone();
        layers.push(layer);
        Self { layers, moment: self.moment, drawn: Cell::new(self.drawn.get().wrapping_add(1 << 32)) }
    }

    fn draw(&self, buffer: &mut [u8]) -> bool {
        let Some(moment) = self.moment else { return false };
        for chunk in buffer.chunks_mut(8) {
            self.drawn.set(self.drawn.get().wrapping_add(1));
            // SplitMix64.
            let mut z = moment.seed.wrapping_add(self.drawn.get().wrapping_mul(0x9e37_79b9_7f4a_7c15));
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            for (byte, random) in chunk.iter_mut().zip((z ^ (z >> 31)).to_le_bytes()) {
                *byte = random;
            }
        }
        true
    }
}

impl tags::Scope for Layers<'_> {
    fn lookup(&self, path: &str) -> Option<Value> {
        self.layers.iter().rev().find_map(|layer| layer.get(path).cloned())
    }

    fn root(&self, name: &str) -> Option<Value> {
        let prefix = format!("{name}.");
        let mut below: BTreeMap<&str, &Value> = BTreeMap::new();
        for layer in &self.layers {
            let entries = layer.range(prefix.clone()..).map_while(|(k, v)| Some((k.strip_prefix(&prefix)?, v)));
            below.extend(entries);
        }
        if below.is_empty() {
            return self.lookup(name);
        }
        let entries: Vec<(&str, &Value)> = below.into_iter().collect();
        Some(tags::nest(&entries))
    }

    fn now(&self) -> Option<Timestamp> {
        self.moment.map(|m| m.now)
    }

    fn random(&self, buffer: &mut [u8]) -> bool {
        self.draw(buffer)
    }
}

impl Env for Layers<'_> {
    fn get(&self, name: &str) -> Option<Value> {
        tags::Scope::root(self, name)
    }

    fn now(&self) -> Option<Timestamp> {
        self.moment.map(|m| m.now)
    }

    fn random(&self, buffer: &mut [u8]) -> bool {
        self.draw(buffer)
    }
}

/// A boolean expression over layers of names.
pub(super) fn holds(expression: &str, scope: &Layers<'_>) -> Result<bool, String> {
    let program = argo_lang::expr::Program::parse(expression).map_err(|e| format!("unable to compile expression '{expression}': {e}"))?;
    match program.run(scope, &argo_lang::Budget::default()) {
        Ok(Value::Bool(b)) => Ok(b),
        Ok(other) => Err(format!("unable to cast expression result '{other}' to bool")),
        Err(e) => Err(format!("unable to evaluate expression '{expression}': {e}")),
    }
}

/// A text value.
pub(super) fn text(value: impl Into<Arc<str>>) -> Value {
    Value::String(value.into())
}
