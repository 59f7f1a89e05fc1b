use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::{meta, validation};

/// What a requirement asks of a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// The label is there, with one of the values.
    In,
    /// The label is not there, or has none of the values.
    NotIn,
    /// `=`: as `In` with one value.
    Equals,
    /// `==`: the same.
    DoubleEquals,
    /// `!=`: as `NotIn` with one value.
    NotEquals,
    /// The label is there.
    Exists,
    /// The label is not there.
    DoesNotExist,
    /// The label is a whole number above the value.
    GreaterThan,
    /// The label is a whole number below the value.
    LessThan,
}

/// One requirement of a selector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    key: String,
    operator: Operator,
    values: BTreeSet<String>,
}

/// A requirement that Kubernetes would refuse; the messages are its own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", aggregate(.0))]
pub struct InvalidRequirement(Vec<String>);

/// One message as it is, several in brackets, each only once.
fn aggregate(messages: &[String]) -> String {
    let mut seen: Vec<&str> = Vec::new();
    for message in messages {
        if !seen.contains(&message.as_str()) {
            seen.push(message);
        }
    }
    match seen.as_slice() {
        [one] => (*one).to_owned(),
        many => format!("[{}]", many.join(", ")),
    }
}

/// Why a text or object is no label selector. Messages are Kubernetes' own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelSelectorError {
    /// A word stands where it cannot.
    #[error("found '{found}', expected: {expected}")]
    Unexpected {
        /// The word; empty at the end.
        found: String,
        /// What could stand there.
        expected: &'static str,
    },
    /// One requirement is malformed.
    #[error("unable to parse requirement: {0}")]
    Malformed(String),
    /// One requirement is well-formed and not allowed.
    #[error("unable to parse requirement: {0}")]
    Refused(#[source] InvalidRequirement),
    /// One requirement of a LabelSelector object is not allowed.
    #[error(transparent)]
    Object(#[from] InvalidRequirement),
    /// A LabelSelector object has an operator that does not exist.
    #[error("{0:?} is not a valid label selector operator")]
    Operator(String),
}

impl Requirement {
    /// Makes a requirement.
    ///
    /// # Errors
    /// When key or values cannot be a label's, or there are too many or too few values for the operator.
    pub fn new<I, S>(key: &str, operator: Operator, values: I) -> Result<Self, InvalidRequirement>
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        let given: Vec<String> = values.into_iter().map(Into::into).collect();
        let mut errors = Vec::new();
        if let Some(message) = key_error(key, "key") {
            errors.push(message);
        }
        let shown = serde_json::to_string(&given).unwrap_or_default();
        let mut values_error = |detail: &str| errors.push(format!("values: Invalid value: {shown}: {detail}"));
        match operator {
            Operator::In | Operator::NotIn if given.is_empty() => values_error("for 'in', 'notin' operators, values set can't be empty"),
            Operator::In | Operator::NotIn => {}
            Operator::Equals | Operator::DoubleEquals | Operator::NotEquals if given.len() != 1 => {
                values_error("exact-match compatibility requires one single value");
            }
            Operator::Equals | Operator::DoubleEquals | Operator::NotEquals => {}
            Operator::Exists | Operator::DoesNotExist if !given.is_empty() => {
                values_error("values set must be empty for exists and does not exist");
            }
            Operator::Exists | Operator::DoesNotExist => {}
            Operator::GreaterThan | Operator::LessThan => {
                if given.len() != 1 {
                    values_error("for 'Gt', 'Lt' operators, exactly one value is required");
                }
                for (index, value) in given.iter().enumerate() {
                    if value.parse::<i64>().is_err() {
                        errors.push(format!(
                            "values[{index}]: Invalid value: {value:?}: for 'Gt', 'Lt' operators, the value must be an integer"
                        ));
                    }
                }
            }
        }
        for (index, value) in given.iter().enumerate() {
            let broken = validation::label_value(value);
            if !broken.is_empty() {
                errors.push(format!("values[{index}][{key}]: Invalid value: {value:?}: {}", broken.join("; ")));
            }
        }
        if !errors.is_empty() {
            return Err(InvalidRequirement(errors));
        }
        Ok(Self { key: key.to_owned(), operator, values: given.into_iter().collect() })
    }

    /// The label it is about.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What it asks.
    #[must_use]
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// The values, sorted.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(String::as_str)
    }

    /// Whether labels meet it.
    #[must_use]
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.is_met_by(labels.get(&self.key).map(String::as_str))
    }

    /// Whether this value of its label meets it; `None` where the label is not there.
    #[must_use]
    pub fn is_met_by(&self, value: Option<&str>) -> bool {
        let number = |text: &str| text.parse::<i64>().ok();
        let bound = self.values.first().map(String::as_str).and_then(number);
        let compare = |holds: fn(&i64, &i64) -> bool| match (value.and_then(number), bound) {
            (Some(label), Some(bound)) => holds(&label, &bound),
            _ => false,
        };
        match self.operator {
            Operator::In | Operator::Equals | Operator::DoubleEquals => value.is_some_and(|v| self.values.contains(v)),
            Operator::NotIn | Operator::NotEquals => value.is_none_or(|v| !self.values.contains(v)),
            Operator::Exists => value.is_some(),
            Operator::DoesNotExist => value.is_none(),
            Operator::GreaterThan => compare(i64::gt),
            Operator::LessThan => compare(i64::lt),
        }
    }
}

