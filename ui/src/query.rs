//! What an address says of a table of runs, read and written. Pure.
//!
//! The address is the page: whatever a table shows is in it, so a link shows somebody else the
//! same rows, and *Back* undoes.

use crate::asked::Asked;
use crate::table::{Column, Sort};
use crate::url::Url;
use mlctl_tracking::ExperimentId;
use mlctl_tracking::entity::ViewType;
use mlctl_tracking::search::RunQuery;

/// Rows of a page when the address says nothing.
pub(crate) const ROWS_DEFAULT: usize = 100;

/// The least and the most rows of a page.
const ROWS: std::ops::RangeInclusive<usize> = 50..=500;

/// What a table of runs shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RunsState {
    pub(crate) experiments: Vec<ExperimentId>,
    /// The filter, in the search language.
    pub(crate) filter: String,
    /// The last filter that could be read: its rows stay while another one has a mistake.
    pub(crate) filter_before: String,
    pub(crate) sort: Option<Sort>,
    /// The columns that somebody chose; none means the columns that choose themselves.
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: usize,
    /// Where the page starts.
    pub(crate) after: Option<String>,
    pub(crate) view: ViewType,
}

impl RunsState {
    /// Reads an address below `/experiments/ID` or `/runs`, and says what in it is wrong.
    pub(crate) fn read(asked: &Asked) -> (Self, Vec<String>) {
        let mut problems = Vec::new();
        let holes = Some(asked.hole("experiment")).filter(|id| !id.is_empty());
        let ids = holes.into_iter().chain(asked.all("e").filter(|id| !id.is_empty()));
        let experiments =
            kept(ids.map(|id| ExperimentId::parse(id).map_err(|e| e.to_string())), &mut problems);
        let sort = asked.first("sort").map(Sort::parse).transpose();
        let sort = sort.unwrap_or_else(|problem| {
            problems.push(problem);
            None
        });
        let columns = asked.all("c").filter(|text| !text.is_empty()).map(Column::parse);
        let columns = kept(columns, &mut problems);
        let state = Self {
            experiments,
            filter: asked.first("q").unwrap_or_default().trim().to_owned(),
            filter_before: asked.first("was").unwrap_or_default().to_owned(),
            sort,
            columns,
            rows: rows(asked.first("n"), &mut problems),
            after: asked.first("after").map(str::to_owned),
            view: view(asked.first("show"), &mut problems),
        };
        (state, problems)
    }

    /// Returns the search that finds the rows.
    pub(crate) fn query(&self) -> RunQuery {
        RunQuery {
            experiment_ids: self.experiments.clone(),
            filter: self.filter.clone(),
            view: self.view,
            order_by: self.sort.iter().map(Sort::clause).collect(),
            max_results: self.rows,
            page_token: self.after.clone(),
        }
    }

    /// Returns the address of this state, below the prefix.
    pub(crate) fn url(&self) -> Url {
        self.with_parameters(self.place())
    }

    /// Returns the path, and the experiments if they are no part of it.
    fn place(&self) -> Url {
        match self.experiments.as_slice() {
            [one] => Url::new("/experiments").segment(one.as_str()),
            several => several.iter().fold(Url::new("/runs"), |url, id| url.with("e", id.as_str())),
        }
    }

    fn with_parameters(&self, mut url: Url) -> Url {
        let view = match self.view {
            ViewType::ActiveOnly => None,
            ViewType::DeletedOnly => Some("deleted"),
            ViewType::All => Some("all"),
        };
        url = url
            .with_some("q", Some(&self.filter).filter(|filter| !filter.is_empty()))
            .with_some("sort", self.sort.as_ref().map(Sort::to_string));
        url = self.columns.iter().fold(url, |url, column| url.with("c", column.to_string()));
        let rows = (self.rows != ROWS_DEFAULT).then(|| self.rows.to_string());
        url.with_some("n", rows).with_some("show", view).with_some("after", self.after.as_ref())
    }

    /// Lists what a form must carry that changes the parameters named in `but`.
    pub(crate) fn carried(&self, but: &[&str]) -> Vec<(String, String)> {
        let first = Self { after: None, ..self.clone() };
        let text = first.with_parameters(Url::new("")).to_string();
        let pairs: Vec<(String, String)> =
            serde_html_form::from_str(text.trim_start_matches('?')).unwrap_or_default();
        pairs.into_iter().filter(|(name, _)| !but.contains(&name.as_str())).collect()
    }

    /// Returns the same table from its first row.
    pub(crate) fn at_start(&self) -> Self {
        Self { after: None, ..self.clone() }
    }

    /// Returns the same table in another order, from its first row.
    pub(crate) fn sorted_by(&self, sort: Option<Sort>) -> Self {
        Self { sort, ..self.at_start() }
    }
}

/// Keeps what can be read, and notes what is wrong with the rest.
fn kept<T>(read: impl Iterator<Item = Result<T, String>>, problems: &mut Vec<String>) -> Vec<T> {
    let mut kept = Vec::new();
    for one in read {
        match one {
            Ok(one) => kept.push(one),
            Err(problem) => problems.push(problem),
        }
    }
    kept
}

fn rows(text: Option<&str>, problems: &mut Vec<String>) -> usize {
    let Some(text) = text else { return ROWS_DEFAULT };
    match text.parse() {
        Ok(rows) if ROWS.contains(&rows) => rows,
        _ => {
            problems.push(format!(
                "n `{text}` is not a number of rows: it must be from {} to {}",
                ROWS.start(),
                ROWS.end()
            ));
            ROWS_DEFAULT
        }
    }
}

fn view(text: Option<&str>, problems: &mut Vec<String>) -> ViewType {
    match text {
        None | Some("active") => ViewType::ActiveOnly,
        Some("deleted") => ViewType::DeletedOnly,
        Some("all") => ViewType::All,
        Some(other) => {
            problems.push(format!("show `{other}` is unknown: it must be active, deleted or all"));
            ViewType::ActiveOnly
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asked::Theme;

    fn asked(query: &str) -> Asked {
        Asked {
            path: "/experiments/8".to_owned(),
            pairs: serde_html_form::from_str(query).unwrap(),
            holes: vec![("experiment".to_owned(), "8".to_owned())],
            theme: Theme::Auto,
            takes_gzip: false,
            server: String::new(),
        }
    }

    #[test]
    fn an_address_reads_back_as_it_was_written() {
        let query = "q=metrics.%60a%20b%60%20%3E%201&sort=-metrics.rmse&c=params.lr&c=started\
                     &n=200&show=all&after=abc";
        let (state, problems) = RunsState::read(&asked(query));

        assert_eq!(problems, [""; 0]);
        assert_eq!(state.query().order_by, ["metrics.rmse DESC"]);
        assert_eq!(state.url().to_string(), format!("/experiments/8?{query}"));
    }

    #[test]
    fn what_cannot_be_read_is_named_and_left_out() {
        let (state, problems) =
            RunsState::read(&asked("n=7&show=some&c=colour&sort=-took&e=a%2Fb"));

        assert_eq!(problems.len(), 5, "{problems:?}");
        for wrong in ["`7`", "`some`", "`colour`", "took", "a/b"] {
            assert!(problems.iter().any(|p| p.contains(wrong)), "{wrong} in {problems:?}");
        }
        assert_eq!(state.url().to_string(), "/experiments/8");
    }

    #[test]
    fn a_form_carries_everything_but_what_it_changes() {
        let (state, _) = RunsState::read(&asked("q=a&sort=started&after=x"));

        let carried = state.carried(&["q"]);

        assert_eq!(carried, [("sort".to_owned(), "started".to_owned())]);
    }
}
