use super::*;
use crate::error::Error;
use crate::id::{ModelName, VersionNumber};
use crate::{MemoryStore, NewVersion, Stamp};

/// One run and one logged model, both in a folder behind a proxy.
#[derive(Debug)]
struct World {
    folder: String,
}

impl World {
    fn place(&self, name: &str) -> ArtifactPlace {
        ArtifactPlace {
            uri: format!("mlflow-artifacts:/0/{name}/artifacts"),
            also: vec![format!("{}/0/{name}/artifacts", self.folder)],
            run_id: (name != "r1").then(|| "r1".to_owned()),
        }
    }
}

impl Sources for World {
    fn run(&self, run_id: &str) -> Result<Option<ArtifactPlace>> {
        Ok((run_id == "r1").then(|| self.place("r1")))
    }

    fn logged_model(&self, model_id: &str) -> Result<Option<ArtifactPlace>> {
        Ok((model_id == "m-1").then(|| self.place("models/m-1")))
    }

    fn registered(&self, _: &str, _: &ModelName, _: VersionNumber) -> Result<()> {
        Ok(())
    }
}

fn world() -> World {
    World { folder: "/srv/mlruns".to_owned() }
}

fn claim<'a>(source: &'a str, run_id: &'a str, model_id: &'a str) -> Claim<'a> {
    Claim { source, run_id, model_id }
}

#[track_caller]
fn check(rules: &SourceRules, claims: &[(&str, &str, &str)], accepted: bool) {
    for (source, run_id, model_id) in claims {
        let outcome = rules.check_new(&world(), claim(source, run_id, model_id));
        match outcome {
            Ok(_) => assert!(accepted, "accepted: {source} {run_id} {model_id}"),
            Err(Error::Source(refusal)) => assert!(!accepted, "{source}: {refusal}"),
            Err(other) => panic!("{source}: {other}"),
        }
    }
}

#[test]
fn a_source_lies_in_the_artifacts_of_its_run_or_logged_model() {
    let rules = SourceRules::default();
    check(
        &rules,
        &[
            ("/srv/mlruns/0/r1/artifacts/model", "r1", ""),
            ("file:///srv/mlruns/0/r1/artifacts/a%20b", "r1", ""),
            ("file://localhost/srv/mlruns/0/r1/artifacts", "r1", ""),
            ("mlflow-artifacts:/0/r1/artifacts/model", "r1", ""),
            ("runs:/r1/model", "r1", ""),
            ("models:/m-1", "", "m-1"),
            ("models:/m-1", "r1", "m-1"),
            ("mlflow-artifacts:/0/models/m-1/artifacts", "", "m-1"),
            ("/srv/mlruns/0/models/m-1/artifacts", "", "m-1"),
            ("models:/churn/3", "", ""),
            ("s3://bucket/models/1", "", ""),
            ("s3://bucket//x/", "gone", ""),
            ("dbfs:/x", "", ""),
        ],
        true,
    );
    check(
        &rules,
        &[
            ("/srv/mlruns/0/r1/artifacts/model", "", ""),
            ("/srv/mlruns/0/r1/artifacts/model", "gone", ""),
            ("/srv/mlruns/0/r1/artifacts/model", "", "m-1"),
            ("/srv/mlruns/0/r1/artifacts/../../x", "r1", ""),
            ("/srv/mlruns/0/r1/artifactsX", "r1", ""),
            ("/etc", "r1", ""),
            ("relative/path", "r1", ""),
            ("file:///srv/mlruns/0/r1/artifacts/%2e%2e/%2e%2e", "r1", ""),
            ("file://elsewhere/srv/mlruns/0/r1/artifacts", "r1", ""),
            ("runs:/r2/model", "r1", ""),
            ("runs:/r1/model", "", ""),
            ("runs:/r1/model", "r1", "m-1"),
            ("runs://profile/r1/model", "r1", ""),
            ("runs:/", "r1", ""),
            ("models:/m-2", "", "m-1"),
            ("models:/m-1", "r1", ""),
            ("models:/m-1", "", "m-3"),
            ("models://host/churn/3", "", ""),
            ("models:/churn", "", ""),
            ("models:bad", "", ""),
            ("mlflow-artifacts:/0/r2/artifacts/model", "r1", ""),
            ("mlflow-artifacts:/0/r1/artifacts/%2e%2e/x", "r1", ""),
            ("mlflow-artifacts:/0/r1/artifacts/%252e%252e/x", "r1", ""),
            ("mlflow-artifacts://host/0/r1/artifacts", "r1", ""),
        ],
        false,
    );
}

#[test]
fn nothing_climbs_and_no_host_is_dialled() {
    check(
        &SourceRules::default(),
        &[
            ("s3://b/../x", "", ""),
            ("s3://b/x%2f..%2fy", "", ""),
            ("s3://b/./x", "", ""),
            ("s3:x", "", ""),
            ("s3://b", "", ""),
            ("gs://b/x%00", "", ""),
            ("http://h/x", "", ""),
            ("HTTPS://h/x", "", ""),
            ("http://h/api/2.0/mlflow-artifacts/artifacts/0/r1/artifacts", "r1", ""),
            ("hdfs://h/x", "", ""),
            ("ftp:///x", "", ""),
            ("abfss://c@h/x", "", ""),
        ],
        false,
    );
}

