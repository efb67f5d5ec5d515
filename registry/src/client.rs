//! A [`RegistryStore`] that is somewhere else, over MLflow's REST API.
//!
//! Talks to `mlctl server` and to MLflow's own server, which keeps no history. Calls block: use it
//! outside of async code. The server's clock tells the time of a change; who and why travel along.

mod decode;
mod failure;
mod transport;
#[cfg(feature = "webhooks")]
mod webhooks;

use std::sync::Arc;

use mlctl_client::reqwest::Method;
use mlctl_wire::ErrorCode;
use serde::Deserialize;

use crate::approval::{Candidate, Request};
use crate::entity::{ModelVersion, NewModel, NewVersion, Page, PageSize, RegisteredModel, Stamp};
use crate::error::{Error, Result};
use crate::event::{Event, EventId};
use crate::gate::GateReport;
use crate::id::{Alias, ModelName, Stage, TagKey, TagValue, VersionNumber};
use crate::lifecycle::{self, Transition};
use crate::message::*;
use crate::policy;
use crate::search::{ModelQuery, VersionQuery};
use crate::store::{Location, RegistryStore};
use crate::uri::VersionRef;
use decode::present;
use failure::About;
pub use mlctl_client::Credentials;
use transport::Transport;
#[cfg(feature = "webhooks")]
pub use webhooks::{HttpWebhooks, PlainWebhook};

/// A registry behind a URL.
#[derive(Clone, Debug)]
pub struct HttpStore {
    transport: Arc<Transport>,
}

/// An answer of which nothing is needed.
#[derive(Deserialize)]
struct Ignored {}

/// Models on a page that MLflow's server gives at most.
const PAGE_MODELS_MAX: usize = 1000;

impl HttpStore {
    /// Prepares to talk to the server at `url`, such as `https://host/prefix`. Nothing is sent.
    ///
    /// # Errors
    /// [`Error::Invalid`] when `url` is no HTTP URL.
    pub fn new(url: &str, credentials: Credentials) -> Result<Self> {
        Ok(Self { transport: Arc::new(Transport::new(url, credentials)?) })
    }

    /// Returns the webhooks of the same server.
    #[cfg(feature = "webhooks")]
    pub fn webhooks(&self) -> HttpWebhooks {
        HttpWebhooks::new(Arc::clone(&self.transport))
    }

    /// Returns where the files of a version lie, as the server has checked it.
    ///
    /// # Errors
    /// [`Error::VersionNotFound`], and the server's refusal to hand them out.
    pub fn download_uri(&self, model: &ModelName, version: VersionNumber) -> Result<String> {
        let request = of_version(model, version);
        let answer = self.transport.get("model-versions/get-download-uri", &request);
        let answer: DownloadUri = self.understood(answer, About::version(model, version))?;
        present(answer.artifact_uri, "artifact_uri")
    }

    fn change_of_model(
        &self,
        (method, path): (Method, &str),
        body: &impl serde::Serialize,
        stamp: &Stamp,
        about: About<'_>,
    ) -> Result<RegisteredModel> {
        let answer = self.transport.change(method, path, body, stamp);
        let answer: ModelAnswer = self.understood(answer, about)?;
        decode::model(answer.registered_model)
    }

    fn change_of_version(
        &self,
        (method, path): (Method, &str),
        body: &impl serde::Serialize,
        stamp: &Stamp,
        about: About<'_>,
    ) -> Result<ModelVersion> {
        let answer = self.transport.change(method, path, body, stamp);
        let answer: VersionAnswer = self.understood(answer, about)?;
        self.version(answer)
    }

    fn act(
        &self,
        (method, path): (Method, &str),
        body: &impl serde::Serialize,
        stamp: &Stamp,
        about: About<'_>,
    ) -> Result<()> {
        let answer = self.transport.change(method, path, body, stamp);
        self.understood(answer, about).map(|Ignored {}| ())
    }

    fn understood<T>(&self, answer: Result<T>, about: About<'_>) -> Result<T> {
        answer.map_err(|error| self.with_newest(about.understand(error)))
    }

    /// Finds out what a hint needs. MLflow says that a version lacks when its model does.
    fn with_newest(&self, error: Error) -> Error {
        let Error::VersionNotFound { model, version, .. } = error else { return error };
        match self.latest_versions(&model, &[]) {
            Err(Error::ModelNotFound(name)) => Error::ModelNotFound(name),
            latest => {
                let numbers = latest.unwrap_or_default().into_iter().map(|latest| latest.version);
                Error::VersionNotFound { model, version, newest: numbers.max() }
            }
        }
    }

    fn version(&self, answer: VersionAnswer) -> Result<ModelVersion> {
        let mut version = decode::version(answer.model_version)?;
        if version.storage_location.is_none() {
            // It may be refused; the version is there all the same.
            version.storage_location = self.download_uri(&version.name, version.version).ok();
        }
        Ok(version)
    }

