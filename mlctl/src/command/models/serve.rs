//! `mlctl models serve`.

use crate::Outcome;
use crate::cli::ModelUri;
use crate::command::Context;
use crate::server::{self, Access, Patterns};
use serde_json::json;
use std::process::ExitCode;
use std::sync::Arc;

pub(super) fn run(
    context: &Context,
    asked: &ModelUri,
    host: &str,
    port: u16,
    allowed_hosts: &[String],
) -> Outcome {
    let uri = &asked.uri;
    let access = Access { hosts: Patterns::parse(allowed_hosts)?, ..Access::default() };
    let (_folder, model) = super::open(context, asked)?;
    let listener = server::bind(host, port)?;
    let url = format!("http://{}", listener.local_addr()?);
    let app = mlctl_models::rest::router(Arc::new(model));
    let app = app.fallback(server::unknown_path).method_not_allowed_fallback(server::unknown_path);
    let app = server::guarded(app, access);
    server::serve(listener, app, || {
        context.output.show(&json!({ "url": url, "model": uri }), |_| {
            format!("serving {uri} at {url}/invocations\n")
        })
    })?;
    Ok(ExitCode::SUCCESS)
}
