use super::*;

api_struct! {
    /// How far one node of a workflow is: a step, a task, a group of steps, a pod, a retry.
    pub struct NodeStatus {
        /// Id of the node whose template this node is a part of.
        pub boundary_id as "boundaryID": String,
        /// Ids of the nodes that follow.
        pub children: Vec<String>,
        /// Whether it runs on beside the nodes that follow.
        pub daemoned: Option<bool>,
        /// Name to show: the step's or task's own, without its parents'.
        pub display_name: String,
        /// How many seconds it will take, judged by earlier runs.
        pub estimated_duration: Option<i64>,
        /// How often the pod was made again after failing before it started.
        pub failed_pod_restarts: Option<i64>,
        /// When it ended.
        pub finished_at: Option<Time>,
        /// Name of the cluster's node that it runs on.
        pub host_node_name: String,
        /// Id: the workflow's name and a hash of the node's name.
        pub id: String,
        /// What it was given.
        pub inputs: Option<Inputs>,
        /// Whether a kept result was used.
        pub memoization_status: Option<MemoizationStatus>,
        /// Why it is in its phase.
        pub message: String,
        /// Name.
        pub name: String,
        /// What kind of run it is.
        pub node_flag: Option<NodeFlag>,
        /// Ids of the last nodes inside, which whatever follows hangs from.
        pub outbound_nodes: Vec<String>,
        /// What it gave.
        pub outputs: Option<Outputs>,
        /// `Pending`, `Running`, `Succeeded`, `Skipped`, `Failed`, `Error` or `Omitted`.
        pub phase: String,
        /// Address of its pod.
        pub pod_ip as "podIP": String,
        /// How many of how many are done: `3/5`.
        pub progress: String,
        /// Requested resources times seconds, by resource.
        pub resources_duration: BTreeMap<String, i64>,
        /// Uid of the failed pod that is being replaced.
        pub restarting_pod_uid as "restartingPodUID": String,
        /// When it started.
        pub started_at: Option<Time>,
        /// Which lock it waits for.
        pub synchronization_status: Option<NodeSynchronizationStatus>,
        /// Whether its outputs have been read.
        pub task_result_synced: Option<bool>,
        /// Name of its template.
        pub template_name: String,
        /// A template of a WorkflowTemplate.
        pub template_ref: Option<TemplateRef>,
        /// Where its template was found: `local/`, `namespaced/name` or `cluster/name`.
        pub template_scope: String,
        /// `Pod`, `Container`, `Steps`, `StepGroup`, `DAG`, `TaskGroup`, `Retry`, `Skipped`, `Suspend`, `HTTP` or `Plugin`.
        pub type_: String,
    }
}

api_struct! {
    /// What kind of run a node is.
    pub struct NodeFlag {
        /// Whether it is a hook's node.
        pub hooked: bool,
        /// Whether it is one try of several.
        pub retried: bool,
    }
}

api_struct! {
    /// Which lock a node waits for.
    pub struct NodeSynchronizationStatus {
        /// Name of the lock that is waited for.
        pub waiting: String,
    }
}
