//! `mlctl registry lineage`: datasets → run → logged model → version → stage changes.

use super::Desk;
use super::show::describe_change;
use crate::cli::LineageFormat;
use crate::output::{printable, time};
use crate::stores::{self, Missing};
use anyhow::Result;
use mlctl_registry::{Change, Event, ModelVersion};
use mlctl_tracking::entity::{LoggedModel, Run};
use mlctl_tracking::{ModelId, RunId};
use mlctl_wire::ErrorCode;
use serde::Serialize;
use std::collections::BTreeMap;

/// Everything that led to a version, and what became of it.
#[derive(Debug, Serialize)]
struct Lineage {
    datasets: Vec<Source>,
    run: Option<Origin>,
    logged_model: Option<Model>,
    version: ModelVersion,
    events: Vec<Event>,
}

/// A dataset that the run read.
#[derive(Debug, Serialize)]
struct Source {
    name: String,
    digest: String,
    source_type: String,
    context: Option<String>,
}

/// The run that made the model.
#[derive(Debug, Serialize)]
struct Origin {
    run_id: String,
    run_name: String,
    user_id: String,
    start_time: i64,
    /// The commit of the code.
    commit: Option<String>,
    /// The project or program.
    source_name: Option<String>,
    entry_point: Option<String>,
    params: BTreeMap<String, String>,
    metrics: BTreeMap<String, f64>,
}

/// The logged model that was registered.
#[derive(Debug, Serialize)]
struct Model {
    model_id: String,
    name: String,
    model_type: Option<String>,
}

impl Desk<'_> {
    pub(super) fn lineage(&self, name: &str, version: &str, format: LineageFormat) -> Result<()> {
        let version = self.version(name, version)?;
        let events = self.events(&version.name, Some(version.version))?;
        let (model, run) = self.makers(&version, &events)?;
        let lineage = Lineage {
            datasets: run.as_ref().map(sources).unwrap_or_default(),
            run: run.as_ref().map(origin),
            logged_model: model.map(|model| Model {
                model_id: model.model_id.to_string(),
                name: model.name,
                model_type: model.model_type,
            }),
            version,
            events,
        };
        self.context.output.show(&lineage, |lineage| match format {
            LineageFormat::Text => lineage.text(),
            LineageFormat::Mermaid => lineage.mermaid(),
        })
    }

    /// Finds the logged model and the run; what is gone, or on a server of others, is left out.
    fn makers(
        &self,
        version: &ModelVersion,
        events: &[Event],
    ) -> Result<(Option<LoggedModel>, Option<Run>)> {
        if !stores::exists(&self.context.config) {
            return Ok((None, None));
        }
        let tracking = stores::tracking(&self.context.config, Missing::Refuse)?;
        let from_event = events.iter().find_map(|event| match &event.change {
            Change::VersionCreated { model_id, .. } => model_id.clone(),
            _ => None,
        });
        let from_source = || {
            let id = version.source.strip_prefix("models:/")?;
            id.starts_with("m-").then(|| id.to_owned())
        };
        let model = from_event.filter(|id| !id.is_empty()).or_else(from_source);
        let model = model.and_then(|id| ModelId::parse(id).ok());
        let model = match model {
            Some(id) => there(tracking.store.logged_model(&id))?,
            None => None,
        };
        let from_model = || model.as_ref()?.source_run_id.as_ref().map(ToString::to_string);
        let run_id = version.run_id.clone().filter(|id| !id.is_empty()).or_else(from_model);
        let run_id = run_id.and_then(|id| RunId::parse(id).ok());
        let run = match run_id {
            Some(id) => there(tracking.store.run(&id))?,
            None => None,
        };
        Ok((model, run))
    }
}

/// Takes what is not there, or cannot be on such a store, for none; a store that fails is an error.
fn there<T>(outcome: mlctl_tracking::Result<T>) -> Result<Option<T>> {
    match outcome {
        Ok(it) => Ok(Some(it)),
        Err(error) => match error.code() {
            ErrorCode::ResourceDoesNotExist
            | ErrorCode::EndpointNotFound
            | ErrorCode::NotImplemented => Ok(None),
            _ => Err(error.into()),
        },
    }
}

fn sources(run: &Run) -> Vec<Source> {
    let inputs = run.inputs.dataset_inputs.iter();
    let source = |input: &mlctl_tracking::entity::DatasetInput| {
        let context = input.tags.iter().find(|tag| tag.key.as_str() == "mlflow.data.context");
        Source {
            name: input.dataset.name.clone(),
            digest: input.dataset.digest.clone(),
            source_type: input.dataset.source_type.clone(),
            context: context.map(|tag| tag.value.clone()),
        }
    };
    inputs.map(source).collect()
}

fn origin(run: &Run) -> Origin {
    let tag = |key: &str| {
        let found = run.data.tags.iter().find(|tag| tag.key.as_str() == key);
        found.map(|tag| tag.value.clone()).filter(|value| !value.is_empty())
    };
    let params = run.data.params.iter();
    let metrics = run.data.metrics.iter();
    Origin {
        run_id: run.info.run_id.to_string(),
        run_name: run.info.run_name.clone(),
        user_id: run.info.user_id.clone(),
        start_time: run.info.start_time,
        commit: tag("mlflow.source.git.commit"),
        source_name: tag("mlflow.source.name"),
        entry_point: tag("mlflow.project.entryPoint"),
        params: params.map(|param| (param.key.to_string(), param.value.clone())).collect(),
        metrics: metrics.map(|metric| (metric.key.to_string(), metric.value)).collect(),
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

impl Source {
    fn format(&self) -> String {
        let context = self.context.as_ref().map(|context| format!(", {context}"));
        let context = context.unwrap_or_default();
        format!("{} ({}, {}{context})", self.name, self.source_type, short(&self.digest))
    }
}

impl Origin {
    /// Says in lines what is known.
    fn lines(&self) -> Vec<String> {
        let code = [
            self.source_name.clone(),
            self.entry_point.as_ref().map(|name| format!("entry point {name}")),
            self.commit.as_ref().map(|commit| format!("commit {}", short(commit))),
        ];
        let code: Vec<String> = code.into_iter().flatten().collect();
        let mut lines = vec![
            format!("{} ({})", self.run_name, self.run_id),
            format!("{} by {}", time(self.start_time), self.user_id),
        ];
        lines.extend(Some(code.join(", ")).filter(|code| !code.is_empty()));
        let params = Some(&self.params).filter(|params| !params.is_empty());
        lines.extend(params.map(|params| format!("params {}", pairs(params))));
        let metrics = Some(&self.metrics).filter(|metrics| !metrics.is_empty());
        lines.extend(metrics.map(|metrics| format!("metrics {}", pairs(metrics))));
        lines
    }
}

impl Lineage {
    /// Lists the steps: what they are, and what is to be said about each.
    fn steps(&self) -> Vec<(&'static str, Vec<String>)> {
        let mut steps: Vec<(&'static str, Vec<String>)> = Vec::new();
        steps.extend(self.datasets.iter().map(|source| ("dataset", vec![source.format()])));
        steps.extend(self.run.as_ref().map(|run| ("run", run.lines())));
        steps.extend(self.logged_model.as_ref().map(|model| {
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
