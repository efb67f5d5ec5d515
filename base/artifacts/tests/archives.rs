//! Archives: what packs comes back, and what is dangerous is refused without a trace.

#![cfg(feature = "archives")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use mlctl_artifacts::Error;
use mlctl_artifacts::archive::{
    Limits, Unpacked, pack_tar_gz, pack_zip, unpack_tar_gz, unpack_zip,
};
use tar::{EntryType, Header};
use tempfile::TempDir;
use zip::write::SimpleFileOptions;

type Archive = Vec<u8>;
type Unpack = fn(&[u8], &Path, &Limits) -> Result<Unpacked, Error>;

fn untar(archive: &[u8], to: &Path, limits: &Limits) -> Result<Unpacked, Error> {
    unpack_tar_gz(archive, to, limits)
}

fn unzip(archive: &[u8], to: &Path, limits: &Limits) -> Result<Unpacked, Error> {
    unpack_zip(Cursor::new(archive), to, limits)
}

fn gzip(tar: &[u8]) -> Archive {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(tar).unwrap();
    gzip.finish().unwrap()
}

/// One tar entry with a name as it stands, checked by nobody.
fn raw_entry(kind: EntryType, name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    if kind.is_symlink() || kind.is_hard_link() {
        header.set_link_name("/etc/passwd").unwrap();
    }
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn tar_of(entries: &[Vec<u8>]) -> Archive {
    let mut bytes = entries.concat();
    bytes.resize(bytes.len() + 1024, 0);
    gzip(&bytes)
}

fn tar_with(names: &[&str]) -> Archive {
    let entries: Vec<_> =
        names.iter().map(|name| raw_entry(EntryType::Regular, name, b"x")).collect();
    tar_of(&entries)
}

fn zip_with(entries: &[(&str, u32)]) -> Archive {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, mode) in entries {
        let options = SimpleFileOptions::default().unix_permissions(*mode);
        if mode & 0o170_000 == 0o120_000 {
            zip.add_symlink(*name, "/etc/passwd", options).unwrap();
        } else {
            zip.start_file(*name, options).unwrap();
            zip.write_all(b"x").unwrap();
        }
    }
    zip.finish().unwrap().into_inner()
}

/// Unpacks in a folder of its own, and checks that a failure leaves that folder empty.
#[track_caller]
fn unpacked(unpack: Unpack, archive: &[u8], limits: &Limits) -> Result<TempDir, Error> {
    let place = TempDir::new().unwrap();
    let got = unpack(archive, &place.path().join("out"), limits);
    let left = fs::read_dir(place.path()).unwrap().count();
    assert_eq!(left, usize::from(got.is_ok()), "entries beside the destination after {got:?}");
    got.map(|_| place)
}

#[track_caller]
fn check_refused(unpack: Unpack, archive: &[u8], entry: &str) {
    match unpacked(unpack, archive, &Limits::default()) {
        Err(Error::Refused { entry: refused, .. }) => assert_eq!(refused, entry),
        got => panic!("{entry:?} should be refused, got {got:?}"),
    }
}

/// A folder with an empty folder, a script and a name that is long and not ASCII.
fn sample() -> TempDir {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("model/empty")).unwrap();
    fs::create_dir_all(at(&format!("{}/deep", "long".repeat(40)))).unwrap();
    fs::write(at("model/MLmodel"), "flavors: {}\n").unwrap();
    fs::write(at(&format!("{}/deep/größe #1 100%.txt", "long".repeat(40))), "grün").unwrap();
    fs::write(at("model/.hidden"), "").unwrap();
    fs::write(at("run.sh"), "#!/bin/sh\n").unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(at("run.sh"), fs::Permissions::from_mode(0o700)).unwrap();
    }
    folder
}

/// Every path below `root` with its content; folders have none.
fn contents(root: &Path) -> Vec<(String, Option<String>, bool)> {
    let mut all = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                all.push((name, None, false));
                folders.push(path);
            } else {
                let text = fs::read_to_string(&path).unwrap();
                all.push((name, Some(text), executable(&path)));
            }
        }
    }
    all.sort();
    all
}

#[cfg(unix)]
fn executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).unwrap().permissions().mode() & 0o100 != 0
}

#[cfg(not(unix))]
fn executable(_: &Path) -> bool {
    false
}

fn packed_tar(folder: &Path) -> Archive {
    let mut bytes = Vec::new();
    pack_tar_gz(folder, &mut bytes).unwrap();
    bytes
}

fn packed_zip(folder: &Path) -> Archive {
    let mut bytes = Vec::new();
    pack_zip(folder, &mut bytes).unwrap();
    bytes
}

#[test]
fn what_was_packed_comes_back() {
    let sample = sample();
    let archives =
        [(untar as Unpack, packed_tar(sample.path())), (unzip, packed_zip(sample.path()))];

    for (unpack, archive) in archives {
        let place = unpacked(unpack, &archive, &Limits::default()).unwrap();
        let got = contents(&place.path().join("out"));
        assert_eq!(got, contents(sample.path()));
        assert_eq!(got.iter().filter(|(.., executable)| *executable).count(), 1);
    }
}

