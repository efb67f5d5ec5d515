//! The rules of a version's life: numbers, stages, aliases.
//!
//! Pure: given what is, these say what becomes, and the stores write that down. Every change
//! here is also the event that is kept of it.

use crate::approval::Candidate;
use crate::error::{Error, Result};
use crate::event::Change;
use crate::id::{Alias, ModelName, Stage, VersionNumber};
use crate::stages::StageRules;
use mlctl_wire::name::{NewName, Resemblance};

/// Refuses a name that a model has, in whatever spelling of Unicode, and warns of one that only looks
/// like the name of another.
pub fn reject_taken_name<T: AsRef<str>>(
    name: &ModelName,
    others: impl IntoIterator<Item = T>,
) -> Result<()> {
    let new = NewName::of(name.as_str());
    for other in others {
        match new.compare(other.as_ref()) {
            Resemblance::None => {}
            Resemblance::Alike => {
                tracing::warn!("the model `{name}` looks like `{}`", other.as_ref());
            }
            Resemblance::Same => return Err(Error::ModelExists(name.clone())),
        }
    }
    Ok(())
}

/// A wish to move a version to another stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transition {
    /// The model.
    pub model: ModelName,
    /// The version to move.
    pub version: VersionNumber,
    /// The stage to move it to.
    pub stage: Stage,
    /// Whether versions that are in the stage already go to `Archived`.
    pub archive_existing_versions: bool,
}

impl Transition {
    /// Finds the stage among those of the model, and refuses to archive out of one that nothing
    /// serves from.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an unknown stage, and [`Error::CannotArchive`].
    pub fn among(&self, stages: &StageRules) -> Result<Self> {
        let stage = stages.find(self.stage.as_str())?;
        if self.archive_existing_versions && !stages.serves(&stage) {
            return Err(Error::CannotArchive { stage, serving: stages.serving() });
        }
        Ok(Self { stage, ..self.clone() })
    }

    /// Returns the version and the stage that it is to enter.
    pub fn candidate(&self) -> Candidate {
        Candidate { model: self.model.clone(), version: self.version, stage: self.stage.clone() }
    }

    /// Says what happens to whom, when the version is in stage `from` and the target stage is
    /// held by `holders`.
    ///
    /// Those who make room come first. The version itself may be among the holders; a transition
    /// to the stage it is in is fine and counts as a change.
    pub fn plan(&self, from: Stage, holders: &[VersionNumber]) -> Vec<StageMove> {
        let displaced = holders
            .iter()
            .filter(|holder| self.archive_existing_versions && **holder != self.version)
            .map(|holder| StageMove {
                version: *holder,
                from: self.stage.clone(),
                to: Stage::ARCHIVED,
                displaced_by: Some(self.version),
            });
        let own =
            StageMove { version: self.version, from, to: self.stage.clone(), displaced_by: None };
        displaced.chain([own]).collect()
    }
}

/// One version's step from a stage to a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageMove {
    /// The version that moves.
    pub version: VersionNumber,
    /// The stage that it leaves.
    pub from: Stage,
    /// The stage that it enters.
    pub to: Stage,
    /// The version that takes its place, when that is why.
    pub displaced_by: Option<VersionNumber>,
}

impl From<StageMove> for Change {
    fn from(step: StageMove) -> Self {
        Self::StageChanged { from: step.from, to: step.to, displaced_by: step.displaced_by }
    }
}

/// Numbers a new version, given the highest number ever given, deleted versions included.
pub fn next_version(model: &ModelName, highest: Option<VersionNumber>) -> Result<VersionNumber> {
    let next = highest.map_or(1, |highest| highest.get() + 1);
    VersionNumber::from_u32(next)
        .ok_or_else(|| Error::invalid("model", model.as_str(), "it has used all version numbers"))
}

