//! Which columns a table has if nobody chose: the params that differ among the matching runs, and
//! the metrics that most of them have, as many as fit.

use super::Column;
use crate::reply::Result;
use mlctl_tracking::TrackingStore;
use mlctl_tracking::entity::Run;
use mlctl_tracking::facts::keys::KeyTally;
use mlctl_tracking::facts::{KeyFact, KeyKind, KeyQuery};
use mlctl_tracking::search::RunQuery;

/// How many columns fit beside name, state, start and duration at 1,280 pixels.
const FIT: usize = 9;

/// Params at most while there are metrics to show.
const PARAMS: usize = 4;

/// Above so many runs, a store that would have to read each of them is not asked for their keys.
const RUNS_READ: u64 = 2_000;

/// Returns the columns for the runs that a search finds, with two calls of the store; where those
/// would take long, for the runs of the page.
pub(crate) fn choose(
    store: &dyn TrackingStore,
    query: &RunQuery,
    total: Option<u64>,
    page: &[Run],
) -> Result<Vec<Column>> {
    let ask = |kind| KeyQuery { kind, contains: String::new(), max_results: FIT };
    let is_quick = total.is_some_and(|total| total <= RUNS_READ) || store.lists_keys_at_once();
    let list = |kind| {
        if is_quick {
            return Ok::<_, mlctl_tracking::Error>(store.run_keys(query, &ask(kind))?.keys);
        }
        let mut tally = KeyTally::new(kind);
        page.iter().for_each(|run| tally.add(run));
        Ok(tally.list(&ask(kind)).keys)
    };
    Ok(fitting(&list(KeyKind::Param)?, &list(KeyKind::Metric)?))
}

/// Takes what fits of keys that come with the most useful ones first. Params that are the same in
/// all runs tell nothing beside others that differ.
fn fitting(params: &[KeyFact], metrics: &[KeyFact]) -> Vec<Column> {
    let any_differ = params.iter().any(|key| key.differs);
    let params: Vec<&KeyFact> = params.iter().filter(|key| key.differs || !any_differ).collect();
    let params_shown = params.len().min(PARAMS.max(FIT.saturating_sub(metrics.len())));
    let metrics_shown = metrics.len().min(FIT - params_shown);
    let name = |key: &KeyFact| key.key.as_str().to_owned();
    let fixed = [Column::State, Column::Started, Column::Took];
    let params = params.into_iter().take(params_shown).map(|key| Column::Param(name(key)));
    let metrics = metrics.iter().take(metrics_shown).map(|key| Column::Metric(name(key)));
    fixed.into_iter().chain(params).chain(metrics).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlctl_tracking::Key;

    fn keys(names: &[&str], differs: bool) -> Vec<KeyFact> {
        let fact = |name: &&str| KeyFact { key: Key::parse(*name).unwrap(), runs: 3, differs };
        names.iter().map(fact).collect()
    }

    #[track_caller]
    fn check(params: &[KeyFact], metrics: &[KeyFact], want: (usize, usize)) {
        let columns = fitting(params, metrics);
        let count = |family| columns.iter().filter(|column| column.family() == family).count();
        assert_eq!((count("Params"), count("Metrics")), want);
    }

    #[test]
    fn params_and_metrics_share_the_room() {
        let many = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
        check(&keys(&many, true), &keys(&many, true), (4, 5));
        check(&keys(&many, true), &keys(&["m"], true), (8, 1));
        check(&keys(&["p"], true), &keys(&many, true), (1, 8));
        check(&keys(&many, true), &[], (9, 0));
        check(&[], &[], (0, 0));
    }

    #[test]
    fn params_that_are_all_alike_are_shown_only_without_others() {
        let mixed = [keys(&["lr"], true), keys(&["seed"], false)].concat();
        check(&mixed, &[], (1, 0));
        check(&keys(&["seed"], false), &[], (1, 0));
    }
}
