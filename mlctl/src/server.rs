//! Puts the routers together into one server.

mod access;
mod authority;
mod connection;
mod listen;
mod metrics;
mod pace;
mod pages;
mod registry;
mod unsupported;

pub(crate) use access::{Access, Patterns, guarded};
pub(crate) use listen::{Background, bind, serve, stop_when_unlocked};
pub(crate) use registry::Registry;

use axum::routing::{any, get};
use axum::{Json, Router, extract};
use mlctl_tracking::OpenStore;
use mlctl_tracking::rest::{
    ServedArtifacts, Service, artifact_proxy, artifact_root_routes, own_router, router, ui_router,
    version_artifact_route,
};
use mlctl_ui::mlflow::{self, Build, Sources};
use mlctl_wire::ErrorCode;
use mlctl_wire::rest::Failure;
use serde_json::json;

/// What a server does besides serving its store.
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) access: Access,
    /// Whether artifacts are left to the clients.
    pub(crate) no_artifacts: bool,
    /// Whether only artifacts are served.
    pub(crate) artifacts_only: bool,
    /// Whether requests are counted for Prometheus.
    pub(crate) counts: bool,
    /// Registered models; none where a command only wants its own runs logged.
    pub(crate) registry: Option<Registry>,
    /// MLflow's own pages.
    pub(crate) pages: Option<Build>,
}

/// Builds the whole tracking server.
pub(crate) fn tracking_app(tracking: &OpenStore, mut options: Options) -> Router {
    let served = match options.no_artifacts {
        true => ServedArtifacts::nothing(),
        false => ServedArtifacts::new(tracking.served.clone(), tracking.destination.clone()),
    };
    let is_direct = served.has_direct_transfers();
    let service = Service::new(tracking.store.clone(), served.clone());
    let artifacts = artifact_proxy(service.clone());
    let info = server_info(tracking, is_direct);
    let api = Router::new()
        .nest("/2.0/mlflow-artifacts", artifacts.clone())
        .route("/3.0/mlflow/server-info", get(async move || info.clone()));
    let registry = options.registry.take();
    let trusts_names = registry.as_ref().is_some_and(|registry| registry.trusts_user_header);
    let registered = registry.as_ref().and_then(|registry| registry.store.as_ref().ok());
    let registered = registered.map(|registry| registry.store.clone());
    let (api, pages, root) = match options.artifacts_only {
        true => {
            let api = api.route("/2.0/mlflow/{*path}", any(artifacts_only));
            (api.clone(), api, Router::new())
        }
        false => {
            let mut all = router(service.clone());
            let mut own = own_router(service.clone());
            let mut api = api.merge(unsupported::routes());
            let mut root = artifact_root_routes(service.clone()).merge(unsupported::root_routes());
            if let Some(registry) = registry {
                let routes = registry::routes(registry, tracking.store.clone(), served.clone());
                all = all.merge(routes.mlflow);
                own = own.merge(routes.own);
                root = root.merge(version_artifact_route(service.clone(), routes.places));
            }
            api = api.nest("/2.0/mlctl", own);
            let for_pages = all.clone().merge(ui_router(service));
            let pages = api.clone().nest("/2.0/mlflow", for_pages);
            (api.nest("/2.0/mlflow", all), pages, root)
        }
    };
    let sources = Sources { tracking: tracking.store.clone(), registry: registered, served };
    let prefix = options.access.static_prefix.clone();
    let below_mlflow = Router::new().nest("/ajax-api", pages.clone()).merge(root.clone());
    let app = Router::new()
        .nest("/api", api)
        .nest("/ajax-api", pages)
        .merge(root)
        .merge(pages::own(&options, &sources, trusts_names))
        .route("/health", get(async || "OK"))
        .route("/version", get(async || env!("CARGO_PKG_VERSION")));
    let app = match prefix.as_str() {
        "" => app,
        // MLflow answers these with and without the prefix.
        prefix => Router::new()
            .nest(prefix, app)
            .merge(pages::without_slash(prefix))
            .nest("/api/2.0/mlflow-artifacts", artifacts.clone())
            .nest("/ajax-api/2.0/mlflow-artifacts", artifacts),
    };
    let app = app.merge(mlflow::queries(&sources, &prefix));
    let app = match &options.pages {
        Some(build) => app.merge(pages::mlflow(build, &sources, &prefix, below_mlflow)),
        None => app,
    };
    let app = app.fallback(unknown_path).method_not_allowed_fallback(unknown_path);
    let app = if options.counts { metrics::counted(app) } else { app };
    guarded(app, options.access)
}

/// Answers what clients and pages ask before they use what not every server has.
fn server_info(tracking: &OpenStore, is_direct: bool) -> Json<serde_json::Value> {
    Json(json!({
        "store_type": tracking.kind.mlflow_name(),
        "workspaces_enabled": false,
        "trace_archival_enabled": false,
        "multipart_uploads_enabled": is_direct,
        "multipart_downloads_enabled": is_direct,
        "presigned_upload_run_id_supported": true,
        "presigned_upload_model_id_supported": true,
        "features_enabled": { "gateway": false },
    }))
}

/// Answers a path that there is not.
pub(crate) async fn unknown_path(request: extract::Request) -> Failure {
    let message = format!("no such endpoint: {} {}", request.method(), request.uri().path());
    Failure::new(ErrorCode::EndpointNotFound, message)
}

async fn artifacts_only() -> Failure {
    let message = "this server was started with --artifacts-only: it does not serve experiments \
                   and runs";
    Failure::new(ErrorCode::TemporarilyUnavailable, message)
}
