//! Pages over random rows: however they are cut, they hold every row once and in order.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cmp::Reverse;

use mlctl_filter::{Attribute, Facts, Field, Scalar, Values, Vocabulary};
use mlctl_search::{Compiled, InvalidPageToken, RowKey, Rows, SortKey};
use proptest::prelude::*;

static THINGS: Vocabulary = Vocabulary {
    what: "thing",
    prefixes: &[],
    attributes: &[Attribute::text("word"), Attribute::number("score")],
};

#[derive(Clone, Debug)]
struct Thing {
    word: Option<&'static str>,
    score: Option<f64>,
    id: u32,
}

impl Facts for Thing {
    fn values<'a>(&'a self, field: &Field) -> Values<'a> {
        match field.key.as_str() {
            "word" => self.word.map(Scalar::Text).into(),
            _ => self.score.map(Scalar::Number).into(),
        }
    }
}

fn things() -> impl Strategy<Value = Vec<Thing>> {
    let words = prop::option::of(prop::sample::select(vec!["", "a", "b", "ä"]));
    let scores = prop::option::of(prop::sample::select(vec![
        -1.0,
        0.0,
        0.5,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
    ]));
    prop::collection::vec((words, scores), 0..20).prop_map(|seeds| {
        let thing = |(id, (word, score))| Thing { word, score, id };
        (0..).zip(seeds).map(thing).collect()
    })
}

fn search(order_by: &[&str]) -> Compiled {
    let order_by: Vec<String> = order_by.iter().map(ToString::to_string).collect();
    Compiled::parse("", &order_by, &THINGS, format!("{order_by:?}")).unwrap()
}

fn keyed(search: &Compiled, things: &[Thing]) -> Vec<(RowKey<Reverse<u32>>, u32)> {
    things.iter().map(|thing| (search.order.key(thing, Reverse(thing.id)), thing.id)).collect()
}

fn ids_by_page(search: &Compiled, things: &[Thing], size: usize) -> Vec<u32> {
    let (mut ids, mut token) = (Vec::new(), None);
    loop {
        let page = search.page(keyed(search, things), size, token.as_deref()).unwrap();
        ids.extend(page.items);
        token = page.next_page_token;
        if token.is_none() {
            return ids;
        }
    }
}

/// The same things, seen by number.
struct Numbered<'a>(&'a Compiled, &'a [Thing]);

impl Rows for Numbered<'_> {
    type Tie = Reverse<u32>;

    fn value(&self, row: u32, clause: usize) -> SortKey<&str> {
        SortKey::of(self.1[row as usize].values(&self.0.order.clauses()[clause].field))
    }

    fn tie(&self, row: u32) -> Self::Tie {
        Reverse(self.1[row as usize].id)
    }
}

proptest! {
    #[test]
    fn pages_hold_every_row_once_and_in_order(
        things in things(),
        order_by in prop::sample::subsequence(vec!["word", "score DESC", "word DESC"], 0..3),
        size in 1usize..6,
    ) {
        let search = search(&order_by);
        let whole = ids_by_page(&search, &things, usize::MAX);

        prop_assert_eq!(ids_by_page(&search, &things, size), whole.clone());
        prop_assert_eq!(whole.len(), things.len());
    }

    #[test]
    fn rows_known_by_number_are_chosen_alike(
        things in things(),
        order_by in prop::sample::subsequence(vec!["score", "word DESC"], 0..=2),
        size in 1usize..6,
    ) {
        let search = search(&order_by);
        let first = search.page(keyed(&search, &things), size, None).unwrap();
        let rows = Numbered(&search, &things);
        let all = || 0..things.len() as u32;

        let (chosen, more) = search.order.first(&rows, all(), None, size);

        prop_assert_eq!(&chosen, &first.items);
        prop_assert_eq!(more, first.next_page_token.is_some());
        let token = first.next_page_token.as_deref();
        let second = search.page(keyed(&search, &things), size, token).unwrap();
        let after = search.open_token(token).unwrap();
        if more {
            let (chosen, _) = search.order.first(&rows, all(), after.as_ref(), size);
            prop_assert_eq!(chosen, second.items);
        }
    }
}

#[test]
fn nan_and_missing_values_come_last_in_both_directions() {
    let scores = [None, Some(f64::NAN), Some(1.0), Some(2.0)];
    let thing = |(id, score)| Thing { word: None, score, id };
    let things: Vec<Thing> = (0..).zip(scores).map(thing).collect();

    assert_eq!(ids_by_page(&search(&["score"]), &things, 9), [2, 3, 1, 0]);
    assert_eq!(ids_by_page(&search(&["score DESC"]), &things, 9), [3, 2, 1, 0]);
}

#[test]
fn a_token_of_another_search_is_refused() {
    let (by_word, by_score) = (search(&["word"]), search(&["score"]));
    let token = by_word.token_after(&RowKey { values: vec![SortKey::Missing], tie: 7u32 });
    let short = by_word.token_after(&RowKey { values: vec![], tie: 7u32 });

    assert!(by_word.open_token::<u32>(Some(&token)).unwrap().is_some());
    assert_eq!(by_word.open_token::<u32>(Some(&short)), Err(InvalidPageToken));
    assert_eq!(by_score.open_token::<u32>(Some(&token)), Err(InvalidPageToken));
    assert_eq!(by_score.open_token::<u32>(Some("")), Ok(None));
}
