//! Recorded answers against given ones: placeholders stand for what differs from run to run.

use std::collections::BTreeMap;

use serde_json::Value;

/// What placeholders have turned out to stand for.
#[derive(Clone, Debug, Default)]
pub(super) struct Bindings {
    values: BTreeMap<String, String>,
    /// `managedFields` as last seen, by uid.
    managed: BTreeMap<String, Value>,
    /// Names that were generated, in the order they were first seen: what they were generated from, and what was added.
    generated: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Hole(String),
}

/// Splits a text into what is said and what is left open.
fn pieces(text: &str) -> Vec<Piece> {
    let mut out = Vec::new();
    let mut rest = text;
    let mut plain = String::new();
    while let Some(at) = rest.find('<') {
        let (before, from) = rest.split_at(at);
        plain.push_str(before);
        match hole(from) {
            Some(length) => {
                if !plain.is_empty() {
                    out.push(Piece::Text(std::mem::take(&mut plain)));
                }
                let (name, after) = from.split_at(length);
                out.push(Piece::Hole(name.trim_start_matches('<').trim_end_matches('>').to_owned()));
                rest = after;
            }
            None => {
                plain.push('<');
                rest = from.get(1..).unwrap_or_default();
            }
        }
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        out.push(Piece::Text(plain));
    }
    out
}

/// The length of the placeholder a text begins with.
fn hole(text: &str) -> Option<usize> {
    const NAMES: [&str; 15] = [
        "uid",
        "rv",
        "time",
        "microtime",
        "generated",
        "continue",
        "clusterIP",
        "nodePort",
        "token",
        "sha256",
        "age",
        "server",
        "repeat:",
        "managedFields",
        "causes",
    ];
    let inner = text.strip_prefix('<')?;
    // `<rv>=3>` has a closing sign inside.
    if let Some(rest) = inner.strip_prefix("rv>=") {
        let end = rest.find('>')?;
        return rest.get(..end).filter(|n| n.chars().all(|c| c.is_ascii_digit())).map(|n| n.len() + "<rv>=>".len());
    }
    let end = inner.find('>')?;
    let name = inner.get(..end)?;
    let known = NAMES
        .iter()
        .any(|n| name.strip_prefix(n).is_some_and(|rest| if n.ends_with(':') { true } else { rest.chars().all(|c| c.is_ascii_digit()) }));
    known.then_some(end + 2)
}

/// Whether a value is of the kind that a placeholder stands for.
fn fits(name: &str, value: &str) -> bool {
    let kind = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let kind = if name.starts_with("rv") {
        "rv"
    } else if name == "sha256" {
        "sha256"
    } else {
        kind
    };
    match kind {
        "uid" => value.len() == 36 && value.chars().all(|c| c.is_ascii_hexdigit() || c == '-'),
        "rv" | "nodePort" => !value.is_empty() && value.chars().all(|c| c.is_ascii_digit()),
        "time" => value.len() == 20 && value.parse::<jiff::Timestamp>().is_ok(),
        "microtime" => value.len() == 27 && value.parse::<jiff::Timestamp>().is_ok(),
        // Pods of stateful sets are numbered.
        "generated" => (value.len() == 5 || value.parse::<u32>().is_ok()) && value.chars().all(|c| c.is_ascii_alphanumeric()),
        "clusterIP" => value.parse::<std::net::IpAddr>().is_ok(),
        "sha256" => value.len() == 64,
        "token" | "continue" => !value.is_empty() && !value.contains(' '),
        "server" | "age" | "causes" => true,
        _ => match name.strip_prefix("repeat:").and_then(|r| r.split_once(':')) {
            Some((c, n)) => value == c.repeat(n.parse().unwrap_or(0)),
            None => false,
        },
    }
}

/// Whether a placeholder means the same value wherever it stands.
fn is_fixed(name: &str) -> bool {
    name.ends_with(|c: char| c.is_ascii_digit()) && name != "sha256" && !name.starts_with("repeat")
}

impl Bindings {
    /// Remembers what later requests send back.
    pub(super) fn learn(&mut self, answer: &Value) {
        match answer {
            Value::Object(map) => {
                if let Some(Value::Object(metadata)) = map.get("metadata")
                    && let (Some(Value::String(uid)), Some(fields)) = (metadata.get("uid"), metadata.get("managedFields"))
                {
                    self.managed.insert(uid.clone(), fields.clone());
                }
                let of = |key: &str| map.get("metadata").and_then(|m| m.get(key)).and_then(Value::as_str);
                if let (Some(base), Some(name)) = (of("generateName"), of("name"))
                    && let Some(suffix) = name.strip_prefix(base)
                {
                    let known = (base.to_owned(), suffix.to_owned());
                    if !self.generated.contains(&known) {
                        self.generated.push(known);
                    }
                }
                map.values().for_each(|v| self.learn(v));
            }
            Value::Array(list) => list.iter().for_each(|v| self.learn(v)),
            _ => {}
        }
    }

