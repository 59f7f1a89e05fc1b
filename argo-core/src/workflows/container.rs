use super::*;

api_struct! {
    /// Several containers in one pod, run in the order of their dependencies.
    pub struct ContainerSetTemplate {
        /// The containers; one of them is named `main`, or their outputs are not captured.
        pub containers: Vec<ContainerNode>,
        /// How often, when and where it is run again after failing.
        pub retry_strategy: Option<ContainerSetRetryStrategy>,
        /// Mounts of volumes.
        pub volume_mounts: Vec<Value> => "[]VolumeMount @mountPath",
    }
}

api_struct! {
    /// How often a failed container of the set is run again within its pod.
    pub struct ContainerSetRetryStrategy {
        /// Time between two tries, such as `1m`.
        pub duration: String,
        /// How many further tries there are.
        pub retries: Option<IntOrString>,
    }
}

api_struct! {
    /// A container of a container set.
    pub struct ContainerNode {
        /// Arguments of the command.
        pub args: Vec<String>,
        /// The command; the image's own when not given.
        pub command: Vec<String>,
        /// Names of those that must have ended well before this one starts.
        pub dependencies: Vec<String>,
        /// Environment variables.
        pub env: Vec<EnvVar> => "@name",
        /// ConfigMaps and Secrets whose keys all become environment variables.
        pub env_from: Vec<Value> => "[]EnvFromSource",
        /// Container image.
        pub image: String,
        /// When the image is pulled: `Always`, `IfNotPresent` or `Never`.
        pub image_pull_policy: String,
        /// What is run after the start and before the stop.
        pub lifecycle: Option<Value> => "*Lifecycle",
        /// When the container is restarted.
        pub liveness_probe: Option<Value> => "*Probe",
        /// Name.
        pub name: String,
        /// Ports.
        pub ports: Vec<Value> => "[]ContainerPort @containerPort",
        /// When the container is ready.
        pub readiness_probe: Option<Value> => "*Probe",
        /// What happens when resources are changed.
        pub resize_policy: Vec<Value> => "[]ContainerResizePolicy",
        /// Requests and limits.
        pub resources: Option<Value> => "ResourceRequirements",
        /// Whether the container is restarted.
        pub restart_policy: String,
        /// Rules by exit code about restarts.
        pub restart_policy_rules: Vec<Value> => "[]ContainerRestartRule",
        /// Security settings of the container.
        pub security_context: Option<Value> => "*SecurityContext",
        /// When the container has started.
        pub startup_probe: Option<Value> => "*Probe",
        /// Whether standard input stays open.
        pub stdin: bool,
        /// Whether standard input is closed after the first client.
        pub stdin_once: bool,
        /// File with the container's last words.
        pub termination_message_path: String,
        /// Where the container's last words are taken from.
        pub termination_message_policy: String,
        /// Whether there is a terminal.
        pub tty: bool,
        /// Block devices.
        pub volume_devices: Vec<Value> => "[]VolumeDevice @devicePath",
        /// Mounts of volumes.
        pub volume_mounts: Vec<Value> => "[]VolumeMount @mountPath",
        /// Working folder.
        pub working_dir: String,
    }
}