#[test]
fn packing_does_not_depend_on_time_or_order() {
    let (one, other) = (sample(), sample());
    let old = fs::File::options().write(true).open(other.path().join("run.sh")).unwrap();
    old.set_modified(std::time::UNIX_EPOCH).unwrap();

    assert_eq!(packed_tar(one.path()), packed_tar(other.path()));
    assert_eq!(packed_zip(one.path()), packed_zip(other.path()));
}

#[test]
fn names_that_leave_are_refused() {
    for name in ["../x", "a/../../x", "/etc/x", "..", "a\\..\\x", "C:/x", "%2e%2e/x"] {
        check_refused(untar, &tar_with(&["fine", name]), name);
        check_refused(unzip, &zip_with(&[("fine", 0o644), (name, 0o644)]), name);
    }
}

#[test]
fn a_name_that_leaves_is_refused_in_extended_headers_too() {
    let long = raw_entry(EntryType::GNULongName, "././@LongLink", b"../../escape\0");
    let pax = raw_entry(EntryType::XHeader, "pax", b"23 path=../../escape-x\n");
    let file = raw_entry(EntryType::Regular, "fine", b"x");

    check_refused(untar, &tar_of(&[long, file.clone()]), "../../escape");
    check_refused(untar, &tar_of(&[pax, file]), "../../escape-x");
}

#[test]
fn links_and_devices_are_refused() {
    let kinds = [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Char,
        EntryType::Block,
        EntryType::Fifo,
        EntryType::GNUSparse,
        EntryType::new(b'Z'),
    ];
    for kind in kinds {
        let fine = raw_entry(EntryType::Regular, "fine", b"x");
        check_refused(untar, &tar_of(&[fine, raw_entry(kind, "odd", b"")]), "odd");
    }
    check_refused(unzip, &zip_with(&[("fine", 0o644), ("odd", 0o120_777)]), "odd");
}

/// Changes the kind of the last entry in a zip's directory; its writer only makes files and links.
fn with_unix_kind(mut zip: Archive, kind: u32) -> Archive {
    let directory = zip.windows(4).rposition(|bytes| bytes == b"PK\x01\x02").unwrap();
    let mode = ((kind | 0o644) << 16).to_le_bytes();
    zip[directory + 38..directory + 42].copy_from_slice(&mode);
    zip
}

#[test]
fn devices_in_zip_files_are_refused() {
    for kind in [0o020_000, 0o060_000, 0o010_000, 0o140_000, 0o040_000] {
        let zip = with_unix_kind(zip_with(&[("odd", 0o644)]), kind);
        check_refused(unzip, &zip, "odd");
    }
}

#[test]
fn a_link_cannot_smuggle_a_file_out() {
    let link = raw_entry(EntryType::Symlink, "a", b"");
    let file = raw_entry(EntryType::Regular, "a/passwd", b"x");

    check_refused(untar, &tar_of(&[link, file]), "a");
}

#[test]
fn names_that_occur_twice_are_refused() {
    check_refused(untar, &tar_with(&["a", "b", "a"]), "a");
    check_refused(untar, &tar_with(&["a", "./a"]), "a");
    check_refused(untar, &tar_with(&["a", "a/b"]), "a");
    check_refused(untar, &tar_with(&["a/b", "a"]), "a");
    let folder = raw_entry(EntryType::Directory, "a/", b"");
    let file = raw_entry(EntryType::Regular, "a", b"");
    check_refused(untar, &tar_of(&[folder.clone(), file]), "a");
    assert!(unpacked(untar, &tar_of(&[folder.clone(), folder]), &Limits::default()).is_ok());
}

#[test]
fn names_that_occur_twice_in_a_zip_are_refused() {
    let mut zip = zip_with(&[("ab", 0o644), ("cd", 0o644)]);
    for at in 0..zip.len() - 1 {
        if &zip[at..at + 2] == b"cd" {
            zip[at..at + 2].copy_from_slice(b"ab");
        }
    }
    check_refused(unzip, &zip, "ab");
}

#[test]
fn names_that_only_the_local_header_hides_are_found_out() {
    let mut zip = zip_with(&[("ab", 0o644)]);
    let at = zip.windows(2).position(|bytes| bytes == b"ab").unwrap();
    zip[at] = b'z';

    let got = unpacked(unzip, &zip, &Limits::default());

    assert!(matches!(got, Err(Error::Unreadable { .. })), "{got:?}");
}

#[track_caller]
fn check_too_large(unpack: Unpack, archive: &[u8], limits: Limits, text: &str) {
    let got = unpacked(unpack, archive, &limits).unwrap_err();
    assert!(matches!(got, Error::TooLarge { .. }), "{got:?}");
    assert_eq!(got.to_string(), text);
}

