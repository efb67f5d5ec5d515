//! Settings, where they come from, and wrong usage.

use crate::harness::{Place, finish};
use serde_json::Value;

fn setting(shown: &Value, name: &str) -> (String, String) {
    let row = shown.as_array().unwrap().iter().find(|row| row["name"] == name).unwrap();
    (row["value"].as_str().unwrap().to_owned(), row["origin"].as_str().unwrap().to_owned())
}

fn shown(place: &Place, args: &[&str], variables: &[(&str, &str)]) -> Value {
    let args = [&["config", "show", "--json"], args].concat();
    let finished = finish(place.command(&args).envs(variables.iter().copied()));
    assert_eq!(finished.code, Some(0), "{finished:?}");
    serde_json::from_str(&finished.stdout).unwrap()
}

#[test]
fn a_setting_comes_from_flags_over_variables_over_the_file_over_the_default() {
    let place = Place::new();
    let pair = |value: &str, origin: &str| (value.to_owned(), origin.to_owned());
    let variable = [("MLFLOW_TRACKING_URI", "by-variable")];

    assert_eq!(setting(&shown(&place, &[], &[]), "store"), pair("./mlruns", "default"));
    place.write("mlctl.toml", "store = \"by-file\"\nexperiment_name = \"churn\"\n");
    let file = place.text("mlctl.toml");
    let by_file = shown(&place, &[], &[]);
    assert_eq!(setting(&by_file, "store"), pair(&place.text("by-file"), &file));
    assert_eq!(setting(&by_file, "experiment_name"), pair("churn", &file));
    let by_variable = shown(&place, &[], &variable);
    assert_eq!(setting(&by_variable, "store"), pair("by-variable", "MLFLOW_TRACKING_URI"));
    let by_flag = shown(&place, &["--store", "by-flag"], &variable);
    assert_eq!(setting(&by_flag, "store"), pair("by-flag", "--store"));
}

#[test]
fn stores_are_taken_as_the_plug_in_of_mlflow_spells_them() {
    let place = Place::new();
    for (uri, store, registry) in [
        ("mlctl:./runs", "./runs", "./runs/registry.db"),
        ("mlctl:sqlite:///r.db", "sqlite:///r.db", "sqlite:///r.db"),
    ] {
        let variables = [("MLFLOW_TRACKING_URI", uri), ("MLFLOW_REGISTRY_URI", uri)];

        let shown = shown(&place, &[], &variables);

        assert_eq!(setting(&shown, "store").0, store);
        assert_eq!(setting(&shown, "registry_store").0, registry);
    }
}

#[test]
fn secrets_are_not_shown() {
    let place = Place::new();

    let shown = shown(&place, &[], &[("MLFLOW_TRACKING_TOKEN", "s3cret")]);

    assert_eq!(setting(&shown, "credentials").1, "MLFLOW_TRACKING_TOKEN");
    assert!(!shown.to_string().contains("s3cret"), "{shown}");
}

#[test]
fn every_secret_is_shown_as_set_or_not_set() {
    let place = Place::new();
    let secrets = [
        ("webhooks.secret_encryption_key", "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY"),
        ("images.password", "MLCTL_REGISTRY_PASSWORD"),
        ("artifacts.AWS_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY"),
    ];
    let variables = secrets.map(|(_, variable)| (variable, "s3cret"));

    let set = shown(&place, &[], &variables);
    let unset = shown(&place, &[], &[]);

    assert!(!set.to_string().contains("s3cret"), "{set}");
    for (name, variable) in secrets {
        assert_eq!(setting(&set, name), ("set".to_owned(), variable.to_owned()));
    }
    let not_set = ("not set".to_owned(), "default".to_owned());
    assert_eq!(setting(&unset, "credentials"), not_set);
    assert_eq!(setting(&unset, "images.password"), not_set);
}

