//! Puts a commit of a mirror into a folder of its own.

use std::{
    fs,
    path::{Path, PathBuf},
};

use git2::{Repository, build::CheckoutBuilder};

use super::mirror::{Found, Mirror, Origin, git_environ, git_settings};
use crate::{
    Error, Result,
    error::Context,
    tool::{Tool, Workbench},
};

/// Checks `found` out into `folder`, a repository that borrows the mirror's objects.
pub(crate) fn check_out(mirror: &Mirror<'_>, found: &Found, folder: &Path) -> Result<()> {
    let doing = || format!("check out {} into {}", found.commit, folder.display());
    let repository = Repository::init(folder).context(doing)?;
    borrow_objects(&mirror.repository, &repository)?;
    // Opened anew, so that it sees where to borrow from.
    let repository = Repository::open(folder).context(doing)?;
    let commit = repository.find_commit(found.commit).context(doing)?;
    repository
        .checkout_tree(commit.as_object(), Some(CheckoutBuilder::new().force()))
        .context(doing)?;
    match &found.branch {
        Some(branch) => {
            let name = format!("refs/heads/{branch}");
            repository.reference(&name, found.commit, true, "checkout").context(doing)?;
            repository.set_head(&name).context(doing)
        }
        None => repository.set_head_detached(found.commit).context(doing),
    }
}

fn borrow_objects(mirror: &Repository, repository: &Repository) -> Result<()> {
    let (from, to) = (mirror.path(), repository.path());
    let doing = || format!("prepare {}", to.display());
    let objects = fs::canonicalize(from.join("objects")).context(doing)?;
    let mut line = objects.into_os_string();
    line.push("\n");
    fs::create_dir_all(to.join("objects/info")).context(doing)?;
    fs::write(to.join("objects/info/alternates"), line.as_encoded_bytes()).context(doing)?;
    if mirror.is_shallow() {
        fs::copy(from.join("shallow"), to.join("shallow")).context(doing)?;
    }
    Ok(())
}

/// Fetches what a commit refers to but does not hold: submodules and large files.
///
/// Returns a warning when the large files could not be had.
pub(crate) fn complete(
    origin: &Origin<'_>,
    shown_url: &str,
    folder: &Path,
) -> Result<Option<String>> {
    let repository = Repository::open(folder).context(|| format!("open {}", folder.display()))?;
    let set_url = |url: &str| {
        repository.remote_set_url("origin", url).context(|| "name the origin".to_owned())
    };
    set_url(&origin.url)?;
    let warning = if folder.join(".gitmodules").is_file() || uses_lfs(folder) {
        with_git(origin, folder)?
    } else {
        None
    };
    // What stays in the folder is seen by the project, and credentials are none of its business.
    set_url(shown_url)?;
    Ok(warning)
}

fn uses_lfs(folder: &Path) -> bool {
    fs::read_to_string(folder.join(".gitattributes")).is_ok_and(|text| text.contains("filter=lfs"))
}

fn with_git(origin: &Origin<'_>, folder: &Path) -> Result<Option<String>> {
    let environ = git_environ(origin.bench.environ);
    let program = environ.find("git").ok_or_else(|| Error::ToolNotFound {
        programs: vec!["git".to_owned()],
        purpose: "fetch submodules and large files".to_owned(),
    })?;
    let bench = Workbench { environ: &environ, ..origin.bench };
    let git = |args: &[&str], doing: &str| {
        let mut all = git_settings(origin.timeout);
        if origin.is_local {
            // Git refuses local submodules by default, for fear of a remote project's reach.
            all.extend(["-c".to_owned(), "protocol.file.allow=always".to_owned()]);
        }
        all.extend(args.iter().map(|&arg| arg.to_owned()));
        let silence_max = Some(origin.timeout);
        let doing = doing.to_owned();
        bench.run(&Tool { program: &program, args: all, folder, silence_max, doing })
    };
    if folder.join(".gitmodules").is_file() {
        let args = ["submodule", "update", "--init", "--recursive", "--progress"];
        git(&args, "fetching the submodules")?;
    }
    if !uses_lfs(folder) {
        return Ok(None);
    }
    Ok(match git(&["lfs", "pull"], "fetching the large files") {
        Ok(_) => None,
        Err(Error::Cancelled) => return Err(Error::Cancelled),
        Err(err) => Some(format!("files in Git LFS are missing: {err}")),
    })
}

/// Returns the folder `subfolder` of `root`, which links must not lead out of.
pub(crate) fn subfolder(uri: &str, root: &Path, subfolder: Option<&str>) -> Result<PathBuf> {
    let Some(subfolder) = subfolder else { return Ok(root.to_path_buf()) };
    let path = root.join(subfolder);
    let inside = match (fs::canonicalize(&path), fs::canonicalize(root)) {
        (Ok(path), Ok(root)) => path.starts_with(root) && path.is_dir(),
        _ => false,
    };
    if inside {
        return Ok(path);
    }
    Err(Error::SourceNotFound { uri: uri.to_owned(), path: PathBuf::from(subfolder) })
}
