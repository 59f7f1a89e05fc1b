use super::*;

api_struct! {
    /// Artifact.
    pub struct Artifact {
        /// `archive`.
        pub archive: Option<ArchiveStrategy>,
        /// `archiveLogs`.
        pub archive_logs: Option<bool>,
        /// `artifactGC`.
        pub artifact_gc as "artifactGC": Option<ArtifactGc>,
        /// `artifactory`.
        pub artifactory: Option<ArtifactoryArtifact>,
        /// `azure`.
        pub azure: Option<AzureArtifact>,
        /// `deleted`.
        pub deleted: bool,
        /// `from`.
        pub from: String,
        /// `fromExpression`.
        pub from_expression: String,
        /// `gcs`.
        pub gcs: Option<GcsArtifact>,
        /// `git`.
        pub git: Option<GitArtifact>,
        /// `globalName`.
        pub global_name: String,
        /// `hdfs`.
        pub hdfs: Option<HdfsArtifact>,
        /// `http`.
        pub http: Option<HttpArtifact>,
        /// `mode`.
        pub mode: Option<i64>,
        /// `name`.
        pub name: String,
        /// `optional`.
        pub optional: bool,
        /// `oss`.
        pub oss: Option<OssArtifact>,
        /// `path`.
        pub path: String,
        /// `plugin`.
        pub plugin: Option<PluginArtifact>,
        /// `raw`.
        pub raw: Option<RawArtifact>,
        /// `recurseMode`.
        pub recurse_mode: bool,
        /// `s3`.
        pub s3: Option<S3Artifact>,
        /// `subPath`.
        pub sub_path: String,
    }
}

api_struct! {
    /// ArtifactLocation.
    pub struct ArtifactLocation {
        /// `archiveLogs`.
        pub archive_logs: Option<bool>,
        /// `artifactory`.
        pub artifactory: Option<ArtifactoryArtifact>,
        /// `azure`.
        pub azure: Option<AzureArtifact>,
        /// `gcs`.
        pub gcs: Option<GcsArtifact>,
        /// `git`.
        pub git: Option<GitArtifact>,
        /// `hdfs`.
        pub hdfs: Option<HdfsArtifact>,
        /// `http`.
        pub http: Option<HttpArtifact>,
        /// `oss`.
        pub oss: Option<OssArtifact>,
        /// `plugin`.
        pub plugin: Option<PluginArtifact>,
        /// `raw`.
        pub raw: Option<RawArtifact>,
        /// `s3`.
        pub s3: Option<S3Artifact>,
    }
}

api_struct! {
    /// ArtifactGC.
    pub struct ArtifactGc {
        /// `podMetadata`.
        pub pod_metadata: Option<Metadata>,
        /// `serviceAccountName`.
        pub service_account_name: String,
        /// `strategy`.
        pub strategy: String,
    }
}

api_struct! {
    /// WorkflowLevelArtifactGC.
    pub struct WorkflowLevelArtifactGc {
        /// `forceFinalizerRemoval`.
        pub force_finalizer_removal: bool,
        /// `podMetadata`.
        pub pod_metadata: Option<Metadata>,
        /// `podSpecPatch`.
        pub pod_spec_patch: String,
        /// `serviceAccountName`.
        pub service_account_name: String,
        /// `strategy`.
        pub strategy: String,
    }
}

api_struct! {
    /// ArchiveStrategy.
    pub struct ArchiveStrategy {
        /// `none`.
        pub none: Option<NoneStrategy>,
        /// `tar`.
        pub tar: Option<TarStrategy>,
        /// `zip`.
        pub zip: Option<ZipStrategy>,
    }
}

api_struct! {
    /// NoneStrategy.
    pub struct NoneStrategy {
    }
}

api_struct! {
    /// TarStrategy.
    pub struct TarStrategy {
        /// `compressionLevel`.
        pub compression_level: Option<i64>,
    }
}

api_struct! {
    /// ZipStrategy.
    pub struct ZipStrategy {
    }
}

api_struct! {
    /// ArtifactRepository.
    pub struct ArtifactRepository {
        /// `archiveLogs`.
        pub archive_logs: Option<bool>,
        /// `artifactory`.
        pub artifactory: Option<ArtifactoryArtifactRepository>,
        /// `azure`.
        pub azure: Option<AzureArtifactRepository>,
        /// `gcs`.
        pub gcs: Option<GcsArtifactRepository>,
        /// `hdfs`.
        pub hdfs: Option<HdfsArtifactRepository>,
        /// `oss`.
        pub oss: Option<OssArtifactRepository>,
        /// `plugin`.
        pub plugin: Option<PluginArtifactRepository>,
        /// `s3`.
        pub s3: Option<S3ArtifactRepository>,
    }
}

