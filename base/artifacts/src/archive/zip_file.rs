//! zip: stored and deflated entries, read by the central directory.
//!
//! The directory is walked entry by entry, not loaded, so names that occur twice are seen and a
//! directory of a million entries costs no memory.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use zip::read::{Config, ZipFile};
use zip::unstable::read::ZipIterable;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, DateTime, ZipReadOptions, ZipWriter};

use super::budget::{Budget, Limits, PackedBytes, Unpacked};
use super::staging::Staging;
use super::tree::{self, MODE_EXECUTABLE, check_name, mode, refused};
use crate::local::{Beneath, Found, Kind};
use crate::transfer::Whole;
use crate::{Error, Result};

/// The bits of a Unix mode that say what kind of thing it is.
const MODE_KIND: u32 = 0o170_000;
const MODE_KIND_FOLDER: u32 = 0o040_000;
const MODE_KIND_FILE: u32 = 0o100_000;

/// Packs a folder's content as zip.
///
/// # Errors
/// [`Error::Escapes`] for a link that leaves the folder, [`Error::NotAFile`] for devices,
/// [`Error::InvalidPath`] and [`Error::Refused`] for names that do not travel, [`Error::NoSpace`]
/// and [`Error::Io`] when `out` or a file fails.
pub fn pack_zip(folder: &Path, out: impl Write) -> Result<()> {
    let (beneath, all) = tree::open(folder)?;
    let mut zip = ZipWriter::new_stream(out);
    for found in &all {
        append(&mut zip, &beneath, found)?;
    }
    let mut out = zip.finish().map_err(|err| writing("write the archive", err))?;
    out.flush().map_err(|source| Error::writing("write the archive", source))
}

fn append<W: Write>(
    zip: &mut ZipWriter<StreamWriter<W>>,
    beneath: &Beneath,
    found: &Found,
) -> Result<()> {
    let doing = || format!("pack `{}`", found.path);
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default());
    match found.kind {
        Kind::Folder => zip
            .add_directory(found.path.as_str(), options.unix_permissions(MODE_EXECUTABLE))
            .map_err(|err| writing(&doing(), err)),
        Kind::File { executable, .. } => {
            let artifact = beneath.open_file(&found.path)?;
            let large = artifact.size >= zip::ZIP64_BYTES_THR;
            let options = options.unix_permissions(mode(executable)).large_file(large);
            zip.start_file(found.path.as_str(), options).map_err(|err| writing(&doing(), err))?;
            let content = Whole { content: artifact.content, left: artifact.size };
            io::copy(&mut content.take(artifact.size), zip)
                .map_err(|source| Error::writing(doing(), source))?;
            Ok(())
        }
    }
}

fn writing(doing: &str, err: zip::result::ZipError) -> Error {
    Error::writing(doing, io::Error::from(err))
}

/// Unpacks a zip into `destination`, which must not exist or be empty.
///
/// # Errors
/// [`Error::Exists`] when the destination is taken, [`Error::Refused`] for an entry that is never
/// unpacked, [`Error::TooLarge`] beyond `limits`, [`Error::Unreadable`] for damaged archives,
/// [`Error::NoSpace`] when the disk is full. Nothing is left behind then.
pub fn unpack_zip(
    mut archive: impl Read + Seek,
    destination: &Path,
    limits: &Limits,
) -> Result<Unpacked> {
    let mut staging = Staging::beside(destination)?;
    // Entries may overlap, so what they claim to be packed into says nothing; the file's length
    // does.
    let packed = PackedBytes::default();
    packed.set(archive.seek(SeekFrom::End(0)).map_err(Error::unreadable)?);
    let mut budget = Budget::new(*limits, packed);
    let mut zip = ZipIterable::try_new(archive, Config::default())
        .map_err(Error::unreadable)?
        .enforce_header_consistency(true);
    budget.enter(zip.len() as u64)?;
    let files = zip.files().map_err(Error::unreadable)?;
    while let Some(entry) = files.next() {
        let entry = entry.map_err(Error::unreadable)?;
        let name = entry.name().map_err(Error::unreadable)?.into_owned();
        if entry.encrypted() {
            return Err(refused(&name, "encrypted files are not unpacked"));
        }
        let file = entry
            .with_reader(files.reader_mut(), ZipReadOptions::new())
            .map_err(Error::unreadable)?;
        unpack(file, &name, &mut staging, &mut budget)?;
    }
    staging.publish()?;
    Ok(budget.spent())
}

fn unpack(
    mut file: ZipFile<'_, impl Read>,
    name: &str,
    staging: &mut Staging,
    budget: &mut Budget,
) -> Result<()> {
    let path = check_name(name)?;
    let mode = file.unix_mode().unwrap_or_default();
    let is_folder = name.ends_with('/');
    let kinds = [0, if is_folder { MODE_KIND_FOLDER } else { MODE_KIND_FILE }];
    if !kinds.contains(&(mode & MODE_KIND)) || (is_folder && file.size() > 0) {
        return Err(refused(name, "only files and folders are unpacked, no links or devices"));
    }
    if is_folder {
        return staging.folder(&path);
    }
    if path.is_root() {
        return Err(refused(name, "a file needs a name"));
    }
    let size = file.size();
    if staging.file(&path, mode & 0o100 != 0, &mut file, budget)? != size {
        return Err(Error::unreadable("a file does not have the size that the archive states"));
    }
    Ok(())
}
