//! The shared suite through a live router: REST loses nothing.

use super::*;
use crate::rest::{ServedArtifacts, Service, artifact_proxy, own_router, router, ui_router};
use crate::store::file::FileStore;
use crate::store::location::path_uri;
use std::net::TcpListener;
use tokio::runtime::Runtime;

/// A server on a loopback port; it ends with this value.
struct Live {
    _runtime: Runtime,
    _folder: tempfile::TempDir,
}

fn live() -> (HttpStore, Live) {
    serve(true)
}

/// A server that has what MLflow's servers have, and nothing of mlctl's own.
fn plain() -> (HttpStore, Live) {
    serve(false)
}

fn serve(has_own: bool) -> (HttpStore, Live) {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(folder.path().join("mlruns")).unwrap();
    let served = ServedArtifacts::below(path_uri(store.root()));
    let service = Service::new(Arc::new(store), served);
    let app = axum::Router::new()
        .nest("/api/2.0/mlflow", router(service.clone()))
        .nest("/ajax-api/2.0/mlflow", ui_router(service.clone()))
        .nest("/api/2.0/mlflow-artifacts", artifact_proxy(service.clone()));
    let app = match has_own {
        true => app.nest("/api/2.0/mlctl", own_router(service)),
        false => app,
    };
    let runtime = Runtime::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    runtime.spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        axum::serve(listener, app).await.unwrap();
    });
    let client = HttpStore::new(&url, Credentials::None).unwrap();
    (client, Live { _runtime: runtime, _folder: folder })
}

crate::conformance_tests!(live());

/// What a server does not know is computed from its searches.
mod of_plain_server {
    use super::*;
    crate::conformance_tests!(plain();
        runs_are_counted_by_state,
        keys_tell_whether_runs_differ,
        keys_are_searched_and_cut,
        values_of_a_key_are_counted,
        groups_sum_up_their_metrics,
        groups_are_ordered_and_paged,
        runs_are_grouped_by_what_they_are_and_used,
        odd_groupings_are_refused,
        children_are_counted_by_state,
        roots_have_no_parent_that_is_found,
        experiments_tell_what_goes_on_in_them,
    );
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let unused = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", unused.local_addr().unwrap());
    drop(unused);
    let store = HttpStore::new(&url, Credentials::None).unwrap();

    let error = store.run(&RunId::random()).unwrap_err().to_string();

    assert_eq!(
        error,
        format!(
            "cannot reach the tracking server `{url}/`: no server is listening \
                               there"
        )
    );
}
