use super::*;

api_struct! {
    /// A named file or folder that is passed between templates, and where it is kept.
    pub struct Artifact {
        /// How it is packed before it is stored; a tar archive when not given.
        pub archive: Option<ArchiveStrategy>,
        /// Whether logs are stored as an artifact.
        pub archive_logs: Option<bool>,
        /// When and how it is deleted.
        pub artifact_gc as "artifactGC": Option<ArtifactGc>,
        /// In JFrog Artifactory.
        pub artifactory: Option<ArtifactoryArtifact>,
        /// In Azure Blob Storage.
        pub azure: Option<AzureArtifact>,
        /// Whether it was deleted.
        pub deleted: bool,
        /// A reference to another artifact, as a tag: `{{steps.a.outputs.artifacts.b}}`.
        pub from: String,
        /// Expression that gives another artifact.
        pub from_expression: String,
        /// In Google Cloud Storage.
        pub gcs: Option<GcsArtifact>,
        /// In a Git repository.
        pub git: Option<GitArtifact>,
        /// Name under which the whole workflow sees it, in `workflow.outputs`.
        pub global_name: String,
        /// In HDFS.
        pub hdfs: Option<HdfsArtifact>,
        /// Over HTTP.
        pub http: Option<HttpArtifact>,
        /// File mode, as a decimal number: 420 is 0644.
        pub mode: Option<i64>,
        /// Name.
        pub name: String,
        /// Whether it may be missing.
        pub optional: bool,
        /// In Alibaba Cloud OSS.
        pub oss: Option<OssArtifact>,
        /// Path in the container.
        pub path: String,
        /// In a store that a plugin speaks to.
        pub plugin: Option<PluginArtifact>,
        /// Written in the manifest.
        pub raw: Option<RawArtifact>,
        /// Whether the mode is applied to everything in the folder.
        pub recurse_mode: bool,
        /// In an S3-compatible store.
        pub s3: Option<S3Artifact>,
        /// Path below the source that is meant.
        pub sub_path: String,
    }
}

api_struct! {
    /// Where artifacts are kept, and whether logs are kept with them.
    pub struct ArtifactLocation {
        /// Whether logs are stored as an artifact.
        pub archive_logs: Option<bool>,
        /// In JFrog Artifactory.
        pub artifactory: Option<ArtifactoryArtifact>,
        /// In Azure Blob Storage.
        pub azure: Option<AzureArtifact>,
        /// In Google Cloud Storage.
        pub gcs: Option<GcsArtifact>,
        /// In a Git repository.
        pub git: Option<GitArtifact>,
        /// In HDFS.
        pub hdfs: Option<HdfsArtifact>,
        /// Over HTTP.
        pub http: Option<HttpArtifact>,
        /// In Alibaba Cloud OSS.
        pub oss: Option<OssArtifact>,
        /// In a store that a plugin speaks to.
        pub plugin: Option<PluginArtifact>,
        /// Written in the manifest.
        pub raw: Option<RawArtifact>,
        /// In an S3-compatible store.
        pub s3: Option<S3Artifact>,
    }
}

api_struct! {
    /// When and how an artifact is deleted.
    pub struct ArtifactGc {
        /// Labels and annotations of pods.
        pub pod_metadata: Option<Metadata>,
        /// Service account of pods.
        pub service_account_name: String,
        /// When: `OnWorkflowCompletion`, `OnWorkflowDeletion` or `Never`.
        pub strategy: String,
    }
}

api_struct! {
    /// When and how the artifacts of a workflow are deleted.
    pub struct WorkflowLevelArtifactGc {
        /// Whether the workflow can be deleted though artifacts could not.
        pub force_finalizer_removal: bool,
        /// Labels and annotations of pods.
        pub pod_metadata: Option<Metadata>,
        /// Strategic merge patch of the pod's spec, as YAML or JSON.
        pub pod_spec_patch: String,
        /// Service account of pods.
        pub service_account_name: String,
        /// When: `OnWorkflowCompletion`, `OnWorkflowDeletion` or `Never`.
        pub strategy: String,
    }
}

