//! What the searches of this crate know by name.
//!
//! Source: the classes `SearchUtils`, `SearchExperimentsUtils` and `SearchLoggedModelsUtils` of
//! MLflow 3.17.2. An attribute that only MLflow's order clauses know can be filtered by here too.

use mlctl_filter::{Attribute, Entity, Vocabulary};

/// What a search of runs knows.
pub static RUNS: Vocabulary = Vocabulary {
    what: "run",
    prefixes: &[
        ("metrics", Entity::Metric),
        ("metric", Entity::Metric),
        ("params", Entity::Param),
        ("param", Entity::Param),
        ("parameters", Entity::Param),
        ("parameter", Entity::Param),
        ("tags", Entity::Tag),
        ("tag", Entity::Tag),
        ("attributes", Entity::Attribute),
        ("attribute", Entity::Attribute),
        ("attr", Entity::Attribute),
        ("run", Entity::Attribute),
        ("datasets", Entity::Dataset),
        ("dataset", Entity::Dataset),
    ],
    attributes: &[
        Attribute::text("run_id").always(),
        Attribute::text("run_name").aliases(&["run name", "Run name", "Run Name"]),
        Attribute::text("experiment_id").always(),
        Attribute::text("status").always(),
        Attribute::text("artifact_uri").always(),
        Attribute::text("user_id"),
        Attribute::number("start_time").aliases(&["created", "Created"]),
        Attribute::number("end_time"),
    ],
};

/// What a search of experiments knows.
pub static EXPERIMENTS: Vocabulary = Vocabulary {
    what: "experiment",
    prefixes: &[
        ("tags", Entity::Tag),
        ("tag", Entity::Tag),
        ("attributes", Entity::Attribute),
        ("attribute", Entity::Attribute),
        ("attr", Entity::Attribute),
    ],
    attributes: &[
        Attribute::text("name").always(),
        Attribute::text("experiment_id").always(),
        Attribute::number("creation_time"),
        Attribute::number("last_update_time"),
    ],
};

/// What a search of logged models knows.
pub static LOGGED_MODELS: Vocabulary = Vocabulary {
    what: "logged model",
    prefixes: &[
        ("metrics", Entity::Metric),
        ("metric", Entity::Metric),
        ("params", Entity::Param),
        ("param", Entity::Param),
        ("parameters", Entity::Param),
        ("parameter", Entity::Param),
        ("tags", Entity::Tag),
        ("tag", Entity::Tag),
        ("attributes", Entity::Attribute),
        ("attribute", Entity::Attribute),
        ("attr", Entity::Attribute),
    ],
    attributes: &[
        Attribute::text("name").always(),
        Attribute::text("model_id").always(),
        Attribute::text("model_type"),
        Attribute::text("status").always(),
        Attribute::text("source_run_id"),
        Attribute::number("creation_timestamp").aliases(&["creation_time"]).always(),
        Attribute::number("last_updated_timestamp").aliases(&["last_updated_time"]).always(),
    ],
};