    /// Whether a path names something by a placeholder of which nothing is known yet.
    pub(super) fn is_open(&self, path: &str) -> bool {
        pieces(path)
            .iter()
            .any(|piece| matches!(piece, Piece::Hole(name) if name.starts_with("generated") && !self.values.contains_key(name)))
    }

    /// Takes the first generated name that has been seen and fits for one that a path names before any answer did.
    pub(super) fn settle_path(&mut self, path: &str) {
        let mut before = String::new();
        for piece in pieces(path) {
            match piece {
                Piece::Text(text) => before = text.rsplit('/').next().unwrap_or_default().to_owned(),
                Piece::Hole(name) => {
                    let taken = |suffix: &String| self.values.iter().any(|(name, value)| name.starts_with("generated") && value == suffix);
                    let free = self.generated.iter().find(|(base, suffix)| *base == before && !taken(suffix));
                    if name.starts_with("generated")
                        && !self.values.contains_key(&name)
                        && let Some((_, suffix)) = free
                    {
                        self.values.insert(name, suffix.clone());
                    }
                }
            }
        }
    }

    /// A text with its placeholders filled in.
    pub(super) fn fill_text(&self, text: &str, escape: bool) -> String {
        let fill = |name: String| -> String {
            if let Some((c, n)) = name.strip_prefix("repeat:").and_then(|r| r.split_once(':')) {
                return c.repeat(n.parse().unwrap_or(0));
            }
            match self.values.get(&name) {
                Some(value) if escape && name.starts_with("continue") => value.replace('=', "%3D").replace('+', "%2B"),
                Some(value) => value.clone(),
                None if name.starts_with("uid") => "11111111-1111-1111-1111-111111111111".to_owned(),
                None if name.starts_with("rv") => "77".to_owned(),
                None if name == "time" => "2020-01-01T00:00:00Z".to_owned(),
                None if name == "microtime" => "2020-01-01T00:00:00.000000Z".to_owned(),
                None => format!("<{name}>"),
            }
        };
        pieces(text)
            .into_iter()
            .map(|p| match p {
                Piece::Text(t) => t,
                Piece::Hole(name) => fill(name),
            })
            .collect()
    }

    /// A body with its placeholders filled in.
    pub(super) fn fill(&self, body: &Value) -> Value {
        match body {
            Value::String(text) => Value::String(self.fill_text(text, false)),
            Value::Array(list) => list.iter().map(|v| self.fill(v)).collect(),
            Value::Object(map) => {
                let mut out = serde_json::Map::new();
                for (key, value) in map {
                    if key == "managedFields" && value == "<managedFields>" {
                        let uid = map.get("uid").and_then(Value::as_str).map(|u| self.fill_text(u, false)).unwrap_or_default();
                        if let Some(fields) = self.managed.get(&uid) {
                            out.insert(key.clone(), fields.clone());
                        }
                        continue;
                    }
                    if key == "nodePort"
                        && let Some(text) = value.as_str()
                        && let Ok(number) = self.fill_text(text, false).parse::<u64>()
                    {
                        out.insert(key.clone(), number.into());
                        continue;
                    }
                    out.insert(self.fill_text(key, false), self.fill(value));
                }
                Value::Object(out)
            }
            other => other.clone(),
        }
    }

