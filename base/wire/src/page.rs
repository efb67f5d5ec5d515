//! Page tokens: where the next page starts, opaque to clients.
//!
//! A token holds the sort keys of the last row that was sent (keyset paging), so a deep page costs
//! what the first one costs and rows written meanwhile shift nothing. It is bound to its query by
//! a digest: a token that was changed, cut, or taken from another query is refused. The digest is
//! no secret, since a forged token can only ask for rows that the query shows anyway.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

const DIGEST_BYTES: usize = 8;

/// Says that a page token was not made by this query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid page token")]
pub struct InvalidPageToken;

/// Makes the token for the rows after `position` in the query that `scope` describes.
///
/// ```
/// let token = mlctl_wire::page::seal("runs order by loss", &("0.25", "run 7"));
///
/// let (loss, run): (String, String) = mlctl_wire::page::open("runs order by loss", &token)?;
/// assert_eq!((loss.as_str(), run.as_str()), ("0.25", "run 7"));
/// assert!(mlctl_wire::page::open::<(String, String)>("another query", &token).is_err());
/// # Ok::<(), mlctl_wire::page::InvalidPageToken>(())
/// ```
pub fn seal<T: Serialize>(scope: &str, position: &T) -> String {
    // A position is text and numbers of our own: it always has a JSON form.
    let json = serde_json::to_vec(position).unwrap_or_default();
    let mut bytes = digest(scope, &json).to_vec();
    bytes.extend_from_slice(&json);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads the position out of a token that [`seal`] made for the same `scope`.
///
/// # Errors
/// [`InvalidPageToken`] when the token is not of this query or was changed.
pub fn open<T: DeserializeOwned>(scope: &str, token: &str) -> Result<T, InvalidPageToken> {
    let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| InvalidPageToken)?;
    let (sum, json) = bytes.split_at_checked(DIGEST_BYTES).ok_or(InvalidPageToken)?;
    if sum != digest(scope, json) {
        return Err(InvalidPageToken);
    }
    serde_json::from_slice(json).map_err(|_| InvalidPageToken)
}

fn digest(scope: &str, json: &[u8]) -> [u8; DIGEST_BYTES] {
    let whole = Sha256::new()
        .chain_update((scope.len() as u64).to_le_bytes())
        .chain_update(scope)
        .chain_update(json)
        .finalize();
    let mut short = [0; DIGEST_BYTES];
    short.copy_from_slice(&whole[..DIGEST_BYTES]);
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_sealed_is_read_back(scope: String, position: (i64, String)) {
            let token = seal(&scope, &position);
            prop_assert_eq!(open::<(i64, String)>(&scope, &token), Ok(position));
        }

        #[test]
        fn any_text_is_refused_without_a_panic(text: String) {
            prop_assert_eq!(open::<(i64, String)>("runs", &text), Err(InvalidPageToken));
        }

        #[test]
        fn a_changed_byte_is_noticed(position: (i64, String), at: usize, change in 1u8..64) {
            let mut bytes = URL_SAFE_NO_PAD.decode(seal("runs", &position)).unwrap();
            let at = at % bytes.len();
            bytes[at] ^= change;
            let token = URL_SAFE_NO_PAD.encode(bytes);
            prop_assert_eq!(open::<(i64, String)>("runs", &token), Err(InvalidPageToken));
        }
    }
}
