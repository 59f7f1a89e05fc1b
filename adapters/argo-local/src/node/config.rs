//! The values a pod takes from elsewhere: ConfigMaps, Secrets, its own fields, its resources.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Container, Pod, ResourceFieldSelector, Secret};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::{Api, Client};

use super::status::POD_IP;
use super::worker::Trouble;

pub(crate) fn trouble(message: impl Into<String>) -> Trouble {
    Trouble { reason: "CreateContainerConfigError".to_owned(), message: message.into(), passing: true }
}

/// The data of a ConfigMap or Secret.
pub(crate) type Data = BTreeMap<String, Vec<u8>>;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    ConfigMap,
    Secret,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::ConfigMap => "ConfigMap",
            Self::Secret => "Secret",
        }
    }
}

/// Fetches an object's data; nothing where it is missing and may be.
pub(crate) async fn data(client: &Client, kind: Kind, namespace: &str, name: &str, optional: bool) -> Result<Option<Data>, Trouble> {
    let found = match kind {
        Kind::ConfigMap => Api::<ConfigMap>::namespaced(client.clone(), namespace).get_opt(name).await.map(|object| {
            object.map(|object| {
                let text = object.data.into_iter().flatten().map(|(key, text)| (key, text.into_bytes()));
                text.chain(object.binary_data.into_iter().flatten().map(|(key, bytes)| (key, bytes.0))).collect()
            })
        }),
        Kind::Secret => Api::<Secret>::namespaced(client.clone(), namespace)
            .get_opt(name)
            .await
            .map(|object| object.map(|object| object.data.into_iter().flatten().map(|(key, bytes)| (key, bytes.0)).collect())),
    };
    match found {
        Ok(None) if !optional => Err(trouble(format!("{} \"{name}\" not found", kind.name().to_lowercase()))),
        Ok(found) => Ok(found),
        Err(error) => Err(trouble(format!("{} \"{name}\": {error}", kind.name().to_lowercase()))),
    }
}

/// One value of an object; nothing where it or its key is missing and may be.
pub(crate) async fn value(
    client: &Client,
    kind: Kind,
    namespace: &str,
    name: &str,
    key: &str,
    optional: bool,
) -> Result<Option<String>, Trouble> {
    let Some(mut data) = data(client, kind, namespace, name, optional).await? else { return Ok(None) };
    match data.remove(key) {
        Some(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        None if optional => Ok(None),
        None => Err(trouble(format!("couldn't find key {key} in {} {namespace}/{name}", kind.name()))),
    }
}

/// `metadata.labels['key']` taken apart.
fn subscript<'a>(path: &'a str, field: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(field)?.strip_prefix("['")?;
    rest.strip_suffix("']")
}

/// All labels or annotations as the downward API writes them to a file.
fn listed(map: Option<&BTreeMap<String, String>>) -> String {
    let lines: Vec<String> = map.into_iter().flatten().map(|(key, value)| format!("{key}={value:?}")).collect();
    lines.join("\n")
}

/// A field of the pod, as `fieldRef` names it.
pub(crate) fn field(pod: &Pod, path: &str) -> Result<String, Trouble> {
    let meta = &pod.metadata;
    let spec = pod.spec.as_ref();
    let text = |text: Option<&String>| Ok(text.cloned().unwrap_or_default());
    match path {
        "metadata.name" => text(meta.name.as_ref()),
        "metadata.namespace" => text(meta.namespace.as_ref()),
        "metadata.uid" => text(meta.uid.as_ref()),
        "metadata.labels" => Ok(listed(meta.labels.as_ref())),
        "metadata.annotations" => Ok(listed(meta.annotations.as_ref())),
        "spec.nodeName" => text(spec.and_then(|spec| spec.node_name.as_ref())),
        "spec.serviceAccountName" => text(spec.and_then(|spec| spec.service_account_name.as_ref())),
        "status.hostIP" | "status.podIP" | "status.hostIPs" | "status.podIPs" => Ok(POD_IP.to_owned()),
        path => {
            if let Some(key) = subscript(path, "metadata.labels") {
                return text(meta.labels.as_ref().and_then(|labels| labels.get(key)));
            }
            if let Some(key) = subscript(path, "metadata.annotations") {
                return text(meta.annotations.as_ref().and_then(|annotations| annotations.get(key)));
            }
            Err(trouble(format!("failed to get field {path:?}: unsupported fieldPath: {path}")))
        }
    }
}

