//! Packs files into a layer: a tar in gzip, with nothing in it that depends on the day, the user
//! or the order in which a disk lists its files.

use std::collections::BTreeMap;
use std::collections::btree_map;
use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::sync::Arc;

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};
use tar::{Builder, EntryType, Header};

use crate::digest::Hashing;
use crate::document::LAYER_GZIP;
use crate::{Blob, Descriptor, Digest, Error, Result};

/// How hard gzip tries. Level 3 takes half as long again to save a twentieth of a program.
const LEVEL: u32 = 2;
/// gzip's "unknown", so that layers are equal across systems.
const SYSTEM_UNKNOWN: u8 = 255;
/// The longest path of an entry in bytes.
const PATH_BYTES_MAX: usize = 4096;
/// What names that take files of lower layers away begin with.
const WHITEOUT: &str = ".wh.";

/// The permissions of folders and programs.
const MODE_PROGRAM: u32 = 0o755;
/// The permissions of folders that only their owner uses.
const MODE_PRIVATE: u32 = 0o700;
/// The permissions of other files.
const MODE_PLAIN: u32 = 0o644;
/// The number of the user and the group that own everything else.
const ROOT: u32 = 0;

/// What a file of a layer holds.
pub enum Content<'a> {
    /// These bytes.
    Bytes(Vec<u8>),
    /// What is opened when its turn comes.
    Stream(Box<dyn FnOnce() -> io::Result<Opened> + 'a>),
}

/// An open file and its size in bytes.
pub struct Opened {
    /// How many bytes it has.
    pub bytes: u64,
    /// The bytes.
    pub content: Box<dyn Read>,
}

impl<'a> Content<'a> {
    /// Takes the content of a file of this machine; links are followed.
    pub fn of_file(path: &'a Path) -> Self {
        Self::Stream(Box::new(move || {
            let file = File::open(path)?;
            let data = file.metadata()?;
            if !data.is_file() {
                return Err(io::Error::other("it is not a file"));
            }
            Ok(Opened { bytes: data.len(), content: Box::new(file) })
        }))
    }
}

impl fmt::Debug for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes(_) => "Bytes(…)",
            Self::Stream(_) => "Stream(…)",
        })
    }
}

/// A file, folder or link of a layer. Everything belongs to root, except folders that are given to
/// somebody else.
#[derive(Debug)]
pub struct Entry<'a> {
    path: String,
    kind: Kind<'a>,
}

#[derive(Debug)]
enum Kind<'a> {
    Folder { mode: u32, owner: u32 },
    File { content: Content<'a>, mode: u32 },
    Link { target: String },
}

impl<'a> Entry<'a> {
    /// A file that everybody may read, at a path from the root without a leading slash.
    pub fn file(path: impl Into<String>, content: Content<'a>) -> Self {
        Self { path: path.into(), kind: Kind::File { content, mode: MODE_PLAIN } }
    }

    /// A file that everybody may read and run.
    pub fn program(path: impl Into<String>, content: Content<'a>) -> Self {
        Self { path: path.into(), kind: Kind::File { content, mode: MODE_PROGRAM } }
    }

    /// A folder with the given permissions. Those that lead to an entry are made without asking,
    /// with 755.
    pub fn folder(path: impl Into<String>, mode: u32) -> Self {
        Self { path: path.into(), kind: Kind::Folder { mode, owner: ROOT } }
    }

    /// A folder that only the user with this number, and the group with the same, may use.
    pub fn private_folder(path: impl Into<String>, owner: u32) -> Self {
        Self { path: path.into(), kind: Kind::Folder { mode: MODE_PRIVATE, owner } }
    }

    /// A symbolic link.
    pub fn link(path: impl Into<String>, target: impl Into<String>) -> Self {
        Self { path: path.into(), kind: Kind::Link { target: target.into() } }
    }
}

/// A packed layer.
#[derive(Clone, Debug)]
pub struct Layer {
    pub(crate) blob: Blob,
    /// The digest of the tar in the gzip.
    pub(crate) diff_id: Digest,
}

impl Layer {
    /// Packs entries, sorted, with `mtime` (seconds since 1970) as the time of each. The layer is
    /// kept in a file without a name in the folder `scratch`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a path that is no plain path from the root, that is there twice, or
    /// that would take a file of a lower layer away; [`Error::Io`] when a file cannot be read, or
    /// has another size than it had when it was opened, or `scratch` is full.
    pub fn pack(entries: Vec<Entry<'_>>, mtime: u64, scratch: &Path) -> Result<Self> {
        let sorted = sorted(entries)?;
        let writing = |source| Error::io("write a layer", source);
        let mut tar = Builder::new(Hashing::new(gzip(scratch)?));
        for (path, kind) in sorted {
            append(&mut tar, &path, kind, mtime)?;
        }
        let (gzip, diff_id, _) = tar.into_inner().map_err(writing)?.finish();
        Ok(Self { blob: finish(gzip)?, diff_id })
    }

