//! The search-expression language: text to syntax tree.
//!
//! One grammar serves every search in MLflow (runs, experiments, logged models, registered models,
//! model versions). Each search says with a [`Vocabulary`] which names it knows, [`parse`] turns
//! a filter into an [`Expr`], and whoever holds the data either walks that tree (to write SQL, say)
//! or asks [`Expr::matches`] about one thing at a time. Nothing here knows a store.
//!
//! ```
//! use mlctl_filter::{Attribute, Entity, Facts, Field, Scalar, Values, Vocabulary, parse};
//!
//! static RUNS: Vocabulary = Vocabulary {
//!     what: "run",
//!     prefixes: &[("metrics", Entity::Metric), ("attributes", Entity::Attribute)],
//!     attributes: &[Attribute::text("status"), Attribute::number("start_time")],
//! };
//!
//! struct Run {
//!     status: String,
//!     rmse: f64,
//! }
//!
//! impl Facts for Run {
//!     fn values<'a>(&'a self, field: &Field) -> Values<'a> {
//!         match (field.entity, field.key.as_str()) {
//!             (Entity::Attribute, "status") => Values::One(Scalar::Text(&self.status)),
//!             (Entity::Metric, "rmse") => Values::One(Scalar::Number(self.rmse)),
//!             _ => Values::None,
//!         }
//!     }
//! }
//!
//! let filter = parse("metrics.rmse < 1 and status IN ('FINISHED')", &RUNS)?.unwrap();
//! assert!(filter.matches(&Run { status: "FINISHED".to_owned(), rmse: 0.5 }));
//! assert_eq!(filter.to_string(), "metrics.rmse < 1 AND status IN ('FINISHED')");
//!
//! let error = parse("metrics.rmse <", &RUNS).unwrap_err();
//! assert_eq!(error.to_string(), "filter: expected a number at column 15: metrics.rmse <");
//! # Ok::<(), mlctl_filter::Error>(())
//! ```
//!
//! # The language
//!
//! ```text
//! filter    = any
//! any       = all { OR all }
//! all       = one { AND one }
//! one       = NOT one | "(" any ")" | test
//! test      = field ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) ( number | string )
//!           | field ( LIKE | ILIKE | "=~" ) string
//!           | field [ NOT ] IN "(" string { "," string } [ "," ] ")"
//!           | field IS [ NOT ] NULL
//! field     = [ prefix "." ] key
//! order_by  = field [ ASC | DESC ]
//! ```
//!
//! - Keywords may be written in any case; prefixes and keys are taken as they are.
//! - A field without a prefix is an attribute. A key is written plainly when it consists of letters,
//!   digits, `_`, `[`, `]` and single dots; any other key is quoted: `` metrics.`a/b` `` or
//!   `metrics."a/b"`.
//! - A string stands in single or double quotes. Inside quotes of one kind, that quote is written
//!   twice; every other character, the backslash included, stands for itself.
//! - A number is written as `1`, `-1`, `.5`, `1.5e-3`. `1e999` is infinity, as in MLflow. NaN cannot
//!   be written: it equals nothing.
//!
//! # What is not as in MLflow
//!
//! Beyond MLflow: `OR`, `NOT`, parentheses, `=~`, lists for every field that can be compared with
//! text, null tests for every field that a thing may lack, attributes' numbers in quotes, `1e+5`, keys such as `metrics.1`,
//! prefix and key in the same quotes, blank filters, spaces around an order.
//!
//! Refused here, although MLflow accepts it: a missing or doubled `AND` (MLflow skips it), a list
//! after `=` or inside a list, a dot or space at the edge of an unquoted key, an order by datasets
//! (which its stores then refuse).
//!
//! In MLflow a doubled quote stays doubled in the value, and a backslash protects a quote; here the
//! first is an escape and the second is a plain character.
//!
//! In [`LIKE`](Test::Like), `%` and `_` also stand for line breaks, as in MLflow's SQL stores; its
//! file store stops at them.

mod cursor;
mod error;
mod expr;
mod facts;
mod like;
mod name;
mod operator;
mod order;
mod parse;
mod pattern;
mod phrase;
mod print;
mod token;
mod vocabulary;

pub use error::{Clause, Error, Place, Result};
pub use expr::{Compare, Expr, Test, Value};
pub use facts::{Facts, Scalar, Values};
pub use operator::Operators;
pub use order::{ORDER_CLAUSES_MAX, OrderBy, parse_order, parse_order_by};
pub use parse::{
    CONDITIONS_MAX, DEPTH_MAX, LIKE_BYTES_MAX, LISTED_MAX, PATTERNS_MAX, TEXT_BYTES_MAX, parse,
};
pub use pattern::{PATTERN_BYTES_MAX, Pattern};
pub use vocabulary::{Attribute, DATASET_KEYS, Entity, Field, Kind, Vocabulary};
