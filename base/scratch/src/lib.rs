//! Temporary files and folders that do not pile up when processes are killed.
//!
//! Whoever makes one holds an exclusive lock on it (`flock`), which the system releases when the
//! process ends in whatever way. What has a name of ours and no holder is abandoned: whoever makes
//! the next one of its kind removes it, and so does [`sweep_below`]. Names hold 32 random
//! letters and digits, so that nothing of another program is taken for one.
//!
//! ```
//! use mlctl_scratch::{Access, Scratch};
//!
//! let scratch = Scratch::make(&std::env::temp_dir(), "mlctl-example-", Access::Private)?;
//! std::fs::write(scratch.path().join("note"), "gone when it is dropped")?;
//! # Ok::<(), std::io::Error>(())
//! ```

mod draft;
mod folder;
mod hold;
mod name;
mod sweep;

pub use draft::draft;
pub use folder::Scratch;
pub use hold::hold;
pub use name::Kind;
pub use sweep::{sweep, sweep_below};

/// Who may look into a file or folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Only the user whose process makes it.
    Private,
    /// Whoever the umask lets: it will be published under another name.
    Umask,
}
