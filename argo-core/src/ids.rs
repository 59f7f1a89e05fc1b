//! Names and ids that are functions of other names, exactly as upstream computes them.

const FNV32_OFFSET: u32 = 0x811c_9dc5;
const FNV32_PRIME: u32 = 0x0100_0193;
/// Longest part of a pod name before its hash: 253 less `-` and ten digits.
const POD_NAME_PREFIX: usize = 242;

/// FNV-1a, 32 bits.
#[must_use]
pub fn fnv1a32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(FNV32_OFFSET, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(FNV32_PRIME))
}

/// FNV-1, 32 bits.
#[must_use]
pub fn fnv1_32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(FNV32_OFFSET, |hash, byte| hash.wrapping_mul(FNV32_PRIME) ^ u32::from(*byte))
}

/// FNV-1a, 64 bits.
#[must_use]
pub fn fnv1a64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// A text in the alphabet of generated names, which has no vowels: each byte stands for one letter. Kubernetes writes hashes in names this way.
///
/// ```
/// assert_eq!(argo_core::ids::safe_encode("1582148253"), "59d658d697");
/// ```
#[must_use]
pub fn safe_encode(text: &str) -> String {
    const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    text.bytes().filter_map(|b| ALPHABET.get(usize::from(b) % ALPHABET.len())).map(|b| char::from(*b)).collect()
}

/// Id of a node: the workflow's name for the root, else the name and the decimal FNV-1a hash of the node's name, as upstream does.
///
/// ```
/// assert_eq!(argo_core::ids::node_id("wf", "wf"), "wf");
/// assert_eq!(argo_core::ids::node_id("retry-ok", "retry-ok(0)"), "retry-ok-1316762405");
/// ```
#[must_use]
pub fn node_id(workflow: &str, node: &str) -> String {
    if workflow == node { workflow.to_owned() } else { format!("{workflow}-{}", fnv1a32(node.as_bytes())) }
}

/// Id of a node where others may have its hash already: the first of [`node_id`] and its variants that `taken` does not know.
///
/// Fixed on purpose: among ten thousand names two have the same 32-bit hash every hundredth time, and upstream then takes two nodes for one.
#[must_use]
pub fn free_node_id(workflow: &str, node: &str, taken: impl Fn(&str) -> bool) -> String {
    let mut id = node_id(workflow, node);
    let mut variant = 0_u32;
    while taken(&id) {
        variant = variant.wrapping_add(1);
        id = format!("{workflow}-{}", fnv1a32(format!("{node}#{variant}").as_bytes()));
    }
    id
}

/// Name of a node's pod (upstream's v2 form): the workflow's name for the root, else `<workflow>-<template>` cut to 242 bytes and the hash of
/// the node's name, which is the end of the node's id.
///
/// ```
/// use argo_core::ids::{node_id, pod_name};
/// assert_eq!(pod_name("wf", &node_id("wf", "wf[0].a"), "print"), "wf-print-3986212215");
/// ```
#[must_use]
pub fn pod_name(workflow: &str, id: &str, template: &str) -> String {
    let Some(hash) = id.strip_prefix(workflow).and_then(|rest| rest.strip_prefix('-')) else {
        return id.to_owned();
    };
    let mut prefix = workflow.to_owned();
    if !template.is_empty() {
        prefix.push('-');
        prefix.push_str(template);
    }
    let mut end = prefix.len().min(POD_NAME_PREFIX);
    while !prefix.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    prefix.truncate(end);
    format!("{prefix}-{hash}")
}
