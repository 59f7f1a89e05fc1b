use super::*;

api_struct! {
    /// A workflow: what is to be done, and how far it is.
    pub struct Workflow {
        /// API group and version: `argoproj.io/v1alpha1`.
        pub api_version: String,
        /// Kind of the object.
        pub kind: String,
        /// Metadata of the object.
        pub metadata: ObjectMeta,
        /// What is wanted.
        pub spec: WorkflowSpec,
        /// How far it is.
        pub status: WorkflowStatus,
    }
}

api_struct! {
    /// A list of workflows.
    pub struct WorkflowList {
        /// API group and version: `argoproj.io/v1alpha1`.
        pub api_version: String,
        /// The objects.
        pub items: Vec<Workflow>,
        /// Kind of the object.
        pub kind: String,
        /// Metadata of the object.
        pub metadata: ListMeta,
    }
}

api_struct! {
    /// What a workflow does.
    pub struct WorkflowSpec {
        /// Seconds after which it is stopped, if it has not ended.
        pub active_deadline_seconds: Option<i64>,
        /// Which nodes of the cluster pods may run on.
        pub affinity: Option<Value> => "*Affinity",
        /// Whether logs are stored as an artifact.
        pub archive_logs: Option<bool>,
        /// Values for the entrypoint, reachable everywhere as `workflow.parameters` and `workflow.artifacts`.
        pub arguments: Arguments,
        /// When and how it is deleted.
        pub artifact_gc as "artifactGC": Option<WorkflowLevelArtifactGc>,
        /// The ConfigMap key with the artifact repository.
        pub artifact_repository_ref: Option<ArtifactRepositoryRef>,
        /// Whether pods get their service account's token.
        pub automount_service_account_token: Option<bool>,
        /// DNS settings of pods.
        pub dns_config: Option<Value> => "*PodDNSConfig",
        /// DNS policy of pods.
        pub dns_policy: String,
        /// Name of the template that is run first.
        pub entrypoint: String,
        /// How the executor runs.
        pub executor: Option<ExecutorConfig>,
        /// Plugins of the executor.
        pub executor_plugins: Vec<ExecutorPlugin>,
        /// Templates run at points of the life of the node, by the hook's name; `exit` runs at the end.
        pub hooks: BTreeMap<String, LifecycleHook>,
        /// Entries of pods' hosts file.
        pub host_aliases: Vec<Value> => "[]HostAlias @ip",
        /// Whether pods use the network of their node.
        pub host_network: Option<bool>,
        /// Secrets with which images are pulled.
        pub image_pull_secrets: Vec<LocalObjectReference> => "@name",
        /// Metrics that are emitted.
        pub metrics: Option<Metrics>,
        /// Labels of the nodes of the cluster that pods may run on.
        pub node_selector: BTreeMap<String, String>,
        /// Template that is run at the end, however it ends.
        pub on_exit: String,
        /// How many pods may run at once.
        pub parallelism: Option<i64>,
        /// Disruption budget of the workflow's pods.
        pub pod_disruption_budget: Option<Value> => "*PodDisruptionBudgetSpec",
        /// When finished pods are deleted.
        pub pod_gc as "podGC": Option<PodGc>,
        /// Labels and annotations of pods.
        pub pod_metadata: Option<Metadata>,
        /// Priority class of pods.
        pub pod_priority_class_name: String,
        /// Requests and limits of pods as a whole.
        pub pod_resources: Option<Value> => "*ResourceRequirements",
        /// Strategic merge patch of the pod's spec, as YAML or JSON.
        pub pod_spec_patch: String,
        /// Which workflows go first when only so many may run: the higher ones.
        pub priority: Option<i64>,
        /// Resource claims of pods.
        pub resource_claims: Vec<Value> => "[]PodResourceClaim",
        /// Retries for all templates that have none of their own.
        pub retry_strategy: Option<RetryStrategy>,
        /// Scheduler of pods.
        pub scheduler_name: String,
        /// Security settings of pods.
        pub security_context: Option<Value> => "*PodSecurityContext",
        /// Service account of pods.
        pub service_account_name: String,
        /// How the workflow is being shut down: `Stop` runs exit handlers, `Terminate` does not.
        pub shutdown: String,
        /// Whether nothing new is started.
        pub suspend: Option<bool>,
        /// Locks that are held while it runs.
        pub synchronization: Option<Synchronization>,
        /// What every template has where it says nothing else.
        pub template_defaults: Option<Box<Template>>,
        /// The templates.
        pub templates: Vec<Template> => "@name",
        /// Taints that pods tolerate.
        pub tolerations: Vec<Value> => "[]Toleration @key",
        /// How long the finished workflow is kept.
        pub ttl_strategy: Option<TtlStrategy>,
        /// When the workflow's volume claims are deleted.
        pub volume_claim_gc as "volumeClaimGC": Option<VolumeClaimGc>,
        /// Volume claims that are made for the workflow; its pods can mount them as volumes of the same name.
        pub volume_claim_templates: Vec<Value> => "[]PersistentVolumeClaim @name",
        /// Volumes that containers can mount.
        pub volumes: Vec<Value> => "[]Volume @name",
        /// Labels and annotations of the workflow.
        pub workflow_metadata: Option<WorkflowMetadata>,
        /// The WorkflowTemplate whose spec is used.
        pub workflow_template_ref: Option<WorkflowTemplateRef>,
    }
}

