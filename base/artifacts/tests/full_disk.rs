//! A full disk is reported as such and leaves nothing visible.
//!
//! The test starts itself again inside a mount namespace of its own, where a file system of one
//! megabyte can be mounted without privileges and disappears with the process.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{self, Read};
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use mlctl_artifacts::{ArtifactPath, ArtifactStore, Error, LocalArtifacts, MemoryArtifacts};

const CHILD: &str = "MLCTL_TEST_SMALL_DISK";

fn path(text: &str) -> ArtifactPath {
    ArtifactPath::parse(text).unwrap()
}

/// Runs `test` of this binary again by `script`, whose `"$@"` is the command.
fn again(test: &str, wrapper: &[&str], script: &str, folder: &Path) -> bool {
    let command = [wrapper, &["sh", "-c", script, "sh"]].concat();
    let output = Command::new(command[0])
        .args(&command[1..])
        .arg(env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, folder)
        .output();
    let Ok(output) = output else { return false };
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    if said.contains("running 1 test") {
        assert!(output.status.success(), "{said}");
        return true;
    }
    false
}

fn check_no_space<T: std::fmt::Debug>(got: Result<T, Error>) {
    match got {
        Err(err @ Error::NoSpace { .. }) => {
            assert!(err.to_string().starts_with("no space is left to "), "{err}");
        }
        got => panic!("should have no space, got {got:?}"),
    }
}

fn zeros(bytes: u64) -> impl Read {
    io::repeat(0).take(bytes)
}

/// Fails to write in several ways, and finds the folder as it was.
fn check_full_disk(root: &Path) {
    let store = LocalArtifacts::create(&root.join("store")).unwrap();
    store.write(&path("old"), &mut "kept".as_bytes()).unwrap();

    for name in ["new", "old", "a/b/new"] {
        check_no_space(store.write(&path(name), &mut zeros(8 << 20)));
    }
    let source = MemoryArtifacts::default();
    source.write(&path("big"), &mut zeros(8 << 20)).unwrap();
    check_no_space(mlctl_artifacts::download(&source, &path("big"), &root.join("downloaded")));

    let listed = store.list(&ArtifactPath::root()).unwrap();
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(fs::read(root.join("store/old")).unwrap(), b"kept");
    assert_eq!(fs::read_dir(root.join("store")).unwrap().count(), 1);
    assert!(!root.join("downloaded").exists());
    store.write(&path("small"), &mut "fits".as_bytes()).unwrap();
}

#[cfg(feature = "archives")]
fn check_unpacking(root: &Path) {
    use mlctl_artifacts::archive::{Limits, pack_tar_gz, pack_zip, unpack_tar_gz, unpack_zip};
    // Packed on the ordinary disk, outside the small one.
    let source = tempfile::tempdir().unwrap();
    fs::write(source.path().join("big"), vec![7; 8 << 20]).unwrap();
    let (mut tar, mut zip) = (Vec::new(), Vec::new());
    pack_tar_gz(source.path(), &mut tar).unwrap();
    pack_zip(source.path(), &mut zip).unwrap();
    let before = fs::read_dir(root).unwrap().count();

    check_no_space(unpack_tar_gz(tar.as_slice(), &root.join("tar"), &Limits::default()));
    check_no_space(unpack_zip(io::Cursor::new(zip), &root.join("zip"), &Limits::default()));

    assert_eq!(fs::read_dir(root).unwrap().count(), before);
}

#[test]
fn a_full_disk_leaves_nothing_visible() {
    if let Some(root) = env::var_os(CHILD) {
        check_full_disk(Path::new(&root));
        #[cfg(feature = "archives")]
        check_unpacking(Path::new(&root));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let namespace = ["unshare", "--map-root-user", "--mount"];
    let script = format!("mount -t tmpfs -o size=1m none \"${CHILD}\" && exec \"$@\"");
    if !again("a_full_disk_leaves_nothing_visible", &namespace, &script, folder.path()) {
        println!("skipped: no file system can be mounted here");
    }
}

#[test]
fn a_limit_of_the_file_size_is_no_space_either() {
    if let Some(root) = env::var_os(CHILD) {
        return check_full_disk(Path::new(&root));
    }
    let folder = tempfile::tempdir().unwrap();
    // The signal would end the process before the write could fail.
    let script = "trap '' XFSZ; ulimit -f 1000 && exec \"$@\"";
    let test = "a_limit_of_the_file_size_is_no_space_either";
    assert!(again(test, &["env"], script, folder.path()));
}
