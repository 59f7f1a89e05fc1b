//! Artifacts at a URL, and in Artifactory, which is one with a password.

use std::fs::File;
use std::path::{Path, PathBuf};

use argo_core::workflows::{ArtifactoryArtifact, HttpArtifact, OAuth2Auth};
use async_trait::async_trait;
use reqwest::blocking::{Client, RequestBuilder, Response};
use reqwest::{Method, StatusCode, Url};

use super::{ArtifactStore, Location, StoreError, chain, secret};
use crate::Paths;

/// Gets artifacts with GET, keeps them with PUT.
pub struct HttpStore {
    paths: Paths,
}

/// One request, without what it carries.
struct Target {
    url: String,
    headers: Vec<(String, String)>,
    basic: Option<(String, String)>,
    bearer: Option<String>,
    identity: Option<Vec<u8>>,
}

fn remote(location: &str, reason: impl Into<String>) -> StoreError {
    StoreError::Remote { location: location.to_owned(), reason: reason.into() }
}

impl HttpStore {
    /// A store that takes its secrets from where they are mounted.
    #[must_use]
    pub fn new(paths: Paths) -> Self {
        Self { paths }
    }

    fn target(&self, location: &Location) -> Result<Target, StoreError> {
        match location {
            Location::Http(http) => self.http(http),
            Location::Artifactory(artifactory) => self.artifactory(artifactory),
            other => Err(StoreError::Unsupported(format!("{} artifacts over HTTP", other.backend()))),
        }
    }

    fn artifactory(&self, artifactory: &ArtifactoryArtifact) -> Result<Target, StoreError> {
        let basic = match (&artifactory.username_secret, &artifactory.password_secret) {
            (Some(user), Some(password)) => Some((secret(&self.paths, user)?, secret(&self.paths, password)?)),
            _ => None,
        };
        Ok(Target { url: artifactory.url.clone(), headers: Vec::new(), basic, bearer: None, identity: None })
    }

    fn http(&self, http: &HttpArtifact) -> Result<Target, StoreError> {
        let headers = http.headers.iter().map(|h| (h.name.clone(), h.value.clone())).collect();
        let mut target = Target { url: http.url.clone(), headers, basic: None, bearer: None, identity: None };
        let Some(auth) = &http.auth else { return Ok(target) };
        if let Some(basic) = &auth.basic_auth {
            let value = |selector: &Option<_>| selector.as_ref().map_or(Ok(String::new()), |s| secret(&self.paths, s));
            target.basic = Some((value(&basic.username_secret)?, value(&basic.password_secret)?));
        }
        if let Some(cert) = &auth.client_cert {
            let (Some(certificate), Some(key)) = (&cert.client_cert_secret, &cert.client_key_secret) else {
                let reason = "auth.clientCert needs clientCertSecret and clientKeySecret".to_owned();
                return Err(StoreError::Location { location: http.url.clone(), reason });
            };
            target.identity = Some(format!("{}\n{}", secret(&self.paths, certificate)?, secret(&self.paths, key)?).into_bytes());
        }
        if let Some(oauth2) = &auth.oauth2 {
            target.bearer = Some(self.token(oauth2)?);
        }
        Ok(target)
    }

    /// A token by the client credentials grant.
    fn token(&self, oauth2: &OAuth2Auth) -> Result<String, StoreError> {
        let value = |selector: &Option<_>, name: &str| match selector {
            Some(selector) => secret(&self.paths, selector).map(|text| text.trim_end().to_owned()),
            None => Err(StoreError::Location { location: "auth.oauth2".to_owned(), reason: format!("{name} is missing") }),
        };
        let url = value(&oauth2.token_url_secret, "tokenURLSecret")?;
        let (id, password) =
            (value(&oauth2.client_id_secret, "clientIDSecret")?, value(&oauth2.client_secret_secret, "clientSecretSecret")?);
        // Written by the URL library, which quotes a query as a form is quoted.
        let mut form = Url::parse("http://form").map_err(|e| remote(&url, e.to_string()))?;
        {
            let mut pairs = form.query_pairs_mut();
            pairs.append_pair("grant_type", "client_credentials");
            if !oauth2.scopes.is_empty() {
                pairs.append_pair("scope", &oauth2.scopes.join(" "));
            }
            for parameter in &oauth2.endpoint_params {
                pairs.append_pair(&parameter.key, &parameter.value);
            }
        }
        let request = client(None)?
            .post(&url)
            .basic_auth(id, Some(password))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.query().unwrap_or_default().to_owned());
        let answer = checked(&url, request.send())?.text().map_err(|e| remote(&url, chain(&e)))?;
        let answer: serde_json::Value = serde_json::from_str(&answer).map_err(|e| remote(&url, format!("the token is not JSON: {e}")))?;
        let token = answer.get("access_token").and_then(serde_json::Value::as_str);
        token.map(str::to_owned).ok_or_else(|| remote(&url, "the answer has no access_token"))
    }
}

