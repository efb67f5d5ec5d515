//! Pushes an image to a registry, over the OCI distribution specification 1.0.
//!
//! What the registry has is not sent again. A layer is one request: opened with POST, filled with
//! PUT. Answers are read up to a limit, and credentials go to the registry and to where it says
//! that tokens are given, never further.

mod auth;
mod client;

use client::{Client, Status};
use mlctl_client::reqwest::Method;
use mlctl_client::reqwest::header::{ACCEPT, CONTENT_TYPE, LOCATION};
use std::fmt;

use crate::{Blob, Digest, Error, Image, Reference, Result};

/// The digest header of registries.
const DIGEST: &str = "docker-content-digest";

/// Who pushes.
#[derive(Clone)]
pub struct Credentials {
    /// The user's name.
    pub username: String,
    /// The password, or what a registry takes for one.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

/// How to push.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Who pushes; nobody when the registry needs not know.
    pub credentials: Option<Credentials>,
    /// Allows HTTP without encryption, which is always used for this machine.
    pub insecure: bool,
}

/// What pushing did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The image's digest.
    pub digest: Digest,
    /// How many blobs were sent.
    pub sent: usize,
    /// How many bytes they have.
    pub sent_bytes: u64,
    /// How many blobs the registry had.
    pub present: usize,
}

/// Sends an image to the registry that `to` names, under that name.
///
/// The manifest goes last, so that the name never stands for an image that is not whole.
///
/// # Errors
/// [`Error::Invalid`] for a name without a registry, [`Error::Unreachable`] when nothing answers,
/// [`Error::Denied`] without the right credentials, [`Error::TooManyRequests`], and
/// [`Error::Registry`] for everything else that a registry refuses.
pub fn push(image: &Image, to: &Reference, options: &Options) -> Result<Pushed> {
    let client = Client::new(to, options)?;
    let mut pushed = Pushed { digest: image.digest(), sent: 0, sent_bytes: 0, present: 0 };
    let manifest = image.manifest();
    for blob in image.blobs().values() {
        let digest = blob.descriptor.digest;
        if digest == image.digest() {
            continue;
        }
        if has(&client, &format!("blobs/{digest}"))? {
            pushed.present += 1;
        } else {
            upload(&client, blob)?;
            pushed.sent += 1;
            pushed.sent_bytes += blob.descriptor.size;
        }
    }
    if !has_manifest(&client, to.tag(), manifest)? {
        put_manifest(&client, to.tag(), manifest)?;
    }
    Ok(pushed)
}

/// Asks whether something is there. A registry that does not know says so in many ways; sending
/// once more than needed is always right.
fn has(client: &Client, path: &str) -> Result<bool> {
    let answer = client.send("list what it has", || client.request(Method::HEAD, path))?;
    Ok(match answer.status() {
        Status::Ok => true,
        // Content may lie elsewhere.
        Status::Moved => client.follow(&answer)?,
        Status::Refused => false,
    })
}

/// Asks whether the name stands for this very image.
fn has_manifest(client: &Client, tag: &str, manifest: &Blob) -> Result<bool> {
    let answer = client.send("list what it has", || {
        let request = client.request(Method::HEAD, &format!("manifests/{tag}"))?;
        Ok(request.header(ACCEPT, manifest.descriptor.media_type.as_str()))
    })?;
    let digest = manifest.descriptor.digest.to_string();
    Ok(answer.status() == Status::Ok && answer.header(DIGEST) == Some(digest.as_str()))
}

fn upload(client: &Client, blob: &Blob) -> Result<()> {
    /// A token may end while a large layer is on its way; once more begins anew.
    const ATTEMPTS: usize = 2;
    let digest = blob.descriptor.digest;
    let doing = format!("accept {digest}");
    for attempt in 1.. {
        let opened = client.send(&doing, || client.request(Method::POST, "blobs/uploads/"))?;
        let opened = opened.expect(&doing, client)?;
        let Some(location) = opened.header(LOCATION.as_str()) else {
            return Err(client.wrong(&doing, "it does not say where to upload it"));
        };
        let mut place = client.resolve(location)?;
        place.query_pairs_mut().append_pair("digest", &digest.to_string());
        let sent = client.upload(&doing, place, blob)?;
        if sent.is_unauthorized() && attempt < ATTEMPTS {
            client.forget();
            continue;
        }
        let sent = sent.expect(&doing, client)?;
        return match sent.header(DIGEST) {
            Some(got) if got != digest.to_string() => {
                Err(client.wrong(&doing, "it received other bytes"))
            }
            _ => Ok(()),
        };
    }
    Ok(())
}

fn put_manifest(client: &Client, tag: &str, manifest: &Blob) -> Result<()> {
    let doing = format!("accept the manifest of `{tag}`");
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut manifest.open(), &mut bytes)
        .map_err(|source| Error::io("read the manifest", source))?;
    let answer = client.send(&doing, || {
        let request = client.request(Method::PUT, &format!("manifests/{tag}"))?;
        let kind = manifest.descriptor.media_type.as_str();
        Ok(request.header(CONTENT_TYPE, kind).body(bytes.clone()))
    })?;
    let answer = answer.expect(&doing, client)?;
    match answer.header(DIGEST) {
        Some(got) if got != manifest.descriptor.digest.to_string() => {
            Err(client.wrong(&doing, "it received another one"))
        }
        _ => Ok(()),
    }
}
