//! Comparisons against what they mean.

use super::*;
use crate::entity::{
    Dataset, DatasetInput, LifecycleStage, Metric, Param, RunData, RunInfo, RunInputs, RunOutputs,
    RunStatus,
};
use crate::{ExperimentId, Key, RunId};
use proptest::prelude::*;

fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

fn run(data: RunData, datasets: &[(&str, &str, &str)]) -> Run {
    let input = |(context, name, digest): &(&str, &str, &str)| DatasetInput {
        tags: vec![Tag::new(key("mlflow.data.context"), *context)],
        dataset: Dataset {
            name: (*name).to_owned(),
            digest: (*digest).to_owned(),
            source_type: String::new(),
            source: String::new(),
            schema: None,
            profile: None,
        },
    };
    Run {
        info: RunInfo {
            run_id: RunId::random(),
            run_name: String::new(),
            experiment_id: ExperimentId::default_experiment(),
            user_id: String::new(),
            status: RunStatus::Finished,
            start_time: 0,
            end_time: None,
            artifact_uri: String::new(),
            lifecycle_stage: LifecycleStage::Active,
        },
        data,
        inputs: RunInputs {
            dataset_inputs: datasets.iter().map(input).collect(),
            ..Default::default()
        },
        outputs: RunOutputs::default(),
    }
}

fn data(params: &[(&str, &str)], metrics: &[(&str, f64)], tags: &[(&str, &str)]) -> RunData {
    RunData {
        params: params.iter().map(|(k, v)| Param::new(key(k), *v)).collect(),
        metrics: metrics.iter().map(|(k, v)| Metric::new(key(k), *v, 0, 0)).collect(),
        tags: tags.iter().map(|(k, v)| Tag::new(key(k), *v)).collect(),
    }
}

fn keys(rows: &[Row<'_>]) -> Vec<String> {
    rows.iter().map(|row| format!("{:?} {}", row.section, row.key)).collect()
}

#[test]
fn rows_that_differ_come_first_by_section() {
    let tags = |commit: &'static str| {
        [
            ("mlflow.runName", commit),
            ("mlflow.source.git.commit", commit),
            ("mlflow.project.env", "uv"),
            ("team", "a"),
        ]
    };
    let runs = [
        run(data(&[("lr", "0.1"), ("same", "x")], &[("loss", f64::NAN)], &tags("c1")), &[]),
        run(
            data(&[("lr", "0.2"), ("same", "x")], &[("loss", f64::NAN)], &tags("c2")),
            &[("train", "b", "2"), ("train", "a", "1")],
        ),
    ];

    let found = compare(&runs);

    assert_eq!(
        keys(found.different()),
        ["Param lr", "Dataset train", "Source mlflow.source.git.commit"]
    );
    assert_eq!(
        keys(found.equal()),
        ["Param same", "Metric loss", "Environment mlflow.project.env", "Tag team"]
    );
    let names = Some(Value::Text("a (1), b (2)".into()));
    assert_eq!(found.rows[1].values, [None, names]);
}

#[test]
fn deltas_are_those_of_numbers() {
    let losses = [2.0, 1.0, f64::NAN, 0.0, f64::INFINITY];
    let lrs = ["0.1", " 1e-1", "fast", "-0.3", "nan"];
    let of = |(loss, lr): (&f64, &&str)| run(data(&[("lr", lr)], &[("loss", *loss)], &[]), &[]);
    let runs: Vec<Run> = losses.iter().zip(&lrs).map(of).collect();

    let found = compare(&runs);

    let delta = |difference, part| Some(Delta { difference, part });
    let of_loss =
        [delta(0.0, Some(0.0)), delta(-1.0, Some(-0.5)), None, delta(-2.0, Some(-1.0)), None];
    assert_eq!(found.rows[1].deltas(0), of_loss);
    let of_zero = [delta(2.0, None), delta(1.0, None), None, delta(0.0, None), None];
    assert_eq!(found.rows[1].deltas(3), of_zero);
    let of_lr = [delta(0.0, Some(0.0)), delta(0.0, Some(0.0)), None, delta(-0.4, Some(-4.0)), None];
    assert_eq!(found.rows[0].deltas(0), of_lr);
    assert_eq!(found.rows[0].deltas(9), [None; 5]);
}

#[test]
fn one_run_differs_from_nothing() {
    let runs = [run(data(&[("lr", "0.1")], &[("loss", 1.0)], &[]), &[])];
    assert_eq!((compare(&runs).differing, compare(&runs).rows.len()), (0, 2));
    assert_eq!(compare(&[]).rows, []);
}

/// What one run logs: param `p`, metric `m` and tag `t`, each or not.
fn logged() -> impl Strategy<Value = RunData> {
    let value = prop_oneof![Just(f64::NAN), Just(0.0), Just(-0.0), Just(f64::INFINITY)];
    let text = prop_oneof![Just("a"), Just("b"), Just("")];
    (prop::option::of(text.clone()), prop::option::of(value), prop::option::of(text)).prop_map(
        |(p, m, t)| {
            data(
                &p.map(|p| ("p", p)).into_iter().collect::<Vec<_>>(),
                &m.map(|m| ("m", m)).into_iter().collect::<Vec<_>>(),
                &t.map(|t| ("t", t)).into_iter().collect::<Vec<_>>(),
            )
        },
    )
}

proptest! {
    #[test]
    fn a_row_differs_when_two_runs_do(logs in prop::collection::vec(logged(), 1..5)) {
        let runs: Vec<Run> = logs.into_iter().map(|data| run(data, &[])).collect();

        let found = compare(&runs);

        for row in &found.rows {
            prop_assert!(row.values.iter().any(Option::is_some));
            let spelled = |value: &Option<Value<'_>>| match value {
                Some(Value::Number(number)) => Some(format!("{:?}", number + 0.0)),
                Some(Value::Text(text)) => Some(text.to_string()),
                None => None,
            };
            let distinct: std::collections::BTreeSet<_> = row.values.iter().map(spelled).collect();
            prop_assert_eq!(row.differs, distinct.len() > 1, "{:?}", row);
        }
        prop_assert!(found.different().iter().all(|row| row.differs));
        prop_assert!(found.equal().iter().all(|row| !row.differs));
    }
}
