//! Reproducible runs of MLproject folders.
