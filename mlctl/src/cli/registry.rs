//! `mlctl registry` and its flags.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum RegistryCommand {
    /// Create a registered model
    #[command(after_help = "Example:\n  mlctl registry create churn --tag team=growth")]
    Create {
        /// Name of the registered model
        name: String,
        /// Description of the model
        #[arg(long)]
        description: Option<String>,
        /// Tag of the model; can be repeated
        #[arg(long = "tag", value_name = "KEY=VALUE")]
        tags: Vec<String>,
        #[command(flatten)]
        reason: Reason,
    },
    /// List registered models and their latest versions
    List {
        /// Sort order, such as "last_updated_timestamp DESC"; can be repeated
        #[arg(long, value_name = "CLAUSE")]
        order_by: Vec<String>,
    },
    /// Search registered models
    #[command(
        after_help = "Example:\n  mlctl registry search \"name LIKE 'ch%' AND tags.team = 'growth'\""
    )]
    Search {
        /// Filter expression
        filter: String,
        /// Sort order, such as "last_updated_timestamp DESC"; can be repeated
        #[arg(long, value_name = "CLAUSE")]
        order_by: Vec<String>,
    },
    /// Show a registered model, as it is now or as it was at a given time
    Show {
        /// Name of the registered model
        name: String,
        /// Show the model as it was at this time, such as 2026-03-01 or 2026-03-01T12:00Z
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
    },
    /// Register a model as the next version of a registered model
    #[command(after_help = "Example:\n  mlctl registry register runs:/RUN_ID/model churn")]
    Register {
        /// Model to register: runs:/RUN_ID/NAME, models:/MODEL_ID or a folder
        #[arg(value_name = "MODEL_URI")]
        model_uri: String,
        /// Name of the registered model; it is created if it does not exist
        name: String,
        /// Description of the version
        #[arg(long)]
        description: Option<String>,
        #[command(flatten)]
        reason: Reason,
    },
    /// List the versions of a registered model
    Versions {
        /// Name of the registered model
        name: String,
        /// Filter expression, such as "current_stage = 'Production'"
        #[arg(long, default_value = "", hide_default_value = true)]
        filter: String,
    },
    /// Move a version to a stage
    #[command(after_help = "Example:\n  mlctl registry transition churn 1 Production")]
    Transition {
        /// Name of the registered model
        name: String,
        /// Version: a number, a stage, @ALIAS or "latest"
        version: String,
        /// Stage: None, Staging, Production, Archived, or one that `mlctl registry stages` defines
        stage: String,
        /// Move the versions that are in this stage now to Archived
        #[arg(long)]
        archive_existing_versions: bool,
        /// Ignore gates and stage rules; requires --why, which the history records
        #[arg(long, requires = "why")]
        force: bool,
        #[command(flatten)]
        reason: Reason,
    },
    /// Check whether a version may enter a stage; the exit code is 0 if it may, 1 if not
    Check {
        #[command(flatten)]
        candidate: Candidate,
    },
    /// Show or set the gates of a model: what a version must meet to enter a stage
    #[command(
        after_help = "Example:\n  mlctl registry gates churn \"Production: rmse <= 0.8; rmse lower by 1%; tag reviewed; approval\""
    )]
    Gates {
        /// Name of the registered model
        name: String,
        /// Gates to set; they replace the existing ones; an empty string removes all [default: show
        /// them]
        gates: Option<String>,
        #[command(flatten)]
        reason: Reason,
    },
    /// Show or set the stages of a model, and the moves between them that are allowed
    #[command(
        after_help = "Example:\n  mlctl registry stages churn \"Staging -> Shadow -> Production\""
    )]
    Stages {
        /// Name of the registered model
        name: String,
        /// Stages to set; they replace the existing ones; an empty string removes all [default:
        /// show them]
        rules: Option<String>,
        #[command(flatten)]
        reason: Reason,
    },
    /// Request approval for a version to enter a stage
    Request {
        #[command(flatten)]
        candidate: Candidate,
        #[command(flatten)]
        reason: Reason,
    },
    /// List the open approval requests of a model
    Requests {
        /// Name of the registered model
        name: String,
    },
    /// Approve the request of another user
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
    /// Roll back a stage to its previous version
    #[command(after_help = "Example:\n  mlctl registry rollback churn Production")]
    Rollback {
        /// Name of the registered model
        name: String,
        /// Stage: Staging, Production, or one that `mlctl registry stages` defines
        stage: String,
        #[command(flatten)]
        reason: Reason,
    },
    /// Set and delete aliases of versions
    #[command(subcommand)]
    Alias(AliasCommand),
    /// Set or delete a tag of a model or of a version
    #[command(after_help = "Example:\n  mlctl registry tag churn reviewed yes --version 3")]
    Tag {
        /// Name of the registered model
        name: String,
        /// Name of the tag
        key: String,
        /// Value of the tag
        #[arg(required_unless_present = "delete")]
        value: Option<String>,
        /// Version to tag, instead of the model: a number, a stage, @ALIAS or "latest"
        #[arg(long)]
        version: Option<String>,
        /// Delete the tag
        #[arg(long, conflicts_with = "value")]
        delete: bool,
        #[command(flatten)]
        reason: Reason,
    },
    /// Set or remove the description of a model or of a version
    Describe {
        /// Name of the registered model
        name: String,
        /// Description; an empty string removes it
        description: String,
        /// Version to describe, instead of the model: a number, a stage, @ALIAS or "latest"
        #[arg(long)]
        version: Option<String>,
        #[command(flatten)]
        reason: Reason,
    },
    /// Rename a registered model
    Rename {
        /// Name of the registered model
        name: String,
        /// New name of the registered model
        new_name: String,
        #[command(flatten)]
        reason: Reason,
    },
    /// Delete a registered model with all its versions, or one version; the history is kept
    Delete {
        /// Name of the registered model
        name: String,
        /// Delete only this version: a number, a stage, @ALIAS or "latest"
        #[arg(long)]
        version: Option<String>,
        /// Do not ask for confirmation
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        reason: Reason,
    },
    /// Copy a version: register it as the next version of another model
    Copy {
        /// Version to copy: models:/NAME/VERSION, models:/NAME/STAGE or models:/NAME@ALIAS
        #[arg(value_name = "MODEL_URI")]
        model_uri: String,
        /// Registered model to copy it to; it is created if it does not exist
        name: String,
        #[command(flatten)]
        reason: Reason,
    },
    /// Show the history of a model: what changed, when, by whom and why
    History {
        /// Name of the registered model; it may have been deleted
        name: String,
        /// Show only the history of this version number
        #[arg(long)]
        version: Option<String>,
    },
    /// Show the lineage of a version: its run, data and project, and the stages it was in
    Lineage {
        /// Name of the registered model
        name: String,
        /// Version: a number, a stage, @ALIAS or "latest"
        version: String,
        /// Output format; --json prints JSON instead
        #[arg(long, value_enum, default_value_t)]
        format: LineageFormat,
    },
    /// Manage webhooks, which send changes of the registry to a URL
    #[command(subcommand)]
    Webhooks(WebhooksCommand),
    /// Import registered models from MLflow's file-based registry
    Import {
        /// Folder to import: the `models` folder of an mlruns folder, or the mlruns folder itself
        folder: PathBuf,
        /// Show what would be imported, without importing it
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum AliasCommand {
    /// Set an alias of a version
    #[command(after_help = "Example:\n  mlctl registry alias set churn champion 3")]
    Set {
        /// Name of the registered model
        name: String,
        /// Alias to set
        alias: String,
        /// Version: a number, a stage, @ALIAS or "latest"
        version: String,
        #[command(flatten)]
        reason: Reason,
    },
    /// Delete an alias
    Delete {
        /// Name of the registered model
        name: String,
        /// Alias to delete
        alias: String,
        #[command(flatten)]
        reason: Reason,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum WebhooksCommand {
    /// List webhooks
    List,
    /// Create a webhook
    #[command(
        after_help = "Example:\n  mlctl registry webhooks create ci https://ci.example.com/hook --event model_version.created"
    )]
    Create {
        /// Name of the webhook
        name: String,
        /// URL to send events to
        url: String,
        /// Event to send, such as model_version.created; can be repeated
        #[arg(long = "event", value_name = "EVENT", required = true)]
        events: Vec<String>,
        /// Description of the webhook
        #[arg(long)]
        description: Option<String>,
        /// File with the secret that signs requests; - reads standard input
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
    },
    /// Enable a webhook
    Enable {
        /// Name or ID of the webhook
        name: String,
    },
    /// Disable a webhook: it sends nothing until it is enabled again
    Disable {
        /// Name or ID of the webhook
        name: String,
    },
    /// Delete a webhook, with its messages that were not yet delivered
    Delete {
        /// Name or ID of the webhook
        name: String,
        /// Do not ask for confirmation
        #[arg(long, short)]
        yes: bool,
    },
    /// Send a test event to a webhook now
    Test {
        /// Name or ID of the webhook
        name: String,
        /// Event to send [default: the first event of the webhook]
        #[arg(long)]
        event: Option<String>,
    },
    /// List messages that wait for delivery, and messages that could not be delivered
    Deliveries {
        /// List only the messages of this webhook: its name or ID
        name: Option<String>,
    },
}

/// A version, and the stage that it should enter.
#[derive(Clone, Debug, Args)]
pub(crate) struct Candidate {
    /// Name of the registered model
    pub(crate) name: String,
    /// Version: a number, a stage, @ALIAS or "latest"
    pub(crate) version: String,
    /// Stage that the version should enter
    pub(crate) stage: String,
}

/// The reason for a change.
#[derive(Clone, Debug, Args)]
pub(crate) struct Reason {
    /// Reason for the change, recorded in the history
    #[arg(long, value_name = "REASON")]
    pub(crate) why: Option<String>,
}

/// The formats of a lineage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LineageFormat {
    /// Plain text
    #[default]
    Text,
    /// Mermaid diagram for Markdown pages
    Mermaid,
}
