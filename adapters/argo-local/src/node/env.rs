//! A container's environment, command and arguments.

use k8s_openapi::api::core::v1::{Container, Pod};
use kube::Client;

use super::config::{Kind, data, field, resource, trouble, value};
use super::worker::Trouble;

/// Replaces `$(NAME)` by what `lookup` knows; `$$` is a dollar sign, and what is unknown stays, as upstream's expansion does.
pub(crate) fn expand(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let after = from.strip_prefix('$').unwrap_or_default();
        if let Some(more) = after.strip_prefix('$') {
            out.push('$');
            rest = more;
        } else if let Some((name, more)) = after.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
            match lookup(name) {
                Some(value) => out.push_str(&value),
                None => out.push_str(&format!("$({name})")),
            }
            rest = more;
        } else {
            out.push('$');
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

/// An environment under construction: names once, in order of first appearance, the last value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment(pub(crate) Vec<(String, String)>);

impl Environment {
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Expands `$(NAME)` with this environment.
    pub(crate) fn expand(&self, text: &str) -> String {
        expand(text, &|name| self.get(name).map(str::to_owned))
    }
}

/// A name that a process can be given.
fn usable(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0'])
}

/// Adds to `base` what the container's `envFrom` and `env` say.
///
/// # Errors
/// A ConfigMap, Secret, key or field is missing: it may still come.
pub(crate) async fn environment(client: &Client, pod: &Pod, container: &Container, base: Environment) -> Result<Environment, Trouble> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or("default");
    let mut env = base;
    for source in container.env_from.iter().flatten() {
        let prefix = source.prefix.as_deref().unwrap_or_default();
        let reference = match (&source.config_map_ref, &source.secret_ref) {
            (Some(map), _) => Some((Kind::ConfigMap, &map.name, map.optional)),
            (None, Some(secret)) => Some((Kind::Secret, &secret.name, secret.optional)),
            (None, None) => None,
        };
        let Some((kind, name, optional)) = reference else { continue };
        for (key, bytes) in data(client, kind, namespace, name, optional.unwrap_or(false)).await?.into_iter().flatten() {
            let name = format!("{prefix}{key}");
            if usable(&name) {
                env.set(&name, String::from_utf8_lossy(&bytes));
            }
        }
    }
    for variable in container.env.iter().flatten() {
        let value = match &variable.value_from {
            None => Some(env.expand(variable.value.as_deref().unwrap_or_default())),
            Some(source) => {
                if let Some(reference) = &source.field_ref {
                    Some(field(pod, &reference.field_path)?)
                } else if let Some(reference) = &source.resource_field_ref {
                    Some(resource(pod, Some(container), reference)?)
                } else if let Some(reference) = &source.config_map_key_ref {
                    let optional = reference.optional.unwrap_or(false);
                    value(client, Kind::ConfigMap, namespace, &reference.name, &reference.key, optional).await?
                } else if let Some(reference) = &source.secret_key_ref {
                    let optional = reference.optional.unwrap_or(false);
                    value(client, Kind::Secret, namespace, &reference.name, &reference.key, optional).await?
                } else {
                    return Err(trouble(format!("environment variable {}: this source is not supported by the local node", variable.name)));
                }
            }
        };
        if let Some(value) = value.filter(|_| usable(&variable.name)) {
            env.set(&variable.name, value.replace('\0', ""));
        }
    }
    Ok(env)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expansion() {
        let known = |name: &str| (name == "A").then(|| "1".to_owned());
        for (text, expanded) in [
            ("$(A)", "1"),
            ("x$(A)$(A)y", "x11y"),
            ("$$(A)", "$(A)"),
            ("$(B)", "$(B)"),
            ("$A $", "$A $"),
            ("$(A", "$(A"),
            ("$$$(A)", "$1"),
            ("ü$(A)ü", "ü1ü"),
        ] {
            assert_eq!(expand(text, &known), expanded, "{text}");
        }
    }
}
