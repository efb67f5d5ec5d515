//! No text makes parsing or asking panic, and what parses prints as text of the same tree.
//!
//! `cargo +nightly fuzz run parse -- -dict=fuzz/parse.dict -max_total_time=60`, in `base/filter`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mlctl_filter::{parse, parse_order_by};

#[path = "../../tests/filter/facts.rs"]
mod facts;
#[path = "../../tests/filter/vocabulary.rs"]
mod vocabulary;

fuzz_target!(|text: &str| {
    for vocabulary in [&vocabulary::RUNS, &vocabulary::EXPERIMENTS, &vocabulary::VERSIONS] {
        match parse(text, vocabulary) {
            Ok(Some(expr)) => {
                expr.matches(&facts::Run);
                assert_eq!(parse(&expr.to_string(), vocabulary), Ok(Some(expr)));
            }
            Ok(None) => assert_eq!(text.trim(), ""),
            Err(error) => assert_eq!(error.to_string().lines().count(), 1, "{error:?}"),
        }
        if let Ok(order) = parse_order_by(text, vocabulary) {
            assert_eq!(parse_order_by(&order.to_string(), vocabulary), Ok(order));
        }
    }
});
