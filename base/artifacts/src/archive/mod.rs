//! Packs folders into tar.gz and zip files, and unpacks such files without trusting them.
//!
//! Packing is deterministic: the same content gives the same bytes, whenever and by whomever it is
//! packed. Of the permissions only the executable bit is kept. Links that stay inside the folder
//! are packed as what they point to.
//!
//! Unpacking refuses absolute names, `..`, links, devices, names that occur twice, and whatever
//! exceeds its [`Limits`]. It works in a hidden folder beside the destination, which is renamed
//! when all went well and removed when not, so a destination is complete or does not exist.
//!
//! ```
//! use mlctl_artifacts::archive::{Limits, pack_tar_gz, unpack_tar_gz};
//!
//! let place = tempfile::tempdir()?;
//! let (model, copy) = (place.path().join("model"), place.path().join("copy"));
//! std::fs::create_dir(&model)?;
//! std::fs::write(model.join("MLmodel"), "flavors: {}")?;
//!
//! let mut packed = Vec::new();
//! pack_tar_gz(&model, &mut packed)?;
//! unpack_tar_gz(packed.as_slice(), &copy, &Limits::default())?;
//! assert_eq!(std::fs::read_to_string(copy.join("MLmodel"))?, "flavors: {}");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod budget;
mod staging;
mod tar_gz;
mod tree;
mod zip_file;

pub use budget::{Limits, Unpacked};
pub use tar_gz::{pack_tar_gz, unpack_tar_gz};
pub use zip_file::{pack_zip, unpack_zip};
