use std::fs;

use tempfile::TempDir;

use super::*;

crate::conformance_tests!(|check| {
    let folder = TempDir::new().unwrap();
    check(&LocalArtifacts::lazy(folder.path().join("made/later")));
});

fn path(text: &str) -> ArtifactPath {
    ArtifactPath::parse(text).unwrap()
}

fn store() -> (TempDir, LocalArtifacts) {
    let folder = TempDir::new().unwrap();
    let store = LocalArtifacts::create(&folder.path().join("store")).unwrap();
    (folder, store)
}

fn names(store: &LocalArtifacts, folder: &str) -> Vec<String> {
    store.list(&path(folder)).unwrap().into_iter().map(|info| info.path.to_string()).collect()
}

#[test]
fn opening_a_missing_folder_names_it() {
    let folder = TempDir::new().unwrap();

    let text = LocalArtifacts::open(&folder.path().join("missing")).unwrap_err().to_string();

    assert!(text.starts_with("cannot open the artifact folder `"), "{text}");
    assert!(text.contains("missing"), "{text}");
}

#[test]
fn a_lazy_store_makes_its_folder_on_the_first_write_only() {
    let folder = TempDir::new().unwrap();
    let store = LocalArtifacts::lazy(folder.path().join("a/b"));

    assert!(names(&store, "").is_empty());
    assert!(store.delete(&ArtifactPath::root()).is_ok());
    assert!(!folder.path().join("a").exists());
    store.write(&path("c"), &mut io::empty()).unwrap();
    assert!(folder.path().join("a/b/c").is_file());
}

#[test]
fn a_store_survives_that_its_folder_is_made_anew() {
    let (folder, store) = store();

    fs::remove_dir_all(folder.path().join("store")).unwrap();
    store.write(&path("a"), &mut "x".as_bytes()).unwrap();

    assert_eq!(names(&store, ""), ["a"]);
}

#[test]
fn unfinished_files_of_killed_writers_are_invisible() {
    let (folder, store) = store();
    store.write(&path("a/done"), &mut io::empty()).unwrap();
    fs::write(folder.path().join("store/a/.artifact.uploading.abc"), "half").unwrap();

    assert_eq!(names(&store, "a"), ["a/done"]);
    store.delete(&path("a")).unwrap();
    assert!(!folder.path().join("store/a").exists());
}

#[test]
fn a_finished_write_leaves_no_other_file() {
    let (folder, store) = store();

    store.write(&path("a"), &mut "x".as_bytes()).unwrap();

    assert_eq!(fs::read_dir(folder.path().join("store")).unwrap().count(), 1);
}

#[test]
fn a_failed_write_leaves_no_file_at_all() {
    let (folder, store) = store();
    let mut broken = "some bytes".as_bytes().chain(Failing);

    assert!(store.write(&path("a/b"), &mut broken).is_err());

    assert_eq!(fs::read_dir(folder.path().join("store")).unwrap().count(), 0);
}

struct Failing;

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("broken"))
    }
}

#[test]
fn empty_folders_are_listed() {
    let (folder, store) = store();
    fs::create_dir_all(folder.path().join("store/empty")).unwrap();

    assert_eq!(store.list(&path("")).unwrap(), [ArtifactInfo::folder(path("empty"))]);
}

#[cfg(unix)]
mod links {
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use super::*;

    fn read(store: &LocalArtifacts, name: &str) -> Result<String> {
        let mut text = String::new();
        store.open(&path(name))?.content.read_to_string(&mut text).unwrap();
        Ok(text)
    }

    /// `store/real/file` inside, `outside/secret` beside the store.
    fn populated() -> (TempDir, LocalArtifacts) {
        let (folder, store) = store();
        store.write(&path("real/file"), &mut "inside".as_bytes()).unwrap();
        fs::create_dir(folder.path().join("outside")).unwrap();
        fs::write(folder.path().join("outside/secret"), "secret").unwrap();
        (folder, store)
    }

    #[test]
    fn links_that_stay_inside_are_followed() {
        let (folder, store) = populated();
        let root = folder.path().join("store");
        symlink("real", root.join("relative")).unwrap();
        symlink(root.join("real"), root.join("absolute")).unwrap();
        symlink("absolute/file", root.join("chained")).unwrap();
        symlink("../real/file", root.join("real/up")).unwrap();

        for name in ["relative/file", "absolute/file", "chained", "real/up", "absolute/up"] {
            assert_eq!(read(&store, name).unwrap(), "inside", "through {name}");
        }
        assert_eq!(names(&store, ""), ["absolute", "chained", "real", "relative"]);
        assert!(store.info(&path("absolute")).unwrap().is_dir);
        assert_eq!(store.info(&path("chained")).unwrap().file_size, Some(6));
        store.write(&path("absolute/new/file"), &mut "x".as_bytes()).unwrap();
        assert_eq!(fs::read_to_string(root.join("real/new/file")).unwrap(), "x");
    }

