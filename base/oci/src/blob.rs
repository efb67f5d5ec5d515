//! One piece of an image: a layer, its configuration, its manifest.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::{Descriptor, Digest};

/// Content with its description, in memory or as a part of an open file.
#[derive(Clone)]
pub struct Blob {
    /// What it is, with its digest and size.
    pub descriptor: Descriptor,
    place: Place,
}

#[derive(Clone)]
enum Place {
    Memory(Arc<[u8]>),
    Part { file: Arc<File>, offset: u64 },
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blob").field("descriptor", &self.descriptor).finish_non_exhaustive()
    }
}

impl Blob {
    pub(crate) fn in_memory(media_type: &str, bytes: Vec<u8>) -> Self {
        let descriptor = Descriptor::new(media_type, Digest::of(&bytes), bytes.len() as u64);
        Self { descriptor, place: Place::Memory(bytes.into()) }
    }

    pub(crate) fn part(descriptor: Descriptor, file: Arc<File>, offset: u64) -> Self {
        Self { descriptor, place: Place::Part { file, offset } }
    }

    /// Reads the content from its beginning; several readers do not disturb each other.
    pub fn open(&self) -> Box<dyn Read + Send> {
        let size = self.descriptor.size;
        match &self.place {
            Place::Memory(bytes) => Box::new(io::Cursor::new(bytes.clone())),
            Place::Part { file, offset } => Box::new(Part::new(file.clone(), *offset, size)),
        }
    }
}

/// Reads a part of a file without moving the file's cursor.
pub(crate) struct Part {
    file: Arc<File>,
    offset: u64,
    left: u64,
}

impl Part {
    pub(crate) fn new(file: Arc<File>, offset: u64, size: u64) -> Self {
        Self { file, offset, left: size }
    }
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if wanted == 0 {
            return Ok(0);
        }
        let count = self.file.read_at(&mut buffer[..wanted], self.offset)?;
        if count == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the file became shorter meanwhile",
            ));
        }
        self.offset += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}
