//! The same random requests to this registry and to MLflow's own server: their answers agree.
//! And the client of this crate on MLflow's server, and MLflow's client on this registry.
//!
//! They run when `MLCTL_ORACLE_PYTHON` names a Python with MLflow 3.17.2, and say so when it
//! does not. `REGISTRY_SEQUENCES` and `REGISTRY_SEED` make the first longer or other.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use mlctl_registry::client::Credentials;
use mlctl_registry::rest::{Service, router};
use mlctl_registry::source::NoTracking;
use mlctl_registry::{
    Alias, Error, HttpStore, ModelName, ModelQuery, NewModel, NewVersion, PageSize, RegistryStore,
    SqliteStore, Stage, Stamp, Transition, VersionNumber, VersionQuery, VersionRef,
};
use tokio::runtime::Runtime;

/// A real MLflow server, which ends with this value.
struct Oracle(Child);

impl Oracle {
    fn start(python: &str, folder: &Path) -> (Self, String) {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let database = format!("sqlite:///{}", folder.join("mlflow.db").display());
        let child = Command::new(python)
            .args(["-m", "mlflow", "server", "--workers", "1", "--host", "127.0.0.1", "--port"])
            .args([&port.to_string(), "--backend-store-uri", &database])
            .current_dir(folder)
            // Its background jobs serve generative AI only.
            .env("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut oracle = Self(child);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(oracle.0.try_wait().unwrap().is_none(), "MLflow's server has ended");
            thread::sleep(Duration::from_millis(100));
        }
        (oracle, format!("http://127.0.0.1:{port}"))
    }
}

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn oracle_python() -> Option<String> {
    let python = std::env::var("MLCTL_ORACLE_PYTHON").ok();
    if python.is_none() {
        eprintln!("SKIPPED: MLCTL_ORACLE_PYTHON names no Python with MLflow 3.17.2");
    }
    python
}

impl Drop for Oracle {
    fn drop(&mut self) {
        // Its worker is a child of its own and ends when it is told to, not when it is killed.
        let id = self.0.id().to_string();
        let _ = Command::new("kill").args(["-TERM", &id]).status();
        let _ = self.0.wait();
    }
}

fn serve(store: SqliteStore) -> (String, Runtime) {
    let service = Service::new(Arc::new(store), Arc::new(NoTracking));
    let app = axum::Router::new().nest("/api/2.0/mlflow", router(service));
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

#[test]
fn answers_agree_with_mlflows() {
    let Some(python) = oracle_python() else { return };
    let setting = |name, default: &str| std::env::var(name).unwrap_or(default.to_owned());
    let folder = tempfile::tempdir().unwrap();
    let (ours, _runtime) = serve(SqliteStore::open(folder.path().join("registry.db")).unwrap());
    let (_oracle, theirs) = Oracle::start(&python, folder.path());

    let output = Command::new(&python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/differential/compare.py"))
        .args(["--ours", &ours, "--theirs", &theirs])
        .args(["--sequences", &setting("REGISTRY_SEQUENCES", "4")])
        .args(["--seed", &setting("REGISTRY_SEED", "1")])
        .output()
        .unwrap();

    let told = String::from_utf8_lossy(&output.stdout);
    let failed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}{failed}");
    println!("{told}");
}

#[test]
fn mlflows_client_meets_stages_and_gates() {
    let Some(python) = oracle_python() else { return };
    let (url, _runtime) = serve(SqliteStore::in_memory().unwrap());

    let output = Command::new(&python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/differential/gates.py"))
        .arg(&url)
        .output()
        .unwrap();

    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_client_works_with_a_real_mlflow() {
    let Some(python) = oracle_python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (_oracle, url) = Oracle::start(&python, folder.path());
    let store = HttpStore::new(&url, Credentials::None).unwrap();
    let (churn, fraud): (ModelName, ModelName) =
        ("churn".parse().unwrap(), "it's, version=2 @x".parse().unwrap());
    let stamp = Stamp::new("ada", 0).because("the time has come");
    let (first, second) = ("1".parse().unwrap(), "2".parse().unwrap());
    let champion: Alias = "champion".parse().unwrap();

    let mut new = NewVersion::of(churn.clone(), "s3://bucket/1");
    new.create_model_if_missing = true;
    new.tags = [("k".parse().unwrap(), "v".parse().unwrap())].into();
    assert_eq!(store.create_version(&new, &stamp).unwrap().version, first);
    let copy = NewVersion::of(churn.clone(), "models:/churn/1");
    let copied = store.create_version(&copy, &stamp).unwrap();
    assert_eq!((copied.version, copied.download_uri()), (second, "s3://bucket/1"));
    store.set_alias(&churn, &champion, second, &stamp).unwrap();
    let asked = Transition {
        model: churn.clone(),
        version: second,
        stage: Stage::PRODUCTION,
        archive_existing_versions: true,
    };
    store.transition(&asked, &stamp).unwrap();
    store.rename_model(&churn, &fraud, &stamp).unwrap();
    store.delete_version_tag(&fraud, first, &"k".parse().unwrap(), &stamp).unwrap();
    store.describe_model(&fraud, Some("who"), &stamp).unwrap();

    let model = store.get_model(&fraud).unwrap();
    assert_eq!(model.description.as_deref(), Some("who"));
    assert_eq!((model.aliases[&champion], model.latest_versions.len()), (second, 2));
    let uri = |text: &str| {
        let (model, version) = (fraud.clone(), VersionRef::Alias(text.parse().unwrap()));
        store.get_version(&model, &version).map(|found| found.version)
    };
    assert_eq!(uri("champion").unwrap(), second);
    let found = store.search_versions(&VersionQuery::of(&fraud)).unwrap().items;
    assert_eq!(found.iter().map(|v| v.version).collect::<Vec<_>>(), [second, first]);
    assert!(matches!(uri("x"), Err(Error::AliasNotFound { model, .. }) if model == fraud));
    assert!(matches!(
        store.get_version(&fraud, &VersionNumber::parse("9").unwrap().into()),
        Err(Error::VersionNotFound { newest, .. }) if newest == Some(second)
    ));
    assert!(matches!(
        store.get_version(&churn, &first.into()),
        Err(Error::ModelNotFound(name)) if name == churn
    ));
    let taken = store.create_model(&NewModel::named(fraud.clone()), &stamp);
    assert!(matches!(taken, Err(Error::ModelExists(name)) if name == fraud));
    let none = store.events(&fraud, None, None, PageSize::MAX).unwrap_err().to_string();
    assert_eq!(none, "the server has no history: it is not an mlctl server");
    store.delete_model(&fraud, &stamp).unwrap();
    assert!(store.search_models(&ModelQuery::default()).unwrap().items.is_empty());
}
