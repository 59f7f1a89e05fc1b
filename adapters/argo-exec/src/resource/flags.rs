//! The flags of `kubectl` that resource templates may use.

use kube::api::PropagationPolicy;

use super::ResourceError;

/// What flags say.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Flags {
    /// Kinds and names, as `pod/x` or `pod x`.
    pub(super) targets: Vec<String>,
    pub(super) namespace: Option<String>,
    pub(super) selector: Option<String>,
    pub(super) field_selector: Option<String>,
    pub(super) field_manager: Option<String>,
    pub(super) all: bool,
    pub(super) dry_run: bool,
    pub(super) force: bool,
    pub(super) no_wait: bool,
    pub(super) grace_period: Option<u32>,
    pub(super) propagation: Option<PropagationPolicy>,
    pub(super) patch_type: Option<String>,
}

/// Flags that take a value which may stand in the next argument.
const WITH_VALUE: [&str; 14] = [
    "-n",
    "--namespace",
    "-l",
    "--selector",
    "--field-selector",
    "--field-manager",
    "--grace-period",
    "--type",
    "--timeout",
    "-o",
    "--output",
    "--request-timeout",
    "-v",
    "--v",
];

fn is_on(flag: &str, value: Option<&str>) -> Result<bool, ResourceError> {
    match value {
        None | Some("true" | "1" | "t") => Ok(true),
        Some("false" | "0" | "f") => Ok(false),
        Some(other) => Err(ResourceError::Flag { flag: flag.to_owned(), reason: format!("{other:?} is neither true nor false") }),
    }
}

impl Flags {
    /// Reads flags as kubectl does.
    pub(super) fn parse(arguments: &[String]) -> Result<Self, ResourceError> {
        let mut flags = Self::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            if !argument.starts_with('-') {
                flags.targets.push(argument.clone());
                continue;
            }
            let (name, mut value) = match argument.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (argument.as_str(), None),
            };
            if value.is_none() && WITH_VALUE.contains(&name) {
                value = Some(rest.next().ok_or_else(|| ResourceError::Flag { flag: name.to_owned(), reason: "needs a value".to_owned() })?);
            }
            flags.set(name, value)?;
        }
        Ok(flags)
    }

    fn set(&mut self, name: &str, value: Option<&str>) -> Result<(), ResourceError> {
        let text = || value.unwrap_or_default().to_owned();
        let wrong = |reason: &str| ResourceError::Flag { flag: name.to_owned(), reason: reason.to_owned() };
        match name {
            "-n" | "--namespace" => self.namespace = Some(text()),
            "-l" | "--selector" => self.selector = Some(text()),
            "--field-selector" => self.field_selector = Some(text()),
            "--field-manager" => self.field_manager = Some(text()),
            "--all" => self.all = is_on(name, value)?,
            "--force" => self.force = is_on(name, value)?,
            "--wait" => self.no_wait = !is_on(name, value)?,
            "--now" => self.grace_period = Some(1),
            "--grace-period" => {
                let seconds: i64 = text().parse().map_err(|_| wrong("is not a number of seconds"))?;
                self.grace_period = u32::try_from(seconds).ok();
            }
            "--dry-run" => {
                self.dry_run = match value {
                    None | Some("server" | "client" | "true") => true,
                    Some("none" | "false") => false,
                    Some(_) => return Err(wrong("is one of none, server, client")),
                }
            }
            "--cascade" => {
                self.propagation = Some(match value {
                    None | Some("background" | "true") => PropagationPolicy::Background,
                    Some("foreground") => PropagationPolicy::Foreground,
                    Some("orphan" | "false") => PropagationPolicy::Orphan,
                    Some(_) => return Err(wrong("is one of background, foreground, orphan")),
                });
            }
            "--type" => self.patch_type = Some(text()),
            // Objects that are not there are never an error, as upstream has it; the others change nothing that matters here.
            "--ignore-not-found"
            | "--validate"
            | "--save-config"
            | "--record"
            | "--output"
            | "-o"
            | "--timeout"
            | "--request-timeout"
            | "--v"
            | "-v"
            | "--show-managed-fields"
            | "--overwrite"
            | "--warnings-as-errors"
            | "--server-side"
            | "--force-conflicts" => {}
            other => return Err(ResourceError::Unsupported(format!("flag {other} of a resource template"))),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Flags, String> {
        Flags::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).map_err(|e| e.to_string())
    }

    #[test]
    fn flags_of_examples() {
        let flags = parse("cm --selector cleanup=true --wait=false --validate=false --grace-period=-1").unwrap();
        assert_eq!((flags.targets, flags.selector.as_deref(), flags.no_wait), (vec!["cm".to_owned()], Some("cleanup=true"), true));
        assert_eq!(parse("pod x --dry-run=server --cascade orphan").unwrap().targets, ["pod", "x", "orphan"]);
        assert!(parse("--dry-run=none").unwrap() == Flags::default());
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for bad in ["--raw=/api", "-l", "--dry-run=maybe", "--force=perhaps", "--grace-period=soon"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
