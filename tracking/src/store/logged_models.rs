//! Keeping logged models: what MLflow 3 knows of a model beside the run that made it.

#[cfg(doc)]
use crate::Error;
use crate::entity::{LoggedModel, LoggedModelStatus, Param, Tag};
use crate::search::{LoggedModelQuery, Page};
use crate::store::Millis;
use crate::{ExperimentId, Key, ModelId, Result, RunId};

/// What makes a logged model.
#[derive(Clone, Debug)]
pub struct NewLoggedModel {
    /// The experiment that it belongs to.
    pub experiment_id: ExperimentId,
    /// Its name; one is made up when not given.
    pub name: Option<String>,
    /// What kind of model the user says it is.
    pub model_type: Option<String>,
    /// The run that makes it.
    pub source_run_id: Option<RunId>,
    /// Its first tags.
    pub tags: Vec<Tag>,
    /// Its first params.
    pub params: Vec<Param>,
    /// Now.
    pub time: Millis,
}

/// Holds logged models.
///
/// What [`TrackingStore`](crate::TrackingStore) says of its methods holds here too: one method is
/// one atomic change or one read, and what does not exist is
/// [`Error::ModelNotFound`] or
/// [`Error::ExperimentNotFound`].
pub trait LoggedModelStore {
    /// Makes a logged model in an active experiment; its files are pending.
    fn create_logged_model(&self, new: &NewLoggedModel) -> Result<LoggedModel>;

    /// Reads a logged model that is not deleted.
    fn logged_model(&self, id: &ModelId) -> Result<LoggedModel>;

    /// Says whether a logged model's files are complete.
    fn finalize_logged_model(
        &self,
        id: &ModelId,
        status: LoggedModelStatus,
        now: Millis,
    ) -> Result<LoggedModel>;

    /// Deletes a logged model: no method finds it any more.
    fn delete_logged_model(&self, id: &ModelId, now: Millis) -> Result<()>;

    /// Logs params of a logged model: all of them or none.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a param has another value already.
    fn log_model_params(&self, id: &ModelId, params: &[Param]) -> Result<()>;

    /// Sets tags of a logged model.
    fn set_model_tags(&self, id: &ModelId, tags: &[Tag]) -> Result<()>;

    /// Adds a version of a registered model to the list that the tag `mlflow.modelVersions` of a
    /// logged model holds; one that is in the list stays there once. No addition is lost to another
    /// one that happens at the same time.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the tag holds something else.
    fn add_model_version(&self, id: &ModelId, name: &str, version: u32) -> Result<()>;

    /// Removes one tag of a logged model.
    ///
    /// # Errors
    /// [`Error::TagNotFound`] when it has no such tag.
    fn delete_model_tag(&self, id: &ModelId, key: &Key) -> Result<()>;

    /// Finds logged models.
    fn search_logged_models(&self, query: &LoggedModelQuery) -> Result<Page<LoggedModel>>;
}
