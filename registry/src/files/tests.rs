use super::*;
use crate::entity::PageSize;
use crate::{MemoryStore, VersionRef};
use tempfile::TempDir;

/// Writes what MLflow 3.17.2 leaves of a model with three versions, of which the first is deleted.
fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    let put = |path: &str, text: &str| {
        let file = folder.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    };
    put(
        "my model/meta.yaml",
        "aliases:\n  champ: '2'\ncreation_timestamp: 100\ndeployment_job_id: null\n\
         description: d\nlast_updated_timestamp: 900\nname: my model\nworkspace: default\n",
    );
    put("my model/tags/team/part", "a");
    put("my model/aliases/champ", "2");
    for (number, stage) in [(1, "Deleted_Internal"), (2, "Production"), (3, "None")] {
        put(
            &format!("my model/version-{number}/meta.yaml"),
            &format!(
                "creation_timestamp: {number}00\ncurrent_stage: {stage}\ndescription: v{number}\n\
                 last_updated_timestamp: {number}50\nmodel_id: null\nname: my model\n\
                 run_id: r{number}\nrun_link: null\nsource: s3://b/{number}\nstatus: READY\n\
                 storage_location: s3://b/{number}\nuser_id: null\nversion: {number}\n"
            ),
        );
        put(&format!("my model/version-{number}/tags/k"), &number.to_string());
    }
    put("not-a-model/readme.txt", "");
    folder
}

#[test]
fn a_model_of_files_becomes_one_of_a_store() {
    let folder = folder();
    let store = MemoryStore::default();

    let models = read(folder.path()).unwrap();
    let [model] = models.as_slice() else { panic!("{models:?}") };
    assert_eq!((model.name().as_str(), model.versions()), ("my model", 2));
    model.take_over(&store, "ada", "imported").unwrap();

    let known = store.get_model(model.name()).unwrap();
    assert_eq!(known.creation_timestamp_ms, 100);
    assert_eq!(known.tags[&TagKey::parse("team/part").unwrap()].to_string(), "a");
    let get = |which: VersionRef| store.get_version(model.name(), &which);
    let second = get(VersionRef::Alias(Alias::parse("champ").unwrap())).unwrap();
    assert_eq!(second.version.get(), 2);
    assert_eq!(second.current_stage, Stage::PRODUCTION);
    assert_eq!((second.creation_timestamp_ms, second.last_updated_timestamp_ms), (200, 250));
    assert_eq!(second.run_id.as_deref(), Some("r2"));
    assert!(get(VersionRef::Number(VersionNumber::FIRST)).is_err());
    assert_eq!(get(VersionRef::Latest).unwrap().version.get(), 3);
    let events = store.events(model.name(), None, None, PageSize::default()).unwrap().items;
    assert!(events.iter().all(|event| event.why.as_deref() == Some("imported")));
    assert!(matches!(
        model.take_over(&store, "ada", "again").unwrap_err(),
        Error::ModelExists(name) if name == *model.name()
    ));
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let folder = folder();
    let file = folder.path().join("my model/version-3/meta.yaml");
    for (text, why) in [("version: x", "version"), ("version: 3\ncurrent_stage: 1odd", "stage")] {
        fs::write(&file, text).unwrap();
        let error = read(folder.path()).unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(error.to_string().contains("version-3/meta.yaml"), "{error}");
        assert!(cause.contains(why), "{cause}");
    }
    assert!(read(&folder.path().join("missing")).unwrap().is_empty());
}
