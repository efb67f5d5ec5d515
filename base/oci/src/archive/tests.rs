use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, Write};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Base, write_archive};
use crate::{
    Content, Descriptor, Digest, Entry, Error, Image, Layer, Platform, Recipe, Reference, Settings,
};

fn image(base: Option<Base>, path: &str) -> Image {
    let layer = Layer::pack(
        vec![Entry::file(path, Content::Bytes(b"content".repeat(99)))],
        0,
        &std::env::temp_dir(),
    );
    let settings = Settings {
        entrypoint: Some(vec!["/srv/run".to_owned()]),
        env: vec![("HOME".to_owned(), "/tmp".to_owned())],
        exposed_ports: vec!["8080/tcp".to_owned()],
        labels: BTreeMap::from([
            ("a".to_owned(), path.to_owned()),
            ("b".to_owned(), "2".to_owned()),
        ]),
        volumes: vec![format!("/{path}")],
        health: Some(vec!["/srv/run".to_owned(), "health".to_owned()]),
        ..Settings::default()
    };
    let recipe = Recipe {
        platform: Platform::linux("amd64"),
        base,
        layers: vec![(layer.unwrap(), format!("test {path}"))],
        settings,
        created: jiff::Timestamp::UNIX_EPOCH,
    };
    recipe.build().unwrap()
}

fn archive(image: &Image) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_archive(image, &Reference::parse("team/test:1").unwrap(), &mut bytes).unwrap();
    bytes
}

fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

fn open(bytes: &[u8]) -> Result<Base, Error> {
    Base::open(file(bytes), &Platform::linux("amd64"), &std::env::temp_dir())
}

/// An archive taken apart, so that a test can change it.
fn parts(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut parts = BTreeMap::new();
    for entry in tar::Archive::new(bytes).entries().unwrap() {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        if entry.header().entry_type().is_file() {
            parts.insert(entry.path().unwrap().to_str().unwrap().to_owned(), content);
        }
    }
    parts
}

fn joined(parts: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, content) in parts {
        append(&mut tar, name, content);
    }
    tar.into_inner().unwrap()
}

fn append(tar: &mut tar::Builder<Vec<u8>>, name: &str, content: &[u8]) {
    let mut header = tar::Header::new_gnu();
    // Raw, because the writer refuses some of the names that are tried.
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    tar.append(&header, content).unwrap();
}