api_struct! {
    /// How a file or folder is packed before it is stored; exactly one field is set.
    pub struct ArchiveStrategy {
        /// Not packed.
        pub none: Option<NoneStrategy>,
        /// Packed as a tar archive.
        pub tar: Option<TarStrategy>,
        /// Packed as a zip archive.
        pub zip: Option<ZipStrategy>,
    }
}

api_struct! {
    /// Stored as it is; a folder is stored file by file.
    pub struct NoneStrategy {
    }
}

api_struct! {
    /// Packed as a tar archive, compressed with gzip.
    pub struct TarStrategy {
        /// Level of gzip, 0 to 9; the default level when not given.
        pub compression_level: Option<i64>,
    }
}

api_struct! {
    /// Packed as a zip archive.
    pub struct ZipStrategy {
    }
}

api_struct! {
    /// The store in which artifacts without a location of their own are kept; exactly one store is set.
    pub struct ArtifactRepository {
        /// Whether logs are stored as an artifact.
        pub archive_logs: Option<bool>,
        /// In JFrog Artifactory.
        pub artifactory: Option<ArtifactoryArtifactRepository>,
        /// In Azure Blob Storage.
        pub azure: Option<AzureArtifactRepository>,
        /// In Google Cloud Storage.
        pub gcs: Option<GcsArtifactRepository>,
        /// In HDFS.
        pub hdfs: Option<HdfsArtifactRepository>,
        /// In Alibaba Cloud OSS.
        pub oss: Option<OssArtifactRepository>,
        /// In a store that a plugin speaks to.
        pub plugin: Option<PluginArtifactRepository>,
        /// In an S3-compatible store.
        pub s3: Option<S3ArtifactRepository>,
    }
}

api_struct! {
    /// A file or folder in an S3-compatible store.
    pub struct S3Artifact {
        /// Secret key with the access key.
        pub access_key_secret: Option<KeySelector>,
        /// Whether the bucket is in the host name or in the path: empty for what the endpoint wants, `path` or `virtual-hosted`.
        pub addressing_style: String,
        /// The bucket.
        pub bucket: String,
        /// Secret key with the certificates that are trusted.
        pub ca_secret: Option<KeySelector>,
        /// Whether the bucket is made if it does not exist.
        pub create_bucket_if_not_present: Option<CreateS3BucketOptions>,
        /// How objects are encrypted on the server.
        pub encryption_options: Option<S3EncryptionOptions>,
        /// Host and port of the service, or its URL.
        pub endpoint: String,
        /// Whether TLS is not used.
        pub insecure: Option<bool>,
        /// Path of the file or folder in the bucket.
        pub key: String,
        /// Region of the bucket.
        pub region: String,
        /// Role that is assumed.
        pub role_arn as "roleARN": String,
        /// Secret key with the secret key.
        pub secret_key_secret: Option<KeySelector>,
        /// Secret key with the session token, for temporary credentials.
        pub session_token_secret: Option<KeySelector>,
        /// Whether credentials are found in the environment, as the provider's library does.
        pub use_sdk_creds as "useSDKCreds": bool,
    }
}

api_struct! {
    /// An S3-compatible store as the default place of artifacts.
    pub struct S3ArtifactRepository {
        /// Secret key with the access key.
        pub access_key_secret: Option<KeySelector>,
        /// Whether the bucket is in the host name or in the path: empty for what the endpoint wants, `path` or `virtual-hosted`.
        pub addressing_style: String,
        /// The bucket.
        pub bucket: String,
        /// Secret key with the certificates that are trusted.
        pub ca_secret: Option<KeySelector>,
        /// Whether the bucket is made if it does not exist.
        pub create_bucket_if_not_present: Option<CreateS3BucketOptions>,
        /// How objects are encrypted on the server.
        pub encryption_options: Option<S3EncryptionOptions>,
        /// Host and port of the service, or its URL.
        pub endpoint: String,
        /// Whether TLS is not used.
        pub insecure: Option<bool>,
        /// Path of artifacts, with tags such as `{{workflow.name}}`.
        pub key_format: String,
        /// Prefix of the path of artifacts; `keyFormat` is the newer way.
        pub key_prefix: String,
        /// Region of the bucket.
        pub region: String,
        /// Role that is assumed.
        pub role_arn as "roleARN": String,
        /// Secret key with the secret key.
        pub secret_key_secret: Option<KeySelector>,
        /// Secret key with the session token, for temporary credentials.
        pub session_token_secret: Option<KeySelector>,
        /// Whether credentials are found in the environment, as the provider's library does.
        pub use_sdk_creds as "useSDKCreds": bool,
    }
}

