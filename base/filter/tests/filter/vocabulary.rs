//! What MLflow 3.17.2 knows in three of its searches.

use mlctl_filter::{Attribute, Entity, Operators, Vocabulary};

pub(crate) static RUNS: Vocabulary = Vocabulary {
    what: "run",
    prefixes: &[
        ("attributes", Entity::Attribute),
        ("attribute", Entity::Attribute),
        ("attr", Entity::Attribute),
        ("run", Entity::Attribute),
        ("metrics", Entity::Metric),
        ("metric", Entity::Metric),
        ("params", Entity::Param),
        ("param", Entity::Param),
        ("parameters", Entity::Param),
        ("parameter", Entity::Param),
        ("tags", Entity::Tag),
        ("tag", Entity::Tag),
        ("datasets", Entity::Dataset),
        ("dataset", Entity::Dataset),
    ],
    attributes: &[
        Attribute::text("run_id"),
        Attribute::text("run_name").aliases(&["run name", "Run name", "Run Name"]),
        Attribute::text("status"),
        Attribute::text("user_id"),
        Attribute::text("artifact_uri"),
        Attribute::number("start_time").aliases(&["created", "Created"]),
        Attribute::number("end_time"),
    ],
};

pub(crate) static EXPERIMENTS: Vocabulary = Vocabulary {
    what: "experiment",
    prefixes: &[("attribute", Entity::Attribute), ("tags", Entity::Tag), ("tag", Entity::Tag)],
    attributes: &[
        Attribute::text("name"),
        Attribute::text("experiment_id").operators(Operators::EQUAL.and(Operators::LIST)),
        Attribute::number("creation_time"),
        Attribute::number("last_update_time"),
    ],
};

pub(crate) static VERSIONS: Vocabulary = Vocabulary {
    what: "model version",
    prefixes: &[("attribute", Entity::Attribute), ("tags", Entity::Tag), ("tag", Entity::Tag)],
    attributes: &[
        Attribute::text("name"),
        Attribute::number("version_number"),
        Attribute::text("run_id"),
        Attribute::text("source_path"),
        Attribute::number("creation_timestamp").operators(Operators::NONE),
        Attribute::number("last_updated_timestamp").operators(Operators::NONE),
    ],
};
