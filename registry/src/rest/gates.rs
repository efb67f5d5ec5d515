//! `registry/gates` and `registry/check`: what stands between a version and a stage.

use axum::extract::State;
use axum::routing::get;
use axum::{Extension, Router};
use mlctl_wire::rest::{Parameters, Payload};
use serde::{Deserialize, Serialize};

use super::actor::Actor;
use super::requests::REFUSED;
use super::{Answer, Caller, Service, candidate, model_name, refuse};
use crate::error::Result;
use crate::gate::{Condition, GateReport, Gates};
use crate::id::{ModelName, Stage};
use crate::message::{OfCandidate, OfModel};
use crate::store;

/// Gates to be set, as [`Gates::parse`] reads them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SetGates {
    name: Option<String>,
    gates: Option<String>,
}

/// The gates of a model, as one text and one by one.
#[derive(Debug, Serialize)]
struct GatesAnswer {
    name: ModelName,
    gates: String,
    conditions: Vec<ConditionOfStage>,
}

#[derive(Debug, Serialize)]
struct ConditionOfStage {
    stage: Stage,
    condition: Condition,
}

pub(super) fn routes() -> Router<Service> {
    Router::new()
        .route("/registry/check", get(check_transition))
        .route("/registry/gates", get(get_gates).post(set))
}

async fn check_transition(
    State(service): State<Service>,
    caller: Option<Extension<Caller>>,
    Parameters(request): Parameters<OfCandidate>,
) -> Answer<GateReport> {
    let candidate = candidate(request)?;
    let takes_approvals = caller.is_some() || service.trusts_user_header;
    service
        .call(move |service| {
            let mut report = service.store.check_transition(&candidate)?;
            let open = report.findings.iter_mut().filter(|finding| !finding.passed);
            for finding in open.filter(|finding| finding.condition == Condition::Approval) {
                if !takes_approvals {
                    finding.says = format!("{}; {REFUSED}", finding.says);
                }
            }
            Ok(report)
        })
        .await
}

async fn get_gates(
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
            gate.conditions.iter().map(|condition| ConditionOfStage {
                stage: gate.stage.clone(),
                condition: condition.clone(),
            })
        });
        let conditions = conditions.collect();
        Ok(GatesAnswer { name: name.clone(), gates: gates.to_string(), conditions })
    }
}
