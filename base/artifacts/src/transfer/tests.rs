use tempfile::TempDir;

use super::*;
use crate::{Artifact, MemoryArtifacts};

fn path(text: &str) -> ArtifactPath {
    ArtifactPath::parse(text).unwrap()
}

fn names(store: &dyn ArtifactStore) -> Vec<String> {
    let files = walk(store, &ArtifactPath::root()).unwrap();
    files.into_iter().map(|info| info.path.to_string()).collect()
}

fn local() -> TempDir {
    let folder = TempDir::new().unwrap();
    fs::create_dir_all(folder.path().join("a/b")).unwrap();
    fs::write(folder.path().join("a/one.txt"), "1").unwrap();
    fs::write(folder.path().join("a/b/two.txt"), "22").unwrap();
    folder
}

#[test]
fn a_file_is_uploaded_under_the_given_name() {
    let (local, store) = (local(), MemoryArtifacts::default());

    let bytes = upload(&store, &local.path().join("a/one.txt"), &path("x/y.txt")).unwrap();

    assert_eq!((bytes, names(&store)), (1, vec!["x/y.txt".to_owned()]));
}

#[test]
fn a_folder_is_uploaded_below_the_given_folder() {
    let (local, store) = (local(), MemoryArtifacts::default());

    let bytes = upload(&store, &local.path().join("a"), &path("x")).unwrap();

    assert_eq!(bytes, 3);
    assert_eq!(names(&store), ["x/b/two.txt", "x/one.txt"]);
}

#[test]
fn a_folder_can_be_uploaded_into_a_store_inside_it() {
    let local = local();
    let store = LocalArtifacts::create(&local.path().join("store")).unwrap();

    upload(&store, local.path(), &ArtifactPath::root()).unwrap();

    assert_eq!(names(&store), ["a/b/two.txt", "a/one.txt"]);
}

#[test]
fn unfinished_files_are_not_uploaded() {
    let (local, store) = (local(), MemoryArtifacts::default());
    fs::write(local.path().join("a/b/.artifact.uploading.1"), "").unwrap();

    upload(&store, &local.path().join("a/b"), &ArtifactPath::root()).unwrap();

    assert_eq!(names(&store), ["two.txt"]);
}

#[test]
fn a_missing_local_file_is_named() {
    let store = MemoryArtifacts::default();

    let text = upload(&store, Path::new("/no/such/file"), &path("x")).unwrap_err().to_string();

    assert_eq!(text, "cannot read `/no/such/file`");
}

#[cfg(unix)]
#[test]
fn uploads_follow_links_inside_the_folder_and_refuse_those_that_leave() {
    use std::os::unix::fs::symlink;
    let (local, store) = (local(), MemoryArtifacts::default());
    symlink("one.txt", local.path().join("a/inside")).unwrap();

    upload(&store, &local.path().join("a"), &path("x")).unwrap();
    symlink("../../one.txt", local.path().join("a/b/leaves")).unwrap();
    let refused = upload(&store, &local.path().join("a/b"), &path("y"));

    assert_eq!(names(&store), ["x/b/two.txt", "x/inside", "x/one.txt"]);
    assert!(matches!(refused, Err(Error::Escapes { path }) if path.as_str() == "leaves"));
}

#[test]
fn a_file_is_downloaded_into_a_folder_or_under_a_new_name() {
    let (local, store) = (TempDir::new().unwrap(), MemoryArtifacts::default());
    store.write(&path("m/one.txt"), &mut "1".as_bytes()).unwrap();

    let inside = download(&store, &path("m/one.txt"), local.path()).unwrap();
    let renamed = download(&store, &path("m/one.txt"), &local.path().join("n/two")).unwrap();

    assert_eq!(inside, local.path().join("one.txt"));
    assert_eq!(fs::read_to_string(inside).unwrap(), "1");
    assert_eq!(fs::read_to_string(renamed).unwrap(), "1");
}

#[test]
fn a_folder_is_downloaded_with_all_it_holds() {
    let (local, store) = (TempDir::new().unwrap(), MemoryArtifacts::default());
    store.write(&path("m/a/one.txt"), &mut "1".as_bytes()).unwrap();
    store.write(&path("other"), &mut "2".as_bytes()).unwrap();

    let named = download(&store, &path("m"), local.path()).unwrap();
    let whole = download(&store, &ArtifactPath::root(), &local.path().join("all")).unwrap();

    assert_eq!(named, local.path().join("m"));
    assert_eq!(fs::read_to_string(named.join("a/one.txt")).unwrap(), "1");
    assert_eq!(names(&LocalArtifacts::open(&whole).unwrap()), ["m/a/one.txt", "other"]);
    let missing = download(&store, &path("missing"), local.path());
    assert!(matches!(missing, Err(Error::NotFound { .. })), "{missing:?}");
}

#[cfg(unix)]
#[test]
fn a_download_does_not_write_through_a_link_that_leaves() {
    let (local, store) = (TempDir::new().unwrap(), MemoryArtifacts::default());
    store.write(&path("m/a/one.txt"), &mut "1".as_bytes()).unwrap();
    fs::create_dir_all(local.path().join("out/m")).unwrap();
    fs::create_dir(local.path().join("victim")).unwrap();
    std::os::unix::fs::symlink("../../victim", local.path().join("out/m/a")).unwrap();

    let got = download(&store, &path("m"), &local.path().join("out"));

    assert!(matches!(got, Err(Error::Escapes { .. })), "{got:?}");
    assert_eq!(fs::read_dir(local.path().join("victim")).unwrap().count(), 0);
}

/// Promises ten bytes more than it gives.
#[derive(Debug)]
struct CutOff(MemoryArtifacts);

impl ArtifactStore for CutOff {
    fn list(&self, path: &ArtifactPath) -> Result<Vec<ArtifactInfo>> {
        self.0.list(path)
    }
    fn info(&self, path: &ArtifactPath) -> Result<ArtifactInfo> {
        self.0.info(path)
    }
    fn open(&self, path: &ArtifactPath) -> Result<Artifact> {
        let artifact = self.0.open(path)?;
        Ok(Artifact { size: artifact.size + 10, ..artifact })
    }
    fn write(&self, path: &ArtifactPath, content: &mut dyn Read) -> Result<u64> {
        self.0.write(path, content)
    }
    fn delete(&self, path: &ArtifactPath) -> Result<()> {
        self.0.delete(path)
    }
}

#[test]
fn a_download_that_ends_early_leaves_no_file() {
    let (local, store) = (TempDir::new().unwrap(), CutOff(MemoryArtifacts::default()));
    store.write(&path("one.txt"), &mut "1".as_bytes()).unwrap();

    let got = download(&store, &path("one.txt"), local.path());

    assert!(matches!(got, Err(Error::Io { .. })), "{got:?}");
    assert_eq!(fs::read_dir(local.path()).unwrap().count(), 0);
}
