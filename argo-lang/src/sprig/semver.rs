//! Semantic versions and constraints, as Masterminds/semver 3.
//!
//! ```
//! use argo_lang::sprig::semver::{Constraint, Version};
//! let constraint = Constraint::parse("^1.2.0 || 3.x").unwrap();
//! assert!(constraint.allows(&Version::parse("v1.9").unwrap()));
//! assert!(!constraint.allows(&Version::parse("2.0.0").unwrap()));
//! ```

use std::cmp::Ordering;
use std::sync::Arc;

use super::Entry;
use super::args::text;
use super::strings::entry;
use crate::Value;
use crate::value::Object;

pub(super) const TABLE: &[Entry] = &[
    entry("semver", "s", |_, a| Ok(Value::Object(Arc::new(Version::parse(text(a, 0))?)))),
    entry("semverCompare", "ss", |_, a| {
        let constraint = Constraint::parse(text(a, 0))?;
        Ok(constraint.allows(&Version::parse(text(a, 1))?).into())
    }),
];

/// A version; `v1.2` is read as `1.2.0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// First number.
    pub major: u64,
    /// Second number.
    pub minor: u64,
    /// Third number.
    pub patch: u64,
    /// What stands after `-`.
    pub prerelease: String,
    /// What stands after `+`.
    pub metadata: String,
    original: String,
}

fn identifiers(s: &str, numbers: bool) -> bool {
    s.split('.').all(|part| {
        let digits = part.bytes().all(|b| b.is_ascii_digit());
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !(numbers && digits && part.len() > 1 && part.starts_with('0'))
    })
}

impl Version {
    /// Reads a version, leniently: a leading `v` and missing numbers are allowed.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(s: &str) -> Result<Self, String> {
        let bad = || "invalid semantic version".to_owned();
        let rest = s.strip_prefix('v').unwrap_or(s);
        let (rest, metadata) = rest.split_once('+').map_or((rest, None), |(r, m)| (r, Some(m)));
        let (numbers, prerelease) = rest.split_once('-').map_or((rest, None), |(n, p)| (n, Some(p)));
        if metadata.is_some_and(|m| !identifiers(m, false)) || prerelease.is_some_and(|p| !identifiers(p, true)) {
            return Err(bad());
        }
        let mut parts = [0_u64; 3];
        for (count, part) in numbers.split('.').enumerate() {
            let slot = parts.get_mut(count).ok_or_else(bad)?;
            if part.is_empty() || !part.bytes().all(|b| b.is_ascii_digit()) || (part.len() > 1 && part.starts_with('0')) {
                return Err(bad());
            }
            *slot = part.parse().map_err(|_| bad())?;
        }
        let [major, minor, patch] = parts;
        Ok(Self {
            major,
            minor,
            patch,
            prerelease: prerelease.unwrap_or_default().to_owned(),
            metadata: metadata.unwrap_or_default().to_owned(),
            original: s.to_owned(),
        })
    }

    /// The version after the same numbers without what follows.
    fn numbers(&self) -> (u64, u64, u64) {
        (self.major, self.minor, self.patch)
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(precedence(self, other))
    }
}

