//! The environment of this process. Nothing else in the program reads it.

use super::Origin;
use std::env;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// Returns a variable that is set and not empty.
pub(super) fn variable(name: &'static str) -> Option<(String, Origin)> {
    let value = env::var(name).ok().filter(|value| !value.is_empty())?;
    Some((value, Origin::Variable(name)))
}

/// Returns the text of a variable that is set and not empty, as far as it is UTF-8.
pub(super) fn shown(name: &str) -> Option<String> {
    let value = env::var_os(name).filter(|value| !value.is_empty())?;
    Some(value.to_string_lossy().into_owned())
}

/// Tells whether a variable is set, to nothing.
pub(super) fn is_empty(name: &OsStr) -> bool {
    env::var_os(name).is_some_and(|value| value.is_empty())
}

/// Returns the value of a list of folders, such as `PATH`; empty when it is not set.
pub(super) fn folders(name: &'static str) -> OsString {
    env::var_os(name).unwrap_or_default()
}

/// Returns all variables: what the programs get that are started here.
pub(crate) fn all() -> impl Iterator<Item = (OsString, OsString)> {
    env::vars_os()
}

/// Returns all variables whose names and values are UTF-8.
pub(crate) fn all_text() -> impl Iterator<Item = (String, String)> {
    all().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// Returns the folder for temporary files.
pub(crate) fn temporary_folder() -> PathBuf {
    env::temp_dir()
}
