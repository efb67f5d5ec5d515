//! Webhooks: a URL that is told, by a signed request, of what happens in a registry.
//!
//! A store that is a [`WebhookStore`] keeps them, in MLflow's own tables where it has a file, and
//! queues what to tell in the same transaction as the change itself. A [`DeliveryWorker`] takes it
//! from there: at least once, with pauses that grow, and only to addresses that may be called. The
//! messages, headers and signatures are those of MLflow 3.17.2.
//!
//! What a change means to a webhook is said in one place, [`Notice::of`].

mod address;
pub(crate) mod bound;
mod delivery;
mod entity;
mod kind;
#[cfg(any(feature = "rest", feature = "client"))]
pub(crate) mod message;
mod notice;
mod payload;
mod retry;
mod secret;
mod sender;
mod settings;
mod signature;
mod store;
#[cfg(test)]
pub(crate) mod suite;
mod target;
mod worker;

pub use delivery::{Claim, Delivery, DeliveryRecord, DeliveryState, Outcome};
pub use entity::{
    NewWebhook, Webhook, WebhookId, WebhookName, WebhookPosition, WebhookQuery, WebhookStatus,
    WebhookSummary, WebhookUpdate,
};
pub use kind::{EventKind, EventKinds};
pub use notice::Notice;
pub(crate) use notice::Subject;
pub use secret::{SealedSecret, SecretKey};
pub use sender::{Sender, TestResult};
pub use settings::DeliverySettings;
pub use signature::{DELIVERY_ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign};
pub use store::WebhookStore;
pub use worker::DeliveryWorker;
