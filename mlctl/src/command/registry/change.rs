//! The commands that change a registry.

use super::{Desk, stamp, which};
use crate::cli::{AliasCommand, Reason, RegistryCommand};
use crate::command::{Context, confirm};
use crate::failure::Hinted;
use crate::resolve;
use crate::stores::{self, Missing};
use anyhow::Result;
use mlctl_registry::store::{Rollback, copy_version, plan_rollback};
use mlctl_registry::{
    Alias, ModelName, ModelUri, ModelVersion, NewModel, NewVersion, Stage, StageRules, TagKey,
    TagValue, Tags, Transition, logged_model_of,
};

/// Registers the next version of a model.
pub(super) fn register(
    context: &Context,
    model_uri: &str,
    name: &str,
    description: Option<String>,
    reason: Reason,
) -> Result<()> {
    let located = resolve::locate(context, model_uri)?;
    let mut new = NewVersion::of(ModelName::parse(name)?, located.source);
    new.run_id = located.run_id;
    new.model_id = logged_model_of(&new.source).map(str::to_owned);
    let place = format!("{}/{}", located.location, located.below);
    let place = place.trim_end_matches('/').to_owned();
    // A server finds the place by itself, from a source in its own words.
    match stores::has_registry_server(&context.config) {
        true if new.source.starts_with("runs:/") => new.source = place,
        true => {}
        false => new.storage_location = Some(place),
    }
    new.description = description;
    new.create_model_if_missing = true;
    let store = stores::registry(&context.config, Missing::Make)?;
    let version = store.create_version(&new, &stamp(context, reason))?;
    show_version(context, &version, "registered")
}

fn show_version(context: &Context, version: &ModelVersion, done: &str) -> Result<()> {
    context.output.show(version, |version| {
        format!(
            "{done} {} version {}, stage {}\n",
            version.name, version.version, version.current_stage
        )
    })
}

/// Reads `KEY=VALUE`.
fn tag(text: &str) -> Result<(TagKey, TagValue)> {
    let Some((key, value)) = text.split_once('=') else {
        return Err(Hinted::usage(format!("`{text}` is not a tag"), "write a tag as KEY=VALUE"));
    };
    Ok((TagKey::parse(key)?, TagValue::parse(value)?))
}

