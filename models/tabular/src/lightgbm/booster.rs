//! A booster: what computes raw scores, made of a model's text.

use super::objective::Objective;
use super::text::{ModelText, Part};
use super::trees;
use crate::matrix::{Columns, by_name, in_order};
use mlctl_models_format::Result;
use mlctl_models_trees::{Aggregate, Ensemble};
use mlctl_table::Table;
use serde_json::Value;
use std::collections::HashMap;

/// The most scores of a row: a small file must not ask for a large table.
const GROUPS_MAX: usize = 1 << 16;

/// A model that turns rows into raw scores, and these into predictions.
#[derive(Debug)]
pub(crate) struct Booster {
    pub(super) ensemble: Ensemble<f64>,
    pub(super) objective: Objective,
    /// Whether it was trained to tell two classes apart.
    pub(super) is_binary: bool,
    /// How many iterations a random forest's scores are divided by.
    pub(super) averaged: Option<usize>,
    pub(super) names: Vec<String>,
    /// By column, the codes of pandas' categories.
    categories: Vec<Option<Codes>>,
}

/// Where values stand among the categories of a column.
#[derive(Debug)]
enum Codes {
    Texts(HashMap<String, u32>),
    Numbers(Vec<f64>),
}

impl Booster {
    /// Reads a model's text, up to so many iterations.
    ///
    /// # Errors
    /// What is wrong with it, or not known here.
    pub(crate) fn from_text(
        text: &str,
        iterations: Option<usize>,
    ) -> std::result::Result<Self, String> {
        let ModelText { header, trees: parts, categories } = ModelText::parse(text)?;
        let groups: usize = header.value("num_tree_per_iteration")?;
        if groups == 0 || groups > GROUPS_MAX || parts.len() % groups != 0 {
            return Err(format!("{} trees do not make iterations of {groups}", parts.len()));
        }
        let names: Vec<String> = header.values("feature_names")?;
        if header.value::<usize>("max_feature_idx")?.checked_add(1) != Some(names.len()) {
            return Err(format!("`max_feature_idx` does not fit {} names", names.len()));
        }
        let objective = match header.has("objective") {
            true => Objective::parse(header.text("objective")?)?,
            // What a function of the user's trained has none.
            false => Objective::Identity,
        };
        let kept = (parts.len() / groups).min(iterations.unwrap_or(usize::MAX));
        let numbered = parts.iter().take(kept * groups).enumerate();
        let trees = numbered.map(|(at, part)| {
            trees::read(part, (at % groups) as u32).map_err(|error| format!("tree {at}: {error}"))
        });
        let trees = trees.collect::<std::result::Result<Vec<_>, _>>()?;
        Ok(Self {
            ensemble: Ensemble::build(&trees, names.len(), groups, Aggregate::Sum, &[])?,
            objective,
            is_binary: header
                .text("objective")
                .is_ok_and(|line| line.split_whitespace().next() == Some("binary")),
            averaged: header.has("average_output").then_some(kept.max(1)),
            categories: codes(&header, categories)?,
            names,
        })
    }

    /// Returns how many columns it takes.
    pub(crate) fn features(&self) -> usize {
        self.names.len()
    }

    /// Returns how many scores a row gets.
    pub(crate) fn groups(&self) -> usize {
        self.ensemble.targets()
    }

    /// Computes the raw scores of row-major `rows`: the sums of all trees.
    pub(crate) fn raw(&self, rows: &[f64], count: usize) -> Vec<f64> {
        let mut scores = vec![0.0; count * self.groups()];
        self.ensemble.score(rows, &mut scores);
        scores
    }

    /// Turns raw scores into predictions.
    pub(crate) fn predictions(&self, mut raw: Vec<f64>) -> Vec<f64> {
        if let Some(iterations) = self.averaged {
            raw.iter_mut().for_each(|score| *score /= iterations as f64);
        }
        self.objective.apply(&mut raw, self.groups());
        raw
    }

