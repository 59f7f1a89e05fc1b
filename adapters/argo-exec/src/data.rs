//! `data`: lists artifacts and transforms the list.

use argo_core::workflows::{Data, Template};

use crate::artifact::{Location, LocationError, StoreError, store};
use crate::wait::{Announced, Reporter, WaitError};
use crate::{Paths, Settings};

/// Why a data template failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataError {
    /// The command line holds no data template.
    #[error("data template")]
    Parse(#[from] serde_json::Error),
    /// It names no source.
    #[error("data template: source.artifactPaths is missing")]
    NoSource,
    /// Its source names no place.
    #[error("source.artifactPaths")]
    Location(#[from] LocationError),
    /// The source could not be listed.
    #[error("source.artifactPaths")]
    List(#[from] StoreError),
    /// A transformation is no expression.
    #[error("transformation[{index}].expression {text:?}: {reason}")]
    Expression {
        /// Which of them, from 0.
        index: usize,
        /// The expression.
        text: String,
        /// What is wrong.
        reason: String,
    },
    /// The result was not reported.
    #[error(transparent)]
    Report(#[from] WaitError),
}

/// Runs `data` with the data template of the command line, or with that of the pod's template where they differ: the latter, which upstream reads too.
pub(crate) async fn run(text: &str, mut template: Template, settings: Settings, paths: &Paths) -> Result<(), DataError> {
    let data: Data = match template.data.clone() {
        Some(data) => data,
        None => serde_json::from_str(text)?,
    };
    let reporter = Reporter::connect(&settings).await?;
    reporter.announce().await?;
    let names = list(&data, &template, &settings, paths).await?;
    let value = transform(&data, names.into())?;
    template.outputs.result = Some(value.to_string());
    Ok(reporter.complete(&template.outputs, None, Announced::Yes).await?)
}

async fn list(data: &Data, template: &Template, settings: &Settings, paths: &Paths) -> Result<Vec<String>, DataError> {
    let source = data.source.as_ref().and_then(|s| s.artifact_paths.as_ref()).ok_or(DataError::NoSource)?;
    // The same fields, so the same JSON.
    let artifact = serde_json::from_value(serde_json::to_value(source)?)?;
    let archive = crate::artifact::archive_location(template, settings);
    let location = match (Location::resolve(&artifact, archive.as_ref()), Location::of(&artifact)) {
        (Ok(Some(location)), _) => location,
        // A bucket without a key is all of the bucket, in the template's store.
        (Ok(None), Some(own)) => archive.ok_or(LocationError::NoRepository)?.in_bucket_of(&own),
        (Ok(None), None) => return Err(LocationError::NoRepository.into()),
        (Err(e), _) => return Err(e.into()),
    };
    Ok(store(&location, settings, paths)?.list(&location).await?)
}

fn transform(data: &Data, mut value: serde_json::Value) -> Result<serde_json::Value, DataError> {
    for (index, step) in data.transformation.iter().enumerate() {
        let wrong = |reason: String| DataError::Expression { index, text: step.expression.clone(), reason };
        let program = argo_lang::expr::Program::parse(&step.expression).map_err(|e| wrong(e.to_string()))?;
        let input = argo_lang::Value::from(value);
        value = program
            .run(&|name: &str| (name == "data").then(|| input.clone()), &argo_lang::Budget::default())
            .map_err(|e| wrong(e.to_string()))?
            .to_json();
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn steps_follow_each_other() {
        let data: Data = serde_json::from_value(json!({"transformation": [
            {"expression": "filter(data, {# endsWith '.log'})"}, {"expression": "map(data, {{'name': #}})"},
        ]}))
        .unwrap();
        assert_eq!(transform(&data, json!(["a.log", "b.txt"])).unwrap(), json!([{"name": "a.log"}]));
        let data: Data = serde_json::from_value(json!({"transformation": [{"expression": "data +"}]})).unwrap();
        assert!(transform(&data, json!([])).unwrap_err().to_string().starts_with("transformation[0].expression"));
    }

    #[tokio::test]
    async fn the_local_store_is_listed() {
        let folder = tempfile::tempdir().unwrap();
        for key in ["x/a.log", "x/b.log", "y"] {
            let file = folder.path().join("s3/my-bucket").join(key);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
        }
        let root = folder.path().to_str().unwrap().to_owned();
        let settings = Settings::from_lookup(&|name| (name == "ARGO_LOCAL_ARTIFACTS").then(|| root.clone())).unwrap();
        let template: Template =
            serde_json::from_value(json!({"archiveLocation": {"s3": {"bucket": "other", "endpoint": "e", "key": "wf/pod"}}})).unwrap();
        let listed = async |source: serde_json::Value| {
            let data: Data = serde_json::from_value(json!({"source": {"artifactPaths": source}})).unwrap();
            list(&data, &template, &settings, &Paths::default()).await.unwrap()
        };
        assert_eq!(listed(json!({"name": "n", "s3": {"bucket": "my-bucket"}})).await, ["x/a.log", "x/b.log", "y"]);
        assert_eq!(listed(json!({"name": "n", "s3": {"bucket": "my-bucket", "endpoint": "e", "key": "x/"}})).await, ["x/a.log", "x/b.log"]);
    }
}
