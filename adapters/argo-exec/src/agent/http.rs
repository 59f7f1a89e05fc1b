//! One HTTP template: a request, and whether its answer is a success.

use std::collections::BTreeMap;
use std::time::Duration;

use argo_core::workflows::{Http, NodeResult, Outputs};
use argo_lang::expr::Program;
use base64::Engine;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use reqwest::Method;
use serde_json::{Value, json};

use crate::ApiError;
use crate::artifact::chain;

/// How long an answer may take where the template does not say.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Longest body: it becomes part of an object, and those are limited.
const MAX_BODY: usize = 1 << 20;

/// Why a request was not made, or its answer not judged.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The method is none.
    #[error("method {0:?}")]
    Method(String),
    /// A secret of a header cannot be read.
    #[error("header {header}: secret {secret}")]
    Secret {
        /// Header.
        header: String,
        /// Secret.
        secret: String,
        /// Why.
        source: ApiError,
    },
    /// A secret of a header lacks the key.
    #[error("header {header}: secret {secret} has no text at key {key}")]
    Key {
        /// Header.
        header: String,
        /// Secret.
        secret: String,
        /// Key.
        key: String,
    },
    /// `bodyFrom.bytes` is not base64.
    #[error("bodyFrom.bytes")]
    Body(#[from] base64::DecodeError),
    /// The request did not get through.
    #[error("{method} {url}")]
    Request {
        /// Method.
        method: Method,
        /// URL.
        url: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The answer is too long.
    #[error("{url} answers more than {MAX_BODY} bytes, which is more than a result may be")]
    TooLong {
        /// URL.
        url: String,
    },
    /// The success condition is no expression.
    #[error("successCondition {condition:?}: {reason}")]
    Condition {
        /// The condition.
        condition: String,
        /// What is wrong.
        reason: String,
    },
}

/// `content-type` as Go has it: `Content-Type`.
fn canonical(name: &str) -> String {
    let part = |part: &str| part.chars().take(1).flat_map(char::to_uppercase).chain(part.chars().skip(1)).collect::<String>();
    name.split('-').map(part).collect::<Vec<_>>().join("-")
}

fn grouped<'a>(headers: impl Iterator<Item = (&'a str, String)>) -> BTreeMap<String, Vec<String>> {
    let mut map = BTreeMap::<String, Vec<String>>::new();
    for (name, value) in headers {
        map.entry(canonical(name)).or_default().push(value);
    }
    map
}

async fn headers(http: &Http, kube: &Client) -> Result<Vec<(String, String)>, HttpError> {
    let mut headers = Vec::new();
    for header in &http.headers {
        let reference = header.value_from.as_ref().and_then(|from| from.secret_key_ref.as_ref());
        let value = match reference {
            None => header.value.clone(),
            Some(key) => {
                let secrets: Api<Secret> = Api::default_namespaced(kube.clone());
                let (header, secret) = (header.name.clone(), key.name.clone());
                let found = secrets.get(&key.name).await;
                let found = found.map_err(|e| HttpError::Secret { header: header.clone(), secret: secret.clone(), source: e.into() })?;
                let text = found.data.and_then(|mut data| data.remove(&key.key)).and_then(|bytes| String::from_utf8(bytes.0).ok());
                text.ok_or_else(|| HttpError::Key { header, secret, key: key.key.clone() })?
            }
        };
        headers.push((header.name.clone(), value));
    }
    Ok(headers)
}

fn client(http: &Http) -> Result<reqwest::Client, reqwest::Error> {
    let seconds = http.timeout_seconds.and_then(|s| u64::try_from(s).ok()).filter(|s| *s > 0);
    let builder = reqwest::Client::builder().timeout(seconds.map_or(TIMEOUT, Duration::from_secs)).user_agent("argoexec");
    builder.tls_danger_accept_invalid_certs(http.insecure_skip_verify).build()
}

/// Makes the request; `kube` is asked for the secrets of headers.
///
/// # Errors
/// The request cannot be made, or the success condition cannot be run. An answer that is no success is a result, of phase `Failed`.
pub async fn request(http: &Http, kube: &Client) -> Result<NodeResult, HttpError> {
    let method = if http.method.is_empty() { "GET" } else { &http.method };
    let method: Method = method.parse().map_err(|_| HttpError::Method(http.method.clone()))?;
    let sent = headers(http, kube).await?;
    let body = match &http.body_from {
        Some(from) if !from.bytes.is_empty() => base64::engine::general_purpose::STANDARD.decode(&from.bytes)?,
        _ => http.body.clone().into_bytes(),
    };
    let failed =
        |source: reqwest::Error| HttpError::Request { method: method.clone(), url: http.url.clone(), source: source.without_url() };
    let mut request = client(http).map_err(failed)?.request(method.clone(), &http.url).body(body);
    for (name, value) in &sent {
        request = request.header(name, value);
    }
    let mut answer = request.send().await.map_err(failed)?;
    let status = answer.status().as_u16();
    let received = answer.headers().iter().map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    let received = grouped(received);
    let mut bytes = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(failed)? {
        bytes.extend_from_slice(&part);
        if bytes.len() > MAX_BODY {
            return Err(HttpError::TooLong { url: http.url.clone() });
        }
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let env = json!({
        "request": {
            "method": http.method, "url": http.url, "body": http.body,
            "headers": grouped(sent.iter().map(|(name, value)| (name.as_str(), value.clone()))),
        },
        "response": {"statusCode": status, "body": text, "headers": received},
    });
    let message = judge(http, status, &env)?;
    Ok(NodeResult {
        phase: if message.is_empty() { "Succeeded" } else { "Failed" }.to_owned(),
        message,
        outputs: Some(Outputs { result: Some(text), ..Outputs::default() }),
        ..NodeResult::default()
    })
}

/// What speaks against a success; nothing if it is one.
fn judge(http: &Http, status: u16, env: &Value) -> Result<String, HttpError> {
    let condition = &http.success_condition;
    if condition.is_empty() {
        let success = (200..300).contains(&status);
        return Ok(if success { String::new() } else { format!("received non-2xx response code: {status}") });
    }
    let wrong = |reason: String| HttpError::Condition { condition: condition.clone(), reason };
    let program = Program::parse(condition).map_err(|e| wrong(e.to_string()))?;
    let lookup = |name: &str| env.get(name).cloned().map(argo_lang::Value::from);
    match program.run(&lookup, &argo_lang::Budget::default()).map_err(|e| wrong(e.to_string()))? {
        argo_lang::Value::Bool(true) => Ok(String::new()),
        argo_lang::Value::Bool(false) => Ok(format!("successCondition '{condition}' evaluated false")),
        other => Err(wrong(format!("is {} and not a boolean", other.kind()))),
    }
}

/// Makes the request; what goes wrong is a result too, of phase `Failed`.
pub async fn run(http: &Http, kube: &Client) -> NodeResult {
    request(http, kube).await.unwrap_or_else(|error| NodeResult {
        phase: "Failed".to_owned(),
        message: chain(&error),
        ..NodeResult::default()
    })
}
