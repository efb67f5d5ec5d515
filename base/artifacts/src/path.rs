//! Checks the names of artifacts once, so that every store can trust them.
//!
//! Pure text in, text out. Percent signs are ordinary characters here: whoever takes a path from a
//! URL decodes it first. Still, a text that would leave its root if someone decoded it once more is
//! refused, as MLflow does.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The longest path in bytes.
const PATH_BYTES_MAX: usize = 4096;
/// The longest single name in bytes, which is what common file systems allow.
const NAME_BYTES_MAX: usize = 255;
/// The deepest nesting of folders.
const DEPTH_MAX: usize = 128;
/// How MLflow names a file that is still being written, and hides it from listings.
pub(crate) const UNFINISHED_PREFIX: &str = ".artifact.uploading.";

/// A relative, `/`-separated path that cannot leave its root.
///
/// The root itself is the empty path. Empty and `.` components vanish, as they do when MLflow reads
/// artifacts: `a//b/./c/` is `a/b/c`. Spaces, letters of every script, `#`, `%`, `:` and leading
/// dots are fine.
///
/// ```
/// use mlctl_artifacts::ArtifactPath;
///
/// let path = ArtifactPath::parse("plots//loss 100%.png")?;
/// assert_eq!(path.as_str(), "plots/loss 100%.png");
/// assert_eq!(path.file_name(), Some("loss 100%.png"));
/// assert!(ArtifactPath::parse("../secret").is_err());
/// # Ok::<(), mlctl_artifacts::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ArtifactPath(String);

impl ArtifactPath {
    /// Returns the root, which is the empty path.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// Checks and normalises a path.
    ///
    /// # Errors
    /// [`Error::InvalidPath`] for absolute paths, `..` (even percent-encoded), drives, `file:`
    /// URIs, control characters, names kept for unfinished uploads, and whatever is too long.
    pub fn parse(text: &str) -> Result<Self> {
        match normalise(text) {
            Ok(path) => Ok(Self(path)),
            Err(rule) => Err(Error::InvalidPath { value: text.to_owned(), rule }),
        }
    }

    /// Returns the path as text, without a slash at either end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Tells whether this is the root.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the names from the outermost folder to the last.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/').filter(|name| !name.is_empty())
    }

    /// Appends `other` below this path.
    ///
    /// The result stays below this path; only its whole length is not checked again.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        match (self.is_root(), other.is_root()) {
            (true, _) => other.clone(),
            (_, true) => self.clone(),
            _ => Self(format!("{self}/{other}")),
        }
    }

    /// Returns the last name, or none for the root.
    #[must_use]
    pub fn file_name(&self) -> Option<&str> {
        self.components().next_back()
    }

    /// Returns the folder that holds this path, or none for the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        let folder = self.0.rsplit_once('/').map_or("", |(folder, _)| folder);
        Some(Self(folder.to_owned()))
    }

    /// Tells whether this path is `folder` or lies below it.
    #[must_use]
    pub fn starts_with(&self, folder: &Self) -> bool {
        self.strip_prefix(folder).is_some()
    }

    /// Returns the rest of this path below `folder`, or none when it lies elsewhere.
    #[must_use]
    pub fn strip_prefix(&self, folder: &Self) -> Option<Self> {
        if folder.is_root() {
            return Some(self.clone());
        }
        match self.0.strip_prefix(&folder.0)? {
            "" => Some(Self::root()),
            rest => Some(Self(rest.strip_prefix('/')?.to_owned())),
        }
    }
}

impl fmt::Display for ArtifactPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for ArtifactPath {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ArtifactPath {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::parse(&text)
    }
}

impl From<ArtifactPath> for String {
    fn from(path: ArtifactPath) -> Self {
        path.0
    }
}

/// Takes one name from the local disk.
pub(crate) fn parse_local(name: &OsStr) -> Result<ArtifactPath> {
    let Some(text) = name.to_str() else {
        let value = name.to_string_lossy().into_owned();
        return Err(Error::InvalidPath { value, rule: "it must be UTF-8" });
    };
    ArtifactPath::parse(text)
}

fn normalise(text: &str) -> Result<String, &'static str> {
    if text.starts_with('/') {
        return Err("it must be relative, so it must not begin with `/`");
    }
    if text.len() > PATH_BYTES_MAX {
        return Err("it can have at most 4096 bytes");
    }
    let names: Vec<&str> =
        text.split('/').filter(|name| !name.is_empty() && *name != ".").collect();
    if names.len() > DEPTH_MAX {
        return Err("it can have at most 128 names");
    }
    names.iter().try_for_each(|name| check_name(name))?;
    Ok(names.join("/"))
}

// Every rule is about one name, so that joining, splitting and stripping valid paths can only give
// valid paths.
fn check_name(name: &str) -> Result<(), &'static str> {
    if name.len() > NAME_BYTES_MAX {
        return Err("each name in it can have at most 255 bytes");
    }
    if name.chars().any(char::is_control) {
        return Err("it must not contain control characters");
    }
    if name.starts_with(UNFINISHED_PREFIX) {
        return Err("names that begin with `.artifact.uploading.` are reserved for unfinished \
                    uploads");
    }
    check_windows(name)?;
    check_decoded(name)
}

fn check_windows(name: &str) -> Result<(), &'static str> {
    let drive = matches!(name.as_bytes(), [letter, b':', rest @ ..]
        if letter.is_ascii_alphabetic() && (rest.is_empty() || rest[0] == b'\\'));
    if drive || name.starts_with('\\') {
        return Err("it must be relative, so it must not name a drive or a share");
    }
    if name.eq_ignore_ascii_case("file:") {
        return Err("it must be a path, not a URI");
    }
    if cfg!(windows) && name.contains('\\') {
        return Err("its separator must be `/`");
    }
    Ok(())
}

/// Refuses what another round of percent-decoding would turn into a way out.
fn check_decoded(name: &str) -> Result<(), &'static str> {
    let mut text = Cow::Borrowed(name);
    loop {
        if text.split(['/', '\\']).any(|part| part == "..") {
            return Err("it must not contain `..`, percent-encoded or not");
        }
        if text.starts_with('/') {
            return Err("it must not contain a percent-encoded name that begins with `/`");
        }
        let Some(decoded) = percent_decode(&text) else { return Ok(()) };
        text = Cow::Owned(decoded);
    }
}

/// Decodes `%41` and the like once; none when there is nothing to decode.
fn percent_decode(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match hex_pair(&bytes[at..]) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    (decoded.len() < bytes.len()).then(|| String::from_utf8_lossy(&decoded).into_owned())
}

fn hex_pair(bytes: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = bytes else { return None };
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests;
