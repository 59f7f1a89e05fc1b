//! Which form an answer takes: JSON or YAML; whole objects, tables or metadata alone.

use super::failure::Failure;

/// What is shown of objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Form {
    #[default]
    Whole,
    /// `Table` of `meta.k8s.io/v1`, or `v1beta1`.
    Table { beta: bool },
    /// `PartialObjectMetadata`, or its list.
    Partial { beta: bool, list: bool },
    /// Aggregated discovery.
    Discovery { beta: bool },
}

/// The form a client takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Accept {
    pub(crate) form: Form,
    pub(crate) yaml: bool,
    pub(crate) protobuf: bool,
    pub(crate) pretty: bool,
}

/// Which forms there are of what is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Offers {
    /// A wildcard below `application` will do for JSON.
    pub(crate) any_application: bool,
    pub(crate) protobuf: bool,
}

const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

impl Accept {
    /// The first form of the `Accept` header that can be given.
    pub(crate) fn parse(header: &str, offers: Offers) -> Option<Self> {
        if header.trim().is_empty() {
            return Some(Self::default());
        }
        let mut clauses: Vec<(f32, &str)> = header
            .split(',')
            .map(|clause| {
                let quality = clause.split(';').find_map(|p| p.trim().strip_prefix("q=")).and_then(|q| q.parse().ok()).unwrap_or(1.0);
                (quality, clause.trim())
            })
            .collect();
        clauses.sort_by(|a, b| b.0.total_cmp(&a.0));
        clauses.iter().find_map(|(_, clause)| Self::clause(clause, offers))
    }

    /// Whether a client takes JSON, but in a shape that there is not.
    pub(crate) fn odd_shape(header: &str) -> bool {
        header.split(',').any(|clause| clause.trim().starts_with("application/json;"))
    }

    fn clause(clause: &str, offers: Offers) -> Option<Self> {
        let mut parts = clause.split(';').map(str::trim);
        let (yaml, protobuf) = match parts.next()? {
            "application/json" | "*/*" => (false, false),
            "application/*" if offers.any_application => (false, false),
            "application/yaml" => (true, false),
            PROTOBUF if offers.protobuf => (false, true),
            _ => return None,
        };
        let (mut shape, mut version, mut group, mut pretty) = ("", "", "", false);
        for part in parts {
            match part.split_once('=') {
                Some(("as", value)) => shape = value,
                Some(("v", value)) => version = value,
                Some(("g", value)) => group = value,
                Some(("pretty", "1")) => pretty = true,
                _ => {}
            }
        }
        let beta = match version {
            "v1" | "v2" | "" => false,
            "v1beta1" | "v2beta1" => true,
            _ => return None,
        };
        let form = match (shape, group) {
            ("", _) => Form::Whole,
            ("Table", "meta.k8s.io") if !protobuf => Form::Table { beta },
            ("PartialObjectMetadata", "meta.k8s.io") => Form::Partial { beta, list: false },
            ("PartialObjectMetadataList", "meta.k8s.io") => Form::Partial { beta, list: true },
            ("APIGroupDiscoveryList", "apidiscovery.k8s.io") => Form::Discovery { beta },
            _ => return None,
        };
        Some(Self { form, yaml, protobuf, pretty })
    }

    /// The form in which a client is told that there is none it takes.
    pub(crate) fn of_refusal(header: &str) -> Self {
        Self { protobuf: header.trim_start().starts_with(PROTOBUF), ..Self::default() }
    }

    /// What a client is told that takes no form we have.
    pub(crate) fn refused(custom: bool, watch: bool) -> Failure {
        let types = "application/json, application/yaml, application/vnd.kubernetes.protobuf";
        if custom {
            return Failure::new(406, "NotAcceptable", format!("only the following media types are accepted: {types}"), None);
        }
        let streams = if watch { ", application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch" } else { "" };
        let message = format!("406: Not Acceptable\n\nAvailable representations: {types}{streams}");
        Failure::new(406, "NotAcceptable", message, Some(serde_json::json!({})))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_form_that_fits_is_taken() {
        let parse = |header: &str| Accept::parse(header, Offers::default());
        assert_eq!(parse("application/json;as=Table;v=v1;g=meta.k8s.io,application/json").unwrap().form, Form::Table { beta: false });
        assert_eq!(parse("application/vnd.kubernetes.protobuf, */*"), Some(Accept::default()));
        assert!(
            Accept::parse("application/vnd.kubernetes.protobuf, */*", Offers { protobuf: true, ..Offers::default() }).unwrap().protobuf
        );
        assert_eq!(parse("text/html"), None);
        assert!(parse("application/yaml").unwrap().yaml);
    }
}
