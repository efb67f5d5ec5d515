//! The environment variables that processes are given.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

/// All environment variables of the processes that a run starts; nothing else is passed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environ(BTreeMap<OsString, OsString>);

impl Environ {
    /// Returns a variable that is set and is text.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(OsStr::new(name))?.to_str()
    }

    /// Sets a variable.
    pub fn set(&mut self, name: impl Into<OsString>, value: impl Into<OsString>) {
        self.0.insert(name.into(), value.into());
    }

    /// Removes a variable.
    pub fn remove(&mut self, name: &str) {
        self.0.remove(OsStr::new(name));
    }

    /// Puts a folder before the others on `PATH`.
    pub fn prepend_path(&mut self, folder: &Path) {
        let mut path = folder.as_os_str().to_owned();
        if let Some(rest) = self.0.get(OsStr::new("PATH")).filter(|rest| !rest.is_empty()) {
            path.push(":");
            path.push(rest);
        }
        self.set("PATH", path);
    }

    /// Finds a program on `PATH`.
    #[must_use]
    pub fn find(&self, program: &str) -> Option<PathBuf> {
        let path = self.0.get(OsStr::new("PATH"))?;
        std::env::split_paths(path)
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(program))
            .find(|file| is_executable(file))
    }

    /// Makes a command that runs with these variables only.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(&self.0);
        command
    }
}

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Environ {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

fn is_executable(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_in_the_order_of_path() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        for folder in &folders {
            fs::write(folder.path().join("tool"), "").unwrap();
        }
        let mut environ = Environ::from_iter([("PATH", folders[0].path())]);
        environ.prepend_path(folders[1].path());
        assert_eq!(environ.find("tool"), None);

        fs::set_permissions(folders[0].path().join("tool"), PermissionsExt::from_mode(0o755))
            .unwrap();
        assert_eq!(environ.find("tool"), Some(folders[0].path().join("tool")));
        fs::set_permissions(folders[1].path().join("tool"), PermissionsExt::from_mode(0o755))
            .unwrap();
        assert_eq!(environ.find("tool"), Some(folders[1].path().join("tool")));
    }
}
