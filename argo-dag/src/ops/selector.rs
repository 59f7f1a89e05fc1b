//! Choosing nodes: `displayName=approve,phase!=Failed`.

use argo_core::workflows::NodeStatus;

/// A field selector over nodes. Fields: `id`, `name`, `displayName`, `templateName`, `templateRef.name`, `templateRef.template`, `phase`, `type`,
/// `inputs.parameters.<name>.value`, `outputs.parameters.<name>.value`, `outputs.result`. A field that the node does not have is empty.
///
/// ```
/// let node: argo_core::workflows::NodeStatus = serde_json::from_value(serde_json::json!({"displayName": "a", "phase": "Failed"})).unwrap();
/// let selector = argo_dag::ops::selector::NodeSelector::parse("displayName=a,phase!=Succeeded").unwrap();
/// assert!(selector.matches(&node));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeSelector {
    terms: Vec<Term>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    field: String,
    equal: bool,
    value: String,
}

/// A text that is no field selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// A term without an operator.
    #[error("invalid selector: '{selector}'; can't understand '{term}' (a term is field=value or field!=value)")]
    Term {
        /// The whole text.
        selector: String,
        /// The term.
        term: String,
    },
    /// A backslash before something that needs none.
    #[error("invalid selector: '{selector}'; only \\, ',' and '=' may follow a backslash")]
    Escape {
        /// The whole text.
        selector: String,
    },
}

impl NodeSelector {
    /// Reads a selector; the empty one chooses every node. `\,`, `\=` and `\\` stand for themselves, as in Kubernetes' field selectors.
    ///
    /// # Errors
    /// When a term has no operator, or a backslash escapes nothing.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        let mut terms = Vec::new();
        for term in split_terms(text) {
            if term.is_empty() {
                continue;
            }
            let bad = || SelectorError::Term { selector: text.to_owned(), term: term.clone() };
            let (field, equal, value) = split_term(&term).ok_or_else(bad)?;
            let value = unescape(value).ok_or_else(|| SelectorError::Escape { selector: text.to_owned() })?;
            terms.push(Term { field: field.trim().to_owned(), equal, value });
        }
        Ok(Self { terms })
    }

    /// Whether it chooses this node.
    #[must_use]
    pub fn matches(&self, node: &NodeStatus) -> bool {
        self.terms.iter().all(|term| (field(node, &term.field) == term.value) == term.equal)
    }
}

fn split_terms(text: &str) -> Vec<String> {
    let mut terms = vec![String::new()];
    let mut escaped = false;
    for c in text.chars() {
        if c == ',' && !escaped {
            terms.push(String::new());
            continue;
        }
        escaped = c == '\\' && !escaped;
        if let Some(last) = terms.last_mut() {
            last.push(c);
        }
    }
    terms
}

fn split_term(term: &str) -> Option<(&str, bool, &str)> {
    let mut escaped = false;
    for (at, c) in term.char_indices() {
        let (field, rest) = term.split_at_checked(at)?;
        if !escaped {
            if let Some(value) = rest.strip_prefix("!=") {
                return Some((field, false, value));
            }
            if let Some(value) = rest.strip_prefix("==").or_else(|| rest.strip_prefix('=')) {
                return Some((field, true, value));
            }
        }
        escaped = c == '\\' && !escaped;
    }
    None
}

fn unescape(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some(next @ ('\\' | ',' | '=')) => out.push(next),
            _ => return None,
        }
    }
    Some(out)
}

fn field(node: &NodeStatus, name: &str) -> String {
    let of_template =
        |get: fn(&argo_core::workflows::TemplateRef) -> &String| node.template_ref.as_ref().map(get).cloned().unwrap_or_default();
    match name {
        "id" => node.id.clone(),
        "name" => node.name.clone(),
        "displayName" => node.display_name.clone(),
        "templateName" => node.template_name.clone(),
        "phase" => node.phase.clone(),
        "type" => node.type_.clone(),
        "templateRef.name" => of_template(|r| &r.name),
        "templateRef.template" => of_template(|r| &r.template),
        "outputs.result" => node.outputs.as_ref().and_then(|o| o.result.clone()).unwrap_or_default(),
        other => {
            let named = |prefix: &str| other.strip_prefix(prefix).and_then(|rest| rest.strip_suffix(".value"));
            let (parameters, name) = if let Some(name) = named("inputs.parameters.") {
                (node.inputs.as_ref().map(|i| &i.parameters), name)
            } else if let Some(name) = named("outputs.parameters.") {
                (node.outputs.as_ref().map(|o| &o.parameters), name)
            } else {
                return String::new();
            };
            let found = parameters.into_iter().flatten().find(|p| p.name == name);
            found.and_then(|p| p.value.as_ref()).map(ToString::to_string).unwrap_or_default()
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::{NodeSelector, SelectorError};

    fn matches(selector: &str) -> bool {
        let node = serde_json::from_value(json!({
            "id": "123", "displayName": "a,b", "phase": "Failed", "type": "Pod",
            "templateRef": {"name": "lib", "template": "t"},
            "inputs": {"parameters": [{"name": "x", "value": "1=2"}]},
            "outputs": {"parameters": [{"name": "y", "value": 5}]},
        }))
        .unwrap();
        NodeSelector::parse(selector).unwrap().matches(&node)
    }

    #[test]
    fn every_term_must_hold() {
        assert!(matches("") && matches("phase=Failed") && matches("phase==Failed,id=123") && matches("templateRef.name=lib"));
        assert!(matches("inputs.parameters.x.value=1\\=2") && matches("outputs.parameters.y.value=5") && matches("displayName=a\\,b"));
        assert!(!matches("id=321") && !matches("phase!=Failed") && !matches("foo=Failed") && !matches("phase=Failed,id=1"));
        assert!(matches("foo!=Failed") && matches("foo="));
    }

    #[test]
    fn what_is_no_selector_is_refused() {
        assert!(matches!(NodeSelector::parse("phase"), Err(SelectorError::Term { term, .. }) if term == "phase"));
        assert!(matches!(NodeSelector::parse("a=\\b"), Err(SelectorError::Escape { .. })));
    }
}
