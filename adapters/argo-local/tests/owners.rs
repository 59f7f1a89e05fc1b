//! Owners, namespaces, tokens and rights.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use argo_local::api::Identity;
use argo_local::{LocalCluster, LocalClusterOptions};
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, ServiceAccount};
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use serde_json::json;

async fn cluster() -> LocalCluster {
    LocalCluster::start(LocalClusterOptions { listen: None, ..Default::default() }).await.unwrap()
}

fn map(name: &str, owner: Option<&ConfigMap>) -> ConfigMap {
    let mut value = json!({"metadata": {"name": name}});
    if let Some(owner) = owner {
        let reference = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "name": owner.metadata.name, "uid": owner.metadata.uid, "blockOwnerDeletion": true,
        });
        value["metadata"]["ownerReferences"] = json!([reference]);
    }
    serde_json::from_value(value).unwrap()
}

async fn settle(mut done: impl AsyncFnMut() -> bool) {
    for _ in 0..10_000 {
        if done().await {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it did not come to that");
}

#[tokio::test]
async fn dependents_go_with_their_owner() {
    let cluster = cluster().await;
    let maps: Api<ConfigMap> = Api::default_namespaced(cluster.client());
    for (policy, stays) in [(DeleteParams::background(), false), (DeleteParams::foreground(), false), (DeleteParams::orphan(), true)] {
        let owner = maps.create(&PostParams::default(), &map("owner", None)).await.unwrap();
        let middle = maps.create(&PostParams::default(), &map("middle", Some(&owner))).await.unwrap();
        maps.create(&PostParams::default(), &map("leaf", Some(&middle))).await.unwrap();
        maps.delete("owner", &policy).await.unwrap();
        settle(async || maps.get_opt("owner").await.unwrap().is_none()).await;
        if stays {
            let middle = maps.get("middle").await.unwrap();
            assert!(middle.metadata.owner_references.is_none());
            maps.delete("middle", &DeleteParams::default()).await.unwrap();
        }
        settle(async || maps.get_opt("leaf").await.unwrap().is_none()).await;
    }
    cluster.shutdown().await;
}

#[tokio::test]
async fn a_namespace_takes_its_objects_along() {
    let cluster = cluster().await;
    let namespaces: Api<Namespace> = Api::all(cluster.client());
    let space: Namespace = serde_json::from_value(json!({"metadata": {"name": "a"}})).unwrap();
    namespaces.create(&PostParams::default(), &space).await.unwrap();
    let accounts: Api<ServiceAccount> = Api::namespaced(cluster.client(), "a");
    settle(async || accounts.get_opt("default").await.unwrap().is_some()).await;
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client(), "a");
    maps.create(&PostParams::default(), &map("m", None)).await.unwrap();
    namespaces.delete("a", &DeleteParams::default()).await.unwrap();
    settle(async || namespaces.get_opt("a").await.unwrap().is_none()).await;
    assert!(maps.list(&ListParams::default()).await.unwrap().items.is_empty());
    let refused = maps.create(&PostParams::default(), &map("m", None)).await.unwrap_err();
    assert!(matches!(refused, kube::Error::Api(status) if status.code == 404));
    cluster.shutdown().await;
}

#[tokio::test]
async fn service_accounts_may_do_what_roles_say_and_no_more() {
    let cluster = cluster().await;
    let account = cluster.client_as(Identity::service_account("default", "default"));
    let pods: Api<Pod> = Api::default_namespaced(account.clone());
    assert!(pods.list(&ListParams::default()).await.unwrap().items.is_empty());
    let maps: Api<ConfigMap> = Api::default_namespaced(account);
    let refused = maps.list(&ListParams::default()).await.unwrap_err();
    assert!(matches!(refused, kube::Error::Api(status) if status.code == 403 && status.reason == "Forbidden"));
    let accounts: Api<ServiceAccount> = Api::default_namespaced(cluster.client());
    let request: TokenRequest = serde_json::from_value(json!({"spec": {"audiences": []}})).unwrap();
    let token = accounts.create_token_request("default", &PostParams::default(), &request).await.unwrap();
    assert_eq!(token.status.unwrap().token.unwrap_or_default().split('.').count(), 3);
    cluster.shutdown().await;
}

#[tokio::test]
async fn the_server_lets_nobody_in_without_the_token() {
    let cluster = LocalCluster::start(LocalClusterOptions::default()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kubeconfig");
    cluster.write_kubeconfig(&path).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let read = async |config: kube::config::Kubeconfig| {
        let config = kube::Config::from_custom_kubeconfig(config, &Default::default()).await.unwrap();
        let client = kube::Client::try_from(config).unwrap();
        Api::<ConfigMap>::default_namespaced(client).list(&ListParams::default()).await
    };
    let mut config = kube::config::Kubeconfig::read_from(&path).unwrap();
    assert!(read(config.clone()).await.is_ok());
    let user = config.auth_infos[0].auth_info.as_mut().unwrap();
    user.token = Some("wrong".to_owned().into());
    let refused = read(config.clone()).await.unwrap_err();
    assert!(matches!(refused, kube::Error::Api(status) if status.code == 401));
    config.auth_infos[0].auth_info.as_mut().unwrap().token = None;
    let refused = read(config).await.unwrap_err();
    assert!(matches!(refused, kube::Error::Api(status) if status.code == 403));
    let public = LocalCluster::start(LocalClusterOptions { listen: Some(([0, 0, 0, 0], 0).into()), ..Default::default() }).await;
    assert!(public.is_err());
    cluster.shutdown().await;
}
