//! Opens and looks at what lies beneath one folder, and nothing else.
//!
//! cap-std resolves every path (by `openat2` where the system has it), so what it opens lies below
//! the folder even while someone exchanges links. It refuses all absolute links; those that point
//! back into the folder are common (`latest -> /data/mlruns/...`), so they are resolved here, one
//! link at a time, and the result is opened beneath the folder again.

use std::ffi::OsStr;
use std::io;
use std::path::{Component, Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirEntry, File, Metadata, OpenOptions};

use crate::error::is_escape;
use crate::path::UNFINISHED_PREFIX;
use crate::{Artifact, ArtifactInfo, ArtifactPath, Error, Result};

/// As many links as Linux follows before it gives up.
const LINKS_MAX: usize = 40;

/// An open folder.
#[derive(Debug)]
pub(crate) struct Beneath {
    dir: Dir,
    root: PathBuf,
}

/// What a path beneath the folder leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Folder,
    File { size: u64, executable: bool },
}

/// A file or a folder, and where it lies beneath the root.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) path: ArtifactPath,
    pub(crate) kind: Kind,
}

impl Found {
    pub(crate) fn into_info(self) -> ArtifactInfo {
        match self.kind {
            Kind::Folder => ArtifactInfo::folder(self.path),
            Kind::File { size, .. } => ArtifactInfo::file(self.path, size),
        }
    }

    fn new(path: ArtifactPath, metadata: &Metadata) -> Result<Self> {
        let kind = if metadata.is_dir() {
            Kind::Folder
        } else if metadata.is_file() {
            Kind::File { size: metadata.len(), executable: is_executable(metadata) }
        } else {
            return Err(Error::NotAFile { path: path.to_string(), found: SPECIAL });
        };
        Ok(Self { path, kind })
    }
}

const SPECIAL: &str = "a device, pipe or socket";

