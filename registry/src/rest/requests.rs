//! `registry/requests`: who wants a version in a stage, and who agrees.

use axum::Extension;
use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use mlctl_wire::ErrorCode;
use mlctl_wire::rest::{Failure, Parameters, Payload};

use super::Caller;
use super::actor::Actor;
use super::{Answer, Service, candidate, model_name};
use crate::approval::{Candidate, Request};
use crate::entity::Stamp;
use crate::error::Result;
use crate::message::{OfCandidate, OfModel, RequestAnswer, RequestsAnswer};
use crate::store::RegistryStore;

/// Why a server without users takes no approvals: one client could request and approve as two.
pub(super) const REFUSED: &str = "this server does not accept approvals, because it has no users \
                                  and cannot verify who approves; with --trust-user-header it \
                                  trusts the user name that a client sends";

pub(super) fn routes() -> Router<Service> {
    Router::new()
        .route("/registry/requests", get(list).post(create))
        .route("/registry/requests/approve", post(approve))
        .route("/registry/requests/reject", post(reject))
}

async fn list(
    State(service): State<Service>,
    caller: Option<Extension<Caller>>,
    Parameters(request): Parameters<OfModel>,
) -> Answer<RequestsAnswer> {
    let name = model_name(request.name, "name")?;
    let approvals = match (caller, service.trusts_user_header) {
        (Some(_), _) => "this server verifies who requests and approves",
        (None, true) => {
            "the names of who requests and approves are sent by clients and not \
                         verified"
        }
        (None, false) => REFUSED,
    };
    let approvals = Some(approvals.to_owned());
    service
        .call(move |service| {
            Ok(RequestsAnswer { requests: service.store.requests(&name)?, approvals })
        })
        .await
}

async fn create(
    State(service): State<Service>,
    actor: Actor,
    Payload(request): Payload<OfCandidate>,
) -> Answer<RequestAnswer> {
    act(service, actor, request, |store, of, stamp| store.request_transition(of, stamp)).await
}

async fn approve(
    State(service): State<Service>,
    actor: Actor,
    Payload(request): Payload<OfCandidate>,
) -> Answer<RequestAnswer> {
    if !actor.is_checked && !service.trusts_user_header {
        return Err(Failure::new(ErrorCode::PermissionDenied, REFUSED));
    }
    act(service, actor, request, |store, of, stamp| store.approve_transition(of, stamp)).await
}

async fn reject(
    State(service): State<Service>,
    actor: Actor,
    Payload(request): Payload<OfCandidate>,
) -> Answer<RequestAnswer> {
    act(service, actor, request, |store, of, stamp| store.reject_transition(of, stamp)).await
}

async fn act(
    service: Service,
    actor: Actor,
    request: OfCandidate,
    act: fn(&dyn RegistryStore, &Candidate, &Stamp) -> Result<Request>,
) -> Answer<RequestAnswer> {
    let candidate = candidate(request)?;
    service
        .call(move |service| {
            let request = act(service.store.as_ref(), &candidate, &service.stamp(actor))?;
            Ok(RequestAnswer { request: Some(request) })
        })
        .await
}
