//! The shared suite through a live router: REST loses nothing.

use std::net::TcpListener;
use std::sync::atomic::{AtomicI64, Ordering};

use tokio::runtime::Runtime;

use super::*;
use crate::rest::{Service, history_router, router};
use crate::source::{NoTracking, SourceRules};
use crate::stages::StageRules;
use crate::store::conformance;
use crate::store::memory::MemoryStore;

/// A client of a server on a loopback port whose clock the stamps set; both end with this value.
#[derive(Debug)]
struct Live {
    client: HttpStore,
    clock: Arc<AtomicI64>,
    _runtime: Runtime,
}

fn serve(app: axum::Router) -> (String, Runtime) {
    let runtime = Runtime::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    runtime.spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        axum::serve(listener, app).await.unwrap();
    });
    (url, runtime)
}

fn live() -> Live {
    live_with(MemoryStore::new())
}

fn live_with(store: MemoryStore) -> Live {
    let clock = Arc::new(AtomicI64::new(0));
    let rules = SourceRules { allowed_roots: vec!["/models".to_owned()], ..SourceRules::default() };
    let time = clock.clone();
    let service = Service::new(Arc::new(store), Arc::new(NoTracking))
        .with_rules(rules)
        .with_trusted_user_header(true)
        .with_clock(move || time.load(Ordering::SeqCst));
    let app = axum::Router::new()
        .nest("/api/2.0/mlflow", router(service.clone()))
        .nest("/api/2.0/mlctl", history_router(service));
    let (url, runtime) = serve(app);
    let client = HttpStore::new(&url, Credentials::None).unwrap();
    Live { client, clock, _runtime: runtime }
}

impl Live {
    fn at(&self, stamp: &Stamp) -> &HttpStore {
        self.clock.store(stamp.at_ms, Ordering::SeqCst);
        &self.client
    }
}

/// Hands every call on, after the server's clock shows the time of its stamp.
macro_rules! at_the_time_of_the_stamp {
    ($($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        impl RegistryStore for Live {
            $(fn $name(&self, $($argument: $type,)* stamp: &Stamp) -> Result<$answer> {
                self.at(stamp).$name($($argument,)* stamp)
            })*

            fn get_model(&self, name: &ModelName) -> Result<RegisteredModel> {
                self.client.get_model(name)
            }

            fn search_models(&self, query: &ModelQuery) -> Result<Page<RegisteredModel, String>> {
                self.client.search_models(query)
            }

            fn get_version(&self, model: &ModelName, which: &VersionRef) -> Result<ModelVersion> {
                self.client.get_version(model, which)
            }

            fn search_versions(&self, query: &VersionQuery) -> Result<Page<ModelVersion, String>> {
                self.client.search_versions(query)
            }

            fn latest_versions(
                &self,
                model: &ModelName,
                stages: &[Stage],
            ) -> Result<Vec<ModelVersion>> {
                self.client.latest_versions(model, stages)
            }

            fn check_transition(&self, candidate: &Candidate) -> Result<GateReport> {
                self.client.check_transition(candidate)
            }

            fn requests(&self, model: &ModelName) -> Result<Vec<Request>> {
                self.client.requests(model)
            }

            fn events(
                &self,
                model: &ModelName,
                version: Option<VersionNumber>,
                after: Option<EventId>,
                size: PageSize,
            ) -> Result<Page<Event, EventId>> {
                self.client.events(model, version, after, size)
            }
        }
    };
}

at_the_time_of_the_stamp! {
    create_model(new: &NewModel) -> RegisteredModel;
    rename_model(name: &ModelName, to: &ModelName) -> RegisteredModel;
    describe_model(name: &ModelName, description: Option<&str>) -> RegisteredModel;
    delete_model(name: &ModelName) -> ();
    set_model_tag(name: &ModelName, key: &TagKey, value: &TagValue) -> ();
    delete_model_tag(name: &ModelName, key: &TagKey) -> ();
    create_version(new: &NewVersion) -> ModelVersion;
    describe_version(
        model: &ModelName,
        version: VersionNumber,
        description: Option<&str>
    ) -> ModelVersion;
    delete_version(model: &ModelName, version: VersionNumber) -> ();
    set_version_tag(
        model: &ModelName,
        version: VersionNumber,
        key: &TagKey,
        value: &TagValue
    ) -> ();
    delete_version_tag(model: &ModelName, version: VersionNumber, key: &TagKey) -> ();
    transition(asked: &Transition) -> ModelVersion;
    force_transition(asked: &Transition) -> ModelVersion;
    request_transition(candidate: &Candidate) -> Request;
    approve_transition(candidate: &Candidate) -> Request;
    reject_transition(candidate: &Candidate) -> Request;
    set_alias(model: &ModelName, alias: &Alias, version: VersionNumber) -> ();
    delete_alias(model: &ModelName, alias: &Alias) -> ();
}

crate::conformance_tests!(live());

#[test]
fn gates_look_at_metrics() {
    let logged = || live_with(MemoryStore::new().with_metrics(Arc::new(conformance::NamedRuns)));
    conformance::a_gate_looks_at_the_metrics_of_runs(&logged());
    conformance::the_better_version_stays_whoever_comes_first(&logged());
}

#[test]
fn stages_of_the_host_are_those_of_models_without_their_own() {
    let stages = StageRules::parse(conformance::CONFIGURED).unwrap();
    conformance::configured_stages_give_way(&live_with(MemoryStore::new().with_stages(stages)));
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let unused = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", unused.local_addr().unwrap());
    drop(unused);
    let store = HttpStore::new(&url, Credentials::None).unwrap();

    let error = store.get_model(&ModelName::parse("churn").unwrap()).unwrap_err().to_string();

    assert_eq!(
        error,
        format!(
            "cannot reach the registry server `{url}/`: no server is listening \
                               there"
        )
    );
}

#[test]
fn a_server_without_a_history_is_said_to_have_none() {
    let (url, _runtime) = serve(axum::Router::new());
    let store = HttpStore::new(&url, Credentials::None).unwrap();

    let error = store.events(&ModelName::parse("churn").unwrap(), None, None, PageSize::MAX);

    assert_eq!(error.unwrap_err().code(), ErrorCode::NotImplemented);
}