    fn by_alias(&self, model: &ModelName, alias: &str, about: About<'_>) -> Result<ModelVersion> {
        let request =
            OfAlias { name: Some(model.to_string()), alias: Some(alias.to_owned()), version: None };
        let answer = self.transport.get("registered-models/alias", &request);
        self.version(self.understood(answer, about)?)
    }

    fn send_transition(
        &self,
        asked: &Transition,
        mlctl_force: Option<bool>,
        stamp: &Stamp,
    ) -> Result<ModelVersion> {
        let request = TransitionStage {
            name: Some(asked.model.to_string()),
            version: Some(asked.version.to_string()),
            stage: Some(asked.stage.to_string()),
            archive_existing_versions: Some(asked.archive_existing_versions),
            mlctl_force,
        };
        let path = (Method::POST, "model-versions/transition-stage");
        let about = About::version(&asked.model, asked.version);
        self.change_of_version(path, &request, stamp, about)
    }

    fn send_request(&self, path: &str, candidate: &Candidate, stamp: &Stamp) -> Result<Request> {
        let answer = self.transport.post_own(path, &of_candidate(candidate), stamp);
        let answer: RequestAnswer =
            self.understood(answer.map_err(only_mlctl), About::default())?;
        present(answer.request, "request")
    }

    fn get_requests(&self, model: &ModelName) -> Result<RequestsAnswer> {
        let request = OfModel { name: Some(model.to_string()) };
        let answer = self.transport.get_own("registry/requests", &request);
        self.understood(answer.map_err(only_mlctl), About::default())
    }

    fn send_version(&self, new: &NewVersion, stamp: &Stamp) -> Result<ModelVersion> {
        let request = CreateVersion {
            name: Some(new.model.to_string()),
            source: Some(new.source.clone()),
            run_id: new.run_id.clone(),
            tags: tags_of(&new.tags),
            run_link: new.run_link.clone(),
            description: new.description.clone(),
            model_id: new.model_id.clone(),
            mlctl_create_model_if_missing: new.create_model_if_missing.then_some(true),
        };
        let path = (Method::POST, "model-versions/create");
        let about = About::model(&new.model);
        self.change_of_version(path, &request, stamp, about)
    }
}

fn of_version(model: &ModelName, version: VersionNumber) -> OfVersion {
    OfVersion { name: Some(model.to_string()), version: Some(version.to_string()) }
}

fn of_candidate(candidate: &Candidate) -> OfCandidate {
    OfCandidate {
        name: Some(candidate.model.to_string()),
        version: Some(candidate.version.to_string()),
        stage: Some(candidate.stage.to_string()),
    }
}

fn search(
    filter: &str,
    order_by: &[String],
    max_results: usize,
    page_token: &Option<String>,
) -> Search {
    Search {
        filter: Some(filter.to_owned()),
        max_results: i64::try_from(max_results).ok(),
        order_by: order_by.to_vec(),
        page_token: page_token.clone(),
    }
}

impl RegistryStore for HttpStore {
    fn create_model(&self, new: &NewModel, stamp: &Stamp) -> Result<RegisteredModel> {
        let request = CreateModel {
            name: Some(new.name.to_string()),
            tags: tags_of(&new.tags),
            description: new.description.clone(),
        };
        let path = (Method::POST, "registered-models/create");
        self.change_of_model(path, &request, stamp, About::model(&new.name))
    }

    fn get_model(&self, name: &ModelName) -> Result<RegisteredModel> {
        let request = OfModel { name: Some(name.to_string()) };
        let answer = self.transport.get("registered-models/get", &request);
        let answer: ModelAnswer = self.understood(answer, About::model(name))?;
        decode::model(answer.registered_model)
    }

    fn rename_model(
        &self,
        name: &ModelName,
        to: &ModelName,
        stamp: &Stamp,
    ) -> Result<RegisteredModel> {
        let request = RenameModel { name: Some(name.to_string()), new_name: Some(to.to_string()) };
        let path = (Method::POST, "registered-models/rename");
        let about = About { new_name: Some(to), ..About::model(name) };
        self.change_of_model(path, &request, stamp, about)
    }

    fn describe_model(
        &self,
        name: &ModelName,
        description: Option<&str>,
        stamp: &Stamp,
    ) -> Result<RegisteredModel> {
        let request = UpdateModel {
            name: Some(name.to_string()),
            description: description.map(str::to_owned),
        };
        let path = (Method::PATCH, "registered-models/update");
        self.change_of_model(path, &request, stamp, About::model(name))
    }

    fn delete_model(&self, name: &ModelName, stamp: &Stamp) -> Result<()> {
        let request = OfModel { name: Some(name.to_string()) };
        let path = (Method::DELETE, "registered-models/delete");
        self.act(path, &request, stamp, About::model(name))
    }