/// A quantity in thousandths, rounded up.
fn thousandths(quantity: &Quantity) -> Option<i128> {
    let text = quantity.0.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '+' && c != '-').unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits);
    let unit: i128 = match suffix {
        "m" => 1,
        "" => 1_000,
        "k" => 1_000_000,
        "M" => 1_000_000_000,
        "G" => 1_000_000_000_000,
        "T" => 1_000_000_000_000_000,
        "P" => 1_000_000_000_000_000_000,
        "Ki" => 1_000 << 10,
        "Mi" => 1_000 << 20,
        "Gi" => 1_000 << 30,
        "Ti" => 1_000 << 40,
        "Pi" => 1_000 << 50,
        _ => return None,
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let part = part.get(..part.len().min(9))?;
    let scale = 10_i128.checked_pow(u32::try_from(part.len()).ok()?)?;
    let value = format!("{whole}{part}").parse::<i128>().ok()?.checked_mul(unit)?;
    Some(value.div_euclid(scale).saturating_add(i128::from(value.rem_euclid(scale) != 0)))
}

/// A resource of a container, in the selector's divisor, rounded up as upstream does. What a container does not say is the node's.
pub(crate) fn resource(pod: &Pod, own: Option<&Container>, selector: &ResourceFieldSelector) -> Result<String, Trouble> {
    let spec = pod.spec.as_ref();
    let named = |name: &str| {
        let all = spec.into_iter().flat_map(|spec| spec.containers.iter().chain(spec.init_containers.iter().flatten()));
        all.into_iter().find(|container| container.name == name)
    };
    let container = match selector.container_name.as_deref().filter(|name| !name.is_empty()) {
        Some(name) => named(name).ok_or_else(|| trouble(format!("container {name} not found")))?,
        None => own.ok_or_else(|| trouble("containerName: required for volumes"))?,
    };
    let (which, resource) =
        selector.resource.split_once('.').ok_or_else(|| trouble(format!("unsupported container resource: {}", selector.resource)))?;
    let resources = container.resources.as_ref();
    let limits = resources.and_then(|resources| resources.limits.as_ref());
    let requests = resources.and_then(|resources| resources.requests.as_ref());
    let found = match which {
        "limits" => limits.and_then(|map| map.get(resource)).cloned().or_else(|| Some(capacity(resource))),
        "requests" => requests.or(limits).and_then(|map| map.get(resource)).cloned(),
        _ => return Err(trouble(format!("unsupported container resource: {}", selector.resource))),
    };
    let one = Quantity("1".to_owned());
    let divisor = selector.divisor.as_ref().filter(|quantity| quantity.0 != "0").unwrap_or(&one);
    let value = found.map_or(Some(0), |quantity| thousandths(&quantity));
    let (Some(value), Some(divisor)) = (value, thousandths(divisor).filter(|divisor| *divisor > 0)) else {
        return Err(trouble(format!("{}: not a quantity", selector.resource)));
    };
    Ok(value.div_euclid(divisor).saturating_add(i128::from(value.rem_euclid(divisor) != 0)).to_string())
}

/// What the node has of a resource.
pub(crate) fn capacity(resource: &str) -> Quantity {
    let text = match resource {
        "cpu" => std::thread::available_parallelism().map_or(1, usize::from).to_string(),
        "memory" => {
            let table = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
            let line = table.lines().find_map(|line| line.strip_prefix("MemTotal:"));
            let kibi = line.and_then(|line| line.split_whitespace().next()).unwrap_or("4194304");
            format!("{kibi}Ki")
        }
        "ephemeral-storage" => "100Gi".to_owned(),
        _ => "0".to_owned(),
    };
    Quantity(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities() {
        for (text, value) in
            [("1", 1_000), ("250m", 250), ("1.5", 1_500), ("1Ki", 1_024_000), ("0.5Gi", 536_870_912_000), ("1.0001", 1_001)]
        {
            assert_eq!(thousandths(&Quantity(text.to_owned())), Some(value), "{text}");
        }
        assert_eq!(thousandths(&Quantity("many".to_owned())), None);
    }

    #[test]
    fn fields() {
        let mut pod = Pod::default();
        pod.metadata.name = Some("p".to_owned());
        pod.metadata.labels = Some([("a".to_owned(), "x\"y".to_owned()), ("b".to_owned(), "2".to_owned())].into());
        assert_eq!(field(&pod, "metadata.name").unwrap(), "p");
        assert_eq!(field(&pod, "metadata.labels['b']").unwrap(), "2");
        assert_eq!(field(&pod, "metadata.labels").unwrap(), "a=\"x\\\"y\"\nb=\"2\"");
        assert_eq!(field(&pod, "status.podIP").unwrap(), "127.0.0.1");
        assert!(field(&pod, "spec.nothing").is_err());
    }
}
