//! What a program needs beside it to run where nothing else is: its loader and shared libraries.
//!
//! Only files are read, nothing is run. Libraries are looked for as the loader does (`ld.so(8)`):
//! where the program says, where the caller says, in the loader's cache, and in the usual folders.
//! What a program opens by name while it runs (`dlopen`) cannot be seen.

mod cache;
mod elf;

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};

pub use cache::LoaderCache;
pub use elf::{Machine, Object};

use crate::{Error, Result};

/// Where the loader keeps its cache.
const CACHE: &str = "/etc/ld.so.cache";
/// Where loaders look last: glibc's own folders, Debian's, and musl's.
const FOLDERS: &[&str] =
    &["/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib", "/lib/x86_64-linux-gnu"];
/// Libraries that one program may need.
const LIBRARIES_MAX: usize = 1_000;

/// Where to look for libraries.
#[derive(Clone, Debug, Default)]
pub struct Search {
    /// Folders that come before the loader's cache, as in `LD_LIBRARY_PATH`.
    pub folders_first: Vec<PathBuf>,
    /// The loader's cache.
    pub cache: LoaderCache,
    /// Folders that come last.
    pub folders_last: Vec<PathBuf>,
}

impl Search {
    /// Looks where this machine's loader does. A cache that is not there or not understood is no
    /// error: the usual folders are left.
    pub fn system(folders_first: Vec<PathBuf>) -> Self {
        let cache = std::fs::read(CACHE).ok().and_then(|bytes| LoaderCache::parse(&bytes));
        let folders_last = FOLDERS.iter().map(PathBuf::from).collect();
        Self { folders_first, cache: cache.unwrap_or_default(), folders_last }
    }
}

/// What a program needs.
#[derive(Clone, Debug)]
pub struct Needs {
    /// What processor it is for.
    pub machine: Machine,
    /// The program that loads it; none for a program that is complete in itself.
    pub loader: Option<PathBuf>,
    /// The libraries by the names that they are asked for, the loader among them.
    pub libraries: BTreeMap<String, PathBuf>,
}

/// Finds what `program` needs, and what that needs.
///
/// # Errors
/// [`Error::Program`] for what is no ELF file or a cut one, [`Error::MissingLibrary`] for a library
/// that is nowhere, [`Error::Io`] for a file that cannot be opened.
pub fn needs(program: &Path, search: &Search) -> Result<Needs> {
    let object = Object::read(program)?;
    let machine = object.machine;
    let loader = object.loader.as_deref().map(PathBuf::from);
    let mut libraries = BTreeMap::new();
    if let Some(loader) = &loader {
        libraries.insert(file_name(loader), loader.clone());
    }
    let mut waiting = VecDeque::from([(program.to_owned(), object)]);
    while let Some((path, object)) = waiting.pop_front() {
        for name in &object.needed {
            if libraries.contains_key(name) {
                continue;
            }
            if libraries.len() == LIBRARIES_MAX {
                let why = format!("it needs more than {LIBRARIES_MAX} libraries");
                return Err(Error::Program { path: program.to_owned(), why });
            }
            let (found, library) = find(name, &path, &object, machine, search)?;
            libraries.insert(name.clone(), found.clone());
            waiting.push_back((found, library));
        }
    }
    Ok(Needs { machine, loader, libraries })
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Finds the library `name` that `object`, which lies at `by`, asks for.
fn find(
    name: &str,
    by: &Path,
    object: &Object,
    machine: Machine,
    search: &Search,
) -> Result<(PathBuf, Object)> {
    let candidates = candidates(name, by, object, search);
    for path in candidates {
        // A library for another processor may lie where it is looked for first.
        if path.is_file()
            && let Ok(found) = Object::read(&path)
            && found.machine == machine
        {
            return Ok((path, found));
        }
    }
    Err(Error::MissingLibrary { name: name.to_owned(), by: by.to_owned() })
}

fn candidates(name: &str, by: &Path, object: &Object, search: &Search) -> Vec<PathBuf> {
    if name.contains('/') {
        return vec![PathBuf::from(name)];
    }
    let origin = by.canonicalize().ok().and_then(|path| path.parent().map(Path::to_owned));
    let said = |folders: &[String]| -> Vec<PathBuf> {
        let origin = origin.as_deref().unwrap_or(Path::new("/")).to_string_lossy();
        let folders = folders
            .iter()
            .map(|folder| folder.replace("${ORIGIN}", &origin).replace("$ORIGIN", &origin));
        folders.map(|folder| Path::new(&folder).join(name)).collect()
    };
    // The older of the two kinds counts only when the newer one is not there.
    let old = if object.runpath.is_empty() { said(&object.rpath) } else { Vec::new() };
    let first = search.folders_first.iter().map(|folder| folder.join(name));
    let last = search.folders_last.iter().map(|folder| folder.join(name));
    old.into_iter()
        .chain(first)
        .chain(said(&object.runpath))
        .chain(search.cache.find(name).map(Path::to_owned))
        .chain(last)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn this_program() -> PathBuf {
        std::env::current_exe().unwrap()
    }

    #[test]
    fn the_libraries_of_this_very_program_are_found() {
        let needs = needs(&this_program(), &Search::system(Vec::new())).unwrap();

        let loader = needs.loader.expect("a program with shared libraries has a loader");
        assert!(loader.is_file(), "{loader:?}");
        let libc = needs.libraries.iter().find(|(name, _)| name.starts_with("libc."));
        assert!(libc.is_some_and(|(_, path)| path.is_file()), "{:?}", needs.libraries);
        assert_eq!(needs.libraries[&file_name(&loader)], loader);
    }

    #[test]
    fn usual_folders_are_enough_without_a_cache() {
        let with = needs(&this_program(), &Search::system(Vec::new())).unwrap();
        let folders = with.libraries.values().filter_map(|path| path.parent());
        let folders_last = folders.map(Path::to_owned).collect();
        let without = Search { folders_last, ..Search::default() };
        let without = needs(&this_program(), &without).unwrap();
        assert!(with.libraries.keys().eq(without.libraries.keys()));
    }

    #[test]
    fn a_library_that_is_nowhere_is_named() {
        let failed = needs(&this_program(), &Search::default()).unwrap_err();
        let said = failed.to_string();
        assert!(said.starts_with("cannot find the library `lib"), "{said}");
    }

    #[test]
    fn what_is_no_program_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in
            [("empty", &b""[..]), ("script", b"#!/bin/sh\n"), ("short", b"\x7fELF")]
        {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            let failed = needs(&path, &Search::default()).unwrap_err();
            assert!(matches!(failed, Error::Program { .. }), "{name}: {failed}");
        }
        let failed = needs(&folder.path().join("none"), &Search::default()).unwrap_err();
        assert!(matches!(failed, Error::Io { .. }), "{failed}");
    }
}
