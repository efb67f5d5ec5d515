//! What every REST surface of MLflow has in common: error codes and their JSON envelope,
//! page tokens, times, lenient numbers, JSON as Python spells it, the limits of a request, when two
//! names are one, and words that clients match on.
//!
//! Domain rules do not live here. With the feature `axum` this crate also holds the extractors
//! and the error answer that all routers share.
//!
//! ```
//! use mlctl_wire::{ErrorBody, ErrorCode};
//!
//! let body = ErrorBody::new(ErrorCode::ResourceDoesNotExist, "run `a1` does not exist");
//!
//! assert_eq!(body.error_code.http_status(), 404);
//! assert_eq!(
//!     serde_json::to_string(&body)?,
//!     r#"{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"run `a1` does not exist"}"#
//! );
//! # Ok::<(), serde_json::Error>(())
//! ```

mod clock;
mod code;
pub mod limits;
pub mod name;
pub mod number;
pub mod page;
pub mod phrase;
pub mod python_json;
#[cfg(feature = "axum")]
pub mod rest;

pub use clock::Clock;
pub use code::{ErrorBody, ErrorCode};

/// Leaves out the byte order mark that some programs write before JSON; RFC 8259 lets a reader
/// ignore it.
pub fn without_byte_order_mark(json: &[u8]) -> &[u8] {
    json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json)
}
