//! Writes an archive that `skopeo`, `podman load` and `docker load` take.

use std::io::{self, Write};

use serde::Serialize;
use tar::{Builder, EntryType, Header};

use crate::document::{DockerImage, INDEX, Index, LayoutMarker};
use crate::image::json;
use crate::{Blob, Digest, Error, Image, Reference, Result};

/// Writes an image into one tar: an OCI image layout, and Docker's `manifest.json` beside it.
///
/// The bytes depend on the image and its name only.
///
/// # Errors
/// [`Error::Io`] when `out` refuses, or a layer cannot be read again.
pub fn write_archive(image: &Image, name: &Reference, out: impl Write) -> Result<()> {
    let mut tar = Builder::new(out);
    document(&mut tar, "oci-layout", &marker())?;
    document(&mut tar, "index.json", &index(image, name))?;
    document(&mut tar, "manifest.json", &[docker_image(image, name)])?;
    for folder in ["blobs/", "blobs/sha256/"] {
        let mut header = header(EntryType::Directory, 0o755, 0);
        tar.append_data(&mut header, folder, io::empty()).map_err(writing)?;
    }
    for (digest, blob) in image.blobs() {
        append(&mut tar, &path_of(digest), blob)?;
    }
    tar.into_inner().and_then(|mut out| out.flush()).map_err(writing)
}

fn writing(source: io::Error) -> Error {
    Error::io("write the archive", source)
}

fn marker() -> LayoutMarker {
    LayoutMarker { image_layout_version: "1.0.0".to_owned() }
}

/// Lists the image, with its tag as skopeo looks for it and its whole name as containerd does.
fn index(image: &Image, name: &Reference) -> Index {
    let mut manifest = image.manifest().descriptor.clone();
    let annotations = [
        ("io.containerd.image.name", name.qualified()),
        ("org.opencontainers.image.ref.name", name.tag().to_owned()),
    ];
    let annotations = annotations.map(|(key, value)| (key.to_owned(), value));
    manifest.annotations = Some(annotations.into());
    manifest.platform = Some(image.platform().clone());
    Index { schema_version: 2, media_type: Some(INDEX.to_owned()), manifests: vec![manifest] }
}

fn docker_image(image: &Image, name: &Reference) -> DockerImage {
    DockerImage {
        config: path_of(image.config().descriptor.digest),
        repo_tags: Some(vec![name.to_string()]),
        layers: image.layers().iter().map(|layer| path_of(layer.descriptor.digest)).collect(),
    }
}

pub(super) fn path_of(digest: Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

fn document<W: Write>(tar: &mut Builder<W>, path: &str, document: &impl Serialize) -> Result<()> {
    append(tar, path, &Blob::in_memory("application/json", json(document)?))
}

fn append<W: Write>(tar: &mut Builder<W>, path: &str, blob: &Blob) -> Result<()> {
    let mut header = header(EntryType::Regular, 0o644, blob.descriptor.size);
    tar.append_data(&mut header, path, blob.open()).map_err(writing)
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}
