//! What browsers must know to keep pages safe.

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;

/// What a page may load and do: nothing but what comes from this server, and no script in the page
/// itself, so that a name that is HTML stays text even if an escape were forgotten.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     media-src 'self'; connect-src 'self'; form-action 'self'; frame-src 'self'; \
     base-uri 'none'; frame-ancestors 'self'",
);

const SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");

/// Puts the headers on an answer; one that has a policy of its own keeps it.
pub(crate) async fn protect(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(POLICY);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, SAME_ORIGIN);
    headers.insert(HeaderName::from_static("cross-origin-opener-policy"), SAME_ORIGIN);
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), SAME_ORIGIN);
    response
}
