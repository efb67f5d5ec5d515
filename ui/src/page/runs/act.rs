//! What is done with selected runs: compare, delete after a question, restore.

use crate::asked::Asked;
use crate::form::{Form, hidden};
use crate::reply::{PageError, Reply, Result};
use crate::shell::{Page, Part};
use crate::site::Site;
use crate::url::Url;
use crate::{format, widget};
use maud::html;
use mlctl_tracking::RunId;

/// Runs that one form can name.
const RUNS_MAX: usize = 1_000;

/// Goes on to what the pressed button asks for.
pub(super) fn act(site: &Site, asked: &Asked, form: &Form) -> Result<Reply> {
    let ids = selected(form.all("r"))?;
    let start = match form.first("do") {
        Some("compare") => "/compare",
        Some("delete") => "/runs/delete",
        Some("restore") => return restore(site, asked, form),
        other => {
            let other = other.unwrap_or_default();
            return Err(PageError::invalid(format!("nothing is known of the action `{other}`")));
        }
    };
    let url = ids.iter().fold(Url::new(start), |url, id| url.with("r", id.as_str()));
    let url = url.with_some("back", form.first("_back"));
    Ok(Reply::Redirect(site.link(&url.to_string())))
}

fn selected<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Vec<RunId>> {
    let ids = texts.map(|text| Ok(RunId::parse(text)?)).collect::<Result<Vec<_>>>()?;
    match ids.len() {
        0 => Err(PageError::invalid("no run is selected: select one or more runs of the table")),
        1..=RUNS_MAX => Ok(ids),
        more => Err(PageError::invalid(format!("{more} runs are selected: at most {RUNS_MAX}"))),
    }
}

/// Asks before runs are deleted.
pub(super) fn confirm(site: &Site, asked: &Asked) -> Result<Reply> {
    let ids = selected(asked.all("r"))?;
    let runs = ids.iter().map(|id| Ok(site.tracking.run(id)?)).collect::<Result<Vec<_>>>()?;
    let title = format!("Delete {}?", format::plural(runs.len() as u64, "run", "runs"));
    let back = asked.first("back").unwrap_or("/experiments");
    let body = html! {
        h1 { (title) }
        ul.list {
            @for run in &runs {
                li {
                    a.name href={ (site.link("/runs/")) (run.info.run_id.as_str()) } {
                        (widget::text(&run.info.run_name))
                    }
                    (widget::status(run.info.status))
                }
            }
        }
        p { "The runs can be restored until they are collected with " code { "mlctl gc" } "." }
        form.buttons method="post" action=(site.link("/runs/delete")) {
            (hidden(site, back))
            @for id in &ids { input type="hidden" name="r" value=(id.as_str()); }
            button.danger { "Delete" }
            a.plain href=(site.link(back)) { "Cancel" }
        }
    };
    Ok(Page::new(title, Part::Experiments, body).below("Experiments", "/experiments").into())
}

/// Deletes runs, and says how to restore them.
pub(super) fn delete(site: &Site, _: &Asked, form: &Form) -> Result<Reply> {
    let ids = selected(form.all("r"))?;
    let now = site.clock.now();
    for id in &ids {
        site.tracking.delete_run(id, now)?;
    }
    let title = format!("{} deleted", format::plural(ids.len() as u64, "run", "runs"));
    let back = form.back(site, "/experiments");
    let body = html! {
        h1 { (title) }
        form.buttons method="post" action=(site.link("/runs/restore")) {
            (hidden(site, form.first("_back").unwrap_or("/experiments")))
            @for id in &ids { input type="hidden" name="r" value=(id.as_str()); }
            button { "Restore" }
            a.plain href=(back) { "Back to the runs" }
        }
    };
    Ok(Page::new(title, Part::Experiments, body).below("Experiments", "/experiments").into())
}

/// Restores deleted runs.
pub(super) fn restore(site: &Site, _: &Asked, form: &Form) -> Result<Reply> {
    for id in selected(form.all("r"))? {
        site.tracking.restore_run(&id)?;
    }
    Ok(Reply::Redirect(form.back(site, "/experiments")))
}
