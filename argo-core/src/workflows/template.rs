use super::*;

api_struct! {
    /// Template.
    pub struct Template {
        /// `activeDeadlineSeconds`.
        pub active_deadline_seconds: Option<IntOrString>,
        /// `affinity`.
        pub affinity: Option<Value> => "*Affinity",
        /// `annotations`.
        pub annotations: BTreeMap<String, String>,
        /// `archiveLocation`.
        pub archive_location: Option<ArtifactLocation>,
        /// `automountServiceAccountToken`.
        pub automount_service_account_token: Option<bool>,
        /// `container`.
        pub container: Option<Container>,
        /// `containerSet`.
        pub container_set: Option<ContainerSetTemplate>,
        /// `daemon`.
        pub daemon: Option<bool>,
        /// `dag`.
        pub dag: Option<DagTemplate>,
        /// `data`.
        pub data: Option<Data>,
        /// `executor`.
        pub executor: Option<ExecutorConfig>,
        /// `failFast`.
        pub fail_fast: Option<bool>,
        /// `hostAliases`.
        pub host_aliases: Vec<Value> => "[]HostAlias @ip",
        /// `http`.
        pub http: Option<Http>,
        /// `initContainers`.
        pub init_containers: Vec<UserContainer> => "@name",
        /// `inputs`.
        pub inputs: Inputs,
        /// `memoize`.
        pub memoize: Option<Memoize>,
        /// `metadata`.
        pub metadata: Metadata,
        /// `metrics`.
        pub metrics: Option<Metrics>,
        /// `name`.
        pub name: String,
        /// `nodeSelector`.
        pub node_selector: BTreeMap<String, String>,
        /// `outputs`.
        pub outputs: Outputs,
        /// `parallelism`.
        pub parallelism: Option<i64>,
        /// `pendingTimeout`.
        pub pending_timeout: String,
        /// `plugin`.
        pub plugin: Option<Value>,
        /// `podResources`.
        pub pod_resources: Option<Value> => "*ResourceRequirements",
        /// `podSpecPatch`.
        pub pod_spec_patch: String,
        /// `priorityClassName`.
        pub priority_class_name: String,
        /// `resource`.
        pub resource: Option<ResourceTemplate>,
        /// `resourceClaims`.
        pub resource_claims: Vec<Value> => "[]PodResourceClaim",
        /// `retryStrategy`.
        pub retry_strategy: Option<RetryStrategy>,
        /// `schedulerName`.
        pub scheduler_name: String,
        /// `script`.
        pub script: Option<ScriptTemplate>,
        /// `securityContext`.
        pub security_context: Option<Value> => "*PodSecurityContext",
        /// `serviceAccountName`.
        pub service_account_name: String,
        /// `sidecars`.
        pub sidecars: Vec<UserContainer> => "@name",
        /// `steps`.
        pub steps: Vec<Vec<WorkflowStep>>,
        /// `suspend`.
        pub suspend: Option<SuspendTemplate>,
        /// `synchronization`.
        pub synchronization: Option<Synchronization>,
        /// `timeout`.
        pub timeout: String,
        /// `tolerations`.
        pub tolerations: Vec<Value> => "[]Toleration @key",
        /// `volumes`.
        pub volumes: Vec<Value> => "[]Volume @name",
    }
}

api_struct! {
    /// DAGTemplate.
    pub struct DagTemplate {
        /// `failFast`.
        pub fail_fast: Option<bool>,
        /// `target`.
        pub target: String,
        /// `tasks`.
        pub tasks: Vec<DagTask> => "@name",
    }
}

api_struct! {
    /// DAGTask.
    pub struct DagTask {
        /// `arguments`.
        pub arguments: Arguments,
        /// `continueOn`.
        pub continue_on: Option<ContinueOn>,
        /// `dependencies`.
        pub dependencies: Vec<String>,
        /// `depends`.
        pub depends: String,
        /// `hooks`.
        pub hooks: BTreeMap<String, LifecycleHook>,
        /// `inline`.
        pub inline: Option<Box<Template>>,
        /// `name`.
        pub name: String,
        /// `onExit`.
        pub on_exit: String,
        /// `template`.
        pub template: String,
        /// `templateRef`.
        pub template_ref: Option<TemplateRef>,
        /// `when`.
        pub when: String,
        /// `withItems`.
        pub with_items: Vec<Item>,
        /// `withParam`.
        pub with_param: String,
        /// `withSequence`.
        pub with_sequence: Option<Sequence>,
    }
}

api_struct! {
    /// WorkflowStep.
    pub struct WorkflowStep {
        /// `arguments`.
        pub arguments: Arguments,
        /// `continueOn`.
        pub continue_on: Option<ContinueOn>,
        /// `hooks`.
        pub hooks: BTreeMap<String, LifecycleHook>,
        /// `inline`.
        pub inline: Option<Box<Template>>,
        /// `name`.
        pub name: String,
        /// `onExit`.
        pub on_exit: String,
        /// `template`.
        pub template: String,
        /// `templateRef`.
        pub template_ref: Option<TemplateRef>,
        /// `when`.
        pub when: String,
        /// `withItems`.
        pub with_items: Vec<Item>,
        /// `withParam`.
        pub with_param: String,
        /// `withSequence`.
        pub with_sequence: Option<Sequence>,
    }
}

