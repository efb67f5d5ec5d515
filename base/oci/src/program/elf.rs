//! What the header of an ELF file says of what it needs.
//!
//! The program headers are read, not the sections: they are what the loader reads, and what a
//! stripped file still has. Format: System V ABI, chapter 5, and `elf(5)`.

use std::fs::File;
use std::path::{Path, PathBuf};

use object::elf::{self, FileHeader32, FileHeader64};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::{Endianness, FileKind, ReadCache, ReadRef};

use crate::{Error, Result};

/// The longest name in an ELF file that is read, in bytes.
const NAME_BYTES_MAX: u64 = 4096;
/// Entries of the dynamic section that are read.
const ENTRIES_MAX: usize = 10_000;

/// What processor a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    number: u16,
    is_64: bool,
    is_little_endian: bool,
}

impl Machine {
    /// Names the processor as images do, in Go's words; `None` for one that images do not know.
    pub fn architecture(self) -> Option<&'static str> {
        Some(match (object::elf::Machine(self.number), self.is_64, self.is_little_endian) {
            (elf::EM_X86_64, true, true) => "amd64",
            (elf::EM_386, false, true) => "386",
            (elf::EM_AARCH64, true, true) => "arm64",
            (elf::EM_ARM, false, true) => "arm",
            (elf::EM_RISCV, true, true) => "riscv64",
            (elf::EM_LOONGARCH, true, true) => "loong64",
            (elf::EM_PPC64, true, true) => "ppc64le",
            (elf::EM_S390, true, false) => "s390x",
            _ => return None,
        })
    }
}

/// A program or a shared library.
#[derive(Clone, Debug)]
pub struct Object {
    /// What processor it is for.
    pub machine: Machine,
    /// The program that loads it, if it is a program.
    pub loader: Option<String>,
    /// The names of the libraries that it needs.
    pub needed: Vec<String>,
    /// Folders to look for them in, of the older kind (`DT_RPATH`).
    pub rpath: Vec<String>,
    /// Folders to look for them in, of the newer kind (`DT_RUNPATH`).
    pub runpath: Vec<String>,
}

impl Object {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// [`Error::Program`] for what is no ELF file or a cut one, [`Error::Io`] when it cannot be
    /// opened.
    pub fn read(path: &Path) -> Result<Self> {
        let file = File::open(path)
            .map_err(|source| Error::io(format!("open `{}`", path.display()), source))?;
        let cache = ReadCache::new(file);
        let object = match FileKind::parse(&cache) {
            Ok(FileKind::Elf64) => of::<FileHeader64<Endianness>>(&cache),
            Ok(FileKind::Elf32) => of::<FileHeader32<Endianness>>(&cache),
            Ok(_) | Err(_) => Err("it is not an ELF file".to_owned()),
        };
        object.map_err(|why| Error::Program { path: PathBuf::from(path), why })
    }
}

fn of<Elf: FileHeader<Endian = Endianness>>(data: &ReadCache<File>) -> Result<Object, String> {
    let broken = |error: object::Error| format!("its ELF header is corrupt: {error}");
    let header = Elf::parse(data).map_err(broken)?;
    let endian = header.endian().map_err(broken)?;
    let headers = header.program_headers(endian, data).map_err(broken)?;
    let machine = Machine {
        number: header.e_machine(endian).0,
        is_64: header.is_class_64(),
        is_little_endian: header.is_little_endian(),
    };
    let (mut loader, mut dynamic) = (None, None);
    for segment in headers {
        if let Some(name) = segment.interpreter(endian, data).map_err(broken)? {
            loader = Some(text(name)?);
        }
        dynamic = dynamic.or(segment.dynamic(endian, data).map_err(broken)?);
    }
    let mut object =
        Object { machine, loader, needed: Vec::new(), rpath: Vec::new(), runpath: Vec::new() };
    let Some(dynamic) = dynamic else { return Ok(object) };
    if dynamic.len() > ENTRIES_MAX {
        return Err(format!("its dynamic section has more than {ENTRIES_MAX} entries"));
    }
    let entries = || dynamic.iter().take_while(|one| one.tag(endian) != elf::DT_NULL);
    let names = entries().find(|one| one.tag(endian) == elf::DT_STRTAB).map(|one| one.val(endian));
    let name = |at: u64| -> Result<String, String> {
        let names = names.ok_or("its dynamic section has no names")?;
        let address = names.checked_add(at).ok_or("a name lies beyond its end")?;
        name_at::<Elf>(data, endian, headers, address)
    };
    for entry in entries() {
        let (tag, value) = (entry.tag(endian), entry.val(endian));
        match tag {
            elf::DT_NEEDED => object.needed.push(name(value)?),
            elf::DT_RPATH => object.rpath = folders(&name(value)?),
            elf::DT_RUNPATH => object.runpath = folders(&name(value)?),
            _ => {}
        }
    }
    Ok(object)
}

