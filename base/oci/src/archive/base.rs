//! Reads an image to build upon. Its archive is somebody else's: every digest is checked, and
//! sizes, numbers and depths are bounded.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::index::{checked, find_manifest};
use super::tar_file::{Stretch, TarFile, decode};
use super::write::path_of;
use crate::digest::Hashing;
use crate::document::{
    DOCKER_LAYER, DOCKER_LAYER_GZIP, DockerImage, ImageConfig, LAYER, LAYER_GZIP, LAYER_ZSTD,
    Manifest,
};
use crate::{Blob, Descriptor, Digest, Error, Layer, Platform, Result};

/// Layers that an image may have; container programs stop at 127.
const LAYERS_MAX: usize = 500;
/// What a layer may unpack to, in bytes.
const LAYER_BYTES_MAX: u64 = 64 << 30;

/// An image that layers can be put upon.
#[derive(Clone, Debug)]
pub struct Base {
    pub(crate) config: ImageConfig,
    pub(crate) layers: Vec<Blob>,
}

impl Base {
    /// Reads an archive: an OCI image layout in a tar, or what `docker save` writes. Layers that
    /// are not compressed yet are, into files without a name in the folder `scratch`.
    ///
    /// # Errors
    /// [`Error::Base`] for what is no image for `platform`, or one beyond the limits;
    /// [`Error::DigestMismatch`] for content that is not what its name says; [`Error::Io`] when the
    /// archive cannot be read or `scratch` is full.
    pub fn open(archive: File, platform: &Platform, scratch: &Path) -> Result<Self> {
        let tar = TarFile::open(archive)?;
        let base = if tar.has("index.json") {
            from_layout(&tar, platform)?
        } else if tar.has("manifest.json") {
            from_docker(&tar, scratch)?
        } else {
            let formats = "neither an OCI image layout nor what `docker save` writes";
            return Err(Error::base(format!("the archive is {formats}")));
        };
        if !platform.runs(&base.config.platform) {
            let its = &base.config.platform;
            return Err(Error::base(format!("it is for {its}, not for {platform}")));
        }
        Ok(base)
    }
}

fn from_layout(tar: &TarFile, platform: &Platform) -> Result<Base> {
    let descriptor = find_manifest(tar, platform)?;
    let name = path_of(descriptor.digest);
    let manifest: Manifest = decode(&name, &checked(tar, &descriptor)?)?;
    let config = config(&path_of(manifest.config.digest), &checked(tar, &manifest.config)?)?;
    check_count(&config, manifest.layers.len())?;
    let layers = manifest.layers.iter().zip(&config.rootfs.diff_ids);
    let layers = layers.map(|(layer, diff_id)| kept_layer(tar, layer, *diff_id));
    Ok(Base { layers: layers.collect::<Result<_>>()?, config })
}

/// Checks a layer that stays as it is.
fn kept_layer(tar: &TarFile, said: &Descriptor, diff_id: Digest) -> Result<Blob> {
    let media_type = match said.media_type.as_str() {
        LAYER | DOCKER_LAYER => LAYER,
        LAYER_GZIP | DOCKER_LAYER_GZIP => LAYER_GZIP,
        LAYER_ZSTD => LAYER_ZSTD,
        other => {
            let other = other.escape_debug();
            return Err(Error::base(format!("a layer has the unknown media type `{other}`")));
        }
    };
    let name = path_of(said.digest);
    let stretch = tar.stretch(&name)?;
    if stretch.size != said.size {
        return Err(Error::base(format!(
            "`{name}` does not have the size that the archive states"
        )));
    }
    check_digest(&name, digest_of(tar.read(stretch))?, said.digest)?;
    match media_type {
        LAYER => check_digest(&name, said.digest, diff_id)?,
        LAYER_GZIP => check_digest(&name, unpacked_digest(tar, &name, stretch)?, diff_id)?,
        // Whoever unpacks it checks what is in it.
        _ => {}
    }
    let descriptor = Descriptor::new(media_type, said.digest, said.size);
    Ok(Blob::part(descriptor, tar.file(), stretch.offset))
}