api_struct! {
    /// ContinueOn.
    pub struct ContinueOn {
        /// `error`.
        pub error: bool,
        /// `failed`.
        pub failed: bool,
    }
}

api_struct! {
    /// LifecycleHook.
    pub struct LifecycleHook {
        /// `arguments`.
        pub arguments: Arguments,
        /// `expression`.
        pub expression: String,
        /// `template`.
        pub template: String,
        /// `templateRef`.
        pub template_ref: Option<TemplateRef>,
    }
}

api_struct! {
    /// TemplateRef.
    pub struct TemplateRef {
        /// `clusterScope`.
        pub cluster_scope: bool,
        /// `name`.
        pub name: String,
        /// `template`.
        pub template: String,
    }
}

api_struct! {
    /// Sequence.
    pub struct Sequence {
        /// `count`.
        pub count: Option<IntOrString>,
        /// `end`.
        pub end: Option<IntOrString>,
        /// `format`.
        pub format: String,
        /// `start`.
        pub start: Option<IntOrString>,
    }
}

api_struct! {
    /// SuspendTemplate.
    pub struct SuspendTemplate {
        /// `duration`.
        pub duration: String,
    }
}

api_struct! {
    /// RetryStrategy.
    pub struct RetryStrategy {
        /// `affinity`.
        pub affinity: Option<RetryAffinity>,
        /// `backoff`.
        pub backoff: Option<Backoff>,
        /// `expression`.
        pub expression: String,
        /// `limit`.
        pub limit: Option<IntOrString>,
        /// `retryPolicy`.
        pub retry_policy: String,
    }
}

api_struct! {
    /// Backoff.
    pub struct Backoff {
        /// `cap`.
        pub cap: String,
        /// `duration`.
        pub duration: String,
        /// `factor`.
        pub factor: Option<IntOrString>,
        /// `maxDuration`.
        pub max_duration: String,
    }
}

api_struct! {
    /// RetryAffinity.
    pub struct RetryAffinity {
        /// `nodeAntiAffinity`.
        pub node_anti_affinity: Option<RetryNodeAntiAffinity>,
    }
}

api_struct! {
    /// RetryNodeAntiAffinity.
    pub struct RetryNodeAntiAffinity {
    }
}

api_struct! {
    /// Synchronization.
    pub struct Synchronization {
        /// `mutexes`.
        pub mutexes: Vec<Mutex>,
        /// `semaphores`.
        pub semaphores: Vec<SemaphoreRef>,
    }
}

api_struct! {
    /// Mutex.
    pub struct Mutex {
        /// `database`.
        pub database: bool,
        /// `name`.
        pub name: String,
        /// `namespace`.
        pub namespace: String,
    }
}

api_struct! {
    /// SemaphoreRef.
    pub struct SemaphoreRef {
        /// `configMapKeyRef`.
        pub config_map_key_ref: Option<KeySelector>,
        /// `database`.
        pub database: Option<SyncDatabaseRef>,
        /// `namespace`.
        pub namespace: String,
    }
}

api_struct! {
    /// SyncDatabaseRef.
    pub struct SyncDatabaseRef {
        /// `key`.
        pub key: String,
    }
}

api_struct! {
    /// Memoize.
    pub struct Memoize {
        /// `cache`.
        pub cache: Option<Cache>,
        /// `key`.
        pub key: String,
        /// `maxAge`.
        pub max_age: String,
    }
}

api_struct! {
    /// Cache.
    pub struct Cache {
        /// `configMap`.
        pub config_map: Option<LocalObjectReference>,
    }
}

api_struct! {
    /// MemoizationStatus.
    pub struct MemoizationStatus {
        /// `cacheName`.
        pub cache_name: String,
        /// `hit`.
        pub hit: Option<bool>,
        /// `key`.
        pub key: String,
    }
}

api_struct! {
    /// Metrics.
    pub struct Metrics {
        /// `prometheus`.
        pub prometheus: Vec<Prometheus>,
    }
}

api_struct! {
    /// Prometheus.
    pub struct Prometheus {
        /// `counter`.
        pub counter: Option<Counter>,
        /// `gauge`.
        pub gauge: Option<Gauge>,
        /// `help`.
        pub help: String,
        /// `histogram`.
        pub histogram: Option<Histogram>,
        /// `labels`.
        pub labels: Vec<MetricLabel>,
        /// `name`.
        pub name: String,
        /// `when`.
        pub when: String,
    }
}

api_struct! {
    /// MetricLabel.
    pub struct MetricLabel {
        /// `key`.
        pub key: String,
        /// `value`.
        pub value: String,
    }
}

api_struct! {
    /// Counter.
    pub struct Counter {
        /// `value`.
        pub value: String,
    }
}

api_struct! {
    /// Gauge.
    pub struct Gauge {
        /// `operation`.
        pub operation: String,
        /// `realtime`.
        pub realtime: Option<bool>,
        /// `value`.
        pub value: String,
    }
}

api_struct! {
    /// Histogram.
    pub struct Histogram {
        /// `buckets`.
        pub buckets: Vec<Value>,
        /// `value`.
        pub value: String,
    }
}
