use super::*;

api_struct! {
    /// Workflow.
    pub struct Workflow {
        /// `apiVersion`.
        pub api_version: String,
        /// `kind`.
        pub kind: String,
        /// `metadata`.
        pub metadata: ObjectMeta,
        /// `spec`.
        pub spec: WorkflowSpec,
        /// `status`.
        pub status: WorkflowStatus,
    }
}

api_struct! {
    /// WorkflowList.
    pub struct WorkflowList {
        /// `apiVersion`.
        pub api_version: String,
        /// `items`.
        pub items: Vec<Workflow>,
        /// `kind`.
        pub kind: String,
        /// `metadata`.
        pub metadata: ListMeta,
    }
}

api_struct! {
    /// WorkflowSpec.
    pub struct WorkflowSpec {
        /// `activeDeadlineSeconds`.
        pub active_deadline_seconds: Option<i64>,
        /// `affinity`.
        pub affinity: Option<Value> => "*Affinity",
        /// `archiveLogs`.
        pub archive_logs: Option<bool>,
        /// `arguments`.
        pub arguments: Arguments,
        /// `artifactGC`.
        pub artifact_gc as "artifactGC": Option<WorkflowLevelArtifactGc>,
        /// `artifactRepositoryRef`.
        pub artifact_repository_ref: Option<ArtifactRepositoryRef>,
        /// `automountServiceAccountToken`.
        pub automount_service_account_token: Option<bool>,
        /// `dnsConfig`.
        pub dns_config: Option<Value> => "*PodDNSConfig",
        /// `dnsPolicy`.
        pub dns_policy: String,
        /// `entrypoint`.
        pub entrypoint: String,
        /// `executor`.
        pub executor: Option<ExecutorConfig>,
        /// `executorPlugins`.
        pub executor_plugins: Vec<ExecutorPlugin>,
        /// `hooks`.
        pub hooks: BTreeMap<String, LifecycleHook>,
        /// `hostAliases`.
        pub host_aliases: Vec<Value> => "[]HostAlias @ip",
        /// `hostNetwork`.
        pub host_network: Option<bool>,
        /// `imagePullSecrets`.
        pub image_pull_secrets: Vec<LocalObjectReference> => "@name",
        /// `metrics`.
        pub metrics: Option<Metrics>,
        /// `nodeSelector`.
        pub node_selector: BTreeMap<String, String>,
        /// `onExit`.
        pub on_exit: String,
        /// `parallelism`.
        pub parallelism: Option<i64>,
        /// `podDisruptionBudget`.
        pub pod_disruption_budget: Option<Value> => "*PodDisruptionBudgetSpec",
        /// `podGC`.
        pub pod_gc as "podGC": Option<PodGc>,
        /// `podMetadata`.
        pub pod_metadata: Option<Metadata>,
        /// `podPriorityClassName`.
        pub pod_priority_class_name: String,
        /// `podResources`.
        pub pod_resources: Option<Value> => "*ResourceRequirements",
        /// `podSpecPatch`.
        pub pod_spec_patch: String,
        /// `priority`.
        pub priority: Option<i64>,
        /// `resourceClaims`.
        pub resource_claims: Vec<Value> => "[]PodResourceClaim",
        /// `retryStrategy`.
        pub retry_strategy: Option<RetryStrategy>,
        /// `schedulerName`.
        pub scheduler_name: String,
        /// `securityContext`.
        pub security_context: Option<Value> => "*PodSecurityContext",
        /// `serviceAccountName`.
        pub service_account_name: String,
        /// `shutdown`.
        pub shutdown: String,
        /// `suspend`.
        pub suspend: Option<bool>,
        /// `synchronization`.
        pub synchronization: Option<Synchronization>,
        /// `templateDefaults`.
        pub template_defaults: Option<Box<Template>>,
        /// `templates`.
        pub templates: Vec<Template> => "@name",
        /// `tolerations`.
        pub tolerations: Vec<Value> => "[]Toleration @key",
        /// `ttlStrategy`.
        pub ttl_strategy: Option<TtlStrategy>,
        /// `volumeClaimGC`.
        pub volume_claim_gc as "volumeClaimGC": Option<VolumeClaimGc>,
        /// `volumeClaimTemplates`.
        pub volume_claim_templates: Vec<Value> => "[]PersistentVolumeClaim @name",
        /// `volumes`.
        pub volumes: Vec<Value> => "[]Volume @name",
        /// `workflowMetadata`.
        pub workflow_metadata: Option<WorkflowMetadata>,
        /// `workflowTemplateRef`.
        pub workflow_template_ref: Option<WorkflowTemplateRef>,
    }
}

