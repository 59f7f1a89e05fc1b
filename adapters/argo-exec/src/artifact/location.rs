//! Where one artifact is.

use argo_core::workflows::{
    Artifact, ArtifactLocation, ArtifactoryArtifact, AzureArtifact, GcsArtifact, GitArtifact, HdfsArtifact, HttpArtifact, OssArtifact,
    PluginArtifact, RawArtifact, S3Artifact,
};

/// The one place an artifact's location names.
#[derive(Clone, Debug, PartialEq)]
pub enum Location {
    /// S3 and what speaks its protocol.
    S3(S3Artifact),
    /// Google Cloud Storage.
    Gcs(GcsArtifact),
    /// Azure Blob Storage.
    Azure(AzureArtifact),
    /// Alibaba Cloud OSS.
    Oss(OssArtifact),
    /// Hadoop file system.
    Hdfs(HdfsArtifact),
    /// Artifactory.
    Artifactory(ArtifactoryArtifact),
    /// Text in the manifest.
    Raw(RawArtifact),
    /// A URL.
    Http(HttpArtifact),
    /// A Git repository.
    Git(GitArtifact),
    /// A plugin.
    Plugin(PluginArtifact),
}

/// Why an artifact has no usable location.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LocationError {
    /// Nothing says where artifacts are kept.
    #[error(
        "there is nowhere to keep it: configure an artifact repository (artifactRepositoryRef, archiveLocation, or the controller's artifactRepository)"
    )]
    NoRepository,
    /// The location has no key that could be set.
    #[error("artifacts cannot be kept at a location of kind {0}, which has no key")]
    NoKey(&'static str),
    /// Artifactory's URL is not one.
    #[error("{url:?} is not a URL: {reason}")]
    Url {
        /// The URL.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
}

macro_rules! first {
    ($from:expr) => {{
        let from = $from;
        None.or(from.artifactory.clone().map(Location::Artifactory))
            .or(from.azure.clone().map(Location::Azure))
            .or(from.git.clone().map(Location::Git))
            .or(from.gcs.clone().map(Location::Gcs))
            .or(from.hdfs.clone().map(Location::Hdfs))
            .or(from.http.clone().map(Location::Http))
            .or(from.oss.clone().map(Location::Oss))
            .or(from.raw.clone().map(Location::Raw))
            .or(from.s3.clone().map(Location::S3))
            .or(from.plugin.clone().map(Location::Plugin))
    }};
}

fn split_url(url: &str) -> Option<(&str, &str)> {
    let (_, rest) = url.split_once("://")?;
    Some(rest.split_once('/').unwrap_or((rest, "")))
}

impl Location {
    /// The location an artifact names, if it names one.
    #[must_use]
    pub fn of(artifact: &Artifact) -> Option<Self> {
        first!(artifact)
    }

    /// The location a template keeps its artifacts at.
    #[must_use]
    pub fn of_archive(location: &ArtifactLocation) -> Option<Self> {
        first!(location)
    }

    /// Where an artifact is, with what its own location leaves out taken from the template's: `s3: {key: x}` is the key `x` in the template's store, whatever kind
    /// that is, as upstream does.
    ///
    /// None if the artifact names no location and no key, which means that it was not supplied.
    ///
    /// # Errors
    /// It has only a key and nothing says of which store.
    pub fn resolve(artifact: &Artifact, archive: Option<&Location>) -> Result<Option<Self>, LocationError> {
        let Some(own) = Self::of(artifact) else { return Ok(None) };
        if own.is_complete() {
            return Ok(Some(own));
        }
        let Some(key) = own.key().filter(|key| !key.is_empty()) else { return Ok(None) };
        archive.ok_or(LocationError::NoRepository)?.with_key(&key).map(Some)
    }

    /// Whether it says all there is to say.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        match self {
            Self::S3(s3) => !s3.endpoint.is_empty() && !s3.bucket.is_empty() && !s3.key.is_empty(),
            Self::Gcs(gcs) => !gcs.bucket.is_empty() && !gcs.key.is_empty(),
            Self::Azure(azure) => !azure.container.is_empty() && !azure.blob.is_empty(),
            Self::Oss(oss) => !oss.bucket.is_empty() && !oss.endpoint.is_empty() && !oss.key.is_empty(),
            Self::Hdfs(hdfs) => !hdfs.addresses.is_empty() && !hdfs.path.is_empty(),
            Self::Artifactory(artifactory) => !artifactory.url.is_empty(),
            Self::Raw(_) => true,
            Self::Http(http) => !http.url.is_empty(),
            Self::Git(git) => !git.repo.is_empty(),
            Self::Plugin(_) => true,
        }
    }

    /// The kind, as manifests name it.
    #[must_use]
    pub fn backend(&self) -> &'static str {
        match self {
            Self::S3(_) => "s3",
            Self::Gcs(_) => "gcs",
            Self::Azure(_) => "azure",
            Self::Oss(_) => "oss",
            Self::Hdfs(_) => "hdfs",
            Self::Artifactory(_) => "artifactory",
            Self::Raw(_) => "raw",
            Self::Http(_) => "http",
            Self::Git(_) => "git",
            Self::Plugin(_) => "plugin",
        }
    }

    /// The key, for locations that have one.
    #[must_use]
    pub fn key(&self) -> Option<String> {
        match self {
            Self::S3(s3) => Some(s3.key.clone()),
            Self::Gcs(gcs) => Some(gcs.key.clone()),
            Self::Azure(azure) => Some(azure.blob.clone()),
            Self::Oss(oss) => Some(oss.key.clone()),
            Self::Hdfs(hdfs) => Some(hdfs.path.clone()),
            Self::Artifactory(artifactory) => split_url(&artifactory.url).map(|(_, key)| key.to_owned()),
            Self::Raw(_) | Self::Http(_) | Self::Git(_) | Self::Plugin(_) => None,
        }
    }

    /// The same location with another key.
    ///
    /// # Errors
    /// It has no key.
    pub fn with_key(&self, key: &str) -> Result<Self, LocationError> {
        let mut location = self.clone();
        match &mut location {
            Self::S3(s3) => key.clone_into(&mut s3.key),
            Self::Gcs(gcs) => key.clone_into(&mut gcs.key),
            Self::Azure(azure) => key.clone_into(&mut azure.blob),
            Self::Oss(oss) => key.clone_into(&mut oss.key),
            Self::Hdfs(hdfs) => key.clone_into(&mut hdfs.path),
            Self::Artifactory(artifactory) => {
                let url = artifactory.url.clone();
                let Some((scheme, rest)) = url.split_once("://") else {
                    return Err(LocationError::Url { url, reason: "it has no scheme".to_owned() });
                };
                let host = rest.split_once('/').map_or(rest, |(host, _)| host);
                artifactory.url = format!("{scheme}://{host}/{}", key.trim_start_matches('/'));
            }
            other => return Err(LocationError::NoKey(other.backend())),
        }
        Ok(location)
    }

    /// The location with nothing but its key, as it is reported: where the store is, the reader's template says again.
    #[must_use]
    pub fn key_only(&self) -> Self {
        match self {
            Self::S3(s3) => Self::S3(S3Artifact { key: s3.key.clone(), ..S3Artifact::default() }),
            Self::Gcs(gcs) => Self::Gcs(GcsArtifact { key: gcs.key.clone(), ..GcsArtifact::default() }),
            Self::Azure(azure) => Self::Azure(AzureArtifact { blob: azure.blob.clone(), ..AzureArtifact::default() }),
            Self::Oss(oss) => Self::Oss(OssArtifact { key: oss.key.clone(), ..OssArtifact::default() }),
            Self::Hdfs(hdfs) => Self::Hdfs(HdfsArtifact { path: hdfs.path.clone(), ..HdfsArtifact::default() }),
            other => other.clone(),
        }
    }

    /// All of the bucket that `other` names, in this store. `other` itself if it is of another kind.
    #[must_use]
    pub fn in_bucket_of(&self, other: &Self) -> Self {
        let pick = |own: &str, other: &str| if other.is_empty() { own.to_owned() } else { other.to_owned() };
        match (self, other) {
            (Self::S3(a), Self::S3(b)) => Self::S3(S3Artifact {
                bucket: pick(&a.bucket, &b.bucket),
                endpoint: pick(&a.endpoint, &b.endpoint),
                key: String::new(),
                ..a.clone()
            }),
            (Self::Gcs(a), Self::Gcs(b)) => Self::Gcs(GcsArtifact { bucket: pick(&a.bucket, &b.bucket), key: String::new(), ..a.clone() }),
            (Self::Azure(a), Self::Azure(b)) => {
                Self::Azure(AzureArtifact { container: pick(&a.container, &b.container), blob: String::new(), ..a.clone() })
            }
            (Self::Oss(a), Self::Oss(b)) => Self::Oss(OssArtifact {
                bucket: pick(&a.bucket, &b.bucket),
                endpoint: pick(&a.endpoint, &b.endpoint),
                key: String::new(),
                ..a.clone()
            }),
            _ => other.clone(),
        }
    }

    /// Kind, bucket and key of a location that has a key.
    #[must_use]
    pub fn backend_bucket_key(&self) -> Option<(&'static str, String, String)> {
        let bucket = match self {
            Self::S3(s3) => s3.bucket.clone(),
            Self::Gcs(gcs) => gcs.bucket.clone(),
            Self::Azure(azure) => azure.container.clone(),
            Self::Oss(oss) => oss.bucket.clone(),
            Self::Hdfs(_) => String::new(),
            Self::Artifactory(artifactory) => split_url(&artifactory.url)?.0.to_owned(),
            Self::Raw(_) | Self::Http(_) | Self::Git(_) | Self::Plugin(_) => return None,
        };
        Some((self.backend(), bucket, self.key()?))
    }

    /// Puts the location into an artifact.
    pub fn put_into(self, artifact: &mut Artifact) {
        match self {
            Self::S3(s3) => artifact.s3 = Some(s3),
            Self::Gcs(gcs) => artifact.gcs = Some(gcs),
            Self::Azure(azure) => artifact.azure = Some(azure),
            Self::Oss(oss) => artifact.oss = Some(oss),
            Self::Hdfs(hdfs) => artifact.hdfs = Some(hdfs),
            Self::Artifactory(artifactory) => artifact.artifactory = Some(artifactory),
            Self::Raw(raw) => artifact.raw = Some(raw),
            Self::Http(http) => artifact.http = Some(http),
            Self::Git(git) => artifact.git = Some(git),
            Self::Plugin(plugin) => artifact.plugin = Some(plugin),
        }
    }
}

