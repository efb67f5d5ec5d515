//! What every artifact store must do, as tests that any crate can run on its own store.
//!
//! ```
//! # #[cfg(feature = "conformance")]
//! mlctl_artifacts::conformance_tests!(|check| check(&mlctl_artifacts::MemoryArtifacts::default()));
//! ```

use std::collections::BTreeMap;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::thread;

use crate::{ArtifactInfo, ArtifactPath, ArtifactStore, Error, Result, walk};

/// Makes one test of each check; the argument gives a check an empty store.
#[macro_export]
macro_rules! conformance_tests {
    ($with_store:expr) => {
        $crate::conformance_tests!($with_store;
            a_new_store_lists_nothing
            what_was_written_is_read_back
            an_empty_file_is_a_file
            writing_again_replaces_the_content
            children_are_listed_sorted_and_one_level_deep
            files_and_missing_paths_list_nothing
            the_root_is_a_folder
            missing_artifacts_are_named
            names_that_clients_use_are_kept
            a_name_does_not_match_longer_names
            content_can_be_read_from_any_position
            a_large_file_is_streamed
            a_source_that_fails_midway_changes_nothing
            a_folder_is_no_file
            nothing_is_stored_below_a_file
            deleting_a_file_leaves_its_siblings
            deleting_a_folder_takes_all_it_holds
            deleting_the_root_empties_the_store
            writers_of_one_file_do_not_mix
            the_store_behaves_like_a_map
        );
    };
    ($with_store:expr; $($name:ident)*) => {$(
        #[test]
        fn $name() {
            let with_store: fn(fn(&dyn $crate::ArtifactStore)) = $with_store;
            with_store(|store| {
                $crate::conformance::$name(store).expect("the store answers");
            });
        }
    )*};
}

fn path(text: &str) -> ArtifactPath {
    ArtifactPath::parse(text).expect("the path is valid")
}

fn put(store: &dyn ArtifactStore, name: &str, content: &str) -> Result<()> {
    let size = store.write(&path(name), &mut content.as_bytes())?;
    assert_eq!(size, content.len() as u64, "the size of {name:?}");
    Ok(())
}

fn get(store: &dyn ArtifactStore, name: &str) -> Result<String> {
    let mut artifact = store.open(&path(name))?;
    let mut text = String::new();
    artifact.content.read_to_string(&mut text).expect("the content can be read");
    assert_eq!(artifact.size, text.len() as u64, "the size of {name:?}");
    Ok(text)
}

fn names(store: &dyn ArtifactStore, folder: &str) -> Result<Vec<String>> {
    Ok(store.list(&path(folder))?.into_iter().map(|info| info.path.to_string()).collect())
}

#[track_caller]
fn check_missing<T: std::fmt::Debug>(got: Result<T>, name: &str) {
    match got {
        Err(Error::NotFound { path }) => assert_eq!(path.as_str(), name),
        got => panic!("{name:?} should be missing, got {got:?}"),
    }
}

/// An empty store lists nothing.
pub fn a_new_store_lists_nothing(store: &dyn ArtifactStore) -> Result<()> {
    assert_eq!(store.list(&ArtifactPath::root())?, []);
    Ok(())
}

/// Content, listing and description agree with what was written.
pub fn what_was_written_is_read_back(store: &dyn ArtifactStore) -> Result<()> {
    put(store, "model/data/weights.bin", "1234")?;

    assert_eq!(get(store, "model/data/weights.bin")?, "1234");
    let file = ArtifactInfo::file(path("model/data/weights.bin"), 4);
    assert_eq!(store.info(&file.path)?, file);
    assert_eq!(store.list(&path("model/data"))?, [file]);
    assert_eq!(store.info(&path("model"))?, ArtifactInfo::folder(path("model")));
    Ok(())
}

/// A file without content exists.
pub fn an_empty_file_is_a_file(store: &dyn ArtifactStore) -> Result<()> {
    put(store, "empty", "")?;

    assert_eq!(store.list(&ArtifactPath::root())?, [ArtifactInfo::file(path("empty"), 0)]);
    assert_eq!(get(store, "empty")?, "");
    Ok(())
}

/// The second content takes the place of the first, whatever their sizes.
pub fn writing_again_replaces_the_content(store: &dyn ArtifactStore) -> Result<()> {
    put(store, "a/log.txt", "a long first content")?;
    put(store, "a/log.txt", "short")?;

    assert_eq!(get(store, "a/log.txt")?, "short");
    assert_eq!(store.list(&path("a"))?, [ArtifactInfo::file(path("a/log.txt"), 5)]);
    Ok(())
}

