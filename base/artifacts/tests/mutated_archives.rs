//! Archives with random damage never panic, never leave their folder and never leave rubbish.

#![cfg(feature = "archives")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::io::{Cursor, Read};

use mlctl_artifacts::archive::{Limits, pack_tar_gz, pack_zip, unpack_tar_gz, unpack_zip};
use proptest::prelude::*;
use tempfile::TempDir;

const LIMITS: Limits = Limits { bytes_max: 1 << 20, entries_max: 50, ratio_max: 200 };

#[derive(Clone, Debug)]
enum Damage {
    Flip { at: prop::sample::Index, byte: u8 },
    Cut { at: prop::sample::Index },
    Copy { from: prop::sample::Index, to: prop::sample::Index, count: usize },
}

fn damages() -> impl Strategy<Value = Vec<Damage>> {
    let index = any::<prop::sample::Index>;
    let damage = prop_oneof![
        8 => (index(), any::<u8>()).prop_map(|(at, byte)| Damage::Flip { at, byte }),
        1 => index().prop_map(|at| Damage::Cut { at }),
        2 => (index(), index(), 1..64_usize)
            .prop_map(|(from, to, count)| Damage::Copy { from, to, count }),
    ];
    prop::collection::vec(damage, 1..6)
}

fn damaged(mut bytes: Vec<u8>, damages: &[Damage]) -> Vec<u8> {
    for damage in damages {
        if bytes.is_empty() {
            break;
        }
        match damage {
            Damage::Flip { at, byte } => {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            Damage::Cut { at } => bytes.truncate(at.index(bytes.len())),
            Damage::Copy { from, to, count } => {
                let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
                let count = (*count).min(bytes.len() - from.max(to));
                bytes.copy_within(from..from + count, to);
            }
        }
    }
    bytes
}

fn source() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::create_dir_all(folder.path().join("a/b")).unwrap();
    fs::write(folder.path().join("a/one"), "one").unwrap();
    fs::write(folder.path().join("a/b").join("n".repeat(130)), "two").unwrap();
    folder
}

/// Repairs the checksums of tar headers, so that damage reaches what lies behind them.
fn repaired(mut tar: Vec<u8>) -> Vec<u8> {
    for block in tar.chunks_exact_mut(512).filter(|block| block[257..262] == *b"ustar") {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    }
    tar
}

fn gzip(tar: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    flate2::read::GzEncoder::new(tar, flate2::Compression::fast()).read_to_end(&mut out).unwrap();
    out
}

fn check(unpack: impl FnOnce(&std::path::Path) -> bool) {
    let place = TempDir::new().unwrap();
    let unpacked = unpack(&place.path().join("deep/out"));
    let beside = fs::read_dir(place.path().join("deep")).unwrap().count();
    assert_eq!(beside, usize::from(unpacked));
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn damaged_tar_files_do_no_harm(damages in damages()) {
        let mut packed = Vec::new();
        pack_tar_gz(source().path(), &mut packed).unwrap();
        let mut tar = Vec::new();
        flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut tar).unwrap();
        let archive = gzip(&repaired(damaged(tar, &damages)));
        check(|to| unpack_tar_gz(archive.as_slice(), to, &LIMITS).is_ok());
    }

    #[test]
    fn damaged_gzip_streams_do_no_harm(damages in damages()) {
        let mut packed = Vec::new();
        pack_tar_gz(source().path(), &mut packed).unwrap();
        let archive = damaged(packed, &damages);
        check(|to| unpack_tar_gz(archive.as_slice(), to, &LIMITS).is_ok());
    }

    #[test]
    fn damaged_zip_files_do_no_harm(damages in damages()) {
        let mut packed = Vec::new();
        pack_zip(source().path(), &mut packed).unwrap();
        let archive = damaged(packed, &damages);
        check(|to| unpack_zip(Cursor::new(archive), to, &LIMITS).is_ok());
    }
}