    /// Compares an answer with the recorded one and learns what placeholders stand for.
    pub(super) fn compare(&mut self, expected: &Value, got: &Value, path: &str) -> Result<(), String> {
        match (expected, got) {
            (Value::String(text), _) if text == "<managedFields>" => match got {
                Value::Array(list) if !list.is_empty() => Ok(()),
                _ => Err(format!("{path}: no managedFields")),
            },
            (Value::String(text), Value::String(value)) => {
                if self.match_text(text, value) {
                    Ok(())
                } else {
                    Err(format!("{path}: {value:?}, expected {text:?}"))
                }
            }
            (Value::String(text), Value::Number(number)) if text.starts_with('<') => {
                let value = number.to_string();
                if self.match_text(text, &value) { Ok(()) } else { Err(format!("{path}: {value}, expected {text}")) }
            }
            (Value::Array(a), Value::Array(b)) => {
                if a.len() != b.len() {
                    return Err(format!("{path}: {} items, expected {}: {got} expected {expected}", b.len(), a.len()));
                }
                for (index, (x, y)) in a.iter().zip(b).enumerate() {
                    self.compare(x, y, &format!("{path}[{index}]"))?;
                }
                Ok(())
            }
            (Value::Object(a), Value::Object(b)) => {
                let mut left: Vec<&String> = b.keys().collect();
                // What has a name of its own first, so that placeholders in other names are known by then.
                for (key, value) in a {
                    let name = if key.contains('<') { self.find_key(key, b) } else { Some(key.clone()) };
                    let Some(found) = name.as_ref().and_then(|n| b.get(n)) else {
                        return Err(format!("{path}.{key}: missing, expected {value}"));
                    };
                    left.retain(|k| Some(*k) != name.as_ref());
                    self.compare(value, found, &format!("{path}.{key}"))?;
                }
                match left.first() {
                    Some(extra) => Err(format!("{path}.{extra}: not expected: {}", b.get(*extra).unwrap_or(&Value::Null))),
                    None => Ok(()),
                }
            }
            (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => Ok(()),
            _ if expected == got => Ok(()),
            _ => Err(format!("{path}: {got}, expected {expected}")),
        }
    }

    fn find_key(&mut self, key: &str, map: &serde_json::Map<String, Value>) -> Option<String> {
        map.keys().find(|k| self.match_text(key, k)).cloned()
    }

    fn match_text(&mut self, expected: &str, got: &str) -> bool {
        let mut trial = self.values.clone();
        let matched = match_pieces(&pieces(expected), got, &mut trial);
        if matched {
            self.values = trial;
        }
        matched
    }
}

fn match_pieces(pieces: &[Piece], got: &str, values: &mut BTreeMap<String, String>) -> bool {
    let Some((first, rest)) = pieces.split_first() else { return got.is_empty() };
    match first {
        Piece::Text(text) => got.strip_prefix(text.as_str()).is_some_and(|after| match_pieces(rest, after, values)),
        Piece::Hole(name) => {
            if let Some(known) = values.get(name).filter(|_| is_fixed(name) && !name.starts_with("rv>=")).cloned() {
                return got.strip_prefix(known.as_str()).is_some_and(|after| match_pieces(rest, after, values));
            }
            // A name that was generated, of which nothing was known when the request named it: the answer says the same again.
            if let Some(after) = got.strip_prefix(format!("<{name}>").as_str()) {
                return match_pieces(rest, after, values);
            }
            let ends: Vec<usize> = got.char_indices().map(|(at, _)| at).chain([got.len()]).collect();
            for end in ends.into_iter().rev() {
                let (value, after) = got.split_at(end);
                if !fits(name, value) || !in_order(name, value, values) {
                    continue;
                }
                let mut trial = values.clone();
                if name.ends_with(|c: char| c.is_ascii_digit()) {
                    trial.insert(name.clone(), value.to_owned());
                }
                if match_pieces(rest, after, &mut trial) {
                    *values = trial;
                    return true;
                }
            }
            false
        }
    }
}

/// Revisions are numbered by size.
fn in_order(name: &str, value: &str, values: &BTreeMap<String, String>) -> bool {
    let Some(number) = name.strip_prefix("rv") else { return true };
    let Ok(value) = value.parse::<u64>() else { return false };
    let (open, number) = number.strip_prefix(">=").map_or((false, number), |n| (true, n));
    let Ok(number) = number.parse::<u64>() else { return true };
    let known = |n: u64| values.get(&format!("rv{n}")).and_then(|v| v.parse::<u64>().ok());
    if open {
        // Where the recorded server answered from its cache, a fresher answer is as good: only the lower bound is held to.
        return known(number).is_none_or(|low| value >= low);
    }
    (1..number).filter_map(known).all(|low| value > low)
}

/// Puts the causes of a `Status` in the recorder's order, in its message too.
pub(super) fn sort_causes(body: &mut Value) {
    let text = |v: &Value, key: &str| v.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let Some(causes) = body.get_mut("details").and_then(|d| d.get_mut("causes")).and_then(Value::as_array_mut) else { return };
    causes.sort_by_key(|c| (text(c, "field"), text(c, "message")));
    let lines: Vec<String> = causes.iter().map(|c| format!("{}: {}", text(c, "field"), text(c, "message"))).collect();
    if lines.len() < 2 {
        return;
    }
    let message = text(body, "message");
    if let Some(at) = message.find(" is invalid: [") {
        let head = message.get(..at).unwrap_or_default();
        let sorted = format!("{head} is invalid: [{}]", lines.join(", "));
        if let Some(map) = body.as_object_mut() {
            map.insert("message".to_owned(), sorted.into());
        }
    }
}
