//! Images as one file: an image layout in a tar, with what Docker's older format needs beside it.

mod base;
mod index;
mod tar_file;
#[cfg(test)]
mod tests;
mod write;

pub use base::Base;
pub use write::write_archive;
