//! `mlctl registry` on a folder, on a database and through a server.

use crate::harness::{Finished, Place, finish, text};
use crate::http::Server;
use serde_json::Value;
use std::fs;

/// A place with a store, and how to name it.
struct Desk {
    place: Place,
    store: String,
    /// Keeps the server, where there is one.
    _server: Option<(Place, Server)>,
}

impl Desk {
    fn all() -> Vec<Self> {
        let at = |store: &str| Self { place: Place::new(), store: store.to_owned(), _server: None };
        let home = Place::new();
        let trusting = ["server", "--port", "0", "--trust-user-header"];
        let server = Server::launch(&home, &mut home.command(&trusting));
        let store = server.url.clone();
        let served = Self { place: Place::new(), store, _server: Some((home, server)) };
        vec![at("./mlruns"), at("sqlite:///mlflow.db"), served]
    }

    fn args<'a>(&'a self, args: &[&'a str]) -> Vec<&'a str> {
        [args, &["--store", &self.store]].concat()
    }

    #[track_caller]
    fn ok(&self, args: &[&str]) -> String {
        self.place.ok(&self.args(args))
    }

    #[track_caller]
    fn json(&self, args: &[&str]) -> Value {
        self.place.json(&self.args(args))
    }

    #[track_caller]
    fn fails(&self, args: &[&str], code: i32, want: &str) {
        self.place.check_failure(&self.args(args), code, want);
    }

    /// Runs a command as another user than the one who runs the others.
    fn as_bob(&self, args: &[&str]) -> Finished {
        let mut command = self.place.command(&self.args(args));
        finish(command.env("MLFLOW_TRACKING_USERNAME", "bob"))
    }

    /// Makes a run with a model, and returns its id.
    #[track_caller]
    fn model(&self) -> String {
        self.model_with(0.7)
    }

    /// Makes a run with a model of this error, and returns its id.
    #[track_caller]
    fn model_with(&self, rmse: f64) -> String {
        let mlctl = env!("CARGO_BIN_EXE_mlctl");
        let command = format!("{mlctl} log param alpha 0.5 && {mlctl} log metric rmse {rmse}");
        self.place.project("train", &command);
        self.place.write("model/MLmodel", "flavors: {}\n");
        self.ok(&["run", "train", "--env-manager", "local"]);
        self.ok(&["artifacts", "put", "latest", "model"]);
        text(&self.json(&["runs", "show", "latest"])["info"]["run_id"])
    }

    /// Registers so many versions of `churn`.
    #[track_caller]
    fn churn(&self, versions: usize) -> String {
        let run = self.model();
        for _ in 0..versions {
            self.ok(&["registry", "register", &format!("runs:/{run}/model"), "churn"]);
        }
        run
    }

    /// Tells the stages of all versions of `churn`, the newest first.
    fn stages(&self) -> Vec<String> {
        let versions = self.json(&["registry", "versions", "churn"]);
        let stage = |version: &Value| {
            format!("{} {}", text(&version["version"]), text(&version["current_stage"]))
        };
        versions.as_array().unwrap().iter().map(stage).collect()
    }
}

#[test]
fn versions_are_promoted_and_rolled_back() {
    for desk in Desk::all() {
        desk.churn(3);
        let promote = |version: &str| {
            let flags = ["--archive-existing-versions", "--why", "better"];
            let args = ["registry", "transition", "churn", version, "Production"];
            desk.ok(&[&args[..], &flags].concat());
        };
        promote("1");
        promote("2");
        promote("latest");
        assert_eq!(desk.stages(), ["3 Production", "2 Archived", "1 Archived"]);

        let said = desk.ok(&["registry", "rollback", "churn", "Production", "--why", "too slow"]);
        assert_eq!(said, "moved churn version 2, stage Production\n");
        assert_eq!(desk.stages(), ["3 Archived", "2 Production", "1 Archived"]);
        desk.ok(&["registry", "rollback", "churn", "production"]);
        assert_eq!(desk.stages(), ["3 Archived", "2 Archived", "1 Production"]);
        desk.fails(
            &["registry", "rollback", "churn", "Production"],
            1,
            "error: no other version of `churn` was in Production before\n\
             hint: `mlctl registry history churn` shows the changes",
        );
        desk.fails(
            &["registry", "rollback", "churn", "Archived"],
            1,
            "error: versions in stage Archived are not in use, so there is nothing to roll back\n\
             hint: the stages that can be rolled back are Staging, Production",
        );

        let history = desk.ok(&["registry", "history", "churn"]);
        assert!(history.contains("ann"), "{history}");
        assert!(history.contains("too slow"), "{history}");
        assert!(history.contains("Production → Archived, replaced by version 2"), "{history}");
        let second = desk.json(&["registry", "history", "churn", "--version", "2"]);
        let kinds: Vec<String> =
            second.as_array().unwrap().iter().map(|event| text(&event["change"]["kind"])).collect();
        assert_eq!(kinds[0], "version_created");
        assert_eq!(kinds[1..], ["stage_changed"; 4]);
    }
}

#[test]
fn aliases_tags_texts_and_names_are_changed() {
    for desk in Desk::all() {
        desk.ok(&["registry", "create", "churn", "--tag", "team=growth", "--description", "who"]);
        desk.churn(2);
        desk.ok(&["registry", "alias", "set", "churn", "champion", "2"]);
        desk.ok(&["registry", "tag", "churn", "team", "risk"]);
        desk.ok(&["registry", "tag", "churn", "checked", "yes", "--version", "@champion"]);
        desk.ok(&["registry", "describe", "churn", "the second", "--version", "2"]);
        desk.ok(&["registry", "rename", "churn", "loss"]);
        let shown = desk.json(&["registry", "show", "loss"]);
        assert_eq!(shown["model"]["tags"]["team"], "risk");
        assert_eq!(shown["model"]["description"], "who");
        assert_eq!(text(&shown["model"]["aliases"]["champion"]), "2");
        let newest = &shown["versions"][0];
        assert_eq!(
            (&newest["tags"]["checked"], &newest["description"]),
            (&"yes".into(), &"the second".into())
        );
        let found = desk.ok(&["registry", "search", "tags.team = 'risk'"]);
        assert!(found.contains("loss") && found.contains("champion"), "{found}");

        desk.ok(&["registry", "copy", "models:/loss@champion", "release"]);
        let copy = &desk.json(&["registry", "versions", "release"])[0];
        assert_eq!(copy["source"], "models:/loss/2");

        desk.ok(&["registry", "alias", "delete", "loss", "champion"]);
        desk.ok(&["registry", "tag", "loss", "team", "--delete"]);
        desk.fails(
            &["registry", "tag", "loss", "team", "--delete"],
            1,
            "error: there is no tag `team`\nhint: `mlctl registry show` lists the tags",
        );
        desk.fails(
            &["registry", "delete", "loss", "--version", "1"],
            2,
            "error: cannot ask without a terminal: delete version 1 of loss, stage None?\n\
             hint: add --yes to skip the question",
        );
        desk.ok(&["registry", "delete", "loss", "--version", "1", "--yes"]);
        desk.ok(&["registry", "delete", "loss", "--yes", "--why", "out of use"]);
        desk.fails(
            &["registry", "show", "los"],
            1,
            "error: model `los` does not exist\nhint: `mlctl registry list` lists the models",
        );
        let history = desk.ok(&["registry", "history", "loss"]);
        assert!(history.contains("renamed from churn"), "{history}");
        assert!(history.contains("out of use"), "{history}");
    }
}

#[test]
fn the_past_can_be_seen() {
    for desk in Desk::all() {
        desk.churn(2);
        desk.ok(&["registry", "transition", "churn", "1", "Production"]);
        let events = desk.json(&["registry", "history", "churn"]);
        let at = events.as_array().unwrap().last().unwrap()["at_ms"].as_i64().unwrap();
        let then = jiff_text(at);
        desk.ok(&["registry", "delete", "churn", "--yes"]);

        let past = desk.json(&["registry", "show", "churn", "--at", &then]);
        assert_eq!(past["versions"]["1"]["current_stage"], "Production");
        assert_eq!(past["versions"]["2"]["current_stage"], "None");
        let table = desk.ok(&["registry", "show", "churn", "--at", &then]);
        assert!(table.contains("Production"), "{table}");
        let before =
            desk.place.run(&desk.args(&["registry", "show", "churn", "--at", "2001-01-01"]));
        assert_eq!(before.code, Some(1));
        let want = "error: there was no model `churn` at 2001-01-01 00:00:00\nhint: its history";
        assert!(before.stderr.starts_with(want), "{before:?}");
        desk.fails(
            &["registry", "show", "churn", "--at", "soon"],
            2,
            "error: `soon` is not a time\n\
             hint: write a time as 2026-03-01, 2026-03-01T12:00 (local time) or 2026-03-01T12:00Z",
        );
    }
}

/// Spells a time in milliseconds as RFC 3339 does.
fn jiff_text(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms).unwrap().to_string()
}

