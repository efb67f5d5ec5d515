//! What a browser finds at the server's address.

use super::Options;
use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use mlctl_ui::Site;
use mlctl_ui::mlflow::{self, Build, Sources};

/// Where MLflow's own pages are, below the prefix of the server.
const MLFLOW: &str = "/mlflow";

/// Builds our pages, relative to the static prefix; a server of artifacts alone has none.
pub(super) fn own(options: &Options, sources: &Sources, trusts_names: bool) -> Router {
    if options.artifacts_only {
        return mlflow::landing();
    }
    let mut site = Site::new(sources.tracking.clone());
    site.registry = sources.registry.clone();
    site.prefix = options.access.static_prefix.clone();
    site.trusts_names = trusts_names;
    site.has_mlflow = options.pages.is_some();
    mlctl_ui::router(site)
}

/// Builds MLflow's own pages below `/mlflow`, and `api`, which they ask for relative to themselves.
pub(super) fn mlflow(build: &Build, sources: &Sources, prefix: &str, api: Router) -> Router {
    let prefix = format!("{prefix}{MLFLOW}");
    Router::new().nest(&prefix, api).merge(mlflow::router(build, sources, &prefix))
}

/// Leads from a prefix with a slash behind it to the prefix.
pub(super) fn without_slash(prefix: &str) -> Router {
    match prefix {
        "" => Router::new(),
        prefix => {
            let home = prefix.to_owned();
            let to = get(async move || Redirect::permanent(&home));
            Router::new().route(&format!("{prefix}/"), to)
        }
    }
}
