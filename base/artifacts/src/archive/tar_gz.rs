//! tar.gz: the POSIX `ustar` and pax formats and GNU's long names, compressed by gzip.
//!
//! Entries are read raw, and the extensions that carry long names are read here with a limit: a
//! name of a gigabyte is otherwise a cheap way to exhaust the memory.

use std::io::{self, Read, Write};
use std::path::Path;
use std::str;

use flate2::read::MultiGzDecoder;
use flate2::{Compression, GzBuilder};
use tar::{Archive, Builder, Entry, EntryType, Header, PaxExtensions};

use super::budget::{Budget, Limits, Metered, PackedBytes, Unpacked};
use super::staging::Staging;
use super::tree::{self, MODE_EXECUTABLE, check_name, mode, refused};
use crate::local::{Beneath, Found, Kind};
use crate::transfer::Whole;
use crate::{Error, Result};

/// The longest extension in bytes; real ones are names and times.
const EXTENSION_BYTES_MAX: u64 = 64 * 1024;
/// How many extensions may describe one entry.
const EXTENSIONS_MAX: usize = 8;
/// How much padding may follow the end of the archive; tar pads to 10 KiB.
const PADDING_BYTES_MAX: u64 = 1024 * 1024;
/// gzip's "unknown", so that archives are equal across systems.
const GZIP_SYSTEM_UNKNOWN: u8 = 255;

/// Packs a folder's content as tar.gz.
///
/// # Errors
/// [`Error::Escapes`] for a link that leaves the folder, [`Error::NotAFile`] for devices,
/// [`Error::InvalidPath`] and [`Error::Refused`] for names that do not travel, [`Error::NoSpace`]
/// and [`Error::Io`] when `out` or a file fails.
pub fn pack_tar_gz(folder: &Path, out: impl Write) -> Result<()> {
    let (beneath, all) = tree::open(folder)?;
    let failed = |source| Error::writing("write the archive", source);
    let gzip = GzBuilder::new()
        .mtime(0)
        .operating_system(GZIP_SYSTEM_UNKNOWN)
        .write(out, Compression::default());
    let mut tar = Builder::new(gzip);
    for found in &all {
        append(&mut tar, &beneath, found)?;
    }
    let mut out = tar.into_inner().and_then(flate2::write::GzEncoder::finish).map_err(failed)?;
    out.flush().map_err(failed)
}

fn append<W: Write>(tar: &mut Builder<W>, beneath: &Beneath, found: &Found) -> Result<()> {
    let failed = |source| Error::writing(format!("pack `{}`", found.path), source);
    let mut header = Header::new_gnu();
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    match found.kind {
        Kind::Folder => {
            header.set_entry_type(EntryType::Directory);
            header.set_mode(MODE_EXECUTABLE);
            header.set_size(0);
            tar.append_data(&mut header, format!("{}/", found.path), io::empty()).map_err(failed)
        }
        Kind::File { executable, .. } => {
            let artifact = beneath.open_file(&found.path)?;
            header.set_entry_type(EntryType::Regular);
            header.set_mode(mode(executable));
            header.set_size(artifact.size);
            let content = Whole { content: artifact.content, left: artifact.size };
            // A file that grows meanwhile must not push the next header out of its place.
            let content = content.take(artifact.size);
            tar.append_data(&mut header, found.path.as_str(), content).map_err(failed)
        }
    }
}

/// Unpacks a tar.gz into `destination`, which must not exist or be empty.
///
/// # Errors
/// [`Error::Exists`] when the destination is taken, [`Error::Refused`] for an entry that is never
/// unpacked, [`Error::TooLarge`] beyond `limits`, [`Error::Unreadable`] for damaged archives,
/// [`Error::NoSpace`] when the disk is full. Nothing is left behind then.
pub fn unpack_tar_gz(archive: impl Read, destination: &Path, limits: &Limits) -> Result<Unpacked> {
    let mut staging = Staging::beside(destination)?;
    let packed = PackedBytes::default();
    let mut budget = Budget::new(*limits, packed.clone());
    let mut tar = Archive::new(MultiGzDecoder::new(Metered { inner: archive, packed }));
    let mut extensions = Extensions::default();
    for entry in tar.entries().map_err(Error::unreadable)?.raw(true) {
        let mut entry = entry.map_err(Error::unreadable)?;
        if is_extension(entry.header().entry_type()) {
            extensions.read(&mut entry)?;
        } else {
            budget.enter(1)?;
            unpack(entry, std::mem::take(&mut extensions), &mut staging, &mut budget)?;
        }
    }
    if extensions.count > 0 {
        return Err(Error::unreadable("the archive ends in the middle of an entry"));
    }
    drain(tar.into_inner())?;
    staging.publish()?;
    Ok(budget.spent())
}

