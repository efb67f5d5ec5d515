//! Which events are a model's: those under its name, and those under the names that it had before.
//!
//! An event never changes, so a renamed model leaves its events behind under the old name; the
//! event of its arrival says where they are.

use crate::event::EventId;
use crate::id::ModelName;

/// A stretch of a registry's history that belongs to one model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The name that the model had.
    pub name: ModelName,
    /// The first event.
    pub first: EventId,
    /// The event before which it ends.
    pub end: EventId,
}

/// Finds the stretches of the model that has this name now, or had it last, the oldest first.
///
/// `arrival` returns the last event before the given one with which a model came to a name, and
/// the name that it came from.
///
/// # Errors
/// Those of `arrival`.
pub fn segments<E>(
    name: &ModelName,
    mut arrival: impl FnMut(&ModelName, EventId) -> Result<Option<(EventId, ModelName)>, E>,
) -> Result<Vec<Segment>, E> {
    let mut found = Vec::new();
    let (mut name, mut end) = (name.clone(), EventId::MAX);
    while let Some((id, from)) = arrival(&name, end)? {
        found.push(Segment { name, first: id, end });
        (name, end) = (from, id);
    }
    found.push(Segment { name, first: 0, end });
    found.reverse();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    #[test]
    fn a_history_follows_the_names_back() {
        let name = |text: &str| ModelName::parse(text).unwrap();
        // At 5 `a` became `b`, at 9 another `a` became `c`, at 12 `b` became `a`.
        let renames = [(5, "a", "b"), (9, "a", "c"), (12, "b", "a")];
        let arrival = |to: &ModelName, before: EventId| {
            let mut latest_first = renames.iter().rev();
            let found = latest_first.find(|(id, _, new)| *id < before && *new == to.as_str());
            Ok::<_, Infallible>(found.map(|(id, old, _)| (*id, name(old))))
        };
        let told = |of: &str| {
            let segments = segments(&name(of), arrival).unwrap();
            let lines = segments.iter().map(|s| format!("{} {}..{}", s.name, s.first, s.end));
            lines.collect::<Vec<_>>().join(", ").replace(&EventId::MAX.to_string(), "")
        };

        assert_eq!(told("a"), "a 0..5, b 5..12, a 12..");
        assert_eq!(told("c"), "a 0..9, c 9..");
        assert_eq!(told("d"), "d 0..");
    }
}
