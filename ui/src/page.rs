//! The pages, one noun a file.

mod approvals;
mod artifacts;
mod compare;
mod experiments;
mod home;
mod models;
mod run;
mod runs;
mod search;
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
        .merge(models::routes())
        .merge(approvals::routes())
        .merge(search::routes())
        .merge(compare::routes())
        .merge(artifacts::routes())
        .merge(theme::routes())
}
