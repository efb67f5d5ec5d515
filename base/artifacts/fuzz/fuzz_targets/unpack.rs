//! No archive makes unpacking panic, leave its folder, or leave rubbish behind.
//!
//! `cargo +nightly fuzz run unpack -- -max_total_time=60`, in `base/artifacts`.
#![no_main]

use std::io::{Cursor, Read};
use std::path::Path;

use flate2::Compression;
use flate2::read::GzEncoder;
use libfuzzer_sys::fuzz_target;
use mlctl_artifacts::archive::{Limits, unpack_tar_gz, unpack_zip};

const LIMITS: Limits = Limits { bytes_max: 1 << 20, entries_max: 50, ratio_max: 200 };

fn check(unpack: impl FnOnce(&Path) -> bool) {
    let place = tempfile::tempdir().unwrap();
    let deep = place.path().join("deep");
    let unpacked = unpack(&deep.join("out"));
    let count = |folder: &Path| folder.read_dir().map_or(0, Iterator::count);
    assert_eq!(count(&deep), usize::from(unpacked));
    assert_eq!(count(place.path()), 1);
}

fuzz_target!(|bytes: &[u8]| {
    check(|to| unpack_zip(Cursor::new(bytes), to, &LIMITS).is_ok());
    // Compressed here, so that what is fuzzed is the tar inside.
    let mut packed = Vec::new();
    GzEncoder::new(bytes, Compression::none()).read_to_end(&mut packed).unwrap();
    check(|to| unpack_tar_gz(packed.as_slice(), to, &LIMITS).is_ok());
});
