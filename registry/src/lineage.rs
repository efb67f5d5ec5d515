//! Where a version comes from: the logged model and the run that tracking knows by these ids.
//!
//! Pure: the version and its events say it all. What the ids name is not known here.

use crate::entity::ModelVersion;
use crate::event::{Change, Event};
use crate::uri::logged_model_of;

/// What a version was made by and of, in ids of tracking.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Makers {
    /// The logged model that it is.
    pub model_id: Option<String>,
    /// The run that made it.
    pub run_id: Option<String>,
}

/// Finds out what a version was made by, from what it notes and from the `events` of its model.
///
/// The event of its creation knows the logged model; without one, the source may name it.
pub fn makers(version: &ModelVersion, events: &[Event]) -> Makers {
    let created = events.iter().find_map(|event| match &event.change {
        Change::VersionCreated { model_id, .. } if event.version == Some(version.version) => {
            model_id.clone().filter(|id| !id.is_empty())
        }
        _ => None,
    });
    let named = || logged_model_of(&version.source).map(str::to_owned);
    Makers {
        model_id: created.or_else(named),
        run_id: version.run_id.clone().filter(|id| !id.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::{NewVersion, Stamp};
    use crate::store::memory::MemoryStore;
    use crate::store::{RegistryStore, all_events};

    #[track_caller]
    fn check(source: &str, model_id: Option<&str>, run_id: Option<&str>, want: [Option<&str>; 2]) {
        let store = MemoryStore::new();
        let mut new = NewVersion::of("churn".parse().unwrap(), source);
        new.create_model_if_missing = true;
        new.storage_location = Some("/models/churn".to_owned());
        new.model_id = model_id.map(str::to_owned);
        new.run_id = run_id.map(str::to_owned);
        let version = store.create_version(&new, &Stamp::new("ada", 1)).unwrap();
        let events = all_events(&store, &new.model, None).unwrap();

        let found = makers(&version, &events);

        let found = [found.model_id.as_deref(), found.run_id.as_deref()];
        assert_eq!(found, want, "for {source}");
    }

    #[test]
    fn the_logged_model_is_that_of_the_creation_else_that_of_the_source() {
        check("models:/m-12", Some("m-12"), None, [Some("m-12"), None]);
        check("runs:/a1/model", Some("m-34"), Some("a1"), [Some("m-34"), Some("a1")]);
        check("models:/m-12", None, Some(""), [Some("m-12"), None]);
    }

    #[test]
    fn a_source_that_names_no_logged_model_tells_none() {
        check("s3://models/churn", None, None, [None, None]);
        check("runs:/a1/m-12", None, None, [None, None]);
    }
}
