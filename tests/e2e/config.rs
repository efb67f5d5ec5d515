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
