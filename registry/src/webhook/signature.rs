//! How a request says that it is from here: MLflow's headers, close to Standard Webhooks.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac;

use super::secret::hmac_of;

/// The header with the signature.
pub const SIGNATURE_HEADER: &str = "X-MLflow-Signature";
/// The header with the time of the request, in seconds since 1970-01-01 UTC.
pub const TIMESTAMP_HEADER: &str = "X-MLflow-Timestamp";
/// The header with what names a message; a repeated one has the same.
pub const DELIVERY_ID_HEADER: &str = "X-MLflow-Delivery-Id";

const VERSION: &str = "v1";

/// Signs a request: `v1,` and the base64 of an HMAC-SHA256 over `delivery_id.timestamp.body`.
///
/// ```
/// let signature = mlctl_registry::webhook::sign("secret", "d1", "1700000000", "{}");
///
/// assert_eq!(signature, "v1,G77iR07mhxRhj4uXzCbRdU/9tFV0ULbzSFKOaC7ieFc=");
/// ```
pub fn sign(secret: &str, delivery_id: &str, timestamp_s: &str, body: &str) -> String {
    let signed = format!("{delivery_id}.{timestamp_s}.{body}");
    let code = hmac_of(secret.as_bytes(), signed.as_bytes()).finalize().into_bytes();
    format!("{VERSION},{}", STANDARD.encode(code))
}
