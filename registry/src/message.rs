//! Requests and answers of MLflow's registry API, for the router and the client alike.
//!
//! Source: the protobuf `model_registry.proto` behind MLflow 3.17.2, as its server answers. Every
//! request field is optional on the wire; the router says which one is missing.

use mlctl_wire::number;
use serde::{Deserialize, Deserializer, Serialize};

use crate::approval::Request;
use crate::entity::{ModelVersion, RegisteredModel, Tags};
use crate::event::Event;

/// Declares requests and answers: all fields default, absent ones are not sent.
macro_rules! messages {
    ($($(#[$doc:meta])* $name:ident { $($(#[$attr:meta])* $field:ident: $type:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Debug, Default, Serialize, Deserialize)]
            #[serde(default)]
            pub(crate) struct $name {
                $($(#[$attr])* #[serde(skip_serializing_if = "crate::message::is_absent")] pub(crate) $field: $type,)*
            }
        )*
    };
}

#[cfg(feature = "webhooks")]
pub(crate) use messages;

/// Tells whether a field is left out.
pub(crate) trait Absence {
    fn is_absent(&self) -> bool;
}

impl<T> Absence for Option<T> {
    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl<T> Absence for Vec<T> {
    fn is_absent(&self) -> bool {
        self.is_empty()
    }
}

pub(crate) fn is_absent(value: &impl Absence) -> bool {
    value.is_absent()
}

/// Reads text that some servers send as a number.
fn number_or_text<'de, D: Deserializer<'de>>(de: D) -> Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Text(String),
        Number(u64),
    }
    Ok(Option::<Either>::deserialize(de)?.map(|either| match either {
        Either::Text(text) => text,
        Either::Number(number) => number.to_string(),
    }))
}

messages! {
    Tag {
        key: Option<String>,
        value: Option<String>,
    }
    AliasOfModel {
        alias: Option<String>,
        #[serde(deserialize_with = "number_or_text")]
        version: Option<String>,
    }
    Model {
        name: Option<String>,
        #[serde(deserialize_with = "number::optional_int64::deserialize")]
        creation_timestamp: Option<i64>,
        #[serde(deserialize_with = "number::optional_int64::deserialize")]
        last_updated_timestamp: Option<i64>,
        description: Option<String>,
        latest_versions: Vec<Version>,
        tags: Vec<Tag>,
        aliases: Vec<AliasOfModel>,
    }
    Version {
        name: Option<String>,
        #[serde(deserialize_with = "number_or_text")]
        version: Option<String>,
        #[serde(deserialize_with = "number::optional_int64::deserialize")]
        creation_timestamp: Option<i64>,
        #[serde(deserialize_with = "number::optional_int64::deserialize")]
        last_updated_timestamp: Option<i64>,
        user_id: Option<String>,
        current_stage: Option<String>,
        description: Option<String>,
        source: Option<String>,
        run_id: Option<String>,
        status: Option<String>,
        status_message: Option<String>,
        tags: Vec<Tag>,
        run_link: Option<String>,
        aliases: Vec<String>,
    }
    CreateModel {
        name: Option<String>,
        tags: Vec<Tag>,
        description: Option<String>,
    }
    OfModel {
        name: Option<String>,
    }
    UpdateModel {
        name: Option<String>,
        description: Option<String>,
    }
    RenameModel {
        name: Option<String>,
        new_name: Option<String>,
    }
    ModelTag {
        name: Option<String>,
        key: Option<String>,
        value: Option<String>,
    }
    ModelAnswer {
        registered_model: Option<Model>,
    }
    Search {
        filter: Option<String>,
        #[serde(deserialize_with = "number::optional_int64::deserialize")]
        max_results: Option<i64>,
        order_by: Vec<String>,
        page_token: Option<String>,
    }
    ModelsAnswer {
        registered_models: Vec<Model>,
        next_page_token: Option<String>,
    }
    LatestVersions {
        name: Option<String>,
        stages: Vec<String>,
    }
    VersionsAnswer {
        model_versions: Vec<Version>,
        next_page_token: Option<String>,
    }
    CreateVersion {
        name: Option<String>,
        source: Option<String>,
        run_id: Option<String>,
        tags: Vec<Tag>,
        run_link: Option<String>,
        description: Option<String>,
        model_id: Option<String>,
        /// Of mlctl; MLflow's server does not look at it.
        mlctl_create_model_if_missing: Option<bool>,
    }
    OfVersion {
        name: Option<String>,
        version: Option<String>,
    }
    UpdateVersion {
        name: Option<String>,
        version: Option<String>,
        description: Option<String>,
    }
    TransitionStage {
        name: Option<String>,
        version: Option<String>,
        stage: Option<String>,
        archive_existing_versions: Option<bool>,
        /// Of mlctl; MLflow's server does not look at it.
        mlctl_force: Option<bool>,
    }
    VersionTag {
        name: Option<String>,
        version: Option<String>,
        key: Option<String>,
        value: Option<String>,
    }
    VersionAnswer {
        model_version: Option<Version>,
    }
    DownloadUri {
        artifact_uri: Option<String>,
    }
    OfAlias {
        name: Option<String>,
        alias: Option<String>,
        version: Option<String>,
    }
    Events {
        name: Option<String>,
        version: Option<String>,
        #[serde(deserialize_with = "number::optional_int64::deserialize")]
        max_results: Option<i64>,
        page_token: Option<String>,
    }
    EventsAnswer {
        events: Vec<Event>,
        next_page_token: Option<String>,
    }
    OfCandidate {
        name: Option<String>,
        #[serde(deserialize_with = "number_or_text")]
        version: Option<String>,
        stage: Option<String>,
    }
    RequestAnswer {
        request: Option<Request>,
    }
    RequestsAnswer {
        requests: Vec<Request>,
        approvals: Option<String>,
    }
}

/// The header that says who asks for a change, percent-encoded.
pub(crate) const WHO_HEADER: &str = "x-mlctl-user";
/// The header that says why, percent-encoded.
pub(crate) const WHY_HEADER: &str = "x-mlctl-reason";

fn tags(tags: Tags) -> Vec<Tag> {
    let tag = |(key, value): (_, _)| Tag {
        key: Some(String::from(key)),
        value: Some(String::from(value)),
    };
    tags.into_iter().map(tag).collect()
}

/// Spells tags of a request.
#[cfg(feature = "client")]
pub(crate) fn tags_of(of: &Tags) -> Vec<Tag> {
    tags(of.clone())
}

impl From<RegisteredModel> for Model {
    fn from(model: RegisteredModel) -> Self {
        let alias = |(alias, version): (crate::Alias, crate::VersionNumber)| AliasOfModel {
            alias: Some(alias.into()),
            version: Some(version.to_string()),
        };
        Self {
            name: Some(model.name.into()),
            creation_timestamp: Some(model.creation_timestamp_ms),
            last_updated_timestamp: Some(model.last_updated_timestamp_ms),
            // An empty one is as good as none, as in MLflow.
            description: model.description.filter(|text| !text.is_empty()),
            latest_versions: model.latest_versions.into_iter().map(Version::from).collect(),
            tags: tags(model.tags),
            aliases: model.aliases.into_iter().map(alias).collect(),
        }
    }
}

impl From<ModelVersion> for Version {
    fn from(version: ModelVersion) -> Self {
        Self {
            name: Some(version.name.into()),
            version: Some(version.version.to_string()),
            creation_timestamp: Some(version.creation_timestamp_ms),
            last_updated_timestamp: Some(version.last_updated_timestamp_ms),
            user_id: version.user_id,
            current_stage: Some(version.current_stage.into()),
            description: version.description,
            source: Some(version.source),
            run_id: version.run_id,
            status: Some(version.status.as_str().to_owned()),
            status_message: version.status_message.filter(|text| !text.is_empty()),
            tags: tags(version.tags),
            run_link: version.run_link,
            aliases: version.aliases.into_iter().map(String::from).collect(),
        }
    }
}
