//! The same random requests to this registry and to MLflow's own server: their answers agree.
//!
//! It runs when `MLCTL_ORACLE_PYTHON` names a Python with MLflow 3.17.2, and says so when it does
//! not. `REGISTRY_SEQUENCES` and `REGISTRY_SEED` make it longer or other.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use mlctl_registry::SqliteStore;
use mlctl_registry::rest::{Service, router};
use mlctl_registry::source::NoTracking;
use tokio::runtime::Runtime;

/// A real MLflow server, which ends with this value.
struct Oracle(Child);

impl Oracle {
    fn start(python: &str, folder: &Path, port: u16) -> Self {
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
        oracle
    }
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
    let Ok(python) = std::env::var("MLCTL_ORACLE_PYTHON") else {
        eprintln!("SKIPPED: MLCTL_ORACLE_PYTHON names no Python with MLflow 3.17.2");
        return;
    };
    let setting = |name, default: &str| std::env::var(name).unwrap_or(default.to_owned());
    let folder = tempfile::tempdir().unwrap();
    let (ours, _runtime) = serve(SqliteStore::open(folder.path().join("registry.db")).unwrap());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let _oracle = Oracle::start(&python, folder.path(), port);

    let output = Command::new(&python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/differential/compare.py"))
        .args(["--ours", &ours, "--theirs", &format!("http://127.0.0.1:{port}")])
        .args(["--sequences", &setting("REGISTRY_SEQUENCES", "4")])
        .args(["--seed", &setting("REGISTRY_SEED", "1")])
        .output()
        .unwrap();

    let told = String::from_utf8_lossy(&output.stdout);
    let failed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}{failed}");
    println!("{told}");
}
