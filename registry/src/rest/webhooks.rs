//! `webhooks/…`: MLflow's API of webhooks, and beside it what MLflow has none of.
//!
//! MLflow's clients cannot read an event that is not MLflow's. So `events` has only MLflow's, ours
//! stand in `mlctl_events`, and a webhook without any of MLflow's is not in MLflow's list.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use mlctl_wire::ErrorCode;
use mlctl_wire::page;
use mlctl_wire::rest::{Failure, Parameters, Payload, blocking, required};
use serde::Serialize;

use super::webhook_events::{kind, kinds, own_kind, own_kinds};
use super::{Answer, Empty};
use crate::entity::PageSize;
use crate::error::{Error, Result};
use crate::webhook::message::{
    CreateWebhook, DeliveriesAnswer, DeliveryLine, ListDeliveries, ListWebhooks, TestAnswer,
    TestWebhook, UpdateWebhook, WebhookAnswer, WebhookLine, WebhooksAnswer,
};
use crate::webhook::{
    NewWebhook, SealedSecret, Sender, WebhookId, WebhookName, WebhookPosition, WebhookQuery,
    WebhookStatus, WebhookStore, WebhookSummary, WebhookUpdate,
};

/// Webhooks on a page when the request does not say, and at most (MLflow's numbers).
const PAGE_DEFAULT: i64 = 100;
const PAGE_MAX: i64 = 1000;
/// What a page token is for.
const SCOPE: &str = "webhooks";

/// What the handlers of webhooks work with.
#[derive(Clone, Debug)]
pub struct WebhookService {
    store: Arc<dyn WebhookStore>,
    sender: Arc<Sender>,
}

impl WebhookService {
    /// Serves the webhooks of `store`; `sender` checks where they are and tries them.
    pub fn new(store: Arc<dyn WebhookStore>, sender: Arc<Sender>) -> Self {
        Self { store, sender }
    }

    async fn call<T: Serialize + Send + 'static>(
        &self,
        work: impl FnOnce(&dyn WebhookStore, i64) -> Result<T> + Send + 'static,
    ) -> Answer<T> {
        self.ask(work).await.map(Json)
    }

    /// Runs one call of the store where it may block.
    async fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn WebhookStore, i64) -> Result<T> + Send + 'static,
    ) -> std::result::Result<T, Failure> {
        let (store, now_ms) = (Arc::clone(&self.store), self.sender.now_ms());
        blocking(move || work(store.as_ref(), now_ms)).await
    }

    /// Seals the secret of a request; an empty one is none.
    fn seal(&self, secret: Option<String>) -> Result<Option<SealedSecret>> {
        let Some(secret) = secret.filter(|secret| !secret.is_empty()) else { return Ok(None) };
        let Some(key) = &self.sender.settings().secret_key else {
            let problem = "a webhook's secret is stored encrypted, and the server has no key to \
                           encrypt it: set MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY";
            return Err(Error::WebhookRefused(problem.to_owned()));
        };
        Ok(Some(key.seal(&secret, self.sender.now_ms())))
    }
}

/// Builds the routes of webhooks below `/api/2.0/mlflow`.
pub fn webhook_router(service: WebhookService) -> Router {
    Router::new()
        .route("/webhooks", get(list).post(create))
        .route("/webhooks/{webhook_id}", get(get_webhook).patch(update).delete(remove))
        .route("/webhooks/{webhook_id}/test", axum::routing::post(test))
        .with_state(service)
}

/// Builds the routes of webhooks below `/api/2.0/mlctl`: all of them, and what is on its way.
pub fn own_webhook_router(service: WebhookService) -> Router {
    Router::new()
        .route("/registry/webhooks", get(list_all))
        .route("/registry/webhooks/deliveries", get(deliveries))
        .with_state(service)
}

fn answer(webhook: crate::webhook::Webhook) -> WebhookAnswer {
    WebhookAnswer { webhook: Some(WebhookSummary::from(webhook).into()) }
}

async fn create(
    State(service): State<WebhookService>,
    Payload(request): Payload<CreateWebhook>,
) -> Answer<WebhookAnswer> {
    let name = required(request.name, "name")?;
    let url = required(request.url, "url")?;
    if request.events.is_none() && request.mlctl_events.is_none() {
        return Err(Failure::missing("events"));
    }
    let events = kinds(&request.events.unwrap_or_default())?;
    let own = own_kinds(&request.mlctl_events.unwrap_or_default())?;
    let status = request.status.filter(|status| !status.is_empty());
    let new = NewWebhook {
        name: WebhookName::parse(&name)?,
        description: request.description.filter(|text| !text.is_empty()),
        events: events.iter().chain(own.iter()).collect(),
        status: status.map_or(Ok(WebhookStatus::Active), |text| WebhookStatus::parse(&text))?,
        secret: service.seal(request.secret)?,
        url,
    };
    service.sender.check(&new.url).await?;
    service.call(move |store, now_ms| store.create_webhook(&new, now_ms).map(answer)).await
}

