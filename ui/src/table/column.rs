//! The columns that a table of runs can have, and their names in addresses.

use mlctl_filter::{Entity, Field};
use std::fmt::{self, Display, Formatter};

/// One column.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Column {
    State,
    Started,
    Took,
    User,
    Source,
    Commit,
    Dataset,
    Model,
    Experiment,
    Param(String),
    Metric(String),
    Tag(String),
}

/// Those that every run has, by their names in addresses.
const FIXED: [(&str, Column); 9] = [
    ("state", Column::State),
    ("started", Column::Started),
    ("took", Column::Took),
    ("user", Column::User),
    ("source", Column::Source),
    ("commit", Column::Commit),
    ("dataset", Column::Dataset),
    ("model", Column::Model),
    ("experiment", Column::Experiment),
];

impl Column {
    /// Reads a column's name; says what would be right.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let key = match text.split_once('.') {
            Some(("params", key)) if !key.is_empty() => Some(Self::Param(key.to_owned())),
            Some(("metrics", key)) if !key.is_empty() => Some(Self::Metric(key.to_owned())),
            Some(("tags", key)) if !key.is_empty() => Some(Self::Tag(key.to_owned())),
            _ => None,
        };
        let fixed = || FIXED.iter().find(|(name, _)| *name == text).map(|(_, it)| it.clone());
        key.or_else(fixed).ok_or_else(|| {
            let names: Vec<&str> = FIXED.iter().map(|(name, _)| *name).collect();
            format!(
                "column `{text}` is unknown: it must be {}, params.KEY, metrics.KEY or tags.KEY",
                names.join(", ")
            )
        })
    }

    /// Lists the columns that every run has.
    pub(crate) fn fixed() -> impl Iterator<Item = Self> {
        FIXED.iter().map(|(_, column)| column.clone())
    }

    /// Returns the heading.
    pub(crate) fn heading(&self) -> &str {
        match self {
            Self::State => "State",
            Self::Started => "Started",
            Self::Took => "Took",
            Self::User => "User",
            Self::Source => "Source",
            Self::Commit => "Commit",
            Self::Dataset => "Dataset",
            Self::Model => "Model",
            Self::Experiment => "Experiment",
            Self::Param(key) | Self::Metric(key) | Self::Tag(key) => key,
        }
    }

    /// Returns what stands above the headings of neighbours of one kind.
    pub(crate) fn family(&self) -> &'static str {
        match self {
            Self::Param(_) => "Params",
            Self::Metric(_) => "Metrics",
            Self::Tag(_) => "Tags",
            _ => "",
        }
    }

    /// Tells whether the values are numbers that stand right.
    pub(crate) fn is_number(&self) -> bool {
        matches!(self, Self::Metric(_) | Self::Took)
    }

    /// Returns the field that a store can order by.
    pub(crate) fn field(&self) -> Option<Field> {
        let attribute = |name| Some(Field::new(Entity::Attribute, name));
        match self {
            Self::State => attribute("status"),
            Self::Started => attribute("start_time"),
            Self::User => attribute("user_id"),
            Self::Experiment => attribute("experiment_id"),
            Self::Param(key) => Some(Field::new(Entity::Param, key)),
            Self::Metric(key) => Some(Field::new(Entity::Metric, key)),
            Self::Tag(key) => Some(Field::new(Entity::Tag, key)),
            Self::Source => Some(Field::new(Entity::Tag, "mlflow.source.name")),
            Self::Commit => Some(Field::new(Entity::Tag, "mlflow.source.git.commit")),
            Self::Took | Self::Dataset | Self::Model => None,
        }
    }
}

impl Display for Column {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Param(key) => write!(f, "params.{key}"),
            Self::Metric(key) => write!(f, "metrics.{key}"),
            Self::Tag(key) => write!(f, "tags.{key}"),
            fixed => {
                let found = FIXED.iter().find(|(_, column)| column == fixed);
                f.write_str(found.map_or("", |(name, _)| name))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_has_a_name_that_reads_back() {
        let keys = ["params.a.b c", "metrics.x/y", "tags.mlflow.note", "metrics.é`'"];
        let keys = keys.map(|text| Column::parse(text).unwrap());
        for column in Column::fixed().chain(keys) {
            assert_eq!(Column::parse(&column.to_string()), Ok(column));
        }
    }
}