api_struct! {
    /// WorkflowStatus.
    pub struct WorkflowStatus {
        /// `artifactGCStatus`.
        pub artifact_gc_status as "artifactGCStatus": Option<ArtifactGcStatus>,
        /// `artifactRepositoryRef`.
        pub artifact_repository_ref: Option<ArtifactRepositoryRefStatus>,
        /// `compressedNodes`.
        pub compressed_nodes: String,
        /// `conditions`.
        pub conditions: Vec<Condition>,
        /// `estimatedDuration`.
        pub estimated_duration: Option<i64>,
        /// `finishedAt`.
        pub finished_at: Option<Time>,
        /// `message`.
        pub message: String,
        /// `nodes`.
        pub nodes: BTreeMap<String, NodeStatus>,
        /// `offloadNodeStatusVersion`.
        pub offload_node_status_version: String,
        /// `outputs`.
        pub outputs: Option<Outputs>,
        /// `persistentVolumeClaims`.
        pub persistent_volume_claims: Vec<Value> => "[]Volume",
        /// `phase`.
        pub phase: String,
        /// `progress`.
        pub progress: String,
        /// `resourcesDuration`.
        pub resources_duration: BTreeMap<String, i64>,
        /// `startedAt`.
        pub started_at: Option<Time>,
        /// `storedTemplates`.
        pub stored_templates: BTreeMap<String, Template>,
        /// `storedWorkflowTemplateSpec`.
        pub stored_workflow_template_spec: Option<WorkflowSpec>,
        /// `synchronization`.
        pub synchronization: Option<SynchronizationStatus>,
        /// `taskResultsCompletionStatus`.
        pub task_results_completion_status: BTreeMap<String, bool>,
    }
}

api_struct! {
    /// WorkflowTemplate.
    pub struct WorkflowTemplate {
        /// `apiVersion`.
        pub api_version: String,
        /// `kind`.
        pub kind: String,
        /// `metadata`.
        pub metadata: ObjectMeta,
        /// `spec`.
        pub spec: WorkflowSpec,
    }
}

api_struct! {
    /// WorkflowTemplateList.
    pub struct WorkflowTemplateList {
        /// `apiVersion`.
        pub api_version: String,
        /// `items`.
        pub items: Vec<WorkflowTemplate>,
        /// `kind`.
        pub kind: String,
        /// `metadata`.
        pub metadata: ListMeta,
    }
}

api_struct! {
    /// ClusterWorkflowTemplate.
    pub struct ClusterWorkflowTemplate {
        /// `apiVersion`.
        pub api_version: String,
        /// `kind`.
        pub kind: String,
        /// `metadata`.
        pub metadata: ObjectMeta,
        /// `spec`.
        pub spec: WorkflowSpec,
    }
}

api_struct! {
    /// ClusterWorkflowTemplateList.
    pub struct ClusterWorkflowTemplateList {
        /// `apiVersion`.
        pub api_version: String,
        /// `items`.
        pub items: Vec<ClusterWorkflowTemplate>,
        /// `kind`.
        pub kind: String,
        /// `metadata`.
        pub metadata: ListMeta,
    }
}

api_struct! {
    /// WorkflowTemplateRef.
    pub struct WorkflowTemplateRef {
        /// `clusterScope`.
        pub cluster_scope: bool,
        /// `name`.
        pub name: String,
    }
}

api_struct! {
    /// WorkflowMetadata.
    pub struct WorkflowMetadata {
        /// `annotations`.
        pub annotations: BTreeMap<String, String>,
        /// `labels`.
        pub labels: BTreeMap<String, String>,
        /// `labelsFrom`.
        pub labels_from: BTreeMap<String, LabelValueFrom>,
    }
}

api_struct! {
    /// LabelValueFrom.
    pub struct LabelValueFrom {
        /// `expression`.
        pub expression: String,
    }
}

