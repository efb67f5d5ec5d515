//! The loader's cache, `/etc/ld.so.cache`: which library lies where.
//!
//! Format of glibc 2.2 and newer (`sysdeps/generic/dl-cache.h`): a header of 48 bytes, entries of
//! 24 bytes, and names; offsets of names count from the header. An older header may come before.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
const HEADER_BYTES: usize = 48;
const ENTRY_BYTES: usize = 24;

/// Where libraries lie, by their names.
#[derive(Clone, Debug, Default)]
pub struct LoaderCache {
    paths: BTreeMap<String, PathBuf>,
}

impl LoaderCache {
    /// Reads a cache; `None` for what is none. Libraries for special processors are left out, so
    /// that what is found runs on all of a kind.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let start = bytes.windows(MAGIC.len()).position(|window| window == MAGIC)?;
        let bytes = &bytes[start..];
        let count = number(bytes, MAGIC.len())? as usize;
        let entries = bytes.get(HEADER_BYTES..)?;
        let mut paths = BTreeMap::new();
        for entry in entries.chunks_exact(ENTRY_BYTES).take(count) {
            let special = entry.get(16..24)?.iter().any(|byte| *byte != 0);
            if special {
                continue;
            }
            let name = text(bytes, number(entry, 4)?)?;
            let path = text(bytes, number(entry, 8)?)?;
            // The first entry of a name is the one that the loader prefers.
            paths.entry(name.to_owned()).or_insert_with(|| PathBuf::from(path));
        }
        Some(Self { paths })
    }

    /// Finds a library by the name that it is asked for.
    pub fn find(&self, name: &str) -> Option<&Path> {
        self.paths.get(name).map(PathBuf::as_path)
    }
}

/// Reads a number of the machine's own byte order, which the cache is written in.
fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn text(bytes: &[u8], at: u32) -> Option<&str> {
    let rest = bytes.get(at as usize..)?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    std::str::from_utf8(&rest[..end]).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Builds a cache of entries: a name, a path, whether for special processors.
    fn cache(entries: &[(&str, &str, bool)]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend((entries.len() as u32).to_ne_bytes());
        bytes.resize(HEADER_BYTES, 0);
        let mut names = Vec::new();
        let names_at = HEADER_BYTES + entries.len() * ENTRY_BYTES;
        for (name, path, special) in entries {
            let mut put = |text: &str| {
                let at = (names_at + names.len()) as u32;
                names.extend(text.as_bytes());
                names.push(0);
                at.to_ne_bytes()
            };
            bytes.extend(3_u32.to_ne_bytes());
            bytes.extend(put(name));
            bytes.extend(put(path));
            bytes.extend([0; 4]);
            bytes.extend(u64::from(*special).to_ne_bytes());
        }
        bytes.extend(names);
        bytes
    }

    #[test]
    fn libraries_for_every_processor_of_a_kind_are_found() {
        let bytes = cache(&[
            ("libz.so.1", "/lib/glibc-hwcaps/x86-64-v3/libz.so.1", true),
            ("libz.so.1", "/lib/libz.so.1", false),
            ("libz.so.1", "/lib32/libz.so.1", false),
        ]);
        let old_header = [b"ld.so-1.7.0\0".to_vec(), vec![0; 4], bytes.clone()].concat();
        for bytes in [bytes, old_header] {
            let cache = LoaderCache::parse(&bytes).unwrap();
            assert_eq!(cache.find("libz.so.1"), Some(Path::new("/lib/libz.so.1")));
            assert_eq!(cache.find("libm.so.6"), None);
        }
    }

    #[test]
    fn a_cut_cache_does_no_harm() {
        let whole = cache(&[("libz.so.1", "/lib/libz.so.1", false); 3]);
        for length in 0..whole.len() {
            if let Some(cache) = LoaderCache::parse(&whole[..length]) {
                let found = cache.find("libz.so.1");
                assert!(found.is_none_or(|path| path == Path::new("/lib/libz.so.1")));
            }
        }
        let mut lying = whole;
        lying[MAGIC.len()..MAGIC.len() + 4].copy_from_slice(&u32::MAX.to_ne_bytes());
        drop(LoaderCache::parse(&lying));
    }
}
