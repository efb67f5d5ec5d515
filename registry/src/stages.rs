//! Which stages a model has, and which moves between them are allowed.
//!
//! Every model has MLflow's four. Its tag `mlctl.stages`, or else what the host configures, names
//! further ones and draws arrows:
//!
//! ```text
//! Staging -> Shadow -> Production; * -> (Rejected)
//! ```
//!
//! - A stage with arrows into it is entered only along them; one without is entered from
//!   everywhere. So here `Production` is entered from `Shadow` only, and `Staging`, `None` and
//!   `Archived` from anywhere. A version may always go where it is.
//! - `A, B -> C` is `A -> C` and `B -> C`; `*` left of an arrow is every stage; a name without an
//!   arrow is only made known. Rules are parted by `;` or a line's end; `→` is an arrow too.
//! - A stage serves: `models:/churn/Shadow` is meant to be used, and existing versions can be
//!   archived out of it. One in parentheses does not, like `None` and `Archived`.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, Result};
use crate::id::Stage;

/// The stages of a model, and from where each may be entered.
///
/// ```
/// use mlctl_registry::{Stage, StageRules};
///
/// let rules = StageRules::parse("Staging -> Shadow -> Production")?;
///
/// let shadow = rules.find("shadow")?;
/// assert!(rules.may_go(&shadow, &Stage::PRODUCTION));
/// assert!(!rules.may_go(&Stage::STAGING, &Stage::PRODUCTION));
/// # Ok::<(), mlctl_registry::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageRules {
    /// In the order of a version's life: `Production` and `Archived` come last.
    stages: Vec<Stage>,
    idle: BTreeSet<Stage>,
    /// From where a stage may be entered; those that are not here, from everywhere.
    entries: BTreeMap<Stage, BTreeSet<Stage>>,
}

impl Default for StageRules {
    /// MLflow's stages, and every move between them.
    fn default() -> Self {
        Self {
            stages: Stage::ALL.to_vec(),
            idle: [Stage::NONE, Stage::ARCHIVED].into(),
            entries: BTreeMap::new(),
        }
    }
}

/// The most stages that a model may have.
const STAGES_MAX: usize = 64;

impl StageRules {
    /// Reads rules; no text leaves MLflow's stages.
    pub fn parse(text: &str) -> Result<Self> {
        let mut rules = Self::default();
        let mut arrows = Vec::new();
        for rule in text.split([';', '\n']).filter(|rule| !rule.trim().is_empty()) {
            let rule = rule.replace('→', "->");
            let steps = rule.split("->").map(|step| rules.read_step(step, &rule));
            let steps = steps.collect::<Result<Vec<_>>>()?;
            if steps.iter().skip(1).any(|step| *step == Step::Any) || steps == [Step::Any] {
                return Err(invalid(&rule, "`*` is only allowed on the left of an arrow"));
            }
            arrows.extend(steps.windows(2).map(|pair| (pair[0].clone(), pair[1].clone())));
        }
        for (from, to) in arrows {
            let Step::Of(to) = to else { continue };
            let from = match from {
                Step::Any => rules.stages.clone(),
                Step::Of(stages) => stages,
            };
            for stage in to {
                rules.entries.entry(stage).or_default().extend(from.iter().cloned());
            }
        }
        Ok(rules)
    }

    /// Reads what stands between arrows, and makes its stages known.
    fn read_step(&mut self, step: &str, rule: &str) -> Result<Step> {
        if step.trim() == "*" {
            return Ok(Step::Any);
        }
        let stages = step.split(',').map(|name| self.declare(name.trim(), rule));
        stages.collect::<Result<_>>().map(Step::Of)
    }

    fn declare(&mut self, name: &str, rule: &str) -> Result<Stage> {
        if name.is_empty() {
            return Err(invalid(rule, "a stage is missing"));
        }
        let inner = name.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
        let stage = Stage::parse(inner.unwrap_or(name).trim())?;
        let stage = match self.find(stage.as_str()) {
            Ok(known) => known,
            Err(_) if self.stages.len() == STAGES_MAX => {
                return Err(invalid(rule, "a model can have at most 64 stages"));
            }
            Err(_) => {
                let before_production = self.stages.len() - 2;
                self.stages.insert(before_production, stage.clone());
                stage
            }
        };
        if inner.is_some() {
            if [Stage::STAGING, Stage::PRODUCTION].contains(&stage) {
                return Err(invalid(rule, "Staging and Production must not be in parentheses"));
            }
            self.idle.insert(stage.clone());
        }
        Ok(stage)
    }

    /// Finds the stage that a name means, in any case.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the list of all stages.
    pub fn find(&self, name: &str) -> Result<Stage> {
        let found = self.stages.iter().find(|stage| stage.is_called(name));
        found.cloned().ok_or_else(|| {
            let stages: Vec<_> = self.stages.iter().map(ToString::to_string).collect();
            let words = format!(
                "Invalid Model Version stage: {name}. Value must be one of {}.",
                stages.join(", ")
            );
            Error::invalid("stage", name, format!("the stages are {}", listed(&self.stages)))
                .in_words(words)
        })
    }

