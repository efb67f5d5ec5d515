//! Filter, order and page: what every search does once it has its rows.
//!
//! A search is compiled once, which is where a mistake in it is reported. A store then asks the
//! [`Compiled`] search of each row whether the filter admits it, takes the row's place in the order
//! as a [`RowKey`], and lets [`Compiled::page`] cut the page that is asked for. A store that can do
//! part of this by itself, in SQL say, reads the tree of the filter, the clauses of the order and
//! the key that a page starts after. Nothing here knows a store or what is searched.
//!
//! ```
//! use mlctl_filter::{Attribute, Facts, Field, Scalar, Values, Vocabulary};
//! use mlctl_search::{Compiled, Page};
//!
//! static BOOKS: Vocabulary = Vocabulary {
//!     what: "book",
//!     prefixes: &[],
//!     attributes: &[Attribute::text("title"), Attribute::number("year")],
//! };
//!
//! struct Book(&'static str, u32);
//!
//! impl Facts for Book {
//!     fn values<'a>(&'a self, field: &Field) -> Values<'a> {
//!         match field.key.as_str() {
//!             "title" => Values::One(Scalar::Text(self.0)),
//!             _ => Values::One(Scalar::Number(self.1.into())),
//!         }
//!     }
//! }
//!
//! let books = [Book("Emma", 1815), Book("Persuasion", 1817), Book("Middlemarch", 1871)];
//! let order_by = ["year DESC".to_owned()];
//! let find = |page_token: Option<&str>| {
//!     let search = Compiled::parse("title LIKE '%m%'", &order_by, &BOOKS, "books by year").unwrap();
//!     let found = books.iter().filter(|book| search.admits(*book));
//!     // What is equal by all clauses comes in the order of titles.
//!     let rows = found.map(|book| (search.order.key(book, book.0.to_owned()), book.0)).collect();
//!     search.page(rows, 1, page_token)
//! };
//!
//! let first: Page<&str> = find(None)?;
//! assert_eq!(first.items, ["Middlemarch"]);
//! let last = find(first.next_page_token.as_deref())?;
//! assert_eq!((last.items, last.next_page_token), (vec!["Emma"], None));
//! # Ok::<(), mlctl_search::InvalidPageToken>(())
//! ```

mod compiled;
mod key;
mod order;

pub use compiled::{Compiled, Page};
pub use key::{RowKey, SortKey, Tie};
pub use mlctl_wire::page::InvalidPageToken;
pub use order::{Order, Rows};
