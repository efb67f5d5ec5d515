//! The zip around a model: members by name, within limits.

use super::{Load, Refusal, refuse};
use std::fmt;
use std::io::{Cursor, Read};
use zip::ZipArchive;

/// How many members a file has at most.
const MEMBERS_MAX: usize = 2_000_000;
/// How many bytes all that is read may unpack to: this many, or [`RATIO_MAX`] times the file.
const UNPACKED_FLOOR: u64 = 256 << 20;
const RATIO_MAX: u64 = 32;

/// A zip in memory.
pub(crate) struct Archive {
    zip: ZipArchive<Cursor<Vec<u8>>>,
    left: u64,
}

impl Archive {
    pub(crate) fn open(bytes: Vec<u8>) -> Load<Self> {
        let left = UNPACKED_FLOOR.max((bytes.len() as u64).saturating_mul(RATIO_MAX));
        let zip = ZipArchive::new(Cursor::new(bytes))
            .map_err(|error| Refusal(format!("it is not a zip file: {error}")))?;
        if zip.len() > MEMBERS_MAX {
            return refuse!("the zip has {} members, more than {MEMBERS_MAX}", zip.len());
        }
        Ok(Self { zip, left })
    }

    /// Unpacks a member. Only names are compared: nothing is ever written anywhere.
    pub(crate) fn member(&mut self, name: &str) -> Load<Vec<u8>> {
        let failed = |error: &dyn fmt::Display| Refusal(format!("member `{name}`: {error}"));
        let left = self.left;
        let member = self.zip.by_name(name).map_err(|error| failed(&error))?;
        let mut bytes = Vec::new();
        let read = member.take(left + 1).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
        let read = read as u64;
        if read > left {
            return refuse!("member `{name}`: the file unpacks to far more than its own size");
        }
        self.left -= read;
        Ok(bytes)
    }
}

impl fmt::Debug for Archive {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Archive").field("members", &self.zip.len()).finish()
    }
}
