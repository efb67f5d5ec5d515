//! Which file the URI of a database means, as SQLAlchemy reads it.
//!
//! MLflow hands such URIs to SQLAlchemy, so people have them with drivers and options. What would
//! name another file there, or none, is refused: a store must never be made by a typing error.

use crate::Error;
use std::path::PathBuf;

/// A database file, and what its URI says besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Database {
    /// The file.
    pub path: PathBuf,
    /// Options that mean something to Python only.
    pub ignored: Vec<String>,
}

type Result<T, E = Error> = std::result::Result<T, E>;

/// Options of Python's driver; a lock of another program is waited for here in any case.
const OF_PYTHON: [&str; 5] =
    ["timeout", "check_same_thread", "isolation_level", "detect_types", "cached_statements"];

impl Database {
    /// Reads a URI of SQLite; `None` when it is none.
    ///
    /// # Errors
    /// [`Error::Database`] when it names no file, or asks for what is not supported.
    pub fn parse(uri: &str) -> Option<Result<Self>> {
        let (scheme, rest) = uri.split_once("://")?;
        let (dialect, driver) = scheme.split_once('+').unwrap_or((scheme, "pysqlite"));
        dialect.eq_ignore_ascii_case("sqlite").then(|| parse_parts(uri, driver, rest))
    }
}

fn refusal(uri: &str, why: impl Into<String>) -> Error {
    Error::Database { uri: uri.to_owned(), why: why.into() }
}

fn parse_parts(uri: &str, driver: &str, rest: &str) -> Result<Database> {
    if driver != "pysqlite" {
        return Err(refusal(uri, format!("the driver `{driver}` is not supported")));
    }
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (host, name) = place.split_once('/').unwrap_or((place, ""));
    if !host.is_empty() {
        return Err(refusal(
            uri,
            format!(
                "the URI of a file must not have a host, and it has the \
                                        host `{host}`"
            ),
        ));
    }
    let options = Options::parse_query(uri, query)?;
    let path = match name.strip_prefix("file:") {
        _ if matches!(name, "" | ":memory:" | "file::memory:") => {
            return Err(refusal(uri, "a database in memory would be lost when the program ends"));
        }
        Some(path) if options.is_uri => decoded(path).map_err(|why| refusal(uri, why))?,
        Some(_) => return Err(refusal(uri, "a name that begins with `file:` needs `?uri=true`")),
        None if options.is_uri => {
            return Err(refusal(uri, "with `uri=true` the name must begin with `file:`"));
        }
        None => name.to_owned(),
    };
    Ok(Database { path: path.into(), ignored: options.ignored })
}

#[derive(Default)]
struct Options {
    is_uri: bool,
    ignored: Vec<String>,
}

impl Options {
    fn parse_query(uri: &str, query: &str) -> Result<Self> {
        let mut options = Self::default();
        let mut of_file = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=').unwrap_or((pair, "")) {
                ("uri", value) => {
                    let value = value.to_ascii_lowercase();
                    options.is_uri =
                        matches!(value.as_str(), "true" | "yes" | "on" | "y" | "t" | "1");
                }
                (name, _) if OF_PYTHON.contains(&name) => options.ignored.push(name.to_owned()),
                ("mode", "rw" | "rwc") | ("cache", "private" | "shared") => of_file.push(pair),
                ("mode" | "immutable", _) => {
                    let why = format!("`{pair}` is not supported: make the file read-only instead");
                    return Err(refusal(uri, why));
                }
                (name, _) => {
                    return Err(refusal(uri, format!("the option `{name}` is not supported")));
                }
            }
        }
        match of_file.first().filter(|_| !options.is_uri) {
            Some(pair) => Err(refusal(uri, format!("`{pair}` needs `uri=true`"))),
            None => Ok(options),
        }
    }
}

/// Reads the path of SQLite's own URI.
fn decoded(path: &str) -> Result<String, &'static str> {
    let path = match path.strip_prefix("//") {
        Some(rest) if rest.starts_with('/') => rest,
        Some(rest) => rest
            .strip_prefix("localhost")
            .filter(|rest| rest.starts_with('/'))
            .ok_or("the URI of a file must not have a host")?,
        None => path,
    };
    let path = path.split('#').next().unwrap_or_default();
    let decoded = percent_encoding::percent_decode_str(path).decode_utf8();
    let decoded = decoded.map_err(|_| "its name is not UTF-8")?;
    match decoded.is_empty() || decoded.contains('\0') {
        true => Err("its name is not a valid file name"),
        false => Ok(decoded.into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(uri: &str, path: &str, ignored: &[&str]) {
        let found = Database::parse(uri).unwrap().unwrap();
        assert_eq!(
            (found.path.to_str(), found.ignored.as_slice()),
            (Some(path), ignored.iter().map(ToString::to_string).collect::<Vec<_>>().as_slice()),
            "for {uri}"
        );
    }

    #[track_caller]
    fn refused(uri: &str, why: &str) {
        let error = Database::parse(uri).unwrap().unwrap_err().to_string();
        assert!(error.contains(why), "`{error}` does not say `{why}`");
    }

    #[test]
    fn a_uri_names_the_file_that_sqlalchemy_opens() {
        check("sqlite:///mlflow.db", "mlflow.db", &[]);
        check("sqlite:////a/b.db", "/a/b.db", &[]);
        check("sqlite+pysqlite:///a.db", "a.db", &[]);
        check("sqlite:///mlflow.db?timeout=30", "mlflow.db", &["timeout"]);
        check(
            "sqlite:///a.db?check_same_thread=false&timeout=3",
            "a.db",
            &["check_same_thread", "timeout"],
        );
        // SQLAlchemy decodes the name of a user, not that of a file.
        check("sqlite:///a%20b.db", "a%20b.db", &[]);
        check("sqlite:///file:a%20b.db?uri=true", "a b.db", &[]);
        check("sqlite:///file:/x/a.db?mode=rw&uri=true", "/x/a.db", &[]);
        check("sqlite:///file:///x/a.db?cache=shared&uri=1", "/x/a.db", &[]);
    }

    #[test]
    fn a_uri_of_no_file_is_refused_with_the_reason() {
        for uri in ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///?timeout=3"] {
            refused(uri, "in memory");
        }
        refused("sqlite://mlflow.db", "host");
        refused("sqlite+aiosqlite:///a.db", "driver `aiosqlite`");
        refused("sqlite+pysqlcipher:///a.db", "driver `pysqlcipher`");
        refused("sqlite:///a.db?journal=wal", "option `journal`");
        refused("sqlite:///a.db?mode=ro&uri=true", "`mode=ro` is not supported");
        refused("sqlite:///a.db?mode=rw", "needs `uri=true`");
        refused("sqlite:///a.db?uri=true", "begin with `file:`");
        refused("sqlite:///file:a.db", "needs `?uri=true`");
        assert!(Database::parse("./sqlite").is_none());
        assert!(Database::parse("postgresql://host/db").is_none());
    }
}
