//! The parts of a pod that workflow templates hold and engines read; the rest passes through untouched.

use super::*;

api_struct! {
    /// A container; everything beyond what is named here is kept in `extra`.
    pub struct Container as "Container" {
        /// Name, unique in the pod.
        pub name: String,
        /// Image.
        pub image: String,
        /// Entrypoint.
        pub command: Vec<String>,
        /// Arguments to the entrypoint.
        pub args: Vec<String>,
        /// Working folder.
        pub working_dir: String,
        /// Environment.
        pub env: Vec<EnvVar> => "@name",
        /// ConfigMaps and Secrets whose keys all become environment variables.
        pub env_from: Vec<Value> => "[]EnvFromSource",
        /// Mounts of the pod's volumes.
        pub volume_mounts: Vec<Value> => "[]VolumeMount @mountPath",
        /// Requests and limits.
        pub resources: Option<Value> => "ResourceRequirements",
        /// When the image is pulled.
        pub image_pull_policy: String,
    }
}

api_struct! {
    /// One environment variable.
    pub struct EnvVar as "EnvVar" {
        /// Name.
        pub name: String,
        /// Value.
        pub value: String,
        /// Where the value comes from.
        pub value_from: Option<Value> => "*EnvVarSource",
    }
}