#[test]
fn a_version_tells_where_it_came_from() {
    for desk in Desk::all() {
        let run = desk.churn(1);
        desk.ok(&["registry", "transition", "churn", "1", "Staging", "--why", "try it"]);

        let told = desk.ok(&["registry", "lineage", "churn", "1"]);
        for want in [run.as_str(), "params alpha=0.5", "metrics rmse=0.7", "None → Staging: try it"]
        {
            assert!(told.contains(want), "{want}: {told}");
        }
        let json = desk.json(&["registry", "lineage", "churn", "latest"]);
        assert_eq!(json["run"]["params"]["alpha"], "0.5");
        let drawn = desk.ok(&["registry", "lineage", "churn", "1", "--format", "mermaid"]);
        assert!(drawn.starts_with("flowchart LR\n  n0[\"run<br>"), "{drawn}");
        assert!(drawn.contains("n0 --> n1\n") && drawn.contains("n1 --> n2\n"), "{drawn}");
    }
}

#[test]
fn what_is_not_there_is_answered_with_what_is() {
    for desk in Desk::all() {
        desk.churn(1);
        desk.fails(
            &["registry", "transition", "chrun", "1", "Production"],
            1,
            "error: model `chrun` does not exist\nhint: did you mean `churn`?",
        );
        let missing = desk.place.run(&desk.args(&["registry", "lineage", "churn", "9"]));
        assert_eq!(missing.code, Some(1));
        let want = "error: model `churn` has no version 9\n";
        assert!(missing.stderr.starts_with(want), "{missing:?}");
        desk.fails(
            &["registry", "transition", "churn", "newest", "Production"],
            1,
            "error: `newest` is not a version\n\
             hint: use a number, a stage such as Production, @ALIAS or latest",
        );
    }
}