/// A listing shows direct children only, each once, in the order of their paths.
pub fn children_are_listed_sorted_and_one_level_deep(store: &dyn ArtifactStore) -> Result<()> {
    for name in ["b/x/1", "b/x/2", "b-c", "b.txt", "a", "b/y", "B"] {
        put(store, name, name)?;
    }

    assert_eq!(names(store, "")?, ["B", "a", "b", "b-c", "b.txt"]);
    let below = [ArtifactInfo::folder(path("b/x")), ArtifactInfo::file(path("b/y"), 3)];
    assert_eq!(store.list(&path("b"))?, below);
    let all: Vec<_> = walk(store, &path("b"))?.into_iter().map(|info| info.path).collect();
    assert_eq!(all, [path("b/x/1"), path("b/x/2"), path("b/y")]);
    Ok(())
}

/// Listing a file or nothing is not an error.
pub fn files_and_missing_paths_list_nothing(store: &dyn ArtifactStore) -> Result<()> {
    put(store, "a/file", "x")?;

    for name in ["a/file", "a/file/below", "missing", "missing/too"] {
        assert_eq!(store.list(&path(name))?, [], "for {name:?}");
    }
    Ok(())
}

/// The root exists in an empty store too.
pub fn the_root_is_a_folder(store: &dyn ArtifactStore) -> Result<()> {
    let root = ArtifactPath::root();
    assert_eq!(store.info(&root)?, ArtifactInfo::folder(root.clone()));
    assert!(matches!(store.open(&root), Err(Error::NotAFile { .. })));
    let written = store.write(&root, &mut io::empty());
    assert!(matches!(written, Err(Error::NotAFile { .. })), "{written:?}");
    Ok(())
}

/// The error for a missing artifact carries its path.
pub fn missing_artifacts_are_named(store: &dyn ArtifactStore) -> Result<()> {
    put(store, "a/file", "x")?;

    for name in ["b", "a/b", "a/file/b", "b/c/d"] {
        check_missing(store.info(&path(name)), name);
        check_missing(store.open(&path(name)), name);
        check_missing(store.delete(&path(name)), name);
    }
    Ok(())
}

/// Spaces, other scripts, `#`, `%`, leading dots and the like survive.
pub fn names_that_clients_use_are_kept(store: &dyn ArtifactStore) -> Result<()> {
    let mut kept = vec![
        "#1",
        "%",
        "100%",
        "?",
        ".hidden",
        "...",
        "a b",
        " a ",
        "a%20b",
        "a&b=c;d+e",
        "a..",
        "a:b",
        "~",
        "*",
        "'\"`$(x)",
        "naïve",
        "日本語",
        "🦀",
    ];
    kept.sort_unstable();
    for name in &kept {
        put(store, &format!("{name}/{name}"), name)?;
    }

    assert_eq!(names(store, "")?, kept);
    for name in &kept {
        assert_eq!(names(store, name)?, [format!("{name}/{name}")]);
        assert_eq!(get(store, &format!("{name}/{name}"))?, *name);
    }
    Ok(())
}

/// A folder is its name up to the slash, not everything that begins like it.
pub fn a_name_does_not_match_longer_names(store: &dyn ArtifactStore) -> Result<()> {
    put(store, "run/1", "x")?;
    put(store, "run2/1", "x")?;
    put(store, "run-old", "x")?;

    assert_eq!(names(store, "run")?, ["run/1"]);
    check_missing(store.info(&path("ru")), "ru");
    store.delete(&path("run"))?;
    assert_eq!(names(store, "")?, ["run-old", "run2"]);
    Ok(())
}

/// A range can be read without what precedes it.
pub fn content_can_be_read_from_any_position(store: &dyn ArtifactStore) -> Result<()> {
    put(store, "digits", "0123456789")?;
    let mut content = store.open(&path("digits"))?.content;
    let mut part = String::new();

    content.seek(SeekFrom::Start(6)).expect("the content can be sought");
    content.by_ref().take(3).read_to_string(&mut part).expect("the content can be read");
    content.seek(SeekFrom::End(-1)).expect("the content can be sought");
    content.read_to_string(&mut part).expect("the content can be read");

    assert_eq!(part, "6789");
    Ok(())
}

/// Content larger than any buffer arrives whole.
pub fn a_large_file_is_streamed(store: &dyn ArtifactStore) -> Result<()> {
    let bytes: Vec<u8> = (0..3_000_001_u32).map(|n| (n % 251) as u8).collect();

    let size = store.write(&path("large"), &mut bytes.as_slice())?;

    let mut got = Vec::new();
    store.open(&path("large"))?.content.read_to_end(&mut got).expect("the content can be read");
    assert_eq!(size, bytes.len() as u64);
    assert!(got == bytes, "the content differs");
    Ok(())
}

/// Gives some bytes and then fails, as a broken connection does.
struct Broken(Cursor<Vec<u8>>);

impl Broken {
    fn after(bytes: usize) -> Self {
        Self(Cursor::new(vec![b'x'; bytes]))
    }
}

impl Read for Broken {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 => Err(io::Error::new(io::ErrorKind::ConnectionReset, "the source broke")),
            count => Ok(count),
        }
    }
}

