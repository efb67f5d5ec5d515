//! Counts what an archive unpacks to, and stops one that was made to fill a disk.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use crate::{Error, Result};

/// How many bytes may unpack before their ratio to the packed bytes counts.
///
/// Small runs of zeros compress a thousandfold in honest archives too.
const RATIO_FREE_BYTES: u64 = 16 * 1024 * 1024;

/// How much an archive may unpack to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The bytes of all files together; 16 GiB by default.
    pub bytes_max: u64,
    /// The files and folders together; 100,000 by default.
    pub entries_max: u64,
    /// The unpacked bytes for each packed byte, once 16 MiB are unpacked; 200 by default.
    pub ratio_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes_max: 16 << 30, entries_max: 100_000, ratio_max: 200 }
    }
}

/// What was unpacked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unpacked {
    /// The files and folders that the archive named.
    pub entries: u64,
    /// The bytes of all files.
    pub bytes: u64,
}

/// The packed bytes read so far, shared between their reader and the budget.
pub(super) type PackedBytes = Rc<Cell<u64>>;

/// Keeps one unpacking within its limits.
pub(super) struct Budget {
    limits: Limits,
    packed: PackedBytes,
    spent: Unpacked,
}

impl Budget {
    pub(super) fn new(limits: Limits, packed: PackedBytes) -> Self {
        Self { limits, packed, spent: Unpacked::default() }
    }

    pub(super) fn spent(&self) -> Unpacked {
        self.spent
    }

    /// Counts entries.
    pub(super) fn enter(&mut self, entries: u64) -> Result<()> {
        self.spent.entries = self.spent.entries.saturating_add(entries);
        check("entries", self.spent.entries, self.limits.entries_max)
    }

    /// Counts bytes before they are written.
    pub(super) fn grow(&mut self, bytes: u64) -> Result<()> {
        self.spent.bytes = self.spent.bytes.saturating_add(bytes);
        check("bytes", self.spent.bytes, self.limits.bytes_max)?;
        if self.spent.bytes <= RATIO_FREE_BYTES {
            return Ok(());
        }
        let ratio = self.spent.bytes / self.packed.get().max(1);
        check("unpacked bytes for each packed byte", ratio, self.limits.ratio_max)
    }
}

fn check(what: &'static str, count: u64, max: u64) -> Result<()> {
    if count > max { Err(Error::TooLarge { what, max }) } else { Ok(()) }
}

/// Counts the packed bytes on their way.
pub(super) struct Metered<R> {
    pub(super) inner: R,
    pub(super) packed: PackedBytes,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.packed.set(self.packed.get() + count as u64);
        Ok(count)
    }
}
