//! A page to try a model out.

use crate::{Deployed, Repository};
use axum::Router;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use std::fmt::Write;
use std::sync::Arc;

const SCRIPT: &str = include_str!("page/page.js");
const STYLE: &str = include_str!("page/page.css");

/// Nothing but our own files, and no script within the page.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      form-action 'none'; frame-ancestors 'self'; base-uri 'none'";

/// Builds the routes of the page and of its files.
pub(super) fn routes() -> Router<Arc<Repository>> {
    let file = |kind: &'static str, text: &'static str| {
        get(async move || ([(header::CONTENT_TYPE, kind)], text))
    };
    Router::new()
        .route("/", get(page))
        .route("/page.js", file("text/javascript; charset=utf-8", SCRIPT))
        .route("/page.css", file("text/css; charset=utf-8", STYLE))
}

#[derive(Debug, Deserialize)]
struct Shown {
    model: Option<String>,
}

async fn page(State(repository): State<Arc<Repository>>, Query(shown): Query<Shown>) -> Response {
    let name = shown.model.filter(|name| repository.names().any(|known| known == name));
    let name = name.or_else(|| repository.names().next().map(str::to_owned)).unwrap_or_default();
    let mut html = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>Models</title>\n\
         <link rel=\"stylesheet\" href=\"page.css\">\n<script src=\"page.js\" defer></script>\n",
    );
    list(&mut html, &repository, &name);
    match repository.get(&name, None) {
        Ok(deployed) => form(&mut html, &deployed),
        Err(_) => html.push_str("<main><p>This model is not loaded.</p></main>\n"),
    }
    let headers = [(header::CONTENT_SECURITY_POLICY, POLICY), (header::CACHE_CONTROL, "no-store")];
    (headers, Html(html)).into_response()
}

fn list(html: &mut String, repository: &Repository, shown: &str) {
    html.push_str("<nav><h1>Models</h1><ul>\n");
    for standing in repository.standings() {
        let mark = if standing.name == shown { " aria-current=\"page\"" } else { "" };
        let link = url_escaped(&standing.name);
        let version = standing
            .version
            .as_deref()
            .map_or("not loaded".to_owned(), |version| format!("version {version}"));
        let (name, version) = (escaped(&standing.name), escaped(&version));
        put(
            html,
            format_args!("<li><a href=\"?model={link}\"{mark}>{name}</a> <small>{version}</small>"),
        );
        if let Some(problem) = &standing.problem {
            put(html, format_args!("<p class=\"problem\">{}</p>", escaped(problem)));
        }
        html.push_str("</li>\n");
    }
    html.push_str(
        "</ul><p><a href=\"openapi.json\">OpenAPI</a> · <a href=\"metrics\">metrics</a></p></nav>\n",
    );
}

fn form(html: &mut String, deployed: &Deployed) {
    let body = deployed.example().map_or_else(
        || "{\"dataframe_split\": {\"columns\": [], \"data\": []}}".to_owned(),
        |example| example.body.clone(),
    );
    let action = format!("models/{}/invocations", url_escaped(deployed.name()));
    put(
        html,
        format_args!(
            "<main><h2>{} <small>version {}, {}</small></h2>\n\
             <form data-action=\"{action}\">\n\
             <label for=\"body\">Body of <code>POST /{action}</code></label>\n\
             <textarea id=\"body\" spellcheck=\"false\" rows=\"14\">{}</textarea>\n\
             <button type=\"submit\">Score</button> <output id=\"took\"></output>\n</form>\n\
             <pre id=\"answer\" aria-live=\"polite\"></pre>\n",
            escaped(deployed.name()),
            escaped(deployed.version()),
            escaped(deployed.model().flavor()),
            escaped(&body),
        ),
    );
    columns(html, deployed);
    html.push_str("</main>\n");
}

/// Lists what the model takes.
fn columns(html: &mut String, deployed: &Deployed) {
    let Some(schema) = deployed.model().input_schema() else { return };
    let Ok(described) = serde_json::to_value(schema) else { return };
    let Some(rows) = described.as_array() else { return };
    html.push_str("<h3>Input</h3>\n<table><tr><th>Name</th><th>Type</th><th></th></tr>\n");
    for row in rows {
        let text = |key: &str| row.get(key).and_then(|value| value.as_str()).unwrap_or_default();
        let kind = match row.get("tensor-spec") {
            Some(tensor) => tensor.to_string(),
            None => text("type").to_owned(),
        };
        let optional = row.get("required").and_then(|value| value.as_bool()) == Some(false);
        put(
            html,
            format_args!(
                "<tr><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                escaped(text("name")),
                escaped(&kind),
                if optional { "optional" } else { "" },
            ),
        );
    }
    html.push_str("</table>\n");
}

fn put(html: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into a string does not fail.
    let _ = html.write_fmt(text);
}

/// Writes text so that no part of it is markup.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// Writes text as a part of a path.
pub(super) fn url_escaped(text: &str) -> String {
    const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(text, KEPT).to_string()
}
