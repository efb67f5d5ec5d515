//! The shared suite on a SQLite file, and what only a database can suffer.

use super::*;
use crate::store::agreement;
use proptest::prelude::*;
use tempfile::TempDir;

const NOW: Millis = 1_700_000_000_000;

fn store() -> (SqliteStore, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("mlflow.db"), NOW).unwrap();
    (store, folder)
}

crate::conformance_tests!(store());

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_database_and_memory_agree_on_random_filters(case in agreement::cases()) {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { durability: Durability::Normal, ..Options::default() };
        let path = folder.path().join("mlflow.db");
        let store = SqliteStore::open_with(&path, &options, NOW).unwrap();
        agreement::check(&store, &case)?;
    }
}
