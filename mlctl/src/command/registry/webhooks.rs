//! `mlctl registry webhooks`.

mod place;

use super::Context;
use crate::cli::WebhooksCommand;
use crate::command::confirm;
use crate::failure::Hinted;
use crate::output::{table, time};
use crate::stores;
use anyhow::{Context as _, Result};
use mlctl_registry::PageSize;
use mlctl_registry::client::PlainWebhook;
use mlctl_registry::webhook::{
    DeliveryRecord, DeliveryState, EventKind, WebhookName, WebhookStatus, WebhookSummary,
};
use place::Place;
use serde_json::{Value, json};
use std::fs;
use std::io::{self, Read};
use std::path::Path;

pub(super) fn dispatch(context: &Context, command: WebhooksCommand) -> Result<()> {
    let place = Place::new(stores::webhooks(&context.config)?, context.clock.clone());
    let desk = Desk { context, place };
    match command {
        WebhooksCommand::List => desk.list(),
        WebhooksCommand::Create { name, url, events, description, secret_file } => {
            desk.create(&name, url, &events, description, secret_file.as_deref())
        }
        WebhooksCommand::Enable { name } => desk.set_status(&name, WebhookStatus::Active),
        WebhooksCommand::Disable { name } => desk.set_status(&name, WebhookStatus::Disabled),
        WebhooksCommand::Delete { name, yes } => {
            let webhook = desk.find(&name)?;
            confirm(yes, &format!("delete the webhook {}", webhook.name))?;
            desk.place.delete(&webhook.id)?;
            context.output.print_text(&format!("deleted {}", webhook.name))
        }
        WebhooksCommand::Test { name, event } => desk.test(&name, event.as_deref()),
        WebhooksCommand::Deliveries { name } => desk.deliveries(name.as_deref()),
    }
}

struct Desk<'a> {
    context: &'a Context,
    place: Place,
}

impl Desk<'_> {
    /// Finds a webhook by its name or id.
    fn find(&self, name: &str) -> Result<WebhookSummary> {
        let all = self.place.all()?;
        let is_meant = |one: &WebhookSummary| one.id.as_str() == name || one.name.as_str() == name;
        let mut found = all.into_iter().filter(is_meant);
        let hint = "list them with `mlctl registry webhooks list`";
        match (found.next(), found.next()) {
            (Some(webhook), None) => Ok(webhook),
            (None, _) => Err(Hinted::error(format!("there is no webhook `{name}`"), hint)),
            (Some(_), Some(_)) => {
                let message = format!("more than one webhook is called `{name}`");
                Err(Hinted::error(message, format!("use the ID; {hint}")))
            }
        }
    }

    fn list(&self) -> Result<()> {
        let all = self.place.all()?;
        let lines: Vec<Value> = all.iter().map(line).collect();
        self.context.output.show(&lines, |_| {
            let row = |one: &WebhookSummary| {
                vec![
                    one.name.to_string(),
                    one.status.as_str().to_owned(),
                    events(one).join(", "),
                    host(&one.url),
                    one.id.to_string(),
                ]
            };
            let header = ["NAME", "STATUS", "EVENTS", "HOST", "ID"];
            table(&header, all.iter().map(row).collect(), "no webhooks")
        })
    }

    fn create(
        &self,
        name: &str,
        url: String,
        events: &[String],
        description: Option<String>,
        secret_file: Option<&Path>,
    ) -> Result<()> {
        let new = PlainWebhook {
            name: WebhookName::parse(name)?,
            description,
            url,
            events: events.iter().map(|text| EventKind::parse(text)).collect::<Result<_, _>>()?,
            secret: secret_file.map(read_secret).transpose()?,
        };
        let made = self.place.create(new)?;
        self.context.output.show(&line(&made), |_| format!("created {} ({})\n", made.name, made.id))
    }

    fn set_status(&self, name: &str, status: WebhookStatus) -> Result<()> {
        let webhook = self.find(name)?;
        self.place.set_status(&webhook.id, status)?;
        self.context.output.print_text(&format!("{} is now {}", webhook.name, status.as_str()))
    }

    fn test(&self, name: &str, event: Option<&str>) -> Result<()> {
        let webhook = self.find(name)?;
        let event = event.map(EventKind::parse).transpose()?;
        let result = self.place.test(&webhook.id, event)?;
        let told = json!({
            "success": result.success,
            "response_status": result.response_status,
            "response_body": result.response_body,
            "error_message": result.error_message,
        });
        if !result.success {
            let status = result.response_status.map(|status| format!("its answer was {status}"));
            let why = result.error_message.or(status).unwrap_or_default();
            let message = format!("the webhook {} did not accept the message: {why}", webhook.name);
            return Err(Hinted::error(
                message,
                "nothing was queued; fix the receiver and try again",
            ));
        }
        let status = result.response_status.unwrap_or_default();
        self.context.output.show(&told, |_| format!("{} answered {status}\n", webhook.name))
    }

    fn deliveries(&self, name: Option<&str>) -> Result<()> {
        /// How many are shown.
        const SHOWN: u32 = 1000;
        let webhook = name.map(|name| self.find(name)).transpose()?;
        let id = webhook.as_ref().map(|webhook| &webhook.id);
        let records = self.place.deliveries(id, PageSize::new(SHOWN)?)?;
        let lines: Vec<Value> = records.iter().map(delivery_line).collect();
        self.context.output.show(&lines, |_| {
            let rows = records.iter().map(delivery_row).collect();
            let header = ["QUEUED", "EVENT", "WEBHOOK", "SENT", "STATE", "LAST FAILURE"];
            table(&header, rows, "no messages are waiting and none failed")
        })
    }
}