api_struct! {
    /// S3Artifact.
    pub struct S3Artifact {
        /// `accessKeySecret`.
        pub access_key_secret: Option<KeySelector>,
        /// `addressingStyle`.
        pub addressing_style: String,
        /// `bucket`.
        pub bucket: String,
        /// `caSecret`.
        pub ca_secret: Option<KeySelector>,
        /// `createBucketIfNotPresent`.
        pub create_bucket_if_not_present: Option<CreateS3BucketOptions>,
        /// `encryptionOptions`.
        pub encryption_options: Option<S3EncryptionOptions>,
        /// `endpoint`.
        pub endpoint: String,
        /// `insecure`.
        pub insecure: Option<bool>,
        /// `key`.
        pub key: String,
        /// `region`.
        pub region: String,
        /// `roleARN`.
        pub role_arn as "roleARN": String,
        /// `secretKeySecret`.
        pub secret_key_secret: Option<KeySelector>,
        /// `sessionTokenSecret`.
        pub session_token_secret: Option<KeySelector>,
        /// `useSDKCreds`.
        pub use_sdk_creds as "useSDKCreds": bool,
    }
}

api_struct! {
    /// S3ArtifactRepository.
    pub struct S3ArtifactRepository {
        /// `accessKeySecret`.
        pub access_key_secret: Option<KeySelector>,
        /// `addressingStyle`.
        pub addressing_style: String,
        /// `bucket`.
        pub bucket: String,
        /// `caSecret`.
        pub ca_secret: Option<KeySelector>,
        /// `createBucketIfNotPresent`.
        pub create_bucket_if_not_present: Option<CreateS3BucketOptions>,
        /// `encryptionOptions`.
        pub encryption_options: Option<S3EncryptionOptions>,
        /// `endpoint`.
        pub endpoint: String,
        /// `insecure`.
        pub insecure: Option<bool>,
        /// `keyFormat`.
        pub key_format: String,
        /// `keyPrefix`.
        pub key_prefix: String,
        /// `region`.
        pub region: String,
        /// `roleARN`.
        pub role_arn as "roleARN": String,
        /// `secretKeySecret`.
        pub secret_key_secret: Option<KeySelector>,
        /// `sessionTokenSecret`.
        pub session_token_secret: Option<KeySelector>,
        /// `useSDKCreds`.
        pub use_sdk_creds as "useSDKCreds": bool,
    }
}

api_struct! {
    /// S3EncryptionOptions.
    pub struct S3EncryptionOptions {
        /// `enableEncryption`.
        pub enable_encryption: bool,
        /// `kmsEncryptionContext`.
        pub kms_encryption_context: String,
        /// `kmsKeyId`.
        pub kms_key_id: String,
        /// `serverSideCustomerKeySecret`.
        pub server_side_customer_key_secret: Option<KeySelector>,
    }
}

api_struct! {
    /// CreateS3BucketOptions.
    pub struct CreateS3BucketOptions {
        /// `objectLocking`.
        pub object_locking: bool,
    }
}

api_struct! {
    /// GCSArtifact.
    pub struct GcsArtifact {
        /// `bucket`.
        pub bucket: String,
        /// `key`.
        pub key: String,
        /// `serviceAccountKeySecret`.
        pub service_account_key_secret: Option<KeySelector>,
    }
}

api_struct! {
    /// GCSArtifactRepository.
    pub struct GcsArtifactRepository {
        /// `bucket`.
        pub bucket: String,
        /// `keyFormat`.
        pub key_format: String,
        /// `serviceAccountKeySecret`.
        pub service_account_key_secret: Option<KeySelector>,
    }
}

api_struct! {
    /// AzureArtifact.
    pub struct AzureArtifact {
        /// `accountKeySecret`.
        pub account_key_secret: Option<KeySelector>,
        /// `blob`.
        pub blob: String,
        /// `container`.
        pub container: String,
        /// `endpoint`.
        pub endpoint: String,
        /// `useSDKCreds`.
        pub use_sdk_creds as "useSDKCreds": bool,
    }
}

