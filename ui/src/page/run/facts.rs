//! Where a run comes from: source, commit, data, models, parent, and how to run it again.

use super::Found;
use super::overview::{PARENT, against_link};
use crate::asked::Asked;
use crate::site::Site;
use crate::table::tag;
use crate::{markdown, widget};
use maud::{Markup, html};
use mlctl_tracking::RunId;
use mlctl_tracking::entity::Run;

pub(super) fn section(site: &Site, found: &Found, asked: &Asked) -> Markup {
    let run = &found.run;
    html! {
        section.card {
            h2 { "Source" }
            dl.pairs {
                (pair("Source", tag(run, "mlflow.source.name")))
                (pair("Entry point", tag(run, "mlflow.project.entryPoint")))
                (pair("Branch", tag(run, "mlflow.source.git.branch")))
                @if let Some(commit) = tag(run, "mlflow.source.git.commit") {
                    dt { "Commit" }
                    dd {
                        (widget::id(commit))
                        @if tag(run, "mlflow.source.git.dirty") == Some("true") { span.warn { " with changes" } }
                    }
                }
                @if let Some(repository) = tag(run, "mlflow.source.git.repoURL") {
                    dt { "Repository" } dd { (web_link(repository)) }
                }
                (inputs(run))
                (models(run))
                (parent(site, run))
                dt { "Artifacts" } dd.code { (widget::text(&run.info.artifact_uri)) }
            }
            (again(run, asked))
        }
    }
}

fn pair(name: &str, value: Option<&str>) -> Markup {
    html! { @if let Some(value) = value.filter(|value| !value.is_empty()) { dt { (name) } dd { (widget::text(value)) } } }
}

/// A link to a page of the web; anything else is text.
fn web_link(address: &str) -> Markup {
    html! {
        @if markdown::is_web(address) { a href=(address) rel="noopener nofollow" { (widget::text(address)) } }
        @else { (widget::text(address)) }
    }
}

fn inputs(run: &Run) -> Markup {
    html! {
        @for input in &run.inputs.dataset_inputs {
            @let context = input.tags.iter().find(|tag| tag.key.as_str() == "mlflow.data.context");
            dt { "Dataset" }
            dd {
                (widget::text(&input.dataset.name)) " " code.quiet { (input.dataset.digest) }
                @if let Some(context) = context { " for " (widget::text(&context.value)) }
            }
        }
    }
}

fn models(run: &Run) -> Markup {
    html! {
        @for output in &run.outputs.model_outputs { dt { "Logged model" } dd { code { (output.model_id.as_str()) } } }
        @for input in &run.inputs.model_inputs { dt { "Used model" } dd { code { (input.model_id.as_str()) } } }
    }
}

fn parent(site: &Site, run: &Run) -> Markup {
    let parent = tag(run, PARENT).filter(|parent| RunId::parse(*parent).is_ok());
    html! {
        @if let Some(parent) = parent {
            dt { "Parent" }
            dd {
                a href=(site.link(&format!("/runs/{parent}"))) { (widget::id(parent)) } " "
                a href=(against_link(site, run, parent)) { "set against it" }
            }
        }
    }
}

/// The command that runs it again: of a project the same, of a script as far as it is known.
fn again(run: &Run, asked: &Asked) -> Markup {
    let Some(source) = tag(run, "mlflow.source.name") else { return html! {} };
    let is_project = tag(run, "mlflow.source.type") == Some("PROJECT");
    if !is_project {
        return html! {};
    }
    let mut command = format!("mlctl run {source}");
    if let Some(entry) = tag(run, "mlflow.project.entryPoint") {
        command.push_str(&format!(" -e {entry}"));
    }
    if let Some(commit) = tag(run, "mlflow.source.git.commit") {
        command.push_str(&format!(" -v {commit}"));
    }
    for param in &run.data.params {
        command.push_str(&format!(
            " -P '{}={}'",
            param.key.as_str(),
            param.value.replace('\'', r"'\''")
        ));
    }
    html! {
        h3 { "Run it again" }
        (widget::command(&format!("export MLFLOW_TRACKING_URI={}\n{command}", asked.server)))
    }
}
