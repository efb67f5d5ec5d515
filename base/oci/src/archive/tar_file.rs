//! What lies where in a tar of somebody else's.
//!
//! Entries are listed without reading them. Headers that carry long names are not needed in
//! archives of images, so what they describe is left out of the list instead of being trusted.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use tar::{Archive, Entry, EntryType, PaxExtensions};

use crate::blob::Part;
use crate::{Error, Result};

/// Entries that an archive may have; images have a few for each layer.
const ENTRIES_MAX: usize = 10_000;
/// The longest description of an entry, in bytes.
const EXTENSION_BYTES_MAX: u64 = 64 * 1024;
/// The longest JSON document, in bytes; registries take no longer ones.
pub(super) const DOCUMENT_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// A tar whose files can be read in any order.
pub(super) struct TarFile {
    file: Arc<File>,
    files: BTreeMap<String, Stretch>,
    links: BTreeMap<String, String>,
}

/// Where a file lies in the tar.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    pub(super) offset: u64,
    pub(super) size: u64,
}

impl TarFile {
    pub(super) fn open(file: File) -> Result<Self> {
        let reading = |source| Error::io("read the base image", source);
        let length = file.metadata().map_err(reading)?.len();
        let file = Arc::new(file);
        let mut tar = Self { file, files: BTreeMap::new(), links: BTreeMap::new() };
        let mut magic = [0; 4];
        let filled = Part::new(tar.file.clone(), 0, length.min(4)).read(&mut magic);
        if filled.map_err(reading)? >= 2
            && (magic[..2] == [0x1f, 0x8b] || magic == *b"\x28\xb5\x2f\xfd")
        {
            return Err(Error::base("the archive is compressed; unpack it first, as with gunzip"));
        }
        tar.list(length)?;
        Ok(tar)
    }

    fn list(&mut self, length: u64) -> Result<()> {
        let broken =
            |error: std::io::Error| Error::base(format!("it is not a tar archive: {error}"));
        let file = self.file.clone();
        let mut archive = Archive::new(BufReader::new(&*file));
        let (mut count, mut is_described) = (0, false);
        for entry in archive.entries_with_seek().map_err(broken)?.raw(true) {
            let mut entry = entry.map_err(broken)?;
            count += 1;
            if count > ENTRIES_MAX {
                return Err(Error::base(format!("it has more than {ENTRIES_MAX} entries")));
            }
            let size = entry.header().entry_size().map_err(broken)?;
            let offset = entry.raw_file_position();
            if offset.checked_add(size).is_none_or(|end| end > length) {
                return Err(Error::base("it ends in the middle of an entry"));
            }
            match entry.header().entry_type() {
                EntryType::XHeader | EntryType::GNULongName | EntryType::GNULongLink => {
                    is_described |= is_renaming(&mut entry)?;
                }
                _ if std::mem::take(&mut is_described) => {}
                EntryType::Regular | EntryType::Continuous => {
                    self.note(&entry, Stretch { offset, size })?;
                }
                EntryType::Symlink | EntryType::Link => self.note_link(&entry)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn note(&mut self, entry: &Entry<'_, impl Read>, stretch: Stretch) -> Result<()> {
        let name = name_of(entry)?;
        if self.links.contains_key(&name) || self.files.insert(name.clone(), stretch).is_some() {
            return Err(Error::base(format!("it contains `{}` twice", name.escape_debug())));
        }
        Ok(())
    }

    /// Docker wrote links to a layer that occurs twice.
    fn note_link(&mut self, entry: &Entry<'_, impl Read>) -> Result<()> {
        let name = name_of(entry)?;
        let target = entry.link_name_bytes().unwrap_or_default();
        let folder = match entry.header().entry_type() {
            EntryType::Symlink => name.rsplit_once('/').map_or("", |(folder, _)| folder),
            _ => "",
        };
        let Some(target) = std::str::from_utf8(&target).ok().and_then(|to| below(folder, to))
        else {
            return Err(Error::base(format!(
                "`{}` is a link that leads out of the archive",
                name.escape_debug()
            )));
        };
        self.links.insert(name, target);
        Ok(())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    fn find(&self, name: &str) -> Option<Stretch> {
        let name = self.links.get(name).map_or(name, String::as_str);
        self.files.get(name).copied()
    }

    /// Finds a file.
    pub(super) fn stretch(&self, name: &str) -> Result<Stretch> {
        self.find(name).ok_or_else(|| Error::base(format!("it has no `{}`", name.escape_debug())))
    }

    /// Reads a stretch from its beginning.
    pub(super) fn read(&self, stretch: Stretch) -> Part {
        Part::new(self.file.clone(), stretch.offset, stretch.size)
    }

    /// Returns the open file.
    pub(super) fn file(&self) -> Arc<File> {
        self.file.clone()
    }

    /// Reads a short file.
    pub(super) fn bytes(&self, name: &str) -> Result<Vec<u8>> {
        let stretch = self.stretch(name)?;
        if stretch.size > DOCUMENT_BYTES_MAX {
            let name = name.escape_debug();
            return Err(Error::base(format!("`{name}` has more than {DOCUMENT_BYTES_MAX} bytes")));
        }
        let mut bytes = Vec::new();
        self.read(stretch)
            .read_to_end(&mut bytes)
            .map_err(|source| Error::io("read the base image", source))?;
        Ok(bytes)
    }
}

/// Reads a JSON document.
pub(super) fn decode<T: DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes)
        .map_err(|error| Error::base(format!("cannot decode `{}`: {error}", name.escape_debug())))
}

/// Tells whether a description gives the next entry another name than its header says.
fn is_renaming(entry: &mut Entry<'_, impl Read>) -> Result<bool> {
    if !entry.header().entry_type().is_pax_local_extensions() {
        return Ok(true);
    }
    let broken = |why: String| Error::base(format!("its tar archive is corrupt: {why}"));
    let size = entry.header().entry_size().map_err(|error| broken(error.to_string()))?;
    if size > EXTENSION_BYTES_MAX {
        return Err(broken("the description of an entry is too long".to_owned()));
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(|error| broken(error.to_string()))?;
    let mut is_renaming = false;
    for record in PaxExtensions::new(&bytes) {
        let record = record.map_err(|error| broken(error.to_string()))?;
        match record.key_bytes() {
            b"path" | b"linkpath" => is_renaming = true,
            // The headers that follow are elsewhere then.
            b"size" => {
                return Err(broken("the size of a file is outside of its header".to_owned()));
            }
            key if key.starts_with(b"GNU.sparse.") => {
                return Err(broken("sparse files are not supported".to_owned()));
            }
            _ => {}
        }
    }
    Ok(is_renaming)
}

fn name_of(entry: &Entry<'_, impl Read>) -> Result<String> {
    let bytes = entry.header().path_bytes();
    std::str::from_utf8(&bytes).ok().and_then(|name| below("", name)).ok_or_else(|| {
        let name = String::from_utf8_lossy(&bytes);
        Error::base(format!(
            "the name of its entry `{}` leads out of the archive",
            name.escape_debug()
        ))
    })
}

/// Follows a relative path from a folder; `None` where it leaves the root.
fn below(folder: &str, path: &str) -> Option<String> {
    if path.starts_with('/') || path.contains(['\\', '\0']) {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}