async fn get_webhook(
    State(service): State<WebhookService>,
    Path(id): Path<String>,
) -> Answer<WebhookAnswer> {
    service.call(move |store, _| store.get_webhook(&WebhookId::new(id)).map(answer)).await
}

async fn update(
    State(service): State<WebhookService>,
    Path(id): Path<String>,
    Payload(request): Payload<UpdateWebhook>,
) -> Answer<WebhookAnswer> {
    let id = WebhookId::new(id);
    let looked_up = id.clone();
    service.ask(move |store, _| store.get_webhook(&looked_up)).await?;
    let said = |text: Option<String>| text.filter(|text| !text.is_empty());
    let update = WebhookUpdate {
        name: said(request.name).map(|text| WebhookName::parse(&text)).transpose()?,
        description: request.description,
        url: said(request.url),
        mlflow_events: request
            .events
            .as_deref()
            .filter(|events| !events.is_empty())
            .map(kinds)
            .transpose()?,
        own_events: request.mlctl_events.as_deref().map(own_kinds).transpose()?,
        status: request.status.map(|text| WebhookStatus::parse(&text)).transpose()?,
        secret: match request.secret {
            None => None,
            given => Some(service.seal(given)?),
        },
    };
    if let Some(url) = &update.url {
        service.sender.check(url).await?;
    }
    service.call(move |store, now_ms| store.update_webhook(&id, &update, now_ms).map(answer)).await
}

async fn remove(State(service): State<WebhookService>, Path(id): Path<String>) -> Answer<Empty> {
    service
        .call(move |store, now_ms| {
            store.delete_webhook(&WebhookId::new(id), now_ms)?;
            Ok(Empty {})
        })
        .await
}

async fn test(
    State(service): State<WebhookService>,
    Path(id): Path<String>,
    Payload(request): Payload<TestWebhook>,
) -> Answer<TestAnswer> {
    let kind = match request.mlctl_event {
        Some(name) => Some(own_kind(&name)?),
        None => request.event.as_ref().map(kind).transpose()?,
    };
    let webhook = service.ask(move |store, _| store.get_webhook(&WebhookId::new(id))).await?;
    let result = service.sender.test(&webhook, kind).await;
    Ok(Json(TestAnswer { result: Some(result.into()) }))
}

async fn list(
    State(service): State<WebhookService>,
    Parameters(request): Parameters<ListWebhooks>,
) -> Answer<WebhooksAnswer> {
    page_of(service, request, true).await
}

async fn list_all(
    State(service): State<WebhookService>,
    Parameters(request): Parameters<ListWebhooks>,
) -> Answer<WebhooksAnswer> {
    page_of(service, request, false).await
}

async fn page_of(
    service: WebhookService,
    request: ListWebhooks,
    mlflow_only: bool,
) -> Answer<WebhooksAnswer> {
    let token = request.page_token.filter(|token| !token.is_empty());
    let after = token.map(|token| page::open::<WebhookPosition>(SCOPE, &token));
    let after = after.transpose().map_err(|_| Error::PageToken)?;
    let query = WebhookQuery { mlflow_only, size: size(request.max_results)?, after };
    service
        .call(move |store, _| {
            let page = store.list_webhooks(&query)?;
            Ok(WebhooksAnswer {
                webhooks: page.items.into_iter().map(|one| line(one, mlflow_only)).collect(),
                next_page_token: page.next.map(|position| page::seal(SCOPE, &position)),
            })
        })
        .await
}

/// Spells a webhook; MLflow's list says no more than MLflow's server does.
fn line(webhook: crate::webhook::Webhook, is_mlflows: bool) -> WebhookLine {
    let summary = WebhookSummary::from(webhook);
    let mlctl_is_signed = summary.is_signed.filter(|_| !is_mlflows);
    WebhookLine { mlctl_is_signed, ..summary.into() }
}

async fn deliveries(
    State(service): State<WebhookService>,
    Parameters(request): Parameters<ListDeliveries>,
) -> Answer<DeliveriesAnswer> {
    let size = size(request.max_results)?;
    let webhook = request.webhook_id.map(WebhookId::new);
    service
        .call(move |store, _| {
            let found = store.list_deliveries(webhook.as_ref(), size)?;
            let deliveries = found.into_iter().map(DeliveryLine::from).collect();
            Ok(DeliveriesAnswer { deliveries })
        })
        .await
}

fn size(max_results: Option<i64>) -> std::result::Result<PageSize, Failure> {
    // MLflow's server takes 0 for not given.
    let rows = max_results.filter(|rows| *rows != 0).unwrap_or(PAGE_DEFAULT);
    let rows = u32::try_from(rows).ok().filter(|rows| (1..=PAGE_MAX).contains(&i64::from(*rows)));
    rows.and_then(|rows| PageSize::new(rows).ok()).ok_or_else(|| {
        let message = format!("max_results must be between 1 and {PAGE_MAX}.");
        Failure::new(ErrorCode::InvalidParameterValue, message)
    })
}