fn unpack(
    mut entry: Entry<'_, impl Read>,
    extensions: Extensions,
    staging: &mut Staging,
    budget: &mut Budget,
) -> Result<()> {
    let header = entry.header().clone();
    let size = header.entry_size().map_err(Error::unreadable)?;
    let name = extensions.name.unwrap_or_else(|| header.path_bytes().into_owned());
    let Ok(name) = str::from_utf8(&name) else {
        return Err(refused(&String::from_utf8_lossy(&name), "its name must be UTF-8"));
    };
    if extensions.size.is_some_and(|pax| pax != size) {
        return Err(refused(name, "its two headers must have the same size"));
    }
    let path = check_name(name)?;
    let kind = header.entry_type();
    // Before there was a type for folders, their names ended in a slash.
    let is_folder = kind.is_dir() || (kind.is_file() && name.ends_with('/'));
    if is_folder && size == 0 {
        return staging.folder(&path);
    }
    if is_folder || !(kind.is_file() || kind.is_contiguous()) {
        return Err(refused(name, "only files and folders are unpacked, no links or devices"));
    }
    if path.is_root() {
        return Err(refused(name, "a file needs a name"));
    }
    let executable = header.mode().map_err(Error::unreadable)? & 0o100 != 0;
    if staging.file(&path, executable, &mut entry, budget)? != size {
        return Err(Error::unreadable("the archive ends in the middle of a file"));
    }
    Ok(())
}

fn is_extension(kind: EntryType) -> bool {
    kind.is_gnu_longname() || kind.is_pax_local_extensions() || kind.is_pax_global_extensions()
}

/// What precedes an entry to describe it.
#[derive(Default)]
struct Extensions {
    count: usize,
    name: Option<Vec<u8>>,
    size: Option<u64>,
}

impl Extensions {
    fn read(&mut self, entry: &mut Entry<'_, impl Read>) -> Result<()> {
        let kind = entry.header().entry_type();
        let size = entry.header().entry_size().map_err(Error::unreadable)?;
        self.count += 1;
        if size > EXTENSION_BYTES_MAX || self.count > EXTENSIONS_MAX {
            let name = String::from_utf8_lossy(&entry.header().path_bytes()).into_owned();
            return Err(refused(&name, "it has too many or too long extended headers"));
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(Error::unreadable)?;
        if bytes.len() as u64 != size {
            return Err(Error::unreadable("the archive ends in the middle of an extended header"));
        }
        if kind.is_gnu_longname() {
            let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
            bytes.truncate(end);
            self.name = Some(bytes);
        } else if kind.is_pax_local_extensions() {
            self.read_pax(&bytes)?;
        }
        // What is left are global headers, such as git's, which carries a commit.
        Ok(())
    }

    fn read_pax(&mut self, bytes: &[u8]) -> Result<()> {
        for record in PaxExtensions::new(bytes) {
            let record = record.map_err(Error::unreadable)?;
            match record.key_bytes() {
                b"path" => self.name = Some(record.value_bytes().to_vec()),
                b"size" => {
                    let size = record.value().ok().and_then(|text| text.parse().ok());
                    self.size =
                        Some(size.ok_or_else(|| Error::unreadable("a size is not a number"))?);
                }
                key if key.starts_with(b"GNU.sparse.") => {
                    let name = String::from_utf8_lossy(record.value_bytes());
                    return Err(refused(&name, "sparse files are not unpacked"));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Reads to the end, where gzip keeps its checksum.
fn drain(rest: impl Read) -> Result<()> {
    let padding = io::copy(&mut rest.take(PADDING_BYTES_MAX + 1), &mut io::sink())
        .map_err(Error::unreadable)?;
    if padding > PADDING_BYTES_MAX {
        return Err(Error::TooLarge { what: "bytes of padding", max: PADDING_BYTES_MAX });
    }
    Ok(())
}
