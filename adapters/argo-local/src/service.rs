//! The API as a tower service: what a `kube::Client` in the process and the server on loopback talk to.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::api::{self, Answer, Api, Front, Identity, MAX_BODY, Reply, Step, Watch};
use crate::backend::{BackendError, NodeBackend};
use crate::store::Store;

/// Error of bodies and such.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Gives the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How often a quiet watch that wants bookmarks gets one.
const BOOKMARK_EVERY: Duration = Duration::from_secs(60);
/// How long before its end a watch gets its last bookmark.
const LAST_BOOKMARK: Duration = Duration::from_secs(2);

/// How long a client may keep silent in the middle of a body.
const BODY_PATIENCE: Duration = Duration::from_secs(30);

/// So much of a body that is too long is read before the answer.
const MOST_DRAINED: usize = 128 * 1024 * 1024;

/// What everybody shares.
pub(crate) struct Shared {
    api: Mutex<Api>,
    /// What requests are read by before the lock is taken.
    front: RwLock<Front>,
    wakers: Mutex<BTreeMap<usize, watch::Sender<u64>>>,
    backend: RwLock<Option<Arc<dyn NodeBackend>>>,
    clock: Clock,
    store: Option<Store>,
    /// Says that the collector has something to look at.
    pub(crate) collect: tokio::sync::Notify,
    pub(crate) shutdown: CancellationToken,
}

