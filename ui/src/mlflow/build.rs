//! Finding the build of MLflow's pages on disk.

use std::path::{Path, PathBuf};

/// Where the build lies inside the folder of the package `mlflow`.
const INSIDE_PACKAGE: &str = "server/js/build";

/// A folder that holds the build of MLflow's pages.
#[derive(Clone, Debug)]
pub struct Build {
    folder: PathBuf,
}

/// There are no pages where they were said to be.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{}` has no index.html: it must be the folder mlflow/server/js/build of an installed \
     mlflow, or the folder mlflow itself (mlflow-skinny has no pages)",
    .0.display()
)]
pub struct BuildError(PathBuf);

impl Build {
    /// Finds the build in `dir`, which is the build itself or the folder of the package `mlflow`.
    ///
    /// # Errors
    /// [`BuildError`] when neither holds an `index.html`.
    pub fn find(dir: &Path) -> Result<Self, BuildError> {
        [dir.to_owned(), dir.join(INSIDE_PACKAGE)]
            .into_iter()
            .find(|folder| folder.join("index.html").is_file())
            .map(|folder| Self { folder })
            .ok_or_else(|| BuildError(dir.to_owned()))
    }

    /// Returns the folder that holds `index.html`.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_build_is_found_by_its_own_folder_and_by_the_package() {
        let package = tempfile::tempdir().unwrap();
        let build = package.path().join("server/js/build");
        fs::create_dir_all(&build).unwrap();
        let error = Build::find(package.path()).unwrap_err().to_string();
        assert!(error.contains("has no index.html"), "{error}");

        fs::write(build.join("index.html"), "<p>").unwrap();

        assert_eq!(Build::find(package.path()).unwrap().folder(), build);
        assert_eq!(Build::find(&build).unwrap().folder(), build);
    }
}
