//! What the searches of this crate know by name.
//!
//! Source: the classes `SearchModelUtils` and `SearchModelVersionUtils` of MLflow 3.17.2. Times
//! and stages can be filtered by here, which MLflow refuses.

use mlctl_filter::{Attribute, Entity, Vocabulary};

const PREFIXES: &[(&str, Entity)] = &[
    ("tags", Entity::Tag),
    ("tag", Entity::Tag),
    ("attributes", Entity::Attribute),
    ("attribute", Entity::Attribute),
    ("attr", Entity::Attribute),
];

/// What a search of registered models knows.
pub static MODELS: Vocabulary = Vocabulary {
    what: "registered model",
    prefixes: PREFIXES,
    attributes: &[
        Attribute::text("name").always(),
        Attribute::number("creation_timestamp").always(),
        Attribute::number("last_updated_timestamp").aliases(&["timestamp"]).always(),
    ],
};

/// What a search of model versions knows.
pub static VERSIONS: Vocabulary = Vocabulary {
    what: "model version",
    prefixes: PREFIXES,
    attributes: &[
        Attribute::text("name").always(),
        Attribute::number("version_number").always(),
        Attribute::text("run_id"),
        Attribute::text("source_path"),
        Attribute::text("current_stage").always(),
        Attribute::number("creation_timestamp").always(),
        Attribute::number("last_updated_timestamp").always(),
    ],
};