api_struct! {
    /// How objects are encrypted on the server.
    pub struct S3EncryptionOptions {
        /// Whether objects are encrypted.
        pub enable_encryption: bool,
        /// Encryption context, as JSON.
        pub kms_encryption_context: String,
        /// Id of the key in the key management service.
        pub kms_key_id: String,
        /// Secret key with the customer's own key.
        pub server_side_customer_key_secret: Option<KeySelector>,
    }
}

api_struct! {
    /// How a bucket that does not exist is made.
    pub struct CreateS3BucketOptions {
        /// Whether object locking is switched on.
        pub object_locking: bool,
    }
}

api_struct! {
    /// A file or folder in Google Cloud Storage.
    pub struct GcsArtifact {
        /// The bucket.
        pub bucket: String,
        /// Path of the file or folder in the bucket.
        pub key: String,
        /// Secret key with the service account's key.
        pub service_account_key_secret: Option<KeySelector>,
    }
}

api_struct! {
    /// Google Cloud Storage as the default place of artifacts.
    pub struct GcsArtifactRepository {
        /// The bucket.
        pub bucket: String,
        /// Path of artifacts, with tags such as `{{workflow.name}}`.
        pub key_format: String,
        /// Secret key with the service account's key.
        pub service_account_key_secret: Option<KeySelector>,
    }
}

api_struct! {
    /// A file or folder in Azure Blob Storage.
    pub struct AzureArtifact {
        /// Secret key with the storage account's key.
        pub account_key_secret: Option<KeySelector>,
        /// Name of the blob, or its prefix for a folder.
        pub blob: String,
        /// The blob container.
        pub container: String,
        /// Host and port of the service, or its URL.
        pub endpoint: String,
        /// Whether credentials are found in the environment, as the provider's library does.
        pub use_sdk_creds as "useSDKCreds": bool,
    }
}

api_struct! {
    /// Azure Blob Storage as the default place of artifacts.
    pub struct AzureArtifactRepository {
        /// Secret key with the storage account's key.
        pub account_key_secret: Option<KeySelector>,
        /// Name of blobs, with tags such as `{{workflow.name}}`.
        pub blob_name_format: String,
        /// The blob container.
        pub container: String,
        /// Host and port of the service, or its URL.
        pub endpoint: String,
        /// Whether credentials are found in the environment, as the provider's library does.
        pub use_sdk_creds as "useSDKCreds": bool,
    }
}

api_struct! {
    /// A file or folder in Alibaba Cloud OSS.
    pub struct OssArtifact {
        /// Secret key with the access key.
        pub access_key_secret: Option<KeySelector>,
        /// The bucket.
        pub bucket: String,
        /// Whether the bucket is made if it does not exist.
        pub create_bucket_if_not_present: bool,
        /// Host and port of the service, or its URL.
        pub endpoint: String,
        /// Path of the file or folder in the bucket.
        pub key: String,
        /// When objects are moved to cheaper storage and deleted.
        pub lifecycle_rule: Option<OssLifecycleRule>,
        /// Secret key with the secret key.
        pub secret_key_secret: Option<KeySelector>,
        /// Security token, for temporary credentials.
        pub security_token: String,
        /// Whether credentials are found in the environment, as the provider's library does.
        pub use_sdk_creds as "useSDKCreds": bool,
    }
}

