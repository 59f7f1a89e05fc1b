use super::*;

api_struct! {
    /// A named piece of work: exactly one of container, containerSet, script, resource, data, http, plugin, suspend, steps and dag says what is done.
    pub struct Template {
        /// Seconds after the start of the node after which it is stopped; may be an expression.
        pub active_deadline_seconds: Option<IntOrString>,
        /// Which nodes of the cluster pods may run on.
        pub affinity: Option<Value> => "*Affinity",
        /// Annotations.
        pub annotations: BTreeMap<String, String>,
        /// Where artifacts without a location of their own, and logs, are kept.
        pub archive_location: Option<ArtifactLocation>,
        /// Whether pods get their service account's token.
        pub automount_service_account_token: Option<bool>,
        /// One container.
        pub container: Option<Container>,
        /// Several containers in one pod.
        pub container_set: Option<ContainerSetTemplate>,
        /// Whether the node counts as done once it is ready, and runs on until the steps around it have ended.
        pub daemon: Option<bool>,
        /// Tasks with dependencies.
        pub dag: Option<DagTemplate>,
        /// Data that is read and transformed.
        pub data: Option<Data>,
        /// How the executor runs.
        pub executor: Option<ExecutorConfig>,
        /// Whether the other branches are stopped once one has failed, for `parallelism`.
        pub fail_fast: Option<bool>,
        /// Entries of pods' hosts file.
        pub host_aliases: Vec<Value> => "[]HostAlias @ip",
        /// An HTTP request.
        pub http: Option<Http>,
        /// Containers that run before the main one.
        pub init_containers: Vec<UserContainer> => "@name",
        /// What it takes.
        pub inputs: Inputs,
        /// Results are kept, and used again for the same key.
        pub memoize: Option<Memoize>,
        /// Labels and annotations of its pods.
        pub metadata: Metadata,
        /// Metrics that are emitted.
        pub metrics: Option<Metrics>,
        /// Name.
        pub name: String,
        /// Labels of the nodes of the cluster that pods may run on.
        pub node_selector: BTreeMap<String, String>,
        /// What it gives.
        pub outputs: Outputs,
        /// How many of its children may run at once.
        pub parallelism: Option<i64>,
        /// How long its pod may be pending, such as `5m`.
        pub pending_timeout: String,
        /// Work that a plugin of the executor does; one key names the plugin.
        pub plugin: Option<Value>,
        /// Requests and limits of pods as a whole.
        pub pod_resources: Option<Value> => "*ResourceRequirements",
        /// Strategic merge patch of the pod's spec, as YAML or JSON.
        pub pod_spec_patch: String,
        /// Priority class of its pods.
        pub priority_class_name: String,
        /// Something that is done to a Kubernetes object.
        pub resource: Option<ResourceTemplate>,
        /// Resource claims of pods.
        pub resource_claims: Vec<Value> => "[]PodResourceClaim",
        /// How often, when and where it is run again after failing.
        pub retry_strategy: Option<RetryStrategy>,
        /// Scheduler of pods.
        pub scheduler_name: String,
        /// A script.
        pub script: Option<ScriptTemplate>,
        /// Security settings of its pods.
        pub security_context: Option<Value> => "*PodSecurityContext",
        /// Service account of pods.
        pub service_account_name: String,
        /// Containers that run beside the main one, and are stopped when it has ended.
        pub sidecars: Vec<UserContainer> => "@name",
        /// Lists of steps: one list after the other, the steps of a list side by side.
        pub steps: Vec<Vec<WorkflowStep>>,
        /// A pause.
        pub suspend: Option<SuspendTemplate>,
        /// Locks that are held while it runs.
        pub synchronization: Option<Synchronization>,
        /// How long the node may take, waiting included, such as `2h`.
        pub timeout: String,
        /// Taints that pods tolerate.
        pub tolerations: Vec<Value> => "[]Toleration @key",
        /// Volumes that containers can mount.
        pub volumes: Vec<Value> => "[]Volume @name",
    }
}

api_struct! {
    /// Tasks that are run in the order of their dependencies.
    pub struct DagTemplate {
        /// Whether nothing new starts once a task has failed; true when not given.
        pub fail_fast: Option<bool>,
        /// Tasks that are wanted, separated by blanks; all that nothing else needs when not given.
        pub target: String,
        /// The tasks.
        pub tasks: Vec<DagTask> => "@name",
    }
}

