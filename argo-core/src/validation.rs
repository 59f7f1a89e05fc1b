//! What Kubernetes lets names, labels, keys and variables look like.
//!
//! Each check returns one message for each rule that is broken, none for a good text. The messages are Kubernetes' own: clients compare them.
//!
//! ```
//! use argo_core::validation;
//!
//! assert!(validation::dns1123_label("my-name").is_empty());
//! assert_eq!(validation::dns1123_label(&"a".repeat(64)), ["must be no more than 63 characters"]);
//! ```

/// Longest DNS label.
pub const DNS_LABEL_LENGTH: usize = 63;
/// Longest DNS subdomain.
pub const DNS_SUBDOMAIN_LENGTH: usize = 253;
/// Longest label value.
pub const LABEL_VALUE_LENGTH: usize = 63;

const QUALIFIED_NAME: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const QUALIFIED_RULE: &str =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const QUALIFIED_EXAMPLES: &[&str] = &["MyName", "my.name", "123-abc"];
const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";

/// The message for a text that does not match a pattern.
fn mismatch(rule: &str, pattern: &str, examples: &[&str]) -> String {
    let mut message = format!("{rule} (e.g. ");
    for (index, example) in examples.iter().enumerate() {
        if index > 0 {
            message.push_str(" or ");
        }
        message.push_str(&format!("'{example}', "));
    }
    message.push_str(&format!("regex used for validation is '{pattern}')"));
    message
}

fn too_long(most: usize) -> String {
    format!("must be no more than {most} characters")
}

fn is_label(text: &str, first: impl Fn(u8) -> bool) -> bool {
    let lower = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.first().is_some_and(|b| first(*b)) && bytes.last().is_some_and(|b| lower(*b)) && bytes.iter().all(|b| lower(*b) || *b == b'-')
}

fn is_subdomain(text: &str) -> bool {
    text.split('.').all(|part| is_label(part, |b| b.is_ascii_lowercase() || b.is_ascii_digit()))
}

fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
}

/// A label key: a name, with an optional DNS subdomain and `/` before it.
#[must_use]
pub fn qualified_name(text: &str) -> Vec<String> {
    let mut errors = Vec::new();
    let name = match text.split_once('/') {
        None => text,
        Some((_, rest)) if rest.contains('/') => {
            let message = mismatch(&format!("a qualified name {QUALIFIED_RULE}"), QUALIFIED_NAME, QUALIFIED_EXAMPLES);
            return vec![format!("{message} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')")];
        }
        Some((prefix, name)) => {
            if prefix.is_empty() {
                errors.push("prefix part must be non-empty".to_owned());
            } else {
                errors.extend(dns1123_subdomain(prefix).into_iter().map(|e| format!("prefix part {e}")));
            }
            name
        }
    };
    if name.is_empty() {
        errors.push("name part must be non-empty".to_owned());
    } else if name.len() > DNS_LABEL_LENGTH {
        errors.push(format!("name part {}", too_long(DNS_LABEL_LENGTH)));
    }
    if !is_name(name) {
        errors.push(mismatch(&format!("name part {QUALIFIED_RULE}"), QUALIFIED_NAME, QUALIFIED_EXAMPLES));
    }
    errors
}

/// A label's value; may be empty.
#[must_use]
pub fn label_value(text: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if text.len() > LABEL_VALUE_LENGTH {
        errors.push(too_long(LABEL_VALUE_LENGTH));
    }
    if !text.is_empty() && !is_name(text) {
        errors.push(mismatch(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
            "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?",
            &["MyValue", "my_value", "12345"],
        ));
    }
    errors
}

/// A DNS label: names of namespaces, services, containers.
#[must_use]
pub fn dns1123_label(text: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if text.len() > DNS_LABEL_LENGTH {
        errors.push(too_long(DNS_LABEL_LENGTH));
    }
    if !is_label(text, |b| b.is_ascii_lowercase() || b.is_ascii_digit()) {
        if is_subdomain(text) {
            errors.push("must not contain dots".to_owned());
        } else {
            errors.push(mismatch(
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
                LABEL,
                &["my-name", "123-abc"],
            ));
        }
    }
    errors
}

