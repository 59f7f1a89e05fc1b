//! Rules for names, labels and annotations: those of `argo_core::validation`, in the words of the server's version.

use argo_core::validation;

/// The server counts bytes where the libraries before it said characters.
fn bytes(messages: Vec<String>) -> Vec<String> {
    messages.into_iter().map(|m| if m.contains("must be no more than") { m.replace(" characters", " bytes") } else { m }).collect()
}

/// What is wrong with a DNS label.
pub(crate) fn dns_label(text: &str) -> Vec<String> {
    bytes(validation::dns1123_label(text))
}

/// What is wrong with a DNS label that starts with a letter.
pub(crate) fn dns_1035(text: &str) -> Vec<String> {
    bytes(validation::dns1035_label(text))
}

/// What is wrong with a DNS name.
pub(crate) fn subdomain(text: &str) -> Vec<String> {
    bytes(validation::dns1123_subdomain(text))
}

/// What is wrong with the name of a role and such, which need only be usable in a path.
pub(crate) fn path_segment(text: &str) -> Vec<String> {
    if text == "." || text == ".." {
        return vec![format!("may not be '{text}'")];
    }
    ["/", "%"].iter().filter(|c| text.contains(**c)).map(|c| format!("may not contain '{c}'")).collect()
}

/// What is wrong with the key of a label or annotation, or a finalizer.
pub(crate) fn label_key(text: &str) -> Vec<String> {
    bytes(validation::qualified_name(text))
}

/// What is wrong with the value of a label.
pub(crate) fn label_value(text: &str) -> Vec<String> {
    bytes(validation::label_value(text))
}

/// What is wrong with a key of a ConfigMap or Secret.
pub(crate) fn config_key(text: &str) -> Vec<String> {
    bytes(validation::config_map_key(text))
}
