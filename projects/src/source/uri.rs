//! Reads a project's URI. Pure: whether anything is there is not looked at.

use std::path::PathBuf;

use url::Url;

use crate::{Error, Result};

/// Where a project is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProjectUri {
    /// The place without the subfolder.
    pub(crate) location: Location,
    /// The folder within it, after `#`.
    pub(crate) subfolder: Option<String>,
}

/// The kinds of places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// A folder or a repository on this machine.
    Local(PathBuf),
    /// A repository behind a URL.
    Git(String),
    /// A zip file on this machine.
    ZipFile(PathBuf),
    /// A zip file behind a URL.
    ZipUrl(String),
}

impl ProjectUri {
    /// Reads a URI as MLflow does: quotes around it are dropped, the first `#` starts the subfolder.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let text = text.trim_matches(['\'', '"']);
        let (place, subfolder) = match text.split_once('#') {
            Some((place, subfolder)) => (place, Some(subfolder)),
            None => (text, None),
        };
        let subfolder = subfolder.filter(|subfolder| !subfolder.is_empty());
        if let Some(subfolder) = subfolder {
            check_subfolder(text, subfolder)?;
        }
        Ok(Self { location: location(place)?, subfolder: subfolder.map(str::to_owned) })
    }
}

fn check_subfolder(uri: &str, subfolder: &str) -> Result<()> {
    let leaves =
        subfolder.starts_with('/') || subfolder.split('/').any(|part| part == "." || part == "..");
    if leaves {
        return Err(Error::Invalid {
            what: "project",
            value: uri.to_owned(),
            rule: "the part after `#` must be a folder within the project, without `.` or `..`"
                .to_owned(),
        });
    }
    Ok(())
}

fn location(place: &str) -> Result<Location> {
    let is_zip = place.ends_with(".zip");
    if let Some((scheme, _)) = place.split_once("://") {
        return match scheme.to_ascii_lowercase().as_str() {
            "file" if is_zip => Ok(Location::ZipFile(file_path(place)?)),
            "file" => Ok(Location::Local(file_path(place)?)),
            "http" | "https" if is_zip => Ok(Location::ZipUrl(place.to_owned())),
            "http" | "https" | "ssh" | "git" | "git+ssh" | "ssh+git" if !is_zip => {
                Ok(Location::Git(place.to_owned()))
            }
            _ => Err(Error::Unsupported {
                what: format!("project `{}`", without_credentials(place)),
                instead: "a project is a folder, a git URL (https, ssh, git, file) or a zip file \
                          (local, http, https)",
            }),
        };
    }
    if is_zip {
        return Ok(Location::ZipFile(place.into()));
    }
    if is_scp_like(place) {
        return Ok(Location::Git(place.to_owned()));
    }
    Ok(Location::Local(place.into()))
}

/// Tells whether the text has git's short form of an ssh URL, `user@host:path`.
fn is_scp_like(place: &str) -> bool {
    let Some((host, path)) = place.split_once(':') else { return false };
    let user_and_host = host.split_once('@');
    user_and_host.is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
        && !host.contains('/')
        && !host.starts_with('-')
        && !path.is_empty()
}

/// Returns the path of a `file:` URI.
pub(crate) fn file_path(uri: &str) -> Result<PathBuf> {
    let path = Url::parse(uri).ok().and_then(|url| url.to_file_path().ok());
    path.ok_or_else(|| Error::Invalid {
        what: "URI",
        value: uri.to_owned(),
        rule: "a file URI has the form file:///absolute/path".to_owned(),
    })
}

/// Removes user name and password from a URL, so that it can be shown and recorded.
///
/// The user of an ssh URL is no secret and stays.
pub(crate) fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    match authority.rsplit_once('@') {
        Some((user, host)) if scheme.contains("ssh") => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}@{host}{path}")
        }
        Some((_, host)) => format!("{scheme}://{host}{path}"),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, location: Location, subfolder: Option<&str>) {
        let subfolder = subfolder.map(str::to_owned);
        assert_eq!(ProjectUri::parse(text).unwrap(), ProjectUri { location, subfolder }, "{text}");
    }

    #[test]
    fn every_form_is_recognised() {
        check(".", Location::Local(".".into()), None);
        check("a b/c#x/v1.2", Location::Local("a b/c".into()), Some("x/v1.2"));
        check("file:///tmp/a%20b#s", Location::Local("/tmp/a b".into()), Some("s"));
        check("'https://h/r.git'", Location::Git("https://h/r.git".into()), None);
        check("git@h:o/r#s", Location::Git("git@h:o/r".into()), Some("s"));
        check("ssh://git@h/r", Location::Git("ssh://git@h/r".into()), None);
        check("git://h/r", Location::Git("git://h/r".into()), None);
        check("p/x.zip#s", Location::ZipFile("p/x.zip".into()), Some("s"));
        check("file:///x.zip", Location::ZipFile("/x.zip".into()), None);
        check("http://h/x.zip", Location::ZipUrl("http://h/x.zip".into()), None);
        check("odd:name", Location::Local("odd:name".into()), None);
        check("-oX@h:p", Location::Local("-oX@h:p".into()), None);
    }

    #[test]
    fn other_places_and_ways_out_are_refused() {
        for text in
            ["s3://b/p", "dbfs:/x://y", "ext://x", "p#../q", "p#/q", "p#a/./b", "file://host/p"]
        {
            assert!(ProjectUri::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn credentials_are_removed() {
        assert_eq!(without_credentials("https://me:tok@h:8/r"), "https://h:8/r");
        assert_eq!(without_credentials("ssh://git@h/r"), "ssh://git@h/r");
        assert_eq!(without_credentials("ssh://git:pw@h/r"), "ssh://git@h/r");
        assert_eq!(without_credentials("git@h:r"), "git@h:r");
        assert_eq!(without_credentials("https://h/a@b"), "https://h/a@b");
    }
}