fn client(identity: Option<&[u8]>) -> Result<Client, StoreError> {
    let mut builder = Client::builder().timeout(None).user_agent("argoexec");
    if let Some(pem) = identity {
        builder = builder.identity(reqwest::Identity::from_pem(pem).map_err(|e| remote("client certificate", chain(&e)))?);
    }
    builder.build().map_err(|e| remote("HTTP client", chain(&e)))
}

fn checked(url: &str, answer: reqwest::Result<Response>) -> Result<Response, StoreError> {
    let answer = answer.map_err(|e| remote(url, chain(&e.without_url())))?;
    match answer.status() {
        status if status.is_success() => Ok(answer),
        StatusCode::NOT_FOUND => Err(StoreError::NotFound(url.to_owned())),
        status => Err(remote(url, format!("answered {status}"))),
    }
}

impl Target {
    fn request(&self, method: Method) -> Result<RequestBuilder, StoreError> {
        let mut request = client(self.identity.as_deref())?.request(method, &self.url);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some((user, password)) = &self.basic {
            request = request.basic_auth(user, Some(password));
        }
        if let Some(token) = &self.bearer {
            request = request.bearer_auth(token);
        }
        Ok(request)
    }
}

impl HttpStore {
    // The blocking client cannot live in a thread that runs asynchronous tasks.
    async fn apart<T: Send + 'static>(
        &self,
        location: &Location,
        work: impl FnOnce(Target) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (store, location) = (Self::new(self.paths.clone()), location.clone());
        tokio::task::spawn_blocking(move || work(store.target(&location)?)).await?
    }
}

fn at(path: PathBuf) -> impl FnOnce(std::io::Error) -> StoreError {
    move |source| StoreError::File { path, source }
}

#[async_trait]
impl ArtifactStore for HttpStore {
    async fn load(&self, location: &Location, to: &Path) -> Result<(), StoreError> {
        let to = to.to_owned();
        self.apart(location, move |target| {
            let mut answer = checked(&target.url, target.request(Method::GET)?.send())?;
            let mut file = File::create(&to).map_err(at(to))?;
            answer.copy_to(&mut file).map(drop).map_err(|e| remote(&target.url, chain(&e.without_url())))
        })
        .await
    }

    async fn save(&self, location: &Location, from: &Path) -> Result<(), StoreError> {
        let from = from.to_owned();
        self.apart(location, move |target| {
            if from.is_dir() {
                let reason = "a folder cannot be kept at a URL: use archive tar or zip".to_owned();
                return Err(StoreError::Location { location: target.url, reason });
            }
            let file = File::open(&from).map_err(at(from))?;
            checked(&target.url, target.request(Method::PUT)?.body(file).send()).map(drop)
        })
        .await
    }

    async fn delete(&self, location: &Location) -> Result<(), StoreError> {
        self.apart(location, |target| match checked(&target.url, target.request(Method::DELETE)?.send()) {
            Ok(_) | Err(StoreError::NotFound(_)) => Ok(()),
            Err(e) => Err(e),
        })
        .await
    }

    async fn list(&self, location: &Location) -> Result<Vec<String>, StoreError> {
        Err(StoreError::Unsupported(format!("listing {} artifacts", location.backend())))
    }