    #[test]
    fn links_that_leave_are_refused_and_not_listed() {
        let (folder, store) = populated();
        let root = folder.path().join("store");
        symlink("../outside", root.join("relative")).unwrap();
        symlink(folder.path().join("outside"), root.join("absolute")).unwrap();
        symlink("/proc/self/root", root.join("magic")).unwrap();
        symlink(root.join("real/../../outside"), root.join("devious")).unwrap();
        symlink("absolute", root.join("chained")).unwrap();

        for name in ["relative", "absolute", "magic", "devious", "chained"] {
            let below = path(name).join(&path("secret"));
            let escapes = |err: Error| assert!(matches!(err, Error::Escapes { .. }), "{err:?}");
            escapes(store.open(&below).unwrap_err());
            escapes(store.info(&below).unwrap_err());
            escapes(store.info(&path(name)).unwrap_err());
            escapes(store.list(&path(name)).unwrap_err());
            escapes(store.write(&below, &mut "x".as_bytes()).unwrap_err());
            escapes(store.write(&path(name), &mut "x".as_bytes()).unwrap_err());
            escapes(store.delete(&below).unwrap_err());
        }
        assert_eq!(names(&store, ""), ["real"]);
        assert_eq!(fs::read_to_string(folder.path().join("outside/secret")).unwrap(), "secret");
    }

    #[test]
    fn the_refusal_of_a_link_says_why() {
        let (folder, store) = populated();
        symlink("../outside", folder.path().join("store/link")).unwrap();

        let text = store.open(&path("link/secret")).unwrap_err().to_string();

        assert_eq!(
            text,
            "`link/secret` contains a link that leads out of its folder; such links are not \
             followed"
        );
    }

    #[test]
    fn deleting_a_link_spares_what_it_points_to() {
        let (folder, store) = populated();
        let root = folder.path().join("store");
        symlink("../outside", root.join("leaves")).unwrap();
        symlink("real", root.join("stays")).unwrap();
        fs::create_dir(root.join("folder")).unwrap();
        symlink(folder.path().join("outside"), root.join("folder/deep")).unwrap();

        for name in ["leaves", "stays", "folder"] {
            store.delete(&path(name)).unwrap();
        }

        assert_eq!(names(&store, ""), ["real"]);
        assert!(folder.path().join("outside/secret").is_file());
        assert!(root.join("real/file").is_file());
    }

    #[test]
    fn links_in_a_circle_end() {
        let (folder, store) = populated();
        let root = folder.path().join("store");
        symlink(".", root.join("self")).unwrap();
        symlink("..", root.join("real/up")).unwrap();
        symlink(&root, root.join("whole")).unwrap();
        symlink("ping", root.join("pong")).unwrap();
        symlink("pong", root.join("ping")).unwrap();
        symlink(root.join("b"), root.join("a")).unwrap();
        symlink(root.join("a"), root.join("b")).unwrap();
        symlink("nowhere", root.join("dangling")).unwrap();

        assert!(store.open(&path("a")).is_err());
        assert!(store.open(&path("ping")).is_err());
        for name in ["a", "b", "ping", "pong"] {
            store.delete(&path(name)).unwrap();
        }
        let files = crate::walk(&store, &ArtifactPath::root()).unwrap();
        assert_eq!(files, [ArtifactInfo::file(path("real/file"), 6)]);
    }

    #[test]
    fn devices_and_pipes_are_neither_opened_nor_listed() {
        let (folder, store) = populated();
        let pipe = folder.path().join("store/pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());

        let text = store.open(&path("pipe")).unwrap_err().to_string();

        assert_eq!(text, "`pipe` is a device, pipe or socket, not a file");
        assert_eq!(names(&store, ""), ["real"]);
    }

    #[test]
    fn names_that_are_no_artifact_paths_are_not_listed() {
        use std::os::unix::ffi::OsStrExt;
        let (folder, store) = populated();
        let root = folder.path().join("store");
        fs::write(root.join(std::ffi::OsStr::from_bytes(b"latin-\xe9")), "").unwrap();
        fs::write(root.join("line\nbreak"), "").unwrap();
        fs::write(root.join("%2e%2e"), "").unwrap();

        assert_eq!(names(&store, ""), ["real"]);
    }
}
