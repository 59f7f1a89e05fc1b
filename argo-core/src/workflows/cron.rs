use super::*;

api_struct! {
    /// CronWorkflow.
    pub struct CronWorkflow {
        /// `apiVersion`.
        pub api_version: String,
        /// `kind`.
        pub kind: String,
        /// `metadata`.
        pub metadata: ObjectMeta,
        /// `spec`.
        pub spec: CronWorkflowSpec,
        /// `status`.
        pub status: CronWorkflowStatus,
    }
}

api_struct! {
    /// CronWorkflowList.
    pub struct CronWorkflowList {
        /// `apiVersion`.
        pub api_version: String,
        /// `items`.
        pub items: Vec<CronWorkflow>,
        /// `kind`.
        pub kind: String,
        /// `metadata`.
        pub metadata: ListMeta,
    }
}

api_struct! {
    /// CronWorkflowSpec.
    pub struct CronWorkflowSpec {
        /// `concurrencyPolicy`.
        pub concurrency_policy: String,
        /// `failedJobsHistoryLimit`.
        pub failed_jobs_history_limit: Option<i64>,
        /// `schedules`.
        pub schedules: Vec<String>,
        /// `startingDeadlineSeconds`.
        pub starting_deadline_seconds: Option<i64>,
        /// `stopStrategy`.
        pub stop_strategy: Option<StopStrategy>,
        /// `successfulJobsHistoryLimit`.
        pub successful_jobs_history_limit: Option<i64>,
        /// `suspend`.
        pub suspend: Option<bool>,
        /// `timezone`.
        pub timezone: String,
        /// `when`.
        pub when: String,
        /// `workflowMetadata`.
        pub workflow_metadata: Option<ObjectMeta>,
        /// `workflowSpec`.
        pub workflow_spec: Option<WorkflowSpec>,
    }
}

api_struct! {
    /// CronWorkflowStatus.
    pub struct CronWorkflowStatus {
        /// `active`.
        pub active: Vec<Value> => "[]ObjectReference @uid",
        /// `conditions`.
        pub conditions: Vec<Condition>,
        /// `failed`.
        pub failed: Option<i64>,
        /// `lastScheduledTime`.
        pub last_scheduled_time: Option<Time>,
        /// `phase`.
        pub phase: String,
        /// `succeeded`.
        pub succeeded: Option<i64>,
    }
}

api_struct! {
    /// StopStrategy.
    pub struct StopStrategy {
        /// `expression`.
        pub expression: String,
    }
}

api_struct! {
    /// WorkflowEventBinding.
    pub struct WorkflowEventBinding {
        /// `apiVersion`.
        pub api_version: String,
        /// `kind`.
        pub kind: String,
        /// `metadata`.
        pub metadata: ObjectMeta,
        /// `spec`.
        pub spec: WorkflowEventBindingSpec,
    }
}

api_struct! {
    /// WorkflowEventBindingList.
    pub struct WorkflowEventBindingList {
        /// `apiVersion`.
        pub api_version: String,
        /// `items`.
        pub items: Vec<WorkflowEventBinding>,
        /// `kind`.
        pub kind: String,
        /// `metadata`.
        pub metadata: ListMeta,
    }
}

api_struct! {
    /// WorkflowEventBindingSpec.
    pub struct WorkflowEventBindingSpec {
        /// `event`.
        pub event: Option<Event>,
        /// `submit`.
        pub submit: Option<Submit>,
    }
}

api_struct! {
    /// Event.
    pub struct Event {
        /// `selector`.
        pub selector: String,
    }
}

api_struct! {
    /// Submit.
    pub struct Submit {
        /// `arguments`.
        pub arguments: Arguments,
        /// `metadata`.
        pub metadata: Option<ObjectMeta>,
        /// `workflowTemplateRef`.
        pub workflow_template_ref: Option<WorkflowTemplateRef>,
    }
}