api_struct! {
    /// AzureArtifactRepository.
    pub struct AzureArtifactRepository {
        /// `accountKeySecret`.
        pub account_key_secret: Option<KeySelector>,
        /// `blobNameFormat`.
        pub blob_name_format: String,
        /// `container`.
        pub container: String,
        /// `endpoint`.
        pub endpoint: String,
        /// `useSDKCreds`.
        pub use_sdk_creds as "useSDKCreds": bool,
    }
}

api_struct! {
    /// OSSArtifact.
    pub struct OssArtifact {
        /// `accessKeySecret`.
        pub access_key_secret: Option<KeySelector>,
        /// `bucket`.
        pub bucket: String,
        /// `createBucketIfNotPresent`.
        pub create_bucket_if_not_present: bool,
        /// `endpoint`.
        pub endpoint: String,
        /// `key`.
        pub key: String,
        /// `lifecycleRule`.
        pub lifecycle_rule: Option<OssLifecycleRule>,
        /// `secretKeySecret`.
        pub secret_key_secret: Option<KeySelector>,
        /// `securityToken`.
        pub security_token: String,
        /// `useSDKCreds`.
        pub use_sdk_creds as "useSDKCreds": bool,
    }
}

api_struct! {
    /// OSSArtifactRepository.
    pub struct OssArtifactRepository {
        /// `accessKeySecret`.
        pub access_key_secret: Option<KeySelector>,
        /// `bucket`.
        pub bucket: String,
        /// `createBucketIfNotPresent`.
        pub create_bucket_if_not_present: bool,
        /// `endpoint`.
        pub endpoint: String,
        /// `keyFormat`.
        pub key_format: String,
        /// `lifecycleRule`.
        pub lifecycle_rule: Option<OssLifecycleRule>,
        /// `secretKeySecret`.
        pub secret_key_secret: Option<KeySelector>,
        /// `securityToken`.
        pub security_token: String,
        /// `useSDKCreds`.
        pub use_sdk_creds as "useSDKCreds": bool,
    }
}

api_struct! {
    /// OSSLifecycleRule.
    pub struct OssLifecycleRule {
        /// `markDeletionAfterDays`.
        pub mark_deletion_after_days: Option<i64>,
        /// `markInfrequentAccessAfterDays`.
        pub mark_infrequent_access_after_days: Option<i64>,
    }
}

api_struct! {
    /// HDFSArtifact.
    pub struct HdfsArtifact {
        /// `addresses`.
        pub addresses: Vec<String>,
        /// `dataTransferProtection`.
        pub data_transfer_protection: String,
        /// `force`.
        pub force: bool,
        /// `hdfsUser`.
        pub hdfs_user: String,
        /// `krbCCacheSecret`.
        pub krb_ccache_secret as "krbCCacheSecret": Option<KeySelector>,
        /// `krbConfigConfigMap`.
        pub krb_config_config_map: Option<KeySelector>,
        /// `krbKeytabSecret`.
        pub krb_keytab_secret: Option<KeySelector>,
        /// `krbRealm`.
        pub krb_realm: String,
        /// `krbServicePrincipalName`.
        pub krb_service_principal_name: String,
        /// `krbUsername`.
        pub krb_username: String,
        /// `path`.
        pub path: String,
    }
}

api_struct! {
    /// HDFSArtifactRepository.
    pub struct HdfsArtifactRepository {
        /// `addresses`.
        pub addresses: Vec<String>,
        /// `dataTransferProtection`.
        pub data_transfer_protection: String,
        /// `force`.
        pub force: bool,
        /// `hdfsUser`.
        pub hdfs_user: String,
        /// `krbCCacheSecret`.
        pub krb_ccache_secret as "krbCCacheSecret": Option<KeySelector>,
        /// `krbConfigConfigMap`.
        pub krb_config_config_map: Option<KeySelector>,
        /// `krbKeytabSecret`.
        pub krb_keytab_secret: Option<KeySelector>,
        /// `krbRealm`.
        pub krb_realm: String,
        /// `krbServicePrincipalName`.
        pub krb_service_principal_name: String,
        /// `krbUsername`.
        pub krb_username: String,
        /// `pathFormat`.
        pub path_format: String,
    }
}

api_struct! {
    /// ArtifactoryArtifact.
    pub struct ArtifactoryArtifact {
        /// `passwordSecret`.
        pub password_secret: Option<KeySelector>,
        /// `url`.
        pub url: String,
        /// `usernameSecret`.
        pub username_secret: Option<KeySelector>,
    }
}