api_struct! {
    /// A script that is written to a file and run in a container; what it prints is the result.
    pub struct ScriptTemplate {
        /// Arguments of the command.
        pub args: Vec<String>,
        /// The interpreter; it gets the script's file as its last argument.
        pub command: Vec<String>,
        /// Environment variables.
        pub env: Vec<EnvVar> => "@name",
        /// ConfigMaps and Secrets whose keys all become environment variables.
        pub env_from: Vec<Value> => "[]EnvFromSource",
        /// Container image.
        pub image: String,
        /// When the image is pulled: `Always`, `IfNotPresent` or `Never`.
        pub image_pull_policy: String,
        /// What is run after the start and before the stop.
        pub lifecycle: Option<Value> => "*Lifecycle",
        /// When the container is restarted.
        pub liveness_probe: Option<Value> => "*Probe",
        /// Name.
        pub name: String,
        /// Ports.
        pub ports: Vec<Value> => "[]ContainerPort @containerPort",
        /// When the container is ready.
        pub readiness_probe: Option<Value> => "*Probe",
        /// What happens when resources are changed.
        pub resize_policy: Vec<Value> => "[]ContainerResizePolicy",
        /// Requests and limits.
        pub resources: Option<Value> => "ResourceRequirements",
        /// Whether the container is restarted.
        pub restart_policy: String,
        /// Rules by exit code about restarts.
        pub restart_policy_rules: Vec<Value> => "[]ContainerRestartRule",
        /// Security settings of the container.
        pub security_context: Option<Value> => "*SecurityContext",
        /// The script.
        pub source: String,
        /// When the container has started.
        pub startup_probe: Option<Value> => "*Probe",
        /// Whether standard input stays open.
        pub stdin: bool,
        /// Whether standard input is closed after the first client.
        pub stdin_once: bool,
        /// File with the container's last words.
        pub termination_message_path: String,
        /// Where the container's last words are taken from.
        pub termination_message_policy: String,
        /// Whether there is a terminal.
        pub tty: bool,
        /// Block devices.
        pub volume_devices: Vec<Value> => "[]VolumeDevice @devicePath",
        /// Mounts of volumes.
        pub volume_mounts: Vec<Value> => "[]VolumeMount @mountPath",
        /// Working folder.
        pub working_dir: String,
    }
}

api_struct! {
    /// A sidecar or init container.
    pub struct UserContainer {
        /// Arguments of the command.
        pub args: Vec<String>,
        /// The command; the image's own when not given.
        pub command: Vec<String>,
        /// Environment variables.
        pub env: Vec<EnvVar> => "@name",
        /// ConfigMaps and Secrets whose keys all become environment variables.
        pub env_from: Vec<Value> => "[]EnvFromSource",
        /// Container image.
        pub image: String,
        /// When the image is pulled: `Always`, `IfNotPresent` or `Never`.
        pub image_pull_policy: String,
        /// What is run after the start and before the stop.
        pub lifecycle: Option<Value> => "*Lifecycle",
        /// When the container is restarted.
        pub liveness_probe: Option<Value> => "*Probe",
        /// Whether it has the mounts of the main container.
        pub mirror_volume_mounts: bool,
        /// Name.
        pub name: String,
        /// Ports.
        pub ports: Vec<Value> => "[]ContainerPort @containerPort",
        /// When the container is ready.
        pub readiness_probe: Option<Value> => "*Probe",
        /// What happens when resources are changed.
        pub resize_policy: Vec<Value> => "[]ContainerResizePolicy",
        /// Requests and limits.
        pub resources: Option<Value> => "ResourceRequirements",
        /// Whether the container is restarted.
        pub restart_policy: String,
        /// Rules by exit code about restarts.
        pub restart_policy_rules: Vec<Value> => "[]ContainerRestartRule",
        /// Security settings of the container.
        pub security_context: Option<Value> => "*SecurityContext",
        /// When the container has started.
        pub startup_probe: Option<Value> => "*Probe",
        /// Whether standard input stays open.
        pub stdin: bool,
        /// Whether standard input is closed after the first client.
        pub stdin_once: bool,
        /// File with the container's last words.
        pub termination_message_path: String,
        /// Where the container's last words are taken from.
        pub termination_message_policy: String,
        /// Whether there is a terminal.
        pub tty: bool,
        /// Block devices.
        pub volume_devices: Vec<Value> => "[]VolumeDevice @devicePath",
        /// Mounts of volumes.
        pub volume_mounts: Vec<Value> => "[]VolumeMount @mountPath",
        /// Working folder.
        pub working_dir: String,
    }
}

api_struct! {
    /// Something that is done to a Kubernetes object.
    pub struct ResourceTemplate {
        /// What is done: `get`, `create`, `apply`, `delete`, `replace` or `patch`.
        pub action: String,
        /// Label-selector-like conditions on the object's fields; if they hold, the node has failed.
        pub failure_condition: String,
        /// Further flags for kubectl.
        pub flags: Vec<String>,
        /// The object, or the patch, as YAML.
        pub manifest: String,
        /// Where the manifest comes from, if not from `manifest`.
        pub manifest_from: Option<ManifestFrom>,
        /// How a patch is applied: `strategic`, `merge` or `json`.
        pub merge_strategy: String,
        /// Whether the object belongs to the workflow and goes with it.
        pub set_owner_reference: Option<bool>,
        /// Conditions on the object's fields that must hold for success.
        pub success_condition: String,
    }
}

