//! The search-expression language: text to syntax tree.