#[test]
fn gates_keep_worse_versions_out() {
    for desk in Desk::all() {
        for rmse in [0.7, 0.75, 0.5] {
            let run = desk.model_with(rmse);
            desk.ok(&["registry", "register", &format!("runs:/{run}/model"), "churn"]);
        }
        desk.ok(&["registry", "gates", "churn", "Production: rmse <= 0.72; rmse lower by 1%"]);
        assert_eq!(
            desk.ok(&["registry", "gates", "churn"]),
            "Production: rmse <= 0.72; rmse lower by 1%\n"
        );
        desk.ok(&["registry", "transition", "churn", "1", "Production"]);

        let worse = desk.place.run(&desk.args(&["registry", "check", "churn", "2", "Production"]));
        assert_eq!(worse.code, Some(1), "{worse:?}");
        let want = "version 2 of churn may not enter Production\nNOT MET";
        assert!(worse.stdout.starts_with(want), "{worse:?}");
        let refused = ["registry", "transition", "churn", "2", "Production"];
        let refused = desk.place.run(&desk.args(&refused));
        assert_eq!(refused.code, Some(1));
        for number in ["0.75", "0.72", "0.7"] {
            assert!(refused.stderr.contains(number), "{number}: {refused:?}");
        }
        let better = desk.json(&["registry", "check", "churn", "3", "Production"]);
        assert_eq!((&better["passed"], &better["holder"]), (&true.into(), &"1".into()));
        desk.ok(&["registry", "transition", "churn", "3", "Production"]);

        let forced = ["registry", "transition", "churn", "2", "Production", "--force"];
        assert_eq!(desk.place.run(&desk.args(&forced)).code, Some(2));
        desk.ok(&[&forced[..], &["--why", "the auditor asked"]].concat());
        let history = desk.ok(&["registry", "history", "churn", "--version", "2"]);
        assert!(history.contains("gate of Production ignored (--force)"), "{history}");
        assert!(history.contains("the auditor asked"), "{history}");
        let bad = desk.place.run(&desk.args(&["registry", "gates", "churn", "Production: rmse <"]));
        assert_eq!(bad.code, Some(1), "{bad:?}");
    }
}

