//! MLflow's REST API over a [`TrackingStore`], as axum routers.
//!
//! [`router`] has the paths below `/api/2.0/mlflow`, [`ui_router`] those that MLflow's pages have
//! below `/ajax-api/2.0/mlflow` on top of them, [`own_router`] those below `/api/2.0/mlctl`,
//! [`artifact_proxy`] those below `/api/2.0/mlflow-artifacts`, which `/ajax-api` has too, and
//! [`artifact_root_routes`] what has no prefix. A handler decodes, calls the store and encodes; rules live in the
//! store. Building a router opens no socket.

mod artifacts;
mod datasets;
mod experiments;
mod facts;
mod failure;
mod history;
mod logged_models;
mod metrics;
mod model_history;
mod runs;
mod searchers;
mod series;
mod serve_location;

use crate::store::{Batch, Done};
use crate::{Clock, Error, Key, Result, RunId, TrackingStore};
pub use artifacts::VersionPlaces;
use axum::Router;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use mlctl_wire::rest::{Failure, blocking, blocking_on, required};
use mlctl_wire::{ErrorCode, limits};
use searchers::Searchers;
use serde::Serialize;
pub use serve_location::ServedArtifacts;
use std::marker::PhantomData;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// What handlers work with.
#[derive(Clone, Debug)]
pub struct Service {
    store: Arc<dyn TrackingStore>,
    served: ServedArtifacts,
    /// Places for uploads, each of which holds a thread for as long as it lasts.
    uploads: Arc<Semaphore>,
    /// Places for downloads, which hold a file and some memory.
    downloads: Arc<Semaphore>,
    searchers: Searchers,
    clock: Clock,
}

/// Uploads at a time: half of the threads that block, so that slow ones leave room for everything
/// else.
const UPLOADS_MAX: usize = 256;

/// Downloads at a time.
const DOWNLOADS_MAX: usize = 1024;

impl Service {
    /// Serves `store`; clients reach artifacts inside `served` through the proxy.
    pub fn new(store: Arc<dyn TrackingStore>, served: ServedArtifacts) -> Self {
        let uploads = Arc::new(Semaphore::new(UPLOADS_MAX));
        let downloads = Arc::new(Semaphore::new(DOWNLOADS_MAX));
        let searchers = Searchers::new();
        Self { store, served, uploads, downloads, searchers, clock: Clock::system() }
    }

    /// Sets what tells the time.
    #[must_use]
    pub fn with_clock(self, clock: impl Into<Clock>) -> Self {
        Self { clock: clock.into(), ..self }
    }

    /// Runs one call of the store where it may block, and encodes what it returns.
    async fn call<T: Serialize + Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T> + Send + 'static,
    ) -> Answer<T> {
        let service = self.clone();
        blocking(move || Encoded::of(&work(&service)?)).await
    }

    /// Like [`Self::call`], for calls that find much: only a few of them run at a time.
    async fn call_in_turn<T: Serialize + Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T> + Send + 'static,
    ) -> Answer<T> {
        let service = self.clone();
        let work = move || Encoded::of(&work(&service)?);
        match self.searchers.handle() {
            Some(threads) => blocking_on(&threads, work).await,
            None => blocking(work).await,
        }
    }

    /// Has the store begin a change, and waits for its outcome without holding a thread where the
    /// store does not need one.
    async fn finish<T: Send + 'static>(
        &self,
        begin: impl FnOnce(&dyn TrackingStore, Done<T>) + Send + 'static,
    ) -> std::result::Result<T, Failure> {
        let (send, outcome) = oneshot::channel();
        // A client that went away needs no answer.
        let done = Box::new(move |outcome| drop(send.send(outcome)));
        if self.store.is_prompt() {
            begin(self.store.as_ref(), done);
        } else {
            let store = self.store.clone();
            blocking(move || {
                begin(store.as_ref(), done);
                Ok::<_, Failure>(())
            })
            .await?;
        }
        match outcome.await {
            Ok(outcome) => outcome.map_err(Failure::from),
            Err(_) => Err(Failure::new(ErrorCode::InternalError, "internal error")),
        }
    }

    /// Logs a batch, and answers `{}`.
    async fn log(&self, id: RunId, batch: Batch) -> Answer<Empty> {
        self.finish(move |store, done| store.log_batch_then(id, batch, done)).await?;
        Encoded::of(&Empty {}).map_err(Failure::from)
    }

    /// Takes a place for an upload.
    fn upload(&self) -> std::result::Result<OwnedSemaphorePermit, Failure> {
        place(&self.uploads)
    }

    /// Takes a place for a download.
    fn download(&self) -> std::result::Result<OwnedSemaphorePermit, Failure> {
        place(&self.downloads)
    }

    /// Makes one change, and answers `{}`.
    async fn act(
        &self,
        change: impl FnOnce(&dyn TrackingStore) -> Result<()> + Send + 'static,
    ) -> Answer<Empty> {
        self.call(move |service| {
            change(service.store.as_ref())?;
            Ok(Empty {})
        })
        .await
    }
}