    fn set_model_tag(
        &self,
        name: &ModelName,
        key: &TagKey,
        value: &TagValue,
        stamp: &Stamp,
    ) -> Result<()> {
        let request = ModelTag {
            name: Some(name.to_string()),
            key: Some(key.to_string()),
            value: Some(value.to_string()),
        };
        let path = (Method::POST, "registered-models/set-tag");
        self.act(path, &request, stamp, About::model(name))
    }

    fn delete_model_tag(&self, name: &ModelName, key: &TagKey, stamp: &Stamp) -> Result<()> {
        let request =
            ModelTag { name: Some(name.to_string()), key: Some(key.to_string()), value: None };
        let path = (Method::DELETE, "registered-models/delete-tag");
        self.act(path, &request, stamp, About::model(name))
    }

    fn search_models(&self, query: &ModelQuery) -> Result<Page<RegisteredModel, String>> {
        let rows = query.size.get().min(PAGE_MODELS_MAX);
        let request = search(&query.filter, &query.order_by, rows, &query.page_token);
        let answer = self.transport.get("registered-models/search", &request);
        let answer: ModelsAnswer = self.understood(answer, About::default())?;
        let models = answer.registered_models.into_iter().map(|model| decode::model(Some(model)));
        Ok(Page { items: models.collect::<Result<_>>()?, next: answer.next_page_token })
    }

    fn create_version(&self, new: &NewVersion, stamp: &Stamp) -> Result<ModelVersion> {
        lifecycle::reject_empty_source(&new.source)?;
        if new.model_id.is_none() {
            // Only with its id a logged model can be told from nothing.
            Location::of_new_version(new)?;
        }
        if new.storage_location.is_some() {
            let rule = "a server determines the storage location itself";
            return Err(Error::invalid("storage location", &new.source, rule));
        }
        match self.send_version(new, stamp) {
            // MLflow's server does not know how to make both at once.
            Err(Error::ModelNotFound(name)) if name == new.model && new.create_model_if_missing => {
                match self.create_model(&NewModel::named(name), stamp) {
                    Ok(_) | Err(Error::ModelExists(_)) => self.send_version(new, stamp),
                    Err(error) => Err(error),
                }
            }
            outcome => outcome,
        }
    }

    fn get_version(&self, model: &ModelName, which: &VersionRef) -> Result<ModelVersion> {
        match which {
            VersionRef::Number(number) => {
                let request = of_version(model, *number);
                let answer = self.transport.get("model-versions/get", &request);
                self.version(self.understood(answer, About::version(model, *number))?)
            }
            VersionRef::Alias(alias) => {
                let about = About { alias: Some(alias), ..About::model(model) };
                self.by_alias(model, alias.as_str(), about)
            }
            VersionRef::Latest => self.by_alias(model, "latest", About::model(model)),
            VersionRef::Stage(stage) => {
                let latest = self.latest_versions(model, std::slice::from_ref(stage))?;
                let empty = || Error::StageEmpty { model: model.clone(), stage: stage.clone() };
                latest.into_iter().next().ok_or_else(empty)
            }
        }
    }

    fn describe_version(
        &self,
        model: &ModelName,
        version: VersionNumber,
        description: Option<&str>,
        stamp: &Stamp,
    ) -> Result<ModelVersion> {
        let request = UpdateVersion {
            name: Some(model.to_string()),
            version: Some(version.to_string()),
            description: description.map(str::to_owned),
        };
        let path = (Method::PATCH, "model-versions/update");
        self.change_of_version(path, &request, stamp, About::version(model, version))
    }

    fn delete_version(
        &self,
        model: &ModelName,
        version: VersionNumber,
        stamp: &Stamp,
    ) -> Result<()> {
        let path = (Method::DELETE, "model-versions/delete");
        self.act(path, &of_version(model, version), stamp, About::version(model, version))
    }

    fn set_version_tag(
        &self,
        model: &ModelName,
        version: VersionNumber,
        key: &TagKey,
        value: &TagValue,
        stamp: &Stamp,
    ) -> Result<()> {
        let request = VersionTag {
            name: Some(model.to_string()),
            version: Some(version.to_string()),
            key: Some(key.to_string()),
            value: Some(value.to_string()),
        };
        let path = (Method::POST, "model-versions/set-tag");
        self.act(path, &request, stamp, About::version(model, version))
    }

    fn delete_version_tag(
        &self,
        model: &ModelName,
        version: VersionNumber,
        key: &TagKey,
        stamp: &Stamp,
    ) -> Result<()> {
        let request = VersionTag {
            name: Some(model.to_string()),
            version: Some(version.to_string()),
            key: Some(key.to_string()),
            value: None,
        };
        let path = (Method::DELETE, "model-versions/delete-tag");
        self.act(path, &request, stamp, About::version(model, version))
    }

