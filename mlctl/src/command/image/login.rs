//! Who pushes: what the command line says, else the login of docker or podman.

use crate::config::known::{self, Known};
use crate::failure::Hinted;
use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mlctl_oci::push::Credentials;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What `docker login` and `podman login` leave behind.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Logins {
    auths: BTreeMap<String, Login>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Login {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
}

/// Finds the credentials for a registry; none is no error, since some take anybody.
pub(super) fn find(registry: &str, username: Option<&str>) -> Result<Option<Credentials>> {
    if let Some(username) = username {
        let (password, _) = known::IMAGE_PASSWORD.read().ok_or_else(|| {
            let message = format!("there is no password for `{username}`");
            Hinted::usage(message, "set MLCTL_REGISTRY_PASSWORD")
        })?;
        return Ok(Some(Credentials { username: username.to_owned(), password }));
    }
    for path in files() {
        // Most machines have none of them.
        let Ok(text) = std::fs::read(&path) else { continue };
        let logins: Logins = serde_json::from_slice(&text)
            .with_context(|| format!("cannot read the logins in `{}`", path.display()))?;
        if let Some(found) = logins.find(registry) {
            return Ok(Some(found));
        }
        if let Some(helper) = logins.helper(registry) {
            tracing::warn!(
                "the login for `{registry}` is stored by docker-credential-{helper}, which mlctl \
                 does not use; set --username and MLCTL_REGISTRY_PASSWORD"
            );
        }
    }
    Ok(None)
}

/// Lists where logins may be, podman's first, as podman does.
fn files() -> Vec<PathBuf> {
    let path = |setting: &Known| setting.read().map(|(path, _)| PathBuf::from(path));
    let named = path(&known::IMAGE_LOGINS);
    let podman =
        path(&known::IMAGE_PODMAN_FOLDER).map(|folder| folder.join("containers/auth.json"));
    let home = etcetera::home_dir().ok().map(|home| home.join(".docker/config.json"));
    let docker = path(&known::IMAGE_DOCKER_FOLDER).map(|folder| folder.join("config.json"));
    let docker = docker.or(home);
    [named, podman, docker].into_iter().flatten().collect()
}

impl Logins {
    fn find(&self, registry: &str) -> Option<Credentials> {
        let login = names(registry).iter().find_map(|name| self.auths.get(name))?;
        if let (Some(username), Some(password)) = (&login.username, &login.password) {
            let (username, password) = (username.clone(), password.clone());
            return Some(Credentials { username, password });
        }
        let pair = String::from_utf8(STANDARD.decode(login.auth.as_deref()?).ok()?).ok()?;
        let (username, password) = pair.split_once(':')?;
        let (username, password) = (username.to_owned(), password.to_owned());
        Some(Credentials { username, password })
    }

    fn helper(&self, registry: &str) -> Option<&str> {
        let named = names(registry).iter().find_map(|name| self.cred_helpers.get(name));
        named.or(self.creds_store.as_ref()).map(String::as_str)
    }
}

/// Returns what a registry is called in the files: docker.io has an older name.
fn names(registry: &str) -> Vec<String> {
    match registry {
        "docker.io" | "index.docker.io" => {
            vec!["https://index.docker.io/v1/".to_owned(), "docker.io".to_owned()]
        }
        host => vec![host.to_owned(), format!("https://{host}"), format!("http://{host}")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(registry: &str, want: Option<(&str, &str)>) {
        let file = r#"{
            "auths": {
                "https://index.docker.io/v1/": { "auth": "YW5uOnM6ZWNyZXQ=" },
                "r.example:5000": { "username": "bob", "password": "p" },
                "https://old.example": { "auth": "YW5uOnM6ZWNyZXQ=" },
                "helped.example": {},
                "broken.example": { "auth": "%%%" }
            },
            "credsStore": "desktop",
            "HttpHeaders": { "User-Agent": "x" }
        }"#;
        let logins: Logins = serde_json::from_str(file).unwrap();
        let got = logins.find(registry);
        let got = got.as_ref().map(|known| (known.username.as_str(), known.password.as_str()));
        assert_eq!(got, want, "for {registry}");
    }

    #[test]
    fn the_logins_of_docker_are_found() {
        check("docker.io", Some(("ann", "s:ecret")));
        check("r.example:5000", Some(("bob", "p")));
        check("old.example", Some(("ann", "s:ecret")));
        for registry in ["r.example", "helped.example", "broken.example", ""] {
            check(registry, None);
        }
    }
}
