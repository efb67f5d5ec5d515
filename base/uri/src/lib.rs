//! Which server, folder or database file the URI of a store means.
//!
//! Pure text: nothing is opened or looked for, except that a relative place is made absolute where
//! a function says so.
//!
//! ```
//! use mlctl_uri::StoreUri;
//!
//! assert_eq!(StoreUri::parse("./mlruns", "store")?, StoreUri::Path("./mlruns".into()));
//! assert!(matches!(StoreUri::parse("sqlite:///a.db", "store")?, StoreUri::Database(_)));
//! assert!(matches!(StoreUri::parse("https://host", "store")?, StoreUri::Server(_)));
//!
//! let refused = StoreUri::parse("postgresql://host/db", "store").unwrap_err();
//! assert_eq!(
//!     refused.to_string(),
//!     "cannot open the store `postgresql://host/db`: this kind of URI is not supported"
//! );
//! # Ok::<(), mlctl_uri::Error>(())
//! ```

mod database;
mod location;

pub use database::Database;
pub use location::{absolute_location, is_of_windows, location_path, path_uri, scheme};

use std::fmt;
use std::path::PathBuf;

/// Where a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUri {
    /// On a server, at this `http://` or `https://` URL.
    Server(String),
    /// At a path, which may be spelled as a `file:` URI.
    Path(PathBuf),
    /// In a SQLite file.
    Database(Database),
}

/// Why a URI names no store that can be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The scheme is none of a store.
    #[error("cannot open the {what} `{uri}`: this kind of URI is not supported")]
    UnknownScheme {
        /// What was to be opened, such as "store".
        what: &'static str,
        /// The URI.
        uri: String,
    },
    /// A URI of SQLite names no file, or asks for what is not supported.
    #[error("cannot open the database `{uri}`: {why}")]
    Database {
        /// The URI.
        uri: String,
        /// What is wrong with it.
        why: String,
    },
    /// The program was built without what this kind of store needs.
    #[error(
        "cannot open the {what} `{uri}`: the program was built without the feature `{feature}`"
    )]
    FeatureOff {
        /// What was to be opened, such as "store".
        what: &'static str,
        /// The URI.
        uri: String,
        /// The feature of the library that is off.
        feature: &'static str,
    },
}

impl StoreUri {
    /// Reads where a store is; messages name it by `what` it is, such as "registry".
    ///
    /// # Errors
    /// [`Error::UnknownScheme`] and [`Error::Database`].
    pub fn parse(uri: &str, what: &'static str) -> Result<Self, Error> {
        if uri.starts_with("http://") || uri.starts_with("https://") {
            return Ok(Self::Server(uri.to_owned()));
        }
        if let Some(database) = Database::parse(uri) {
            return database.map(Self::Database);
        }
        location_path(uri)
            .map(Self::Path)
            .ok_or_else(|| Error::UnknownScheme { what, uri: uri.to_owned() })
    }
}

impl fmt::Display for StoreUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(url) => f.write_str(url),
            Self::Path(path) => path.display().fmt(f),
            Self::Database(database) => write!(f, "sqlite:///{}", database.path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(uri: &str, want: Option<&StoreUri>) {
        assert_eq!(StoreUri::parse(uri, "store").ok().as_ref(), want, "for {uri}");
    }

    fn database(path: &str) -> StoreUri {
        StoreUri::Database(Database { path: path.into(), ignored: Vec::new() })
    }

    #[test]
    fn a_store_is_a_server_a_path_or_a_database() {
        check("./mlruns", Some(&StoreUri::Path("./mlruns".into())));
        check("file:///a%20b", Some(&StoreUri::Path("/a b".into())));
        check("sqlite:///a.db", Some(&database("a.db")));
        check("sqlite:////a/b.db", Some(&database("/a/b.db")));
        check("https://host/x", Some(&StoreUri::Server("https://host/x".into())));
        check("http://host", Some(&StoreUri::Server("http://host".into())));
        check("sqlite:///", None);
        check("postgresql://host/db", None);
        check("databricks://x", None);
    }
}
