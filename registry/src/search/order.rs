//! The order of models and versions, which has no ties.

use mlctl_filter::{Entity, Field, OrderBy};
use mlctl_search::Order;

/// Where a model or version stands in an order; the clauses decide between any two rows.
pub type RowKey = mlctl_search::RowKey<()>;

/// Names a clause by an attribute.
pub(super) fn by_attribute(name: &str, ascending: bool) -> OrderBy {
    OrderBy { field: Field::new(Entity::Attribute, name), ascending }
}

/// Completes what was asked for to an order without ties: `otherwise` stands in for no clauses, and
/// `ties` follow.
pub(super) fn without_ties(
    asked: Vec<OrderBy>,
    otherwise: Vec<OrderBy>,
    ties: Vec<OrderBy>,
) -> Order {
    let wanted = if asked.is_empty() { otherwise } else { asked };
    let mut order: Vec<OrderBy> = Vec::new();
    for clause in wanted.into_iter().chain(ties) {
        // A field that comes again decides nothing.
        if order.iter().all(|known| known.field != clause.field) {
            order.push(clause);
        }
    }
    Order::new(order)
}