#[test]
fn what_one_requests_another_approves() {
    for desk in Desk::all() {
        desk.churn(1);
        desk.ok(&["registry", "gates", "churn", "Production: approval"]);
        let promotion = ["churn", "1", "Production"];
        let with = |command: &'static str| [&["registry", command], &promotion[..]].concat();
        assert_eq!(desk.place.run(&desk.args(&with("transition"))).code, Some(1));
        let none = desk.place.run(&desk.args(&with("approve")));
        assert_eq!(none.code, Some(1), "{none:?}");
        desk.ok(&[&with("request")[..], &["--why", "ready"]].concat());
        let own = desk.place.run(&desk.args(&with("approve")));
        assert_eq!(own.code, Some(1), "{own:?}");
        assert!(own.stderr.contains("ann"), "{own:?}");

        let approved = desk.as_bob(&with("approve"));
        assert_eq!(approved.code, Some(0), "{approved:?}");
        let requests = desk.ok(&["registry", "requests", "churn"]);
        assert!(requests.contains("ready") && requests.contains("bob"), "{requests}");
        desk.ok(&with("transition"));
        let requests = desk.ok(&["registry", "requests", "churn"]);
        assert!(requests.starts_with("no requests\n"), "{requests}");
        assert_eq!(requests.contains("not verified"), desk._server.is_some(), "{requests}");
        let history = desk.ok(&["registry", "history", "churn"]);
        assert!(history.contains("approved Production, requested by ann"), "{history}");

        desk.ok(&["registry", "request", "churn", "1", "Staging"]);
        let rejected = desk.as_bob(&["registry", "reject", "churn", "1", "Staging"]);
        assert_eq!(rejected.code, Some(0), "{rejected:?}");
    }
}

#[test]
fn a_server_takes_no_approval_by_a_name_that_nobody_checks() {
    let (home, place) = (Place::new(), Place::new());
    let server = Server::start(&home);
    let store = server.url.clone();
    let desk = Desk { place, store, _server: Some((home, server)) };
    desk.churn(1);
    desk.ok(&["registry", "request", "churn", "1", "Production"]);

    let approved = desk.as_bob(&["registry", "approve", "churn", "1", "Production"]);

    assert_eq!(approved.code, Some(1), "{approved:?}");
    assert!(approved.stderr.contains("--trust-user-header"), "{approved:?}");
    let requests = desk.ok(&["registry", "requests", "churn"]);
    assert!(requests.contains("does not accept approvals"), "{requests}");
}