api_struct! {
    /// ArtifactoryArtifactRepository.
    pub struct ArtifactoryArtifactRepository {
        /// `keyFormat`.
        pub key_format: String,
        /// `passwordSecret`.
        pub password_secret: Option<KeySelector>,
        /// `repoURL`.
        pub repo_url as "repoURL": String,
        /// `usernameSecret`.
        pub username_secret: Option<KeySelector>,
    }
}

api_struct! {
    /// GitArtifact.
    pub struct GitArtifact {
        /// `branch`.
        pub branch: String,
        /// `depth`.
        pub depth: Option<i64>,
        /// `disableSubmodules`.
        pub disable_submodules: bool,
        /// `fetch`.
        pub fetch: Vec<String>,
        /// `insecureIgnoreHostKey`.
        pub insecure_ignore_host_key: bool,
        /// `insecureSkipTLS`.
        pub insecure_skip_tls as "insecureSkipTLS": bool,
        /// `passwordSecret`.
        pub password_secret: Option<KeySelector>,
        /// `repo`.
        pub repo: String,
        /// `revision`.
        pub revision: String,
        /// `singleBranch`.
        pub single_branch: bool,
        /// `sshPrivateKeySecret`.
        pub ssh_private_key_secret: Option<KeySelector>,
        /// `usernameSecret`.
        pub username_secret: Option<KeySelector>,
    }
}

api_struct! {
    /// HTTPArtifact.
    pub struct HttpArtifact {
        /// `auth`.
        pub auth: Option<HttpAuth>,
        /// `headers`.
        pub headers: Vec<Header>,
        /// `saveStreamViaFile`.
        pub save_stream_via_file: bool,
        /// `url`.
        pub url: String,
    }
}

api_struct! {
    /// HTTPAuth.
    pub struct HttpAuth {
        /// `basicAuth`.
        pub basic_auth: Option<BasicAuth>,
        /// `clientCert`.
        pub client_cert: Option<ClientCertAuth>,
        /// `oauth2`.
        pub oauth2: Option<OAuth2Auth>,
    }
}

api_struct! {
    /// BasicAuth.
    pub struct BasicAuth {
        /// `passwordSecret`.
        pub password_secret: Option<KeySelector>,
        /// `usernameSecret`.
        pub username_secret: Option<KeySelector>,
    }
}

api_struct! {
    /// ClientCertAuth.
    pub struct ClientCertAuth {
        /// `clientCertSecret`.
        pub client_cert_secret: Option<KeySelector>,
        /// `clientKeySecret`.
        pub client_key_secret: Option<KeySelector>,
    }
}

api_struct! {
    /// OAuth2Auth.
    pub struct OAuth2Auth {
        /// `clientIDSecret`.
        pub client_id_secret as "clientIDSecret": Option<KeySelector>,
        /// `clientSecretSecret`.
        pub client_secret_secret: Option<KeySelector>,
        /// `endpointParams`.
        pub endpoint_params: Vec<OAuth2EndpointParam>,
        /// `scopes`.
        pub scopes: Vec<String>,
        /// `tokenURLSecret`.
        pub token_url_secret as "tokenURLSecret": Option<KeySelector>,
    }
}

api_struct! {
    /// OAuth2EndpointParam.
    pub struct OAuth2EndpointParam {
        /// `key`.
        pub key: String,
        /// `value`.
        pub value: String,
    }
}

api_struct! {
    /// Header.
    pub struct Header {
        /// `name`.
        pub name: String,
        /// `value`.
        pub value: String,
    }
}

api_struct! {
    /// RawArtifact.
    pub struct RawArtifact {
        /// `data`.
        pub data: String,
    }
}

api_struct! {
    /// PluginArtifact.
    pub struct PluginArtifact {
        /// `configuration`.
        pub configuration: String,
        /// `connectionTimeoutSeconds`.
        pub connection_timeout_seconds: Option<i64>,
        /// `key`.
        pub key: String,
        /// `name`.
        pub name: String,
    }
}

api_struct! {
    /// PluginArtifactRepository.
    pub struct PluginArtifactRepository {
        /// `configuration`.
        pub configuration: String,
        /// `keyFormat`.
        pub key_format: String,
        /// `name`.
        pub name: String,
    }
}
