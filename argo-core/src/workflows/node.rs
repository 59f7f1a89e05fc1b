use super::*;

api_struct! {
    /// NodeStatus.
    pub struct NodeStatus {
        /// `boundaryID`.
        pub boundary_id as "boundaryID": String,
        /// `children`.
        pub children: Vec<String>,
        /// `daemoned`.
        pub daemoned: Option<bool>,
        /// `displayName`.
        pub display_name: String,
        /// `estimatedDuration`.
        pub estimated_duration: Option<i64>,
        /// `failedPodRestarts`.
        pub failed_pod_restarts: Option<i64>,
        /// `finishedAt`.
        pub finished_at: Option<Time>,
        /// `hostNodeName`.
        pub host_node_name: String,
        /// `id`.
        pub id: String,
        /// `inputs`.
        pub inputs: Option<Inputs>,
        /// `memoizationStatus`.
        pub memoization_status: Option<MemoizationStatus>,
        /// `message`.
        pub message: String,
        /// `name`.
        pub name: String,
        /// `nodeFlag`.
        pub node_flag: Option<NodeFlag>,
        /// `outboundNodes`.
        pub outbound_nodes: Vec<String>,
        /// `outputs`.
        pub outputs: Option<Outputs>,
        /// `phase`.
        pub phase: String,
        /// `podIP`.
        pub pod_ip as "podIP": String,
        /// `progress`.
        pub progress: String,
        /// `resourcesDuration`.
        pub resources_duration: BTreeMap<String, i64>,
        /// `restartingPodUID`.
        pub restarting_pod_uid as "restartingPodUID": String,
        /// `startedAt`.
        pub started_at: Option<Time>,
        /// `synchronizationStatus`.
        pub synchronization_status: Option<NodeSynchronizationStatus>,
        /// `taskResultSynced`.
        pub task_result_synced: Option<bool>,
        /// `templateName`.
        pub template_name: String,
        /// `templateRef`.
        pub template_ref: Option<TemplateRef>,
        /// `templateScope`.
        pub template_scope: String,
        /// `type`.
        pub type_: String,
    }
}

api_struct! {
    /// NodeFlag.
    pub struct NodeFlag {
        /// `hooked`.
        pub hooked: bool,
        /// `retried`.
        pub retried: bool,
    }
}

api_struct! {
    /// NodeSynchronizationStatus.
    pub struct NodeSynchronizationStatus {
        /// `waiting`.
        pub waiting: String,
    }
}