#[test]
fn a_source_holds_no_control_characters() {
    for source in ["s3://b/a\nb", "s3://b/\0", "/srv/mlruns/0/r1/artifacts/\r"] {
        let outcome = SourceRules::default().check_new(&world(), claim(source, "r1", ""));

        let refused = outcome.unwrap_err().to_string();
        assert!(refused.contains("it must not contain control characters"), "{refused}");
    }
}

#[test]
fn an_administrator_opens_and_closes() {
    let rules = SourceRules {
        pattern: Some(Pattern::parse("^(s3|hdfs|/data|http)").unwrap()),
        allowed_schemes: vec!["http".to_owned()],
        allowed_roots: vec!["/data/models".to_owned(), "hdfs://h/models".to_owned()],
        ..SourceRules::default()
    };
    check(
        &rules,
        &[
            ("/data/models/churn", "", ""),
            ("hdfs://h/models/churn", "", ""),
            ("http://h/x", "", ""),
            ("s3://b/x", "", ""),
        ],
        true,
    );
    check(
        &rules,
        &[
            ("/data/models/../secret", "", ""),
            ("/data/modelsX", "", ""),
            ("hdfs://h/other", "", ""),
            ("hdfs://h/models/../other", "", ""),
            ("hdfs://g/models/churn", "", ""),
            ("https://h/x", "", ""),
            ("gs://b/x", "", ""),
        ],
        false,
    );
}

#[test]
fn a_logged_model_says_where_its_files_lie_and_who_made_it() {
    let rules = SourceRules::default();
    let origin = rules.check_new(&world(), claim("models:/m-1", "", "m-1")).unwrap();
    let want = Origin {
        location: Some("mlflow-artifacts:/0/models/m-1/artifacts".to_owned()),
        run_id: Some("r1".to_owned()),
    };
    assert_eq!(origin, want);
    let named = rules.check_new(&world(), claim("s3://b/x", "r9", "m-1")).unwrap();
    assert_eq!(named, Origin::default());
}

#[test]
fn only_a_prompt_has_a_placeholder_and_a_prompt_has_no_other_source() {
    let rules = SourceRules::default();
    rules.check_prompt("dummy-source").unwrap();
    assert!(rules.check_prompt("/etc").is_err());
    check(&rules, &[("dummy-source", "", ""), ("prompt-template", "r1", "")], false);
}

#[cfg(unix)]
#[test]
fn a_link_out_of_the_artifacts_leads_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let world = World { folder: folder.path().to_str().unwrap().to_owned() };
    let artifacts = folder.path().join("0/r1/artifacts");
    std::fs::create_dir_all(&artifacts).unwrap();
    std::os::unix::fs::symlink("/etc", artifacts.join("out")).unwrap();
    let rules = SourceRules::default();

    let inside = format!("{}/model", artifacts.display());
    let outside = format!("{}/out/ssl", artifacts.display());

    rules.check_new(&world, claim(&inside, "r1", "")).unwrap();
    assert!(rules.check_new(&world, claim(&outside, "r1", "")).is_err());
}

#[test]
fn what_others_wrote_down_is_checked_when_it_is_read() {
    let store = MemoryStore::new();
    let read = |rules: &SourceRules, source: &str, location: Option<&str>, run_id: Option<&str>| {
        let mut new = NewVersion::of("churn".parse().unwrap(), source);
        new.create_model_if_missing = true;
        new.run_id = run_id.map(str::to_owned);
        new.storage_location = location.map(str::to_owned);
        let version = store.create_version(&new, &Stamp::new("ada", 1)).unwrap();
        rules.check_read(&store, &world(), &version).is_ok()
    };
    let rules = SourceRules::default();
    let inside = "/srv/mlruns/0/r1/artifacts/model";

    assert!(read(&rules, inside, None, Some("r1")));
    assert!(read(&rules, "models:/churn/1", None, None), "a copy lies with its original");
    assert!(read(&rules, "models:/m-1", Some("/srv/mlruns/0/models/m-1/artifacts"), None));
    assert!(read(&rules, "s3://b/x", None, None));
    assert!(read(&rules, "dummy-source", None, None));
    for (source, location, run_id) in [
        ("/etc", None, Some("r1")),
        (inside, None, None),
        (inside, None, Some("gone")),
        ("s3://b/x", Some("/etc"), None),
        ("models:/m-1", Some("/etc"), None),
        ("http://h/x", None, None),
        ("s3://b/../x", None, None),
    ] {
        assert!(!read(&rules, source, location, run_id), "{source} {location:?} {run_id:?}");
    }
    let store_roots = vec!["/srv/mlruns".to_owned()];
    let of_a_store = SourceRules { store_roots, ..SourceRules::default() };
    assert!(read(&of_a_store, inside, None, Some("gone")));
    assert!(!read(&of_a_store, "/srv/mlruns/../other", None, None));
}
