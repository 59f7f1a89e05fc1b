//! A request in three stages, each a pure function: [`Front::prepare`] reads it without a look at the objects, [`Api::decide`] does what it asks for,
//! [`Decided::answer`] writes the answer. Only the second needs the state machine, so that the others can go on beside it.

use std::sync::Arc;

use jiff::Timestamp;

use super::ask::{Ask, Path, Query, Request};
use super::failure::Failure;
use super::negotiate::{Accept, Offers};
use super::resources::Registry;
use super::{Answer, Api, MAX_BODY, Outcome, render};

/// What is known of the resources at a time: enough to read requests. See [`Api::front`].
#[derive(Clone, Debug)]
pub struct Front(Arc<Registry>);

impl Front {
    /// Whether two know the same.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Reads a request.
    #[must_use]
    pub fn prepare(&self, request: Request) -> Prepared {
        let path = Path::parse(&request.path);
        let query = Query::parse(&request.query);
        let accept = self.accepts(&request, &path, &query);
        let form = accept.as_ref().ok().copied().unwrap_or_else(|| Accept::of_refusal(request.header(http::header::ACCEPT)));
        let target = accept.and_then(|accept| match path {
            Path::Other(parts) => Ok(Target::Other(parts)),
            path => {
                let mut ask = Ask::find(&self.0, &request, path, query, accept)?;
                if reads_json(&ask) && request.body.len() <= MAX_BODY {
                    ask.parsed = serde_json::from_slice(&request.body).ok();
                }
                Ok(Target::Resource(Box::new(ask)))
            }
        });
        Prepared { front: self.clone(), request, form, target }
    }

    /// The form an answer takes; for custom resources a wildcard below `application` will do.
    fn accepts(&self, request: &Request, path: &Path, query: &Query) -> Result<Accept, Failure> {
        let header = request.header(http::header::ACCEPT);
        let (resource, watching) = match path {
            // Health and such have no form to choose.
            Path::Other(_) => {
                let offers = Offers { any_application: true, protobuf: false };
                return Ok(Accept::parse(header, offers).unwrap_or_default());
            }
            Path::Resource { group, plural, watch, .. } => (self.0.get(group, plural), *watch || query.flag("watch")),
        };
        let custom = resource.is_some_and(|r| r.custom());
        let offers = Offers { any_application: custom, protobuf: resource.is_some_and(|r| r.protobuf()) };
        Accept::parse(header, offers).ok_or_else(|| Accept::refused(custom || Accept::odd_shape(header), watching))
    }
}

/// Whether the body is JSON that can be read before anything is decided.
fn reads_json(ask: &Ask) -> bool {
    let kind = ask.content_type.split(';').next().unwrap_or_default().trim();
    matches!(ask.verb, Some("create" | "update" | "patch"))
        && matches!(
            kind,
            "" | "application/json"
                | "application/merge-patch+json"
                | "application/strategic-merge-patch+json"
                | "application/json-patch+json"
        )
}

/// A request that has been read.
#[derive(Debug)]
pub struct Prepared {
    front: Front,
    request: Request,
    form: Accept,
    target: Result<Target, Failure>,
}

#[derive(Debug)]
enum Target {
    Other(Vec<String>),
    Resource(Box<Ask>),
}

/// What a request has come to, not yet written.
#[derive(Debug)]
pub struct Decided {
    form: Accept,
    ask: Option<Box<Ask>>,
    outcome: Result<Outcome, Failure>,
}

impl Decided {
    /// Writes the answer.
    #[must_use]
    pub fn answer(self) -> Answer {
        let reply = match (self.outcome, self.ask) {
            (Ok(Outcome::Answer(answer)), _) => return answer,
            (Ok(Outcome::Object(status, object)), Some(ask)) => render::object(&ask, status, &object),
            (Ok(Outcome::List(metadata, items)), Some(ask)) => render::list(&ask, metadata, &items),
            (Ok(_), None) => Err(Failure::internal("an object of no resource")),
            (Err(failure), _) => Err(failure),
        };
        Answer::Whole(reply.unwrap_or_else(|failure| render::failure(&failure, self.form)))
    }
}

impl Api {
    /// What it takes to read requests. It changes where definitions do; a request that was read by an earlier one is read again.
    #[must_use]
    pub fn front(&self) -> Front {
        Front(Arc::clone(&self.registry))
    }

    /// Does what a request asks for.
    pub fn decide(&mut self, prepared: Prepared, now: Timestamp) -> Decided {
        let Prepared { request, form, target, .. } =
            if Arc::ptr_eq(&prepared.front.0, &self.registry) { prepared } else { self.front().prepare(prepared.request) };
        let request = match self.impersonated(&request) {
            Ok(None) => request,
            Ok(Some(user)) => Request { user: Arc::new(user), ..request },
            Err(failure) => return Decided { form, ask: None, outcome: Err(failure) },
        };
        if let Err(failure) = self.authorize(&request) {
            return Decided { form, ask: None, outcome: Err(failure) };
        }
        match target {
            Err(failure) => Decided { form, ask: None, outcome: Err(failure) },
            Ok(Target::Other(parts)) => Decided { form, ask: None, outcome: self.other(&request, form, &parts) },
            Ok(Target::Resource(mut ask)) => {
                ask.now = now;
                ask.user = Arc::clone(&request.user);
                let outcome = self.act(&mut ask, &request, now);
                Decided { form, ask: Some(ask), outcome }
            }
        }
    }

    fn act(&mut self, ask: &mut Ask, request: &Request, now: Timestamp) -> Result<Outcome, Failure> {
        let body = &request.body;
        if body.len() > MAX_BODY {
            return Err(Failure::new(413, "RequestEntityTooLarge", format!("Request entity too large: limit is {MAX_BODY}"), None));
        }
        let verb = ask.verb.ok_or_else(Failure::method_not_allowed)?;
        if !ask.sub.is_empty() {
            return self.subresource(ask, verb, body, now);
        }
        if !ask.resource.verbs.contains(&verb) {
            return Err(Failure::method_not_allowed());
        }
        if ask.resource.verbs == ["create"] {
            return self.asked(ask, body, now);
        }
        match verb {
            "get" => self.get(ask),
            "list" => self.list(ask),
            "watch" => self.watch(ask),
            "create" => self.create(ask, body, now),
            "update" => self.update(ask, body, now),
            "patch" => self.patch(ask, body, now),
            "delete" => self.delete(ask, body, now),
            _ => self.delete_collection(ask, body, now),
        }
    }
}