/// Order by precedence: build metadata does not count.
fn precedence(a: &Version, b: &Version) -> Ordering {
    a.numbers().cmp(&b.numbers()).then_with(|| match (a.prerelease.is_empty(), b.prerelease.is_empty()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => {
            let (mut x, mut y) = (a.prerelease.split('.'), b.prerelease.split('.'));
            loop {
                let order = match (x.next(), y.next()) {
                    (None, None) => return Ordering::Equal,
                    (None, Some(_)) => return Ordering::Less,
                    (Some(_), None) => return Ordering::Greater,
                    (Some(x), Some(y)) => match (x.parse::<u64>(), y.parse::<u64>()) {
                        (Ok(x), Ok(y)) => x.cmp(&y),
                        (Ok(_), Err(_)) => Ordering::Less,
                        (Err(_), Ok(_)) => Ordering::Greater,
                        (Err(_), Err(_)) => x.cmp(y),
                    },
                };
                if order != Ordering::Equal {
                    return order;
                }
            }
        }
    })
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.prerelease.is_empty() {
            write!(f, "-{}", self.prerelease)?;
        }
        if !self.metadata.is_empty() {
            write!(f, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

impl Object for Version {
    fn type_name(&self) -> &str {
        "*semver.Version"
    }

    fn has_method(&self, name: &str) -> bool {
        matches!(
            name,
            "Major"
                | "Minor"
                | "Patch"
                | "Prerelease"
                | "Metadata"
                | "Original"
                | "String"
                | "Compare"
                | "Equal"
                | "LessThan"
                | "GreaterThan"
        )
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Option<Result<Value, String>> {
        let number = |n: u64| Value::Int(i64::try_from(n).unwrap_or(i64::MAX));
        let other = || match arguments.first() {
            Some(Value::Object(o)) => Self::parse(&o.text()),
            _ => Err("a version is needed".to_owned()),
        };
        Some(Ok(match name {
            "Major" => number(self.major),
            "Minor" => number(self.minor),
            "Patch" => number(self.patch),
            "Prerelease" => self.prerelease.as_str().into(),
            "Metadata" => self.metadata.as_str().into(),
            "Original" => self.original.as_str().into(),
            "String" => self.to_string().into(),
            "Compare" | "Equal" | "LessThan" | "GreaterThan" => {
                let order = match other() {
                    Ok(other) => precedence(self, &other),
                    Err(error) => return Some(Err(error)),
                };
                match name {
                    "Compare" => Value::Int(order as i64),
                    "Equal" => order.is_eq().into(),
                    "LessThan" => order.is_lt().into(),
                    _ => order.is_gt().into(),
                }
            }
            _ => return None,
        }))
    }

    fn json(&self) -> Option<serde_json::Value> {
        Some(self.to_string().into())
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

/// A set of versions: alternatives of conditions that all hold.
#[derive(Clone, Debug)]
pub struct Constraint(Vec<Vec<Condition>>);

#[derive(Clone, Debug)]
struct Condition {
    operator: &'static str,
    version: Version,
    /// Which numbers are wildcards or missing, from the back: 0 none, 1 patch, 2 minor, 3 all.
    open: u8,
}

const OPERATORS: [&str; 12] = ["!=", ">=", "=>", "<=", "=<", "~>", "==", "=", ">", "<", "~", "^"];

impl Constraint {
    /// Reads a constraint such as `>=1.0, <2.0`, `~1.2`, `^1`, `1.x`, `1.2 - 1.4`, with `||` between alternatives.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(s: &str) -> Result<Self, String> {
        let mut any = Vec::new();
        for part in s.split("||") {
            let mut all = Vec::new();
            let bad = || format!("improper constraint: {part}");
            let tokens: Vec<&str> = part.split([' ', ',']).filter(|t| !t.is_empty()).collect();
            let mut at = 0_usize;
            while let Some(token) = tokens.get(at) {
                if tokens.get(at + 1) == Some(&"-") {
                    let high = tokens.get(at + 2).ok_or_else(bad)?;
                    all.push(condition(">=", token).ok_or_else(bad)?);
                    all.push(condition("<=", high).ok_or_else(bad)?);
                    at += 3;
                    continue;
                }
                let operator = OPERATORS.iter().find(|o| token.starts_with(**o)).copied().unwrap_or("");
                let mut version = token.get(operator.len()..).unwrap_or_default();
                if version.is_empty() {
                    at += 1;
                    version = tokens.get(at).ok_or_else(bad)?;
                }
                let operator = match operator {
                    "=>" => ">=",
                    "=<" => "<=",
                    "~>" => "~",
                    "==" => "=",
                    other => other,
                };
                all.push(condition(operator, version).ok_or_else(bad)?);
                at += 1;
            }
            if all.is_empty() {
                return Err(bad());
            }
            any.push(all);
        }
        Ok(Self(any))
    }

    /// Whether a version is in the set. Pre-releases are only where the condition names one, as upstream does.
    #[must_use]
    pub fn allows(&self, version: &Version) -> bool {
        self.0.iter().any(|all| all.iter().all(|c| c.holds(version)))
    }
}

fn condition(operator: &'static str, text: &str) -> Option<Condition> {
    let bare = text.strip_prefix('v').unwrap_or(text);
    let numbers_end = bare.find(['-', '+']).unwrap_or(bare.len());
    let (numbers, tail) = bare.split_at(numbers_end);
    let parts: Vec<&str> = numbers.split('.').collect();
    let wild = |p: &str| matches!(p, "x" | "X" | "*");
    if parts.len() > 3 {
        return None;
    }
    let fixed = parts.iter().position(|p| wild(p)).unwrap_or(parts.len());
    let open = u8::try_from(3_usize.checked_sub(fixed)?).ok()?;
    let shown = parts.iter().take(fixed).copied().collect::<Vec<_>>().join(".");
    let version =
        Version::parse(&format!("{}{}", if fixed == 0 { "0" } else { &shown }, if fixed == parts.len() { tail } else { "" })).ok()?;
    Some(Condition { operator, version, open })
}

impl Condition {
    fn holds(&self, v: &Version) -> bool {
        let c = &self.version;
        let order = precedence(v, c);
        if !v.prerelease.is_empty() && c.prerelease.is_empty() && self.operator != "!=" {
            return false;
        }
        let below = |next: (u64, u64, u64)| v.numbers() < next;
        match self.operator {
            "" | "=" => {
                if self.open > 0 {
                    self.tilde(v)
                } else {
                    order.is_eq()
                }
            }
            "!=" => {
                if self.open > 0 {
                    if !v.prerelease.is_empty() && c.prerelease.is_empty() {
                        return false;
                    }
                    return c.major != v.major || (self.open < 2 && c.minor != v.minor);
                }
                !order.is_eq()
            }
            ">" => match self.open {
                0 => order.is_gt(),
                1 => (v.major, v.minor) > (c.major, c.minor),
                _ => v.major > c.major,
            },
            ">=" => order.is_ge(),
            "<" => order.is_lt(),
            "<=" => match self.open {
                0 => order.is_le(),
                1 => (v.major, v.minor) <= (c.major, c.minor),
                2 => v.major <= c.major,
                _ => true,
            },
            "~" => self.tilde(v),
            _ => {
                if order.is_lt() {
                    return false;
                }
                if c.major > 0 || self.open >= 2 {
                    return self.open >= 3 || v.major == c.major;
                }
                if v.major > 0 {
                    return false;
                }
                if c.minor > 0 || self.open >= 1 {
                    return v.minor == c.minor;
                }
                below((0, 0, c.patch.saturating_add(1)))
            }
        }
    }

    fn tilde(&self, v: &Version) -> bool {
        let c = &self.version;
        if precedence(v, c).is_lt() {
            return false;
        }
        if self.open >= 3 {
            return true;
        }
        v.major == c.major && (self.open >= 2 || v.minor == c.minor)
    }
}
