//! The workflow controller: [`argo_dag`] in the driver, over pods and task results.

mod engine;
mod interpreter;
mod library;
mod locks;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use argo_dag::RunConfig;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::Client;
use kube::core::ApiResource;
use kube::runtime::watcher;
use tokio::sync::oneshot;

use crate::clock::{Clock, SystemClock};
use crate::crd;
use crate::driver::{self, Driver, DriverOptions, Primary, Source};
use engine::WorkflowEngine;
use interpreter::WorkflowInterpreter;
use library::Caches;
use locks::Locks;

const POD: &str = "Pod";
const TASK_RESULT: &str = "WorkflowTaskResult";

/// Label with the name of the workflow that an object belongs to.
pub const WORKFLOW_LABEL: &str = "workflows.argoproj.io/workflow";
/// Label that says whether a workflow has ended, and whether a pod was dealt with.
pub const COMPLETED: &str = "workflows.argoproj.io/completed";
/// Label with a workflow's phase.
pub const PHASE: &str = "workflows.argoproj.io/phase";
/// Label of a task result whose reporter has nothing to add.
pub const REPORT_COMPLETED: &str = "workflows.argoproj.io/report-outputs-completed";
/// Label with the id of the controller that a workflow is for.
pub const INSTANCE_ID: &str = "workflows.argoproj.io/controller-instanceid";
/// Label that says what a ConfigMap is used for.
pub const CONFIG_MAP_TYPE: &str = "workflows.argoproj.io/configmap-type";
/// Annotation by which the executor is told to stop.
pub const EXECUTION: &str = "workflows.argoproj.io/execution";

/// How a workflow controller works.
#[derive(Clone)]
pub struct ControllerConfig {
    /// The namespace whose workflows are run; all when empty.
    pub namespace: String,
    /// Only workflows with this instance id are run; when empty, only those without any.
    pub instance_id: String,
    /// Which ConfigMaps workflows may refer to, as a label selector; all when empty.
    pub config_maps: String,
    /// Whether Kubernetes events are recorded on workflows.
    pub events: bool,
    /// How workflows are run and their pods made.
    pub run: Arc<RunConfig>,
    /// Changes of a workflow's status that come within this time are written at once. What starts pods never waits for it, nor does a workflow's end.
    pub gather: Duration,
    /// How the driver works.
    pub driver: DriverOptions,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
}

impl Default for ControllerConfig {
    fn default() -> Self {
        Self {
            namespace: String::new(),
            instance_id: String::new(),
            config_maps: String::new(),
            events: true,
            run: Arc::new(RunConfig::default()),
            gather: Duration::from_millis(20),
            driver: DriverOptions::default(),
            clock: Arc::new(SystemClock),
        }
    }
}

/// Runs workflows.
pub struct WorkflowController {
    client: Client,
    config: ControllerConfig,
}

impl WorkflowController {
    /// A controller over the API that `client` speaks to; the definitions must be [installed](crate::crd::install).
    #[must_use]
    pub fn new(client: Client, config: ControllerConfig) -> Self {
        Self { client, config }
    }

    /// Runs until `shutdown`. Dropping the future stops it at once, which is as safe: whoever runs next goes on from what the API holds.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self { client, config } = self;
        let namespace = config.namespace.as_str();
        let caches = Arc::new(Caches::default());

        let (templates, templates_listed) = oneshot::channel();
        let (cluster_templates, cluster_templates_listed) = oneshot::channel();
        let (config_maps, config_maps_listed) = oneshot::channel();
        let following = async {
            let templates_api = driver::api(&client, &crd::WORKFLOW_TEMPLATE.resource(), namespace);
            let cluster_templates_api = driver::api(&client, &crd::CLUSTER_WORKFLOW_TEMPLATE.resource(), "");
            let config_maps_api = driver::api(&client, &ApiResource::erase::<ConfigMap>(&()), namespace);
            let selected = watcher::Config::default().labels(&config.config_maps);
            tokio::join!(
                caches.templates.follow("WorkflowTemplate", templates_api, watcher::Config::default(), templates),
                caches.cluster_templates.follow(
                    "ClusterWorkflowTemplate",
                    cluster_templates_api,
                    watcher::Config::default(),
                    cluster_templates
                ),
                caches.config_maps.follow("ConfigMap", config_maps_api, selected, config_maps),
            );
        };

        let primary = Primary { resource: crd::WORKFLOW.resource(), status_subresource: crd::WORKFLOW.status };
        let primary_resource = primary.resource.clone();
        let mine = if config.instance_id.is_empty() { format!("!{INSTANCE_ID}") } else { format!("{INSTANCE_ID}={}", config.instance_id) };
        let workflows =
            Source::objects("Workflow", driver::api(&client, &primary.resource, namespace), watcher::Config::default().labels(&mine));
        let open_pods = format!("{WORKFLOW_LABEL},{COMPLETED}!=true");
        let pods = Source::labelled(
            POD,
            driver::api(&client, &ApiResource::erase::<Pod>(&()), namespace),
            watcher::Config::default().labels(&open_pods),
            WORKFLOW_LABEL,
        );
        let results = Source::labelled(
            TASK_RESULT,
            driver::api(&client, &crd::WORKFLOW_TASK_RESULT.resource(), namespace),
            watcher::Config::default().labels(WORKFLOW_LABEL),
            WORKFLOW_LABEL,
        );
        let locks = Locks::new(Arc::clone(&caches));
        let interpreter = WorkflowInterpreter {
            client: client.clone(),
            clock: Arc::clone(&config.clock),
            events: config.events,
            locks: Arc::clone(&locks),
        };
        let engines = Arc::clone(&caches);
        let run_config = Arc::clone(&config.run);
        let patience = jiff::SignedDuration::try_from(config.gather).unwrap_or_default();
        let make = move |key: &driver::Key| WorkflowEngine::new(key, Arc::clone(&engines), Arc::clone(&run_config), patience);

        let driver = Driver::new(client.clone(), primary, interpreter, make, Arc::clone(&config.clock), config.driver.clone());
        let driving = async {
            // A workflow must not be told that a template is missing while templates are still being listed.
            let _ = tokio::join!(templates_listed, cluster_templates_listed, config_maps_listed);
            locks.restore(&driver::api(&client, &primary_resource, namespace), &mine).await;
            driver.run(workflows, vec![pods, results], std::future::pending()).await;
        };
        tokio::select! {
            () = shutdown => {}
            () = driving => {}
            () = following => {}
        }
    }
}
