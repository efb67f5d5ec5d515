//! The text of a model: lines of `key=value`, a part for each tree.
//!
//! The format is what `GBDT::SaveModelToString` of LightGBM 4 writes
//! (<https://github.com/microsoft/LightGBM/blob/master/src/boosting/gbdt_model_text.cpp>); the lists
//! of pandas' categories, in JSON, are appended by its Python package.

use serde_json::Value;
use std::collections::HashMap;
use std::str::FromStr;

/// What a header may say; anything else could change what the trees mean.
const HEADER: [&str; 11] = [
    "version",
    "num_class",
    "num_tree_per_iteration",
    "label_index",
    "max_feature_idx",
    "objective",
    "average_output",
    "feature_names",
    "monotone_constraints",
    "feature_infos",
    "tree_sizes",
];
const VERSIONS: [&str; 3] = ["v2", "v3", "v4"];
const PANDAS: &str = "pandas_categorical:";

/// A model's text, taken apart.
#[derive(Debug)]
pub(super) struct ModelText<'a> {
    pub(super) header: Part<'a>,
    pub(super) trees: Vec<Part<'a>>,
    /// The categories of each column that had pandas' type `category` in the training.
    pub(super) categories: Vec<Vec<Value>>,
}

impl<'a> ModelText<'a> {
    /// Takes a text apart.
    pub(super) fn parse(text: &'a str) -> Result<Self, String> {
        let mut lines = text.lines().map(str::trim_end);
        if lines.next() != Some("tree") {
            return Err(
                "it does not begin with the line `tree`, as LightGBM's models do".to_owned()
            );
        }
        let mut header = Part::default();
        let mut trees: Vec<Part<'_>> = Vec::new();
        let mut is_ended = false;
        for line in lines.by_ref() {
            if line == "end of trees" {
                is_ended = true;
                break;
            }
            let (key, value) = line.split_once('=').unwrap_or((line, ""));
            let count = trees.len();
            match (key, trees.last_mut()) {
                ("", _) => {}
                ("Tree", _) if value.parse() == Ok(count) => trees.push(Part::default()),
                ("Tree", _) => return Err(format!("tree {count} is missing")),
                (_, Some(tree)) => tree.put(key, value)?,
                (_, None) if HEADER.contains(&key) => header.put(key, value)?,
                (_, None) => return Err(format!("`{key}` is not supported")),
            }
        }
        if !is_ended {
            return Err("it is incomplete: the line `end of trees` is missing".to_owned());
        }
        let version = header.text("version")?;
        if !VERSIONS.contains(&version) {
            return Err(format!("the version `{version}` is not supported"));
        }
        let categories = lines.filter_map(|line| line.strip_prefix(PANDAS)).next_back();
        Ok(Self { header, trees, categories: categories.map_or(Ok(Vec::new()), pandas)? })
    }
}

fn pandas(json: &str) -> Result<Vec<Vec<Value>>, String> {
    let lists: Result<Option<_>, _> = serde_json::from_str(json);
    lists.map(Option::unwrap_or_default).map_err(|error| format!("`{PANDAS}` is corrupt: {error}"))
}

/// Lines of `key=value`.
#[derive(Debug, Default)]
pub(super) struct Part<'a>(HashMap<&'a str, &'a str>);

impl<'a> Part<'a> {
    fn put(&mut self, key: &'a str, value: &'a str) -> Result<(), String> {
        match self.0.insert(key, value) {
            None => Ok(()),
            Some(_) => Err(format!("`{key}` appears twice")),
        }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    pub(super) fn text(&self, key: &str) -> Result<&'a str, String> {
        self.0.get(key).copied().ok_or_else(|| format!("`{key}` is missing"))
    }

    pub(super) fn value<T: FromStr>(&self, key: &str) -> Result<T, String> {
        let text = self.text(key)?;
        text.parse().map_err(|_| format!("`{key}` is `{}`", short(text)))
    }

    /// Reads a list that must have `count` values.
    pub(super) fn list<T: FromStr>(&self, key: &str, count: usize) -> Result<Vec<T>, String> {
        let list: Vec<T> = self.values(key)?;
        if list.len() == count {
            return Ok(list);
        }
        Err(format!("`{key}` has {} values of {count}", list.len()))
    }

    pub(super) fn values<T: FromStr>(&self, key: &str) -> Result<Vec<T>, String> {
        let read = |text: &str| text.parse().map_err(|_| format!("`{key}` has `{}`", short(text)));
        self.text(key)?.split_whitespace().map(read).collect()
    }
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}
