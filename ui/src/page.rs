//! The pages, one noun a file.

mod artifacts;
mod experiments;
mod home;
mod run;
mod runs;
mod theme;

use crate::site::Site;
use axum::Router;

/// Puts all pages together.
pub(crate) fn routes() -> Router<Site> {
    Router::new()
        .merge(home::routes())
        .merge(experiments::routes())
        .merge(runs::routes())
        .merge(run::routes())
        .merge(artifacts::routes())
        .merge(theme::routes())
}
