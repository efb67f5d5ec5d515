//! `mlctl registry` and its flags.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum RegistryCommand {
    /// Create a model without versions: mlctl registry create churn --tag team=growth
    Create {
        /// The name
        name: String,
        /// What people should know about it
        #[arg(long)]
        description: Option<String>,
        /// A tag; may be given several times
        #[arg(long = "tag", value_name = "KEY=VALUE")]
        tags: Vec<String>,
        #[command(flatten)]
        reason: Reason,
    },
    /// List registered models and their latest versions
    List {
        /// How to order, such as "last_updated_timestamp DESC"; may be given several times
        #[arg(long, value_name = "CLAUSE")]
        order_by: Vec<String>,
    },
    /// Find models: mlctl registry search "name LIKE 'ch%' AND tags.team = 'growth'"
    Search {
        /// The filter
        filter: String,
        /// How to order, such as "last_updated_timestamp DESC"; may be given several times
        #[arg(long, value_name = "CLAUSE")]
        order_by: Vec<String>,
    },
    /// Show everything about a model, now or as it was
    Show {
        /// The registered model
        name: String,
        /// As it was then, such as 2026-03-01 or 2026-03-01T12:00Z
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
    },
    /// Register a model's next version: mlctl registry register runs:/ID/model churn
    Register {
        /// The model: runs:/ID/NAME, models:/MODEL-ID or a folder
        #[arg(value_name = "MODEL_URI")]
        model_uri: String,
        /// The registered model; it is made when it does not exist
        name: String,
        /// The description of this version
        #[arg(long)]
        description: Option<String>,
        #[command(flatten)]
        reason: Reason,
    },
    /// List the versions of a model
    Versions {
        /// The registered model
        name: String,
        /// Only these, such as "current_stage = 'Production'"
        #[arg(long, default_value = "", hide_default_value = true)]
        filter: String,
    },
    /// Move a version to a stage: mlctl registry transition churn 1 Production
    Transition {
        /// The registered model
        name: String,
        /// The version: a number, a stage, @ALIAS or latest
        version: String,
        /// None, Staging, Production, Archived, or a stage of the model's own
        stage: String,
        /// Archive the versions that are in this stage now
        #[arg(long)]
        archive_existing_versions: bool,
        /// Move it whatever gates and rules say; the history keeps that, so it needs --why
        #[arg(long, requires = "why")]
        force: bool,
        #[command(flatten)]
        reason: Reason,
    },
    /// Check whether a version may enter a stage: exits with 0 if so, with 1 if not
    Check {
        #[command(flatten)]
        candidate: Candidate,
    },
    /// Show or set what a version must meet to enter a stage: mlctl registry gates churn
    /// "Production: rmse <= 0.8; rmse lower by 1%; tag reviewed; approval"
    Gates {
        /// The registered model
        name: String,
        /// The gates, which replace those that there are; an empty text removes them
        gates: Option<String>,
        #[command(flatten)]
        reason: Reason,
    },
    /// Show or set which stages a model has and where a version may go: mlctl registry stages
    /// churn "Staging -> Shadow -> Production"
    Stages {
        /// The registered model
        name: String,
        /// The rules, which replace those that there are; an empty text removes them
        rules: Option<String>,
        #[command(flatten)]
        reason: Reason,
    },
    /// Request that a version enters a stage
    Request {
        #[command(flatten)]
        candidate: Candidate,
        #[command(flatten)]
        reason: Reason,
    },
    /// List the open requests
    Requests {
        /// The registered model
        name: String,
    },
    /// Approve a request of another user
    Approve {
        #[command(flatten)]
        candidate: Candidate,
        #[command(flatten)]
        reason: Reason,
    },
    /// Reject a request, or withdraw your own
    Reject {
        #[command(flatten)]
        candidate: Candidate,
        #[command(flatten)]
        reason: Reason,
    },
    /// Roll back a stage to its previous version: mlctl registry rollback churn Production
    Rollback {
        /// The registered model
        name: String,
        /// Staging, Production, or a stage of the model's own
        stage: String,
        #[command(flatten)]
        reason: Reason,
    },
    /// Set and delete aliases
    #[command(subcommand)]
    Alias(AliasCommand),
    /// Set a tag of a model or version, or delete it
    Tag {
        /// The registered model
        name: String,
        /// The tag's name
        key: String,
        /// The value
        #[arg(required_unless_present = "delete")]
        value: Option<String>,
        /// Of this version: a number, a stage, @ALIAS or latest
        #[arg(long)]
        version: Option<String>,
        /// Delete it
        #[arg(long, conflicts_with = "value")]
        delete: bool,
        #[command(flatten)]
        reason: Reason,
    },
    /// Set the description of a model or version; an empty text removes it
    Describe {
        /// The registered model
        name: String,
        /// What people should know about it
        description: String,
        /// This version: a number, a stage, @ALIAS or latest
        #[arg(long)]
        version: Option<String>,
        #[command(flatten)]
        reason: Reason,
    },
    /// Rename a model
    Rename {
        /// The registered model
        name: String,
        /// The new name
        new_name: String,
        #[command(flatten)]
        reason: Reason,
    },
    /// Delete a model with all its versions, or one version; its history stays
    Delete {
        /// The registered model
        name: String,
        /// Only this version: a number, a stage, @ALIAS or latest
        #[arg(long)]
        version: Option<String>,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        reason: Reason,
    },
    /// Register a version as the next version of another model
    Copy {
        /// The version: models:/NAME/VERSION, models:/NAME/STAGE or models:/NAME@ALIAS
        #[arg(value_name = "MODEL_URI")]
        model_uri: String,
        /// The model that gets it; it is made when it does not exist
        name: String,
        #[command(flatten)]
        reason: Reason,
    },
    /// Show the history of a model: what changed, when, by whom and why
    History {
        /// The registered model; one that was deleted has its history still
        name: String,
        /// Only of this version: its number
        #[arg(long)]
        version: Option<String>,
    },
    /// Show where a version came from, and which stages and models it reached
    Lineage {
        /// The registered model
        name: String,
        /// The version: a number, a stage, @ALIAS or latest
        version: String,
        /// The format; --json is another one
        #[arg(long, value_enum, default_value_t)]
        format: LineageFormat,
    },
    /// Create, list, test and delete webhooks, which report changes by HTTP
    #[command(subcommand)]
    Webhooks(WebhooksCommand),
    /// Import the models of MLflow's registry of files
    Import {
        /// The folder: `models` in a folder of runs, or that folder itself
        folder: PathBuf,
        /// Show what would be done, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum AliasCommand {
    /// Set an alias to a version: mlctl registry alias set churn champion 3
    Set {
        /// The registered model
        name: String,
        /// The alias
        alias: String,
        /// The version: a number, a stage, @ALIAS or latest
        version: String,
        #[command(flatten)]
        reason: Reason,
    },
    /// Delete an alias
    Delete {
        /// The registered model
        name: String,
        /// The alias
        alias: String,
        #[command(flatten)]
        reason: Reason,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum WebhooksCommand {
    /// List webhooks
    List,
    /// Create a webhook, which sends changes to a URL: mlctl registry webhooks create ci
    /// https://ci.example.com/hook --event
    /// model_version.stage_transitioned
    Create {
        /// The name
        name: String,
        /// Where requests go
        url: String,
        /// An event to send, such as model_version.created; may be given several times
        #[arg(long = "event", value_name = "EVENT", required = true)]
        events: Vec<String>,
        /// What people should know about it
        #[arg(long)]
        description: Option<String>,
        /// A file with the secret that requests are signed with; - reads standard input
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
    },
    /// Enable a webhook
    Enable {
        /// Its name or id
        name: String,
    },
    /// Disable a webhook; nothing is sent until it is enabled
    Disable {
        /// Its name or id
        name: String,
    },
    /// Delete a webhook, with the messages that it has not got yet
    Delete {
        /// Its name or id
        name: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Send a made-up event now
    Test {
        /// Its name or id
        name: String,
        /// Which event; by default the first of its events
        #[arg(long)]
        event: Option<String>,
    },
    /// List the messages that wait, and those that could not be delivered
    Deliveries {
        /// Only of this webhook: its name or id
        name: Option<String>,
    },
}

/// A version, and the stage that it is to enter.
#[derive(Clone, Debug, Args)]
pub(crate) struct Candidate {
    /// The registered model
    pub(crate) name: String,
    /// The version: a number, a stage, @ALIAS or latest
    pub(crate) version: String,
    /// The stage
    pub(crate) stage: String,
}

/// Why something is changed.
#[derive(Clone, Debug, Args)]
pub(crate) struct Reason {
    /// Why, for the history
    #[arg(long, value_name = "REASON")]
    pub(crate) why: Option<String>,
}

/// How a lineage is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LineageFormat {
    /// Lines for people
    #[default]
    Text,
    /// A diagram for Markdown pages
    Mermaid,
}
