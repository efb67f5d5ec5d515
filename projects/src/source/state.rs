//! What git knows of a folder: commit, remote, branch, uncommitted changes.
//!
//! Everything here only reads: neither the index nor a reference of the user's is written.

use std::{
    fs,
    path::{Path, PathBuf},
};

use git2::{ConfigLevel, Delta, Diff, DiffFormat, DiffLineType, DiffOptions, Repository};

use super::uri::without_credentials;
use crate::{Result, error::Context};

/// A changed file larger than this is left out of the patch.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A patch larger than this is not kept.
const PATCH_BYTES_MAX: usize = 16 << 20;

/// The state of a project's repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GitState {
    /// The commit, 40 hex digits; none before the first commit and in an ignored folder.
    pub(crate) commit: Option<String>,
    /// The address of the first remote, without credentials.
    pub(crate) repository: Option<String>,
    /// The branch, unless the commit was checked out by itself.
    pub(crate) branch: Option<String>,
    /// Whether files differ from the commit or are new.
    pub(crate) dirty: bool,
    /// The uncommitted changes, in a form that `git apply` takes.
    pub(crate) patch: Vec<u8>,
    /// Changed files that the patch leaves out because of their size.
    pub(crate) left_out: Vec<String>,
}

/// Finds the top folder of the repository that `folder` lies in, by name only.
///
/// A project outside git then never pays for libgit2.
pub(crate) fn top_of(folder: &Path) -> Option<PathBuf> {
    folder
        .ancestors()
        .find(|above| fs::symlink_metadata(above.join(".git")).is_ok())
        .map(Path::to_path_buf)
}

/// Tells whether a folder is a repository without a working tree.
pub(crate) fn is_bare(folder: &Path) -> bool {
    folder.join("HEAD").is_file()
        && folder.join("objects").is_dir()
        && folder.join("refs").is_dir()
        && !folder.join(".git").exists()
}

/// Reads the state of the repository at `top`, as seen from `folder` within it.
pub(crate) fn inspect(top: &Path, folder: &Path) -> Result<GitState> {
    let doing = || format!("read the git repository {}", top.display());
    let repository = Repository::open(top).context(doing)?;
    let mut state = GitState { repository: first_remote(&repository), ..GitState::default() };
    let relative = folder.strip_prefix(top).unwrap_or(Path::new(""));
    let ignored =
        relative != Path::new("") && repository.is_path_ignored(relative).unwrap_or(false);
    let Some(head) = repository.head().ok().filter(|_| !ignored) else { return Ok(state) };
    let commit = head.peel_to_commit().context(doing)?;
    state.commit = Some(commit.id().to_string());
    if head.is_branch() {
        state.branch = head.shorthand().ok().map(str::to_owned);
    }
    let tree = commit.tree().context(doing)?;
    let diff = repository
        .diff_tree_to_workdir_with_index(Some(&tree), Some(&mut options()))
        .context(doing)?;
    let (fitting, left_out) = sort_by_size(&diff, top);
    state.dirty = !(fitting.is_empty() && left_out.is_empty());
    state.left_out = left_out;
    if !fitting.is_empty() {
        let mut options = options();
        options.show_untracked_content(true).show_binary(true).disable_pathspec_match(true);
        for path in &fitting {
            options.pathspec(path);
        }
        let diff = repository
            .diff_tree_to_workdir_with_index(Some(&tree), Some(&mut options))
            .context(doing)?;
        match print(&diff) {
            Some(patch) => state.patch = patch,
            None => state.left_out.extend(fitting.iter().map(|p| p.display().to_string())),
        }
    }
    Ok(state)
}

fn options() -> DiffOptions {
    let mut options = DiffOptions::new();
    // The user's diff settings must not change what is recorded.
    options
        .include_untracked(true)
        .recurse_untracked_dirs(true)
        .include_typechange(true)
        .update_index(false)
        .context_lines(3)
        .old_prefix("a")
        .new_prefix("b");
    options
}

/// Returns the address of the first remote in the repository's configuration.
pub(crate) fn first_remote(repository: &Repository) -> Option<String> {
    let config = repository.config().ok()?.open_level(ConfigLevel::Local).ok()?;
    let mut entries = config.entries(Some(r"^remote\..*\.url$")).ok()?;
    let first = entries.next()?.ok()?;
    first.value().ok().map(without_credentials)
}

/// Divides the changed paths into those that fit a patch and the names of those that do not.
fn sort_by_size(diff: &Diff<'_>, top: &Path) -> (Vec<PathBuf>, Vec<String>) {
    let (mut fitting, mut left_out) = (Vec::new(), Vec::new());
    for delta in diff.deltas() {
        let Some(path) = delta.new_file().path().or(delta.old_file().path()) else { continue };
        // A folder here is an untracked repository within the repository.
        let meta = fs::symlink_metadata(top.join(path));
        let is_large = meta.is_ok_and(|meta| meta.len() > FILE_BYTES_MAX || meta.is_dir());
        let was_large =
            delta.status() != Delta::Untracked && delta.old_file().size() > FILE_BYTES_MAX;
        if is_large || was_large {
            left_out.push(path.display().to_string());
        } else {
            fitting.push(path.to_path_buf());
        }
    }
    (fitting, left_out)
}

fn print(diff: &Diff<'_>) -> Option<Vec<u8>> {
    let mut patch = Vec::new();
    diff.print(DiffFormat::Patch, |_, _, line| {
        if matches!(
            line.origin_value(),
            DiffLineType::Context | DiffLineType::Addition | DiffLineType::Deletion
        ) {
            patch.push(u8::try_from(line.origin()).unwrap_or(b' '));
        }
        patch.extend_from_slice(line.content());
        patch.len() <= PATCH_BYTES_MAX
    })
    .ok()?;
    Some(patch)
}
