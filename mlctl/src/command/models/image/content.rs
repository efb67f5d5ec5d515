//! What is in an image: mlctl, what mlctl needs to run, and the model.

use crate::config::known;
use anyhow::{Context as _, Result};
use mlctl_artifacts::{ArtifactPath, ArtifactStore, LocalArtifacts, walk};
use mlctl_oci::program::{Needs, Search, needs};
use mlctl_oci::{Content, Entry, Layer, Opened, Platform};
use std::env;
use std::io;
use std::path::{Path, PathBuf};

/// Where mlctl lies in an image, from the root.
pub(in super::super) const PROGRAM: &str = "opt/mlctl/bin/mlctl";
/// Where its loader and libraries lie.
pub(in super::super) const LIBRARIES: &str = "opt/mlctl/lib";
/// Where the model lies, as in MLflow's images.
pub(in super::super) const MODEL: &str = "opt/ml/model";
/// Who runs it: nobody that a base image has anything for.
pub(in super::super) const USER: &str = "10001:10001";

/// This program, and what it needs beside it.
#[derive(Debug)]
pub(in super::super) struct Program {
    path: PathBuf,
    needs: Needs,
}

impl Program {
    /// Looks at the running program.
    pub(in super::super) fn of_this() -> Result<Self> {
        let path = env::current_exe().context("cannot find the mlctl program file")?;
        let first = known::LIBRARIES.folders();
        let first = env::split_paths(&first).filter(|folder| folder.is_absolute());
        let needs = needs(&path, &Search::system(first.collect()))?;
        Ok(Self { path, needs })
    }

    /// Says what the program runs on.
    pub(in super::super) fn platform(&self) -> Result<Platform> {
        let architecture = self.needs.machine.architecture();
        let architecture = architecture.context(
            "container images do not support the processor \
                                                 of this machine",
        )?;
        Ok(Platform::linux(architecture))
    }

    /// Returns what starts it where the image has libraries of its own: the loader is asked by
    /// name, so that neither mlctl's libraries nor the others are taken for the wrong ones.
    pub(in super::super) fn command(&self) -> Vec<String> {
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
    pub(in super::super) fn files(&self) -> impl Iterator<Item = (String, &Path)> {
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
pub(super) fn runtime(
    program: &Program,
    is_alone: bool,
    mtime: u64,
    scratch: &Path,
) -> Result<Layer> {
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

/// Packs a model's folder. Links in it are followed as long as they stay in it.
pub(super) fn model(folder: &Path, mtime: u64, scratch: &Path) -> Result<Layer> {
    let cannot = || format!("cannot pack the model in `{}`", folder.display());
    let store = LocalArtifacts::open(folder).with_context(cannot)?;
    let found = walk(&store, &ArtifactPath::root()).with_context(cannot)?;
    let entries = found.into_iter().map(|info| {
        let (store, path) = (&store, info.path.clone());
        let open = move || {
            let artifact = store.open(&path).map_err(io::Error::other)?;
            Ok(Opened { bytes: artifact.size, content: Box::new(artifact.content) })
        };
        Entry::file(format!("{MODEL}/{}", info.path), Content::Stream(Box::new(open)))
    });
    Layer::pack(entries.collect(), mtime, scratch).with_context(cannot)
}
