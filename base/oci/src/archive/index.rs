//! Finds the one image in an image layout that fits a platform.

use super::tar_file::{TarFile, decode};
use super::write::path_of;
use crate::document::{DOCKER_INDEX, DOCKER_MANIFEST, INDEX, Index, LayoutMarker, MANIFEST};
use crate::{Descriptor, Digest, Error, Platform, Result};

/// How deep lists may lie in lists.
const DEPTH_MAX: usize = 4;
/// Images that all lists together may name.
const IMAGES_MAX: usize = 1_000;
/// What marks a signature or the like that a builder lists beside its images.
const ATTACHED: &str = "vnd.docker.reference.type";

/// Finds the manifest for `platform`.
pub(super) fn find_manifest(tar: &TarFile, platform: &Platform) -> Result<Descriptor> {
    if tar.has("oci-layout") {
        let marker: LayoutMarker = decode("oci-layout", &tar.bytes("oci-layout")?)?;
        if !marker.image_layout_version.starts_with("1.") {
            let version = marker.image_layout_version.escape_debug().to_string();
            return Err(Error::base(format!("its layout has version {version} instead of 1")));
        }
    }
    let mut all = Vec::new();
    let index: Index = decode("index.json", &tar.bytes("index.json")?)?;
    collect(tar, index, DEPTH_MAX, &mut all)?;
    let said: Vec<String> =
        all.iter().filter_map(|one| one.platform.as_ref()).map(Platform::to_string).collect();
    all.retain(|one| one.platform.as_ref().is_none_or(|for_| platform.runs(for_)));
    all.dedup_by_key(|one| one.digest);
    match all.as_slice() {
        [one] => Ok(one.clone()),
        [] if said.is_empty() => Err(Error::base("it contains no image")),
        [] => Err(Error::base(format!("it is for {}, not for {platform}", said.join(", ")))),
        several => {
            let count = several.len();
            Err(Error::base(format!("it contains {count} images for {platform} instead of one")))
        }
    }
}

fn collect(tar: &TarFile, index: Index, depth: usize, all: &mut Vec<Descriptor>) -> Result<()> {
    for one in index.manifests {
        let is_attached = one.annotations.iter().any(|notes| notes.contains_key(ATTACHED));
        match one.media_type.as_str() {
            MANIFEST | DOCKER_MANIFEST if !is_attached => all.push(one),
            INDEX | DOCKER_INDEX => {
                if depth == 0 {
                    return Err(Error::base("its lists of images are nested too deeply"));
                }
                let name = path_of(one.digest);
                let index = decode(&name, &checked(tar, &one)?)?;
                collect(tar, index, depth - 1, all)?;
            }
            _ => {}
        }
        if all.len() > IMAGES_MAX {
            return Err(Error::base(format!("it contains more than {IMAGES_MAX} images")));
        }
    }
    Ok(())
}

/// Reads a document by its description, and checks that it is that one.
pub(super) fn checked(tar: &TarFile, descriptor: &Descriptor) -> Result<Vec<u8>> {
    let name = path_of(descriptor.digest);
    let bytes = tar.bytes(&name)?;
    let got = Digest::of(&bytes);
    if got != descriptor.digest {
        let what = format!("`{name}` of the base image");
        return Err(Error::DigestMismatch { what, want: descriptor.digest, got });
    }
    if bytes.len() as u64 != descriptor.size {
        return Err(Error::base(format!(
            "`{name}` does not have the size that the archive states"
        )));
    }
    Ok(bytes)
}
