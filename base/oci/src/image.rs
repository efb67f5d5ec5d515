//! Puts layers and settings together into an image.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::document::{CONFIG, Execution, History, ImageConfig, MANIFEST, Manifest, RootFs};
use crate::{Base, Blob, Digest, Layer, Platform, Result};

/// How containers of an image run. What is not said is as in the base image.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The program and its first arguments; what follows in the base image is forgotten then.
    pub entrypoint: Option<Vec<String>>,
    /// Who runs it: a name or number, with a group after a colon.
    pub user: Option<String>,
    /// The folder that it runs in.
    pub working_dir: Option<String>,
    /// Variables that are added to those of the base image, or take their place.
    pub env: Vec<(String, String)>,
    /// Ports that it listens on, such as `8080/tcp`.
    pub exposed_ports: Vec<String>,
    /// Labels that are added to those of the base image, or take their place.
    pub labels: BTreeMap<String, String>,
    /// Folders that outlive a container, such as `/data`.
    pub volumes: Vec<String>,
    /// A program and its arguments that exits with 0 while the container is healthy. It is
    /// Docker's extension of the format; others ignore it.
    pub health: Option<Vec<String>>,
}

/// What an image is made of.
#[derive(Debug)]
pub struct Recipe {
    /// What it runs on.
    pub platform: Platform,
    /// What the layers are put upon; nothing when there is none.
    pub base: Option<Base>,
    /// The layers from the lowest up, each with a line on where it comes from.
    pub layers: Vec<(Layer, String)>,
    /// How it runs.
    pub settings: Settings,
    /// When it was made, as far as the image says.
    pub created: Timestamp,
}

/// An image: a manifest, a configuration, and layers.
#[derive(Clone, Debug)]
pub struct Image {
    manifest: Blob,
    config: Blob,
    layers: Vec<Blob>,
    platform: Platform,
}

impl Recipe {
    /// Makes the image; the same recipe makes the same one.
    ///
    /// # Errors
    /// Only where a document cannot be written as JSON, which none is that a base image may have.
    pub fn build(self) -> Result<Image> {
        let created = self.created.to_string();
        let mut layers = Vec::new();
        let mut config = ImageConfig {
            created: None,
            platform: self.platform.clone(),
            config: None,
            rootfs: RootFs { kind: "layers".to_owned(), diff_ids: Vec::new() },
            history: None,
            other: BTreeMap::new(),
        };
        if let Some(base) = self.base {
            config = base.config;
            layers = base.layers;
        }
        let mut history = history_of(&config);
        for (layer, origin) in self.layers {
            config.rootfs.diff_ids.push(layer.diff_id);
            layers.push(layer.blob);
            let (created, created_by) = (Some(created.clone()), Some(origin));
            history.push(History { created, created_by, ..History::default() });
        }
        config.created = Some(created);
        config.history = Some(history);
        self.settings.apply(config.config.get_or_insert_default());
        let config = Blob::in_memory(CONFIG, json(&config)?);
        let manifest = Manifest {
            schema_version: 2,
            media_type: Some(MANIFEST.to_owned()),
            config: config.descriptor.clone(),
            layers: layers.iter().map(|layer| layer.descriptor.clone()).collect(),
        };
        let manifest = Blob::in_memory(MANIFEST, json(&manifest)?);
        Ok(Image { manifest, config, layers, platform: self.platform })
    }
}

/// Returns the history of a base image. Each layer has its line in one that has lines at all, so
/// one that says nothing gets empty ones.
fn history_of(config: &ImageConfig) -> Vec<History> {
    let mut history = config.history.clone().unwrap_or_default();
    let told = history.iter().filter(|line| line.empty_layer != Some(true)).count();
    let untold = config.rootfs.diff_ids.len().saturating_sub(told);
    history.resize_with(history.len() + untold, History::default);
    history
}

impl Settings {
    fn apply(self, to: &mut Execution) {
        if let Some(entrypoint) = self.entrypoint {
            to.entrypoint = Some(entrypoint);
            to.cmd = None;
        }
        to.user = self.user.or(to.user.take());
        to.working_dir = self.working_dir.or(to.working_dir.take());
        let mut env = to.env.take().unwrap_or_default();
        for (name, value) in self.env {
            let line = format!("{name}={value}");
            match env.iter_mut().find(|old| old.split('=').next() == Some(name.as_str())) {
                Some(old) => *old = line,
                None => env.push(line),
            }
        }
        to.env = (!env.is_empty()).then_some(env);
        for port in self.exposed_ports {
            let ports = to.exposed_ports.get_or_insert_default();
            ports.insert(port, Value::Object(Map::new()));
        }
        for folder in self.volumes {
            let volumes = to.volumes.get_or_insert_default();
            volumes.insert(folder, Value::Object(Map::new()));
        }
        if let Some(command) = self.health {
            let test: Vec<String> = ["CMD".to_owned()].into_iter().chain(command).collect();
            to.healthcheck = Some(json!({ "Test": test }));
        }
        if !self.labels.is_empty() {
            to.labels.get_or_insert_default().extend(self.labels);
        }
    }
}

pub(crate) fn json(document: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(document)
        .map_err(|error| crate::Error::io("write a document of the image", error.into()))
}

impl Image {
    /// Returns the digest that names the image: its manifest's.
    pub fn digest(&self) -> Digest {
        self.manifest.descriptor.digest
    }

    /// Returns the layers from the lowest up.
    pub fn layers(&self) -> &[Blob] {
        &self.layers
    }

    /// Returns the configuration.
    pub fn config(&self) -> &Blob {
        &self.config
    }

    /// Returns the manifest.
    pub fn manifest(&self) -> &Blob {
        &self.manifest
    }

    /// Returns what the image runs on.
    pub fn platform(&self) -> &Platform {
        &self.platform
    }

    /// Returns how many bytes all its blobs have, each counted once.
    pub fn bytes(&self) -> u64 {
        self.blobs().values().map(|blob| blob.descriptor.size).sum()
    }

    /// Returns every blob once, by digest.
    pub(crate) fn blobs(&self) -> BTreeMap<Digest, &Blob> {
        let all = self.layers.iter().chain([&self.config, &self.manifest]);
        all.map(|blob| (blob.descriptor.digest, blob)).collect()
    }
}
