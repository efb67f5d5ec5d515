//! Archives travel to and from the programs that people use: Python's and GNU tar.

#![cfg(all(unix, feature = "archives"))]
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test may panic and say why")]

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use mlctl_artifacts::archive::{Limits, pack_tar_gz, pack_zip, unpack_tar_gz, unpack_zip};
use tempfile::TempDir;

const WRITE: &str = r#"
import io, os, sys, tarfile, zipfile
os.chdir(sys.argv[1])
folder = "src/" + "p" * 80
os.makedirs("src/sub/empty")
os.makedirs(folder)
name = folder + "/" + "n" * 80 + " ü#%.txt"
for path, text in [("src/run.sh", "run"), (name, "long"), ("src/zeros", "")]:
    open(path, "w").write(text)
os.chmod("src/run.sh", 0o755)
for kind in ("USTAR", "GNU", "PAX"):
    with tarfile.open(kind + ".tar.gz", "w:gz", format=getattr(tarfile, kind + "_FORMAT")) as tar:
        tar.add("src", arcname=".")
class Pipe(io.RawIOBase):
    def __init__(self, file): self.file = file
    def writable(self): return True
    def write(self, data): return self.file.write(data)
def fill(file, method):
    with zipfile.ZipFile(file, "w", method) as out:
        for folder, _, files in os.walk("src"):
            for path in [folder, *(os.path.join(folder, file) for file in files)]:
                out.write(path, os.path.relpath(path, "src"))
fill("stored.zip", zipfile.ZIP_STORED)
fill("deflated.zip", zipfile.ZIP_DEFLATED)
with open("streamed.zip", "wb") as file:
    fill(Pipe(file), zipfile.ZIP_DEFLATED)
"#;

const READ: &str = r#"
import os, sys, tarfile, zipfile
os.chdir(sys.argv[1])
with tarfile.open("ours.tar.gz") as tar:
    members = tar.getmembers()
    assert all(m.mtime == 0 and m.uid == 0 and not m.uname for m in members), members
    assert [m.name for m in members] == sorted(m.name for m in members)
    tar.extractall("tar")
with zipfile.ZipFile("ours.zip") as zip:
    assert zip.testzip() is None
    assert zip.getinfo("run.sh").external_attr >> 16 & 0o111
    zip.extractall("zip")
"#;

fn python(script: &str, folder: &Path) -> bool {
    match Command::new("python3").args(["-I", "-c", script]).arg(folder).output() {
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            true
        }
        Err(err) => {
            println!("skipped: python3 does not start: {err}");
            false
        }
    }
}

#[track_caller]
fn check_same(left: &Path, right: &Path) {
    let output = Command::new("diff").arg("-r").args([left, right]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn archives_of_python_unpack() {
    let place = TempDir::new().unwrap();
    if !python(WRITE, place.path()) {
        return;
    }
    let at = |name: &str| place.path().join(name);
    for name in ["GNU.tar.gz", "PAX.tar.gz", "USTAR.tar.gz"] {
        let out = at(&format!("{name}.out"));
        unpack_tar_gz(File::open(at(name)).unwrap(), &out, &Limits::default()).unwrap();
        check_same(&at("src"), &out);
    }
    for name in ["stored.zip", "deflated.zip", "streamed.zip"] {
        let out = at(&format!("{name}.out"));
        unpack_zip(File::open(at(name)).unwrap(), &out, &Limits::default()).unwrap();
        check_same(&at("src"), &out);
    }
}

#[test]
fn python_unpacks_our_archives() {
    let place = TempDir::new().unwrap();
    let at = |name: &str| place.path().join(name);
    if !python(WRITE, place.path()) {
        return;
    }
    pack_tar_gz(&at("src"), File::create(at("ours.tar.gz")).unwrap()).unwrap();
    pack_zip(&at("src"), File::create(at("ours.zip")).unwrap()).unwrap();

    python(READ, place.path());

    check_same(&at("src"), &at("tar"));
    check_same(&at("src"), &at("zip"));
    assert!(at("zip/sub/empty").is_dir());
}

#[test]
fn gnu_tar_reads_our_archives_and_its_own_unpack() {
    let place = TempDir::new().unwrap();
    let at = |name: &str| place.path().join(name);
    fs::create_dir_all(at("src/a")).unwrap();
    fs::create_dir(at("out")).unwrap();
    fs::write(at("src/a").join("x".repeat(200)), "text").unwrap();
    pack_tar_gz(&at("src"), File::create(at("ours.tar.gz")).unwrap()).unwrap();
    let tar = |arguments: &[&str]| {
        let done = Command::new("tar").current_dir(place.path()).args(arguments).status().unwrap();
        assert!(done.success(), "tar {arguments:?}");
    };

    tar(&["-xzf", "ours.tar.gz", "-C", "out"]);
    tar(&["-czf", "theirs.tar.gz", "-C", "src", "."]);
    let theirs = File::open(at("theirs.tar.gz")).unwrap();
    unpack_tar_gz(theirs, &at("back"), &Limits::default()).unwrap();

    check_same(&at("src"), &at("out"));
    check_same(&at("src"), &at("back"));
}