    /// Compresses a layer that is a tar already.
    pub(crate) fn compress(mut tar: impl Read, scratch: &Path) -> Result<Self> {
        let writing = |source| Error::io("write a layer", source);
        let mut out = Hashing::new(gzip(scratch)?);
        io::copy(&mut tar, &mut out).map_err(writing)?;
        let (gzip, diff_id, _) = out.finish();
        Ok(Self { blob: finish(gzip)?, diff_id })
    }

    /// Returns the layer as it is stored and sent.
    pub fn blob(&self) -> &Blob {
        &self.blob
    }
}

/// gzip into a hashed file.
type Packer = GzEncoder<Hashing<BufWriter<File>>>;

fn gzip(scratch: &Path) -> Result<Packer> {
    let file = tempfile::tempfile_in(scratch)
        .map_err(|source| Error::io(format!("write in `{}`", scratch.display()), source))?;
    let out = Hashing::new(BufWriter::with_capacity(1 << 18, file));
    let gzip = GzBuilder::new().mtime(0).operating_system(SYSTEM_UNKNOWN);
    Ok(gzip.write(out, Compression::new(LEVEL)))
}

fn finish(gzip: Packer) -> Result<Blob> {
    let writing = |source| Error::io("write a layer", source);
    let (file, digest, size) = gzip.finish().map_err(writing)?.finish();
    let file = file.into_inner().map_err(|error| writing(error.into_error()))?;
    Ok(Blob::part(Descriptor::new(LAYER_GZIP, digest, size), Arc::new(file), 0))
}

/// Sorts entries, adds the folders that lead to them, and checks their paths.
fn sorted(entries: Vec<Entry<'_>>) -> Result<BTreeMap<String, Kind<'_>>> {
    let mut all = BTreeMap::new();
    for entry in entries {
        check_path(&entry.path)?;
        let twice = |value| Error::Invalid {
            what: "path in an image",
            value,
            rule: "two entries must not have the same path",
        };
        match all.entry(entry.path) {
            btree_map::Entry::Occupied(taken) => return Err(twice(taken.key().clone())),
            btree_map::Entry::Vacant(free) => free.insert(entry.kind),
        };
    }
    let paths: Vec<String> = all.keys().cloned().collect();
    for path in paths {
        for (at, _) in path.match_indices('/') {
            let parent = all.entry(path[..at].to_owned());
            let parent = parent.or_insert(Kind::Folder { mode: MODE_PROGRAM, owner: ROOT });
            if !matches!(parent, Kind::Folder { .. }) {
                let rule = "its parent must be a folder";
                return Err(Error::Invalid { what: "path in an image", value: path, rule });
            }
        }
    }
    Ok(all)
}

fn check_path(path: &str) -> Result<()> {
    let is_plain = |part: &str| !matches!(part, "" | "." | "..");
    let rule = if !path.split('/').all(is_plain) {
        "it must be relative to the root, without a leading slash"
    } else if path.contains('\0') || path.len() > PATH_BYTES_MAX {
        "it is too long or contains zero bytes"
    } else if path.split('/').any(|part| part.starts_with(WHITEOUT)) {
        "names that begin with `.wh.` would remove files of other layers"
    } else {
        return Ok(());
    };
    Err(Error::Invalid { what: "path in an image", value: path.to_owned(), rule })
}

fn append<W: Write>(tar: &mut Builder<W>, path: &str, kind: Kind<'_>, mtime: u64) -> Result<()> {
    let mut header = Header::new_gnu();
    header.set_mtime(mtime);
    let owner = match kind {
        Kind::Folder { owner, .. } => owner,
        Kind::File { .. } | Kind::Link { .. } => ROOT,
    };
    header.set_uid(owner.into());
    header.set_gid(owner.into());
    let packing = |source| Error::io(format!("pack `{path}` into a layer"), source);
    match kind {
        Kind::Folder { mode, .. } => {
            header.set_entry_type(EntryType::Directory);
            header.set_mode(mode);
            header.set_size(0);
            tar.append_data(&mut header, format!("{path}/"), io::empty()).map_err(packing)
        }
        Kind::Link { target } => {
            header.set_entry_type(EntryType::Symlink);
            header.set_mode(0o777);
            header.set_size(0);
            tar.append_link(&mut header, path, target).map_err(packing)
        }
        Kind::File { content, mode } => {
            let Opened { bytes, content } = match content {
                Content::Bytes(bytes) => {
                    Opened { bytes: bytes.len() as u64, content: Box::new(io::Cursor::new(bytes)) }
                }
                Content::Stream(open) => open().map_err(packing)?,
            };
            header.set_entry_type(EntryType::Regular);
            header.set_mode(mode);
            header.set_size(bytes);
            // A file that grows meanwhile must not push the next header out of its place.
            let mut content = Counted { inner: content.take(bytes), count: 0 };
            tar.append_data(&mut header, path, &mut content).map_err(packing)?;
            if content.count == bytes {
                return Ok(());
            }
            Err(packing(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "it became shorter meanwhile",
            )))
        }
    }
}

