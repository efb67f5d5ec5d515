//! `mlctl registry lineage`: datasets → run → logged model → version → stage changes.

use super::Desk;
use super::show::describe_change;
use crate::cli::LineageFormat;
use crate::output::{printable, time};
use crate::stores::{self, Missing};
use anyhow::Result;
use mlctl_registry::lineage::{Makers, makers};
use mlctl_registry::store::all_events;
use mlctl_registry::{Change, Event, ModelVersion};
use mlctl_tracking::lineage::{Lineage as Before, Origin, Source};
use serde::Serialize;
use std::collections::BTreeMap;

/// Everything that led to a version, and what became of it.
#[derive(Debug, Serialize)]
struct Lineage {
    #[serde(flatten)]
    before: Before,
    version: ModelVersion,
    events: Vec<Event>,
}

impl Desk<'_> {
    pub(super) fn lineage(&self, name: &str, version: &str, format: LineageFormat) -> Result<()> {
        let version = self.version(name, version)?;
        let events = all_events(self.store, &version.name, Some(version.version))?;
        let before = self.before(&makers(&version, &events))?;
        let lineage = Lineage { before, version, events };
        self.context.output.show(&lineage, |lineage| match format {
            LineageFormat::Text => lineage.text(),
            LineageFormat::Mermaid => lineage.mermaid(),
        })
    }

    /// Asks the tracking store, if there is one, what led to a version.
    fn before(&self, makers: &Makers) -> Result<Before> {
        if !stores::exists(&self.context.config) {
            return Ok(Before::default());
        }
        let tracking = stores::tracking(&self.context.config, Missing::Refuse)?;
        let (model_id, run_id) = (makers.model_id.as_deref(), makers.run_id.as_deref());
        Ok(Before::trace(tracking.store.as_ref(), model_id, run_id)?)
    }
}

/// Characters of a commit or digest that people are shown.
const SHORT: usize = 12;

fn short(text: &str) -> String {
    text.chars().take(SHORT).collect()
}

fn pairs<V: ToString>(map: &BTreeMap<String, V>) -> String {
    let pairs = map.iter().map(|(key, value)| format!("{key}={}", value.to_string()));
    pairs.collect::<Vec<_>>().join(", ")
}

fn source_text(source: &Source) -> String {
    let context = source.context.as_ref().map(|context| format!(", {context}"));
    let context = context.unwrap_or_default();
    format!("{} ({}, {}{context})", source.name, source.source_type, short(&source.digest))
}

/// Says in lines what is known of a run.
fn origin_lines(run: &Origin) -> Vec<String> {
    let code = [
        run.source_name.clone(),
        run.entry_point.as_ref().map(|name| format!("entry point {name}")),
        run.commit.as_ref().map(|commit| format!("commit {}", short(commit))),
    ];
    let code: Vec<String> = code.into_iter().flatten().collect();
    let mut lines = vec![
        format!("{} ({})", run.run_name, run.run_id),
        format!("{} by {}", time(run.start_time), run.user_id),
    ];
    lines.extend(Some(code.join(", ")).filter(|code| !code.is_empty()));
    let params = Some(&run.params).filter(|params| !params.is_empty());
    lines.extend(params.map(|params| format!("params {}", pairs(params))));
    let metrics = Some(&run.metrics).filter(|metrics| !metrics.is_empty());
    lines.extend(metrics.map(|metrics| format!("metrics {}", pairs(metrics))));
    lines
}

impl Lineage {
    /// Lists the steps: what they are, and what is to be said about each.
    fn steps(&self) -> Vec<(&'static str, Vec<String>)> {
        let mut steps: Vec<(&'static str, Vec<String>)> = Vec::new();
        let before = &self.before;
        steps.extend(before.datasets.iter().map(|one| ("dataset", vec![source_text(one)])));
        steps.extend(before.run.as_ref().map(|run| ("run", origin_lines(run))));
        steps.extend(before.logged_model.as_ref().map(|model| {
            let kind = model.model_type.as_ref().map(|kind| format!(", {kind}"));
            let text = format!("{} ({}{})", model.name, model.model_id, kind.unwrap_or_default());
            ("logged model", vec![text])
        }));
        let version = &self.version;
        let mut about = vec![format!("{} {}", version.name, version.version)];
        about.push(format!("from {}", version.source));
        about.push(format!("stage {}", version.current_stage));
        steps.push(("version", about));
        steps
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (what, lines) in self.steps() {
            for (at, line) in lines.iter().enumerate() {
                let label = if at == 0 { what } else { "" };
                text.push_str(&format!("{label:<14}{}\n", printable(line)));
            }
        }
        for event in &self.events {
            let why = event.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            let line = format!(
                "{} by {}, {}{why}",
                time(event.at_ms),
                event.who,
                describe_change(&event.change)
            );
            text.push_str(&format!("{:<14}{}\n", "event", printable(&line)));
        }
        text
    }

    /// Draws a flow chart in the language of <https://mermaid.js.org/syntax/flowchart.html>.
    fn mermaid(&self) -> String {
        let steps = self.steps();
        let first_of_line = steps.iter().take_while(|(what, _)| *what == "dataset").count();
        let mut text = "flowchart LR\n".to_owned();
        for (at, (what, lines)) in steps.iter().enumerate() {
            text.push_str(&format!("  n{at}[\"{what}<br>{}\"]\n", labels(lines)));
        }
        for at in 0..steps.len().saturating_sub(1) {
            let next = if at < first_of_line { first_of_line } else { at + 1 };
            text.push_str(&format!("  n{at} --> n{next}\n"));
        }
        let mut last = steps.len() - 1;
        let staged = |event: &&Event| matches!(event.change, Change::StageChanged { .. });
        for event in self.events.iter().filter(staged) {
            let at = last + 1;
            let lines =
                [describe_change(&event.change), format!("{} by {}", time(event.at_ms), event.who)];
            text.push_str(&format!("  n{at}([\"{}\"])\n  n{last} --> n{at}\n", labels(&lines)));
            last = at;
        }
        text
    }
}

/// Spells lines for inside of a quoted label, where what means something to Mermaid is an entity.
fn labels(lines: &[String]) -> String {
    let spelled = |line: &String| {
        let spell = |c: char| match c {
            '"' | '<' | '>' | '&' | '#' | '`' => format!("#{};", u32::from(c)),
            c if c.is_control() => " ".to_owned(),
            c => c.to_string(),
        };
        line.chars().map(spell).collect::<String>()
    };
    lines.iter().map(spelled).collect::<Vec<_>>().join("<br>")
}