fn document(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

fn of_layer(image: &Image) -> String {
    format!("blobs/sha256/{}", image.layers()[0].descriptor.digest.hex())
}

/// Puts a document in an archive of which the index lists it as its only manifest.
fn with_manifest(image: &Image, change: impl Fn(&mut Value)) -> Vec<u8> {
    let mut parts = parts(&archive(image));
    let mut manifest = document(&parts[&format!("blobs/sha256/{}", image.digest().hex())]);
    change(&mut manifest);
    let bytes = manifest.to_string().into_bytes();
    let digest = Digest::of(&bytes);
    let mut index = document(&parts["index.json"]);
    index["manifests"][0]["digest"] = json!(digest);
    index["manifests"][0]["size"] = json!(bytes.len());
    parts.insert("index.json".to_owned(), index.to_string().into_bytes());
    parts.insert(format!("blobs/sha256/{}", digest.hex()), bytes);
    joined(&parts)
}

/// Puts a configuration in an archive.
fn with_config(image: &Image, change: impl Fn(&mut Value)) -> Vec<u8> {
    let mut all = parts(&archive(image));
    let mut config =
        document(&all[&format!("blobs/sha256/{}", image.config().descriptor.digest.hex())]);
    change(&mut config);
    let bytes = config.to_string().into_bytes();
    let (digest, size) = (Digest::of(&bytes), bytes.len());
    let changed = with_manifest(image, |manifest| {
        manifest["config"]["digest"] = json!(digest);
        manifest["config"]["size"] = json!(size);
    });
    all = parts(&changed);
    all.insert(format!("blobs/sha256/{}", digest.hex()), bytes);
    joined(&all)
}

#[track_caller]
fn check_refused(bytes: &[u8], want: &str) {
    let said = open(bytes).map(|_| ()).unwrap_err().to_string();
    assert!(said.contains(want), "{said:?} does not say {want:?}");
}

#[test]
fn the_same_recipe_makes_the_same_archive() {
    let (one, other) = (image(None, "a"), image(None, "a"));
    assert_eq!(one.digest(), other.digest());
    assert_eq!(archive(&one), archive(&other));
    assert_ne!(one.digest(), image(None, "b").digest());
}

#[test]
fn an_archive_holds_what_both_formats_need() {
    let image = image(None, "a");
    let parts = parts(&archive(&image));

    let index = document(&parts["index.json"]);
    assert_eq!(index["manifests"][0]["digest"], json!(image.digest()));
    let notes = &index["manifests"][0]["annotations"];
    assert_eq!(notes["org.opencontainers.image.ref.name"], "1");
    assert_eq!(notes["io.containerd.image.name"], "docker.io/team/test:1");
    let docker = document(&parts["manifest.json"]);
    assert_eq!(docker[0]["RepoTags"], json!(["team/test:1"]));
    assert_eq!(docker[0]["Layers"], json!([of_layer(&image)]));
    let config = document(&parts[docker[0]["Config"].as_str().unwrap()]);
    assert_eq!(config["created"], "1970-01-01T00:00:00Z");
    assert_eq!(config["config"]["ExposedPorts"], json!({ "8080/tcp": {} }));
    for (name, content) in parts.iter().filter(|(name, _)| name.starts_with("blobs/")) {
        assert_eq!(*name, format!("blobs/sha256/{}", Digest::of(content).hex()));
    }
}

#[test]
fn layers_and_settings_are_put_upon_a_base() {
    let lower = image(None, "a");
    let lower = with_config(&lower, |config| {
        config["config"]["Env"] = json!(["PATH=/bin", "HOME=/root"]);
        config["config"]["Cmd"] = json!(["sh"]);
        config["config"]["Volumes"] = json!({ "/a": {}, "/data": {} });
        config["config"]["OnBuild"] = Value::Null;
        config["history"] = Value::Null;
        config["variant"] = json!("v2");
    });

    let upper = image(Some(open(&lower).unwrap()), "b");

    assert_eq!(upper.layers().len(), 2);
    let config = document(
        &parts(&archive(&upper))
            [&format!("blobs/sha256/{}", upper.config().descriptor.digest.hex())],
    );
    assert_eq!(config["config"]["Env"], json!(["PATH=/bin", "HOME=/tmp"]));
    assert_eq!(config["config"]["Cmd"], Value::Null);
    assert_eq!(config["config"]["Entrypoint"], json!(["/srv/run"]));
    assert_eq!(config["config"]["Volumes"], json!({ "/a": {}, "/b": {}, "/data": {} }));
    assert_eq!(config["config"]["Healthcheck"], json!({ "Test": ["CMD", "/srv/run", "health"] }));
    assert_eq!(config["config"]["Labels"], json!({ "a": "b", "b": "2" }));
    assert_eq!(config["variant"], "v2");
    let lines = config["history"].as_array().unwrap();
    assert_eq!(lines.len(), 2, "one line for each layer: {lines:?}");
    assert_eq!(lines[1]["created_by"], "test b");
    open(&archive(&upper)).unwrap();
}

#[test]
fn what_docker_saves_is_a_base_too() {
    let lower = image(None, "a");
    let mut parts = parts(&archive(&lower));
    let packed = parts.remove(&of_layer(&lower)).unwrap();
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut plain).unwrap();
    let config = lower.config().descriptor.digest.hex();
    let config_bytes = parts[&format!("blobs/sha256/{config}")].clone();
    let manifest = |config: &str| {
        let layers = ["one/layer.tar"];
        json!([{ "Config": format!("{config}.json"), "RepoTags": null, "Layers": layers }])
    };
    for layer in [&plain, &packed] {
        let saved = BTreeMap::from([
            ("manifest.json".to_owned(), manifest(&config).to_string().into_bytes()),
            (format!("{config}.json"), config_bytes.clone()),
            ("one/layer.tar".to_owned(), layer.clone()),
        ]);
        let base = open(&joined(&saved)).unwrap();
        assert_eq!(base.layers[0].descriptor, lower.layers()[0].descriptor);

        let mut other = saved.clone();
        let bytes = other.get_mut("one/layer.tar").unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        assert!(open(&joined(&other)).is_err());
        let mut other = saved.clone();
        other.get_mut(&format!("{config}.json")).unwrap().push(b' ');
        check_refused(&joined(&other), "has the digest");
        let mut other = saved.clone();
        other.remove("one/layer.tar");
        check_refused(&joined(&other), "it has no `one/layer.tar`");
    }
}

