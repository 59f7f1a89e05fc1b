use super::*;

api_struct! {
    /// ContainerSetTemplate.
    pub struct ContainerSetTemplate {
        /// `containers`.
        pub containers: Vec<ContainerNode>,
        /// `retryStrategy`.
        pub retry_strategy: Option<ContainerSetRetryStrategy>,
        /// `volumeMounts`.
        pub volume_mounts: Vec<Value> => "[]VolumeMount @mountPath",
    }
}

api_struct! {
    /// ContainerSetRetryStrategy.
    pub struct ContainerSetRetryStrategy {
        /// `duration`.
        pub duration: String,
        /// `retries`.
        pub retries: Option<IntOrString>,
    }
}

api_struct! {
    /// ContainerNode.
    pub struct ContainerNode {
        /// `args`.
        pub args: Vec<String>,
        /// `command`.
        pub command: Vec<String>,
        /// `dependencies`.
        pub dependencies: Vec<String>,
        /// `env`.
        pub env: Vec<EnvVar> => "@name",
        /// `envFrom`.
        pub env_from: Vec<Value> => "[]EnvFromSource",
        /// `image`.
        pub image: String,
        /// `imagePullPolicy`.
        pub image_pull_policy: String,
        /// `lifecycle`.
        pub lifecycle: Option<Value> => "*Lifecycle",
        /// `livenessProbe`.
        pub liveness_probe: Option<Value> => "*Probe",
        /// `name`.
        pub name: String,
        /// `ports`.
        pub ports: Vec<Value> => "[]ContainerPort @containerPort",
        /// `readinessProbe`.
        pub readiness_probe: Option<Value> => "*Probe",
        /// `resizePolicy`.
        pub resize_policy: Vec<Value> => "[]ContainerResizePolicy",
        /// `resources`.
        pub resources: Option<Value> => "ResourceRequirements",
        /// `restartPolicy`.
        pub restart_policy: String,
        /// `restartPolicyRules`.
        pub restart_policy_rules: Vec<Value> => "[]ContainerRestartRule",
        /// `securityContext`.
        pub security_context: Option<Value> => "*SecurityContext",
        /// `startupProbe`.
        pub startup_probe: Option<Value> => "*Probe",
        /// `stdin`.
        pub stdin: bool,
        /// `stdinOnce`.
        pub stdin_once: bool,
        /// `terminationMessagePath`.
        pub termination_message_path: String,
        /// `terminationMessagePolicy`.
        pub termination_message_policy: String,
        /// `tty`.
        pub tty: bool,
        /// `volumeDevices`.
        pub volume_devices: Vec<Value> => "[]VolumeDevice @devicePath",
        /// `volumeMounts`.
        pub volume_mounts: Vec<Value> => "[]VolumeMount @mountPath",
        /// `workingDir`.
        pub working_dir: String,
    }
}

api_struct! {
    /// ScriptTemplate.
    pub struct ScriptTemplate {
        /// `args`.
        pub args: Vec<String>,
        /// `command`.
        pub command: Vec<String>,
        /// `env`.
        pub env: Vec<EnvVar> => "@name",
        /// `envFrom`.
        pub env_from: Vec<Value> => "[]EnvFromSource",
        /// `image`.
        pub image: String,
        /// `imagePullPolicy`.
        pub image_pull_policy: String,
        /// `lifecycle`.
        pub lifecycle: Option<Value> => "*Lifecycle",
        /// `livenessProbe`.
        pub liveness_probe: Option<Value> => "*Probe",
        /// `name`.
        pub name: String,
        /// `ports`.
        pub ports: Vec<Value> => "[]ContainerPort @containerPort",
        /// `readinessProbe`.
        pub readiness_probe: Option<Value> => "*Probe",
        /// `resizePolicy`.
        pub resize_policy: Vec<Value> => "[]ContainerResizePolicy",
        /// `resources`.
        pub resources: Option<Value> => "ResourceRequirements",
        /// `restartPolicy`.
        pub restart_policy: String,
        /// `restartPolicyRules`.
        pub restart_policy_rules: Vec<Value> => "[]ContainerRestartRule",
        /// `securityContext`.
        pub security_context: Option<Value> => "*SecurityContext",
        /// `source`.
        pub source: String,
        /// `startupProbe`.
        pub startup_probe: Option<Value> => "*Probe",
        /// `stdin`.
        pub stdin: bool,
        /// `stdinOnce`.
        pub stdin_once: bool,
        /// `terminationMessagePath`.
        pub termination_message_path: String,
        /// `terminationMessagePolicy`.
        pub termination_message_policy: String,
        /// `tty`.
        pub tty: bool,
        /// `volumeDevices`.
        pub volume_devices: Vec<Value> => "[]VolumeDevice @devicePath",
        /// `volumeMounts`.
        pub volume_mounts: Vec<Value> => "[]VolumeMount @mountPath",
        /// `workingDir`.
        pub working_dir: String,
    }
}