api_struct! {
    /// Alibaba Cloud OSS as the default place of artifacts.
    pub struct OssArtifactRepository {
        /// Secret key with the access key.
        pub access_key_secret: Option<KeySelector>,
        /// The bucket.
        pub bucket: String,
        /// Whether the bucket is made if it does not exist.
        pub create_bucket_if_not_present: bool,
        /// Host and port of the service, or its URL.
        pub endpoint: String,
        /// Path of artifacts, with tags such as `{{workflow.name}}`.
        pub key_format: String,
        /// When objects are moved to cheaper storage and deleted.
        pub lifecycle_rule: Option<OssLifecycleRule>,
        /// Secret key with the secret key.
        pub secret_key_secret: Option<KeySelector>,
        /// Security token, for temporary credentials.
        pub security_token: String,
        /// Whether credentials are found in the environment, as the provider's library does.
        pub use_sdk_creds as "useSDKCreds": bool,
    }
}

api_struct! {
    /// When objects in OSS are moved to cheaper storage and deleted.
    pub struct OssLifecycleRule {
        /// Days after which objects are deleted.
        pub mark_deletion_after_days: Option<i64>,
        /// Days after which objects are moved to infrequent-access storage.
        pub mark_infrequent_access_after_days: Option<i64>,
    }
}

api_struct! {
    /// A file or folder in HDFS.
    pub struct HdfsArtifact {
        /// Addresses of the name nodes.
        pub addresses: Vec<String>,
        /// How the transfer is protected: `authentication`, `integrity` or `privacy`.
        pub data_transfer_protection: String,
        /// Whether what is there is overwritten.
        pub force: bool,
        /// The user, where Kerberos is not used.
        pub hdfs_user: String,
        /// Secret key with the Kerberos ticket cache.
        pub krb_ccache_secret as "krbCCacheSecret": Option<KeySelector>,
        /// ConfigMap key with the Kerberos configuration.
        pub krb_config_config_map: Option<KeySelector>,
        /// Secret key with the Kerberos keytab.
        pub krb_keytab_secret: Option<KeySelector>,
        /// Kerberos realm.
        pub krb_realm: String,
        /// Kerberos principal of the name node.
        pub krb_service_principal_name: String,
        /// Kerberos user, with a keytab.
        pub krb_username: String,
        /// Path in HDFS.
        pub path: String,
    }
}

api_struct! {
    /// HDFS as the default place of artifacts.
    pub struct HdfsArtifactRepository {
        /// Addresses of the name nodes.
        pub addresses: Vec<String>,
        /// How the transfer is protected: `authentication`, `integrity` or `privacy`.
        pub data_transfer_protection: String,
        /// Whether what is there is overwritten.
        pub force: bool,
        /// The user, where Kerberos is not used.
        pub hdfs_user: String,
        /// Secret key with the Kerberos ticket cache.
        pub krb_ccache_secret as "krbCCacheSecret": Option<KeySelector>,
        /// ConfigMap key with the Kerberos configuration.
        pub krb_config_config_map: Option<KeySelector>,
        /// Secret key with the Kerberos keytab.
        pub krb_keytab_secret: Option<KeySelector>,
        /// Kerberos realm.
        pub krb_realm: String,
        /// Kerberos principal of the name node.
        pub krb_service_principal_name: String,
        /// Kerberos user, with a keytab.
        pub krb_username: String,
        /// Path of artifacts, with tags such as `{{workflow.name}}`.
        pub path_format: String,
    }
}

api_struct! {
    /// A file in JFrog Artifactory.
    pub struct ArtifactoryArtifact {
        /// Secret key with the password.
        pub password_secret: Option<KeySelector>,
        /// The URL.
        pub url: String,
        /// Secret key with the user name.
        pub username_secret: Option<KeySelector>,
    }
}

api_struct! {
    /// JFrog Artifactory as the default place of artifacts.
    pub struct ArtifactoryArtifactRepository {
        /// Path of artifacts, with tags such as `{{workflow.name}}`.
        pub key_format: String,
        /// Secret key with the password.
        pub password_secret: Option<KeySelector>,
        /// URL of the repository.
        pub repo_url as "repoURL": String,
        /// Secret key with the user name.
        pub username_secret: Option<KeySelector>,
    }
}