#[test]
fn a_layer_that_docker_links_to_is_found() {
    let lower = image(None, "a");
    let mut all = parts(&archive(&lower));
    all.remove("index.json");
    all.remove("oci-layout");
    let layer = of_layer(&lower);
    let mut docker = document(&all["manifest.json"]);
    docker[0]["Layers"] = json!(["two/layer.tar"]);
    all.insert("manifest.json".to_owned(), docker.to_string().into_bytes());
    let link = |target: &str| {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, content) in &all {
            append(&mut tar, name, content);
        }
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        tar.append_link(&mut header, "two/layer.tar", target).unwrap();
        tar.into_inner().unwrap()
    };

    open(&link(&format!("../{layer}"))).unwrap();

    check_refused(&link("../../etc/passwd"), "is a link that leads out of the archive");
    check_refused(&link("/etc/passwd"), "is a link that leads out of the archive");
    check_refused(&link("layer.tar"), "it has no `two/layer.tar`");
}

#[test]
fn archives_that_are_no_image_are_refused() {
    let of = |parts: &[(&str, &[u8])]| {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, content) in parts {
            append(&mut tar, name, content);
        }
        tar.into_inner().unwrap()
    };
    check_refused(b"", "neither an OCI image layout nor what `docker save` writes");
    check_refused(&[7; 1024], "it is not a tar archive");
    check_refused(b"\x1f\x8b\x08\x00", "the archive is compressed");
    check_refused(&of(&[("../index.json", b"{}")]), "leads out of the archive");
    check_refused(&of(&[("/index.json", b"{}")]), "leads out of the archive");
    check_refused(&of(&[("index.json", b"{}"), ("./index.json", b"{}")]), "`index.json` twice");
    check_refused(&of(&[("index.json", b"[1")]), "cannot decode `index.json`");
    let nothing = br#"{"schemaVersion": 2, "manifests": []}"#;
    check_refused(&of(&[("index.json", nothing)]), "it contains no image");
    let other = br#"{"imageLayoutVersion": "2.0.0"}"#;
    check_refused(&of(&[("index.json", nothing), ("oci-layout", other)]), "has version 2.0.0");
    check_refused(&of(&[("manifest.json", b"[]")]), "it contains 0 images");
    let deep = vec![b'['; 100_000];
    check_refused(&of(&[("manifest.json", &deep)]), "cannot decode");
    let large = vec![b' '; 5 << 20];
    check_refused(&of(&[("index.json", &large)]), "more than 4194304 bytes");
    let outside = br#"[{"Config": "../../etc/passwd", "Layers": []}]"#;
    check_refused(&of(&[("manifest.json", outside)]), "it has no `../../etc/passwd`");
}

#[test]
fn lists_in_lists_come_to_an_end() {
    let mut parts = BTreeMap::new();
    let mut below = json!({ "schemaVersion": 2, "manifests": [] });
    for _ in 0..10 {
        let bytes = below.to_string().into_bytes();
        let media_type = "application/vnd.oci.image.index.v1+json";
        let descriptor = Descriptor::new(media_type, Digest::of(&bytes), bytes.len() as u64);
        parts.insert(format!("blobs/sha256/{}", descriptor.digest.hex()), bytes);
        below = json!({ "schemaVersion": 2, "manifests": [descriptor] });
    }
    parts.insert("index.json".to_owned(), below.to_string().into_bytes());
    check_refused(&joined(&parts), "too deep");
}

