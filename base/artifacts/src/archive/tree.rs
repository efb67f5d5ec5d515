//! What both archive formats agree on: which entries a folder gives, and which names unpack.

use std::path::Path;

use crate::local::{Beneath, Found};
use crate::{ArtifactPath, Error, Result};

/// The permissions of folders and executable files in archives.
pub(super) const MODE_EXECUTABLE: u32 = 0o755;
/// The permissions of other files in archives.
pub(super) const MODE_PLAIN: u32 = 0o644;

/// Returns the permissions that an archive records.
pub(super) fn mode(executable: bool) -> u32 {
    if executable { MODE_EXECUTABLE } else { MODE_PLAIN }
}

/// Opens `folder` and finds what to pack, sorted by path.
pub(super) fn open(folder: &Path) -> Result<(Beneath, Vec<Found>)> {
    let failed = |source| Error::Io { doing: format!("read `{}`", folder.display()), source };
    let beneath = Beneath::open(folder).map_err(failed)?;
    let all = beneath.walk()?;
    for found in &all {
        check_separator(found.path.as_str())?;
    }
    Ok((beneath, all))
}

/// Checks the name of an entry; the archive's root is the empty path.
pub(super) fn check_name(entry: &str) -> Result<ArtifactPath> {
    check_separator(entry)?;
    ArtifactPath::parse(entry).map_err(|err| match err {
        Error::InvalidPath { value, rule } => Error::Refused { entry: value, rule },
        err => err,
    })
}

/// Refuses backslashes, which separate names for some programs and belong to names for others.
fn check_separator(entry: &str) -> Result<()> {
    if entry.contains('\\') {
        return Err(refused(entry, "its separator must be `/`"));
    }
    Ok(())
}

pub(super) fn refused(entry: &str, rule: &'static str) -> Error {
    Error::Refused { entry: entry.to_owned(), rule }
}
