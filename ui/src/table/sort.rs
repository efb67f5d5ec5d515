//! The order of a table's rows.

use super::Column;
use std::fmt::{self, Display, Formatter};

/// By which column rows are ordered, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sort {
    pub(crate) by: SortBy,
    pub(crate) descending: bool,
}

/// What rows can be ordered by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SortBy {
    /// The run's name, which is always the first column.
    Name,
    Column(Column),
}

impl Sort {
    /// Reads `metrics.rmse`, or `-metrics.rmse` for the largest first.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (name, descending) = match text.strip_prefix('-') {
            Some(name) => (name, true),
            None => (text, false),
        };
        if name == "name" {
            return Ok(Self { by: SortBy::Name, descending });
        }
        let column = Column::parse(name)?;
        match column.field() {
            Some(_) => Ok(Self { by: SortBy::Column(column), descending }),
            None => Err(format!("runs cannot be sorted by `{name}`")),
        }
    }

    /// Returns the clause of a search.
    pub(crate) fn clause(&self) -> String {
        let field = match &self.by {
            SortBy::Name => "attributes.run_name".to_owned(),
            // Checked when it was read.
            SortBy::Column(column) => column.field().map(|f| f.to_string()).unwrap_or_default(),
        };
        format!("{field} {}", if self.descending { "DESC" } else { "ASC" })
    }

    /// Returns the order that a click on a heading leads to: what people look for first, then the
    /// other way round, then none.
    pub(crate) fn after_click(by: SortBy, now: Option<&Self>) -> Option<Self> {
        let largest_first = matches!(by, SortBy::Column(Column::Metric(_) | Column::Started));
        let current = now.filter(|sort| sort.by == by).map(|sort| sort.descending);
        match current {
            None => Some(Self { by, descending: largest_first }),
            Some(descending) if descending == largest_first => {
                Some(Self { by, descending: !descending })
            }
            Some(_) => None,
        }
    }
}

impl Display for Sort {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(if self.descending { "-" } else { "" })?;
        match &self.by {
            SortBy::Name => f.write_str("name"),
            SortBy::Column(column) => column.fmt(f),
        }
    }
}
