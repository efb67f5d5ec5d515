//! The shared suite on folders, and what only folders can suffer.

use super::*;

fn store() -> (FileStore, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(&folder.path().join("mlruns"), 1_700_000_000_000).unwrap();
    (store, folder)
}

crate::conformance_tests!(store());
