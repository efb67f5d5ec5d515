//! Container images without a container program.
//!
//! A [`Layer`] is packed from files, a [`Recipe`] puts layers and settings together, and the
//! [`Image`] that comes out is written as an archive ([`write_archive`]) or, with the feature
//! `push`, sent to a registry ([`push::push`]). A [`Base`] is an image from an archive that layers
//! are put upon. The same inputs give the same bytes: entries are sorted, and times, owners and
//! permissions are fixed. With the feature `programs`, [`program::needs`] finds the shared
//! libraries that a program needs beside it. Nothing here knows what a model is.
//!
//! The formats are those of the Open Container Initiative's image specification 1.0 and
//! distribution specification 1.0: <https://github.com/opencontainers/image-spec>,
//! <https://github.com/opencontainers/distribution-spec>.
//!
//! ```
//! use mlctl_oci::{Content, Entry, Layer, Platform, Recipe, Reference, Settings, write_archive};
//!
//! let scratch = std::env::temp_dir();
//! let hello = Entry::file("srv/hello.txt", Content::Bytes(b"hello".to_vec()));
//! let recipe = Recipe {
//!     platform: Platform::linux("amd64"),
//!     base: None,
//!     layers: vec![(Layer::pack(vec![hello], 0, &scratch)?, "a greeting".to_owned())],
//!     settings: Settings { user: Some("1000".to_owned()), ..Settings::default() },
//!     created: jiff::Timestamp::UNIX_EPOCH,
//! };
//! let image = recipe.build()?;
//!
//! let mut archive = Vec::new();
//! write_archive(&image, &Reference::parse("hello:1")?, &mut archive)?;
//! assert_eq!(image.layers().len(), 1);
//! # Ok::<(), mlctl_oci::Error>(())
//! ```

mod archive;
mod blob;
mod digest;
mod document;
mod error;
mod image;
mod layer;
#[cfg(feature = "programs")]
pub mod program;
#[cfg(feature = "push")]
pub mod push;
mod reference;

pub use archive::{Base, write_archive};
pub use blob::Blob;
pub use digest::Digest;
pub use document::{Descriptor, Platform};
pub use error::{Error, Result};
pub use image::{Image, Recipe, Settings};
pub use layer::{Content, Entry, Layer, Opened};
pub use reference::Reference;