/// A DNS subdomain: names of most objects.
#[must_use]
pub fn dns1123_subdomain(text: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if text.len() > DNS_SUBDOMAIN_LENGTH {
        errors.push(too_long(DNS_SUBDOMAIN_LENGTH));
    }
    if !is_subdomain(text) {
        errors.push(mismatch(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
            SUBDOMAIN,
            &["example.com"],
        ));
    }
    errors
}

/// A DNS label of the older kind, which starts with a letter: names of Services.
#[must_use]
pub fn dns1035_label(text: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if text.len() > DNS_LABEL_LENGTH {
        errors.push(too_long(DNS_LABEL_LENGTH));
    }
    if !is_label(text, |b| b.is_ascii_lowercase()) {
        errors.push(mismatch(
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
            "[a-z]([-a-z0-9]*[a-z0-9])?",
            &["my-name", "abc-123"],
        ));
    }
    errors
}

/// A DNS subdomain whose first part is `*`.
#[must_use]
pub fn wildcard_dns1123_subdomain(text: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if text.len() > DNS_SUBDOMAIN_LENGTH {
        errors.push(too_long(DNS_SUBDOMAIN_LENGTH));
    }
    if !text.strip_prefix("*.").is_some_and(is_subdomain) {
        errors.push(mismatch(
            "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
            &format!(r"\*\.{SUBDOMAIN}"),
            &["*.example.com"],
        ));
    }
    errors
}

/// A name as C has it.
#[must_use]
pub fn c_identifier(text: &str) -> Vec<String> {
    let good = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && text.bytes().next().is_some_and(|b| !b.is_ascii_digit());
    if good {
        return Vec::new();
    }
    vec![mismatch(
        "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'",
        "[A-Za-z_][A-Za-z0-9_]*",
        &["my_name", "MY_NAME", "MyName"],
    )]
}

/// The name of an environment variable.
#[must_use]
pub fn env_var_name(text: &str) -> Vec<String> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    let mut errors = Vec::new();
    if !(text.bytes().all(allowed) && text.bytes().next().is_some_and(|b| !b.is_ascii_digit())) {
        errors.push(mismatch(
            "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit",
            "[-._a-zA-Z][-._a-zA-Z0-9]*",
            &["my.env-name", "MY_ENV.NAME", "MyEnvName1"],
        ));
    }
    no_dots_path(text, &mut errors);
    errors
}

/// A key of a ConfigMap or Secret.
#[must_use]
pub fn config_map_key(text: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if text.len() > DNS_SUBDOMAIN_LENGTH {
        errors.push(too_long(DNS_SUBDOMAIN_LENGTH));
    }
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)) {
        errors.push(mismatch(
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
            "[-._a-zA-Z0-9]+",
            &["key.name", "KEY_NAME", "key-name"],
        ));
    }
    no_dots_path(text, &mut errors);
    errors
}

fn no_dots_path(text: &str, errors: &mut Vec<String>) {
    match text {
        "." => errors.push("must not be '.'".to_owned()),
        ".." => errors.push("must not be '..'".to_owned()),
        _ if text.starts_with("..") => errors.push("must not start with '..'".to_owned()),
        _ => {}
    }
}

/// The name of a port.
#[must_use]
pub fn port_name(text: &str) -> Vec<String> {
    let mut errors = Vec::new();
    let say = |errors: &mut Vec<String>, message: &str| errors.push(message.to_owned());
    if text.len() > 15 {
        errors.push(too_long(15));
    }
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        say(&mut errors, "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
    }
    if !text.bytes().any(|b| b.is_ascii_lowercase()) {
        say(&mut errors, "must contain at least one letter (a-z)");
    }
    if text.contains("--") {
        say(&mut errors, "must not contain consecutive hyphens");
    }
    if text.starts_with('-') || text.ends_with('-') {
        say(&mut errors, "must not begin or end with a hyphen");
    }
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(dns1123_label("a.b"), ["must not contain dots"]);
        assert_eq!(qualified_name("/name"), ["prefix part must be non-empty"]);
        assert!(qualified_name("example.com/My_name.x").is_empty());
        assert!(label_value("").is_empty());
        assert_eq!(port_name("a--b"), ["must not contain consecutive hyphens"]);
        assert_eq!(config_map_key("..x"), ["must not start with '..'"]);
    }
}