#[test]
fn the_flags_of_commands_are_shown_with_what_their_variables_say() {
    let place = Place::new();
    let pair = |value: &str, origin: &str| (value.to_owned(), origin.to_owned());

    let default = shown(&place, &[], &[]);
    assert_eq!(setting(&default, "server.port"), pair("5000", "default"));
    let variables =
        [("MLFLOW_PORT", "7"), ("MLFLOW_BACKEND_STORE_URI", "postgresql://a:s3cret@host/b")];
    let set = shown(&place, &[], &variables);
    assert_eq!(setting(&set, "server.port"), pair("7", "MLFLOW_PORT"));
    assert_eq!(setting(&set, "models.serve.port"), pair("7", "MLFLOW_PORT"));
    let masked = pair("postgresql://a:***@host/b", "MLFLOW_BACKEND_STORE_URI");
    assert_eq!(setting(&set, "gc.backend_store_uri"), masked);
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let place = Place::new();
    let empty = [("MLFLOW_PORT", ""), ("MLCTL_MAX_ELEMENTS", "")];

    let shown = shown(&place, &[], &empty);
    assert_eq!(setting(&shown, "server.port").0, "5000");
    let mut command = place.command(&["models", "describe", "nowhere"]);
    let finished = finish(command.envs(empty));

    assert_eq!(finished.code, Some(1), "{finished:?}");
}

#[test]
fn an_unknown_variable_of_ours_gets_a_warning_with_the_nearest_name() {
    let place = Place::new();
    let run = |name: &str| finish(place.command(&["config", "show"]).env(name, "x")).stderr;

    assert_eq!(run("MLCTL_CACHE_DIR"), "");
    let want = "warning: unknown variable `MLCTL_CACHEDIR`; did you mean `MLCTL_CACHE_DIR`?\n";
    assert_eq!(run("MLCTL_CACHEDIR"), want);
    let want = "warning: unknown variable `MLCTL_XYZ`; `mlctl config show --json` lists those that \
                are read\n";
    assert_eq!(run("MLCTL_XYZ"), want);
}

#[test]
fn a_filter_of_logs_that_is_none_gets_a_warning() {
    let place = Place::new();

    let finished = finish(place.command(&["config", "show"]).env("MLCTL_LOG", "a=b=c"));

    assert_eq!(finished.code, Some(0));
    assert!(finished.stderr.starts_with("warning: MLCTL_LOG is `a=b=c`"), "{finished:?}");
}

#[test]
fn an_unknown_key_in_the_file_is_an_error_with_its_line() {
    let place = Place::new();
    place.write("mlctl.toml", "experiment_name = \"churn\"\nstroe = \"x\"\n");

    let finished = place.run(&["runs", "list"]);

    assert_eq!(finished.code, Some(1));
    let begin = format!("error: {}:2: unknown field `stroe`", place.text("mlctl.toml"));
    assert!(finished.stderr.starts_with(&begin), "{finished:?}");
    let hint = "hint: the valid settings are store, registry_store, registry_stages, \
                experiment_name and cache_dir\n";
    assert!(finished.stderr.ends_with(hint), "{finished:?}");
}

#[test]
fn wrong_usage_exits_with_2() {
    let place = Place::new();
    #[track_caller]
    fn check(place: &Place, args: &[&str], want: &str) {
        let finished = place.run(args);
        assert_eq!(finished.code, Some(2), "{args:?}: {finished:?}");
        assert!(finished.stderr.starts_with(want), "{args:?}: {finished:?}");
        assert_eq!(finished.stdout, "");
    }

    check(&place, &["rum"], "error: unrecognized subcommand 'rum'");
    check(&place, &["runs", "list", "--colour"], "error: unexpected argument '--colour' found");
    check(&place, &["run"], "error: the following required arguments were not provided");
    check(&place, &["run", ".", "--env-manager", "pip"], "error: invalid value 'pip' for");
    check(&place, &["server", "--port", "99999"], "error: invalid value '99999' for");
    check(&place, &["runs", "compare", "a"], "error: 2 values required");
    let both = ["runs", "list", "--experiment-name", "a", "--experiment-id", "1"];
    check(&place, &both, "error: the argument '--experiment-name <NAME>' cannot be used with");
    let parameter = "error: invalid parameter `alpha`: must have the form name=value\n\
                     hint: for example: -P alpha=0.5\n";
    check(&place, &["run", ".", "-P", "alpha"], parameter);
}

#[test]
fn shells_get_completions() {
    let place = Place::new();

    let script = place.ok(&["completions", "bash"]);

    assert!(script.contains("complete -F _mlctl"), "{script}");
    assert!(script.contains("--experiment-name"), "{script}");
    for shell in ["zsh", "fish"] {
        assert!(place.ok(&["completions", shell]).contains("mlctl"));
    }
}
