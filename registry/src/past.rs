//! What a model was like at some time, and who held a stage before: read out of its history.
//!
//! Pure: the events of one model, oldest first, say it all. What happened before a registry had a
//! history, or was done by a program that keeps none, is not seen.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::entity::Tags;
use crate::event::{Change, Event};
use crate::id::{Alias, ModelName, Stage, VersionNumber};

/// A model as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PastModel {
    /// The name that it had.
    pub name: ModelName,
    /// What people should know about it.
    pub description: Option<String>,
    /// Its tags.
    pub tags: Tags,
    /// Its aliases and the versions that they named.
    pub aliases: BTreeMap<Alias, VersionNumber>,
    /// Its versions.
    pub versions: BTreeMap<VersionNumber, PastVersion>,
}

/// A version as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PastVersion {
    /// The stage that it was in.
    pub current_stage: Stage,
    /// The URI that it was registered from; empty when its creation was not seen.
    pub source: String,
    /// The run that made it.
    pub run_id: Option<String>,
    /// The logged model that it is made of.
    pub model_id: Option<String>,
    /// What people should know about it.
    pub description: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// Says what a model was like right after the events up to `at_ms`, in milliseconds since
/// 1970-01-01 UTC; nothing when it was not there then.
///
/// ```
/// use mlctl_registry::{NewVersion, PageSize, RegistryStore, Stamp, past};
///
/// let store = mlctl_registry::MemoryStore::default();
/// let mut new = NewVersion::of("churn".parse()?, "s3://models/churn");
/// new.create_model_if_missing = true;
/// store.create_version(&new, &Stamp::new("ada", 1_000))?;
/// let events = store.events(&new.model, None, None, PageSize::default())?.items;
///
/// assert!(past::at(&events, 999).is_none());
/// assert_eq!(past::at(&events, 1_000).unwrap().versions.len(), 1);
/// # Ok::<(), mlctl_registry::Error>(())
/// ```
pub fn at<'e>(events: impl IntoIterator<Item = &'e Event>, at_ms: i64) -> Option<PastModel> {
    let mut model = None;
    for event in events.into_iter().take_while(|event| event.at_ms <= at_ms) {
        apply(&mut model, event);
    }
    model
}

/// Says which version held a stage before the one that holds it now.
///
/// `exists` tells whether a version is still there, and `holds` whether it is in the stage. Going
/// back is no promotion: after going back from 3 to 2, the one before is 1, not 3. When nothing
/// holds the stage, who held it last counts as the one before.
pub fn previous_holder<'e>(
    events: impl IntoIterator<Item = &'e Event>,
    stage: &Stage,
    exists: impl Fn(VersionNumber) -> bool,
    holds: impl Fn(VersionNumber) -> bool,
) -> Option<VersionNumber> {
    let mut line: Vec<VersionNumber> = Vec::new();
    for event in events {
        let (Some(version), Change::StageChanged { to, .. }) = (event.version, &event.change)
        else {
            continue;
        };
        if to != stage {
            continue;
        }
        match line.iter().position(|earlier| *earlier == version) {
            Some(place) => line.truncate(place + 1),
            None => line.push(version),
        }
    }
    line.retain(|version| exists(*version));
    if let Some(current) = line.iter().rposition(|version| holds(*version)) {
        line.truncate(current);
    }
    line.pop()
}

fn apply(model: &mut Option<PastModel>, event: &Event) {
    if event.change == Change::ModelDeleted || matches!(event.change, Change::RenamedTo { .. }) {
        // A renamed model goes on with the event that says where it came from.
        if event.change == Change::ModelDeleted {
            *model = None;
        }
        return;
    }
    let known = model.get_or_insert_with(|| PastModel {
        name: event.model.clone(),
        description: None,
        tags: Tags::new(),
        aliases: BTreeMap::new(),
        versions: BTreeMap::new(),
    });
    known.name = event.model.clone();
    match event.version {
        None => known.change(&event.change),
        Some(version) => known.change_version(version, &event.change),
    }
}

impl PastModel {
    fn change(&mut self, change: &Change) {
        match change {
            Change::ModelCreated { description, tags } => {
                self.description.clone_from(description);
                self.tags.clone_from(tags);
            }
            Change::DescriptionChanged { to, .. } => self.description.clone_from(to),
            Change::TagSet { key, to, .. } => {
                self.tags.insert(key.clone(), to.clone());
            }
            Change::TagDeleted { key, .. } => {
                self.tags.remove(key);
            }
            _ => {}
        }
    }

    fn change_version(&mut self, number: VersionNumber, change: &Change) {
        match change {
            Change::VersionDeleted { .. } => {
                self.versions.remove(&number);
                self.aliases.retain(|_, version| *version != number);
                return;
            }
            Change::AliasSet { alias, to, .. } => {
                self.aliases.insert(alias.clone(), *to);
            }
            // One that moved on is set by the next event.
            Change::AliasDeleted { alias, displaced_by: None, .. } => {
                self.aliases.remove(alias);
            }
            _ => {}
        }
        self.versions.entry(number).or_default().change(change);
    }
}

