//! Checked artifact paths, artifact stores and safe archives.
//!
//! An [`ArtifactPath`] cannot leave its root, an [`ArtifactStore`] keeps files below such paths,
//! and [`archive`] reads and writes tar.gz and zip files without trusting them. [`open_location`]
//! opens folders and, with the feature `object-store`, buckets. Nothing here knows what a run or a
//! model is.
//!
//! ```
//! use mlctl_artifacts::{ArtifactPath, ArtifactStore, MemoryArtifacts};
//!
//! let store = MemoryArtifacts::default();
//! let path = ArtifactPath::parse("model/MLmodel")?;
//! store.write(&path, &mut "flavors: {}".as_bytes())?;
//!
//! let listed = store.list(&ArtifactPath::parse("model")?)?;
//! assert_eq!(listed[0].path, path);
//! assert_eq!(listed[0].file_size, Some(11));
//! assert!(ArtifactPath::parse("model/../../secret").is_err());
//! # Ok::<(), mlctl_artifacts::Error>(())
//! ```

#[cfg(feature = "archives")]
pub mod archive;
mod below;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod direct;
mod error;
mod local;
mod memory;
#[cfg(feature = "object-store")]
mod object;
mod open;
mod path;
mod store;
mod transfer;

pub use below::Below;
pub use direct::{DirectTransfers, PARTS_MAX, SignedRequest, UploadSession, UploadedPart};
pub use error::{Error, Result};
pub use local::{LocalArtifacts, UNFINISHED};
pub use memory::MemoryArtifacts;
pub use mlctl_uri::{absolute_location, is_of_windows, location_path, path_uri};
pub use open::{Locations, RemoteOptions, open_location};
pub use path::ArtifactPath;
pub use store::{Artifact, ArtifactInfo, ArtifactStore, ReadSeek};
pub use transfer::{download, upload, walk};