    /// Returns every stage, in the order of a version's life.
    pub fn all(&self) -> &[Stage] {
        &self.stages
    }

    /// Tells whether models are served from a stage: only there is one holder expected.
    pub fn serves(&self, stage: &Stage) -> bool {
        self.stages.contains(stage) && !self.idle.contains(stage)
    }

    /// Returns the stages that models are served from.
    pub fn serving(&self) -> Vec<Stage> {
        self.stages.iter().filter(|stage| self.serves(stage)).cloned().collect()
    }

    /// Tells whether a version may go from a stage to a stage.
    pub fn may_go(&self, from: &Stage, to: &Stage) -> bool {
        from == to || self.entries.get(to).is_none_or(|entries| entries.contains(from))
    }

    /// Returns the other stages that a version may go to.
    pub fn reachable(&self, from: &Stage) -> Vec<Stage> {
        let others = self.stages.iter().filter(|to| *to != from && self.may_go(from, to));
        others.cloned().collect()
    }
}

/// What stands between two arrows.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Any,
    Of(Vec<Stage>),
}

fn invalid(rule: &str, why: &'static str) -> Error {
    Error::invalid("rule of stages", rule.trim(), why)
}

/// Lists names as a sentence does.
pub(crate) fn listed(stages: &[Stage]) -> String {
    match stages {
        [] => "no other".to_owned(),
        [one] => one.to_string(),
        [first @ .., last] => {
            let first: Vec<_> = first.iter().map(Stage::as_str).collect();
            format!("{} and {last}", first.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tells what each stage leads to, in a line of text.
    #[track_caller]
    fn check(text: &str, want: Result<&str, &str>) {
        let got = StageRules::parse(text).map_err(|err| err.to_string()).map(|rules| {
            let name = |stage: &Stage| match rules.serves(stage) {
                true => stage.to_string(),
                false => format!("({stage})"),
            };
            let line = |from: &Stage| {
                let to = rules.reachable(from);
                let to: Vec<_> = to.iter().map(|to| to.as_str().chars().next().unwrap()).collect();
                format!("{}:{}", name(from), to.into_iter().collect::<String>())
            };
            rules.all().iter().map(line).collect::<Vec<_>>().join(" ")
        });
        assert_eq!(got.as_deref().map_err(String::as_str), want, "for {text:?}");
    }

    #[test]
    fn without_rules_everything_leads_everywhere() {
        check("", Ok("(None):SPA Staging:NPA Production:NSA (Archived):NSP"));
        check(" ;\n ", Ok("(None):SPA Staging:NPA Production:NSA (Archived):NSP"));
    }

    #[test]
    fn an_arrow_is_the_way_in() {
        check(
            "Staging -> Xray -> Production",
            Ok("(None):SA Staging:NXA Xray:NSPA Production:NSA (Archived):NS"),
        );
        check(
            "Staging → xray; XRAY, Archived → Production",
            Ok("(None):SA Staging:NxA xray:NSPA Production:NSA (Archived):NSP"),
        );
        check(
            "* -> (Rejected)\nStaging -> Production",
            Ok("(None):SRA Staging:NRPA (Rejected):NSA Production:NSRA (Archived):NSR"),
        );
        check("Xray", Ok("(None):SXPA Staging:NXPA Xray:NSPA Production:NSXA (Archived):NSXP"));
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        let stage = "a stage must be a letter, then letters, digits, `_` and `-`";
        check("A -> b c", Err(&format!("invalid stage `b c`: {stage}")));
        check("A -> ", Err("invalid rule of stages `A ->`: a stage is missing"));
        check(
            "A -> *",
            Err("invalid rule of stages `A -> *`: `*` is only allowed on the left of \
                             an arrow"),
        );
        check("*", Err("invalid rule of stages `*`: `*` is only allowed on the left of an arrow"));
        let serve = "invalid rule of stages `(Staging)`: Staging and Production must not be in \
                     parentheses";
        check("(Staging)", Err(serve));
        let many: Vec<_> = (0..61).map(|number| format!("s{number}")).collect();
        assert!(StageRules::parse(&many.join(";")).unwrap_err().to_string().contains("64"));
    }

    #[test]
    fn an_unknown_stage_is_refused_with_the_list() {
        let known = |text: &str, name: &str| {
            StageRules::parse(text).unwrap().find(name).map_err(|err| err.to_string())
        };
        assert_eq!(
            known("", "Prod").unwrap_err(),
            "invalid stage `Prod`: the stages are None, Staging, Production and Archived"
        );
        assert_eq!(
            known("Shadow", "Prod").unwrap_err(),
            "invalid stage `Prod`: the stages are None, Staging, Shadow, Production and Archived"
        );
        assert_eq!(known("Shadow", "SHADOW").unwrap().as_str(), "Shadow");
    }
}