#[test]
fn limits_are_exact() {
    let sample = sample();
    let archives =
        [(untar as Unpack, packed_tar(sample.path())), (unzip, packed_zip(sample.path()))];
    let fits = Limits { bytes_max: 27, entries_max: 8, ..Limits::default() };

    for (unpack, archive) in archives {
        let place = TempDir::new().unwrap();
        let spent = unpack(&archive, &place.path().join("out"), &fits).unwrap();
        assert_eq!(spent, Unpacked { entries: 8, bytes: 27 });
        let limits = Limits { bytes_max: 26, ..fits };
        check_too_large(unpack, &archive, limits, "the archive exceeds the limit of 26 bytes");
        let limits = Limits { entries_max: 7, ..fits };
        check_too_large(unpack, &archive, limits, "the archive exceeds the limit of 7 entries");
    }
}

#[test]
fn bombs_are_stopped_by_their_ratio() {
    let folder = TempDir::new().unwrap();
    fs::File::create(folder.path().join("zeros")).unwrap().set_len(40 << 20).unwrap();
    let text = "the archive exceeds the limit of 200 unpacked bytes for each packed byte";

    check_too_large(untar, &packed_tar(folder.path()), Limits::default(), text);
    check_too_large(unzip, &packed_zip(folder.path()), Limits::default(), text);
}

#[test]
fn a_gigantic_name_is_refused_before_it_is_read() {
    let name = vec![b'a'; 65 * 1024];
    let entry = raw_entry(EntryType::GNULongName, "long", &name);
    check_refused(untar, &tar_of(&[entry]), "long");

    let empty = raw_entry(EntryType::XGlobalHeader, "global", b"");
    check_refused(untar, &tar_of(&vec![empty; 9]), "global");
}

#[test]
fn endless_padding_is_refused() {
    let tar = gzip(&vec![0; 2 << 20]);

    let got = unpacked(untar, &tar, &Limits::default());

    assert!(matches!(got, Err(Error::TooLarge { .. })), "{got:?}");
}

#[test]
fn archives_that_are_cut_off_are_unreadable() {
    let sample = sample();
    let archives =
        [(untar as Unpack, packed_tar(sample.path())), (unzip, packed_zip(sample.path()))];
    for (unpack, archive) in archives {
        for kept in [0, 1, 20, archive.len() / 2, archive.len() - 1] {
            // An empty stream is no gzip member to complain about, but no archive either.
            let got = unpacked(unpack, &archive[..kept], &Limits::default());
            assert!(matches!(got, Err(Error::Unreadable { .. })), "{kept} bytes: {got:?}");
        }
    }
}

#[test]
fn a_changed_byte_of_content_is_noticed() {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    zip.start_file("a", options).unwrap();
    zip.write_all(b"content").unwrap();
    let mut zip = zip.finish().unwrap().into_inner();
    let at = zip.windows(7).position(|bytes| bytes == b"content").unwrap();
    zip[at] = b'C';
    let mut tar = tar_with(&["a"]);
    let checksum = tar.len() - 8;
    tar[checksum] ^= 1;

    for (unpack, archive) in [(unzip as Unpack, zip), (untar, tar)] {
        let got = unpacked(unpack, &archive, &Limits::default());
        assert!(matches!(got, Err(Error::Unreadable { .. })), "{got:?}");
    }
}

#[test]
fn a_taken_destination_is_left_alone() {
    let place = TempDir::new().unwrap();
    fs::write(place.path().join("mine"), "kept").unwrap();
    let archive = tar_with(&["a"]);

    for taken in [place.path().to_path_buf(), place.path().join("mine")] {
        let got = untar(&archive, &taken, &Limits::default());
        assert!(matches!(got, Err(Error::Exists { .. })), "{got:?}");
    }

    assert_eq!(contents(place.path()), [("mine".to_owned(), Some("kept".to_owned()), false)]);
}

#[test]
fn an_empty_folder_can_be_the_destination() {
    let place = TempDir::new().unwrap();
    fs::create_dir(place.path().join("out")).unwrap();

    untar(&tar_with(&["a"]), &place.path().join("out"), &Limits::default()).unwrap();

    assert!(place.path().join("out/a").is_file());
}

#[cfg(unix)]
#[test]
fn packing_refuses_links_that_leave_and_follows_the_others() {
    let sample = sample();
    std::os::unix::fs::symlink("MLmodel", sample.path().join("model/inside")).unwrap();
    let place = unpacked(untar, &packed_tar(sample.path()), &Limits::default()).unwrap();
    let copy = place.path().join("out/model/inside");
    assert!(fs::symlink_metadata(&copy).unwrap().is_file());

    std::os::unix::fs::symlink("/etc/passwd", sample.path().join("model/leaves")).unwrap();
    for got in
        [pack_tar_gz(sample.path(), std::io::sink()), pack_zip(sample.path(), std::io::sink())]
    {
        assert!(matches!(&got, Err(Error::Escapes { path }) if path.as_str() == "model/leaves"));
    }
}

#[cfg(unix)]
#[test]
fn an_unpacked_folder_has_the_permissions_of_any_new_folder() {
    use std::os::unix::fs::PermissionsExt;
    let place = unpacked(untar, &tar_with(&["a"]), &Limits::default()).unwrap();
    fs::create_dir(place.path().join("usual")).unwrap();

    let mode = |name| fs::metadata(place.path().join(name)).unwrap().permissions().mode();

    assert_eq!(mode("out"), mode("usual"));
}