/// Reads a secret, without the line's end.
fn read_secret(file: &Path) -> Result<String> {
    let mut text = String::new();
    match file == Path::new("-") {
        true => drop(io::stdin().read_to_string(&mut text)?),
        false => {
            let cannot = || format!("cannot read the secret in `{}`", file.display());
            text = fs::read_to_string(file).with_context(cannot)?;
        }
    }
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn events(webhook: &WebhookSummary) -> Vec<String> {
    webhook.events.iter().map(|event| event.to_string()).collect()
}

/// Shows where requests go, without what may be secret in the rest of the URL.
fn host(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}")
}

fn line(webhook: &WebhookSummary) -> Value {
    json!({
        "webhook_id": webhook.id.as_str(),
        "name": webhook.name.as_str(),
        "description": webhook.description,
        "url": webhook.url,
        "events": events(webhook),
        "status": webhook.status.as_str(),
        "is_signed": webhook.is_signed,
        "creation_timestamp": webhook.creation_timestamp_ms,
        "last_updated_timestamp": webhook.last_updated_timestamp_ms,
    })
}

fn delivery_line(record: &DeliveryRecord) -> Value {
    let (state, at_ms) = match record.state {
        DeliveryState::Due(at_ms) => ("due", at_ms),
        DeliveryState::Failed(at_ms) => ("failed", at_ms),
    };
    json!({
        "delivery_id": record.delivery_id,
        "webhook_id": record.webhook.as_str(),
        "event": record.event,
        "created": record.created_ms,
        "attempts": record.attempts,
        "state": state,
        "at": at_ms,
        "reason": record.reason,
    })
}

fn delivery_row(record: &DeliveryRecord) -> Vec<String> {
    let state = match record.state {
        DeliveryState::Due(at_ms) => format!("due {}", time(at_ms)),
        DeliveryState::Failed(at_ms) => format!("given up {}", time(at_ms)),
    };
    vec![
        time(record.created_ms),
        record.event.clone(),
        record.webhook.to_string(),
        record.attempts.to_string(),
        state,
        record.reason.clone().unwrap_or_default(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_secret_in_a_url_is_not_shown() {
        assert_eq!(
            host("https://a:b@hooks.example.com:8443/T0/s3cret?x=1"),
            "https://hooks.example.com:8443"
        );
        assert_eq!(host("https://example.com"), "https://example.com");
    }
}
