use super::*;

api_struct! {
    /// Arguments.
    pub struct Arguments {
        /// `artifacts`.
        pub artifacts: Vec<Artifact> => "@name",
        /// `parameters`.
        pub parameters: Vec<Parameter> => "@name",
    }
}

api_struct! {
    /// Inputs.
    pub struct Inputs {
        /// `artifacts`.
        pub artifacts: Vec<Artifact> => "@name",
        /// `parameters`.
        pub parameters: Vec<Parameter> => "@name",
    }
}

api_struct! {
    /// Outputs.
    pub struct Outputs {
        /// `artifacts`.
        pub artifacts: Vec<Artifact> => "@name",
        /// `exitCode`.
        pub exit_code: Option<String>,
        /// `parameters`.
        pub parameters: Vec<Parameter> => "@name",
        /// `result`.
        pub result: Option<String>,
    }
}

api_struct! {
    /// Parameter.
    pub struct Parameter {
        /// `default`.
        pub default: Option<AnyString>,
        /// `description`.
        pub description: Option<AnyString>,
        /// `enum`.
        pub enum_: Vec<AnyString>,
        /// `globalName`.
        pub global_name: String,
        /// `name`.
        pub name: String,
        /// `value`.
        pub value: Option<AnyString>,
        /// `valueFrom`.
        pub value_from: Option<ValueFrom>,
    }
}

api_struct! {
    /// ValueFrom.
    pub struct ValueFrom {
        /// `configMapKeyRef`.
        pub config_map_key_ref: Option<KeySelector>,
        /// `default`.
        pub default: Option<AnyString>,
        /// `event`.
        pub event: String,
        /// `expression`.
        pub expression: String,
        /// `jqFilter`.
        pub jq_filter: String,
        /// `jsonPath`.
        pub json_path: String,
        /// `parameter`.
        pub parameter: String,
        /// `path`.
        pub path: String,
        /// `supplied`.
        pub supplied: Option<SuppliedValueFrom>,
    }
}

api_struct! {
    /// SuppliedValueFrom.
    pub struct SuppliedValueFrom {
    }
}
