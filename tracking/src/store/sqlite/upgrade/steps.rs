//! The steps of the schema: each revision of MLflow's, the oldest first, and how a file gets there
//! from the one before.
//!
//! The files beside this one hold the statements. Each makes the same tables as MLflow's own
//! migration makes of the same file, and moves the same data. They are never edited: what they
//! lead to is fixed by the MLflow that came first.

use std::fmt;

/// One revision.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// MLflow's name for it.
    pub revision: &'static str,
    /// What it brings, in a few words.
    pub change: &'static str,
    /// The statements; `:now` stands for the time.
    pub(super) sql: &'static str,
    /// A query that tells in one row why the step cannot be taken.
    pub(super) check: Option<&'static str>,
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { revision, change, .. } = self;
        f.debug_struct("Step")
            .field("revision", revision)
            .field("change", change)
            .finish_non_exhaustive()
    }
}

macro_rules! step {
    ($number:literal, $revision:literal, $change:literal) => {
        Step {
            revision: $revision,
            change: $change,
            sql: include_str!(concat!($number, "_", $revision, ".sql")),
            check: None,
        }
    };
}

/// Revisions after the last that we make, as MLflow 3.18.0 has them. None changes a table that we
/// use, so there is nothing to upgrade.
pub(super) const LATER: [&str; 3] = ["e7d1f4b2a9c6", "8b6ad64cb8f5", "f4a9b2c7d1e6"];

/// All revisions that we know, in their order; the last is the head of MLflow 3.17.2.
pub(super) const STEPS: [Step; 67] = [
    step!("01", "451aebb31d03", "metrics have steps"),
    step!("02", "90e64c465722", "the user of a run is a tag too"),
    step!("03", "181f10493468", "metrics may be NaN"),
    step!("04", "df50e92ffc5e", "experiments have tags"),
    step!("05", "7ac759974ad8", "longer values of tags"),
    step!("06", "89d4b8295536", "the latest point of each metric in a table of its own"),
    step!("07", "2b4d017a5e9b", "registered models and their versions"),
    step!("08", "cfd24bdc0731", "runs may be KILLED"),
    step!("09", "0a8213491aaa", "nothing in SQLite"),
    step!("10", "728d730b5ebd", "registered models have tags"),
    step!("11", "27a6a02d2cf1", "model versions have tags"),
    step!("12", "84291f40a231", "model versions have links to runs"),
    step!("13", "a8c4a736bde6", "model versions without a run"),
    step!("14", "39d1c3be5f05", "is_nan is 0 or 1"),
    step!("15", "c48cb773bb87", "nothing in SQLite"),
    step!("16", "bd07f7e963c5", "indexes on the runs of metrics, params and tags"),
    step!("17", "0c779009ac13", "runs have a time of deletion"),
    step!("18", "cc1f77228345", "values of params of up to 500 characters"),
    step!("19", "97727af70f4d", "experiments have times of creation and change"),
    step!("20", "3500859a5d39", "aliases of registered models"),
    step!("21", "7f2a7d5fae7d", "datasets and inputs of runs"),
    step!("22", "2d6e25af4d3e", "values of params of up to 8,000 characters"),
    step!("23", "acf3f17fdcc7", "model versions have a storage location"),
    step!("24", "867495a8f9d4", "traces"),
    step!("25", "5b0e9adcef9c", "tags and metadata of a trace go with it"),
    step!("26", "4465047574b1", "nothing in SQLite"),
    step!("27", "f5a4f2784254", "values of tags of up to 8,000 characters"),
    step!("28", "0584bdc529eb", "datasets go with their experiment"),
    step!("29", "400f98739977", "logged models"),
    step!("30", "6953534de441", "inputs have steps"),
    step!("31", "bda7b8c39065", "values of tags of model versions of any length"),
    step!("32", "cbc13b556ace", "traces have client ids and previews"),
    step!("33", "770bee3ae1dd", "assessments of traces"),
    step!("34", "a1b2c3d4e5f6", "spans of traces"),
    step!("35", "de4033877273", "associations of entities"),
    step!("36", "1a0cddfcaa16", "webhooks"),
    step!("37", "534353b11cbc", "scorers"),
    step!("38", "71994744cf8e", "evaluation datasets"),
    step!("39", "3da73c924c2f", "records of evaluation datasets have outputs"),
    step!("40", "bf29a5ff90ea", "jobs"),
    step!("41", "1bd49d398cd23", "secrets and endpoints of the gateway"),
    step!("42", "b7c8d9e0f1a2", "metrics of traces"),
    step!("43", "5d2d30f0abce", "jobs have names"),
    step!("44", "c9d4e5f6a7b8", "endpoints have a routing strategy"),
    step!("45", "2c33131f4dae", "settings of online scoring"),
    step!("46", "d3e4f5a6b7c8", "bindings of endpoints have names to show"),
    step!("47", "d0e1f2a3b4c5", "endpoints have an experiment"),
    step!("48", "c8d9e0f1a2b3", "metrics and dimensions of spans"),
    step!("49", "1b5f0d9ad7c1", "workspaces; all that exists goes to the default one"),
    step!("50", "e1f2a3b4c5d6", "budget policies"),
    step!("51", "76601a5f987d", "issues"),
    step!("52", "c3d6457b6d8a", "jobs have details of their status"),
    step!("53", "a5b4c3d2e1f0", "an index on the steps of metrics"),
    step!("54", "ae8bbe7743c9", "guardrails"),
    step!("55", "7d34483879f0", "an index on the tags of model versions"),
    step!("56", "da6fb0208061", "archives of traces"),
    step!("57", "89d3d66ed43f", "schemas of labels"),
    step!("58", "b7e4c1a90f23", "review queues"),
    step!("59", "a8b9c0d1e2f3", "a registry of MCP servers"),
    step!("60", "c1d2e3f4a5b6", "an index on the start of spans"),
    step!("61", "c3d9e7f1a2b4", "budget policies have target values"),
    step!("62", "6f8d9c3b2a1e", "traces go with their experiment"),
    step!("63", "1971f2d9a75b", "an index for the archives of traces"),
    step!("64", "17e22815139b", "longer values of tags of experiments"),
    step!("65", "b7e2c1a4d9f3", "jobs have a creator"),
    Step {
        check: Some(include_str!("66_75868b020152_check.sql")),
        ..step!(
            "66",
            "75868b020152",
            "figures of traces, spans and assessments in columns of their own"
        )
    },
    step!("67", "dc11669786a5", "jobs have executors, leases and progress"),
];
