//! API types, object model and shared vocabulary of the Argo engines, and what Kubernetes' own libraries do with objects: reading and writing,
//! checking, selecting, patching, hashing. Pure: no I/O, no clock.
//!
//! ```
//! use argo_core::object::Object;
//! use argo_core::strict;
//!
//! let manifest = "
//! apiVersion: argoproj.io/v1alpha1
//! kind: Workflow
//! metadata: {generateName: hello-}
//! spec:
//!   entrypoint: main
//!   templates:
//!   - name: main
//!     contianer: {image: busybox, command: [echo, hello]}
//! ";
//! let reading = strict::read(manifest, "hello.yaml");
//! assert_eq!(
//!     reading.errors[0].to_string(),
//!     "hello.yaml:9:5: unknown field \"spec.templates[0].contianer\" (did you mean \"container\"?)"
//! );
//! let Object::Workflow(workflow) = &reading.documents[0].object else { panic!("a workflow") };
//! assert_eq!(workflow.spec.entrypoint, "main");
//! ```
//!
//! | module | what |
//! |---|---|
//! | [`workflows`], [`rollouts`], [`meta`] | the API types |
//! | [`object`], [`strict`] | objects of any kind; manifests read with every mistake reported |
//! | [`describe`], [`schema`], [`k8s`] | what the types look like, as data and as OpenAPI schemas |
//! | [`yaml`], [`json`], [`go`] | reading and writing as the Go tools do |
//! | [`patch`] | JSON patch, merge patch, strategic merge patch |
//! | [`quantity`], [`duration`], [`selector`], [`validation`] | the small languages of Kubernetes' fields |
//! | [`ids`], [`podhash`] | names, ids and hashes |
//! | [`plan`] | the vocabulary that all engines answer in |

#[macro_use]
mod macros;
pub mod omit;

pub mod describe;
pub mod duration;
pub mod go;
pub mod ids;
pub mod json;
pub mod k8s;
pub mod meta;
pub mod object;
pub mod patch;
pub mod plan;
pub mod podhash;
pub mod quantity;
pub mod rollouts;
pub mod schema;
pub mod selector;
pub mod strict;
pub mod validation;
pub mod workflows;
pub mod yaml;

pub use plan::{EffectId, Keyed, Plan, Reason};