    fn search_versions(&self, query: &VersionQuery) -> Result<Page<ModelVersion, String>> {
        let request = search(&query.filter, &query.order_by, query.size.get(), &query.page_token);
        let answer = self.transport.get("model-versions/search", &request);
        let answer: VersionsAnswer = self.understood(answer, About::default())?;
        let one = |version| decode::version(Some(version));
        let versions = answer.model_versions.into_iter().map(one);
        Ok(Page { items: versions.collect::<Result<_>>()?, next: answer.next_page_token })
    }

    fn latest_versions(&self, model: &ModelName, stages: &[Stage]) -> Result<Vec<ModelVersion>> {
        let request = LatestVersions {
            name: Some(model.to_string()),
            stages: stages.iter().map(ToString::to_string).collect(),
        };
        let answer = self.transport.get("registered-models/get-latest-versions", &request);
        let answer: VersionsAnswer = self.understood(answer, About::model(model))?;
        let one = |version| decode::version(Some(version));
        let mut latest = answer.model_versions.into_iter().map(one).collect::<Result<Vec<_>>>()?;
        latest.sort_by_key(|version| version.version);
        Ok(latest)
    }

    fn transition(&self, asked: &Transition, stamp: &Stamp) -> Result<ModelVersion> {
        self.send_transition(asked, None, stamp)
    }

    fn force_transition(&self, asked: &Transition, stamp: &Stamp) -> Result<ModelVersion> {
        policy::require_reason(stamp)?;
        self.send_transition(asked, Some(true), stamp)
    }

    fn check_transition(&self, candidate: &Candidate) -> Result<GateReport> {
        let answer = self.transport.get_own("registry/check", &of_candidate(candidate));
        self.understood(answer.map_err(only_mlctl), About::default())
    }

    fn request_transition(&self, candidate: &Candidate, stamp: &Stamp) -> Result<Request> {
        self.send_request("registry/requests", candidate, stamp)
    }

    fn approve_transition(&self, candidate: &Candidate, stamp: &Stamp) -> Result<Request> {
        self.send_request("registry/requests/approve", candidate, stamp)
    }

    fn reject_transition(&self, candidate: &Candidate, stamp: &Stamp) -> Result<Request> {
        self.send_request("registry/requests/reject", candidate, stamp)
    }

    fn requests(&self, model: &ModelName) -> Result<Vec<Request>> {
        Ok(self.get_requests(model)?.requests)
    }

    fn who_approves(&self, model: &ModelName) -> Result<Option<String>> {
        Ok(self.get_requests(model)?.approvals)
    }

    fn set_alias(
        &self,
        model: &ModelName,
        alias: &Alias,
        version: VersionNumber,
        stamp: &Stamp,
    ) -> Result<()> {
        let request = OfAlias {
            name: Some(model.to_string()),
            alias: Some(alias.to_string()),
            version: Some(version.to_string()),
        };
        let path = (Method::POST, "registered-models/alias");
        self.act(path, &request, stamp, About::version(model, version))
    }

    fn delete_alias(&self, model: &ModelName, alias: &Alias, stamp: &Stamp) -> Result<()> {
        let request = OfAlias {
            name: Some(model.to_string()),
            alias: Some(alias.to_string()),
            version: None,
        };
        let path = (Method::DELETE, "registered-models/alias");
        self.act(path, &request, stamp, About::model(model))
    }

    fn events(
        &self,
        model: &ModelName,
        version: Option<VersionNumber>,
        after: Option<EventId>,
        size: PageSize,
    ) -> Result<Page<Event, EventId>> {
        let request = Events {
            name: Some(model.to_string()),
            version: version.map(|version| version.to_string()),
            max_results: i64::try_from(size.get()).ok(),
            page_token: after.map(|id| id.to_string()),
        };
        let answer = self.transport.get_own("registry/events", &request);
        let answer: EventsAnswer = answer.map_err(no_history)?;
        let next = answer.next_page_token.and_then(|token| token.parse().ok());
        Ok(Page { items: answer.events, next })
    }
}

/// MLflow's server does not know the path.
fn no_history(error: Error) -> Error {
    not_there(error, "the server has no history: it is not an mlctl server")
}

/// MLflow's server does not know the path.
fn only_mlctl(error: Error) -> Error {
    not_there(error, "the server has no gates and no approval requests: it is not an mlctl server")
}

fn not_there(error: Error, message: &str) -> Error {
    match error {
        Error::Remote { code: ErrorCode::EndpointNotFound, .. } => {
            Error::Remote { code: ErrorCode::NotImplemented, message: message.to_owned() }
        }
        other => other,
    }
}

#[cfg(test)]
#[cfg(feature = "rest")]
mod tests;