api_struct! {
    /// How far a workflow is.
    pub struct WorkflowStatus {
        /// How far the deletion of artifacts is.
        pub artifact_gc_status as "artifactGCStatus": Option<ArtifactGcStatus>,
        /// The artifact repository that was found.
        pub artifact_repository_ref: Option<ArtifactRepositoryRefStatus>,
        /// `nodes`, packed with gzip in base64, where they would be too large.
        pub compressed_nodes: String,
        /// What is noteworthy.
        pub conditions: Vec<Condition>,
        /// How many seconds it will take, judged by earlier runs.
        pub estimated_duration: Option<i64>,
        /// When it ended.
        pub finished_at: Option<Time>,
        /// Why it is in its phase.
        pub message: String,
        /// All nodes, by id.
        pub nodes: BTreeMap<String, NodeStatus>,
        /// Version of `nodes` in the database, where they are kept there.
        pub offload_node_status_version: String,
        /// What the workflow gave: parameters and artifacts with a `globalName`.
        pub outputs: Option<Outputs>,
        /// Volumes of the claims that the workflow made.
        pub persistent_volume_claims: Vec<Value> => "[]Volume",
        /// `Pending`, `Running`, `Succeeded`, `Failed` or `Error`; empty before the start.
        pub phase: String,
        /// How many of how many are done: `3/5`.
        pub progress: String,
        /// Requested resources times seconds, by resource.
        pub resources_duration: BTreeMap<String, i64>,
        /// When it started.
        pub started_at: Option<Time>,
        /// Templates of WorkflowTemplates as they were when first used.
        pub stored_templates: BTreeMap<String, Template>,
        /// The spec, as it was when the workflow started, merged with that of `workflowTemplateRef`.
        pub stored_workflow_template_spec: Option<WorkflowSpec>,
        /// Locks that are held and waited for.
        pub synchronization: Option<SynchronizationStatus>,
        /// Which nodes have reported all their outputs, by node id.
        pub task_results_completion_status: BTreeMap<String, bool>,
    }
}

api_struct! {
    /// A workflow kept for use by workflows of its namespace.
    pub struct WorkflowTemplate {
        /// API group and version: `argoproj.io/v1alpha1`.
        pub api_version: String,
        /// Kind of the object.
        pub kind: String,
        /// Metadata of the object.
        pub metadata: ObjectMeta,
        /// What is wanted.
        pub spec: WorkflowSpec,
    }
}

api_struct! {
    /// A list of workflow templates.
    pub struct WorkflowTemplateList {
        /// API group and version: `argoproj.io/v1alpha1`.
        pub api_version: String,
        /// The objects.
        pub items: Vec<WorkflowTemplate>,
        /// Kind of the object.
        pub kind: String,
        /// Metadata of the object.
        pub metadata: ListMeta,
    }
}

api_struct! {
    /// A workflow kept for use by workflows of the whole cluster.
    pub struct ClusterWorkflowTemplate {
        /// API group and version: `argoproj.io/v1alpha1`.
        pub api_version: String,
        /// Kind of the object.
        pub kind: String,
        /// Metadata of the object.
        pub metadata: ObjectMeta,
        /// What is wanted.
        pub spec: WorkflowSpec,
    }
}

api_struct! {
    /// A list of cluster workflow templates.
    pub struct ClusterWorkflowTemplateList {
        /// API group and version: `argoproj.io/v1alpha1`.
        pub api_version: String,
        /// The objects.
        pub items: Vec<ClusterWorkflowTemplate>,
        /// Kind of the object.
        pub kind: String,
        /// Metadata of the object.
        pub metadata: ListMeta,
    }
}

api_struct! {
    /// The WorkflowTemplate whose spec a workflow has.
    pub struct WorkflowTemplateRef {
        /// Whether a ClusterWorkflowTemplate is meant.
        pub cluster_scope: bool,
        /// Name.
        pub name: String,
    }
}

api_struct! {
    /// Labels and annotations that a workflow gets.
    pub struct WorkflowMetadata {
        /// Annotations.
        pub annotations: BTreeMap<String, String>,
        /// Labels.
        pub labels: BTreeMap<String, String>,
        /// Labels whose values are computed.
        pub labels_from: BTreeMap<String, LabelValueFrom>,
    }
}

api_struct! {
    /// A label's value that is computed.
    pub struct LabelValueFrom {
        /// Expression that gives the label's value.
        pub expression: String,
    }
}