    /// Turns raw scores into a probability for each class: two for a binary model.
    ///
    /// # Errors
    /// The objective gives none.
    pub(crate) fn probabilities(&self, raw: Vec<f64>) -> std::result::Result<Vec<f64>, String> {
        let predictions = self.predictions(raw);
        match self.objective {
            Objective::Softmax | Objective::OneVersusAll(_) => Ok(predictions),
            Objective::Logistic(_) => {
                Ok(predictions.into_iter().flat_map(|value| [1.0 - value, value]).collect())
            }
            Objective::Identity | Objective::Square | Objective::Exp | Objective::LogOnePlusExp => {
                Err("its objective gives no probabilities".to_owned())
            }
        }
    }
}

impl Columns<f64> for Booster {
    fn count(&self) -> usize {
        self.names.len()
    }

    /// LightGBM goes by the order of columns alone. Here a table with exactly the model's names may
    /// have them in any order; any other table is taken as it stands.
    fn places(&self, table: &Table) -> Result<Vec<usize>> {
        let in_order = in_order(self.names.len(), table)?;
        let places = by_name(self.names.iter().map(String::as_str), table);
        if let Some(places) = places.into_iter().collect() {
            return Ok(places);
        }
        // LightGBM writes no spaces into its names.
        let find = |name: &String| {
            let mut columns = table.columns().iter();
            columns.position(|(found, _)| found.replace(char::is_whitespace, "_") == *name)
        };
        let places: Option<Vec<usize>> = self.names.iter().map(find).collect();
        Ok(places.unwrap_or(in_order))
    }

    /// A category that was not in the training data is missing, as in pandas.
    fn number(&self, column: usize, text: &str) -> Option<f64> {
        match self.categories.get(column)? {
            Some(Codes::Texts(codes)) => {
                Some(codes.get(text).map_or(f64::NAN, |code| f64::from(*code)))
            }
            Some(Codes::Numbers(_)) | None => None,
        }
    }

    fn is_coded(&self, column: usize) -> bool {
        self.categories.get(column).is_some_and(Option::is_some)
    }

    fn code(&self, column: usize, number: f64) -> Option<f64> {
        match self.categories.get(column)? {
            Some(Codes::Numbers(list)) => {
                let place = list.iter().position(|category| *category == number);
                Some(place.map_or(f64::NAN, |place| place as f64))
            }
            Some(Codes::Texts(_)) => None,
            None => Some(number),
        }
    }
}

/// Gives pandas' lists of categories to the columns that are categorical.
fn codes(
    header: &Part<'_>,
    lists: Vec<Vec<Value>>,
) -> std::result::Result<Vec<Option<Codes>>, String> {
    if lists.is_empty() {
        return Ok(Vec::new());
    }
    let infos: Vec<String> = header.values("feature_infos")?;
    // A column of numbers has a range: `[0:1]`. One without any use has nothing.
    let is_categorical = |info: &String| info != "none" && !info.starts_with('[');
    let count = infos.iter().filter(|info| is_categorical(info)).count();
    if count != lists.len() {
        return Err(format!(
            "pandas had {} columns of categories in the training data, but {count} of the model's \
             columns are categorical: which are which is not known",
            lists.len()
        ));
    }
    let mut lists = lists.into_iter();
    let give = |info: &String| {
        let list = if is_categorical(info) { lists.next() } else { None };
        list.map(|list| column_codes(&list)).transpose()
    };
    infos.iter().map(give).collect()
}

fn column_codes(list: &[Value]) -> std::result::Result<Codes, String> {
    if list.iter().all(Value::is_string) {
        let texts = list.iter().filter_map(Value::as_str).map(str::to_owned);
        return Ok(Codes::Texts(texts.zip(0..).collect()));
    }
    let number = |value: &Value| match value {
        Value::Bool(value) => Some(f64::from(u8::from(*value))),
        other => other.as_f64(),
    };
    let numbers: Option<Vec<f64>> = list.iter().map(number).collect();
    numbers
        .map(Codes::Numbers)
        .ok_or_else(|| "a column's categories are of several types".to_owned())
}
