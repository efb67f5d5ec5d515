//! Where the artifacts of runs and models are.

pub use mlctl_artifacts::{absolute_location, is_of_windows, location_path, path_uri};

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// How far below a store's folder artifacts can be: `EXPERIMENT/models/MODEL/artifacts`.
const DEPTH_MAX: usize = 4;

/// How many former places are remembered; locations come from clients too.
const PLACES_MAX: usize = 256;

/// A store's folder of artifacts, which locations name by where it once was.
///
/// A store that was moved or copied to another machine takes its artifacts along, but not what its
/// database says of them. A location counts as moved when a folder of the same name as this one
/// held it, which is not there any more.
#[derive(Clone, Debug)]
pub struct ArtifactHome {
    folder: PathBuf,
    /// Whether a place of former times was left.
    former: Arc<Mutex<HashMap<PathBuf, bool>>>,
}

impl ArtifactHome {
    /// Takes the folder, an absolute path.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, former: Arc::default() }
    }

    /// Returns where a location is now.
    pub fn settle<'l>(&self, location: &'l str) -> Cow<'l, str> {
        let unchanged = Cow::Borrowed(location);
        let Some(path) = location_path(location) else { return unchanged };
        if path.starts_with(&self.folder) {
            return unchanged;
        }
        let named = |place: &&Path| place.file_name() == self.folder.file_name();
        let Some(place) = path.ancestors().skip(1).take(DEPTH_MAX).find(named) else {
            return unchanged;
        };
        match path.strip_prefix(place) {
            Ok(inside) if self.was_left(place) => Cow::Owned(path_uri(&self.folder.join(inside))),
            _ => unchanged,
        }
    }

    fn was_left(&self, place: &Path) -> bool {
        let mut former = self.former.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&left) = former.get(place) {
            return left;
        }
        let left = !place.exists() && self.folder.is_dir();
        if former.len() >= PLACES_MAX {
            former.clear();
        }
        former.insert(place.to_owned(), left);
        left
    }
}

/// Tells whether there is something at `path` that is not an empty folder.
pub fn holds_anything(path: &Path) -> bool {
    match std::fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => path.exists(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_moved_is_found_and_nothing_else() {
        let here = tempfile::TempDir::new().unwrap();
        let folder = here.path().join("mlruns");
        std::fs::create_dir(&folder).unwrap();
        let other = here.path().join("other/mlruns");
        std::fs::create_dir_all(&other).unwrap();
        let home = ArtifactHome::new(folder.clone());
        let check = |location: &str, want: Option<&str>| {
            let want = want.map(|inside| path_uri(&folder.join(inside)));
            assert_eq!(home.settle(location), want.as_deref().unwrap_or(location));
        };

        check("/gone/x/mlruns/1/r/artifacts", Some("1/r/artifacts"));
        check("file:///gone/mlruns/1/models/m/artifacts", Some("1/models/m/artifacts"));
        check("/gone/mlruns/1", Some("1"));
        check("/gone/elsewhere/1/r/artifacts", None);
        check("/gone/mlruns/a/b/c/d/e", None);
        check(other.join("1/r/artifacts").to_str().unwrap(), None);
        check(folder.join("1/r/artifacts").to_str().unwrap(), None);
        check("s3://bucket/mlruns/1/r/artifacts", None);
        check("mlflow-artifacts:/1/r/artifacts", None);
    }
}