struct Counted<R> {
    inner: R,
    count: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.count += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::read::GzDecoder;

    fn bytes(text: &str) -> Content<'static> {
        Content::Bytes(text.as_bytes().to_vec())
    }

    fn pack(entries: Vec<Entry<'_>>) -> Result<Layer> {
        Layer::pack(entries, 0, &std::env::temp_dir())
    }

    #[test]
    fn the_order_of_entries_does_not_matter() {
        let long = format!("model/{}/data", "deep/".repeat(60).trim_end_matches('/'));
        let make = |turned: bool| {
            let mut entries = vec![
                Entry::file("b/x", bytes("1")),
                Entry::program("a", bytes("2")),
                Entry::link("l", "b/x"),
                Entry::folder("tmp", 0o1777),
                Entry::private_folder("data", 7),
                Entry::file(long.clone(), bytes("3")),
            ];
            if turned {
                entries.reverse();
            }
            pack(entries).unwrap()
        };

        let (one, other) = (make(false), make(true));

        assert_eq!(one.blob.descriptor, other.blob.descriptor);
        assert_eq!(one.diff_id, other.diff_id);
        let mut tar = Vec::new();
        GzDecoder::new(one.blob.open()).read_to_end(&mut tar).unwrap();
        assert_eq!(Digest::of(&tar), one.diff_id);
        let mut archive = tar::Archive::new(tar.as_slice());
        let seen: Vec<(String, u32, u64, u64)> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let header = entry.header();
                let owner = header.uid().unwrap() + header.gid().unwrap();
                let path = entry.path().unwrap().to_str().unwrap().to_owned();
                (path, header.mode().unwrap(), header.mtime().unwrap(), owner)
            })
            .filter(|entry| !entry.0.starts_with("model"))
            .collect();
        let want = [
            ("a", 0o755, 0),
            ("b/", 0o755, 0),
            ("b/x", 0o644, 0),
            ("data/", 0o700, 7 + 7),
            ("l", 0o777, 0),
            ("tmp/", 0o1777, 0),
        ];
        assert_eq!(seen, want.map(|(path, mode, owner)| (path.to_owned(), mode, 0, owner)));
    }

    #[test]
    fn other_content_or_time_is_another_layer() {
        let of = |text, mtime| {
            let entries = vec![Entry::file("a", bytes(text))];
            Layer::pack(entries, mtime, &std::env::temp_dir()).unwrap().blob.descriptor.digest
        };
        assert_eq!(of("1", 0), of("1", 0));
        assert_ne!(of("1", 0), of("2", 0));
        assert_ne!(of("1", 0), of("1", 1));
    }

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        for path in
            ["", "/etc", "a//b", "../a", "a/./b", "a/..", "a/", "a\0b", "m/.wh.x", ".wh..wh..opq"]
        {
            let said = pack(vec![Entry::file(path, bytes(""))]).unwrap_err().to_string();
            assert!(said.starts_with("invalid path in an image"), "for {path:?}: {said}");
        }
        let twice = || vec![Entry::file("a", bytes("")), Entry::folder("a", 0o755)];
        assert!(pack(twice()).unwrap_err().to_string().contains("two entries must not"));
        let below = vec![Entry::file("a", bytes("")), Entry::file("a/b", bytes(""))];
        assert!(pack(below).unwrap_err().to_string().contains("must be a folder"));
    }

    #[test]
    fn a_file_that_shrinks_meanwhile_is_an_error() {
        let short =
            || Ok(Opened { bytes: 5, content: Box::new(io::Cursor::new(b"four".to_vec())) });
        let failed = pack(vec![Entry::file("a", Content::Stream(Box::new(short)))]).unwrap_err();
        assert_eq!(failed.to_string(), "cannot pack `a` into a layer");
        let long = || Ok(Opened { bytes: 3, content: Box::new(io::Cursor::new(b"four".to_vec())) });
        let packed = pack(vec![Entry::file("a", Content::Stream(Box::new(long)))]).unwrap();
        assert_eq!(packed.diff_id, pack(vec![Entry::file("a", bytes("fou"))]).unwrap().diff_id);
    }
}
