//! What stands between a version and a stage, with both numbers of each condition.

use super::registry;
use crate::reply::Result;
use crate::site::Site;
use crate::{format, widget};
use maud::{Markup, html};
use mlctl_registry::gate::Finding;
use mlctl_registry::{Candidate, GateReport, ModelVersion, Stage};

/// The reports of every stage that a version can go to.
pub(super) fn reports(site: &Site, version: &ModelVersion) -> Result<Vec<GateReport>> {
    let store = registry(site)?;
    let candidate =
        |stage: Stage| Candidate { model: version.name.clone(), version: version.version, stage };
    let here = store.check_transition(&candidate(version.current_stage.clone()))?;
    let others = here.reachable.into_iter().filter(|stage| *stage != version.current_stage);
    others.map(|stage| Ok(store.check_transition(&candidate(stage))?)).collect()
}

/// The conditions of one stage, and whether each is met.
pub(super) fn findings(report: &GateReport) -> Markup {
    html! {
        @if report.findings.is_empty() { p.quiet { "No conditions." } } @else {
            ul.findings { @for finding in &report.findings { li { (finding_row(finding)) } } }
        }
    }
}

fn finding_row(finding: &Finding) -> Markup {
    let (class, sign, word) = match finding.passed {
        true => ("good", "✓", "passed"),
        false => ("bad", "✕", "not met"),
    };
    html! {
        span.status.(class) { span aria-hidden="true" { (sign) } " " (word) } " "
        (widget::text(&finding.says))
        @if let (Some(value), Some(bound)) = (finding.value, finding.bound) {
            span.quiet { " (" (format::number(value)) " against " (format::number(bound)) ")" }
        }
    }
}