/// Reads the name at an address of memory, which some segment of the file is loaded to.
fn name_at<Elf: FileHeader<Endian = Endianness>>(
    data: &ReadCache<File>,
    endian: Endianness,
    headers: &[Elf::ProgramHeader],
    address: u64,
) -> Result<String, String> {
    for segment in headers.iter().filter(|segment| segment.p_type(endian) == elf::PT_LOAD) {
        let (start, size): (u64, u64) =
            (segment.p_vaddr(endian).into(), segment.p_filesz(endian).into());
        let Some(within) = address.checked_sub(start).filter(|within| *within < size) else {
            continue;
        };
        let offset: u64 = segment.p_offset(endian).into();
        let begin = offset.checked_add(within).ok_or("a name lies beyond its end")?;
        let end = begin.saturating_add(NAME_BYTES_MAX.min(size - within));
        let bytes = data
            .read_bytes_at_until(begin..end, 0)
            .map_err(|()| "a name in it is truncated or too long")?;
        return text(bytes);
    }
    Err("a name lies outside of what is loaded".to_owned())
}

fn folders(list: &str) -> Vec<String> {
    list.split(':').filter(|folder| !folder.is_empty()).map(str::to_owned).collect()
}

fn text(bytes: &[u8]) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| "a name in it is not UTF-8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// The start of a shared library: its headers and names, which is all that is read.
    fn library() -> Vec<u8> {
        let needs = crate::program::needs(
            &std::env::current_exe().unwrap(),
            &crate::program::Search::system(Vec::new()),
        );
        let libraries = needs.unwrap().libraries;
        let of_gcc = libraries.iter().find(|(name, _)| name.starts_with("libgcc_s"));
        fs::read(of_gcc.expect("Rust programs unwind with libgcc").1).unwrap()
    }

    #[test]
    fn a_file_that_is_cut_anywhere_is_an_error_or_says_the_same() {
        let whole = library();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lib.so");
        fs::write(&path, &whole).unwrap();
        let want = Object::read(&path).unwrap();
        assert!(want.needed.iter().any(|name| name.starts_with("libc.")), "{want:?}");
        assert!(want.machine.architecture().is_some());
        let mut refused = 0;
        for length in (0..2048).step_by(7).chain((2048..whole.len()).step_by(1021)) {
            fs::write(&path, &whole[..length]).unwrap();
            match Object::read(&path) {
                Ok(object) => assert_eq!(object.needed, want.needed, "cut to {length} bytes"),
                Err(Error::Program { .. }) => refused += 1,
                Err(other) => panic!("cut to {length} bytes: {other}"),
            }
        }
        assert!(refused > 200, "only {refused} cut files were refused");
    }

    #[test]
    fn a_file_with_a_wrong_byte_does_no_harm() {
        let whole = library();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lib.so");
        for at in 4..1024 {
            for byte in [0x00, 0x7f, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = byte;
                fs::write(&path, &bytes[..bytes.len().min(1 << 16)]).unwrap();
                drop(Object::read(&path));
            }
        }
    }
}
