//! What is changed on the page of a run.

use super::overview::NOTE;
use super::{id, url};
use crate::asked::Asked;
use crate::form::Form;
use crate::reply::{PageError, Reply, Result};
use crate::site::Site;
use crate::table;
use axum::http::StatusCode;
use mlctl_tracking::entity::Tag;
use mlctl_tracking::store::{Batch, RunChange};
use mlctl_tracking::{Key, RunId};

fn back(site: &Site, asked: &Asked, form: &Form) -> Result<Reply> {
    Ok(Reply::Redirect(form.back(site, &url(&id(asked)?).to_string())))
}

pub(super) fn rename(site: &Site, asked: &Asked, form: &Form) -> Result<Reply> {
    let name = form.required("name", "the new name")?.to_owned();
    let change = RunChange { run_name: Some(name), ..RunChange::default() };
    site.tracking.update_run(&id(asked)?, &change)?;
    back(site, asked, form)
}

fn set(site: &Site, id: &RunId, key: &str, value: &str) -> Result<()> {
    let tags = vec![Tag::new(Key::parse(key)?, value)];
    Ok(site.tracking.log_batch(id, &Batch { tags, ..Batch::default() })?)
}

/// Saves a note. Of two people who edit it at once, the second one sees the other's text.
pub(super) fn note(site: &Site, asked: &Asked, form: &Form) -> Result<Reply> {
    let id = id(asked)?;
    let run = site.tracking.run(&id)?;
    let now = plain(table::tag(&run, NOTE).unwrap_or_default());
    let (before, text) = (form.first("before"), form.first("note").unwrap_or_default());
    if now != plain(before.unwrap_or_default()) && now != plain(text) {
        return Err(PageError {
            status: StatusCode::CONFLICT,
            message: format!(
                "the note was changed meanwhile, and yours was not saved. It is now:\n\n{now}\n\n\
                 yours was:\n\n{text}"
            ),
        });
    }
    set(site, &id, NOTE, text)?;
    back(site, asked, form)
}

/// Browsers send line breaks as two characters.
fn plain(text: &str) -> String {
    text.replace("\r\n", "\n")
}

pub(super) fn tag(site: &Site, asked: &Asked, form: &Form) -> Result<Reply> {
    let key = form.required("key", "the key of the tag")?;
    set(site, &id(asked)?, key, form.first("value").unwrap_or_default())?;
    back(site, asked, form)
}

pub(super) fn untag(site: &Site, asked: &Asked, form: &Form) -> Result<Reply> {
    let key = Key::parse(form.required("key", "the key of the tag")?)?;
    site.tracking.delete_tag(&id(asked)?, &key)?;
    back(site, asked, form)
}