impl Desk<'_> {
    pub(super) fn change(&self, command: RegistryCommand) -> Result<()> {
        use RegistryCommand as C;
        match command {
            C::Create { name, description, tags, reason } => {
                let tags: Tags = tags.iter().map(|text| tag(text)).collect::<Result<_>>()?;
                let new = NewModel { name: ModelName::parse(&name)?, description, tags };
                let made = self.store.create_model(&new, &self.stamp(reason))?;
                self.context.output.show(&made, |made| format!("created {}\n", made.name))
            }
            C::Transition { name, version, stage, archive_existing_versions, force, reason } => {
                let ModelVersion { name: model, version, .. } = self.version(&name, &version)?;
                let stage = Stage::parse(&stage)?;
                let asked = Transition { model, version, stage, archive_existing_versions };
                self.transition(&asked, force, reason)
            }
            C::Rollback { name, stage, reason } => self.rollback(&name, &stage, reason),
            C::Alias(command) => self.alias(command),
            C::Tag { name, key, value, version, delete: _, reason } => {
                self.tag(&name, &key, value, version.as_deref(), reason)
            }
            C::Describe { name, description, version, reason } => {
                self.describe(&name, &description, version.as_deref(), reason)
            }
            C::Rename { name, new_name, reason } => {
                let (from, to) = (ModelName::parse(&name)?, ModelName::parse(&new_name)?);
                self.store.rename_model(&from, &to, &self.stamp(reason))?;
                self.print_text(&format!("renamed {from} to {to}"))
            }
            C::Delete { name, version, yes, reason } => {
                self.delete(&name, version.as_deref(), yes, reason)
            }
            C::Copy { model_uri, name, reason } => self.copy(&model_uri, &name, reason),
            // The rest is asked for elsewhere.
            _ => Ok(()),
        }
    }

    fn print_text(&self, text: &str) -> Result<()> {
        self.context.output.print_text(text)
    }

    fn transition(&self, asked: &Transition, force: bool, reason: Reason) -> Result<()> {
        let stamp = self.stamp(reason);
        let moved = match force {
            true => self.store.force_transition(asked, &stamp)?,
            false => self.store.transition(asked, &stamp)?,
        };
        show_version(self.context, &moved, "moved")
    }

    /// Gives a stage back to the version that had it before.
    fn rollback(&self, name: &str, stage: &str, reason: Reason) -> Result<()> {
        let (name, stage) = (ModelName::parse(name)?, Stage::parse(stage)?);
        let configured = self.context.config.registry_stages.value.as_deref().unwrap_or_default();
        let configured = StageRules::parse(configured)?;
        let back = match plan_rollback(self.store, &name, &stage, &configured)? {
            Rollback::To(back) => back,
            Rollback::NothingServes { stage, serving } => {
                let serving: Vec<String> = serving.iter().map(ToString::to_string).collect();
                return Err(Hinted::error(
                    format!(
                        "versions in stage {stage} are not in use, so there is nothing to roll back"
                    ),
                    format!("the stages that can be rolled back are {}", serving.join(", ")),
                ));
            }
            Rollback::NoneBefore { stage } => {
                return Err(Hinted::error(
                    format!("no other version of `{name}` was in {stage} before"),
                    format!("`mlctl registry history {name}` shows the changes"),
                ));
            }
        };
        let why = reason.why.unwrap_or_else(|| "rollback".to_owned());
        // It has been there before: what it met then it need not meet again.
        self.transition(&back, true, Reason { why: Some(why) })
    }

    fn alias(&self, command: AliasCommand) -> Result<()> {
        match command {
            AliasCommand::Set { name, alias, version, reason } => {
                let alias = Alias::parse(&alias)?;
                let version = self.version(&name, &version)?;
                let (name, version) = (version.name, version.version);
                self.store.set_alias(&name, &alias, version, &self.stamp(reason))?;
                self.print_text(&format!("{name}@{alias} is now version {version}"))
            }
            AliasCommand::Delete { name, alias, reason } => {
                let (name, alias) = (ModelName::parse(&name)?, Alias::parse(&alias)?);
                // To delete what is not there is fine for MLflow, but here it is a slip.
                self.store.get_version(&name, &which(&format!("@{alias}"))?)?;
                self.store.delete_alias(&name, &alias, &self.stamp(reason))?;
                self.print_text(&format!("deleted the alias {name}@{alias}"))
            }
        }
    }

    fn tag(
        &self,
        name: &str,
        key: &str,
        value: Option<String>,
        version: Option<&str>,
        reason: Reason,
    ) -> Result<()> {
        let (key, stamp) = (TagKey::parse(key)?, self.stamp(reason));
        let value = value.map(|text| TagValue::parse(&text)).transpose()?;
        match version {
            Some(version) => {
                let known = self.version(name, version)?;
                let (name, version) = (&known.name, known.version);
                match &value {
                    Some(value) => {
                        self.store.set_version_tag(name, version, &key, value, &stamp)?;
                    }
                    None => {
                        known.tags.get(&key).ok_or_else(|| no_tag(&key))?;
                        self.store.delete_version_tag(name, version, &key, &stamp)?;
                    }
                }
            }
            None => {
                let known = self.store.get_model(&ModelName::parse(name)?)?;
                match &value {
                    Some(value) => self.store.set_model_tag(&known.name, &key, value, &stamp)?,
                    None => {
                        known.tags.get(&key).ok_or_else(|| no_tag(&key))?;
                        self.store.delete_model_tag(&known.name, &key, &stamp)?;
                    }
                }
            }
        }
        let done = if value.is_some() { "set" } else { "deleted" };
        self.print_text(&format!("{done} the tag {key}"))
    }

    fn describe(
        &self,
        name: &str,
        description: &str,
        version: Option<&str>,
        reason: Reason,
    ) -> Result<()> {
        let stamp = self.stamp(reason);
        let text = Some(description).filter(|text| !text.is_empty());
        match version {
            Some(version) => {
                let known = self.version(name, version)?;
                self.store.describe_version(&known.name, known.version, text, &stamp)?;
            }
            None => {
                self.store.describe_model(&ModelName::parse(name)?, text, &stamp)?;
            }
        }
        self.print_text("described")
    }

    fn delete(&self, name: &str, version: Option<&str>, yes: bool, reason: Reason) -> Result<()> {
        let stamp = self.stamp(reason);
        match version {
            Some(version) => {
                let known = self.version(name, version)?;
                let (name, version) = (&known.name, known.version);
                let stage = &known.current_stage;
                confirm(yes, &format!("delete version {version} of {name}, stage {stage}"))?;
                self.store.delete_version(name, version, &stamp)?;
                self.print_text(&format!("deleted version {version} of {name}"))
            }
            None => {
                let known = self.store.get_model(&ModelName::parse(name)?)?;
                confirm(yes, &format!("delete {} with all its versions", known.name))?;
                self.store.delete_model(&known.name, &stamp)?;
                self.print_text(&format!("deleted {}", known.name))
            }
        }
    }

    fn copy(&self, model_uri: &str, name: &str, reason: Reason) -> Result<()> {
        let uri = ModelUri::parse(model_uri)?;
        let version = copy_version(self.store, &uri, ModelName::parse(name)?, &self.stamp(reason))?;
        show_version(self.context, &version, "registered")
    }
}

fn no_tag(key: &TagKey) -> anyhow::Error {
    Hinted::error(format!("there is no tag `{key}`"), "`mlctl registry show` lists the tags")
}