api_struct! {
    /// A task of a DAG.
    pub struct DagTask {
        /// Values handed over.
        pub arguments: Arguments,
        /// Outcomes after which the workflow goes on all the same.
        pub continue_on: Option<ContinueOn>,
        /// Names of those that must have ended well before this one starts.
        pub dependencies: Vec<String>,
        /// Expression over the outcomes of other tasks, such as `a.Succeeded && (b || c.Failed)`, that must hold before this one starts.
        pub depends: String,
        /// Templates run at points of the life of the node, by the hook's name; `exit` runs at the end.
        pub hooks: BTreeMap<String, LifecycleHook>,
        /// A template written here instead of referred to.
        pub inline: Option<Box<Template>>,
        /// Name.
        pub name: String,
        /// Template that is run at the end, however it ends.
        pub on_exit: String,
        /// Name of the template.
        pub template: String,
        /// A template of a WorkflowTemplate.
        pub template_ref: Option<TemplateRef>,
        /// Condition without which it is skipped.
        pub when: String,
        /// Values over which it is repeated, as `{{item}}`.
        pub with_items: Vec<Item>,
        /// JSON list over whose values it is repeated, as `{{item}}`.
        pub with_param: String,
        /// Numbers over which it is repeated, as `{{item}}`.
        pub with_sequence: Option<Sequence>,
    }
}

api_struct! {
    /// A step; those of one inner list run side by side.
    pub struct WorkflowStep {
        /// Values handed over.
        pub arguments: Arguments,
        /// Outcomes after which the workflow goes on all the same.
        pub continue_on: Option<ContinueOn>,
        /// Templates run at points of the life of the node, by the hook's name; `exit` runs at the end.
        pub hooks: BTreeMap<String, LifecycleHook>,
        /// A template written here instead of referred to.
        pub inline: Option<Box<Template>>,
        /// Name.
        pub name: String,
        /// Template that is run at the end, however it ends.
        pub on_exit: String,
        /// Name of the template.
        pub template: String,
        /// A template of a WorkflowTemplate.
        pub template_ref: Option<TemplateRef>,
        /// Condition without which it is skipped.
        pub when: String,
        /// Values over which it is repeated, as `{{item}}`.
        pub with_items: Vec<Item>,
        /// JSON list over whose values it is repeated, as `{{item}}`.
        pub with_param: String,
        /// Numbers over which it is repeated, as `{{item}}`.
        pub with_sequence: Option<Sequence>,
    }
}

api_struct! {
    /// Outcomes after which the workflow goes on as if all were well.
    pub struct ContinueOn {
        /// Whether after an error.
        pub error: bool,
        /// Whether after a failure.
        pub failed: bool,
    }
}

api_struct! {
    /// A template that is run when an expression becomes true, or at the end.
    pub struct LifecycleHook {
        /// Values handed over.
        pub arguments: Arguments,
        /// Expression that starts the hook once it is true.
        pub expression: String,
        /// Name of the template.
        pub template: String,
        /// A template of a WorkflowTemplate.
        pub template_ref: Option<TemplateRef>,
    }
}

api_struct! {
    /// A template of a WorkflowTemplate.
    pub struct TemplateRef {
        /// Whether a ClusterWorkflowTemplate is meant.
        pub cluster_scope: bool,
        /// Name.
        pub name: String,
        /// Name of the template.
        pub template: String,
    }
}

api_struct! {
    /// Numbers over which a step is repeated.
    pub struct Sequence {
        /// How many numbers there are; not together with `end`.
        pub count: Option<IntOrString>,
        /// The last number; not together with `count`.
        pub end: Option<IntOrString>,
        /// How numbers are written, as in printf: `%03d`.
        pub format: String,
        /// The first number; 0 when not given.
        pub start: Option<IntOrString>,
    }
}

api_struct! {
    /// A pause, until somebody resumes or a time has passed.
    pub struct SuspendTemplate {
        /// After how long it goes on by itself: a number of seconds, or a duration such as `2m`; never when not given.
        pub duration: String,
    }
}

api_struct! {
    /// How often, when and where a failed node is run again.
    pub struct RetryStrategy {
        /// Where a retry may run.
        pub affinity: Option<RetryAffinity>,
        /// How long to wait before the next try; none when not given.
        pub backoff: Option<Backoff>,
        /// Expression that must be true for another try, over `lastRetry`.
        pub expression: String,
        /// How many further tries there are at most; no limit when not given.
        pub limit: Option<IntOrString>,
        /// After which outcomes there is another try: `Always`, `OnFailure`, `OnError` or `OnTransientError`.
        pub retry_policy: String,
    }
}

