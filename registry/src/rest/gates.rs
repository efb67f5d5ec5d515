//! `registry/gates` and `registry/check`: what stands between a version and a stage.

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use mlctl_wire::rest::{Parameters, Payload};

use super::actor::Actor;
use super::{Answer, Service, candidate, model_name, refuse};
use crate::error::Result;
use crate::gate::{GateReport, Gates};
use crate::id::ModelName;
use crate::message::{GateOfModel, GatesAnswer, OfCandidate, OfModel, SetGates};
use crate::store;

pub(super) fn routes() -> Router<Service> {
    Router::new().route("/registry/check", get(check)).route("/registry/gates", get(read).post(set))
}

async fn check(
    State(service): State<Service>,
    Parameters(request): Parameters<OfCandidate>,
) -> Answer<GateReport> {
    let candidate = candidate(request)?;
    service.call(move |service| service.store.check_transition(&candidate)).await
}

async fn read(
    State(service): State<Service>,
    Parameters(request): Parameters<OfModel>,
) -> Answer<GatesAnswer> {
    let name = model_name(request.name, "name")?;
    service.call(move |service| service.gates(&name)).await
}

async fn set(
    State(service): State<Service>,
    actor: Actor,
    Payload(request): Payload<SetGates>,
) -> Answer<GatesAnswer> {
    let name = model_name(request.name, "name")?;
    let gates = refuse(Gates::parse(&request.gates.unwrap_or_default()))?;
    service
        .call(move |service| {
            store::set_gates(service.store.as_ref(), &name, &gates, &service.stamp(actor))?;
            service.gates(&name)
        })
        .await
}

impl Service {
    fn gates(&self, name: &ModelName) -> Result<GatesAnswer> {
        let gates = store::gates(self.store.as_ref(), name)?;
        let conditions = gates.list.iter().flat_map(|gate| {
            gate.conditions.iter().map(|condition| GateOfModel {
                stage: Some(gate.stage.to_string()),
                condition: Some(condition.to_string()),
            })
        });
        Ok(GatesAnswer {
            name: Some(name.to_string()),
            gates: Some(gates.to_string()),
            conditions: conditions.collect(),
        })
    }
}
