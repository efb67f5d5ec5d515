//! What is changed on the pages of the registry.

use super::{model_url, name, number, registry, stamp, version_url};
use crate::asked::Asked;
use crate::form::Form;
use crate::reply::{PageError, Reply, Result};
use crate::site::Site;
use axum::http::StatusCode;
use mlctl_registry::{Alias, Candidate, ModelName, NewModel, Stage, Transition, VersionNumber};

pub(super) fn create(site: &Site, _: &Asked, form: &Form) -> Result<Reply> {
    let name = ModelName::parse(form.required("name", "the name of the model")?)?;
    let description = form.first("description").map(str::to_owned);
    let new = NewModel { description, ..NewModel::named(name) };
    let made = registry(site)?.create_model(&new, &stamp(site, form))?;
    Ok(Reply::Redirect(site.link(&model_url(&made.name).to_string())))
}

fn back(site: &Site, asked: &Asked, form: &Form) -> Result<Reply> {
    Ok(Reply::Redirect(form.back(site, &model_url(&name(asked)?).to_string())))
}

pub(super) fn describe(site: &Site, asked: &Asked, form: &Form) -> Result<Reply> {
    let text = form.first("description");
    registry(site)?.describe_model(&name(asked)?, text, &stamp(site, form))?;
    back(site, asked, form)
}

pub(super) fn describe_version(site: &Site, asked: &Asked, form: &Form) -> Result<Reply> {
    let text = form.first("description");
    registry(site)?.describe_version(&name(asked)?, number(asked)?, text, &stamp(site, form))?;
    back(site, asked, form)
}

pub(super) fn alias(site: &Site, asked: &Asked, form: &Form) -> Result<Reply> {
    let alias = Alias::parse(form.required("alias", "the alias")?)?;
    let version = VersionNumber::parse(form.required("version", "the version")?)?;
    registry(site)?.set_alias(&name(asked)?, &alias, version, &stamp(site, form))?;
    back(site, asked, form)
}

pub(super) fn unalias(site: &Site, asked: &Asked, form: &Form) -> Result<Reply> {
    let alias = Alias::parse(form.required("alias", "the alias")?)?;
    registry(site)?.delete_alias(&name(asked)?, &alias, &stamp(site, form))?;
    back(site, asked, form)
}

/// Deletes a model whose name was entered once more.
pub(super) fn delete(site: &Site, asked: &Asked, form: &Form) -> Result<Reply> {
    let name = name(asked)?;
    if form.first("confirm") != Some(name.as_str()) {
        return Err(PageError::invalid(format!(
            "nothing was deleted: to delete the model, enter its name, `{name}`"
        )));
    }
    registry(site)?.delete_model(&name, &stamp(site, form))?;
    Ok(Reply::Redirect(site.link("/models")))
}

/// Moves a version, or requests, approves or rejects that.
pub(super) fn transition(site: &Site, asked: &Asked, form: &Form) -> Result<Reply> {
    let store = registry(site)?;
    let (model, version) = (name(asked)?, number(asked)?);
    let stage = Stage::parse(form.required("stage", "the stage")?)?;
    let stamp = stamp(site, form);
    let candidate = Candidate { model: model.clone(), version, stage: stage.clone() };
    let archive_existing_versions = form.first("archive").is_some();
    let asks = Transition { model: model.clone(), version, stage, archive_existing_versions };
    match form.first("do").unwrap_or_default() {
        "move" => drop(store.transition(&asks, &stamp)?),
        "force" => drop(store.force_transition(&asks, &stamp)?),
        "request" => drop(store.request_transition(&candidate, &stamp)?),
        "approve" if !site.trusts_names => return Err(no_approvals()),
        "approve" => drop(store.approve_transition(&candidate, &stamp)?),
        "reject" => drop(store.reject_transition(&candidate, &stamp)?),
        other => {
            return Err(PageError::invalid(format!("nothing is known of the action `{other}`")));
        }
    }
    Ok(Reply::Redirect(form.back(site, &version_url(&model, version).to_string())))
}

/// One person could request and approve under two names.
fn no_approvals() -> PageError {
    PageError {
        status: StatusCode::FORBIDDEN,
        message: "this server does not accept approvals, because it has no users and cannot \
                  verify who approves; with --trust-user-header it trusts the names that people \
                  give"
            .to_owned(),
    }
}