/// The message about a key that can be no label's, where it is one.
pub(super) fn key_error(key: &str, path: &str) -> Option<String> {
    let broken = validation::qualified_name(key);
    (!broken.is_empty()).then(|| format!("{path}: Invalid value: {key:?}: {}", broken.join("; ")))
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values = self.values.iter().map(String::as_str).collect::<Vec<_>>().join(",");
        let key = &self.key;
        match self.operator {
            Operator::In => write!(f, "{key} in ({values})"),
            Operator::NotIn => write!(f, "{key} notin ({values})"),
            Operator::Equals => write!(f, "{key}={values}"),
            Operator::DoubleEquals => write!(f, "{key}=={values}"),
            Operator::NotEquals => write!(f, "{key}!={values}"),
            Operator::Exists => write!(f, "{key}"),
            Operator::DoesNotExist => write!(f, "!{key}"),
            Operator::GreaterThan => write!(f, "{key}>{values}"),
            Operator::LessThan => write!(f, "{key}<{values}"),
        }
    }
}

/// A label query: all its requirements must hold. Made from a text (`app=web,tier!=back`), from a LabelSelector object, or from requirements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelSelector {
    /// `None` selects nothing.
    requirements: Option<Vec<Requirement>>,
}

impl LabelSelector {
    /// Selects everything.
    #[must_use]
    pub fn everything() -> Self {
        Self { requirements: Some(Vec::new()) }
    }

    /// Selects nothing, as a selector that is not there does.
    #[must_use]
    pub fn nothing() -> Self {
        Self { requirements: None }
    }

    /// The query of these requirements, sorted by key.
    #[must_use]
    pub fn new(mut requirements: Vec<Requirement>) -> Self {
        requirements.sort_by(|a, b| a.key.cmp(&b.key));
        Self { requirements: Some(requirements) }
    }

    /// The query that a LabelSelector object stands for; `None` selects nothing, an empty one everything.
    ///
    /// # Errors
    /// When a requirement has an unknown operator, or a key or value that no label can have.
    pub fn from_object(object: Option<&meta::LabelSelector>) -> Result<Self, LabelSelectorError> {
        let Some(object) = object else { return Ok(Self::nothing()) };
        let mut requirements = Vec::new();
        for (key, value) in &object.match_labels {
            requirements.push(Requirement::new(key, Operator::Equals, [value.as_str()])?);
        }
        for expression in &object.match_expressions {
            let operator = match expression.operator.as_str() {
                "In" => Operator::In,
                "NotIn" => Operator::NotIn,
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                other => return Err(LabelSelectorError::Operator(other.to_owned())),
            };
            requirements.push(Requirement::new(&expression.key, operator, expression.values.iter().map(String::as_str))?);
        }
        Ok(Self::new(requirements))
    }

    /// The query for exactly these labels, none of which is checked.
    #[must_use]
    pub fn exactly(labels: &BTreeMap<String, String>) -> Self {
        let requirement = |(key, value): (&String, &String)| Requirement {
            key: key.clone(),
            operator: Operator::Equals,
            values: BTreeSet::from([value.clone()]),
        };
        Self { requirements: Some(labels.iter().map(requirement).collect()) }
    }

    /// Whether labels meet all requirements.
    #[must_use]
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.selects(|key| labels.get(key).map(String::as_str))
    }

    /// Whether the object is selected whose labels `label` gives.
    pub fn selects<'v>(&self, label: impl Fn(&str) -> Option<&'v str>) -> bool {
        self.requirements.as_ref().is_some_and(|all| all.iter().all(|r| r.is_met_by(label(&r.key))))
    }

    /// The requirements, sorted by key; none where it selects nothing.
    #[must_use]
    pub fn requirements(&self) -> Option<&[Requirement]> {
        self.requirements.as_deref()
    }

    /// Whether it selects everything.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.requirements.as_ref().is_some_and(Vec::is_empty)
    }
}

impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.requirements.iter().flatten().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            write!(f, "{requirement}")?;
        }
        Ok(())
    }
}

impl std::str::FromStr for LabelSelector {
    type Err = LabelSelectorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        super::parse::label_selector(text).map(Self::new)
    }
}
