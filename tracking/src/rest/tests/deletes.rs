//! What changes through the proxy may reach.

use super::*;
use crate::store::{LoggedModelStore, NewExperiment, NewLoggedModel};
use crate::{ExperimentName, ModelId, RunId};
use mlctl_artifacts::{ArtifactPath, ArtifactStore, MemoryArtifacts};

/// A server with a destination, and the runs whose artifacts are there.
struct Shared {
    api: Api,
    kept: Arc<MemoryArtifacts>,
    experiment: ExperimentId,
    runs: [String; 2],
}

impl Shared {
    fn new(location: &str) -> Self {
        let kept = Arc::new(MemoryArtifacts::default());
        let api = Api::serving(ServedArtifacts::new(None, Some(kept.clone())));
        let experiment = api.store.create_experiment(&NewExperiment {
            name: ExperimentName::parse("shared").unwrap(),
            artifact_location: Some(location.to_owned()),
            tags: Vec::new(),
            time: 1,
        });
        let experiment = experiment.unwrap();
        let run = || {
            let new = NewRun {
                experiment_id: experiment.clone(),
                user_id: String::new(),
                run_name: None,
                start_time: 1,
                tags: Vec::new(),
            };
            let info = api.store.create_run(&new).unwrap().info;
            let path = format!("{}/a.txt", below(&info.artifact_uri));
            write(&kept, &path);
            info.run_id.to_string()
        };
        let runs = [run(), run()];
        Self { api, kept, experiment, runs }
    }

    fn model(&self) -> (ModelId, String) {
        let new = NewLoggedModel {
            experiment_id: self.experiment.clone(),
            name: None,
            model_type: None,
            source_run_id: None,
            tags: Vec::new(),
            params: Vec::new(),
            time: 1,
        };
        let model = self.api.store.create_logged_model(&new).unwrap();
        let home = below(&model.artifact_uri).to_owned();
        write(&self.kept, &format!("{home}/MLmodel"));
        (model.model_id, home)
    }

    fn home(&self, run: &str) -> String {
        let run = self.api.store.run(&RunId::parse(run).unwrap()).unwrap();
        below(&run.info.artifact_uri).to_owned()
    }

    fn delete(&self, path: &str) -> (StatusCode, String) {
        self.api.send(Method::DELETE, &format!("/proxy/artifacts/{path}"), "")
    }

    #[track_caller]
    fn refuses(&self, path: &str) {
        let before = self.files();
        let (status, text) = self.delete(path);
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}: {text}");
        assert!(text.contains("INVALID_PARAMETER_VALUE"), "{path}: {text}");
        assert_eq!(self.files(), before, "{path}");
    }

    #[track_caller]
    fn allows(&self, path: &str) {
        let (status, text) = self.delete(path);
        assert_eq!((status, text.as_str()), (StatusCode::OK, "{}"), "{path}");
    }

    fn files(&self) -> Vec<String> {
        let all = mlctl_artifacts::walk(self.kept.as_ref(), &ArtifactPath::root()).unwrap();
        all.into_iter().filter(|info| !info.is_dir).map(|info| info.path.to_string()).collect()
    }
}

fn below(uri: &str) -> &str {
    uri.strip_prefix("mlflow-artifacts:/").unwrap()
}

fn write(kept: &MemoryArtifacts, path: &str) {
    kept.write(&ArtifactPath::parse(path).unwrap(), &mut "x".as_bytes()).unwrap();
}

#[test]
fn a_delete_that_reaches_more_than_one_run_is_refused() {
    let shared = Shared::new("mlflow-artifacts:/7");
    let [run, _] = &shared.runs;
    write(&shared.kept, "team/artifacts/1/x.txt");
    for path in [
        ".",
        "%2e",
        "./.",
        "%2e/%2e",
        "7",
        "7/",
        "./7",
        "7/.",
        "7/models",
        &format!("7/{run}"),
        &format!("7/{run}/."),
        &format!("7/{run}/tags"),
        "team",
        "team/artifacts",
        "team/artifacts/1",
        "artifacts",
        "artifacts/7",
        &format!("7/{}/artifacts", "a".repeat(32)),
    ] {
        shared.refuses(path);
    }
}

#[test]
fn a_delete_takes_one_file_or_folder_of_a_run_or_model() {
    for location in ["mlflow-artifacts:/7", "mlflow-artifacts:/", "mlflow-artifacts:/team/art"] {
        let shared = Shared::new(location);
        let [one, other] = &shared.runs;
        let (model, other) = (shared.model().1, shared.home(other));

        shared.allows(&format!("{}/a.txt", shared.home(one)));
        shared.allows(&format!("{}/none.txt", shared.home(one)));
        shared.allows(&format!("{model}/MLmodel"));

        assert_eq!(shared.files(), [format!("{other}/a.txt")], "{location}");
    }
}

#[test]
fn artifacts_of_a_run_of_another_store_are_deleted_one_by_one() {
    let shared = Shared::new("mlflow-artifacts:/7");
    let home = format!("8/{}/artifacts", "b".repeat(32));
    write(&shared.kept, &format!("{home}/x/y.txt"));
    shared.refuses(&home);
    shared.allows(&format!("{home}/x"));
    assert!(!shared.files().iter().any(|file| file.starts_with("8/")));
}

/// `mlflow gc` deletes the artifacts of a deleted run, or logged model, before it forgets them.
#[test]
fn all_artifacts_of_an_owner_go_once_it_is_deleted() {
    let shared = Shared::new("mlflow-artifacts:/7");
    let [run, in_deleted] = shared.runs.clone();
    let (model, model_home) = shared.model();
    for home in [&shared.home(&run), &model_home] {
        shared.refuses(home);
        shared.refuses(&format!("{home}/"));
    }

    shared.api.store.delete_run(&RunId::parse(run.as_str()).unwrap(), 2).unwrap();
    shared.api.store.delete_logged_model(&model, 2).unwrap();

    shared.allows(&format!("{}/", shared.home(&run)));
    shared.allows(&format!("{model_home}/"));
    assert_eq!(shared.files(), [format!("{}/a.txt", shared.home(&in_deleted))]);
    shared.api.store.delete_experiment(&shared.experiment, 3).unwrap();
    shared.allows(&shared.home(&in_deleted));
    assert_eq!(shared.files(), Vec::<String>::new());
}

#[test]
fn no_file_is_written_in_the_place_of_a_folder() {
    let shared = Shared::new("mlflow-artifacts:/7");
    let [run, _] = &shared.runs;
    let before = shared.files();
    let run_folder = format!("7/{run}");
    let artifacts = format!("7/{run}/artifacts");
    for path in [".", "%2e", "7", "8", "7/models", &run_folder, &artifacts] {
        let (status, text) = shared.api.send(Method::PUT, &format!("/proxy/artifacts/{path}"), "x");
        assert_eq!(status, StatusCode::BAD_REQUEST, "{path}: {text}");
    }
    for (folder, name) in [("7", run.as_str()), (&run_folder, "artifacts"), (&artifacts, ".")] {
        let path = format!("/proxy/mpu/create/{folder}");
        let (status, text) = shared.api.post(&path, &json!({"path": name, "num_parts": 1}));
        assert_eq!(status, StatusCode::BAD_REQUEST, "{folder} {name}: {text}");
    }
    let path = format!("/ui/upload-artifact?run_uuid={run}&path=.");
    assert_eq!(shared.api.send(Method::POST, &path, "x").0, StatusCode::BAD_REQUEST);
    assert_eq!(shared.files(), before);
}