api_struct! {
    /// TTLStrategy.
    pub struct TtlStrategy {
        /// `secondsAfterCompletion`.
        pub seconds_after_completion: Option<i64>,
        /// `secondsAfterFailure`.
        pub seconds_after_failure: Option<i64>,
        /// `secondsAfterSuccess`.
        pub seconds_after_success: Option<i64>,
    }
}

api_struct! {
    /// PodGC.
    pub struct PodGc {
        /// `deleteDelayDuration`.
        pub delete_delay_duration: String,
        /// `labelSelector`.
        pub label_selector: Option<LabelSelector>,
        /// `strategy`.
        pub strategy: String,
    }
}

api_struct! {
    /// VolumeClaimGC.
    pub struct VolumeClaimGc {
        /// `strategy`.
        pub strategy: String,
    }
}

api_struct! {
    /// ExecutorConfig.
    pub struct ExecutorConfig {
        /// `serviceAccountName`.
        pub service_account_name: String,
    }
}

api_struct! {
    /// ExecutorPlugin.
    pub struct ExecutorPlugin {
        /// `metadata`.
        pub metadata: ObjectMeta,
        /// `spec`.
        pub spec: ExecutorPluginSpec,
    }
}

api_struct! {
    /// ExecutorPluginSpec.
    pub struct ExecutorPluginSpec {
        /// `sidecar`.
        pub sidecar: Option<ExecutorPluginSidecar>,
    }
}

api_struct! {
    /// ExecutorPluginSidecar.
    pub struct ExecutorPluginSidecar {
        /// `automountServiceAccountToken`.
        pub automount_service_account_token: Option<bool>,
        /// `container`.
        pub container: Option<Container>,
    }
}

api_struct! {
    /// ArtifactRepositoryRef.
    pub struct ArtifactRepositoryRef {
        /// `configMap`.
        pub config_map: String,
        /// `key`.
        pub key: String,
    }
}

api_struct! {
    /// ArtifactRepositoryRefStatus.
    pub struct ArtifactRepositoryRefStatus {
        /// `artifactRepository`.
        pub artifact_repository: Option<ArtifactRepository>,
        /// `configMap`.
        pub config_map: String,
        /// `default`.
        pub default: bool,
        /// `key`.
        pub key: String,
        /// `namespace`.
        pub namespace: String,
    }
}

api_struct! {
    /// ArtGCStatus.
    pub struct ArtifactGcStatus {
        /// `notSpecified`.
        pub not_specified: bool,
        /// `podsRecouped`.
        pub pods_recouped: BTreeMap<String, bool>,
        /// `strategiesProcessed`.
        pub strategies_processed: BTreeMap<String, bool>,
    }
}

api_struct! {
    /// Condition.
    pub struct Condition {
        /// `message`.
        pub message: String,
        /// `status`.
        pub status: String,
        /// `type`.
        pub type_: String,
    }
}

api_struct! {
    /// SynchronizationStatus.
    pub struct SynchronizationStatus {
        /// `mutex`.
        pub mutex: Option<MutexStatus>,
        /// `semaphore`.
        pub semaphore: Option<SemaphoreStatus>,
    }
}

api_struct! {
    /// SemaphoreStatus.
    pub struct SemaphoreStatus {
        /// `holding`.
        pub holding: Vec<SemaphoreHolding>,
        /// `waiting`.
        pub waiting: Vec<SemaphoreHolding>,
    }
}

api_struct! {
    /// SemaphoreHolding.
    pub struct SemaphoreHolding {
        /// `holders`.
        pub holders: Vec<String>,
        /// `semaphore`.
        pub semaphore: String,
    }
}

api_struct! {
    /// MutexStatus.
    pub struct MutexStatus {
        /// `holding`.
        pub holding: Vec<MutexHolding>,
        /// `waiting`.
        pub waiting: Vec<MutexHolding>,
    }
}

api_struct! {
    /// MutexHolding.
    pub struct MutexHolding {
        /// `holder`.
        pub holder: String,
        /// `mutex`.
        pub mutex: String,
    }
}

api_struct! {
    /// Metadata.
    pub struct Metadata {
        /// `annotations`.
        pub annotations: BTreeMap<String, String>,
        /// `labels`.
        pub labels: BTreeMap<String, String>,
    }
}