api_struct! {
    /// UserContainer.
    pub struct UserContainer {
        /// `args`.
        pub args: Vec<String>,
        /// `command`.
        pub command: Vec<String>,
        /// `env`.
        pub env: Vec<EnvVar> => "@name",
        /// `envFrom`.
        pub env_from: Vec<Value> => "[]EnvFromSource",
        /// `image`.
        pub image: String,
        /// `imagePullPolicy`.
        pub image_pull_policy: String,
        /// `lifecycle`.
        pub lifecycle: Option<Value> => "*Lifecycle",
        /// `livenessProbe`.
        pub liveness_probe: Option<Value> => "*Probe",
        /// `mirrorVolumeMounts`.
        pub mirror_volume_mounts: bool,
        /// `name`.
        pub name: String,
        /// `ports`.
        pub ports: Vec<Value> => "[]ContainerPort @containerPort",
        /// `readinessProbe`.
        pub readiness_probe: Option<Value> => "*Probe",
        /// `resizePolicy`.
        pub resize_policy: Vec<Value> => "[]ContainerResizePolicy",
        /// `resources`.
        pub resources: Option<Value> => "ResourceRequirements",
        /// `restartPolicy`.
        pub restart_policy: String,
        /// `restartPolicyRules`.
        pub restart_policy_rules: Vec<Value> => "[]ContainerRestartRule",
        /// `securityContext`.
        pub security_context: Option<Value> => "*SecurityContext",
        /// `startupProbe`.
        pub startup_probe: Option<Value> => "*Probe",
        /// `stdin`.
        pub stdin: bool,
        /// `stdinOnce`.
        pub stdin_once: bool,
        /// `terminationMessagePath`.
        pub termination_message_path: String,
        /// `terminationMessagePolicy`.
        pub termination_message_policy: String,
        /// `tty`.
        pub tty: bool,
        /// `volumeDevices`.
        pub volume_devices: Vec<Value> => "[]VolumeDevice @devicePath",
        /// `volumeMounts`.
        pub volume_mounts: Vec<Value> => "[]VolumeMount @mountPath",
        /// `workingDir`.
        pub working_dir: String,
    }
}

api_struct! {
    /// ResourceTemplate.
    pub struct ResourceTemplate {
        /// `action`.
        pub action: String,
        /// `failureCondition`.
        pub failure_condition: String,
        /// `flags`.
        pub flags: Vec<String>,
        /// `manifest`.
        pub manifest: String,
        /// `manifestFrom`.
        pub manifest_from: Option<ManifestFrom>,
        /// `mergeStrategy`.
        pub merge_strategy: String,
        /// `setOwnerReference`.
        pub set_owner_reference: Option<bool>,
        /// `successCondition`.
        pub success_condition: String,
    }
}

api_struct! {
    /// ManifestFrom.
    pub struct ManifestFrom {
        /// `artifact`.
        pub artifact: Option<Artifact>,
    }
}

api_struct! {
    /// HTTP.
    pub struct Http {
        /// `body`.
        pub body: String,
        /// `bodyFrom`.
        pub body_from: Option<HttpBodySource>,
        /// `headers`.
        pub headers: Vec<HttpHeader>,
        /// `insecureSkipVerify`.
        pub insecure_skip_verify: bool,
        /// `method`.
        pub method: String,
        /// `successCondition`.
        pub success_condition: String,
        /// `timeoutSeconds`.
        pub timeout_seconds: Option<i64>,
        /// `url`.
        pub url: String,
    }
}

api_struct! {
    /// HTTPBodySource.
    pub struct HttpBodySource {
        /// `bytes`.
        pub bytes: String,
    }
}

api_struct! {
    /// HTTPHeader.
    pub struct HttpHeader {
        /// `name`.
        pub name: String,
        /// `value`.
        pub value: String,
        /// `valueFrom`.
        pub value_from: Option<HttpHeaderSource>,
    }
}

api_struct! {
    /// HTTPHeaderSource.
    pub struct HttpHeaderSource {
        /// `secretKeyRef`.
        pub secret_key_ref: Option<KeySelector>,
    }
}

api_struct! {
    /// Data.
    pub struct Data {
        /// `source`.
        pub source: Option<DataSource>,
        /// `transformation`.
        pub transformation: Vec<TransformationStep>,
    }
}

api_struct! {
    /// DataSource.
    pub struct DataSource {
        /// `artifactPaths`.
        pub artifact_paths: Option<ArtifactPaths>,
    }
}

api_struct! {
    /// ArtifactPaths.
    pub struct ArtifactPaths {
        /// `archive`.
        pub archive: Option<ArchiveStrategy>,
        /// `archiveLogs`.
        pub archive_logs: Option<bool>,
        /// `artifactGC`.
        pub artifact_gc as "artifactGC": Option<ArtifactGc>,
        /// `artifactory`.
        pub artifactory: Option<ArtifactoryArtifact>,
        /// `azure`.
        pub azure: Option<AzureArtifact>,
        /// `deleted`.
        pub deleted: bool,
        /// `from`.
        pub from: String,
        /// `fromExpression`.
        pub from_expression: String,
        /// `gcs`.
        pub gcs: Option<GcsArtifact>,
        /// `git`.
        pub git: Option<GitArtifact>,
        /// `globalName`.
        pub global_name: String,
        /// `hdfs`.
        pub hdfs: Option<HdfsArtifact>,
        /// `http`.
        pub http: Option<HttpArtifact>,
        /// `mode`.
        pub mode: Option<i64>,
        /// `name`.
        pub name: String,
        /// `optional`.
        pub optional: bool,
        /// `oss`.
        pub oss: Option<OssArtifact>,
        /// `path`.
        pub path: String,
        /// `plugin`.
        pub plugin: Option<PluginArtifact>,
        /// `raw`.
        pub raw: Option<RawArtifact>,
        /// `recurseMode`.
        pub recurse_mode: bool,
        /// `s3`.
        pub s3: Option<S3Artifact>,
        /// `subPath`.
        pub sub_path: String,
    }
}

api_struct! {
    /// TransformationStep.
    pub struct TransformationStep {
        /// `expression`.
        pub expression: String,
    }
}