/// Neither the file nor folders made for it become visible, and an older file stays.
pub fn a_source_that_fails_midway_changes_nothing(store: &dyn ArtifactStore) -> Result<()> {
    put(store, "old", "kept")?;

    for name in ["old", "new", "folder/below/new"] {
        let written = store.write(&path(name), &mut Broken::after(300_000));
        assert!(matches!(written, Err(Error::Io { .. })), "{written:?}");
    }

    assert_eq!(names(store, "")?, ["old"]);
    assert_eq!(get(store, "old")?, "kept");
    check_missing(store.open(&path("folder/below/new")), "folder/below/new");
    Ok(())
}

/// A folder can neither be opened nor overwritten by a file.
pub fn a_folder_is_no_file(store: &dyn ArtifactStore) -> Result<()> {
    put(store, "folder/file", "x")?;

    let opened = store.open(&path("folder"));
    let written = store.write(&path("folder"), &mut "y".as_bytes());

    assert!(matches!(&opened, Err(Error::NotAFile { path, .. }) if path == "folder"), "{opened:?}");
    assert!(matches!(written, Err(Error::NotAFile { .. })), "{written:?}");
    assert_eq!(get(store, "folder/file")?, "x");
    Ok(())
}

/// The error names the file that is in the way.
pub fn nothing_is_stored_below_a_file(store: &dyn ArtifactStore) -> Result<()> {
    put(store, "a/file", "x")?;

    for name in ["a/file/b", "a/file/b/c"] {
        let written = store.write(&path(name), &mut "y".as_bytes());
        let blocked = matches!(&written, Err(Error::NotAFolder { path: file })
            if *file == path("a/file"));
        assert!(blocked, "{written:?}");
    }
    assert_eq!(get(store, "a/file")?, "x");
    Ok(())
}

/// Deletion takes exactly the file.
pub fn deleting_a_file_leaves_its_siblings(store: &dyn ArtifactStore) -> Result<()> {
    put(store, "a/1", "x")?;
    put(store, "a/2", "x")?;

    store.delete(&path("a/1"))?;

    assert_eq!(names(store, "a")?, ["a/2"]);
    check_missing(store.open(&path("a/1")), "a/1");
    check_missing(store.delete(&path("a/1")), "a/1");
    Ok(())
}

/// Deletion of a folder is deep.
pub fn deleting_a_folder_takes_all_it_holds(store: &dyn ArtifactStore) -> Result<()> {
    for name in ["a/b/c/1", "a/b/2", "a/3", "4"] {
        put(store, name, "x")?;
    }

    store.delete(&path("a"))?;

    assert_eq!(names(store, "")?, ["4"]);
    check_missing(store.info(&path("a/b")), "a/b");
    put(store, "a", "now a file")
}

/// An emptied store can be written again.
pub fn deleting_the_root_empties_the_store(store: &dyn ArtifactStore) -> Result<()> {
    store.delete(&ArtifactPath::root())?;
    put(store, "a/b", "x")?;
    put(store, "c", "x")?;

    store.delete(&ArtifactPath::root())?;

    assert_eq!(store.list(&ArtifactPath::root())?, []);
    put(store, "a/b", "y")?;
    assert_eq!(get(store, "a/b")?, "y");
    Ok(())
}

/// Concurrent writers leave the content of one of them, and readers never see a mixture.
pub fn writers_of_one_file_do_not_mix(store: &dyn ArtifactStore) -> Result<()> {
    const BYTES: usize = 200_000;
    let is_whole =
        |text: &str| text.len() == BYTES && text.bytes().all(|byte| byte == text.as_bytes()[0]);
    put(store, "new/shared", &"0".repeat(BYTES))?;

    thread::scope(|scope| {
        for digit in ["1", "2", "3"] {
            scope.spawn(move || {
                for _ in 0..5 {
                    put(store, "new/shared", &digit.repeat(BYTES)).expect("the file is written");
                }
            });
        }
        for _ in 0..10 {
            assert!(is_whole(&get(store, "new/shared").expect("the file is there")));
        }
    });

    assert!(is_whole(&get(store, "new/shared")?));
    assert_eq!(names(store, "new")?, ["new/shared"]);
    Ok(())
}

/// A long series of changes leaves what the same changes leave in a map.
pub fn the_store_behaves_like_a_map(store: &dyn ArtifactStore) -> Result<()> {
    let mut map = BTreeMap::new();
    let mut state = 7_u32;
    for step in 0..300 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let folder = (state >> 24) % 3;
        let name = format!("f{folder}/g{}/h{}", (state >> 16) % 3, (state >> 8) % 3);
        if state >> 30 == 0 {
            let deleted = store.delete(&path(&name)).is_ok();
            assert_eq!(deleted, map.remove(&name).is_some(), "deletes {name} in step {step}");
        } else {
            let content = step.to_string();
            put(store, &name, &content)?;
            map.insert(name, content);
        }
    }
    let mut left = BTreeMap::new();
    for info in walk(store, &ArtifactPath::root())? {
        let name = info.path.to_string();
        let content = get(store, &name)?;
        left.insert(name, content);
    }
    assert_eq!(left, map);
    Ok(())
}