    async fn exists(&self, location: &Location) -> Result<bool, StoreError> {
        self.apart(location, |target| match checked(&target.url, target.request(Method::HEAD)?.send()) {
            Ok(_) => Ok(true),
            Err(StoreError::NotFound(_)) => Ok(false),
            Err(e) => Err(e),
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;
    use std::sync::mpsc::{Receiver, channel};

    /// A server that answers each connection with the next answer and tells what it was asked.
    fn server(answers: Vec<String>) -> (String, Receiver<(String, String)>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (asked, asks) = channel();
        std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    assert_ne!(reader.read_line(&mut head).unwrap(), 0);
                }
                let head = head.to_lowercase();
                let length = head.split("content-length: ").nth(1).and_then(|t| t.split('\r').next()?.parse().ok()).unwrap_or(0);
                let mut body = vec![0; length];
                reader.read_exact(&mut body).unwrap();
                let _ = asked.send((head, String::from_utf8(body).unwrap()));
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        (url, asks)
    }

    fn answer(status: &str, body: &str) -> String {
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
    }

    fn location(value: serde_json::Value) -> Location {
        let artifact = serde_json::from_value(value).unwrap();
        Location::of(&artifact).unwrap()
    }

    fn secrets() -> (tempfile::TempDir, HttpStore) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("s")).unwrap();
        for (key, value) in [("user", "me"), ("password", "secret")] {
            std::fs::write(folder.path().join("s").join(key), value).unwrap();
        }
        let store = HttpStore::new(Paths { secrets: folder.path().to_owned(), ..Paths::default() });
        (folder, store)
    }

    #[tokio::test]
    async fn loads_with_headers_and_password() {
        let (folder, store) = secrets();
        let (url, asks) =
            server(vec![answer("302 Found\r\nLocation: /there", ""), answer("200 OK", "content"), answer("404 Not Found", "")]);
        let key = |key: &str| json!({"name": "s", "key": key});
        let artifact = location(json!({"name": "a", "http": {"url": format!("{url}/a"), "headers": [{"name": "X-Own", "value": "v"}],
            "auth": {"basicAuth": {"usernameSecret": key("user"), "passwordSecret": key("password")}}}}));
        let to = folder.path().join("to");
        store.load(&artifact, &to).await.unwrap();
        assert_eq!(std::fs::read_to_string(&to).unwrap(), "content");
        let (head, _) = asks.recv().unwrap();
        assert!(head.starts_with("get /a ") && head.contains("x-own: v") && head.contains("authorization: basic bwu6c2vjcmv0"), "{head}");
        assert!(asks.recv().unwrap().0.starts_with("get /there "));
        assert!(store.load(&artifact, &to).await.unwrap_err().is_not_found());
    }

    #[tokio::test]
    async fn saves_with_a_token() {
        let (folder, store) = secrets();
        let (url, asks) = server(vec![answer("200 OK", r#"{"access_token":"t0k"}"#), answer("201 Created", ""), answer("500 No", "")]);
        std::fs::write(folder.path().join("s/url"), format!("{url}/token")).unwrap();
        let key = |key: &str| json!({"name": "s", "key": key});
        let oauth2 =
            json!({"clientIDSecret": key("user"), "clientSecretSecret": key("password"), "tokenURLSecret": key("url"), "scopes": ["a b"]});
        let artifact = location(json!({"name": "a", "http": {"url": format!("{url}/a"), "auth": {"oauth2": oauth2}}}));
        let from = folder.path().join("from");
        std::fs::write(&from, "kept").unwrap();
        store.save(&artifact, &from).await.unwrap();
        assert_eq!(asks.recv().unwrap().1, "grant_type=client_credentials&scope=a+b");
        let (head, body) = asks.recv().unwrap();
        assert!(head.starts_with("put /a ") && head.contains("authorization: bearer t0k"), "{head}");
        assert_eq!(body, "kept");
        let plain = location(json!({"name": "a", "artifactory": {"url": format!("{url}/b")}}));
        let error = store.save(&plain, &from).await.unwrap_err().to_string();
        assert!(error.contains("answered 500"), "{error}");
    }
}