impl PastVersion {
    fn change(&mut self, change: &Change) {
        match change {
            Change::VersionCreated { source, run_id, model_id, description, tags } => {
                self.source.clone_from(source);
                self.run_id.clone_from(run_id);
                self.model_id.clone_from(model_id);
                self.description.clone_from(description);
                self.tags.clone_from(tags);
            }
            Change::DescriptionChanged { to, .. } => self.description.clone_from(to),
            Change::StageChanged { to, .. } => self.current_stage = to.clone(),
            Change::TagSet { key, to, .. } => {
                self.tags.insert(key.clone(), to.clone());
            }
            Change::TagDeleted { key, .. } => {
                self.tags.remove(key);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::{NewVersion, PageSize, Stamp};
    use crate::id::{TagKey, TagValue};
    use crate::{MemoryStore, RegistryStore, Transition};

    fn model() -> ModelName {
        ModelName::parse("churn").unwrap()
    }

    fn number(number: u32) -> VersionNumber {
        VersionNumber::from_u32(number).unwrap()
    }

    fn with_versions(count: i64) -> MemoryStore {
        let store = MemoryStore::default();
        for at in 0..count {
            let mut new = NewVersion::of(model(), format!("s3://m/{at}"));
            new.create_model_if_missing = true;
            store.create_version(&new, &Stamp::new("ada", at)).unwrap();
        }
        store
    }

    fn promote(store: &MemoryStore, version: u32, at: i64) {
        let asked = Transition {
            model: model(),
            version: number(version),
            stage: Stage::PRODUCTION,
            archive_existing_versions: true,
        };
        store.transition(&asked, &Stamp::new("ada", at)).unwrap();
    }

    fn events(store: &MemoryStore) -> Vec<Event> {
        store.events(&model(), None, None, PageSize::default()).unwrap().items
    }

    fn before(store: &MemoryStore) -> Option<VersionNumber> {
        let held = |version: VersionNumber| {
            let known = store.get_version(&model(), &version.into()).ok();
            known.map(|known| known.current_stage == Stage::PRODUCTION)
        };
        let (exists, holds) = (|v| held(v).is_some(), |v| held(v) == Some(true));
        previous_holder(&events(store), &Stage::PRODUCTION, exists, holds)
    }

    #[test]
    fn the_past_is_as_it_was() {
        let store = with_versions(2);
        promote(&store, 1, 10);
        let key = TagKey::parse("team").unwrap();
        let value = TagValue::parse("a").unwrap();
        store.set_model_tag(&model(), &key, &value, &Stamp::new("ada", 11)).unwrap();
        let alias = Alias::parse("champion").unwrap();
        store.set_alias(&model(), &alias, number(1), &Stamp::new("ada", 12)).unwrap();
        promote(&store, 2, 20);
        store.set_alias(&model(), &alias, number(2), &Stamp::new("ada", 21)).unwrap();
        store.delete_version(&model(), number(1), &Stamp::new("ada", 30)).unwrap();
        let events = events(&store);
        let stages = |at_ms| {
            let past = at(&events, at_ms).unwrap();
            let stage = |(number, version): (&VersionNumber, &PastVersion)| {
                format!("{number} {}", version.current_stage)
            };
            (past.versions.iter().map(stage).collect::<Vec<_>>().join(", "), past)
        };

        assert_eq!(stages(9).0, "1 None, 2 None");
        let (told, past) = stages(15);
        assert_eq!(told, "1 Production, 2 None");
        assert_eq!(past.tags.get(&key), Some(&value));
        assert_eq!(past.aliases.get(&alias), Some(&number(1)));
        assert_eq!(stages(25).0, "1 Archived, 2 Production");
        assert_eq!(stages(25).1.aliases.get(&alias), Some(&number(2)));
        assert_eq!(stages(30).0, "2 Production");

        store.delete_model(&model(), &Stamp::new("ada", 40)).unwrap();
        let events = self::events(&store);
        assert!(at(&events, 40).is_none());
        assert!(at(&events, 39).is_some());
    }

    #[test]
    fn going_back_twice_goes_back_twice() {
        let store = with_versions(3);
        assert_eq!(before(&store), None);
        for version in 1..=3 {
            promote(&store, version, 10 + i64::from(version));
        }
        assert_eq!(before(&store), Some(number(2)));
        promote(&store, 2, 20);
        assert_eq!(before(&store), Some(number(1)));
        promote(&store, 1, 21);
        assert_eq!(before(&store), None);
        promote(&store, 3, 22);
        assert_eq!(before(&store), Some(number(1)));
        store.delete_version(&model(), number(1), &Stamp::new("ada", 30)).unwrap();
        assert_eq!(before(&store), None);
    }
}
