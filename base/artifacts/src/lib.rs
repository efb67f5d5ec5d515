//! Checked artifact paths, artifact stores and safe archives.