#[test]
fn a_model_may_have_stages_of_its_own() {
    for desk in Desk::all() {
        desk.churn(1);
        desk.ok(&["registry", "stages", "churn", "Staging -> Shadow -> Production"]);
        let skipped = ["registry", "transition", "churn", "1", "Production"];
        let skipped = desk.place.run(&desk.args(&skipped));
        assert_eq!(skipped.code, Some(1));
        assert!(skipped.stderr.contains("Staging"), "{skipped:?}");
        for stage in ["Staging", "shadow", "Production"] {
            desk.ok(&["registry", "transition", "churn", "1", stage]);
        }
        assert_eq!(desk.stages(), ["1 Production"]);
        let unknown = ["registry", "transition", "churn", "1", "Shadwo"];
        let unknown = desk.place.run(&desk.args(&unknown));
        assert_eq!(unknown.code, Some(1));
        assert!(unknown.stderr.contains("Shadow"), "{unknown:?}");
    }
}

#[test]
fn the_settings_may_name_stages_for_all_models() {
    let place = Place::new();
    let desk = Desk { place, store: "./mlruns".to_owned(), _server: None };
    desk.churn(1);
    desk.place.write("mlctl.toml", "registry_stages = \"Staging -> Canary\"\n");
    desk.ok(&["registry", "transition", "churn", "1", "Staging"]);
    desk.ok(&["registry", "transition", "churn", "1", "Canary"]);
    assert_eq!(desk.stages(), ["1 Canary"]);
    desk.place.write("mlctl.toml", "registry_stages = \"-> ->\"\n");
    let bad = desk.place.run(&desk.args(&["registry", "list"]));
    assert_eq!(bad.code, Some(1));
    assert!(bad.stderr.contains("registry_stages in"), "{bad:?}");
}

#[test]
fn a_registry_of_files_is_taken_over() {
    let place = Place::new();
    let version = |number: u32, stage: &str| {
        place.write(
            &format!("mlruns/models/churn/version-{number}/meta.yaml"),
            &format!(
                "creation_timestamp: 100\ncurrent_stage: {stage}\nlast_updated_timestamp: 200\n\
                 name: churn\nrun_id: r\nsource: s3://b/{number}\nstorage_location: s3://b/{number}\n\
                 version: {number}\n"
            ),
        );
    };
    place.write("mlruns/models/churn/meta.yaml", "name: churn\ncreation_timestamp: 50\n");
    version(1, "Deleted_Internal");
    version(2, "Production");
    let dry = place.json(&["registry", "import", "mlruns", "--dry-run"]);
    assert_eq!(dry[0]["outcome"], "would be imported");
    let done = place.json(&["registry", "import", "mlruns"]);
    assert_eq!((&done[0]["outcome"], &done[0]["versions"]), (&"imported".into(), &1.into()));
    let again = place.json(&["registry", "import", "mlruns/models"]);
    assert_eq!(again[0]["outcome"], "exists already");
    let versions = place.json(&["registry", "versions", "churn"]);
    assert_eq!(text(&versions[0]["version"]), "2");
    assert_eq!(versions[0]["current_stage"], "Production");
    assert!(fs::exists(place.path("mlruns/models/churn/meta.yaml")).unwrap());
    place.check_failure(
        &["registry", "import", "elsewhere"],
        1,
        "error: there are no registered models in `elsewhere`: `elsewhere/models` does not \
         exist\n\
         hint: pass an mlruns folder that MLflow wrote, or the `models` folder in it",
    );
}

#[test]
fn experiments_are_not_imported_as_models() {
    let place = Place::new();
    place.ok(&["experiments", "create", "churn", "--store", "./mlruns"]);

    let finished = place.run(&["registry", "import", "./mlruns", "--store", "./mlruns"]);

    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.stderr.contains("mlruns/models` does not exist"), "{finished:?}");
    assert!(!place.path("mlruns/registry.db").exists());
}

#[test]
fn a_lineage_whose_run_cannot_be_read_is_an_error() {
    let place = Place::new();
    let desk = Desk { place, store: "./mlruns".to_owned(), _server: None };
    let run = desk.churn(1);
    let meta = format!("mlruns/0/{run}/meta.yaml");
    desk.place.write(&meta, "run_id: [");

    let finished = desk.place.run(&desk.args(&["registry", "lineage", "churn", "1"]));

    assert_eq!(finished.code, Some(1), "{finished:?}");
    assert!(finished.stderr.contains(&run), "{finished:?}");
}
