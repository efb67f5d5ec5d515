//! `mlctl server`.

use super::Context;
use crate::Outcome;
use crate::cli::ServerArgs;
use crate::server::{self, Access};
use crate::stores::{self, Missing};
use serde_json::json;
use std::process::ExitCode;

pub(crate) fn serve(context: &Context, args: &ServerArgs) -> Outcome {
    let uri = args.backend_store_uri.as_ref().unwrap_or(&context.config.store.value);
    let tracking = stores::open_tracking(&context.config, uri, Missing::Make)?;
    let listener = server::bind(&args.host, args.port)?;
    let url = format!("http://{}", listener.local_addr()?);
    let app = server::tracking_app(&tracking, Access::default());
    server::serve(listener, app, || {
        context.output.show(&json!({ "url": url, "store": uri }), |_| {
            format!("mlctl server: {uri} at {url}\n")
        })
    })?;
    Ok(ExitCode::SUCCESS)
}
