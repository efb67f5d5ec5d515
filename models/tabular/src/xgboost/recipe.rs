//! What a model computes, told without its format.

use super::booster::Scorer;
use super::objective::Objective;
use super::{Wrapper, XgboostModel};
use mlctl_models_trees::recipe::{Answer, Classes, Forest, Linear, Link, Recipe, Rule, Scores};

impl XgboostModel {
    /// Tells what the model computes. A booster that was trained to tell classes apart gives them.
    ///
    /// # Errors
    /// What cannot be told.
    ///
    /// # Errors
    /// What has no such form.
    pub fn recipe(&self) -> Result<Recipe, String> {
        let booster = &self.booster;
        let scores = match &booster.learner {
            Scorer::Trees(ensemble) => Scores::Trees(Forest::of(ensemble)?),
            Scorer::Linear(linear) => {
                let wide = |list: &[f32]| list.iter().copied().map(f64::from).collect();
                let (weights, intercepts) = (wide(&linear.weights), wide(&linear.bias));
                Scores::Linear(Linear { weights, intercepts, skips_missing: true })
            }
        };
        Ok(Recipe {
            features: booster.features,
            names: (!booster.names.is_empty()).then(|| booster.names.clone()),
            rewrites_names: false,
            scalings: Vec::new(),
            scores,
            answer: self.answer()?,
        })
    }

    fn answer(&self) -> Result<Answer, String> {
        let booster = &self.booster;
        let is_classifier = self.wrapper == Wrapper::Classifier;
        let may_classify = is_classifier || self.wrapper == Wrapper::Booster;
        let is_pair = booster.groups == 1 && may_classify;
        let is_binary = booster.objective_name.starts_with("binary:") || is_classifier;
        Ok(match booster.objective {
            Objective::Softprob | Objective::Softmax if may_classify => Answer::Classes {
                labels: Classes::numbered(booster.groups),
                rule: Rule::Largest,
                odds: Some(vec![Link::Softmax]),
            },
            Objective::Logistic if is_pair && is_binary => Answer::Classes {
                labels: Classes::numbered(2),
                rule: Rule::Likelier,
                odds: Some(vec![Link::Logistic]),
            },
            Objective::Logistic if is_classifier => {
                return Err("it gives several labels to a row".to_owned());
            }
            _ if is_classifier => {
                let name = &booster.objective_name;
                return Err(format!("the objective `{name}` gives a classifier no probabilities"));
            }
            Objective::Softprob => Answer::Amounts(vec![Link::Softmax]),
            Objective::Softmax => {
                return Err("a regressor with the objective `multi:softmax`".to_owned());
            }
            Objective::Identity => Answer::Amounts(Vec::new()),
            Objective::Logistic => Answer::Amounts(vec![Link::Logistic]),
            Objective::Exp => Answer::Amounts(vec![Link::Exp]),
            Objective::Hinge => Answer::Amounts(vec![Link::Step]),
        })
    }
}
