//! Where artifacts are: folders, spelled as plain paths or `file:` URIs, and buckets.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use std::path::{Path, PathBuf};

/// What a `file:` URI must not spell out. MLflow's own URIs are made by Python's `quote`.
const QUOTED: &AsciiSet =
    &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'<').add(b'>').add(b'?').add(b'`');

/// Spells a folder as the `file:` URI that MLflow writes.
#[must_use]
pub fn path_uri(path: &Path) -> String {
    format!("file://{}", utf8_percent_encode(&path.to_string_lossy(), QUOTED))
}

/// Reads the path out of a plain path or a `file:` URI; `None` for any other URI.
///
/// ```
/// use mlctl_uri::location_path;
/// use std::path::PathBuf;
///
/// assert_eq!(location_path("file:///a%20b"), Some(PathBuf::from("/a b")));
/// assert_eq!(location_path("./mlruns"), Some(PathBuf::from("./mlruns")));
/// assert_eq!(location_path("s3://bucket/a"), None);
/// ```
#[must_use]
pub fn location_path(location: &str) -> Option<PathBuf> {
    if let Some(rest) = location.strip_prefix("file:") {
        let path = rest.strip_prefix("//").unwrap_or(rest);
        let path = path.strip_prefix("localhost").unwrap_or(path);
        return Some(PathBuf::from(percent_decode_str(path).decode_utf8_lossy().into_owned()));
    }
    (!location.is_empty() && scheme(location).is_none()).then(|| PathBuf::from(location))
}

/// Names the place of a relative path, or relative `file:` URI, by an absolute one, as MLflow
/// does; any other location stays what it is.
///
/// ```
/// use mlctl_uri::absolute_location;
///
/// let here = std::env::current_dir().unwrap();
/// assert_eq!(absolute_location("./mlruns"), here.join("mlruns").to_str().unwrap());
/// assert_eq!(absolute_location("s3://bucket/a"), "s3://bucket/a");
/// ```
#[must_use]
pub fn absolute_location(location: &str) -> String {
    if is_of_windows(location) {
        return location.to_owned();
    }
    let absolute = || {
        let path = location_path(location).filter(|path| path.is_relative())?;
        let path = std::path::absolute(path).ok()?;
        match location.starts_with("file:") {
            true => Some(path_uri(&path)),
            false => path.into_os_string().into_string().ok(),
        }
    };
    absolute().unwrap_or_else(|| location.to_owned())
}

/// Tells whether a location is a plain path as Windows spells it, with a drive or a share.
#[must_use]
pub fn is_of_windows(location: &str) -> bool {
    let drive = matches!(location.as_bytes(), [letter, b':', b'\\' | b'/', ..]
        if letter.is_ascii_alphabetic());
    drive || location.starts_with(r"\\")
}

/// Returns the scheme of a URI; none for a plain path, of Windows too.
#[must_use]
pub fn scheme(location: &str) -> Option<&str> {
    let (scheme, _) = location.split_once(':')?;
    let is_scheme =
        scheme.len() > 1 && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    is_scheme.then_some(scheme)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_file_uris_name_the_same_place() {
        let path = Path::new("/a b/c#d/é%");
        assert_eq!(location_path(&path_uri(path)).as_deref(), Some(path));
        assert_eq!(location_path("/a b").as_deref(), Some(Path::new("/a b")));
        assert_eq!(location_path("s3://b/c"), None);
        assert_eq!(location_path(""), None);
    }

    /// The expected come from MLflow's `resolve_uri_if_local`.
    #[test]
    fn relative_places_become_absolute() {
        let here = std::env::current_dir().unwrap();
        let here = here.to_str().unwrap();
        assert_eq!(absolute_location("a/../b"), format!("{here}/a/../b"));
        assert_eq!(absolute_location("file:./rel"), format!("file://{here}/rel"));
        for unchanged in ["/abs", "file:///abs/x", "mlflow-artifacts:/", "s3://b/x", ""] {
            assert_eq!(absolute_location(unchanged), unchanged);
        }
    }
}