api_struct! {
    /// How long to wait before the next try.
    pub struct Backoff {
        /// Longest wait between two tries.
        pub cap: String,
        /// The first wait: a number of seconds, or a duration such as `2m`.
        pub duration: String,
        /// By what each further wait is longer than the one before.
        pub factor: Option<IntOrString>,
        /// For how long there are further tries at all.
        pub max_duration: String,
    }
}

api_struct! {
    /// Where a retry may run.
    pub struct RetryAffinity {
        /// A retry runs on another node of the cluster.
        pub node_anti_affinity: Option<RetryNodeAntiAffinity>,
    }
}

api_struct! {
    /// A retry runs on another node of the cluster than the try that failed.
    pub struct RetryNodeAntiAffinity {
    }
}

api_struct! {
    /// Locks that are held while a workflow or template runs.
    pub struct Synchronization {
        /// Locks that one holds at a time.
        pub mutexes: Vec<Mutex>,
        /// Locks that a given number hold at a time.
        pub semaphores: Vec<SemaphoreRef>,
    }
}

api_struct! {
    /// A lock that one holds at a time.
    pub struct Mutex {
        /// Whether the lock is kept in the synchronization database, for several clusters.
        pub database: bool,
        /// Name.
        pub name: String,
        /// Namespace; the workflow's own when not given.
        pub namespace: String,
    }
}

api_struct! {
    /// A lock that a given number hold at a time.
    pub struct SemaphoreRef {
        /// The ConfigMap key that says how many may hold it.
        pub config_map_key_ref: Option<KeySelector>,
        /// The semaphore's entry in the synchronization database.
        pub database: Option<SyncDatabaseRef>,
        /// Namespace; the workflow's own when not given.
        pub namespace: String,
    }
}

api_struct! {
    /// A semaphore whose size is kept in the synchronization database.
    pub struct SyncDatabaseRef {
        /// Name of the entry.
        pub key: String,
    }
}

api_struct! {
    /// Results are kept, and used again for the same key.
    pub struct Memoize {
        /// Where results are kept.
        pub cache: Option<Cache>,
        /// What results are kept under.
        pub key: String,
        /// How old a result may be, such as `10s`, `1h`.
        pub max_age: String,
    }
}

api_struct! {
    /// Where results are kept.
    pub struct Cache {
        /// Name of the ConfigMap.
        pub config_map: Option<LocalObjectReference>,
    }
}

api_struct! {
    /// Whether a kept result was used.
    pub struct MemoizationStatus {
        /// Name of the cache.
        pub cache_name: String,
        /// Whether there was a result for the key.
        pub hit: Option<bool>,
        /// What the result is kept under.
        pub key: String,
    }
}

api_struct! {
    /// Metrics that are emitted.
    pub struct Metrics {
        /// Prometheus metrics.
        pub prometheus: Vec<Prometheus>,
    }
}

api_struct! {
    /// A Prometheus metric; exactly one of counter, gauge and histogram is set.
    pub struct Prometheus {
        /// A number that only grows.
        pub counter: Option<Counter>,
        /// A number that goes up and down.
        pub gauge: Option<Gauge>,
        /// What the metric is about.
        pub help: String,
        /// Counts of values in buckets.
        pub histogram: Option<Histogram>,
        /// Labels.
        pub labels: Vec<MetricLabel>,
        /// Name.
        pub name: String,
        /// Condition without which it is not emitted.
        pub when: String,
    }
}

api_struct! {
    /// A label of a metric.
    pub struct MetricLabel {
        /// Name of the label.
        pub key: String,
        /// The value.
        pub value: String,
    }
}

api_struct! {
    /// A number that only grows.
    pub struct Counter {
        /// By how much the counter grows.
        pub value: String,
    }
}

api_struct! {
    /// A number that goes up and down.
    pub struct Gauge {
        /// How the value changes the gauge: `Set`, `Add` or `Sub`; `Set` when not given.
        pub operation: String,
        /// Whether the value is emitted while the node runs.
        pub realtime: Option<bool>,
        /// The value; may be an expression of tags.
        pub value: String,
    }
}

api_struct! {
    /// Counts of values in buckets.
    pub struct Histogram {
        /// Upper bounds of the buckets.
        pub buckets: Vec<Value>,
        /// The value that is counted.
        pub value: String,
    }
}