impl Shared {
    pub(crate) fn new(api: Api, clock: Clock, store: Option<Store>) -> Self {
        Self {
            front: RwLock::new(api.front()),
            api: Mutex::new(api),
            wakers: Mutex::default(),
            backend: RwLock::default(),
            clock,
            store,
            collect: tokio::sync::Notify::new(),
            shutdown: CancellationToken::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Api> {
        // The state machine does not panic half-way through a write; should it ever, what it holds is still whole objects.
        self.api.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    pub(crate) fn set_backend(&self, backend: Arc<dyn NodeBackend>) {
        *self.backend.write().unwrap_or_else(PoisonError::into_inner) = Some(backend);
    }

    pub(crate) fn store(&self) -> Option<&Store> {
        self.store.as_ref()
    }

    /// Lets the state machine do something, then keeps what was written and wakes watchers. Gives what to wait for until it is kept.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut Api, Timestamp) -> T) -> (T, Option<tokio::sync::oneshot::Receiver<()>>) {
        let now = self.now();
        let mut api = self.lock();
        let out = act(&mut api, now);
        let changes = api.take_changes();
        let touched = api.take_touched();
        let (revision, work) = (api.revision(), api.has_work());
        let front = api.front();
        if !front.same(&self.front.read().unwrap_or_else(PoisonError::into_inner)) {
            *self.front.write().unwrap_or_else(PoisonError::into_inner) = front;
        }
        // Handed over under the lock, so that the store gets them in order.
        let kept = if changes.is_empty() { None } else { self.store.as_ref().map(|s| s.put(changes)) };
        drop(api);
        if !touched.is_empty() {
            let wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
            for table in touched {
                if let Some(sender) = wakers.get(&table) {
                    sender.send_replace(revision);
                }
            }
        }
        if work {
            self.collect.notify_one();
        }
        (out, kept)
    }

    fn front(&self) -> Front {
        self.front.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn wakes(&self, table: usize) -> watch::Receiver<u64> {
        let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        wakers.entry(table).or_insert_with(|| watch::Sender::new(0)).subscribe()
    }
}

/// The body of an answer: whole, or a stream of events or log lines.
pub struct ApiBody(Inner);

enum Inner {
    Whole(Option<Bytes>),
    Stream(BoxStream<'static, Result<Bytes, BoxError>>),
}

impl http_body::Body for ApiBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<http_body::Frame<Bytes>, BoxError>>> {
        match &mut self.get_mut().0 {
            Inner::Whole(bytes) => Poll::Ready(bytes.take().filter(|b| !b.is_empty()).map(|b| Ok(http_body::Frame::data(b)))),
            Inner::Stream(stream) => stream.poll_next_unpin(cx).map(|item| item.map(|r| r.map(http_body::Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.0, Inner::Whole(None))
    }

    fn size_hint(&self) -> http_body::SizeHint {
        match &self.0 {
            Inner::Whole(bytes) => {
                http_body::SizeHint::with_exact(bytes.as_ref().map_or(0, |b| u64::try_from(b.len()).unwrap_or(u64::MAX)))
            }
            Inner::Stream(_) => http_body::SizeHint::default(),
        }
    }
}

/// The API for one user, or for whoever each request's token says.
#[derive(Clone)]
pub struct ApiService {
    shared: Arc<Shared>,
    user: Option<Arc<Identity>>,
}

impl ApiService {
    /// A service that takes every request as one of `user`; `None`: requests bring tokens.
    pub(crate) fn new(shared: Arc<Shared>, user: Option<Identity>) -> Self {
        Self { shared, user: user.map(Arc::new) }
    }

    /// Answers a request.
    pub async fn answer<B>(self, request: Request<B>) -> Response<ApiBody>
    where
        B: http_body::Body + Send,
        B::Data: Send,
        B::Error: Into<BoxError>,
    {
        let (parts, body) = request.into_parts();
        let body = match gather(body).await {
            Ok(Some(body)) => body,
            Ok(None) => return whole(too_large()),
            Err(BodyError::Silent) => return whole(silent()),
            Err(BodyError::Broken(error)) => return whole(unreadable(&error)),
        };
        let user = match &self.user {
            Some(user) => Arc::clone(user),
            None => {
                let header = parts.headers.get(http::header::AUTHORIZATION).map(|v| v.to_str().unwrap_or_default());
                match self.shared.lock().authenticate(header, self.shared.now()) {
                    Some(user) => Arc::new(user),
                    None => return whole(Api::unauthorized()),
                }
            }
        };
        let request = api::Request {
            method: parts.method,
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers,
            body,
            user,
        };
        let head = request.method == http::Method::HEAD;
        let reads = matches!(request.method, http::Method::GET | http::Method::HEAD);
        if !reads && self.shared.store.as_ref().is_some_and(Store::failed) {
            return whole(status(
                507,
                "InternalError",
                "the data folder can no longer be written: free space or check the disk, then start again",
            ));
        }
        let prepared = self.shared.front().prepare(request);
        let (decided, kept) = self.shared.with(|api, now| api.decide(prepared, now));
        if let Some(kept) = kept
            && kept.await.is_err()
        {
            return whole(status(
                500,
                "InternalError",
                "the write could not be stored: free space or check the disk of the data folder, then start again",
            ));
        }
        match decided.answer() {
            Answer::Whole(mut reply) => {
                if head {
                    reply.body = Bytes::new();
                }
                whole(reply)
            }
            Answer::Watch(watch) => stream(watch.content_type(), events(self.shared, *watch)),
            Answer::Log { namespace, pod, options } => {
                let backend = self.shared.backend.read().unwrap_or_else(PoisonError::into_inner).clone();
                let Some(backend) = backend else {
                    return whole(status(503, "ServiceUnavailable", "no node is running that could have the log"));
                };
                match backend.logs(&namespace, &pod, &options).await {
                    Ok(lines) => stream("text/plain", lines.map(|r| r.map_err(BoxError::from)).boxed()),
                    Err(BackendError::NotFound(why)) => whole(status(404, "NotFound", &why)),
                    Err(BackendError::BadRequest(why)) => whole(status(400, "BadRequest", &why)),
                    Err(BackendError::Internal(why)) => whole(status(500, "InternalError", &why)),
                }
            }
        }
    }
}

impl<B> tower::Service<Request<B>> for ApiService
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    type Response = Response<ApiBody>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<ApiBody>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { Ok(service.answer(request).await) })
    }
}

/// Why a body could not be read.
enum BodyError {
    /// The client went on with nothing.
    Silent,
    /// The connection broke, or what came over it was no body.
    Broken(BoxError),
}

/// Reads a body; `None` where it is too long. What is too long is still read for a while, and dropped: a client that writes hears no answer.
async fn gather<B>(body: B) -> Result<Option<Bytes>, BodyError>
where
    B: http_body::Body + Send,
    B::Data: Send,
    B::Error: Into<BoxError>,
{
    let mut body = std::pin::pin!(body);
    let mut pieces: Vec<Bytes> = Vec::new();
    let mut length = 0_usize;
    while let Some(frame) = tokio::time::timeout(BODY_PATIENCE, body.as_mut().frame()).await.map_err(|_| BodyError::Silent)? {
        let Ok(mut data) = frame.map_err(|error| BodyError::Broken(error.into()))?.into_data() else { continue };
        length = length.saturating_add(data.remaining());
        if length <= MAX_BODY {
            pieces.push(data.copy_to_bytes(data.remaining()));
        } else if length > MOST_DRAINED {
            break;
        } else {
            pieces.clear();
        }
    }
    Ok((length <= MAX_BODY).then(|| match pieces.as_slice() {
        [only] => only.clone(),
        all => all.concat().into(),
    }))
}

/// The events of a watch.
fn events(shared: Arc<Shared>, watch: Watch) -> BoxStream<'static, Result<Bytes, BoxError>> {
    struct State {
        shared: Arc<Shared>,
        watch: Watch,
        wakes: watch::Receiver<u64>,
        end: tokio::time::Instant,
        last_bookmark: Option<tokio::time::Instant>,
        next_bookmark: tokio::time::Instant,
    }
    let now = tokio::time::Instant::now();
    let end = now + watch.timeout();
    let last_bookmark = (watch.wants_bookmarks() && watch.timeout() > LAST_BOOKMARK).then(|| end - LAST_BOOKMARK);
    let state = State { wakes: shared.wakes(watch.table()), shared, watch, end, last_bookmark, next_bookmark: now + BOOKMARK_EVERY };
    let next = |mut state: State| async move {
        loop {
            state.wakes.borrow_and_update();
            let now = state.shared.now();
            let news = state.shared.lock().news(&mut state.watch, now);
            let more = news.more();
            match state.watch.lines(news) {
                Step::Lines(lines) => return Some((Ok(lines), state)),
                Step::End => return None,
                Step::Wait if more => continue,
                Step::Wait => {}
            }
            let bookmark_at = state.last_bookmark.map_or(state.next_bookmark, |last| last.min(state.next_bookmark));
            let wake_at = if state.watch.wants_bookmarks() { bookmark_at.min(state.end) } else { state.end };
            let shared = Arc::clone(&state.shared);
            tokio::select! {
                changed = state.wakes.changed() => {
                    if changed.is_err() {
                        return None;
                    }
                }
                () = shared.shutdown.cancelled() => return None,
                () = tokio::time::sleep_until(wake_at) => {
                    let now = tokio::time::Instant::now();
                    if now >= state.end {
                        return None;
                    }
                    if state.last_bookmark.is_some_and(|last| now >= last) {
                        state.last_bookmark = None;
                    }
                    state.next_bookmark = now + BOOKMARK_EVERY;
                    if let Some(line) = state.watch.bookmark() {
                        return Some((Ok(line), state));
                    }
                }
            }
        }
    };
    futures::stream::unfold(state, next).boxed()
}

fn whole(reply: Reply) -> Response<ApiBody> {
    let mut response = Response::new(ApiBody(Inner::Whole(Some(reply.body))));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(reply.content_type));
    for (name, value) in reply.headers {
        if let Ok(value) = http::HeaderValue::from_bytes(value.as_bytes()) {
            headers.append(name, value);
        }
    }
    response
}

fn stream(content_type: &'static str, body: BoxStream<'static, Result<Bytes, BoxError>>) -> Response<ApiBody> {
    let mut response = Response::new(ApiBody(Inner::Stream(body)));
    response.headers_mut().insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    response
}

fn status(code: u16, reason: &str, message: &str) -> Reply {
    let body = serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason, "code": code,
    });
    Reply { status: code, content_type: "application/json", headers: Vec::new(), body: body.to_string().into() }
}

fn too_large() -> Reply {
    status(413, "RequestEntityTooLarge", &format!("Request entity too large: limit is {MAX_BODY}"))
}

fn silent() -> Reply {
    let why = format!("the body did not come: nothing was sent for {} seconds", BODY_PATIENCE.as_secs());
    let mut reply = status(408, "Timeout", &why);
    reply.headers.push((http::header::CONNECTION, "close".to_owned()));
    reply
}

fn unreadable(error: &BoxError) -> Reply {
    status(400, "BadRequest", &format!("the body could not be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LocalCluster;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_stops_in_its_body_is_let_go() {
        let cluster = LocalCluster::in_memory().await.unwrap();
        let begin = futures::stream::once(async { Ok::<_, Infallible>(http_body::Frame::data(Bytes::from_static(b"{"))) });
        let body = http_body_util::StreamBody::new(begin.chain(futures::stream::pending()));
        let request = Request::post("/api/v1/namespaces/default/configmaps").body(body).unwrap();
        let start = tokio::time::Instant::now();
        let response = cluster.service_as(Identity::admin()).answer(request).await;
        assert_eq!((response.status().as_u16(), start.elapsed()), (408, BODY_PATIENCE));
    }
}