#[test]
fn the_image_for_this_processor_is_taken() {
    let image = image(None, "a");
    let all = parts(&archive(&image));
    let with = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut all = all.clone();
        let mut index = document(&all["index.json"]);
        change(index["manifests"].as_array_mut().unwrap());
        all.insert("index.json".to_owned(), index.to_string().into_bytes());
        joined(&all)
    };
    let other = |platform: Value| {
        let digest = Digest::of(b"other");
        let media_type = "application/vnd.oci.image.manifest.v1+json";
        let note = json!({ "vnd.docker.reference.type": "attestation-manifest" });
        let notes = if platform["os"] == "unknown" { note } else { json!({}) };
        json!({
            "mediaType": media_type, "digest": digest, "size": 5, "platform": platform,
            "annotations": notes,
        })
    };
    let arm = || other(json!({ "os": "linux", "architecture": "arm64" }));

    open(&with(&|list| list.insert(0, arm()))).unwrap();
    let unknown = json!({ "os": "unknown", "architecture": "unknown" });
    open(&with(&|list| list.push(other(unknown.clone())))).unwrap();
    open(&with(&|list| list.push(list[0].clone()))).unwrap();

    check_refused(&with(&|list| list[0] = arm()), "it is for linux/arm64, not for linux/amd64");
    let same = || other(json!({ "os": "linux", "architecture": "amd64" }));
    check_refused(&with(&|list| list.push(same())), "it contains 2 images for linux/amd64");
    let arm = with_config(&image, |config| config["architecture"] = json!("arm64"));
    check_refused(&arm, "it is for linux/arm64, not for linux/amd64");
}

#[test]
fn content_that_is_not_what_its_name_says_is_refused() {
    let image = image(None, "a");
    let all = parts(&archive(&image));
    for name in all.keys().filter(|name| name.starts_with("blobs/")) {
        let mut other = all.clone();
        *other.get_mut(name).unwrap().last_mut().unwrap() ^= 1;
        check_refused(&joined(&other), "has the digest");
        let mut other = all.clone();
        other.remove(name);
        check_refused(&joined(&other), "it has no `blobs/");
    }
    let layer = image.layers()[0].descriptor.size;
    let size = with_manifest(&image, |manifest| manifest["layers"][0]["size"] = json!(layer + 1));
    check_refused(&size, "does not have the size");
    let diff = with_config(&image, |config| {
        config["rootfs"]["diff_ids"][0] = json!(Digest::of(b"other"));
    });
    check_refused(&diff, "has the digest");
    let count = with_config(&image, |config| config["rootfs"]["diff_ids"] = json!([]));
    check_refused(&count, "it has 1 layers, but its configuration lists 0");
    let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    let kind =
        with_manifest(&image, |manifest| manifest["layers"][0]["mediaType"] = json!(foreign));
    check_refused(&kind, "unknown media type");
    let many = with_manifest(&image, |manifest| {
        manifest["layers"] = json!(vec![manifest["layers"][0].clone(); 501]);
    });
    check_refused(&many, "more than 500");
    let sha512 = with_manifest(&image, |manifest| manifest["config"]["digest"] = json!("sha512:0"));
    check_refused(&sha512, "64 lowercase hex digits");
}

#[test]
fn a_cut_archive_is_refused() {
    let whole = archive(&image(None, "a"));
    // A tar ends in blocks of zeros, which nothing needs.
    let end = whole.len() - whole.iter().rev().take_while(|byte| **byte == 0).count();
    for length in (0..end).step_by(97) {
        assert!(open(&whole[..length]).is_err(), "cut to {length} bytes");
    }
    open(&whole).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_broken_archive_does_no_harm(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = archive(&image(None, "a"));
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        drop(open(&bytes));
    }
}
