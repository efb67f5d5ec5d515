//! A temporary folder.

use crate::{Access, Kind, hold, sweep};
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// A temporary folder, removed with all that is in it when this is dropped.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    lock: File,
    is_kept: bool,
}

impl Scratch {
    /// Makes a folder in `parent`, and removes those of the same kind that killed processes left
    /// there.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn make(parent: &Path, prefix: &'static str, access: Access) -> io::Result<Self> {
        let kind = Kind::new(prefix);
        // A relative path would not survive a change of the working folder.
        let parent = std::path::absolute(parent)?;
        sweep::sweep(&parent, &[kind]);
        loop {
            let path = parent.join(kind.name());
            match folders(access).create(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                made => made?,
            }
            match File::open(&path) {
                Ok(lock) if hold::hold_at(&lock, &path) => {
                    return Ok(Self { path, lock, is_kept: false });
                }
                // It was swept in the moment before it was held.
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns where the folder is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns what marks the folder as in use: nobody removes it while a copy of this is open in
    /// any process.
    #[must_use]
    pub fn lock(&self) -> &File {
        &self.lock
    }

    /// Gives the folder its final name.
    ///
    /// # Errors
    /// When it cannot be renamed; it is removed then.
    pub fn publish(mut self, path: &Path) -> io::Result<()> {
        fs::rename(&self.path, path)?;
        self.is_kept = true;
        Ok(())
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.is_kept {
            // What cannot be removed now is abandoned, and the next process tries again.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

fn folders(access: Access) -> DirBuilder {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(match access {
            Access::Private => 0o700,
            Access::Umask => 0o777,
        });
    }
    #[cfg(not(unix))]
    let _ = access;
    builder
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_private_folder_is_its_owners_alone_and_goes_when_it_is_dropped() {
        let place = tempfile::tempdir().unwrap();
        let scratch = Scratch::make(place.path(), "mlctl-x-", Access::Private).unwrap();
        fs::write(scratch.path().join("file"), "content").unwrap();

        let mode = fs::metadata(scratch.path()).unwrap().permissions().mode() & 0o777;
        drop(scratch);

        assert_eq!(mode, 0o700);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_next_folder_removes_what_nobody_holds() {
        let place = tempfile::tempdir().unwrap();
        let abandoned = place.path().join(Kind::new("mlctl-x-").name());
        let others = ["mlctl-x-abcdef", "mlctl-y-0123456789abcdef0123456789abcdef", "data"];
        fs::create_dir_all(abandoned.join("deep")).unwrap();
        others.iter().for_each(|name| fs::create_dir(place.path().join(name)).unwrap());
        let held = Scratch::make(place.path(), "mlctl-x-", Access::Private).unwrap();
        assert!(!abandoned.exists());
        fs::create_dir_all(&abandoned).unwrap();
        let link = place.path().join(Kind::new("mlctl-x-").name());
        std::os::unix::fs::symlink(place.path().join("data"), &link).unwrap();

        let next = Scratch::make(place.path(), "mlctl-x-", Access::Private).unwrap();

        assert!(held.path().exists() && next.path().exists());
        assert!(!abandoned.exists());
        assert!(link.is_symlink() && others.iter().all(|name| place.path().join(name).is_dir()));
    }

    #[test]
    fn a_folder_whose_lock_another_process_has_stays() {
        let place = tempfile::tempdir().unwrap();
        let scratch = Scratch::make(place.path(), "mlctl-x-", Access::Private).unwrap();
        let path = scratch.path().to_owned();
        let copy = scratch.lock().try_clone().unwrap();
        // As if the process was killed: nothing is removed.
        std::mem::forget(scratch);

        sweep::sweep(place.path(), &[Kind::new("mlctl-x-")]);

        assert!(path.exists());
        drop(copy);
    }

    #[test]
    fn a_published_folder_stays() {
        let place = tempfile::tempdir().unwrap();
        let scratch = Scratch::make(place.path(), "mlctl-x-", Access::Umask).unwrap();

        scratch.publish(&place.path().join("done")).unwrap();

        assert!(place.path().join("done").is_dir());
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }
}