api_struct! {
    /// A working copy of a Git repository.
    pub struct GitArtifact {
        /// The branch that is fetched with `singleBranch`.
        pub branch: String,
        /// How many commits of the history are fetched; all when not given.
        pub depth: Option<i64>,
        /// Whether submodules are left out.
        pub disable_submodules: bool,
        /// Further refspecs that are fetched.
        pub fetch: Vec<String>,
        /// Whether the server's SSH key is not checked.
        pub insecure_ignore_host_key: bool,
        /// Whether the server's certificate is not checked.
        pub insecure_skip_tls as "insecureSkipTLS": bool,
        /// Secret key with the password.
        pub password_secret: Option<KeySelector>,
        /// URL of the repository.
        pub repo: String,
        /// Commit, tag or branch.
        pub revision: String,
        /// Whether only one branch is fetched.
        pub single_branch: bool,
        /// Secret key with the private SSH key.
        pub ssh_private_key_secret: Option<KeySelector>,
        /// Secret key with the user name.
        pub username_secret: Option<KeySelector>,
    }
}

api_struct! {
    /// A file that is fetched or stored over HTTP.
    pub struct HttpArtifact {
        /// How the server is told who asks.
        pub auth: Option<HttpAuth>,
        /// HTTP headers.
        pub headers: Vec<Header>,
        /// Whether the content is written to a file before it is sent.
        pub save_stream_via_file: bool,
        /// The URL.
        pub url: String,
    }
}

api_struct! {
    /// How the server is told who asks; exactly one field is set.
    pub struct HttpAuth {
        /// User name and password.
        pub basic_auth: Option<BasicAuth>,
        /// A client certificate.
        pub client_cert: Option<ClientCertAuth>,
        /// OAuth 2 client credentials.
        pub oauth2: Option<OAuth2Auth>,
    }
}

api_struct! {
    /// User name and password.
    pub struct BasicAuth {
        /// Secret key with the password.
        pub password_secret: Option<KeySelector>,
        /// Secret key with the user name.
        pub username_secret: Option<KeySelector>,
    }
}

api_struct! {
    /// A client certificate.
    pub struct ClientCertAuth {
        /// Secret key with the certificate.
        pub client_cert_secret: Option<KeySelector>,
        /// Secret key with the certificate's key.
        pub client_key_secret: Option<KeySelector>,
    }
}

api_struct! {
    /// OAuth 2 client credentials.
    pub struct OAuth2Auth {
        /// Secret key with the client's id.
        pub client_id_secret as "clientIDSecret": Option<KeySelector>,
        /// Secret key with the client's secret.
        pub client_secret_secret: Option<KeySelector>,
        /// Further parameters of the token request.
        pub endpoint_params: Vec<OAuth2EndpointParam>,
        /// Scopes that are asked for.
        pub scopes: Vec<String>,
        /// Secret key with the URL of the token endpoint.
        pub token_url_secret as "tokenURLSecret": Option<KeySelector>,
    }
}

api_struct! {
    /// A parameter that is sent to the token endpoint.
    pub struct OAuth2EndpointParam {
        /// Name of the parameter.
        pub key: String,
        /// The value.
        pub value: String,
    }
}

api_struct! {
    /// An HTTP header.
    pub struct Header {
        /// Name.
        pub name: String,
        /// The value.
        pub value: String,
    }
}

api_struct! {
    /// A file whose content is written in the manifest.
    pub struct RawArtifact {
        /// The content.
        pub data: String,
    }
}

api_struct! {
    /// A file or folder in a store that a plugin speaks to.
    pub struct PluginArtifact {
        /// What the plugin is told, in a form of its own.
        pub configuration: String,
        /// Seconds after which an attempt to reach the plugin is given up.
        pub connection_timeout_seconds: Option<i64>,
        /// Path of the file or folder in the store.
        pub key: String,
        /// Name.
        pub name: String,
    }
}

api_struct! {
    /// A store that a plugin speaks to, as the default place of artifacts.
    pub struct PluginArtifactRepository {
        /// What the plugin is told, in a form of its own.
        pub configuration: String,
        /// Path of artifacts, with tags such as `{{workflow.name}}`.
        pub key_format: String,
        /// Name.
        pub name: String,
    }
}
