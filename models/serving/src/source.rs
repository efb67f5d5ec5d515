//! Where a served model comes from.

use mlctl_models_format::{Model, SavedExample};
use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// Why a source has nothing; its message is for whoever runs the server.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// Where a model comes from, and comes from again when it has changed.
///
/// Both methods may block: they are called off the threads that serve connections.
pub trait Source: fmt::Debug + Send + Sync {
    /// Names the version that there is now. Another name means another model.
    fn version(&self) -> Result<String, SourceError>;

    /// Loads that version.
    fn load(&self, version: &str) -> Result<Found, SourceError>;

    /// Tells whether the version may change while it is served, as that of an alias.
    fn may_change(&self) -> bool {
        false
    }
}

/// What a source has loaded.
pub struct Found {
    /// The model.
    pub model: Arc<Model>,
    /// Its own example of an input, which a version must answer before it replaces another.
    pub example: Option<SavedExample>,
    /// What has to stay as long as the model does, such as a folder that was downloaded.
    pub kept: Option<Box<dyn Any + Send + Sync>>,
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Found").field("model", &self.model.info).finish_non_exhaustive()
    }
}

/// A model that is there already and stays.
#[derive(Debug)]
pub(super) struct Fixed(pub(super) Arc<Model>);

impl Source for Fixed {
    fn version(&self) -> Result<String, SourceError> {
        Ok("1".to_owned())
    }

    fn load(&self, _version: &str) -> Result<Found, SourceError> {
        Ok(Found { model: Arc::clone(&self.0), example: None, kept: None })
    }
}
