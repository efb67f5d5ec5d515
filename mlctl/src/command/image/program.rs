//! mlctl in an image, and what it needs to run there.

use crate::config::known;
use anyhow::{Context as _, Result};
use mlctl_oci::program::{Needs, Search, needs};
use mlctl_oci::{Content, Entry, Layer, Platform};
use std::env;
use std::path::{Path, PathBuf};

/// Where mlctl lies in an image, from the root.
pub(crate) const PROGRAM: &str = "opt/mlctl/bin/mlctl";
/// Where its loader and libraries lie.
pub(crate) const LIBRARIES: &str = "opt/mlctl/lib";
/// Who runs it: nobody that a base image has anything for.
pub(crate) const USER: &str = "10001:10001";
/// The number of that user, and of its group.
pub(crate) const USER_ID: u32 = 10001;

/// This program, and what it needs beside it.
#[derive(Debug)]
pub(crate) struct Program {
    path: PathBuf,
    needs: Needs,
}

impl Program {
    /// Looks at the running program.
    pub(crate) fn of_this() -> Result<Self> {
        let path = env::current_exe().context("cannot find the mlctl program file")?;
        let first = known::LIBRARIES.folders();
        let first = env::split_paths(&first).filter(|folder| folder.is_absolute());
        let needs = needs(&path, &Search::system(first.collect()))?;
        Ok(Self { path, needs })
    }

    /// Says what the program runs on.
    pub(crate) fn platform(&self) -> Result<Platform> {
        let architecture = self.needs.machine.architecture();
        let architecture = architecture
            .context("container images do not support the processor of this machine")?;
        Ok(Platform::linux(architecture))
    }

    /// Returns what starts it where the image has libraries of its own: the loader is asked by
    /// name, so that neither mlctl's libraries nor the others are taken for the wrong ones.
    pub(crate) fn command(&self) -> Vec<String> {
        let program = format!("/{PROGRAM}");
        match self.loader() {
            Some(loader) => {
                let libraries = format!("/{LIBRARIES}");
                vec![format!("/{loader}"), "--library-path".to_owned(), libraries, program]
            }
            None => vec![program],
        }
    }

    /// Returns where the loader lies in the image.
    fn loader(&self) -> Option<String> {
        let name = self.needs.loader.as_ref()?.file_name()?.to_str()?;
        Some(format!("{LIBRARIES}/{name}"))
    }

    /// Returns every file with its place in the image.
    pub(crate) fn files(&self) -> impl Iterator<Item = (String, &Path)> {
        let libraries = self.needs.libraries.iter();
        libraries
            .map(|(name, path)| (format!("{LIBRARIES}/{name}"), path.as_path()))
            .chain([(PROGRAM.to_owned(), self.path.as_path())])
    }
}

/// Returns the folder that a place in the image is in.
pub(super) fn folder_of(place: &str) -> &str {
    place.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Packs mlctl and its libraries; and, where there is nothing else, what a program expects of a
/// system.
pub(super) fn pack(program: &Program, is_alone: bool, mtime: u64, scratch: &Path) -> Result<Layer> {
    let files = program.files();
    let mut entries: Vec<Entry<'_>> =
        files.map(|(place, path)| Entry::program(place, Content::of_file(path))).collect();
    if is_alone {
        entries.extend(system(program));
    }
    Layer::pack(entries, mtime, scratch).context("cannot pack mlctl")
}

fn system(program: &Program) -> Vec<Entry<'static>> {
    let (user, group) = USER.split_once(':').unwrap_or((USER, USER));
    let passwd = format!("root:x:0:0::/:\nmlctl:x:{user}:{group}::/tmp:\n");
    let groups = format!("root:x:0:\nmlctl:x:{group}:\n");
    let mut entries = vec![
        Entry::folder("tmp", 0o1777),
        Entry::file("etc/passwd", Content::Bytes(passwd.into_bytes())),
        Entry::file("etc/group", Content::Bytes(groups.into_bytes())),
    ];
    // The program says where its loader is to be.
    let asked = program.needs.loader.as_ref().and_then(|path| path.to_str());
    if let (Some(asked), Some(loader)) = (asked, program.loader()) {
        entries.push(Entry::link(asked.trim_start_matches('/'), format!("/{loader}")));
    }
    entries
}