fn from_docker(tar: &TarFile, scratch: &Path) -> Result<Base> {
    let mut images: Vec<DockerImage> = decode("manifest.json", &tar.bytes("manifest.json")?)?;
    let count = images.len();
    let Some(image) = images.pop().filter(|_| count == 1) else {
        return Err(Error::base(format!("it contains {count} images instead of one")));
    };
    let bytes = tar.bytes(&image.config)?;
    // The configuration is named by its digest.
    let stem = image.config.rsplit('/').next().unwrap_or_default();
    let stem = stem.strip_suffix(".json").unwrap_or(stem);
    if let Some(want) = Digest::from_hex(stem) {
        check_digest(&image.config, Digest::of(&bytes), want)?;
    }
    let config = config(&image.config, &bytes)?;
    check_count(&config, image.layers.len())?;
    let layers = image.layers.iter().zip(&config.rootfs.diff_ids);
    let layers = layers.map(|(name, diff_id)| docker_layer(tar, name, *diff_id, scratch));
    Ok(Base { layers: layers.collect::<Result<_>>()?, config })
}

fn docker_layer(tar: &TarFile, name: &str, diff_id: Digest, scratch: &Path) -> Result<Blob> {
    let stretch = tar.stretch(name)?;
    let mut magic = [0; 2];
    let filled = tar.read(stretch).read(&mut magic).map_err(reading)?;
    if filled == 2 && magic == [0x1f, 0x8b] {
        check_digest(name, unpacked_digest(tar, name, stretch)?, diff_id)?;
        let digest = digest_of(tar.read(stretch))?;
        let descriptor = Descriptor::new(LAYER_GZIP, digest, stretch.size);
        return Ok(Blob::part(descriptor, tar.file(), stretch.offset));
    }
    let layer = Layer::compress(tar.read(stretch), scratch)?;
    check_digest(name, layer.diff_id, diff_id)?;
    Ok(layer.blob)
}

fn config(name: &str, bytes: &[u8]) -> Result<ImageConfig> {
    let config: ImageConfig = decode(name, bytes)?;
    if config.rootfs.kind != "layers" {
        return Err(Error::base("its root file system does not consist of layers"));
    }
    Ok(config)
}

fn check_count(config: &ImageConfig, layers: usize) -> Result<()> {
    let told = config.rootfs.diff_ids.len();
    if layers > LAYERS_MAX {
        return Err(Error::base(format!("it has {layers} layers, more than {LAYERS_MAX}")));
    }
    if told != layers {
        let why = format!("it has {layers} layers, but its configuration lists {told}");
        return Err(Error::base(why));
    }
    Ok(())
}

fn check_digest(name: &str, got: Digest, want: Digest) -> Result<()> {
    if got == want {
        return Ok(());
    }
    let what = format!("`{}` of the base image", name.escape_debug());
    Err(Error::DigestMismatch { what, want, got })
}

fn reading(source: io::Error) -> Error {
    Error::io("read the base image", source)
}

fn digest_of(content: impl Read) -> Result<Digest> {
    let mut content = Hashing::new(content);
    io::copy(&mut content, &mut io::sink()).map_err(reading)?;
    Ok(content.finish().1)
}

/// Computes the digest of what a gzip unpacks to.
fn unpacked_digest(tar: &TarFile, name: &str, stretch: Stretch) -> Result<Digest> {
    let content = MultiGzDecoder::new(tar.read(stretch)).take(LAYER_BYTES_MAX + 1);
    let mut content = Hashing::new(content);
    io::copy(&mut content, &mut io::sink()).map_err(|error| {
        Error::base(format!("cannot unpack its layer `{}`: {error}", name.escape_debug()))
    })?;
    let (_, digest, bytes) = content.finish();
    if bytes > LAYER_BYTES_MAX {
        return Err(Error::base(format!("a layer unpacks to more than {LAYER_BYTES_MAX} bytes")));
    }
    Ok(digest)
}
