//! A temporary file.

use crate::{Access, Kind, hold};
use std::fs::Permissions;
use std::io;
use std::path::Path;
use tempfile::{Builder, NamedTempFile};

/// Makes an empty file in `folder`, which is removed when it is dropped before it gets another name.
///
/// # Errors
/// When the file cannot be made.
pub fn draft(folder: &Path, kind: Kind, access: Access) -> io::Result<NamedTempFile> {
    loop {
        let mut builder = Builder::new();
        builder.prefix(kind.prefix).suffix(kind.suffix).rand_bytes(Kind::RANDOM);
        builder.permissions(permissions(access));
        let file = builder.tempfile_in(folder)?;
        if hold(file.as_file())? {
            return Ok(file);
        }
    }
}

#[cfg(unix)]
fn permissions(access: Access) -> Permissions {
    use std::os::unix::fs::PermissionsExt;
    Permissions::from_mode(match access {
        Access::Private => 0o600,
        Access::Umask => 0o666,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write;

    const KIND: Kind = Kind { prefix: ".mlctl-", suffix: ".tmp" };

    #[test]
    fn a_draft_replaces_what_was_there_or_leaves_nothing() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("target");
        fs::write(&target, "old").unwrap();
        drop(draft(place.path(), KIND, Access::Umask).unwrap());
        let mut new = draft(place.path(), KIND, Access::Umask).unwrap();
        new.write_all(b"new").unwrap();

        new.persist(&target).unwrap();

        assert_eq!(fs::read_to_string(&target).unwrap(), "new");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }
}
