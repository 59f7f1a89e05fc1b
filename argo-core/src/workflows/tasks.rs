//! What the executor and the agent report: task results, task sets and artifact collection tasks.

use super::*;

api_struct! {
    /// Outputs of one node, written by the executor inside its pod. The object is named after the node id.
    pub struct WorkflowTaskResult {
        /// API group and version.
        pub api_version: String,
        /// `WorkflowTaskResult`.
        pub kind: String,
        /// Metadata; label `workflows.argoproj.io/workflow` names the workflow, `…/report-outputs-completed` says whether all is reported.
        pub metadata: ObjectMeta,
        /// Phase, where the reporter decides it.
        pub phase: String,
        /// Message that goes with it.
        pub message: String,
        /// What the node produced.
        pub outputs: Option<Outputs>,
        /// `N/M`, where the task reports progress.
        pub progress: String,
    }
}

api_struct! {
    /// Result of one task of a task set.
    pub struct NodeResult {
        /// Phase.
        pub phase: String,
        /// Message.
        pub message: String,
        /// What the node produced.
        pub outputs: Option<Outputs>,
        /// `N/M`.
        pub progress: String,
    }
}

api_struct! {
    /// Tasks that the workflow's agent is to run, such as HTTP requests.
    pub struct WorkflowTaskSet {
        /// API group and version.
        pub api_version: String,
        /// `WorkflowTaskSet`.
        pub kind: String,
        /// Metadata.
        pub metadata: ObjectMeta,
        /// What is to run.
        pub spec: WorkflowTaskSetSpec,
        /// What came of it.
        pub status: WorkflowTaskSetStatus,
    }
}

api_struct! {
    /// Tasks by node id.
    pub struct WorkflowTaskSetSpec {
        /// Template to run, by node id.
        pub tasks: BTreeMap<String, Template>,
    }
}

api_struct! {
    /// Results by node id.
    pub struct WorkflowTaskSetStatus {
        /// Result, by node id.
        pub nodes: BTreeMap<String, NodeResult>,
    }
}

api_struct! {
    /// Artifacts that a collection pod is to delete.
    pub struct WorkflowArtifactGcTask {
        /// API group and version.
        pub api_version: String,
        /// `WorkflowArtifactGCTask`.
        pub kind: String,
        /// Metadata.
        pub metadata: ObjectMeta,
        /// What is to be deleted.
        pub spec: ArtifactGcSpec,
        /// What was deleted.
        pub status: ArtifactGcResults,
    }
}

api_struct! {
    /// Artifacts by node id.
    pub struct ArtifactGcSpec {
        /// Artifacts of each node.
        pub artifacts_by_node: BTreeMap<String, ArtifactNodeSpec>,
    }
}

api_struct! {
    /// Artifacts of one node.
    pub struct ArtifactNodeSpec {
        /// Where the template keeps its artifacts.
        pub archive_location: Option<ArtifactLocation>,
        /// Artifacts by name.
        pub artifacts: BTreeMap<String, Artifact>,
    }
}

api_struct! {
    /// Deletions by node id.
    pub struct ArtifactGcResults {
        /// Results of each node.
        pub artifact_results_by_node: BTreeMap<String, ArtifactResultNodeStatus>,
    }
}

api_struct! {
    /// Deletions of one node's artifacts.
    pub struct ArtifactResultNodeStatus {
        /// Result by artifact name.
        pub artifact_results: BTreeMap<String, ArtifactResult>,
    }
}

api_struct! {
    /// Deletion of one artifact.
    pub struct ArtifactResult {
        /// Artifact name.
        pub name: String,
        /// Whether it was deleted.
        pub success: bool,
        /// Why it was not.
        pub error: Option<String>,
    }
}
