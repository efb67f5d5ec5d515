//! Removes what killed processes left.

use crate::{Kind, hold};
use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};

/// Removes what lies in `folder`, is of one of `kinds`, belongs to this user and is held by nobody.
/// Returns how much that was; what cannot be looked at or removed stays.
pub fn sweep(folder: &Path, kinds: &[Kind]) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|entry| is_of(entry, kinds) && remove(&entry.path())).count()
}

/// Does the same in `root` and every folder below it; links are not followed.
pub fn sweep_below(root: &Path, kinds: &[Kind]) -> usize {
    let mut removed = 0;
    let mut folders: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if is_of(&entry, kinds) {
                removed += usize::from(remove(&entry.path()));
            } else if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
            }
        }
    }
    removed
}

fn is_of(entry: &DirEntry, kinds: &[Kind]) -> bool {
    kinds.iter().any(|kind| kind.matches(&entry.file_name()))
}

fn remove(path: &Path) -> bool {
    let Some(held) = hold::abandoned(path) else { return false };
    let is_folder = held.metadata().is_ok_and(|data| data.is_dir());
    let removed = if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    removed.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Access, draft};

    const KIND: Kind = Kind { prefix: ".mlctl-", suffix: ".tmp" };

    #[test]
    fn abandoned_files_go_wherever_they_lie_and_held_ones_stay() {
        let place = tempfile::tempdir().unwrap();
        let deep = place.path().join("a/b");
        fs::create_dir_all(&deep).unwrap();
        let abandoned = deep.join(KIND.name());
        fs::write(&abandoned, "half").unwrap();
        fs::write(deep.join("metric"), "whole").unwrap();
        let held = draft(&deep, KIND, Access::Umask).unwrap();

        let removed = sweep_below(place.path(), &[KIND]);

        assert_eq!(removed, 1);
        assert!(!abandoned.exists());
        assert_eq!(fs::read_dir(&deep).unwrap().count(), 2);
        drop(held);
    }
}