/// For messages: `s3 my-bucket/some/key`.
impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self, self.backend_bucket_key()) {
            (Self::Artifactory(artifactory), _) => write!(f, "artifactory {}", artifactory.url),
            (_, Some((backend, bucket, key))) if bucket.is_empty() => write!(f, "{backend} {key}"),
            (_, Some((backend, bucket, key))) => write!(f, "{backend} {bucket}/{key}"),
            (Self::Http(http), _) => write!(f, "http {}", http.url),
            (Self::Git(git), _) => write!(f, "git {}", git.repo),
            (other, None) => f.write_str(other.backend()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn artifact(value: serde_json::Value) -> Artifact {
        serde_json::from_value(value).unwrap()
    }

    fn archive() -> Location {
        Location::Gcs(GcsArtifact { bucket: "b".to_owned(), key: "wf/pod".to_owned(), ..GcsArtifact::default() })
    }

    #[test]
    fn a_key_is_one_of_the_templates_store() {
        let found = Location::resolve(&artifact(json!({"name": "a", "s3": {"key": "x/y"}})), Some(&archive())).unwrap().unwrap();
        assert_eq!(found.backend_bucket_key(), Some(("gcs", "b".to_owned(), "x/y".to_owned())));
        let found = Location::resolve(&artifact(json!({"name": "a", "s3": {"key": "x"}})), None);
        assert_eq!(found, Err(LocationError::NoRepository));
    }

    #[test]
    fn a_complete_location_is_left_alone() {
        let own = artifact(json!({"name": "a", "s3": {"key": "x", "bucket": "own", "endpoint": "e"}}));
        assert_eq!(Location::resolve(&own, Some(&archive())).unwrap().unwrap().to_string(), "s3 own/x");
    }

    #[test]
    fn nothing_is_not_supplied() {
        assert_eq!(Location::resolve(&artifact(json!({"name": "a"})), Some(&archive())), Ok(None));
        assert_eq!(Location::resolve(&artifact(json!({"name": "a", "s3": {}})), Some(&archive())), Ok(None));
        assert!(Location::resolve(&artifact(json!({"name": "a", "raw": {"data": ""}})), None).unwrap().is_some());
    }

    #[test]
    fn keys_of_urls() {
        let location = Location::Artifactory(ArtifactoryArtifact { url: "https://h.example/repo/a.tgz".to_owned(), ..Default::default() });
        assert_eq!(location.key().as_deref(), Some("repo/a.tgz"));
        assert_eq!(location.with_key("b/c").unwrap().to_string(), "artifactory https://h.example/b/c");
    }
}
