//! The run that `mlflow/ask.py` shows to MLflow.

use mlctl_filter::{Entity, Facts, Field, Scalar, Values};

pub(crate) struct Run;

const METRICS: &[(&str, f64)] =
    &[("rmse", 0.5), ("val/loss", 2.0), ("lost", f64::NAN), ("high", f64::INFINITY)];
const PARAMS: &[(&str, &str)] = &[
    ("lr", "0.1"),
    ("note", "two\nlines"),
    ("quote", "it's"),
    ("path", r"C:\data\"),
    ("empty", ""),
];
const TAGS: &[(&str, &str)] = &[("team", "Blue"), ("mlflow.user", "alice"), ("naïve key", "é")];
const ATTRIBUTES: &[(&str, &str)] = &[
    ("run_id", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
    ("run_name", "Quick Fox"),
    ("status", "FINISHED"),
    ("user_id", "alice"),
    ("artifact_uri", "file:///runs"),
];
const DATASETS: &[[(&str, &str); 3]] = &[
    [("name", "train"), ("digest", "d1"), ("context", "training")],
    [("name", "test"), ("digest", "d2"), ("context", "eval")],
];

impl Facts for Run {
    fn values<'a>(&'a self, field: &Field) -> Values<'a> {
        let text = |pairs| find(pairs, &field.key).map(Scalar::Text).into();
        match field.entity {
            Entity::Attribute if field.key == "start_time" => Values::One(Scalar::Number(100.0)),
            Entity::Attribute => text(ATTRIBUTES),
            Entity::Metric => find(METRICS, &field.key).map(Scalar::Number).into(),
            Entity::Param => text(PARAMS),
            Entity::Tag => text(TAGS),
            Entity::Dataset => Values::Many(
                DATASETS
                    .iter()
                    .filter_map(|pairs| find(pairs, &field.key))
                    .map(Scalar::Text)
                    .collect(),
            ),
        }
    }
}

fn find<T: Copy>(pairs: &[(&str, T)], key: &str) -> Option<T> {
    pairs.iter().find(|(known, _)| *known == key).map(|(_, value)| *value)
}