impl Beneath {
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        let dir = Dir::open_ambient_dir(root, ambient_authority())?;
        Ok(Self { dir, root: root.to_path_buf() })
    }

    /// Opens a folder that is to be a root of its own.
    pub(crate) fn below(self, path: &ArtifactPath) -> io::Result<Self> {
        let dir = self.at(path, |dir, place| dir.open_dir(place))?;
        Ok(Self { dir, root: self.root.join(path.as_str()) })
    }

    /// Makes a folder, and those above it, where they are missing.
    pub(crate) fn make(&self, path: &ArtifactPath) -> io::Result<()> {
        match path.is_root() {
            true => Ok(()),
            false => self.at(path, |dir, place| dir.create_dir_all(place)),
        }
    }

    /// Looks at what `path` leads to.
    pub(crate) fn find(&self, path: &ArtifactPath) -> Result<Found> {
        let metadata = self
            .at(path, |dir, place| dir.metadata(place))
            .map_err(|source| Error::reaching(path, source))?;
        Found::new(path.clone(), &metadata)
    }

    /// Opens a folder.
    pub(crate) fn folder(&self, path: &ArtifactPath) -> Result<Dir> {
        self.at(path, |dir, place| dir.open_dir(place))
            .map_err(|source| Error::reaching(path, source))
    }

    /// Opens a regular file for reading.
    pub(crate) fn open_file(&self, path: &ArtifactPath) -> Result<Artifact> {
        let failed = |source| Error::reaching(path, source);
        // Looked at before it is opened, because opening a device can have effects.
        check_file(&self.find(path)?)?;
        let options = reading();
        let file = self.at(path, |dir, place| dir.open_with(place, &options)).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let size = check_file(&Found::new(path.clone(), &metadata)?)?;
        let modified = metadata.modified().ok().map(cap_std::time::SystemTime::into_std);
        Ok(Artifact { content: Box::new(File::into_std(file)), size, modified, etag: None })
    }

    /// Looks at each child of a folder, in no order.
    ///
    /// Unfinished files are left out. The inner errors are about one child: a name that is no
    /// artifact path, a link that leaves or loops, a device.
    pub(crate) fn children(&self, folder: &ArtifactPath) -> Result<Vec<Result<Found>>> {
        let failed = |source| Error::reaching(folder, source);
        let mut children = Vec::new();
        for entry in self.folder(folder)?.entries().map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            if !name.as_encoded_bytes().starts_with(UNFINISHED_PREFIX.as_bytes()) {
                children.push(self.child(folder, &name, &entry));
            }
        }
        Ok(children)
    }

    fn child(&self, folder: &ArtifactPath, name: &OsStr, entry: &DirEntry) -> Result<Found> {
        let path = child_path(folder, name)?;
        let failed = |source| Error::reaching(&path, source);
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            return Ok(Found { path, kind: Kind::Folder });
        }
        if !kind.is_symlink() {
            let metadata = entry.metadata().map_err(failed)?;
            return Found::new(path, &metadata);
        }
        let found = self.find(&path)?;
        if found.kind == Kind::Folder && self.leads_back(&path).map_err(failed)? {
            return Err(Error::LinkLoop { path });
        }
        Ok(found)
    }

    /// Tells whether a link to a folder leads to one of the folders on its own path.
    fn leads_back(&self, link: &ArtifactPath) -> io::Result<bool> {
        let target = self.real(link)?;
        let mut folder = link.parent();
        while let Some(path) = folder {
            if self.real(&path)? == target {
                return Ok(true);
            }
            folder = path.parent();
        }
        Ok(false)
    }

    fn real(&self, path: &ArtifactPath) -> io::Result<PathBuf> {
        let real = self.at(path, |dir, place| dir.canonicalize(place))?;
        Ok(real.components().filter(|part| *part != Component::CurDir).collect())
    }

    /// Finds everything beneath the folder, sorted by path, so a folder comes before its content.
    ///
    /// Whatever cannot be kept as an artifact is an error.
    pub(crate) fn walk(&self) -> Result<Vec<Found>> {
        let mut all = Vec::new();
        let mut folders = vec![ArtifactPath::root()];
        while let Some(folder) = folders.pop() {
            for child in self.children(&folder)? {
                let child = child?;
                if child.kind == Kind::Folder {
                    folders.push(child.path.clone());
                }
                all.push(child);
            }
        }
        all.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Ok(all)
    }

    /// Acts on the place of `path`; an absolute link on the way is followed if it stays beneath.
    pub(crate) fn at<T>(
        &self,
        path: &ArtifactPath,
        act: impl Fn(&Dir, &Path) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut place = place(path);
        for _ in 0..LINKS_MAX {
            match act(&self.dir, &place) {
                Err(err) if is_escape(&err) => place = self.expand_link(&place).ok_or(err)?,
                done => return done,
            }
        }
        Err(io::Error::other("too many links"))
    }

    /// Replaces the first link in `place` by its target; none when there is none, or it leaves.
    fn expand_link(&self, place: &Path) -> Option<PathBuf> {
        let mut seen = PathBuf::new();
        let mut rest = place.components();
        while let Some(part) = rest.next() {
            let folder = seen.clone();
            seen.push(part);
            let Ok(target) = self.dir.read_link_contents(&seen) else { continue };
            let target =
                if target.is_absolute() { self.inside(&target)? } else { folder.join(target) };
            return Some(Path::new(".").join(target).join(rest.as_path()));
        }
        None
    }

    /// Makes an absolute target relative to the root, under either of the root's names.
    fn inside(&self, target: &Path) -> Option<PathBuf> {
        if let Ok(inside) = target.strip_prefix(&self.root) {
            return Some(inside.to_path_buf());
        }
        let real_root = self.root.canonicalize().ok()?;
        target.strip_prefix(real_root).ok().map(Path::to_path_buf)
    }
}

fn check_file(found: &Found) -> Result<u64> {
    match found.kind {
        Kind::File { size, .. } => Ok(size),
        Kind::Folder => Err(Error::NotAFile { path: found.path.to_string(), found: "a folder" }),
    }
}

fn child_path(folder: &ArtifactPath, name: &OsStr) -> Result<ArtifactPath> {
    let name = crate::path::parse_local(name)?;
    // Parsed once more, for the limits of the whole path.
    ArtifactPath::parse(folder.join(&name).as_str())
}

fn place(path: &ArtifactPath) -> PathBuf {
    PathBuf::from(if path.is_root() { "." } else { path.as_str() })
}

fn reading() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use cap_std::fs::OpenOptionsExt;
        // A pipe put in the file's place must not make the open wait for a writer.
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    options
}

#[cfg(unix)]
fn is_executable(metadata: &Metadata) -> bool {
    use cap_std::fs::MetadataExt;
    metadata.mode() & 0o100 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &Metadata) -> bool {
    false
}
