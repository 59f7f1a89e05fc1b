use super::*;

api_struct! {
    /// A workflow that is started by the clock.
    pub struct CronWorkflow {
        /// API group and version: `argoproj.io/v1alpha1`.
        pub api_version: String,
        /// Kind of the object.
        pub kind: String,
        /// Metadata of the object.
        pub metadata: ObjectMeta,
        /// What is wanted.
        pub spec: CronWorkflowSpec,
        /// How far it is.
        pub status: CronWorkflowStatus,
    }
}

api_struct! {
    /// A list of cron workflows.
    pub struct CronWorkflowList {
        /// API group and version: `argoproj.io/v1alpha1`.
        pub api_version: String,
        /// The objects.
        pub items: Vec<CronWorkflow>,
        /// Kind of the object.
        pub kind: String,
        /// Metadata of the object.
        pub metadata: ListMeta,
    }
}

api_struct! {
    /// When a workflow is started, and which.
    pub struct CronWorkflowSpec {
        /// What happens when it is time and a workflow still runs: `Allow`, `Forbid` or `Replace`.
        pub concurrency_policy: String,
        /// How many failed workflows are kept; 1 when not given.
        pub failed_jobs_history_limit: Option<i64>,
        /// When: cron expressions of five fields, each with an optional time zone; any of them counts.
        pub schedules: Vec<String>,
        /// By how many seconds a start may be late, after a time in which the controller did not run.
        pub starting_deadline_seconds: Option<i64>,
        /// When nothing is started any more.
        pub stop_strategy: Option<StopStrategy>,
        /// How many successful workflows are kept; 3 when not given.
        pub successful_jobs_history_limit: Option<i64>,
        /// Whether no workflow is started.
        pub suspend: Option<bool>,
        /// Time zone of the schedules, such as `Europe/Berlin`; the controller's own when not given.
        pub timezone: String,
        /// Expression that must be true for a start.
        pub when: String,
        /// Labels and annotations of the workflow.
        pub workflow_metadata: Option<ObjectMeta>,
        /// What the workflow does.
        pub workflow_spec: Option<WorkflowSpec>,
    }
}

api_struct! {
    /// What became of the starts.
    pub struct CronWorkflowStatus {
        /// The workflows that run.
        pub active: Vec<Value> => "[]ObjectReference @uid",
        /// What is noteworthy.
        pub conditions: Vec<Condition>,
        /// How many workflows failed.
        pub failed: Option<i64>,
        /// When a workflow was last started.
        pub last_scheduled_time: Option<Time>,
        /// `Active` or `Stopped`.
        pub phase: String,
        /// How many workflows succeeded.
        pub succeeded: Option<i64>,
    }
}

api_struct! {
    /// When a cron workflow starts nothing any more.
    pub struct StopStrategy {
        /// Expression that stops the starts once it is true.
        pub expression: String,
    }
}

api_struct! {
    /// Starts a workflow when an event is received by the server.
    pub struct WorkflowEventBinding {
        /// API group and version: `argoproj.io/v1alpha1`.
        pub api_version: String,
        /// Kind of the object.
        pub kind: String,
        /// Metadata of the object.
        pub metadata: ObjectMeta,
        /// What is wanted.
        pub spec: WorkflowEventBindingSpec,
    }
}

api_struct! {
    /// A list of event bindings.
    pub struct WorkflowEventBindingList {
        /// API group and version: `argoproj.io/v1alpha1`.
        pub api_version: String,
        /// The objects.
        pub items: Vec<WorkflowEventBinding>,
        /// Kind of the object.
        pub kind: String,
        /// Metadata of the object.
        pub metadata: ListMeta,
    }
}

api_struct! {
    /// Which event starts which workflow.
    pub struct WorkflowEventBindingSpec {
        /// Which events are meant.
        pub event: Option<Event>,
        /// The workflow that is started.
        pub submit: Option<Submit>,
    }
}

api_struct! {
    /// Which events are meant.
    pub struct Event {
        /// Expression over the event that must be true.
        pub selector: String,
    }
}

api_struct! {
    /// The workflow that is started.
    pub struct Submit {
        /// Values handed over.
        pub arguments: Arguments,
        /// Metadata of the workflow that is made.
        pub metadata: Option<ObjectMeta>,
        /// The WorkflowTemplate whose spec is used.
        pub workflow_template_ref: Option<WorkflowTemplateRef>,
    }
}
