//! Files of results: each gets its name when it is complete.

use crate::failure::Hinted;
use anyhow::{Context as _, Result};
use mlctl_scratch::{Access, Kind};
use std::fs::File;
use std::path::Path;
use tempfile::NamedTempFile;

/// The names of files that are not complete yet.
const UNFINISHED: Kind = Kind::new(".mlctl-output-");

/// A file beside the one that is asked for: what fails leaves nothing behind, and what was there
/// before stays until the new one is whole.
pub(super) fn begin(output: &Path) -> Result<(NamedTempFile, File)> {
    let cannot = || format!("cannot write `{}`", output.display());
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    if !folder.is_dir() {
        let hint = format!("create it with `mkdir -p {}`", folder.display());
        return Err(Hinted::error(format!("{}: its folder does not exist", cannot()), hint));
    }
    mlctl_scratch::sweep(folder, &[UNFINISHED]);
    let draft = mlctl_scratch::draft(folder, UNFINISHED, Access::Private).with_context(cannot)?;
    let file = draft.reopen().with_context(cannot)?;
    Ok((draft, file))
}

/// Puts a draft in the place that it is for, for everybody to read.
pub(super) fn keep(draft: NamedTempFile, output: &Path) -> Result<()> {
    let cannot = || format!("cannot write `{}`", output.display());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let rights = std::fs::Permissions::from_mode(0o644);
        draft.as_file().set_permissions(rights).with_context(cannot)?;
    }
    draft.persist(output).map(drop).with_context(cannot)
}
