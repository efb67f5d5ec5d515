//! What a booster computes, told without its format.

use super::booster::Booster;
use super::objective::Objective;
use mlctl_models_trees::recipe::{Answer, Classes, Forest, Link, Recipe, Rule, Scores};

impl Booster {
    /// Tells what the booster computes. One that was trained to tell classes apart gives them.
    ///
    /// # Errors
    /// What cannot be told.
    pub(super) fn recipe(&self) -> Result<Recipe, String> {
        // The names that LightGBM gives where the training data had none.
        let is_named = (0..).zip(&self.names).any(|(at, name)| *name != format!("Column_{at}"));
        Ok(Recipe {
            features: self.names.len(),
            names: is_named.then(|| self.names.clone()),
            rewrites_names: self.names.iter().any(|name| name.contains('_')),
            scalings: Vec::new(),
            scores: Scores::Trees(Forest::of(&self.ensemble)?),
            answer: self.answer(),
        })
    }

    fn answer(&self) -> Answer {
        let mut links: Vec<Link> =
            self.averaged.map(|count| Link::Divide(count as f64)).into_iter().collect();
        let classes = |links, count, rule| Answer::Classes {
            labels: Classes::numbered(count),
            rule,
            odds: Some(links),
        };
        match self.objective {
            Objective::Identity => {}
            Objective::Square => links.push(Link::Square),
            Objective::Exp => links.push(Link::Exp),
            Objective::LogOnePlusExp => links.push(Link::LogOnePlusExp),
            Objective::Logistic(sigmoid) => {
                links.extend([Link::Times(sigmoid), Link::Logistic]);
                if self.is_binary && self.groups() == 1 {
                    return classes(links, 2, Rule::Likelier);
                }
            }
            Objective::Softmax => {
                links.push(Link::Softmax);
                return classes(links, self.groups(), Rule::Largest);
            }
            Objective::OneVersusAll(sigmoid) => {
                links.extend([Link::Times(sigmoid), Link::Logistic]);
                return classes(links, self.groups(), Rule::Largest);
            }
        }
        Answer::Amounts(links)
    }
}