api_struct! {
    /// How long a finished workflow is kept.
    pub struct TtlStrategy {
        /// Seconds after any end.
        pub seconds_after_completion: Option<i64>,
        /// Seconds after a failure.
        pub seconds_after_failure: Option<i64>,
        /// Seconds after a success.
        pub seconds_after_success: Option<i64>,
    }
}

api_struct! {
    /// When finished pods are deleted.
    pub struct PodGc {
        /// How long a pod is kept after its strategy says that it can go.
        pub delete_delay_duration: String,
        /// Which pods are deleted; all when not given.
        pub label_selector: Option<LabelSelector>,
        /// When: `OnPodCompletion`, `OnPodSuccess`, `OnWorkflowCompletion` or `OnWorkflowSuccess`.
        pub strategy: String,
    }
}

api_struct! {
    /// When volume claims that the workflow made are deleted.
    pub struct VolumeClaimGc {
        /// When: `OnWorkflowCompletion` or `OnWorkflowSuccess`.
        pub strategy: String,
    }
}

api_struct! {
    /// How the executor runs.
    pub struct ExecutorConfig {
        /// Service account of pods.
        pub service_account_name: String,
    }
}

api_struct! {
    /// A plugin of the executor, run as a sidecar of the agent.
    pub struct ExecutorPlugin {
        /// Metadata of the object.
        pub metadata: ObjectMeta,
        /// What is wanted.
        pub spec: ExecutorPluginSpec,
    }
}

api_struct! {
    /// What the plugin is.
    pub struct ExecutorPluginSpec {
        /// The plugin's container.
        pub sidecar: Option<ExecutorPluginSidecar>,
    }
}

api_struct! {
    /// The plugin's container.
    pub struct ExecutorPluginSidecar {
        /// Whether pods get their service account's token.
        pub automount_service_account_token: Option<bool>,
        /// The container.
        pub container: Option<Container>,
    }
}

api_struct! {
    /// A key of a ConfigMap that holds an artifact repository.
    pub struct ArtifactRepositoryRef {
        /// Name of the ConfigMap.
        pub config_map: String,
        /// The key; that of the annotation `workflows.argoproj.io/default-artifact-repository` when not given.
        pub key: String,
    }
}

api_struct! {
    /// The artifact repository that was found.
    pub struct ArtifactRepositoryRefStatus {
        /// The repository.
        pub artifact_repository: Option<ArtifactRepository>,
        /// Name of the ConfigMap.
        pub config_map: String,
        /// Whether it is the controller's default repository.
        pub default: bool,
        /// The key.
        pub key: String,
        /// Namespace; the workflow's own when not given.
        pub namespace: String,
    }
}

api_struct! {
    /// How far the deletion of artifacts is.
    pub struct ArtifactGcStatus {
        /// Whether no artifact is to be deleted.
        pub not_specified: bool,
        /// Which deletion pods have ended and been read, by pod name.
        pub pods_recouped: BTreeMap<String, bool>,
        /// Which strategies have been dealt with.
        pub strategies_processed: BTreeMap<String, bool>,
    }
}

api_struct! {
    /// Something that is noteworthy about an object.
    pub struct Condition {
        /// Details for people.
        pub message: String,
        /// `True`, `False` or `Unknown`.
        pub status: String,
        /// What it is about.
        pub type_: String,
    }
}

api_struct! {
    /// Locks that are held and waited for.
    pub struct SynchronizationStatus {
        /// Mutexes.
        pub mutex: Option<MutexStatus>,
        /// Semaphores.
        pub semaphore: Option<SemaphoreStatus>,
    }
}

api_struct! {
    /// Semaphores that are held and waited for.
    pub struct SemaphoreStatus {
        /// Those that are held.
        pub holding: Vec<SemaphoreHolding>,
        /// Those that are waited for.
        pub waiting: Vec<SemaphoreHolding>,
    }
}

api_struct! {
    /// A semaphore and who holds or wants it.
    pub struct SemaphoreHolding {
        /// Who hold or want it.
        pub holders: Vec<String>,
        /// The semaphore.
        pub semaphore: String,
    }
}

api_struct! {
    /// Mutexes that are held and waited for.
    pub struct MutexStatus {
        /// Those that are held.
        pub holding: Vec<MutexHolding>,
        /// Those that are waited for.
        pub waiting: Vec<MutexHolding>,
    }
}

api_struct! {
    /// A mutex and who holds or wants it.
    pub struct MutexHolding {
        /// Who holds or wants it.
        pub holder: String,
        /// The mutex.
        pub mutex: String,
    }
}

api_struct! {
    /// Labels and annotations of a pod.
    pub struct Metadata {
        /// Annotations.
        pub annotations: BTreeMap<String, String>,
        /// Labels.
        pub labels: BTreeMap<String, String>,
    }
}
