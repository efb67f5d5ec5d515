//! A search that was checked, and the pages of its result.

use mlctl_filter::{Expr, Facts, Field, Vocabulary};
use mlctl_wire::page::{self as token, InvalidPageToken};

use crate::key::{RowKey, Tie};
use crate::order::Order;

/// A filter and an order that were checked against what is searched.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The filter; `None` lets everything pass.
    pub filter: Option<Expr>,
    /// The order.
    pub order: Order,
    /// What a page token is bound to.
    scope: String,
}

/// A part of a result, and where the next part starts.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// The rows.
    pub items: Vec<T>,
    /// What to ask for the next rows with; `None` at the end.
    pub next_page_token: Option<String>,
}

impl Compiled {
    /// Puts together what was checked already.
    ///
    /// `scope` is all that two searches may differ in, as text: a page token of one scope is
    /// refused by every other.
    pub fn new(filter: Option<Expr>, order: Order, scope: impl Into<String>) -> Self {
        Self { filter, order, scope: scope.into() }
    }

    /// Checks a filter and the clauses of an order against a vocabulary; see [`Self::new`] for
    /// `scope`.
    ///
    /// # Errors
    /// An [`mlctl_filter::Error`] that points at the column where the search goes wrong.
    pub fn parse(
        filter: &str,
        order_by: &[String],
        vocabulary: &Vocabulary,
        scope: impl Into<String>,
    ) -> mlctl_filter::Result<Self> {
        let filter = mlctl_filter::parse(filter, vocabulary)?;
        let order = Order::new(mlctl_filter::parse_order(order_by, vocabulary)?);
        Ok(Self::new(filter, order, scope))
    }

    /// Tells whether the filter lets `facts` pass.
    pub fn admits(&self, facts: &impl Facts) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.matches(facts))
    }

    /// Parts the filter into tests that must all hold.
    pub fn conjuncts(&self) -> Vec<&Expr> {
        match &self.filter {
            Some(Expr::And(tests)) => tests.iter().collect(),
            other => other.iter().collect(),
        }
    }

    /// Lists what the filter and then the order look at, as often as it is named.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.filter.iter().flat_map(Expr::fields).chain(self.order.fields())
    }

    /// Makes the token of the page that starts after a row.
    pub fn token_after<T: Tie>(&self, last: &RowKey<T>) -> String {
        token::seal(&self.scope, last)
    }

    /// Reads the place after which a page starts; `None` for the first page, which no token or an
    /// empty one asks for.
    ///
    /// # Errors
    /// [`InvalidPageToken`] when the token is not of this search.
    pub fn open_token<T: Tie>(
        &self,
        page_token: Option<&str>,
    ) -> Result<Option<RowKey<T>>, InvalidPageToken> {
        let Some(text) = page_token.filter(|text| !text.is_empty()) else { return Ok(None) };
        let after: RowKey<T> = token::open(&self.scope, text)?;
        match after.values.len() == self.order.clauses().len() {
            true => Ok(Some(after)),
            false => Err(InvalidPageToken),
        }
    }

    /// Orders the rows that the filter admits, and cuts the page that `page_token` asks for.
    ///
    /// # Errors
    /// [`InvalidPageToken`] when the token is not of this search.
    pub fn page<T: Tie, Item>(
        &self,
        rows: Vec<(RowKey<T>, Item)>,
        max_results: usize,
        page_token: Option<&str>,
    ) -> Result<Page<Item>, InvalidPageToken> {
        let after = self.open_token(page_token)?;
        Ok(self.page_after(rows, max_results, after.as_ref()))
    }

    /// Cuts a page like [`Self::page`], whose token was opened before.
    pub fn page_after<T: Tie, Item>(
        &self,
        mut rows: Vec<(RowKey<T>, Item)>,
        max_results: usize,
        after: Option<&RowKey<T>>,
    ) -> Page<Item> {
        let order = &self.order;
        if let Some(after) = after {
            rows.retain(|(key, _)| order.compare(key, after).is_gt());
        }
        let more = rows.len() > max_results;
        if more {
            rows.select_nth_unstable_by(max_results.saturating_sub(1), |(a, _), (b, _)| {
                order.compare(a, b)
            });
            rows.truncate(max_results);
        }
        rows.sort_unstable_by(|(a, _), (b, _)| order.compare(a, b));
        let next_page_token = rows.last().filter(|_| more).map(|(key, _)| self.token_after(key));
        Page { items: rows.into_iter().map(|(_, item)| item).collect(), next_page_token }
    }
}