api_struct! {
    /// Where the manifest comes from.
    pub struct ManifestFrom {
        /// The artifact that holds the manifest.
        pub artifact: Option<Artifact>,
    }
}

api_struct! {
    /// An HTTP request; the response's body is the result.
    pub struct Http {
        /// The body of the request.
        pub body: String,
        /// Where the body comes from, if not from `body`.
        pub body_from: Option<HttpBodySource>,
        /// HTTP headers.
        pub headers: Vec<HttpHeader>,
        /// Whether the server's certificate is not checked.
        pub insecure_skip_verify: bool,
        /// HTTP method; `GET` when not given.
        pub method: String,
        /// Expression over `response` that must be true for success.
        pub success_condition: String,
        /// Seconds after which the request is given up; 30 when not given.
        pub timeout_seconds: Option<i64>,
        /// The URL.
        pub url: String,
    }
}

api_struct! {
    /// Where the body of a request comes from.
    pub struct HttpBodySource {
        /// The body, in base64.
        pub bytes: String,
    }
}

api_struct! {
    /// An HTTP header of a request.
    pub struct HttpHeader {
        /// Name.
        pub name: String,
        /// The value.
        pub value: String,
        /// Where the value comes from.
        pub value_from: Option<HttpHeaderSource>,
    }
}

api_struct! {
    /// Where a header's value comes from.
    pub struct HttpHeaderSource {
        /// Secret key with the value.
        pub secret_key_ref: Option<KeySelector>,
    }
}

api_struct! {
    /// Data that is read from a source and transformed.
    pub struct Data {
        /// Where the data comes from.
        pub source: Option<DataSource>,
        /// Transformations, one after the other.
        pub transformation: Vec<TransformationStep>,
    }
}

api_struct! {
    /// Where data comes from.
    pub struct DataSource {
        /// Paths below an artifact's key.
        pub artifact_paths: Option<ArtifactPaths>,
    }
}

api_struct! {
    /// The paths below an artifact's key, as a list.
    pub struct ArtifactPaths {
        /// How it is packed before it is stored; a tar archive when not given.
        pub archive: Option<ArchiveStrategy>,
        /// Whether logs are stored as an artifact.
        pub archive_logs: Option<bool>,
        /// When and how it is deleted.
        pub artifact_gc as "artifactGC": Option<ArtifactGc>,
        /// In JFrog Artifactory.
        pub artifactory: Option<ArtifactoryArtifact>,
        /// In Azure Blob Storage.
        pub azure: Option<AzureArtifact>,
        /// Whether it was deleted.
        pub deleted: bool,
        /// A reference to another artifact, as a tag: `{{steps.a.outputs.artifacts.b}}`.
        pub from: String,
        /// Expression that gives another artifact.
        pub from_expression: String,
        /// In Google Cloud Storage.
        pub gcs: Option<GcsArtifact>,
        /// In a Git repository.
        pub git: Option<GitArtifact>,
        /// Name under which the whole workflow sees it, in `workflow.outputs`.
        pub global_name: String,
        /// In HDFS.
        pub hdfs: Option<HdfsArtifact>,
        /// Over HTTP.
        pub http: Option<HttpArtifact>,
        /// File mode, as a decimal number: 420 is 0644.
        pub mode: Option<i64>,
        /// Name.
        pub name: String,
        /// Whether it may be missing.
        pub optional: bool,
        /// In Alibaba Cloud OSS.
        pub oss: Option<OssArtifact>,
        /// Path in the container.
        pub path: String,
        /// In a store that a plugin speaks to.
        pub plugin: Option<PluginArtifact>,
        /// Written in the manifest.
        pub raw: Option<RawArtifact>,
        /// Whether the mode is applied to everything in the folder.
        pub recurse_mode: bool,
        /// In an S3-compatible store.
        pub s3: Option<S3Artifact>,
        /// Path below the source that is meant.
        pub sub_path: String,
    }
}

api_struct! {
    /// One transformation; `data` is what the step before gave.
    pub struct TransformationStep {
        /// Expression that gives the transformed data.
        pub expression: String,
    }
}
