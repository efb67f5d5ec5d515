//! The artifacts of a run: a folder at a time, and files as they can be shown.

mod kind;
mod preview;
mod raw;

use super::run;
use crate::asked::Asked;
use crate::reply::{PageError, Reply, Result};
use crate::routes::page;
use crate::site::Site;
use crate::url::Url;
use crate::{format, widget};
use axum::Router;
use axum::routing::get;
use maud::{Markup, html};
use mlctl_artifacts::{ArtifactInfo, ArtifactPath, ArtifactStore};
use mlctl_tracking::RunId;
use std::sync::Arc;

pub(super) fn routes() -> Router<Site> {
    Router::new()
        .route("/runs/{run}/artifacts", page(show))
        .route("/runs/{run}/artifacts/{*path}", page(show))
        .route("/runs/{run}/raw/{*path}", get(raw::serve))
}

/// A place among the artifacts of a run.
struct Place {
    id: RunId,
    store: Arc<dyn ArtifactStore>,
    path: ArtifactPath,
}

impl Place {
    fn url(&self, path: &ArtifactPath) -> Url {
        run::url(&self.id).segment("artifacts").path(path.as_str())
    }

    /// The address of a file's bytes as a page may show them.
    fn raw(&self, site: &Site, path: &ArtifactPath) -> String {
        site.link(&run::url(&self.id).segment("raw").path(path.as_str()).to_string())
    }

    /// The address that downloads a file.
    fn download(&self, site: &Site, path: &ArtifactPath) -> String {
        let url = Url::new(site.link("/get-artifact")).with("run_id", self.id.as_str());
        url.with("path", path.as_str()).to_string()
    }
}

fn show(site: &Site, asked: &Asked) -> Result<Reply> {
    let found = run::find(site, asked)?;
    let path = ArtifactPath::parse(asked.hole("path")).map_err(unusable)?;
    let store = site.tracking.artifacts(&found.run.info.artifact_uri)?;
    let place = Place { id: found.run.info.run_id.clone(), store, path };
    let shown = match place.path.is_root() {
        true => folder(site, &place)?,
        false => {
            let info = place.store.info(&place.path).map_err(unusable)?;
            if info.is_dir { folder(site, &place)? } else { preview::file(site, &place, &info)? }
        }
    };
    let body = html! {
        (run::head(site, asked, &found, "Artifacts"))
        (way(site, &place))
        (shown)
    };
    run::reply(&found, body)
}

/// Says why a file cannot be shown.
fn unusable(error: mlctl_artifacts::Error) -> PageError {
    PageError::from(mlctl_tracking::Error::Artifacts(error))
}

/// The folders above, each a link.
fn way(site: &Site, place: &Place) -> Markup {
    let parts: Vec<&str> = place.path.components().collect();
    let root = ArtifactPath::root();
    html! {
        nav.crumbs aria-label="Folders" {
            a href=(site.link(&place.url(&root).to_string())) { "artifacts" }
            @for (index, part) in parts.iter().enumerate() {
                span aria-hidden="true" { "/" }
                @let url = parts[..=index].iter().fold(place.url(&root), |url, part| url.segment(part));
                @if index + 1 == parts.len() { (widget::text(part)) }
                @else { a href=(site.link(&url.to_string())) { (widget::text(part)) } }
            }
        }
    }
}

fn folder(site: &Site, place: &Place) -> Result<Markup> {
    let children = place.store.list(&place.path).map_err(unusable)?;
    if children.is_empty() {
        return Ok(widget::empty(
            "No artifacts",
            &html! {
                p { "Log a file to this run, in a shell:" }
                (widget::command(&format!("mlctl log artifact --run-id {} FILE", place.id.as_str())))
                p { "or in Python:" }
                (widget::command("mlflow.log_artifact(\"FILE\")"))
            },
        ));
    }
    let (folders, files): (Vec<&ArtifactInfo>, Vec<&ArtifactInfo>) =
        children.iter().partition(|child| child.is_dir);
    let bytes: u64 = files.iter().filter_map(|file| file.file_size).sum();
    Ok(html! {
        div.scroll {
            table.rows.files {
                thead { tr { th.name scope="col" { "Name" } th.number scope="col" { "Size" } } }
                tbody {
                    @for child in folders.iter().chain(&files) { (entry(site, place, child)) }
                }
            }
        }
        p.quiet {
            (format::plural(files.len() as u64, "file", "files")) ", " (format::bytes(bytes))
            @if !folders.is_empty() { "; " (format::plural(folders.len() as u64, "folder", "folders")) }
        }
        @if files.iter().any(|file| file.path.file_name() == Some("MLmodel")) { (model(place)) }
    })
}

fn entry(site: &Site, place: &Place, child: &ArtifactInfo) -> Markup {
    let name = child.path.file_name().unwrap_or_default();
    html! {
        tr {
            th.name scope="row" {
                a href=(site.link(&place.url(&child.path).to_string())) {
                    span aria-hidden="true" { (if child.is_dir { "▸ " } else { "" }) }
                    (widget::text(name))
                }
            }
            td.number {
                @if child.is_dir { span.quiet { "folder" } }
                @else if let Some(size) = child.file_size { (format::bytes(size)) }
            }
        }
    }
}

/// What can be done with the folder of a model.
fn model(place: &Place) -> Markup {
    let uri = format!("runs:/{}/{}", place.id.as_str(), place.path.as_str());
    html! {
        section.card {
            h2 { "This folder is a model" }
            p { "Serve it, in a shell:" }
            (widget::command(&format!("mlctl models serve {uri}")))
            p { "Load it, in Python:" }
            (widget::command(&format!("model = mlflow.pyfunc.load_model(\"{uri}\")")))
            p { "Register it:" }
            (widget::command(&format!("mlctl registry register NAME {uri}")))
        }
    }
}
