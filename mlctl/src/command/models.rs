//! `mlctl models`.

use super::Context;
use crate::Outcome;
use crate::cli::ModelsCommand;
use crate::resolve;
use crate::server::{self, Access};
use anyhow::Context as _;
use serde_json::json;
use std::process::ExitCode;
use std::sync::Arc;

pub(crate) fn dispatch(context: &Context, command: ModelsCommand) -> Outcome {
    match command {
        ModelsCommand::Serve { uri, host, port } => serve(context, &uri, &host, port),
    }
}

fn serve(context: &Context, uri: &str, host: &str, port: u16) -> Outcome {
    let folder = resolve::fetch(context, uri)?;
    let model = mlctl_models::load(&folder.path)
        .with_context(|| format!("cannot load the model `{uri}`"))?;
    let listener = server::bind(host, port)?;
    let url = format!("http://{}", listener.local_addr()?);
    let app = mlctl_models::rest::router(Arc::new(model));
    let app = app.fallback(server::unknown_path).method_not_allowed_fallback(server::unknown_path);
    let app = server::guarded(app, Access::default());
    server::serve(listener, app, || {
        context.output.show(&json!({ "url": url, "model": uri }), |_| {
            format!("serving {uri} at {url}/invocations\n")
        })
    })?;
    Ok(ExitCode::SUCCESS)
}
