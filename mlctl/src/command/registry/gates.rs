//! The commands about what a version must meet to enter a stage, and who agrees.

use super::Desk;
use crate::Outcome;
use crate::cli::{Candidate as Asked, Reason};
use crate::output::{table, time};
use anyhow::Result;
use mlctl_registry::gate::{GateReport, Gates};
use mlctl_registry::{Candidate, ModelName, Request, Stage, store};
use std::process::ExitCode;

impl Desk<'_> {
    fn candidate(&self, asked: &Asked) -> Result<Candidate> {
        let version = self.version(&asked.name, &asked.version)?;
        let stage = Stage::parse(&asked.stage)?;
        Ok(Candidate { model: version.name, version: version.version, stage })
    }

    pub(super) fn check(&self, asked: &Asked) -> Outcome {
        let report = self.store.check_transition(&self.candidate(asked)?)?;
        self.context.output.show(&report, format_report)?;
        Ok(if report.passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    pub(super) fn gates(&self, name: &str, gates: Option<&str>, reason: Reason) -> Result<()> {
        let name = ModelName::parse(name)?;
        if let Some(text) = gates {
            store::set_gates(self.store, &name, &Gates::parse(text)?, &self.stamp(reason))?;
        }
        let gates = store::gates(self.store, &name)?.to_string();
        self.context.output.show(&gates, |gates| match gates.as_str() {
            "" => "no gates: every version may enter every stage\n".to_owned(),
            gates => format!("{gates}\n"),
        })
    }

    pub(super) fn stages(&self, name: &str, rules: Option<&str>, reason: Reason) -> Result<()> {
        let name = ModelName::parse(name)?;
        if let Some(text) = rules {
            store::set_stage_rules(self.store, &name, text, &self.stamp(reason))?;
        }
        let rules = store::own_stage_rules(self.store, &name)?;
        let rules = rules.or_else(|| self.context.config.registry_stages.value.clone());
        let rules = rules.unwrap_or_default();
        self.context.output.show(&rules, |rules| match rules.as_str() {
            "" => "None, Staging, Production and Archived; all moves are allowed\n".to_owned(),
            rules => format!("{rules}\n"),
        })
    }

    pub(super) fn request(&self, asked: &Asked, reason: Reason) -> Result<()> {
        let candidate = self.candidate(asked)?;
        self.store.request_transition(&candidate, &self.stamp(reason))?;
        self.context.output.print_text(&format!("requested {candidate}"))
    }

    pub(super) fn approve(&self, asked: &Asked, reason: Reason) -> Result<()> {
        let candidate = self.candidate(asked)?;
        self.store.approve_transition(&candidate, &self.stamp(reason))?;
        self.context.output.print_text(&format!("approved {candidate}"))
    }

    pub(super) fn reject(&self, asked: &Asked, reason: Reason) -> Result<()> {
        let candidate = self.candidate(asked)?;
        self.store.reject_transition(&candidate, &self.stamp(reason))?;
        self.context.output.print_text(&format!("rejected {candidate}"))
    }

    pub(super) fn requests(&self, name: &str) -> Result<()> {
        let name = ModelName::parse(name)?;
        let requests = self.store.requests(&name)?;
        let note = self.store.who_approves(&name)?;
        self.context.output.show(&requests, |requests| {
            let rows = requests.iter().map(request_row).collect();
            let mut text = table(
                &["VERSION", "STAGE", "REQUESTED", "BY", "WHY", "APPROVED BY"],
                rows,
                "no requests",
            );
            text.extend(note.map(|note| format!("{note}\n")));
            text
        })
    }
}

fn request_row(request: &Request) -> Vec<String> {
    let approved = request.approved.as_ref().map(|stamp| stamp.who.clone());
    vec![
        request.version.to_string(),
        request.stage.to_string(),
        time(request.requested.at_ms),
        request.requested.who.clone(),
        request.requested.why.clone().unwrap_or_default(),
        approved.unwrap_or_default(),
    ]
}

fn format_report(report: &GateReport) -> String {
    let verdict = if report.passed { "may" } else { "may not" };
    let (version, model, stage) = (report.version, &report.model, &report.stage);
    let mut text = format!("version {version} of {model} {verdict} enter {stage}\n");
    if !report.is_reachable() {
        let reachable: Vec<String> = report.reachable.iter().map(ToString::to_string).collect();
        text.push_str(&format!("from {} it may go to {}\n", report.from, reachable.join(", ")));
    }
    let row = |finding: &mlctl_registry::gate::Finding| {
        let mark = if finding.passed { "met" } else { "NOT MET" };
        vec![mark.to_owned(), finding.condition.to_string(), finding.says.clone()]
    };
    if !report.findings.is_empty() {
        text.push_str(&table(&[], report.findings.iter().map(row).collect(), ""));
    }
    text
}