/// Says which versions an alias touches when it goes to `to` after it named `from`.
///
/// The version that loses it learns of that first. Setting it where it is counts as a change.
pub fn set_alias(
    alias: &Alias,
    from: Option<VersionNumber>,
    to: VersionNumber,
) -> Vec<(VersionNumber, Change)> {
    let lost = from.filter(|from| *from != to).map(|from| {
        let change = Change::AliasDeleted { alias: alias.clone(), from, displaced_by: Some(to) };
        (from, change)
    });
    let won = Change::AliasSet { alias: alias.clone(), from, to };
    lost.into_iter().chain([(to, won)]).collect()
}

/// Refuses a version that would come from nowhere.
pub fn reject_empty_source(source: &str) -> Result<()> {
    if source.trim().is_empty() {
        return Err(Error::invalid(
            "source",
            source,
            "a version needs the URI of its model folder",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(number: u32) -> VersionNumber {
        VersionNumber::from_u32(number).unwrap()
    }

    fn churn() -> ModelName {
        ModelName::parse("churn").unwrap()
    }

    /// Plans version 3's way into a stage that 1, 2 and maybe 3 hold, in a line of text.
    #[track_caller]
    fn check(stage: Stage, archive: bool, want: Result<&str, &str>) {
        let asked = Transition {
            model: churn(),
            version: number(3),
            stage,
            archive_existing_versions: archive,
        };
        let rules = StageRules::parse("Shadow; (Rejected)").unwrap();
        let holders = [number(1), number(2), number(3)];
        let got = asked.among(&rules).map(|asked| asked.plan(Stage::NONE, &holders));

        let got = got.map_err(|err| err.to_string()).map(|steps| {
            let lines = steps.iter().map(|s| format!("{}:{}>{}", s.version, s.from, s.to));
            lines.collect::<Vec<_>>().join(" ")
        });
        assert_eq!(got.as_deref().map_err(String::as_str), want);
    }

    #[test]
    fn existing_versions_make_room_when_asked() {
        check(
            Stage::PRODUCTION,
            true,
            Ok("1:Production>Archived 2:Production>Archived 3:None>Production"),
        );
        check(Stage::PRODUCTION, false, Ok("3:None>Production"));
        check(Stage::ARCHIVED, false, Ok("3:None>Archived"));
        check(
            Stage::parse("shadow").unwrap(),
            true,
            Ok("1:Shadow>Archived 2:Shadow>Archived 3:None>Shadow"),
        );
    }

    #[test]
    fn only_active_stages_are_cleared() {
        let refused = "cannot archive the existing versions in stage Archived: only Staging, \
                       Shadow and Production";
        check(Stage::ARCHIVED, true, Err(refused));
        let of = |name| Stage::parse(name).unwrap();
        check(of("Rejected"), true, Err(&refused.replace("stage Archived", "stage Rejected")));
        check(of("rejected"), false, Ok("3:None>Rejected"));
        let unknown = "invalid stage `Prod`: the stages are None, Staging, Shadow, Rejected, \
                       Production and Archived";
        check(of("Prod"), true, Err(unknown));
    }

    #[test]
    fn numbers_go_up_until_they_end() {
        assert_eq!(next_version(&churn(), None).unwrap(), VersionNumber::FIRST);
        assert_eq!(next_version(&churn(), Some(number(7))).unwrap(), number(8));
        assert!(next_version(&churn(), Some(VersionNumber::MAX)).is_err());
    }

    #[test]
    fn a_moving_alias_is_told_to_both_versions() {
        let alias = Alias::parse("champion").unwrap();

        let moved: Vec<_> = set_alias(&alias, Some(number(1)), number(2))
            .into_iter()
            .map(|(version, change)| (version.get(), change.kind().to_owned()))
            .collect();

        assert_eq!(moved, [(1, "alias_deleted".to_owned()), (2, "alias_set".to_owned())]);
        assert_eq!(set_alias(&alias, Some(number(2)), number(2)).len(), 1);
        assert_eq!(set_alias(&alias, None, number(2)).len(), 1);
    }
}
