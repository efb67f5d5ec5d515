//! What a query may cost: MLflow's limits on depth, fields and aliases.
//!
//! Source: MLflow 3.17.2, which counts the same and answers with these texts. The parser's own
//! limits hold before (64 levels, 15,000 tokens, fragments expanded).

use juniper::{Definition, Document, ScalarValue, Selection};
use std::collections::{HashMap, HashSet};

const DEPTH_MAX: usize = 10;
const SELECTIONS_MAX: usize = 1_000;
const ROOT_FIELDS_MAX: usize = 10;
const ALIASES_MAX: usize = 10;

/// One level of a query, and how deep it lies.
type Level<'a, S> = (&'a [Selection<'a, S>], usize);

/// Refuses a document that asks for too much, with the text for the client.
pub(super) fn check<S: ScalarValue>(document: &Document<'_, S>) -> Result<(), String> {
    let fragments: HashMap<&str, &[Selection<'_, S>]> = document
        .iter()
        .filter_map(|definition| match definition {
            Definition::Fragment(one) => Some((one.item.name.item, &one.item.selection_set[..])),
            Definition::Operation(_) => None,
        })
        .collect();
    let mut levels: Vec<Level<'_, S>> = document
        .iter()
        .filter_map(|definition| match definition {
            Definition::Operation(one) => Some((&one.item.selection_set[..], 1)),
            Definition::Fragment(_) => None,
        })
        .collect();
    let (mut root_fields, mut selections, mut aliases_most) = (0, 0, 0);
    while let Some((level, depth)) = levels.pop() {
        if depth > DEPTH_MAX {
            return Err(format!("Query exceeds maximum depth of {DEPTH_MAX}"));
        }
        let fields = flatten(level, &fragments);
        selections += fields.len();
        if selections > SELECTIONS_MAX {
            return Err(format!("Query exceeds maximum total selections of {SELECTIONS_MAX}"));
        }
        root_fields += if depth == 1 { fields.len() } else { 0 };
        aliases_most = aliases_most.max(fields.iter().filter(|field| field.has_alias).count());
        levels.extend(fields.iter().filter_map(|field| Some((field.below?, depth + 1))));
    }
    at_most("root fields", root_fields, ROOT_FIELDS_MAX)?;
    at_most("aliases", aliases_most, ALIASES_MAX)
}

fn at_most(what: &str, got: usize, max: usize) -> Result<(), String> {
    if got <= max {
        return Ok(());
    }
    Err(format!("GraphQL queries should have at most {max} {what}, got {got} {what}"))
}

/// A field of a level.
struct Asked<'a, S> {
    has_alias: bool,
    below: Option<&'a [Selection<'a, S>]>,
}

/// Collects the fields of a level, those in its fragments included: each fragment once.
fn flatten<'a, S: ScalarValue>(
    level: &'a [Selection<'a, S>],
    fragments: &HashMap<&str, &'a [Selection<'a, S>]>,
) -> Vec<Asked<'a, S>> {
    let mut fields = Vec::new();
    let mut seen = HashSet::new();
    let mut parts = vec![level];
    while let Some(part) = parts.pop() {
        for selection in part {
            match selection {
                Selection::Field(field) => fields.push(Asked {
                    has_alias: field.item.alias.is_some(),
                    below: field.item.selection_set.as_deref(),
                }),
                Selection::InlineFragment(one) => parts.push(&one.item.selection_set),
                Selection::FragmentSpread(one) => {
                    let name = one.item.name.item;
                    if seen.insert(name)
                        && let Some(selections) = fragments.get(name)
                    {
                        parts.push(selections);
                    }
                }
            }
        }
    }
    fields
}
