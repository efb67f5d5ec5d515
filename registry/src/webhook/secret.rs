//! Secrets at rest, in the sealed form that MLflow's column holds.
//!
//! The form is Fernet: a version byte, the time in seconds, an IV, AES-128-CBC and an HMAC over
//! all of it, in URL-safe base64. Source: the Fernet specification, as Python's `cryptography`
//! implements it for MLflow.

use std::fmt;

use aes::Aes128;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::error::{Error, Result};

const VERSION: u8 = 0x80;
const TIME_BYTES: usize = 8;
const IV_BYTES: usize = 16;
const HMAC_BYTES: usize = 32;
const HALF_KEY_BYTES: usize = 16;

/// Seals and opens secrets: MLflow's `MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY`.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey {
    signing: [u8; HALF_KEY_BYTES],
    encryption: [u8; HALF_KEY_BYTES],
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

impl SecretKey {
    /// Reads a key: 32 bytes in URL-safe base64, as `Fernet.generate_key()` makes it.
    ///
    /// # Errors
    /// [`Error::WebhookRefused`] for other text, which it does not repeat.
    pub fn parse(text: &str) -> Result<Self> {
        let bytes = URL_SAFE.decode(text.trim()).ok();
        bytes.as_deref().and_then(Self::from_bytes).ok_or_else(|| {
            let problem = "invalid webhook secret key: it must be 32 bytes in URL-safe base64";
            Error::WebhookRefused(problem.to_owned())
        })
    }

    /// Makes a key that nobody else has.
    pub fn random() -> Self {
        Self { signing: rand::random(), encryption: rand::random() }
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (signing, encryption) = bytes.split_at_checked(HALF_KEY_BYTES)?;
        Some(Self { signing: signing.try_into().ok()?, encryption: encryption.try_into().ok()? })
    }

    /// Spells the key as [`Self::parse`] reads it.
    pub fn encode(&self) -> String {
        URL_SAFE.encode([self.signing, self.encryption].concat())
    }

    /// Seals a secret; `at_ms` is noted in the sealed form.
    pub fn seal(&self, secret: &str, at_ms: i64) -> SealedSecret {
        let iv: [u8; IV_BYTES] = rand::random();
        let cipher = cbc::Encryptor::<Aes128>::new(&self.encryption.into(), &iv.into());
        let mut token = vec![VERSION];
        token.extend((at_ms.max(0) / 1000).to_be_bytes());
        token.extend(iv);
        token.extend(cipher.encrypt_padded_vec::<Pkcs7>(secret.as_bytes()));
        let code = self.mac(&token).finalize().into_bytes();
        token.extend(code);
        SealedSecret(URL_SAFE.encode(token))
    }

    /// Opens a sealed secret; `None` when it was sealed with another key, or is none.
    pub fn open(&self, sealed: &SealedSecret) -> Option<String> {
        let token = URL_SAFE.decode(&sealed.0).ok()?;
        let (signed, code) = token.split_at_checked(token.len().checked_sub(HMAC_BYTES)?)?;
        self.mac(signed).verify_slice(code).ok()?;
        let (head, rest) = signed.split_at_checked(1 + TIME_BYTES)?;
        let (iv, text) = rest.split_at_checked(IV_BYTES)?;
        if head.first() != Some(&VERSION) {
            return None;
        }
        let iv: [u8; IV_BYTES] = iv.try_into().ok()?;
        let cipher = cbc::Decryptor::<Aes128>::new(&self.encryption.into(), &iv.into());
        String::from_utf8(cipher.decrypt_padded_vec::<Pkcs7>(text).ok()?).ok()
    }

    fn mac(&self, bytes: &[u8]) -> Hmac<Sha256> {
        hmac_of(&self.signing, bytes)
    }
}

/// Feeds `bytes` to an HMAC-SHA256 under `key`.
pub(super) fn hmac_of(key: &[u8], bytes: &[u8]) -> Hmac<Sha256> {
    // A key of HMAC may have any length.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap_or_else(|_| unreachable!());
    mac.update(bytes);
    mac
}

/// A secret that only a [`SecretKey`] opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSecret(String);

impl SealedSecret {
    /// Takes over what a store holds.
    #[cfg(feature = "sqlite")]
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    /// Returns the sealed form, as MLflow's column holds it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of the Fernet specification.
    const KEY: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";
    const TOKEN: &str = "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==";

    #[test]
    fn the_token_of_the_specification_opens() {
        let key = SecretKey::parse(KEY).unwrap();

        assert_eq!(key.open(&SealedSecret(TOKEN.to_owned())).as_deref(), Some("hello"));
        assert_eq!(key.encode(), KEY);
    }

    #[test]
    fn what_is_sealed_opens_with_its_key_alone() {
        let key = SecretKey::random();

        let sealed = key.seal("geheim", 499_162_800_000);

        assert!(sealed.as_str().starts_with("gAAAAAAdwJ6w"), "{sealed:?}");
        assert_eq!(key.open(&sealed).as_deref(), Some("geheim"));
        assert_eq!(SecretKey::random().open(&sealed), None);
        assert_ne!(key.seal("geheim", 0), key.seal("geheim", 0));
    }

    #[test]
    fn a_changed_or_cut_token_does_not_open() {
        let key = SecretKey::parse(KEY).unwrap();
        for end in 0..TOKEN.len() {
            assert_eq!(key.open(&SealedSecret(TOKEN[..end].to_owned())), None, "{end}");
        }
        assert_eq!(key.open(&SealedSecret(TOKEN.replacen("y021", "y121", 1))), None);
    }

    #[test]
    fn a_key_that_is_none_is_not_repeated() {
        let refused = SecretKey::parse("hunter2").unwrap_err().to_string();

        assert_eq!(refused, "invalid webhook secret key: it must be 32 bytes in URL-safe base64");
        assert_eq!(format!("{:?}", SecretKey::random()), "SecretKey(…)");
    }
}