fn place(places: &Arc<Semaphore>) -> std::result::Result<OwnedSemaphorePermit, Failure> {
    places.clone().try_acquire_owned().map_err(|_| {
        let message = "too many uploads and downloads at once; try again";
        Failure::new(ErrorCode::TemporarilyUnavailable, message)
    })
}

/// An answer on its way to the client.
type Answer<T> = std::result::Result<Encoded<T>, Failure>;

/// A JSON answer, encoded where the store was called: a large one must not hold up connections.
#[derive(Debug)]
struct Encoded<T>(Vec<u8>, PhantomData<fn(T)>);

impl<T: Serialize> Encoded<T> {
    fn of(answer: &T) -> Result<Self> {
        // Most answers fit, and growing is most of what encoding one of them takes.
        let mut bytes = Vec::with_capacity(4096);
        serde_json::to_writer(&mut bytes, answer)
            .map_err(|error| Error::backend("cannot encode an answer", error))?;
        Ok(Self(bytes, PhantomData))
    }
}

impl<T> IntoResponse for Encoded<T> {
    fn into_response(self) -> Response {
        let kind = HeaderValue::from_static("application/json");
        ([(header::CONTENT_TYPE, kind)], self.0).into_response()
    }
}

/// `{}`.
#[derive(Debug, Serialize)]
struct Empty {}

/// Builds the routes below `/api/2.0/mlflow`.
pub fn router(service: Service) -> Router {
    Router::new()
        .merge(experiments::routes())
        .merge(runs::routes())
        .merge(metrics::routes())
        .merge(history::routes())
        .merge(model_history::routes())
        .merge(logged_models::routes())
        .merge(artifacts::run_routes())
        .with_state(service)
}

/// Builds the routes that are below `/ajax-api/2.0/mlflow` only, where MLflow's pages ask.
pub fn ui_router(service: Service) -> Router {
    Router::new()
        .merge(datasets::routes())
        .merge(history::ui_routes())
        .merge(artifacts::page_routes())
        .with_state(service)
}

/// Builds the routes below `/api/2.0/mlctl`, which MLflow's servers do not have.
pub fn own_router(service: Service) -> Router {
    facts::routes().merge(series::routes()).with_state(service)
}

/// Builds the routes below `/api/2.0/mlflow-artifacts`.
pub fn artifact_proxy(service: Service) -> Router {
    artifacts::proxy_routes().with_state(service)
}

/// Builds the artifact routes below the root, which are those of MLflow's pages.
pub fn artifact_root_routes(service: Service) -> Router {
    artifacts::root_routes().with_state(service)
}

/// Builds the route below the root for the files of model versions.
pub fn version_artifact_route(service: Service, places: VersionPlaces) -> Router {
    artifacts::version_routes(service, places)
}

/// Takes the run's id from either of its names.
fn run_id(run_id: Option<RunId>, run_uuid: Option<RunId>) -> std::result::Result<RunId, Failure> {
    run_id.or(run_uuid).ok_or_else(|| Failure::missing("run_id"))
}

/// Takes a required key.
fn key(text: Option<String>) -> std::result::Result<Key, Failure> {
    key_of(text, Failure::from)
}

/// Takes a required key, of which `refuse` says what is wrong.
fn key_of(text: Option<String>, refuse: fn(Error) -> Failure) -> std::result::Result<Key, Failure> {
    let text = required(text, "key")?;
    Key::parse(text).map_err(refuse)
}

/// Takes an optional number of rows.
fn rows(max_results: Option<i64>, default: usize) -> std::result::Result<usize, Failure> {
    match max_results {
        None => Ok(default),
        Some(rows) => usize::try_from(rows)
            .map_err(|_| Error::PageRows { rows, max: limits::PAGE_ROWS_MAX }.into()),
    }
}

#[cfg(test)]
mod tests;
