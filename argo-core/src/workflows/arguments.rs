use super::*;

api_struct! {
    /// Values handed to a template or a workflow.
    pub struct Arguments {
        /// Files and folders, each with a name.
        pub artifacts: Vec<Artifact> => "@name",
        /// Texts, each with a name.
        pub parameters: Vec<Parameter> => "@name",
    }
}

api_struct! {
    /// What a template takes.
    pub struct Inputs {
        /// Files and folders, each with a name.
        pub artifacts: Vec<Artifact> => "@name",
        /// Texts, each with a name.
        pub parameters: Vec<Parameter> => "@name",
    }
}

api_struct! {
    /// What a template, node or workflow gives.
    pub struct Outputs {
        /// Files and folders, each with a name.
        pub artifacts: Vec<Artifact> => "@name",
        /// Exit code of the main container.
        pub exit_code: Option<String>,
        /// Texts, each with a name.
        pub parameters: Vec<Parameter> => "@name",
        /// What the main container printed, or the script's or request's result.
        pub result: Option<String>,
    }
}

api_struct! {
    /// A named text that is passed between templates.
    pub struct Parameter {
        /// The value if none is given.
        pub default: Option<AnyString>,
        /// What it is for.
        pub description: Option<AnyString>,
        /// The values that are allowed.
        pub enum_: Vec<AnyString>,
        /// Name under which the whole workflow sees it, in `workflow.outputs`.
        pub global_name: String,
        /// Name.
        pub name: String,
        /// The value.
        pub value: Option<AnyString>,
        /// Where the value comes from.
        pub value_from: Option<ValueFrom>,
    }
}

api_struct! {
    /// Where a parameter's value comes from.
    pub struct ValueFrom {
        /// A key of a ConfigMap.
        pub config_map_key_ref: Option<KeySelector>,
        /// The value if the source has none.
        pub default: Option<AnyString>,
        /// Expression that gives the value from the event that started the workflow.
        pub event: String,
        /// Expression that gives the value.
        pub expression: String,
        /// jq program over the object that gives the value.
        pub jq_filter: String,
        /// kubectl JSONPath over the object that gives the value.
        pub json_path: String,
        /// A reference to another parameter, as a tag: `{{steps.a.outputs.result}}`.
        pub parameter: String,
        /// Path in the container.
        pub path: String,
        /// Supplied while the workflow runs.
        pub supplied: Option<SuppliedValueFrom>,
    }
}

api_struct! {
    /// The value is supplied while the workflow runs, by whoever resumes the suspended node.
    pub struct SuppliedValueFrom {
    }
}
